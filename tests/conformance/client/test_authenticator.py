"""Tokens are fetched once for what needs the same, anew when they end, and neither they nor passwords leave home."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import pytest

import fakereg
from conformance.client.client import Client, location_of
from conformance.client.content import Content, digest_of
from conformance.client.credentials import Authenticator, Bearer, basic
from conformance.client.exchange import Exchange, Request
from conformance.client.identity import Identity
from conformance.client.transport import WsgiTransport
from fakereg.clock import ManualClock
from tests.conformance.servers import exchange

OWNER = Identity("writer", "octocat", "octocat-password")
NOBODY = Identity("nobody")
WRONG = Identity("wrong", "octocat", "not-the-password")
LIST = "GET /v2/a/tags/list"


class Wire:
    """The fake as a transport that keeps what was sent, and that can be at two hosts."""

    def __init__(self, registry: fakereg.Registry) -> None:
        self._inner = WsgiTransport(registry, base_url="http://registry.test", hostname="test")
        self.base_url = self._inner.base_url
        self.sent: list[Request] = []

    def send(self, request: Request) -> Exchange:
        self.sent.append(request)
        return self._inner.send(request)

    def close(self) -> None:
        """Nothing to close."""

    def lines(self) -> list[str]:
        """What was sent since this was last asked for: method, path and the scheme of the Authorization."""
        found = [f"{sent.method} {urlsplit(sent.url).path} {authorization_of(sent)[:6].strip()}" for sent in self.sent]
        self.sent.clear()
        return [line.strip() for line in found]


def authorization_of(request: Request) -> str:
    """The Authorization of a request; empty when it has none."""
    return dict(request.headers).get("Authorization", "")


@pytest.fixture
def clock() -> ManualClock:
    """The time at both ends."""
    return ManualClock()


@pytest.fixture
def wire(clock: ManualClock) -> Iterator[Wire]:
    """A registry with tokens that live for five minutes."""
    with closing(fakereg.Registry(dialect="oci,auth=bearer", clock=clock)) as registry:
        yield Wire(registry)


def as_somebody(wire: Wire, identity: Identity, clock: ManualClock) -> Client:
    """A client that authenticates."""
    return Client(wire, authenticator=Authenticator(identity, clock=clock))


def test_a_token_is_fetched_once_for_what_needs_the_same(wire: Wire, clock: ManualClock) -> None:
    client = as_somebody(wire, OWNER, clock)
    for _ in range(3):
        assert client.list_tags("a").status == 404
    assert wire.lines() == [LIST, "GET /token Basic", *[f"{LIST} Bearer"] * 3]
    assert client.start_upload("a").status == 202
    assert client.start_upload("a").status == 202
    upload = "POST /v2/a/blobs/uploads/"
    assert wire.lines() == [upload, "GET /token Basic", f"{upload} Bearer", f"{upload} Bearer"]


def test_a_token_past_its_time_is_not_sent(wire: Wire, clock: ManualClock) -> None:
    client = as_somebody(wire, OWNER, clock)
    client.list_tags("a")
    wire.lines()
    clock.advance(299)
    assert client.list_tags("a").status == 404
    assert wire.lines() == ["GET /token Basic", f"{LIST} Bearer"]


def test_a_body_that_is_streamed_goes_out_with_a_fresh_token(wire: Wire, clock: ManualClock) -> None:
    client, data = as_somebody(wire, OWNER, clock), Content(seed=1, label="x").index().data
    assert client.start_upload("a").status == 202
    clock.advance(1000)
    assert client.put_manifest("a", digest_of(data), iter([data]), media_type="application/x").status != 401


def test_a_token_that_is_refused_is_fetched_anew(wire: Wire, clock: ManualClock) -> None:
    client = Client(wire, authenticator=Authenticator(OWNER, clock=lambda: 0.0))
    client.list_tags("a")
    wire.lines()
    clock.advance(1000)
    assert client.list_tags("a").status == 404
    assert wire.lines() == [f"{LIST} Bearer", "GET /token Basic", f"{LIST} Bearer"]


def test_nobody_asks_without_credentials_and_no_more_than_twice(wire: Wire, clock: ManualClock) -> None:
    assert as_somebody(wire, NOBODY, clock).list_tags("a").status == 401
    assert wire.lines() == [LIST, "GET /token", f"{LIST} Bearer"]


def test_who_gets_no_token_is_refused_at_once(wire: Wire, clock: ManualClock) -> None:
    client = as_somebody(wire, WRONG, clock)
    assert client.list_tags("a").status == 401
    assert wire.lines() == [LIST, "GET /token Basic"]
    assert client.list_tags("a").status == 401
    assert wire.lines() == [LIST, "GET /token Basic"]


def test_a_mount_asks_for_its_source_too(wire: Wire, clock: ManualClock) -> None:
    client, data = as_somebody(wire, OWNER, clock), b"data"
    assert client.post_blob("b", digest_of(data), data).status == 201
    assert client.start_upload("a").status == 202
    assert client.mount("a", digest_of(data), source="b").status == 201


def test_an_upload_takes_one_token_from_its_start_to_its_end(wire: Wire, clock: ManualClock) -> None:
    client = as_somebody(wire, OWNER, clock)
    session = location_of(client.start_upload("a")) or ""
    wire.lines()
    assert client.upload_status(session).status == 204
    assert client.cancel_upload(session).status == 204
    assert [line.rpartition(" ")[2] for line in wire.lines()] == ["Bearer", "Bearer"]


@pytest.mark.parametrize("identity", [OWNER, NOBODY], ids=str)
def test_another_host_gets_no_token_and_no_password(wire: Wire, clock: ManualClock, identity: Identity) -> None:
    client = as_somebody(wire, identity, clock)
    client.list_tags("a")
    wire.lines()
    assert client.request("GET", "http://other.test/v2/a/tags/list").status == 401
    assert wire.lines() == [LIST]


def test_a_token_by_hand_is_sent_as_it_is(wire: Wire) -> None:
    client = Client(wire, authenticator=Bearer("made-up", "BEARER"))
    assert client.list_tags("a").status == 401
    client.request("GET", "http://other.test/v2/a/tags/list")
    assert [authorization_of(sent) for sent in wire.sent] == ["BEARER made-up", ""]


class Scripted:
    """A transport that answers from a list; its last answer is given again and again."""

    base_url = "http://registry.test"

    def __init__(self, *answers: Exchange) -> None:
        self._answers = list(answers)
        self.sent: list[Request] = []

    def send(self, request: Request) -> Exchange:
        self.sent.append(request)
        given = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return Exchange(request, given.status, given.headers, given.body, 0.0)

    def close(self) -> None:
        """Nothing to close."""


def challenged(text: str) -> Exchange:
    """A 401 with a challenge."""
    return exchange(401, ("WWW-Authenticate", text))


def test_a_registry_that_takes_no_token_is_not_asked_for_ever() -> None:
    token = exchange(200, body=b'{"token": "x"}')
    transport = Scripted(challenged('Bearer realm="http://tokens.test/"'), token, challenged('Bearer realm="http://x"'))
    client = Client(transport, authenticator=Authenticator(OWNER))
    assert client.list_tags("a").status == 401
    assert len(transport.sent) == 3


def test_a_token_that_is_no_other_than_before_is_not_sent_again() -> None:
    token, challenge = exchange(200, body=b'{"token": "x"}'), challenged('Bearer realm="http://tokens.test/"')
    transport = Scripted(challenge, token, exchange(200), challenge, token, challenge)
    client = Client(transport, authenticator=Authenticator(OWNER))
    assert client.list_tags("a").status == 200
    assert client.list_tags("a").status == 401
    assert len(transport.sent) == 5


@pytest.mark.parametrize("realm", ["", "file:///etc/passwd", "/token", "tokens"])
def test_a_realm_that_is_no_url_is_not_asked(realm: str) -> None:
    transport = Scripted(challenged(f'Bearer realm="{realm}"'))
    assert Client(transport, authenticator=Authenticator(OWNER)).list_tags("a").status == 401
    assert len(transport.sent) == 1


def test_basic_is_sent_when_it_is_asked_for_and_then_at_once() -> None:
    transport = Scripted(challenged('Basic realm="x"'), exchange(200), exchange(200))
    client = Client(transport, authenticator=Authenticator(OWNER))
    client.list_tags("a")
    client.list_tags("a")
    own = basic(OWNER.username, OWNER.secret)
    assert [authorization_of(sent) for sent in transport.sent] == ["", own, own]


def test_basic_that_is_refused_is_not_sent_again() -> None:
    transport = Scripted(challenged('Basic realm="x"'))
    client = Client(transport, authenticator=Authenticator(WRONG))
    assert client.list_tags("a").status == 401
    assert len(transport.sent) == 2
    assert client.list_tags("a").status == 401
    assert len(transport.sent) == 3


def test_a_redirect_to_another_host_carries_no_secret() -> None:
    away = exchange(307, ("Location", "http://cdn.test/blob"))
    transport = Scripted(challenged('Basic realm="x"'), away, challenged('Basic realm="cdn"'))
    client = Client(transport, authenticator=Authenticator(OWNER))
    assert client.follow(client.get_blob("a", "sha256:x")).status == 401
    assert [bool(authorization_of(sent)) for sent in transport.sent] == [False, True, False]


def test_a_token_for_other_scopes_is_fetched_once_from_the_service_of_the_registry() -> None:
    accounts = fakereg.Accounts()
    accounts.add_user("octocat", password="octocat-password")
    with closing(fakereg.Registry(dialect="oci,auth=bearer", accounts=accounts)) as registry:
        wire = Wire(registry)
        client = Client(wire, authenticator=Authenticator(OWNER))
        first = client.token("repository:a:pull", "repository:b:pull,push")
        assert first
        assert client.token("repository:a:pull", "repository:b:pull,push") == first
        assert client.token("repository:a:pull") != first
        asked = [request.url for request in wire.sent if "/token?" in request.url]
        assert len(asked) == 2
        assert asked[0].endswith("scope=repository%3Aa%3Apull&scope=repository%3Ab%3Apull%2Cpush")
        assert Client(wire).token("repository:a:pull") == ""


def test_there_is_no_token_where_none_is_asked_for() -> None:
    with closing(fakereg.Registry()) as registry:
        assert Client(Wire(registry), authenticator=Authenticator(OWNER)).token("repository:a:pull") == ""
