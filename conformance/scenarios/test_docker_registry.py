"""Special features of the Docker registry of GitHub Packages: names, references by tag, its one format, switches."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from conformance.checks.checks import Checks
from conformance.client.client import DOCKER_IMAGE, Client
from conformance.client.content import Content, Manifest
from conformance.client.credentials import challenge_of
from conformance.client.exchange import Exchange
from conformance.client.steps import Steps, tags_in
from conformance.scene.actors import Clients, Places, Variant
from conformance.scene.requirement import prepare, requirement
from conformance.targets.base import Target

NOT_AUTHENTICATED = (
    "Your request could not be authenticated by the GitHub Packages service. "
    "Please ensure your access token is valid and has the appropriate scopes configured."
)
NAME_FORM = "docker image push is only supported with a tag of the format :owner/:repo_name/:image_name."
ONLY_SCHEMA_2 = "Only schema version 2 is supported"
SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"

PARSED_BY_ENGINE_25 = {"application/json", "application/vnd.api+json"}
"""Media types of errors that Docker Engine 25 and later reads; it takes others for no answer of a registry."""

NOTICE, MAX_NOTICE = 4096, 64 << 20
"""The size in bytes over which an image is marked, where it can be chosen; the largest that is not too much to push."""

MakeVariant = Callable[..., Variant]


@prepare
def image(content: Content) -> Manifest:
    """Return an image in the only format that this registry accepts."""
    return content.docker_image()


def put(client: Client, repository: str, reference: str, manifest: Manifest) -> Exchange:
    return client.put_manifest(repository, reference, manifest.data, media_type=manifest.media_type)


@requirement("GHD-02")
def test_read_only(check: Checks, image: Manifest, variant: MakeVariant) -> None:
    registry = variant()
    repository, client = registry.place(), registry.client
    registry.given.manifest(repository, image, "v1")
    registry.configure(ecosystem="read-only")
    check.status("GHD-02", client.get_manifest(repository, "v1"), 200)
    check.status("GHD-02", client.get_blob(repository, image.blobs[-1].digest), 200)
    check.refused("GHD-02", client.start_upload(repository))
    check.refused("GHD-02", put(client, repository, "v2", image))
    listed = client.list_tags(repository)
    check.same_set("GHD-02", listed, tags_in(listed), ["v1"])


@requirement("GHD-02")
def test_disabled(check: Checks, image: Manifest, variant: MakeVariant) -> None:
    registry = variant()
    repository, client = registry.place(), registry.client
    registry.given.manifest(repository, image, "v1")
    registry.configure(ecosystem="disabled")
    for answer in (
        client.get_manifest(repository, "v1"),
        client.get_blob(repository, image.blobs[-1].digest),
        client.list_tags(repository),
        client.start_upload(repository),
        put(client, repository, "v2", image),
    ):
        check.refused("GHD-02", answer)
    registry.configure(ecosystem="enabled")
    check.status("GHD-02", client.get_manifest(repository, "v1"), 200)


@requirement("GHD-05")
def test_pull_by_digest(client: Client, check: Checks, given: Steps, image: Manifest, repository: str) -> None:
    given.manifest(repository, image, "v1")
    answer = client.get_manifest(repository, image.digest)
    check.status("GHD-05", answer, 404)
    check.error("GHD-05", answer, "MANIFEST_UNKNOWN", "NAME_UNKNOWN", "DENIED")  # from which older engines recover
    check.that(
        "GHD-05",
        answer.media_type not in PARSED_BY_ENGINE_25,
        expected="a Content-Type that is not one of JSON",
        got=answer.media_type,
        exchange=answer,
    )


@requirement("GHD-19")
def test_digest_is_no_reference(
    client: Client, check: Checks, given: Steps, content: Content, image: Manifest, repository: str
) -> None:
    given.manifest(repository, image, "v1")
    check.refused("GHD-19", client.get_manifest(repository, image.digest))
    another = content.docker_image()
    given.parts(repository, another)
    check.refused("GHD-19", put(client, repository, another.digest, another))
    check.status("GHD-19", client.get_manifest(repository, "v1"), 200)


@requirement("GHD-17")
@pytest.mark.parametrize("parts", [2, 4])
def test_name_of_other_form(client: Client, check: Checks, repository: str, parts: int) -> None:
    owner, image = repository.partition("/")[0], repository.rpartition("/")[2]
    answer = client.start_upload(f"{owner}/{image}" if parts == 2 else f"{repository}/more")
    check.refused("GHD-17", answer)
    check.status("GHD-17", answer, 404, grade="SHOULD")
    check.error("GHD-17", answer, "NAME_UNKNOWN", message=NAME_FORM, grade="SHOULD")


@requirement("GHD-20")
@pytest.mark.parametrize("path", ["tags/list", "manifests/v1", "blobs/{}"])
def test_without_credentials(clients: Clients, check: Checks, content: Content, repository: str, path: str) -> None:
    url = f"/v2/{repository}/{path.format(content.missing_digest())}"
    _is_asked_for_credentials(check, clients.silent().request("GET", url))


@requirement("GHD-20")
def test_bad_credentials(clients: Clients, check: Checks, repository: str) -> None:
    _is_asked_for_credentials(check, clients("wrong").list_tags(repository))
    _is_asked_for_credentials(check, clients("wrong").start_upload(repository))


def _is_asked_for_credentials(check: Checks, answer: Exchange) -> None:
    check.status("GHD-20", answer, 401)
    check.error("GHD-20", answer, "UNAUTHORIZED", message=NOT_AUTHENTICATED)
    challenge = challenge_of(answer, "basic")
    ok = challenge is not None and "realm" in challenge.fields
    got = answer.header("WWW-Authenticate") or "no WWW-Authenticate"
    check.that("GHD-20", ok, expected='WWW-Authenticate: Basic realm="..."', got=got, exchange=answer)


@requirement("GHD-22")
def test_large_image(
    clients: Clients, check: Checks, content: Content, target: Target, place: Places, variant: MakeVariant
) -> None:
    notice = target.description.limits.get("image_notice", 0)
    if 0 < notice <= MAX_NOTICE:
        client, repository = clients(), place()
    else:
        registry, notice = variant(image_size_notice=NOTICE), NOTICE
        client, repository = registry.client, registry.place()
    config = len(content.docker_image().blobs[0].data)
    for tag, size in (("at", notice), ("over", notice + 1)):
        image = content.docker_image(layer_size=size - config)
        Steps(client).parts(repository, image)
        pushed, pulled = put(client, repository, tag, image), client.get_manifest(repository, tag)
        check.status("GHD-22", pushed, 201)
        check.body("GHD-22", pulled, image.data)
        for answer in (pushed, pulled):
            _is_marked(check, answer, size > notice)


def _is_marked(check: Checks, answer: Exchange, large: bool) -> None:
    warning = answer.header("Warning")
    wanted, got = f"{'a' if large else 'no'} header Warning", warning or "no Warning"
    check.that("GHD-22", bool(warning) is large, expected=wanted, got=got, exchange=answer, grade="SHOULD")


@requirement("GHD-24")
def test_head_of_a_manifest(client: Client, check: Checks, given: Steps, image: Manifest, repository: str) -> None:
    given.manifest(repository, image, "v1")
    answer = client.head_manifest(repository, "v1")
    check.status("GHD-24", answer, 405)
    ok = answer.media_type == "application/json"
    check.that("GHD-24", ok, expected="the Content-Type application/json", got=answer.media_type, exchange=answer)


@requirement("GHD-25")
def test_headers_of_a_manifest(client: Client, check: Checks, given: Steps, image: Manifest, repository: str) -> None:
    given.manifest(repository, image, "v1")
    answer = client.get_manifest(repository, "v1")
    check.status("GHD-25", answer, 200)
    check.header("GHD-25", answer, "Content-Type", f"{DOCKER_IMAGE}; charset=utf-8")
    check.header("GHD-25", answer, "ETag", f'W/"{image.digest.removeprefix("sha256:")[:32]}"')
    check.no_header("GHD-25", answer, "Docker-Content-Digest")


@requirement("GHD-26")
def test_headers_of_a_pushed_blob(
    client: Client, check: Checks, given: Steps, content: Content, repository: str
) -> None:
    answer = given.blob(repository, content.blob())
    check.no_header("GHD-26", answer, "Docker-Content-Digest")


@requirement("GHD-27")
@pytest.mark.parametrize("form", ["docker", "oci"])
def test_several_platforms(
    client: Client, check: Checks, given: Steps, content: Content, image: Manifest, repository: str, form: str
) -> None:
    given.manifest(repository, image, "v1")
    several = content.docker_list([image]) if form == "docker" else content.index([image])
    answer = put(client, repository, "several", several)
    check.status("GHD-27", answer, 403)
    check.error("GHD-27", answer, "DENIED")
    check.status("GHD-27", client.get_manifest(repository, "several"), 404)


@requirement("GHD-28")
def test_schema_1(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    blob = content.blob()
    given.blob(repository, blob)
    history = [{"v1Compatibility": json.dumps({"id": content.word(64)})}]
    document = {"schemaVersion": 1, "name": repository, "tag": "v1", "architecture": "amd64"}
    document |= {"fsLayers": [{"blobSum": blob.digest}], "history": history}
    answer = client.put_manifest(repository, "v1", json.dumps(document).encode(), media_type=SCHEMA_1)
    check.refused("GHD-28", answer)
    check.error("GHD-28", answer, "MANIFEST_INVALID", message=ONLY_SCHEMA_2)
    check.status("GHD-28", client.get_manifest(repository, "v1"), 404)


@requirement("GHD-29")
def test_login(clients: Clients, check: Checks, repository: str) -> None:
    check.status("GHD-29", clients.silent().ping(), 401)
    check.status("GHD-29", clients("wrong").ping(), 200)
    check.status("GHD-29", clients("wrong").list_tags(repository), 401)
