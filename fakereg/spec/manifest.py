"""Read the bytes and media type of a manifest: its descriptors, subject and artifact type.

Reading does not change the bytes, which are stored exactly as they were pushed. `parse` reads a push, `read` what is
stored already, which another version, tool or dialect may have accepted.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn

from fakereg.spec.errors import Code, RegistryError
from fakereg.spec.names import Digest, is_digest

OCI_IMAGE = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_IMAGE = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
IMAGES = frozenset({OCI_IMAGE, DOCKER_IMAGE})
INDEXES = frozenset({OCI_INDEX, DOCKER_LIST})
_MANIFESTS = IMAGES | INDEXES

SIZE_LIMIT = (1 << 63) - 1
"""Largest size in a descriptor, which is an int64 ("Content Descriptors" of the image specification)."""

_NAMES = r"[a-zA-Z0-9][a-zA-Z0-9!#$&^_.+-]{0,126}/[a-zA-Z0-9][a-zA-Z0-9!#$&^_.+-]{0,126}"
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_MEDIA_TYPE = re.compile(_NAMES)
_CONTENT_TYPE = re.compile(rf'{_NAMES}(?:[ \t]*;[ \t]*{_TOKEN}=(?:{_TOKEN}|"(?:[^"\\]|\\.)*"))*')
"""With parameters, unlike RFC 6838: podman gives a text file of an artifact the type `text/plain; charset=utf-8`."""
_SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+"


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A reference to content: media type, digest, size in bytes, the URLs of a foreign layer, and the platform."""

    media_type: str
    digest: Digest
    size: int
    urls: tuple[str, ...] = ()
    platform: Mapping[str, Any] | None = None

    @property
    def foreign(self) -> bool:
        """Whether the content is a foreign (non-distributable) layer, which is stored outside the registry."""
        return bool(self.urls) or ".foreign." in self.media_type or ".nondistributable." in self.media_type

    @property
    def of_manifest(self) -> bool:
        """Whether the media type is one of manifests, which clients push to and pull from other paths than blobs."""
        return self.media_type.partition(";")[0].strip().lower() in _MANIFESTS


class Need(NamedTuple):
    """Content that a repository must have before a manifest: as a blob, as a manifest, or as either."""

    digest: Digest
    blob: bool
    manifest: bool


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest that was read. An unknown media type has neither descriptors nor subject.

    `blobs` are its config and layers, `manifests` the entries of an index, `needs` what must be there before it;
    `artifact_type` is the one that a referrers list shows: the manifest's own, else an image's config media type, else
    none.
    """

    content: bytes
    media_type: str
    digest: Digest
    blobs: tuple[Descriptor, ...] = ()
    manifests: tuple[Descriptor, ...] = ()
    subject: Descriptor | None = None
    artifact_type: str | None = None
    annotations: Mapping[str, str] | None = None
    needs: tuple[Need, ...] = ()

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


Malformed = Callable[[str], None]
"""What is done about a malformed part of a manifest: `refuse` raises, `leave_out` lets it count as left out."""


def refuse(message: str) -> NoReturn:
    """Raise MANIFEST_INVALID."""
    raise RegistryError(Code.MANIFEST_INVALID, message)


def leave_out(message: str) -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of JSON values: its name, and whether a value is of it."""

    noun: str
    holds: Callable[[Any], bool]


Shape = Kind | list[Any] | dict[str, Any]
"""A kind; a list of one shape, for a list of such values; or the shapes of an object's members by name."""

TEXT = Kind("a string", lambda value: isinstance(value, str))
TEXTS = Kind(
    "a list of strings", lambda value: isinstance(value, list) and all(isinstance(each, str) for each in value)
)
TEXT_MAP = Kind(
    "a map of strings", lambda value: isinstance(value, dict) and all(isinstance(each, str) for each in value.values())
)
INTEGER = Kind("an integer", lambda value: isinstance(value, int) and not isinstance(value, bool))

PLATFORM = {
    "architecture": TEXT,
    "os": TEXT,
    "os.version": TEXT,
    "os.features": TEXTS,
    "variant": TEXT,
    "features": TEXTS,
}
DESCRIPTOR = {
    "mediaType": TEXT,
    "digest": TEXT,
    "size": INTEGER,
    "urls": TEXTS,
    "annotations": TEXT_MAP,
    "data": TEXT,
    "artifactType": TEXT,
    "platform": PLATFORM,
}
COMMON = {"subject": DESCRIPTOR, "artifactType": TEXT, "annotations": TEXT_MAP}
_SHAPES: dict[str, dict[str, Any]] = {
    **{kind: {"config": DESCRIPTOR, "layers": [DESCRIPTOR], **COMMON} for kind in IMAGES},
    **{kind: {"manifests": [DESCRIPTOR], **COMMON} for kind in INDEXES},
}


def parse(content: bytes, media_type: str | None, digest: Digest) -> Manifest:
    """Read a manifest that is pushed with the Content-Type `media_type` (without parameters).

    Raise MANIFEST_INVALID if the image specification forbids it. A member that is null counts as left out, and as an
    empty list in place of one: Go's encoder writes null for `layers` or `manifests` without entries.
    """
    document = load(content)
    media_type = type_of(document, media_type)
    kind = media_type.lower()  # media types are case-insensitive (RFC 9110, section 8.3.1)
    shape = _SHAPES.get(kind, {})
    if kind.startswith(_SCHEMA_1) or (shape and document.get("schemaVersion") != 2):
        refuse("Only schema version 2 is supported")
    fields = shaped(document, shape, "", refuse)
    if "config" in shape and "config" not in fields:
        refuse("config must be a descriptor")
    if "manifests" in shape and "manifests" not in document:
        refuse("manifests must be a list")
    for where, entry in entries(fields):
        _check(entry, where)
    return build(content, media_type, digest, fields)


