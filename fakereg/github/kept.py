"""Content that a repository keeps and does not serve: what was deleted and can be restored, and what is being migrated.

A note of its own describes it, so it outlasts the process. A note for each digest keeps the bytes, and says for which
of these it does.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, field
from typing import Any

from fakereg.github import notes
from fakereg.github.model import Package, Version
from fakereg.spec.names import Digest, Name, Tag, is_digest
from fakereg.storage.base import Delta, Entry, Source
from fakereg.storage.index import Change, Index

_DELETED = "deleted/"
ARRIVING = "arriving"
"""The key of the note of a package that is being migrated to this repository."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A package, if `whole`, else its one version in `versions`, with manifests, tags and blobs.

    If it was deleted, that was at the time `at` and can be undone until the time `until`, of the clock and in seconds.
    """

    package: Package
    versions: tuple[Version, ...]
    whole: bool = True
    manifests: Mapping[Digest, Entry] = field(default_factory=dict)
    tags: Mapping[Tag, Digest] = field(default_factory=dict)
    blobs: Mapping[Digest, int] = field(default_factory=dict)
    at: float = 0
    until: float = 0

    @property
    def id(self) -> int:
        """The id of the package or of its version; no two of them are the same."""
        return self.package.id if self.whole else self.versions[0].id

    @property
    def key(self) -> str:
        """The key of its note, if it was deleted."""
        return f"{_DELETED}{self.id}"

    def text(self) -> str:
        """Return its note."""
        versions = [astuple(version) for version in self.versions]
        times = {"whole": self.whole, "at": self.at, "until": self.until}
        content = {"manifests": self.manifests, "tags": self.tags, "blobs": self.blobs}
        return json.dumps({"package": notes.package_document(self.package), "versions": versions, **content, **times})

    @classmethod
    def of_note(cls, key: str, name: Name, index: Index) -> Kept | None:
        """Return what the note `key` of the repository `name` describes; None if there is no such note."""
        return notes.read(key, index, lambda fields: cls._of_fields(name, fields))

    @classmethod
    def _of_fields(cls, name: Name, fields: Mapping[str, Any]) -> Kept:
        return cls(
            notes.package_of(name, fields["package"]),
            tuple(Version(*version) for version in fields["versions"]),
            fields["whole"],
            {Digest(digest): Entry(*entry) for digest, entry in fields["manifests"].items()},
            {Tag(tag): Digest(digest) for tag, digest in fields["tags"].items()},
            {Digest(digest): size for digest, size in fields["blobs"].items()},
            fields["at"],
            fields["until"],
        )


def deleted(name: Name, index: Index) -> list[Kept]:
    """Return what was deleted in a repository, the last first."""
    found = (Kept.of_note(key, name, index) for key in index.notes if key.startswith(_DELETED))
    return sorted(filter(None, found), key=lambda kept: (kept.at, kept.id), reverse=True)


def put_aside(index: Index, kept: Kept, delta: Delta) -> Change:
    """Plan a deletion: `delta` removes from the index what is kept."""
    held = hold(index, kept.key, [*kept.manifests, *kept.blobs])
    texts = {**delta.notes, **held, kept.key: kept.text()}
    return index.plan(Delta(delta.manifests, delta.tags, delta.blobs, texts))


def hold(index: Index, key: str, digests: Iterable[Digest]) -> dict[str, str]:
    """Return the notes that keep the bytes of digests for the note `key`."""
    return {digest: " ".join({**dict.fromkeys(index.notes.get(digest, "").split()), key: None}) for digest in digests}


def put_in_place(index: Index, key: str, kept: Kept) -> Change:
    """Plan to serve what the note `key` describes, with those of its tags that are free, and to drop that note."""
    tags = {tag: digest for tag, digest in kept.tags.items() if kept.whole or tag not in index.tags}
    package = notes.of_package(kept.package) if kept.whole else {}
    texts = {**_released(index, key), **package, **notes.of_versions(kept.versions)}
    return index.plan(Delta(kept.manifests, tags, kept.blobs, texts))


def drop(index: Index, *keys: str) -> Change:
    """Plan to drop what the notes `keys` describe, with all bytes that nothing else keeps."""
    return index.plan(Delta(notes=_released(index, *keys)))


def arrive(index: Index, digest: Digest, source: Source) -> Change:
    """Plan to keep bytes for a package that is being migrated to this repository."""
    contents = {} if index.state.keeps(digest) else {digest: source}
    return index.plan(Delta(notes=hold(index, ARRIVING, [digest])), contents)


def _released(index: Index, *keys: str) -> dict[str, str | None]:
    """Return the change that removes the notes `keys`, and ends what they keep."""
    gone: dict[str, str | None] = dict.fromkeys(keys)
    for digest, text in index.notes.items():
        if is_digest(digest) and not gone.keys().isdisjoint(holders := text.split()):
            gone[digest] = " ".join(holder for holder in holders if holder not in keys) or None
    return gone
