"""What the storages of this package share: the index of repositories, kept in memory under one lock.

A subclass says where bytes lie and how a change is made to last; it is called with the lock held, before the
change shows in memory.
"""

from __future__ import annotations

import abc
import contextlib
import itertools
import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from typing import BinaryIO

from fakereg.clock import Clock
from fakereg.spec.manifest import Manifest
from fakereg.spec.names import Digest, Name, Tag
from fakereg.storage.base import Guard, MissingContent, StoredManifest, TooManyUploads, Upload
from fakereg.storage.content import Content, Spool
from fakereg.storage.uploads import Life, UploadSession, UploadTable


@dataclass(frozen=True, slots=True)
class Entry:
    """A manifest at rest."""

    digest: Digest
    media_type: str
    subject: Digest | None
    artifact_type: str | None
    content: Content

    @classmethod
    def of(cls, manifest: Manifest, content: Content) -> Entry:
        """The entry of a manifest whose bytes are `content`."""
        subject = manifest.subject.digest if manifest.subject else None
        return cls(manifest.digest, manifest.media_type, subject, manifest.artifact_type, content)

    def load(self) -> StoredManifest:
        """Read the bytes."""
        return StoredManifest(self.content.read(), self.media_type, self.digest)


@dataclass(frozen=True, slots=True)
class Index:
    """The manifests and tags of a repository at one moment; replaced, never changed."""

    manifests: dict[Digest, Entry] = field(default_factory=dict)
    tags: dict[Tag, Digest] = field(default_factory=dict)

    def with_manifests(self, entries: Iterable[tuple[Entry, Iterable[Tag]]]) -> Index:
        """This index with the manifests in it and the tags on each."""
        manifests, tags = dict(self.manifests), dict(self.tags)
        for entry, pointing in entries:
            manifests[entry.digest] = entry
            tags |= dict.fromkeys(pointing, entry.digest)
        return Index(manifests, tags)

    def without_manifests(self, digests: Collection[Digest]) -> Index:
        """This index without the manifests and their tags."""
        kept = {key: entry for key, entry in self.manifests.items() if key not in digests}
        return Index(kept, {tag: target for tag, target in self.tags.items() if target not in digests})

    def without_tag(self, tag: Tag) -> Index:
        """This index without the tag."""
        return replace(self, tags={key: target for key, target in self.tags.items() if key != tag})


@dataclass(slots=True)
class Repository:
    """One repository: its blobs and its index."""

    blobs: dict[Digest, Content] = field(default_factory=dict)
    index: Index = field(default_factory=Index)


