"""Manifests that are legal, or that clients send, and unusual: what the dialects answer to each.

The column `distribution` was measured; `tests/fakereg/dialect/test_distribution.py` measures it again. Where
docker-registry answers 500, the fake answers 400.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fakereg.spec.manifest import DOCKER_IMAGE, DOCKER_LIST, OCI_IMAGE, OCI_INDEX
from fakereg.spec.names import Digest
from tests.fakereg.client import CONFIG, DOCKER_LAYER, FOREIGN_LAYERS, LAYER, descriptor, docker_image, image, index

OK, INVALID, UNKNOWN, DIGEST = "", "MANIFEST_INVALID", "MANIFEST_BLOB_UNKNOWN", "DIGEST_INVALID"

NEVER = Digest.of(b"never pushed")
CONFIG_BLOB, LAYER_BLOB = b"{}", b"layer"
CHILD, INNER = image(Digest.of(CONFIG_BLOB), Digest.of(LAYER_BLOB)), index()
UNPUSHED = json.dumps({**CHILD, "annotations": {"pushed as": "a blob"}}).encode()
BLOBS = (CONFIG_BLOB, LAYER_BLOB, b"", UNPUSHED)
MANIFESTS = (CHILD, INNER)
"""What a repository has before a manifest of the table is pushed."""

C, L, EMPTY, BLOB_ONLY = map(Digest.of, BLOBS)
IMAGE, INDEX = (Digest.of(json.dumps(document).encode()) for document in MANIFESTS)
BUILDKIT = "application/vnd.buildkit.cacheconfig.v0"
TEXT = "text/plain; charset=utf-8"
OTHER = "application/vnd.example.other"
URL = ["https://example.com/layer"]
PLATFORM = {"architecture": "amd64", "os": "linux", "os.features": None, "variant": "v3"}
MISSING: Any = object()


@dataclass(frozen=True)
class Shape:
    """A manifest, and the code of its refusal in `oci` and in `distribution`; none: it is accepted."""

    document: dict[str, Any]
    oci: str
    distribution: str

    @property
    def content(self) -> bytes:
        return json.dumps(self.document).encode()

    @property
    def media_type(self) -> str:
        """The Content-Type that it is pushed with."""
        return self.document.get("mediaType") or OCI_IMAGE


def changed(document: dict[str, Any], **members: Any) -> dict[str, Any]:
    """The document with other members, and without those that are MISSING."""
    return {key: value for key, value in (document | members).items() if value is not MISSING}


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def of_layer(**members: Any) -> dict[str, Any]:
    """An image whose only layer has other members."""
    return image(C, layers=[changed(descriptor(LAYER, L), **members)])


def of_entry(**members: Any) -> dict[str, Any]:
    """An index whose only entry, an image, has other members."""
    return index() | {"manifests": [changed(descriptor(OCI_IMAGE, IMAGE), **members)]}


def naming(place: str, media_type: str, digest: str, **members: Any) -> dict[str, Any]:
    """A manifest with one descriptor of such content in this place."""
    described = descriptor(media_type, digest, **members)
    if place == "config":
        return image(C) | {"config": described}
    if place == "layer":
        return image(C, layers=[described])
    return index() | {"manifests": [described]}


def _members() -> Iterator[tuple[str, dict[str, Any], str, str]]:
    """Null, missing and mistyped members of the manifest."""
    for kind, document, list_name in (
        ("oci", image(C, L), "layers"),
        ("docker", docker_image(C, descriptor(DOCKER_LAYER, L)), "layers"),
        ("index", index(IMAGE), "manifests"),
        ("list", index(IMAGE, mediaType=DOCKER_LIST), "manifests"),
    ):
        of_index = list_name == "manifests"
        yield f"{kind}: plain", document, OK, OK
        yield f"{kind}: {list_name} null", changed(document, **{list_name: None}), OK, OK
        yield f"{kind}: {list_name} empty", changed(document, **{list_name: []}), OK, OK
        yield f"{kind}: {list_name} missing", changed(document, **{list_name: MISSING}), INVALID if of_index else OK, OK
        yield f"{kind}: {list_name} an object", changed(document, **{list_name: {}}), INVALID, INVALID
        yield f"{kind}: {list_name} of null", changed(document, **{list_name: [None]}), INVALID, DIGEST
        yield f"{kind}: {list_name} of nothing", changed(document, **{list_name: [{}]}), INVALID, DIGEST
        for name in ("subject", "annotations", "artifactType", "config" if of_index else "manifests"):
            yield f"{kind}: {name} null", changed(document, **{name: None}), OK, OK
        known = INVALID if kind == "oci" else OK  # the other structures of docker-registry have no annotations
        yield f"{kind}: annotations a list", changed(document, annotations=["a"]), INVALID, known
        yield f"{kind}: an annotation that is a number", changed(document, annotations={"a": 1}), INVALID, known
        yield f"{kind}: annotations empty", changed(document, annotations={}), OK, OK
        yield f"{kind}: artifactType empty", changed(document, artifactType=""), OK, OK
        yield f"{kind}: artifactType a number", changed(document, artifactType=1), INVALID, OK
        yield f"{kind}: subject a text", changed(document, subject="a"), INVALID, OK
        yield f"{kind}: subject without members", changed(document, subject={}), INVALID, OK
        yield f"{kind}: subject that is not there", changed(document, subject=descriptor(OCI_IMAGE, NEVER)), OK, OK
        yield f"{kind}: subject that is a blob", changed(document, subject=descriptor(LAYER, L)), OK, OK
        yield f"{kind}: subject of any type", changed(document, subject=descriptor(OTHER, NEVER)), OK, OK
        for version in (1, 3, "2", None, MISSING):
            said = "missing" if version is MISSING else repr(version)
            yield f"{kind}: schemaVersion {said}", changed(document, schemaVersion=version), INVALID, INVALID
    for kind, document in (("oci", image(C, L)), ("docker", docker_image(C, descriptor(DOCKER_LAYER, L)))):
        yield f"{kind}: config null", changed(document, config=None), INVALID, DIGEST
        yield f"{kind}: config missing", changed(document, config=MISSING), INVALID, DIGEST
        yield f"{kind}: config a text", changed(document, config="a"), INVALID, INVALID
    yield "oci: mediaType null", image(C, L, mediaType=None), OK, OK
    yield "oci: mediaType empty", image(C, L, mediaType=""), OK, OK
    yield "oci: mediaType a number", image(C, L, mediaType=1), INVALID, INVALID
    yield "oci: names in another case", {"SchemaVersion": 2, "Config": descriptor(CONFIG, C), "LAYERS": []}, INVALID, OK
    yield "oci: an index, too", image(C, L, manifests=[]), OK, INVALID
    yield "index: an image, too", index(IMAGE, layers=[]), OK, INVALID
    yield "docker: an index, too", docker_image(C, manifests=[]), OK, OK


def _descriptors() -> Iterator[tuple[str, dict[str, Any], str, str]]:
    """Null, missing, odd and mistyped members of descriptors."""
    for where, make, content in (("layer", of_layer, LAYER_BLOB), ("entry", of_entry, json.dumps(CHILD).encode())):
        yield f"{where}: size 0", make(size=0), OK, OK
        yield f"{where}: another size", make(size=4), OK, OK
        for size in (-1, None, MISSING):
            yield f"{where}: size {'missing' if size is MISSING else size}", make(size=size), INVALID, OK
        for text in (str(1 << 63), "5.5", '"5"', "true", "[]"):
            yield f"{where}: size {text}", make(size=json.loads(text)), INVALID, INVALID
        yield f"{where}: media type with a parameter", make(mediaType=TEXT), OK, OK
        yield f"{where}: media type with a quoted parameter", make(mediaType='a/b;c="d; e"'), OK, OK
        yield f"{where}: media type in capitals", make(mediaType="TEXT/PLAIN"), OK, OK
        for odd in ("", " ", "layer", "a/", "/b", "a/b/c", "a b/c", "a/b;", "a/b; c", None, MISSING):
            said = "missing" if odd is MISSING else repr(odd)
            yield f"{where}: media type {said}", make(mediaType=odd), INVALID, OK
        yield f"{where}: media type a number", make(mediaType=1), INVALID, INVALID
        for digest in ("", "x", "sha256:abc", f"sha256:{'A' * 64}", None, MISSING):
            said = "missing" if digest is MISSING else repr(digest)[:12]
            yield f"{where}: digest {said}", make(digest=digest), INVALID, DIGEST
        yield f"{where}: digest a number", make(digest=1), INVALID, INVALID
        yield f"{where}: digest of another algorithm", make(digest=f"blake3:{'0' * 64}"), UNKNOWN, UNKNOWN
        yield f"{where}: digest of nothing", make(digest=NEVER), UNKNOWN, UNKNOWN
        for name in ("urls", "annotations", "data", "platform", "artifactType"):
            yield f"{where}: {name} null", make(**{name: None}), OK, OK
        yield f"{where}: urls empty", make(urls=[]), OK, OK
        yield f"{where}: urls a text", make(urls="a"), INVALID, INVALID
        yield f"{where}: urls of numbers", make(urls=[1]), INVALID, INVALID
        yield f"{where}: annotations of texts", make(annotations={"a": "b"}), OK, OK
        yield f"{where}: annotations of numbers", make(annotations={"a": 1}), INVALID, INVALID
        yield f"{where}: annotations of null", make(annotations={"a": None}), INVALID, OK
        yield f"{where}: annotations a list", make(annotations=["a"]), INVALID, INVALID
        yield f"{where}: data", make(data=encoded(content), size=len(content)), OK, OK
        yield f"{where}: data empty", make(data=""), OK, OK
        yield f"{where}: data of other content", make(data=encoded(b"other")), OK, OK
        yield f"{where}: data without padding", make(data="e30"), INVALID, OK
        yield f"{where}: data not in base64", make(data="!!!!"), INVALID, OK
        yield f"{where}: data a number", make(data=1), INVALID, OK
        yield f"{where}: data in place of content", make(digest=NEVER, data=encoded(b"never pushed")), UNKNOWN, UNKNOWN
        yield f"{where}: platform", make(platform=PLATFORM), OK, OK
        yield f"{where}: platform empty", make(platform={}), OK, OK
        yield f"{where}: platform a text", make(platform="linux"), INVALID, INVALID
        yield f"{where}: platform of numbers", make(platform={"os": 1}), INVALID, INVALID
        yield f"{where}: artifactType empty", make(artifactType=""), OK, OK
        yield f"{where}: artifactType a number", make(artifactType=1), INVALID, OK
        yield f"{where}: an unknown member", make(other={"a": [None]}), OK, OK
    yield "layers: the same one twice", image(C, L, L), OK, OK
    yield "layers: one of nothing twice", image(C, NEVER, NEVER), UNKNOWN, UNKNOWN
    yield "entries: the same one twice", index(IMAGE, IMAGE), OK, OK
    yield "config: the content of a layer", image(L, L), OK, OK


def _contents() -> Iterator[tuple[str, dict[str, Any], str, str]]:
    """What a descriptor names, and where the repository has it."""
    for media_type in (OCI_IMAGE, OCI_INDEX, DOCKER_IMAGE, DOCKER_LIST, f"{OCI_IMAGE}; charset=utf-8"):
        yield f"entry: {media_type}, a manifest", naming("entry", media_type, INDEX), OK, OK
        yield f"entry: {media_type}, a blob", naming("entry", media_type, BLOB_ONLY), UNKNOWN, OK
        yield f"entry: {media_type}, nothing", naming("entry", media_type, NEVER), UNKNOWN, UNKNOWN
    for media_type in (LAYER, CONFIG, BUILDKIT, OTHER, TEXT, DOCKER_LAYER, "application/vnd.oci.empty.v1+json"):
        yield f"entry: {media_type}, a blob", naming("entry", media_type, C), OK, OK
        yield f"entry: {media_type}, a manifest", naming("entry", media_type, IMAGE), OK, OK
        yield f"entry: {media_type}, nothing", naming("entry", media_type, NEVER), UNKNOWN, UNKNOWN
    for place in ("config", "layer"):
        for media_type in (OCI_IMAGE, OCI_INDEX, DOCKER_IMAGE):
            yield f"{place}: {media_type}, a manifest", naming(place, media_type, IMAGE), OK, UNKNOWN
            yield f"{place}: {media_type}, a blob", naming(place, media_type, BLOB_ONLY), OK, OK
            yield f"{place}: {media_type}, nothing", naming(place, media_type, NEVER), UNKNOWN, UNKNOWN
        for media_type in (LAYER, OTHER):
            yield f"{place}: {media_type}, a manifest", naming(place, media_type, IMAGE), UNKNOWN, UNKNOWN
            yield f"{place}: {media_type}, an empty blob", naming(place, media_type, EMPTY, size=0), OK, OK
        yield f"{place}: {OTHER}, at a URL", naming(place, OTHER, NEVER, urls=URL), OK, OK
        yield f"{place}: {OCI_IMAGE}, at a URL", naming(place, OCI_IMAGE, NEVER, urls=URL), OK, UNKNOWN
        yield f"{place}: {LAYER}, at a URL", naming(place, LAYER, NEVER, urls=URL), OK, INVALID
        for media_type in FOREIGN_LAYERS:
            at_url = OK if "docker" in media_type else INVALID
            yield f"{place}: {media_type}, nothing", naming(place, media_type, NEVER), OK, UNKNOWN
            yield f"{place}: {media_type}, a blob", naming(place, media_type, L), OK, OK
            yield f"{place}: {media_type}, at a URL", naming(place, media_type, NEVER, urls=URL), OK, at_url
    for media_type in FOREIGN_LAYERS:
        yield f"entry: {media_type}, nothing", naming("entry", media_type, NEVER), OK, UNKNOWN
    yield f"entry: {LAYER}, at a URL", naming("entry", LAYER, NEVER, urls=URL), OK, UNKNOWN
    yield f"entry: {OCI_IMAGE}, at a URL", naming("entry", OCI_IMAGE, NEVER, urls=URL), UNKNOWN, UNKNOWN
    foreign = descriptor(FOREIGN_LAYERS[0], NEVER, urls=URL)
    yield "docker: a foreign layer", docker_image(C, foreign), OK, INVALID
    yield "docker: a layer at a URL", docker_image(C, descriptor(DOCKER_LAYER, NEVER, urls=URL)), OK, OK
    cache = [descriptor(LAYER, L), descriptor(BUILDKIT, C)]
    yield "BuildKit's cache", index() | {"manifests": cache}, OK, OK
    yield "BuildKit's cache, Docker's list", index(mediaType=DOCKER_LIST) | {"manifests": cache}, OK, OK
    yield "a podman artifact", image(C, artifactType="a/b", layers=[descriptor(TEXT, L)]), OK, OK


SHAPES = {
    name: Shape(document, oci, distribution)
    for name, document, oci, distribution in (*_members(), *_descriptors(), *_contents())
}
