"""The index of one repository: its state, in a form that storages may keep, and lookup tables for fast queries."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from fakereg.spec.manifest import Manifest
from fakereg.spec.names import Digest, Tag, is_digest
from fakereg.storage.base import Changes, Delta, Entry, MissingContent, Source

Text = TypeVar("Text", bound=str)
Key = TypeVar("Key")
Value = TypeVar("Value")

UNLISTED = "fakereg.unlisted"
"""Key of the note of a repository that never had content."""


@dataclass(slots=True)
class State:
    """The whole index of a repository: the sum of its deltas."""

    manifests: dict[Digest, Entry] = field(default_factory=dict)
    tags: dict[Tag, Digest] = field(default_factory=dict)
    blobs: dict[Digest, int] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)

    def keeps(self, digest: Digest) -> bool:
        """Tell whether content of this digest must stay: a manifest, a blob, or content that a note keeps."""
        return digest in self.manifests or digest in self.blobs or digest in self.notes

    def change(self, delta: Delta) -> None:
        """Apply a delta."""
        _update(self.manifests, delta.manifests)
        _update(self.tags, delta.tags)
        _update(self.blobs, delta.blobs)
        _update(self.notes, delta.notes)

    def delta(self) -> Delta:
        """Return a copy as the delta that leads here from an empty repository."""
        return Delta(dict(self.manifests), dict(self.tags), dict(self.blobs), dict(self.notes))

    def changed(self, delta: Delta) -> State:
        """Return a copy with a delta applied."""
        copy = State(dict(self.manifests), dict(self.tags), dict(self.blobs), dict(self.notes))
        copy.change(delta)
        return copy


@dataclass(frozen=True, slots=True)
class Change:
    """A delta and the content that it needs or leaves behind: the arguments of `Storage.apply`."""

    delta: Delta
    contents: Mapping[Digest, Source | None] = field(default_factory=dict)


class Index:
    """A repository's state at `version`, its tags sorted and by target, its referrers by subject.

    Hold `lock` to read or change it. The cost of a change depends on the delta, not on the size of the repository.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._clear()

    def _clear(self) -> None:
        self.version = 0
        self.state = State()
        self.sorted_tags: list[Tag] = []
        self._tags_of: dict[Digest, set[Tag]] = {}
        self._referrers: dict[Digest, list[Digest]] = {}

    @property
    def manifests(self) -> Mapping[Digest, Entry]:
        """All manifests."""
        return self.state.manifests

    @property
    def tags(self) -> Mapping[Tag, Digest]:
        """The digest that each tag points to."""
        return self.state.tags

    @property
    def blobs(self) -> Mapping[Digest, int]:
        """The size of each blob."""
        return self.state.blobs

    @property
    def notes(self) -> Mapping[str, str]:
        """The notes of a policy, and UNLISTED."""
        return self.state.notes

    @property
    def listed(self) -> bool:
        """Whether the repository has content, or had some; else all that it has is notes."""
        return self.version > 0 and UNLISTED not in self.notes

    def catch_up(self, changes: Changes) -> None:
        """Apply the changes that the storage returns."""
        if changes.since != self.version:
            self._clear()
        self.change(changes.version, changes.delta)

    def change(self, version: int, delta: Delta) -> None:
        """Apply a delta, after which the index has that version."""
        for digest, entry in delta.manifests.items():
            self._refer(digest, entry)
        for tag, target in delta.tags.items():
            self._point(tag, target)
        self.state.change(delta)
        self.version = version

    def _refer(self, digest: Digest, entry: Entry | None) -> None:
        old = self.manifests.get(digest)
        if old and old.subject:
            _remove(self._referrers[old.subject], digest)
            if not self._referrers[old.subject]:
                del self._referrers[old.subject]
        if entry and entry.subject:
            _insert(self._referrers.setdefault(entry.subject, []), digest)

    def _point(self, tag: Tag, target: Digest | None) -> None:
        old = self.tags.get(tag)
        if old:
            self._tags_of[old].discard(tag)
            if not self._tags_of[old]:
                del self._tags_of[old]
        if target:
            self._tags_of.setdefault(target, set()).add(tag)
        if target and not old:
            _insert(self.sorted_tags, tag)
        elif old and not target:
            _remove(self.sorted_tags, tag)

    def referrers(self, subject: Digest) -> list[Digest]:
        """Return the manifests with this subject, sorted; the caller must not change the list."""
        return self._referrers.get(subject, [])

    def replaced(self, digest: Digest, tags: Collection[Tag]) -> Digest | None:
        """Return the digest that a push of this digest would replace: the argument of `Guard`."""
        if tags:
            return self.tags.get(next(iter(tags)))
        return digest if digest in self.manifests else None

    def check_complete(self, manifest: Manifest) -> None:
        """Raise MissingContent if a blob or manifest that this one needs is missing."""
        missing = [
            need.digest
            for need in manifest.needs
            if not (need.blob and need.digest in self.blobs) and not (need.manifest and need.digest in self.manifests)
        ]
        if missing:
            raise MissingContent(missing)

    # Changes, to be applied by the storage.

    def plan(self, delta: Delta, contents: Mapping[Digest, Source] | None = None) -> Change:
        """Plan a delta with its new content; content that nothing of the delta or the index keeps any more goes."""
        digests = {*delta.manifests, *delta.blobs, *(Digest(key) for key in delta.notes if is_digest(key))}
        gone = {digest: None for digest in digests if not self._keeps(digest, delta)}
        return Change(delta, {**gone, **(contents or {})})

    def _keeps(self, digest: Digest, delta: Delta) -> bool:
        """Tell whether content of this digest must stay after a delta."""
        return (
            delta.manifests.get(digest, self.manifests.get(digest)) is not None
            or delta.blobs.get(digest, self.blobs.get(digest)) is not None
            or delta.notes.get(digest, self.notes.get(digest)) is not None
        )

    def without_manifests(
        self, digests: Iterable[Digest], notes: Mapping[str, str | None] | None = None
    ) -> Change | None:
        """Plan to delete those of the manifests that exist, and the tags on them, and to change notes with that."""
        gone = [digest for digest in digests if digest in self.manifests]
        tags = dict.fromkeys(tag for digest in gone for tag in self._tags_of.get(digest, ()))
        return self.plan(Delta(dict.fromkeys(gone), tags, notes=notes or {})) if gone or notes else None

    def without_tag(self, tag: Tag) -> Change | None:
        """Plan to delete a tag, if it exists."""
        return Change(Delta(tags={tag: None})) if tag in self.tags else None

    def without_blob(self, digest: Digest) -> Change | None:
        """Plan to delete a blob, if it exists."""
        return self.plan(Delta(blobs={digest: None})) if digest in self.blobs else None


def entry_of(manifest: Manifest) -> Entry:
    """Return the entry of a manifest in an index."""
    subject = manifest.subject.digest if manifest.subject else None
    return Entry(manifest.media_type, len(manifest.content), subject, manifest.artifact_type)


def _insert(keys: list[Text], key: Text) -> None:
    """Put a key into a sorted list that may have it."""
    at = bisect_left(keys, key)
    if at == len(keys) or keys[at] != key:
        keys.insert(at, key)


def _remove(keys: list[Text], key: Text) -> None:
    """Take a key out of a sorted list that has it."""
    del keys[bisect_left(keys, key)]


def _update(held: dict[Key, Value], changed: Mapping[Key, Value | None]) -> None:
    for key, value in changed.items():
        if value is None:
            held.pop(key, None)
        else:
            held[key] = value
