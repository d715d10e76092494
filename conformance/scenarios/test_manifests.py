"""Pushing manifests (end-7a, end-7b)."""

from __future__ import annotations

import json

import pytest

from conformance.checks import Checks
from conformance.client import Client
from conformance.content import BAD_DIGESTS, BAD_TAGS, Content, Manifest
from conformance.exchange import Exchange
from conformance.requirements import requirement
from conformance.steps import Steps

MEGABYTE = 1_000_000


def put(client: Client, repository: str, reference: str, manifest: Manifest) -> Exchange:
    """Push the bytes of a manifest."""
    return client.put_manifest(repository, reference, manifest.data, media_type=manifest.media_type)


@requirement("OCI-R053", "OCI-R055", "OCI-R056", "OCI-R057")
@pytest.mark.parametrize("by", ["tag", "digest"])
@pytest.mark.parametrize("kind", ["image", "image without layers", "artifact", "index", "empty index"])
def test_push(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, kind: str, by: str
) -> None:
    manifest = {
        "image": content.image(layers=3),
        "image without layers": content.image(layers=0),
        "artifact": content.artifact(),
        "index": content.index([content.image(), content.image()]),
        "empty index": content.index(),
    }[kind]
    given.parts(repository, manifest)
    answer = put(client, repository, "v1" if by == "tag" else manifest.digest, manifest)
    check.status("OCI-R053", answer, 201)
    check.status("OCI-R055", answer, 201)
    place = check.location("OCI-R056", answer)
    accept = [("Accept", manifest.media_type)]
    check.pullable("OCI-R056", client.follow(client.request("GET", place, headers=accept)), manifest.data)
    if answer.header("Docker-Content-Digest") and by == "digest":
        check.header("OCI-R057", answer, "Docker-Content-Digest", manifest.digest)


