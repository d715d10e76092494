"""What a target is known to get wrong: lines keyed by requirement, each with its reason.

The list is strict: what is not on it is a failure, and a line that does not come true any more is one, too.
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
    """One line. `scenarios` are shell patterns of the scenarios that it is about, by default all.

    `*` and `?` stand for any characters; `link` may be empty.
    """

    requirement: str
    reason: str
    link: str = ""
    scenarios: tuple[str, ...] = ()

    def concerns(self, scenario: str) -> bool:
        """Whether the line is about a scenario."""
        # Brackets are those of a scenario's parameters, not a set of characters.
        plain = scenario.replace("[", "(").replace("]", ")")
        patterns = [pattern.replace("[", "(").replace("]", ")") for pattern in self.scenarios]
        return not patterns or any(fnmatchcase(plain, pattern) for pattern in patterns)

    def as_fact(self) -> dict[str, Any]:
        """The line as plain data."""
        return asdict(self) | {"scenarios": list(self.scenarios)}


def parse(lines: object) -> tuple[KnownFailure, ...]:
    """Read the tables `[[known]]` of a target's file; ConfigurationError names the line that cannot be used."""
    if not isinstance(lines, list):
        raise ConfigurationError("the known failures are no list: write each as a table [[known]]")
    return tuple(_line(number, line) for number, line in enumerate(lines, start=1))


def _line(number: int, line: Mapping[str, Any]) -> KnownFailure:
    where = f"known failure {number}"
    if not isinstance(line, Mapping) or (unknown := set(line) - set(FIELDS)):
        what = f"the field {min(unknown)!r}" if isinstance(line, Mapping) else "no table"
        raise ConfigurationError(f"{where} has {what}: a line has {', '.join(FIELDS)}")
    requirement, reason = line.get("requirement"), line.get("reason")
    if not isinstance(requirement, str) or requirement not in catalogue():
        raise ConfigurationError(f"{where} is about the requirement {requirement!r}, which the catalogue does not have")
    if not isinstance(reason, str) or not reason.strip():
        raise ConfigurationError(f"{where}, about {requirement}, says no reason")
    patterns = line.get("scenarios", [])
    if not isinstance(patterns, list) or not all(isinstance(pattern, str) for pattern in patterns):
        raise ConfigurationError(f"{where}, about {requirement}, has scenarios that are not a list of patterns")
    return KnownFailure(requirement, reason, str(line.get("link", "")), tuple(patterns))


def find(lines: Sequence[KnownFailure], requirement: str, scenario: str) -> KnownFailure | None:
    """The line that a violation in a scenario is on, if there is one."""
    return next((line for line in lines if line.requirement == requirement and line.concerns(scenario)), None)
