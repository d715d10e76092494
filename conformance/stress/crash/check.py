"""Check a server after a restart: acknowledged content is served, and unfinished writes are done or not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from random import Random

from conformance.client.client import Client
from conformance.client.content import digest_of
from conformance.client.exchange import Exchange
from conformance.stress.common.base import Finding
from conformance.stress.crash.book import Book, Key, Known, Session, Value
from conformance.stress.crash.writer import Wrong, ask, held_by, read


class Check:
    """One check of all keys of the writers of `books`, with one client; it updates the books to the actual content."""

    def __init__(self, client: Client, books: Sequence[Book], repositories: Sequence[str], random: Random) -> None:
        self._client = client
        self._books = books
        self._repositories = repositories
        self._random = random
        self._read: dict[Key, Exchange] = {}
        self.numbers: Counter[str] = Counter()
        self.findings: list[Finding] = []

    def everything(self, *, sessions_end: bool) -> None:
        """Read every key, list and upload session; raise Unanswered if the server does not answer.

        Some of the sessions are finished; with `sessions_end` all of them.
        """
        for book in self._books:
            self._keys(book)
        self._manifests_are_whole()
        for repository in self._repositories:
            self._noting(partial(self._tags, repository))
            self._noting(partial(self._referrers, repository))
        for book in self._books:
            for session in list(book.sessions):
                self._noting(partial(self._session, book, session, sessions_end))

    def _noting(self, look: Callable[[], object]) -> None:
        try:
            look()
        except Wrong as error:
            self.findings.append(error.finding)

    def _wrong(self, text: str, *exchanges: Exchange, story: Iterable[str] = ()) -> None:
        shown = [f"{exchange.describe()}\n{exchange.curl()}" for exchange in exchanges]
        self.findings.append(Finding(text, "\n\n".join([*shown, *story])))

    def _ask(self, send: Callable[[], Exchange], *right: int) -> Exchange:
        self.numbers["requests"] += 1
        self.numbers["checks"] += 1
        return ask(send, *right)

    # Blobs, manifests and tags.

    def _find(self, book: Book, key: Key, found: dict[Key, Value]) -> None:
        found[key] = self._value(book, key)

    def _keys(self, book: Book) -> None:
        """Check that every key has its acknowledged value; those of a request under way all changed, or none did."""
        expected = book.expected()
        found: dict[Key, Value] = {}
        for key in expected:
            self._noting(partial(self._find, book, key, found))
        for key in found:
            if found[key] != expected[key] and key not in book.changing:
                text = f"{_called(key)} must be {_shown(expected[key])}, as acknowledged, got {_shown(found[key])}"
                self._wrong(text, self._read[key], story=book.story[key])
        self._all_or_nothing(book, expected, found)
        book.settle(found)

    def _all_or_nothing(self, book: Book, before: dict[Key, Value], found: dict[Key, Value]) -> None:
        changing = {key: after for key, after in book.changing.items() if key in found}
        is_before = all(found[key] == before[key] for key in changing)
        is_after = all(found[key] == after for key, after in changing.items())
        if changing:
            self.numbers["done under way" if is_after else "not done under way"] += 1
        if not (is_before or is_after):
            states = [f"{_called(key)} is {_shown(found[key])}" for key in changing]
            stories = [line for key in changing for line in book.story[key]]
            exchanges = [self._read[key] for key in changing]
            self._wrong(f"a write under way was done in part: {'; '.join(states)}", *exchanges, story=stories)

    def _value(self, book: Book, key: Key) -> Value:
        """Return the value of a key; raise Wrong if the served content is incomplete."""
        exchange = self._ask(lambda: read(self._client, key), 200, 404)
        self._read[key] = exchange
        if exchange.status == 404:
            return None
        digest = digest_of(exchange.body)
        known = book.blobs.get(digest) if key[0] == "blob" else book.manifests.get(("manifest", key[1], digest))
        if known is None or (key[0] != "tag" and digest != key[2]):
            raise Wrong(f"{_called(key)} is served with other bytes than were pushed, or incomplete", exchange)
        if isinstance(known, Known):
            self._headers(key, known, exchange)
        return digest

    def _headers(self, key: Key, known: Known, exchange: Exchange) -> None:
        if exchange.media_type != known.media_type:
            raise Wrong(f"{_called(key)} must be {known.media_type}, as pushed, got {exchange.media_type}", exchange)
        if exchange.header("Docker-Content-Digest") not in (None, digest_of(known.data)):
            raise Wrong(f"{_called(key)} has a digest in its header that does not match its bytes", exchange)

    def _manifests_are_whole(self) -> None:
        """Check that the content of each manifest exists unless deleted, and the manifest of each tag."""
        for book in self._books:
            for key in book.there("manifest"):
                for named in book.manifests[key].names:
                    self.numbers["checks"] += 1
                    if not book.held.get(named) and named not in book.deleted:
                        text = f"{_called(key)} is served, and {_called(named)}, which it names, is not"
                        self._wrong(text, *self._seen(key), story=book.story[named])
            for key in book.there("tag"):
                manifest = ("manifest", key[1], str(book.held[key]))
                if not book.held.get(manifest):
                    self._wrong(f"{_called(key)} points to {manifest[2]}, which does not exist", *self._seen(key))

    def _seen(self, key: Key) -> list[Exchange]:
        """Return the exchange that read a key, if its answer was usable."""
        return [self._read[key]] if key in self._read else []

    # Lists.

    def _tags(self, repository: str) -> None:
        """Check that the tag list has exactly the existing tags, in order."""
        there = sorted(tag for book in self._books for _, _, tag in book.there("tag", repository))
        exchange = self._ask(lambda: self._client.list_tags(repository), 200, 404)
        document = exchange.json()
        listed = document.get("tags") if isinstance(document, dict) and exchange.status == 200 else None
        if (listed or []) != there:
            self._wrong(f"the tag list of {repository} must be {there}, got {listed}", exchange)

    def _referrers(self, repository: str) -> None:
        """Check that the referrers of each subject are exactly the existing manifests that name it."""
        subjects: dict[str, set[tuple[str, int, str]]] = {}
        for book in self._books:
            for key, known in book.manifests.items():
                if known.subject and key[1] == repository:
                    shown = subjects.setdefault(known.subject, set())
                    if book.held.get(key):
                        shown.add((key[2], len(known.data), known.media_type))
        for subject, there in subjects.items():
            exchange = self._ask(partial(self._client.list_referrers, repository, subject), 200)
            listed = _descriptors(exchange)
            if listed != there:
                text = f"the referrers of {subject} in {repository} must be {len(there)} manifests, got {len(listed)}"
                self._wrong(text, exchange, story=[f"there are {sorted(there)}"])

    # Upload sessions.

    def _session(self, book: Book, session: Session, ends: bool) -> None:
        """Check that a session has the acknowledged bytes and perhaps some under way, or has ended.

        If it is finished, the blob must be correct.
        """
        url = self._client.base_url + session.path
        exchange = self._ask(lambda: self._client.upload_status(url), 200, 204, 404)
        if exchange.status == 404:
            self.numbers["sessions ended under way" if session.ending else "sessions lost"] += 1
            book.sessions.remove(session)
            return
        size = held_by(exchange)
        if not session.acknowledged <= size <= session.reach:
            book.sessions.remove(session)
            acknowledged = f"{session.acknowledged} were acknowledged, and at most {session.reach} sent"
            raise Wrong(f"an upload session of {session.repository} has {size} bytes: {acknowledged}", exchange)
        self.numbers["sessions kept"] += 1
        session.acknowledged = session.reach = size
        session.ending = False
        if ends or self._random.random() < 0.3:
            book.sessions.remove(session)
            self._finish(book, session)

    def _finish(self, book: Book, session: Session) -> None:
        """Send the rest to the session, and check that the blob is the bytes from before and after the kill."""
        key, rest = session.key, session.data[session.acknowledged :]
        url = self._client.base_url + session.path
        book.begin({key: key[2]}, "PUT after a restart")
        self._ask(lambda: self._client.put_upload(url, key[2], rest), 201)
        book.acknowledge()
        exchange = self._ask(lambda: read(self._client, key), 200)
        if exchange.body != session.data:
            self._wrong(
                f"{_called(key)}, from a session continued after a restart, does not match the bytes that were sent",
                exchange,
            )
        self.numbers["sessions finished"] += 1


def _descriptors(exchange: Exchange) -> set[tuple[str, int, str]]:
    document = exchange.json()
    listed = document.get("manifests") if isinstance(document, dict) else None
    return {(entry.get("digest"), entry.get("size"), entry.get("mediaType")) for entry in listed or ()}


def _called(key: Key) -> str:
    return f"the {key[0]} {key[2]} of {key[1]}"


def _shown(value: Value) -> str:
    return value or "nothing"
