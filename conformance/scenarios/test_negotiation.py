"""Content negotiation of manifests by Accept (RFC 9110 section 12.5.1).

The specification leaves the rules open. A registry may ignore Accept, or refuse media types that the client does not
name; but it must serve the requested manifest under its own media type.
"""

from __future__ import annotations

import pytest

from conformance.checks.checks import Checks
from conformance.client.client import DOCKER_IMAGE, DOCKER_LIST, IMAGE, INDEX, Client
from conformance.client.content import Content, Manifest
from conformance.client.exchange import Exchange, Header
from conformance.client.steps import Steps
from conformance.scene.actors import not_applicable
from conformance.scene.requirement import requirement

SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1"
REFUSALS = (404, 406)
OTHER = "application/vnd.example.other+json"
VAGUE: dict[str, list[Header]] = {
    "anything": [("Accept", "*/*")],
    "nothing said": [],
    "JSON": [("Accept", "application/json")],
    "any application": [("Accept", "application/*")],
    "another type": [("Accept", OTHER)],
    "all but this": [("Accept", f"{IMAGE};q=0, {INDEX};q=0, */*;q=0.1")],
    "not a type": [("Accept", "nonsense, ;;,")],
}


def pull(client: Client, repository: str, reference: str, *headers: Header, method: str = "GET") -> Exchange:
    return client.follow(client.request(method, f"/v2/{repository}/manifests/{reference}", headers=list(headers)))


def is_own_type(answer: Exchange, manifest: Manifest) -> bool:
    """Return whether the answer is the manifest, under the media type of its push."""
    return answer.body == manifest.data and answer.media_type == manifest.media_type


@requirement("OCI-R010", "OCI-R011", "OCI-R012")
@pytest.mark.parametrize("kind", ["image", "index"])
def test_exact_type(client: Client, check: Checks, given: Steps, content: Content, repository: str, kind: str) -> None:
    manifest = content.image() if kind == "image" else content.index([content.image()])
    given.manifest(repository, manifest, "v1")
    for reference in ("v1", manifest.digest):
        answer = pull(client, repository, reference, ("Accept", manifest.media_type))
        check.status("OCI-R012", answer, 200)
        check.body("OCI-R011", answer, manifest.data)
        check.header("OCI-R010", answer, "Content-Type", manifest.media_type)


@requirement("OCI-R011", "OCI-R012", wire=True)
def test_several_accept_headers(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    image = content.image()
    given.manifest(repository, image, "v1")
    types = (DOCKER_IMAGE, DOCKER_LIST, OTHER, IMAGE, INDEX)
    for order in (types, types[::-1]):
        answer = pull(client, repository, "v1", *[("Accept", media_type) for media_type in order])
        check.status("OCI-R012", answer, 200)
        check.body("OCI-R011", answer, image.data)


@requirement("OCI-R102")
def test_forms_of_accept(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    image = given.any_image(repository, content, "v1")
    own = image.media_type
    for accept in (f"{OTHER},{own}", f"{OTHER} ,\t{own} ,", f"{OTHER};q=1.0, {own};q=0.5, */*;q=0.1"):
        answer = pull(client, repository, "v1", ("Accept", accept))
        if check.status("OCI-R102", answer, 200):
            check.body("OCI-R102", answer, image.data)


@requirement("OCI-R010", "OCI-R011", "OCI-R012")
def test_vague_or_wrong_type(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    image = content.image()
    given.manifest(repository, image, "v1")
    for headers in VAGUE.values():
        for reference in ("v1", image.digest):
            answer = pull(client, repository, reference, *headers)
            check.status("OCI-R012", answer, 200, *REFUSALS)
            legacy = reference == "v1" and answer.media_type.startswith(SCHEMA_1)  # as registries once converted it
            if answer.status == 200 and not legacy:
                check.body("OCI-R011", answer, image.data)
                check.header("OCI-R010", answer, "Content-Type", image.media_type)


@requirement("OCI-R010", "OCI-R011", "OCI-R012")
def test_index_for_who_knows_images_only(
    client: Client, check: Checks, given: Steps, content: Content, repository: str
) -> None:
    children = [content.image(), content.image()]
    index = content.index(children)
    given.manifest(repository, index, "v1")
    by_tag = pull(client, repository, "v1", ("Accept", IMAGE))
    by_digest = pull(client, repository, index.digest, ("Accept", IMAGE))
    for answer, legal in ((by_tag, [index, *children]), (by_digest, [index])):
        check.status("OCI-R012", answer, 200, *REFUSALS)
        if answer.status == 200:
            ok = answer.body in [manifest.data for manifest in legal]
            got = f"{len(answer.body)} bytes of {answer.media_type}"
            check.that("OCI-R011", ok, expected="the index, by tag or an image of it", got=got, exchange=answer)
            ok = any(is_own_type(answer, manifest) for manifest in legal)
            check.that("OCI-R010", ok, expected="the media type of what it is", got=got, exchange=answer)


@requirement("OCI-R010", "OCI-R011", "OCI-R012")
def test_image_for_who_knows_indexes_only(
    client: Client, check: Checks, given: Steps, content: Content, repository: str
) -> None:
    image = content.image()
    given.manifest(repository, image, "v1")
    for reference in ("v1", image.digest):
        answer = pull(client, repository, reference, ("Accept", INDEX))
        check.status("OCI-R012", answer, 200, *REFUSALS)
        if answer.status == 200:
            check.body("OCI-R011", answer, image.data)
            check.header("OCI-R010", answer, "Content-Type", image.media_type)


@requirement("OCI-R102")
def test_head_negotiates_like_get(
    client: Client, check: Checks, given: Steps, content: Content, repository: str
) -> None:
    image = given.any_image(repository, content, "v1")
    asked: list[list[Header]] = [[("Accept", image.media_type)], [("Accept", OTHER)], [("Accept", "*/*")], []]
    for headers in asked:
        got, head = (pull(client, repository, "v1", *headers, method=method) for method in ("GET", "HEAD"))
        if head.status == 405:
            not_applicable("HEAD of a manifest fails, which another requirement covers")
        check.status("OCI-R102", head, got.status)
