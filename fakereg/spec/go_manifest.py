"""Read a pushed manifest as docker-registry 2.8.2 does: as encoding/json of Go fills its structures.

Go takes the names of members in any case, passes over null and unknown members, and refuses values of another type.
The registry then asks for content by digest and takes any size and media type. The rules were measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from fakereg.spec import manifest as manifests
from fakereg.spec.errors import Code, RegistryError
from fakereg.spec.manifest import (
    COMMON,
    DOCKER_IMAGE,
    DOCKER_LIST,
    IMAGES,
    OCI_IMAGE,
    OCI_INDEX,
    TEXT,
    TEXT_MAP,
    Kind,
    Manifest,
    Need,
    leave_out,
    refuse,
    shaped,
)
from fakereg.spec.names import Digest

_INT64 = Kind("an int64", lambda value: type(value) is int and -(1 << 63) <= value < 1 << 63)
_TEXTS = Kind(
    "a list of strings",
    lambda value: isinstance(value, list) and all(each is None or isinstance(each, str) for each in value),
)
_DOCKER = (DOCKER_IMAGE, DOCKER_LIST)
_NOTHING = Kind("left out", lambda value: False)

_PLATFORM = {**dict.fromkeys(("architecture", "os", "os.version", "variant"), TEXT), "os.features": _TEXTS}
_REFERENCE = {
    "mediaType": TEXT,
    "digest": TEXT,
    "size": _INT64,
    "urls": _TEXTS,
    "annotations": TEXT_MAP,
    "platform": _PLATFORM,
}
_HEAD = {"schemaVersion": _INT64, "mediaType": TEXT}
_IMAGE = {**_HEAD, "config": _REFERENCE, "layers": [_REFERENCE]}
_ENTRY_PLATFORM = {**_PLATFORM, "features": _TEXTS}
_LIST = {**_HEAD, "manifests": [{**_REFERENCE, "platform": _ENTRY_PLATFORM}]}
_STRUCTURES: dict[str, dict[str, Any]] = {
    DOCKER_IMAGE: _IMAGE,
    OCI_IMAGE: {**_IMAGE, "annotations": TEXT_MAP, "manifests": _NOTHING},
    DOCKER_LIST: _LIST,
    OCI_INDEX: {**_LIST, "config": _NOTHING, "layers": _NOTHING},
}
_NAMES = {
    name.lower(): name for struct in (*_STRUCTURES.values(), _REFERENCE, _ENTRY_PLATFORM, COMMON) for name in struct
}

_DOCKER_FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
_OCI_LAYERS = tuple(
    f"application/vnd.oci.image.layer.{kind}.tar{suffix}"
    for kind in ("v1", "nondistributable.v1")
    for suffix in ("", "+gzip")
)
_OWN_MANIFESTS = {
    DOCKER_IMAGE: (DOCKER_IMAGE, "application/vnd.docker.distribution.manifest.v1+json"),
    OCI_IMAGE: (OCI_IMAGE,),
}


def parse(content: bytes, media_type: str | None, digest: Digest) -> Manifest:
    """Read a manifest that is pushed with the Content-Type `media_type` (without parameters).

    Raise MANIFEST_INVALID or DIGEST_INVALID where docker-registry answers 400 or 500.
    """
    document = manifests.load(content, _members)
    kind = manifests.type_of(document, media_type).lower()
    struct = _STRUCTURES.get(kind)
    if struct is None:
        return Manifest(content, kind, digest)
    fields = shaped(document, struct, "", refuse)
    if not media_type or fields.get("mediaType", "") not in ({kind} if kind in _DOCKER else {kind, ""}):
        refuse("the manifest must have its media type as Content-Type and as mediaType")
    if fields.get("schemaVersion") != 2:
        refuse("Only schema version 2 is supported")
    if kind in IMAGES:
        fields.setdefault("config", {})
    for where, entry in manifests.entries(fields):
        _check(entry, where, kind)
    loose = shaped(document, COMMON, "", leave_out)  # it has no such members, but the storage wants to know a subject
    made = manifests.build(content, kind, digest, loose | fields)
    return replace(made, needs=(*_needs_of_image(made), *_needs_of_index(made)))


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of names, known ones in any case, and values that are not null."""
    return {_NAMES.get(name.lower(), name): value for name, value in pairs if value is not None}


def _check(entry: dict[str, Any], where: str, kind: str) -> None:
    """Raise DIGEST_INVALID for the digest of a descriptor, MANIFEST_INVALID for a layer that would be elsewhere.

    The settings of docker-registry allow no URL unless they name some.
    """
    try:
        Digest.parse(entry.get("digest", ""))
    except RegistryError as problem:
        raise RegistryError(Code.DIGEST_INVALID, f"{where}.digest: {problem.message}") from problem
    media_type = entry.get("mediaType")
    if (kind == DOCKER_IMAGE and media_type == _DOCKER_FOREIGN) or (
        kind == OCI_IMAGE and media_type in _OCI_LAYERS and entry.get("urls")
    ):
        refuse(f"{where}: foreign layers are not supported")


def _needs_of_image(manifest: Manifest) -> Iterator[Need]:
    """Yield the blobs without URLs; of those with one, it looks for manifests."""
    for each in manifest.blobs:
        if not each.urls:
            yield Need(each.digest, blob=True, manifest=False)
        elif each.media_type in _OWN_MANIFESTS[manifest.media_type]:
            yield Need(each.digest, blob=True, manifest=True)


def _needs_of_index(manifest: Manifest) -> Iterator[Need]:
    """Yield the entries: it looks for each among the blobs, too."""
    for each in manifest.manifests:
        yield Need(each.digest, blob=True, manifest=True)
