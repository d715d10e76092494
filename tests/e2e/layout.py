"""OCI image layouts, written to a folder from a seed, as input for clients."""

import gzip
import hashlib
import io
import json
import random
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"

Descriptor = dict[str, Any]


def random_bytes(seed: int, size: int) -> bytes:
    """Return bytes that do not compress, always the same ones for a seed."""
    return random.Random(seed).randbytes(size)


def write_image(
    folder: Path, *, seed: int, layers: int = 3, size: int = 100_000, architecture: str = "amd64"
) -> Descriptor:
    """Write an image of some layers, each with a file of `size` bytes, and return the descriptor of its manifest."""
    archives = [_archive(f"file-{number}", random_bytes(seed + number, size)) for number in range(layers)]
    config = {
        "architecture": architecture,
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [digest(archive) for archive in archives]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": write_blob(folder, CONFIG, _json(config)),
        "layers": [write_blob(folder, LAYER, gzip.compress(archive, mtime=0)) for archive in archives],
        "annotations": {"org.example.seed": str(seed)},
    }
    return write_blob(folder, MANIFEST, _json(manifest))


def write_index(folder: Path, images: Mapping[str, Descriptor]) -> Descriptor:
    """Write an image index of one manifest per architecture, and return its descriptor."""
    manifests = [
        {**image, "platform": {"architecture": architecture, "os": "linux"}} for architecture, image in images.items()
    ]
    return write_blob(folder, INDEX, _json({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}))


def write_layout(folder: Path, tags: Mapping[str, Descriptor]) -> None:
    """Turn the folder of blobs into a layout: its version, and an index that gives each descriptor its tag."""
    manifests = [
        {**descriptor, "annotations": {"org.opencontainers.image.ref.name": tag}} for tag, descriptor in tags.items()
    ]
    (folder / "oci-layout").write_bytes(_json({"imageLayoutVersion": "1.0.0"}))
    (folder / "index.json").write_bytes(_json({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}))


def write_blob(folder: Path, media_type: str, content: bytes) -> Descriptor:
    """Write a blob under its digest, and return its descriptor."""
    name = digest(content)
    path = folder / "blobs" / name.replace(":", "/")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return {"mediaType": media_type, "digest": name, "size": len(content)}


def read_blobs(folder: Path) -> dict[str, bytes]:
    """Return every blob of a layout by its digest."""
    return {f"sha256:{path.name}": path.read_bytes() for path in (folder / "blobs" / "sha256").iterdir()}


def digest(content: bytes) -> str:
    """Return the SHA-256 digest of some bytes, in the form of the specification."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _archive(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _json(value: object) -> bytes:
    return json.dumps(value, indent=2).encode()
