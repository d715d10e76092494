"""Bodies of answers that the server can copy from file to socket directly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

READ_BYTES = 256 * 1024
"""Most bytes of a body that are in memory at a time."""


class FileRange:
    """A body: `count` bytes of `file` from `offset` on. The server may copy it to the socket directly."""

    def __init__(self, file: BinaryIO, *, offset: int, count: int) -> None:
        self.file = file
        self.offset = offset
        self.count = count

    def __iter__(self) -> Iterator[bytes]:
        """Yield the bytes in pieces of at most READ_BYTES."""
        self.file.seek(self.offset)
        left = self.count
        while left and (data := self.file.read(min(left, READ_BYTES))):
            left -= len(data)
            yield data

    def close(self) -> None:
        """Close the file."""
        self.file.close()
