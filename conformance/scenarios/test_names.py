"""The syntax of repository names, tags and digests at its limits."""

from __future__ import annotations

from functools import partial
from urllib.parse import urlsplit

import pytest

from conformance.checks.checks import Checks, cases_of
from conformance.client.client import Client, location_of
from conformance.client.content import Content
from conformance.client.exchange import Exchange
from conformance.client.steps import Steps
from conformance.scene.requirement import requirement

BAD_NAMES = {
    "upper case at the start": ("UPPER/{}", "Upper{}"),
    "upper case": ("{}/Upper", "{}/lowEr", "{}/A/b"),
    "separators": (
        "{}/-dash", "{}/dash-", "{}/.dot", "{}/dot.", "{}/_low", "{}/low_", "{}/a..b", "{}/a___b", "{}/a_.b", "{}/a.-b",
        "{}/a-_b", "-{}",
    ),
    "characters": (
        "{}/sp%20ace", "{}/pl+us", "{}/til~de", "{}/at@", "{}/co:lon", "{}/co,mma", "{}/st*r", "{}/%C3%A9", "{}/%25",
        "{}/back%5Cslash", "{}/line%0A", "{}/%D9%A1",
    ),
    "components": ("{}//empty", "/{}", "{}/"),
}  # fmt: skip
GOOD_NAMES = {
    "separators": ("a.b", "a_b", "a__b", "a-b", "a----b", "0", "a/b/c/d/e/f", "a.b__c-d_e--f", "1.2.3"),
    "words": ("manifests", "blobs", "blobs/uploads", "tags", "tags/list", "referrers", "v2", "manifests/latest"),
}
BAD_TAGS = (
    "-dash", ".dot", "...", "sp%20ace", "v1%20", "%20v1", "v1%0A", "v1%00", "pl+us", "%C3%A9", "co%2Cmma", "v1~", "@v1",
    "v*", "%2A", "v1%3F", "%25",
)  # fmt: skip


def bad_digests(digest: str) -> list[str]:
    """Return texts that look like the digest of existing content and are no digests."""
    algorithm, _, encoded = digest.partition(":")
    return [
        f"{algorithm}:{encoded.upper()}",
        f"{algorithm.upper()}:{encoded}",
        f"{algorithm}:{encoded[:-1]}",
        f"{algorithm}:{encoded}0",
        f"{algorithm}:{encoded[:12]}",
        f"{algorithm}:{'g' * 64}",
        f"{algorithm}:",
        f":{encoded}",
        f"{algorithm}::{encoded}",
        f"{algorithm}:{digest}",
        f"{digest}%0A",
        f"{digest}%20",
        f"%20{digest}",
        f"sha512:{encoded}",
        f"foo99:{encoded}",
        f"@{digest}",
    ]


def pulled(client: Client, name: str, reference: str) -> Exchange:
    """Pull a manifest, following redirects."""
    return client.follow(client.get_manifest(name, reference))


def is_refused(answer: Exchange) -> bool:
    """Return whether a request was refused; a passive check judges server errors."""
    return answer.status >= 400


@requirement("OCI-R006")
@pytest.mark.parametrize("kind", BAD_NAMES)
def test_bad_name(client: Client, check: Checks, repository: str, kind: str) -> None:
    names = [pattern.format(repository) for pattern in BAD_NAMES[kind]]
    pulls = [(f"GET of {name}", partial(pulled, client, name, "latest")) for name in names]
    pushes = [(f"POST to {name}", partial(client.start_upload, name)) for name in names]
    pushed = cases_of(client, pushes, lambda answer: answer.status >= 300)
    merged = [answer for name, (_, answer, _) in zip(names, pushed, strict=True) if is_merged(name, answer)]
    cases = cases_of(client, pulls, is_refused)
    cases += [(what, answer, ok or answer in merged) for what, answer, ok in pushed]
    check.each("OCI-R006", cases, expected="names that do not match the grammar to be refused")
    cases = [(f"POST to {answer.request.url}", answer, False) for answer in merged]
    if merged:  # RFC 3986 has no such rule, yet there is no such name afterwards
        check.each("OCI-R006", cases, expected="a name with an empty part to be refused", grade="SHOULD")


