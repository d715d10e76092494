"""The suite against the fake: each scenario on each preset and storage, and with each capability switched off."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import fakereg
from tests.guard import GUARD

NOT_SEEN = {
    "OCI-R003": "is about the rows of a category together",
    "OCI-R048": "takes an hour, or a clock, as a fake of the scenario's own has",
    "OCI-R090": "the specification has one filter only",
    "OCI-R092": "deletion is enabled; see the capabilities below",
    "OCI-R095": "deletion is enabled; see the capabilities below",
    "OCI-R098": "deletion is enabled; see the capabilities below",
    "OCI-R099": "needs a repository of another host: tests/fakereg/api/test_manifests.py",
    "OCI-R100": "needs a switch while the server runs, as a fake of the scenario's own has",
    "OCI-R107": "nothing is limited: tests/fakereg/api/test_uploads.py",
    "OCI-R108": "no warning is sent; see the variants below",
    "OCI-R109": "no warning is sent; see the variants below",
    "OCI-R110": "no warning is sent; see the variants below",
    "OCI-R111": "no warning is sent; see the variants below",
}
"""Requirements that the suite cannot see kept by a preset as it is, and why."""


CONFORMING = ("oci", "oci-1.1", "oci-1.0")
"""The presets that are the specification; those of real registries deviate from it."""


def verdict(folder: Path, target: str, *options: str, code: int = 0) -> dict[str, Any]:
    """Run the suite and return its report; the run must end with the exit code `code`."""
    command = [sys.executable, "-m", "conformance", target, "--report", str(folder), *options]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=4 * GUARD)
    assert finished.returncode == code, finished.stdout + finished.stderr
    report: dict[str, Any] = json.loads((folder / "results.json").read_text())
    return report


def outcomes(report: dict[str, Any], wanted: str) -> set[str]:
    """The requirements with this outcome."""
    return {row["id"] for row in report["requirements"] if row["outcome"] == wanted}


def version_of(preset: str) -> str:
    """The version of the specification that a preset is about."""
    return preset.partition("-")[2] or "dev"


@pytest.mark.parametrize("storage", ["memory", "directory", "sqlite"])
@pytest.mark.parametrize("preset", CONFORMING)
def test_every_preset_satisfies_every_requirement_of_its_version(tmp_path: Path, preset: str, storage: str) -> None:
    where = "memory" if storage == "memory" else f"{storage}:{tmp_path / 'store'}"
    with fakereg.serve(dialect=preset, storage=where) as registry:
        report = verdict(tmp_path / "report", registry.url, "--spec-version", version_of(preset))
    assert outcomes(report, "fail") == outcomes(report, "warn") == set()
    seen = outcomes(report, "pass") | outcomes(report, "not applicable") | outcomes(report, "unclaimed")
    assert {row["id"] for row in report["requirements"]} - seen <= set(NOT_SEEN)


def test_every_requirement_is_kept_behind_basic_authentication(tmp_path: Path) -> None:
    with fakereg.serve(dialect="oci,auth=basic") as registry:
        login = ("--username", "octocat", "--password", "octocat-password")
        report = verdict(tmp_path, registry.url, *login)
    assert outcomes(report, "fail") == outcomes(report, "warn") == set()


def test_the_default_dialect_has_every_capability(tmp_path: Path) -> None:
    report = verdict(tmp_path, "fake")
    assert {name for name, state in report["capabilities"].items() if state != "present"} == set()


@pytest.mark.parametrize(
    ("settings", "absent"),
    [
        ("tag_deletion=false", {"tag_deletion"}),
        ("manifest_deletion=false", {"manifest_deletion"}),
        ("blob_deletion=false", {"blob_deletion"}),
        ("blob_deletion=false,manifest_deletion=false,tag_deletion=false,deletion_refusal=400", {"blob_deletion"}),
        ("single_post=false", {"single_post"}),
        ("mount=false", {"mount", "anonymous_mount"}),
        ("anonymous_mount=false", {"anonymous_mount"}),
        ("referrers=false", {"referrers"}),
        ("referrers_filter=false", {"referrers_filter"}),
        ("blob_range=false", {"blob_range"}),
        ("upload_cancel=false", {"upload_cancel"}),
        ("tag_parameters=0", {"tag_parameters"}),
        ("digest_algorithms=sha256", {"sha512"}),
    ],
)
def test_a_capability_that_is_switched_off_is_a_legal_no(tmp_path: Path, settings: str, absent: set[str]) -> None:
    report = verdict(tmp_path, f"fake:oci,{settings}")
    assert outcomes(report, "fail") == set()
    assert {name for name in absent if not report["capabilities"].get(name, "").startswith("absent")} == set()
    assert outcomes(report, "unsupported") or outcomes(report, "untested")


def test_a_registry_without_pushes_violates_nothing_but_little_of_it_is_judged(tmp_path: Path) -> None:
    report = verdict(tmp_path, "fake:oci,push=false", code=5)
    assert outcomes(report, "fail") == set()
    assert report["capabilities"]["push"].startswith("absent")
    assert outcomes(report, "unsupported")
    assert outcomes(report, "untested")


@pytest.mark.parametrize(
    "settings",
    [
        "absolute_locations=true",
        "tags_page_size=2,referrers_page_size=1",
        "chunk_min_length=10",
        "warnings=This registry is a fake|Really",
        "etag=false,catalog=false,namespaces=false",
    ],
)
def test_legal_variants_satisfy_every_requirement(tmp_path: Path, settings: str) -> None:
    report = verdict(tmp_path, f"socket:oci,{settings}")
    assert outcomes(report, "fail") == outcomes(report, "warn") == set()
