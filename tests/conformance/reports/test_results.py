"""The results of a run: the same whatever order the scenarios ended in."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.catalogue.known_failures import KnownFailure
from conformance.catalogue.requirements import catalogue
from conformance.checks.verdict import Violation
from conformance.config.description import PROFILES
from conformance.config.settings import Settings
from conformance.reports.results import Results

STARTED = "2026-01-01T00:00:00+00:00"


def violation(row: str, *, severity: str = "fail", passive: str = "", count: int = 1) -> dict[str, Any]:
    reason = "Their issue 12." if severity == "known" else ""
    return Violation(row, severity, "this", "that", "> GET /", "curl -i /", passive, count, reason).as_fact()


def fact(name: str, outcome: str = "pass", **changes: Any) -> dict[str, Any]:
    made = {
        "id": f"test_pull::{name}", "group": "pull", "outcome": outcome, "reason": "", "requirements": ["OCI-R014"],
        "kept": [], "violations": [], "capabilities": {}, "seconds": 0.5, "silent": False,
    }  # fmt: skip
    return {**made, **changes}


FACTS = [
    fact("b", "fail", violations=[violation("OCI-R014"), violation("OCI-R106", passive="error body", count=2)]),
    fact("a", kept=["OCI-R014", "OCI-R011"], violations=[violation("OCI-R106", passive="error body")]),
    fact("c", "unsupported", requirements=["OCI-R091"], capabilities={"tag_deletion": "absent: DELETE answered 405"}),
    fact("d", "warn", requirements=["OCI-R010"], violations=[violation("OCI-R010", severity="warn")]),
    fact("e", "error", requirements=["OCI-R055"], reason="Oops: it broke\nfar down"),
    fact("f", "known", requirements=["OCI-R020"], violations=[violation("OCI-R020", severity="known")]),
]


def document(
    facts: list[dict[str, Any]],
    *,
    version: str = "dev",
    profile: tuple[str, ...] = PROFILES["oci"],
    known: tuple[KnownFailure, ...] = (),
) -> dict[str, Any]:
    results = Results(Settings(version=version, seed=3), "fake", profile, known)
    for one in facts:
        results.add(one)
    return results.document(started=STARTED, seconds=1.23456)


def rows(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in found["requirements"]}


def test_order_does_not_matter() -> None:
    assert document(FACTS) == document(FACTS[::-1])


def test_scenarios() -> None:
    found = document(FACTS)
    assert [row["id"][-1] for row in found["scenarios"]] == ["a", "b", "c", "d", "e", "f"]
    told = {"pass", "fail", "warn", "known", "unsupported", "error"}
    assert found["summary"]["scenarios"] == {**dict.fromkeys(told, 1), "skipped": 0, "not applicable": 0}


@pytest.mark.parametrize(
    ("row", "outcome"),
    [
        ("OCI-R014", "fail"),
        ("OCI-R106", "fail"),
        ("OCI-R010", "warn"),
        ("OCI-R020", "known"),
        ("OCI-R011", "pass"),
        ("OCI-R091", "unsupported"),
        ("OCI-R055", "untested"),
        ("OCI-R001", "untested"),
        ("AUTH-01", "unclaimed"),
    ],
)
def test_outcome_of_a_requirement(row: str, outcome: str) -> None:
    assert rows(document(FACTS))[row]["outcome"] == outcome


def test_requirement_of_another_version() -> None:
    assert rows(document(FACTS, version="1.0"))["OCI-R058"]["outcome"] == "not applicable"


def test_requirement_that_is_not_claimed() -> None:
    assert rows(document(FACTS, profile=("push",)))["OCI-R014"]["outcome"] == "unclaimed"


def test_passive_violation_is_told_once_with_a_count() -> None:
    found = rows(document(FACTS))["OCI-R106"]["violations"]
    assert [(one["passive"], one["count"], one["scenarios"]) for one in found] == [
        ("error body", 3, ["test_pull::a", "test_pull::b"])
    ]


def test_scenario_that_ran_again_counts_once() -> None:
    found = document([fact("a", "fail", violations=[violation("OCI-R014")]), fact("a")])
    assert found["summary"]["scenarios"]["fail"] == 0
    assert rows(found)["OCI-R014"]["violations"] == []


@pytest.mark.parametrize(
    ("facts", "conformant"),
    [
        ([FACTS[2], FACTS[3], FACTS[5]], True),
        ([fact("a", violations=[violation("OCI-R106", passive="error body")])], False),
        ([fact("a", violations=[violation("OCI-R107", severity="warn", passive="retry after")])], True),
        ([FACTS[4]], False),
        ([FACTS[0]], False),
    ],
)
def test_verdict(facts: list[dict[str, Any]], conformant: bool) -> None:
    assert document(facts)["summary"]["conformant"] is conformant


@pytest.mark.parametrize(
    ("line", "facts", "stale"),
    [
        (KnownFailure("OCI-R014", "why"), [fact("a")], True),
        (KnownFailure("OCI-R014", "why"), [fact("a", "unsupported")], False),
        (KnownFailure("OCI-R014", "why"), [FACTS[5]], False),
        (KnownFailure("OCI-R020", "why"), [FACTS[5]], False),
        (KnownFailure("OCI-R014", "why", scenarios=("test_push::*",)), [fact("a")], False),
    ],
)
def test_known_failure_that_did_not_happen(line: KnownFailure, facts: list[dict[str, Any]], stale: bool) -> None:
    found = document(facts, known=(line,))
    assert [one["stale"] for one in found["known"]] == [stale]
    if found["summary"]["judged"]:
        assert found["summary"]["conformant"] is not stale


READ_ONLY = {"push": "absent: POST answered 405"}


@pytest.mark.parametrize(
    ("row", "facts", "outcome", "reason"),
    [
        ("OCI-R014", [fact("a", "unsupported", reason="push: 405", capabilities=READ_ONLY)], "untested", "push: 405"),
        ("OCI-R026", [fact("a", "unsupported", reason="push: 405", capabilities=READ_ONLY, requirements=["OCI-R026"])],
         "unsupported", "push: 405"),
        ("OCI-R014", [fact("a", "unsupported", reason="no", capabilities={"mount": "absent: no"})],
         "unsupported", "no"),
        ("OCI-R014", [fact("a", "unsupported", reason="no", capabilities={"mount": "unknown: no"})], "untested", "no"),
        ("OCI-R014", [fact("a", "not applicable", reason="none here")], "not applicable", "none here"),
        ("OCI-R014", [fact("a", "not applicable"), fact("b", "skipped", reason="no identity")],
         "untested", "no identity"),
        ("OCI-R014", [fact("a", "not applicable"), fact("b")], "untested", "no scenario came to it"),
        ("OCI-R014", [fact("a", "error", reason="oops\nfar down")], "untested", "oops"),
        ("OCI-R011", [fact("a")], "untested", "no scenario about it was run"),
    ],
)  # fmt: skip
def test_why_a_requirement_was_not_judged(row: str, facts: list[dict[str, Any]], outcome: str, reason: str) -> None:
    found = rows(document(facts))[row]
    assert (found["outcome"], found["reason"]) == (outcome, reason)


def test_equal_findings_of_a_scenario_are_one() -> None:
    again = [violation("OCI-R014"), violation("OCI-R014"), violation("OCI-R014", severity="warn")]
    found = rows(document([fact("a", "fail", violations=again)]))["OCI-R014"]["violations"]
    assert [(one["severity"], one["count"], one["scenarios"]) for one in found] == [
        ("fail", 2, ["test_pull::a"]), ("warn", 1, ["test_pull::a"])]  # fmt: skip


def test_a_run_without_all_scenarios_is_partial() -> None:
    assert document(FACTS)["run"]["partial"]
    every = [fact(key, requirements=[key], kept=[key]) for key, row in catalogue().items() if not row.untestable]
    assert not document(every)["run"]["partial"]
    assert document(every[1:])["run"]["partial"]


def test_the_command_is_that_of_the_run() -> None:
    given = {"target": "http://ann:hush@host", "level": "should", "strict": "true", "seed": "9", "report": "there"}
    results = Results(Settings(target="http://***@host", given=given), "http://***@host", PROFILES["oci"])
    assert results.document(started=STARTED, seconds=1)["run"]["command"] == [
        "conformance", "http://host", "--level", "should", "--strict", "--username", "ann"]  # fmt: skip
    results.take_over("my registry", PROFILES["oci"], ())
    assert results.document(started=STARTED, seconds=1)["run"]["command"] == [
        "pytest", "--conformance-level", "should", "--conformance-strict", "--conformance-username", "ann"]  # fmt: skip
