"""Delete and restore packages and versions: content and notes in one step, so that a restart changes nothing.

What was deleted stays in its repository, where nobody can read it, and can be restored for a while (GHD-30 in
docs/github-registries.md).
"""

from __future__ import annotations

import functools

from fakereg.github import kept as keeping
from fakereg.github import notes
from fakereg.github.kept import Kept
from fakereg.github.model import Package, Version
from fakereg.github.packages import Packages, type_of
from fakereg.http.hosts import Site
from fakereg.spec.errors import Code, RegistryError
from fakereg.spec.names import Digest, Name, Tag
from fakereg.storage.base import Delta
from fakereg.storage.index import UNLISTED, Change, Index


class NameTaken(Exception):
    """The name of the package or version to restore is in use again."""


def delete_package(packages: Packages, site: Site, package: Package, *, now: float) -> None:
    """Delete all versions of a package, and the blobs of its repository."""
    packages.versions(site, package)  # so that all have a note, with all downloads
    site.storage.change(package.name, lambda index: _without_package(packages, site, package, index, now=now))


def delete_version(packages: Packages, site: Site, package: Package, version: Version, *, now: float) -> None:
    """Delete one version; with the last one, delete the package ("Deleting and restoring a package")."""

    def plan(index: Index) -> Change:
        if [*type_of(site).versions(package.name, index)] == [version.name]:
            return _without_package(packages, site, package, index, now=now)
        current, known = _current(site, package, index), notes.version(version.name, index)
        if not known or known.id != version.id:
            raise _missing()
        tags, manifests = _of_version(index, package.kind.reference(version.name))
        entries = {digest: index.manifests[digest] for digest in {*tags.values(), *manifests}}
        gone = Kept(current, (known,), False, entries, tags, at=now, until=_until(site, now))
        delta = Delta(dict.fromkeys(manifests), dict.fromkeys(tags), notes=notes.without_version(version))
        return keeping.put_aside(index, gone, delta)

    packages.versions(site, package)
    site.storage.change(package.name, plan)


def restore(site: Site, deleted: Kept) -> None:
    """Undo a deletion, of a version with those of its tags that are free; raise NameTaken."""

    def plan(index: Index) -> Change:
        if not deleted.whole:
            _current(site, deleted.package, index)
        _check_free(site, deleted, index)
        now = Kept.of_note(deleted.key, deleted.package.name, index)
        if not now:  # somebody else has restored it
            raise _missing()
        return keeping.put_in_place(index, deleted.key, now)

    site.storage.change(deleted.package.name, plan)


def deleted_packages(site: Site, owner: str, *, now: float) -> list[Kept]:
    """Return the packages of an account that can be restored, the last deleted first."""
    names = (name for name in site.storage.storage.repositories() if name.startswith(f"{owner}/"))
    found = [kept for name in names for kept in _restorable(site, name, now=now) if kept.whole]
    return sorted(found, key=lambda kept: (kept.at, kept.id), reverse=True)


def deleted_versions(site: Site, package: Package, *, now: float) -> list[Kept]:
    """Return the versions of a package that were deleted one by one and can be restored, the last deleted first.

    Versions deleted before a migration are not among them: a migration does not copy them.
    """
    found = _restorable(site, package.name, now=now)
    return [kept for kept in found if not kept.whole and kept.package.id == package.id]


def drop_expired(site: Site, *, now: float) -> None:
    """Drop everything of a registry that cannot be restored any more, or that a killed process has left."""
    for name in site.storage.storage.repositories():
        _restorable(site, name, now=now)
        drop_vanished(site, name)


def drop_vanished(site: Site, name: Name) -> None:
    """Drop what is left of versions that were deleted without the API; with the last one, nobody may read the blobs."""

    def plan(index: Index) -> Change | None:
        there = type_of(site).versions(name, index)
        if there or notes.PACKAGE not in index.notes:
            stale = notes.without_versions(index, but=there)
            return Change(Delta(notes=stale)) if stale else None
        return index.plan(_emptied(index))

    site.storage.change(name, plan)


def _restorable(site: Site, name: Name, *, now: float) -> list[Kept]:
    """Return what was deleted in a repository, the last first; drop that whose time is over."""

    def plan(index: Index) -> Change | None:
        over = [kept.key for kept in keeping.deleted(name, index) if kept.until < now]
        return keeping.drop(index, *over) if over else None

    site.storage.change(name, plan)
    return site.storage.read(name, functools.partial(keeping.deleted, name))


def _check_free(site: Site, deleted: Kept, index: Index) -> None:
    """Raise NameTaken if there is a package, or a version, of that name."""
    there = type_of(site).versions(deleted.package.name, index)
    if there if deleted.whole else deleted.versions[0].name in there:
        raise NameTaken


def _without_package(packages: Packages, site: Site, package: Package, index: Index, *, now: float) -> Change:
    current, known = _current(site, package, index), packages.known(site, package.name, index)
    gone = Kept(
        current,
        tuple(filter(None, known.values())),
        manifests=dict(index.manifests),
        tags=dict(index.tags),
        blobs=dict(index.blobs),
        at=now,
        until=_until(site, now),
    )
    return keeping.put_aside(index, gone, _emptied(index))


def _emptied(index: Index) -> Delta:
    """Return the change that leaves nothing of a package, and of its repository no trace."""
    texts = {**notes.without_versions(index), notes.PACKAGE: None, UNLISTED: ""}
    return Delta(dict.fromkeys(index.manifests), dict.fromkeys(index.tags), dict.fromkeys(index.blobs), texts)


def _of_version(index: Index, reference: Tag | Digest) -> tuple[dict[Tag, Digest], list[Digest]]:
    """Return the tags and manifests that go with a version: with a tag, its manifest unless it has another one."""
    digest = reference if isinstance(reference, Digest) else index.tags[reference]
    tags = {tag: target for tag, target in index.tags.items() if target == digest}
    if isinstance(reference, Digest):
        return tags, [digest]
    return {reference: digest}, [digest] if len(tags) == 1 else []


def _current(site: Site, package: Package, index: Index) -> Package:
    """Return the package as it is now; raise 404 if it was deleted or replaced since it was found."""
    current = notes.package(package.name, index) if type_of(site).versions(package.name, index) else None
    if not current or current.id != package.id:
        raise _missing()
    return current


def _missing() -> RegistryError:
    return RegistryError(Code.NAME_UNKNOWN, "Package not found.")


def _until(site: Site, now: float) -> float:
    return now + site.dialect.restore_days * 86400
