"""The storage operations of request handlers, written once on top of the protocol `Storage`.

Each write is one atomic call of `Storage.apply`: readers see all of it or nothing. No lock is held while bytes are read
or sent.
"""

from __future__ import annotations

import itertools
import time
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import BinaryIO, NamedTuple, TypeVar

from fakereg.clock import Clock
from fakereg.spec.manifest import Manifest
from fakereg.spec.names import Digest, Name, Tag
from fakereg.storage.base import Changes, Delta, MissingContent, Source, Storage, StorageError, UploadGone
from fakereg.storage.index import UNLISTED, Change, Index, entry_of
from fakereg.storage.uploads import TooManyUploads, Upload, Uploads

__all__ = ["Guard", "Notes", "Repositories", "StoredManifest", "TooManyUploads", "Upload"]

Seen = TypeVar("Seen")

_ATTEMPTS = 1000
"""Most attempts at a change while other processes change the same repository."""

Guard = Callable[[Digest | None], None]
"""A check that is called with the digest that a push would replace: that of its first tag, or its own if it has no tag;
None if that does not exist. It raises to prevent the push.
"""


Notes = Callable[[Index], Mapping[str, str | None]]
"""Returns the notes that change together with a push, by the index before it."""


class StoredManifest(NamedTuple):
    """A manifest as it was pushed: its bytes, its media type and the digest that names it."""

    content: bytes
    media_type: str
    digest: Digest


