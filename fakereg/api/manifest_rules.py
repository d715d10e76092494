"""What a dialect demands of manifests beyond the specification: which it takes, and which it gives out."""

from __future__ import annotations

from werkzeug.http import parse_accept_header
from werkzeug.wrappers import Response

from fakereg import image
from fakereg.dialects import LARGE_IMAGE, warning_header
from fakereg.errors import Code, RegistryError
from fakereg.manifest import DOCKER_IMAGE, DOCKER_LIST, INDEXES, OCI_IMAGE, OCI_INDEX, Manifest
from fakereg.names import Digest, Name, Tag
from fakereg.storage.base import StoredManifest
from fakereg.wsgi import Call

_FORMATS = {DOCKER_IMAGE: "docker", DOCKER_LIST: "docker", OCI_IMAGE: "oci", OCI_INDEX: "oci"}


def check_push(call: Call, manifest: Manifest) -> None:
    """Raise DENIED or MANIFEST_INVALID if the dialect does not take this manifest."""
    if manifest.media_type in INDEXES and not call.dialect.indexes:
        raise RegistryError(Code.DENIED, "multi-platform images are not supported")
    if _FORMATS.get(manifest.media_type, "other") not in call.dialect.manifest_formats:
        raise RegistryError(Code.MANIFEST_INVALID, f"manifests of type {manifest.media_type} are not supported")
    _check_layers(call, manifest)


def check_pull(call: Call, manifest: StoredManifest) -> None:
    """Raise MANIFEST_UNKNOWN for an index that the client does not accept, MANIFEST_INVALID for foreign layers."""
    if manifest.media_type in INDEXES and call.dialect.index_needs_accept and not _accepted(call, manifest):
        kind = "OCI index" if manifest.media_type == OCI_INDEX else "manifest list"
        plural = "OCI indexes" if manifest.media_type == OCI_INDEX else "manifest lists"
        message = f"{kind} found, but Accept header does not support {plural}"
        raise RegistryError(Code.MANIFEST_UNKNOWN, message)
    if not call.dialect.foreign_layers:
        _check_layers(call, image.parse(manifest))


def check_reference(call: Call, name: Name, reference: Tag | Digest) -> None:
    """Raise MANIFEST_UNKNOWN for a pull by digest where manifests have tags only (rows 6.9 and 1c)."""
    if isinstance(reference, Digest) and not call.dialect.digest_references:
        owner, image = name.split("/")[0], name.split("/")[-1]
        message = f'Docker image reference {image}:{reference} not found under repo "{owner}".'
        raise RegistryError(Code.MANIFEST_UNKNOWN, message, content_type=call.dialect.digest_refusal_type)


def check_push_reference(call: Call, reference: Tag | Digest) -> None:
    """Raise MANIFEST_INVALID for a push by digest where manifests have tags only (row 1.7)."""
    if isinstance(reference, Digest) and not call.dialect.digest_references:
        status = call.dialect.digest_push_refusal
        raise RegistryError(Code.MANIFEST_INVALID, "images are pushed by tag here, not by digest", status=status)


def mark_large(call: Call, manifest: Manifest | StoredManifest, response: Response) -> Response:
    """Add the Warning, the journal note and the delay to the answer about an image over the dialect's notice."""
    limit = call.dialect.image_size_notice
    if limit and image.size(manifest if isinstance(manifest, Manifest) else image.parse(manifest)) > limit:
        call.instance.sleep(call.dialect.large_image_delay)
        call.notes.append(LARGE_IMAGE)
        response.headers.add("Warning", warning_header(LARGE_IMAGE))
    return response


def _accepted(call: Call, manifest: StoredManifest) -> bool:
    """Whether Accept names the media type itself: a wildcard says nothing of what the client understands."""
    named = parse_accept_header(call.request.headers.get("Accept"))  # `accept_mimetypes` takes seconds for many blanks
    return any(kind.lower() == manifest.media_type and quality > 0 for kind, quality in named)


def _check_layers(call: Call, manifest: Manifest) -> None:
    if not call.dialect.foreign_layers and any(blob.foreign for blob in manifest.blobs):
        status = call.dialect.foreign_layer_refusal
        raise RegistryError(Code.MANIFEST_INVALID, "foreign layers are not supported", status=status)
