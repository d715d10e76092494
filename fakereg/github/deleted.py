"""Deleted packages and versions, which can be restored for a while (GHD-30 in docs/github-registries.md)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fakereg.clock import Clock
from fakereg.spec.names import Name, Tag
from fakereg.storage.repositories import StoredManifest

if TYPE_CHECKING:
    from fakereg.github.model import Package, Version

BYTES_LIMIT = 64 << 20
"""Most bytes of deleted manifests that are kept; beyond it, the oldest deletions cannot be restored any more."""

COUNT_LIMIT = 10_000
"""Most deletions that are kept; beyond it, the oldest cannot be restored any more."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A manifest that was deleted, with the tags that pointed to it. Its blobs have stayed in the repository."""

    manifest: StoredManifest
    tags: tuple[Tag, ...]


@dataclass(frozen=True, slots=True)
class Deleted:
    """One deletion: of the package if `whole`, else of its one version in `versions`.

    It happened at the time `at` and can be undone until the time `until`, both of the clock, in seconds.
    """

    package: Package
    versions: tuple[Version, ...]
    content: tuple[Kept, ...]
    whole: bool
    at: float
    until: float

    @property
    def size(self) -> int:
        """Bytes of its manifests."""
        return sum(len(kept.manifest.content) for kept in self.content)


class Deletions:
    """The newest deletions, within the limits. Safe to use from several threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: list[Deleted] = []
        self._size = 0
        self._emptied: set[tuple[str, Name]] = set()

    def add(self, deleted: Deleted) -> None:
        """Keep a deletion and drop the oldest over a limit; do not keep one that exceeds BYTES_LIMIT alone."""
        with self._lock:
            if deleted.whole:
                self._emptied.add((deleted.package.type, deleted.package.name))
            if deleted.size > BYTES_LIMIT:
                return
            self._kept.append(deleted)
            self._size += deleted.size
            while len(self._kept) > COUNT_LIMIT or self._size > BYTES_LIMIT:
                self._size -= self._kept.pop(0).size

    def packages(self, type: str, owner: str) -> list[Deleted]:
        """Return the packages of an account that can be restored, the last deleted first."""
        return [
            deleted
            for deleted in self._restorable()
            if deleted.whole and deleted.package.type == type and deleted.package.owner == owner
        ]

    def versions(self, package: Package) -> list[Deleted]:
        """Return the versions of a package that were deleted one by one and can be restored, the last deleted first.

        Versions deleted before a migration are not among them: a migration does not copy them.
        """
        key = package.id, package.type
        return [each for each in self._restorable() if not each.whole and (each.package.id, each.package.type) == key]

    def remove(self, deleted: Deleted) -> None:
        """Drop a deletion that was undone."""
        with self._lock:
            self._keep([kept for kept in self._kept if kept is not deleted])
        self.reused(deleted.package.type, deleted.package.name)

    def emptied(self, type: str, name: Name) -> bool:
        """Return whether a package was deleted and its name not used since: clients must not read its blobs."""
        return (type, name) in self._emptied

    def reused(self, type: str, name: Name) -> None:
        """Note that there is a package of that name again."""
        self._emptied.discard((type, name))

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._keep([])
            self._emptied.clear()

    def _restorable(self) -> Iterator[Deleted]:
        """Return the deletions, the last first; drop those whose time is over."""
        with self._lock:
            now = self._clock()
            self._keep([kept for kept in self._kept if now <= kept.until])
            return iter(self._kept[::-1])

    def _keep(self, kept: list[Deleted]) -> None:
        self._kept = kept
        self._size = sum(deleted.size for deleted in kept)
