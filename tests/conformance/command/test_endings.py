"""However a server answers, a command ends with what it has to say, within bounds and with a documented exit code."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

import fakereg
from conformance.client.exchange import Header
from fakereg.server import Server
from tests.conformance.command.test_main import conformance, results
from tests.conformance.documents import eventful
from tests.conformance.ending import COMMANDS, RAW, try_seed
from tests.conformance.mutating_server import mutating_server
from tests.conformance.targets.test_unusable import talking

Tamper = Callable[[WSGIEnvironment, list[Header]], list[Header]]
"""The headers of an answer after it was tampered with."""


@contextmanager
def tampered(tamper: Tamper) -> Iterator[str]:
    """Serve a registry whose answers are tampered with; give its URL."""
    registry = fakereg.Registry()

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: list[Header], exc_info: object = None) -> Callable[[bytes], object]:
            return start_response(status, tamper(environ, headers))

        return registry(environ, start)

    with Server(app) as server:
        registry.host, registry.url = server.host, server.url
        yield server.url


def is_first_upload(environ: WSGIEnvironment) -> bool:
    return environ["REQUEST_METHOD"] == "POST" and str(environ["PATH_INFO"]).endswith("/blobs/uploads/")


def location(value: str) -> Tamper:
    """Let the first step of each upload lead elsewhere."""

    def tamper(environ: WSGIEnvironment, headers: list[Header]) -> list[Header]:
        if not is_first_upload(environ):
            return headers
        return [(name, value if name == "Location" else text) for name, text in headers]

    return tamper


NOWHERE = ["http://[::1", "http://h:abc/", "http://h:465321/", "ftp://x/", "http:///v2/x"]
AWAY = ["http://registry.invalid:5000/v2/x", "http://127.0.0.1:1/v2/x"]
SOME = ("--", "-k", "test_upload_sessions or test_push or test_pull")


@pytest.mark.parametrize("value", NOWHERE)
def test_upload_that_leads_nowhere_is_a_violation(tmp_path: Path, value: str) -> None:
    with tampered(location(value)) as url:
        done = conformance(tmp_path, url, *SOME)
    assert done.returncode == 1, done.stdout + done.stderr
    rows = {row["id"]: row["outcome"] for row in results(tmp_path)["requirements"]}
    assert rows["OCI-R029"] == "fail"
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize("command", [["probe"], [], ["stress"]], ids=["probe", "run", "stress"])
@pytest.mark.parametrize("value", AWAY)
def test_upload_that_leads_away_is_one_sentence(tmp_path: Path, value: str, command: list[str]) -> None:
    with tampered(location(value)) as url:
        done = conformance(tmp_path, *command, url, "--timeout", "2")
    assert done.returncode == 4
    assert re.search(r"ERROR: conformance: the Location of uploads to the target .* must lead to a server", done.stderr)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [["probe"], [], ["stress"]], ids=["probe", "run", "stress"])
def test_first_upload_without_an_answer_is_one_sentence(tmp_path: Path, command: list[str]) -> None:
    def speak(client: socket.socket) -> None:
        while client.recv(65536).startswith(b"GET"):
            client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    with talking(speak) as url:
        done = conformance(tmp_path, *command, url, "--timeout", "2")
    assert done.returncode == 4
    assert f"ERROR: conformance: the target {url} must answer the first request of a push: POST" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_requests_without_a_location_are_not_a_silent_target(tmp_path: Path) -> None:
    """Each of many scenarios in a row has no answer, and yet the target is there."""
    with tampered(lambda environ, headers: [pair for pair in headers if pair[0] != "Location"]) as url:
        done = conformance(tmp_path, url, "--", "-k", "test_upload_sessions or test_chunks or test_push")
    found = results(tmp_path)
    assert (done.returncode, found["run"]["ended"]) == (1, "")
    assert {row["id"]: row["outcome"] for row in found["requirements"]}["OCI-R029"] == "fail"


def test_list_that_leads_to_itself_is_judged(tmp_path: Path) -> None:
    def tamper(environ: WSGIEnvironment, headers: list[Header]) -> list[Header]:
        return [*headers, ("Link", '<?again>; rel="next"')] if "tags/list" in environ["PATH_INFO"] else headers

    with tampered(tamper) as url:
        done = conformance(tmp_path, url, "--", "-k", "test_tags")
    rows = {row["id"]: row["outcome"] for row in results(tmp_path)["requirements"]}
    assert done.returncode == 1
    assert (rows["OCI-R067"], rows["OCI-R074"]) == ("fail", "fail")


@pytest.mark.parametrize("kind", COMMANDS)
@pytest.mark.parametrize("seed", [4, 9, 14, 26])
def test_answers_of_any_bytes(seed: int, kind: str) -> None:
    some = ["--workers", "1", "--", "-k", "test_tags or test_push or test_upload"] if kind == "run" else []
    assert try_seed(seed, kind, *some) == []


def test_mutating_server_is_the_same_for_the_same_seed() -> None:
    with mutating_server(5) as one, mutating_server(5) as other:
        assert str(one) == str(other)


DAMAGE: dict[str, Callable[[str], str]] = {
    "deep": lambda text: text.replace('"fail"', "[" * 300 + "]" * 300, 1),
    "very deep": lambda text: "[" * 100_000,
    "cut": lambda text: text[: len(text) // 2],
    "no object": lambda text: "[]",
    "numbers": lambda text: re.sub(r'"[a-z]+"(?=[,}\]])', "7", text),
    "nulls": lambda text: re.sub(r'"[a-z ]+"(?=[,}\]])', "null", text),
    "lists": lambda text: re.sub(r'"[a-z ]+"(?=[,}\]])', "[]", text),
    "huge": lambda text: re.sub(r"(?<=: )[0-9]+", "1e400", text),
    "escapes": lambda text: text.replace("pull", r"\u001b]0;x\u0007\ud800\u202e"),
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("form", [[], ["--all"], ["--markdown"], ["--html", "page.html"]], ids=" ".join)
def test_damaged_reports_are_compared_or_refused(tmp_path: Path, damage: str, form: list[str]) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps(eventful()))
    bad.write_text(DAMAGE[damage](json.dumps(eventful())))
    done = conformance(tmp_path, "compare", *form, str(good), str(bad))
    assert done.returncode in (0, 4)
    assert "Traceback" not in done.stderr
    assert not RAW.search(done.stdout + done.stderr)


@pytest.mark.parametrize("text", ["[" * 100_000, "7", '{"steps": 7}', '{"steps": [[]]}', '{"a": "\\ud800"}', "{}"])
def test_program_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "program.json").write_text(text)
    done = conformance(tmp_path, "stress", "--replay", "program.json")
    assert (done.returncode, "Traceback" in done.stderr) == (4, False), done.stderr[-500:]
