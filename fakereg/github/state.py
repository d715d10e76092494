"""GitHub's part of a server: the packages of all its registries, their settings, and the migration."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, fields

from fakereg.auth.accounts import Accounts
from fakereg.clock import Clock
from fakereg.github import restore
from fakereg.github.ledger import Ledger, MigrationRuns
from fakereg.github.migration import Migration
from fakereg.github.model import CONTAINER, DOCKER, NO_PACKAGES, Package
from fakereg.github.packages import Packages, type_of
from fakereg.http.call import Call
from fakereg.http.hosts import Site, Sites
from fakereg.spec.errors import Code, RegistryError
from fakereg.spec.names import Name
from fakereg.storage.memory import MemoryStorage

_MOVING_SECONDS, _MOVED_SECONDS = "10", "1"


class GitHub:
    """The packages of a server's registries, and the accounts that they belong to."""

    def __init__(self, *, sites: Sites, accounts: Accounts, clock: Clock, migrated: Collection[str] = ()) -> None:
        self.sites = sites
        self.accounts = accounts
        self.clock = clock
        keeper = self.site(CONTAINER) or self.site(DOCKER)
        self.ledger = Ledger(keeper.storage.storage if keeper else MemoryStorage(), clock=clock, given=migrated)
        self.packages = Packages(ledger=self.ledger, clock=clock, accounts=accounts)
        self._take_up()
        for site in sites.all:
            if type_of(site) is not NO_PACKAGES:
                restore.drop_expired(site, now=clock())

    def site(self, package_type: str) -> Site | None:
        """Return the registry whose images are packages of that type."""
        return next((site for site in self.sites.all if site.dialect.package_type == package_type), None)

    def home(self, site: Site, name: Name) -> Site:
        """Return the registry that holds the content of a repository of `site`; a migration changes it (GHD-31)."""
        new = self.site(CONTAINER) if type_of(site).migrates else None
        return new if new and name.partition("/")[0] in self.ledger.migrated else site

    def check_settled(self, site: Site, name: Name) -> None:
        """Raise 503 for a change of a package of `site` while it is being migrated, or when it has been."""
        owner, move = name.partition("/")[0], self.ledger.move
        if move and owner in move.owners and not self._take_up():
            message, seconds = f"the packages of {owner} are being migrated", _MOVING_SECONDS
        elif self.home(site, name) is not site:
            message, seconds = "the image was migrated: try again", _MOVED_SECONDS
        else:
            return
        raise RegistryError(Code.DENIED, message, status=503, headers={"Retry-After": seconds})

    @contextmanager
    def settled(self, site: Site, name: Name) -> Iterator[None]:
        """Check before a change, and after it: else a migration that has begun meanwhile might have missed it."""
        self.check_settled(site, name)
        yield
        self.check_settled(site, name)

    def migrate(self, *organizations: str) -> list[Name]:
        """Move the Docker registry's images of organizations, or of all, to the Container registry (GHD-31).

        Return the names of the images, which stay the same. Raise `migration.MigrationConflict` if a name is taken
        there, ValueError if the migration cannot begin; then, as after any failure before everything is copied,
        nothing has changed.
        """
        migration = self._migration()
        if not migration:
            raise ValueError("a migration needs a Docker registry and a Container registry")
        return migration.run(organizations)

    def conflicts(self, owner: str) -> list[Package]:
        """Return the packages that prevent the migration of an account, because their names are taken."""
        migration = self._migration()
        return migration.conflicts(owner) if migration else []

    def _migration(self) -> Migration | None:
        old, new = self.site(DOCKER), self.site(CONTAINER)
        return Migration(self.packages, self.ledger, self.accounts, old=old, new=new) if old and new else None

    def _take_up(self) -> bool:
        """End a migration whose process has died; return False if it lives."""
        with suppress(MigrationRuns):
            if migration := self._migration():
                migration.take_up()
            return True
        return False

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
        if unknown := set(roles or ()) - set(self.accounts.users):
            raise ValueError(f"there is no user {min(unknown)}")
        if repository and repository not in self.accounts.repositories:
            raise ValueError(f"there is no repository {repository}")
        site = self.site(CONTAINER)
        if site and (package := self.packages.change(site, Name(name), visibility, roles, repository)):
            return package
        raise KeyError(name)

    @contextmanager
    def resetting(self) -> Iterator[None]:
        """Forget the packages while all content is removed; raise ValueError while a migration runs."""
        if not self._take_up():
            raise MigrationRuns
        with self.ledger.resetting():
            yield
        self.packages.clear()

    def close(self) -> None:
        """Let the storages have everything; no method is called afterwards."""
        self.packages.close()


@dataclass(frozen=True, slots=True)
class PackageCall(Call):
    """A request to the packages API, the pages or the control API of packages."""

    github: GitHub = field(kw_only=True)

    @classmethod
    def of(cls, call: Call, github: GitHub) -> PackageCall:
        """Make the call of a handler of packages from a call."""
        return cls(**{each.name: getattr(call, each.name) for each in fields(Call)}, github=github)
