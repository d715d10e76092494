"""Make the results of a run, as in results.json, from the facts of the scenarios.

It is one object, in this form (schema 3; `results.schema.json` is the same for machines):

    schema        2
    suite         {"name", "version"}
    run           {"target", "profile": [CATEGORY], "version", "level", "strict", "seed", "repository",
                   "command": [WORD] (the command line of this run, without secrets, seed, requirements and report),
                   "variables": [NAME] (environment variables with the secrets that the command needs),
                   "report" (the folder of the report, or ""), "started" (ISO 8601, UTC), "seconds",
                   "ended" (why it did not come to its end, or ""), "partial" (only some scenarios were run)}
    summary       {"scenarios": {OUTCOME: count}, "requirements": {OUTCOME: count}, "claimed": count, "judged": count,
                   "verdict" (in words), "conformant": true or false}
    capabilities  {NAME: "present", "absent: REASON" or "unknown: REASON"}, those that a scenario asked for
    known         [{"requirement", "reason", "link", "scenarios": [PATTERN], "stale"}], the known failures of the target
    scenarios     [{"id", "group", "outcome", "reason", "requirements": [ID], "kept": [ID], "seconds"}], sorted by id
    requirements  [{"id", "category", "level", "section", "source", "statement", "outcome",
                    "reason" (why it was not judged, or ""), "untestable", "scenarios": [ID of a scenario bound to it],
                    "violations": [{"severity", "passive" (the name of the passive check, or ""), "count",
                                    "scenarios": [ID], "expected", "got", "request", "exchange", "curl", "reason"}]}]

Outcomes of a scenario: pass, fail (a MUST was violated), warn (a SHOULD was), known (all that it found is on the list
of known failures), unsupported (a legal refusal: the optional capability is absent), not applicable (its subject does
not occur: not in this version, not at this target), skipped (by the user, or something that it needs was not given),
error (not judged). Outcomes of a requirement: fail, warn, known, pass, unsupported, untested (claimed, but not judged),
unclaimed, not applicable. Without pushes, what is no requirement on pushes is untested, since the target may have it.
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
from conformance.config.parser import variables_of, words_of
from conformance.config.settings import Settings
from conformance.output.secrets import redact
from conformance.reports.reading import CONFORMANT, JUDGED, UNASKED, VIOLATED, grade, open_rows, verdict

SCHEMA = 3
SCENARIO_OUTCOMES = ("pass", FAIL, WARN, KNOWN, "unsupported", "not applicable", "skipped", "error")
REQUIREMENT_OUTCOMES = (FAIL, WARN, KNOWN, "pass", "unsupported", "untested", "unclaimed", "not applicable")


@dataclass(slots=True)
class Results:
    """Collect the facts of scenarios in any order; the results are always the same.

    `ended` says why the run did not come to its end, `chosen` that the user chose some of the scenarios.
    """

    settings: Settings
    target: str
    profile: Sequence[str] = ()
    known: Sequence[KnownFailure] = ()
    ended: str = ""
    chosen: bool = False
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)

    def take_over(self, target: str, profile: Sequence[str], known: Sequence[KnownFailure]) -> None:
        """Set the facts about the target, which a fixture of another project may have made."""
        self.target, self.profile, self.known = target, profile, known

    def add(self, fact: dict[str, Any]) -> None:
        """Add one scenario; the last run of a repeated scenario counts."""
        self.facts[fact["id"]] = fact

    def stale(self, line: KnownFailure) -> bool:
        """Whether a known failure did not happen although its requirement was judged."""
        about = [fact for fact in self.facts.values() if line.concerns(fact["id"])]
        happened = any(v["requirement"] == line.requirement for fact in about for v in fact["violations"])
        judged = any(line.requirement in fact["requirements"] and fact["outcome"] in JUDGED for fact in about)
        return judged and not happened

    def document(self, *, started: str, seconds: float) -> dict[str, Any]:
        """Make the document of results.json; `started` is ISO 8601."""
        scenarios = [self.facts[key] for key in sorted(self.facts)]
        requirements = [self._requirement(row, scenarios) for row in catalogue().values()]
        settings = self.settings
        document: dict[str, Any] = {
            "schema": SCHEMA,
            "suite": {"name": "fakereg conformance", "version": installed_version("fakereg")},
            "run": {
                "target": self.target,
                "profile": list(self.profile),
                "version": settings.version,
                "level": settings.level,
                "strict": settings.strict,
                "seed": settings.seed,
                "repository": settings.repository,
                "command": words_of(settings.given, by_pytest=self.target != redact(settings.target)),
                "variables": variables_of(settings.given),
                "report": redact(str(settings.report or "")),
                "started": started,
                "seconds": round(seconds, 3),
                "ended": self.ended,
                "partial": self.chosen or any(not row["scenarios"] for row in open_rows(requirements)),
            },
            "summary": {
                "scenarios": _counted(scenarios, SCENARIO_OUTCOMES),
                "requirements": _counted(requirements, REQUIREMENT_OUTCOMES),
                "claimed": sum(row["outcome"] not in UNASKED and not row["untestable"] for row in requirements),
                "judged": sum(row["outcome"] in JUDGED for row in requirements),
            },
            "capabilities": _capabilities(scenarios),
            "known": [line.as_fact() | {"stale": self.stale(line)} for line in self.known],
            "scenarios": [{key: fact[key] for key in _SHOWN} for fact in scenarios],
            "requirements": requirements,
        }
        document["summary"] |= {"verdict": verdict(document), "conformant": grade(document) in CONFORMANT}
        return document

    def _requirement(self, row: Requirement, scenarios: list[dict[str, Any]]) -> dict[str, Any]:
        violations = _violations(row.id, scenarios)
        outcome, reason = self._outcome(row, scenarios, violations)
        return {
            "id": row.id,
            "category": row.category,
            "level": row.level(self.settings.version),
            "section": row.section,
            "source": row.source,
            "statement": row.statement,
            "outcome": outcome,
            "reason": reason,
            "untestable": row.untestable,
            "scenarios": [fact["id"] for fact in scenarios if row.id in fact["requirements"]],
            "violations": violations,
        }

    def _outcome(
        self, row: Requirement, scenarios: list[dict[str, Any]], violations: list[dict[str, Any]]
    ) -> tuple[str, str]:
        """Return the outcome of a requirement, and the reason if it was not judged."""
        version = self.settings.version
        if row.category not in self.profile:
            return "unclaimed", "the profile does not have it"
        if row.level(version) == ABSENT:
            return "not applicable", f"it is not in version {version} of the specification"
        severities = {violation["severity"] for violation in violations}
        for severity in VIOLATED:
            if severity in severities:
                return severity, ""
        if any(row.id in fact["kept"] for fact in scenarios):
            return "pass", ""
        return _unjudged(row, [fact for fact in scenarios if row.id in fact["requirements"]])


def _unjudged(row: Requirement, bound: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """Return the outcome of a requirement that no scenario judged, and the first reason."""
    lacking = [fact for fact in bound if fact["outcome"] == "unsupported"]
    own = [fact for fact in lacking if row.category == "push" or not _lacks_pushes(fact)]
    if own:
        return "unsupported", own[0]["reason"]
    for fact in (*(fact for fact in bound if fact["outcome"] in {"error", "skipped"}), *lacking):
        return "untested", fact["reason"].partition("\n")[0]
    if bound and all(fact["outcome"] == "not applicable" for fact in bound):
        return "not applicable", bound[0]["reason"]
    return "untested", row.untestable or ("no scenario came to it" if bound else "no scenario about it was run")


def _lacks_pushes(fact: Mapping[str, Any]) -> bool:
    """Whether a scenario could not prepare its content: that says nothing of its own subject."""
    return any(
        not answer.startswith("present")
        for name, answer in fact["capabilities"].items()
        if name == "push" or answer.startswith("unknown")
    )


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
    """Return the violations of one requirement: each of a scenario, and one for all of a passive check.

    What a scenario found several times in the same words is one violation.
    """
    found: list[dict[str, Any]] = []
    kinds: dict[tuple[str, ...], dict[str, Any]] = {}
    for fact in scenarios:
        for violation in fact["violations"]:
            if violation["requirement"] != key:
                continue
            entry = {name: value for name, value in violation.items() if name != "requirement"}
            entry["scenarios"] = [fact["id"]]
            check = violation["passive"]
            kind = (
                check,
                violation["severity"],
                *(() if check else (fact["id"], violation["expected"], violation["got"])),
            )
            first = kinds.setdefault(kind, entry)
            if first is entry:
                found.append(entry)
                continue
            first["count"] += violation["count"]
            if fact["id"] not in first["scenarios"]:
                first["scenarios"].append(fact["id"])
    return found
