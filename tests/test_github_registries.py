"""The table of GitHub's registries in docs/ has every id that code and tests point to, and its settings are true."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.catalogue.requirements import catalogue
from fakereg.dialect import fields

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "github-registries.md"
TEXT = PAGE.read_text("utf-8")

ID = r"(?:GH[DC]-[0-9]{2}|GP-[0-9]+\.[0-9]+)"
PLACES = ("fakereg", "conformance", "tests", "docs", "README.md", "ARCHITECTURE.md", "CHANGELOG.md", "pyproject.toml")
KINDS = {".py", ".toml", ".tsv", ".md", ".html", ".json"}
PRESETS = {
    "Docker": ["github-docker"],
    "Container": ["github-container"],
    "both": ["github-docker", "github-container"],
}
NAMES = {name for name, _, _ in fields.settings()}


def texts() -> Iterator[tuple[str, str]]:
    """The files that may point somewhere, but for this one: path and text."""
    for place in PLACES:
        start = ROOT / place
        for path in sorted(start.rglob("*")) if start.is_dir() else [start]:
            if path.suffix in KINDS and path != Path(__file__):
                yield path.relative_to(ROOT).as_posix(), path.read_text("utf-8")


def rows() -> dict[str, list[str]]:
    """The lines of the tables by their id, with the other cells."""
    found = {}
    for line in TEXT.splitlines():
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if cells and (anchor := re.match(r'<a id="([^"]+)"></a>', cells[0])):
            found[anchor[1]] = cells[1:]
    return found


def assignments(cell: str) -> list[str]:
    """The code in a cell of settings, without text in parentheses."""
    return re.findall(r"`([^`]+)`", re.sub(r"\([^)]*\)", "", cell))


ROWS = rows()
SETTINGS = [
    pytest.param(preset, assignment, id=f"{key}-{preset}-{assignment}")
    for key, cells in ROWS.items()
    if cells[0] in PRESETS
    for assignment in assignments(cells[-1])
    for preset in PRESETS[cells[0]]
    if not (preset == "github-container" and "(Docker registry)" in cells[-1])
]


def test_the_page_has_every_id_once() -> None:
    anchors = Counter(re.findall(r'<a id="([^"]+)"></a>(\S+) ', TEXT))
    assert [pair for pair, number in anchors.items() if number > 1 or pair[0] != pair[1]] == []
    assert all(re.fullmatch(ID, anchor) for anchor, _ in anchors)
    assert len(anchors) == len(ROWS)


def test_every_requirement_of_githubs_registries_is_on_the_page() -> None:
    wanted = {key for key in catalogue() if key.startswith(("GHD-", "GHC-"))}
    assert wanted == {key for key in ROWS if key.startswith(("GHD-", "GHC-"))}


def test_every_source_of_a_requirement_is_on_the_page() -> None:
    sections = {row.section for key, row in catalogue().items() if key.startswith(("GHD-", "GHC-"))}
    assert [section for section in sections if not re.search(ID, section) and section not in TEXT] == []


def test_every_id_that_is_mentioned_exists() -> None:
    mentioned = {(path, key) for path, text in texts() for key in re.findall(rf"(?<![\w-]){ID}(?![\w-])", text)}
    assert len(mentioned) > 100
    assert sorted((path, key) for path, key in mentioned if key not in ROWS) == []


def test_every_page_that_is_mentioned_exists() -> None:
    mentioned = {(path, page) for path, text in texts() for page in re.findall(r"docs/[\w-]+\.md", text)}
    assert mentioned
    assert sorted((path, page) for path, page in mentioned if not (ROOT / page).is_file()) == []


def test_nothing_points_to_a_numbered_row_or_section_without_its_document() -> None:
    lost, document = (
        re.compile(r"\b(row|section)s? [0-9]", re.IGNORECASE),
        re.compile(r"RFC [0-9]|Content Security Policy"),
    )
    found = [
        f"{path}: {line.strip()}"
        for path, text in texts()
        for line in text.splitlines()
        if path.endswith((".py", ".toml")) and lost.search(line) and not document.search(line)
    ]
    assert found == []


def test_every_line_says_how_certain_it_is() -> None:
    certain = re.compile(r"\b(DOC|OBS|INF|UNK)\b")
    assert [key for key, cells in ROWS.items() if cells[0] in PRESETS and not certain.match(cells[2])] == []


@pytest.mark.parametrize(("preset", "assignment"), SETTINGS)
def test_a_setting_has_the_value_of_the_preset(preset: str, assignment: str) -> None:
    name, given, value = assignment.partition("=")
    assert name in NAMES
    dialect = fields.PRESETS[preset]
    assert not given or fields.configure(dialect, {name: value}) == dialect


def test_every_setting_of_an_open_question_exists() -> None:
    lines = TEXT.split("## Open questions")[1].split("\n## ")[0].splitlines()
    named = {name for line in lines if line.startswith("| ") for name in assignments(line.split(" | ")[-1])}
    assert len(named) > 10
    assert named <= NAMES


def test_every_link_of_the_page_has_an_address() -> None:
    used = set(re.findall(r"\]\[(\w+)\]", TEXT))
    assert used == set(re.findall(r"^\[(\w+)\]: https://\S+$", TEXT, re.MULTILINE))
