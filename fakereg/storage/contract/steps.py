"""The steps that the contract of a storage is made of."""

from __future__ import annotations

import json
from typing import Any

from fakereg.spec import manifest as manifests
from fakereg.spec.manifest import OCI_IMAGE, OCI_INDEX, Manifest
from fakereg.spec.names import Digest, Name, Tag
from fakereg.storage.base import Storage, StoredManifest, Upload

A, B = Name("team/a"), Name("team/a/b")
EXPIRY = 60.0


def start(storage: Storage, name: Name, *, algorithm: str = "sha256", limit: int = 100, timeout: float = 0) -> Upload:
    """A new upload session."""
    return storage.start_upload(name, algorithm=algorithm, expiry=EXPIRY, limit=limit, timeout=timeout)


def push(storage: Storage, name: Name, content: bytes, *, algorithm: str = "sha256") -> Digest:
    """Push a blob; its digest."""
    upload = start(storage, name, algorithm=algorithm)
    upload.claim()
    upload.append(content)
    digest = Digest.of(content, algorithm=algorithm)
    assert storage.finish_upload(upload, digest)
    upload.release()
    return digest


def read(storage: Storage, name: Name, digest: Digest) -> bytes | None:
    """A blob's bytes."""
    stream = storage.open_blob(name, digest)
    if stream is None:
        return None
    with stream:
        return stream.read()


def image(config: Digest, *layers: Digest, subject: Digest | None = None, note: str = "") -> Manifest:
    """An image manifest over blobs."""
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_IMAGE,
        "config": _descriptor("application/vnd.oci.image.config.v1+json", config),
        "layers": [_descriptor("application/vnd.oci.image.layer.v1.tar", layer) for layer in layers],
        "annotations": {"note": note},
    }
    if subject:
        document["subject"] = _descriptor(OCI_IMAGE, subject)
    return _parse(document, OCI_IMAGE)


def index(*children: Digest) -> Manifest:
    """An index over manifests."""
    entries = [_descriptor(OCI_IMAGE, child) for child in children]
    return _parse({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}, OCI_INDEX)


def _descriptor(media_type: str, digest: Digest) -> dict[str, object]:
    return {"mediaType": media_type, "digest": digest, "size": 1}


def _parse(document: dict[str, object], media_type: str) -> Manifest:
    content = json.dumps(document).encode()
    return manifests.parse(content, media_type, Digest.of(content))


def stored(manifest: Manifest) -> StoredManifest:
    """What the storage gives back for a manifest."""
    return StoredManifest(manifest.content, manifest.media_type, manifest.digest)


def referrers(storage: Storage, name: Name, subject: Digest, **page: Any) -> list[StoredManifest]:
    """The referrers, all of them in one page unless said otherwise."""
    found, _ = storage.referrers(
        name, subject, **{"artifact_type": None, "last": "", "limit": 99, "size": 10**9, **page}
    )
    return found


def put(storage: Storage, name: Name, manifest: Manifest, *tags: str) -> Digest:
    """Push a complete manifest."""
    storage.put_manifest(name, manifest, tags=[Tag(tag) for tag in tags], complete=True)
    return manifest.digest


def pushed_image(storage: Storage, name: Name, *tags: str, note: str = "") -> Manifest:
    """Push an image of one layer with all it needs."""
    manifest = image(push(storage, name, b"{}"), push(storage, name, b"layer"), note=note)
    put(storage, name, manifest, *tags)
    return manifest
