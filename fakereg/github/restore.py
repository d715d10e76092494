"""Delete and restore packages and versions: the content in the storage together with the metadata."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from fakereg.github.deleted import BYTES_LIMIT, Deleted, Kept
from fakereg.github.model import Package, Version
from fakereg.github.packages import Packages, tags_by_digest, version_names
from fakereg.http.hosts import Site
from fakereg.spec import manifest as manifests
from fakereg.spec.errors import Code, RegistryError
from fakereg.spec.manifest import Manifest
from fakereg.spec.names import Digest, Name, Tag


class NameTaken(Exception):
    """The name of the package or version to restore is in use again."""


def delete_package(packages: Packages, site: Site, package: Package, *, now: float) -> None:
    """Delete all versions of a package; the manifests are kept, the blobs stay in the repository."""
    with packages.lock:
        _check_current(packages, site, package)
        versions = tuple(packages.versions(site, package))
        digests = site.storage.manifests(package.name) or []
        content = tuple(_content(site, package.name, digests))
        site.storage.delete_manifests(package.name, digests)
        packages.forget(package)
        packages.deleted.add(Deleted(package, versions, content, True, now, _until(site, now)))


def delete_version(packages: Packages, site: Site, package: Package, version: Version, *, now: float) -> None:
    """Delete one version; with the last one, delete the package ("Deleting and restoring a package")."""
    with packages.lock:
        if [*version_names(site, package.name)] == [version.name]:
            delete_package(packages, site, package, now=now)
            return
        _check_current(packages, site, package)
        content = tuple(_remove(site, package.name, package.kind.reference(version.name)))
        package.versions.pop(version.name, None)
        packages.deleted.add(Deleted(package, (version,), content, False, now, _until(site, now)))


def restore_package(packages: Packages, site: Site, deleted: Deleted) -> None:
    """Undo the deletion of a package; raise NameTaken."""
    package, content = deleted.package, _parsed(deleted)
    with packages.lock:
        packages.check_settled(package.name)
        if version_names(site, package.name):
            raise NameTaken
        _put_back(site, package.name, content)
        package.versions = {version.name: version for version in deleted.versions}
        packages.adopt(package)
        packages.deleted.remove(deleted)


def restore_version(packages: Packages, site: Site, deleted: Deleted) -> None:
    """Undo the deletion of a version, with those of its tags that are free; raise NameTaken."""
    package, (version,), content = deleted.package, deleted.versions, _parsed(deleted)
    with packages.lock:
        _check_current(packages, site, package)
        if version.name in version_names(site, package.name):
            raise NameTaken
        _put_back(site, package.name, content)
        package.versions[version.name] = version
        packages.deleted.remove(deleted)


def _check_current(packages: Packages, site: Site, package: Package) -> None:
    """Raise 503 while the package is being migrated, 404 if it was deleted or replaced since it was found."""
    packages.check_settled(package.name)
    if packages.find(site, package.name) is not package:
        raise RegistryError(Code.NAME_UNKNOWN, "Package not found.")


def _until(site: Site, now: float) -> float:
    return now + site.dialect.restore_days * 86400


def _content(site: Site, name: Name, digests: Iterable[Digest]) -> Iterator[Kept]:
    """Yield manifests and their tags, up to and with the first one that makes them too large to be kept."""
    tags, size = tags_by_digest(site, name), 0
    for digest in digests:
        if size <= BYTES_LIMIT and (manifest := site.storage.manifest(name, digest)):
            size += len(manifest.content)
            yield Kept(manifest, tuple(tags.get(digest, ())))


def _remove(site: Site, name: Name, reference: Tag | Digest) -> Iterator[Kept]:
    """Delete a manifest; or a tag, and its manifest if no other tag points to it."""
    if isinstance(reference, Digest):
        yield from _content(site, name, [reference])
        site.storage.delete_manifest(name, reference)
    else:
        yield from _remove_tag(site, name, reference)


def _remove_tag(site: Site, name: Name, tag: Tag) -> Iterator[Kept]:
    manifest = site.storage.manifest(name, tag)
    if manifest:
        yield Kept(manifest, (tag,))
        if tags_by_digest(site, name)[manifest.digest] == [tag]:
            site.storage.delete_manifest(name, manifest.digest)
        else:
            site.storage.delete_tag(name, tag)


def _parsed(deleted: Deleted) -> list[tuple[Manifest, Collection[Tag]]]:
    """Parse the deleted manifests; do this before taking the lock, since they may be large."""
    return [(manifests.read(*kept.manifest), kept.tags) for kept in deleted.content]


def _put_back(site: Site, name: Name, content: Iterable[tuple[Manifest, Collection[Tag]]]) -> None:
    taken = set(site.storage.tags(name) or ())
    site.storage.put_manifests(
        name, [(manifest, [tag for tag in tags if tag not in taken]) for manifest, tags in content]
    )
