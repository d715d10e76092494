"""Run as `damaging_server.py KIND FOLDER`: `fakereg serve`, on a folder that it damages or with a part broken.

What it remembers from one start to the next lies beside the folder.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from fakereg.command import cli
from fakereg.spec.names import Digest
from fakereg.storage import directory, layout, taking
from fakereg.storage.base import Delta
from fakereg.storage.layout import Layout
from fakereg.storage.repositories import Repositories

KINDS: dict[str, Callable[[Path], None]] = {}
"""What is wrong with each server; called before its start."""


def kind(damage: Callable[[Path], None]) -> Callable[[Path], None]:
    KINDS[damage.__name__.replace("_", "-")] = damage
    return damage


def _layouts(folder: Path) -> list[Path]:
    return sorted(folder.glob("repositories/*"))


# Damage between a kill and the next start.


@kind
def blob_cut(folder: Path) -> None:
    blobs = list(folder.glob("repositories/*/pushed/*/*"))
    files = [path.parents[2] / "blobs" / path.parent.name / path.name for path in blobs]
    if files:
        os.truncate(max(files, key=lambda path: path.stat().st_size), 5)


@kind
def index_of_yesterday(folder: Path) -> None:
    for found in _layouts(folder):
        kept = folder.parent / f"{found.name}.json"
        if kept.exists():
            shutil.copy(kept, found / "index.json")
        else:
            shutil.copy(found / "index.json", kept)


@kind
def tag_lost(folder: Path) -> None:
    for found in _layouts(folder):
        document = json.loads((found / "index.json").read_bytes())
        name = "org.opencontainers.image.ref.name"
        tagged = [entry for entry in document["manifests"] if name in entry.get("annotations", {})]
        for entry in tagged[:1]:
            del entry["annotations"][name]
        (found / "index.json").write_text(json.dumps(document))


@kind
def stray_file(folder: Path) -> None:
    for found in _layouts(folder):
        (found / "index.json.tmp").write_text("{")


@kind
def upload_cut(folder: Path) -> None:
    files = [path for path in folder.glob("uploads/*") if path.suffix != ".json"]
    for path in files:
        os.truncate(path, path.stat().st_size // 2)


# A server that is right, and has to do with every change what others do with those of large repositories.


@kind
def log_always(folder: Path) -> None:
    layout.SMALL_BYTES = -1


# Servers that are broken.


@kind
def index_written_later(folder: Path) -> None:
    write = Layout._write_index

    def later(self: Layout, logged: Delta) -> int:
        threading.Timer(0.2, write, (self, logged)).start()
        return 0

    Layout._write_index = later  # type: ignore[method-assign]


@kind
def tags_set_afterwards(folder: Path) -> None:
    change = Layout.change

    def in_two_steps(self: Layout, version: int, delta: Delta) -> None:
        change(self, version, replace(delta, tags={}))
        time.sleep(0.005)
        change(self, version, delta)

    Layout.change = in_two_steps  # type: ignore[method-assign]


@kind
def deletions_forgotten(folder: Path) -> None:
    mark = layout._mark

    def keep(pushed: Path, blobs: Mapping[Digest, int | None]) -> None:
        mark(pushed, {digest: size for digest, size in blobs.items() if size is not None})

    layout._mark = keep
    Layout.keeps = lambda self, digest: True  # type: ignore[method-assign]


@kind
def start_in_place(folder: Path) -> None:
    take_up = taking.take_up

    def slowly(place: Path) -> Any:
        if not (place / "index.json").exists():
            return take_up(place)
        data = (place / "index.json").read_bytes()
        (place / "index.json").unlink()
        time.sleep(0.05)
        (place / "index.json").write_bytes(data)
        return take_up(place)

    vars(directory)["take_up"] = slowly


@kind
def answers_with_errors(folder: Path) -> None:
    def refuse(*_: object) -> bool:
        raise RuntimeError("broken")

    Repositories.delete_tag = refuse  # type: ignore[method-assign,assignment]


@kind
def does_not_start(folder: Path) -> None:
    if _layouts(folder):
        sys.exit("the folder is not to my taste")


if __name__ == "__main__":
    KINDS[sys.argv[1]](Path(sys.argv[2]))
    sys.exit(cli.main(["serve", "--port", "0", "--quiet", "--storage", f"directory:{sys.argv[2]}"]))
