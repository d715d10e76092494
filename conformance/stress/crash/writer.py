"""A writer of the part `crash`: it pushes, tags, deletes and reads until the server is gone, and keeps a book."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any

from conformance.client.client import IMAGE, INDEX, Client, location_of
from conformance.client.content import Blob, Content, digest_of
from conformance.client.exchange import Exchange
from conformance.client.transport import TransportError
from conformance.stress.common.base import Finding
from conformance.stress.common.server_process import Moment
from conformance.stress.crash.book import Book, Key, Known, Session, Value
from conformance.urls import parsed

SIZES = (10, 300, 5_000, 5_000, 70_000, 300_000, 1_500_000)
"""Sizes of blobs in bytes; none has one byte, because the Range of a session is then the same as for none."""

TAGS = 4
"""Tags of each writer in each repository."""

PIECE = 30_000
MOST_SESSIONS = 4
MOST_BLOBS = 30
MOST_MANIFESTS = 25
CONFIG = b'{"architecture"'


class Unanswered(Exception):
    """Raised when no answer came, or only a part of one."""


class Wrong(Exception):
    """Raised for an answer that no order of the requests explains."""

    def __init__(self, text: str, exchange: Exchange) -> None:
        super().__init__(text)
        self.finding = Finding(text, f"{exchange.describe()}\n{exchange.curl()}")


def ask(send: Callable[[], Exchange], *right: int) -> Exchange:
    """Return the answer if it is complete; raise Unanswered, or Wrong if its status is none of the correct ones."""
    try:
        exchange = send()
    except TransportError as error:
        raise Unanswered(str(error)) from error
    length = exchange.header("Content-Length")
    if exchange.request.method != "HEAD" and length and len(exchange.body) < int(length):
        raise Unanswered(f"{exchange.request.method} {exchange.request.url} was cut short")
    if exchange.status not in right:
        wanted = " or ".join(map(str, right))
        request = exchange.request
        path = parsed(request.url).path
        raise Wrong(f"{request.method} {path} must be answered {wanted}, got {exchange.status}", exchange)
    return exchange


def held_by(exchange: Exchange) -> int:
    """Return the number of bytes in an upload session by its answer; -1 if the answer does not say."""
    first, _, last = (exchange.header("Range") or "").partition("-")
    if first != "0" or not last.isdigit():
        return -1
    return 0 if last == "0" else int(last) + 1


class Writer:
    """One of several writers in the same repositories, each with its own keys; all of them push the `common` blobs."""

    def __init__(self, number: int, repositories: Sequence[str], common: Sequence[Blob], seed: int, label: str) -> None:
        self._number = number
        self._repositories = repositories
        self._common = common
        self._random = Random(f"{seed}:{label}")
        self._content = Content(seed=seed, label=label)
        self._nowhere = Content(seed=seed, label="nowhere").missing_descriptor()
        self.book = Book(frozenset(blob.digest for blob in common))
        self.numbers: Counter[str] = Counter()
        self.findings: list[Finding] = []

    def work(self, client: Client, moment: Moment) -> None:
        """Act until the server is gone; faults before that are findings."""
        self._client, self._moment = client, moment
        try:
            while True:
                self._random.choices(list(_ACTIONS), list(_ACTIONS.values()))[0](self)
        except Unanswered as error:
            self.numbers["faults"] += 1
            self.numbers["faults in a write"] += bool(self.book.changing)
            if not moment.killed.is_set():
                self.findings.append(Finding(f"no answer, although the server was not killed: {error}"))
        except Wrong as error:
            self.findings.append(error.finding)

    # Requests.

    def _ask(self, send: Callable[[], Exchange], *right: int) -> Exchange:
        self._moment.sending()
        self.numbers["requests"] += 1
        return ask(send, *right)

    def _write(self, what: str, change: dict[Key, Value], send: Callable[[], Exchange], *right: int) -> Exchange:
        self.book.begin(change, what)
        exchange = self._ask(send, *right)
        self.book.acknowledge()
        self.numbers["acknowledged"] += 1
        return exchange

    def _pieces(self, data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), PIECE):
            self._moment.sending()
            yield data[start : start + PIECE]

    # Blobs.

    def _some_blob(self) -> bytes:
        """Return bytes to push: mostly new ones, else some that were pushed already."""
        drawn = self._random.random()
        if drawn < 0.2:
            return self._random.choice(self._common).data
        if drawn < 0.4 and self.book.blobs:
            return self._random.choice(list(self.book.blobs.values()))
        return self._content.blob(self._random.choice(SIZES)).data

    def _push_new(self) -> None:
        self._push(self._random.choice(self._repositories), self._some_blob())

    def _push(self, repository: str, data: bytes) -> Key:
        """Push a blob in any of the possible ways."""
        way = self._random.randrange(4)
        if way == 0:
            key = self._key(repository, data)
            self._write("POST", {key: key[2]}, lambda: self._client.post_blob(repository, key[2], data), 201)
            return key
        session = self._open(repository, data)
        if way == 1:
            self._stream(session)
        return self._finish(session)

    def _key(self, repository: str, data: bytes) -> Key:
        digest = digest_of(data)
        self.book.blobs[digest] = data
        return "blob", repository, digest

    def _open(self, repository: str, data: bytes) -> Session:
        """Open an upload session for a blob; the book keeps it until it ends."""
        self._key(repository, data)
        exchange = self._ask(lambda: self._client.start_upload(repository), 202)
        session = Session(repository, "", data)
        self._moved(session, exchange)
        self.book.sessions.append(session)
        self.numbers["acknowledged"] += 1
        return session

    def _moved(self, session: Session, exchange: Exchange) -> None:
        """Update the location of a session from an answer; only its path is valid after the next start."""
        parts = parsed(location_of(exchange) or "")
        session.path = parts.path + (f"?{parts.query}" if parts.query else "")

    def _url(self, session: Session) -> str:
        return self._client.base_url + session.path

    def _stream(self, session: Session) -> None:
        """PATCH all but some of the remaining bytes, in a body of unknown length."""
        left = min(len(session.data) - session.acknowledged, 1000)
        end = max(len(session.data) - self._random.randint(0, left), 2)
        self._extend(session, end, lambda: self._pieces(session.data[session.acknowledged : end]), None)

    def _chunk(self, session: Session) -> None:
        """PATCH a chunk with its range."""
        start, size = session.acknowledged, len(session.data)
        if start < size:
            end = min(size, start + self._random.randint(2, max(size // 2, 2)))
            self._extend(session, end, lambda: session.data[start:end], f"{start}-{end - 1}")

    def _extend(self, session: Session, end: int, body: Callable[[], Any], content_range: str | None) -> None:
        session.reach = end
        url = self._url(session)
        exchange = self._ask(lambda: self._client.patch(url, body(), content_range=content_range), 202)
        if held_by(exchange) != end:
            raise Wrong(f"an upload session that was sent {end} bytes says {exchange.header('Range')}", exchange)
        session.acknowledged = end
        self._moved(session, exchange)
        self.numbers["acknowledged"] += 1

    def _finish(self, session: Session) -> Key:
        session.reach, session.ending = len(session.data), True
        key, url, rest = session.key, self._url(session), session.data[session.acknowledged :]
        self._write("PUT", {key: key[2]}, lambda: self._client.put_upload(url, key[2], rest), 201)
        self.book.sessions.remove(session)
        return key

    def _go_on(self) -> None:
        """Open a session and leave it open, or continue one, which may have been open when the server was killed."""
        sessions = self.book.sessions
        if len(sessions) < MOST_SESSIONS and self._random.random() < 0.5:
            self._chunk(self._open(self._random.choice(self._repositories), self._some_blob()))
        elif sessions:
            session = self._random.choice(sessions)
            step = self._random.choice((self._chunk, self._stream, self._finish, self._cancel))
            step(session)

    def _cancel(self, session: Session) -> None:
        session.ending = True
        self._ask(lambda: self._client.cancel_upload(self._url(session)), 204)
        self.book.sessions.remove(session)
        self.numbers["acknowledged"] += 1

    def _mount(self) -> None:
        if there := self.book.there("blob"):
            _, source, digest = self._random.choice(there)
            key = ("blob", self._random.choice(self._repositories), digest)
            self._write("POST ?mount=", {key: digest}, lambda: self._client.mount(key[1], digest, source=source), 201)

    def _delete_blob(self) -> None:
        own = [key for key in self.book.there("blob") if key[2] not in self.book.common]
        if own and (len(own) > MOST_BLOBS or self._random.random() < 0.3):
            key = self._random.choice(own)
            self._write("DELETE", {key: None}, lambda: self._client.delete_blob(key[1], key[2]), 202)

    # Manifests.

    def _push_manifest(self) -> None:
        if len(self.book.there("manifest")) > MOST_MANIFESTS:
            self._delete_manifest()
        elif self._random.random() < 0.7:
            self._push_image()
        else:
            self._push_index()

    def _push_image(self) -> None:
        """Push an image of existing blobs."""
        repository = self._random.choice(self._repositories)
        configs = [key for key in self.book.there("blob", repository) if self.book.blobs[key[2]].startswith(CONFIG)]
        config = self._random.choice(configs) if configs else self._push(repository, self._content.config().data)
        there = self.book.there("blob", repository)
        layers = self._random.sample(there, min(len(there), self._random.randint(0, 3)))
        document: dict[str, Any] = {"schemaVersion": 2, "mediaType": IMAGE}
        document["config"] = Blob(self.book.blobs[config[2]], "application/vnd.oci.image.config.v1+json").descriptor
        document["layers"] = [Blob(self.book.blobs[key[2]]).descriptor for key in layers]
        self._publish(repository, document, (config, *layers))

    def _push_index(self) -> None:
        """Push an index of existing manifests."""
        repository = self._random.choice(self._repositories)
        there = self.book.there("manifest", repository)
        children = self._random.sample(there, min(len(there), 2))
        document: dict[str, Any] = {"schemaVersion": 2, "mediaType": INDEX}
        document["manifests"] = [self._descriptor(key) for key in children]
        self._publish(repository, document, tuple(children))

    def _descriptor(self, key: Key) -> dict[str, Any]:
        known = self.book.manifests[key]
        return Blob(known.data, known.media_type).descriptor

    def _publish(self, repository: str, document: dict[str, Any], names: tuple[Key, ...]) -> None:
        """Push a manifest that no other writer makes; sometimes one that refers to another, or to a missing one."""
        document["annotations"] = {"org.example.nonce": f"{self._number} {self._content.word()}"}
        there = self.book.there("manifest", repository)
        if self._random.random() < 0.3:
            referred = self._random.choice(there) if there else None
            document["subject"] = self._descriptor(referred) if referred else self._nowhere
        subject = document["subject"]["digest"] if "subject" in document else None
        data = json.dumps(document).encode()
        key = ("manifest", repository, digest_of(data))
        self.book.manifests[key] = Known(data, document["mediaType"], names, subject)
        self._put(key)

    def _put(self, key: Key) -> None:
        """PUT a manifest to a tag, to its digest, or to its digest with tags beside."""
        _, repository, digest = key
        known = self.book.manifests[key]
        tags = self._random.sample([f"writer{self._number}-{number}" for number in range(TAGS)], 2)
        tags = tags[: self._random.choice((0, 1, 1, 1, 2))]
        reference, beside = (tags[0], []) if len(tags) == 1 else (digest, tags)
        change: dict[Key, Value] = {key: digest}
        change.update({("tag", repository, tag): digest for tag in tags})

        def send() -> Exchange:
            return self._client.put_manifest(
                repository, reference, known.data, media_type=known.media_type, tags=beside
            )

        self._write(f"PUT of {digest[:19]} with tags {tags}", change, send, 201)

    def _retag(self) -> None:
        there = [key for key in self.book.there("manifest") if self.book.complete(key)]
        if there:
            self._put(self._random.choice(there))

    def _delete_tag(self) -> None:
        if there := self.book.there("tag"):
            key = self._random.choice(there)
            self._write("DELETE", {key: None}, lambda: self._client.delete_manifest(key[1], key[2]), 202)

    def _delete_manifest(self) -> None:
        """Delete a manifest, and with it the tags that point to it."""
        if there := self.book.there("manifest"):
            key = self._random.choice(there)
            tags = [tag for tag in self.book.there("tag", key[1]) if self.book.held[tag] == key[2]]
            change: dict[Key, Value] = dict.fromkeys([key, *tags])
            self._write("DELETE of the manifest", change, lambda: self._client.delete_manifest(key[1], key[2]), 202)

    def _push_manifest_as_blob(self) -> None:
        """Push the bytes of a manifest as a blob, which is a key of its own."""
        if there := self.book.there("manifest"):
            key = self._random.choice(there)
            self._push(key[1], self.book.manifests[key].data)

    # Reads.

    def _read(self) -> None:
        """Read acknowledged content, which must be unchanged while others write."""
        kind = self._random.choice(("blob", "manifest", "tag"))
        if there := self.book.there(kind):
            key = self._random.choice(there)
            exchange = self._ask(lambda: read(self._client, key), 200)
            if digest_of(exchange.body) != self.book.held[key]:
                raise Wrong(f"the {kind} {key[2]} of {key[1]} does not match the acknowledged content", exchange)

    def _list(self) -> None:
        repository = self._random.choice(self._repositories)
        if own := {tag for _, _, tag in self.book.there("tag", repository)}:
            exchange = self._ask(lambda: self._client.list_tags(repository), 200)
            document = exchange.json()
            listed = document.get("tags") if isinstance(document, dict) else None
            if not own <= set(listed or ()):
                raise Wrong(f"the tag list of {repository} lacks an acknowledged tag", exchange)


def read(client: Client, key: Key) -> Exchange:
    """GET the content of a key."""
    what, repository, reference = key
    if what == "blob":
        return client.get_blob(repository, reference)
    return client.get_manifest(repository, reference)


_ACTIONS: dict[Callable[[Writer], None], int] = {
    Writer._push_new: 5,
    Writer._go_on: 5,
    Writer._mount: 2,
    Writer._delete_blob: 3,
    Writer._push_manifest: 7,
    Writer._retag: 4,
    Writer._delete_tag: 2,
    Writer._delete_manifest: 2,
    Writer._push_manifest_as_blob: 1,
    Writer._read: 3,
    Writer._list: 1,
}
