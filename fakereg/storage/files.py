"""Files that appear in one step, and the spool of storages that keep uploads in files."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from fakereg.storage.base import UploadBusy, UploadGone

PARTIAL = ".partial"
"""Suffix of files that are not complete yet; the next start removes them."""


def write(path: Path, data: bytes) -> None:
    """Write a file in one step."""
    partial = path.with_name(path.name + PARTIAL)
    try:
        partial.write_bytes(data)
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def link(source: Path, target: Path) -> bool:
    """Make `target` a hard link to `source`, or a copy if the file system cannot make another link.

    An existing `target` is kept. Tell whether `source` exists.
    """
    try:
        os.link(source, target)
    except FileNotFoundError:
        return False
    except FileExistsError:
        pass
    except OSError:
        partial = target.with_name(target.name + PARTIAL)
        shutil.copyfile(source, partial)
        partial.replace(target)
    return True


def remove(path: Path) -> None:
    """Remove a file, or a folder with its content."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def lock(file: BinaryIO) -> bool:
    """Lock an open file until it is closed or the process ends; False if it is locked through another open file."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class FileSpool:
    """A spool whose bytes are the file `path`, which is locked as long as the spool is held.

    `describe` is called with the id and the new text. Raise UploadBusy or UploadGone.
    """

    def __init__(self, id: str, path: Path, describe: Callable[[str, str], None]) -> None:
        self.id = id
        self.path = path
        self._describe = describe
        try:
            self._file = path.open("r+b", buffering=0)
        except FileNotFoundError:
            raise UploadGone from None
        if not lock(self._file):
            self._file.close()
            raise UploadBusy
        self.size = self._file.seek(0, os.SEEK_END)

    def append(self, data: bytes) -> None:
        """Add bytes at the end."""
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]
        self.size += len(data)

    def truncate(self, size: int) -> None:
        """Drop all bytes from offset `size` on."""
        self._file.truncate(size)
        self.size = self._file.seek(size)

    def describe(self, text: str) -> None:
        """Replace the text."""
        self._describe(self.id, text)

    def open(self) -> BinaryIO:
        """Return a stream over the bytes so far."""
        return self.path.open("rb")

    def close(self) -> None:
        """Let others hold the spool."""
        self._file.close()
