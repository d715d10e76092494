"""The bytes of a manifest: any valid JSON form, odd documents, other media types, large documents (end-7a)."""

from __future__ import annotations

import json

from conformance.checks.checks import Checks
from conformance.client.client import IMAGE, INDEX, Client
from conformance.client.content import Content, Manifest
from conformance.client.exchange import Exchange
from conformance.client.steps import Steps
from conformance.scene.actors import unconfigured
from conformance.scene.requirement import requirement
from conformance.targets.base import Target

MEGABYTE = 1_000_000
SIZES_TRIED = (8 * MEGABYTE, 32 * MEGABYTE)
"""How large manifests are, in bytes, with which a limit is looked for that nobody has stated."""

LARGEST_TRIED = 64 << 20


def put(client: Client, repository: str, reference: str, image: Manifest) -> Exchange:
    """Push the bytes of an image manifest."""
    return client.put_manifest(repository, reference, image.data, media_type=image.media_type)


def writings(image: Manifest) -> dict[str, bytes]:
    """Return different bytes of the same manifest, all of them valid JSON."""
    document = json.loads(image.data)
    texts = {
        "indented": json.dumps(document, indent="\t") + "\n",
        "spaced": "\r\n " + json.dumps(document, separators=(" ,", " : ")) + " \n\n",
        "reordered": json.dumps(dict(reversed(document.items()))),
        "escaped": json.dumps(document).replace("http://", "http:\\/\\/"),
        "with a field of our own": json.dumps({**document, "org.example.custom": [1, None, {"a": 1.50}]}),
        "not in ASCII": json.dumps(document, ensure_ascii=False),
    }
    return {what: text.encode() for what, text in texts.items()}


def oddities(image: Manifest) -> dict[str, bytes]:
    """Return bytes that a registry may accept as a manifest, or refuse."""
    data = image.data

    def field(value: bytes) -> bytes:
        return data[:-1] + b', "org.example.odd": ' + value + b"}"

    return {
        "a name twice": data[:-1] + b', "schemaVersion": 2}',
        "a byte order mark": b"\xef\xbb\xbf" + data,
        "no UTF-8": field(b'"\xff\xfe"'),
        "half a surrogate": field(b'"\\ud800"'),
        "large numbers": field(b"[18446744073709551616, 1e400, -0.0]"),
        "a hundred lists in each other": field(b"[" * 100 + b"]" * 100),
    }


@requirement("OCI-R054")
def test_exact_bytes(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    image = content.image(annotations={"org.example.text": "gr\u00fc\u00df", "org.example.url": "http://a/b"})
    given.parts(repository, image)
    cases = []
    for number, (what, data) in enumerate(writings(image).items()):
        written = image.with_data(data)
        answer = put(client, repository, f"v{number}", written)
        for reference in (f"v{number}", written.digest) if answer.status == 201 else ():
            answer = client.follow(client.get_manifest(repository, reference))
            cases.append((f"{what}, by {reference[:6]}", answer, answer.status == 200 and answer.body == data))
        if answer.status != 200:
            cases.append((f"{what}, pushed", answer, False))
    check.each("OCI-R054", cases, expected="exactly the bytes that were pushed, with status 200")


@requirement("OCI-R054")
def test_odd_bytes(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    image = content.image()
    given.parts(repository, image)
    cases = []
    for number, (what, data) in enumerate(oddities(image).items()):
        answer = put(client, repository, f"v{number}", image.with_data(data))
        ok = 400 <= answer.status < 500
        if answer.status == 201:
            answer = client.follow(client.get_manifest(repository, f"v{number}"))
            ok = answer.status == 200 and answer.body == data
        cases.append((what, answer, ok))
    check.each("OCI-R054", cases, expected="a refusal, or exactly the bytes that were pushed with status 200")


@requirement("OCI-R014", "OCI-R054")
def test_other_media_type(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    """A registry must refuse a Content-Type that contradicts the manifest, or accept it and keep the bytes."""
    image = content.image()
    given.parts(repository, image)
    answer = client.put_manifest(repository, "v1", image.data, media_type=INDEX)
    pulled = client.follow(client.get_manifest(repository, "v1", accept=f"{INDEX}, {IMAGE}"))
    if answer.status == 201:
        check.body("OCI-R054", pulled, image.data)
    elif check.refused("OCI-R054", answer):
        check.status("OCI-R014", pulled, 404)


@requirement("OCI-R014", "OCI-R054")
def test_no_json(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    image = content.image()
    given.parts(repository, image)
    for number, data in enumerate((b"", b"{not json", image.data[:-1], b"[]")):
        answer = put(client, repository, f"v{number}", image.with_data(data))
        pulled = client.follow(client.get_manifest(repository, f"v{number}"))
        if answer.status == 201:
            check.body("OCI-R054", pulled, data)
        elif check.refused("OCI-R054", answer):
            check.status("OCI-R014", pulled, 404)


@requirement("OCI-R063")
def test_four_megabytes(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    image = content.large_image(4 * MEGABYTE)
    given.parts(repository, image)
    if check.status("OCI-R063", put(client, repository, "v1", image), 201):
        check.body("OCI-R063", client.follow(client.get_manifest(repository, "v1")), image.data)


@requirement("OCI-R061", "OCI-R062")
def test_size_limit(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, target: Target
) -> None:
    image, stated = content.image(), target.description.limits.get("manifest")
    if stated and stated > LARGEST_TRIED:
        unconfigured(f"the stated limit of {stated} bytes is too large to be tested")
    given.parts(repository, image)
    for size in (stated + 1,) if stated else SIZES_TRIED:
        tag = f"of-{size}"  # one for each: what was pushed to a tag before a refusal stays
        answer = put(client, repository, tag, image.with_data(image.data.ljust(size)))
        if answer.status != 201:
            check.that("OCI-R061", True, expected="", got="", exchange=answer)
            check.status("OCI-R062", answer, 413)
            check.status("OCI-R062", client.follow(client.get_manifest(repository, tag)), 404)
            return
    check.that("OCI-R061", False, expected="a limit", got=f"{size} bytes were taken", exchange=answer)
