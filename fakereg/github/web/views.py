"""The values that pages show of packages and versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from fakereg.github import image
from fakereg.github.image import Labels, Platform
from fakereg.github.model import Package, Version
from fakereg.github.packages import tags_by_digest
from fakereg.github.web.access import Shelf
from fakereg.github.web.documents import account_path, page_path, time_text
from fakereg.spec.manifest import Descriptor
from fakereg.spec.names import Digest, Tag


@dataclass(frozen=True, slots=True)
class PackageView:
    """A package; `path` is that of its page."""

    name: str
    path: str
    registry: str
    owner: str
    owner_path: str
    repository: str
    visibility: str
    version_count: int
    downloads: int
    created_at: str
    updated_at: str


@dataclass(frozen=True, slots=True)
class VersionView:
    """A version; `command` pulls it, and is empty where the registry is not served.

    It is not `listed` if its manifest is too large for the page to show its content.
    """

    id: int
    tags: Sequence[str]
    digest: str
    media_type: str
    size: int
    listed: bool
    large: bool
    downloads: int
    created_at: str
    command: str
    layers: Sequence[Descriptor]
    children: Sequence[Descriptor]
    platforms: Sequence[Platform]
    labels: Labels


def package_view(shelf: Shelf, package: Package) -> PackageView:
    """Return the values of a package for a list and its page."""
    call = shelf.call
    versions = call.github.packages.versions(shelf.site, package)
    repository = call.github.accounts.repositories.get(package.source)
    return PackageView(
        name=package.name,
        path=page_path(call, package),
        registry=package.kind.registry,
        owner=package.owner,
        owner_path=f"{account_path(call, package.owner)}/packages",
        repository=repository.name if repository else "",
        visibility=shelf.visibility(package),
        version_count=len(versions),
        downloads=sum(version.downloads for version in versions),
        created_at=time_text(package.created_at),
        updated_at=time_text(package.updated_at),
    )


def version_views(shelf: Shelf, package: Package, versions: Sequence[Version]) -> list[VersionView]:
    """Return the values of versions for a page, without versions deleted meanwhile."""
    tags = tags_by_digest(shelf.site, package.name)
    views = [_view(shelf, package, version, tags) for version in versions]
    return [view for view in views if view]


def is_link(url: str) -> bool:
    """Return whether a URL from a label may become a link."""
    try:
        return urlsplit(url).scheme in ("http", "https") and bool(urlsplit(url).hostname)
    except ValueError:
        return False


def _view(shelf: Shelf, package: Package, version: Version, tags: Mapping[Digest, Sequence[Tag]]) -> VersionView | None:
    stored = shelf.site.storage.manifest(package.name, package.kind.reference(version.name))
    if not stored:
        return None
    manifest, notice = image.shown(stored), shelf.site.dialect.image_size_notice
    shown = package.kind.tags(version.name, tags)
    size = manifest.blob_bytes
    return VersionView(
        id=version.id,
        tags=shown,
        digest=stored.digest,
        media_type=stored.media_type,
        size=size,
        listed=len(stored.content) <= image.SHOWN_LIMIT,
        large=0 < notice < size,
        downloads=version.downloads,
        created_at=time_text(version.created_at),
        command=_command(shelf, package, shown, stored.digest),
        layers=manifest.blobs[1:],
        children=manifest.manifests,
        platforms=image.platforms(manifest),
        labels=image.labels(shelf.site.storage, package.name, manifest),
    )


def _command(shelf: Shelf, package: Package, tags: Sequence[str], digest: str) -> str:
    host = shelf.call.github.sites.host(shelf.site, shelf.call.request)
    reference = f":{tags[0]}" if tags else f"@{digest}"
    return f"docker pull {host}/{package.name}{reference}" if host else ""
