"""Registries without deletion must refuse it and keep their content (end-9, end-10)."""

from __future__ import annotations

from conformance.checks.checks import Checks
from conformance.client.client import Client
from conformance.client.content import Content
from conformance.client.exchange import Exchange
from conformance.client.steps import Steps
from conformance.scene.actors import not_applicable
from conformance.scene.requirement import requirement


def check_refusal(check: Checks, row: str, answer: Exchange) -> None:
    """Check that a deletion was answered 400 or 405; unsupported if the registry does delete."""
    if answer.status == 202:
        not_applicable("the registry deletes, so it has nothing to refuse")
    check.status(row, answer, 400, 405)


def check_kept(check: Checks, row: str, answer: Exchange, data: bytes) -> None:
    """Check that the content that could not be deleted still exists."""
    got, wanted = f"status {answer.status}", "status 200 with what was pushed, for the deletion was refused"
    check.that(row, answer.status == 200 and answer.body == data, expected=wanted, got=got, exchange=answer)


@requirement("OCI-R092")
def test_tag(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    image = content.image()
    given.manifest(repository, image, "v1")
    check_refusal(check, "OCI-R092", client.delete_manifest(repository, "v1"))
    check_kept(check, "OCI-R092", client.follow(client.get_manifest(repository, "v1")), image.data)


@requirement("OCI-R095")
def test_manifest(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    image = content.image()
    given.manifest(repository, image, "v1")
    check_refusal(check, "OCI-R095", client.delete_manifest(repository, image.digest))
    check_kept(check, "OCI-R095", client.follow(client.get_manifest(repository, "v1")), image.data)


@requirement("OCI-R098")
def test_blob(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    blob = content.blob()
    given.blob(repository, blob)
    check_refusal(check, "OCI-R098", client.delete_blob(repository, blob.digest))
    check_kept(check, "OCI-R098", client.follow(client.get_blob(repository, blob.digest)), blob.data)
