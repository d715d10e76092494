"""The threads of a race: one action after the other on few tags, manifests, blobs, referrers and sessions."""

from __future__ import annotations

import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256
from random import Random
from typing import NamedTuple

from conformance.checks.passive_content import (
    content_that_was_asked,
    digest_matches_body,
    digest_of_what_was_asked,
    length_matches_body,
)
from conformance.client.client import Client
from conformance.client.content import Blob, Content, Manifest, digest_of
from conformance.client.exchange import Exchange
from conformance.client.reading import MAX_PAGES, next_link
from conformance.client.steps import Steps, descriptors_in, tags_in
from conformance.client.transport import TransportError
from conformance.stress.races.linearizability import Key, Kind
from conformance.stress.races.log import Answer, Log, count
from conformance.stress.races.sessions import SharedSession, Step
from conformance.urls import joined

TORN = (digest_matches_body, digest_of_what_was_asked, content_that_was_asked, length_matches_body)
"""Checks of every answer that hold whatever other threads do."""

KEPT = ("a-kept", "c-kept", "e-kept")
RACED = ("b-raced", "d-raced", "f-raced")
SESSIONS = 1
"""Upload sessions that are open for all threads at one time."""


@dataclass
class Round:
    """The shared state of one round: two new repositories, the content of the race, the open sessions."""

    name: str
    other: str
    manifests: tuple[Manifest, ...]
    blobs: tuple[Blob, ...]
    subject: Manifest | None = None
    referrers: tuple[Manifest, ...] = ()
    log: Log = field(default_factory=Log)
    sessions: list[SharedSession] = field(default_factory=list)
    open: dict[int, SharedSession] = field(default_factory=dict)

    @classmethod
    def prepare(cls, steps: Steps, content: Content, abilities: frozenset[str], name: str, other: str) -> Round:
        """Push the content that manifests need, so that only the race decides the outcome of a push."""
        make = content.image if "oci" in abilities else content.docker_image
        made = cls(name, other, tuple(make() for _ in range(4)), tuple(content.blob(200) for _ in range(3)))
        for manifest in made.manifests:
            steps.parts(name, manifest)
        if {"referrers", "digests"} <= abilities:
            made.subject = content.image()
            made.referrers = tuple(content.artifact(subject=made.subject.descriptor) for _ in range(4))
            steps.manifest(name, made.subject)
            for referrer in made.referrers:
                steps.parts(name, referrer)
        return made


