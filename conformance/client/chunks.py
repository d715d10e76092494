"""Chunks of an upload: their length, how to send one, and the number of bytes in a session."""

from __future__ import annotations

import re

from conformance.client.client import Client, location_of
from conformance.client.exchange import Exchange

CHUNK = 1000
LARGEST = 16 << 20
_MINIMUM = re.compile(r"[0-9]{1,9}")
_RANGE = re.compile(r"0-([0-9]{1,18})")


def chunk_length(session: Exchange) -> int:
    """Return the length of a chunk in bytes: the minimum of the registry, else a thousand.

    A minimum that is no number, or larger than any known one, is one that the registry cannot mean.
    """
    asked = session.header("OCI-Chunk-Min-Length") or ""
    return max(CHUNK, int(asked)) if _MINIMUM.fullmatch(asked) and int(asked) <= LARGEST else CHUNK


def send_chunk(client: Client, before: Exchange, data: bytes, first: int) -> Exchange:
    """PATCH bytes to the Location of the answer `before`, as the chunk that begins at `first`."""
    return client.patch(location_of(before) or "", data, content_range=f"{first}-{first + len(data) - 1}")


def held(exchange: Exchange) -> int | None:
    """Read the number of bytes in a session from the Range of an answer; None without a valid Range.

    A session that holds nothing may say `0-0`, so that one byte is not told from none.
    """
    match = _RANGE.fullmatch(exchange.header("Range") or "")
    return int(match[1]) + 1 if match else None
