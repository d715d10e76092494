"""report.html, read as a browser without scripts reads it; with a real browser see tests/e2e."""

from __future__ import annotations

import re
from typing import Any

import pytest

from conformance.reports.html import REQUIREMENT_WORDS, SCENARIO_WORDS
from conformance.reports.html_report import OPEN_REPORTS, html_report
from conformance.reports.results import REQUIREMENT_OUTCOMES, SCENARIO_OUTCOMES
from tests.conformance.documents import HOSTILE, document, eventful, known, large, row, scenario, unpushed, violation
from tests.fakereg.html_page import Page

SHOWN_HOSTILE = HOSTILE.replace("\x1b", "\\x1b").replace("\x00", "\\x00")


class Report(Page):
    """The page; nothing closes its input fields and the pieces of its bars."""

    EMPTY = (*Page.EMPTY, "input", "rect")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))


def report(found: dict[str, Any]) -> Report:
    return Report(html_report(found))


def section(found: dict[str, Any], name: str) -> str:
    """The source of one part."""
    text = html_report(found)
    start = text.index(f'<section id="{name}">')
    following = re.search(r'<section id="|</main>', text[start + 1 :])
    assert following is not None
    return text[start : start + following.start()]


def test_the_verdict_and_what_was_tested_come_first() -> None:
    page = report(eventful())
    assert page.text.startswith(
        "http://127.0.0.1:5000: not conformant Registry conformance report http://127.0.0.1:5000 Not conformant "
        "1 of 5 judged requirements are kept; 2 requirements violated, 1 scenario could not be judged, "
    )
    facts = "Profile oci Specification OCI distribution dev Level must Scenarios 9 Date 1 January 2026, 00:00 UTC"
    assert f"{facts} Duration 1.2 s Seed 3 Suite fakereg conformance 0.1.0" in page.text


def test_a_run_in_which_nothing_was_judged() -> None:
    assert "Nothing was judged No requirement was judged." in report(document()).text


def test_a_run_that_did_not_come_to_its_end() -> None:
    text = html_report(document(requirements=[row()], ended="the target http://A stopped answering: b"))
    assert "Could not be judged to its end: the target http://A stopped answering: b" in Report(text).text
    assert '<header class="top unjudged">' in text
    assert "Conformant (of a part of the scenarios)" in report(document(requirements=[row()], partial=True)).text


def test_a_registry_that_takes_no_pushes() -> None:
    said = "Nothing could be pushed (POST answered 405), so that little was judged"
    assert said in report(unpushed()).text
    assert said not in report(unpushed(row("OCI-R011"))).text


def test_how_to_see_violations_again() -> None:
    rows = [row(key, "fail", violation("a::b")) for key in ("OCI-R011", "OCI-R012")]
    shown = report(document(requirements=rows)).text
    assert shown.count("The run removed its content") == 1
    assert "conformance fake --requirement OCI-R012 --seed 3 --report conformance-report-OCI-R012" in shown
    assert "The run removed its content" not in report(document(requirements=[row()])).text


@pytest.mark.parametrize(("level", "explained"), [("MUST", True), ("SHOULD", False)])
def test_a_must_that_only_warns_is_explained(level: str, explained: bool) -> None:
    found = document(requirements=[row("OCI-R055", "warn", violation("a::b", severity="warn"), level=level)])
    assert ("Warning although a MUST: " in Report(section(found, "warnings")).text) is explained


def test_parts_that_have_nothing_to_tell_are_left_out() -> None:
    page = report(document(scenarios=[scenario()], requirements=[row()]))
    assert {str(one.get("id")) for one in page.find("section") if one.get("id")} == {
        "coverage", "requirements", "scenarios"}  # fmt: skip
    assert {link for link in page.links if link.startswith("#")} == {"#coverage", "#requirements", "#scenarios"}


