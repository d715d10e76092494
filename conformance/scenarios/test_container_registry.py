"""Special features of the Container registry of GitHub Packages: its formats, its limits, and its missing endpoints."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from conformance.checks.checks import Checks
from conformance.client.client import DOCKER_IMAGE, IMAGE, Client, location_of
from conformance.client.content import Content, Manifest
from conformance.client.reading import first_error, next_link
from conformance.client.steps import Steps, tags_in
from conformance.scene.actors import Clients, Places, Variant
from conformance.scene.requirement import prepare, requirement
from conformance.targets.base import Target

INDEX_NEEDS_ACCEPT = "OCI index found, but Accept header does not support OCI indexes"
TOO_LARGE = "the request body is too large and exceeds the maximum permissible limit of 4.00MiB"
RATE_TEXT = re.compile(r"retry-after: \d+(\.\d+)?(µs|ms|s), allowed: \d+/minute")
SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+json"
CHUNK_LIMIT, BLOB = 4 << 20, 8 << 20
PAGE = 100
RATE = 10

MakeVariant = Callable[..., Variant]


class Clock:
    """A clock that a scenario sets; it returns seconds."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@prepare
def session(clients: Clients, place: Places, target: Target, variant: MakeVariant) -> tuple[Client, str]:
    """Return a client, and an upload session for a blob that is larger than the largest chunk."""
    if target.description.limits.get("blob", BLOB) >= BLOB:
        client, repository = clients(), place()
    else:
        registry = variant(blob_size_limit=BLOB)
        client, repository = registry.client, registry.place()
    return client, location_of(Steps(client).session(repository)) or ""


def made(content: Content, format: str) -> Manifest:
    """Return an image, or a list of two images, in Docker's format or OCI's."""
    if format in {"docker", "oci"}:
        return content.docker_image() if format == "docker" else content.image()
    if format == "docker list":
        return content.docker_list([content.docker_image(), content.docker_image()])
    return content.index([content.image(), content.image()])


@requirement("GHC-07")
@pytest.mark.parametrize("format", ["docker", "oci", "docker list", "oci index"])
def test_formats(client: Client, check: Checks, given: Steps, content: Content, repository: str, format: str) -> None:
    manifest = made(content, format)
    given.parts(repository, manifest)
    for reference in ("v1", manifest.digest):
        pushed = client.put_manifest(repository, reference, manifest.data, media_type=manifest.media_type)
        check.status("GHC-07", pushed, 201)
    for reference in ("v1", manifest.digest):
        answer = client.get_manifest(repository, reference)
        check.body("GHC-07", answer, manifest.data)
        check.header("GHC-07", answer, "Content-Type", manifest.media_type)
        check.header("GHC-07", answer, "Docker-Content-Digest", manifest.digest)


@requirement("GHC-07")
@pytest.mark.parametrize("format", ["docker list", "oci index"])
def test_index_that_is_not_accepted(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, format: str
) -> None:
    manifest = made(content, format)
    given.manifest(repository, manifest, "v1")
    answer = client.get_manifest(repository, "v1", accept=f"{IMAGE}, {DOCKER_IMAGE}")
    check.status("GHC-07", answer, 404, grade="SHOULD")
    message = INDEX_NEEDS_ACCEPT if format == "oci index" else ""
    check.error("GHC-07", answer, "MANIFEST_UNKNOWN", message=message, grade="SHOULD")


@requirement("GHC-07")
def test_image_that_is_not_accepted(
    client: Client, check: Checks, given: Steps, content: Content, repository: str
) -> None:
    image = content.docker_image()
    given.manifest(repository, image, "v1")
    answer = client.get_manifest(repository, "v1", accept=SCHEMA_1)
    ok = answer.status == 200 and answer.media_type == DOCKER_IMAGE and answer.body == image.data
    got = f"status {answer.status} with {answer.media_type or 'no Content-Type'}"
    expected = f"status 200 with {DOCKER_IMAGE}"
    check.that("GHC-07", ok, expected=expected, got=got, exchange=answer, grade="SHOULD")


@requirement("GHC-08")
def test_upload_has_ten_minutes(check: Checks, content: Content, variant: MakeVariant) -> None:
    clock, blob = Clock(), content.blob()
    registry = variant(clock=clock)
    client, repository = registry.client, registry.place()
    session = location_of(registry.given.session(repository)) or ""
    clock.now += 595
    answer = client.patch(session, blob.data[:20])
    check.status("GHC-08", answer, 202)
    clock.now += 10
    for late in (
        client.patch(location_of(answer) or session, blob.data[20:]),
        client.put_upload(location_of(answer) or session, blob.digest, blob.data[20:]),
    ):
        check.status("GHC-08", late, 404)
        check.error("GHC-08", late, "BLOB_UPLOAD_UNKNOWN")
    check.status("GHC-08", client.head_blob(repository, blob.digest), 404)


