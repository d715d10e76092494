"""The list of known failures is strict: what is on it is expected, what is not fails, and a line must come true."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.catalogue.known_failures import KnownFailure, find, parse
from conformance.errors import ConfigurationError
from tests.conformance.command.test_main import conformance, results

BROKEN = "fake:oci,digest_header=false"
"""A fake that violates OCI-R013, OCI-R017 and OCI-R022."""

ALL = ("OCI-R013", "OCI-R017", "OCI-R022")


def listed(folder: Path, *lines: str) -> str:
    """A file of known failures; a line is a requirement and perhaps patterns of scenarios."""
    tables = []
    for line in lines:
        requirement, *patterns = line.split()
        scenarios = f"scenarios = {patterns!r}\n" if patterns else ""
        tables.append(f'[[known]]\nrequirement = "{requirement}"\nreason = "left out on purpose"\n{scenarios}')
    file = folder / "known.toml"
    file.write_text("\n".join(tables))
    return f"--known={file}"


@pytest.mark.parametrize("workers", ["0", "2"])
def test_known_failures_are_no_failures(tmp_path: Path, workers: str) -> None:
    done = conformance(tmp_path, BROKEN, listed(tmp_path, *ALL), "--workers", workers, "--", "-k", "test_pull")
    assert done.returncode == 0, done.stdout
    found = results(tmp_path)
    assert found["summary"]["conformant"]
    rows = {row["id"]: row for row in found["requirements"]}
    assert {rows[key]["outcome"] for key in ALL} == {"known"}
    assert rows["OCI-R017"]["violations"][0]["reason"] == "left out on purpose"
    assert found["summary"]["scenarios"]["known"] > 0
    assert found["summary"]["scenarios"]["fail"] == 0


def test_what_is_not_on_the_list_fails(tmp_path: Path) -> None:
    done = conformance(tmp_path, BROKEN, listed(tmp_path, "OCI-R013", "OCI-R017"), "--", "-k", "test_pull")
    assert done.returncode == 1
    assert {row["id"] for row in results(tmp_path)["requirements"] if row["outcome"] == "fail"} == {"OCI-R022"}


def test_a_line_that_does_not_come_true_fails(tmp_path: Path) -> None:
    done = conformance(tmp_path, BROKEN, listed(tmp_path, *ALL, "OCI-R014"), "--", "-k", "test_pull")
    assert done.returncode == 1
    found = results(tmp_path)
    assert [line["requirement"] for line in found["known"] if line["stale"]] == ["OCI-R014"]
    assert not found["summary"]["conformant"]
    assert "OCI-R014" in done.stdout


def test_a_line_about_what_was_not_tested_says_nothing(tmp_path: Path) -> None:
    done = conformance(tmp_path, BROKEN, listed(tmp_path, *ALL, "OCI-R066"), "--", "-k", "test_pull")
    assert done.returncode == 0, done.stdout


def test_a_line_is_about_the_scenarios_that_it_names(tmp_path: Path) -> None:
    lines = listed(tmp_path, "OCI-R013", "OCI-R017", "OCI-R022 test_pull::test_manifest_head[image]")
    done = conformance(tmp_path, BROKEN, lines, "--", "-k", "test_pull")
    assert done.returncode == 1
    failed = {row["id"] for row in results(tmp_path)["scenarios"] if row["outcome"] == "fail"}
    assert "test_pull::test_manifest_head[index]" in failed
    assert "test_pull::test_manifest_head[image]" not in failed


def test_a_line_is_about_scenarios_that_there_are(tmp_path: Path) -> None:
    done = conformance(tmp_path, "fake", listed(tmp_path, "OCI-R066 test_tag::*"))
    assert done.returncode == 4
    assert (
        done.stderr.strip()
        == "ERROR: conformance: the scenarios of the known failure OCI-R066 must exist, got 'test_tag::*'"
    )


def test_passive_checks_know_the_list(tmp_path: Path) -> None:
    done = conformance(
        tmp_path,
        "fake:oci,manifest_charset=true",
        listed(tmp_path, "OCI-R009"),
        "--level=should",
        "--",
        "-k",
        "test_pull",
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"requirement": "OCI-R999", "reason": "x"}, "got 'OCI-R999'"),
        ({"requirement": "OCI-R014"}, "must have a reason"),
        ({"requirement": "OCI-R014", "reason": " "}, "must have a reason"),
        (
            {"requirement": "OCI-R014", "reason": "x", "scenarios": "test_pull"},
            "must have a list of patterns as scenarios, got 'test_pull'",
        ),
        (
            {"requirement": "OCI-R014", "reason": "x", "why": "y"},
            "must be a table with requirement, reason, link, scenarios, got 'why'",
        ),
    ],
)
def test_useless_line(line: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigurationError, match=r"known failure 1.*") as caught:
        parse([line])
    assert said in str(caught.value)


def test_patterns() -> None:
    line = KnownFailure("OCI-R014", "x", scenarios=("test_pull::*", "test_tags::test_n[1]"))
    assert find([line], "OCI-R014", "test_pull::test_blob[0]") is line
    assert find([line], "OCI-R015", "test_pull::test_blob[0]") is None
    assert find([line], "OCI-R014", "test_tags::test_n[1]") is line
    assert find([line], "OCI-R014", "test_tags::test_n1") is None
    assert find([line], "OCI-R014", "test_push::test_blob[0]") is None
