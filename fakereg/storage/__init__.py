"""Storages by name: `memory`, `directory:PATH`, `sqlite:PATH`, and entry points `fakereg.storage` of other packages."""

from __future__ import annotations

import functools
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import cast

from fakereg.storage.base import Storage, StorageError

GROUP = "fakereg.storage"

_WITH_PATH = frozenset({"directory", "sqlite"})


def open_storage(text: str, *, namespace: str = "") -> Storage:
    """Open the storage `NAME[:ARGUMENT]`; raise ValueError that lists the names, or StorageError.

    The entry point NAME is called with the argument, if there is one, unchanged: the storage itself reads it.
    Several registries that share a text each have a `namespace`, which is passed on as a keyword if it is not empty;
    the content of one is not visible in another.
    """
    name, separator, argument = text.partition(":")
    if name in _WITH_PATH and not argument:
        raise ValueError(f"the storage {name} needs a path: {name}:PATH")
    if name == "memory" and separator:
        raise ValueError(f"the storage memory takes no argument, got {text!r}")
    factory = _factory(name)
    arguments = (argument,) if separator else ()
    options = {"namespace": namespace} if namespace else {}
    try:
        return factory(*arguments, **options)
    except TypeError as problem:
        raise StorageError(f"storage {text!r} cannot be opened: {problem}") from problem


@functools.cache
def _factory(name: str) -> Callable[..., Storage]:
    """Return the storage class of that name; reading the installed packages takes milliseconds, so this is kept."""
    found = tuple(entry_points(group=GROUP, name=name))
    if not found:
        known = ", ".join(sorted(entry_points(group=GROUP).names))
        raise ValueError(f"storage {name!r} is unknown; known are {known}")
    return cast(Callable[..., Storage], found[0].load())
