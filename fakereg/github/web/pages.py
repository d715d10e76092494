"""HTML pages: the packages of an account or repository, and one package (GHD-22, GHD-23, GHC-09).

A caller who may pull an image may see its page. A browser asks for name and token when it gets the Basic challenge.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple, TypeVar
from urllib.parse import urlencode

from werkzeug.wrappers import Response

from fakereg.auth.accounts import Role
from fakereg.auth.caller import PULL, token_rights
from fakereg.dialect.fields import LARGE_IMAGE
from fakereg.github.image import Labels
from fakereg.github.model import CONTAINER, DOCKER, Package
from fakereg.github.packages import tags_by_digest
from fakereg.github.state import PackageCall
from fakereg.github.web import access, html
from fakereg.github.web.access import Shelf
from fakereg.github.web.documents import account_path
from fakereg.github.web.views import is_link, package_view, version_views
from fakereg.spec.errors import Code, RegistryError

PAGE_SIZE = 30
"""Packages or versions on one page."""

_DIGITS = 9

Item = TypeVar("Item")
Trail = list[tuple[str, str]]


class Shown(NamedTuple):
    """A package that the caller may pull, and its shelf."""

    shelf: Shelf
    package: Package


def get_account(call: PackageCall, kind: str, login: str) -> Response:
    """Show the packages of an organization (`orgs`) or a user (`users`)."""
    owner = login.lower()
    found = _visible(call, owner, (CONTAINER, DOCKER)) if _is_account(call, kind, owner) else None
    return _list(call, owner, found, [(owner, f"/{kind}/{owner}/packages")])


def get_repository(call: PackageCall, owner: str, repository: str) -> Response:
    """Show the packages of a repository: those of the Docker registry, and those that are linked to it."""
    owner, name = owner.lower(), f"{owner}/{repository}".lower()
    found = [shown for shown in _visible(call, owner, (CONTAINER, DOCKER)) if shown.package.source == name]
    trail = [(owner, f"{account_path(call, owner)}/packages"), (repository.lower(), f"/{name}/packages")]
    return _list(call, name, found if found or _reads(call, name) else None, trail)


def get_by_id(call: PackageCall, owner: str, repository: str, id: str) -> Response:
    """Show a package of the Docker registry, also after its migration, or of it the version `?version=`."""
    name, tag = f"{owner}/{repository}".lower(), call.request.args.get("version", "")
    found = _visible(call, owner.lower(), (DOCKER,))
    of_id = [one for one in found if (one.package.source, str(one.package.id)) == (name, id)]
    return _one(call, DOCKER, of_id, tag=tag)


def get_container(call: PackageCall, kind: str, login: str, name: str) -> Response:
    """Show a package of the Container registry."""
    return get_container_version(call, kind, login, name, "")


def get_container_version(call: PackageCall, kind: str, login: str, name: str, id: str) -> Response:
    """Show one version of a package of the Container registry; without an id, all of them."""
    owner = login.lower()
    found = _visible(call, owner, (CONTAINER,)) if _is_account(call, kind, owner) else []
    return _one(call, CONTAINER, [one for one in found if one.package.path == name], id=id)


def _is_account(call: PackageCall, kind: str, login: str) -> bool:
    accounts = call.github.accounts
    return login in (accounts.organizations if kind == "orgs" else accounts.users)


def _reads(call: PackageCall, repository: str) -> bool:
    """Return whether the repository exists and the caller may read it."""
    dialect, accounts = access.dialect_of(call, DOCKER), call.github.accounts
    identity = access.identify(call, dialect)
    open_to_all = dialect.auth == "none" and repository in accounts.repositories
    return open_to_all or accounts.role(identity, repository) >= Role.READ


def _visible(call: PackageCall, owner: str, types: Collection[str]) -> list[Shown]:
    """Return the packages of an account that the caller may pull, by name; a migrated one is listed once."""
    found: dict[int, Shown] = {}
    for type in types:
        dialect = access.dialect_of(call, type)
        identity = access.identify(call, dialect)
        shelf = access.shelf(call, type, owner)
        allowed = token_rights(identity, write_includes_read=dialect.write_includes_read)
        readable = dialect.auth == "none" or PULL in allowed
        if shelf and readable:
            shown = (Shown(shelf, package) for package in shelf.packages(identity))
            found = {**{one.package.id: one for one in shown}, **found}
    return sorted(found.values(), key=lambda one: one.package.name)


def _list(call: PackageCall, title: str, found: list[Shown] | None, trail: Trail) -> Response:
    if found is None or (not found and _is_anonymous(call)) or "sign-in" in call.request.args:
        _refuse(call, DOCKER, known=found is not None)
    shown, links = _page(call, found or [])
    return html.page(
        "packages.html",
        owner=title,
        trail=trail,
        packages=[package_view(*one) for one in shown],
        count=len(found or []),
        links=links,
        anonymous=_is_anonymous(call),
    )


def _one(call: PackageCall, type: str, found: Sequence[Shown], *, id: str = "", tag: str = "") -> Response:
    """Show the first package and its versions, or only the version of that id or tag."""
    if not found:
        _refuse(call, type, known=False)
    shelf, package = found[0]
    versions = call.github.packages.versions(shelf.site, package)
    if id:
        versions = [version for version in versions if str(version.id) == id]
    elif tag:
        tags = tags_by_digest(shelf.site, package.name)
        versions = [version for version in versions if tag in package.kind.tags(version.name, tags)]
    if (id or tag) and not versions:
        _refuse(call, type, known=False)
    shown, links = _page(call, versions)
    newest = version_views(shelf, package, versions[:PAGE_SIZE])
    lead = next((version for version in newest if version.tags), newest[0] if newest else None)
    labels, view = lead.labels if lead else Labels(), package_view(shelf, package)
    return html.page(
        "package.html",
        package=view,
        command=lead.command if lead else "",
        versions=newest if shown == versions[:PAGE_SIZE] else version_views(shelf, package, shown),
        labels=labels,
        source_is_link=is_link(labels.source),
        notice=LARGE_IMAGE,
        links=links,
        trail=[(package.owner, view.owner_path), (package.path, view.path)],
    )


def _refuse(call: PackageCall, type: str, *, known: bool) -> None:
    """Raise 401 for a caller without credentials, 404 for others unless the list is `known` and only empty."""
    if _is_anonymous(call):
        raise access.unauthorized(access.dialect_of(call, type))
    if not known:
        raise RegistryError(Code.NAME_UNKNOWN, "This page does not exist, or you may not see it.")


def _is_anonymous(call: PackageCall) -> bool:
    """Return whether the caller sent no credentials, and credentials could change the page."""
    asking = any(site.dialect.auth != "none" for site in call.github.sites.all)
    return asking and not call.request.headers.get("Authorization")


def _page(call: PackageCall, items: Sequence[Item]) -> tuple[Sequence[Item], Trail]:
    """Return the part of a list at `?page=`, and links to the pages before and after it."""
    text = call.request.args.get("page", "")
    number = int(text[:_DIGITS]) if text.isascii() and text.isdigit() else 1
    start = max(number - 1, 0) * PAGE_SIZE
    links = [("Previous page", number - 1)] if start else []
    links += [("Next page", number + 1)] if start + PAGE_SIZE < len(items) else []
    return items[start : start + PAGE_SIZE], [(text, f"?{urlencode({'page': to})}") for text, to in links]