@dataclass
class Worker:
    """One thread: it makes requests and logs their results."""

    number: int
    client: Client
    random: Random
    abilities: frozenset[str]
    round: Round
    numbers: Counter[str] = field(default_factory=Counter)

    @property
    def log(self) -> Log:
        return self.round.log

    def call(self, send: Callable[[], Exchange]) -> Answer:
        """Make one request, and check the answer for faults that need no history."""
        exchange, invoked = None, time.monotonic_ns()
        try:
            exchange = send()
        except TransportError:
            pass  # it is counted; the effect is unknown
        except Exception as error:  # an application in this process has no server that turns the error into an answer
            self.log.wrong(f"the target raised {error!r} instead of an answer", evidence=traceback.format_exc())
        answer = Answer(self.number, invoked, time.monotonic_ns(), exchange)
        count(self.numbers, answer)
        return answer if exchange and self._whole(exchange) else replace(answer, exchange=None)

    def _whole(self, exchange: Exchange) -> bool:
        """Return whether an answer is consistent; if not, log a finding."""
        if exchange.status >= 500:
            self.log.wrong(f"{exchange.request.method} was answered {exchange.status}", exchange)
        for check in TORN:
            for found in check(exchange):
                if not found.ok:
                    said = f"expected {found.expected}, got {found.got}"
                    what = f"the answer to {exchange.request.method} contradicts itself"
                    self.log.wrong(f"{what} ({found.requirement})", exchange, evidence=said)
                    return False
        return True

    # Manifests and tags.

    def put_tag(self) -> None:
        """Push a manifest to a tag; a tag that must stay always gets the manifest that must stay."""
        tag = self.random.choice(KEPT + RACED)
        self.put(self.round.manifests[0] if tag in KEPT else self.random.choice(self.round.manifests), tag)

    def put_digest(self) -> None:
        manifest = self.random.choice(self.round.manifests[1:] + self.round.referrers)
        self.put(manifest, manifest.digest)

    def put(self, manifest: Manifest, reference: str) -> None:
        """Push a manifest."""
        name, digest = self.round.name, manifest.digest
        keys: list[Key] = [("manifest", name, digest)]
        keys += [("tag", name, reference)] if reference != digest else []
        keys += [("referrer", name, digest)] if manifest in self.round.referrers else []
        media_type = manifest.media_type
        answer = self.call(lambda: self.client.put_manifest(name, reference, manifest.data, media_type=media_type))
        self.log.wrote(answer, *keys, value=digest)

    def get_tag(self) -> None:
        self.read_manifest("tag", self.random.choice(KEPT + RACED))

    def get_digest(self) -> None:
        self.read_manifest("manifest", self.random.choice(self.round.manifests + self.round.referrers).digest)

    def read_manifest(self, what: str, reference: str) -> None:
        """Pull a manifest."""
        answer = self.call(lambda: self.client.get_manifest(self.round.name, reference))
        self._read((what, self.round.name, reference), answer)

    def head_tag(self) -> None:
        tag = self.random.choice(KEPT + RACED)
        key = ("tag", self.round.name, tag)
        answer = self.call(lambda: self.client.head_manifest(self.round.name, tag))
        digest = answer.exchange.header("Docker-Content-Digest") if answer.exchange else None
        if answer.status == 200 and digest:
            self.log.read(answer, key, digest)
        elif answer.status in {200, 404}:
            self.log.saw(answer, key, answer.status == 200)

    def delete_tag(self) -> None:
        tag = self.random.choice(RACED)
        answer = self.call(lambda: self.client.delete_manifest(self.round.name, tag))
        self.log.deleted(answer, ("tag", self.round.name, tag))

    def delete_digest(self) -> None:
        """Delete a manifest, and with it each tag that points to it."""
        manifest = self.random.choice(self.round.manifests[1:] + self.round.referrers)
        digest = manifest.digest
        answer = self.call(lambda: self.client.delete_manifest(self.round.name, digest))
        self.log.deleted(answer, ("manifest", self.round.name, digest))
        if manifest in self.round.referrers:
            self.log.deleted(answer, ("referrer", self.round.name, digest))
        if answer.done or not answer.settled:
            for tag in KEPT + RACED:
                self.log.note(answer, Kind.DELETE_IF, ("tag", self.round.name, tag), argument=digest)

    def list_tags(self, n: int | None = None) -> None:
        """List the tags in one page or several, where other threads may act between two pages."""
        size = n or self.random.choice((None, 1, 2, 3))
        answer, pages = self._pages(lambda: self.client.list_tags(self.round.name, n=size))
        listed = [tag for page in pages for tag in tags_in(page)]
        if answer.status == 200:
            self._judge_list("tags", listed, {*KEPT, *RACED}, pages)
            if listed != sorted(listed):
                self.log.wrong("a list of tags is not sorted", *pages)
        if answer.status in {200, 404}:
            for tag in KEPT + RACED:
                self.log.saw(answer, ("tag", self.round.name, tag), tag in listed)

    def list_referrers(self) -> None:
        """List the referrers of the subject."""
        subject = self.round.subject.digest if self.round.subject else ""
        answer, pages = self._pages(lambda: self.client.list_referrers(self.round.name, subject))
        listed = [str(entry.get("digest")) for entry in descriptors_in(pages)]
        known = [referrer.digest for referrer in self.round.referrers]
        self._judge_list("referrers", listed, set(known), pages)
        for digest in known if answer.status == 200 else ():
            self.log.saw(answer, ("referrer", self.round.name, digest), digest in listed)

    def _judge_list(self, what: str, listed: list[str], known: set[str], pages: list[Exchange]) -> None:
        if len(set(listed)) < len(listed):
            self.log.wrong(f"a list of {what} has an entry twice", *pages)
        if set(listed) - known:
            self.log.wrong(f"a list of {what} has an entry that was never written", *pages)

    def _pages(self, send: Callable[[], Exchange]) -> tuple[Answer, list[Exchange]]:
        """Return the pages of a list as one answer; the failed page if one failed."""
        first = answer = self.call(send)
        pages: list[Exchange] = []
        while answer.status == 200 and answer.exchange and len(pages) < MAX_PAGES:
            pages.append(page := answer.exchange)
            if (target := next_link(page)) is None:
                break
            url = joined(page.request.url, target)
            answer = self.call(partial(self.client.request, "GET", url))
        return Answer(self.number, first.invoked, answer.returned, answer.exchange), pages

    def _read(self, key: Key, answer: Answer) -> None:
        if answer.status == 200 and answer.exchange:
            self.log.read(answer, key, f"sha256:{sha256(answer.exchange.body).hexdigest()}")
        elif answer.status == 404:
            self.log.read(answer, key, None)

    # Blobs.

    def push_blob(self) -> None:
        """Push one of a few blobs, in any of the possible ways, while other threads push the same."""
        name = self.random.choice((self.round.name, self.round.other))
        blob, way = self.random.choice(self.round.blobs), self.random.choice(("put", "patch", "post"))
        if way == "post" and "single_post" in self.abilities:
            answer = self.call(lambda: self.client.post_blob(name, blob.digest, blob.data))
        else:
            answer = self.call(lambda: self.client.start_upload(name))
        self._finish(answer, name, blob, stream=way == "patch")

    def mount(self) -> None:
        """Mount a blob that may be deleted in its source; push it if the mount fails."""
        blob = self.random.choice(self.round.blobs)
        source, target = self.random.sample((self.round.name, self.round.other), 2)
        answer = self.call(lambda: self.client.mount(target, blob.digest, source=source))
        self._finish(answer, target, blob)

    def _finish(self, answer: Answer, name: str, blob: Blob, *, stream: bool = False) -> None:
        """Complete the push after a 202."""
        session, body = answer.session, blob.data
        if session and stream:
            session, body = self.call(partial(self.client.patch, session, Pieces(body))).session, b""
        if session:
            answer = self.call(partial(self.client.put_upload, session, blob.digest, body))
        if answer.status == 201 or not answer.settled:
            self.log.wrote(answer, ("blob", name, blob.digest), value=blob.digest)

    def get_blob(self) -> None:
        self.read_blob(self.random.choice((self.round.name, self.round.other)), self._digest())

    def read_blob(self, name: str, digest: str) -> None:
        """Pull a blob."""
        answer = self.call(lambda: self.client.follow(self.client.get_blob(name, digest)))
        self._read(("blob", name, digest), answer)

    def head_blob(self) -> None:
        name, digest = self.random.choice((self.round.name, self.round.other)), self._digest()
        answer = self.call(lambda: self.client.follow(self.client.head_blob(name, digest)))
        if answer.status in {200, 404}:
            self.log.saw(answer, ("blob", name, digest), answer.status == 200)

    def delete_blob(self) -> None:
        name, digest = self.random.choice((self.round.name, self.round.other)), self._digest()
        answer = self.call(lambda: self.client.delete_blob(name, digest))
        self.log.deleted(answer, ("blob", name, digest))

    def _digest(self) -> str:
        return self.random.choice(self.round.blobs).digest

    # Upload sessions.

    def share_session(self) -> None:
        """Send a request to an upload session that other threads may use at the same time."""
        slot = self.random.randrange(SESSIONS)
        session = self.round.open.get(slot)
        if session is None or session.over:
            if url := self.call(lambda: self.client.start_upload(self.round.name)).session:
                self.round.open[slot] = SharedSession(self.round.name, url)
                self.round.sessions.append(self.round.open[slot])
            return
        ways = [self._chunk, self._chunk, self._stream, self._stream, self._close, self._close]
        ways += [self._look] if "upload_status" in self.abilities else []
        ways += [self.cancel] if "upload_cancel" in self.abilities else []
        self.random.choice(ways)(session)

    def _chunk(self, session: SharedSession) -> None:
        data, start = self._bytes(), len(session.acknowledged())
        part = f"{start}-{start + len(data) - 1}"
        answer = self.call(lambda: self.client.patch(session.url, data, content_range=part))
        self._step(session, Step("PATCH", answer, data, start))

    def _stream(self, session: SharedSession) -> None:
        data = self._bytes()
        answer = self.call(lambda: self.client.patch(session.url, Pieces(data)))
        self._step(session, Step("PATCH", answer, data))

    def _close(self, session: SharedSession) -> None:
        """Close a session with the digest of its acknowledged content, if no other thread uses it."""
        before, tail = session.acknowledged(), self.random.choice((b"", self._bytes()))
        ranged = bool(tail) and self.random.random() < 0.5
        part = f"{len(before)}-{len(before + tail) - 1}" if ranged else None
        digest = digest_of(before + tail)
        answer = self.call(lambda: self.client.put_upload(session.url, digest, tail, content_range=part))
        self._step(session, Step("PUT", answer, tail, content=before + tail))
        self.log.wrote(answer, ("blob", session.repository, digest), value=digest)

    def _look(self, session: SharedSession) -> None:
        self._step(session, Step("GET", self.call(lambda: self.client.upload_status(session.url))))

    def cancel(self, session: SharedSession) -> None:
        """Cancel a session."""
        self._step(session, Step("DELETE", self.call(lambda: self.client.cancel_upload(session.url))))

    def _step(self, session: SharedSession, step: Step) -> None:
        session.steps.append(step)
        session.url = step.answer.session or session.url

    def _bytes(self) -> bytes:
        return self.random.randbytes(self.random.randint(8, 40))