@requirement("OCI-R011", "OCI-R055")
def test_push_again(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    image = content.image()
    given.manifest(repository, image, "v1")
    check.status("OCI-R055", put(client, repository, "v1", image), 201)
    check.body("OCI-R011", client.follow(client.get_manifest(repository, "v1")), image.data)


@requirement("OCI-R011")
def test_tag_moves(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    old, new = content.image(), content.image()
    given.manifest(repository, old, "latest", "old")
    given.manifest(repository, new, "latest")
    check.body("OCI-R011", client.follow(client.get_manifest(repository, "latest")), new.data)
    check.body("OCI-R011", client.follow(client.get_manifest(repository, "old")), old.data)
    check.body("OCI-R011", client.follow(client.get_manifest(repository, old.digest)), old.data)


@requirement("OCI-R054")
@pytest.mark.parametrize("writing", ["indented", "spaced", "reordered", "escaped", "custom field", "not ascii"])
def test_exact_bytes(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, writing: str
) -> None:
    image = content.image(annotations={"org.example.text": "gr\u00fc\u00df", "org.example.url": "http://a/b"})
    document = json.loads(image.data)
    written = {
        "indented": json.dumps(document, indent="\t") + "\n",
        "spaced": "\r\n " + json.dumps(document, separators=(" ,", " : ")) + " \n\n",
        "reordered": json.dumps(dict(reversed(document.items()))),
        "escaped": json.dumps(document).replace("http://", "http:\\/\\/"),
        "custom field": json.dumps({**document, "org.example.custom": [1, None, {"a": 1.50}]}),
        "not ascii": json.dumps(document, ensure_ascii=False),
    }[writing]
    image = image.with_data(written.encode())
    given.manifest(repository, image, "v1")
    check.body("OCI-R054", client.follow(client.get_manifest(repository, "v1")), image.data)
    check.body("OCI-R054", client.follow(client.get_manifest(repository, image.digest)), image.data)


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
    image, wrong = content.image(), content.missing_digest()
    given.parts(repository, image)
    check.refused("OCI-R057", put(client, repository, wrong, image))
    check.status("OCI-R014", client.follow(client.get_manifest(repository, wrong)), 404)


@requirement("OCI-R053")
@pytest.mark.parametrize("reference", BAD_DIGESTS)
def test_bad_digest(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, reference: str
) -> None:
    image = content.image()
    given.parts(repository, image)
    check.refused("OCI-R053", put(client, repository, reference, image))


@requirement("OCI-R007", "OCI-R008", "OCI-R053")
@pytest.mark.parametrize("reference", BAD_TAGS)
def test_bad_tag(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, reference: str
) -> None:
    image = content.image()
    given.parts(repository, image)
    answer = put(client, repository, reference, image)
    check.refused("OCI-R007" if len(reference) > 128 else "OCI-R008", answer)
    check.refused("OCI-R053", answer)


@requirement("OCI-R007", "OCI-R008")
@pytest.mark.parametrize("tag", ["a" * 128, "_", "0", "Upper.Case", "a.b-c_d", "v1..2--3__4"])
def test_good_tag(client: Client, check: Checks, given: Steps, content: Content, repository: str, tag: str) -> None:
    image = content.image()
    given.parts(repository, image)
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
    check.status("OCI-R025", put(client, repository, manifest.digest, manifest), 201)


@requirement("OCI-R026")
@pytest.mark.parametrize("kind", ["image", "index"])
def test_missing_parts(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, kind: str
) -> None:
    image = content.image()
    manifest = image if kind == "image" else content.index([image])
    given.blob(repository, content.blob())
    answer = put(client, repository, manifest.digest, manifest)
    if answer.status == 201:
        check.that("OCI-R026", True, expected="", got="", exchange=answer)
        return
    check.refused("OCI-R026", answer)
    check.that(
        "OCI-R026",
        "MANIFEST_BLOB_UNKNOWN" in codes_in(answer),
        expected="an error MANIFEST_BLOB_UNKNOWN",
        got=codes_in(answer) or f"status {answer.status} with {answer.body[:100]!r}",
        exchange=answer,
    )


def codes_in(exchange: Exchange) -> list[str]:
    """The codes of an error body."""
    document = exchange.json()
    errors = document.get("errors") if isinstance(document, dict) else None
    return [str(error.get("code")) for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []


@requirement("OCI-R063")
def test_four_megabytes(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    image = content.large_image(4 * MEGABYTE)
    given.parts(repository, image)
    if check.status("OCI-R063", put(client, repository, "v1", image), 201):
        check.body("OCI-R063", client.follow(client.get_manifest(repository, "v1")), image.data)


@requirement("OCI-R061", "OCI-R062")
def test_size_limit(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    image = content.image()
    given.parts(repository, image)
    for megabytes in (8, 32):
        padded = image.with_data(image.data + b" " * (megabytes * MEGABYTE))
        answer = put(client, repository, "v1", padded)
        if answer.status != 201:
            check.that("OCI-R061", True, expected="", got="", exchange=answer)
            check.status("OCI-R062", answer, 413)
            return
    check.that("OCI-R061", False, expected="a limit", got=f"{megabytes} megabytes were taken", exchange=answer)


@requirement("OCI-R058", "OCI-R059", "OCI-R011", needs="tag_parameters")
@pytest.mark.parametrize("number", [1, 10])
def test_tag_parameters(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, number: int
) -> None:
    image = content.image()
    given.parts(repository, image)
    tags = [f"tag-{index}" for index in range(number)]
    answer = client.put_manifest(repository, image.digest, image.data, media_type=image.media_type, tags=tags)
    if not check.status("OCI-R058", answer, 201):
        return
    named = [tag.strip() for tag in (answer.header("OCI-Tag") or "").split(",")]
    found = [tag for tag in tags if client.follow(client.head_manifest(repository, tag)).status == 200]
    check.same_set("OCI-R059", answer, [tag for tag in named if tag], found)
    check.that("OCI-R058", found == tags, expected=f"the tags {tags}", got=found, exchange=answer)
    for tag in found:
        check.body("OCI-R011", client.follow(client.get_manifest(repository, tag)), image.data)
