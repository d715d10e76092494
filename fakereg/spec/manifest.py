"""Parse the bytes and media type of a manifest: its descriptors, subject and artifact type.

Parsing does not change the bytes, which are stored exactly as they were pushed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from fakereg.spec.errors import Code, RegistryError
from fakereg.spec.names import Digest

OCI_IMAGE = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_IMAGE = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
IMAGES = frozenset({OCI_IMAGE, DOCKER_IMAGE})
INDEXES = frozenset({OCI_INDEX, DOCKER_LIST})

SIZE_LIMIT = (1 << 63) - 1
"""Largest size in a descriptor, which is an int64 ("Content Descriptors" of the image specification)."""

_MEDIA_TYPE = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9!#$&^_.+-]{0,126}/[a-zA-Z0-9][a-zA-Z0-9!#$&^_.+-]{0,126}")
_SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+"


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A reference to content: media type, digest, size in bytes, and the URLs of a foreign layer."""

    media_type: str
    digest: Digest
    size: int
    urls: tuple[str, ...] = ()

    @property
    def foreign(self) -> bool:
        """Whether the content is a foreign (non-distributable) layer, which is stored outside the registry."""
        return bool(self.urls) or ".foreign." in self.media_type or ".nondistributable." in self.media_type


@dataclass(frozen=True, slots=True)
class Manifest:
    """A parsed manifest. An unknown media type has neither descriptors nor subject.

    `blobs` are its config and layers, `manifests` the children of an index; `artifact_type` is the one that a
    referrers list shows: the manifest's own, else an image's config media type, else none.
    """

    content: bytes
    media_type: str
    digest: Digest
    blobs: tuple[Descriptor, ...] = ()
    manifests: tuple[Descriptor, ...] = ()
    subject: Descriptor | None = None
    artifact_type: str | None = None
    annotations: Mapping[str, str] | None = None

    @property
    def blob_bytes(self) -> int:
        """Total size in bytes of config and layers, from their descriptors."""
        return sum(blob.size for blob in self.blobs)

    def referrer(self) -> dict[str, Any]:
        """Return the descriptor of this manifest for a referrers list ("Listing Referrers")."""
        entry: dict[str, Any] = {"mediaType": self.media_type, "digest": self.digest, "size": len(self.content)}
        if self.artifact_type:
            entry["artifactType"] = self.artifact_type
        if self.annotations:
            entry["annotations"] = dict(self.annotations)
        return entry


def parse(content: bytes, media_type: str | None, digest: Digest) -> Manifest:
    """Parse `content`, pushed with the Content-Type `media_type` (without parameters); raise MANIFEST_INVALID."""
    document = _load(content)
    media_type = _media_type(document, media_type)
    kind = media_type.lower()  # media types are case-insensitive (RFC 9110, section 8.3.1)
    if kind.startswith(_SCHEMA_1) or (kind in IMAGES | INDEXES and document.get("schemaVersion") != 2):
        _refuse("Only schema version 2 is supported")
    if kind in IMAGES:
        return _image(document, Manifest(content, media_type, digest))
    if kind in INDEXES:
        return _index(document, Manifest(content, media_type, digest))
    return Manifest(content, media_type, digest)


def _refuse(message: str) -> NoReturn:
    raise RegistryError(Code.MANIFEST_INVALID, message)


def _refuse_constant(name: str) -> NoReturn:
    _refuse(f"{name} is not JSON")


def _load(content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as problem:
        raise RegistryError(Code.MANIFEST_INVALID, "manifest must be valid JSON") from problem
    if not isinstance(document, dict):
        _refuse("manifest must be a JSON object")
    return document


def _media_type(document: Mapping[str, Any], header: str | None) -> str:
    field = document.get("mediaType")
    if field is not None and not isinstance(field, str):
        _refuse("mediaType must be a string")
    if header and field and header.lower() != field.lower():
        _refuse(f"Content-Type must be the manifest's mediaType, got {header}")
    media_type = header or field or (OCI_INDEX if "manifests" in document else OCI_IMAGE)
    if not _MEDIA_TYPE.fullmatch(media_type):
        _refuse("the media type of the manifest is malformed")
    return media_type


def _image(document: Mapping[str, Any], plain: Manifest) -> Manifest:
    config = _descriptor(document.get("config"), "config")
    return replace(
        plain,
        blobs=(config, *_descriptors(document, "layers")),
        subject=_subject(document),
        artifact_type=_string(document, "artifactType") or config.media_type,
        annotations=_annotations(document),
    )


def _index(document: Mapping[str, Any], plain: Manifest) -> Manifest:
    return replace(
        plain,
        manifests=tuple(_descriptors(document, "manifests")),
        subject=_subject(document),
        artifact_type=_string(document, "artifactType"),
        annotations=_annotations(document),
    )


def _subject(document: Mapping[str, Any]) -> Descriptor | None:
    return _descriptor(document["subject"], "subject") if document.get("subject") is not None else None


def _descriptors(document: Mapping[str, Any], field: str) -> Iterator[Descriptor]:
    entries = document.get(field)
    if not isinstance(entries, list):
        _refuse(f"{field} must be a list")
    for number, entry in enumerate(entries):
        yield _descriptor(entry, f"{field}[{number}]")


def _descriptor(entry: Any, where: str) -> Descriptor:
    if not isinstance(entry, dict):
        _refuse(f"{where} must be a descriptor")
    media_type, digest, size, urls = (entry.get(key) for key in ("mediaType", "digest", "size", "urls"))
    if not isinstance(media_type, str) or not _MEDIA_TYPE.fullmatch(media_type):
        _refuse(f"{where}.mediaType must be a media type")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= SIZE_LIMIT:
        _refuse(f"{where}.size must be a size in bytes")
    if urls is not None and not (isinstance(urls, list) and all(isinstance(url, str) for url in urls)):
        _refuse(f"{where}.urls must be a list of strings")
    return Descriptor(media_type, _digest(digest, where), size, tuple(urls or ()))


def _digest(value: Any, where: str) -> Digest:
    try:
        return Digest.parse(value if isinstance(value, str) else "")
    except RegistryError as problem:
        raise RegistryError(Code.MANIFEST_INVALID, f"{where}.digest: {problem.message}") from problem


def _string(document: Mapping[str, Any], field: str) -> str | None:
    value = document.get(field)
    if value is not None and not isinstance(value, str):
        _refuse(f"{field} must be a string")
    return value or None


def _annotations(document: Mapping[str, Any]) -> Mapping[str, str] | None:
    value = document.get("annotations")
    if value is not None and not (isinstance(value, dict) and all(isinstance(text, str) for text in value.values())):
        _refuse("annotations must be a map of strings")
    return value
