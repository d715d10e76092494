"""The summary as Markdown."""

from __future__ import annotations

import pytest

from conformance.reports.markdown import LONGEST, code, fence, markdown, plain, table
from tests.conformance.documents import HOSTILE, document, eventful, large, row, scenario, unpushed, violation


def test_the_head() -> None:
    lines = markdown(eventful()).splitlines()
    assert lines[0] == "# http://127.0.0.1:5000: not conformant"
    assert lines[2].startswith("**1 of 5 kept**, 2 requirements violated, 1 scenario could not be judged, ")
    assert lines[4].startswith("Scenarios: 2 passed, 1 failed")
    assert "seed 3" in lines[6]


def test_a_conformant_run_is_short() -> None:
    lines = markdown(document(scenarios=[scenario()], requirements=[row()])).splitlines()
    assert lines[0] == "# fake: conformant"
    assert len(lines) == 7


def test_tables() -> None:
    lines = markdown(eventful()).splitlines()
    assert "| OCI-R055 | MUST | **violated** | n=0 gives an empty list \\| and no Link. | `status 200` |" in lines
    assert any(line.startswith("| OCI-R010 | SHOULD | warning |") for line in lines)
    assert "| OCI-R056 | MUST | Their issue 12. |" in lines
    assert "| tag\\_deletion | DELETE answered 405 |" in lines
    assert "- OCI-R014: It was so once." in lines


def test_a_long_answer_loses_its_middle_in_the_table() -> None:
    long = violation("a::b", got=f"begin{'x' * 1000}end")
    (line,) = (
        one for one in markdown(document(requirements=[row("a", "fail", long)])).splitlines() if one.startswith("| a |")
    )
    assert "`begin" in line
    assert "end` |" in line
    assert len(line) < 300


def test_what_was_not_judged_is_a_table() -> None:
    found = document(requirements=[row(), row("OCI-R060", "untested", reason="push: POST answered 405")])
    assert "| OCI-R060 | push: POST answered 405 |" in markdown(found)
    assert "not judged" not in markdown(document(requirements=[row()]))


def test_each_violation_is_a_bug_report_to_open() -> None:
    text = markdown(eventful())
    start = text.index("<details><summary>OCI-R055 (MUST): n=0 gives an empty list | and no Link.</summary>")
    shown = text[start : text.index("</details>", start)]
    assert "got:      status 200" in shown
    assert "again: curl -i -X GET" in shown
    assert text.index("<summary>OCI-R055") < text.index("<summary>OCI-R010 (SHOULD)")
    assert "<summary>Could not be judged: test_push::test_length (OCI-R014)</summary>" in text


def test_many_violations_of_a_requirement_are_cut_short() -> None:
    one = row("OCI-R055", "fail", *(violation(f"test_tags::test_{number}") for number in range(9)))
    text = markdown(document(requirements=[one]))
    assert text.count("expected: status 404") == 3
    assert "6 more are in `report.html`." in text


def test_a_run_that_did_not_come_to_its_end() -> None:
    lines = markdown(document(requirements=[row()], ended="the target <a> stopped answering: b")).splitlines()
    assert lines[0] == "# fake: could not be judged to its end: the target \\<a\\> stopped answering: b"
    assert markdown(document(requirements=[row()], partial=True)).startswith(
        "# fake: conformant (of a part of the scenarios)\n")  # fmt: skip


def test_a_registry_that_takes_no_pushes() -> None:
    assert markdown(unpushed()).splitlines()[8].startswith("Nothing could be pushed (POST answered 405), so that ")


def test_the_heading_says_what_follows() -> None:
    def headings(*outcomes: str) -> list[str]:
        rows = [row(f"OCI-R{n}", one, violation("a::b", severity=one)) for n, one in enumerate(outcomes)]
        return [line for line in markdown(document(requirements=rows)).splitlines() if line.startswith("## ")]

    assert headings("warn") == ["## Warnings"]
    assert headings("warn", "fail") == ["## Violations"]


def test_how_to_see_violations_again_is_told_once() -> None:
    rows = [row(key, "fail", violation("a::b")) for key in ("OCI-R011", "OCI-R012")]
    text = markdown(document(requirements=rows))
    assert text.count("The run removed its content") == 1
    assert (
        "`conformance fake --requirement OCI-R011 --seed 3 --report conformance-report-OCI-R011` does it all again."
        in text
    )
    assert "from the start: conformance fake --requirement OCI-R012 --seed 3" in text
    bare = row("OCI-R011", "fail", violation("a::b", curl=""))
    assert "The run removed its content" not in markdown(document(requirements=[bare]))


@pytest.mark.parametrize(("level", "explained"), [("MUST", True), ("SHOULD", False)])
def test_a_must_that_only_warns_is_explained(level: str, explained: bool) -> None:
    found = document(requirements=[row("OCI-R055", "warn", violation("a::b", severity="warn"), level=level)])
    assert ("\nWarning although a MUST: " in markdown(found)) is explained


@pytest.mark.parametrize("size", [10, 5000])
def test_it_fits_into_a_comment(size: int) -> None:
    found = large()
    for one in found["requirements"]:
        for seen in one["violations"]:
            seen["exchange"] = "> GET /\n" * size
    text = markdown(found)
    assert len(text) < LONGEST + 100
    assert ("details more are in `report.html`." in text) is (size > 10)


def test_a_server_cannot_leave_a_block_of_code() -> None:
    text = markdown(eventful())
    for line in text.splitlines():
        if line.startswith("<") and "script" in line:
            assert line.startswith("< "), line
    block = fence(HOSTILE)
    assert block[0] == "``````text"
    assert block[-1] == "``````"
    assert "\x1b" not in text


def test_what_opens_a_part_is_escaped() -> None:
    found = document(scenarios=[scenario("test_pull::test_a[</summary><b>]", "error", reason="Oops")])
    assert (
        "<summary>Could not be judged: test_pull::test_a[&lt;/summary&gt;&lt;b&gt;] (OCI-R014)</summary>"
        in markdown(found)
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a_b *c* [d](e) <f> `g`", "a\\_b \\*c\\* \\[d\\](e) \\<f\\> \\`g\\`"),
        ("a\nb", "a\\\\nb"),
        ("", ""),
    ],
)
def test_plain(text: str, shown: str) -> None:
    assert plain(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a", "`a`"), ("a`b", "``a`b``"), ("`a", "`` `a ``"), (" ", "` `"), ("``", "``` `` ```"), ("a\nb", "`a\\nb`"),
     ("", "")],
)  # fmt: skip
def test_code(text: str, shown: str) -> None:
    assert code(text) == shown


def test_table() -> None:
    assert table(["A", "B"], [["1", "a|b"]]) == ["", "| A | B |", "| --- | --- |", "| 1 | a\\|b |"]
    assert table(["A"], []) == []
