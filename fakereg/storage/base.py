"""The protocol that a storage implements: content, an index per repository, spools, life.

A storage does not know the rules of a registry. `fakereg.storage.repositories` is written once on top of it and
implements these rules for request handlers. `fakereg.storage.contract` tests any storage against this documentation,
and `docs/write-a-storage.md` shows a complete one.

These rules hold for every method:

- Calls come from many threads at once. Each call is atomic: another caller sees all of it or nothing.
- A call that raises has changed nothing. `OSError` and `StorageError` mean that the storage failed, and the client
  gets 503 with Retry-After; any other exception that is not named here is a bug.
- When a call has returned, its effect outlasts the death of the process, if the storage is one that outlasts it.
- Texts (names, tags, media types) are kept as they are: nothing is folded, trimmed or normalised.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple, Protocol

from fakereg.spec.names import Digest, Name, Tag


class StorageError(Exception):
    """The storage cannot be opened or used; the message has the reason and the remedy."""


class MissingContent(Exception):
    """The repository lacks `digests`."""

    def __init__(self, digests: Sequence[Digest]) -> None:
        super().__init__(", ".join(digests))
        self.digests = tuple(digests)


class UploadBusy(Exception):
    """Another caller holds the spool: another request is writing to the upload session."""


class UploadGone(Exception):
    """The spool does not exist any more: the upload session was finished, cancelled, cleared or has expired."""


class Entry(NamedTuple):
    """The entry of a manifest in the index. The bytes of the manifest are content of the repository."""

    media_type: str
    size: int
    subject: Digest | None = None
    artifact_type: str | None = None


@dataclass(frozen=True, slots=True)
class Delta:
    """A change of one repository's index: new values by key; None removes the key, whether it is there or not."""

    manifests: Mapping[Digest, Entry | None] = field(default_factory=dict)
    tags: Mapping[Tag, Digest | None] = field(default_factory=dict)
    blobs: Mapping[Digest, int | None] = field(default_factory=dict)
    """The size in bytes of each."""
    notes: Mapping[str, str | None] = field(default_factory=dict)
    """Short texts of a policy. A note whose key is a digest keeps that content, though it may be neither manifest nor
    blob: it is not served, and can become a manifest or blob again.
    """

    @property
    def removes(self) -> bool:
        """Whether all that it does is to remove."""
        return not any(
            value is not None for part in (self.manifests, self.tags, self.blobs, self.notes) for value in part.values()
        )

    def rows(self) -> Iterator[tuple[str, str, str | None]]:
        """Yield kind, key and value as texts, for storages that keep texts; `of_rows` reads them."""
        for digest, entry in self.manifests.items():
            yield "manifest", digest, None if entry is None else json.dumps(entry)
        for tag, target in self.tags.items():
            yield "tag", tag, target
        for digest, size in self.blobs.items():
            yield "blob", digest, None if size is None else str(size)
        for key, text in self.notes.items():
            yield "note", key, text

    @classmethod
    def of_rows(cls, rows: Iterable[Sequence[str | None]]) -> Delta:
        """Make one delta of rows; of several with the same key the last one wins."""
        found: dict[str | None, dict[str, str | None]] = {"manifest": {}, "tag": {}, "blob": {}, "note": {}}
        for kind, key, value in rows:
            found[kind][str(key)] = value
        return cls(
            {Digest(key): None if value is None else _entry(value) for key, value in found["manifest"].items()},
            {Tag(key): None if value is None else Digest(value) for key, value in found["tag"].items()},
            {Digest(key): None if value is None else int(value) for key, value in found["blob"].items()},
            found["note"],
        )


def _entry(text: str) -> Entry:
    media_type, size, subject, artifact_type = json.loads(text)
    return Entry(media_type, size, Digest(subject) if subject else None, artifact_type)


class Changes(NamedTuple):
    """How a repository's index came from version `since` to `version`; with `since` 0, from the empty index."""

    since: int
    version: int
    delta: Delta


class SpoolInfo(NamedTuple):
    """The state of a spool, held or not: its text, the time when it was last touched, its size in bytes."""

    text: str
    touched: float
    size: int


class Spool(Protocol):
    """The bytes of an upload, held by one caller until `close` or the end of the process."""

    id: str

    @property
    def size(self) -> int:
        """The number of bytes so far."""

    def append(self, data: bytes) -> None:
        """Add bytes at the end. This is the one call that may do half of its work: if it raises OSError, a part of
        `data` may be there, and the caller truncates.
        """

    def truncate(self, size: int) -> None:
        """Drop all bytes from offset `size` on."""

    def describe(self, text: str) -> None:
        """Replace the text."""

    def open(self) -> BinaryIO:
        """Return a stream over the bytes so far; the caller closes it."""

    def close(self) -> None:
        """Let others hold the spool. It may have ended meanwhile; that is not an error."""


Source = bytes | Spool | Name
"""Where content comes from: the bytes themselves, a spool that the caller holds, or another repository that has it."""


class Storage(Protocol):
    """Keeps the content of a registry. See the rules at the top of this module."""

    # The index.

    def repositories(self) -> list[Name]:
        """Return the names of all repositories, in any order. One comes with its first delta and stays."""

    def read(self, name: Name, since: int = 0) -> Changes | None:
        """Return the changes after version `since`; None if that is the current version.

        The version of a repository is a positive number that grows with each delta, and 0 while there is no such
        repository. No number comes twice for a name while the storage is open anywhere, not even after `clear`. A
        storage that does not know the changes since a version may always return `since` 0 and everything. For a
        repository that does not exist any more that is `Changes(0, 0, Delta())`.
        """

    def apply(self, name: Name, version: int, delta: Delta, contents: Mapping[Digest, Source | None]) -> int | None:
        """Change index and content in one step and return the new version, or return None and change nothing if
        `version` is not the current one.

        `contents` has the source of each content to be put, which may be there already, and None for each to be
        removed; a spool that is a source ends with this. Nothing else removes content. Content belongs to a
        repository: when one removes a digest, others keep theirs. Raise UploadGone for a spool that has ended,
        MissingContent for a repository that does not have the content.
        """

    # Content.

    def open(self, name: Name, digest: Digest) -> BinaryIO | None:
        """Return a stream over content of the repository, at its start; None if there is none of that digest.

        The stream must be able to seek, and to be read to its end even if the content is removed meanwhile. The
        caller closes it. It is sent fastest if it is a file.
        """

    # Spools.

    def create_spool(self, id: str, text: str, touched: float) -> None:
        """Make an empty spool. Raise StorageError if there is one with this id."""

    def spools(self) -> list[str]:
        """Return the ids of all spools, in any order."""

    def spool(self, id: str) -> SpoolInfo | None:
        """Return the state of a spool, held or not; None if there is none with this id."""

    def touch_spool(self, id: str, touched: float) -> None:
        """Set the time when a spool was last touched, held or not; do nothing if there is none with this id."""

    def hold_spool(self, id: str) -> Spool:
        """Hold a spool. Raise UploadBusy if it is held already, UploadGone if there is none with this id."""

    def drop_spool(self, id: str) -> None:
        """End a spool and its bytes, held or not; do nothing if there is none with this id."""

    # Life.

    def clear(self) -> None:
        """Remove everything that came through this protocol: repositories, content, spools.

        Streams that are open can be read to their end. What others put into the storage may be there again.
        """

    def close(self) -> None:
        """Close files, locks and connections; no method is called afterwards."""
