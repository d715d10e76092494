"""From the facts of the scenarios to the results of a run: results.json, summary.md and the summary on the terminal.

`results.json` is one object, in this form (schema 1):

    schema        1
    suite         {"name", "version"}
    run           {"target", "version", "level", "seed", "repository", "started" (ISO 8601, UTC), "seconds"}
    summary       {"scenarios": {OUTCOME: count}, "requirements": {OUTCOME: count}, "conformant": true or false}
    capabilities  {NAME: "present" or "absent: REASON"}, those that a scenario asked for
    scenarios     [{"id", "outcome", "reason", "requirements": [ID], "kept": [ID]}], sorted by id
    requirements  [{"id", "level", "section", "statement", "outcome", "scenarios": [ID of a scenario bound to it],
                    "violations": [{"severity", "passive" (the name of the passive check, or ""), "count",
                                    "scenarios": [ID], "expected", "got", "exchange", "curl"}]}]

Outcomes of a scenario: pass, fail (a MUST was violated), warn (a SHOULD was), unsupported (a legal refusal: the
optional capability is absent), not applicable (not in this version), skipped (by the user), error (not judged).
Outcomes of a requirement: fail, warn, pass, unsupported, not applicable, untested.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

from conformance.requirements import ABSENT, Requirement, catalogue
from conformance.settings import Settings

SCHEMA = 1
SHOWN = 3
SCENARIO_OUTCOMES = ("pass", "fail", "warn", "unsupported", "not applicable", "skipped", "error")
REQUIREMENT_OUTCOMES = ("pass", "fail", "warn", "unsupported", "not applicable", "untested")
_VIOLATED = ("fail", "warn")


@dataclass(slots=True)
class Results:
    """Gathers the facts of scenarios in any order and makes the same results of them."""

    settings: Settings
    target: str
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, fact: dict[str, Any]) -> None:
        """Take in one scenario; a scenario that ran again counts with its last run."""
        self.facts[fact["id"]] = fact

    @property
    def has_failures(self) -> bool:
        """Whether a requirement is violated or a scenario could not be judged."""
        return any(
            fact["outcome"] in {"fail", "error"} or any(v["severity"] == "fail" for v in fact["violations"])
            for fact in self.facts.values()
        )

    def document(self, *, started: str, seconds: float) -> dict[str, Any]:
        """The results as they stand in results.json; `started` is ISO 8601."""
        scenarios = [self.facts[key] for key in sorted(self.facts)]
        requirements = [_requirement(row, scenarios, self.settings.version) for row in catalogue().values()]
        settings = self.settings
        return {
            "schema": SCHEMA,
            "suite": {"name": "fakereg conformance", "version": installed_version("fakereg")},
            "run": {
                "target": self.target,
                "version": settings.version,
                "level": settings.level,
                "seed": settings.seed,
                "repository": settings.repository,
                "started": started,
                "seconds": round(seconds, 3),
            },
            "summary": {
                "scenarios": _counted(scenarios, SCENARIO_OUTCOMES),
                "requirements": _counted(requirements, REQUIREMENT_OUTCOMES),
                "conformant": not self.has_failures,
            },
            "capabilities": _capabilities(scenarios),
            "scenarios": [
                {key: fact[key] for key in ("id", "outcome", "reason", "requirements", "kept")} for fact in scenarios
            ],
            "requirements": requirements,
        }


def _counted(entries: Iterable[Mapping[str, Any]], outcomes: tuple[str, ...]) -> dict[str, int]:
    counts = Counter(entry["outcome"] for entry in entries)
    return {outcome: counts[outcome] for outcome in outcomes}


def _capabilities(scenarios: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for fact in scenarios:
        found |= fact["capabilities"]
    return dict(sorted(found.items()))


def _requirement(row: Requirement, scenarios: list[dict[str, Any]], version: str) -> dict[str, Any]:
    violations = _violations(row.id, scenarios)
    return {
        "id": row.id,
        "level": row.level(version),
        "section": row.section,
        "statement": row.statement,
        "outcome": _outcome(row, scenarios, violations, version),
        "scenarios": [fact["id"] for fact in scenarios if row.id in fact["requirements"]],
        "violations": violations,
    }


def _violations(key: str, scenarios: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The violations of one requirement: each that a scenario found, and one for all that a passive check saw."""
    found: list[dict[str, Any]] = []
    passive: dict[str, dict[str, Any]] = {}
    for fact in scenarios:
        for violation in fact["violations"]:
            if violation["requirement"] != key:
                continue
            entry = {name: value for name, value in violation.items() if name != "requirement"}
            entry["scenarios"] = [fact["id"]]
            first = passive.get(violation["passive"])
            if first is None:
                found.append(entry)
            else:
                first["count"] += violation["count"]
                first["scenarios"].append(fact["id"])
            if violation["passive"]:
                passive.setdefault(violation["passive"], entry)
    return found


