"""Pulling manifests and blobs, and checking whether they exist (end-1, end-2, end-3)."""

from __future__ import annotations

import pytest

from conformance.checks.checks import Checks
from conformance.client.client import Client
from conformance.client.content import Content
from conformance.client.exchange import Exchange
from conformance.client.steps import Steps
from conformance.scene.actors import not_applicable, unsupported
from conformance.scene.requirement import requirement
from conformance.targets.base import Target

NO_SUCH_NAME = (404, 400, 403)
"""What a name may get that matches the grammar and has more parts than the registry has names for."""


def named(first: Exchange, last: Exchange) -> Exchange:
    """Return the answer with a digest header: the first, or the one after redirects to a storage without."""
    return last if last.header("Docker-Content-Digest") else first


@requirement("OCI-R001")
def test_every_pull_endpoint(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    image = content.image()
    given.manifest(repository, image, "v1")
    check.status("OCI-R001", client.follow(client.ping()), 200)
    for reference in ("v1", image.digest):
        check.status("OCI-R001", client.follow(client.get_manifest(repository, reference)), 200)
        check.status("OCI-R001", client.follow(client.head_manifest(repository, reference)), 200)
    blob = image.blobs[-1]
    check.status("OCI-R001", client.follow(client.get_blob(repository, blob.digest)), 200)
    check.status("OCI-R001", client.follow(client.head_blob(repository, blob.digest)), 200)


@requirement("OCI-R004", "OCI-R009", "OCI-R010", "OCI-R011", "OCI-R012", "OCI-R013")
@pytest.mark.parametrize("kind", ["image", "artifact", "index"])
def test_manifest(client: Client, check: Checks, given: Steps, content: Content, repository: str, kind: str) -> None:
    make = {"image": content.image, "artifact": content.artifact, "index": lambda: content.index([content.image()])}
    manifest = make[kind]()
    given.manifest(repository, manifest, "v1")
    for reference in ("v1", manifest.digest):
        first = client.get_manifest(repository, reference)
        answer = client.follow(first)
        check.status("OCI-R004", answer, 200)
        check.status("OCI-R012", answer, 200)
        check.body("OCI-R011", answer, manifest.data)
        check.digest_header("OCI-R013", named(first, answer), manifest.data)
        value = answer.header("Content-Type") or "no Content-Type"
        expected = f"Content-Type: {manifest.media_type}"
        ok = answer.media_type == manifest.media_type
        check.that("OCI-R010", ok, expected=expected, got=value, exchange=answer)
        check.that("OCI-R009", ";" not in value, expected="no parameters", got=value, exchange=answer)


@requirement("OCI-R021", "OCI-R022", "OCI-R023")
@pytest.mark.parametrize("kind", ["image", "index"])
def test_manifest_head(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, kind: str
) -> None:
    manifest = content.image() if kind == "image" else content.index([content.image()])
    given.manifest(repository, manifest, "v1")
    for reference in ("v1", manifest.digest):
        first = client.head_manifest(repository, reference)
        answer = client.follow(first)
        check.status("OCI-R021", answer, 200)
        check.digest_header("OCI-R022", named(first, answer), manifest.data)
        check.header("OCI-R023", answer, "Content-Length", str(len(manifest.data)))


@requirement("OCI-R014", "OCI-R024")
def test_missing_manifest(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    image = content.image()
    given.manifest(repository, image, "v1")
    for reference in ("missing", "V1", "v", "v11", "m" * 128, content.missing_digest()):
        check.status("OCI-R014", client.follow(client.get_manifest(repository, reference)), 404)
    for reference in ("missing", content.missing_digest()):
        check.status("OCI-R024", client.follow(client.head_manifest(repository, reference)), 404)


@requirement("OCI-R014")
def test_blob_is_no_manifest(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    blob = content.blob()
    given.blob(repository, blob)
    check.status("OCI-R014", client.follow(client.get_manifest(repository, blob.digest)), 404)


@requirement("OCI-R060")
def test_unknown_repository(client: Client, check: Checks, content: Content, repository: str, target: Target) -> None:
    for answer in (
        client.get_manifest(repository, "latest"),
        client.get_manifest(repository, content.missing_digest()),
        client.get_blob(repository, content.missing_digest()),
    ):
        if target.writer.anonymous and answer.status in {401, 403}:
            not_applicable("the registry hides whether a repository exists")
        check.status("OCI-R060", client.follow(answer), 404)


@requirement("OCI-R015", "OCI-R016", "OCI-R017", "OCI-R018", "OCI-R021", "OCI-R022", "OCI-R023")
@pytest.mark.parametrize("size", [0, 1, 200_000])
def test_blob(client: Client, check: Checks, given: Steps, content: Content, repository: str, size: int) -> None:
    blob = content.blob(size)
    given.blob(repository, blob)
    first = client.get_blob(repository, blob.digest)
    answer = client.follow(first)
    check.status("OCI-R016", answer, 200)
    check.body("OCI-R015", answer, blob.data)
    check.digest_header("OCI-R017", named(first, answer), blob.data)
    if named(first, answer).header("Docker-Content-Digest"):
        check.digest_header("OCI-R018", named(first, answer), answer.body)
    asked = client.head_blob(repository, blob.digest)
    head = client.follow(asked)
    check.status("OCI-R021", head, 200)
    check.digest_header("OCI-R022", named(asked, head), blob.data)
    check.header("OCI-R023", head, "Content-Length", str(size))


@requirement("OCI-R019", "OCI-R024")
def test_missing_blob(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    image = content.image()
    given.manifest(repository, image, "v1")
    missing = content.missing_digest()
    check.status("OCI-R019", client.follow(client.get_blob(repository, missing)), 404)
    check.status("OCI-R024", client.follow(client.head_blob(repository, missing)), 404)
    other = content.missing_digest("sha512")  # of an algorithm that the registry need not know
    check.status("OCI-R019", client.follow(client.get_blob(repository, other)), 404, 400)


@requirement("OCI-R014", "OCI-R019")
def test_repositories_are_apart(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, another_repository: str
) -> None:
    image = content.image()
    given.manifest(repository, image, "v1")
    given.blob(another_repository, content.blob())
    for elsewhere, missing in ((another_repository, (404,)), (f"{repository}/below", NO_SUCH_NAME)):
        check.status("OCI-R019", client.follow(client.get_blob(elsewhere, image.blobs[-1].digest)), *missing)
        check.status("OCI-R014", client.follow(client.get_manifest(elsewhere, "v1")), *missing)
        check.status("OCI-R014", client.follow(client.get_manifest(elsewhere, image.digest)), *missing)


@requirement("OCI-R024")
def test_existence_is_apart(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, another_repository: str
) -> None:
    image = content.image()
    given.manifest(repository, image, "v1")
    given.blob(another_repository, content.blob())
    for elsewhere, missing in ((another_repository, (404,)), (f"{repository}/below", NO_SUCH_NAME)):
        check.status("OCI-R024", client.follow(client.head_blob(elsewhere, image.blobs[-1].digest)), *missing)
        check.status("OCI-R024", client.follow(client.head_manifest(elsewhere, "v1")), *missing)
        check.status("OCI-R024", client.follow(client.head_manifest(elsewhere, image.digest)), *missing)


@requirement("OCI-R099")
def test_source_host(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, target: Target
) -> None:
    host, image, scoped_image = "registry.example.com", content.image(), content.image()
    given.manifest(repository, image, "v1")
    scoped = f"{host}/{repository}"  # where a registry may look for what is scoped to the host
    if not target.shared and client.start_upload(scoped).status == 202:
        given.manifest(scoped, scoped_image, "v1")
    answer = client.follow(client.get_manifest(repository, "v1", query=f"?ns={host}"))
    if answer.header("OCI-Namespace") is None and answer.body == image.data:
        unsupported("the registry does not use the parameter ns")
    check.header("OCI-R099", answer, "OCI-Namespace", host)
