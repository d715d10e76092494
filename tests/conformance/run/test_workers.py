"""A far target: the run is spread over workers, says how long it will take, and waits for many answers at a time."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

import fakereg
from conformance.errors import ConfigurationError
from conformance.run import workers
from tests.conformance.command.test_main import conformance, results
from tests.conformance.delaying import delaying

ROUND_TRIP = 0.05


def test_a_full_run_over_a_slow_link_waits_for_many_answers_at_a_time(tmp_path: Path) -> None:
    with fakereg.serve() as server, delaying(int(server.url.rpartition(":")[2]), round_trip=ROUND_TRIP) as link:
        begun = time.monotonic()
        done = conformance(tmp_path, link.url)
        took = time.monotonic() - begun
    assert done.returncode == 0, done.stdout
    in_sequence = link.requests * ROUND_TRIP
    assert took < in_sequence / 4, f"{took:.1f} s for {link.requests} requests, {in_sequence:.1f} s in sequence"
    forecast = re.search(r"conformance: (\d+) scenarios, 5\d ms for an answer, 8 workers: about (\d+) s", done.stdout)
    assert forecast, done.stdout
    assert 0.4 * took < int(forecast[2]) < 2.5 * took, f"{forecast[0]}, and it took {took:.1f} s"
    scenarios = len(results(tmp_path)["scenarios"])
    assert 0.5 < link.requests / scenarios / workers.REQUESTS_PER_SCENARIO < 2


def test_a_near_target_has_no_workers(tmp_path: Path) -> None:
    with fakereg.serve() as server:
        done = conformance(tmp_path, server.url, "--", "-k", "test_mount")
    assert done.returncode == 0
    assert "workers" not in done.stdout


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
