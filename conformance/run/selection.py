"""Select the scenarios of a run, and check that the list of known failures names existing scenarios."""

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
    """Return the requirements that a scenario is bound to, sorted; none for other tests."""
    return tuple(sorted({key for marker in item.iter_markers(MARKER) for key in marker.args}))


def wanted(described: Description, requirements: Collection[str]) -> set[str]:
    """Return the requirements that a run judges: the claimed ones, limited to `requirements` if there are any.

    Raise ConfigurationError for one of these that cannot be judged.
    """
    claimed = {row.id for row in catalogue().values() if row.category in described.profile}
    for key in sorted(requirements):
        row = catalogue()[key]
        if row.untestable:
            raise ConfigurationError(f"requirement must be a testable one, got {key}: {row.untestable}")
        if key not in claimed:
            raise ConfigurationError(
                f"requirement must be of the profile, got {key}: add {row.category} to --conformance-profile"
            )
    return claimed & set(requirements) if requirements else claimed


def left_out(items: Sequence[pytest.Item], requirements: Collection[str]) -> list[pytest.Item]:
    """Return the scenarios about none of the requirements; other tests are not among them."""
    return [item for item in items if (keys := bound_to(item)) and not set(keys) & set(requirements)]


def is_partial(config: pytest.Config, requirements: Collection[str]) -> bool:
    """Whether the run has only some of the scenarios, by requirement or by options of pytest."""
    return bool(requirements or config.getoption("keyword", "") or config.getoption("markexpr", ""))


def check_known(described: Description) -> None:
    """Check that each known failure names existing scenarios; raise ConfigurationError for one that does not."""
    names = {name for scenarios in bound().values() for name in scenarios}
    for line in described.known:
        for pattern in line.scenarios:
            function = pattern.partition("[")[0]  # which parameters there are only a run knows
            if not fnmatch.filter(names, function):
                raise ConfigurationError(
                    f"the scenarios of the known failure {line.requirement} must exist, got {pattern!r}"
                )
