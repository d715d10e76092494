"""Several runs side by side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conformance.command.commands import main as command
from conformance.command.compare import main
from tests.conformance.documents import HOSTILE, document, eventful, row, scenario, violation
from tests.fakereg.html_page import Page

SEEN = violation("test_pull::test_missing")


def one() -> dict[str, Any]:
    return document(
        scenarios=[
            scenario(),
            scenario("test_delete::test_tag"),
            scenario("test_foreign_layers::test_url"),
            scenario("test_auth_scopes::test_reader"),
            scenario("test_auth_scopes::test_stranger", "fail"),
        ],
        requirements=[
            row("OCI-R011"),
            row("OCI-R012", "untested"),
            row("OCI-R014", "fail", SEEN),
            row("OCI-R058", level="-", outcome="not applicable"),
            row("AUTH-01", "unclaimed"),
            row("AUTH-02", "unclaimed"),
        ],
        target="fake:github-docker",
        version="1.0",
    )


def other() -> dict[str, Any]:
    return document(
        scenarios=[scenario(), scenario("test_auth_scopes::test_reader", "unsupported")],
        requirements=[
            row("OCI-R011"),
            row("OCI-R012"),
            row("OCI-R014"),
            row("OCI-R058"),
            row("AUTH-01", "warn", SEEN),
            row("AUTH-02"),
            row("NEW-01"),
        ],
        target="stack",
    )


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    (tmp_path / "stack").mkdir()
    for name, found in (("one.json", one()), ("stack/results.json", other())):
        (tmp_path / name).write_text(json.dumps(found))
    return [str(tmp_path / "one.json"), str(tmp_path / "stack")]


def lines(capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    """What was printed, in cells."""
    return [[cell.strip() for cell in line.split("  ") if cell] for line in capsys.readouterr().out.splitlines()]


def test_runs(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert command("compare", files) == 0
    assert lines(capsys)[:6] == [
        ["fake:github-docker", "stack"],
        ["verdict", "not conformant", "conformant, with warnings"],
        ["requirements", "1 of 2 kept", "6 of 7 kept"],
        ["judged", "2 of 3 that apply", "7 of 7 that apply"],
        ["profile", "oci", "oci"],
        ["specification", "1.0, level must", "dev, level must"],
    ]


def test_groups_of_the_mission_come_first(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main(files)
    shown = lines(capsys)
    start = shown.index(["SCENARIOS"])
    assert shown[start + 1 : start + 6] == [
        ["auth scopes", "1 pass, 1 fail", "1 unsupported"],
        ["foreign layers", "1 pass", "-"],
        ["delete", "1 pass", "-"],
        ["pull", "1 pass", "1 pass"],
        [],
    ]


def test_requirements_that_came_out_differently(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main(files)
    shown = lines(capsys)
    statement = "GET of a manifest that is not there answers 404."
    assert shown[shown.index(["3 REQUIREMENTS THAT CAME OUT DIFFERENTLY"]) + 1 :] == [
        ["OCI-R014 MUST", "fail", "pass", statement],
        ["AUTH-01 MUST", "unclaimed", "warn", statement],
        ["OCI-R012 MUST", "untested", "pass", statement],
        [
            "warning although a MUST: the letter of the specification is stricter than its sense, or leaves it open",
        ],
        ["3 more are claimed by some of them only: see --all"],
    ]


def test_all_requirements(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    main([*files, "--all"])
    shown = {cells[0]: cells[1:3] for cells in lines(capsys) if cells}
    assert "7 REQUIREMENTS" in shown
    assert shown["OCI-R011 MUST"] == ["pass", "pass"]
    assert shown["OCI-R058 -/MUST"] == ["not applicable", "pass"]
    assert shown["NEW-01 MUST"] == ["-", "pass"]


def test_runs_that_are_alike(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [tmp_path / "a.json", tmp_path / "b.json"]
    for path in paths:
        path.write_text(json.dumps(other()))
    assert main([str(path) for path in paths]) == 0
    assert lines(capsys)[-1] == ["0 REQUIREMENTS THAT CAME OUT DIFFERENTLY"]


def test_verdicts_of_runs_that_tell_only_a_part(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [tmp_path / "a.json", tmp_path / "b.json"]
    runs = (document(requirements=[row()], partial=True), document(target="b", ended="interrupted"))
    for path, found in zip(paths, runs, strict=True):
        path.write_text(json.dumps(found))
    main([str(path) for path in paths])
    assert lines(capsys)[1] == [
        "verdict", "conformant (of a part of the scenarios)", "interrupted after 0 scenarios"]  # fmt: skip


@pytest.mark.parametrize("form", [[], ["--markdown"], ["--html"]])
def test_a_must_that_only_warns_is_explained(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], form: list[str]
) -> None:
    def shown(paths: list[str]) -> str:
        page = tmp_path / "page.html"
        main([*paths, *form, *([str(page)] if form == ["--html"] else [])])
        return page.read_text(encoding="utf-8") if page.exists() else capsys.readouterr().out

    assert "arning although a MUST: the letter" in shown(files)
    assert "arning although a MUST: the letter" not in shown([files[0], files[0]])


def test_targets_of_one_name_are_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [tmp_path / "a.json", tmp_path / "b.json"]
    for path in paths:
        path.write_text(json.dumps(other()))
    main(["--markdown", *map(str, paths)])
    out = capsys.readouterr().out.replace("\\_", "_")
    assert f"stack ({paths[0]})" in out
    assert f"stack ({paths[1]})" in out


def test_markdown(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*files, "--markdown"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert "| verdict | not conformant | conformant, with warnings |" in printed
    assert "| auth scopes | 1 pass, 1 fail | 1 unsupported |" in printed
    row = "| OCI-R014 | MUST | GET of a manifest that is not there answers 404. | **fail** | pass |"
    assert printed.index("## 3 requirements that came out differently") < printed.index(row)


def test_html(files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*files, "--html", str(tmp_path / "page.html")]) == 0
    assert capsys.readouterr().out == ""
    page = Page((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert "verdict not conformant conformant, with warnings" in page.text
    assert "OCI-R014 MUST GET of a manifest that is not there answers 404. violated kept" in page.text
    assert "3 more are claimed by some of them only" in page.text


def test_a_target_puts_nothing_into_the_page_or_onto_the_terminal(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = eventful()
    hostile["run"]["target"] = hostile["scenarios"][0]["group"] = hostile["requirements"][0]["statement"] = HOSTILE
    (tmp_path / "hostile.json").write_text(json.dumps(hostile))
    both = [files[0], str(tmp_path / "hostile.json")]
    assert main([*both, "--html", str(tmp_path / "page.html")]) == 0
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert text.count("<script>") == 1
    assert "<img" not in text
    assert main(both) == 0
    assert all(line.isprintable() for line in capsys.readouterr().out.splitlines())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"\xff\xfe", "it is not JSON"),
        (b"{", "it is not JSON"),
        (b"[" * 100_000, "it is not JSON"),
        (b"[]", "it has no schema"),
        (b'{"schema": 1}', "must have the schema 3, got 1"),
        (b'{"schema": 3}', "parts are missing"),
        (b'{"schema": 3, "run": [], "summary": [], "requirements": 3}', "parts are missing"),
    ],
)
def test_files_that_cannot_be_used(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, said: str
) -> None:
    path = tmp_path / "wrong.json"
    if content is not None:
        path.write_bytes(content)
    assert main([files[0], str(path)]) == 4
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"ERROR: conformance: {path} ")
    assert said in printed.err
    assert len(printed.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "the following arguments are required: FILE"),
        (["one.json"], "at least two FILEs, got 1"),
        (["a", "b", "--markdown", "--html", "c"], "not allowed with"),
    ],
)
def test_arguments_that_cannot_be_used(given: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code: object = main(given)
    except SystemExit as exit_:
        code = exit_.code
    assert code == 4
    assert said in capsys.readouterr().err


def test_a_page_that_cannot_be_written(files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*files, "--html", str(tmp_path / "none" / "page.html")]) == 4
    assert "page.html cannot be written: No such file or directory" in capsys.readouterr().err
