"""Make the results of a run, as in results.json, from the facts of the scenarios.

It is one object, in this form (schema 2; `results.schema.json` is the same for machines):

    schema        2
    suite         {"name", "version"}
    run           {"target", "profile": [CATEGORY], "version", "level", "seed", "repository", "started" (ISO 8601, UTC),
                   "seconds", "ended" (why it did not come to its end, or ""), "partial" (some scenarios were chosen)}
    summary       {"scenarios": {OUTCOME: count}, "requirements": {OUTCOME: count}, "conformant": true or false}
    capabilities  {NAME: "present" or "absent: REASON"}, those that a scenario asked for
    known         [{"requirement", "reason", "link", "scenarios": [PATTERN], "stale"}], the known failures of the target
    scenarios     [{"id", "group", "outcome", "reason", "requirements": [ID], "kept": [ID], "seconds"}], sorted by id
    requirements  [{"id", "category", "level", "section", "source", "statement", "outcome", "untestable",
                    "scenarios": [ID of a scenario bound to it],
                    "violations": [{"severity", "passive" (the name of the passive check, or ""), "count",
                                    "scenarios": [ID], "expected", "got", "exchange", "curl", "reason"}]}]

Outcomes of a scenario: pass, fail (a MUST was violated), warn (a SHOULD was), known (all that it found is on the list
of known failures), unsupported (a legal refusal: the optional capability is absent), not applicable (not in this
version), skipped (by the user), error (not judged). Outcomes of a requirement: fail, warn, known, pass, unsupported,
untested (claimed, but not judged), unclaimed, not applicable.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version as installed_version
from typing import Any

from conformance.catalogue.known_failures import KnownFailure
from conformance.catalogue.requirements import ABSENT, Requirement, catalogue
from conformance.checks.verdict import FAIL, KNOWN, WARN
from conformance.config.settings import Settings

SCHEMA = 2
SCENARIO_OUTCOMES = ("pass", FAIL, WARN, KNOWN, "unsupported", "not applicable", "skipped", "error")
REQUIREMENT_OUTCOMES = (FAIL, WARN, KNOWN, "pass", "unsupported", "untested", "unclaimed", "not applicable")
_VIOLATED = (FAIL, WARN, KNOWN)
_JUDGED = {"pass", *_VIOLATED}


@dataclass(slots=True)
class Results:
    """Collect the facts of scenarios in any order; the results are always the same.

    `ended` says why the run did not come to its end, `partial` that only some of the scenarios were chosen.
    """

    settings: Settings
    target: str
    profile: Sequence[str] = ()
    known: Sequence[KnownFailure] = ()
    ended: str = ""
    partial: bool = False
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)

    def take_over(self, target: str, profile: Sequence[str], known: Sequence[KnownFailure]) -> None:
        """Set the facts about the target, which a fixture of another project may have made."""
        self.target, self.profile, self.known = target, profile, known

    def add(self, fact: dict[str, Any]) -> None:
        """Add one scenario; the last run of a repeated scenario counts."""
        self.facts[fact["id"]] = fact

    @property
    def has_failures(self) -> bool:
        """Whether a requirement is violated, a scenario could not be judged, or a known failure did not happen."""
        return any(self.stale(line) for line in self.known) or any(
            fact["outcome"] in {FAIL, "error"} or any(v["severity"] == FAIL for v in fact["violations"])
            for fact in self.facts.values()
        )

    def stale(self, line: KnownFailure) -> bool:
        """Whether a known failure did not happen although its requirement was judged."""
        about = [fact for fact in self.facts.values() if line.concerns(fact["id"])]
        happened = any(v["requirement"] == line.requirement for fact in about for v in fact["violations"])
        judged = any(line.requirement in fact["requirements"] and fact["outcome"] in _JUDGED for fact in about)
        return judged and not happened

    def document(self, *, started: str, seconds: float) -> dict[str, Any]:
        """Make the document of results.json; `started` is ISO 8601."""
        scenarios = [self.facts[key] for key in sorted(self.facts)]
        requirements = [self._requirement(row, scenarios) for row in catalogue().values()]
        settings = self.settings
        return {
            "schema": SCHEMA,
            "suite": {"name": "fakereg conformance", "version": installed_version("fakereg")},
            "run": {
                "target": self.target,
                "profile": list(self.profile),
                "version": settings.version,
                "level": settings.level,
                "seed": settings.seed,
                "repository": settings.repository,
                "started": started,
                "seconds": round(seconds, 3),
                "ended": self.ended,
                "partial": self.partial,
            },
            "summary": {
                "scenarios": _counted(scenarios, SCENARIO_OUTCOMES),
                "requirements": _counted(requirements, REQUIREMENT_OUTCOMES),
                "conformant": not self.has_failures and not self.ended,
            },
            "capabilities": _capabilities(scenarios),
            "known": [line.as_fact() | {"stale": self.stale(line)} for line in self.known],
            "scenarios": [{key: fact[key] for key in _SHOWN} for fact in scenarios],
            "requirements": requirements,
        }

    def _requirement(self, row: Requirement, scenarios: list[dict[str, Any]]) -> dict[str, Any]:
        violations = _violations(row.id, scenarios)
        return {
            "id": row.id,
            "category": row.category,
            "level": row.level(self.settings.version),
            "section": row.section,
            "source": row.source,
            "statement": row.statement,
            "outcome": self._outcome(row, scenarios, violations),
            "untestable": row.untestable,
            "scenarios": [fact["id"] for fact in scenarios if row.id in fact["requirements"]],
            "violations": violations,
        }

    def _outcome(self, row: Requirement, scenarios: list[dict[str, Any]], violations: list[dict[str, Any]]) -> str:
        if row.category not in self.profile:
            return "unclaimed"
        if row.level(self.settings.version) == ABSENT:
            return "not applicable"
        severities = {violation["severity"] for violation in violations}
        for severity in _VIOLATED:
            if severity in severities:
                return severity
        if any(row.id in fact["kept"] for fact in scenarios):
            return "pass"
        bound = {fact["outcome"] for fact in scenarios if row.id in fact["requirements"]}
        return "unsupported" if "unsupported" in bound else "untested"


_SHOWN = ("id", "group", "outcome", "reason", "requirements", "kept", "seconds")


def _counted(entries: Iterable[Mapping[str, Any]], outcomes: tuple[str, ...]) -> dict[str, int]:
    counts = Counter(entry["outcome"] for entry in entries)
    return {outcome: counts[outcome] for outcome in outcomes}


def _capabilities(scenarios: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for fact in scenarios:
        found |= fact["capabilities"]
    return dict(sorted(found.items()))


def _violations(key: str, scenarios: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the violations of one requirement: each of a scenario, and one for all of a passive check."""
    found: list[dict[str, Any]] = []
    passive: dict[tuple[str, str], dict[str, Any]] = {}
    for fact in scenarios:
        for violation in fact["violations"]:
            if violation["requirement"] != key:
                continue
            entry = {name: value for name, value in violation.items() if name != "requirement"}
            entry["scenarios"] = [fact["id"]]
            first = passive.get((violation["passive"], violation["severity"]))
            if first is None:
                found.append(entry)
            else:
                first["count"] += violation["count"]
                first["scenarios"].append(fact["id"])
            if violation["passive"]:
                passive.setdefault((violation["passive"], violation["severity"]), entry)
    return found
