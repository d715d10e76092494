"""Deleting and restoring packages and versions: the content in the storage and what is known of it, together."""

from __future__ import annotations

from collections.abc import Iterable

from fakereg import image
from fakereg.deletions import Deleted, Kept
from fakereg.names import Name, Tag
from fakereg.packages import DOCKER, Package, Packages, Version, tags_by_digest, version_names
from fakereg.sites import Site


class NameTaken(Exception):
    """What is to be restored has a name that is in use again."""


def delete_package(packages: Packages, site: Site, package: Package, *, now: float) -> None:
    """Delete all versions of a package; the manifests are kept, the blobs stay in the repository."""
    with packages.lock:
        packages.check_settled(package.name)
        versions = tuple(packages.versions(site, package))
        content = tuple(_content(site, package.name))
        _remove(site, package.name, content)
        packages.forget(package)
        packages.deleted.add(Deleted(package, versions, content, True, now, _until(site, now)))


def delete_version(packages: Packages, site: Site, package: Package, version: Version, *, now: float) -> None:
    """Delete one version. With its last one a package is gone, too ("Deleting and restoring a package")."""
    with packages.lock:
        if [each.name for each in packages.versions(site, package)] == [version.name]:
            delete_package(packages, site, package, now=now)
            return
        packages.check_settled(package.name)
        if package.type == DOCKER:
            content = tuple(_remove_tag(site, package.name, Tag(version.name)))
        else:
            content = tuple(kept for kept in _content(site, package.name) if kept.manifest.digest == version.name)
            _remove(site, package.name, content)
        package.versions.pop(version.name, None)
        packages.deleted.add(Deleted(package, (version,), content, False, now, _until(site, now)))


def restore_package(packages: Packages, site: Site, deleted: Deleted) -> None:
    """Undo the deletion of a package; raise NameTaken."""
    package = deleted.package
    with packages.lock:
        packages.check_settled(package.name)
        if version_names(site, package.name):
            raise NameTaken
        _put_back(site, package.name, deleted.content)
        package.versions = {version.name: version for version in deleted.versions}
        packages.adopt(package)
        packages.deleted.remove(deleted)


def restore_version(packages: Packages, site: Site, deleted: Deleted) -> None:
    """Undo the deletion of a version, with those of its tags that are free; raise NameTaken."""
    package, (version,) = deleted.package, deleted.versions
    with packages.lock:
        packages.check_settled(package.name)
        if version.name in version_names(site, package.name):
            raise NameTaken
        _put_back(site, package.name, deleted.content)
        package.versions[version.name] = version
        packages.deleted.remove(deleted)


def _until(site: Site, now: float) -> float:
    return now + site.dialect.restore_days * 86400


def _content(site: Site, name: Name) -> Iterable[Kept]:
    tags = tags_by_digest(site, name)
    for digest in site.storage.manifests(name) or []:
        if manifest := site.storage.manifest(name, digest):
            yield Kept(manifest, tuple(tags.get(digest, ())))


def _remove(site: Site, name: Name, content: Iterable[Kept]) -> None:
    """Delete manifests; if the storage fails, put back those that are gone."""
    try:
        for kept in content:
            site.storage.delete_manifest(name, kept.manifest.digest)
    except BaseException:
        _put_back(site, name, content)
        raise


def _remove_tag(site: Site, name: Name, tag: Tag) -> Iterable[Kept]:
    """Delete a tag, and its manifest with the last one: nothing else leads to it."""
    manifest = site.storage.manifest(name, tag)
    if manifest:
        yield Kept(manifest, (tag,))
        if tags_by_digest(site, name)[manifest.digest] == [tag]:
            site.storage.delete_manifest(name, manifest.digest)
        else:
            site.storage.delete_tag(name, tag)


def _put_back(site: Site, name: Name, content: Iterable[Kept]) -> None:
    taken = set(site.storage.tags(name) or ())
    for kept in content:
        free = [tag for tag in kept.tags if tag not in taken]
        site.storage.put_manifest(name, image.parse(kept.manifest), tags=free, complete=False)
