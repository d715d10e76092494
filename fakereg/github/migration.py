"""Migrate images of organizations from the Docker registry to the Container registry (GHD-31, GP-4.1 to GP-4.10).

The images are copied and keep their names. Until all are copied none of them is visible there, and pushes to their
owners are refused. Then the Docker registry's host serves the content of the Container registry. A migration whose
process dies is undone, or completed if all is copied, by whoever looks at it next.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

from fakereg.auth.accounts import Accounts
from fakereg.github import kept as keeping
from fakereg.github.kept import ARRIVING, Kept
from fakereg.github.ledger import Ledger, Move
from fakereg.github.model import CONTAINER, Package, Version
from fakereg.github.packages import Packages, has_versions, inherited
from fakereg.http.hosts import Site
from fakereg.spec import manifest as manifests
from fakereg.spec.names import Digest, Name, Tag
from fakereg.storage.base import Delta, Entry, StorageError, UploadGone
from fakereg.storage.index import Change, Index

_READ_BYTES = 1 << 20
_UPLOAD_SECONDS = 86400.0
_UPLOAD_LIMIT = 1 << 30


class MigrationConflict(Exception):
    """The Container registry already has packages with some of the names; these are in `names`."""

    def __init__(self, names: Sequence[Name]) -> None:
        super().__init__(f"the Container registry already has {', '.join(names)}")
        self.names = tuple(names)


class Content(NamedTuple):
    """What the index of a repository has."""

    manifests: Mapping[Digest, Entry]
    tags: Mapping[Tag, Digest]
    blobs: Mapping[Digest, int]

    @classmethod
    def of_index(cls, index: Index) -> Content:
        """Return a copy, which later changes do not affect."""
        return cls(dict(index.manifests), dict(index.tags), dict(index.blobs))


class Migration:
    """Moves images from the registry `old` to the registry `new`."""

    def __init__(self, packages: Packages, ledger: Ledger, accounts: Accounts, *, old: Site, new: Site) -> None:
        self._packages = packages
        self._ledger = ledger
        self._accounts = accounts
        self._old = old
        self._new = new

    def run(self, organizations: Collection[str]) -> list[Name]:
        """Move the images of organizations, or of all if none is given, and return their names, which stay the same.

        Raise MigrationConflict if a name is taken in the new registry, ValueError for an unknown organization or if a
        migration is running; then, as after any failure before everything is copied, nothing has changed.
        """
        self.take_up()
        owners = self._owners(organizations)
        with self._ledger.moving(owners) as move:
            try:
                images = self._images(owners)
                self._check_free(images)
                content = {package.name: self._copy(package) for package in images}
                self._check_unchanged(owners, content)
                self._check_free(images)
                move = self._ledger.copied(move)
            except BaseException:
                with suppress(OSError, StorageError):  # else the next one who looks at it does so
                    self._end(move)
                raise
            self._end(move)
        return [package.name for package in images]

    def take_up(self) -> None:
        """Undo or complete a migration whose process has died; raise MigrationRuns if it lives."""
        move = self._ledger.move
        if move:
            with self._ledger.holding(move.session):
                if now := self._ledger.move:  # it may have ended meanwhile
                    self._end(now)

    def conflicts(self, owner: str) -> list[Package]:
        """Return the packages of the old registry whose names the new one has, too."""
        if owner in self._ledger.migrated:
            return []
        return self._taken(self._packages.of_owner(self._old, owner))

    def _owners(self, organizations: Collection[str]) -> frozenset[str]:
        known = self._accounts.organizations
        asked = frozenset(organization.lower() for organization in organizations)
        if unknown := asked - set(known):
            raise ValueError(f"there is no organization {min(unknown)}")
        return (asked or frozenset(known)) - self._ledger.migrated

    def _images(self, owners: Collection[str]) -> list[Package]:
        return [package for owner in sorted(owners) for package in self._packages.of_owner(self._old, owner)]

    def _taken(self, images: Collection[Package]) -> list[Package]:
        return [package for package in images if has_versions(self._new, package.name)]

    def _check_free(self, images: Collection[Package]) -> None:
        if taken := self._taken(images):
            raise MigrationConflict([package.name for package in taken])

    def _check_unchanged(self, owners: Collection[str], copied: Mapping[Name, Content]) -> None:
        """Raise StorageError if a change that began before the migration came after the copy."""
        names = {package.name for package in self._images(owners)}
        for name in {*names, *copied}:
            if copied.get(name) != self._old.storage.read(name, Content.of_index):
                raise StorageError(f"{name} was changed while it was copied; nothing was migrated")

    def _copy(self, package: Package) -> Content:
        """Let the new registry keep an image with all that belongs to it; return what the old one has of it."""
        name, storage = package.name, self._old.storage
        content = storage.read(name, Content.of_index)
        moving = self._moving(name, content)
        for digest in content.blobs:
            self._copy_blob(name, digest)
        for digest in moving:
            if stored := storage.manifest(name, digest):
                self._keep(name, digest, stored.content)
        moved = Kept(
            inherited(replace(package, type=CONTAINER, roles={}), self._accounts),
            self._versions(package, moving, content.tags),
            manifests={digest: content.manifests[digest] for digest in moving},
            tags=content.tags,
            blobs=content.blobs,
        )
        self._new.storage.change(name, lambda index: Change(Delta(notes={ARRIVING: moved.text()})))
        return content

    def _moving(self, name: Name, content: Content) -> list[Digest]:
        """Return the manifests that belong to an image: what can be pulled, its children, and its referrers.

        A manifest that lost its tag stays where a registry serves manifests by tag alone.
        """
        if self._old.dialect.digest_references:
            return list(content.manifests)
        found = dict.fromkeys(content.tags.values())
        referrers: dict[Digest, list[Digest]] = {}
        for digest, entry in content.manifests.items():
            if entry.subject:
                referrers.setdefault(entry.subject, []).append(digest)
        for digest in (pending := list(found)):
            stored = self._old.storage.manifest(name, digest)
            children = [child.digest for child in manifests.read(*stored).manifests] if stored else []
            more = [
                other
                for other in dict.fromkeys(children + referrers.get(digest, []))
                if other in content.manifests and other not in found
            ]
            found |= dict.fromkeys(more)
            pending += more
        return list(found)

    def _versions(
        self, package: Package, moving: Collection[Digest], tags: Mapping[Tag, Digest]
    ) -> tuple[Version, ...]:
        """Return one version for each manifest, with the dates and downloads of its tags."""
        known: dict[Digest, list[Version]] = {digest: [] for digest in moving}
        for version in self._packages.versions(self._old, package):
            if version.name in tags:
                known[tags[Tag(version.name)]].append(version)
        untagged = Version(0, "", package.created_at, package.created_at)
        return tuple(
            _merged(digest, versions) if versions else replace(untagged, id=self._ledger.new_id(), name=digest)
            for digest, versions in known.items()
        )

    def _copy_blob(self, name: Name, digest: Digest) -> None:
        """Copy one blob in pieces."""
        source = self._old.storage.open_blob(name, digest)
        if source is None:  # it was deleted meanwhile
            return
        storage = self._new.storage
        upload = storage.start_upload(name, algorithm=digest.algorithm, expiry=_UPLOAD_SECONDS, limit=_UPLOAD_LIMIT)
        upload.claim()
        try:
            with source:
                while data := source.read(_READ_BYTES):
                    upload.append(data)
            if not upload.matches(digest):
                raise StorageError(f"the blob {digest} of {name} does not match its digest; nothing was migrated")
            storage.change(name, lambda index: keeping.arrive(index, digest, upload.spool))
        finally:
            with suppress(UploadGone):
                storage.cancel_upload(upload)
            upload.release()

    def _keep(self, name: Name, digest: Digest, content: bytes) -> None:
        self._new.storage.change(name, lambda index: keeping.arrive(index, digest, content))

    def _end(self, move: Move) -> None:
        """Serve what was copied, all of it, or drop it; then note that the migration has ended."""

        def plan(index: Index) -> Change | None:
            moved = Kept.of_note(ARRIVING, name, index) if move.copied else None
            return keeping.put_in_place(index, ARRIVING, moved) if moved else keeping.drop(index, ARRIVING)

        for name in self._new.storage.storage.repositories():
            if name.partition("/")[0] in move.owners:
                self._new.storage.change(name, plan)
        self._ledger.ended(move)


def _merged(digest: Digest, versions: Collection[Version]) -> Version:
    """Merge the versions of several tags into one version of their manifest."""
    return Version(
        id=min(version.id for version in versions),
        name=digest,
        created_at=min(version.created_at for version in versions),
        updated_at=max(version.updated_at for version in versions),
        downloads=sum(version.downloads for version in versions),
    )