def test_every_link_leads_somewhere() -> None:
    page = report(eventful())
    there = {str(attributes.get("id")) for _, attributes in page.elements}
    assert {link[1:] for link in page.links if link.startswith("#")} <= there


def test_a_violation() -> None:
    text = section(eventful(), "violations")
    assert text.index('id="OCI-R055"') < text.index('id="OCI-R106"')
    shown = Report(text).text
    assert "OCI-R055 MUST violated n=0 gives an empty list | and no Link." in shown
    assert "OCI distribution specification, section “Listing tags”. Category discovery." in shown
    assert "Expected status 404 Got status 200 Request: GET /v2/a/manifests/none Seen in test_tags::test_n[0]" in shown
    assert "> GET http://127.0.0.1:5000/v2/a/manifests/none < 200 curl -i -X GET http://127.0.0.1:5000/v2/" in shown
    assert "Seen 3 times by the check that looks at every exchange ( error body )" in shown


def test_more_violations_of_one_requirement_are_there_to_open() -> None:
    one = row("OCI-R055", "fail", *(violation(f"test_tags::test_{number}") for number in range(9)))
    text = section(document(requirements=[one]), "violations")
    assert "6 violations more of this requirement" in text
    assert text.count("Expected") == 9


def test_exchanges_are_open_unless_there_are_many() -> None:
    def opened(number: int) -> int:
        rows = [row(f"OCI-R{n:03}", "fail", violation("a::b"), violation("a::c")) for n in range(number)]
        return html_report(document(requirements=rows)).count("<details open>")

    assert opened(OPEN_REPORTS) == OPEN_REPORTS
    assert opened(OPEN_REPORTS + 1) == 0


def test_a_requirement_with_new_and_known_violations_shows_each_in_its_place() -> None:
    old = violation("test_tags::old", severity="known", reason="Their issue 12.")
    found = document(
        requirements=[row("OCI-R055", "fail", old, violation("test_tags::new"))], lines=[known("OCI-R055")]
    )
    assert "test_tags::old" not in section(found, "violations")
    assert "test_tags::old" in section(found, "known")
    assert "test_tags::new" not in section(found, "known")


def test_known_failures() -> None:
    shown = Report(section(eventful(), "known")).text
    assert "OCI-R056 MUST known failure" in shown
    assert "Their issue 12. https://example.com/issues/12 Only in test_tags::*" in shown
    assert "OCI-R014 MUST did not happen" in shown
    unseen = document(lines=[known("OCI-R777")])
    assert "OCI-R777 not judged in this run Their issue 12." in Report(section(unseen, "known")).text


def test_only_an_address_of_the_web_is_a_link() -> None:
    page = report(eventful())
    assert "https://example.com/issues/12" in page.links
    assert "javascript:alert(1)" in page.text
    assert not any("javascript" in link for link in page.links)


def test_scenarios_that_could_not_be_judged() -> None:
    broken = [scenario(f"test_push::test_{n}", "error", reason="Oops: it broke\nfar down") for n in range(5)]
    shown = Report(section(document(scenarios=broken), "errors")).text
    assert shown == (
        "Scenarios that could not be judged 5 Oops: it broke test_push::test_0 (OCI-R014) , "
        "test_push::test_1 (OCI-R014) , test_push::test_2 (OCI-R014) and 2 more Details far down"
    )


def test_requirements_that_were_not_judged_have_reasons() -> None:
    open_rows = [row("OCI-R060", "untested", reason="push: 405"), row("OCI-R061", "unsupported", reason="GET: 404")]
    found = document(requirements=[row(), *open_rows])
    shown = Report(section(found, "not-judged")).text
    assert "1 push: 405 OCI-R060" in shown
    assert "1 GET: 404 OCI-R061" in shown
    assert "1 of 3 requirements that apply were judged." in report(found).text


def test_a_warning_among_violations_is_marked() -> None:
    seen = [violation("a::b"), violation("a::c", severity="warn")]
    shown = Report(section(document(requirements=[row("OCI-R055", "fail", *seen)]), "violations")).text
    assert shown.count("only a warning") == 1


