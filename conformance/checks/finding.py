"""The findings of passive checks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from conformance.client.exchange import Exchange


@dataclass(frozen=True, slots=True)
class Finding:
    """The judgement of one requirement in one exchange."""

    requirement: str
    ok: bool
    expected: str
    got: object


Findings = Iterator[Finding]
Reads = dict[tuple[str, str, str], tuple[Exchange, int]]
"""The last answer to each method, URL and choice of the client, without its body, and the length of that in bytes."""
