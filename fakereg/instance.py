"""What one server has and can do, whatever a client asks: registries, accounts, packages, journal."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypedDict

from fakereg import dialects, migration
from fakereg.accounts import Accounts
from fakereg.clock import Clock
from fakereg.dialects import Dialect
from fakereg.journal import Journal
from fakereg.limits import RateLimit
from fakereg.names import Name
from fakereg.packages import CONTAINER, DOCKER, Package, Packages
from fakereg.sample import sample
from fakereg.sites import Site, Sites, new_tokens
from fakereg.storage import open_storage
from fakereg.storage.base import Storage
from fakereg.storage.repositories import Repositories


class Options(TypedDict, total=False):
    """The arguments of `Instance`, for those who hand them on."""

    dialect: Dialect | str | Sequence[Dialect | str]
    storage: Repositories | Storage | str
    accounts: Accounts | None
    hostname: str
    subdomain_isolation: bool
    unknown_host_status: int
    trust_proxy: bool
    tokens_only: bool
    migrated: Collection[str]
    token_key: str | None
    token_cert: str | None
    control_secret: str
    clock: Clock
    sleep: Callable[[float], None]
    new_id: Callable[[], str] | None


class Instance:
    """One registry, or several behind one socket as an instance of GitHub Enterprise Server has them.

    `dialect` is a Dialect or its text (`oci,referrers=false`), `storage` a Storage or its text (`memory`,
    `directory:PATH`, `sqlite:PATH`); `clock` gives seconds, `sleep` waits for some, and `new_id` gives a new unique
    text for upload sessions. Several dialects make as many registries: with `hostname`, each is at a host of its own,
    as `subdomain_isolation` has it, and keeps its content in a namespace of the storage. A host that is nobody's is
    told so with `unknown_host_status`. `trust_proxy` obeys X-Forwarded-Host, -Proto and -For of one proxy.
    `tokens_only` leaves no more than the token endpoint of a dialect with Bearer authentication.
    `migrated` organizations have their Docker images in the Container registry from the start, as `migrate` does it.
    `accounts` are asked by dialects that authenticate; by default they are `fakereg.sample.sample()`.
    `token_key` and `token_cert`, paths of PEM files, sign the tokens of dialects whose tokens are JWTs.
    `control_secret` opens the control API to whoever has it. `url` and `host` say where the server is, if it is one.
    Raise ValueError for what cannot be, StorageError for a storage that cannot be opened.
    """

    def __init__(
        self,
        *,
        dialect: Dialect | str | Sequence[Dialect | str] = "oci",
        storage: Repositories | Storage | str = "memory",
        accounts: Accounts | None = None,
        hostname: str = "",
        subdomain_isolation: bool = True,
        unknown_host_status: int = 421,
        trust_proxy: bool = False,
        tokens_only: bool = False,
        migrated: Collection[str] = (),
        token_key: str | None = None,
        token_cert: str | None = None,
        control_secret: str = "",
        clock: Clock = time.time,
        sleep: Callable[[float], None] = time.sleep,
        new_id: Callable[[], str] | None = None,
    ) -> None:
        given = [dialect] if isinstance(dialect, Dialect | str) else dialect
        chosen = [dialects.parse(one) if isinstance(one, str) else one for one in given]
        if not all(isinstance(one, Dialect) for one in chosen):
            raise ValueError("a dialect is a Dialect or its text")
        if control_secret and len(control_secret) < CONTROL_SECRET_LENGTH:
            raise ValueError(f"the control secret has at least {CONTROL_SECRET_LENGTH} characters")
        self._lock = threading.Lock()
        self._new_tokens = functools.partial(new_tokens, clock=clock, key=token_key, cert=token_cert)
        self.sites = Sites(
            [(one, self._new_tokens(one)) for one in chosen],
            storage,
            hostname=hostname,
            isolation=subdomain_isolation,
            unknown_host_status=unknown_host_status,
            tokens_only=tokens_only,
            open=functools.partial(_repositories, clock=clock, new_id=new_id),
        )
        self.accounts = accounts or sample(clock=clock)
        self.packages = Packages(clock=clock, accounts=self.accounts, migrated=migrated)
        self.journal = Journal()
        self.rates = RateLimit(clock)
        self.clock = clock
        self.sleep = sleep
        self.control_secret = control_secret
        self.trust_proxy = trust_proxy
        self.url = ""
        self.host = ""

    @property
    def dialect(self) -> Dialect:
        """How the registry behaves, or the first of several."""
        return self.sites.all[0].dialect

    @property
    def storage(self) -> Repositories:
        """Where the content of the registry is, or of the first of several."""
        return self.sites.all[0].storage

    def home(self, site: Site, name: Name) -> Site:
        """The registry that has the content of a repository of `site`: another one after a migration (GHD-31)."""
        moved = site.dialect.package_type == DOCKER and name.partition("/")[0] in self.packages.migrated
        return (self.sites.of_type(CONTAINER) or site) if moved else site

    def change_package(
        self,
        name: str,
        *,
        visibility: str | None = None,
        roles: Mapping[str, str] | None = None,
        repository: str | None = None,
    ) -> Package:
        """Set what owners set on GitHub's pages: who may see a container package, roles by login, its repository.

        An empty text for `repository` unlinks it. Gives the package; raise ValueError for what there is not, KeyError
        if there is no such package.
        """
        site = self.sites.of_type(CONTAINER)
        package = self.packages.find(site, Name(name)) if site else None
        if not package:
            raise KeyError(name)
        if unknown := set(roles or ()) - set(self.accounts.users):
            raise ValueError(f"there is no user {min(unknown)}")
        if repository and repository not in self.accounts.repositories:
            raise ValueError(f"there is no repository {repository}")
        self.packages.change(package, visibility=visibility, roles=roles, repository=repository)
        return package

    def migrate(self, *organizations: str) -> list[Name]:
        """Move the Docker registry's images of organizations, or of all, to the Container registry (GHD-31).

        Gives the names of the images, which stay what they were. Raise `migration.MigrationConflict` if a name is
        taken there, ValueError if it cannot begin; then, as after any failure, nothing has changed.
        """
        return migration.migrate(self, organizations)

    def configure(self, *, registry: str = "", **settings: str | bool | float) -> None:
        """Change settings of the dialect while it runs; of several, `registry` names one, else it is the first.

        Raise ValueError for unknown ones.
        """
        self.change(registry, {name: str(value) for name, value in settings.items()})

    def change(self, registry: str, settings: Mapping[str, str]) -> None:
        """The same with settings as text. Tokens end with a change of what they are made of."""
        site = self.sites.named(registry) if registry else self.sites.all[0]
        with self._lock:
            changed = dialects.configure(site.dialect, dict(settings))
            if _TOKEN_SETTINGS & settings.keys():
                site.tokens = self._new_tokens(changed)
            site.dialect = changed

    def reset(self) -> None:
        """Forget all content, the journal and who asked how often; accounts and settings stay.

        Raise ValueError while images move.
        """
        with self.packages.lock:
            if self.packages.moving:
                raise ValueError("a migration is under way")
            for site in self.sites.all:
                site.storage.clear()
            self.packages.clear()
        self.journal.clear()
        self.rates.clear()

    def close(self) -> None:
        """Let go of the storages."""
        self.sites.close()


def _repositories(
    storage: Repositories | Storage | str, namespace: str, *, clock: Clock, new_id: Callable[[], str] | None
) -> Repositories:
    """Open what a registry keeps its content in."""
    if isinstance(storage, Repositories):
        return storage
    opened = open_storage(storage, namespace=namespace) if isinstance(storage, str) else storage
    return Repositories(opened, clock=clock, new_id=new_id)


_TOKEN_SETTINGS = {"auth", "token_format", "token_issuer", "token_lifetime"}

CONTROL_SECRET_LENGTH = 16
"""Fewest characters of a control secret, so that nobody guesses it."""
