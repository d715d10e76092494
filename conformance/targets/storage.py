"""Storages of a fake by name. A run gives each of them a new temporary folder, and none that holds anything already.

The text is that of `fakereg serve --storage`, with `{folder}` for the temporary folder; a name alone stands for
`NAME:{folder}/store`, and `memory` for itself. Any entry point of the group `fakereg.storage` can be named.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

from conformance.errors import ConfigurationError

GROUP = "fakereg.storage"
MEMORY, DIRECTORY = "memory", "directory"
FOLDER = "{folder}"
STORE = f"{FOLDER}/store"


def own_names() -> list[str]:
    """The names of the storages that come with fakereg, `memory` first."""
    points = entry_points(group=GROUP)
    found = {point.name for point in points if point.dist and point.dist.name == "fakereg"}
    return sorted(found, key=lambda name: (name != MEMORY, name))


def names_in(text: str) -> list[str]:
    """The storages in a comma-separated list; ConfigurationError for one that cannot be used."""
    found = [part.strip() for part in text.split(",") if part.strip()]
    for storage in found:
        template(storage)
    return found


def template(storage: str) -> str:
    """The text for `fakereg serve --storage`, with `{folder}` for a temporary folder; ConfigurationError."""
    name, separator, argument = storage.partition(":")
    known = sorted(entry_points(group=GROUP).names)
    if name not in known:
        raise ConfigurationError(f"storage must be one of {', '.join(known)}, got {storage!r}")
    if separator and FOLDER not in argument:
        raise ConfigurationError(
            f"the path of a storage must contain {FOLDER}, since a run deletes content, got {storage!r}: "
            f"give {name} alone for a temporary path"
        )
    return storage if separator or name == MEMORY else f"{name}:{STORE}"


def store_in(folder: Path) -> Path:
    """The place of the store in its folder, for a storage that was named without a path."""
    return Path(STORE.replace(FOLDER, str(folder)))


def is_durable(storage: str) -> bool:
    """Whether content outlives the process."""
    return storage != MEMORY


def is_directory(storage: str) -> bool:
    """Whether the store is a folder of image layouts, which other tools read."""
    return storage == DIRECTORY
