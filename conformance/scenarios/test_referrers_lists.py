"""The list of referrers: its content, its filter and its pages (end-12a, end-12b)."""

from __future__ import annotations

from functools import partial

import pytest

from conformance.checks.checks import Checks, cases_of
from conformance.checks.read_back import in_time
from conformance.client.client import INDEX, Client
from conformance.client.content import BAD_DIGESTS, CONFIG, Content, Manifest
from conformance.client.exchange import Exchange
from conformance.client.steps import Steps, descriptors_in
from conformance.scenarios.test_referrers import SBOM, check_index, only
from conformance.scene.requirement import requirement

SIGNATURE = "application/vnd.example.signature"


def digests_in(pages: list[Exchange]) -> list[str]:
    """Return the digests of a referrers list, over all of its pages."""
    return [str(entry.get("digest")) for entry in descriptors_in(pages)]


def listed(client: Client, repository: str, digest: str) -> Exchange:
    """List referrers, following redirects."""
    return client.follow(client.list_referrers(repository, digest))


def check_empty(check: Checks, answer: Exchange) -> None:
    """Check that the list exists and is empty."""
    document = answer.json()
    entries = document.get("manifests") if isinstance(document, dict) else None
    got = f"status {answer.status} with {entries}"
    ok = answer.status == 200 and entries == []
    check.that("OCI-R085", ok, expected='status 200 with "manifests": []', got=got, exchange=answer)


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
    check_empty(check, answer)


@requirement("OCI-R077", needs="referrers")
def test_unknown_repository(client: Client, check: Checks, content: Content, repository: str) -> None:
    answer = client.follow(client.list_referrers(repository, content.missing_digest()))
    got = f"status {answer.status}"
    check.that("OCI-R077", answer.status != 404, expected="a status other than 404", got=got, exchange=answer)


@requirement("OCI-R078", needs="referrers")
def test_bad_digest(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    given.manifest(repository, content.image(), "v1")
    bad = (*BAD_DIGESTS, "nodigest", "sha256:" + "0" * 65, "v1")
    asked = [(digest, partial(listed, client, repository, digest)) for digest in bad]
    cases = cases_of(client, asked, lambda answer: answer.status == 400)
    check.each("OCI-R078", cases, expected="status 400")


@requirement("OCI-R079", needs="referrers")
def test_referrer_of_a_referrer(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    image = content.image()
    signature = content.index(subject=image.descriptor)
    about_signature = content.index(subject=signature.descriptor)
    for manifest in (signature, about_signature):
        given.manifest(repository, manifest)
    for subject, expected in ((image, signature), (signature, about_signature)):
        answer = client.follow(client.list_referrers(repository, subject.digest))
        check.same_set("OCI-R079", answer, digests_in(given.pages(answer)), [expected.digest])


@requirement("OCI-R079", "OCI-R085", needs="referrers")
def test_repositories_are_apart(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, another_repository: str
) -> None:
    image = content.image()
    referrer = content.index(subject=image.descriptor)
    given.manifest(another_repository, image, "v1")
    given.manifest(repository, referrer)
    check_empty(check, client.follow(client.list_referrers(another_repository, image.digest)))
    answer = client.follow(client.list_referrers(repository, image.digest))
    check.same_set("OCI-R079", answer, digests_in(given.pages(answer)), [referrer.digest])


@requirement("OCI-R088", "OCI-R089", needs=("referrers", "referrers_filter"))
def test_filter(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    subject = content.image().descriptor
    sboms = [content.artifact(subject=subject, artifact_type=SBOM), content.index(subject=subject, artifact_type=SBOM)]
    signature = content.index(subject=subject, artifact_type=SIGNATURE)
    plain = content.image(subject=subject)
    for manifest in (*sboms, signature, plain, content.index(subject=subject)):
        given.manifest(repository, manifest)
    wanted: list[tuple[str, list[Manifest]]]
    wanted = [(SBOM, sboms), (SIGNATURE, [signature]), (CONFIG, [plain]), ("application/vnd.example.none", [])]
    for artifact_type, expected in wanted:
        answer = client.follow(client.list_referrers(repository, subject["digest"], artifact_type=artifact_type))
        pages = given.pages(answer)
        for page in pages:
            check.header("OCI-R089", page, "OCI-Filters-Applied", "artifactType")
        check.same_set("OCI-R088", answer, digests_in(pages), [manifest.digest for manifest in expected])
    whole = client.follow(client.list_referrers(repository, subject["digest"]))
    check.no_header("OCI-R089", whole, "OCI-Filters-Applied")


@requirement("OCI-R085", "OCI-R101", needs=("referrers", "manifest_deletion"))
def test_deleted_referrer(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    image = content.image()
    gone, kept = content.index(subject=image.descriptor), content.index(subject=image.descriptor)
    for manifest in (gone, kept):
        given.manifest(repository, manifest)
    given.delete_manifest(repository, gone.digest)
    answer = once_unlisted(client, given, repository, image, gone)
    check.same_set("OCI-R101", answer, digests_in(given.pages(answer)), [kept.digest])
    given.delete_manifest(repository, kept.digest)
    check_empty(check, once_unlisted(client, given, repository, image, kept))


def once_unlisted(client: Client, given: Steps, repository: str, image: Manifest, referrer: Manifest) -> Exchange:
    """List referrers until a deleted one is not among them, or for long enough; return the first page."""
    return in_time(
        lambda: client.follow(client.list_referrers(repository, image.digest)),
        lambda answer: referrer.digest not in digests_in(given.pages(answer)),
    )


@requirement("OCI-R076", "OCI-R077", "OCI-R101", needs=("referrers", "manifest_deletion", "tagged_manifest_deletion"))
def test_deleted_subject(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    """Referrers may be deleted with their subject; while a referrer exists, the registry must list it."""
    image = content.image()
    referrer = content.index(subject=image.descriptor)
    given.manifest(repository, image, "v1")
    given.manifest(repository, referrer, "referrer")
    given.delete_manifest(repository, image.digest)
    answer = client.follow(client.list_referrers(repository, image.digest))
    check.that("OCI-R077", answer.status != 404, expected="no 404", got=f"status {answer.status}", exchange=answer)
    check.status("OCI-R076", answer, 200)
    if client.follow(client.head_manifest(repository, "referrer")).status == 200:
        only(check, "OCI-R101", given.pages(answer), referrer)


@requirement("OCI-R086", "OCI-R087", needs="referrers")
def test_long_list(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    subject, notes = content.image().descriptor, {"org.example.padding": "x" * 500_000}
    referrers = [content.index(subject=subject, annotations=notes) for _ in range(9)]
    for manifest in referrers:
        given.manifest(repository, manifest)
    pages = given.pages(client.follow(client.list_referrers(repository, subject["digest"])))
    check.same_set("OCI-R086", pages[0], digests_in(pages), [manifest.digest for manifest in referrers])
    for page in pages[1:]:
        check.status("OCI-R087", page, 200)
