"""What an answer says of an upload session, in numbers."""

from __future__ import annotations

import pytest

from conformance.client.chunks import CHUNK, chunk_length, held
from tests.conformance.servers import exchange


@pytest.mark.parametrize(
    ("value", "count"),
    [("0-9", 10), ("bytes=0-9", None), ("0-0", 1), ("0--1", None), ("1-9", None), ("0-", None), ("", None)],
)
def test_held(value: str, count: int | None) -> None:
    assert held(exchange(202, ("Range", value))) == count


def test_nothing_is_held_without_a_range() -> None:
    assert held(exchange(202)) is None


@pytest.mark.parametrize(
    ("value", "length"),
    [("5000", 5000), ("5", CHUNK), ("many", CHUNK), ("²", CHUNK), ("9" * 9, CHUNK), ("9" * 5000, CHUNK)],
)
def test_chunks_are_as_long_as_asked(value: str, length: int) -> None:
    assert chunk_length(exchange(202, ("OCI-Chunk-Min-Length", value))) == length
