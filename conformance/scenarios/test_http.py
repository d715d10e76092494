"""HTTP where the specification does not define it (RFC 9110): methods, HEAD, conditions, URLs, unknown lengths."""

from __future__ import annotations

import pytest

from conformance.checks.checks import Checks
from conformance.checks.passive_content import may_be_left_out
from conformance.client.client import ACCEPT, Client
from conformance.client.content import Content, Manifest
from conformance.client.exchange import Exchange, Header
from conformance.client.steps import Steps
from conformance.scene.actors import Clients, not_applicable
from conformance.scene.requirement import requirement

ANOTHER = "sha256:" + "0" * 64
KINDS = pytest.mark.parametrize("kind", ["manifest", "blob"])


def path_of(image: Manifest, kind: str) -> str:
    """Return the path after the repository, of an image tagged v1 or of its last layer."""
    return "manifests/v1" if kind == "manifest" else f"blobs/{image.blobs[-1].digest}"


def encoded(text: str) -> str:
    """Encode all letters and digits as %XX, which is the same URL (RFC 3986 section 6.2.2.2)."""
    return "".join(f"%{ord(letter):02X}" if letter.isalnum() else letter for letter in text)


def ask(client: Client, url: str, *headers: Header, method: str = "GET") -> Exchange:
    return client.follow(client.request(method, url, headers=[("Accept", ACCEPT), *headers]))


@requirement("OCI-R102")
@pytest.mark.parametrize("path", ["/v2/{}/unknown", "/v2/{}/manifests", "/v2/{}/blobs/a/b/c", "/v2/{}/tags"])
def test_unknown_path(client: Client, check: Checks, repository: str, path: str) -> None:
    check.status("OCI-R102", client.follow(client.request("GET", path.format(repository))), 404)


@requirement("OCI-R102")
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v2/{}/manifests/v1"),
        ("PATCH", "/v2/{}/manifests/v1"),
        ("PUT", "/v2/{}/tags/list"),
        ("DELETE", "/v2/{}/tags/list"),
        ("PUT", f"/v2/{{}}/blobs/{ANOTHER}"),
        ("POST", f"/v2/{{}}/referrers/{ANOTHER}"),
        ("DELETE", "/v2/"),
    ],
)
def test_wrong_method(client: Client, check: Checks, repository: str, method: str, path: str) -> None:
    answer = client.request(method, path.format(repository))
    # Where nothing is, or nothing is to be known, that comes first: RFC 9110 sections 15.5.4 and 15.5.5.
    if check.status("OCI-R102", answer, 405, 403, 404, 501) and answer.status == 405:
        allowed = [name.strip() for name in check.header("OCI-R102", answer, "Allow").split(",")]
        ok = method not in allowed
        check.that("OCI-R102", ok, expected=f"Allow without {method}", got=allowed, exchange=answer)


@requirement("OCI-R102")
def test_unknown_method(client: Client, check: Checks, repository: str) -> None:
    check.status("OCI-R102", client.request("BREW", f"/v2/{repository}/manifests/v1"), 405, 501, 400, 403)


@requirement("OCI-R102")
@KINDS
def test_head_is_like_get(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, kind: str
) -> None:
    image = given.any_image(repository, content, "v1")
    url = f"/v2/{repository}/{path_of(image, kind)}"
    got, head = ask(client, url), ask(client, url, method="HEAD")
    if head.status == 405:
        not_applicable("HEAD fails, which another requirement covers")
    check.status("OCI-R102", head, got.status)
    for name in ("Content-Type", "Docker-Content-Digest", "ETag"):
        value = got.header(name)
        if value is not None and not may_be_left_out(head, name):
            check.header("OCI-R102", head, name, value)
    length = str(len(got.body))
    ok = head.header("Content-Length") in {None, length}
    got_length = head.header("Content-Length") or ""
    check.that("OCI-R102", ok, expected=f"Content-Length: {length}", got=got_length, exchange=head)


@requirement("OCI-R102")
@KINDS
def test_if_none_match(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, kind: str
) -> None:
    image = given.any_image(repository, content, "v1")
    url = f"/v2/{repository}/{path_of(image, kind)}"
    tag = entity_tag(client, url)
    other_form = tag.removeprefix("W/") if tag.startswith("W/") else f"W/{tag}"
    for value in (tag, f'"another", {tag}', other_form, "*"):
        answer = ask(client, url, ("If-None-Match", value))
        if check.status("OCI-R102", answer, 304):
            check.header("OCI-R102", answer, "ETag", tag)
    check.status("OCI-R102", ask(client, url, ("If-None-Match", tag), method="HEAD"), 304, 405)


@requirement("OCI-R102")
@KINDS
def test_conditions_that_do_not_hold_back(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, kind: str
) -> None:
    image = given.any_image(repository, content, "v1")
    url = f"/v2/{repository}/{path_of(image, kind)}"
    wanted = image.data if kind == "manifest" else image.blobs[-1].data
    conditions: list[Header] = [
        ("If-None-Match", '"another"'),
        ("If-None-Match", f'"{ANOTHER}", W/"{ANOTHER}"'),
        ("If-Modified-Since", "Wed, 21 Oct 2015 07:28:00 GMT"),
        ("If-Match", "*"),
    ]
    answers = [(f"{name}: {value}", ask(client, url, (name, value))) for name, value in conditions]
    cases = [(what, answer, answer.status == 200 and answer.body == wanted) for what, answer in answers]
    check.each("OCI-R102", cases, expected="status 200 with the content")


@requirement("OCI-R102")
@KINDS
def test_if_match(client: Client, check: Checks, given: Steps, content: Content, repository: str, kind: str) -> None:
    image = given.any_image(repository, content, "v1")
    url = f"/v2/{repository}/{path_of(image, kind)}"
    tag = entity_tag(client, url)
    if not tag.startswith("W/"):  # a weak one matches nothing here
        check.status("OCI-R102", ask(client, url, ("If-Match", tag)), 200)
    check.status("OCI-R102", ask(client, url, ("If-Match", '"another"')), 412)


def entity_tag(client: Client, url: str) -> str:
    """Return the ETag of the content; unsupported if there is none."""
    tag = ask(client, url).header("ETag")
    if tag is None:
        not_applicable("the registry sends no ETag")
    return tag


@requirement("OCI-R102")
@KINDS
def test_percent_encoding(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, kind: str
) -> None:
    image = given.any_image(repository, content, "v1")
    endpoint, _, reference = path_of(image, kind).partition("/")
    wanted = image.data if kind == "manifest" else image.blobs[-1].data
    answer = ask(client, f"/v2/{encoded(repository)}/{endpoint}/{encoded(reference)}")
    if check.status("OCI-R102", answer, 200):
        check.body("OCI-R102", answer, wanted)


@requirement("OCI-R102", wire=True)
def test_manifest_of_unknown_length(
    client: Client, check: Checks, given: Steps, content: Content, repository: str
) -> None:
    image = given.any_image(repository, content, "v1")
    pieces = [image.data[:50], image.data[50:]]
    check.status("OCI-R102", client.put_manifest(repository, "v2", pieces, media_type=image.media_type), 201, 411)


@requirement("OCI-R102")
def test_who_has_to_say_who_they_are(clients: Clients, check: Checks, repository: str) -> None:
    answer = clients.silent().get_manifest(repository, "v1")
    if answer.status != 401:
        not_applicable("the registry asks for no credentials here")
    check.header("OCI-R102", answer, "WWW-Authenticate")
