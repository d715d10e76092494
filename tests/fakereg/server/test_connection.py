"""The embedded server, spoken to over raw sockets."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from fakereg.server import Server
from fakereg.server import listener as server_module
from fakereg.server.connection import Connection
from tests.fakereg.sockets import read_answer, read_some
from tests.guard import GUARD


def echo(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Refuses /refuse at once, fails at /fail, and sends any other body back."""
    if environ["PATH_INFO"] == "/fail":
        raise ZeroDivisionError("deliberate")
    status = "413 Too Large" if environ["PATH_INFO"] == "/refuse" else "200 OK"
    body = b"" if environ["PATH_INFO"] == "/refuse" else environ["wsgi.input"].read()
    start_response(status, [("Content-Length", str(len(body))), ("X-Path", environ["PATH_INFO"])])
    return [body]


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(echo, idle_timeout=GUARD) as running:
        yield running


@pytest.fixture
def hasty() -> Iterator[Server]:
    """A server that lets stalling clients go soon."""
    with Server(echo, idle_timeout=0.5) as running:
        yield running


@contextlib.contextmanager
def connected(server: Server) -> Iterator[socket.socket]:
    host, _, port = server.host.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=2 * GUARD) as client:
        yield client


def test_a_connection_is_kept(server: Server) -> None:
    with connected(server) as client:
        for number in range(3):
            client.sendall(b"PUT /%d HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi" % number)
            assert b"X-Path: /%d\r\n" % number in read_some(client, b"hi")


def test_pipelined_requests_are_answered_in_order(server: Server) -> None:
    with connected(server) as client:
        client.sendall(b"".join(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % number for number in range(3)))
        answers = read_some(client, b"/2\r\n")
        assert answers.index(b"/0\r\n") < answers.index(b"/1\r\n")


@pytest.mark.parametrize("cut", [None, 3, 60, 64, 66, 70])
def test_requests_behind_bodies_are_found_wherever_the_pieces_part(server: Server, cut: int | None) -> None:
    sized = b"PUT /0 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
    chunked = b"PUT /1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    last = b"PUT /2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\n\r\nend"
    data = sized + chunked + sized + last
    with connected(server) as client:
        for piece in (data[:cut], data[cut:] if cut else b""):
            client.sendall(piece)
            time.sleep(0.05)
        answer = read_answer(client)
    assert [answer.count(part) for part in (b"hello", b"abc", b"end", b" 200 ")] == [2, 1, 1, 4]


