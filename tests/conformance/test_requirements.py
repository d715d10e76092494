"""The catalogue holds together, and every row that can be tested is asserted by a scenario or a passive check."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator

import conformance.scenarios
from conformance import passive
from conformance.capabilities import PROBES
from conformance.requirements import catalogue
from conformance.settings import VERSIONS

WORDS = {"MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "-"}
NOT_TESTED = {
    "OCI-R003": "is computed from what a vendor claims",
    "OCI-R048": "takes longer than a run",
    "OCI-R090": "only one filter is defined",
    "OCI-R100": "needs manifests that were pushed before the API was there",
}


def bound() -> Iterator[tuple[str, str]]:
    """Every pair of a scenario's name and a requirement it is bound to."""
    for module in pkgutil.iter_modules(conformance.scenarios.__path__):
        if not module.name.startswith("test_"):
            continue
        loaded = importlib.import_module(f"conformance.scenarios.{module.name}")
        for name, function in inspect.getmembers(loaded, inspect.isfunction):
            marks = list(getattr(function, "pytestmark", []))
            parameters = [mark.args[1] for mark in marks if mark.name == "parametrize"]
            for values in parameters:
                marks += [mark for value in values for mark in getattr(value, "marks", ())]
            for mark in marks:
                if mark.name == "requirement":
                    yield from ((f"{module.name}::{name}", key) for key in mark.args)


def test_ids_are_complete() -> None:
    assert list(catalogue()) == [f"OCI-R{number:03}" for number in range(1, 112)]


def test_rows_are_filled_in() -> None:
    for row in catalogue().values():
        assert tuple(row.levels) == VERSIONS
        assert set(row.levels.values()) <= WORDS
        assert row.section
        assert re.fullmatch(r"[A-Z].*\.", row.statement), row.id
        assert row.capability in {"", *PROBES}, row.id


def test_statements_differ() -> None:
    assert len({row.statement for row in catalogue().values()}) == len(catalogue())


def test_levels_of_versions() -> None:
    row = catalogue()["OCI-R013"]
    assert [row.level(version) for version in VERSIONS] == ["MUST", "SHOULD", "SHOULD"]
    assert [row.is_optional(version) for version in VERSIONS] == [False, True, True]


def test_scenarios_are_bound_to_rows_that_exist() -> None:
    assert {key for _, key in bound()} <= set(catalogue())


def test_every_row_is_asserted() -> None:
    in_passive = set(re.findall(r"OCI-R\d{3}", inspect.getsource(passive)))
    asserted = {key for _, key in bound()} | in_passive
    assert set(catalogue()) - asserted == set(NOT_TESTED)
