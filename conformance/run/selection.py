"""Which scenarios a run is about, and whether the list of known failures speaks of scenarios that exist."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Sequence

import pytest

from conformance.catalogue.requirements import catalogue
from conformance.config.description import Description
from conformance.config.options import MARKER
from conformance.errors import ConfigurationError
from conformance.run.coverage import bound


def bound_to(item: pytest.Item) -> tuple[str, ...]:
    """The requirements that a scenario is bound to, sorted; none if it is no scenario."""
    return tuple(sorted({key for marker in item.iter_markers(MARKER) for key in marker.args}))


def wanted(described: Description, requirements: Collection[str]) -> set[str]:
    """The requirements that a run judges: those that are claimed and, if any are named, among these.

    ConfigurationError when what is named cannot be judged, with the way out.
    """
    claimed = {row.id for row in catalogue().values() if row.category in described.profile}
    for key in sorted(requirements):
        row = catalogue()[key]
        if row.untestable:
            raise ConfigurationError(f"no scenario asserts {key}: {row.untestable}")
        if key not in claimed:
            raise ConfigurationError(f"{key} is of {row.category}, which is not claimed: add it to --profile")
    return claimed & set(requirements) if requirements else claimed


def left_out(items: Sequence[pytest.Item], requirements: Collection[str]) -> list[pytest.Item]:
    """The scenarios that are about none of the requirements; tests of others stay."""
    return [item for item in items if (keys := bound_to(item)) and not set(keys) & set(requirements)]


def is_partial(config: pytest.Config, requirements: Collection[str]) -> bool:
    """Whether somebody chose only some of the scenarios, by requirement or by pytest's own options."""
    return bool(requirements or config.getoption("keyword", "") or config.getoption("markexpr", ""))


def check_known(described: Description) -> None:
    """See that each known failure is about scenarios that there are; ConfigurationError for one that is not."""
    names = {name for scenarios in bound().values() for name in scenarios}
    for line in described.known:
        for pattern in line.scenarios:
            function = pattern.partition("[")[0]  # which parameters there are only a run knows
            if not fnmatch.filter(names, function):
                raise ConfigurationError(f"the known failure of {line.requirement} is about no scenario: {pattern}")
