"""Rights, however credentials are sent: as tokens, or straight to the registry as Basic or in place of a token."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from conformance.checks.checks import Checks
from conformance.client.client import Client
from conformance.client.content import Content, Manifest
from conformance.client.exchange import Exchange
from conformance.client.steps import Steps
from conformance.scene.actors import Clients, not_applicable
from conformance.scene.requirement import about, requirement

Answers = dict[str, Exchange]


def whose(who: str, row: str) -> Any:
    """Return the parameters of a scenario: an identity, and the requirement that holds it back."""
    return pytest.param(who, row, marks=about(row, needs="push"), id=who)


def straight(clients: Clients, who: str) -> dict[str, Client]:
    """Return clients that send the secret of an identity to the registry itself, by the way."""
    identity = clients.find(who)
    pair = b64encode(f"{identity.username}:{identity.secret}".encode()).decode()
    return {
        "as Basic": clients.bearing(pair, scheme="Basic"),
        "as a token": clients.bearing(identity.secret),
        "as a token in Base64": clients.bearing(b64encode(identity.secret.encode()).decode()),
        "as a token, with the user": clients.bearing(pair),
    }


def reads(client: Client, repository: str, image: Manifest) -> Answers:
    """Ask for a manifest, a blob and the tags in every way."""
    digest = image.blobs[-1].digest
    asked = {
        "GET of a tag": client.get_manifest(repository, "v1"),
        "HEAD of a tag": client.head_manifest(repository, "v1"),
        "GET of a manifest": client.get_manifest(repository, image.digest),
        "HEAD of a manifest": client.head_manifest(repository, image.digest),
        "GET of a blob": client.get_blob(repository, digest),
        "HEAD of a blob": client.head_blob(repository, digest),
        "the tags": client.list_tags(repository),
        "the referrers": client.list_referrers(repository, image.digest),
    }
    return {what: client.follow(answer) for what, answer in asked.items()}


def writes(client: Client, repository: str, image: Manifest, other: Manifest) -> Answers:
    """Try every kind of write, none of which needs more than what is there."""
    return {
        "POST of a session": client.start_upload(repository),
        "POST of a blob": client.post_blob(repository, image.blobs[-1].digest, image.blobs[-1].data),
        "PUT of a manifest": client.put_manifest(repository, "v2", image.data, media_type=image.media_type),
        "PUT over a tag": client.put_manifest(repository, "v1", other.data, media_type=other.media_type),
        "DELETE of a tag": client.delete_manifest(repository, "v1"),
        "DELETE of a manifest": client.delete_manifest(repository, image.digest),
        "DELETE of a blob": client.delete_blob(repository, image.blobs[-1].digest),
    }


def check_refused(check: Checks, row: str, how: str, answers: Answers) -> None:
    """Check that nothing was opened; a referrers list that there is not opens nothing, either."""
    cases = [(f"{what} {how}", answer, 400 <= answer.status < 500) for what, answer in answers.items()]
    check.each(row, cases, expected="a refusal with a status 4xx")


@requirement()
@pytest.mark.parametrize(
    ("who", "row"), [whose("stranger", "AUTH-17"), whose("wrong", "AUTH-19"), whose("expired", "AUTH-19")]
)
def test_secrets_open_no_more_than_tokens(
    clients: Clients, check: Checks, given: Steps, content: Content, repository: str, who: str, row: str
) -> None:
    image, other = content.image(), content.image()
    given.manifest(repository, image, "v1")
    for how, client in straight(clients, who).items():
        check_refused(check, row, how, reads(client, repository, image))
        check_refused(check, row, how, writes(client, repository, image, other))


@requirement("AUTH-17", needs="push")
def test_secret_of_a_reader_writes_nothing(
    clients: Clients, check: Checks, given: Steps, content: Content, repository: str
) -> None:
    image, other = content.image(), content.image()
    given.manifest(repository, image, "v1")
    for how, client in straight(clients, "reader").items():
        check_refused(check, "AUTH-17", how, writes(client, repository, image, other))


@requirement()
@pytest.mark.parametrize(("who", "row"), [whose("stranger", "AUTH-17"), whose("nobody", "AUTH-20")])
def test_what_others_have_read_stays_private(
    clients: Clients,
    client: Client,
    check: Checks,
    given: Steps,
    content: Content,
    repository: str,
    who: str,
    row: str,
) -> None:
    """An answer that is kept for the next client must not go to one without the right."""
    if clients.target.writer.anonymous:
        not_applicable("nobody has to say who they are")
    image = content.image()
    given.manifest(repository, image, "v1")
    for _ in range(2):
        reads(client, repository, image)
        check_refused(check, row, "after others", reads(clients(who), repository, image))
