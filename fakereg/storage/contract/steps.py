"""Steps for the tests of the contract."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from fakereg.spec import manifest as manifests
from fakereg.spec.manifest import OCI_IMAGE, OCI_INDEX, Manifest
from fakereg.spec.names import Digest, Name, Tag
from fakereg.storage.base import Spool, Storage
from fakereg.storage.index import State
from fakereg.storage.repositories import Repositories, StoredManifest, Upload

MakeStorage = Callable[[], Storage]
"""Opens the storage under test."""

A, B = Name("team/a"), Name("team/a/b")
EXPIRY = 60.0


def start(
    repositories: Repositories, name: Name, *, algorithm: str = "sha256", limit: int = 100, timeout: float = 0
) -> Upload:
    """Start an upload session."""
    return repositories.start_upload(name, algorithm=algorithm, expiry=EXPIRY, limit=limit, timeout=timeout)


def push(repositories: Repositories, name: Name, content: bytes, *, algorithm: str = "sha256") -> Digest:
    """Push a blob and return its digest."""
    digest = Digest.of(content, algorithm=algorithm)
    with claimed(start(repositories, name, algorithm=algorithm)) as upload:
        upload.append(content)
        assert repositories.finish_upload(upload, digest)
    return digest


@contextmanager
def claimed(upload: Upload) -> Iterator[Upload]:
    """Claim an upload session for the block."""
    upload.claim()
    try:
        yield upload
    finally:
        upload.release()


def read(repositories: Repositories, name: Name, digest: Digest) -> bytes | None:
    """Return the bytes of a blob."""
    stream = repositories.open_blob(name, digest)
    if stream is None:
        return None
    with stream:
        return stream.read()


def image(config: Digest, *layers: Digest, subject: Digest | None = None, note: str = "") -> Manifest:
    """Return an image manifest over blobs."""
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
    """Return an index over manifests."""
    entries = [_descriptor(OCI_IMAGE, child) for child in children]
    return _parse({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}, OCI_INDEX)


def _descriptor(media_type: str, digest: Digest) -> dict[str, object]:
    return {"mediaType": media_type, "digest": digest, "size": 1}


def _parse(document: dict[str, object], media_type: str) -> Manifest:
    content = json.dumps(document).encode()
    return manifests.parse(content, media_type, Digest.of(content))


def stored(manifest: Manifest) -> StoredManifest:
    """Return the stored form of a manifest."""
    return StoredManifest(manifest.content, manifest.media_type, manifest.digest)


def referrers(repositories: Repositories, name: Name, subject: Digest, **page: Any) -> list[StoredManifest]:
    """Return the referrers, by default all of them in one page."""
    found, _ = repositories.referrers(
        name, subject, **{"artifact_type": None, "last": "", "limit": 99, "size": 10**9, **page}
    )
    return found


def put(repositories: Repositories, name: Name, manifest: Manifest, *tags: str) -> Digest:
    """Push a complete manifest."""
    repositories.put_manifest(name, manifest, tags=[Tag(tag) for tag in tags], complete=True)
    return manifest.digest


def pushed_image(repositories: Repositories, name: Name, *tags: str, note: str = "") -> Manifest:
    """Push an image of one layer with all it needs."""
    manifest = image(push(repositories, name, b"{}"), push(repositories, name, b"layer"), note=note)
    put(repositories, name, manifest, *tags)
    return manifest


# The protocol itself.


def state_of(storage: Storage, name: Name) -> State:
    """Return the state of the index of a repository."""
    changes = storage.read(name)
    return State().changed(changes.delta) if changes else State()


def contents_of(storage: Storage, name: Name, *digests: Digest) -> list[bytes | None]:
    """Return the bytes of content."""
    found: list[bytes | None] = []
    for digest in digests:
        stream = storage.open(name, digest)
        with stream or contextlib.nullcontext():
            found.append(stream.read() if stream else None)
    return found


def filled_spool(storage: Storage, id: str, data: bytes) -> Spool:
    """Make a spool with bytes and hold it."""
    storage.create_spool(id, "text", 1.0)
    spool = storage.hold_spool(id)
    spool.append(data)
    return spool


def bytes_of(spool: Spool) -> bytes:
    """Return all bytes of a spool."""
    with spool.open() as stream:
        return stream.read()
