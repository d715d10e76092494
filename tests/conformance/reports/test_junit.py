"""JUnit XML, read back the way a CI server does."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest

from conformance.reports.junit import junit
from tests.conformance.documents import document, eventful, known, large, row, scenario, violation


def suite(found: dict[str, Any]) -> Element:
    read = ElementTree.fromstring(junit(found)).find("testsuite")
    assert read is not None
    return read


def cases(found: dict[str, Any]) -> dict[str, Element]:
    return {f"{case.get('classname')}::{case.get('name')}": case for case in suite(found).iter("testcase")}


def kinds(case: Element) -> list[str]:
    return [child.tag for child in case if child.tag != "properties"]


def test_counts() -> None:
    root = ElementTree.fromstring(junit(eventful()))
    counts = {"tests": "10", "failures": "3", "errors": "1", "skipped": "4", "time": "1.234"}
    for element in (root, suite(eventful())):
        assert {name: element.get(name) for name in counts} == counts
    assert suite(eventful()).get("timestamp") == "2026-01-01T00:00:00+00:00"


def test_a_suite_says_what_was_tested() -> None:
    facts = {one.get("name"): one.get("value") for one in suite(eventful()).findall("properties/property")}
    assert facts["target"] == "http://127.0.0.1:5000"
    assert facts["profile"] == "oci"
    assert facts["verdict"] == "not conformant"
    assert facts["seed"] == "3"


def test_the_verdict_of_a_run_that_did_not_come_to_its_end() -> None:
    found = suite(document(scenarios=[scenario()], requirements=[row()], ended="interrupted", partial=True))
    facts = {one.get("name"): one.get("value") for one in found.findall("properties/property")}
    assert facts["verdict"] == "interrupted after 1 scenario (of a part of the scenarios)"


@pytest.mark.parametrize("run", [{"strict": True}, {"capabilities": {"push": "absent: POST answered 405"}}])
def test_a_run_that_judged_too_little_is_a_failure(run: dict[str, Any]) -> None:
    found = document(requirements=[row(), row("OCI-R060", "untested", reason="push: POST answered 405")], **run)
    failure = cases(found)["verdict::what was judged"].find("failure")
    assert failure is not None
    assert failure.get("message") == found["summary"]["verdict"]
    assert "OCI-R060: push: POST answered 405" in str(failure.text)


def test_how_to_see_violations_again_is_told_once_in_a_case() -> None:
    rows = [row(key, "fail", violation("test_pull::test_missing")) for key in ("OCI-R011", "OCI-R012")]
    failure = cases(document(scenarios=[scenario()], requirements=rows))["test_pull::test_missing"].find("failure")
    assert failure is not None
    assert str(failure.text).count("The run removed its content") == 1
    assert "from the start: conformance fake --requirement OCI-R012 --seed 3" in str(failure.text)


@pytest.mark.parametrize(("level", "explained"), [("MUST", True), ("SHOULD", False)])
def test_a_must_that_only_warns_is_explained(level: str, explained: bool) -> None:
    seen = violation("test_pull::test_missing", severity="warn", curl="")
    found = document(scenarios=[scenario()], requirements=[row("OCI-R055", "warn", seen, level=level)])
    told = cases(found)["test_pull::test_missing"].findtext("system-out", "")
    assert ("warning although a MUST: " in told) is explained
    assert "The run removed its content" not in told


def test_there_is_a_case_for_each_scenario() -> None:
    assert set(cases(large())) == {one["id"] for one in large()["scenarios"]}
    case = cases(eventful())["test_push::test_digest[sha256]"]
    assert case.get("time") == "0.012"
    assert [one.get("value") for one in case.findall("properties/property")] == ["OCI-R014"]


@pytest.mark.parametrize(
    ("name", "expected", "message"),
    [
        ("test_tags::test_n[0]", ["failure"], "OCI-R055 MUST: n=0 gives an empty list | and no Link. Expected status "
                                              "404, got status 200 to GET /v2/a/manifests/none"),
        ("test_tags::test_n[1]", ["system-out"], ""),
        ("test_tags::test_order", ["skipped", "system-out"], "known failure: Their issue 12."),
        ("test_push::test_digest[sha256]", [], ""),
        ("test_delete::test_tag", ["skipped"], "unsupported: DELETE answered 405"),
        ("test_referrers::test_filter", ["skipped"], "not applicable: none of its requirements is in 1.0"),
        ("test_layer_limits::test_full", ["skipped"], "skipped: only with --conformance-full-size"),
        ("known failures::OCI-R014", ["failure"], "OCI-R014 is on the list of known failures, but does not fail any "
                                                  "more: take it off"),
    ],
)  # fmt: skip
def test_what_a_case_says(name: str, expected: list[str], message: str) -> None:
    case = cases(eventful())[name]
    assert kinds(case) == expected
    assert next((child.get("message") for child in case if child.get("message")), "") == message


def test_a_failure_holds_the_bug_report() -> None:
    failure = cases(eventful())["test_tags::test_n[0]"].find("failure")
    assert failure is not None
    assert failure.text is not None
    assert "> GET http://127.0.0.1:5000/v2/a/manifests/none\n< 200\nagain: curl -i" in failure.text


def test_a_warning_is_told_and_fails_nothing() -> None:
    told = cases(eventful())["test_tags::test_n[1]"].findtext("system-out")
    assert told is not None
    assert told.startswith("OCI-R010 (SHOULD in dev")


def test_a_passive_violation_fails_the_first_scenario_that_saw_it() -> None:
    found = cases(eventful())
    failure = found["test_pull::test_missing"].find("failure")
    assert failure is not None
    assert str(failure.get("message")).startswith("OCI-R106 MUST: An error has a JSON body. Expected a JSON body, got ")
    assert "3 times, passive check: error body" in str(failure.text)
    assert kinds(found["test_push::test_digest[sha256]"]) == []


def test_several_violations_are_one_failure() -> None:
    found = document(
        scenarios=[scenario(outcome="error", reason="Oops: it broke")],
        requirements=[row(key, "fail", violation("test_pull::test_missing")) for key in ("OCI-R011", "OCI-R012")],
    )
    case = cases(found)["test_pull::test_missing"]
    assert kinds(case) == ["failure"]
    assert str(case[1].get("message")).endswith(" (and 1 more)")
    assert [part in str(case[1].text) for part in ("OCI-R011 (MUST", "OCI-R012 (MUST", "Oops: it broke")] == [True] * 3


def test_a_failed_scenario_without_a_violation_says_why() -> None:
    case = cases(document(scenarios=[scenario(outcome="fail", reason="It broke.\nFar down.")]))
    failure = case["test_pull::test_missing"].find("failure")
    assert failure is not None
    assert (failure.get("message"), failure.text) == ("It broke.", "It broke.\nFar down.")


def test_an_error() -> None:
    error = cases(eventful())["test_push::test_length"].find("error")
    assert error is not None
    assert str(error.get("message")).startswith("OCI-R014 could not be judged: TypeError: </pre><script>")
    assert str(error.text).endswith("\nfar down")


def test_a_stale_line_is_told_with_its_patterns() -> None:
    lines = [known("OCI-R014", stale=True, scenarios=["test_pull::*", "test_push::*"]), known("OCI-R015")]
    assert list(cases(document(requirements=[row()], lines=lines))) == [
        "known failures::OCI-R014 test_pull::* test_push::*"
    ]
