"""Blobs too large for memory, made up while they are sent."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

LARGE_BLOCK = 1 << 20
"""Bytes that are made up once and then repeated."""


@dataclass(frozen=True)
class LargeBlob:
    """`size` bytes that are `block` over and over."""

    block: bytes
    size: int

    @cached_property
    def digest(self) -> str:
        """The digest of it all."""
        hashing = hashlib.sha256()
        for piece in self.part(0):
            hashing.update(piece)
        return f"sha256:{hashing.hexdigest()}"

    def part(self, first: int, end: int | None = None) -> Part:
        """The bytes from `first` up to, not with, `end`, which is the end of the blob if it is not given."""
        return Part(self.block, first, self.size if end is None else end)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a blob as pieces that can be gone through again and again, to be sent as a body."""

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
