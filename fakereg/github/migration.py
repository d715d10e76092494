"""Migrate images of organizations from the Docker registry to the Container registry (GHD-31, GP-4.1 to GP-4.10).

The images are copied and keep their names. Until all are copied none of them is visible there, and pushes to their
owners are refused. Then the Docker registry's host serves the content of the Container registry.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

from fakereg.auth.accounts import Accounts
from fakereg.github.model import CONTAINER, Package, Version
from fakereg.github.packages import Packages, has_versions, inherit, tags_by_digest
from fakereg.http.hosts import Site
from fakereg.spec import manifest as manifests
from fakereg.spec.manifest import Manifest
from fakereg.spec.names import Digest, Name, Tag
from fakereg.storage.base import StorageError, UploadGone

_READ_BYTES = 1 << 20
_UPLOAD_SECONDS = 86400.0
_UPLOAD_LIMIT = 1 << 30


class MigrationConflict(Exception):
    """The Container registry already has packages with some of the names; these are in `names`."""

    def __init__(self, names: Sequence[Name]) -> None:
        super().__init__(f"the Container registry already has {', '.join(names)}")
        self.names = tuple(names)


class MigrationRuns(ValueError):
    """Another migration is running."""


def migrate(packages: Packages, accounts: Accounts, old: Site, new: Site, organizations: Collection[str]) -> list[Name]:
    """Move the images of organizations, or of all if none is given, from the registry `old` to `new`.

    Return the names of the images, which stay the same. Raise MigrationConflict if a name is taken there, ValueError
    for an unknown organization or if a migration is running; then, as after any failure, nothing has changed.
    """
    owners = _owners(packages, accounts, organizations)
    with _moving(packages, old, new, owners) as images:
        copied = _Copy(old, new)
        try:
            moved = [_moved(packages, accounts, old, package, copied.image(package.name)) for package in images]
        except BaseException:
            copied.undo()
            raise
        with packages.lock:
            for package in moved:
                packages.adopt(package)
            packages.migrated |= owners
    return [package.name for package in moved]


def conflicts(packages: Packages, old: Site, new: Site, owner: str) -> list[Package]:
    """Return the packages of the Docker registry `old` whose names the Container registry `new` has, too."""
    if owner in packages.migrated:
        return []
    return [package for package in packages.of_owner(old, owner) if has_versions(new, package.name)]


def _owners(packages: Packages, accounts: Accounts, organizations: Collection[str]) -> frozenset[str]:
    known = accounts.organizations
    asked = frozenset(organization.lower() for organization in organizations)
    if unknown := asked - set(known):
        raise ValueError(f"there is no organization {min(unknown)}")
    return (asked or frozenset(known)) - packages.migrated


@contextmanager
def _moving(packages: Packages, old: Site, new: Site, owners: frozenset[str]) -> Iterator[list[Package]]:
    """Yield the packages to move, and refuse pushes meanwhile; raise MigrationConflict, or ValueError if one runs."""
    with packages.lock:
        if packages.moving:
            raise MigrationRuns("a migration is running: wait until it has ended")
        images = [package for owner in sorted(owners) for package in packages.of_owner(old, owner)]
        if taken := [package.name for package in images if has_versions(new, package.name)]:
            raise MigrationConflict(taken)
        packages.moving = owners
    try:
        yield images
    finally:
        packages.moving = frozenset()


class _Copy:
    """Copies images from one storage to another, and can remove the copies again."""

    def __init__(self, old: Site, new: Site) -> None:
        self._old = old.storage
        self._new = new.storage
        self._site = old
        self._manifests: list[tuple[Name, Digest]] = []
        self._blobs: list[tuple[Name, Digest]] = []

    def image(self, name: Name) -> Mapping[Digest, Collection[Tag]]:
        """Copy all tagged manifests of a repository with blobs and tags; return the tags of each manifest."""
        tags = tags_by_digest(self._site, name)
        for digest in list(tags):
            stored = self._old.manifest(name, digest)
            if stored:
                self._copy_manifest(name, manifests.read(*stored), tags[digest])
            else:
                del tags[digest]
        return tags

    def undo(self) -> None:
        """Remove the copies, as far as the storage allows."""
        for name, digest in self._manifests:
            with suppress(OSError, StorageError):
                self._new.delete_manifest(name, digest)
        for name, digest in self._blobs:
            with suppress(OSError, StorageError):
                self._new.delete_blob(name, digest)

    def _copy_manifest(self, name: Name, manifest: Manifest, tags: Collection[Tag]) -> None:
        self._copy_blobs(name, manifest)
        self._manifests.append((name, manifest.digest))
        self._new.put_manifest(name, manifest, tags=tags, complete=False)

    def _copy_blobs(self, name: Name, manifest: Manifest) -> None:
        for digest in {blob.digest for blob in manifest.blobs}:
            if self._new.blob_size(name, digest) is None:
                self._blobs.append((name, digest))
                self._copy_blob(name, digest)

    def _copy_blob(self, name: Name, digest: Digest) -> None:
        """Copy one blob in pieces; skip a foreign layer, which the storage does not have."""
        source = self._old.open_blob(name, digest)
        if source is None:
            return
        upload = self._new.start_upload(name, algorithm=digest.algorithm, expiry=_UPLOAD_SECONDS, limit=_UPLOAD_LIMIT)
        upload.claim()
        try:
            with source:
                while data := source.read(_READ_BYTES):
                    upload.append(data)
            if not self._new.finish_upload(upload, digest):
                raise StorageError(f"the blob {digest} of {name} does not match its digest; nothing was migrated")
        except BaseException:
            with suppress(UploadGone):
                self._new.cancel_upload(upload)
            raise
        finally:
            upload.release()


def _moved(
    packages: Packages, accounts: Accounts, old: Site, package: Package, copied: Mapping[Digest, Collection[Tag]]
) -> Package:
    """Return the package after the migration: with its repository's visibility, and one version for each manifest."""
    known = {version.name: version for version in packages.versions(old, package)}
    moved = replace(package, type=CONTAINER, roles={}, versions={})
    inherit(moved, accounts)
    for digest, tags in copied.items():
        if not known.keys() >= set(tags):  # a deletion through the registry was under way
            raise StorageError(f"{package.name} was changed while it was copied; nothing was migrated")
        moved.versions[digest] = _merged(digest, [known[tag] for tag in tags])
    return moved


def _merged(digest: Digest, versions: Collection[Version]) -> Version:
    """Merge the versions of several tags into one version of their manifest."""
    return Version(
        id=min(version.id for version in versions),
        name=digest,
        created_at=min(version.created_at for version in versions),
        updated_at=max(version.updated_at for version in versions),
        downloads=sum(version.downloads for version in versions),
    )
