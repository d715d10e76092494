"""What reports read out of results: the order, the verdict, the words."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from conformance.output.terminal import visible
from conformance.reports.reading import (
    bug_report,
    findings,
    from_the_start,
    grade,
    groups,
    kept_text,
    listed,
    little_judged,
    only_warned,
    ordered_groups,
    profile,
    seen_in,
    verdict,
    violated,
    why_not,
)
from tests.conformance.documents import OCI, document, eventful, known, row, scenario, unpushed, violation

SEEN = violation("test_pull::test_missing")


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([row("a"), row("b", "fail", SEEN), row("c", "known", SEEN)], "violated"),
        ([row("a"), row("b", "warn", SEEN), row("c", "known", SEEN)], "known"),
        ([row("a"), row("b", "warn", SEEN)], "warned"),
        ([row("a"), row("b", "unsupported")], "kept"),
        ([row("a", "unsupported"), row("b", "untested")], "unjudged"),
    ],
)
def test_grade(rows: list[dict[str, Any]], expected: str) -> None:
    assert grade(document(requirements=rows)) == expected


def test_a_run_without_a_violation_says_what_else_it_failed_by() -> None:
    error = document(requirements=[row()], scenarios=[scenario(outcome="error")])
    stale = document(requirements=[row()], lines=[known(stale=True), known("OCI-R056")])
    assert (grade(error), verdict(error)) == ("undecided", "no verdict, because scenarios could not be judged")
    assert (grade(stale), verdict(stale)) == (
        "stale",
        "the list of known failures is out of date (take off what does not fail any more: OCI-R055), "
        "and nothing else is wrong",
    )
    assert not any(found["summary"]["conformant"] for found in (error, stale))


def test_the_verdict_claims_no_more_than_was_judged() -> None:
    rows = [row(), row("b", "untested"), row("c", "unsupported")]
    assert verdict(document(requirements=rows)) == "conformant in what was judged"
    assert verdict(document(requirements=[row("w", "warn", SEEN), rows[1]])) == (
        "conformant in what was judged, with warnings")  # fmt: skip
    mostly = [row(), *(row(f"u{number}", "unsupported") for number in range(2))]
    assert verdict(document(requirements=mostly)) == "conformant in what was judged"
    assert verdict(document(requirements=mostly[:2])) == "conformant"
    assert verdict(document(requirements=[row(), row("b", "untested", untestable="no wire shows it")])) == "conformant"
    assert verdict(document(requirements=[row(), row("b", "not applicable")])) == "conformant"


@pytest.mark.parametrize("outcome", ["untested", "unsupported"])
def test_strict_wants_everything_judged(outcome: str) -> None:
    found = document(requirements=[row(), row("b", outcome)], strict=True)
    assert (grade(found), found["summary"]["conformant"]) == ("incomplete", False)
    assert document(requirements=[row(), row("b", "not applicable")], strict=True)["summary"]["conformant"]
    assert document(requirements=[row(), row("b", outcome)])["summary"]["conformant"]


def test_a_run_that_judged_too_little_is_not_conformant() -> None:
    assert (grade(unpushed()), verdict(unpushed())) == ("unjudged", "too little was judged")
    assert not unpushed()["summary"]["conformant"]
    assert verdict(unpushed(row("OCI-R011"))) == "conformant"


def test_reasons_are_told_with_their_requirements() -> None:
    rows = [
        row("a", "untested", reason="no"),
        row("b", "unsupported", reason="405"),
        row("c", "untested", reason="405"),
    ]
    found = document(requirements=[*rows, row("d", "untested", untestable="never", reason="never")])
    assert why_not(found, "untested", "unsupported") == [("405", ["b", "c"]), ("no", ["a"])]


GONE = "the target http://a stopped answering: refused\nfar down"


@pytest.mark.parametrize(
    ("rows", "run", "expected"),
    [
        ([row()], {"ended": "interrupted"}, ("unjudged", "interrupted after 2 scenarios")),
        ([row()], {"ended": GONE}, ("unjudged", f"could not be judged to its end: {GONE.splitlines()[0]}")),
        ([row("a", "fail", SEEN)], {"ended": "interrupted"}, (
            "violated", "not conformant; interrupted after 2 scenarios")),
        ([row()], {"partial": True}, ("kept", "conformant (of a part of the scenarios)")),
        ([row("a", "warn", SEEN)], {"partial": True}, (
            "warned", "conformant, with warnings (of a part of the scenarios)")),
        ([row()], {"ended": "interrupted", "partial": True}, (
            "unjudged", "interrupted after 2 scenarios (of a part of the scenarios)")),
        ([row()], {}, ("kept", "conformant")),
    ],
)  # fmt: skip
def test_verdict(rows: list[dict[str, Any]], run: dict[str, Any], expected: tuple[str, str]) -> None:
    found = document(requirements=rows, scenarios=[scenario(), scenario("test_pull::test_b")], **run)
    assert (grade(found), verdict(found)) == expected


def test_a_run_that_ended_is_violated_by_a_scenario_that_failed_but_not_by_one_that_nobody_answered() -> None:
    silent, failed = (document(scenarios=[scenario(outcome=one)], ended=GONE) for one in ("error", "fail"))
    assert (grade(silent), grade(failed)) == ("unjudged", "violated")
    assert verdict(document(scenarios=[scenario()], ended="interrupted")) == "interrupted after 1 scenario"


def test_little_is_judged_where_nothing_can_be_pushed_and_hardly_anything_was_pulled() -> None:
    assert little_judged(unpushed()) == (
        "nothing could be pushed (POST answered 405), so that little was judged: "
        "--references NAME:TAG tests what is there already"
    )
    assert little_judged(unpushed(row("OCI-R011"))) == ""
    others = [row(f"OCI-R10{number}", category="protocol") for number in range(9)]
    assert little_judged(unpushed(*others)) != ""
    assert little_judged(document(requirements=[row(), row("b", "untested")], capabilities={"push": "present"})) == ""
    assert little_judged(document(requirements=[row(), row("b", "untested")])) == ""


def test_little_is_judged_of_a_target_that_claims_no_pulling() -> None:
    rows = [row("GHD-01", "unsupported", category="github-docker"), row("OCI-R014", "unclaimed")]
    assert little_judged(document(requirements=rows, capabilities={"push": "absent: no"})) != ""
    kept = [row("GHD-01", category="github-docker"), row("OCI-R014", "unclaimed")]
    assert little_judged(document(requirements=kept, capabilities={"push": "absent: no"})) == ""


@pytest.mark.parametrize(
    ("outcome", "level", "explained"),
    [("warn", "MUST", True), ("warn", "MUST NOT", True), ("warn", "SHOULD", False), ("fail", "MUST", False)],
)
def test_a_must_that_only_warns_is_explained(outcome: str, level: str, explained: bool) -> None:
    assert bool(only_warned([row(), row("b", outcome, SEEN, level=level)])) is explained


def test_kept_counts_what_was_judged() -> None:
    assert kept_text(eventful()) == "1 of 5 kept"
    assert kept_text(document(requirements=[row(outcome="untested")])) == "nothing judged"


def test_what_must_be_comes_before_what_should_be() -> None:
    rows = [
        row("w", "warn", SEEN, level="SHOULD"),
        row("s", "fail", SEEN, level="SHOULD NOT"),
        row("m", "fail", SEEN),
        row("k", "known", SEEN),
    ]
    assert [one["id"] for one in violated(document(requirements=rows), "fail", "warn")] == ["m", "s", "w"]


def test_findings() -> None:
    assert findings(eventful()) == [
        "2 requirements violated",
        "1 scenario could not be judged",
        "1 known failure did not happen",
        "1 warning",
        "1 known failure",
        "1 unsupported",
    ]
    levels = [row("a", "fail", SEEN), row("b", "fail", SEEN, level="SHOULD"), row("c", "untested")]
    assert findings(document(requirements=levels)) == [
        "2 requirements violated (1 MUST, 1 SHOULD)",
        "1 claimed requirement not judged",
    ]


@pytest.mark.parametrize(
    ("claimed", "expected"),
    [
        (OCI, "oci"),
        ((*OCI, "auth"), "oci, auth"),
        (("protocol", "auth", "github-container"), "auth, github-container"),
        (("pull", "push"), "pull, push"),
        (("protocol", "pull", "github-docker"), "github-docker, pull"),
        ((), "nothing"),
    ],
)
def test_profile(claimed: tuple[str, ...], expected: str) -> None:
    assert profile(document(profile=list(claimed))) == expected


def test_groups() -> None:
    assert ordered_groups(["tags", "foreign layers", "delete", "auth scopes"]) == [
        "auth scopes", "foreign layers", "delete", "tags"]  # fmt: skip
    found = groups([scenario(), scenario("test_pull::test_b", "fail"), scenario("test_tag_push_pull::test_a")])
    assert found == {"tag push pull": {"pass": 1}, "pull": {"pass": 1, "fail": 1}}


def test_a_bug_report_explains_itself() -> None:
    found = document(requirements=[row("OCI-R014", "fail", SEEN)])
    assert bug_report(found, found["requirements"][0], SEEN).splitlines() == [
        "OCI-R014 (MUST in dev, OCI distribution specification, section 'Pulling manifests'): "
        "GET of a manifest that is not there answers 404.",
        "expected: status 404",
        "got:      status 200",
        "request:  GET /v2/a/manifests/none",
        "seen in:  test_pull::test_missing",
        "> GET http://127.0.0.1:5000/v2/a/manifests/none",
        "< 200",
        "again: curl -i -X GET http://127.0.0.1:5000/v2/a/manifests/none",
        "from the start: conformance fake --requirement OCI-R014 --seed 3 --report conformance-report-OCI-R014",
    ]


def test_a_bug_report_without_an_exchange_has_no_empty_lines() -> None:
    bare = violation("test_pull::test_missing", exchange="", curl="", request="", severity="known", reason="Theirs.")
    lines = bug_report(document(), row(), bare).splitlines()
    assert lines[3:-1] == ["seen in:  test_pull::test_missing", "known: Theirs."]


def test_the_line_that_does_all_again_is_safe_in_a_shell() -> None:
    found = document(target="http://***@host/$(touch a) 'b'", seed=7)
    words = ["conformance", "http://***@host/$(touch a) 'b'", "--requirement", "OCI-R014", "--seed", "7"]
    assert shlex.split(from_the_start(found, "OCI-R014")) == [*words, "--report", "conformance-report-OCI-R014"]
    assert "'$(touch" not in from_the_start(found, "OCI-R014")


def test_the_line_that_does_all_again_takes_secrets_from_variables() -> None:
    line = from_the_start(document(variables=["CONFORMANCE_PASSWORD"]), "OCI-R014")
    assert line.startswith('CONFORMANCE_PASSWORD="$CONFORMANCE_PASSWORD" conformance fake --requirement OCI-R014 ')


def test_the_line_that_does_all_again_in_another_project_is_of_pytest() -> None:
    found = document(command=["pytest", "--conformance-level", "should"], report="")
    assert from_the_start(found, "OCI-R014") == (
        "pytest --conformance-level should --conformance-requirement OCI-R014 --conformance-seed 3 "
        "--conformance-report conformance-report-OCI-R014"
    )


def test_a_warning_among_violations_is_marked() -> None:
    only = violation("test_pull::test_missing", severity="warn")
    assert "grade:    only a warning" in bug_report(document(), row("a", "fail"), only)
    assert "grade:" not in bug_report(document(), row("a", "warn"), only)
    assert "grade:" not in bug_report(document(), row("a", "fail"), SEEN)


def test_seen_in() -> None:
    assert seen_in(violation("a", "b", "c", "d")) == "a, b, c and 1 more"
    assert seen_in(violation("a", count=2)) == "a (2 times)"
    assert seen_in(violation("a", passive="error body")) == "a (once, passive check: error body)"
    assert seen_in(violation("a", passive="error body", count=4)) == "a (4 times, passive check: error body)"
    assert listed(["a", "b"], most=2) == "a, b"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, é and 漢", "plain, é and 漢"),
        ("\x1b[31m\x00", "\\x1b[31m\\x00"),
        ("a\u202eb\u200b", "a\\u202eb\\u200b"),
        ("\ud800\U000e0001", "\\ud800\\U000e0001"),
        ("a\n\tb\r", "a\n\tb\\r"),
    ],
)
def test_visible(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_visible_on_one_line() -> None:
    assert visible("a\nb", keep="") == "a\\nb"
