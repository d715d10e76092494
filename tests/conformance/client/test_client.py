"""The client sends what the specification has, hides nothing, and keeps secrets at home."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest

from conformance.client.client import ACCEPT, Allowance, Client, location_of
from conformance.client.credentials import Authenticator
from conformance.client.exchange import Exchange, Request
from conformance.client.identity import Identity
from conformance.client.transport import IN_PROCESS_URL, TransportError, WsgiTransport
from tests.conformance.servers import answering, exchange

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("call", "sent"),
    [
        (lambda c: c.ping(), "GET /v2/"),
        (lambda c: c.get_manifest("a/b", "v1"), "GET /v2/a/b/manifests/v1"),
        (lambda c: c.head_manifest("a", DIGEST), f"HEAD /v2/a/manifests/{DIGEST}"),
        (lambda c: c.put_manifest("a", DIGEST, b"{}", tags=["x", "y"]), f"PUT /v2/a/manifests/{DIGEST}?tag=x&tag=y"),
        (lambda c: c.delete_manifest("a", "v1"), "DELETE /v2/a/manifests/v1"),
        (lambda c: c.get_blob("a", DIGEST), f"GET /v2/a/blobs/{DIGEST}"),
        (lambda c: c.delete_blob("a", DIGEST), f"DELETE /v2/a/blobs/{DIGEST}"),
        (lambda c: c.start_upload("a"), "POST /v2/a/blobs/uploads/"),
        (lambda c: c.start_upload("a", digest_algorithm="sha512"), "POST /v2/a/blobs/uploads/?digest-algorithm=sha512"),
        (lambda c: c.post_blob("a", "sha256:x", b"1"), "POST /v2/a/blobs/uploads/?digest=sha256%3Ax"),
        (lambda c: c.mount("a", "sha256:x", source="b/c"), "POST /v2/a/blobs/uploads/?mount=sha256%3Ax&from=b%2Fc"),
        (lambda c: c.mount("a", "sha256:x"), "POST /v2/a/blobs/uploads/?mount=sha256%3Ax"),
        (lambda c: c.put_upload("/up?s=1", "sha256:x"), "PUT /up?s=1&digest=sha256%3Ax"),
        (lambda c: c.put_upload("/up", "sha256:x"), "PUT /up?digest=sha256%3Ax"),
        (lambda c: c.list_tags("a", n=2, last="b"), "GET /v2/a/tags/list?n=2&last=b"),
        (
            lambda c: c.list_referrers("a", DIGEST, artifact_type="a/b"),
            f"GET /v2/a/referrers/{DIGEST}?artifactType=a%2Fb",
        ),
        (lambda c: c.catalog(n=1), "GET /v2/_catalog?n=1"),
        (lambda c: c.get_manifest("a", "sp%20ace"), "GET /v2/a/manifests/sp%20ace"),
    ],
)
def test_endpoints(call: Callable[[Client], Exchange], sent: str) -> None:
    request = call(Client(WsgiTransport(answering(200)))).request
    assert f"{request.method} {request.url.removeprefix(IN_PROCESS_URL)}" == sent


def test_headers() -> None:
    client = Client(WsgiTransport(answering(200)), case="test_x::test_y")
    assert ("Accept", ACCEPT) in client.get_manifest("a", "v1").request.headers
    patched = client.patch("/up", b"12345", content_range="0-4").request.headers
    assert {("Content-Range", "0-4"), ("Content-Length", "5"), ("Content-Type", "application/octet-stream")} <= set(
        patched
    )
    assert ("X-Conformance-Case", "test_x::test_y") in patched
    assert ("Content-Length", "0") in client.cancel_upload("/up").request.headers


def test_every_exchange_is_shown() -> None:
    seen: list[Exchange] = []
    client = Client(WsgiTransport(answering(500)), on_exchange=seen.append)
    assert [client.ping(), client.list_tags("a")] == seen


@pytest.mark.parametrize(
    ("location", "resolved"),
    [
        ("/v2/up/1?x=y", "http://registry.test/v2/up/1?x=y"),
        ("http://other.test/up", "http://other.test/up"),
        ("2", "http://registry.test/v2/a/manifests/2"),
    ],
)
def test_location(location: str, resolved: str) -> None:
    assert location_of(exchange(202, ("Location", location))) == resolved


def test_no_location() -> None:
    assert location_of(exchange(202)) is None


class Redirecting:
    """A transport that sends every request on once, to another host or to this one."""

    base_url = "http://registry.test"

    def __init__(self, location: str, status: int = 307) -> None:
        self._location = location
        self._status = status
        self.sent: list[tuple[str, dict[str, str]]] = []

    def send(self, request: object) -> Exchange:
        url, headers = getattr(request, "url", ""), dict(getattr(request, "headers", ()))
        self.sent.append((url, headers))
        status, extra = (200, ()) if len(self.sent) > 1 else (self._status, (("Location", self._location),))
        return Exchange(request, status, extra, b"", 0.0)  # type: ignore[arg-type]

    def close(self) -> None:
        """Nothing to close."""


@pytest.mark.parametrize(("location", "goes_along"), [("http://other.test/x", False), ("/x", True)])
def test_follow(location: str, goes_along: bool) -> None:
    transport = Redirecting(location)
    authenticator = Authenticator(Identity("writer", "ann", "pw"), preemptive=True)
    client = Client(transport, authenticator=authenticator)
    first = client.get_blob("a", DIGEST, headers=[("Range", "bytes=0-1")])
    assert first.status == 307
    assert client.follow(first).status == 200
    sent = transport.sent[1][1]
    assert ("Authorization" in sent) is goes_along
    assert sent["Range"] == "bytes=0-1"


ASKED = [("accept", "a/b"), ("range", "bytes=0-1"), ("If-Range", '"x"'), ("If-None-Match", '"y"'), ("If-Match", "*"),
         ("If-Modified-Since", "Wed, 21 Oct 2015 07:28:00 GMT"), ("Accept-Encoding", "gzip"), ("Cookie", "a=b"),
         ("X-Own", "1")]  # fmt: skip


@pytest.mark.parametrize("location", ["http://other.test/x", "/x"])
def test_follow_carries_what_the_request_asked_for(location: str) -> None:
    transport = Redirecting(location)
    client = Client(transport, case="a case")
    client.follow(client.get_blob("a", DIGEST, headers=[*ASKED, ("Authorization", "Basic own")]))
    sent = transport.sent[1][1]
    secrets = {"Cookie": "a=b", "Authorization": "Basic own"} if location == "/x" else {}
    assert sent == {**dict(ASKED[:-2]), "X-Own": "1", "X-Conformance-Case": "a case", **secrets}


@pytest.mark.parametrize(("status", "method", "body"), [(307, "PUT", b"abc"), (308, "PUT", b"abc"), (303, "GET", b"")])
def test_follow_of_a_write(status: int, method: str, body: bytes) -> None:
    transport = Redirecting("/x", status)
    client = Client(transport)
    answer = client.follow(client.put_manifest("a", "v1", b"abc"))
    assert (answer.status, answer.request.method, answer.request.body) == (200, method, body)
    assert ("Content-Type" in transport.sent[1][1]) is (method == "PUT")


def test_follow_sends_no_stream_twice() -> None:
    client = Client(Redirecting("/x"))
    assert client.follow(client.put_manifest("a", "v1", iter([b"a"]))).status == 307


def test_follow_ends() -> None:
    seen: list[Exchange] = []
    client = Client(WsgiTransport(answering(302, ("Location", "/again"))), on_exchange=seen.append)
    assert client.follow(client.ping()).status == 302
    assert len(seen) == 6


@pytest.mark.parametrize("value", ["http://[::1", "http://h:abc/", "http://h:465321/", "ftp://x/", "http://\x00/", ""])
def test_location_that_leads_nowhere(value: str) -> None:
    answer = exchange(202, ("Location", value))
    assert location_of(answer) is None
    client = Client(WsgiTransport(answering(200)))
    with pytest.raises(TransportError, match="no answer had a Location that leads to a server"):
        client.put_upload(location_of(answer) or "", "sha256:a")


@pytest.mark.parametrize(
    "location", ["http://registry.test:80/up", "HTTP://REGISTRY.TEST/up", "http://Registry.test:80/up?a"]
)
def test_credentials_go_to_the_same_origin_however_it_is_written(location: str) -> None:
    app = answering(200)
    client = Client(
        WsgiTransport(app), authenticator=Authenticator(Identity("writer", "ann", "hush-hush"), preemptive=True)
    )
    assert any(name == "Authorization" for name, _ in client.request("PUT", location).request.headers)


@pytest.mark.parametrize("used", [Allowance(requests=3), Allowance(bytes=25), Allowance(seconds=0.0)])
def test_allowance_ends(used: Allowance) -> None:
    client = Client(WsgiTransport(answering(200, body=b"x" * 10)), allowance=used)
    for _ in range(3):
        with suppress(TransportError):
            client.ping()
    with pytest.raises(TransportError, match="used up all"):
        client.ping()


class Far:
    """A transport to an https registry that notes what would be sent."""

    base_url = "https://registry.example"

    def __init__(self, *headers: tuple[str, str]) -> None:
        self.headers = headers
        self.sent: list[str] = []

    def send(self, request: Request) -> Exchange:
        self.sent.append(request.url)
        return Exchange(request, 401, self.headers, b"", 0.0)

    def close(self) -> None:
        """Nothing to close."""


def test_no_secret_leaves_an_https_registry_over_http() -> None:
    far = Far(("WWW-Authenticate", 'Bearer realm="http://tokens.example/token"'))
    client = Client(far, authenticator=Authenticator(Identity("writer", "ann", "hush-hush")))
    with pytest.raises(TransportError, match="would carry a secret over http://"):
        client.ping()
    with pytest.raises(TransportError, match="would carry a secret over http://"):
        client.request("POST", "http://tokens.example/token", body=b"grant_type=password&password=hush-hush")
    assert far.sent == ["https://registry.example/v2/"]


def test_without_a_secret_http_is_asked() -> None:
    far = Far(("WWW-Authenticate", 'Bearer realm="http://tokens.example/token"'))
    Client(far, authenticator=Authenticator(Identity("nobody"))).ping()
    assert far.sent == ["https://registry.example/v2/", "http://tokens.example/token"]
