"""Existing images of a target, for one that accepts no pushes."""

from __future__ import annotations

from dataclasses import dataclass

from conformance.client.client import Client
from conformance.client.content import digest_of
from conformance.client.exchange import Exchange
from conformance.client.steps import Unprepared

LARGEST = 4 << 20
"""Larger blobs are not read if there are smaller ones."""


def parse(reference: str) -> tuple[str, str]:
    """Split `NAME:TAG` or `NAME@DIGEST` into name and tag or digest; with both, return the digest."""
    rest, _, digest = reference.partition("@")
    name, _, tag = rest.rpartition(":")
    return name or rest, digest or tag


@dataclass(frozen=True, slots=True)
class GivenBlob:
    """A blob that a manifest refers to; `size` is in bytes."""

    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class GivenImage:
    """An existing image: its repository, its tag or digest, and the answer with its manifest."""

    repository: str
    reference: str
    manifest: Exchange

    @property
    def digest(self) -> str:
        """The digest of its manifest, in the algorithm of the reference."""
        algorithm = self.reference.partition(":")[0] if ":" in self.reference else "sha256"
        return digest_of(self.manifest.body, algorithm)

    @property
    def tag(self) -> str:
        """The tag; empty if it was given by digest."""
        return "" if ":" in self.reference else self.reference

    def blobs(self, client: Client) -> list[GivenBlob]:
        """Return a few of its config and layers, the small ones first; of an index those of its first image."""
        document = _document(self.manifest)
        if entries := _entries(document, "manifests"):
            answer = client.follow(client.get_manifest(self.repository, str(entries[0].get("digest"))))
            document = _document(answer)
        config = document.get("config")
        found = ([config] if isinstance(config, dict) else []) + _entries(document, "layers")
        blobs = [blob for entry in found if not entry.get("urls") for blob in _blobs(entry)]
        ordered = sorted(dict.fromkeys(blobs), key=lambda blob: blob.size)
        return [blob for blob in ordered if blob.size <= LARGEST][-3:] or ordered[:1]


def given_image(client: Client, reference: str) -> GivenImage:
    """Read an existing image; raise Unprepared if it is missing."""
    repository, wanted = parse(reference)
    answer = client.follow(client.get_manifest(repository, wanted))
    if answer.status != 200 or not _document(answer):
        raise Unprepared(f"could not pull {reference}, which is said to be there: status {answer.status}")
    return GivenImage(repository, wanted, answer)


def _document(answer: Exchange) -> dict[str, object]:
    document = answer.json()
    return document if isinstance(document, dict) else {}


def _blobs(descriptor: dict[str, object]) -> list[GivenBlob]:
    digest, size = descriptor.get("digest"), descriptor.get("size")
    return [GivenBlob(digest, size)] if isinstance(digest, str) and isinstance(size, int) else []


def _entries(document: dict[str, object], name: str) -> list[dict[str, object]]:
    entries = document.get(name)
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
