"""The caller of a request, and the actions that a caller may be allowed."""

from __future__ import annotations

from dataclasses import dataclass

from fakereg.auth.accounts import ANONYMOUS, Identity, Kind, Role
from fakereg.auth.scopes import Access
from fakereg.spec.errors import RegistryError

PULL, PUSH, DELETE = "pull", "push", "delete"

Rights = frozenset[str]
"""Actions of Docker's scopes: pull, push and delete."""

NOTHING: Rights = frozenset()
EVERYTHING: Rights = frozenset({PULL, PUSH, DELETE})

_OF_ACTIONS = {Role.NONE: NOTHING, Role.READ: frozenset({PULL}), Role.WRITE: EVERYTHING, Role.ADMIN: EVERYTHING}
"""The rights that the permission `packages` of a GITHUB_TOKEN allows."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller of a request: an identity, and the limits of its token.

    `access` is the access that a Bearer token grants, None for no limit; with `external` the token alone decides.
    `problem` is the error for invalid credentials, and `junk` is true if these are a Bearer token; `silent` is true
    for a request without credentials.
    """

    identity: Identity = ANONYMOUS
    access: tuple[Access, ...] | None = None
    external: bool = False
    silent: bool = False
    problem: RegistryError | None = None
    junk: bool = False

    def limit(self, type: str, name: str) -> Rights:
        """Return the actions on a resource that the token grants; all of them if it has no limit."""
        if self.access is None:
            return EVERYTHING
        named = [access.actions for access in self.access if (access.type, access.name) == (type, name)]
        return frozenset().union(*(EVERYTHING if "*" in actions else actions for actions in named))


NOBODY = Caller(silent=True)
"""A request without credentials."""


def open_rights(identity: Identity, *, anonymous_pull: bool) -> Rights:
    """Return the rights without roles: everything for a user, a pull for an anonymous caller if that is allowed."""
    if identity.user:
        return EVERYTHING
    return frozenset({PULL}) if anonymous_pull else NOTHING


def token_rights(identity: Identity, *, write_includes_read: bool) -> Rights:
    """Return the actions that the scopes of a classic token, or the permission of a GITHUB_TOKEN, allow; else all."""
    token = identity.token
    if token and token.kind == Kind.ACTIONS:
        return _OF_ACTIONS[token.packages]
    if not token or token.kind != Kind.CLASSIC:
        return EVERYTHING
    read, write, delete = (f"{verb}:packages" in token.scopes for verb in ("read", "write", "delete"))
    read = read or (write and write_includes_read)
    allowed = {PULL: read, PUSH: write, DELETE: delete and read}
    return frozenset(action for action, allow in allowed.items() if allow)