def test_what_an_application_writes_comes_before_what_it_returns() -> None:
    def old(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Length", "6")])(b"one")
        return [b"two"]

    with Server(old) as server, connected(server) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert read_some(client, b"onetwo")


def test_a_chunked_body_is_decoded(server: Server) -> None:
    with connected(server) as client:
        client.sendall(b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        client.sendall(b"3\r\nabc\r\n4;extension=1\r\ndefg\r\n0\r\nTrailer: x\r\n\r\n")
        assert read_some(client, b"abcdefg")


def test_100_continue_goes_out_once_and_only_when_the_body_is_wanted(server: Server) -> None:
    request = b" HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    with connected(server) as client:
        client.sendall(b"PUT /" + request)
        assert read_some(client, b"\r\n\r\n").startswith(b"HTTP/1.1 100 Continue\r\n")
        client.sendall(b"hello")
        assert b"100 Continue" not in read_some(client, b"hello")
    with connected(server) as client:
        client.sendall(b"PUT /refuse" + request)
        answer = read_answer(client)
        assert answer.startswith(b"HTTP/1.1 413")
        assert b"100 Continue" not in answer


def test_an_early_refusal_can_be_read_while_the_body_is_sent(server: Server) -> None:
    with connected(server) as client:
        client.sendall(b"PUT /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: 30000000\r\n\r\n")
        for _ in range(30):
            client.sendall(b"x" * 1_000_000)
        assert read_answer(client).startswith(b"HTTP/1.1 413")


def test_a_short_unread_body_keeps_the_connection(server: Server) -> None:
    with connected(server) as client:
        for _ in range(2):
            client.sendall(b"PUT /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000)
            assert b"Connection: close" not in read_some(client, b"\r\n\r\n")


@pytest.mark.parametrize(
    "host",
    [
        b"",
        b"a",
        b"A.b-c_d~e",
        b"a:80",
        b"a:",
        b"[::1]:80",
        b"[::ffff:1.2.3.4]",
        b"a%20b",
        b"a!$&'()*+,;=b",
        b"[v1.a:b]",
    ],
)
def test_any_host_that_could_be_one_is_served(server: Server, host: bytes) -> None:
    with connected(server) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n")
        assert read_answer(client).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "pieces", [[b"\r\n"], [b"\r", b"\n"], [b"\r\n\r\n\n"], [b"\r\nGE", b"T /9 HTTP/1.1\r\nHost: x\r\n\r\n"]]
)
def test_empty_lines_before_a_request_are_ignored(server: Server, pieces: list[bytes]) -> None:
    """Before the first, behind another one, and behind a body."""
    request = b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n"
    body = b"PUT /3 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"
    with connected(server) as client:
        for piece in pieces:
            client.sendall(piece)
            time.sleep(0.02)
        client.sendall(request % 1)
        read_some(client, b"/1\r\n")
        client.sendall(b"\r\n" + request % 2 + b"\r\n" + body + b"\r\n" + request % 4 + b"\r\n")
        read_some(client, b"/4\r\n")
        client.sendall(request % 5)
        assert b"/5\r\n" in read_some(client, b"/5\r\n")


def test_a_head_just_below_the_limit_is_served(server: Server) -> None:
    with connected(server) as client:
        client.sendall(b"GET /" + b"x" * 65_000 + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert read_answer(client).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        (b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400),
        (b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX : a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: " + b"x" * 100_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: u:p@a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a%zz\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: \xc3\xa4\r\n\r\n", 400),
        (b"GET / HTTP/1.0\r\nHost: a?b\r\n\r\n", 400),
        (b"GET http://a:b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET http://[::1/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET http://a/ HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
        (b"PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"PUT / HTTP/1.0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 431),
        (b"M" * 70_000 + b" / HTTP/1.1\r\nHost: a\r\n\r\n", 431),
        (b"\r\n" * 10 + b" / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    ],
)
def test_what_is_not_http_is_refused_and_the_connection_closed(
    server: Server, request_bytes: bytes, status: int
) -> None:
    with connected(server) as client:
        client.sendall(request_bytes)
        answer = read_answer(client)
    assert answer.startswith(b"HTTP/1.1 %d " % status), answer
    assert b'"errors"' in answer


@pytest.mark.parametrize("rest", [b" HTTP/2.0\r\n", b" HTTP/1.1\r\nX: %b\r\n" % (b"x" * 66_000)])
def test_a_refused_head_has_no_body(server: Server, rest: bytes) -> None:
    with connected(server) as client:
        client.sendall(b"HEAD /" + rest + b"Host: x\r\n\r\n")
        assert read_answer(client).endswith(b"\r\n\r\n")


def test_a_later_minor_version_is_served(server: Server) -> None:
    with connected(server) as client:
        client.sendall(b"GET / HTTP/1.2\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = read_answer(client)
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"\r\nDate: " in answer


def test_a_refusal_does_not_wait_for_the_body() -> None:
    with Server(echo, idle_timeout=60.0) as server, connected(server) as client:
        client.sendall(b"PUT /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n")
        assert read_some(client, b"\r\n\r\n").startswith(b"HTTP/1.1 413")


def test_idle_connections_make_room_and_do_not_keep_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "CONNECTION_LIMIT", 3)
    server = Server(echo, idle_timeout=60.0)
    server.start()
    with contextlib.ExitStack() as stack:
        for _ in range(6):
            stack.enter_context(connected(server))
        client = stack.enter_context(connected(server))
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert read_some(client, b"\r\n\r\n").startswith(b"HTTP/1.1 200")
        for _ in range(6):
            stack.enter_context(connected(server))
        stopper = threading.Thread(target=server.stop)
        stopper.start()
        stopper.join(GUARD)
        assert not stopper.is_alive()


def test_a_thread_that_cannot_be_started_costs_one_connection(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(connection: Connection) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(Connection, "start", fail)
        with connected(server) as client:
            assert read_answer(client) == b""
    with connected(server) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert read_some(client, b"\r\n\r\n").startswith(b"HTTP/1.1 200")
    assert "can't start new thread" in caplog.text


def test_a_header_with_an_underscore_does_not_pass_for_another() -> None:
    seen: list[dict[str, Any]] = []

    def look(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        seen.append(environ)
        return echo(environ, start_response)

    with Server(look) as server, connected(server) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nContent_Length: 5\r\nA: 1\r\nA: 2\r\nConnection: close\r\n\r\n")
        read_answer(client)
    assert not seen[0].get("CONTENT_LENGTH")
    assert seen[0]["HTTP_A"] == "1, 2"


def test_the_absolute_form_of_a_target_is_understood(server: Server) -> None:
    with connected(server) as client:
        client.sendall(b"GET http://x/path%2Fa?q HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"X-Path: /path/a\r\n" in read_some(client, b"\r\n\r\n")


def test_a_failing_application_is_answered_for(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    with connected(server) as client:
        client.sendall(b"GET /fail HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert read_answer(client).startswith(b"HTTP/1.1 500")
    assert "deliberate" in caplog.text


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc"])
def test_a_client_that_stalls_is_let_go(hasty: Server, sent: bytes) -> None:
    with connected(hasty) as client:
        client.sendall(sent)
        read_answer(client)  # the client's own time-out is longer than the server's, and would raise


def test_headers_that_trickle_are_not_waited_for_longer(hasty: Server) -> None:
    """A server that waited for each piece anew would go on until the test gives up."""
    with connected(hasty) as client, contextlib.suppress(OSError):
        for _ in range(600):
            client.sendall(b"G")
            time.sleep(0.1)
        pytest.fail("the server waited for more than its limit")


def test_stopping_lets_a_request_end_and_cuts_idle_connections() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        begun.set()
        assert go_on.wait(GUARD)
        return echo(environ, start_response)

    server = Server(slow)
    server.start()
    with connected(server) as idle, connected(server) as busy:
        busy.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert begun.wait(GUARD)
        stopper = threading.Thread(target=server.stop, kwargs={"grace": GUARD})
        stopper.start()
        assert read_answer(idle) == b""
        go_on.set()
        assert read_answer(busy).startswith(b"HTTP/1.1 200")
        stopper.join(GUARD)
        assert not stopper.is_alive()
    with pytest.raises(ConnectionRefusedError), connected(server):
        pass


def test_a_port_in_use_is_an_error(server: Server) -> None:
    with pytest.raises(OSError, match="in use"):
        Server(echo, port=int(server.host.rpartition(":")[2]))


def test_many_connections_at_once(server: Server) -> None:
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connected(server)) for _ in range(100)]
        for client in clients:
            client.sendall(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi")
        for client in clients:
            assert read_some(client, b"hi")
