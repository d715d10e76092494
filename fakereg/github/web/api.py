"""The packages API below `/api/v3`: list, show, delete, restore (docs/github-registries.md, GP-5.1 to GP-5.15).

Each path begins with `/orgs/ORG`, `/users/USER` or `/user`, which handlers get as `kind` and `login`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from werkzeug.wrappers import Response

from fakereg import values
from fakereg.auth.accounts import Identity, Kind, Visibility
from fakereg.auth.caller import DELETE, PULL
from fakereg.github.kept import Kept
from fakereg.github.model import DOCKER, NO_PACKAGES, TYPES, Package, Version
from fakereg.github.packages import tags_by_digest
from fakereg.github.restore import (
    NameTaken,
    delete_package,
    delete_version,
    deleted_packages,
    deleted_versions,
    restore,
)
from fakereg.github.state import PackageCall
from fakereg.github.web import access, lists
from fakereg.github.web.access import RESTORE, TYPE_NAMES, Shelf
from fakereg.github.web.documents import deleted_document, package_document, version_document
from fakereg.http.answers import EmptyResponse, json_response
from fakereg.spec.errors import Code, RegistryError
from fakereg.spec.names import Name

Item = TypeVar("Item")


class Found(NamedTuple):
    """A package that the caller may read, with the caller and the shelf."""

    identity: Identity
    shelf: Shelf
    package: Package


def get_packages(call: PackageCall, kind: str, login: str) -> Response:
    """List the packages of type `?package_type=` that the caller may read, by name; `?visibility=` selects some."""
    type = call.request.args.get("package_type", "")
    identity, owner = _enter(call, kind, login, type, PULL)
    wanted = _wanted(call, type)
    shelf = access.shelf(call, type, owner)
    if not shelf:
        return _list(call, [], dict)
    shown = [package for package in shelf.packages(identity) if wanted in ("", shelf.visibility(package))]
    return _list(call, shown, lambda package: package_document(shelf, package))


def get_package(call: PackageCall, kind: str, login: str, type: str, name: str) -> Response:
    """Show one package."""
    _, shelf, package = _find(call, kind, login, type, name, PULL)
    return json_response(package_document(shelf, package))


def delete(call: PackageCall, kind: str, login: str, type: str, name: str) -> Response:
    """Delete the package with all its versions and answer 204; it can be restored for a while."""
    found = _find(call, kind, login, type, name, DELETE)
    _check_administrator(found, kind)
    packages, site, package = call.github.packages, found.shelf.site, found.package
    _check_deletable(found, packages.versions(site, package))
    with call.github.settled(site, package.name):
        delete_package(packages, site, package, now=call.github.clock())
    return EmptyResponse(status=204)


def post_restore(call: PackageCall, kind: str, login: str, type: str, name: str) -> Response:
    """Restore the package and answer 204; raise 403 if its name is in use again."""
    identity, owner = _enter(call, kind, login, type, RESTORE)
    shelf = access.shelf(call, type, owner)
    gone = deleted_packages(shelf.site, owner, now=call.github.clock()) if shelf else []
    package = shelf.named(name, identity, [deleted.package for deleted in gone]) if shelf else None
    if not shelf or not package:
        raise _missing()
    _check_administrator(Found(identity, shelf, package), kind)
    _restore(call, shelf, next(deleted for deleted in gone if deleted.package is package))
    return EmptyResponse(status=204)


def get_versions(call: PackageCall, kind: str, login: str, type: str, name: str) -> Response:
    """List the versions of a package, the newest first; with `?state=deleted` those that can be restored."""
    _, shelf, package = _find(call, kind, login, type, name, PULL)
    state = call.request.args.get("state", "active")
    if state not in ("active", "deleted"):
        raise RegistryError(Code.UNSUPPORTED, f"state must be active or deleted, got {values.shown(state)}", status=422)
    if state == "active":
        tags = tags_by_digest(shelf.site, package.name)
        versions = call.github.packages.versions(shelf.site, package)
        return _list(call, versions, lambda version: version_document(shelf, package, version, tags=tags))
    gone = deleted_versions(shelf.site, package, now=call.github.clock())
    return _list(call, gone, lambda deleted: deleted_document(shelf, deleted))


def get_version(call: PackageCall, kind: str, login: str, type: str, name: str, id: str) -> Response:
    """Show one version."""
    _, shelf, package = _find(call, kind, login, type, name, PULL)
    tags = tags_by_digest(shelf.site, package.name)
    return json_response(version_document(shelf, package, _version(call, shelf, package, id), tags=tags))


def delete_one_version(call: PackageCall, kind: str, login: str, type: str, name: str, id: str) -> Response:
    """Delete the version, and with the last one the package, and answer 204."""
    found = _find(call, kind, login, type, name, DELETE)
    _check_administrator(found, kind)
    version = _version(call, found.shelf, found.package, id)
    _check_deletable(found, [version])
    packages, site, package = call.github.packages, found.shelf.site, found.package
    with call.github.settled(site, package.name):
        delete_version(packages, site, package, version, now=call.github.clock())
    return EmptyResponse(status=204)


def post_restore_version(call: PackageCall, kind: str, login: str, type: str, name: str, id: str) -> Response:
    """Restore the version with those of its tags that are free and answer 204; raise 403 if its name is taken."""
    found = _find(call, kind, login, type, name, RESTORE)
    _check_administrator(found, kind)
    gone = deleted_versions(found.shelf.site, found.package, now=call.github.clock())
    deleted = next((one for one in gone if str(one.versions[0].id) == id), None)
    if not deleted:
        raise _missing()
    _restore(call, found.shelf, deleted)
    return EmptyResponse(status=204)


def get_conflicts(call: PackageCall, kind: str, login: str) -> Response:
    """List the packages of the Docker registry that cannot be migrated: the Container registry has their names."""
    identity, owner = _enter(call, kind, login, DOCKER, PULL)
    shelf = access.shelf(call, DOCKER, owner)
    if not shelf:
        return _list(call, [], dict)
    shown = [package for package in call.github.conflicts(owner) if shelf.shows(identity, package)]
    return _list(call, shown, lambda package: package_document(shelf, package))


def _enter(call: PackageCall, kind: str, login: str, type: str, action: str) -> tuple[Identity, str]:
    """Return the caller and the account of the path; raise 401, 403 for a missing scope, 404 for an unknown account."""
    dialect = access.dialect_of(call, type)
    identity = access.identify(call, dialect)
    if not identity.user and dialect.auth != "none":
        raise access.unauthorized(dialect)
    if type not in TYPE_NAMES:
        status = 422 if type else 400
        raise RegistryError(
            Code.UNSUPPORTED,
            f"package_type must be one of {', '.join(TYPE_NAMES)}, got {values.shown(type)}",
            status=status,
        )
    access.check_scopes(identity, type, dialect, action)
    owner = _account(call, identity, kind, login.lower())
    if action != PULL:
        _check_writable(call, type, owner)
    return identity, owner


def _check_writable(call: PackageCall, type: str, owner: str) -> None:
    """Raise the refusal of a read-only registry: the one of the type, or the one that the images have moved to."""
    if site := call.github.site(type):
        for dialect in (site.dialect, call.github.home(site, Name(owner)).dialect):
            if dialect.ecosystem == "read-only":
                raise RegistryError(Code.DENIED, "this registry is read-only", status=dialect.read_only_refusal)


def _account(call: PackageCall, identity: Identity, kind: str, login: str) -> str:
    accounts = call.github.accounts
    if kind == "user" and not identity.user:
        raise access.unauthorized(call.dialect)
    if kind == "user" and identity.user not in accounts.users:
        raise RegistryError(Code.DENIED, "Resource not accessible by integration")
    owner = identity.user if kind == "user" else login
    if owner not in (accounts.organizations if kind == "orgs" else accounts.users):
        raise _missing()
    return owner


def _wanted(call: PackageCall, type: str) -> str:
    """Return the visibility to list; `internal` means `private` for packages with a repository's rights (GP-2.11)."""
    text = call.request.args.get("visibility", "")
    if text and text not in list(Visibility):
        raise RegistryError(
            Code.UNSUPPORTED, f"visibility must be one of {', '.join(Visibility)}, got {values.shown(text)}", status=422
        )
    return Visibility.PRIVATE if text == Visibility.INTERNAL and not TYPES.get(type, NO_PACKAGES).internal else text


