"""GitHub's part of a server: the packages of all its registries, their settings, and the migration."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields

from fakereg.auth.accounts import Accounts
from fakereg.clock import Clock
from fakereg.github import migration
from fakereg.github.model import CONTAINER, DOCKER, Package
from fakereg.github.packages import Packages, type_of
from fakereg.http.call import Call
from fakereg.http.hosts import Site, Sites
from fakereg.spec.names import Name


class GitHub:
    """The packages of a server's registries, and the accounts that they belong to."""

    def __init__(self, *, sites: Sites, accounts: Accounts, clock: Clock, migrated: Collection[str] = ()) -> None:
        self.sites = sites
        self.accounts = accounts
        self.clock = clock
        self.packages = Packages(clock=clock, accounts=accounts, migrated=migrated)

    def site(self, package_type: str) -> Site | None:
        """Return the registry whose images are packages of that type."""
        return next((site for site in self.sites.all if site.dialect.package_type == package_type), None)

    def home(self, site: Site, name: Name) -> Site:
        """Return the registry that holds the content of a repository of `site`; a migration changes it (GHD-31)."""
        moved = type_of(site).migrates and name.partition("/")[0] in self.packages.migrated
        return (self.site(CONTAINER) or site) if moved else site

    def migrate(self, *organizations: str) -> list[Name]:
        """Move the Docker registry's images of organizations, or of all, to the Container registry (GHD-31).

        Return the names of the images, which stay the same. Raise `migration.MigrationConflict` if a name is taken
        there, ValueError if the migration cannot begin; then, as after any failure, nothing has changed.
        """
        old, new = self.site(DOCKER), self.site(CONTAINER)
        if not old or not new:
            raise ValueError("a migration needs a Docker registry and a Container registry")
        return migration.migrate(self.packages, self.accounts, old, new, organizations)

    def conflicts(self, owner: str) -> list[Package]:
        """Return the packages that prevent the migration of an account, because their names are taken."""
        old, new = self.site(DOCKER), self.site(CONTAINER)
        return migration.conflicts(self.packages, old, new, owner) if old and new else []

    def change_package(
        self,
        name: str,
        *,
        visibility: str | None = None,
        roles: Mapping[str, str] | None = None,
        repository: str | None = None,
    ) -> Package:
        """Set the settings that owners have on GitHub's pages: visibility, roles by login and repository of a package.

        An empty text for `repository` unlinks it. Return the package; raise ValueError for an unknown user, repository,
        role or visibility, KeyError if there is no such package.
        """
        site = self.site(CONTAINER)
        package = self.packages.find(site, Name(name)) if site else None
        if not package:
            raise KeyError(name)
        if unknown := set(roles or ()) - set(self.accounts.users):
            raise ValueError(f"there is no user {min(unknown)}")
        if repository and repository not in self.accounts.repositories:
            raise ValueError(f"there is no repository {repository}")
        self.packages.change(package, visibility=visibility, roles=roles, repository=repository)
        return package


@dataclass(frozen=True, slots=True)
class PackageCall(Call):
    """A request to the packages API, the pages or the control API of packages."""

    github: GitHub = field(kw_only=True)

    @classmethod
    def of(cls, call: Call, github: GitHub) -> PackageCall:
        """Make the call of a handler of packages from a call."""
        return cls(**{each.name: getattr(call, each.name) for each in fields(Call)}, github=github)
