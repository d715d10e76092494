"""Deleting tags, manifests and blobs, and refusing to (end-9, end-10)."""

from __future__ import annotations

import pytest

from conformance.checks import Checks
from conformance.client import Client
from conformance.content import Content
from conformance.requirements import requirement
from conformance.steps import Steps, tags_in


@requirement("OCI-R091", "OCI-R011", "OCI-R014", needs="tag_deletion")
def test_tag(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    image = content.image()
    given.manifest(repository, image, "gone", "kept")
    check.status("OCI-R091", client.delete_manifest(repository, "gone"), 202)
    check.status("OCI-R014", client.follow(client.get_manifest(repository, "gone")), 404)
    check.body("OCI-R011", client.follow(client.get_manifest(repository, "kept")), image.data)
    listed = client.follow(client.list_tags(repository))
    found = tags_in(listed)
    check.that("OCI-R091", found == ["kept"], expected="the tags ['kept']", got=found, exchange=listed)


@requirement("OCI-R093", "OCI-R011", "OCI-R014", needs="manifest_deletion")
def test_manifest(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    gone, kept = content.image(), content.image()
    given.manifest(repository, gone, "one", "two")
    given.manifest(repository, kept, "kept")
    check.status("OCI-R093", client.delete_manifest(repository, gone.digest), 202)
    for reference in (gone.digest, "one", "two"):
        check.status("OCI-R014", client.follow(client.get_manifest(repository, reference)), 404)
    check.body("OCI-R011", client.follow(client.get_manifest(repository, "kept")), kept.data)
    listed = client.follow(client.list_tags(repository))
    found = tags_in(listed)
    check.that("OCI-R014", found == ["kept"], expected="the tags ['kept']", got=found, exchange=listed)


@requirement("OCI-R011", "OCI-R055", needs="manifest_deletion")
def test_manifest_comes_back(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    image = content.image()
    given.manifest(repository, image, "v1")
    client.delete_manifest(repository, image.digest)
    given.parts(repository, image)
    pushed = client.put_manifest(repository, "v1", image.data, media_type=image.media_type)
    check.status("OCI-R055", pushed, 201)
    check.body("OCI-R011", client.follow(client.get_manifest(repository, "v1")), image.data)


@requirement("OCI-R094", needs="manifest_deletion")
def test_manifest_in_unknown_repository(client: Client, check: Checks, content: Content, repository: str) -> None:
    check.status("OCI-R094", client.delete_manifest(repository, content.missing_digest()), 404)


@requirement("OCI-R096", "OCI-R019", needs="blob_deletion")
def test_blob(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    blob = content.blob()
    given.blob(repository, blob)
    check.status("OCI-R096", client.delete_blob(repository, blob.digest), 202)
    check.status("OCI-R019", client.follow(client.get_blob(repository, blob.digest)), 404)


@requirement("OCI-R015", "OCI-R031", needs="blob_deletion")
def test_blob_comes_back(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    blob = content.blob()
    given.blob(repository, blob)
    client.delete_blob(repository, blob.digest)
    check.status("OCI-R031", given.blob(repository, blob), 201)
    check.body("OCI-R015", client.follow(client.get_blob(repository, blob.digest)), blob.data)


@requirement("OCI-R015", needs=("blob_deletion", "mount"))
def test_blob_stays_elsewhere(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, another_repository: str
) -> None:
    blob = content.blob()
    given.blob(repository, blob)
    client.mount(another_repository, blob.digest, source=repository)
    client.delete_blob(repository, blob.digest)
    check.body("OCI-R015", client.follow(client.get_blob(another_repository, blob.digest)), blob.data)


@requirement("OCI-R097", needs="blob_deletion")
@pytest.mark.parametrize("where", ["known repository", "unknown repository"])
def test_missing_blob(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, where: str
) -> None:
    if where == "known repository":
        given.blob(repository, content.blob())
    check.status("OCI-R097", client.delete_blob(repository, content.missing_digest()), 404)


@requirement("OCI-R011", "OCI-R015")
@pytest.mark.parametrize(
    ("kind", "row"),
    [
        pytest.param("tag", "OCI-R092", marks=requirement("OCI-R092")),
        pytest.param("manifest", "OCI-R095", marks=requirement("OCI-R095")),
        pytest.param("blob", "OCI-R098", marks=requirement("OCI-R098")),
    ],
)
def test_refused(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, kind: str, row: str
) -> None:
    image = content.image()
    given.manifest(repository, image, "v1")
    blob = image.blobs[-1]
    if kind == "blob":
        answer = client.delete_blob(repository, blob.digest)
    else:
        answer = client.delete_manifest(repository, "v1" if kind == "tag" else image.digest)
    if answer.status == 202:
        pytest.skip("unsupported: the registry does delete, so that it has nothing to refuse")
    check.status(row, answer, 400, 405)
    check.body("OCI-R011", client.follow(client.get_manifest(repository, "v1")), image.data)
    check.body("OCI-R015", client.follow(client.get_blob(repository, blob.digest)), blob.data)