def is_merged(name: str, answer: Exchange) -> bool:
    """Return whether a push to a name with an empty part was taken as one to the name without: slashes were merged."""
    has_empty_part = "" in name.split("/")
    return has_empty_part and answer.status == 202 and f"/v2/{name}/" not in urlsplit(location_of(answer) or "").path


@requirement("OCI-R006", "OCI-R015")
@pytest.mark.parametrize("kind", GOOD_NAMES)
def test_good_name(client: Client, check: Checks, given: Steps, content: Content, repository: str, kind: str) -> None:
    opened = [(name, client.start_upload(f"{repository}/{name}")) for name in GOOD_NAMES[kind]]
    cases = [(f"POST to .../{name}", answer, answer.status == 202) for name, answer in opened]
    check.each("OCI-R006", cases, expected="status 202 for names that match the grammar", grade="SHOULD")
    for ending, answer in opened:
        if answer.status == 202:
            name, blob = f"{repository}/{ending}", content.blob()
            closed = client.put_upload(location_of(answer) or "", blob.digest, blob.data)
            if check.status("OCI-R006", closed, 201, grade="SHOULD"):
                check.body("OCI-R015", client.follow(client.get_blob(name, blob.digest)), blob.data)


@requirement("OCI-R006", "OCI-R015")
def test_long_name(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    longest = 255 - len(f"{urlsplit(client.base_url).netloc}/")  # what many clients can name, with the host
    for length in (longest, 255, 256, 1000):
        name, blob = repository + "/" + "n" * (length - len(repository) - 1), content.blob()
        opened = client.start_upload(name)
        if length == longest:
            check.status("OCI-R006", opened, 202, grade="SHOULD")
        if opened.status == 202:  # longer ones match the grammar, but whether a registry takes them is up to it
            closed = client.put_upload(location_of(opened) or "", blob.digest, blob.data)
            if length > longest and closed.status >= 400:
                continue
            check.status("OCI-R006", closed, 201, grade="SHOULD")
            check.body("OCI-R015", client.follow(client.get_blob(name, blob.digest)), blob.data)


@requirement("OCI-R005", "OCI-R007", "OCI-R008")
def test_bad_tag(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    given.manifest(repository, content.image(), "v1", "a" * 128)
    pulls = [(f"GET of {tag}", partial(pulled, client, repository, tag)) for tag in BAD_TAGS]
    cases = cases_of(client, pulls, is_refused)
    check.each("OCI-R008", cases, expected="tags that do not match the grammar to be refused")
    check.each("OCI-R005", cases, expected="references that are neither digests nor tags to be refused")
    check.refused("OCI-R007", client.follow(client.get_manifest(repository, "a" * 129)))


@requirement("OCI-R005")
def test_bad_digest(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    image = content.image()
    given.manifest(repository, image, "v1")
    pulls = [(f"GET of {text}", partial(pulled, client, repository, text)) for text in bad_digests(image.digest)]
    cases = cases_of(client, pulls, is_refused)
    check.each("OCI-R005", cases, expected="references that are neither digests nor tags to be refused")


@requirement("OCI-R019", "OCI-R024")
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_bad_digest_of_blob(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, method: str
) -> None:
    blob = content.blob()
    given.blob(repository, blob)

    def ask(text: str) -> Exchange:
        return client.follow((client.get_blob if method == "GET" else client.head_blob)(repository, text))

    asked = [(f"{method} of {text}", partial(ask, text)) for text in ("latest", *bad_digests(blob.digest))]
    cases = cases_of(client, asked, is_refused)
    row = "OCI-R019" if method == "GET" else "OCI-R024"
    check.each(row, cases, expected="nothing to be found under what is no digest")
