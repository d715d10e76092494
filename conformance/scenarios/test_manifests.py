"""Pushing manifests to tags and digests (end-7a)."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Sequence
from functools import partial

import pytest

from conformance.checks.checks import Checks, cases_of
from conformance.client.client import Client
from conformance.client.content import BAD_DIGESTS, BAD_TAGS, CONFIG, LAYER, Blob, Content, Manifest, digest_of
from conformance.client.exchange import Exchange
from conformance.client.steps import Steps
from conformance.scene.requirement import requirement
from conformance.scene.scene import Scene

ONLY_IMAGE_SPEC = {"nested index", "index of blobs"}
"""Kinds that the image specification obliges to take, and the distribution specification does not mention."""

KINDS = (
    "image",
    "image without layers",
    "image without mediaType",
    "image of unknown types",
    "image with an empty config",
    "image with an empty layer",
    "image with its content in descriptors",
    "artifact",
    "index",
    "index without manifests",
    "index of platforms",
    "nested index",
    "index of blobs",
    "index about its own child",
)


def put(client: Client, repository: str, reference: str, manifest: Manifest) -> Exchange:
    """Push the bytes of a manifest."""
    return client.put_manifest(repository, reference, manifest.data, media_type=manifest.media_type)


def made(content: Content, kind: str) -> Manifest:
    """Return a valid manifest of a kind."""
    image = content.image()
    match kind:
        case "image without layers":
            return content.image(layers=0)
        case "image without mediaType":
            return image.with_data(image.data.replace(f'"mediaType": "{image.media_type}", '.encode(), b"", 1))
        case "image of unknown types":
            return content.image(config=Blob(b"\x00\x01 no JSON", "application/vnd.example.thing.v7"))
        case "image with an empty config":
            return content.image(config=Blob(b"", CONFIG))
        case "image with an empty layer":
            return content.image(layers=[Blob(b"")])
        case "image with its content in descriptors":
            return with_data(image)
        case "artifact":
            return content.artifact()
        case "index":
            return content.index([image, content.image()])
        case "index without manifests":
            return content.index()
        case "index of platforms":
            return of_platforms(content.index([image]))
        case "nested index":
            return content.index([content.index([image])])
        case "index of blobs":
            return of_blobs(content)
        case "index about its own child":
            return content.index([image], subject=image.descriptor)
    return image


def with_data(image: Manifest) -> Manifest:
    """Return an image whose descriptors also have the content, in Base64."""
    document = json.loads(image.data)
    for entry, blob in zip((document["config"], *document["layers"]), image.blobs, strict=True):
        entry["data"] = b64encode(blob.data).decode()
    return image.with_data(json.dumps(document).encode())


def of_blobs(content: Content) -> Manifest:
    """Return an index whose entries are blobs, of a layer's type and an unknown one, as a cache of BuildKit is."""
    blobs = (content.blob(media_type=f"{LAYER}+gzip"), content.blob(media_type="application/vnd.example.cache.v0"))
    index = content.index()
    document = json.loads(index.data) | {"manifests": [blob.descriptor for blob in blobs]}
    return Manifest(json.dumps(document).encode(), index.media_type, blobs)


def of_platforms(index: Manifest) -> Manifest:
    """Return an index whose manifests have platforms."""
    document = json.loads(index.data)
    for entry in document["manifests"]:
        entry["platform"] = {"architecture": "riscv64", "os": "plan9", "os.features": ["x"], "variant": "rva20u64"}
        entry["annotations"] = {"org.example.one": "1"}
    return index.with_data(json.dumps(document).encode())


@requirement("OCI-R055", "OCI-R056", "OCI-R057")
@pytest.mark.parametrize("kind", KINDS)
def test_push(client: Client, check: Checks, given: Steps, content: Content, repository: str, kind: str) -> None:
    manifest = made(content, kind)
    given.parts(repository, manifest)
    for reference in ("v1", manifest.digest):
        answer = put(client, repository, reference, manifest)
        if not check.status("OCI-R055", answer, 201, grade="SHOULD" if kind in ONLY_IMAGE_SPEC else None):
            return
        place = check.location("OCI-R056", answer)
        accept = [("Accept", manifest.media_type)]
        check.pullable("OCI-R056", client.follow(client.request("GET", place, headers=accept)), manifest.data)
        check_digest(check, answer, manifest, reference)


def check_digest(check: Checks, answer: Exchange, manifest: Manifest, reference: str) -> None:
    """Check that a digest in the answer is the client's, or one of the content if the client gave none."""
    value = answer.header("Docker-Content-Digest")
    if value is not None:
        algorithm = "sha512" if reference == "v1" and value.startswith("sha512:") else manifest.algorithm
        check.header("OCI-R057", answer, "Docker-Content-Digest", digest_of(manifest.data, algorithm))


