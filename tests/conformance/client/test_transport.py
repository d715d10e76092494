"""The two transports: they give the same exchange, and hold what they speak to to its protocol."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest

import fakereg
from conformance.client import bounds
from conformance.client.exchange import Exchange, Request
from conformance.client.transport import (
    IN_PROCESS_URL,
    HttpTransport,
    ProtocolViolation,
    Transport,
    TransportError,
    WsgiTransport,
)
from tests.conformance.servers import answering, served
from tests.conformance.targets.test_unusable import talking
from tests.guard import GUARD

OF_THE_SERVER = {"date", "server", "connection", "keep-alive"}


def echo(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer with what came: the method, the path, the query, some headers and the body."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length)
    names = ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "CONTENT_TYPE", "HTTP_ACCEPT_ENCODING")
    twice = [value.strip() for value in environ["HTTP_X_TWICE"].split(",")] if "HTTP_X_TWICE" in environ else []
    text = "\n".join([*(f"{name}={environ.get(name, '')}" for name in names), f"X-Twice={twice}", ""]).encode() + body
    headers = [("Content-Length", str(len(text))), ("Link", "<a>"), ("Link", "<b>"), ("Content-Type", "text/plain")]
    start_response("202 Accepted", headers)
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [text[:5], text[5:]]


def comparable(exchange: Exchange, base_url: str) -> tuple[object, ...]:
    headers = [pair for pair in exchange.headers if pair[0].lower() not in OF_THE_SERVER]
    request = exchange.request
    return request.url.removeprefix(base_url), request.headers, exchange.status, headers, exchange.body


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v2/a%2Fb/%C3%A9?n=1&last=a%20b", b""),
        ("HEAD", "/v2/", b""),
        ("POST", "/v2/x/blobs/uploads/", b""),
        ("PUT", "/v2/x/manifests/v1", b"\x00body\xff"),
        ("DELETE", "/v2/x/manifests/v1", b""),
        ("BREW", "/", b""),
    ],
)
def test_same_exchange(method: str, path: str, body: bytes) -> None:
    headers = (("X-Twice", "1"), ("X-Twice", "2"), ("Content-Type", "a/b"))
    found = []
    with served(echo) as url, HttpTransport(url) as http:
        transports: list[Transport] = [WsgiTransport(echo), http]
        for transport in transports:
            answer = transport.send(Request(method, transport.base_url + path, headers, body))
            found.append(comparable(answer, transport.base_url))
    assert found[0] == found[1]
    assert (found[0][2], method == "HEAD" or b"X-Twice=['1', '2']" in answer.body) == (202, True)


def test_same_exchange_with_the_fake() -> None:
    registry = fakereg.Registry(dialect="oci", storage="memory")
    found = []
    with fakereg.serve(dialect="oci", storage="memory") as server, HttpTransport(server.url) as http:
        transports: list[Transport] = [WsgiTransport(registry), http]
        for transport in transports:
            for path in ("/v2/", "/v2/a/manifests/v1", "/v2/A/tags/list", "/nowhere"):
                answer = transport.send(Request("GET", transport.base_url + path))
                found.append(comparable(answer, transport.base_url))
    registry.close()
    assert found[:4] == found[4:]


def test_body_of_unknown_length_is_streamed() -> None:
    events: list[str] = []

    def pieces() -> Iterator[bytes]:
        for piece in (b"one", b"", b"two", b"three"):
            events.append("sent")
            yield piece

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        assert "CONTENT_LENGTH" not in environ
        assert environ["HTTP_TRANSFER_ENCODING"] == "chunked"
        assert environ["wsgi.input_terminated"]
        first = environ["wsgi.input"].read(3)
        events.append("read")
        rest = environ["wsgi.input"].read()
        start_response("200 OK", [])
        return [first, b"|", rest]

    answer = WsgiTransport(app).send(Request("PATCH", f"{IN_PROCESS_URL}/", (), pieces()))
    assert answer.body == b"one|twothree"
    assert events.index("read") == 1


def test_body_of_unknown_length_over_http() -> None:
    with fakereg.serve(dialect="oci", storage="memory") as server, HttpTransport(server.url) as http:
        opened = http.send(Request("POST", f"{server.url}/v2/a/blobs/uploads/"))
        location = opened.header("Location") or ""
        url = location if location.startswith("http") else server.url + location
        answer = http.send(Request("PATCH", url, (), [b"some", b"more"]))
    assert (answer.status, answer.header("Range")) == (202, "0-7")
    assert ("Transfer-Encoding", "chunked") in answer.request.headers


class _Body:
    """An iterable that notes that it was closed."""

    def __init__(self, pieces: list[Any]) -> None:
        self._pieces = iter(pieces)
        self.closed = False

    def __iter__(self) -> Iterator[Any]:
        return self._pieces

    def close(self) -> None:
        self.closed = True


def application(
    status: str = "200 OK", headers: object = (), pieces: tuple[object, ...] = (), calls: int = 1
) -> tuple[WSGIApplication, _Body]:
    body = _Body(list(pieces))

    def app(environ: WSGIEnvironment, start_response: Callable[..., Any]) -> Iterable[bytes]:
        for _ in range(calls):
            start_response(status, headers)
        return body

    return app, body


@pytest.mark.parametrize(
    ("app", "said"),
    [
        (application(status="200"), "status"),
        (application(status="0200 OK"), "status"),
        (application(calls=0), "never called"),
        (application(calls=0, pieces=(b"x",)), "before start_response"),
        (application(calls=2), "twice"),
        (application(pieces=("text",)), "type str"),
        (application(headers=[("A", 1)]), "str and int"),
        (application(headers=[("A", type("S", (str,), {})("x"))]), "str and S"),
        (application(headers=[("Connection", "close")]), "belongs to the server"),
        (application(headers=[("A", "b\r\nC: d")]), "control character"),
    ],
)
def test_application_breaks_the_protocol(app: tuple[WSGIApplication, _Body], said: str) -> None:
    with pytest.raises(ProtocolViolation, match=said):
        WsgiTransport(app[0]).send(Request("GET", f"{IN_PROCESS_URL}/"))


@pytest.mark.parametrize("pieces", [(b"a", b"b"), (b"a", "not bytes")])
def test_body_is_closed(pieces: tuple[object, ...]) -> None:
    app, body = application(pieces=pieces)
    try:
        WsgiTransport(app).send(Request("GET", f"{IN_PROCESS_URL}/"))
    except ProtocolViolation:
        assert pieces == (b"a", "not bytes")
    assert body.closed


def test_in_process_leads_nowhere_else() -> None:
    with pytest.raises(TransportError, match="leads out of the process"):
        WsgiTransport(answering(200)).send(Request("GET", "http://elsewhere.test/v2/"))


def test_redirect_is_not_followed_nor_decoded() -> None:
    app = answering(307, ("Location", "/elsewhere"), ("Content-Encoding", "gzip"), body=b"not gzip")
    with served(app) as url, HttpTransport(url) as http:
        answer = http.send(Request("GET", f"{url}/"))
    assert (answer.status, answer.body) == (307, b"not gzip")


def test_path_is_sent_as_it_is() -> None:
    with served(echo) as url, HttpTransport(url) as http:
        answer = http.send(Request("GET", f"{url}/v2/../x//y/./z"))
    assert b"PATH_INFO=/v2/../x//y/./z" in answer.body


@contextmanager
def raw_server(answer: bytes | None) -> Iterator[str]:
    """A server that reads a request, sends some bytes, or none and waits, and closes."""
    release = threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            if answer is None:
                release.wait(GUARD)
            else:
                connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            release.set()
            thread.join()


@pytest.mark.parametrize(
    ("answer", "timeout", "said"),
    [
        (b"", GUARD, "the connection was closed"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", GUARD, "what came is not HTTP"),
        (None, 0.2, "no answer within 0.2 s"),
    ],
    ids=["closes", "other protocol", "hangs"],
)
def test_no_answer(answer: bytes | None, timeout: float, said: str) -> None:
    with raw_server(answer) as url, HttpTransport(url, timeout=timeout) as http:
        with pytest.raises(TransportError, match=said) as caught:
            http.send(Request("GET", f"{url}/v2/?token=hush"))
        assert "hush" not in str(caught.value)


def test_short_body_is_kept() -> None:
    answer = b"HTTP/1.1 416 No\r\nContent-Length: 100\r\n\r\nshort"
    with raw_server(answer) as url, HttpTransport(url) as http:
        assert http.send(Request("GET", f"{url}/")).body == b"short"


@contextmanager
def forgetful_server(*lives: int) -> Iterator[str]:
    """A server whose connections, one after another, answer so many requests each and close upon the next."""

    def serve() -> None:
        for requests in lives:
            with suppress(OSError):
                connection, _ = listener.accept()
                with connection:
                    for _ in range(requests):
                        connection.recv(65536)
                        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                    connection.recv(65536)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)  # nobody need come for the rest of its lives
            thread.join()


def test_connection_that_was_closed_meanwhile_is_made_again() -> None:
    with forgetful_server(1, 1) as url, HttpTransport(url) as http:
        assert [http.send(Request("GET", f"{url}/")).status for _ in range(2)] == [200, 200]


def test_write_is_not_sent_again() -> None:
    with forgetful_server(1, 1) as url, HttpTransport(url) as http:
        http.send(Request("GET", f"{url}/"))
        with pytest.raises(TransportError):
            http.send(Request("DELETE", f"{url}/"))


def test_new_connection_is_made_once() -> None:
    with forgetful_server(1, 0, 1) as url, HttpTransport(url) as http:
        http.send(Request("GET", f"{url}/"))
        with pytest.raises(TransportError):
            http.send(Request("GET", f"{url}/"))


def test_first_connection_that_is_closed_is_not_made_again() -> None:
    with forgetful_server(0, 1) as url, HttpTransport(url) as http, pytest.raises(TransportError):
        http.send(Request("GET", f"{url}/"))


def endless(start: bytes, piece: bytes) -> Callable[[socket.socket], None]:
    """Send a start, and then the same piece until nobody listens."""

    def speak(client: socket.socket) -> None:
        client.recv(65536)
        client.sendall(start)
        while True:
            client.sendall(piece)

    return speak


OK = b"HTTP/1.1 200 OK\r\n"
ENDLESS = {
    "body until the end": (OK + b"\r\n", b"x" * 65536, "longer than"),
    "body with a length": (OK + b"Content-Length: 999999999999\r\n\r\n", b"x" * 65536, "longer than"),
    "chunks": (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"8000\r\n" + b"x" * 0x8000 + b"\r\n", "longer than"),
    "negative chunk": (OK + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n", b"x" * 65536, "failed"),
    "line of a chunk": (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1" * 65536, "failed"),
    "trailers": (OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n" * 9000, "longer than"),
    "headers": (OK, b"X: y\r\n" * 20, "failed"),
    "header": (OK, b"x" * 65536, "failed"),
    "provisional answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100, "the head is longer than 65,536 bytes"),
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_endless_answer_is_no_answer(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(bounds, "ANSWER_BYTES", 1 << 20)
    start, piece, said = ENDLESS[kind]
    with talking(endless(start, piece)) as url, HttpTransport(url) as http, pytest.raises(TransportError, match=said):
        http.send(Request("GET", f"{url}/"))


NOT_SENT = {
    "no URL": Request("PUT", "?digest=sha256:a"),
    "unparsable": Request("GET", "http://[::1"),
    "port": Request("GET", "http://h:abc/"),
    "scheme": Request("GET", "ftp://x/"),
    "control character": Request("GET", "http://127.0.0.1:1/\x00\n"),
    "lone surrogate": Request("GET", "http://127.0.0.1:1/\ud800"),
    "name": Request("GET", "http://.../"),
    "line break in a header": Request("GET", "http://127.0.0.1:1/", (("Authorization", "Bearer a\r\nb"),)),
    "header beyond Latin-1": Request("GET", "http://127.0.0.1:1/", (("Authorization", "Bearer \u20ac"),)),
    "secret": Request("GET", "http://ann:hush-hush@[::1/"),
}


@pytest.mark.parametrize("kind", NOT_SENT)
def test_what_cannot_be_sent_has_no_answer(kind: str) -> None:
    with HttpTransport("http://127.0.0.1:1", timeout=5) as http, pytest.raises(TransportError) as caught:
        http.send(NOT_SENT[kind])
    assert str(caught.value).isprintable()
    assert "hush" not in str(caught.value)


def test_sentence_about_no_answer_is_short_and_harmless() -> None:
    noise = b"\x1b[31m" * 10_000 + b"\r\n"
    with raw_server(noise) as url, HttpTransport(url) as http, pytest.raises(TransportError) as caught:
        http.send(Request("GET", f"{url}/"))
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 700
