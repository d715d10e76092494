"""A far target: the run is spread over workers, and waits for many answers at a time."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import fakereg
from conformance.errors import ConfigurationError
from conformance.run import workers
from tests.conformance.command.test_main import conformance, results
from tests.conformance.delaying import delaying

ROUND_TRIP = 0.05
"""Seconds, more than twice as long as that of a target that counts as near."""


def test_a_full_run_over_a_slow_link_waits_for_many_answers_at_a_time(tmp_path: Path) -> None:
    with fakereg.serve() as server, delaying(int(server.url.rpartition(":")[2]), round_trip=ROUND_TRIP) as link:
        done = conformance(tmp_path, link.url)
    assert done.returncode == 0, done.stdout
    assert f"{workers.MOST} workers" in done.stdout
    assert link.most_waiting > 2
    assert results(tmp_path)["summary"]["verdict"] == "conformant"


@pytest.mark.parametrize(("near", "found"), [(3600.0, 0), (0.0, workers.MOST)])
def test_only_a_far_target_has_workers(monkeypatch: pytest.MonkeyPatch, near: float, found: int) -> None:
    """Which answers count as slow is turned here, since how long one takes depends on the machine."""
    monkeypatch.setattr(workers, "NEAR_SECONDS", near)
    with fakereg.serve() as server:
        words = workers.arguments("auto", {"target": server.url})
    assert words == (["-n", str(found), "--dist", "worksteal"] if found else [])


@pytest.mark.parametrize(("text", "found"), [("0", []), ("1", []), ("3", ["-n", "3", "--dist", "worksteal"])])
def test_number_of_workers(text: str, found: list[str]) -> None:
    assert workers.arguments(text, {}) == found


def test_useless_number_of_workers() -> None:
    with pytest.raises(ConfigurationError, match="must be a number or auto"):
        workers.arguments("many", {})


def test_workers_without_their_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=re.escape("pip install 'fakereg[parallel]'")):
        workers.arguments("2", {})
