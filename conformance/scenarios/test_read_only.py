"""A registry that accepts no pushes from the suite: pulling the configured existing images."""

from __future__ import annotations

from conformance.checks.checks import Checks
from conformance.client.client import Client
from conformance.client.content import Content, digest_of
from conformance.client.exchange import Exchange
from conformance.client.references import GivenBlob, GivenImage, given_image
from conformance.client.steps import tags_in
from conformance.scene.actors import not_applicable, unsupported
from conformance.scene.requirement import prepare, requirement
from conformance.targets.base import Target


@prepare
def images(client: Client, target: Target) -> list[GivenImage]:
    """Return the configured images; without any this is not applicable."""
    if not target.description.references:
        not_applicable("no existing images are configured (references)")
    return [given_image(client, reference) for reference in target.description.references]


def has_digest(exchange: Exchange, digest: str) -> bool:
    """Check that the body matches the digest."""
    return digest_of(exchange.body, digest.partition(":")[0]) == digest


@requirement("OCI-R004", "OCI-R011", "OCI-R012", "OCI-R013")
def test_given_manifest(client: Client, check: Checks, images: list[GivenImage]) -> None:
    for image in images:
        first = client.get_manifest(image.repository, image.digest)
        answer = client.follow(first)
        check.status("OCI-R004", answer, 200)
        check.status("OCI-R012", answer, 200)
        check.body("OCI-R011", answer, image.manifest.body)
        named = answer if answer.header("Docker-Content-Digest") else first
        check.digest_header("OCI-R013", named, answer.body)
        if not image.tag:
            ok = has_digest(image.manifest, image.reference)
            got = digest_of(image.manifest.body)
            check.that("OCI-R011", ok, expected=f"content of {image.reference}", got=got, exchange=image.manifest)


@requirement("OCI-R021", "OCI-R022", "OCI-R023", "OCI-R102")
def test_given_manifest_head(client: Client, check: Checks, images: list[GivenImage]) -> None:
    for image in images:
        for reference in dict.fromkeys((image.reference, image.digest)):
            first = client.head_manifest(image.repository, reference)
            head = client.follow(first)
            check.status("OCI-R021", head, 200)
            named = head if head.header("Docker-Content-Digest") else first
            check.digest_header("OCI-R022", named, image.manifest.body)
            check.header("OCI-R023", head, "Content-Length", str(len(image.manifest.body)))
            value = image.manifest.header("Content-Type") or ""
            check.header("OCI-R102", head, "Content-Type", value)


@requirement("OCI-R015", "OCI-R016", "OCI-R017", "OCI-R018", "OCI-R021", "OCI-R022", "OCI-R023")
def test_given_blobs(client: Client, check: Checks, images: list[GivenImage]) -> None:
    for image in images:
        for blob in image.blobs(client):
            _check_blob(client, check, image.repository, blob)


def _check_blob(client: Client, check: Checks, repository: str, blob: GivenBlob) -> None:
    first, asked = client.get_blob(repository, blob.digest), client.head_blob(repository, blob.digest)
    answer, head = client.follow(first), client.follow(asked)
    check.status("OCI-R016", answer, 200)
    ok = has_digest(answer, blob.digest) and len(answer.body) == blob.size
    got = f"{len(answer.body)} bytes, {digest_of(answer.body)}"
    check.that("OCI-R015", ok, expected=f"{blob.size} bytes, {blob.digest}", got=got, exchange=answer)
    named = answer if answer.header("Docker-Content-Digest") else first
    check.digest_header("OCI-R017", named, answer.body)
    if named.header("Docker-Content-Digest"):
        check.digest_header("OCI-R018", named, answer.body)
    check.status("OCI-R021", head, 200)
    check.digest_header("OCI-R022", head if head.header("Docker-Content-Digest") else asked, answer.body)
    check.header("OCI-R023", head, "Content-Length", str(blob.size))


@requirement("OCI-R020")
def test_given_ranges(client: Client, check: Checks, images: list[GivenImage]) -> None:
    image = images[0]
    blob = next((blob for blob in image.blobs(client) if blob.size > 1), None)
    if blob is None:
        not_applicable("the image has no blob of which a part can be read")
    whole = client.follow(client.get_blob(image.repository, blob.digest)).body
    middle = blob.size // 2
    wanted = {f"0-{middle - 1}": whole[:middle], f"{middle}-": whole[middle:], "-1": whole[-1:]}
    headers = {asked: [("Range", f"bytes={asked}")] for asked in wanted}
    answers = {asked: client.follow(client.get_blob(image.repository, blob.digest, headers=sent))
               for asked, sent in headers.items()}  # fmt: skip
    if all(answer.status == 200 and answer.body == whole for answer in answers.values()):
        unsupported("the registry ignores Range")
    cases = [(f"bytes={asked}", answer, answer.status == 206 and answer.body == wanted[asked])
             for asked, answer in answers.items()]  # fmt: skip
    check.each("OCI-R020", cases, expected="status 206 with the bytes that were asked for")


@requirement("OCI-R014", "OCI-R019", "OCI-R024")
def test_missing_beside_what_is_given(
    client: Client, check: Checks, content: Content, images: list[GivenImage]
) -> None:
    repository, digest = images[0].repository, content.missing_digest()
    for reference in (f"missing-{content.word()}", digest):
        check.status("OCI-R014", client.follow(client.get_manifest(repository, reference)), 404)
        check.status("OCI-R024", client.follow(client.head_manifest(repository, reference)), 404)
    check.status("OCI-R019", client.follow(client.get_blob(repository, digest)), 404)
    check.status("OCI-R024", client.follow(client.head_blob(repository, digest)), 404)


@requirement("OCI-R065", "OCI-R067")
def test_given_tags(client: Client, check: Checks, images: list[GivenImage]) -> None:
    tagged = [image for image in images if image.tag]
    if not tagged:
        not_applicable("no existing image with a tag is configured (references)")
    for image in tagged:
        answer = client.follow(client.list_tags(image.repository))
        check.status("OCI-R065", answer, 200)
        found = tags_in(answer)
        ok = image.tag in found or answer.header("Link") is not None  # there may be pages and pages of them
        check.that("OCI-R067", ok, expected=f"the tag {image.tag} among the tags", got=found, exchange=answer)