def _outcome(row: Requirement, scenarios: list[dict[str, Any]], violations: list[dict[str, Any]], version: str) -> str:
    if row.level(version) == ABSENT:
        return "not applicable"
    severities = {violation["severity"] for violation in violations}
    for severity in _VIOLATED:
        if severity in severities:
            return severity
    if any(row.id in fact["kept"] for fact in scenarios):
        return "pass"
    bound = {fact["outcome"] for fact in scenarios if row.id in fact["requirements"]}
    return "unsupported" if "unsupported" in bound else "untested"


def write(folder: Path, document: dict[str, Any]) -> None:
    """Write results.json and summary.md into a folder, which is made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "summary.md").write_text(markdown(document), encoding="utf-8")


def headline(document: dict[str, Any]) -> str:
    """The counts of a run in one line."""
    counts = document["summary"]["scenarios"]
    words = {
        "pass": "passed", "fail": "failed", "warn": "warned", "unsupported": "unsupported",
        "not applicable": "not applicable", "skipped": "skipped", "error": "errors",
    }  # fmt: skip
    always = {"pass", "fail", "warn", "unsupported"}
    return ", ".join(f"{counts[key]} {word}" for key, word in words.items() if counts[key] or key in always)


def text(document: dict[str, Any]) -> list[str]:
    """The summary that a person reads at the end of a run, as lines."""
    run, requirements = document["run"], document["summary"]["requirements"]
    lines = [
        f"target {run['target']}, specification {run['version']}, seed {run['seed']}",
        f"scenarios:    {headline(document)}",
        "requirements: " + ", ".join(f"{count} {outcome}" for outcome, count in requirements.items()),
    ]
    absent = [f"{name} ({reason.removeprefix('absent: ')})" for name, reason in document["capabilities"].items()
              if reason.startswith("absent")]  # fmt: skip
    lines += [f"absent:       {', '.join(absent)}"] if absent else []
    for row in _ordered(document):
        lines += ["", f"{row['id']} {row['level']} {row['outcome'].upper()}: {row['statement']}"]
        for violation in row["violations"][:SHOWN]:
            lines += _violation_lines(violation)
        lines += _more(len(row["violations"]), "  ")
    errors: dict[str, list[str]] = {}
    for fact in document["scenarios"]:
        if fact["outcome"] == "error":
            errors.setdefault(fact["reason"].partition("\n")[0], []).append(fact["id"])
    for reason, names in errors.items():
        lines += ["", f"ERROR {reason}", *[f"  in {name}" for name in names[:SHOWN]], *_more(len(names), "  ")]
    return lines


def _more(number: int, indent: str) -> list[str]:
    return [f"{indent}and {number - SHOWN} more, in the report"] if number > SHOWN else []


def _ordered(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The violated requirements, failures before warnings."""
    violated = [row for row in document["requirements"] if row["outcome"] in _VIOLATED]
    return sorted(violated, key=lambda row: _VIOLATED.index(row["outcome"]))


def _violation_lines(violation: dict[str, Any]) -> list[str]:
    names = violation["scenarios"]
    where = ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
    seen = f" ({violation['count']} times, passive check: {violation['passive']})" if violation["passive"] else ""
    return [
        f"  in {where}{seen}",
        f"    expected: {violation['expected']}",
        f"    got:      {violation['got']}",
    ]


def markdown(document: dict[str, Any]) -> str:
    """The summary as Markdown: the counts, then each violated requirement as a bug report."""
    run = document["run"]
    verdict = "conformant" if document["summary"]["conformant"] else "not conformant"
    lines = [
        f"# {run['target']}: {verdict}",
        "",
        f"OCI distribution specification {run['version']}, level {run['level']}, seed {run['seed']}.",
        "",
        f"Scenarios: {headline(document)}.",
        "",
    ]
    lines += ["| Capability | |", "|---|---|"] if document["capabilities"] else []
    lines += [f"| {name} | {answer} |" for name, answer in document["capabilities"].items()]
    for row in _ordered(document):
        lines += ["", f"## {row['id']} ({row['level']}): {row['outcome']}", "", row["statement"]]
        for violation in row["violations"]:
            lines += ["", *[line.strip() + "  " for line in _violation_lines(violation)]]
            lines += ["", "```", *violation["exchange"].splitlines(), violation["curl"], "```"]
    broken = [fact for fact in document["scenarios"] if fact["outcome"] == "error"]
    lines += ["", "## Scenarios that could not be judged"] if broken else []
    for fact in broken:
        lines += ["", f"`{fact['id']}`", "", "```", *fact["reason"].splitlines(), "```"]
    return "\n".join(lines) + "\n"
