"""What reports read out of results: the order, the verdict, the words."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.reading import (
    bug_report,
    findings,
    grade,
    groups,
    kept_text,
    listed,
    ordered_groups,
    profile,
    seen_in,
    violated,
    visible,
)
from tests.conformance.documents import OCI, document, eventful, known, row, scenario, violation

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


def test_a_run_without_a_violation_is_violated_by_an_error_or_a_stale_line() -> None:
    assert grade(document(requirements=[row()], scenarios=[scenario(outcome="error")])) == "violated"
    assert grade(document(requirements=[row()], lines=[known(stale=True)])) == "violated"


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
        "seen in:  test_pull::test_missing",
        "> GET http://127.0.0.1:5000/v2/a/manifests/none",
        "< 200",
        "again: curl -i -X GET http://127.0.0.1:5000/v2/a/manifests/none",
        "seed: 3",
    ]


def test_a_bug_report_without_an_exchange_has_no_empty_lines() -> None:
    bare = violation("test_pull::test_missing", exchange="", curl="", severity="known", reason="Theirs.")
    lines = bug_report(document(), row(), bare).splitlines()
    assert lines[3:] == ["seen in:  test_pull::test_missing", "known: Theirs.", "seed: 3"]


def test_seen_in() -> None:
    assert seen_in(violation("a", "b", "c", "d")) == "a, b, c and 1 more"
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
