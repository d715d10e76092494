"""The content of a registry in the reference model, and the expectation of an answer."""

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
    """Change nothing."""


class Unclear(Exception):
    """Raised when the content of the registry cannot be known any more: the program ends."""


def unclear() -> None:
    """Raise Unclear, for an answer after which the content is unknown."""
    raise Unclear


@dataclass(slots=True)
class Expected:
    """The correct statuses with their effects on the model; `check` checks successful answers.

    A wrong answer violates `requirement`.
    """

    requirement: str
    effects: Mapping[int, Effect]
    check: Check = anything


@dataclass(slots=True)
class Manifest:
    """A manifest in a repository."""

    data: bytes
    media_type: str
    document: dict[str, Any]

    @property
    def subject(self) -> str | None:
        """The digest of its subject."""
        if self.media_type not in expectations.FORMATS:
            return None
        found = descriptors(self.document, "subject")
        return str(found[0]["digest"]) if found else None

    @property
    def artifact_type(self) -> str | None:
        """The artifact type in a list of referrers."""
        own: str | None = self.document.get("artifactType") or None
        config = self.document.get("config")
        return own or (config["mediaType"] if config else None)


@dataclass(slots=True)
class Repository:
    """The content of one repository."""

    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, Manifest] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Upload:
    """An upload session, which may be `closed`.

    It is `unsure` after a PUT with a wrong digest: the specification does not say whether this ends the session, nor
    whether the bytes of the request are kept. `held` contains every possible content.
    """

    name: str
    held: set[bytes] = field(default_factory=lambda: {b""})
    closed: bool = False
    unsure: bool = False

    @property
    def data(self) -> bytes:
        """The content, if it is certain."""
        return next(iter(self.held))


def refused(requirement: str, statuses: Collection[int]) -> Expected:
    """Expect one of the statuses, without an effect."""
    return Expected(requirement, dict.fromkeys(statuses, nothing))


def drop(mapping: dict[str, Any], key: str) -> None:
    """Remove an entry."""
    del mapping[key]


def is_of(digest: str, data: bytes) -> bool:
    """Return whether a digest matches the bytes."""
    algorithm = digest.partition(":")[0]
    return algorithm in ALGORITHMS and digest == digest_of(data, algorithm)


def parsed(data: bytes) -> dict[str, Any]:
    """Return the document of a manifest; an empty one if it is no JSON object."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def descriptors(document: Mapping[str, Any], *names: str) -> list[dict[str, Any]]:
    """Return the descriptors in members of a manifest, alone or in a list, without those that have no digest."""
    values = [document.get(name) for name in names]
    entries = [entry for value in values for entry in (value if isinstance(value, list) else [value])]
    return [entry for entry in entries if isinstance(entry, dict) and isinstance(entry.get("digest"), str)]


def lacks(held: Repository, document: Mapping[str, Any]) -> str:
    """Return whether a repository lacks content of a manifest, foreign layers excepted: yes, no, or unclear.

    An entry of an index whose type is none of manifests may be any content. It is unclear where a blob is a manifest
    or a manifest a blob, and where an entry has URLs.
    """
    found = set()
    for entry in descriptors(document, "config", "layers"):
        if not entry.get("urls") and entry["digest"] not in held.blobs:
            found.add("unclear" if entry["digest"] in held.manifests else "yes")
    for entry in descriptors(document, "manifests"):
        if entry["digest"] not in held.manifests:
            of_manifest = str(entry.get("mediaType")).partition(";")[0].lower() in expectations.FORMATS
            anywhere = entry["digest"] in held.blobs
            found.add("unclear" if entry.get("urls") or (anywhere and of_manifest) else "no" if anywhere else "yes")
    return "yes" if "yes" in found else "unclear" if "unclear" in found else "no"


def right(expected: Expected, exchange: Exchange) -> str:
    """Return a description of the fault of an answer; empty if it is correct."""
    if exchange.status not in expected.effects:
        wanted = " or ".join(map(str, sorted(expected.effects)))
        return f"{exchange.request.method} must answer {wanted}, got {exchange.status}"
    return expected.check(exchange) if 200 <= exchange.status < 300 else ""
