"""The badge."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from conformance.reports.badge import badge_json, badge_svg
from tests.conformance.documents import document, eventful, large, row, unpushed, violation

SEEN = violation("test_pull::test_missing")
BROKEN = row("OCI-R014", "fail", SEEN)
SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize(
    ("found", "message", "colour"),
    [
        (document(requirements=[row()]), "1 of 1 kept", "brightgreen"),
        (document(requirements=[row(), row("b", "warn", SEEN)]), "1 of 2 kept", "green"),
        (document(requirements=[row(), row("b", "known", SEEN)]), "1 of 2 kept", "yellow"),
        (large(), "120 of 160 kept", "red"),
        (eventful(), "1 of 5 kept, 1 not judged, 1 stale", "red"),
        (document(), "nothing judged", "lightgrey"),
        (document(requirements=[row()], ended="interrupted"), "interrupted", "lightgrey"),
        (document(requirements=[row()], ended="the target a stopped answering: b"), "not judged", "lightgrey"),
        (document(requirements=[BROKEN], ended="interrupted"), "0 of 1 kept, interrupted", "red"),
        (document(requirements=[row()], partial=True), "partial run", "lightgrey"),
        (document(requirements=[BROKEN], partial=True), "0 of 1 kept, partial run", "red"),
        (document(requirements=[row()], partial=True, ended="interrupted"), "interrupted", "lightgrey"),
        (unpushed(), "pull only", "lightgrey"),
        (unpushed(row("OCI-R011")), "2 of 2 kept", "brightgreen"),
    ],
)
def test_data(found: dict[str, Any], message: str, colour: str) -> None:
    made = {"schemaVersion": 1, "label": "oci conformance", "message": message, "color": colour}
    assert badge_json(found) == made


def test_picture() -> None:
    picture = ElementTree.fromstring(badge_svg(large()))
    assert picture.findtext(f"{SVG}title") == "oci conformance: 120 of 160 kept"
    assert picture.get("aria-label") == "oci conformance: 120 of 160 kept"
    assert [text.text for text in picture.iter(f"{SVG}text")] == ["oci conformance", "120 of 160 kept"]


def test_texts_fit_into_the_picture() -> None:
    picture = ElementTree.fromstring(badge_svg(eventful()))
    ends = [int(text.attrib["x"]) + int(text.attrib["textLength"]) for text in picture.iter(f"{SVG}text")]
    left, right = (int(rect.attrib.get("x", "0")) + int(rect.attrib["width"])
                   for rect in picture.iterfind(f"{SVG}g/{SVG}rect"))  # fmt: skip
    assert all(5 < int(text.attrib["textLength"]) / len(str(text.text)) < 8 for text in picture.iter(f"{SVG}text"))
    assert ends[0] < left < ends[1] < right == int(picture.attrib["width"])


def test_the_colour_tells_the_verdict() -> None:
    assert badge_svg(large()) != badge_svg(large()).replace("#b62324", "")
    assert "#b62324" not in badge_svg(document(requirements=[row()]))