def test_coverage() -> None:
    shown = Report(section(eventful(), "coverage")).text
    assert "pull 1 of 3 1 warning, 1 not judged" in shown
    assert "tags 0 of 3 1 failed, 1 warned, 1 known failure" in shown
    assert "auth 0 of" not in shown


def test_the_bar_of_a_category_is_full() -> None:
    pieces = [one for one in Report(section(large(), "coverage")).find("rect") if "is-pass" in str(one["class"])]
    assert {piece["x"] for piece in pieces} == {"0.0"}
    found = document(requirements=[row(str(n), "pass" if n else "untested") for n in range(4)])
    assert [(one["x"], one["width"]) for one in Report(section(found, "coverage")).find("rect")] == [
        ("0.0", "75.0"), ("75.0", "25.0")]  # fmt: skip


def test_capabilities() -> None:
    shown = Report(section(eventful(), "capabilities")).text
    assert shown.endswith("mount present tag deletion absent DELETE answered 405")


def test_the_table_has_every_requirement_with_what_the_filter_asks_for() -> None:
    page = report(eventful())
    rows = [one for one in page.find("tr") if "data-outcome" in one]
    assert len(rows) == len(eventful()["requirements"])
    first = {name: rows[0][f"data-{name}"] for name in ("outcome", "category", "level")}
    assert first == {"outcome": "warn", "category": "pull", "level": "should"}
    assert not any("hidden" in one for one in rows)
    assert "hidden" in page.find("form")[0]


def test_what_nobody_asked_for_comes_last_in_the_table() -> None:
    rows = [row("A-1", "unclaimed"), row("A-2", "not applicable"), row("A-3"), row("A-4", "untested")]
    shown = Report(section(document(requirements=rows), "requirements")).text
    assert re.findall(r"A-\d", shown) == ["A-3", "A-4", "A-1", "A-2"]


def test_words_are_there_for_every_outcome() -> None:
    assert set(REQUIREMENT_WORDS) == set(REQUIREMENT_OUTCOMES)
    assert set(SCENARIO_WORDS) == set(SCENARIO_OUTCOMES)


def test_the_page_asks_for_nothing() -> None:
    text = html_report(eventful())
    page = Report(text)
    assert not [tag for tag, attributes in page.elements if "src" in attributes or tag in ("link", "img", "iframe")]
    assert "url(" not in text
    assert "@import" not in text


@pytest.mark.parametrize("place", ["got", "expected", "exchange", "curl", "passive"])
def test_a_server_puts_nothing_into_the_page(place: str) -> None:
    seen = violation("test_pull::test_missing", **{"passive": "error body", place: HOSTILE})
    found = document(requirements=[row("OCI-R014", "fail", seen)], scenarios=[scenario()])
    page = report(found)
    assert len(page.find("script")) == 1
    assert not page.find("img")
    assert " ".join(SHOWN_HOSTILE.split()) in page.text


def test_nor_do_reasons_names_and_capabilities() -> None:
    found = document(
        scenarios=[
            scenario(f"test_pull::{HOSTILE}", "error", reason=HOSTILE),
            scenario("test_pull::test_a", "unsupported", reason=HOSTILE),
        ],
        requirements=[row(HOSTILE, "fail", violation(HOSTILE), statement=HOSTILE, section=HOSTILE, source=HOSTILE)],
        lines=[known(reason=HOSTILE, link=f"https://{HOSTILE}", scenarios=[HOSTILE])],
        capabilities={HOSTILE: f"absent: {HOSTILE}"},
        target=HOSTILE,
        repository=HOSTILE,
    )
    page = report(found)
    assert len(page.find("script")) == 1
    assert not page.find("img")
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)


def test_a_large_run_stays_small_enough_to_send() -> None:
    assert len(html_report(large())) < 500_000
