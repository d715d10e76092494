"""A package of GitHub, its versions, and the differences between the two types of packages that are images."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from fakereg.auth.accounts import Accounts, PackageSettings, Role, Visibility
from fakereg.spec.names import Digest, Name, Tag
from fakereg.storage.index import Index

DOCKER, CONTAINER = "docker", "container"
"""The types of packages that are images."""


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a package: a tag of the Docker registry, a digest of the Container registry."""

    id: int
    name: str
    created_at: float
    updated_at: float
    downloads: int = 0


@dataclass(frozen=True, slots=True)
class Package:
    """An image as a package. `type` is `docker` or `container`, `name` the image's name in its registry.

    Visibility and roles apply to a container package; one of the Docker registry has those of its repository.
    `repository` is the one that a container package is linked to. `from_docker` is true if it was pushed to the Docker
    registry, so that after a migration it is found as a package of that registry, too.
    """

    id: int
    type: str
    name: Name
    created_at: float
    updated_at: float
    visibility: Visibility = Visibility.PRIVATE
    roles: Mapping[str, Role] = field(default_factory=dict)
    repository: str = ""
    from_docker: bool = False

    @property
    def kind(self) -> PackageType:
        """The rules of its type."""
        return TYPES[self.type]

    @property
    def owner(self) -> str:
        """The login of the user or organization that it belongs to."""
        return self.name.partition("/")[0]

    @property
    def path(self) -> str:
        """The name without the owner, unique among the packages of that owner and type."""
        return self.name.partition("/")[2]

    @property
    def title(self) -> str:
        """The name in the API: of the Docker registry IMAGE_NAME alone (GP-1.1), else the `path`."""
        return self.kind.title(self)

    @property
    def source(self) -> str:
        """The repository that it belongs to or is linked to, if there is one."""
        return self.kind.source(self)


class PackageType:
    """The rules of a type of packages. This one is for images that are not packages; GitHub's types are subclasses."""

    registry = ""
    """The name of the registry, for pages."""

    linked = False
    """Whether a push may link the package to a repository."""

    migrates = False
    """Whether a migration moves the packages to the Container registry."""

    internal = False
    """Whether a package can have the visibility `internal`."""

    scopes: frozenset[str] = frozenset()
    """Scopes that the API requires of a classic token beside those of packages."""

    def versions(self, name: Name, index: Index) -> Mapping[Tag, Any] | Mapping[Digest, Any]:
        """Return the versions of a repository by their names; do not copy them, since each request needs this."""
        return {}

    def pushed(self, digest: Digest, tags: Collection[Tag]) -> Collection[str]:
        """Return the versions that a push of a manifest creates or changes."""
        return []

    def pulled(self, reference: Tag | Digest, digest: Digest) -> str:
        """Return the version that counts a pull of a manifest as a download."""
        return digest

    def reference(self, version: str) -> Tag | Digest:
        """Return the reference of a version in the registry."""
        return Digest(version)

    def tags(self, version: str, tags: Mapping[Digest, Sequence[Tag]]) -> list[str]:
        """Return the tags of a version, given those of all manifests of the repository."""
        return []

    def metadata(self, version: str, tags: Mapping[Digest, Sequence[Tag]]) -> dict[str, Any]:
        """Return the tags of a version in the form of the API."""
        return {"tags": self.tags(version, tags)}

    def is_named(self, package: Package, name: str) -> bool:
        """Return whether a short form of the `path` names a package, too."""
        return False

    def holds(self, package: Package) -> bool:
        """Return whether a package is found under this type."""
        return TYPES[package.type] is self

    def title(self, package: Package) -> str:
        """Return the name of a package in the API."""
        return package.path

    def source(self, package: Package) -> str:
        """Return the repository that a package belongs to or is linked to; the empty text if there is none."""
        return package.repository

    def page(self, package: Package, account: str) -> str:
        """Return the path of a package's page; `account` is the path of its owner."""
        return f"{account}/packages/container/package/{quote(package.path, safe='')}"

    def version_page(self, package: Package, version: Version, account: str) -> str:
        """Return the path of a version's page, perhaps with a query."""
        return f"{account}/packages/container/{quote(package.path, safe='')}/{version.id}"

    def visibility(self, package: Package, accounts: Accounts) -> Visibility:
        """Return the visibility of a package."""
        return package.visibility

    def begun(self, package: Package, accounts: Accounts) -> Package:
        """Return a package that becomes known, with the settings that the accounts have for it."""
        return package


class _Docker(PackageType):
    registry = "Docker registry"
    migrates = True
    scopes = frozenset({"repo"})

    def versions(self, name: Name, index: Index) -> Mapping[Tag, Any]:
        return index.tags if name.count("/") == 2 else {}

    def pushed(self, digest: Digest, tags: Collection[Tag]) -> Collection[str]:
        return tags

    def pulled(self, reference: Tag | Digest, digest: Digest) -> str:
        return reference

    def reference(self, version: str) -> Tag | Digest:
        return Tag(version)

    def tags(self, version: str, tags: Mapping[Digest, Sequence[Tag]]) -> list[str]:
        return [version]

    def metadata(self, version: str, tags: Mapping[Digest, Sequence[Tag]]) -> dict[str, Any]:
        return {"tag": [version], "tags": [version]}  # the published schema contradicts itself

    def is_named(self, package: Package, name: str) -> bool:
        return package.name.rpartition("/")[2] == name

    def holds(self, package: Package) -> bool:
        return super().holds(package) or package.from_docker

    def title(self, package: Package) -> str:
        return package.name.rpartition("/")[2]

    def source(self, package: Package) -> str:
        return package.name.rpartition("/")[0]

    def page(self, package: Package, account: str) -> str:
        return f"/{package.source}/packages/{package.id}"

    def version_page(self, package: Package, version: Version, account: str) -> str:
        return f"{self.page(package, account)}?version={quote(version.name, safe='')}"

    def visibility(self, package: Package, accounts: Accounts) -> Visibility:
        """Return that of its repository; there is no `internal` (GP-2.8, GP-2.11)."""
        repository = accounts.repositories.get(package.source)
        public = repository and repository.visibility == Visibility.PUBLIC
        return Visibility.PUBLIC if public else Visibility.PRIVATE

    def begun(self, package: Package, accounts: Accounts) -> Package:
        return replace(package, from_docker=True)


class _Container(PackageType):
    registry = "Container registry"
    linked = True
    internal = True

    def versions(self, name: Name, index: Index) -> Mapping[Digest, Any]:
        return index.manifests if "/" in name else {}

    def pushed(self, digest: Digest, tags: Collection[Tag]) -> Collection[str]:
        return [digest]

    def tags(self, version: str, tags: Mapping[Digest, Sequence[Tag]]) -> list[str]:
        return list(tags.get(Digest(version), ()))

    def begun(self, package: Package, accounts: Accounts) -> Package:
        given = accounts.packages.get(package.name, PackageSettings())
        return replace(package, visibility=given.visibility, roles=given.roles, repository=given.repository)


NO_PACKAGES = PackageType()
TYPES: Mapping[str, PackageType] = {"none": NO_PACKAGES, DOCKER: _Docker(), CONTAINER: _Container()}
"""The types by the dialect's setting `package_type`."""
