"""The folder of a report, and the form of results.json."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from conformance.reports.badge import badge_svg
from conformance.reports.folder import FILES, replace, write
from conformance.reports.html_report import html_report
from conformance.reports.junit import junit
from conformance.reports.markdown import markdown
from tests.conformance.command.test_main import conformance
from tests.conformance.documents import document, eventful, large, row, scenario, violation
from tests.conformance.reports import test_results

SCHEMA = json.loads((files("conformance.reports") / "results.schema.json").read_text(encoding="utf-8"))


def problems(found: dict[str, Any]) -> list[str]:
    errors = jsonschema.Draft202012Validator(SCHEMA).iter_errors(found)
    return [f"{error.json_path}: {error.message}" for error in errors]


def test_every_reader_gets_a_file(tmp_path: Path) -> None:
    folder, found = tmp_path / "new" / "folder", eventful()
    write(folder, found)
    written = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}
    assert json.loads(written.pop("results.json")) == found
    assert json.loads(written.pop("badge.json"))["schemaVersion"] == 1
    assert written == {
        "report.html": html_report(found),
        "summary.md": markdown(found),
        "junit.xml": junit(found),
        "badge.svg": badge_svg(found),
    }


def test_a_second_run_replaces_the_first(tmp_path: Path) -> None:
    write(tmp_path, eventful())
    write(tmp_path, document(target="another"))
    assert all("another" in (tmp_path / name).read_text() for name in FILES if not name.startswith("badge"))
    assert len(list(tmp_path.iterdir())) == len(FILES)


def test_a_file_is_never_half_written(tmp_path: Path) -> None:
    """Whoever opened the former file goes on reading it, and what cannot be written leaves it as it was."""
    path = tmp_path / "file"
    replace(path, "former")
    with path.open() as reader:
        replace(path, "x" * 100_000)
        assert reader.read() == "former"
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        replace(tmp_path / "folder", "text")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_what_cannot_be_encoded_is_written_as_an_escape(tmp_path: Path) -> None:
    seen = violation("test_pull::test_missing", got="\ud800", exchange="> GET /\n< \udfff")
    found = document(scenarios=[scenario()], requirements=[row("OCI-R014", "fail", seen)])
    write(tmp_path, found)
    assert json.loads((tmp_path / "results.json").read_text(encoding="utf-8")) == found
    assert "\\ud800" in (tmp_path / "junit.xml").read_text(encoding="utf-8")


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("made", [eventful(), large(), document()])
def test_results_made_by_hand_keep_to_the_schema(made: dict[str, Any]) -> None:
    assert problems(made) == []


@pytest.mark.parametrize("version", ["dev", "1.1", "1.0"])
def test_results_of_facts_keep_to_the_schema(version: str) -> None:
    assert problems(test_results.document(test_results.FACTS, version=version)) == []


@pytest.mark.parametrize("target", ["fake:oci,digest_header=false", "fake:github-docker"])
def test_results_of_a_run_keep_to_the_schema(tmp_path: Path, target: str) -> None:
    conformance(tmp_path, target, "--", "-k", "test_pull or test_tag_push_pull")
    found = json.loads((tmp_path / "conformance-report" / "results.json").read_text(encoding="utf-8"))
    assert found["summary"]["scenarios"]["pass"] > 5
    assert problems(found) == []


@pytest.mark.parametrize(
    ("place", "value", "path"),
    [
        (("schema",), 2, "$.schema"),
        (("run", "started"), "yesterday", "$.run.started"),
        (("run", "profile", 0), "everything", "$.run.profile[0]"),
        (("summary", "scenarios", "pass"), -1, "$.summary.scenarios.pass"),
        (("scenarios", 0, "outcome"), "xfail", "$.scenarios[0].outcome"),
        (("requirements", 0, "violations"), [], "$.requirements[0].violations"),
        (("requirements", 0, "violations", 0, "severity"), "error", "$.requirements[0].violations[0].severity"),
        (("requirements", 0, "extra"), 1, "$.requirements[0]"),
        (("capabilities", "mount"), "perhaps", "$.capabilities.mount"),
        (("known", 0, "stale"), "no", "$.known[0].stale"),
    ],
)
def test_the_schema_refuses_what_is_wrong(place: tuple[str | int, ...], value: Any, path: str) -> None:
    found: Any = eventful()
    part = found
    for step in place[:-1]:
        part = part[step]
    part[place[-1]] = value
    assert [problem.partition(": ")[0] for problem in problems(found)] == [path]
