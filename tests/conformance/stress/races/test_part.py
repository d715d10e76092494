"""Threads that race: the fake stands it, and each fake that is broken for threads is found out."""

from __future__ import annotations

import contextlib
import json
import re
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from threading import Event
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest

from conformance.config.settings import Settings
from conformance.stress.common.base import Budget, Figures, Stress
from conformance.stress.races import part
from conformance.targets.base import Target
from conformance.targets.fakes import InProcessFake, SocketFake
from fakereg import Registry
from fakereg.spec.manifest import Manifest
from fakereg.spec.names import Digest, Name, Tag
from fakereg.storage.base import Spool, UploadGone
from fakereg.storage.index import Change, Index
from fakereg.storage.memory import MemorySpool, MemoryStorage
from fakereg.storage.repositories import Repositories, StoredManifest, Upload

ENOUGH = 20_000
"""Actions within which a broken fake has to be found out; most are in the first round, of 360."""


def race(target: Target, actions: int, *, seed: int = 1) -> Figures:
    """Race for a number of actions, as each looks at the clock once."""
    with target:
        budget = Budget(actions, clock=count().__next__)
        return part.run(Stress(target, seed, budget, lambda line: None))


def fake(*, dialect: str = "oci", wrap: Any = None, **options: Any) -> InProcessFake:
    return InProcessFake(f"fake:{dialect}", dialect, Settings(), wrap=wrap, options=options)


@pytest.mark.parametrize("dialect", ["oci", "github-docker"])
@pytest.mark.parametrize("storage", ["memory", "directory", "sqlite"])
def test_the_fake_stands_a_race(dialect: str, storage: str, tmp_path: Path) -> None:
    target = fake(dialect=dialect, storage=storage if storage == "memory" else f"{storage}:{tmp_path / 'store'}")
    figures = race(target, 3000)
    assert [finding.text for finding in figures.findings] == []
    assert figures.numbers["violations"] == 0
    assert figures.numbers["operations"] > 2900
    assert figures.numbers["undecided keys"] == figures.numbers["unanswered"] == 0
    assert figures.numbers["keys"] > 100
    assert figures.numbers["refused"] < figures.numbers["requests"] / 4


def test_the_fake_stands_a_race_over_sockets() -> None:
    figures = race(SocketFake("socket:oci", "oci", Settings()), 500)
    assert figures.findings == []
    assert figures.numbers["rounds"] == 2


def test_the_interpreter_switches_threads_as_before_when_a_race_is_over() -> None:
    before = sys.getswitchinterval()
    race(fake(), 10)
    assert sys.getswitchinterval() == before


@pytest.fixture
def _first_finding_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part, "MOST_FINDINGS", 1)


# Broken storages.


class OnMemory(Repositories):
    """What is broken here lies above a storage in memory."""

    def __init__(self) -> None:
        super().__init__(MemoryStorage())


class Unlocked(Repositories):
    """The storage does not compare versions, and others may come between the look at the index and its change."""

    class Storage(MemoryStorage):
        def apply(self, name: Name, version: int, *change: Any) -> int | None:
            time.sleep(0)
            found = super().read(name)
            return super().apply(name, found.version if found else 0, *change)

    def __init__(self) -> None:
        super().__init__(self.Storage())

    @contextlib.contextmanager
    def _index(self, name: Name) -> Iterator[Index]:
        index = Index()  # of this caller alone, so that its lock holds nobody back
        if changes := self.storage.read(name):
            index.catch_up(changes)
        yield index


class TornReads(OnMemory):
    """The digest of a tag is looked up once for the header and once for the body."""

    def manifest(self, name: Name, reference: Tag | Digest) -> StoredManifest | None:
        one = super().manifest(name, reference)
        time.sleep(0.0005)
        other = super().manifest(name, reference)
        return one._replace(content=other.content) if one and other else None


class RetagsInTwoSteps(OnMemory):
    """A tag that is pushed again is taken away before it is there again."""

    def put_manifests(self, name: Name, manifests: Iterable[tuple[Manifest, Collection[Tag]]]) -> None:
        pairs = list(manifests)
        for _, tags in pairs:
            for tag in tags:
                self.delete_tag(name, tag)
        time.sleep(0)
        super().put_manifests(name, pairs)

    def put_manifest(self, name: Name, manifest: Manifest, *, tags: Collection[Tag], **options: Any) -> None:
        self.put_manifests(name, [(manifest, tags)])


class KeepsTagsOfDeleted(OnMemory):
    """A tag survives the manifest that it points to, and works again when that is pushed again."""

    def delete_manifests(self, name: Name, digests: Collection[Digest]) -> None:
        self.change(name, lambda index: self._without_tags(index.without_manifests(digests)))

    def delete_manifest(self, name: Name, digest: Digest) -> bool:
        return self.change(name, lambda index: self._without_tags(index.without_manifests([digest])))

    def _without_tags(self, change: Change | None) -> Change | None:
        return replace(change, delta=replace(change.delta, tags={})) if change else None


