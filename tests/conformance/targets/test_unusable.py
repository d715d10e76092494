"""Targets that cannot be tested: each ends the run in time, with exit code 4 and one clear sentence."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

import fakereg
from tests.conformance.command.test_main import conformance
from tests.conformance.servers import answering, served
from tests.guard import GUARD

TIMEOUT = "1"
"""Seconds, for a server that never answers; any other has as much time as it needs."""


@contextmanager
def talking(speak: Callable[[socket.socket], object]) -> Iterator[str]:
    """A server that treats each connection in its own way, in a thread of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    threading.Thread(target=handle, args=(client,), daemon=True).start()

        def handle(client: socket.socket) -> None:
            with client, suppress(OSError):
                speak(client)

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)


def hang(client: socket.socket) -> None:
    """Read everything and say nothing."""
    while client.recv(4096):
        pass


def dribble(client: socket.socket) -> None:
    """Send a head that never ends, a byte at a time."""
    client.recv(4096)
    client.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    waiting = threading.Event()
    while not waiting.wait(0.05):
        client.sendall(b"x")


def trickle(client: socket.socket) -> None:
    """Send a body that never ends, a byte at a time."""
    client.recv(4096)
    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    waiting = threading.Event()
    while not waiting.wait(0.05):
        client.sendall(b"x")


def close(client: socket.socket) -> None:
    """Close as soon as something was asked."""
    client.recv(4096)


def greet(client: socket.socket) -> None:
    """Speak SSH."""
    client.sendall(b"SSH-2.0-OpenSSH_9.2p1\r\n")
    client.recv(4096)


def refuse_plain(client: socket.socket) -> None:
    """Answer HTTP with a TLS alert, as a server of HTTPS does."""
    client.recv(4096)
    client.sendall(b"\x15\x03\x01\x00\x02\x02\x46")


@pytest.mark.parametrize(
    ("speak", "said"),
    [
        (hang, "no answer within 1 s"),
        (dribble, "no answer within 1 s"),
        (trickle, "no answer within 1 s"),
        (close, "the connection was closed or what came is not HTTP"),
        (greet, "the connection was closed or what came is not HTTP"),
        (refuse_plain, "the connection was closed or what came is not HTTP"),
    ],
)
@pytest.mark.parametrize("workers", ["auto", "2"])
def test_a_server_of_another_kind(
    tmp_path: Path, speak: Callable[[socket.socket], object], said: str, workers: str
) -> None:
    never = speak in (hang, dribble, trickle)
    with talking(speak) as url:
        assert said in sentence(tmp_path, url, "--workers", workers, *(["--timeout", TIMEOUT] if never else []))


def test_a_server_that_is_down(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    assert "nothing listens there" in sentence(tmp_path, url)


def test_a_server_that_answers_418_to_everything(tmp_path: Path) -> None:
    with served(answering(418)) as url:
        assert "must be a registry, whose GET /v2/ answers 200 or 401, got 418" in sentence(tmp_path, url)


def test_a_name_that_leads_nowhere(tmp_path: Path) -> None:
    assert "the name leads nowhere" in sentence(tmp_path, "http://registry.invalid:5000")


def test_a_server_of_https_that_has_another_name(tmp_path: Path) -> None:
    with fakereg.serve() as server:
        assert "TLS" in sentence(tmp_path, server.url.replace("http://", "https://"))


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_server_that_goes_away_while_it_is_tested(tmp_path: Path, workers: str) -> None:
    with fakereg.serve() as server, once(int(server.url.rpartition(":")[2]), bytes_through=60_000) as url:
        done = conformance(tmp_path, url, "--workers", workers, "--", "-k", "test_pull")
    assert done.returncode == 4, done.stdout + done.stderr
    assert f"the target {url} stopped answering: " in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


@contextmanager
def once(port: int, *, bytes_through: int) -> Iterator[str]:
    """A way to a port of 127.0.0.1 that is shut for good once so many bytes have come back."""
    left = [bytes_through]

    def carry(client: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", port)) as server:
            threading.Thread(target=copy, args=(client, server), daemon=True).start()
            while left[0] > 0 and (piece := server.recv(4096)):
                left[0] -= len(piece)
                client.sendall(piece)

    def copy(client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while piece := client.recv(4096):
                server.sendall(piece)

    with talking(carry) as url:
        yield url


def sentence(folder: Path, *arguments: str) -> str:
    """What a run says of a target that cannot be tested: one line, and nothing else."""
    done = conformance(folder, "--timeout", str(GUARD), *arguments)
    assert done.returncode == 4, done.stdout + done.stderr
    assert done.stdout.strip() == ""
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("ERROR: conformance: ")
    return line