class Pieces:
    """A body in pieces, so that other threads can run between them."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __iter__(self) -> Iterator[bytes]:
        for start in range(0, len(self._data), 10):
            yield self._data[start : start + 10]
            time.sleep(0)


class Action(NamedTuple):
    """An action of a thread, with its frequency and the abilities that the target needs for it."""

    act: Callable[[Worker], None]
    weight: int
    needs: frozenset[str] = frozenset()


ACTIONS = (
    Action(Worker.put_tag, 14),
    Action(Worker.get_tag, 14),
    Action(Worker.head_tag, 5, frozenset({"manifest_head"})),
    Action(Worker.delete_tag, 5, frozenset({"tag_deletion"})),
    Action(Worker.put_digest, 6, frozenset({"digests"})),
    Action(Worker.get_digest, 6, frozenset({"digests"})),
    Action(Worker.delete_digest, 6, frozenset({"digests", "manifest_deletion"})),
    Action(Worker.list_tags, 4),
    Action(Worker.list_referrers, 4, frozenset({"digests", "referrers"})),
    Action(Worker.push_blob, 5),
    Action(Worker.mount, 5, frozenset({"mount"})),
    Action(Worker.get_blob, 6),
    Action(Worker.head_blob, 2),
    Action(Worker.delete_blob, 5, frozenset({"blob_deletion"})),
    Action(Worker.share_session, 34),
)