class MountsBorrow(OnMemory):
    """A mounted blob is gone once its source has deleted it."""

    def delete_blob(self, name: Name, digest: Digest) -> bool:
        deleted = super().delete_blob(name, digest)
        for borrower in self.repositories() if deleted else ():
            super().delete_blob(borrower, digest)
        return deleted


class DeletesLate(OnMemory):
    """A blob is deleted when the next request for a deletion comes, whatever has been pushed meanwhile."""

    def delete_blob(self, name: Name, digest: Digest) -> bool:
        before, self._doomed = getattr(self, "_doomed", None), (name, digest)
        if before:
            super().delete_blob(*before)
        return self.blob_size(name, digest) is not None


class ListsReferrersTwice(OnMemory):
    """A list of several referrers has the last one twice."""

    def referrers(self, *arguments: Any, **options: Any) -> tuple[list[StoredManifest], bool]:
        found, more = super().referrers(*arguments, **options)
        return (found + found[-1:] if len(found) > 2 else found), more


class ForgetsReferrers(OnMemory):
    """A list of several referrers lacks the first."""

    def referrers(self, *arguments: Any, **options: Any) -> tuple[list[StoredManifest], bool]:
        found, more = super().referrers(*arguments, **options)
        return (found[1:] if len(found) > 2 else found), more


class NeverEndsSessions(OnMemory):
    """A session that has become a blob goes on."""

    def finish_upload(self, upload: Upload, digest: Digest) -> bool:
        matches = upload.matches(digest)
        if matches:
            with upload.spool.open() as stream:
                self._add_blob(upload.repository, digest, upload.size, stream.read())
        return matches


class FailsAtTimes(OnMemory):
    """Two requests for a tag list at the same time are too much for it."""

    busy = False

    def tags(self, name: Name) -> list[Tag] | None:
        if self.busy:
            raise RuntimeError("busy")
        self.busy = True
        time.sleep(0)
        self.busy = False
        return super().tags(name)


NOT_EXPLAINED = "the history of the {} is not linearizable"

BROKEN_STORAGES: list[tuple[Callable[[], Repositories], str]] = [
    (Unlocked, NOT_EXPLAINED.format("tag")),
    (TornReads, r"the answer to GET contradicts itself \(OCI-R013\)"),
    (RetagsInTwoSteps, NOT_EXPLAINED.format("tag")),
    (KeepsTagsOfDeleted, NOT_EXPLAINED.format("tag")),
    (MountsBorrow, NOT_EXPLAINED.format("blob")),
    (DeletesLate, NOT_EXPLAINED.format("blob")),
    (ListsReferrersTwice, "a list of referrers has an entry twice"),
    (ForgetsReferrers, NOT_EXPLAINED.format("referrer")),
    (NeverEndsSessions, "an upload session (accepted a request after its end|was closed twice)"),
    (FailsAtTimes, r"the target raised RuntimeError\('busy'\)"),
]


@pytest.mark.usefixtures("_first_finding_only")
@pytest.mark.parametrize(("broken", "text"), BROKEN_STORAGES, ids=lambda value: getattr(value, "__name__", ""))
def test_a_storage_that_is_broken_for_threads_is_found_out(broken: Callable[[], Repositories], text: str) -> None:
    found = [finding for finding in race(fake(storage=broken()), ENOUGH).findings if re.match(text, finding.text)]
    assert found
    assert found[0].evidence.startswith("seed 1, round ")
    assert "curl" in found[0].evidence or "Traceback" in found[0].evidence


# Broken in front of the storage.

Middleware = Callable[[WSGIApplication], WSGIApplication]
Answer = tuple[str, list[tuple[str, str]], bytes]


def called(app: WSGIApplication, environ: WSGIEnvironment) -> Answer:
    """The whole answer of an application."""
    started: list[Any] = []

    def start(*arguments: Any) -> Callable[[bytes], object]:
        started.append(arguments)
        return lambda data: None

    result = app(environ, start)
    body = b"".join(result)
    getattr(result, "close", lambda: None)()
    return (*started[-1][:2], body)


