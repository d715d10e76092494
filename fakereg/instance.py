"""What all registries of one server share, and what handlers of packages, pages and control work on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fakereg.accounts import Accounts
from fakereg.clock import Clock
from fakereg.journal import Journal
from fakereg.names import Name
from fakereg.packages import Packages
from fakereg.sites import Site, Sites


@dataclass(frozen=True, slots=True)
class Instance:
    """One server: an instance of GitHub Enterprise Server, or a plain registry.

    `clock` gives the time in seconds, `sleep` waits for some.
    """

    sites: Sites
    accounts: Accounts
    packages: Packages
    journal: Journal
    clock: Clock
    sleep: Callable[[float], None]

    def home(self, site: Site, name: Name) -> Site:
        """The registry that has the content of a repository of `site`: another one after a migration (GHD-31)."""
        return site
