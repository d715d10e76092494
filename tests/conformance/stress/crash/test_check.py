"""After a restart every answer that differs from what was acknowledged is a finding; no server is killed here."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import Random

import pytest

from conformance.client.client import Client
from conformance.client.content import Blob
from conformance.client.exchange import Exchange, Request
from conformance.client.transport import Transport, TransportError
from conformance.config.settings import Settings
from conformance.stress.common.server_process import Moment
from conformance.stress.crash.book import Session
from conformance.stress.crash.check import Check
from conformance.stress.crash.writer import Unanswered, Writer, ask
from conformance.targets.fakes import InProcessFake

REPOSITORIES = ["team/a", "team/b"]
Alter = Callable[[Exchange], Exchange]


class After(Moment):
    """Ends a writer at its request or piece of that number, before or after it was sent."""

    def __init__(self, due: int) -> None:
        super().__init__(Random(1))
        self._left = iter(range(due))
        self.killed.set()

    def sending(self) -> None:
        if next(self._left, None) is None:
            raise Unanswered("killed")


class Altered:
    """A transport whose answers are altered."""

    def __init__(self, transport: Transport, alter: Alter) -> None:
        self._transport = transport
        self._alter = alter
        self.base_url = transport.base_url

    def send(self, request: Request) -> Exchange:
        return self._alter(self._transport.send(request))

    def close(self) -> None:
        self._transport.close()


@dataclass
class Scene:
    """A registry on which two writers have been at work, and what they know."""

    transport: Transport
    writers: list[Writer]

    def check(self, alter: Alter = lambda exchange: exchange) -> Check:
        client = Client(Altered(self.transport, alter))
        check = Check(client, [writer.book for writer in self.writers], REPOSITORIES, Random(1))
        check.everything(sessions_end=True)
        return check


@pytest.fixture
def scene() -> Iterator[Scene]:
    with InProcessFake("fake:oci", "oci", Settings()) as target:
        common = [Blob(b"common to all")]
        writers = [Writer(number, REPOSITORIES, common, 1, f"writer {number}") for number in range(2)]
        for writer in writers:
            writer.work(Client(target.transport()), After(250))
            writer.book.blobs[common[0].digest] = common[0].data
            assert writer.findings == []
        yield Scene(target.transport(), writers)


def test_what_is_as_acknowledged_is_no_finding(scene: Scene) -> None:
    check = scene.check()
    assert [finding.text for finding in check.findings] == []
    assert check.numbers["sessions finished"] > 1
    assert check.numbers["checks"] > 100
    assert not any(writer.book.sessions for writer in scene.writers)


def _answers(part: str, alter: Alter) -> Alter:
    """Alters what is read below a path."""
    return lambda exchange: (
        alter(exchange) if part in exchange.request.url and exchange.request.method == "GET" else exchange
    )


def _header(name: str, value: str) -> Alter:
    def alter(exchange: Exchange) -> Exchange:
        return replace(exchange, headers=(*(pair for pair in exchange.headers if pair[0] != name), (name, value)))

    return alter


def _shorter(member: str) -> Alter:
    def alter(exchange: Exchange) -> Exchange:
        document = json.loads(exchange.body)
        if document.get(member):
            document[member].pop()
        return replace(exchange, body=json.dumps(document).encode().ljust(len(exchange.body)))

    return alter


def _missing(exchange: Exchange) -> Exchange:
    return replace(exchange, status=404, body=b"", headers=())


@pytest.mark.parametrize(
    ("alter", "text"),
    [
        (_answers("/manifests/", _header("Content-Type", "text/plain")), "as pushed, got"),
        (
            _answers("/manifests/", _header("Docker-Content-Digest", "sha256:0")),
            "a digest in its header that does not match",
        ),
        (_answers("/manifests/writer", _missing), "as acknowledged, got nothing"),
        (_answers("/blobs/sha256", _missing), "as acknowledged, got nothing"),
        (_answers("/blobs/sha256", _missing), "which it names, is not"),
        (_answers("/manifests/sha256", _missing), "which does not exist"),
        (
            _answers("/blobs/sha256", lambda exchange: replace(exchange, body=exchange.body[::-1])),
            "other bytes than were pushed",
        ),
        (_answers("/tags/list", _shorter("tags")), "the tag list of"),
        (_answers("/tags/list", _missing), "the tag list of"),
        (_answers("/referrers/", _shorter("manifests")), "the referrers of"),
        (_answers("/blobs/uploads/", _header("Range", "0-2")), "were acknowledged, and at most"),
        (_answers("/", lambda exchange: replace(exchange, status=500)), "got 500"),
    ],
)
def test_what_differs_is_a_finding(scene: Scene, alter: Alter, text: str) -> None:
    found = scene.check(alter).findings
    assert any(text in finding.text for finding in found)
    assert all(finding.evidence for finding in found if text in finding.text)


def test_bytes_of_a_session_that_are_not_what_was_sent_are_found(scene: Scene) -> None:
    def alter(exchange: Exchange) -> Exchange:
        return replace(exchange, body=b"?" * len(exchange.body))

    keys = {session.key for writer in scene.writers for session in writer.book.sessions}
    last = scene.writers[-1].book.sessions[-1].key
    assert len(keys) > 1
    found = scene.check(_answers(last[2], alter)).findings
    assert any("from a session continued after" in finding.text for finding in found)


def test_a_session_that_is_gone_is_counted(scene: Scene) -> None:
    book = scene.writers[0].book
    book.sessions += [Session(REPOSITORIES[0], "/v2/team/a/blobs/uploads/none", b"data", ending=ending)
                      for ending in (True, False, False)]  # fmt: skip
    numbers = scene.check().numbers
    assert (numbers["sessions ended under way"], numbers["sessions lost"]) == (1, 2)


def test_a_write_under_way_is_done_or_not_but_never_by_half(scene: Scene) -> None:
    scene.check()
    book = scene.writers[0].book
    tag = book.there("tag")[0]
    manifest = ("manifest", tag[1], str(book.held[tag]))
    book.begin({manifest: None, tag: None}, "DELETE of the manifest")
    assert scene.check().numbers["not done under way"] == 1
    client = Client(scene.transport)
    client.delete_manifest(*tag[1:])
    book.begin({manifest: None, tag: None}, "DELETE of the manifest")
    (found,) = scene.check().findings
    assert "was done in part" in found.text
    assert "DELETE of the manifest was sent" in found.evidence


def test_a_common_blob_that_one_writer_did_not_get_through_may_come_from_another(scene: Scene) -> None:
    one, other = (writer.book for writer in scene.writers)
    (digest,) = one.common
    key = ("blob", "team/new", digest)
    for book in (one, other):
        book.begin({key: digest}, "PUT")
    scene.check()
    assert key not in one.expected()
    Client(scene.transport).post_blob("team/new", digest, one.blobs[digest])
    other.settle({key: digest})
    assert scene.check().findings == []


def test_an_answer_cut_short_is_none() -> None:
    exchange = Exchange(Request("GET", "http://x/"), 200, (("Content-Length", "5"),), b"1234", 0.0)
    with pytest.raises(Unanswered, match="cut short"):
        ask(lambda: exchange, 200)
    head = replace(exchange, request=Request("HEAD", "http://x/"), body=b"")
    assert ask(lambda: head, 200) is head


def test_no_answer_from_a_server_that_nobody_killed_is_a_finding() -> None:
    class Silent:
        base_url = "http://registry.test"

        def send(self, request: Request) -> Exchange:
            raise TransportError("silence")

        def close(self) -> None:
            pass

    writer = Writer(0, REPOSITORIES, [Blob(b"common")], 1, "silent")
    writer.work(Client(Silent()), Moment(Random(1)))
    (found,) = writer.findings
    assert "although the server was not killed: silence" in found.text
