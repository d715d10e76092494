"""Packages and versions as notes: the texts in which a storage keeps what it does not know itself.

A repository has the note PACKAGE and a note for each version. They change in one step with its content.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import astuple
from typing import Any, TypeVar

from fakereg.auth.accounts import Role, Visibility
from fakereg.github.model import Package, Version
from fakereg.spec.names import Name
from fakereg.storage.base import StorageError
from fakereg.storage.index import Index
from fakereg.values import shown

Made = TypeVar("Made")

PACKAGE = "package"
_VERSION = "version/"


def package_document(package: Package) -> dict[str, Any]:
    """Return a package as a JSON object, without its name."""
    return {
        "id": package.id,
        "type": package.type,
        "created_at": package.created_at,
        "updated_at": package.updated_at,
        "visibility": package.visibility,
        "roles": {user: role.name.lower() for user, role in package.roles.items()},
        "repository": package.repository,
        "from_docker": package.from_docker,
    }


def package_of(name: Name, document: Mapping[str, Any]) -> Package:
    """Return the package of a JSON object."""
    fields = dict(document)
    fields["visibility"] = Visibility.parse(fields["visibility"])
    fields["roles"] = {user: Role.parse(role) for user, role in fields["roles"].items()}
    return Package(name=name, **fields)


def read(key: str, index: Index, make: Callable[[Any], Made]) -> Made | None:
    """Return what `make` makes of the JSON of a note; None if there is no such note. Raise StorageError."""
    text = index.notes.get(key)
    if text is None:
        return None
    try:
        return make(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise StorageError(f"the note {key} must be as it was written, got {shown(text)}: remove it") from problem


def package(name: Name, index: Index) -> Package | None:
    """Return the package of a repository, if it has the note; it may have lost all its versions since."""
    return read(PACKAGE, index, functools.partial(package_of, name))


def version(name: str, index: Index) -> Version | None:
    """Return a version, if the repository has its note; the version itself may be gone."""
    return read(_VERSION + name, index, lambda fields: Version(*fields))


def of_package(package: Package) -> dict[str, str]:
    """Return the note of a package."""
    return {PACKAGE: json.dumps(package_document(package))}


def of_versions(versions: Iterable[Version]) -> dict[str, str]:
    """Return the notes of versions."""
    return {_VERSION + version.name: json.dumps(astuple(version)) for version in versions}


def without_versions(index: Index, *, but: Container[str] = ()) -> dict[str, None]:
    """Return the change that removes the notes of all versions, or of all but some."""
    versions = (key for key in index.notes if key.startswith(_VERSION))
    return dict.fromkeys(key for key in versions if key.removeprefix(_VERSION) not in but)


def without_version(version: Version) -> dict[str, None]:
    """Return the change that removes the note of a version."""
    return {_VERSION + version.name: None}
