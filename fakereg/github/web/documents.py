"""Packages and versions as JSON objects of GitHub's API, and the addresses of their pages (GP-5.12 to GP-5.15)."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from fakereg.auth.accounts import Repository, Visibility
from fakereg.github import image
from fakereg.github.kept import Kept
from fakereg.github.model import Package, Version
from fakereg.github.state import PackageCall
from fakereg.github.web.access import Shelf
from fakereg.http.origin import scheme
from fakereg.spec.names import Digest, Tag

API = "/api/v3"


def package_document(shelf: Shelf, package: Package) -> dict[str, Any]:
    """Return the JSON object of a package."""
    call = shelf.call
    repository = call.github.accounts.repositories.get(package.source)
    document = {
        "id": package.id,
        "name": package.title,
        "package_type": package.type,
        "owner": _owner(call, package.owner),
        "version_count": len(call.github.packages.versions(shelf.site, package)),
        "visibility": shelf.visibility(package),
        "url": package_url(call, package),
        "created_at": time_text(package.created_at),
        "updated_at": time_text(package.updated_at),
        "html_url": web_url(call) + page_path(call, package),
    }
    return {**document, "repository": _repository(call, repository)} if repository else document


def version_document(
    shelf: Shelf, package: Package, version: Version, *, tags: Mapping[Digest, Sequence[Tag]]
) -> dict[str, Any]:
    """Return the JSON object of a version; `tags` are those of the manifests of the image.

    A version of the Docker registry has both `tag` and `tags`: the published schema contradicts itself (GP-5.14).
    """
    call = shelf.call
    version_path = package.kind.version_page(package, version, account_path(call, package.owner))
    document = {
        "id": version.id,
        "name": version.name,
        "url": f"{package_url(call, package)}/versions/{version.id}",
        "package_html_url": web_url(call) + page_path(call, package),
        "html_url": web_url(call) + version_path,
        "created_at": time_text(version.created_at),
        "updated_at": time_text(version.updated_at),
        "metadata": {"package_type": package.type, package.type: package.kind.metadata(version.name, tags)},
    }
    labels = _labels(shelf, package, version)
    texts = {"description": labels.description, "license": labels.licenses}
    return {**document, **{key: text for key, text in texts.items() if text}}


def deleted_document(shelf: Shelf, deleted: Kept) -> dict[str, Any]:
    """Return the JSON object of a deleted version."""
    tags = {digest: [tag for tag, target in deleted.tags.items() if target == digest] for digest in deleted.manifests}
    document = version_document(shelf, deleted.package, deleted.versions[0], tags=tags)
    return {**document, "deleted_at": time_text(deleted.at)}


def page_path(call: PackageCall, package: Package) -> str:
    """Return the path of a package's page."""
    return package.kind.page(package, account_path(call, package.owner))


def account_path(call: PackageCall, login: str) -> str:
    """Return the path below which the packages of an account are, on pages and in the API."""
    return f"/{'orgs' if login in call.github.accounts.organizations else 'users'}/{login}"


def package_url(call: PackageCall, package: Package) -> str:
    """Return the URL of a package in the API, with its whole path: repositories may have images of the same name."""
    name = quote(package.path, safe="")
    return f"{web_url(call)}{API}{account_path(call, package.owner)}/packages/{package.type}/{name}"


def web_url(call: PackageCall) -> str:
    """Return scheme and host of API and pages."""
    return f"{scheme(call.request)}://{call.github.sites.host(None, call.request)}"


def time_text(seconds: float) -> str:
    """Return a time in GitHub's form."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _labels(shelf: Shelf, package: Package, version: Version) -> image.Labels:
    stored = shelf.site.storage.manifest(package.name, package.kind.reference(version.name))
    return image.labels(shelf.site.storage, package.name, image.shown(stored)) if stored else image.Labels()


def _owner(call: PackageCall, login: str) -> dict[str, Any]:
    organization = login in call.github.accounts.organizations
    return {
        "login": login,
        "id": _id(login),
        "url": f"{web_url(call)}{API}/{'orgs' if organization else 'users'}/{login}",
        "html_url": f"{web_url(call)}/{login}",
        "type": "Organization" if organization else "User",
        "site_admin": False,
    }


def _repository(call: PackageCall, repository: Repository) -> dict[str, Any]:
    return {
        "id": _id(repository.name),
        "name": repository.name.partition("/")[2],
        "full_name": repository.name,
        "private": repository.visibility != Visibility.PUBLIC,
        "owner": _owner(call, repository.owner),
        "url": f"{web_url(call)}{API}/repos/{repository.name}",
        "html_url": f"{web_url(call)}/{repository.name}",
    }


def _id(name: str) -> int:
    """Return an id for an account or repository, the same at every start."""
    return zlib.crc32(name.encode())
