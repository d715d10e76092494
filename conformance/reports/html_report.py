"""report.html: the findings of a run, for those who decide and those who repair."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from conformance.reports.html import REQUIREMENT_WORDS, SCENARIO_WORDS, page
from conformance.reports.reading import (
    REMOVED,
    UNASKED,
    Document,
    findings,
    from_the_start,
    grade,
    groups,
    is_partial,
    kept,
    little_judged,
    only_warned,
    profile,
    unjudged,
    verdict,
    violated,
    why_not,
    with_requirements,
)

SHOWN = 3
"""The number of violations of a requirement that are shown at first."""

OPEN_REPORTS = 12
"""With more violated requirements than this, the exchanges are closed at first."""


def html_report(document: Document) -> str:
    """Make the page as text; it needs no other file and no network."""
    run, good = document["run"], kept(document)
    return page(
        "report.html",
        run=run,
        suite=document["suite"],
        grade=grade(document),
        verdict=verdict(document),
        kept=good[0],
        judged=good[1],
        claimed=document["summary"]["claimed"],
        findings=findings(document),
        little=little_judged(document),
        only_warned=only_warned(document["requirements"]),
        removed=REMOVED,
        profile=profile(document),
        date=datetime.fromisoformat(run["started"]).strftime("%d %B %Y, %H:%M %Z").lstrip("0"),
        tiles=[(key, count) for key in REQUIREMENT_WORDS if (count := document["summary"]["requirements"][key])],
        categories=_categories(document),
        groups=[_tally(name, counts, SCENARIO_WORDS) for name, counts in groups(document["scenarios"]).items()],
        failures=_reports(document, "fail"),
        warnings=_reports(document, "warn"),
        known=[_known(document, line) for line in document["known"]],
        capabilities=document["capabilities"],
        rows=sorted(document["requirements"], key=lambda row: row["outcome"] in UNASKED),
        outcomes={scenario["id"]: scenario["outcome"] for scenario in document["scenarios"]},
        errors=_errors(document),
        not_judged=[] if is_partial(document) else why_not(document, "untested", "unsupported"),
        scenarios=document["scenarios"],
    )


def _categories(document: Document) -> list[dict[str, Any]]:
    """Return the outcomes of the requirements of each claimed category."""
    counts: dict[str, Counter[str]] = {}
    for row in document["requirements"]:
        if row["outcome"] not in UNASKED:
            counts.setdefault(row["category"], Counter())[row["outcome"]] += 1
    return [_tally(name, found, REQUIREMENT_WORDS) for name, found in counts.items()]


def _tally(name: str, counts: Mapping[str, int], words: Mapping[str, str]) -> dict[str, Any]:
    """Return counts as a row of a table: the good ones of all, a bar, and the others by outcome."""
    ordered = sorted((key for key in words if counts.get(key)), key="pass".__ne__)
    rest = [f"{counts[key]} {words[key]}" for key in ordered if key != "pass"]
    return {
        "name": name,
        "good": counts.get("pass", 0),
        "total": sum(counts.values()),
        "bar": _bar([(key, counts[key]) for key in ordered]),
        "rest": ", ".join(rest),
    }


def _bar(parts: Sequence[tuple[str, int]]) -> list[dict[str, Any]]:
    """Return parts of a whole as pieces of a bar that is 100 wide."""
    whole, start, pieces = sum(count for _, count in parts) or 1, 0.0, []
    for outcome, count in parts:
        width = 100 * count / whole
        pieces.append({"outcome": outcome, "x": round(start, 2), "width": round(width, 2)})
        start += width
    return pieces


def _reports(document: Document, outcome: str) -> list[dict[str, Any]]:
    """Return the requirements with an outcome, each with its violations except the known ones."""
    rows = violated(document, outcome)
    return [
        {
            "row": row,
            "open": len(rows) <= OPEN_REPORTS,
            "again": from_the_start(document, row["id"]),
            **_parted(_but(row["violations"], "known")),
        }
        for row in rows
    ]


def _but(violations: Iterable[Mapping[str, Any]], severity: str) -> list[Mapping[str, Any]]:
    return [violation for violation in violations if violation["severity"] != severity]


def _parted(violations: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"shown": violations[:SHOWN], "others": violations[SHOWN:]}


def _known(document: Document, line: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry of known failures with its violations."""
    row = next((row for row in document["requirements"] if row["id"] == line["requirement"]), None)
    found = [
        violation
        for violation in (row["violations"] if row else ())
        if violation["severity"] == "known" and violation["reason"] == line["reason"]
    ]
    state = "stale" if line["stale"] else "happened" if found else "not judged"
    # Only an address of the web becomes a link: what a page runs must not come from a list.
    link = line["link"] if line["link"].startswith(("https://", "http://")) else ""
    return {"line": line, "row": row, "state": state, "link": link, **_parted(found)}


def _errors(document: Document) -> list[dict[str, Any]]:
    """Return the scenarios that could not be judged, grouped by reason."""
    reasons: dict[str, list[str]] = {}
    for scenario in unjudged(document):
        reasons.setdefault(scenario["reason"], []).append(with_requirements(scenario))
    return [
        {"first": reason.partition("\n")[0], "rest": reason.partition("\n")[2], "scenarios": names, "count": len(names)}
        for reason, names in reasons.items()
    ]