def answering(change: Callable[[WSGIEnvironment, bytes], bytes]) -> Middleware:
    """A fake whose answers have other bodies."""

    def wrap(app: WSGIApplication) -> WSGIApplication:
        def changed(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
            status, headers, body = called(app, environ)
            if status.startswith("200") and environ["REQUEST_METHOD"] == "GET":
                body = change(environ, body)
                headers = [pair for pair in headers if pair[0] != "Content-Length"]
                headers.append(("Content-Length", str(len(body))))
            start_response(status, headers)
            return [body]

        return changed

    return wrap


def caching(app: WSGIApplication) -> WSGIApplication:
    """A cache in front of the fake that asks again for a tag only after a few answers."""
    held: dict[str, tuple[int, Answer]] = {}

    def cached(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if environ["REQUEST_METHOD"] != "GET" or not path.endswith("-raced"):
            return app(environ, start_response)
        left, answer = held.get(path, (0, ("", [], b"")))
        if not left:
            left, answer = 5, called(app, environ)
        held[path] = (left - 1, answer)
        status, headers, body = answer
        start_response(status, headers)
        return [body]

    return cached


def twice_in_list(environ: WSGIEnvironment, body: bytes) -> bytes:
    if not environ["PATH_INFO"].endswith("/tags/list"):
        return body
    document = json.loads(body)
    return json.dumps({**document, "tags": document["tags"] + document["tags"][-1:]}).encode()


def cut_blobs(environ: WSGIEnvironment, body: bytes) -> bytes:
    return body[:-1] if "/blobs/" in environ["PATH_INFO"] else body


def any_order(app: WSGIApplication) -> WSGIApplication:
    """Chunks are taken wherever they say that they begin."""

    def lenient(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ.pop("HTTP_CONTENT_RANGE", None)
        return app(environ, start_response)

    return lenient


def forgetful(app: WSGIApplication) -> WSGIApplication:
    """What a session says of its size lacks the last ten bytes."""

    def less(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            if environ["REQUEST_METHOD"] == "GET" and "/uploads/" in environ["PATH_INFO"]:
                headers = [(name, _less(value) if name == "Range" else value) for name, value in headers]
            return start_response(status, headers, *rest)

        return app(environ, start)

    return less


def _less(value: str) -> str:
    return f"0-{max(int(value.partition('-')[2]) - 10, 0)}"


def busy_at_times(app: WSGIApplication) -> WSGIApplication:
    """Whoever comes while a list is made is told 503."""
    listing = 0

    def busy(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        nonlocal listing
        if not environ["PATH_INFO"].endswith("/tags/list"):
            return app(environ, start_response)
        if listing:
            start_response("503 Service Unavailable", [("Content-Length", "0")])
            return []
        listing += 1
        time.sleep(0)
        listing -= 1
        return app(environ, start_response)

    return busy


BROKEN_FRONTS: list[tuple[Middleware, str]] = [
    (caching, NOT_EXPLAINED.format("tag")),
    (answering(twice_in_list), "a list of tags has an entry twice"),
    (answering(cut_blobs), r"the answer to GET contradicts itself \(OCI-R018\)"),
    (any_order, "an upload session accepted two chunks that begin at"),
    (forgetful, "an upload session reported an impossible size"),
    (busy_at_times, "GET was answered 503"),
]


@pytest.mark.usefixtures("_first_finding_only")
@pytest.mark.parametrize(("broken", "text"), BROKEN_FRONTS, ids=["cache", "twice", "cut", "order", "size", "503"])
def test_what_is_broken_in_front_of_the_storage_is_found_out(broken: Middleware, text: str) -> None:
    figures = race(fake(wrap=broken), ENOUGH)
    assert [finding for finding in figures.findings if re.match(text, finding.text)]


@pytest.mark.usefixtures("_first_finding_only")
def test_upload_sessions_that_nobody_claims_are_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def hold(storage: MemoryStorage, id: str) -> Spool:
        spool = storage._spools.get(id)
        if not spool:
            raise UploadGone
        spool.buffer.open()
        return spool

    def append(spool: MemorySpool, data: bytes) -> None:
        time.sleep(0.0005)  # as long as a disk may take, so that others come between
        really_append(spool, data)

    really_append = MemorySpool.append
    monkeypatch.setattr(MemoryStorage, "hold_spool", hold)
    monkeypatch.setattr(MemorySpool, "append", append)
    monkeypatch.setattr(MemorySpool, "close", lambda spool: None)
    assert race(fake(), ENOUGH).findings


def test_a_request_that_never_ends_ends_the_race() -> None:
    released = Event()

    def wrap(registry: Registry) -> WSGIApplication:
        def hanging(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            if environ["REQUEST_METHOD"] == "GET" and "n=" in environ["QUERY_STRING"]:
                released.wait()
            return registry(environ, start_response)

        return hanging

    target = InProcessFake("fake:oci", "oci", replace(Settings(), timeout=0.1), wrap=wrap)
    try:
        figures = race(target, ENOUGH)
    finally:
        released.set()
    assert "a request got no answer for 0.2 s, so the race ends" in {each.text for each in figures.findings}
    assert figures.numbers["rounds"] == 1


def test_a_target_that_takes_no_pushes_is_a_finding_and_no_endless_run() -> None:
    target = fake(dialect="oci,push=false")
    target.check_pushes = lambda: None  # type: ignore[method-assign]
    figures = race(target, ENOUGH)
    (finding,) = figures.findings
    assert finding.text.startswith("the race cannot be prepared: could not open an upload session: POST /v2/")
    assert finding.text.endswith(": status 405 and UNSUPPORTED")
