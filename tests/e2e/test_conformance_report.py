"""report.html and the page of a comparison in a real browser: headless Chromium, wide and narrow, light and dark."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance.command.compare import main as compare
from conformance.reports.folder import write
from tests.conformance.documents import eventful, large
from tests.e2e.clients import Browser
from tests.e2e.devtools import Tab, tab

DESKTOP, PHONE = 1280, 390
SHOWN = "[...document.querySelectorAll('#requirement-table tbody tr')].filter(row => row.checkVisibility()).length"
STATUS = "document.querySelector('[role=status]').textContent"
TOO_WIDE = """
[...document.querySelectorAll('body *')]
  .filter(one => one.checkVisibility() && !one.closest('.wide, pre'))
  .filter(one => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .map(one => one.outerHTML.slice(0, 200))
"""
FAINT = """
(() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgb = (colour) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = (colour) => {
    const [r, g, b] = rgb(colour).map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (one) => {
    for (; one; one = one.parentElement) {
      const colour = getComputedStyle(one).backgroundColor;
      if (rgb(colour)[3]) return colour;
    }
    return 'white';
  };
  return [...document.querySelectorAll('body *')]
    .filter(one => one.checkVisibility() && [...one.childNodes].some(node => node.nodeType === 3 && node.data.trim()))
    .filter(one => {
      const [a, b] = [light(getComputedStyle(one).color), light(behind(one))];
      return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) < 4.5;
    })
    .map(one => one.outerHTML.slice(0, 200));
})()
"""
"""Texts whose contrast is under 4.5 (WCAG 2.2, success criterion 1.4.3)."""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The addresses of the pages: of a run with something of every kind, of a large one, of both side by side."""
    folder = tmp_path_factory.mktemp("reports")
    write(folder / "eventful", eventful())
    write(folder / "large", large())
    assert compare([str(folder / "eventful"), str(folder / "large"), "--all", "--html", str(folder / "both.html")]) == 0
    return {
        "eventful": (folder / "eventful" / "report.html").as_uri(),
        "large": (folder / "large" / "report.html").as_uri(),
        "both": (folder / "both.html").as_uri(),
    }


@pytest.fixture(scope="module")
def chromium(browser: Browser) -> Iterator[Tab]:
    """A tab for all tests."""
    with tab(browser) as opened:
        yield opened


