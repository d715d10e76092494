"""A storage in memory; large blobs, and all beyond a total size, are in temporary files."""

from __future__ import annotations

import contextlib
import io
import itertools
import shutil
import tempfile
import threading
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from fakereg.spec.names import Digest, Name
from fakereg.storage.base import (
    Changes,
    Delta,
    MissingContent,
    Source,
    Spool,
    SpoolInfo,
    StorageError,
    UploadBusy,
    UploadGone,
)
from fakereg.storage.index import State

SPILL_BYTES = 1 << 20
"""Default size in bytes over which one blob is kept in a temporary file."""

MEMORY_BYTES = 256 << 20
"""Default total of bytes in memory, beyond which new content is kept in temporary files."""


class Budget:
    """The bytes of content that a storage may still hold in memory."""

    def __init__(self, limit: int) -> None:
        self._left = limit
        self._lock = threading.Lock()

    def take(self, size: int) -> bool:
        """Reserve `size` bytes; return False if there are not enough."""
        with self._lock:
            if size > self._left:
                return False
            self._left -= size
            return True

    def give(self, size: int) -> None:
        """Release `size` bytes."""
        with self._lock:
            self._left += size


class Content:
    """Immutable bytes, in memory or in a file, which vanish with the last reference; `size` in bytes."""

    def __init__(self, source: bytes | Path, size: int) -> None:
        self.source = source
        self.size = size

    def open(self) -> BinaryIO:
        """Return a new stream at the start."""
        return io.BytesIO(self.source) if isinstance(self.source, bytes) else self.source.open("rb")


class Buffer:
    """Received bytes: up to `memory_limit` of them in memory as long as the budget has room, else in a file at `path`.

    The file is open only between `open` and `close`, so that idle upload sessions cost no file descriptor.
    """

    def __init__(self, path: Path, *, memory_limit: int, budget: Budget) -> None:
        self.path = path
        self.size = 0
        self._memory: bytearray | None = bytearray() if memory_limit else None
        self._memory_limit = memory_limit
        self._budget = budget
        self._file: BinaryIO | None = None
        self._handed_over = False

    def open(self) -> None:
        """Prepare for `write` and `truncate`."""
        if self._memory is None:
            self._file = self.path.open("ab", buffering=0)

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._file:
            self._file.close()
            self._file = None

    def write(self, data: bytes) -> None:
        """Add bytes at the end."""
        if self._memory is not None and not self._fits(len(data)):
            self._spill(self._memory)
        if self._memory is not None:
            self._memory += data
        else:
            self._write_file(data)
        self.size += len(data)

    def truncate(self, size: int) -> None:
        """Drop all bytes from offset `size` on."""
        if self._memory is not None:
            self._budget.give(self.size - size)
            del self._memory[size:]
        elif self._file:
            self._file.truncate(size)
        self.size = size

    def reader(self) -> BinaryIO:
        """Return a stream over the bytes so far."""
        return self.path.open("rb") if self._memory is None else io.BytesIO(self._memory)

    def discard(self) -> None:
        """Drop the bytes for good, unless `content` has handed them over."""
        self.close()
        if self._handed_over:
            return
        if self._memory is not None:
            self._budget.give(len(self._memory))
        self._memory, self._handed_over = None, True
        self.path.unlink(missing_ok=True)

    def content(self) -> Content:
        """Hand the bytes over as content that vanishes, memory or file, with its last reference."""
        self.close()
        self._handed_over = True
        if self._memory is None:
            content = Content(self.path, self.size)
            weakref.finalize(content, _unlink, self.path)
        else:
            content = Content(bytes(self._memory), self.size)
            weakref.finalize(content, self._budget.give, self.size)
        return content

    def _fits(self, size: int) -> bool:
        return self.size + size <= self._memory_limit and self._budget.take(size)

    def _spill(self, held: bytearray) -> None:
        self._file = self.path.open("ab", buffering=0)
        try:
            self._write_file(held)
        except BaseException:
            self.close()
            self.path.unlink()
            raise
        self._budget.give(len(held))
        self._memory = None

    def _write_file(self, data: bytes | bytearray) -> None:
        if self._file is None:
            raise ValueError("the buffer must be open")
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]


@dataclass(slots=True)
class Repository:
    """One repository: its index, its content and its version."""

    version: int = 0
    state: State = field(default_factory=State)
    contents: dict[Digest, Content] = field(default_factory=dict)


class MemorySpool:
    """The `Spool` of `MemoryStorage`; `held` while a caller holds it, `ended` when it was removed from the spools."""

    def __init__(self, id: str, text: str, touched: float, buffer: Buffer) -> None:
        self.id = id
        self.text = text
        self.touched = touched
        self.buffer = buffer
        self.ended = False
        self.held = threading.Lock()

    @property
    def size(self) -> int:
        """The number of bytes so far."""
        return self.buffer.size

    def hold(self) -> MemorySpool:
        """Hold the spool; raise UploadBusy if it is held, UploadGone if it has ended."""
        if not self.held.acquire(blocking=False):
            raise UploadBusy
        try:
            if self.ended:
                raise UploadGone
            self.buffer.open()
        except BaseException:
            self.held.release()
            raise
        return self

    def append(self, data: bytes) -> None:
        """Add bytes at the end."""
        self.buffer.write(data)

    def truncate(self, size: int) -> None:
        """Drop all bytes from offset `size` on."""
        self.buffer.truncate(size)

    def describe(self, text: str) -> None:
        """Replace the text."""
        self.text = text

    def open(self) -> BinaryIO:
        """Return a stream over the bytes so far."""
        return self.buffer.reader()

    def close(self) -> None:
        """Let others hold the spool."""
        self.buffer.close()
        self.held.release()
        if self.ended:
            self.end()

    def end(self) -> None:
        """Discard the bytes, now or when the current holder closes the spool."""
        self.ended = True
        if self.held.acquire(blocking=False):
            self.buffer.discard()
            self.held.release()


