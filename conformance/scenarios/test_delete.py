"""Deleting tags, manifests and blobs (end-9, end-10)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from conformance.checks.checks import Checks
from conformance.checks.read_back import until_gone
from conformance.client.client import Client
from conformance.client.content import Content
from conformance.client.exchange import Exchange
from conformance.client.steps import Steps, tags_in
from conformance.scene.actors import not_applicable
from conformance.scene.requirement import requirement


def once_gone(client: Client, ask: Callable[[str, str], Exchange], repository: str, reference: str) -> Exchange:
    """Repeat a request until what was deleted is gone, or for long enough; return the last answer."""
    return until_gone(lambda: client.follow(ask(repository, reference)))


def check_gone(client: Client, check: Checks, row: str, repository: str, *references: str) -> None:
    """Check that none of the references has a manifest."""
    for reference in references:
        check.status(row, once_gone(client, client.get_manifest, repository, reference), 404)


def check_kept(check: Checks, row: str, answer: Exchange, data: bytes) -> None:
    """Check that the content that was not deleted still exists."""
    got, wanted = f"status {answer.status}", "status 200 with what was pushed, for it was not deleted"
    check.that(row, answer.status == 200 and answer.body == data, expected=wanted, got=got, exchange=answer)


@requirement("OCI-R091", needs="tag_deletion")
def test_tag(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    image = content.image()
    given.manifest(repository, image, "gone", "kept")
    check.status("OCI-R091", client.delete_manifest(repository, "gone"), 202)
    check_gone(client, check, "OCI-R091", repository, "gone")
    for reference in ("kept", image.digest):
        check_kept(check, "OCI-R091", client.follow(client.get_manifest(repository, reference)), image.data)
    listed = client.follow(client.list_tags(repository))
    check.same_set("OCI-R091", listed, tags_in(listed), ["kept"])
    check.status("OCI-R091", client.delete_manifest(repository, "gone"), 404, 202)


@requirement("OCI-R091", needs="tag_deletion")
def test_only_tag(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    """A manifest may be deleted with its last tag; if it is kept, it must be possible to tag it again."""
    image = content.image()
    given.manifest(repository, image, "gone")
    check.status("OCI-R091", client.delete_manifest(repository, "gone"), 202)
    check_gone(client, check, "OCI-R091", repository, "gone")
    answer = client.follow(client.get_manifest(repository, image.digest))
    if answer.status != 404:
        check_kept(check, "OCI-R091", answer, image.data)
    given.manifest(repository, image, "gone")
    check_kept(check, "OCI-R091", client.follow(client.get_manifest(repository, "gone")), image.data)


@requirement("OCI-R093", needs=("manifest_deletion", "tagged_manifest_deletion"))
def test_manifest(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    gone, kept = content.image(), content.image()
    given.manifest(repository, gone, "one", "two")
    given.manifest(repository, kept, "kept")
    check.status("OCI-R093", client.delete_manifest(repository, gone.digest), 202)
    check_gone(client, check, "OCI-R093", repository, gone.digest, "one", "two")
    check_kept(check, "OCI-R093", client.follow(client.get_manifest(repository, "kept")), kept.data)
    listed = client.follow(client.list_tags(repository))
    check.same_set("OCI-R093", listed, tags_in(listed), ["kept"])
    check.status("OCI-R093", client.delete_manifest(repository, gone.digest), 404, 202)


@requirement("OCI-R093", needs="manifest_deletion")
def test_manifest_without_a_tag(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    gone, kept = content.image(), content.image()
    given.manifest(repository, gone)
    given.manifest(repository, kept, "kept")
    check.status("OCI-R093", client.delete_manifest(repository, gone.digest), 202)
    check_gone(client, check, "OCI-R093", repository, gone.digest)
    check_kept(check, "OCI-R093", client.follow(client.get_manifest(repository, "kept")), kept.data)


@requirement("OCI-R093", needs=("manifest_deletion", "tagged_manifest_deletion"))
def test_manifest_comes_back(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    image = content.image()
    given.manifest(repository, image, "v1", "v2")
    given.delete_manifest(repository, image.digest)
    once_gone(client, client.get_manifest, repository, image.digest)
    given.manifest(repository, image, "v1")
    for reference in ("v1", image.digest):
        check_kept(check, "OCI-R093", client.follow(client.get_manifest(repository, reference)), image.data)
    check_gone(client, check, "OCI-R093", repository, "v2")


@requirement("OCI-R093", needs=("manifest_deletion", "tagged_manifest_deletion"))
def test_manifest_stays_elsewhere(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, another_repository: str
) -> None:
    image = content.image()
    for name in (repository, another_repository):
        given.manifest(name, image, "v1")
    check.status("OCI-R093", client.delete_manifest(repository, image.digest), 202)
    check_gone(client, check, "OCI-R093", repository, "v1")
    for reference in ("v1", image.digest):
        check_kept(check, "OCI-R093", client.follow(client.get_manifest(another_repository, reference)), image.data)


@requirement("OCI-R093", needs=("manifest_deletion", "tagged_manifest_deletion"))
@pytest.mark.parametrize("deleted", ["index", "child"])
def test_index_and_child(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, deleted: str
) -> None:
    """An index and its child must be deleted independently; a registry may refuse to delete the child of an index."""
    child = content.image()
    index = content.index([child])
    given.manifest(repository, child, "child")
    given.manifest(repository, index, "index")
    gone, kept, tag = (index, child, "child") if deleted == "index" else (child, index, "index")
    answer = client.delete_manifest(repository, gone.digest)
    if deleted == "child" and 400 <= answer.status < 500:
        not_applicable(f"the child of an index is not deleted: {answer.status}")
    check.status("OCI-R093", answer, 202)
    check_gone(client, check, "OCI-R093", repository, deleted)
    check_kept(check, "OCI-R093", client.follow(client.get_manifest(repository, tag)), kept.data)


@requirement("OCI-R094", needs="manifest_deletion")
def test_manifest_in_unknown_repository(client: Client, check: Checks, content: Content, repository: str) -> None:
    check.status("OCI-R094", client.delete_manifest(repository, content.missing_digest()), 404)


@requirement("OCI-R096", needs="blob_deletion")
def test_blob(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    """The specification does not say when the blob is gone, or that it is; what is still served must be the blob."""
    gone, kept = content.blob(), content.blob()
    for blob in (gone, kept):
        given.blob(repository, blob)
    check.status("OCI-R096", client.delete_blob(repository, gone.digest), 202)
    answer = once_gone(client, client.get_blob, repository, gone.digest)
    ok = answer.status == 404 or answer.content == gone.data
    got = f"status {answer.status} with {len(answer.body)} bytes"
    check.that("OCI-R096", ok, expected="status 404, or the blob while it is still there", got=got, exchange=answer)
    check_kept(check, "OCI-R096", client.follow(client.get_blob(repository, kept.digest)), kept.data)


@requirement("OCI-R096", needs="blob_deletion")
def test_blob_comes_back(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    blob = content.blob()
    given.blob(repository, blob)
    given.delete_blob(repository, blob.digest)
    once_gone(client, client.get_blob, repository, blob.digest)
    given.blob(repository, blob)
    check_kept(check, "OCI-R096", client.follow(client.get_blob(repository, blob.digest)), blob.data)


@requirement("OCI-R096", needs="blob_deletion")
@pytest.mark.parametrize("way", ["pushed", "mounted"])
def test_blob_stays_elsewhere(
    client: Client,
    check: Checks,
    given: Steps,
    content: Content,
    repository: str,
    another_repository: str,
    way: str,
) -> None:
    blob = content.blob()
    given.blob(repository, blob)
    if way == "pushed":
        given.blob(another_repository, blob)
    else:
        given.mount(another_repository, blob, repository)
    check.status("OCI-R096", client.delete_blob(repository, blob.digest), 202)
    once_gone(client, client.get_blob, repository, blob.digest)
    check_kept(check, "OCI-R096", client.follow(client.get_blob(another_repository, blob.digest)), blob.data)


@requirement("OCI-R097", needs="blob_deletion")
@pytest.mark.parametrize("where", ["known repository", "unknown repository"])
def test_missing_blob(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, where: str
) -> None:
    if where == "known repository":
        given.blob(repository, content.blob())
    check.status("OCI-R097", client.delete_blob(repository, content.missing_digest()), 404)


@requirement("OCI-R097", needs="blob_deletion")
def test_blob_of_another_repository(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, another_repository: str
) -> None:
    blob = content.blob()
    given.blob(another_repository, blob)
    given.blob(repository, content.blob())
    check.status("OCI-R097", client.delete_blob(repository, blob.digest), 404)
    check_kept(check, "OCI-R097", client.follow(client.get_blob(another_repository, blob.digest)), blob.data)
