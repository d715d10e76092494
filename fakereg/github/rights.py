"""Rights: the actions that the scopes of a token and the role of its user allow, by the rules of the dialect.

`open` is for plain registries, `repository` for GitHub's Docker registry, where a package has the permissions of its
repository (GHD-13), `package` for the Container registry, where it has its own (GHC-05).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fakereg.auth.accounts import Accounts, Identity, Kind, Role
from fakereg.auth.caller import EVERYTHING, NOTHING, PULL, PUSH, Rights, open_rights, token_rights
from fakereg.dialect.fields import Dialect
from fakereg.github.model import Package
from fakereg.spec.names import Name

OPEN = "open"
"""The setting `rights` of a registry without roles."""

_ACTIONS = {Role.NONE: NOTHING, Role.READ: {PULL}, Role.WRITE: {PULL, PUSH}, Role.ADMIN: EVERYTHING}


def rights(
    identity: Identity, name: Name, *, dialect: Dialect, accounts: Accounts, package: Package | None = None
) -> Rights:
    """Return the actions that `identity` may do with the repository `name`, which has this `package`, if any."""
    roles = role_rights(identity, name, dialect=dialect, accounts=accounts, package=package)
    return token_rights(identity, write_includes_read=dialect.write_includes_read) & roles


def role_rights(
    identity: Identity, name: Name, *, dialect: Dialect, accounts: Accounts, package: Package | None = None
) -> Rights:
    """Return the actions that the role of `identity` allows there, whatever the scopes of its token are."""
    return frozenset(RULES[dialect.rights](identity, name, dialect, accounts, package))


def package_role(identity: Identity, package: Package, accounts: Accounts) -> Role:
    """Return the role on a package of the Container registry, whatever the scopes of the token are.

    The package inherits the roles of the linked repository, not its visibility. A GITHUB_TOKEN has no other roles
    (GHC-14).
    """
    visible = accounts.visible_role(identity, package.visibility)
    inherited = accounts.granted_role(identity, package.repository)
    granted = package.roles.get(identity.user, Role.NONE)
    owner = accounts.owner_role(identity.user, package.owner)
    return max(visible, inherited, granted, owner if owner == Role.ADMIN else Role.NONE)


def may_create(identity: Identity, owner: str, accounts: Accounts) -> bool:
    """Return whether the identity may publish a new package in a namespace."""
    token = identity.token
    if token and token.kind == Kind.ACTIONS:
        return token.packages >= Role.WRITE and token.repository.partition("/")[0] == owner
    return accounts.may_create_packages(identity.user, owner)


def _open(identity: Identity, name: Name, dialect: Dialect, accounts: Accounts, package: Package | None) -> Rights:
    return open_rights(identity, anonymous_pull=dialect.anonymous_pull)


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


RULES: Mapping[str, Callable[[Identity, Name, Dialect, Accounts, Package | None], Rights]] = {
    OPEN: _open,
    "repository": _repository,
    "package": _package,
}
"""The rule that derives rights from accounts and packages, by the dialect's setting `rights`."""
