"""Bytes in memory while they are few, else in a temporary file: at rest (`Content`) and on their way in."""

from __future__ import annotations

import contextlib
import io
import threading
import weakref
from pathlib import Path
from typing import BinaryIO


class Budget:
    """How many bytes of content a storage may hold in memory, all of it together."""

    def __init__(self, limit: int) -> None:
        self._left = limit
        self._lock = threading.Lock()

    def take(self, size: int) -> bool:
        """Reserve `size` bytes; False if they are not to be had."""
        with self._lock:
            if size > self._left:
                return False
            self._left -= size
            return True

    def give(self, size: int) -> None:
        """Return `size` bytes."""
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
    """Bytes that arrive: up to `memory_limit` of them in memory as long as the budget has room, else at `path`.

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
        """Make ready for `write` and `truncate`."""
        if self._memory is None:
            self._file = self.path.open("ab", buffering=0)

    def close(self) -> None:
        """Let go of the file, if there is one."""
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
        """Forget all bytes from offset `size` on."""
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
        """Forget the bytes for good, unless `content` has handed them over."""
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


def _unlink(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
