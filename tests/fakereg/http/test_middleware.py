"""WSGI applications of a user's around the registry."""

from __future__ import annotations

import io
import json
import logging
import socket
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
import urllib3

import fakereg
from fakereg import Registry
from fakereg.http import middleware
from fakereg.spec.errors import Code, RegistryError
from fakereg.spec.names import Digest
from tests.fakereg.client import RegistryClient
from tests.fakereg.conftest import MakeClient
from tests.guard import GUARD

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from fakereg.options import Middleware


ENVIRON: dict[str, Any] = {"REQUEST_METHOD": "GET", "wsgi.input": io.BytesIO()}


def adding(name: str, value: str) -> Middleware:
    """Make a middleware that adds a header."""

    def wrap(application: WSGIApplication) -> WSGIApplication:
        def wrapped(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
                return start_response(status, [*headers, (name, value)], *rest)

            return application(environ, start)

        return wrapped

    return wrap


class Busy:
    """Answer 429 to the first requests."""

    def __init__(self, application: WSGIApplication, times: int = 1) -> None:
        self.application, self.left = application, times

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if self.left:
            self.left -= 1
            start_response("429 Too Many Requests", [("Retry-After", "1"), ("Content-Length", "4")])
            return [b"busy"]
        return self.application(environ, start_response)


def reading(application: WSGIApplication) -> WSGIApplication:
    """Read the body before the registry does."""

    def wrapped(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        length = environ.get("CONTENT_LENGTH")
        body = environ["wsgi.input"].read(int(length) if length else -1 if "HTTP_TRANSFER_ENCODING" in environ else 0)
        environ["wsgi.input"] = io.BytesIO(body)
        return application(environ, start_response)

    return wrapped


def lazy(application: WSGIApplication) -> WSGIApplication:
    """Begin the answer only when its body is asked for, as a generator does."""

    def wrapped(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
        body = application(environ, start_response)
        try:
            yield from body
        finally:
            if hasattr(body, "close"):
                body.close()

    return wrapped


def failing(problem: Exception) -> Middleware:
    """Make a middleware that raises."""

    def wrap(application: WSGIApplication) -> WSGIApplication:
        def wrapped(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            raise problem

        return wrapped

    return wrap


def test_the_first_is_the_outermost(make_client: MakeClient) -> None:
    client = make_client(middleware=[adding("X-Order", "outer"), adding("X-Order", "inner")])
    response = client.get("/v2/")
    assert response.status_code == 200
    assert response.headers.getlist("X-Order") == ["inner", "outer"]


def test_an_answer_of_its_own_is_in_the_journal(make_client: MakeClient) -> None:
    client = make_client(middleware=[Busy])
    response = client.get("/v2/?n=1")
    assert (response.status_code, response.data, response.headers["Retry-After"]) == (429, b"busy", "1")
    assert "Content-Type" not in response.headers
    (entry,) = client.registry.journal
    assert (entry.method, entry.path, entry.query, entry.status) == ("GET", "/v2/", "n=1", 429)
    assert client.get("/v2/").status_code == 200
    assert [entry.status for entry in client.registry.journal] == [429, 200]


@pytest.mark.parametrize("layers", [[reading], [lazy], [reading, lazy], [adding("X-A", "b")]])
def test_an_image_is_pushed_and_pulled_through_it(make_client: MakeClient, layers: list[Middleware]) -> None:
    client = make_client(middleware=layers)
    digest = client.push_image("team/app", "1.0")
    response = client.get("/v2/team/app/manifests/1.0")
    assert response.headers["Docker-Content-Digest"] == digest
    assert Digest.of(response.data) == digest
    head = client.head("/v2/team/app/manifests/1.0")
    assert (head.data, head.headers["Content-Length"]) == (b"", str(len(response.data)))


@pytest.mark.parametrize("layers", [[reading], [lazy], [adding("X-A", "b")]])
def test_blobs_travel_through_it_on_a_socket(layers: list[Middleware]) -> None:
    content = b"x" * 3_000_000
    digest = Digest.of(content)
    with fakereg.serve(middleware=layers) as registry, urllib3.PoolManager() as http:
        path = f"{registry.url}/v2/a/blobs"
        assert http.request("POST", f"{path}/uploads/?digest={digest}", body=content).status == 201
        assert http.request("GET", f"{path}/{digest}").data == content
        assert [entry.status for entry in registry.journal] == [201, 200]


@pytest.mark.parametrize("layers", [[reading], [adding("X-A", "b")]])
def test_a_body_in_chunks_is_read_whole(layers: list[Middleware]) -> None:
    content = b"0123456789" * 100_000
    with fakereg.serve(middleware=layers) as registry, urllib3.PoolManager() as http:
        path = f"{registry.url}/v2/a/blobs/uploads/?digest={Digest.of(content)}"
        parts = (content[at : at + 10_000] for at in range(0, len(content), 10_000))
        assert http.request("POST", path, body=parts).status == 201


def test_a_client_that_goes_away_leaves_what_it_sent_unless_a_middleware_reads_it() -> None:
    with fakereg.serve(middleware=[adding("X-A", "b")]) as registry, urllib3.PoolManager() as http:
        location = http.request("POST", f"{registry.url}/v2/a/blobs/uploads/").headers["Location"]
        host, _, port = registry.host.rpartition(":")
        with socket.create_connection((host, int(port))) as client:
            client.sendall(b"PATCH %b HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n" % location.encode())
            client.sendall(b"x" * 40)
        registry.journal.wait(method="PATCH", status=400, timeout=GUARD)
        assert http.request("GET", registry.url + location).headers["Range"] == "0-39"


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 20, -1, None])
def test_a_body_reads_like_a_file(size: int | None) -> None:
    class Slow(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size, 3) if size and size > 0 else size)

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [environ["wsgi.input"].read(size), b"|", *environ["wsgi.input"]]

    answer = middleware.ask(application, {**ENVIRON, "wsgi.input": Slow(b"ab\ncd\nef")})
    first, _, rest = b"".join(answer.response).partition(b"|")  # type: ignore[arg-type]
    assert first == io.BytesIO(b"ab\ncd\nef").read(size)
    assert first + rest == b"ab\ncd\nef"


def test_a_body_that_nobody_wraps_can_still_be_sent_from_file_to_socket(make_client: MakeClient) -> None:
    registry = make_client(middleware=[adding("X-A", "b")]).registry
    body = [b"part"]

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])
        return body

    wrapped = middleware.wrap(application, [adding("X-A", "b")])
    response = middleware.ask(wrapped, ENVIRON)
    assert response(ENVIRON, lambda *_: None) is body  # type: ignore[arg-type]
    registry.close()