class MemoryStorage:
    """Everything is gone when the storage is closed.

    A blob over `spill_bytes`, and all content beyond `memory_bytes` in total, lies in a temporary folder. Each instance
    has content of its own, so `namespace` has no effect.
    """

    def __init__(
        self, *, namespace: str = "", spill_bytes: int = SPILL_BYTES, memory_bytes: int = MEMORY_BYTES
    ) -> None:
        self._spill_bytes = spill_bytes
        self._budget = Budget(memory_bytes)
        self._folder: Path | None = None
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._repositories: dict[Name, Repository] = {}
        self._spools: dict[str, MemorySpool] = {}

    # The index.

    def repositories(self) -> list[Name]:
        """Return the names of all repositories."""
        return list(self._repositories)

    def read(self, name: Name, since: int = 0) -> Changes | None:
        """Return everything unless `since` is the current version."""
        with self._lock:
            repository = self._repositories.get(name)
            version = repository.version if repository else 0
            if version == since:
                return None
            return Changes(0, version, repository.state.delta() if repository else Delta())

    def apply(self, name: Name, version: int, delta: Delta, contents: Mapping[Digest, Source | None]) -> int | None:
        """Change index and content if the version is still `version`."""
        made = {digest: self._kept(source) for digest, source in contents.items() if isinstance(source, bytes)}
        with self._lock:
            repository = self._repositories.get(name) or Repository()
            if repository.version != version:
                return None
            for digest, source in contents.items():
                self._check(digest, source)
            for digest, source in contents.items():
                self._place(repository.contents, digest, made.get(digest, source))
            repository.state.change(delta)
            repository.version = next(self._numbers)
            self._repositories[name] = repository
            return repository.version

    def _kept(self, data: bytes) -> Content:
        buffer = self._new_buffer()
        buffer.open()
        buffer.write(data)
        return buffer.content()

    def _check(self, digest: Digest, source: Source | None) -> None:
        """Raise UploadGone or MissingContent if the source does not have the content."""
        if isinstance(source, MemorySpool) and source.ended:
            raise UploadGone
        if isinstance(source, Name) and (
            source not in self._repositories or digest not in self._repositories[source].contents
        ):
            raise MissingContent([digest])

    def _place(self, contents: dict[Digest, Content], digest: Digest, source: Source | Content | None) -> None:
        if isinstance(source, MemorySpool):
            contents[digest] = source.buffer.content()
            self._end(source.id)
        elif isinstance(source, Name):
            contents[digest] = self._repositories[source].contents[digest]
        elif isinstance(source, Content):
            contents[digest] = source
        else:
            contents.pop(digest, None)

    # Content.

    def open(self, name: Name, digest: Digest) -> BinaryIO | None:
        """Return a stream over content of the repository."""
        with self._lock:  # so that no file vanishes between the look and the open
            repository = self._repositories.get(name)
            content = repository.contents.get(digest) if repository else None
            return content.open() if content else None

    # Spools.

    def create_spool(self, id: str, text: str, touched: float) -> None:
        """Make an empty spool."""
        spool = MemorySpool(id, text, touched, self._new_buffer())
        if self._spools.setdefault(id, spool) is not spool:
            raise StorageError(f"the id of an upload session must be new, got {id!r}")

    def spools(self) -> list[str]:
        """Return the ids of all spools."""
        return list(self._spools)

    def spool(self, id: str) -> SpoolInfo | None:
        """Return the state of a spool."""
        spool = self._spools.get(id)
        return SpoolInfo(spool.text, spool.touched, spool.size) if spool else None

    def touch_spool(self, id: str, touched: float) -> None:
        """Set the time when a spool was last touched."""
        if spool := self._spools.get(id):
            spool.touched = touched

    def hold_spool(self, id: str) -> Spool:
        """Hold a spool; raise UploadBusy or UploadGone."""
        spool = self._spools.get(id)
        if not spool:
            raise UploadGone
        return spool.hold()

    def drop_spool(self, id: str) -> None:
        """End a spool and its bytes."""
        with self._lock:
            self._end(id)

    def _end(self, id: str) -> None:
        if spool := self._spools.pop(id, None):
            spool.end()

    def _new_buffer(self) -> Buffer:
        with self._lock:
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="fakereg-"))
                weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
            path = self._folder / str(next(self._numbers))
        return Buffer(path, memory_limit=self._spill_bytes, budget=self._budget)

    # Life.

    def clear(self) -> None:
        """Remove everything."""
        with self._lock:
            self._repositories.clear()
            for id in list(self._spools):
                self._end(id)

    def close(self) -> None:
        """Remove everything, and the temporary folder."""
        self.clear()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)


def _unlink(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
