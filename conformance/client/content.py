"""Blobs, images, indexes and artifacts generated from a seed, so that failures are reproducible."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from conformance.client.client import DOCKER_IMAGE, DOCKER_LIST, IMAGE, INDEX
from conformance.client.large_blob import LARGE_BLOCK, LargeBlob

CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
DOCKER_FOREIGN_LAYER = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
OCI_FOREIGN_LAYERS = tuple(
    f"application/vnd.oci.image.layer.nondistributable.v1.tar{suffix}" for suffix in ("", "+gzip", "+zstd")
)
FOREIGN_URL = "https://layers.example/windows.tar.gz"
EMPTY = "application/vnd.oci.empty.v1+json"
ALGORITHMS = ("sha256", "sha512")

BAD_DIGESTS = (
    "sha256:abc",
    "sha256:" + "A" * 64,
    "sha256:" + "g" * 64,
    "sha256:" + "0" * 63,
    "sha256:",
)
BAD_TAGS = ("-dash", ".dot", "a" * 129, "sp%20ace", "pl+us", "%C3%A9", "co%2Cmma")
BAD_NAMES = ("{}/Upper", "UPPER/{}", "{}/-dash", "{}/.dot", "{}/dot.", "{}/a..b", "{}/a___b", "{}/a_.b", "{}/sp%20ace")


def digest_of(data: bytes, algorithm: str = "sha256") -> str:
    """Return the digest of bytes, `ALGORITHM:HEX`."""
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Blob:
    """The bytes of a blob, with the fields of its descriptor."""

    data: bytes
    media_type: str = LAYER
    algorithm: str = "sha256"

    @property
    def digest(self) -> str:
        return digest_of(self.data, self.algorithm)

    @property
    def descriptor(self) -> dict[str, Any]:
        return {"mediaType": self.media_type, "digest": self.digest, "size": len(self.data)}


@dataclass(frozen=True, slots=True)
class Manifest:
    """The exact bytes of a manifest, its media type, and the content to push before it."""

    data: bytes
    media_type: str
    blobs: tuple[Blob, ...] = ()
    children: tuple[Manifest, ...] = ()
    algorithm: str = "sha256"

    @property
    def digest(self) -> str:
        return digest_of(self.data, self.algorithm)

    @property
    def descriptor(self) -> dict[str, Any]:
        return {"mediaType": self.media_type, "digest": self.digest, "size": len(self.data)}

    @property
    def is_index(self) -> bool:
        """Whether it is an index, of OCI or Docker."""
        return self.media_type in {INDEX, DOCKER_LIST}

    @property
    def is_artifact(self) -> bool:
        """Whether it is something else than an image or an index of images, by its own word or by its config."""
        return b'"artifactType"' in self.data or (
            bool(self.blobs) and self.blobs[0].media_type not in {CONFIG, DOCKER_CONFIG}
        )

    def without_blobs(self) -> Manifest:
        """Return the same manifest without blobs to push, because they exist already."""
        return Manifest(self.data, self.media_type, (), self.children, self.algorithm)

    def with_data(self, data: bytes) -> Manifest:
        """Return an equal manifest with other bytes."""
        return Manifest(data, self.media_type, self.blobs, self.children, self.algorithm)


class Content:
    """Generate content; two objects with the same seed and label generate the same."""

    def __init__(self, *, seed: int, label: str) -> None:
        self._random = Random(f"{seed}:{label}")

    def word(self, length: int = 8) -> str:
        """Generate a random word of lower-case letters."""
        return "".join(self._random.choices("abcdefghijklmnopqrstuvwxyz", k=length))

    def blob(self, size: int = 64, *, algorithm: str = "sha256", media_type: str = LAYER) -> Blob:
        """Generate a blob of random bytes."""
        return Blob(self._random.randbytes(size), media_type, algorithm)

    def large_blob(self, size: int) -> LargeBlob:
        """Generate a blob of `size` bytes, which are never all in memory."""
        return LargeBlob(self._random.randbytes(min(size, LARGE_BLOCK)), size)

    def config(self, *, labels: Mapping[str, str] | None = None, media_type: str = CONFIG) -> Blob:
        """Generate a unique image config."""
        document = {
            "architecture": "amd64",
            "os": "linux",
            "author": self.word(),
            "config": {"Labels": dict(labels)} if labels else {},
            "rootfs": {"type": "layers", "diff_ids": []},
        }
        return Blob(json.dumps(document).encode(), media_type)

    def image(
        self,
        *,
        layers: int | Sequence[Blob] = 1,
        subject: Mapping[str, Any] | None = None,
        artifact_type: str | None = None,
        annotations: Mapping[str, str] | None = None,
        config: Blob | None = None,
        foreign: Sequence[Mapping[str, Any]] = (),
    ) -> Manifest:
        """Generate an image of layers, or so many; `subject` and the `foreign` layers (the first) are descriptors."""
        config = config or self.config()
        blobs = [self.blob() for _ in range(layers)] if isinstance(layers, int) else layers
        document: dict[str, Any] = {"schemaVersion": 2, "mediaType": IMAGE}
        if artifact_type:
            document["artifactType"] = artifact_type
        document |= {"config": config.descriptor, "layers": [*foreign, *(blob.descriptor for blob in blobs)]}
        return Manifest(_written(document, subject, annotations), IMAGE, (config, *blobs))

    def docker_image(
        self,
        *,
        layers: int = 1,
        layer_size: int = 64,
        labels: Mapping[str, str] | None = None,
        foreign: Sequence[Mapping[str, Any]] = (),
    ) -> Manifest:
        """Generate an image in Docker's format (Image Manifest V2, Schema 2), with the `foreign` layers first."""
        config = self.config(labels=labels, media_type=DOCKER_CONFIG)
        blobs = [self.blob(layer_size, media_type=DOCKER_LAYER) for _ in range(layers)]
        document = {"schemaVersion": 2, "mediaType": DOCKER_IMAGE, "config": config.descriptor}
        document["layers"] = [*foreign, *(blob.descriptor for blob in blobs)]
        return Manifest(json.dumps(document).encode(), DOCKER_IMAGE, (config, *blobs))

    def docker_list(self, children: Sequence[Manifest]) -> Manifest:
        """Generate a manifest list of images, each for its own platform."""
        entries = [
            {**child.descriptor, "platform": {"os": "linux", "architecture": f"arch{number}"}}
            for number, child in enumerate(children)
        ]
        document = {"schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": entries}
        return Manifest(json.dumps(document).encode(), DOCKER_LIST, children=tuple(children))

    def foreign_layer(self, media_type: str = DOCKER_FOREIGN_LAYER) -> dict[str, Any]:
        """Generate the descriptor of a layer that is served elsewhere and not pushed."""
        return self.missing_descriptor(media_type) | {"urls": [FOREIGN_URL]}

    def artifact(
        self,
        *,
        artifact_type: str | None = "application/vnd.example.thing",
        subject: Mapping[str, Any] | None = None,
        annotations: Mapping[str, str] | None = None,
    ) -> Manifest:
        """Generate an artifact: an image manifest with the empty config and one layer."""
        empty = Blob(b"{}", EMPTY)
        return self.image(config=empty, layers=1, artifact_type=artifact_type, subject=subject, annotations=annotations)

    def index(
        self,
        children: Sequence[Manifest] = (),
        *,
        subject: Mapping[str, Any] | None = None,
        artifact_type: str | None = None,
        annotations: Mapping[str, str] | None = None,
    ) -> Manifest:
        """Generate an image index of manifests; its bytes are unique even without any."""
        document: dict[str, Any] = {"schemaVersion": 2, "mediaType": INDEX}
        if artifact_type:
            document["artifactType"] = artifact_type
        document["manifests"] = [child.descriptor for child in children]
        annotations = {"org.example.nonce": self.word(), **(annotations or {})}
        return Manifest(_written(document, subject, annotations), INDEX, children=tuple(children))

    def large_image(self, size: int) -> Manifest:
        """Generate an image manifest of exactly `size` bytes, padded by an annotation."""
        small = self.image(annotations={"org.example.padding": ""})
        padding = "x" * (size - len(small.data))
        marker = b'"org.example.padding": "'
        return small.with_data(small.data.replace(marker, marker + padding.encode()))

    def missing_digest(self, algorithm: str = "sha256") -> str:
        """Generate the digest of content that was never pushed."""
        return digest_of(self._random.randbytes(32), algorithm)

    def missing_descriptor(self, media_type: str = IMAGE) -> dict[str, Any]:
        """Generate a descriptor of content that was never pushed."""
        return Blob(self._random.randbytes(32), media_type).descriptor


def _written(
    document: dict[str, Any], subject: Mapping[str, Any] | None, annotations: Mapping[str, str] | None
) -> bytes:
    if subject:
        document["subject"] = dict(subject)
    if annotations:
        document["annotations"] = dict(annotations)
    return json.dumps(document).encode()
