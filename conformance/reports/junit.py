"""The results of a run as JUnit XML for CI servers: a test case for each scenario.

A case has at most one `<failure>`, since several readers show only the first: it holds every violation. A passive
check's violation counts at the first scenario that saw it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from conformance.output.terminal import visible
from conformance.reports.reading import (
    ONLY_WARNED,
    REMOVED,
    Document,
    bug_report,
    grade,
    is_optional,
    profile,
    stale,
    verdict,
    why_not,
)

_NOT_JUDGED = ("unsupported", "not applicable", "skipped", "known")

Finding = tuple[Mapping[str, Any], Mapping[str, Any]]
"""A requirement and one of its violations."""


def junit(document: Document) -> str:
    """Make the whole file."""
    suite = Element("testsuite", name=f"conformance of {visible(document['run']['target'])}")
    _properties(suite, _facts(document))
    found = _by_scenario(document)
    for scenario in document["scenarios"]:
        suite.append(_case(document, scenario, found.get(scenario["id"], [])))
    for line in stale(document):
        suite.append(_stale(line))
    if grade(document) in ("incomplete", "unjudged"):
        suite.append(_unjudged(document))
    _count(suite, document)
    root = Element("testsuites", suite.attrib)
    root.append(suite)
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _facts(document: Document) -> dict[str, str]:
    run, suite = document["run"], document["suite"]
    return {
        "suite": f"{suite['name']} {suite['version']}",
        "profile": profile(document),
        "verdict": verdict(document),
        **{name: str(run[name]) for name in ("target", "version", "level", "seed", "repository")},
    }


def _properties(parent: Element, values: Mapping[str, str]) -> None:
    properties = SubElement(parent, "properties")
    for name, value in values.items():
        SubElement(properties, "property", name=name, value=visible(value))


def _by_scenario(document: Document) -> dict[str, list[Finding]]:
    """Return the violations by scenario."""
    found: dict[str, list[Finding]] = {}
    for row in document["requirements"]:
        for violation in row["violations"]:
            found.setdefault(violation["scenarios"][0], []).append((row, violation))
    return found


def _case(document: Document, scenario: Mapping[str, Any], found: Sequence[Finding]) -> Element:
    module, _, name = scenario["id"].partition("::")
    case = Element("testcase", classname=module, name=name, time=f"{scenario['seconds']:.3f}")
    if scenario["requirements"]:
        _properties(case, {"requirements": " ".join(scenario["requirements"])})
    failures = [finding for finding in found if finding[1]["severity"] == "fail"]
    if failures or scenario["outcome"] == "fail":
        _failure(case, document, scenario, failures)
    elif scenario["outcome"] == "error":
        about = f"{', '.join(scenario['requirements'])} could not be judged: "
        _told(case, "error", about + _first_line(scenario["reason"]), scenario["reason"])
    elif scenario["outcome"] in _NOT_JUDGED:
        SubElement(case, "skipped", message=_why_not(scenario, found))
    rest = _bug_reports(document, [finding for finding in found if finding[1]["severity"] != "fail"])
    if rest:
        SubElement(case, "system-out").text = "\n\n".join(rest)
    return case


def _failure(case: Element, document: Document, scenario: Mapping[str, Any], failures: Sequence[Finding]) -> None:
    """Add the failure of a case; the reason of the scenario is added if there is nothing else, or for an error."""
    reports = _bug_reports(document, failures)
    if not failures or scenario["outcome"] == "error":
        reports.append(scenario["reason"])
    others = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
    _told(case, "failure", _headline(*failures[0]) + others if failures else _first_line(reports[0]), *reports)


def _bug_reports(document: Document, found: Sequence[Finding]) -> list[str]:
    """Return violations as bug reports, with a note about all of them."""
    reports = [bug_report(document, *finding) for finding in found]
    if any(one["severity"] == "warn" and not is_optional(row["level"]) for row, one in found):
        reports.append(f"{ONLY_WARNED}.")
    if any(one["curl"] for _, one in found):
        reports.append(f"{REMOVED} What stands behind 'from the start' does it all again.")
    return reports


def _headline(row: Mapping[str, Any], violation: Mapping[str, Any]) -> str:
    return (
        f"{row['id']} {row['level']}: {row['statement']} Expected {violation['expected']}, got {violation['got']}"
        + (f" to {violation['request']}" if violation["request"] else "")
    )


def _first_line(text: str) -> str:
    return text.partition("\n")[0]


def _told(case: Element, kind: str, message: str, *paragraphs: str) -> None:
    """Add a failure or an error to a case."""
    told = SubElement(case, kind, type="nonconformity" if kind == "failure" else "error")
    told.set("message", visible(message, keep=""))
    told.text = visible("\n\n".join(paragraphs))


def _why_not(scenario: Mapping[str, Any], found: Iterable[Finding]) -> str:
    if scenario["outcome"] == "known":
        reasons = dict.fromkeys(violation["reason"] for _, violation in found if violation["severity"] == "known")
        return visible(f"known failure: {'; '.join(reasons) or _first_line(scenario['reason'])}", keep="")
    return visible(f"{scenario['outcome']}: {scenario['reason']}", keep="")


def _stale(line: Mapping[str, Any]) -> Element:
    """Make a case for an entry of known failures that did not happen."""
    name = " ".join([line["requirement"], *line["scenarios"]])
    case = Element("testcase", classname="known failures", name=visible(name), time="0.000")
    message = f"{line['requirement']} is on the list of known failures, but does not fail any more: take it off"
    _told(case, "failure", message, f"{message}.", f"Reason of the line: {line['reason']}")
    return case


def _unjudged(document: Document) -> Element:
    """Make a case for a run that judged too little."""
    case = Element("testcase", classname="verdict", name="what was judged", time="0.000")
    reasons = [f"{', '.join(keys)}: {reason}" for reason, keys in why_not(document, "untested", "unsupported")]
    _told(case, "failure", verdict(document), *reasons)
    return case


def _count(suite: Element, document: Document) -> None:
    counts = {"tests": "testcase", "failures": "*/failure", "errors": "*/error", "skipped": "*/skipped"}
    for name, path in counts.items():
        suite.set(name, str(len(suite.findall(path))))
    suite.set("time", f"{document['run']['seconds']:.3f}")
    suite.set("timestamp", document["run"]["started"])
