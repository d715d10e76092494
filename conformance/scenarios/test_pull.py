"""Pulling manifests and blobs, and asking whether they exist (end-1, end-2, end-3)."""

from __future__ import annotations

import pytest

from conformance.checks import Checks
from conformance.client import Client
from conformance.content import BAD_DIGESTS, BAD_NAMES, BAD_TAGS, Content
from conformance.requirements import requirement
from conformance.steps import Steps


@requirement("OCI-R001")
def test_every_pull_endpoint(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    image = content.image()
    given.manifest(repository, image, "v1")
    check.status("OCI-R001", client.follow(client.ping()), 200)
    for reference in ("v1", image.digest):
        check.status("OCI-R001", client.follow(client.get_manifest(repository, reference)), 200)
        check.status("OCI-R001", client.follow(client.head_manifest(repository, reference)), 200)
    for blob in image.blobs:
        check.status("OCI-R001", client.follow(client.get_blob(repository, blob.digest)), 200)
        check.status("OCI-R001", client.follow(client.head_blob(repository, blob.digest)), 200)


@requirement("OCI-R004", "OCI-R009", "OCI-R010", "OCI-R011", "OCI-R012", "OCI-R013")
@pytest.mark.parametrize("by", ["tag", "digest"])
def test_manifest(client: Client, check: Checks, given: Steps, content: Content, repository: str, by: str) -> None:
    image = content.image()
    given.manifest(repository, image, "v1")
    answer = client.follow(client.get_manifest(repository, "v1" if by == "tag" else image.digest))
    check.status("OCI-R004", answer, 200)
    check.status("OCI-R012", answer, 200)
    check.body("OCI-R011", answer, image.data)
    check.digest_header("OCI-R013", answer, image.data)
    check.that(
        "OCI-R010",
        answer.media_type == image.media_type,
        expected=f"Content-Type: {image.media_type}",
        got=answer.header("Content-Type") or "no Content-Type",
        exchange=answer,
    )
    value = answer.header("Content-Type") or ""
    check.that("OCI-R009", ";" not in value, expected="no parameters", got=value, exchange=answer)


@requirement("OCI-R021", "OCI-R022", "OCI-R023")
@pytest.mark.parametrize("by", ["tag", "digest"])
def test_manifest_head(client: Client, check: Checks, given: Steps, content: Content, repository: str, by: str) -> None:
    image = content.image()
    given.manifest(repository, image, "v1")
    answer = client.follow(client.head_manifest(repository, "v1" if by == "tag" else image.digest))
    check.status("OCI-R021", answer, 200)
    check.digest_header("OCI-R022", answer, image.data)
    check.header("OCI-R023", answer, "Content-Length", str(len(image.data)))


@requirement("OCI-R014", "OCI-R024")
@pytest.mark.parametrize("by", ["tag", "digest"])
def test_missing_manifest(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, by: str
) -> None:
    given.manifest(repository, content.image(), "v1")
    reference = "missing" if by == "tag" else content.missing_digest()
    check.status("OCI-R014", client.follow(client.get_manifest(repository, reference)), 404)
    check.status("OCI-R024", client.follow(client.head_manifest(repository, reference)), 404)


@requirement("OCI-R060")
def test_unknown_repository(client: Client, check: Checks, content: Content, repository: str) -> None:
    check.status("OCI-R060", client.follow(client.get_manifest(repository, "latest")), 404)
    check.status("OCI-R060", client.follow(client.get_manifest(repository, content.missing_digest())), 404)
    check.status("OCI-R060", client.follow(client.get_blob(repository, content.missing_digest())), 404)


@requirement("OCI-R015", "OCI-R016", "OCI-R017", "OCI-R018")
@pytest.mark.parametrize("size", [0, 1, 200_000])
def test_blob(client: Client, check: Checks, given: Steps, content: Content, repository: str, size: int) -> None:
    blob = content.blob(size)
    given.blob(repository, blob)
    answer = client.follow(client.get_blob(repository, blob.digest))
    check.status("OCI-R016", answer, 200)
    check.body("OCI-R015", answer, blob.data)
    check.digest_header("OCI-R017", answer, blob.data)
    if answer.header("Docker-Content-Digest"):
        check.digest_header("OCI-R018", answer, answer.body)


@requirement("OCI-R021", "OCI-R022", "OCI-R023")
def test_blob_head(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    blob = content.blob(1000)
    given.blob(repository, blob)
    answer = client.follow(client.head_blob(repository, blob.digest))
    check.status("OCI-R021", answer, 200)
    check.digest_header("OCI-R022", answer, blob.data)
    check.header("OCI-R023", answer, "Content-Length", str(len(blob.data)))


@requirement("OCI-R019", "OCI-R024")
def test_missing_blob(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    given.blob(repository, content.blob())
    missing = content.missing_digest()
    check.status("OCI-R019", client.follow(client.get_blob(repository, missing)), 404)
    check.status("OCI-R024", client.follow(client.head_blob(repository, missing)), 404)


@requirement("OCI-R014", "OCI-R019")
def test_repositories_are_apart(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, another_repository: str
) -> None:
    image = content.image()
    given.manifest(repository, image, "v1")
    given.blob(another_repository, content.blob())
    check.status("OCI-R014", client.follow(client.get_manifest(another_repository, "v1")), 404)
    check.status("OCI-R014", client.follow(client.get_manifest(another_repository, image.digest)), 404)
    check.status("OCI-R019", client.follow(client.get_blob(another_repository, image.blobs[-1].digest)), 404)


@requirement("OCI-R005")
@pytest.mark.parametrize("reference", [*BAD_DIGESTS, *BAD_TAGS])
def test_bad_reference(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, reference: str
) -> None:
    given.manifest(repository, content.image(), "v1")
    check.refused("OCI-R005", client.follow(client.get_manifest(repository, reference)))


@requirement("OCI-R006")
@pytest.mark.parametrize("pattern", BAD_NAMES)
def test_bad_name(client: Client, check: Checks, repository: str, pattern: str) -> None:
    name = pattern.format(repository)
    check.refused("OCI-R006", client.follow(client.get_manifest(name, "latest")))
    answer = client.start_upload(name)
    got = f"status {answer.status}"
    check.that("OCI-R006", answer.status >= 300, expected="no upload session", got=got, exchange=answer)


@requirement("OCI-R006", "OCI-R011")
@pytest.mark.parametrize("ending", ["a/b/c", "a.b", "a_b", "a__b", "a-b", "a---b", "0"])
def test_good_name(client: Client, check: Checks, given: Steps, content: Content, repository: str, ending: str) -> None:
    name, image = f"{repository}/{ending}", content.image()
    if check.status("OCI-R006", client.start_upload(name), 202, grade="SHOULD"):
        given.manifest(name, image, "v1")
        check.body("OCI-R011", client.follow(client.get_manifest(name, "v1")), image.data)
