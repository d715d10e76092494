"""A server on a folder is killed under load and loses nothing; and a server that does lose something is found out."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from conformance.stress.common.base import Budget, Figures, Stress
from conformance.stress.crash import part
from conformance.targets.base import Target
from tests.conformance.stress import damaging_server
from tests.conformance.stress.conftest import stress_of

ROUNDS = 20
ENOUGH = 24
"""Rounds within which a broken server has to be found out; most are in the first two."""


def test_nothing_acknowledged_is_lost(target: Target, tmp_path: Path) -> None:
    figures = part.run(stress_of(target), rounds=ROUNDS, parent=tmp_path)
    assert figures.findings == []
    numbers = figures.numbers
    assert numbers["rounds"] == ROUNDS
    assert numbers["kills"] == ROUNDS + numbers["kills in a start"] > ROUNDS
    assert numbers["acknowledged"] > 5 * ROUNDS
    assert numbers["checks"] > numbers["acknowledged"]
    assert numbers["faults"] == part.WRITERS * ROUNDS
    assert numbers["faults in a write"] > ROUNDS / 2
    assert numbers["sessions kept"] > numbers["sessions finished"] > 0
    assert numbers["sessions lost"] == 0
    assert numbers["folders"] == 3
    if shutil.which("skopeo"):  # test_crash_folder.py fails where it has to be there and is not
        assert numbers["tags read by skopeo"] >= 6
    assert list(tmp_path.iterdir()) == []


def _broken(target: Target, kind: str, folder: Path, *, rounds: int = ENOUGH) -> Figures:
    command = [sys.executable, str(Path(damaging_server.__file__)), kind, "{folder}/store"]
    return part.run(stress_of(target), rounds=rounds, command=command, parent=folder)


def test_nothing_is_lost_with_a_log_beside_every_index(target: Target, tmp_path: Path) -> None:
    figures = _broken(target, "log-always", tmp_path, rounds=ROUNDS)
    assert figures.findings == []
    assert figures.numbers["rounds"] == ROUNDS


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("blob-cut", "as acknowledged, got nothing"),
        ("index-of-yesterday", "as acknowledged, got"),
        ("tag-lost", "as acknowledged, got nothing"),
        ("stray-file", "a temporary file is left over"),
        ("upload-cut", "were acknowledged, and at most"),
        ("index-written-later", "as acknowledged, got"),
        ("tags-set-afterwards", "was done in part"),
        ("deletions-forgotten", "must be nothing, as acknowledged"),
        ("start-in-place", "as acknowledged, got nothing"),
        ("answers-with-errors", "must be answered 202, got 500"),
        ("does-not-start", "does not start again"),
    ],
)
def test_a_broken_server_is_found_out(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, text: str
) -> None:
    monkeypatch.setattr(part, "MOST_FINDINGS", 1)
    monkeypatch.setattr(part, "START_KILLS", 1.0 if kind == "start-in-place" else 0.0)
    figures = _broken(target, kind, tmp_path)
    assert any(text in finding.text for finding in figures.findings), [finding.text for finding in figures.findings]
    (kept,) = tmp_path.iterdir()
    assert f"Folder: {kept / 'folder'}" in figures.findings[0].evidence


def test_a_budget_that_is_spent_starts_nothing_and_a_missing_skopeo_is_told(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    said: list[str] = []
    figures = part.run(Stress(target, 1, Budget(0), said.append), parent=tmp_path)
    assert figures == Figures("crash")
    assert said == ["skopeo is not installed, so the layouts are not read with it"]
