"""Rules of a dialect for manifests, beyond the specification: which can be pushed, and which can be pulled."""

from __future__ import annotations

from collections.abc import Iterator

from werkzeug.http import parse_accept_header
from werkzeug.wrappers import Response

from fakereg.dialect.fields import LARGE_IMAGE, Dialect, warning_header
from fakereg.http.call import Call
from fakereg.spec import manifest as manifests
from fakereg.spec.errors import Code, RegistryError
from fakereg.spec.manifest import DOCKER_IMAGE, DOCKER_LIST, INDEXES, OCI_IMAGE, OCI_INDEX, Descriptor, Manifest
from fakereg.spec.names import Digest, Name, Tag
from fakereg.storage.repositories import StoredManifest

FORMATS = {DOCKER_IMAGE: "docker", DOCKER_LIST: "docker", OCI_IMAGE: "oci", OCI_INDEX: "oci"}

_NOUNS = {
    OCI_IMAGE: ("OCI manifest", "OCI manifests"),
    OCI_INDEX: ("OCI index", "OCI indexes"),
    DOCKER_LIST: ("manifest list", "manifest lists"),
}


def check_push(call: Call, manifest: Manifest) -> None:
    """Raise DENIED or MANIFEST_INVALID if the dialect refuses this manifest."""
    if manifest.media_type in INDEXES and not call.dialect.indexes:
        raise RegistryError(Code.DENIED, "multi-platform images are not supported")
    if FORMATS.get(manifest.media_type, "other") not in call.dialect.manifest_formats:
        raise RegistryError(Code.MANIFEST_INVALID, f"manifests of type {manifest.media_type} are not supported")
    if not call.dialect.media_type_parameters and any(";" in each.media_type for each in _descriptors(manifest)):
        raise RegistryError(Code.MANIFEST_INVALID, "media types of descriptors must have no parameters")


def check_pull(call: Call, manifest: StoredManifest) -> None:
    """Raise MANIFEST_UNKNOWN if Accept must name the media type and does not, MANIFEST_INVALID for foreign layers."""
    if _needs_accept(call.dialect, manifest.media_type) and not _accepted(call, manifest):
        kind, plural = _NOUNS[manifest.media_type]
        message = f"{kind} found, but Accept header does not support {plural}"
        raise RegistryError(Code.MANIFEST_UNKNOWN, message)
    if not call.dialect.foreign_layers:
        check_layers(call, manifests.read(*manifest))


def check_reference(call: Call, name: Name, reference: Tag | Digest) -> None:
    """Raise MANIFEST_UNKNOWN for a pull by digest where manifests have tags only (GP-6.9, GP-1.22)."""
    if isinstance(reference, Digest) and not call.dialect.digest_references:
        owner, image = name.split("/")[0], name.split("/")[-1]
        message = f'Docker image reference {image}:{reference} not found under repo "{owner}".'
        raise RegistryError(Code.MANIFEST_UNKNOWN, message, content_type=call.dialect.digest_refusal_type)


def check_push_reference(call: Call, reference: Tag | Digest) -> None:
    """Raise the refusal of a push by digest where manifests have tags only (GP-1.7)."""
    if isinstance(reference, Digest) and not call.dialect.digest_references:
        status = call.dialect.digest_push_refusal
        raise RegistryError(Code.MANIFEST_INVALID, "manifests must be pushed by tag, not by digest", status=status)


def mark_large(call: Call, manifest: Manifest | StoredManifest, response: Response) -> Response:
    """Add the Warning, the journal note and the delay if an image is larger than the dialect's `image_size_notice`."""
    limit = call.dialect.image_size_notice
    parsed = manifest if isinstance(manifest, Manifest) else manifests.read(*manifest)
    if limit and parsed.blob_bytes > limit:
        call.instance.sleep(call.dialect.large_image_delay)
        call.notes.append(LARGE_IMAGE)
        response.headers.add("Warning", warning_header(LARGE_IMAGE))
    return response


def _needs_accept(dialect: Dialect, media_type: str) -> bool:
    index, oci = media_type in INDEXES, media_type in (OCI_IMAGE, OCI_INDEX)
    return (index and dialect.index_needs_accept) or (oci and dialect.oci_needs_accept)


def _accepted(call: Call, manifest: StoredManifest) -> bool:
    """Return whether Accept names the media type itself; a wildcard is not enough, and parameters count for nothing."""
    header = call.request.headers.get("Accept", "")
    if call.dialect.accept_reading == "plain":
        return manifest.media_type in (entry.partition(";")[0].strip() for entry in header.split(","))
    named = parse_accept_header(header)  # `accept_mimetypes` takes seconds for many blanks
    return any(kind.partition(";")[0].strip().lower() == manifest.media_type and quality > 0 for kind, quality in named)


def _descriptors(manifest: Manifest) -> Iterator[Descriptor]:
    yield from manifest.blobs
    yield from manifest.manifests
    if manifest.subject:
        yield manifest.subject


def check_layers(call: Call, manifest: Manifest) -> None:
    """Raise MANIFEST_INVALID for a layer that is stored elsewhere, if the dialect refuses them."""
    if not call.dialect.foreign_layers and any(blob.foreign for blob in manifest.blobs):
        status = call.dialect.foreign_layer_refusal
        raise RegistryError(Code.MANIFEST_INVALID, "foreign layers are not supported", status=status)
