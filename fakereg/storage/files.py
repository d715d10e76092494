"""Files that appear in one step, content that matches its digest, and the spool of storages that keep uploads in files.

No call follows a symbolic link at the end of a path, so that whoever can put one into the folder of a storage does not
make the server read or write other files.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import logging
import os
import shutil
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from fakereg.spec.names import Digest
from fakereg.storage.base import StorageError, UploadBusy, UploadGone

PARTIAL = ".partial"
"""Suffix of files that are not complete yet; the next start removes them."""

_SETTLED_SECONDS = 0.1
"""Age from which on another write gives a file another time of change, however coarse the clock of the kernel is."""

_READ_BYTES = 1 << 20

_log = logging.getLogger(__name__)


def open_file(path: Path, flags: int = os.O_RDONLY) -> BinaryIO:
    """Open a regular file, without buffer to write to it.

    Raise FileNotFoundError if there is none, OSError if it is something else.
    """
    writing = flags & (os.O_WRONLY | os.O_RDWR)
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "this must be a regular file", str(path))
        return open(descriptor, "r+b", buffering=0) if writing else open(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read(path: Path) -> bytes:
    """Return the bytes of a regular file."""
    with open_file(path) as file:
        return file.read()


def is_file(path: Path) -> bool:
    """Tell whether there is a regular file; raise OSError if that cannot be known."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        return stat.S_ISREG(path.lstat().st_mode)
    return False


def write(path: Path, data: bytes) -> None:
    """Write a file in one step."""
    partial = path.with_name(path.name + PARTIAL)
    try:
        partial.unlink(missing_ok=True)
        with open_file(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL) as file:
            write_all(file, data)
        partial.replace(path)
    except OSError as problem:
        partial.unlink(missing_ok=True)
        raise OSError(problem.errno, problem.strerror, str(path)) from problem


def write_all(file: BinaryIO, data: bytes) -> None:
    """Write all of `data` to a file without buffer."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def link(source: Path, target: Path) -> bool:
    """Make `target` a hard link to `source`, or a copy if the file system cannot make another link.

    An existing `target` is replaced in one step. Tell whether `source` exists.
    """
    partial = target.with_name(target.name + PARTIAL)
    try:
        partial.unlink(missing_ok=True)
        try:
            os.link(source, partial, follow_symlinks=False)
        except FileNotFoundError:
            return False
        except OSError:
            with open_file(source) as old, open_file(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL) as new:
                shutil.copyfileobj(old, new, _READ_BYTES)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)  # `replace` leaves it if both are the same file already
    return True


def remove(path: Path) -> None:
    """Remove a file, or a folder with its content."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


class FolderLock:
    """Locks a folder until it is closed or the process ends, by the file `lock` in it, and itself.

    A second process stays out even if somebody has removed the file. Raise StorageError if the folder is locked.
    """

    def __init__(self, folder: Path) -> None:
        self._file = open_file(folder / "lock", os.O_WRONLY | os.O_CREAT)
        self._folder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        if not lock(self._file) or not self._lock_folder():
            self.close()
            raise StorageError(f"{folder} is in use by another process; give this one another folder")

    def _lock_folder(self) -> bool:
        try:
            return lock(self._folder)
        except OSError:  # file systems over a network may lock files only
            return True

    @property
    def closed(self) -> bool:
        """Whether another process may have the folder."""
        return self._file.closed

    def close(self) -> None:
        """Let another process lock the folder."""
        if not self.closed:
            self._file.close()
            os.close(self._folder)


def lock(file: BinaryIO | int) -> bool:
    """Lock an open file until it is closed or the process ends; False if it is locked through another open file."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class Verified:
    """Opens content that matches its digest.

    A file is read whole when it is opened for the first time, and again after it was written to or replaced. Damage
    that leaves the time of change as it is, such as that of a disk, is found after the next start.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], tuple[int, int, Digest]] = {}

    def open(self, path: Path, digest: Digest) -> BinaryIO | None:
        """Open the file; return None if it does not exist, and with a warning if it is no file or does not match."""
        try:
            file = open_file(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as problem:
            if problem.errno not in {errno.ELOOP, errno.EINVAL, errno.ENXIO}:
                raise
            _log.warning("%s is not served: %s", path, problem)
            return None
        try:
            status = os.fstat(file.fileno())
            key, seen = (status.st_dev, status.st_ino), (status.st_mtime_ns, status.st_size, digest)
            if self._known.get(key) != seen:
                if not _matches(file, digest):
                    _log.warning("%s is damaged and is not served: its bytes do not match its digest", path)
                    file.close()
                    return None
                if time.time() - status.st_mtime > _SETTLED_SECONDS:
                    self._known[key] = seen
                file.seek(0)
        except BaseException:
            file.close()
            raise
        return file


def _matches(file: BinaryIO, digest: Digest) -> bool:
    running = hashlib.new(digest.algorithm)
    while data := file.read(_READ_BYTES):
        running.update(data)
    return running.hexdigest() == digest.encoded


class Reserve:
    """A file that keeps some room on the disk, so that deletions, which need a little, work when the disk is full."""

    _BYTES = 64 << 10

    def __init__(self, path: Path) -> None:
        self._path = path
        self.fill()

    def fill(self) -> None:
        """Make the file again, if there is room."""
        with contextlib.suppress(OSError):
            if not is_file(self._path):
                write(self._path, os.urandom(self._BYTES))  # zeros may need no room

    def release(self) -> bool:
        """Remove the file; tell whether that made room."""
        with contextlib.suppress(OSError):
            self._path.unlink()
            return True
        return False


class FileSpool:
    """A spool whose bytes are the file `path`, which is locked as long as the spool is held.

    `describe` is called with the id and the new text. Raise UploadBusy or UploadGone.
    """

    def __init__(self, id: str, path: Path, describe: Callable[[str, str], None]) -> None:
        self.id = id
        self.path = path
        self._describe = describe
        try:
            self._file = open_file(path, os.O_RDWR)
        except FileNotFoundError:
            raise UploadGone from None
        if not lock(self._file):
            self._file.close()
            raise UploadBusy
        self.size = self._file.seek(0, os.SEEK_END)

    def append(self, data: bytes) -> None:
        """Add bytes at the end."""
        write_all(self._file, data)
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
        return open_file(self.path)

    def close(self) -> None:
        """Let others hold the spool."""
        self._file.close()