class Repositories:
    """Repositories with their blobs, manifests, tags and upload sessions, kept by `storage`.

    `None` and `False` mean that the object does not exist. Other processes may use the same storage: each call first
    reads their changes. `clock` returns seconds and `new_id` a new unique text for each upload session.
    """

    def __init__(self, storage: Storage, *, clock: Clock = time.time, new_id: Callable[[], str] | None = None) -> None:
        self.storage = storage
        self._uploads = Uploads(storage, clock, new_id)
        self._indexes: dict[Name, Index] = {}
        self._homes: dict[Digest, Name] = {}
        """A repository that had the blob at the last look: a hint, by which the blob need not be stored again."""
        self._lost: set[tuple[Name, Digest]] = set()
        """Content that the storage did not have, or only damaged, when it was read: such a blob can be pushed again."""

    # Repositories and blobs.

    def repositories(self) -> list[Name]:
        """Return all repositories, sorted. One comes with its first blob or manifest and stays."""
        return sorted(name for name in self.storage.repositories() if self._listed(name))

    def _listed(self, name: Name) -> bool:
        """Tell whether a repository that the storage has is more than notes, which then stays so."""
        index = self._indexes.get(name)
        return (index is not None and index.listed) or self.has_repository(name)

    def has_repository(self, name: Name) -> bool:
        """Tell whether the repository exists."""
        with self._index(name) as index:
            return index.listed

    def blob_size(self, name: Name, digest: Digest) -> int | None:
        """Return the size in bytes of a blob of this repository."""
        with self._index(name) as index:
            return None if (name, digest) in self._lost else index.blobs.get(digest)

    def open_blob(self, name: Name, digest: Digest) -> BinaryIO | None:
        """Open a blob of this repository, readable even if it is deleted meanwhile; the caller closes it."""
        found = self._open(name, lambda index: (digest, "") if digest in index.blobs else None)
        return found[2] if found else None

    def delete_blob(self, name: Name, digest: Digest) -> bool:
        """Remove a blob from this repository only."""
        return self.change(name, lambda index: index.without_blob(digest))

    def mount_blob(self, name: Name, digest: Digest, *, source: Name | None) -> bool:
        """Make a blob of `source`, or of any repository if that is None, a blob of this one as well."""
        sources = [source] if source else self._with_blob(digest)
        return any(self._mount(name, digest, each) for each in sources)

    def _with_blob(self, digest: Digest) -> Iterator[Name]:
        """Yield the repositories that may have a blob, the likely ones first."""
        if home := self._homes.get(digest):
            yield home
        yield from self.repositories()

    def _mount(self, name: Name, digest: Digest, source: Name) -> bool:
        if self.blob_size(source, digest) is None or not self._there(source, digest):
            return False
        with ExitStack() as held:  # always in the same order, against deadlocks
            found = {each: held.enter_context(self._index(each)) for each in sorted({name, source})}
            size = found[source].blobs.get(digest)
            if size is None:
                return False
            try:
                self._add_blob(name, digest, size, source)
            except MissingContent:  # another process removed the file
                return False
            return True

    def _add_blob(self, name: Name, digest: Digest, size: int, source: Source) -> None:
        if source != name:
            self.change(name, lambda index: Change(Delta(blobs={digest: size}), {digest: source}))

    def _there(self, name: Name, digest: Digest) -> bool:
        """Tell whether content can be read and is not damaged; another process may have removed its file."""
        stream = self.storage.open(name, digest)
        if stream:
            stream.close()
        return stream is not None

    # Upload sessions.

    def start_upload(self, name: Name, *, algorithm: str, expiry: float, limit: int, timeout: float = 0) -> Upload:
        """Open a session for a blob with a digest of `algorithm`; it expires after `expiry` seconds without a request.

        It ends `timeout` seconds from now in any case, even while a request is writing to it; 0 means never.
        Raise TooManyUploads if `limit` sessions are open.
        """
        return self._uploads.start(name, algorithm=algorithm, expiry=expiry, limit=limit, timeout=timeout)

    def upload(self, name: Name, id: str) -> Upload | None:
        """Return an open session of this repository; this call restarts its expiry."""
        return self._uploads.find(name, id)

    def cancel_upload(self, upload: Upload) -> None:
        """End a session that the caller has claimed, and drop its bytes; raise UploadGone if it has ended."""
        if not self._uploads.is_open(upload.id):
            raise UploadGone
        self.storage.drop_spool(upload.id)

    def finish_upload(self, upload: Upload, digest: Digest) -> bool:
        """End a session that the caller has claimed: its bytes become a blob of its repository if they match `digest`,
        else they are dropped and False is returned. Raise UploadGone if it has ended.
        """
        upload.check()
        matches = upload.matches(digest)
        if matches and not self._share(upload, digest):
            self._add_blob(upload.repository, digest, upload.size, upload.spool)
        self.storage.drop_spool(upload.id)
        return matches

    def _share(self, upload: Upload, digest: Digest) -> bool:
        """Use the blob of a repository that has it, instead of storing it again; tell whether that worked."""
        home = self._homes.get(digest)
        return home is not None and self._mount(upload.repository, digest, home)

    # Manifests, tags and referrers.

    def manifest(self, name: Name, reference: Tag | Digest) -> StoredManifest | None:
        """Return the manifest that the tag points to or that the digest names."""

        def find(index: Index) -> tuple[Digest, str] | None:
            digest = index.tags.get(reference) if isinstance(reference, Tag) else reference
            return (digest, index.manifests[digest].media_type) if digest and digest in index.manifests else None

        found = self._open(name, find)
        if not found:
            return None
        digest, media_type, stream = found
        with stream:
            return StoredManifest(stream.read(), media_type, digest)

    def put_manifest(
        self,
        name: Name,
        manifest: Manifest,
        *,
        tags: Collection[Tag],
        complete: bool,
        guard: Guard | None = None,
        notes: Notes | None = None,
    ) -> None:
        """Store the manifest, point the tags at it and change notes, all in one step.

        Within that step `guard` is called first; if it raises, nothing changes.
        With `complete`, raise MissingContent if the repository lacks a blob or manifest that it names (foreign
        layers and the subject excepted), and change nothing.
        """

        def plan(index: Index) -> Change:
            if guard:
                guard(index.replaced(manifest.digest, tags))
            if complete:
                index.check_complete(manifest)
            return self._with_manifests(name, index, [(manifest, tags)], notes(index) if notes else {})

        self.change(name, plan)

    def put_manifests(self, name: Name, manifests: Iterable[tuple[Manifest, Collection[Tag]]]) -> None:
        """Store manifests, complete or not, and point the tags of each at it, all in one step."""
        pairs = list(manifests)
        self.change(name, lambda index: self._with_manifests(name, index, pairs, {}))

    def delete_manifest(self, name: Name, digest: Digest) -> bool:
        """Delete a manifest and every tag that points to it."""
        return self.change(name, lambda index: index.without_manifests([digest]))

    def delete_manifests(self, name: Name, digests: Collection[Digest]) -> None:
        """Delete those of the manifests that exist, and every tag that points to one of them, all in one step."""
        self.change(name, lambda index: index.without_manifests(digests))

    def delete_tag(self, name: Name, tag: Tag) -> bool:
        """Delete a tag and leave the manifest."""
        return self.change(name, lambda index: index.without_tag(tag))

    def tags(self, name: Name) -> list[Tag] | None:
        """Return the tags of a repository in ASCII order; None if there is no such repository."""
        with self._index(name) as index:
            return list(index.sorted_tags) if index.listed else None

    def has_tags(self, name: Name) -> bool:
        """Tell whether a repository has a tag. This and `has_manifests` are called often and must be fast."""
        with self._index(name) as index:
            return bool(index.tags)

    def targets(self, name: Name) -> dict[Tag, Digest]:
        """Return the digest of each tag of a repository, the tags in ASCII order."""
        with self._index(name) as index:
            return {tag: index.tags[tag] for tag in index.sorted_tags}

    def manifests(self, name: Name) -> list[Digest] | None:
        """Return the digests of all manifests of a repository, sorted; None if there is no such repository."""
        with self._index(name) as index:
            return sorted(index.manifests) if index.listed else None

    def has_manifests(self, name: Name) -> bool:
        """Tell whether a repository has a manifest."""
        with self._index(name) as index:
            return bool(index.manifests)

    def referrers(
        self, name: Name, subject: Digest, *, artifact_type: str | None, last: str, limit: int, size: int
    ) -> tuple[list[StoredManifest], bool]:
        """Return the manifests of the repository whose subject is `subject`, by digest, and whether more follow.

        They begin after the digest `last` (the empty text for the first page), have the artifact type if one is
        given, and are at most `limit` and have at most `size` bytes together, but at least one if there is any.
        """
        with self._index(name) as index:
            digests = index.referrers(subject)
            found = [
                (digest, entry)
                for digest in digests[bisect_right(digests, last) :]
                if artifact_type in (None, (entry := index.manifests[digest]).artifact_type)
            ]
            version = index.version
        sizes = itertools.accumulate(entry.size for _, entry in found[:limit])
        count = max(sum(total <= size for total in sizes), min(limit, len(found), 1))
        page = [self._stored(name, digest, entry.media_type) for digest, entry in found[:count]]
        if None in page and self.storage.read(name, version):  # one was deleted meanwhile
            return self.referrers(name, subject, artifact_type=artifact_type, last=last, limit=limit, size=size)
        return [manifest for manifest in page if manifest], count < len(found)

    def _stored(self, name: Name, digest: Digest, media_type: str) -> StoredManifest | None:
        stream = self.storage.open(name, digest)
        if not stream:
            return None
        with stream:
            return StoredManifest(stream.read(), media_type, digest)

    def _with_manifests(
        self,
        name: Name,
        index: Index,
        manifests: Iterable[tuple[Manifest, Collection[Tag]]],
        notes: Mapping[str, str | None],
    ) -> Change:
        """Plan to put manifests, to point the tags of each at it, and to change notes."""
        entries, tags, contents = {}, dict[Tag, Digest | None](), dict[Digest, Source]()
        for manifest, pointing in manifests:
            entries[manifest.digest] = entry_of(manifest)
            tags |= dict.fromkeys(pointing, manifest.digest)
            if manifest.digest not in index.manifests or not self._there(name, manifest.digest):
                contents[manifest.digest] = manifest.content
        return index.plan(Delta(entries, tags, notes=notes), contents)

    # Notes, and any change.

    def notes(self, name: Name) -> dict[str, str]:
        """Return the notes of a repository, which may have nothing else."""
        with self._index(name) as index:
            return {key: text for key, text in index.notes.items() if key != UNLISTED}

    def read(self, name: Name, look: Callable[[Index], Seen]) -> Seen:
        """Return what `look` finds in the index of a repository at one moment."""
        with self._index(name) as index:
            return look(index)

    def change(self, name: Name, plan: Callable[[Index], Change | None]) -> bool:
        """Apply the change that `plan` returns in one step; call it again if another process made a change meanwhile.

        Return False if `plan` returns None. The lock is not needed for correctness: it only avoids conflicts between
        threads of this process. Raise StorageError after too many conflicts with other processes.
        """
        for _ in range(_ATTEMPTS):
            with self._index(name) as index:
                change = plan(index)
                if not change:
                    return False
                delta = _with_listing(index, change.delta)
                version = self.storage.apply(name, index.version, delta, change.contents)
                if version is not None:
                    index.change(version, delta)
                    self._note_homes(name, delta)
                    return True
        raise StorageError(f"the repository {name} was changed by others {_ATTEMPTS} times in a row; try again")

    # Life.

    def clear(self) -> None:
        """Remove everything that was pushed."""
        self.storage.clear()
        self._indexes.clear()
        self._homes.clear()
        self._lost.clear()

    def close(self) -> None:
        """Close files and locks; no method is called afterwards."""
        self.storage.close()

    # The indexes.

    @contextmanager
    def _index(self, name: Name) -> Iterator[Index]:
        """Hold the current index of a repository; it is empty and of version 0 if there is no such repository."""
        index = self._indexes.get(name) or self._indexes.setdefault(name, Index())
        try:
            with index.lock:
                if changes := self.storage.read(name, index.version):
                    self._catch_up(name, index, changes)
                yield index
        finally:
            if not index.version:
                self._indexes.pop(name, None)

    def _catch_up(self, name: Name, index: Index, changes: Changes) -> None:
        index.catch_up(changes)
        self._note_homes(name, changes.delta)

    def _note_homes(self, name: Name, delta: Delta) -> None:
        self._lost.difference_update((name, digest) for digest in (*delta.manifests, *delta.blobs))
        for digest, size in delta.blobs.items():
            if size is not None:
                self._homes[digest] = name
            elif self._homes.get(digest) == name:
                self._homes.pop(digest, None)

    def _open(
        self, name: Name, find: Callable[[Index], tuple[Digest, str] | None]
    ) -> tuple[Digest, str, BinaryIO] | None:
        """Open the content that `find` finds in the index; try again if it was replaced meanwhile."""
        while True:
            with self._index(name) as index:
                found, version = find(index), index.version
            if not found:
                return None
            if stream := self.storage.open(name, found[0]):
                self._lost.discard((name, found[0]))
                return (*found, stream)
            with self._index(name) as index:
                if index.version == version:
                    self._lost.add((name, found[0]))
                    return None


def _with_listing(index: Index, delta: Delta) -> Delta:
    """Return a delta with a change of UNLISTED if it makes a repository of notes alone or brings the first content."""
    content = delta.manifests or delta.tags or delta.blobs
    if index.version == 0 and not content:
        return replace(delta, notes={**delta.notes, UNLISTED: ""})
    if UNLISTED in index.notes and content:
        return replace(delta, notes={**delta.notes, UNLISTED: None})
    return delta