def _find(call: PackageCall, kind: str, login: str, type: str, name: str, action: str) -> Found:
    identity, owner = _enter(call, kind, login, type, action)
    shelf = access.shelf(call, type, owner)
    package = shelf.named(name, identity, shelf.packages(identity)) if shelf else None
    if not shelf or not package:
        raise _missing()
    return Found(identity, shelf, package)


def _version(call: PackageCall, shelf: Shelf, package: Package, id: str) -> Version:
    versions = call.github.packages.versions(shelf.site, package)
    found = next((version for version in versions if str(version.id) == id), None)
    if not found:
        raise _missing()
    return found


def _check_administrator(found: Found, kind: str) -> None:
    """Raise 403 unless the caller has the role admin; below `/orgs` users must be owners of the organization, too."""
    identity, shelf, package = found
    organization = shelf.call.github.accounts.organizations.get(package.owner)
    workflow = identity.token is not None and identity.token.kind == Kind.ACTIONS
    owner = not organization or workflow or identity.user in organization.owners
    owner = owner or kind != "orgs" or shelf.site.dialect.auth == "none"
    if not owner or DELETE not in shelf.rights(identity, package):
        raise RegistryError(Code.DENIED, "Must have admin rights to the package.")


def _check_deletable(found: Found, versions: Sequence[Version]) -> None:
    """Raise the dialect's refusal for public versions with many downloads (GHD-30, GP-2.23)."""
    dialect = found.shelf.site.dialect
    most = dialect.undeletable_downloads
    public = found.shelf.visibility(found.package) == Visibility.PUBLIC
    if public and 0 < most < max((version.downloads for version in versions), default=0):
        message = f"a public version with more than {most} downloads cannot be deleted"
        raise RegistryError(Code.DENIED, message, status=dialect.undeletable_refusal)


def _restore(call: PackageCall, shelf: Shelf, deleted: Kept) -> None:
    try:
        with call.github.settled(shelf.site, deleted.package.name):
            restore(shelf.site, deleted)
    except NameTaken:
        raise RegistryError(Code.DENIED, "the name is in use again: delete that package or version first") from None


def _list(call: PackageCall, items: Sequence[Item], show: Callable[[Item], dict[str, Any]]) -> Response:
    shown, headers = lists.page(call, items)
    return json_response([show(item) for item in shown], **headers)


def _missing() -> RegistryError:
    return RegistryError(Code.NAME_UNKNOWN, "Package not found.")