@pytest.mark.parametrize("name", ["eventful", "large", "both"])
@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_nothing_is_wider_than_the_window(chromium: Tab, pages: dict[str, str], name: str, width: int) -> None:
    chromium.open(pages[name], width=width)
    assert chromium.ask("innerWidth") == width
    assert chromium.ask("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    chromium.ask("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert chromium.ask(TOO_WIDE) == []


@pytest.mark.parametrize("name", ["eventful", "both"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_can_be_read(chromium: Tab, pages: dict[str, str], name: str, dark: bool) -> None:
    chromium.open(pages[name], dark=dark)
    chromium.ask("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert chromium.ask("getComputedStyle(document.body).backgroundColor") == (
        "rgb(13, 17, 23)" if dark else "rgb(255, 255, 255)")  # fmt: skip
    assert chromium.ask(FAINT) == []


def go_to(chromium: Tab, there: str) -> None:
    """Press Tab until the focus is there."""
    for _ in range(200):
        if chromium.ask(there):
            return
        chromium.press("Tab")
    raise AssertionError(f"no way leads to {there}")


def test_the_filter_works_without_a_mouse(chromium: Tab, pages: dict[str, str]) -> None:
    chromium.open(pages["large"])
    assert chromium.ask(SHOWN) == 200
    assert chromium.ask(STATUS) == "200 of 200 shown"
    chromium.ask("document.querySelector('nav a[href$=requirements]').focus()")
    chromium.press("Enter")  # leads past what was violated, where there may be hundreds of buttons
    go_to(chromium, "document.activeElement.name === 'text'")
    chromium.press(*"r01")
    assert chromium.ask(SHOWN) == 10
    assert chromium.ask(STATUS) == "10 of 200 shown"
    chromium.press("Tab", *"viol")
    assert chromium.ask("document.activeElement.value") == "fail"
    assert chromium.ask(SHOWN) == 1
    go_to(chromium, "document.activeElement.type === 'reset'")
    chromium.press("Enter")
    assert chromium.ask(f"new Promise(done => setTimeout(() => done({SHOWN})))") == 200


@pytest.mark.parametrize(
    ("field", "value", "shown"), [("outcome", "warn", 1), ("category", "discovery", 2), ("level", "should", 1)]
)
def test_each_filter(chromium: Tab, pages: dict[str, str], field: str, value: str, shown: int) -> None:
    chromium.open(pages["eventful"])
    chromium.ask(
        f"(() => {{ const field = document.querySelector('[name={field}]'); field.value = '{value}';"
        "field.dispatchEvent(new Event('input', {bubbles: true})) })()"
    )
    assert chromium.ask(SHOWN) == shown


def test_a_count_leads_to_its_requirements(chromium: Tab, pages: dict[str, str]) -> None:
    chromium.open(pages["eventful"])
    chromium.ask("document.querySelector('a[data-outcome=fail]').focus()")
    chromium.press("Enter")
    assert chromium.ask(f"new Promise(done => setTimeout(() => done({SHOWN})))") == 2
    assert chromium.ask("location.hash") == "#requirements"


def test_without_scripts_everything_can_be_read(chromium: Tab, pages: dict[str, str]) -> None:
    chromium.open(pages["eventful"], script=False)
    assert chromium.ask(SHOWN) == 9
    assert chromium.ask("document.querySelector('form').checkVisibility()") is False
    assert chromium.ask("document.querySelectorAll('.again button').length") == 0
    assert "Not conformant" in chromium.ask("document.body.innerText")


def test_the_line_for_the_shell_is_copied_as_it_stands(chromium: Tab, pages: dict[str, str]) -> None:
    chromium.open(pages["eventful"])
    chromium.ask("navigator.clipboard.writeText = (text) => { document.body.dataset.copied = text; }")
    chromium.ask("document.querySelector('.again button').focus()")
    chromium.press("Enter")
    seen = next(row for row in eventful()["requirements"] if row["id"] == "OCI-R055")["violations"][0]
    assert chromium.ask("document.body.dataset.copied") == seen["curl"]


def test_the_browser_runs_nothing_of_a_server_and_asks_for_nothing(chromium: Tab, pages: dict[str, str]) -> None:
    for address in pages.values():
        chromium.open(address)
        assert chromium.ask("document.title") != "taken"
        assert chromium.complaints == []
        assert chromium.requests == [address]


def test_a_policy_forbids_scripts_and_addresses_that_are_not_ours(chromium: Tab, tmp_path: Path) -> None:
    write(tmp_path, eventful())
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    taken = "<script>document.title = 'taken'</script><img src='http://127.0.0.1:9/x.png'>"
    (tmp_path / "report.html").write_text(text.replace("<footer>", f"{taken}<footer>"), encoding="utf-8")
    chromium.open((tmp_path / "report.html").as_uri())
    assert chromium.ask("document.title") == "http://127.0.0.1:5000: not conformant"
    assert len([line for line in chromium.complaints if "Content Security Policy" in line]) == 2


def test_the_badge_is_a_picture(chromium: Tab, pages: dict[str, str], tmp_path: Path) -> None:
    data: dict[str, Any] = json.loads(Path(pages["large"][7:]).with_name("badge.json").read_text())
    chromium.open(Path(pages["large"][7:]).with_name("badge.svg").as_uri())
    assert chromium.ask("document.documentElement.getAttribute('aria-label')").endswith(data["message"])
    chromium.picture(tmp_path / "badge.png")
    assert (tmp_path / "badge.png").read_bytes().startswith(b"\x89PNG")
