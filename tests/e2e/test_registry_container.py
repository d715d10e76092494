"""The conformance suite against a real registry in a container: its findings, and what it leaves behind."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.clients import TIMEOUT, Docker, Outcome, run

COMMAND = (sys.executable, "-m", "conformance")
CONFORMANT, VIOLATED, UNUSABLE = 0, 1, 4


@dataclass(frozen=True)
class Verdict:
    """A run of the suite: how the command ended, its results, and the containers left behind."""

    outcome: Outcome
    results: dict[str, Any]
    left_behind: list[str]

    def violated(self) -> list[str]:
        """Return the ids of the requirements that the target violates, MUST and SHOULD, known and not."""
        return [row["id"] for row in self.results["requirements"] if row["outcome"] in {"fail", "warn", "known"}]


def containers_of(docker: Docker, image: str) -> list[str]:
    """Return the containers of an image, running or not."""
    return docker("ps", "--all", "--quiet", "--filter", f"ancestor={image}").stdout.split()


def environment_for(docker_host: str) -> dict[str, str]:
    """Return what to set for the suite: the engine, and no helper container, since its image cannot be pulled."""
    return {"DOCKER_HOST": docker_host, "TESTCONTAINERS_RYUK_DISABLED": "true"}


@pytest.fixture(scope="module")
def verdict(first_engine: Docker, registry_image: str, tmp_path_factory: pytest.TempPathFactory) -> Verdict:
    """One run of every scenario against docker-registry in a container, shared by the tests that look at it.

    What it is known to violate is in servers.toml, each line seen with curl.
    """
    report = tmp_path_factory.mktemp("report")
    command = (*COMMAND, f"server:registry-2={registry_image}", "--conformance-report", str(report))
    outcome = run(command, ok=None, environment=environment_for(first_engine.host))
    results = json.loads((report / "results.json").read_text())
    return Verdict(outcome, results, containers_of(first_engine, registry_image))


def test_findings_are_the_known_ones(verdict: Verdict) -> None:
    assert verdict.outcome.code == CONFORMANT, verdict.outcome.text
    assert [line for line in verdict.results["known"] if line["stale"]] == []
    counts = verdict.results["summary"]["requirements"]
    assert (counts["fail"], counts["warn"]) == (0, 0), verdict.outcome.stdout


def test_without_the_list_they_are_violations(
    first_engine: Docker, registry_image: str, verdict: Verdict, tmp_path: Path
) -> None:
    command = (*COMMAND, f"container:{registry_image}", "--conformance-report", str(tmp_path))
    outcome = run(command, ok=None, environment=environment_for(first_engine.host))
    assert outcome.code == VIOLATED, outcome.text
    rows = json.loads((tmp_path / "results.json").read_text())["requirements"]
    assert {row["id"] for row in rows if row["outcome"] in {"fail", "warn"}} >= set(verdict.violated())


def test_most_scenarios_could_be_judged(verdict: Verdict) -> None:
    counts = verdict.results["summary"]["scenarios"]
    assert counts["error"] == 0
    assert counts["pass"] > sum(counts.values()) / 2, counts


def test_every_finding_is_listed_for_people(verdict: Verdict) -> None:
    assert [id for id in verdict.violated() if f"\n{id} " not in verdict.outcome.stdout] == []


def test_container_is_removed(verdict: Verdict) -> None:
    assert verdict.left_behind == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_container_is_removed_when_interrupted(
    first_engine: Docker, registry_image: str, tmp_path: Path, number: signal.Signals
) -> None:
    environment = {**os.environ, **environment_for(first_engine.host)}
    command = (*COMMAND, f"container:{registry_image}", "--conformance-report", str(tmp_path))
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as suite:
        assert suite.stdout is not None
        assert any("collected" in line for line in suite.stdout), "the suite ended before it began its scenarios"
        assert len(containers_of(first_engine, registry_image)) == 1
        suite.send_signal(number)
        text, _ = suite.communicate(timeout=TIMEOUT)
    assert suite.returncode not in {CONFORMANT, VIOLATED}, text
    assert containers_of(first_engine, registry_image) == []


def test_missing_image_is_said_in_one_sentence(first_engine: Docker, tmp_path: Path) -> None:
    missing = "127.0.0.1:1/no/such-image:1"
    text = unusable(f"container:{missing}", first_engine.host, tmp_path)
    assert missing in text


def test_missing_engine_is_said_in_one_sentence(tmp_path: Path) -> None:
    text = unusable("container:fakereg-test/whatever:1", f"unix://{tmp_path}/nowhere.sock", tmp_path)
    assert "Docker engine" in text


def unusable(target: str, docker_host: str, folder: Path) -> str:
    """Run the suite against a target that cannot be tested and return the one line that it says."""
    command = (*COMMAND, target, "--conformance-report", str(folder / "report"))
    outcome = run(command, ok=None, environment=environment_for(docker_host))
    assert outcome.code == UNUSABLE, outcome.text
    assert len(outcome.text.strip().splitlines()) == 1, outcome.text
    return outcome.text
