"""The known failures of a target, each about one requirement and with a reason.

The list is strict: a violation that is not on it is a failure, and so is an entry without a violation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any

from conformance.catalogue.requirements import catalogue
from conformance.errors import ConfigurationError

FIELDS = ("requirement", "reason", "link", "scenarios")


@dataclass(frozen=True, slots=True)
class KnownFailure:
    """One entry of the list. `scenarios` are shell patterns of the scenarios that it covers, by default all.

    `*` and `?` stand for any characters; `link` may be empty.
    """

    requirement: str
    reason: str
    link: str = ""
    scenarios: tuple[str, ...] = ()

    def concerns(self, scenario: str) -> bool:
        """Whether the entry covers a scenario."""
        # Brackets are those of a scenario's parameters, not a set of characters.
        plain = scenario.replace("[", "(").replace("]", ")")
        patterns = [pattern.replace("[", "(").replace("]", ")") for pattern in self.scenarios]
        return not patterns or any(fnmatchcase(plain, pattern) for pattern in patterns)

    def as_fact(self) -> dict[str, Any]:
        """Return the entry as plain data."""
        return asdict(self) | {"scenarios": list(self.scenarios)}


def parse(lines: object) -> tuple[KnownFailure, ...]:
    """Read the tables `[[known]]` of a file; raise ConfigurationError for one that cannot be used."""
    if not isinstance(lines, list):
        raise ConfigurationError("known failures must be a list: write each as a table [[known]]")
    return tuple(_line(number, line) for number, line in enumerate(lines, start=1))


def _line(number: int, line: Mapping[str, Any]) -> KnownFailure:
    where = f"known failure {number}"
    if not isinstance(line, Mapping) or (unknown := set(line) - set(FIELDS)):
        wrong = min(unknown) if isinstance(line, Mapping) else line
        raise ConfigurationError(f"{where} must be a table with {', '.join(FIELDS)}, got {wrong!r}")
    requirement, reason = line.get("requirement"), line.get("reason")
    if not isinstance(requirement, str) or requirement not in catalogue():
        raise ConfigurationError(
            f"{where} must have a requirement of the catalogue, got {requirement!r}: see `conformance list`"
        )
    if not isinstance(reason, str) or not reason.strip():
        raise ConfigurationError(f"{where}, about {requirement}, must have a reason, got {reason!r}")
    patterns = line.get("scenarios", [])
    if not isinstance(patterns, list) or not all(isinstance(pattern, str) for pattern in patterns):
        raise ConfigurationError(
            f"{where}, about {requirement}, must have a list of patterns as scenarios, got {patterns!r}"
        )
    return KnownFailure(requirement, reason, str(line.get("link", "")), tuple(patterns))


def find(lines: Sequence[KnownFailure], requirement: str, scenario: str) -> KnownFailure | None:
    """Find the entry that covers a violation in a scenario, if there is one."""
    return next((line for line in lines if line.requirement == requirement and line.concerns(scenario)), None)
