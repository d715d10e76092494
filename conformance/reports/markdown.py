"""The summary of a run as Markdown, for a pull request or the summary page of a CI job, and helpers for Markdown.

GitHub takes comments of at most 65,536 characters, so what is too long for one is left to the other reports.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from conformance.checks.verdict import shortened
from conformance.output.terminal import visible
from conformance.reports.reading import (
    REMOVED,
    Document,
    bug_report,
    findings,
    from_the_start,
    is_partial,
    kept_text,
    listed,
    little_judged,
    only_warned,
    profile,
    stale,
    unjudged,
    verdict,
    violated,
    why_not,
    with_requirements,
)
from conformance.reports.summary import headline

LONGEST = 60_000
"""The maximum number of characters of a summary."""
SHOWN = 3
MOST_ROWS = 100
LONGEST_CELL = 120
_BAR = r"\|"
_SPECIAL = re.compile(r"([\\`*_\[\]<>~&])")


def markdown(document: Document) -> str:
    """Make the summary: verdict and counts, a table of violated requirements, each violation as a bug report."""
    head = [*_head(document), *_violations(document), *_known(document), *_stale(document), *_absent(document)]
    head += _not_judged(document)
    text = "\n".join(head) + "\n"
    blocks = [*_reports(document), *_errors(document)]
    for number, block in enumerate(blocks):
        if len(text) + len(block) > LONGEST:
            return f"{text}\n{len(blocks) - number} details more are in `report.html`.\n"
        text += block
    return text


def plain(text: str) -> str:
    """Escape text for Markdown, on one line."""
    return _SPECIAL.sub(r"\\\1", visible(text, keep=""))


def code(text: str) -> str:
    """Format text as code, on one line."""
    shown = visible(text, keep="")
    ticks = "`" * (_longest_run(shown) + 1)
    padding = " " if not shown.strip("`") or shown[0] == "`" or shown[-1] == "`" else ""
    return f"{ticks}{padding}{shown}{padding}{ticks}" if shown else ""


def fence(text: str) -> list[str]:
    """Format text as a block of code that it cannot close."""
    ticks = "`" * max(3, _longest_run(text) + 1)
    return [f"{ticks}text", *visible(text).splitlines(), ticks]


def table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Format a table, after an empty line; nothing without rows."""
    lines = [f"| {' | '.join(cell.replace('|', _BAR) for cell in row)} |" for row in rows]
    return ["", f"| {' | '.join(heading)} |", "| " + " | ".join("---" for _ in heading) + " |", *lines] if lines else []


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)


def _head(document: Document) -> list[str]:
    run = document["run"]
    seconds = f"{run['seconds']:.1f} s"
    return [
        f"# {plain(run['target'])}: {plain(verdict(document))}",
        "",
        f"**{kept_text(document)}**" + "".join(f", {phrase}" for phrase in findings(document)) + ".",
        "",
        f"Scenarios: {headline(document)}.",
        "",
        f"Profile {profile(document)}, OCI distribution specification {run['version']}, level {run['level']}, "
        f"seed {run['seed']}, {run['started']}, {seconds}, {document['suite']['name']} {document['suite']['version']}.",
        *_paragraph(little_judged(document)),
    ]


def _paragraph(line: str) -> list[str]:
    """Format a line as a paragraph; nothing for an empty one."""
    return ["", f"{plain(line[0].upper() + line[1:])}."] if line else []


def _violations(document: Document) -> list[str]:
    rows = violated(document, "fail", "warn")
    lines = table(["Requirement", "Level", "", "What it says", "What came"], map(_row, rows[:MOST_ROWS]))
    more = ["", f"{len(rows) - MOST_ROWS} requirements more are violated."] if len(rows) > MOST_ROWS else []
    heading = "## Violations" if violated(document, "fail") else "## Warnings"
    legend = [*_paragraph(only_warned(rows)), *_again(document, rows)]
    return ["", heading, *lines, *more, *legend] if lines else []


def _again(document: Document, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Say how to reproduce the bug reports, once for all of them."""
    if not any(violation["curl"] for row in rows for violation in row["violations"]):
        return []
    return ["", f"{REMOVED} {code(from_the_start(document, rows[0]['id']))} does it all again."]


def _row(row: Mapping[str, Any]) -> list[str]:
    worst = next(v for v in row["violations"] if v["severity"] == row["outcome"])
    return [
        row["id"],
        row["level"],
        _WORDS[row["outcome"]],
        plain(row["statement"]),
        code(shortened(worst["got"], LONGEST_CELL)),
    ]


_WORDS = {"fail": "**violated**", "warn": "warning", "known": "known"}


def _known(document: Document) -> list[str]:
    rows = [
        [row["id"], row["level"], plain(next(v["reason"] for v in row["violations"] if v["severity"] == "known"))]
        for row in violated(document, "known")
    ]
    lines = table(["Requirement", "Level", "Reason"], rows)
    return ["", "## Known failures", *lines] if lines else []


def _stale(document: Document) -> list[str]:
    lines = [
        f"- {line['requirement']}{_patterns(line['scenarios'])}: {plain(line['reason'])}" for line in stale(document)
    ]
    return (
        ["", "## Known failures that did not happen", "", "Take these lines off the list.", "", *lines] if lines else []
    )


def _patterns(patterns: Sequence[str]) -> str:
    return f" in {', '.join(map(code, patterns))}" if patterns else ""


def _absent(document: Document) -> list[str]:
    rows = [
        [plain(name), plain(answer.removeprefix("absent: "))]
        for name, answer in document["capabilities"].items()
        if answer.startswith("absent")
    ]
    lines = table(["Capability that is absent", "Why"], rows)
    return ["", "## Capabilities", *lines] if lines else []


def _not_judged(document: Document) -> list[str]:
    """Return the reasons why claimed requirements were not judged, unless only some scenarios were asked for."""
    found = [] if is_partial(document) else why_not(document, "untested")
    lines = table(["Not judged", "Why"], [[listed(keys, most=SHOWN), plain(reason)] for reason, keys in found])
    return ["", "## Requirements that were not judged", *lines] if lines else []


def _reports(document: Document) -> list[str]:
    found = []
    for row in violated(document, "fail", "warn"):
        new = [violation for violation in row["violations"] if violation["severity"] != "known"]
        lines = [line for violation in new[:SHOWN] for line in ["", *fence(bug_report(document, row, violation))]]
        more = ["", f"{len(new) - SHOWN} more are in `report.html`."] if len(new) > SHOWN else []
        found.append(_details(f"{row['id']} ({row['level']}): {row['statement']}", [*lines, *more]))
    return found


def _errors(document: Document) -> list[str]:
    reasons: dict[str, list[str]] = {}
    for scenario in unjudged(document):
        reasons.setdefault(scenario["reason"], []).append(with_requirements(scenario))
    return [
        _details(f"Could not be judged: {listed(names, most=SHOWN)}", ["", *fence(reason)])
        for reason, names in reasons.items()
    ]


def _details(summary: str, lines: list[str]) -> str:
    """Format a collapsed section."""
    shown = html.escape(visible(summary, keep=""), quote=False)
    return "\n".join(["", f"<details><summary>{shown}</summary>", *lines, "", "</details>", ""])
