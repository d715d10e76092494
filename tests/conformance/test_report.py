"""The results of a run: the same whatever order the scenarios ended in, and readable."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conformance.report import Results, headline, markdown, text, write
from conformance.settings import Settings
from conformance.verdict import Violation

STARTED = "2026-01-01T00:00:00+00:00"


def violation(row: str, *, severity: str = "fail", passive: str = "", count: int = 1) -> dict[str, Any]:
    return Violation(row, severity, "this", "that", "> GET /", "curl -i /", passive, count).as_fact()


def fact(name: str, outcome: str = "pass", **changes: Any) -> dict[str, Any]:
    empty = {"reason": "", "requirements": ["OCI-R014"], "kept": [], "violations": [], "capabilities": {}}
    return {"id": name, "outcome": outcome, **empty, **changes}


FACTS = [
    fact("b", "fail", violations=[violation("OCI-R014"), violation("OCI-R106", passive="error body", count=2)]),
    fact("a", kept=["OCI-R014", "OCI-R011"], violations=[violation("OCI-R106", passive="error body")]),
    fact("c", "unsupported", requirements=["OCI-R091"], capabilities={"tag_deletion": "absent: DELETE answered 405"}),
    fact("d", "warn", requirements=["OCI-R010"], violations=[violation("OCI-R010", severity="warn")]),
    fact("e", "error", requirements=["OCI-R055"], reason="Oops: it broke\nfar down"),
]


def document(facts: list[dict[str, Any]], version: str = "dev") -> dict[str, Any]:
    results = Results(Settings(version=version, seed=3), "fake")
    for one in facts:
        results.add(one)
    return results.document(started=STARTED, seconds=1.23456)


def rows(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in found["requirements"]}


def test_order_does_not_matter() -> None:
    assert document(FACTS) == document(FACTS[::-1])


def test_scenarios() -> None:
    found = document(FACTS)
    assert [row["id"] for row in found["scenarios"]] == ["a", "b", "c", "d", "e"]
    counts = found["summary"]["scenarios"]
    assert {name: counts[name] for name in ("pass", "fail", "warn", "unsupported", "error")} == dict.fromkeys(
        ("pass", "fail", "warn", "unsupported", "error"), 1
    )


@pytest.mark.parametrize(
    ("row", "outcome"),
    [
        ("OCI-R014", "fail"),
        ("OCI-R106", "fail"),
        ("OCI-R010", "warn"),
        ("OCI-R011", "pass"),
        ("OCI-R091", "unsupported"),
        ("OCI-R055", "untested"),
        ("OCI-R001", "untested"),
    ],
)
def test_outcome_of_a_requirement(row: str, outcome: str) -> None:
    assert rows(document(FACTS))[row]["outcome"] == outcome


def test_requirement_of_another_version() -> None:
    assert rows(document(FACTS, version="1.0"))["OCI-R058"]["outcome"] == "not applicable"


def test_passive_violation_is_told_once_with_a_count() -> None:
    found = rows(document(FACTS))["OCI-R106"]["violations"]
    assert [(one["passive"], one["count"], one["scenarios"]) for one in found] == [("error body", 3, ["a", "b"])]


def test_scenario_that_ran_again_counts_once() -> None:
    found = document([fact("a", "fail", violations=[violation("OCI-R014")]), fact("a")])
    assert found["summary"]["scenarios"]["fail"] == 0
    assert rows(found)["OCI-R014"]["violations"] == []


@pytest.mark.parametrize(
    ("facts", "conformant"),
    [
        ([FACTS[2], FACTS[3]], True),
        ([fact("a", violations=[violation("OCI-R106", passive="error body")])], False),
        ([fact("a", violations=[violation("OCI-R107", severity="warn", passive="retry after")])], True),
        ([FACTS[4]], False),
        ([FACTS[0]], False),
    ],
)
def test_verdict(facts: list[dict[str, Any]], conformant: bool) -> None:
    assert document(facts)["summary"]["conformant"] is conformant


def test_text() -> None:
    lines = text(document(FACTS))
    assert lines[1] == "scenarios:    1 passed, 1 failed, 1 warned, 1 unsupported, 1 errors"
    assert "absent:       tag_deletion (DELETE answered 405)" in lines
    start = lines.index("OCI-R014 MUST FAIL: GET of a manifest that is not there answers 404.")
    assert lines[start + 1 : start + 4] == ["  in b", "    expected: this", "    got:      that"]
    assert "  in a, b (3 times, passive check: error body)" in lines
    assert lines.index("OCI-R010 SHOULD WARN: A manifest comes back with the Content-Type it was pushed with.") > start
    assert lines[-2:] == ["ERROR Oops: it broke", "  in e"]


def test_text_is_cut_short() -> None:
    many = [fact(f"s{number}", "fail", violations=[violation("OCI-R014")]) for number in range(9)]
    assert "  and 6 more, in the report" in text(document(many))


def test_headline_leaves_out_what_is_rare() -> None:
    assert headline(document([fact("a")])) == "1 passed, 0 failed, 0 warned, 0 unsupported"


def test_write(tmp_path: Path) -> None:
    found = document(FACTS)
    write(tmp_path / "new" / "folder", found)
    folder = tmp_path / "new" / "folder"
    assert json.loads((folder / "results.json").read_text(encoding="utf-8")) == found
    assert (folder / "summary.md").read_text(encoding="utf-8") == markdown(found)


def test_markdown() -> None:
    lines = markdown(document(FACTS)).splitlines()
    assert lines[0] == "# fake: not conformant"
    assert "| tag_deletion | absent: DELETE answered 405 |" in lines
    assert lines.index("## OCI-R014 (MUST): fail") < lines.index("## OCI-R010 (SHOULD): warn")
    assert "curl -i /" in lines
    assert "far down" in lines
