"""The summary of a run for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from conformance.output.terminal import visible
from conformance.reports.reading import (
    Document,
    findings,
    from_the_start,
    is_partial,
    kept_text,
    listed,
    little_judged,
    mark_of,
    only_warned,
    profile,
    seen_in,
    stale,
    unjudged,
    verdict,
    violated,
    why_not,
    with_requirements,
)

SHOWN = 3
MOST_ROWS = 25
"""The number of violated requirements that are shown in full; the report has the others."""

_SCENARIOS = {
    "pass": "passed", "fail": "failed", "warn": "warned", "known": "known", "unsupported": "unsupported",
    "not applicable": "not applicable", "skipped": "skipped", "error": "not judged",
}  # fmt: skip
_ALWAYS = {"pass", "fail", "warn", "unsupported"}


def headline(document: Document) -> str:
    """Return the outcomes of the scenarios in one line."""
    counts = document["summary"]["scenarios"]
    return ", ".join(f"{counts[key]} {word}" for key, word in _SCENARIOS.items() if counts[key] or key in _ALWAYS)


def text(document: Document) -> list[str]:
    """Make the lines of the summary, with control characters of the server escaped."""
    lines = [*_counts(document), *_violations(document), *_known(document), *_errors(document), *_verdict(document)]
    return [visible(line, keep="") for line in lines]


def _counts(document: Document) -> list[str]:
    run, requirements = document["run"], document["summary"]["requirements"]
    absent = [
        f"{name} ({answer.removeprefix('absent: ')})"
        for name, answer in document["capabilities"].items()
        if answer.startswith("absent")
    ]
    return [
        f"target {run['target']}, profile {profile(document)}, specification {run['version']}, "
        f"level {run['level']}, seed {run['seed']}",
        f"scenarios:    {headline(document)}",
        "requirements: " + ", ".join(f"{count} {outcome}" for outcome, count in requirements.items() if count),
        *([f"absent:       {', '.join(absent)}"] if absent else []),
        *(
            f"not judged:   {listed(keys, most=SHOWN)}: {reason}"
            for reason, keys in why_not(document, "untested")
            if not is_partial(document)
        ),
    ]


def _violations(document: Document) -> list[str]:
    rows = violated(document, "fail", "warn")
    lines: list[str] = []
    for row in rows[:MOST_ROWS]:
        lines += ["", f"{row['id']} {row['level']} {row['outcome'].upper()}: {row['statement']}"]
        new = [violation for violation in row["violations"] if violation["severity"] != "known"]
        for violation in new[:SHOWN]:
            lines += _violation(row, violation)
        lines += _more(len(new))
    if len(rows) > MOST_ROWS:
        others = [f"{row['id']} {row['outcome']}" for row in rows[MOST_ROWS:]]
        lines += ["", f"and {len(others)} requirements more, in the report: {', '.join(others)}"]
    return [*lines, *_legend(document, rows)]


def _violation(row: Mapping[str, Any], violation: Mapping[str, Any]) -> list[str]:
    mark = mark_of(row, violation)
    return [
        f"  {f'{mark}, ' if mark else ''}in {seen_in(violation)}",
        f"    expected: {violation['expected']}",
        f"    got:      {violation['got']}",
        *([f"    request:  {violation['request']}"] if violation["request"] else []),
    ]


def _legend(document: Document, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the notes about all violations."""
    if not rows:
        return []
    return ["", *filter(None, [only_warned(rows)]), f"again: {from_the_start(document, rows[0]['id'])}"]


def _more(number: int) -> list[str]:
    return [f"  and {number - SHOWN} more, in the report"] if number > SHOWN else []


def _known(document: Document) -> list[str]:
    """Return a line for each known failure, and for each that did not happen, which is a failure."""
    lines = [
        f"{row['id']} {row['level']} KNOWN: {next(v['reason'] for v in row['violations'] if v['severity'] == 'known')}"
        for row in violated(document, "known")
    ]
    lines += [
        f"{line['requirement']} STALE: this known failure does not happen any more, take it off the list: "
        f"{line['reason']}" + (f" (in {', '.join(line['scenarios'])})" if line["scenarios"] else "")
        for line in stale(document)
    ]
    return ["", *lines] if lines else []


def _errors(document: Document) -> list[str]:
    """Return the scenarios that could not be judged with their requirements, grouped by reason."""
    reasons: dict[str, list[str]] = {}
    for scenario in unjudged(document):
        reasons.setdefault(scenario["reason"].partition("\n")[0], []).append(with_requirements(scenario))
    lines: list[str] = []
    for reason, names in reasons.items():
        lines += ["", f"ERROR {reason}", *[f"  in {name}" for name in names[:SHOWN]], *_more(len(names))]
    return lines


def _verdict(document: Document) -> list[str]:
    found = findings(document)
    little = filter(None, [little_judged(document)])
    return ["", *little, f"{verdict(document)}: {', '.join([kept_text(document), *found])}"]
