"""Who a request comes from, and the actions that it may be allowed."""

from __future__ import annotations

from dataclasses import dataclass

from fakereg.auth.accounts import ANONYMOUS, Identity
from fakereg.auth.scopes import Access
from fakereg.spec.errors import RegistryError

PULL, PUSH, DELETE = "pull", "push", "delete"


Rights = frozenset[str]
"""Actions of Docker's scopes: pull, push and delete."""
NOTHING: Rights = frozenset()
EVERYTHING: Rights = frozenset({PULL, PUSH, DELETE})


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a request comes from.

    `access` is what a Bearer token limits it to, None for no limit; `external` says that the token alone decides.
    `problem` is why the credentials do not count, `junk` that they are a token; `silent` says that there are none.
    """

    identity: Identity = ANONYMOUS
    access: tuple[Access, ...] | None = None
    external: bool = False
    silent: bool = False
    problem: RegistryError | None = None
    junk: bool = False

    def limit(self, type: str, name: str) -> Rights:
        """The actions on a resource that the token does not exclude."""
        if self.access is None:
            return EVERYTHING
        named = [access.actions for access in self.access if (access.type, access.name) == (type, name)]
        return frozenset().union(*(EVERYTHING if "*" in actions else actions for actions in named))


NOBODY = Caller(silent=True)
"""A request without credentials."""
