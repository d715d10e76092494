"""Mounting a blob from another repository (end-11)."""

from __future__ import annotations

from conformance.checks import Checks
from conformance.client import Client, location_of
from conformance.content import Content
from conformance.requirements import requirement
from conformance.steps import Steps


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


@requirement("OCI-R051")
def test_mount_or_session(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, another_repository: str
) -> None:
    blob = content.blob()
    given.blob(another_repository, blob)
    check.status("OCI-R051", client.mount(repository, blob.digest, source=another_repository), 201, 202)


@requirement("OCI-R051")
def test_mount_of_missing_blob(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, another_repository: str
) -> None:
    given.blob(another_repository, content.blob())
    blob = content.blob()
    answer = client.mount(repository, blob.digest, source=another_repository)
    if check.status("OCI-R051", answer, 202):
        closed = client.put_upload(location_of(answer) or "", blob.digest, blob.data)
        check.status("OCI-R051", closed, 201)


@requirement("OCI-R051", needs="push")
def test_mount_from_unknown_repository(
    client: Client, check: Checks, content: Content, repository: str, another_repository: str
) -> None:
    answer = client.mount(repository, content.missing_digest(), source=another_repository)
    check.status("OCI-R051", answer, 202)
