"""The command `conformance stress`: what it refuses, what it writes, how it ends."""

from __future__ import annotations

import json
from collections import Counter
from itertools import count
from pathlib import Path

import pytest

from conformance.command import stress
from conformance.command.stress import Job, main
from conformance.config.settings import Settings
from conformance.stress.common.base import Budget, Figures, Finding
from conformance.stress.machine.program import Program, Step

DEVIANT = "fake:distribution"
"""A fake in which the machine finds something soon."""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--seconds", "0"], "above zero"),
        (["--seconds", "nan"], "above zero"),
        (["--seconds", "soon"], "invalid"),
        (["--parts", "machine,x"], "got 'x'"),
        (["--parts", "differential"], "give --against TARGET"),
        (["http://127.0.0.1:1", "--parts", "crash"], "must be the fake, got "),
        (["socket:oci", "--parts", "fuzz"], "must be the fake, got "),
        (["http://127.0.0.1:1", "--seconds", "1"], "does not answer"),
        (["fake:oci", "--storage", "nowhere"], "storage must be one of directory, memory"),
        (
            ["fake:oci", "--storage", "memory", "--parts", "crash"],
            "needs a storage that outlives the process, got memory",
        ),
        (["http://127.0.0.1:1", "--storage", "memory"], "storage must be left out unless the target is a fake"),
        (["fake:oci", "--replay", "nowhere.json"], "nowhere.json cannot be read"),
        *(([f"--{name}", "1"], f"unrecognized arguments: --{name}") for name in ("requirement", "level", "references")),
        (["--spec-version", "1.0"], "unrecognized arguments: --spec-version"),
        (["--full-size"], "unrecognized arguments: --full-size"),
        (["--strict"], "unrecognized arguments: --strict"),
        (["--parts", "machine", "--against", "fake:oci"], "--against must be left out"),
        (["fake:oci", "--replay", "nowhere.json", "--parts", "machine"], "--parts must be left out with --replay"),
        (["fake:oci", "--replay", "nowhere.json", "--seed", "5"], "--seed must be left out with --replay"),
        (["fake:oci", "--replay", "nowhere.json", "--storage", "memory,sqlite"], "needs one storage"),
        (["fake:oci", "--parts", "concurrency", "--known", "known.toml"], "--known must be left out: it is not for "),
        (["fake:oci", "--parts", "crash", "--username", "ann"], "--username must be left out"),
        (["fake:oci", "--parts", "fuzz,crash", "--timeout", "5"], "--timeout must be left out"),
        (["fake:oci", "--parts", "crash", "--storage", "memory,sqlite"], "got 'memory'"),
        (["fake:distribution", "--parts", "crash"], "serves the fake in the dialect oci"),
        (["fake:github-docker", "--parts", "hostile"], "serves the fake in the dialect oci"),
        (["fake:oci", "--resolve", "a:1:127.0.0.1"], "resolve must be left out unless the target is a URL"),
        (["fake:oci", "--insecure"], "insecure must be left out unless the target is a URL"),
    ],
)
def test_what_cannot_be_done_is_said(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("known.toml").write_text("")
    try:
        code = main(arguments)
    except SystemExit as ending:
        code = int(str(ending.code))
    assert code == 4
    assert said in capsys.readouterr().err


def test_the_line_of_a_finding_has_every_option_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "target": "http://ann:hush@host",
        "profile": "pull",
        "repository": "it's/mine",
        "seed": "3",
        "level": "should",
    }
    settings = Settings(target="http://ann:hush@host", given=given)
    job = Job("machine", "http://ann:hush@host", settings, 1.0, 3)
    assert job.replay(Path("there/it.json")) == (
        'CONFORMANCE_PASSWORD="$CONFORMANCE_PASSWORD" conformance stress http://host --profile pull '
        "--repository 'it'\"'\"'s/mine' --username ann --replay there/it.json"
    )
    plain = Job("machine", "fake:oci", Settings(), 1.0, 3, "sqlite", "fake:distribution")
    assert plain.replay(Path("it.json")) == (
        "conformance stress fake:oci --storage sqlite --against fake:distribution --replay it.json"
    )