def read(content: bytes, media_type: str, digest: Digest) -> Manifest:
    """Read a manifest that is stored. What is malformed in it counts as left out, since it was accepted when it came.

    Raise MANIFEST_INVALID if it is not a JSON object of the media type.
    """
    document = load(content)
    media_type = type_of(document, media_type)
    fields = shaped(document, _SHAPES.get(media_type.lower(), {}), "", leave_out)
    return build(content, media_type, digest, fields)


def load(content: bytes, members: Callable[[list[tuple[str, Any]]], dict[str, Any]] | None = None) -> dict[str, Any]:
    """Return the JSON object in `content`; raise MANIFEST_INVALID. `members` makes an object of names and values."""
    try:
        document = json.loads(content.decode("utf-8"), parse_constant=_refuse_constant, object_pairs_hook=members)
    except (ValueError, RecursionError) as problem:
        raise RegistryError(Code.MANIFEST_INVALID, "manifest must be valid JSON") from problem
    if not isinstance(document, dict):
        refuse("manifest must be a JSON object")
    return document


def type_of(document: Mapping[str, Any], header: str | None) -> str:
    """Return the media type, from the Content-Type, the member `mediaType` or the other members."""
    field = document.get("mediaType")
    if field is not None and not isinstance(field, str):
        refuse("mediaType must be a string")
    if header and field and header.lower() != field.lower():
        refuse(f"Content-Type must be the manifest's mediaType, got {header}")
    media_type = header or field or (OCI_INDEX if "manifests" in document else OCI_IMAGE)
    if not _MEDIA_TYPE.fullmatch(media_type):
        refuse("the media type of the manifest is malformed")
    return media_type


def shaped(value: Any, shape: Shape, where: str, malformed: Malformed) -> Any:
    """Return of a value what the shape has; None if it is malformed. Null is a member left out, or an empty entry."""
    if isinstance(shape, Kind):
        return value if shape.holds(value) else malformed(f"{where} must be {shape.noun}")
    if isinstance(shape, list):
        if not isinstance(value, list):
            return malformed(f"{where} must be a list")
        whole = [{} if each is None else each for each in value]
        found = [shaped(each, shape[0], f"{where}[{number}]", malformed) for number, each in enumerate(whole)]
        return [each for each in found if each is not None]
    if not isinstance(value, dict):
        return malformed(f"{where} must be an object")
    prefix = f"{where}." if where else ""
    known = {name: each for name, each in value.items() if name in shape and each is not None}
    members = {name: shaped(each, shape[name], prefix + name, malformed) for name, each in known.items()}
    return {name: each for name, each in members.items() if each is not None}


def entries(fields: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every descriptor among the fields of a manifest, and where it is."""
    for name, value in fields.items():
        if name in ("config", "subject"):
            yield name, value
        if name in ("layers", "manifests"):
            yield from ((f"{name}[{number}]", entry) for number, entry in enumerate(value))


def build(content: bytes, media_type: str, digest: Digest, fields: Mapping[str, Any]) -> Manifest:
    """Return the manifest with these fields, which are as a shape says."""
    config, layers, manifests, subject = (
        _descriptors(fields.get(name, [])) for name in ("config", "layers", "manifests", "subject")
    )
    blobs = config + layers
    return Manifest(
        content,
        media_type,
        digest,
        blobs=blobs,
        manifests=manifests,
        subject=subject[0] if subject else None,
        artifact_type=fields.get("artifactType") or (config[0].media_type if config else "") or None,
        annotations=fields.get("annotations"),
        needs=tuple(_needs(blobs, manifests)),
    )


def _refuse_constant(name: str) -> NoReturn:
    refuse(f"{name} is not JSON")


def _check(entry: Mapping[str, Any], where: str) -> None:
    """Raise MANIFEST_INVALID if a descriptor lacks what it must have, or has a value that it must not have."""
    if not _CONTENT_TYPE.fullmatch(entry.get("mediaType", "")):
        refuse(f"{where}.mediaType must be a media type")
    if not 0 <= entry.get("size", -1) <= SIZE_LIMIT:
        refuse(f"{where}.size must be a size in bytes")
    try:
        Digest.parse(entry.get("digest", ""))
    except RegistryError as problem:
        refuse(f"{where}.digest: {problem.message}")
    if "data" in entry and not _is_base64(entry["data"]):
        refuse(f"{where}.data must be base64")


def _is_base64(text: str) -> bool:
    """Tell whether the text can be decoded; clients check whether it is the content ("Content Descriptors")."""
    try:
        base64.b64decode(text, validate=True)
    except ValueError:
        return False
    return True


def _descriptors(entries: Any) -> tuple[Descriptor, ...]:
    """Return the descriptors of a list of them, or of the only one; those without a digest are left out."""
    return tuple(
        Descriptor(
            entry.get("mediaType", ""),
            Digest(entry["digest"]),
            entry.get("size", 0),
            tuple(entry.get("urls", ())),
            entry.get("platform"),
        )
        for entry in (entries if isinstance(entries, list) else [entries])
        if is_digest(entry.get("digest", ""))
    )


def _needs(blobs: Sequence[Descriptor], manifests: Sequence[Descriptor]) -> Iterator[Need]:
    """Yield what a manifest needs, each where a client would push it: it goes by the media type.

    BuildKit's cache is an index of layers.
    """
    for each in blobs:
        if not each.foreign:
            yield Need(each.digest, blob=True, manifest=each.of_manifest)
    for each in manifests:
        if each.of_manifest:
            yield Need(each.digest, blob=False, manifest=True)
        elif not each.foreign:
            yield Need(each.digest, blob=True, manifest=True)
