"""The dialect `github-container`, row by row: names, formats, listings, deletion."""

from __future__ import annotations

import json

import pytest

from fakereg.spec.manifest import DOCKER_IMAGE, DOCKER_LIST, OCI_INDEX
from fakereg.spec.names import Digest
from tests.fakereg.client import (
    FOREIGN_LAYERS,
    RegistryClient,
    codes,
    descriptor,
    docker_image,
    image,
    index,
)
from tests.fakereg.conftest import MakeClient

NAME = "octocat/monalisa"
OTHER = Digest.of(b"never pushed")


@pytest.fixture
def client(make_client: MakeClient) -> RegistryClient:
    return make_client("github-container")


@pytest.mark.row("GHC-02")
def test_a_name_begins_with_a_namespace(client: RegistryClient) -> None:
    for method, path in [("POST", "blobs/uploads/"), ("GET", "manifests/1.0"), ("GET", "tags/list")]:
        response = client.open(f"/v2/monalisa/{path}", method=method)
        assert (response.status_code, codes(response)) == (400, ["NAME_INVALID"])
    for name in (NAME, f"{NAME}/release"):
        client.push_image(name, "1.0")
        assert client.get(f"/v2/{name}/manifests/1.0").status_code == 200


@pytest.mark.row("GHC-06")
@pytest.mark.parametrize("media_type", FOREIGN_LAYERS)
def test_foreign_layers_are_accepted_and_not_asked_for(client: RegistryClient, media_type: str) -> None:
    layer = descriptor(media_type, OTHER, urls=["https://127.0.0.1:1/layer"])
    document = docker_image(client.push_blob(NAME, b"{}"), layer)
    assert client.put_manifest(NAME, "windows", document).status_code == 201
    assert client.get(f"/v2/{NAME}/manifests/windows").get_json(force=True) == document
    assert client.get(f"/v2/{NAME}/blobs/{OTHER}").status_code == 404


@pytest.mark.row("GHC-07")
@pytest.mark.parametrize("media_type", [DOCKER_LIST, OCI_INDEX])
def test_images_and_indexes_of_both_formats_are_pulled_by_digest(client: RegistryClient, media_type: str) -> None:
    config = client.push_blob(NAME, b"{}")
    children: list[str] = []
    for document in (image(config), docker_image(config)):
        digest = client.put_manifest(NAME, "child", document).headers["Docker-Content-Digest"]
        response = client.get(f"/v2/{NAME}/manifests/{digest}")
        assert response.headers["Content-Type"] == document["mediaType"]
        assert response.headers["ETag"] == f'"{digest}"'
        children.append(digest)
    document = index(*children, mediaType=media_type)
    assert client.put_manifest(NAME, "multi", document).status_code == 201
    digest = Digest.of(json.dumps(document).encode())
    for reference in ("multi", digest):
        response = client.get(f"/v2/{NAME}/manifests/{reference}", headers={"Accept": media_type})
        assert response.headers["Docker-Content-Digest"] == digest


@pytest.mark.row("GHC-07")
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "accept",
    [
        *(None, "*/*", "application/*", DOCKER_IMAGE, f"{OCI_INDEX};q=0, */*", "?;;,q=x"),
        pytest.param(f"a{' ' * 1_000_000}b", id="blanks"),  # for which looking behind each of them takes hours
    ],
)
def test_an_index_is_not_found_by_who_does_not_accept_it(
    client: RegistryClient, accept: str | None, method: str
) -> None:
    child = client.push_image(NAME)
    client.put_manifest(NAME, "multi", index(child))
    headers = {"Accept": accept} if accept else {}
    response = client.open(f"/v2/{NAME}/manifests/multi", method=method, headers=headers)
    assert response.status_code == 404
    if method == "GET":
        (error,) = response.get_json()["errors"]
        assert error["code"] == "MANIFEST_UNKNOWN"
        assert error["message"] == "OCI index found, but Accept header does not support OCI indexes"
    assert client.open(f"/v2/{NAME}/manifests/{child}", method=method, headers=headers).status_code == 200


@pytest.mark.row("GHC-07")
@pytest.mark.parametrize("accept", [OCI_INDEX, f"{DOCKER_IMAGE}, {OCI_INDEX};q=0.5", OCI_INDEX.upper()])
def test_an_index_is_found_by_who_accepts_it(client: RegistryClient, accept: str) -> None:
    client.put_manifest(NAME, "multi", index(client.push_image(NAME)))
    response = client.get(f"/v2/{NAME}/manifests/multi", headers={"Accept": accept})
    assert response.status_code == 200
    assert response.headers["Vary"] == "Accept"


@pytest.mark.row("GHC-11")
def test_nothing_is_deleted_or_cancelled_here(client: RegistryClient) -> None:
    digest = client.push_image(NAME, "1.0")
    upload = client.start(NAME)
    for path in (f"manifests/{digest}", "manifests/1.0", f"blobs/{Digest.of(b'layer')}"):
        response = client.delete(f"/v2/{NAME}/{path}")
        assert (response.status_code, codes(response)) == (405, ["UNSUPPORTED"])
        assert client.get(f"/v2/{NAME}/{path}").status_code == 200
    response = client.delete(upload)
    assert (response.status_code, codes(response)) == (405, ["UNSUPPORTED"])
    assert client.get(upload).status_code == 204


@pytest.mark.row("GHC-12")
def test_tags_come_in_pages_of_a_hundred_unless_more_are_asked_for(client: RegistryClient) -> None:
    config = client.push_blob(NAME, b"{}")
    tags = [f"v{number:03}" for number in range(169)]
    for tag in tags:
        client.put_manifest(NAME, tag, image(config))
    first = client.get(f"/v2/{NAME}/tags/list")
    assert first.get_json()["tags"] == tags[:100]
    link = first.headers["Link"]
    assert link.endswith('; rel="next"')
    second = client.get(link[1 : link.index(">")])
    assert second.get_json()["tags"] == tags[100:]
    assert "Link" not in second.headers
    for count in ("300", "10000"):
        whole = client.get(f"/v2/{NAME}/tags/list", query_string={"n": count})
        assert whole.get_json()["tags"] == tags
        assert "Link" not in whole.headers
    client.registry.configure(tags_page_size=120)
    assert len(client.get(f"/v2/{NAME}/tags/list").get_json()["tags"]) == 100
    assert len(client.get(f"/v2/{NAME}/tags/list?n=300").get_json()["tags"]) == 120


@pytest.mark.row("GHC-12")
def test_there_is_no_catalog_and_no_referrers_api(client: RegistryClient) -> None:
    subject = client.push_image(NAME, "1.0")
    document = image(Digest.of(b"{}"), subject=descriptor(DOCKER_IMAGE, subject))
    assert "OCI-Subject" not in client.put_manifest(NAME, "signature", document).headers
    assert client.get("/v2/_catalog").status_code == 404
    response = client.get(f"/v2/{NAME}/referrers/{subject}")
    assert (response.status_code, codes(response)) == (404, ["MANIFEST_UNKNOWN"])
    client.registry.configure(referrers_refusal="UNSUPPORTED")
    assert codes(client.get(f"/v2/{NAME}/referrers/{subject}")) == ["UNSUPPORTED"]


def test_the_version_check_needs_its_last_slash(client: RegistryClient) -> None:
    assert client.get("/v2/").status_code == 200
    assert client.get("/v2").status_code == 404
    client.registry.configure(slashless_ping=True)
    assert client.get("/v2").status_code == 200