@pytest.mark.parametrize("layers", [[failing(KeyError("x"))], [lazy, failing(OSError("disk"))]])
def test_one_that_fails_is_503_and_in_the_log(
    make_client: MakeClient, layers: list[Middleware], caplog: pytest.LogCaptureFixture
) -> None:
    client = make_client(middleware=layers)
    response = client.get("/v2/")
    assert response.status_code == 503
    assert response.headers["Retry-After"]
    assert response.get_json()["errors"] == [{"code": "DENIED", "message": "a middleware failed, see the log"}]
    assert [entry.status for entry in client.registry.journal] == [503]
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert record.getMessage() == "a middleware failed"
    assert record.exc_info


@pytest.mark.parametrize(
    ("problem", "status"),
    [
        (ConnectionResetError(), 400),
        (TimeoutError(), 408),
        (RegistryError(Code.TOOMANYREQUESTS, "slow down", status=429), 429),
    ],
)
def test_what_the_registry_answers_it_answers_for_a_middleware_too(
    make_client: MakeClient, problem: Exception, status: int
) -> None:
    assert make_client(middleware=[failing(problem)]).get("/v2/").status_code == status


def test_one_that_never_answers_is_503(make_client: MakeClient) -> None:
    client = make_client(middleware=[lambda application: lambda environ, start_response: []])
    assert client.get("/v2/").status_code == 503


def test_a_body_is_closed_when_it_fails_before_it_begins() -> None:
    closed = []

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            raise KeyError

        def close(self) -> None:
            closed.append(True)

    with pytest.raises(KeyError):
        middleware.ask(lambda environ, start_response: Body(), ENVIRON)
    assert closed == [True]


def test_bytes_that_are_written_come_first() -> None:
    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])(b"written ")
        return [b"and ", b"returned"]

    assert b"".join(middleware.ask(application, ENVIRON).response) == b"written and returned"  # type: ignore[arg-type]


def test_it_is_made_once_and_sees_every_request(make_client: MakeClient) -> None:
    seen: list[str] = []
    made: list[WSGIApplication] = []

    def watching(application: WSGIApplication) -> WSGIApplication:
        made.append(application)

        def wrapped(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            seen.append(environ["PATH_INFO"])
            return application(environ, start_response)

        return wrapped

    client = make_client(middleware=(watching,), control_secret="a secret of a test")
    for path in ("/v2/", "/_fakereg/settings", "/nothing"):
        client.get(path)
    assert len(made) == 1
    assert seen == ["/v2/", "/_fakereg/settings", "/nothing"]
    assert [entry.path for entry in client.registry.journal] == ["/v2/", "/nothing"]


def test_what_it_does_to_the_request_is_not_in_the_journal_but_notes_are(make_client: MakeClient) -> None:
    def moving(application: WSGIApplication) -> WSGIApplication:
        def wrapped(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            environ["PATH_INFO"] = environ["PATH_INFO"].replace("/old/", "/new/")
            environ.pop("REQUEST_URI", None)
            environ.pop("RAW_URI", None)
            return application(environ, start_response)

        return wrapped

    client = make_client("oci,image_size_notice=1", middleware=[moving])
    client.push_image("new/app", "1.0")
    assert client.get("/v2/old/app/manifests/1.0").status_code == 200
    entry = list(client.registry.journal)[-1]
    assert entry.path == "/v2/old/app/manifests/1.0"
    assert entry.notes


def test_a_proxy_is_obeyed_before_it_is_asked(make_client: MakeClient) -> None:
    def telling(application: WSGIApplication) -> WSGIApplication:
        def wrapped(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            start_response("200 OK", [("Content-Type", "application/json")])
            return [json.dumps([environ["REMOTE_ADDR"], environ["HTTP_HOST"]]).encode()]

        return wrapped

    client = make_client(trust_proxy=True, middleware=[telling])
    headers = {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Host": "registry.test"}
    assert client.get("/v2/", headers=headers).get_json() == ["192.0.2.7", "registry.test"]


@pytest.mark.parametrize("given", [Busy, [1], None, "Busy", [Busy, None]])
def test_what_is_no_list_of_callables_is_refused(given: Any) -> None:
    with pytest.raises(ValueError, match="middleware must be a list of callables, each of which"):
        Registry(middleware=given)


def test_one_that_cannot_be_made_fails_at_the_start() -> None:
    make: Callable[..., Any] = Busy
    with pytest.raises(TypeError):
        Registry(middleware=[lambda application: make()])
    assert RegistryClient(Registry(middleware=[])).get("/v2/").status_code == 200
