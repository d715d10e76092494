"""Claimed categories: every endpoint of a claimed category must exist (section "Requirements")."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from conformance.checks.checks import Checks
from conformance.checks.verdict import Case
from conformance.client.client import Client, location_of
from conformance.client.content import Content
from conformance.client.exchange import Exchange
from conformance.client.references import given_image
from conformance.client.steps import Steps
from conformance.scene.actors import Places, not_applicable
from conformance.scene.requirement import requirement
from conformance.scene.scene import Scene
from conformance.targets.base import Target

Asked = Iterator[tuple[Exchange, tuple[int, ...]]]
"""Answers of endpoints, each with the statuses of its success (section "Endpoints")."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The content for requests to the endpoints; `version` is that of the specification."""

    client: Client
    content: Content
    place: Places
    version: str
    references: tuple[str, ...]


def pull(claim: Claim) -> Asked:
    """Check end-1, end-2 and end-3."""
    client = claim.client
    yield client.ping(), (200,)
    if claim.references:
        given = given_image(client, claim.references[0])
        repository, references = given.repository, dict.fromkeys((given.reference, given.digest))
        blobs = [blob.digest for blob in given.blobs(client)[:1]]
    else:
        repository, image = claim.place(), claim.content.image()
        Steps(client).manifest(repository, image, "v1")
        references, blobs = dict.fromkeys(("v1", image.digest)), [image.blobs[-1].digest]
    for reference in references:
        yield client.get_manifest(repository, reference), (200,)
        yield client.head_manifest(repository, reference), (200,)
    for digest in blobs:
        yield client.get_blob(repository, digest), (200,)
        yield client.head_blob(repository, digest), (200,)


def push(claim: Claim) -> Asked:
    """Check end-4, end-5, end-6, end-7 and end-11; since 1.1 end-13; in dev end-14."""
    client, repository, image = claim.client, claim.place(), claim.content.image()
    first, second = image.blobs
    opened = client.start_upload(repository)
    yield opened, (202,)
    if not (session := location_of(opened)):
        return
    patched = client.patch(session, first.data, content_range=f"0-{len(first.data) - 1}")
    yield patched, (202, 201, 204)  # which of them is another matter
    if claim.version != "1.0":
        asked = client.upload_status(location_of(patched) or session)
        yield asked, (204,)
    yield client.put_upload(location_of(patched) or session, first.digest), (201,)
    posted = client.post_blob(repository, second.digest, second.data)
    yield posted, (201, 202)
    if posted.status == 202 and (session := location_of(posted)):
        yield client.put_upload(session, second.digest, second.data), (201,)
    yield client.mount(claim.place(), first.digest, source=repository), (201, 202)
    for reference in ("v1", image.digest):
        yield client.put_manifest(repository, reference, image.data, media_type=image.media_type), (201,)
    if claim.version == "dev" and (session := location_of(client.start_upload(repository))):
        yield client.cancel_upload(session), (204, 202, 200)  # which of them is another matter


def discovery(claim: Claim) -> Asked:
    """Check end-8."""
    repository = claim.place()
    Steps(claim.client).manifest(repository, claim.content.image(), "v1", "v2")
    yield claim.client.list_tags(repository), (200,)
    yield claim.client.list_tags(repository, n=1, last="v1"), (200,)


def management(claim: Claim) -> Asked:
    """Check end-9 and end-10."""
    repository, image, blob = claim.place(), claim.content.image(), claim.content.blob()
    steps = Steps(claim.client)
    steps.manifest(repository, image, "v1", "v2")
    steps.blob(repository, blob)
    for reference in ("v1", image.digest):
        yield claim.client.delete_manifest(repository, reference), (202,)
    yield claim.client.delete_blob(repository, blob.digest), (202,)


def referrers(claim: Claim) -> Asked:
    """Check end-12."""
    repository, image = claim.place(), claim.content.image()
    Steps(claim.client).manifest(repository, image)
    for artifact_type in (None, "application/vnd.example.thing"):
        yield claim.client.list_referrers(repository, image.digest, artifact_type=artifact_type), (200,)


ENDPOINTS: Mapping[str, Callable[[Claim], Asked]] = {
    "pull": pull,
    "push": push,
    "discovery": discovery,
    "management": management,
    "referrers": referrers,
}


@requirement("OCI-R003")
@pytest.mark.parametrize("category", ENDPOINTS)
def test_every_endpoint_of_a_claimed_category(
    scene: Scene,
    client: Client,
    check: Checks,
    content: Content,
    place: Places,
    target: Target,
    case: Case,
    category: str,
) -> None:
    described = target.description
    if category not in described.claims:
        not_applicable(f"the target does not claim {category}")
    if category == "referrers" and case.version == "1.0":
        not_applicable("this version of the specification has no referrers API")
    if category != "push" and not (category == "pull" and described.references):
        scene.need("push")  # where nothing can be pushed, nothing else can be found out
    claim = Claim(client, content, place, case.version, described.references)
    cases = []
    for exchange, success in ENDPOINTS[category](claim):
        answer = client.follow(exchange) if exchange.request.method in {"GET", "HEAD"} else exchange
        what = f"{exchange.request.method} {urlsplit(exchange.request.url).path}"
        cases.append((what, answer, answer.status in success))
    check.each("OCI-R003", cases, expected=f"every endpoint of {category} to be there")
