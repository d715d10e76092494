"""The summary on the terminal."""

from __future__ import annotations

from conformance.reports.summary import MOST_ROWS, headline, text
from tests.conformance.documents import HOSTILE, document, eventful, known, row, scenario, unpushed, violation


def test_the_counts_come_first_and_the_verdict_last() -> None:
    lines = text(eventful())
    assert lines[:4] == [
        "target http://127.0.0.1:5000, profile oci, specification dev, level must, seed 3",
        "scenarios:    2 passed, 1 failed, 1 warned, 1 known, 1 unsupported, 1 not applicable, 1 skipped, 1 not judged",
        "requirements: 2 fail, 1 warn, 1 known, 1 pass, 1 unsupported, 1 untested, 1 unclaimed, 1 not applicable",
        "absent:       tag_deletion (DELETE answered 405)",
    ]
    assert lines[-1].startswith("not conformant: 1 of 5 kept, 2 requirements violated, 1 scenario could not be judged")


def test_a_violation() -> None:
    lines = text(eventful())
    start = lines.index("OCI-R055 MUST FAIL: n=0 gives an empty list | and no Link.")
    assert lines[start + 1 : start + 5] == [
        "  in test_tags::test_n[0]",
        "    expected: status 404",
        "    got:      status 200",
        "    request:  GET /v2/a/manifests/none",
    ]
    assert "  in test_pull::test_missing, test_push::test_digest[sha256] (3 times, passive check: error body)" in lines
    assert start < lines.index("OCI-R010 SHOULD WARN: A manifest comes back with the Content-Type that it was pushed "
                               "with.")  # fmt: skip


def test_a_warning_under_a_violated_requirement_is_marked() -> None:
    found = document(requirements=[row("a", "fail", violation("x::y"), violation("x::z", severity="warn"))])
    assert [line for line in text(found) if " in x::" in line] == ["  in x::y", "  only a warning, in x::z"]


def test_what_was_not_judged_is_told_with_the_reason() -> None:
    rows = [row(f"OCI-R{number:03}", "untested", reason="push: POST answered 405") for number in range(4)]
    told = "not judged:   OCI-R000, OCI-R001, OCI-R002 and 1 more: push: POST answered 405"
    assert told in text(document(requirements=[row(), *rows]))
    assert told not in text(document(requirements=[row(), *rows], partial=True))


def test_known_failures_and_those_that_did_not_happen() -> None:
    found = document(
        requirements=[row("OCI-R056", "known", violation("a::b", severity="known", reason="Their issue 12."))],
        lines=[known("OCI-R014", reason="It was so.", stale=True, scenarios=["test_pull::*"]), known("OCI-R056")],
    )
    assert text(found)[3:6] == [
        "",
        "OCI-R056 MUST KNOWN: Their issue 12.",
        "OCI-R014 STALE: this known failure does not happen any more, take it off the list: It was so. "
        "(in test_pull::*)",
    ]


def test_a_requirement_with_new_and_known_violations_tells_the_new_ones() -> None:
    old = violation("test_tags::old", severity="known", reason="Their issue 12.")
    found = document(requirements=[row("OCI-R055", "fail", old, violation("test_tags::new"))])
    assert [line for line in text(found) if "  in " in line] == ["  in test_tags::new"]


def test_errors_with_the_same_reason_are_told_together() -> None:
    broken = [scenario(f"test_push::test_{n}", "error", reason=f"Oops: it broke\nfar down {n}") for n in range(5)]
    assert text(document(scenarios=broken))[3:9] == [
        "",
        "ERROR Oops: it broke",
        "  in test_push::test_0 (OCI-R014)",
        "  in test_push::test_1 (OCI-R014)",
        "  in test_push::test_2 (OCI-R014)",
        "  and 2 more, in the report",
    ]


def test_many_violations_are_cut_short() -> None:
    one = row("OCI-R055", "fail", *(violation(f"test_tags::test_{number}") for number in range(9)))
    assert "  and 6 more, in the report" in text(document(requirements=[one]))


def test_many_requirements_are_cut_short() -> None:
    rows = [row(f"OCI-R{number:03}", "fail", violation("a::b")) for number in range(MOST_ROWS + 2)]
    lines = text(document(requirements=rows))
    assert sum(" MUST FAIL: " in line for line in lines) == MOST_ROWS
    assert "and 2 requirements more, in the report: OCI-R025 fail, OCI-R026 fail" in lines


def test_a_terminal_obeys_no_server() -> None:
    lines = text(eventful())
    assert all(line.isprintable() for line in lines)
    assert "    got:      " + HOSTILE.replace("\x1b", "\\x1b").replace("\x00", "\\x00") in lines


def test_a_run_that_did_not_come_to_its_end() -> None:
    lines = text(document(scenarios=[scenario()], requirements=[row()], ended="the target a stopped answering: b"))
    assert lines[-1] == "could not be judged to its end: the target a stopped answering: b: 1 of 1 kept"
    assert text(document(requirements=[row()], partial=True))[-1] == (
        "conformant (of a part of the scenarios): 1 of 1 kept")  # fmt: skip


def test_a_registry_that_takes_no_pushes() -> None:
    assert text(unpushed())[-2].startswith("nothing could be pushed (POST answered 405), so that little was judged: ")
    assert text(document(requirements=[row()]))[-2] == ""


def test_violations_end_with_how_to_see_them_again() -> None:
    again = "again: conformance fake --requirement OCI-R055 --seed 3 --report conformance-report-OCI-R055"
    assert again in text(document(requirements=[row("OCI-R055", "fail", violation("a::b"))]))
    assert again not in text(document(requirements=[row()]))


def test_a_must_that_only_warns_is_explained() -> None:
    def explained(level: str) -> bool:
        seen = violation("a::b", severity="warn")
        lines = text(document(requirements=[row("OCI-R055", "warn", seen, level=level)]))
        return any(line.startswith("warning although a MUST: ") for line in lines)

    assert [explained(level) for level in ("MUST", "SHOULD")] == [True, False]


def test_headline_leaves_out_what_is_rare() -> None:
    assert headline(document(scenarios=[scenario()])) == "1 passed, 0 failed, 0 warned, 0 unsupported"
