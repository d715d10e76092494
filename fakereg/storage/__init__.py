"""Storages by name: `memory`, `directory:PATH`, and what other packages offer as `fakereg.storage` entry points."""

from __future__ import annotations

import functools
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import cast

from fakereg.clock import Clock
from fakereg.storage.base import Storage, StorageError

GROUP = "fakereg.storage"


def open_storage(text: str, *, clock: Clock, new_id: Callable[[], str] | None = None) -> Storage:
    """Open the storage `NAME[:ARGUMENT]`; raise ValueError with what exists, or StorageError.

    The entry point NAME is called with the argument, if there is one, and the keywords `clock` and `new_id`.
    """
    name, separator, argument = text.partition(":")
    if name == "directory" and not argument:
        raise ValueError("the storage directory needs a path: directory:PATH")
    factory = _factory(name)
    arguments = (argument,) if separator else ()
    try:
        return factory(*arguments, clock=clock, new_id=new_id)
    except TypeError as problem:
        raise StorageError(f"storage {text!r} cannot be opened: {problem}") from problem


@functools.cache
def _factory(name: str) -> Callable[..., Storage]:
    """The storage class of that name; looked up once, since reading the installed packages takes milliseconds."""
    found = tuple(entry_points(group=GROUP, name=name))
    if not found:
        known = ", ".join(sorted(entry_points(group=GROUP).names))
        raise ValueError(f"storage {name!r} is unknown; known are {known}")
    return cast(Callable[..., Storage], found[0].load())