def test_a_finding_is_written_down_and_can_be_played_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    # The budget counts programs, as a machine may be too slow for any number of seconds.
    monkeypatch.setattr(stress, "Budget", lambda programs: Budget(programs, clock=count().__next__))
    Path("found").mkdir()
    old = Path("found", "finding-99.txt")
    old.touch()
    assert main([DEVIANT, "--parts", "machine", "--seconds", "50", "--seed", "1", "--report", "found"]) == 1
    shown = capsys.readouterr().out
    assert f"machine: {DEVIANT}: " in shown
    assert "FINDING 1: OCI-R" in shown
    assert not old.exists()
    again = shown.split("again: ")[1].splitlines()[0].split()
    assert again[:3] == ["conformance", "stress", DEVIANT]
    figures = json.loads(Path("found", "figures.json").read_text())[f"machine: {DEVIANT}"]
    assert figures["numbers"]["steps"] > 0
    text = figures["findings"][0]["text"]
    assert text in Path("found", "finding-1.txt").read_text()
    assert main([*again[2:], "--report", "again"]) == 1
    assert capsys.readouterr().out.startswith(f"{text}\n")
    assert Path("again", "replay.txt").read_text().startswith(f"{text}\n")
    assert Path("found", "finding-1.json").exists()


@pytest.mark.parametrize(
    ("arguments", "jobs"),
    [
        ([], ["fake:oci on memory", "fake:github-docker on directory", "fake:github-container on memory"]),
        (["--storage", "directory"], ["fake:oci on directory", "fake:github-docker on directory"]),
        (["fake:oci", "--storage", "memory,directory"], ["fake:oci on memory", "fake:oci on directory"]),
        (["fake:oci"], ["fake:oci"]),
    ],
    ids=str,
)
def test_storages_make_jobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], jobs: list[str]
) -> None:
    """A part for each; `crash` on those alone that outlive the process."""
    done: list[Job] = []

    def work(job: Job) -> Figures:
        done.append(job)
        return Figures(job.part, Counter(steps=1))

    monkeypatch.setattr(stress, "work", work)
    monkeypatch.setattr(stress, "_at_a_time", lambda settings: 1)
    assert main([*arguments, "--parts", "machine,crash", "--report", str(tmp_path)]) == 0
    assert {f"machine: {job}" for job in jobs} <= {str(job) for job in done}
    crashed = [job for job in done if job.part == "crash"]
    assert crashed
    assert all(job.settings.storage == job.storage != "memory" for job in crashed)


def test_a_program_that_shows_nothing_ends_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "program.json"
    file.write_text(Program((Step("ping", {}),)).to_json())
    assert main(["fake:oci", "--storage", "directory", "--replay", str(file)]) == 0
    assert capsys.readouterr().out == "0 findings\n"


def test_a_target_of_the_environment_is_the_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CONFORMANCE_TARGET", "fake:oci-1.1")
    monkeypatch.setattr(stress, "Budget", lambda programs: Budget(50, clock=count().__next__))
    assert main(["--parts", "machine", "--seconds", "1", "--report", str(tmp_path)]) == 0
    (first, last) = capsys.readouterr().out.splitlines()
    assert first.startswith("machine: fake:oci-1.1: ")
    assert last.startswith("0 findings")


def test_a_part_that_did_nothing_is_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stress, "Budget", lambda seconds: Budget(0))
    assert main(["fake:oci", "--parts", "machine", "--seconds", "1", "--report", str(tmp_path)]) == 5
    assert "nothing was done by machine: fake:oci: give more --seconds" in capsys.readouterr().err


def test_what_was_done_before_an_interruption_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def work(job: Job) -> Figures:
        if job.part == "concurrency":
            raise KeyboardInterrupt
        return Figures(job.part, findings=[Finding("something")])

    monkeypatch.setattr(stress, "work", work)
    monkeypatch.setattr(stress, "_at_a_time", lambda settings: 1)
    assert main(["fake:oci", "--report", str(tmp_path)]) == 2
    assert "FINDING 1: something" in capsys.readouterr().out
    assert (tmp_path / "finding-1.txt").exists()