class IndexedStorage(abc.ABC):
    """A `Storage` with its index in memory.

    `clock` gives seconds and `new_id` a unique text; both are injected so that tests need not wait or guess.
    """

    def __init__(self, *, clock: Clock = time.time, new_id: Callable[[], str] | None = None) -> None:
        self._new_id = new_id or (lambda: str(uuid.uuid4()))
        self._lock = threading.RLock()
        self._repositories: dict[Name, Repository] = {}
        self._clock = clock
        self._uploads = UploadTable(clock)

    # Where bytes lie and what lasts: for the subclass.

    @abc.abstractmethod
    def _new_spool(self, id: str, name: Name, algorithm: str, life: Life) -> Spool: ...

    @abc.abstractmethod
    def _discard_spool(self, session: UploadSession) -> None: ...

    @abc.abstractmethod
    def _create_repository(self, name: Name) -> None: ...

    @abc.abstractmethod
    def _keep_blob(self, name: Name, digest: Digest, session: UploadSession) -> Content: ...

    @abc.abstractmethod
    def _share_blob(self, name: Name, digest: Digest, content: Content) -> Content: ...

    @abc.abstractmethod
    def _drop_blob(self, name: Name, digest: Digest) -> None: ...

    @abc.abstractmethod
    def _keep_manifest(self, name: Name, digest: Digest, content: bytes) -> Content: ...

    @abc.abstractmethod
    def _save_index(self, name: Name, index: Index) -> None: ...

    @abc.abstractmethod
    def _drop_manifest(self, name: Name, digest: Digest) -> None: ...

    @abc.abstractmethod
    def _clear(self) -> None: ...

    @abc.abstractmethod
    def close(self) -> None:
        """Let go of files and locks; nothing is called afterwards."""

    # Repositories and blobs.

    def repositories(self) -> list[Name]:
        """All repositories, sorted."""
        with self._lock:
            return sorted(self._repositories)

    def has_repository(self, name: Name) -> bool:
        """Whether the repository exists."""
        return name in self._repositories

    def blob_size(self, name: Name, digest: Digest) -> int | None:
        """Size in bytes of a blob of this repository."""
        content = self._blob(name, digest)
        return content.size if content else None

    def open_blob(self, name: Name, digest: Digest) -> BinaryIO | None:
        """A blob of this repository, readable even if it is deleted meanwhile."""
        with self._lock:  # only while opening, so that a deletion cannot come between the look and the open
            content = self._blob(name, digest)
            with contextlib.suppress(FileNotFoundError):  # somebody else removed the file
                return content.open() if content else None
        return None

    def delete_blob(self, name: Name, digest: Digest) -> bool:
        """Take a blob out of this repository, and of no other."""
        with self._lock:
            if not self._blob(name, digest):
                return False
            self._drop_blob(name, digest)
            del self._repositories[name].blobs[digest]
            return True

    def mount_blob(self, name: Name, digest: Digest, *, source: Name | None) -> bool:
        """Make a blob of `source`, or of any repository if that is None, a blob of this one as well."""
        with self._lock:
            content = self._blob(source, digest) if source else self._find_blob(digest)
            if not content or not content.exists():
                return False
            self._add_blob(name, digest, lambda: self._share_blob(name, digest, content))
            return True

    def _blob(self, name: Name, digest: Digest) -> Content | None:
        repository = self._repositories.get(name)
        return repository.blobs.get(digest) if repository else None

    def _find_blob(self, digest: Digest) -> Content | None:
        found = (repository.blobs.get(digest) for repository in self._repositories.values())
        return next((content for content in found if content and content.exists()), None)

    def _add_blob(self, name: Name, digest: Digest, keep: Callable[[], Content]) -> None:
        repository = self._repository(name)
        held = repository.blobs.get(digest)
        if not held or not held.exists():
            repository.blobs[digest] = keep()

    def _repository(self, name: Name) -> Repository:
        if name not in self._repositories:
            self._create_repository(name)
            self._repositories[name] = Repository()
        return self._repositories[name]

    # Upload sessions.

    def start_upload(
        self, name: Name, *, algorithm: str, expiry: float, limit: int, timeout: float = 0
    ) -> UploadSession:
        """Open an upload session; raise TooManyUploads if `limit` are open."""
        with self._lock:
            for expired in self._uploads.take_expired():
                self._discard_spool(expired)
            if len(self._uploads) >= limit:
                raise TooManyUploads
            id, life = self._new_id(), Life(self._clock, expiry, self._clock() + timeout if timeout else None)
            spool = self._new_spool(id, name, algorithm, life)
            session = UploadSession(id, name, algorithm=algorithm, spool=spool, life=life)
            self._uploads.add(session)
            return session

    def upload(self, name: Name, id: str) -> UploadSession | None:
        """An open session of this repository; asking for it counts as a request."""
        with self._lock:
            return self._uploads.get(name, id)

    def cancel_upload(self, upload: Upload) -> None:
        """End a session that the caller has claimed, and forget its bytes."""
        session = _session(upload)
        with self._lock:
            self._uploads.remove(session)
            self._discard_spool(session)

    def finish_upload(self, upload: Upload, digest: Digest) -> bool:
        """End a session that the caller has claimed; False if its bytes do not match `digest`."""
        session = _session(upload)
        session.check()
        matches = session.matches(digest)  # outside the lock: it may read the whole blob
        with self._lock:
            self._uploads.remove(session)
            try:
                if matches:
                    name = session.repository
                    self._add_blob(name, digest, lambda: self._keep_blob(name, digest, session))
            finally:
                self._discard_spool(session)
        return matches

    # Manifests, tags and referrers.

    def manifest(self, name: Name, reference: Tag | Digest) -> StoredManifest | None:
        """The manifest that the tag points to or that the digest names."""
        with self._lock:
            index = self._index(name)
            digest = index.tags.get(reference) if isinstance(reference, Tag) else reference
            entry = index.manifests.get(digest) if digest else None
            with contextlib.suppress(FileNotFoundError):  # somebody else removed the file
                return entry.load() if entry else None
        return None

    def put_manifest(
        self, name: Name, manifest: Manifest, *, tags: Collection[Tag], complete: bool, guard: Guard | None = None
    ) -> None:
        """Store the manifest and point the tags at it, all in one step; raise MissingContent, or what `guard` does."""
        with self._lock:
            if guard:
                guard(self._replaced(name, manifest.digest, tags))
            if complete:
                self._check_complete(name, manifest)
            self.put_manifests(name, [(manifest, tags)])

    def put_manifests(self, name: Name, manifests: Iterable[tuple[Manifest, Collection[Tag]]]) -> None:
        """Store manifests, whatever they name, and point the tags of each at it, all in one step."""
        with self._lock:
            known = self._repository(name).index
            entries = [(self._entry(name, known, manifest), tags) for manifest, tags in manifests]
            self._replace_index(name, known.with_manifests(entries))

    def delete_manifest(self, name: Name, digest: Digest) -> bool:
        """Delete a manifest and every tag that points to it."""
        with self._lock:
            known = digest in self._index(name).manifests
            self.delete_manifests(name, [digest])
            return known

    def delete_manifests(self, name: Name, digests: Collection[Digest]) -> None:
        """Delete those manifests that are there, and every tag that points to one of them, all in one step."""
        with self._lock:
            index = self._index(name)
            gone = index.manifests.keys() & set(digests)
            if gone:
                self._replace_index(name, index.without_manifests(gone))
            for digest in gone:
                self._drop_manifest(name, digest)

    def delete_tag(self, name: Name, tag: Tag) -> bool:
        """Delete a tag and leave the manifest."""
        with self._lock:
            index = self._index(name)
            if tag not in index.tags:
                return False
            self._replace_index(name, index.without_tag(tag))
            return True

    def tags(self, name: Name) -> list[Tag] | None:
        """The tags of a repository in ASCII order; None if there is no such repository."""
        repository = self._repositories.get(name)
        return sorted(repository.index.tags) if repository else None

    def has_tags(self, name: Name) -> bool:
        """Whether a repository has a tag."""
        return bool(self._index(name).tags)

    def targets(self, name: Name) -> dict[Tag, Digest]:
        """What each tag of a repository points to, the tags in ASCII order."""
        return dict(sorted(self._index(name).tags.items()))

    def manifests(self, name: Name) -> list[Digest] | None:
        """The digests of all manifests of a repository, sorted; None if there is no such repository."""
        repository = self._repositories.get(name)
        return sorted(repository.index.manifests) if repository else None

    def has_manifests(self, name: Name) -> bool:
        """Whether a repository has a manifest."""
        return bool(self._index(name).manifests)

    def referrers(
        self, name: Name, subject: Digest, *, artifact_type: str | None, last: str, limit: int, size: int
    ) -> tuple[list[StoredManifest], bool]:
        """A page of the manifests whose subject is `subject`, by digest, and whether more follow."""
        with self._lock:
            found = [
                entry
                for entry in self._index(name).manifests.values()
                if entry.subject == subject and entry.digest > last and artifact_type in (None, entry.artifact_type)
            ]
            found.sort(key=lambda entry: entry.digest)
            sizes = itertools.accumulate(entry.content.size for entry in found[:limit])
            count = max(sum(total <= size for total in sizes), min(limit, len(found), 1))
            return [entry.load() for entry in found[:count]], count < len(found)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            for session in self._uploads.drain():
                if not session.busy:  # else the request that has it discards it with `release`
                    self._discard_spool(session)
            self._clear()
            self._repositories.clear()

    def _index(self, name: Name) -> Index:
        repository = self._repositories.get(name)
        return repository.index if repository else Index()

    def _entry(self, name: Name, index: Index, manifest: Manifest) -> Entry:
        """The entry of a manifest whose bytes are kept, unless they are there already."""
        known = index.manifests.get(manifest.digest)
        if known and known.content.exists():
            return Entry.of(manifest, known.content)
        return Entry.of(manifest, self._keep_manifest(name, manifest.digest, manifest.content))

    def _replaced(self, name: Name, digest: Digest, tags: Collection[Tag]) -> Digest | None:
        index = self._index(name)
        return index.tags.get(next(iter(tags))) if tags else (digest if digest in index.manifests else None)

    def _replace_index(self, name: Name, index: Index) -> None:
        self._save_index(name, index)
        self._repositories[name].index = index

    def _check_complete(self, name: Name, manifest: Manifest) -> None:
        repository = self._repositories.get(name) or Repository()
        blobs = [blob.digest for blob in manifest.blobs if not blob.foreign and blob.digest not in repository.blobs]
        known = repository.index.manifests
        missing = blobs + [child.digest for child in manifest.manifests if child.digest not in known]
        if missing:
            raise MissingContent(missing)


def _session(upload: Upload) -> UploadSession:
    if not isinstance(upload, UploadSession):
        raise TypeError("the upload session is of another storage")
    return upload