@requirement("GHC-10")
def test_chunk_at_the_limit(check: Checks, content: Content, session: tuple[Client, str]) -> None:
    client, location = session
    answer = client.patch(location, content.blob(CHUNK_LIMIT).data, content_range=f"0-{CHUNK_LIMIT - 1}")
    check.status("GHC-10", answer, 202)


@requirement("GHC-10")
def test_chunk_over_the_limit(check: Checks, content: Content, session: tuple[Client, str]) -> None:
    client, location = session
    answer = client.patch(location, content.blob(CHUNK_LIMIT + 1).data, content_range=f"0-{CHUNK_LIMIT}")
    check.status("GHC-10", answer, 416)
    check.error("GHC-10", answer, "REQUESTED_RANGE_NOT_SATISFIABLE", message=TOO_LARGE)


@requirement("GHC-10")
def test_stream_over_the_limit(check: Checks, content: Content, session: tuple[Client, str]) -> None:
    client, location = session
    blob = content.blob(CHUNK_LIMIT + 1)
    answer = client.patch(location, blob.data)
    check.status("GHC-10", answer, 202)
    check.status("GHC-10", client.put_upload(location_of(answer) or location, blob.digest), 201)


@requirement("GHC-11")
def test_deletion_of_a_manifest(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    image = content.image()
    given.manifest(repository, image, "v1")
    for reference in (image.digest, "v1"):
        answer = client.delete_manifest(repository, reference)
        check.status("GHC-11", answer, 405)
        check.error("GHC-11", answer, "UNSUPPORTED")
    check.status("GHC-11", client.get_manifest(repository, "v1"), 200)


@requirement("GHC-11")
def test_cancellation_of_an_upload(
    client: Client, check: Checks, given: Steps, content: Content, repository: str
) -> None:
    session, blob = location_of(given.session(repository)) or "", content.blob()
    answer = client.cancel_upload(session)
    check.status("GHC-11", answer, 405)
    check.error("GHC-11", answer, "UNSUPPORTED")
    check.status("GHC-11", client.put_upload(session, blob.digest, blob.data), 201)


@requirement("GHC-12")
def test_pages_of_tags(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    tags = [f"v{number:03}" for number in range(PAGE + 1)]
    given.manifest(repository, content.image(), *tags)
    first = client.list_tags(repository)
    wanted = f"{PAGE} tags"
    check.that("GHC-12", len(tags_in(first)) == PAGE, expected=wanted, got=len(tags_in(first)), exchange=first)
    pages = given.pages(first)
    found = [tag for page in pages for tag in tags_in(page)]
    check.same_set("GHC-12", pages[-1], found, tags)
    whole = client.list_tags(repository, n=300)
    check.same_set("GHC-12", whole, tags_in(whole), tags)
    linked = next_link(whole)
    check.that("GHC-12", linked is None, expected="no link to a next page", got=linked, exchange=whole)


@requirement("GHC-12")
def test_no_catalog(client: Client, check: Checks) -> None:
    check.refused("GHC-12", client.catalog())


@requirement("GHC-12")
def test_no_referrers(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    image = content.image()
    given.manifest(repository, image, "v1")
    pushed = given.manifest(repository, content.artifact(subject=image.descriptor))
    check.no_header("GHC-12", pushed, "OCI-Subject")
    check.status("GHC-12", client.list_referrers(repository, image.digest), 404, 303)


@requirement("GHC-13")
def test_rate_limit(check: Checks, variant: MakeVariant) -> None:
    clock = Clock()
    client = variant(rate_limit=RATE, clock=clock).clients.silent()
    answers = [client.ping() for _ in range(RATE + 1)]
    served, last = sum(answer.status != 429 for answer in answers), answers[-1]
    got = f"{served} requests served"
    check.that("GHC-13", 0 < served <= RATE, expected=f"1 to {RATE} of them served", got=got, exchange=last)
    check.error("GHC-13", last, "TOOMANYREQUESTS")
    message = str(first_error(last).get("message", ""))
    ok = RATE_TEXT.fullmatch(message) is not None
    check.that("GHC-13", ok, expected=f"a message of the form {RATE_TEXT.pattern}", got=message, exchange=last)
    check.header("GHC-13", last, "Retry-After")
    clock.now += 60
    check.status("GHC-13", client.ping(), 401)
