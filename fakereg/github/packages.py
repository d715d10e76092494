"""Packages: GitHub's metadata of images, kept as notes beside their content.

The storage decides which images and versions exist: a version is a tag in the Docker registry and a manifest in the
Container registry. An image without notes, such as one that another tool wrote, becomes a package at the first look-up.
Downloads alone are counted in memory; the storage has them a moment later.
"""

from __future__ import annotations

import functools
import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from fakereg.auth.accounts import Accounts, Role, Visibility
from fakereg.clock import Clock
from fakereg.github import notes
from fakereg.github.ledger import Ledger
from fakereg.github.model import TYPES, Package, PackageType, Version
from fakereg.http.hosts import Site
from fakereg.spec.names import Digest, Name, Tag
from fakereg.storage.base import Delta, StorageError
from fakereg.storage.index import Change, Index

COUNT_SECONDS = 1.0
"""Longest time for which downloads are counted in memory alone."""

Describe = Callable[[Package, bool], Package]
"""Returns a package with what a push changes; it is told whether the package did not exist before."""

_log = logging.getLogger(__name__)


class Packages:
    """The packages of all registries of a server. Safe to use from several threads and processes."""

    def __init__(self, *, ledger: Ledger, clock: Clock, accounts: Accounts) -> None:
        self._ledger = ledger
        self._accounts = accounts
        self._clock = clock
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._downloads: dict[tuple[str, Name], tuple[Site, Counter[str]]] = {}
        """Those that the storage does not have yet, by type and name, and there by version."""
        self._timer: threading.Timer | None = None

    def find(self, site: Site, name: Name) -> Package | None:
        """Return the package of a repository of `site`; None if it has no version."""
        there, package = site.storage.read(name, lambda index: (_there(site, name, index), notes.package(name, index)))
        return (package or self._found(site, name)) if there else None

    def of_owner(self, site: Site, owner: str) -> list[Package]:
        """Return all packages of an account, by name."""
        names = (name for name in site.storage.repositories() if name.startswith(f"{owner}/"))
        return [package for name in names if (package := self.find(site, name))]

    def versions(self, site: Site, package: Package) -> list[Version]:
        """Return the versions of a package, the newest first."""
        self.write()
        versions = site.storage.read(package.name, lambda index: self.known(site, package.name, index))
        if None in versions.values():
            site.storage.change(package.name, lambda index: self._numbered(site, package.name, index))
            versions = site.storage.read(package.name, lambda index: self.known(site, package.name, index))
        return sorted(filter(None, versions.values()), key=lambda version: (-version.created_at, -version.id))

    def known(self, site: Site, name: Name, index: Index) -> dict[str, Version | None]:
        """Return each version of a repository by name; None for one that has no note yet."""
        return {version: notes.version(version, index) for version in type_of(site).versions(name, index)}

    def published(
        self,
        site: Site,
        name: Name,
        index: Index,
        versions: Iterable[str],
        describe: Callable[[Package, bool], Package],
    ) -> Mapping[str, str | None]:
        """Return the change of notes when `versions` are pushed."""
        there, now = type_of(site).versions(name, index), self._clock()
        package = notes.package(name, index) if there else None
        old = {version: notes.version(version, index) if version in there else None for version in versions}
        pushed = [
            replace(known, updated_at=now) if known else Version(self._ledger.new_id(), version, now, now)
            for version, known in old.items()
        ]
        stale = {} if there else notes.without_versions(index)  # they vanished without the API
        described = describe(replace(package or self._new(site, name), updated_at=now), not there)
        return {**stale, **notes.of_package(described), **notes.of_versions(pushed)}

    def downloaded(self, site: Site, name: Name, version: str) -> None:
        """Count a pull."""
        self._count(site, name, Counter([version]))

    def write(self) -> None:
        """Let the storage have all downloads."""
        with self._writing:
            for key in list(self._downloads):
                with self._lock:
                    site, counted = self._downloads.pop(key)
                try:
                    site.storage.change(key[1], functools.partial(self._counted, site, key[1], counted))
                except BaseException:
                    self._count(site, key[1], counted)
                    raise

    def change(
        self,
        site: Site,
        name: Name,
        visibility: str | None,
        roles: Mapping[str, str] | None,
        repository: str | None,
    ) -> Package | None:
        """Set the settings that an owner has on GitHub's pages: visibility, roles by login, the linked repository.

        None leaves a setting as it is; an empty text for `repository` unlinks it. Return the package; None if there is
        none. Raise ValueError for an unknown visibility or role.
        """
        seen = None if visibility is None else Visibility.parse(visibility)
        granted = None if roles is None else {user: Role.parse(role) for user, role in roles.items()}

        def plan(index: Index) -> Change | None:
            package = notes.package(name, index) if _there(site, name, index) else None
            if not package:
                return None
            changed = replace(
                package,
                visibility=package.visibility if seen is None else seen,
                roles=package.roles if granted is None else granted,
                repository=package.repository if repository is None else repository,
            )
            return Change(Delta(notes=notes.of_package(changed)))

        self.find(site, name)  # so that it has a note
        site.storage.change(name, plan)
        return self.find(site, name)

    def clear(self) -> None:
        """Forget all downloads that the storage does not have."""
        with self._writing, self._lock:
            self._downloads.clear()

    def close(self) -> None:
        """Let the storage have all downloads; no method is called afterwards."""
        if timer := self._timer:
            timer.cancel()
            timer.join()
        self.write()

    def _write_later(self) -> None:
        self._timer = None
        try:
            self.write()
        except (OSError, StorageError) as problem:
            _log.warning("downloads are not counted yet: %s", problem)

    def _count(self, site: Site, name: Name, counted: Counter[str]) -> None:
        with self._lock:
            self._downloads.setdefault((site.dialect.package_type, name), (site, Counter()))[1].update(counted)
            if not self._timer:
                self._timer = threading.Timer(COUNT_SECONDS, self._write_later)
                self._timer.daemon = True
                self._timer.start()

    def _counted(self, site: Site, name: Name, counted: Counter[str], index: Index) -> Change | None:
        there = type_of(site).versions(name, index)
        found = [
            replace(known, downloads=known.downloads + count)
            for version, count in counted.items()
            if version in there and (known := notes.version(version, index) or self._new_version(version))
        ]
        return Change(Delta(notes=notes.of_versions(found))) if found else None

    def _found(self, site: Site, name: Name) -> Package | None:
        """Give a repository the note of its package, and return that."""

        def plan(index: Index) -> Change | None:
            if notes.package(name, index) or not _there(site, name, index):
                return None
            return Change(Delta(notes=notes.of_package(self._new(site, name))))

        site.storage.change(name, plan)
        return site.storage.read(name, lambda index: notes.package(name, index))

    def _numbered(self, site: Site, name: Name, index: Index) -> Change:
        """Give a repository the notes of versions that have none."""
        missing = [version for version, known in self.known(site, name, index).items() if not known]
        return Change(Delta(notes=notes.of_versions(self._new_version(version) for version in missing)))

    def _new(self, site: Site, name: Name) -> Package:
        now = self._clock()
        package = Package(self._ledger.new_id(), site.dialect.package_type, name, now, now)
        return package.kind.begun(package, self._accounts)

    def _new_version(self, name: str) -> Version:
        now = self._clock()
        return Version(self._ledger.new_id(), name, now, now)


def type_of(site: Site) -> PackageType:
    """Return the package type of the images of a registry."""
    return TYPES[site.dialect.package_type]


def has_versions(site: Site, name: Name) -> bool:
    """Return whether a repository has versions."""
    return site.storage.read(name, lambda index: _there(site, name, index))


def tags_by_digest(site: Site, name: Name) -> dict[Digest, list[Tag]]:
    """Return the tags of each tagged manifest of a repository."""
    tags: dict[Digest, list[Tag]] = {}
    for tag, digest in site.storage.targets(name).items():
        tags.setdefault(digest, []).append(tag)
    return tags


def inherited(package: Package, accounts: Accounts) -> Package:
    """Return a container package from the Docker registry, linked to its repository and with the visibility of that."""
    repository = accounts.repositories.get(package.name.rpartition("/")[0])
    if not repository:
        return package
    return replace(package, repository=repository.name, visibility=repository.visibility)


def _there(site: Site, name: Name, index: Index) -> bool:
    return bool(type_of(site).versions(name, index))