@requirement("OCI-R011", "OCI-R055", "OCI-R056", "OCI-R057", needs="manifest_sha512")
def test_sha512(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    image = content.image()
    manifest = Manifest(image.data, image.media_type, image.blobs, algorithm="sha512")
    given.parts(repository, manifest)
    answer = put(client, repository, manifest.digest, manifest)
    check.status("OCI-R055", answer, 201)
    place = check.location("OCI-R056", answer)
    accept = [("Accept", manifest.media_type)]
    check.pullable("OCI-R056", client.follow(client.request("GET", place, headers=accept)), manifest.data)
    check_digest(check, answer, manifest, manifest.digest)
    check.body("OCI-R011", client.follow(client.get_manifest(repository, manifest.digest)), manifest.data)


@requirement("OCI-R011", "OCI-R055")
def test_push_again(
    scene: Scene, client: Client, check: Checks, given: Steps, content: Content, repository: str
) -> None:
    image = content.image()
    given.manifest(repository, image, "v1", "v2")
    # Most registries with immutable tags refuse the same manifest, too.
    for reference in (image.digest, "v2") if scene.has("tag_moves") else (image.digest,):
        check.status("OCI-R055", put(client, repository, reference, image), 201)
    for reference in ("v1", "v2", image.digest):
        check.body("OCI-R011", client.follow(client.get_manifest(repository, reference)), image.data)


@requirement("OCI-R011")
def test_tag_moves(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    old, new = content.image(), content.image()
    given.manifest(repository, old, "latest", "old")
    given.manifest(repository, new, "latest")
    check.body("OCI-R011", client.follow(client.get_manifest(repository, "latest")), new.data)
    check.body("OCI-R011", client.follow(client.get_manifest(repository, "old")), old.data)
    check.body("OCI-R011", client.follow(client.get_manifest(repository, old.digest)), old.data)


@requirement("OCI-R052")
def test_content_type_with_parameters(
    client: Client, check: Checks, given: Steps, content: Content, repository: str
) -> None:
    image = content.image()
    given.parts(repository, image)
    pushed = client.put_manifest(repository, "v1", image.data, media_type=f"{image.media_type}; charset=utf-8")
    if check.status("OCI-R052", pushed, 201):
        pulled = client.follow(client.get_manifest(repository, "v1"))
        check.header("OCI-R052", pulled, "Content-Type", image.media_type)


@requirement("OCI-R014", "OCI-R057")
def test_digest_of_other_content(
    client: Client, check: Checks, given: Steps, content: Content, repository: str
) -> None:
    image = content.image()
    given.parts(repository, image)
    for algorithm in ("sha256", "sha512"):
        wrong = content.missing_digest(algorithm)
        check.refused("OCI-R057", put(client, repository, wrong, image))
        check.status("OCI-R014", client.follow(client.get_manifest(repository, wrong)), 404, 400)


@requirement("OCI-R053")
def test_tag_and_digest(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    image = content.image()
    given.parts(repository, image)
    cases = []
    for reference in ("v1", image.digest):
        pushed = put(client, repository, reference, image)
        pulled = client.follow(client.get_manifest(repository, reference)) if pushed.status < 300 else pushed
        cases.append((reference, pulled, pulled.body == image.data))
    check.each("OCI-R053", cases, expected="status 201, and status 200 with what was pushed")


def pushes(
    client: Client, repository: str, image: Manifest, references: Sequence[str]
) -> list[tuple[str, Callable[[], Exchange]]]:
    """Return the pushes of an image to references, by name."""
    return [(reference, partial(put, client, repository, reference, image)) for reference in references]


@requirement("OCI-R053")
def test_bad_digest(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    image = content.image()
    given.parts(repository, image)
    cases = cases_of(client, pushes(client, repository, image, BAD_DIGESTS), lambda answer: answer.status >= 400)
    check.each("OCI-R053", cases, expected="a status 4xx")


@requirement("OCI-R007", "OCI-R008")
def test_bad_tag(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    image = content.image()
    given.parts(repository, image)
    for row, tags in (
        ("OCI-R007", [tag for tag in BAD_TAGS if len(tag) > 128]),
        ("OCI-R008", [tag for tag in BAD_TAGS if len(tag) <= 128]),
    ):
        cases = cases_of(client, pushes(client, repository, image, tags), lambda answer: answer.status >= 400)
        check.each(row, cases, expected="a status 4xx")


@requirement("OCI-R007", "OCI-R008")
def test_good_tag(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    image = content.image()
    given.parts(repository, image)
    for tag in ("a" * 128, "_", "0", "Upper.Case", "a.b-c_d", "v1..2--3__4"):
        row = "OCI-R007" if len(tag) == 128 else "OCI-R008"
        check.status(row, put(client, repository, tag, image), 201)
        check.pullable(row, client.follow(client.get_manifest(repository, tag)), image.data)


@requirement("OCI-R025")
@pytest.mark.parametrize("kind", ["image", "index"])
def test_subject_to_come(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, kind: str
) -> None:
    subject = content.missing_descriptor()
    manifest = content.artifact(subject=subject) if kind == "image" else content.index(subject=subject)
    given.parts(repository, manifest)
    for reference in ("v1", manifest.digest):
        given.pushable(repository, manifest, reference)
        check.status("OCI-R025", put(client, repository, reference, manifest), 201)
    accept = manifest.media_type
    check.pullable("OCI-R025", client.follow(client.get_manifest(repository, "v1", accept=accept)), manifest.data)


@requirement("OCI-R026")
@pytest.mark.parametrize("missing", ["config", "layer", "child"])
def test_missing_parts(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, missing: str
) -> None:
    image = content.image()
    manifest = content.index([image]) if missing == "child" else image
    given.blob(repository, image.blobs[0 if missing == "layer" else 1])
    given.pushable(repository, manifest, "v1")
    answer = put(client, repository, "v1", manifest)
    found = codes_in(answer)
    got = f"status {answer.status} with {found or answer.beginning(100)!r}"
    ok = answer.status == 201 or (400 <= answer.status < 500 and "MANIFEST_BLOB_UNKNOWN" in found)
    check.that("OCI-R026", ok, expected="an error MANIFEST_BLOB_UNKNOWN, or 201", got=got, exchange=answer)


def codes_in(exchange: Exchange) -> list[str]:
    """Return the codes of an error body."""
    document = exchange.json()
    errors = document.get("errors") if isinstance(document, dict) else None
    return [str(error.get("code")) for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
