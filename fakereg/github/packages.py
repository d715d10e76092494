"""Packages: what GitHub knows of an image beside its content.

The storage says which images and versions there are. What it has without a push, from a folder that was filled
before, becomes a package as soon as somebody looks. Of the Docker registry a version is a tag, of the Container
registry a manifest. All this is in memory: at the next start ids and counts begin anew, and of visibility and roles
there is what `Accounts.add_package` says.
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

    Whoever changes content and packages together holds `lock`, while no body is read or sent. Owners in `moving` are
    being migrated, those in `migrated` have their images in the Container registry.
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
        """The package that a repository of `site` is, if it has any version."""
        if not has_versions(site, name):
            return None
        with self.lock:
            return self._package(site.dialect.package_type, name)

    def of_owner(self, site: Site, owner: str) -> list[Package]:
        """All packages of an account, by name."""
        names = (name for name in site.storage.repositories() if name.startswith(f"{owner}/"))
        return [package for name in names if (package := self.find(site, name))]

    def versions(self, site: Site, package: Package) -> list[Version]:
        """Its versions, the newest first."""
        with self.lock:
            names = version_names(site, package.name)
            package.versions = {name: self._version(package, name) for name in names}
            return sorted(package.versions.values(), key=lambda version: -version.id)

    def published(self, site: Site, name: Name, versions: Iterable[str], *, anew: bool) -> Package:
        """Note a push of `versions`; `anew` says that there was no such package before. The caller holds the lock."""
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
        """Set what an owner sets on GitHub's pages: who may see a container package, roles by login, the link.

        An empty text for `repository` unlinks it. Raise ValueError.
        """
        granted = package.roles if roles is None else {user: Role.parse(role) for user, role in roles.items()}
        seen = package.visibility if visibility is None else Visibility.parse(visibility)
        with self.lock:
            package.visibility, package.roles = seen, granted
            package.repository = package.repository if repository is None else repository

    def adopt(self, package: Package) -> None:
        """Let a package be known that was restored or migrated."""
        with self.lock:
            self._packages[package.type, package.name] = package

    def forget(self, package: Package) -> None:
        """Know nothing of it any more."""
        with self.lock:
            self._packages.pop((package.type, package.name), None)

    def check_settled(self, name: Name) -> None:
        """Raise 503 for a push while the packages of the owner are migrated, so that none gets lost."""
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
    """Return the type of packages that the images of a registry are."""
    return TYPES[site.dialect.package_type]


def version_names(site: Site, name: Name) -> Sequence[Tag] | Sequence[Digest]:
    """Return the names of the versions that the storage has of a repository; none if its images are no packages."""
    return type_of(site).versions(site.storage, name)


def has_versions(site: Site, name: Name) -> bool:
    """Return whether there are any; each request asks this, so it lists nothing."""
    return type_of(site).has_versions(site.storage, name)


def tags_by_digest(site: Site, name: Name) -> dict[Digest, list[Tag]]:
    """The tags of each manifest of a repository that has any."""
    tags: dict[Digest, list[Tag]] = {}
    for tag, digest in site.storage.targets(name).items():
        tags.setdefault(digest, []).append(tag)
    return tags


def inherit(package: Package, accounts: Accounts) -> None:
    """Give a container package that was the Docker registry's its repository, and the visibility of that."""
    repository = accounts.repositories.get(package.name.rpartition("/")[0])
    if repository:
        package.repository, package.visibility = repository.name, repository.visibility
