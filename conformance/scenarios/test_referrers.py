"""Manifests with a subject, and their descriptors in the list of referrers (end-7a, end-12a)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from conformance.checks.checks import Checks
from conformance.client.client import INDEX, Client
from conformance.client.content import CONFIG, Content, Manifest
from conformance.client.exchange import Exchange
from conformance.client.steps import Steps, descriptors_in
from conformance.scene.actors import Variant
from conformance.scene.requirement import requirement

SBOM = "application/vnd.example.sbom"


def only(check: Checks, row: str, pages: list[Exchange], manifest: Manifest) -> dict[str, Any]:
    """Return the only descriptor of a manifest in a referrers list; none or several violate the row."""
    found = [entry for entry in descriptors_in(pages) if entry.get("digest") == manifest.digest]
    got = [entry.get("digest") for entry in descriptors_in(pages)]
    check.that(row, len(found) == 1, expected=f"one descriptor of {manifest.digest}", got=got, exchange=pages[0])
    return found[0]


def check_index(check: Checks, answer: Exchange) -> None:
    """Check that the body is an image index."""
    document = answer.json()
    ok = (
        isinstance(document, dict)
        and document.get("schemaVersion") == 2
        and document.get("mediaType") == INDEX
        and isinstance(document.get("manifests"), list)
    )
    got = answer.beginning(200)
    check.that("OCI-R079", ok, expected="an image index", got=got, exchange=answer)


def without_type(manifest: Manifest) -> Manifest:
    """Return the same manifest with an empty artifactType, which is the same as none."""
    return manifest.with_data(manifest.data.replace(b'"schemaVersion": 2', b'"schemaVersion": 2, "artifactType": ""'))


def accepted(client: Client, given: Steps, repository: str, manifest: Manifest) -> bool:
    """Push a manifest that a registry may consider invalid; return whether it was accepted."""
    given.parts(repository, manifest)
    pushed = client.put_manifest(repository, manifest.digest, manifest.data, media_type=manifest.media_type)
    return pushed.status == 201


@requirement("OCI-R064", needs="referrers")
@pytest.mark.parametrize("kind", ["image", "index"])
def test_subject_header(check: Checks, given: Steps, content: Content, repository: str, kind: str) -> None:
    image = content.image()
    given.manifest(repository, image, "v1")
    make = content.artifact if kind == "image" else content.index
    for number, subject in enumerate((image.descriptor, content.missing_descriptor())):
        referrer = make(subject=subject)
        given.parts(repository, referrer)
        for reference in (f"tagged-{number}", referrer.digest):
            pushed = given.put(repository, referrer, reference)
            check.header("OCI-R064", pushed, "OCI-Subject", subject["digest"])


@requirement("OCI-R076", "OCI-R079", "OCI-R080", "OCI-R084", "OCI-R101", needs="referrers")
@pytest.mark.parametrize("order", ["subject first", "subject last", "subject never"])
def test_descriptor(client: Client, check: Checks, given: Steps, content: Content, repository: str, order: str) -> None:
    image, notes = content.image(), {"org.example.one": "1", "org.example.two": "\u00fc"}
    made = [make(subject=image.descriptor, annotations=notes) for make in (content.artifact, content.index)]
    if order == "subject first":
        given.manifest(repository, image, "v1")
    for manifest in made:
        given.manifest(repository, manifest)
    if order == "subject last":
        given.manifest(repository, image, "v1")
    answer = client.follow(client.list_referrers(repository, image.digest))
    check.status("OCI-R076", answer, 200)
    check.header("OCI-R080", answer, "Content-Type", INDEX)
    check_index(check, answer)
    for manifest in made:
        entry = only(check, "OCI-R101", given.pages(answer), manifest)
        for key, value in manifest.descriptor.items():
            check.that("OCI-R079", entry.get(key) == value, expected=f"{key}: {value}", got=entry, exchange=answer)
        found = entry.get("annotations")
        kept = isinstance(found, dict) and all(found.get(key) == value for key, value in notes.items())
        check.that("OCI-R084", kept, expected=f"annotations {notes}", got=found, exchange=answer)


@requirement("OCI-R101", needs="referrers")
def test_pushed_to_tags(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    image = content.image()
    referrer = content.index(subject=image.descriptor)
    given.manifest(repository, referrer, "one", "two", referrer.digest)
    answer = client.follow(client.list_referrers(repository, image.digest))
    only(check, "OCI-R101", given.pages(answer), referrer)


@requirement("OCI-R081", needs="referrers")
def test_artifact_type(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    image = content.image()
    made = [make(subject=image.descriptor, artifact_type=SBOM) for make in (content.artifact, content.index)]
    made.append(content.image(subject=image.descriptor, artifact_type=SBOM))
    for manifest in made:
        given.manifest(repository, manifest)
    answer = client.follow(client.list_referrers(repository, image.digest))
    for manifest in made:
        found = only(check, "OCI-R081", given.pages(answer), manifest).get("artifactType")
        check.that("OCI-R081", found == SBOM, expected=f"artifactType: {SBOM}", got=found, exchange=answer)


@requirement("OCI-R082", needs="referrers")
def test_config_type(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    image = content.image()
    made = [content.image(subject=image.descriptor), without_type(content.image(subject=image.descriptor))]
    listed = [manifest for manifest in made if accepted(client, given, repository, manifest)]
    answer = client.follow(client.list_referrers(repository, image.digest))
    for manifest in listed:
        found = only(check, "OCI-R082", given.pages(answer), manifest).get("artifactType")
        check.that("OCI-R082", found == CONFIG, expected=f"artifactType: {CONFIG}", got=found, exchange=answer)


@requirement("OCI-R083", needs="referrers")
def test_index_without_type(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    image = content.image()
    made = [content.index(subject=image.descriptor), without_type(content.index(subject=image.descriptor))]
    listed = [manifest for manifest in made if accepted(client, given, repository, manifest)]
    answer = client.follow(client.list_referrers(repository, image.digest))
    for manifest in listed:
        entry = only(check, "OCI-R083", given.pages(answer), manifest)
        check.that("OCI-R083", "artifactType" not in entry, expected="no artifactType", got=entry, exchange=answer)


@requirement("OCI-R100", "OCI-R101", needs="push")
def test_switched_on(variant: Callable[..., Variant], check: Checks, content: Content) -> None:
    world = variant(referrers=False)
    given, repository, image = world.given, world.place(), content.image()
    early, late = (content.artifact(subject=image.descriptor, artifact_type=SBOM) for _ in range(2))
    given.manifest(repository, image, "v1")
    given.manifest(repository, content.index([early]), image.digest.replace(":", "-"))
    world.configure(referrers=True)
    given.manifest(repository, late)
    pages = given.pages(world.client.list_referrers(repository, image.digest))
    only(check, "OCI-R100", pages, early)
    only(check, "OCI-R101", pages, late)
