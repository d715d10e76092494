"""Packages: GitHub's metadata of images, beside their content.

The storage decides which images and versions exist. An image that it already has at the start becomes a package at
the first look-up. A version is a tag in the Docker registry and a manifest in the Container registry. All metadata is
in memory: after a restart ids and counts begin anew, and visibility and roles are those of `Accounts.add_package`.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Collection, Iterable, Mapping, Sequence

from fakereg.auth.accounts import Accounts, Role, Visibility
from fakereg.clock import Clock
from fakereg.github.deleted import Deletions
from fakereg.github.model import TYPES, Package, PackageType, Version
from fakereg.http.hosts import Site
from fakereg.spec.errors import Code, RegistryError
from fakereg.spec.names import Digest, Name, Tag

_MOVING_SECONDS = "10"


class Packages:
    """All packages, by type and name.

    Hold `lock` to change content and packages together, and do not read or send a body meanwhile. Owners in `moving`
    are being migrated, those in `migrated` have their images in the Container registry.
    """

    def __init__(self, *, clock: Clock, accounts: Accounts, migrated: Collection[str] = ()) -> None:
        self.lock = threading.RLock()
        self.deleted = Deletions(clock)
        self.moving: frozenset[str] = frozenset()
        self.migrated = self._migrated = frozenset(owner.lower() for owner in migrated)
        self._accounts = accounts
        self._clock = clock
        self._ids = itertools.count(1)
        self._packages: dict[tuple[str, Name], Package] = {}

    def find(self, site: Site, name: Name) -> Package | None:
        """Return the package of a repository of `site`; None if it has no version."""
        if not has_versions(site, name):
            return None
        with self.lock:
            return self._package(site.dialect.package_type, name)

    def of_owner(self, site: Site, owner: str) -> list[Package]:
        """Return all packages of an account, by name."""
        names = (name for name in site.storage.repositories() if name.startswith(f"{owner}/"))
        return [package for name in names if (package := self.find(site, name))]

    def versions(self, site: Site, package: Package) -> list[Version]:
        """Return the versions of a package, the newest first."""
        with self.lock:
            names = version_names(site, package.name)
            package.versions = {name: self._version(package, name) for name in names}
            return sorted(package.versions.values(), key=lambda version: -version.id)

    def published(self, site: Site, name: Name, versions: Iterable[str], *, anew: bool) -> Package:
        """Note a push of `versions`; `anew` is true if the package did not exist before. The caller holds `lock`."""
        key = site.dialect.package_type, name
        if anew:
            self._packages.pop(key, None)
            self.deleted.reused(*key)
        package = self._package(*key)
        package.updated_at = self._clock()
        for version in versions:
            self._version(package, version).updated_at = package.updated_at
        return package

    def downloaded(self, site: Site, name: Name, version: str) -> None:
        """Count a pull."""
        with self.lock:
            if package := self.find(site, name):
                self._version(package, version).downloads += 1

    def change(
        self,
        package: Package,
        *,
        visibility: str | None = None,
        roles: Mapping[str, str] | None = None,
        repository: str | None = None,
    ) -> None:
        """Set the settings that an owner has on GitHub's pages: visibility, roles by login, the linked repository.

        An empty text for `repository` unlinks it. Raise ValueError for an unknown visibility or role.
        """
        granted = package.roles if roles is None else {user: Role.parse(role) for user, role in roles.items()}
        seen = package.visibility if visibility is None else Visibility.parse(visibility)
        with self.lock:
            package.visibility, package.roles = seen, granted
            package.repository = package.repository if repository is None else repository

    def adopt(self, package: Package) -> None:
        """Add a package that was restored or migrated."""
        with self.lock:
            self._packages[package.type, package.name] = package

    def forget(self, package: Package) -> None:
        """Remove a package."""
        with self.lock:
            self._packages.pop((package.type, package.name), None)

    def check_settled(self, name: Name) -> None:
        """Raise 503 for a push while the packages of the owner are being migrated, so that no push is lost."""
        owner = name.partition("/")[0]
        if owner in self.moving:
            message = f"the packages of {owner} are being migrated"
            raise RegistryError(Code.DENIED, message, status=503, headers={"Retry-After": _MOVING_SECONDS})

    def clear(self) -> None:
        """Forget everything."""
        with self.lock:
            self._packages.clear()
            self.deleted.clear()
            self.migrated = self._migrated

    def _package(self, type: str, name: Name) -> Package:
        key = type, name
        if key not in self._packages:
            now = self._clock()
            self._packages[key] = new = Package(next(self._ids), type, name, now, now)
            new.kind.begin(new, self._accounts)
        return self._packages[key]

    def _version(self, package: Package, name: str) -> Version:
        if name not in package.versions:
            now = self._clock()
            package.versions[name] = Version(next(self._ids), name, now, now)
        return package.versions[name]


def type_of(site: Site) -> PackageType:
    """Return the package type of the images of a registry."""
    return TYPES[site.dialect.package_type]


def version_names(site: Site, name: Name) -> Sequence[Tag] | Sequence[Digest]:
    """Return the names of the versions that the storage has in a repository; none if images are not packages there."""
    return type_of(site).versions(site.storage, name)


def has_versions(site: Site, name: Name) -> bool:
    """Return whether there are versions, without listing them: each request needs this."""
    return type_of(site).has_versions(site.storage, name)


def tags_by_digest(site: Site, name: Name) -> dict[Digest, list[Tag]]:
    """Return the tags of each tagged manifest of a repository."""
    tags: dict[Digest, list[Tag]] = {}
    for tag, digest in site.storage.targets(name).items():
        tags.setdefault(digest, []).append(tag)
    return tags


def inherit(package: Package, accounts: Accounts) -> None:
    """Link a container package from the Docker registry to its repository, and copy the visibility of that."""
    repository = accounts.repositories.get(package.name.rpartition("/")[0])
    if repository:
        package.repository, package.visibility = repository.name, repository.visibility
