"""What a registry holds, as the reference model knows it, and what is expected of an answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from conformance.client.content import ALGORITHMS, digest_of
from conformance.client.exchange import Exchange
from conformance.stress.machine import expectations
from conformance.stress.machine.expectations import Check, anything

Effect = Callable[[], None]


def nothing() -> None:
    """An answer that changes nothing."""


class Unclear(Exception):
    """Nobody can say what the registry holds now: the program ends."""


def unclear() -> None:
    """An answer after which it is not known what is held."""
    raise Unclear


@dataclass(slots=True)
class Expected:
    """Which statuses are right and what each changes; `check` looks at an answer of success.

    A wrong answer violates `requirement`.
    """

    requirement: str
    effects: Mapping[int, Effect]
    check: Check = anything


@dataclass(slots=True)
class Manifest:
    """A manifest that is held."""

    data: bytes
    media_type: str
    document: dict[str, Any]

    @property
    def subject(self) -> str | None:
        """The digest of its subject."""
        if self.media_type not in expectations.FORMATS:
            return None
        return (self.document.get("subject") or {}).get("digest")

    @property
    def artifact_type(self) -> str | None:
        """What a referrers list says of it."""
        own: str | None = self.document.get("artifactType") or None
        return own or (self.document["config"]["mediaType"] if "config" in self.document else None)


@dataclass(slots=True)
class Repository:
    """What one repository holds."""

    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, Manifest] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Upload:
    """An upload session, which may be `closed`.

    It is `unsure` after a PUT with a wrong digest: the specification does not say whether that ends it, nor whether it
    keeps the bytes that came along. `held` has what it may hold.
    """

    name: str
    held: set[bytes] = field(default_factory=lambda: {b""})
    closed: bool = False
    unsure: bool = False

    @property
    def data(self) -> bytes:
        """What it holds, if that is sure."""
        return next(iter(self.held))


def refused(requirement: str, statuses: Collection[int]) -> Expected:
    """One of the statuses, and nothing changes."""
    return Expected(requirement, dict.fromkeys(statuses, nothing))


def drop(mapping: dict[str, Any], key: str) -> None:
    """Take an entry out."""
    del mapping[key]


def is_of(digest: str, data: bytes) -> bool:
    """Whether a digest is that of the bytes."""
    algorithm = digest.partition(":")[0]
    return algorithm in ALGORITHMS and digest == digest_of(data, algorithm)


def parsed(data: bytes) -> dict[str, Any]:
    """What a manifest says; nothing if it is no JSON object."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def needed_blobs(document: Mapping[str, Any]) -> list[str]:
    """The digests of the blobs that have to be there: not those of layers that live elsewhere."""
    entries = [document["config"], *document["layers"]] if "config" in document else []
    return [entry["digest"] for entry in entries if not entry.get("urls")]


def right(expected: Expected, exchange: Exchange) -> str:
    """What is wrong with an answer; empty if nothing is."""
    if exchange.status not in expected.effects:
        wanted = " or ".join(map(str, sorted(expected.effects)))
        return f"{exchange.request.method} answered {exchange.status}, where {wanted} is right"
    return expected.check(exchange) if 200 <= exchange.status < 300 else ""
