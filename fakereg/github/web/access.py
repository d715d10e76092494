"""Identify callers of API and pages, and find the packages that they may read (GP-2.17 to GP-2.21, GP-5.10)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fakereg.auth.accounts import ANONYMOUS, Identity, Kind, Visibility
from fakereg.auth.caller import DELETE, EVERYTHING, PULL, PUSH, Rights, token_rights
from fakereg.dialect.fields import Dialect
from fakereg.github import rights as permissions
from fakereg.github.model import CONTAINER, DOCKER, NO_PACKAGES, TYPES, Package
from fakereg.github.state import PackageCall
from fakereg.http.authorization import basic_credentials, quoted
from fakereg.http.hosts import Site
from fakereg.spec.errors import Code, RegistryError
from fakereg.spec.names import Name

TYPE_NAMES = (DOCKER, CONTAINER, "npm", "maven", "rubygems", "nuget")
"""All package types of GitHub; only those of images have packages here."""

RESTORE = "restore"

_SCOPES = {
    PULL: ({PULL}, "read:packages"),
    DELETE: ({DELETE}, "read:packages and delete:packages"),
    RESTORE: ({PULL, PUSH}, "read:packages and write:packages"),
}


@dataclass(frozen=True, slots=True)
class Shelf:
    """The packages of one account that are found as type `type`; `site` has their content."""

    call: PackageCall
    type: str
    owner: str
    site: Site

    def packages(self, identity: Identity) -> list[Package]:
        """Return the packages that the identity may read."""
        found = self.call.github.packages.of_owner(self.site, self.owner)
        return [package for package in found if self.shows(identity, package)]

    def shows(self, identity: Identity, package: Package) -> bool:
        """Return whether a package is on this shelf and the identity may read it."""
        return TYPES[self.type].holds(package) and PULL in self.rights(identity, package)

    def named(self, name: str, identity: Identity, packages: Sequence[Package]) -> Package | None:
        """Return the first of `packages` with this name that the identity may read; None if there is none.

        The name of a docker package is IMAGE; REPOSITORY/IMAGE tells apart two of the same name.
        """
        shown = [package for package in packages if self.shows(identity, package)]
        exact = [package for package in shown if package.path == name]
        loose = [package for package in shown if TYPES[self.type].is_named(package, name)]
        return next(iter(exact + loose), None)

    def rights(self, identity: Identity, package: Package) -> Rights:
        """Return the actions that the role of an identity allows."""
        dialect, accounts = self.site.dialect, self.call.github.accounts
        if dialect.auth == "none":
            return EVERYTHING
        return permissions.role_rights(identity, package.name, dialect=dialect, accounts=accounts, package=package)

    def visibility(self, package: Package) -> Visibility:
        """Return the visibility of a package."""
        return package.kind.visibility(package, self.call.github.accounts)


def dialect_of(call: PackageCall, type: str) -> Dialect:
    """Return the dialect of the registry of a package type; for a type without a registry, that of the request."""
    site = call.github.site(type)
    return site.dialect if site else call.dialect


def shelf(call: PackageCall, type: str, owner: str) -> Shelf | None:
    """Return the packages of an account; None if the registry of their type is missing or disabled."""
    site = call.github.site(type)
    if not site:
        return None
    home = call.github.home(site, Name(owner))
    return None if "disabled" in (site.dialect.ecosystem, home.dialect.ecosystem) else Shelf(call, type, owner, home)


def identify(call: PackageCall, dialect: Dialect) -> Identity:
    """Identify the caller by `token SECRET`, `Bearer SECRET` or Basic; anonymous without; raise 401 for bad ones."""
    header = call.request.headers.get("Authorization", "")
    if not header or dialect.auth == "none":
        return ANONYMOUS
    scheme, _, secret = header.partition(" ")
    alone = scheme.lower() in ("token", "bearer")
    pair = ("", secret.strip()) if alone else basic_credentials(call.request)
    check = dialect.check_user and not alone
    authenticate = call.github.accounts.authenticate
    identity = authenticate(*pair, kinds=dialect.credentials, check_user=check) if pair else None
    if not identity:
        raise unauthorized(dialect, "Bad credentials")
    return identity


def unauthorized(dialect: Dialect, message: str = "Requires authentication") -> RegistryError:
    """Return a 401 that makes a browser ask for name and token."""
    challenge = f'Basic realm="{quoted(dialect.realm)}", charset="UTF-8"'
    return RegistryError(Code.UNAUTHORIZED, message, headers={"WWW-Authenticate": challenge})


def check_scopes(identity: Identity, type: str, dialect: Dialect, action: str) -> None:
    """Raise 403 if a classic token lacks a scope for `action`: PULL, DELETE or RESTORE.

    Packages of the Docker registry need the scope `repo`, too.
    """
    wanted, names = _SCOPES[action]
    token = identity.token
    also = TYPES.get(type, NO_PACKAGES).scopes
    lacking = token and token.kind == Kind.CLASSIC and also - token.scopes
    if lacking or not wanted <= token_rights(identity, write_includes_read=dialect.write_includes_read):
        raise RegistryError(Code.DENIED, f"the token needs the scopes {' and '.join([names, *sorted(also)])}")
