"""Packages: what GitHub knows of an image beside its content."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from fakereg.accounts import Role, Visibility
from fakereg.clock import Clock
from fakereg.names import Name


@dataclass(slots=True)
class Package:
    """An image as a package. `type` is `docker` or `container`, `name` the image's name in its registry.

    Visibility and roles count for a container package; one of the Docker registry has those of its repository.
    """

    id: int
    type: str
    name: Name
    created_at: float
    updated_at: float
    visibility: Visibility = Visibility.PRIVATE
    roles: Mapping[str, Role] = field(default_factory=dict)
    repository: str = ""

    @property
    def owner(self) -> str:
        """The login of the user or organization that it belongs to."""
        return self.name.partition("/")[0]


class Packages:
    """All packages, by type and name."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._ids = itertools.count(1)
        self._packages: dict[tuple[str, Name], Package] = {}

    def find(self, type: str, name: Name) -> Package | None:
        """The package of that name, if there is one."""
        return self._packages.get((type, name))

    def add(self, type: str, name: Name) -> Package:
        """The package of that name, made now if there is none."""
        with self._lock:
            now = self._clock()
            new = Package(next(self._ids), type, name, now, now)
            return self._packages.setdefault((type, name), new)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._packages.clear()
