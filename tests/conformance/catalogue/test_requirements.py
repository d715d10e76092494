"""The catalogue holds together, and every row that can be tested is asserted by a scenario."""

from __future__ import annotations

import re

from conformance.catalogue.requirements import SOURCES, VERSIONS, catalogue
from conformance.config.description import CATEGORIES
from conformance.run.coverage import bound

WORDS = {"MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "-"}


def test_ids_are_complete() -> None:
    ids = [key for key in catalogue() if key.startswith("OCI-")]
    assert ids == [f"OCI-R{number:03}" for number in range(1, 112)]
    for prefix, number in (("AUTH", 47), ("GHD", 31), ("GHC", 14)):
        assert [key for key in catalogue() if key.startswith(prefix)] == [
            f"{prefix}-{count:02}" for count in range(1, number + 1)
        ]
    assert {key.partition("-")[0] for key in catalogue()} == set(SOURCES)


def test_rows_are_filled_in() -> None:
    for row in catalogue().values():
        assert tuple(row.levels) == VERSIONS, row.id
        assert set(row.levels.values()) <= WORDS, row.id
        assert row.section
        assert row.source
        assert re.fullmatch(r"[A-Z0-9].*\.", row.statement), row.id
        assert row.category in CATEGORIES, row.id


def test_statements_differ() -> None:
    assert len({(row.category, row.statement) for row in catalogue().values()}) == len(catalogue())


def test_levels_of_versions() -> None:
    row = catalogue()["OCI-R013"]
    assert [row.level(version) for version in VERSIONS] == ["MUST", "SHOULD", "SHOULD"]
    assert [row.is_optional(version) for version in VERSIONS] == [False, True, True]


def test_scenarios_are_bound_to_rows_that_exist() -> None:
    assert set(bound()) <= set(catalogue())


def test_every_row_is_asserted_or_says_why_not() -> None:
    for row in catalogue().values():
        assert bool(bound().get(row.id)) != bool(row.untestable), row.id
