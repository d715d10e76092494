"""The state of one server beside its requests: registries, accounts, settings, journal, rate limits."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Mapping

from fakereg.auth.sample import sample
from fakereg.clock import Clock
from fakereg.dialect import fields
from fakereg.dialect.fields import Dialect
from fakereg.http.hosts import Sites, new_tokens
from fakereg.http.rate_limit import RateLimit
from fakereg.journal import Journal
from fakereg.options import Options
from fakereg.storage import open_storage
from fakereg.storage.base import Storage
from fakereg.storage.repositories import Repositories


class Instance:
    """One registry, or several behind one socket, like those of an instance of GitHub Enterprise Server.

    `url` and `host` are the address of the server, if there is one.
    Raise ValueError for options that do not fit together, StorageError for a storage that cannot be opened.
    """

    def __init__(self, options: Options) -> None:
        clock = options.clock
        self._lock = threading.Lock()
        self._new_tokens = functools.partial(new_tokens, clock=clock, key=options.token_key, cert=options.token_cert)
        self.sites = Sites(
            [(one, self._new_tokens(one)) for one in options.dialects],
            options.storage,
            hostname=options.hostname,
            isolation=options.subdomain_isolation,
            unknown_host_status=options.unknown_host_status,
            tokens_only=options.tokens_only,
            open=functools.partial(_repositories, clock=clock, new_id=options.new_id),
        )
        self.accounts = options.accounts or sample(clock=clock)
        self.journal = Journal()
        self.rates = RateLimit(clock)
        self.clock = clock
        self.sleep = options.sleep
        self.control_secret = options.control_secret
        self.trust_proxy = options.trust_proxy
        self.url = ""
        self.host = ""

    @property
    def dialect(self) -> Dialect:
        """The dialect of the registry, or of the first of several."""
        return self.sites.all[0].dialect

    @property
    def storage(self) -> Repositories:
        """The content of the registry, or of the first of several."""
        return self.sites.all[0].storage

    def configure(self, *, registry: str = "", **settings: object) -> None:
        """Change settings of the dialect at run time, each given as its value or as text.

        `registry` names one of several registries by its dialect; without it the first is changed. Raise ValueError
        for unknown settings and invalid values.
        """
        self.change(registry, settings)

    def change(self, registry: str, settings: Mapping[str, object]) -> None:
        """Change settings as `configure` does. A change of a setting of tokens makes all issued tokens invalid."""
        site = self.sites.named(registry) if registry else self.sites.all[0]
        with self._lock:
            changed = fields.configure(site.dialect, settings)
            if _TOKEN_SETTINGS & settings.keys():
                site.tokens = self._new_tokens(changed)
            site.dialect = changed

    def reset(self) -> None:
        """Forget all content, the journal and the counts of the rate limit; accounts and settings stay."""
        for site in self.sites.all:
            site.storage.clear()
        self.journal.clear()
        self.rates.clear()

    def close(self) -> None:
        """Close the storages."""
        self.sites.close()


def _repositories(
    storage: Repositories | Storage | str, namespace: str, *, clock: Clock, new_id: Callable[[], str] | None
) -> Repositories:
    """Open the storage of a registry."""
    if isinstance(storage, Repositories):
        return storage
    opened = open_storage(storage, namespace=namespace) if isinstance(storage, str) else storage
    return Repositories(opened, clock=clock, new_id=new_id)


_TOKEN_SETTINGS = {"auth", "token_format", "token_issuer", "token_lifetime"}
