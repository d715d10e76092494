"""Who may do what: the scopes of a token and the role of its user, put together as the dialect says.

`open` is for plain registries, `repository` for GitHub's Docker registry, where a package has the permissions of its
repository (GHD-13), `package` for the Container registry, where it has its own (GHC-05).
"""

from __future__ import annotations

from collections.abc import Callable

from fakereg.auth.accounts import Accounts, Identity, Kind, Role
from fakereg.auth.caller import DELETE, EVERYTHING, NOTHING, PULL, PUSH, Rights
from fakereg.dialect.fields import Dialect
from fakereg.github.model import Package
from fakereg.spec.names import Name

_ACTIONS = {Role.NONE: NOTHING, Role.READ: {PULL}, Role.WRITE: {PULL, PUSH}, Role.ADMIN: EVERYTHING}


def rights(
    identity: Identity, name: Name, *, dialect: Dialect, accounts: Accounts, package: Package | None = None
) -> Rights:
    """What `identity` may do with the repository `name`, which is the `package`, if there is one already."""
    roles = role_rights(identity, name, dialect=dialect, accounts=accounts, package=package)
    return scope_rights(identity, dialect) & roles


def role_rights(
    identity: Identity, name: Name, *, dialect: Dialect, accounts: Accounts, package: Package | None = None
) -> Rights:
    """What `identity` may do there by its role, whatever the scopes of its token say."""
    return frozenset(_RULES[dialect.rights](identity, name, dialect, accounts, package))


def scope_rights(identity: Identity, dialect: Dialect) -> Rights:
    """What the scopes of the identity's token allow, or the permission of a GITHUB_TOKEN; no token, no limit."""
    token = identity.token
    if token and token.kind == Kind.ACTIONS:
        return EVERYTHING if token.packages >= Role.WRITE else frozenset(_ACTIONS[token.packages])
    if not token or token.kind != Kind.CLASSIC:
        return EVERYTHING
    read, write, delete = (f"{verb}:packages" in token.scopes for verb in ("read", "write", "delete"))
    read = read or (write and dialect.write_includes_read)
    allowed = {PULL: read, PUSH: write, DELETE: delete and read}
    return frozenset(action for action, allow in allowed.items() if allow)


def package_role(identity: Identity, package: Package, accounts: Accounts) -> Role:
    """The role on a package of the Container registry, whatever the scopes of a token say.

    From the repository that it is connected to it has the roles, not the visibility. They are all that a GITHUB_TOKEN
    has (GHC-14).
    """
    visible = accounts.visible_role(identity, package.visibility)
    inherited = accounts.granted_role(identity, package.repository)
    granted = package.roles.get(identity.user, Role.NONE)
    owner = accounts.owner_role(identity.user, package.owner)
    return max(visible, inherited, granted, owner if owner == Role.ADMIN else Role.NONE)


def may_create(identity: Identity, owner: str, accounts: Accounts) -> bool:
    """Whether the identity may publish a new package in a namespace."""
    token = identity.token
    if token and token.kind == Kind.ACTIONS:
        return token.packages >= Role.WRITE and token.repository.partition("/")[0] == owner
    return accounts.may_create_packages(identity.user, owner)


def _open(identity: Identity, name: Name, dialect: Dialect, accounts: Accounts, package: Package | None) -> Rights:
    if identity.user:
        return EVERYTHING
    return frozenset({PULL}) if dialect.anonymous_pull else NOTHING


def _repository(
    identity: Identity, name: Name, dialect: Dialect, accounts: Accounts, package: Package | None
) -> Rights:
    role = accounts.role(identity, "/".join(name.split("/")[:2])) if identity.user else Role.NONE
    return frozenset(_ACTIONS[role])


def _package(identity: Identity, name: Name, dialect: Dialect, accounts: Accounts, package: Package | None) -> Rights:
    if package:
        return frozenset(_ACTIONS[package_role(identity, package, accounts)])
    owner = name.partition("/")[0]
    return frozenset({PULL, PUSH}) if may_create(identity, owner, accounts) else NOTHING


_RULES: dict[str, Callable[[Identity, Name, Dialect, Accounts, Package | None], Rights]] = {
    "open": _open,
    "repository": _repository,
    "package": _package,
}
