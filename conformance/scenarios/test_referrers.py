"""Manifests with a subject, and the list of those that refer to a manifest (end-12a, end-12b)."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.checks import Checks
from conformance.client import INDEX, Client
from conformance.content import CONFIG, Content, Manifest
from conformance.exchange import Exchange
from conformance.requirements import requirement
from conformance.steps import Steps, descriptors_in

SBOM = "application/vnd.example.sbom"
SIGNATURE = "application/vnd.example.signature"


def only(check: Checks, row: str, pages: list[Exchange], manifest: Manifest) -> dict[str, Any]:
    """The one descriptor of a manifest in a referrers list; a violation of the row when there is none, or several."""
    found = [entry for entry in descriptors_in(pages) if entry.get("digest") == manifest.digest]
    got = [entry.get("digest") for entry in descriptors_in(pages)]
    check.that(row, len(found) == 1, expected=f"one descriptor of {manifest.digest}", got=got, exchange=pages[0])
    return found[0]


@requirement("OCI-R076", "OCI-R079", "OCI-R080", "OCI-R085", needs="referrers")
@pytest.mark.parametrize("subject", ["present", "missing"])
def test_no_referrers(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, subject: str
) -> None:
    image = content.image()
    given.manifest(repository, image, "v1")
    digest = image.digest if subject == "present" else content.missing_digest()
    answer = client.follow(client.list_referrers(repository, digest))
    check.status("OCI-R076", answer, 200)
    check.header("OCI-R080", answer, "Content-Type", INDEX)
    check_index(check, answer)
    document = answer.json()
    entries = document.get("manifests") if isinstance(document, dict) else None
    check.that("OCI-R085", entries == [], expected='"manifests": []', got=entries, exchange=answer)


def check_index(check: Checks, answer: Exchange) -> None:
    """The body is an image index."""
    document = answer.json()
    ok = (
        isinstance(document, dict)
        and document.get("schemaVersion") == 2
        and document.get("mediaType") == INDEX
        and isinstance(document.get("manifests"), list)
    )
    got = answer.body[:200].decode(errors="replace")
    check.that("OCI-R079", ok, expected="an image index", got=got, exchange=answer)


@requirement("OCI-R077", needs="referrers")
def test_unknown_repository(client: Client, check: Checks, content: Content, repository: str) -> None:
    answer = client.follow(client.list_referrers(repository, content.missing_digest()))
    got = f"status {answer.status}"
    check.that("OCI-R077", answer.status != 404, expected="a status other than 404", got=got, exchange=answer)


@requirement("OCI-R078", needs="referrers")
@pytest.mark.parametrize("digest", ["sha256:abc", "sha256:" + "g" * 64, "nodigest", "sha256:" + "0" * 65])
def test_bad_digest(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, digest: str
) -> None:
    given.manifest(repository, content.image(), "v1")
    check.status("OCI-R078", client.follow(client.list_referrers(repository, digest)), 400)


@requirement("OCI-R064", needs="referrers")
@pytest.mark.parametrize("kind", ["image", "index"])
def test_subject_header(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, kind: str
) -> None:
    image = content.image()
    given.manifest(repository, image, "v1")
    manifest = (
        content.artifact(subject=image.descriptor) if kind == "image" else content.index(subject=image.descriptor)
    )
    check.header("OCI-R064", given.manifest(repository, manifest), "OCI-Subject", image.digest)


@requirement("OCI-R076", "OCI-R079", "OCI-R084", "OCI-R101", needs="referrers")
@pytest.mark.parametrize("order", ["subject first", "subject last", "subject never"])
@pytest.mark.parametrize("kind", ["image", "index"])
def test_descriptor(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, kind: str, order: str
) -> None:
    image, notes = content.image(), {"org.example.one": "1", "org.example.two": "\u00fc"}
    make = content.artifact if kind == "image" else content.index
    referrer = make(subject=image.descriptor, annotations=notes)
    if order == "subject first":
        given.manifest(repository, image, "v1")
    given.manifest(repository, referrer)
    if order == "subject last":
        given.manifest(repository, image, "v1")
    answer = client.follow(client.list_referrers(repository, image.digest))
    check.status("OCI-R076", answer, 200)
    check_index(check, answer)
    entry = only(check, "OCI-R101", given.pages(answer), referrer)
    for key, value in referrer.descriptor.items():
        check.that("OCI-R079", entry.get(key) == value, expected=f"{key}: {value}", got=entry, exchange=answer)
    found = entry.get("annotations")
    kept = isinstance(found, dict) and all(found.get(key) == value for key, value in notes.items())
    check.that("OCI-R084", kept, expected=f"annotations {notes}", got=found, exchange=answer)


@requirement("OCI-R081", needs="referrers")
@pytest.mark.parametrize("kind", ["image", "index"])
def test_artifact_type(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, kind: str
) -> None:
    image = content.image()
    make = content.artifact if kind == "image" else content.index
    referrer = make(subject=image.descriptor, artifact_type=SBOM)
    given.manifest(repository, referrer)
    answer = client.follow(client.list_referrers(repository, image.digest))
    found = only(check, "OCI-R081", given.pages(answer), referrer).get("artifactType")
    check.that("OCI-R081", found == SBOM, expected=f"artifactType: {SBOM}", got=found, exchange=answer)


@requirement("OCI-R082", needs="referrers")
def test_config_type(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    image = content.image()
    referrer = content.image(subject=image.descriptor)
    given.manifest(repository, referrer)
    answer = client.follow(client.list_referrers(repository, image.digest))
    found = only(check, "OCI-R082", given.pages(answer), referrer).get("artifactType")
    check.that("OCI-R082", found == CONFIG, expected=f"artifactType: {CONFIG}", got=found, exchange=answer)


@requirement("OCI-R083", needs="referrers")
def test_index_without_type(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    image = content.image()
    referrer = content.index(subject=image.descriptor)
    given.manifest(repository, referrer)
    answer = client.follow(client.list_referrers(repository, image.digest))
    entry = only(check, "OCI-R083", given.pages(answer), referrer)
    check.that("OCI-R083", "artifactType" not in entry, expected="no artifactType", got=entry, exchange=answer)


@requirement("OCI-R088", "OCI-R089", needs=("referrers", "referrers_filter"))
def test_filter(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    image = content.image()
    sboms = [content.artifact(subject=image.descriptor, artifact_type=SBOM) for _ in range(2)]
    signature = content.artifact(subject=image.descriptor, artifact_type=SIGNATURE)
    for manifest in (*sboms, signature):
        given.manifest(repository, manifest)
    for artifact_type, expected in ((SBOM, sboms), (SIGNATURE, [signature]), ("application/vnd.example.none", [])):
        answer = client.follow(client.list_referrers(repository, image.digest, artifact_type=artifact_type))
        check.header("OCI-R089", answer, "OCI-Filters-Applied", "artifactType")
        found = [str(entry.get("digest")) for entry in descriptors_in(given.pages(answer))]
        check.same_set("OCI-R088", answer, found, [manifest.digest for manifest in expected])


@requirement("OCI-R085", "OCI-R101", needs=("referrers", "manifest_deletion"))
def test_deleted_referrer(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    image = content.image()
    gone, kept = content.artifact(subject=image.descriptor), content.artifact(subject=image.descriptor)
    given.manifest(repository, gone)
    given.manifest(repository, kept)
    client.delete_manifest(repository, gone.digest)
    answer = client.follow(client.list_referrers(repository, image.digest))
    only(check, "OCI-R101", given.pages(answer), kept)
    client.delete_manifest(repository, kept.digest)
    answer = client.follow(client.list_referrers(repository, image.digest))
    found = descriptors_in([answer])
    check.that("OCI-R085", answer.status == 200 and found == [], expected="none", got=found, exchange=answer)


@requirement("OCI-R085", needs="referrers")
def test_repositories_are_apart(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, another_repository: str
) -> None:
    image = content.image()
    given.manifest(another_repository, image, "v1")
    given.manifest(repository, content.artifact(subject=image.descriptor))
    answer = client.follow(client.list_referrers(another_repository, image.digest))
    found = descriptors_in([answer])
    check.that("OCI-R085", answer.status == 200 and found == [], expected="none", got=found, exchange=answer)


@requirement("OCI-R086", needs="referrers")
def test_long_list(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    image, notes = content.image(), {"org.example.padding": "x" * 500_000}
    referrers = [content.artifact(subject=image.descriptor, annotations=notes) for _ in range(10)]
    for manifest in referrers:
        given.manifest(repository, manifest)
    answer = client.follow(client.list_referrers(repository, image.digest))
    found = [str(entry.get("digest")) for entry in descriptors_in(given.pages(answer))]
    check.same_set("OCI-R086", answer, found, [manifest.digest for manifest in referrers])
