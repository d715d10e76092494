"""Read written content back in every way that a client has, since a cache may answer one of them and not another.

The ways are GET and HEAD, with and without a content coding, as each reader. What is there must be there in all of
them, and what is gone must be gone in all of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from conformance.checks.checks import Checks
from conformance.client.client import Client
from conformance.client.content import ALGORITHMS, Blob, Manifest, digest_of
from conformance.client.exchange import Exchange, Header
from conformance.client.steps import tags_in

MANIFESTS = ("OCI-R011", "OCI-R012", "OCI-R014", "OCI-R021", "OCI-R022", "OCI-R023", "OCI-R024")
BLOBS = ("OCI-R015", "OCI-R016", "OCI-R019", "OCI-R021", "OCI-R022", "OCI-R023", "OCI-R024")
TAGS = ("OCI-R067",)
"""The requirements that reading manifests, blobs and lists of tags judges, for the scenarios to be bound to."""

CODINGS = ("identity", "gzip")
NO_RIGHT = {401, 403}
PATIENCE = 1.0
"""Seconds within which a deletion has its effect: 202 says that it was accepted, not that it is done."""

PAUSE = 0.1


@dataclass(frozen=True, slots=True)
class Reader:
    """A client with its credentials. One that `may_be_refused` has to see what all see, or nothing."""

    client: Client
    may_be_refused: bool = False


@dataclass(frozen=True, slots=True)
class _Rows:
    """The requirements about one kind of content: on its bytes, on GET of what is there, and of what is not."""

    content: str
    there: str
    missing: str


_OF_MANIFESTS = _Rows("OCI-R011", "OCI-R012", "OCI-R014")
_OF_BLOBS = _Rows("OCI-R015", "OCI-R016", "OCI-R019")


class ReadBack:
    """Judge what a registry holds by all ways to read it."""

    def __init__(self, check: Checks, readers: Sequence[Reader]) -> None:
        self._check = check
        self._readers = readers

    def manifest(self, repository: str, manifest: Manifest, *references: str) -> None:
        """Check that each of the references, a tag or the digest, leads to a manifest."""
        for reference in references:
            for reader, headers in self._ways():
                client = reader.client
                got = client.follow(client.get_manifest(repository, reference, headers=headers))
                self._there(_OF_MANIFESTS, reader, got, manifest.data)
                head = client.head_manifest(repository, reference, headers=headers)
                self._head(reader, head, client.follow(head), manifest.data)

    def blob(self, repository: str, *blobs: Blob) -> None:
        """Check that the blobs are there."""
        for blob in blobs:
            for reader, headers in self._ways():
                client = reader.client
                got = client.follow(client.get_blob(repository, blob.digest, headers=headers))
                self._there(_OF_BLOBS, reader, got, blob.data)
                head = client.head_blob(repository, blob.digest, headers=headers)
                self._head(reader, head, client.follow(head), blob.data)

    def no_manifest(self, repository: str, *references: str) -> None:
        """Check that none of the references leads to anything."""
        for reference in references:
            for reader, headers in self._ways():
                for row, ask in (
                    (_OF_MANIFESTS.missing, reader.client.get_manifest),
                    ("OCI-R024", reader.client.head_manifest),
                ):
                    self._gone(row, reader, lambda: ask(repository, reference, headers=headers))  # noqa: B023

    def no_blob(self, repository: str, *digests: str) -> None:
        """Check that there are no such blobs."""
        for digest in digests:
            for reader, headers in self._ways():
                for row, ask in ((_OF_BLOBS.missing, reader.client.get_blob), ("OCI-R024", reader.client.head_blob)):
                    self._gone(row, reader, lambda: ask(repository, digest, headers=headers))  # noqa: B023

    def same_or_no_manifest(self, repository: str, manifest: Manifest, reference: str) -> None:
        """Check that a manifest that a registry may keep is there in all ways, or in none."""
        first = self._readers[0].client
        if first.follow(first.get_manifest(repository, reference)).status == 404:
            self.no_manifest(repository, reference)
        else:
            self.manifest(repository, manifest, reference)

    def tags(self, repository: str, *tags: str) -> None:
        """Check that the list of tags has these and no others; a repository without any may have no list."""
        for reader, headers in self._ways():
            answer = reader.client.follow(reader.client.list_tags(repository, headers=headers))
            if not self._is_refused(reader, answer) and (tags or answer.status == 200):
                self._check.same_set("OCI-R067", answer, tags_in(answer), tags)

    def _ways(self) -> Iterator[tuple[Reader, list[Header]]]:
        for reader in self._readers:
            for coding in CODINGS:
                yield reader, [("Accept-Encoding", coding)]

    def _there(self, rows: _Rows, reader: Reader, answer: Exchange, data: bytes) -> None:
        if not self._is_refused(reader, answer) and self._check.status(rows.there, answer, 200):
            self._check.body(rows.content, answer, data)

    def _head(self, reader: Reader, first: Exchange, answer: Exchange, data: bytes) -> None:
        if self._is_refused(reader, answer) or not self._check.status("OCI-R021", answer, 200):
            return
        said = answer.header("Docker-Content-Digest") or first.header("Docker-Content-Digest") or ""
        if (algorithm := said.partition(":")[0]) in ALGORITHMS:  # that there is one is for other scenarios to say
            wanted = digest_of(data, algorithm)
            self._check.that("OCI-R022", said == wanted, expected=wanted, got=said, exchange=answer)
        length = answer.header("Content-Length")
        if length is not None and answer.header("Content-Encoding") is None:
            wanted = f"Content-Length: {len(data)}"
            self._check.that("OCI-R023", length == str(len(data)), expected=wanted, got=length, exchange=answer)

    def _gone(self, row: str, reader: Reader, ask: Callable[[], Exchange]) -> None:
        answer = until_gone(lambda: reader.client.follow(ask()))
        if not self._is_refused(reader, answer):
            self._check.status(row, answer, 404)

    def _is_refused(self, reader: Reader, answer: Exchange) -> bool:
        return reader.may_be_refused and answer.status in NO_RIGHT


def until_gone(ask: Callable[[], Exchange]) -> Exchange:
    """Repeat a request until the answer is no success, at most for some time; return the last answer."""
    return in_time(ask, lambda answer: answer.status >= 300)


def in_time(ask: Callable[[], Exchange], is_done: Callable[[Exchange], bool]) -> Exchange:
    """Repeat a request until a deletion has had its effect, at most for some time; return the last answer."""
    until = time.monotonic() + PATIENCE
    while not is_done(answer := ask()) and time.monotonic() < until:
        time.sleep(PAUSE)
    return answer
