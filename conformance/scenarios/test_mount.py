"""Mounting a blob from another repository (end-11)."""

from __future__ import annotations

from functools import partial

import pytest

from conformance.checks.checks import Checks, cases_of
from conformance.client.client import Client
from conformance.client.content import Blob, Content
from conformance.client.exchange import Exchange
from conformance.client.steps import Steps
from conformance.scene.actors import not_applicable
from conformance.scene.requirement import requirement


@requirement("OCI-R049", "OCI-R050", needs=("push", "mount"))
def test_mount(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, another_repository: str
) -> None:
    blob = content.blob(1000)
    given.blob(another_repository, blob)
    answer = client.mount(repository, blob.digest, source=another_repository)
    check.status("OCI-R049", answer, 201)
    place = check.location("OCI-R050", answer)
    check.pullable("OCI-R050", client.follow(client.request("GET", place)), blob.data)
    check.pullable("OCI-R050", client.follow(client.get_blob(repository, blob.digest)), blob.data)
    check.pullable("OCI-R050", client.follow(client.get_blob(another_repository, blob.digest)), blob.data)


@requirement("OCI-R049", "OCI-R050", needs=("push", "mount"))
def test_mounted_blobs_make_an_image(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, another_repository: str
) -> None:
    image = content.image()
    given.parts(another_repository, image)
    for blob in image.blobs:
        check.status("OCI-R049", client.mount(repository, blob.digest, source=another_repository), 201)
    pushed = client.put_manifest(repository, "v1", image.data, media_type=image.media_type)
    got, wanted = f"status {pushed.status}", "status 201 for an image of mounted blobs"
    check.that("OCI-R050", pushed.status == 201, expected=wanted, got=got, exchange=pushed)


@requirement("OCI-R049", "OCI-R050", needs=("push", "anonymous_mount"))
def test_mount_from_anywhere(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, another_repository: str
) -> None:
    blob = content.blob(1000)
    given.blob(another_repository, blob)
    answer = client.mount(repository, blob.digest)
    check.status("OCI-R049", answer, 201)
    place = check.location("OCI-R050", answer)
    check.pullable("OCI-R050", client.follow(client.request("GET", place)), blob.data)


@requirement("OCI-R050", "OCI-R051")
@pytest.mark.parametrize("source", ["another", "itself"])
def test_mount_or_session(
    client: Client,
    check: Checks,
    given: Steps,
    content: Content,
    repository: str,
    another_repository: str,
    source: str,
) -> None:
    blob, name = content.blob(), another_repository if source == "another" else repository
    given.blob(name, blob)
    answer = client.mount(repository, blob.digest, source=name)
    if not check.status("OCI-R051", answer, 201, 202):
        return
    place = check.location("OCI-R050" if answer.status == 201 else "OCI-R051", answer)
    if answer.status == 202:
        check.status("OCI-R051", client.put_upload(place, blob.digest, blob.data), 201)
    check.pullable("OCI-R050", client.follow(client.get_blob(repository, blob.digest)), blob.data)


def go_on(client: Client, check: Checks, answer: Exchange, blob: Blob) -> None:
    """Check that the session that was opened instead of a mount works as any other.

    That there is one is the registry's choice; with a Location that leads nowhere no client can push.
    """
    check.location("OCI-R051", answer)
    place = check.location("OCI-R029", answer)
    check.status("OCI-R031", client.put_upload(place, blob.digest, blob.data), 201)


@requirement("OCI-R029", "OCI-R031", "OCI-R051")
def test_session_instead_of_a_mount(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, another_repository: str
) -> None:
    blob = content.blob()
    given.blob(another_repository, blob)
    answer = client.mount(repository, blob.digest, source=another_repository)
    if answer.status != 202:
        not_applicable(f"a mount answered {answer.status}")
    go_on(client, check, answer, blob)


@requirement("OCI-R029", "OCI-R031", "OCI-R051")
@pytest.mark.parametrize("source", ["another", "unknown", "none"])
def test_mount_of_missing_blob(
    client: Client,
    check: Checks,
    given: Steps,
    content: Content,
    repository: str,
    another_repository: str,
    source: str,
) -> None:
    if source == "another":
        given.blob(another_repository, content.blob())
    blob = content.blob()
    answer = client.mount(repository, blob.digest, source=None if source == "none" else another_repository)
    if check.status("OCI-R051", answer, 202):
        go_on(client, check, answer, blob)


@requirement("OCI-R051", needs="push")
def test_malformed_mount(
    client: Client, check: Checks, content: Content, repository: str, another_repository: str
) -> None:
    mount, missing = partial(client.mount, repository), content.missing_digest()
    asked = [
        ("mount=sha256:abc", partial(mount, "sha256:abc", source=another_repository)),
        ("mount=nodigest", partial(mount, "nodigest", source=another_repository)),
        ("mount=", partial(mount, "", source=another_repository)),
        ("from=-BAD-", partial(mount, missing, source="-BAD-")),
    ]
    # Who has to prove the right to pull from a source cannot do so for a name that is none.
    legal = {202, 400, 401, 403, 404}
    cases = cases_of(client, asked, lambda answer: answer.status in legal)
    check.each("OCI-R051", cases, expected="status 202, or a refusal of the request")
