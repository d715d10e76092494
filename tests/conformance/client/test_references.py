"""Targets that take no pushes: images that are said to be there, and what a run makes of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest

import fakereg
from conformance.client.client import Client
from conformance.client.content import Content, Manifest
from conformance.client.exchange import Exchange, Request
from conformance.client.references import GivenImage, given_image, parse
from conformance.client.steps import Steps, Unprepared
from conformance.client.transport import HttpTransport, WsgiTransport
from tests.conformance.command.test_main import conformance, results

CONTENT = Content(seed=1, label="given")
ASKED = {"OCI-R004", "OCI-R011", "OCI-R012", "OCI-R013", "OCI-R014", "OCI-R015", "OCI-R016", "OCI-R019", "OCI-R020",
         "OCI-R021", "OCI-R022", "OCI-R023", "OCI-R024", "OCI-R065", "OCI-R067"}  # fmt: skip


def repeating(*path: str) -> WSGIApplication:
    """A list whose every page leads to one of some pages."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        number = len(environ["QUERY_STRING"])
        body = b'{"tags": ["a"]}'
        target = path[number % len(path)] if path else f"?{'x' * (number + 1)}"
        start_response("200 OK", [("Link", f'<{target}>; rel="next"'), ("Content-Length", str(len(body)))])
        return [body]

    return app


@pytest.mark.parametrize(
    ("app", "pages"),
    [(repeating(""), 1), (repeating("?a"), 2), (repeating("?a", "?aa", "?aaa"), 4), (repeating(), 100)],
    ids=["the same page", "one page", "a circle", "no end"],
)
def test_pages_end(app: WSGIApplication, pages: int) -> None:
    given = Steps(Client(WsgiTransport(app)))
    assert len(given.pages(given.client.list_tags("a"))) == pages


ODD = [{"digest": 1, "size": 2}, {"digest": "sha256:a", "size": "many"}, {"size": None}, {}]


def test_blobs_of_an_odd_manifest(client: Client) -> None:
    body = json.dumps({"config": {"digest": "sha256:b", "size": 1}, "layers": ODD}).encode()
    manifest = Exchange(Request("GET", "http://registry.test/v2/a/manifests/v1"), 200, (), body, 0.0)
    assert [blob.digest for blob in GivenImage("a", "v1", manifest).blobs(client)] == ["sha256:b"]


@pytest.fixture
def client() -> Client:
    return Client(WsgiTransport(fakereg.Registry()))


def pushed(client: Client, manifest: Manifest) -> Manifest:
    Steps(client).manifest("library/app", manifest, "v1")
    return manifest


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("app:v1", ("app", "v1")),
        ("team/app:1.0-a", ("team/app", "1.0-a")),
        ("team/app@sha256:abc", ("team/app", "sha256:abc")),
        ("team/app:v1@sha256:abc", ("team/app", "sha256:abc")),
    ],
)
def test_parse(reference: str, parts: tuple[str, str]) -> None:
    assert parse(reference) == parts


def test_image(client: Client) -> None:
    image = pushed(client, CONTENT.image(layers=2))
    by_tag, by_digest = (given_image(client, f"library/app{end}") for end in (":v1", f"@{image.digest}"))
    assert (by_tag.digest, by_tag.tag, by_digest.digest, by_digest.tag) == (image.digest, "v1", image.digest, "")
    assert {blob.digest for blob in by_tag.blobs(client)} == {blob.digest for blob in image.blobs}


def test_blobs_of_an_index_are_those_of_its_first_image(client: Client) -> None:
    images = [CONTENT.image(), CONTENT.image()]
    pushed(client, CONTENT.index(images))
    found = given_image(client, "library/app:v1").blobs(client)
    assert {blob.digest for blob in found} == {blob.digest for blob in images[0].blobs}


def test_large_blobs_are_left_out(client: Client) -> None:
    image = CONTENT.docker_image(layers=1, layer_size=(4 << 20) + 1)
    pushed(client, image)
    assert [blob.digest for blob in given_image(client, "library/app:v1").blobs(client)] == [image.blobs[0].digest]


def test_image_that_is_not_there(client: Client) -> None:
    with pytest.raises(Unprepared, match="could not pull library/app:v1, which is said to be there: status 404"):
        given_image(client, "library/app:v1")


@pytest.mark.parametrize("profile", [(), ("--profile", "pull,discovery,protocol")], ids=["by default", "claimed"])
def test_run_without_pushes(tmp_path: Path, profile: tuple[str, ...]) -> None:
    image, index = CONTENT.image(layers=2), CONTENT.index([CONTENT.image()])
    with fakereg.serve() as registry:
        with HttpTransport(registry.url) as http:
            steps = Steps(Client(http))
            steps.manifest("library/app", image, "v1")
            steps.manifest("library/app", index, "all")
        registry.configure(push=False)
        references = f"library/app:v1,library/app@{image.digest},library/app:all"
        finished = conformance(tmp_path, registry.url, "--references", references, *profile)
    assert finished.returncode == 0, finished.stdout
    outcomes = {row["id"]: row["outcome"] for row in results(tmp_path)["requirements"]}
    assert {key for key in ASKED if outcomes[key] != "pass"} == set()
    assert outcomes["OCI-R003"] == ("pass" if profile else "not applicable")
