"""Blobs too large for memory, generated while they are sent."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

LARGE_BLOCK = 1 << 20
"""The number of bytes that are generated once and then repeated."""


@dataclass(frozen=True)
class LargeBlob:
    """A blob of `size` bytes that repeats `block`."""

    block: bytes
    size: int

    @cached_property
    def digest(self) -> str:
        """The digest of the whole blob."""
        hashing = hashlib.sha256()
        for piece in self.part(0):
            hashing.update(piece)
        return f"sha256:{hashing.hexdigest()}"

    def part(self, first: int, end: int | None = None) -> Part:
        """Return the bytes from `first` to before `end`, by default the end of the blob."""
        return Part(self.block, first, self.size if end is None else end)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a blob as an iterable of pieces, to be sent as a body any number of times."""

    block: bytes
    first: int
    end: int

    @property
    def size(self) -> int:
        """Its length in bytes."""
        return self.end - self.first

    def __iter__(self) -> Iterator[bytes]:
        position = self.first
        while position < self.end:
            within = position % len(self.block)
            piece = self.block[within : within + self.end - position]
            yield piece
            position += len(piece)
