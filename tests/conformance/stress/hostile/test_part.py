"""Our fake bears everything that the part `hostile` sends; and a server that does not is found out."""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random

import pytest
import trustme

import fakereg
from conformance.config.settings import Settings
from conformance.stress.common.base import Figures
from conformance.stress.hostile import part
from conformance.stress.hostile.mutation import mutated
from conformance.stress.hostile.shapes import EITHER, SHAPES, Shape
from conformance.stress.hostile.shapes_use import shapes
from conformance.targets.base import Target, UrlTarget
from conformance.targets.fakes import SocketFake
from tests.conformance.stress import bad_server
from tests.conformance.stress.conftest import stress_of
from tests.guard import GUARD

MUTATIONS = 300
TRIGGER = Shape("trigger", b"GET /v2/trigger HTTP/1.1\r\n{head}\r\n", EITHER)
HIDDEN = b"GET /v2/x/manifests/stays HTTP/1.1\r\n\r\n"
SIZED = b"GET /v2/trigger HTTP/1.1\r\n{head}Content-Length: %d\r\n\r\n" % len(HIDDEN)
BODY = Shape("body", SIZED + HIDDEN, EITHER)


def test_the_fake_bears_all_of_it(target: Target, tmp_path: Path) -> None:
    figures = part.run(stress_of(target), sessions=2000, mutations=MUTATIONS, parent=tmp_path)
    assert figures.findings == []
    numbers = figures.numbers
    assert numbers["shapes"] == len(list(shapes())) > 600
    assert numbers["mutations"] == MUTATIONS
    assert numbers["faults"] == numbers["shapes"] + MUTATIONS
    assert numbers["sessions"] == 2000
    assert numbers["connections"] > 2 * numbers["faults"] + part.IDLE
    assert numbers["bytes sent"] > 20_000_000
    assert numbers["requests"] > numbers["connections"]
    if Path("/proc/self/status").exists():
        assert 0 < numbers["memory_before_kib"] <= numbers["memory_after_kib"]
    assert list(tmp_path.iterdir()) == []


def test_a_target_with_accounts_is_spoken_to_as_its_writer() -> None:
    with SocketFake("socket:github-docker", "github-docker", Settings()) as target:
        figures = part.run(stress_of(target), shapes=SHAPES[:60], sessions=50, mutations=50)
    assert figures.findings == []
    assert (figures.numbers["shapes"], figures.numbers["sessions"]) == (60, 50)
    assert "memory_after_kib" not in +figures.numbers


def test_a_spent_budget_ends_it(target: Target) -> None:
    figures = part.run(stress_of(target, seconds=0.0), shapes=[TRIGGER], sessions=5)
    assert figures.findings == []
    assert [figures.numbers[name] for name in ("shapes", "sessions", "mutations")] == [0, 0, 0]


def test_a_server_with_tls_bears_it(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "key.pem"))
    with fakereg.serve(tls_cert=str(tmp_path / "key.pem")) as server:
        settings = Settings(ca=tmp_path / "authority.pem")
        with UrlTarget(server.url, server.url, settings) as target:
            figures = part.run(stress_of(target), shapes=SHAPES[::10], sessions=2000, mutations=20)
    assert figures.findings == []
    assert figures.numbers["shapes"] == len(SHAPES[::10])
    assert figures.numbers["sessions"] == part.SHARED_SESSIONS  # others may use a target at a URL


def test_mutations_are_a_matter_of_the_seed() -> None:
    made = [[mutated(Random(seed), lambda data: data) for _ in range(20)] for seed in (1, 1, 2)]
    assert made[0] == made[1] != made[2]


def test_what_writes_is_spoiled_behind_its_target_only() -> None:
    random = Random(1)
    lines = {mutated(random, lambda data: data).partition(b"\r\n")[0] for _ in range(2000)}
    writing = {line for line in lines if line.startswith((b"PUT ", b"POST ", b"PATCH ", b"DELETE "))}
    assert len(writing) == 4
    assert len(lines) > 100


def _broken(target: Target, kind: str, folder: Path, shape: Shape = TRIGGER, deadline: float = GUARD) -> Figures:
    command = [sys.executable, str(Path(bad_server.__file__)), kind, "{folder}"]
    return part.run(stress_of(target), command=command, shapes=[shape], sessions=3, mutations=0, deadline=deadline,
                       parent=folder)  # fmt: skip


def test_a_server_that_only_looks_like_a_registry_is_good_enough(target: Target, tmp_path: Path) -> None:
    assert _broken(target, "good", tmp_path).findings == []
    assert _broken(target, "good", tmp_path, BODY).findings == []


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("fails", "trigger: answer 1 is 500, which is not allowed"),
        ("says-no-HTTP", "trigger: answer 1 is no HTTP, which is not allowed"),
        ("dies", "after trigger: "),
        ("writes-outside", "trigger: files outside the store changed: inner/inner/inner/inner/escaped"),
        ("changes-canary", "trigger: files outside the store changed: inner/inner/inner/inner/stress-"),
        ("gives-away", "trigger: the answer contains a file from outside the store"),
        ("logs", "trigger: the server logged a traceback"),
        ("fails-in-cancel", "a session cannot be cancelled"),
        ("fails-in-start", "a session cannot be opened"),
    ],
)
def test_a_fault_is_found(target: Target, tmp_path: Path, kind: str, text: str) -> None:
    findings = _broken(target, kind, tmp_path).findings
    assert any(finding.text.startswith(text) or text in finding.text for finding in findings), findings
    assert "--parts hostile" in findings[0].replay


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("hangs", "trigger: neither answered nor closed within 3 s"),
        ("turns-deaf", "after trigger: the server does not answer GET /v2/"),
    ],
)
def test_silence_is_found(target: Target, tmp_path: Path, kind: str, text: str) -> None:
    found = [finding.text for finding in _broken(target, kind, tmp_path, deadline=3.0).findings]
    assert text in found


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory and files are not to be seen here")
@pytest.mark.parametrize(
    ("kind", "text"), [("grows", "the memory of the server grew"), ("keeps-files", "open files of the server grew")]
)
def test_growth_is_found(target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, text: str) -> None:
    monkeypatch.setattr("conformance.stress.hostile.watched._SETTLE_SECONDS", 0.2)
    (found,) = _broken(target, kind, tmp_path).findings
    assert text in found.text


def test_an_answer_to_a_hidden_request_is_found(target: Target, tmp_path: Path) -> None:
    (found,) = _broken(target, "smuggles", tmp_path, BODY).findings
    assert "got 2 answers, at most 1 are allowed" in found.text
    assert "GET /v2/trigger" in found.evidence


def test_a_tag_that_a_hidden_request_deletes_is_missed(target: Target, tmp_path: Path) -> None:
    (found,) = _broken(target, "deletes-tag", tmp_path, BODY).findings
    assert found.text == "body: a hidden request deleted a tag"


def test_a_server_that_does_not_start_is_a_finding(target: Target, tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no')"]
    (found,) = part.run(stress_of(target), command=command, parent=tmp_path).findings
    assert (found.text, found.evidence) == ("the server does not start", "no\n")
    assert list(tmp_path.iterdir()) == []
