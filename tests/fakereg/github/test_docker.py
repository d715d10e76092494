"""The dialect `github-docker`, row by row: names, references, and what its answers look like."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fakereg.spec.manifest import DOCKER_IMAGE, DOCKER_LIST, OCI_IMAGE, OCI_INDEX
from fakereg.spec.names import Digest
from tests.fakereg.client import (
    DOCKER_LAYER,
    FOREIGN_LAYERS,
    RegistryClient,
    codes,
    descriptor,
    docker_image,
    image,
    index,
)
from tests.fakereg.conftest import MakeClient

NAME = "octocat/octo-app/monalisa"
OTHER = Digest.of(b"never pushed")


@pytest.fixture
def client(make_client: MakeClient) -> RegistryClient:
    return make_client("github-docker")


def push(client: RegistryClient, tag: str = "1.0", name: str = NAME, **fields: Any) -> Digest:
    """Push a Docker image of one layer."""
    layer = descriptor(DOCKER_LAYER, client.push_blob(name, b"layer"))
    document = docker_image(client.push_blob(name, b"{}"), layer, **fields)
    response = client.put_manifest(name, tag, document)
    assert response.status_code == 201, response.text
    return Digest.of(json.dumps(document).encode())


def tags(client: RegistryClient, name: str = NAME) -> Any:
    return client.get(f"/v2/{name}/tags/list").get_json().get("tags")


@pytest.mark.row("GHD-02")
def test_a_read_only_registry_serves_what_it_has_and_takes_nothing(client: RegistryClient) -> None:
    push(client)
    blob, upload = Digest.of(b"layer"), client.start(NAME)
    client.registry.configure(ecosystem="read-only")
    assert client.get(f"/v2/{NAME}/manifests/1.0").status_code == 200
    assert client.get(f"/v2/{NAME}/blobs/{blob}").data == b"layer"
    assert tags(client) == ["1.0"]
    writes = [
        ("POST", f"/v2/{NAME}/blobs/uploads/"),
        ("POST", f"/v2/{NAME}/blobs/uploads/?mount={blob}&from={NAME}"),
        ("PATCH", upload),
        ("PUT", f"{upload}?digest={OTHER}"),
        ("DELETE", upload),
        ("PUT", f"/v2/{NAME}/manifests/2.0"),
        ("DELETE", f"/v2/{NAME}/manifests/1.0"),
        ("DELETE", f"/v2/{NAME}/blobs/{blob}"),
    ]
    for method, path in writes:
        response = client.open(path, method=method, data=b"x")
        assert (response.status_code, codes(response)) == (403, ["DENIED"]), (method, path)
    client.registry.configure(ecosystem="enabled")
    assert client.patch(upload, data=b"x").headers["Range"] == "0-0"
    assert tags(client) == ["1.0"]


@pytest.mark.row("GHD-02")
def test_a_disabled_registry_knows_nothing_but_its_version(client: RegistryClient) -> None:
    push(client)
    client.registry.configure(ecosystem="disabled")
    assert client.get("/v2/").status_code == 200
    for method, path in [("GET", "manifests/1.0"), ("GET", "tags/list"), ("POST", "blobs/uploads/"), ("GET", "BAD")]:
        response = client.open(f"/v2/{NAME}/{path}", method=method)
        assert (response.status_code, codes(response)) == (404, ["NAME_UNKNOWN"])
    client.registry.configure(disabled_refusal=403)
    assert client.get(f"/v2/{NAME}/tags/list").status_code == 403


@pytest.mark.row("GHD-03")
@pytest.mark.parametrize(
    "foreign",
    [*(descriptor(kind, OTHER) for kind in FOREIGN_LAYERS), descriptor(DOCKER_LAYER, OTHER, urls=["https://a/b"])],
)
def test_a_foreign_layer_is_not_pushed(client: RegistryClient, foreign: dict[str, Any]) -> None:
    push(client)
    config = Digest.of(b"{}")
    response = client.put_manifest(NAME, "windows", docker_image(config, foreign))
    assert (response.status_code, codes(response)) == (400, ["MANIFEST_INVALID"])
    assert tags(client) == ["1.0"]
    client.registry.configure(foreign_layer_refusal=403)
    assert client.put_manifest(NAME, "windows", docker_image(config, foreign)).status_code == 403


@pytest.mark.row("GHD-04")
def test_a_foreign_layer_that_is_there_anyway_is_not_pulled(client: RegistryClient) -> None:
    client.registry.configure(foreign_layers=True)
    document = docker_image(client.push_blob(NAME, b"{}"), descriptor(FOREIGN_LAYERS[0], OTHER))
    assert client.put_manifest(NAME, "windows", document).status_code == 201
    assert client.get(f"/v2/{NAME}/manifests/windows").status_code == 200
    client.registry.configure(foreign_layers=False)
    response = client.get(f"/v2/{NAME}/manifests/windows")
    assert (response.status_code, codes(response)) == (400, ["MANIFEST_INVALID"])


@pytest.mark.row("GHD-05")
@pytest.mark.row("GHD-19")
def test_a_manifest_is_unknown_by_its_digest_in_plain_text(client: RegistryClient) -> None:
    digest = push(client)
    response = client.get(f"/v2/{NAME}/manifests/{digest}")
    assert response.status_code == 404
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    (error,) = json.loads(response.text)["errors"]
    assert error["code"] == "MANIFEST_UNKNOWN"
    assert error["message"] == f'Docker image reference monalisa:{digest} not found under repo "octocat".'
    client.registry.configure(digest_refusal_type="application/json")
    assert codes(client.get(f"/v2/{NAME}/manifests/{digest}")) == ["MANIFEST_UNKNOWN"]


@pytest.mark.row("GHD-19")
def test_digests_do_not_name_manifests_for_other_methods_either(make_client: MakeClient) -> None:
    client = make_client("github-docker,manifest_head=true,manifest_deletion=true")
    digest = push(client)
    document = docker_image(Digest.of(b"{}"))
    new = Digest.of(json.dumps(document).encode())
    response = client.put_manifest(NAME, new, document)
    assert (response.status_code, codes(response)) == (400, ["MANIFEST_INVALID"])
    assert client.registry.storage.manifests(client.registry.storage.repositories()[0]) == [digest]
    assert client.head(f"/v2/{NAME}/manifests/{digest}").status_code == 404
    assert client.delete(f"/v2/{NAME}/manifests/{digest}").status_code == 404
    assert client.get(f"/v2/{NAME}/manifests/1.0").status_code == 200
    client.registry.configure(digest_push_refusal=404)
    assert client.put_manifest(NAME, new, document).status_code == 404


@pytest.mark.row("GHD-16")
@pytest.mark.parametrize("name", ["Octocat/octo-app/monalisa", "octocat/Octo-App/monalisa", "octocat/octo-app/Mona"])
def test_names_are_lower_case(client: RegistryClient, name: str) -> None:
    for path in ("blobs/uploads/", f"blobs/uploads/?digest={Digest.of(b'x')}"):
        response = client.post(f"/v2/{name}/{path}", data=b"x")
        assert (response.status_code, codes(response)) == (400, ["NAME_INVALID"])
    assert codes(client.put_manifest(name, "1.0", docker_image(OTHER))) == ["NAME_INVALID"]
    assert client.registry.storage.repositories() == []


REQUESTS = [
    ("POST", "blobs/uploads/"),
    ("PATCH", "blobs/uploads/id"),
    ("GET", f"blobs/{OTHER}"),
    ("GET", "manifests/1.0"),
    ("PUT", "manifests/1.0"),
    ("GET", "tags/list"),
]


@pytest.mark.row("GHD-17")
@pytest.mark.parametrize(
    ("method", "path"),
    [
        *((method, f"/v2/monalisa/{path}") for method, path in REQUESTS),
        ("DELETE", "/v2/monalisa/manifests/1.0"),
        ("POST", "/v2/monalisa/manifests/1.0"),
        ("GET", f"/v2/monalisa/referrers/{OTHER}"),
        ("GET", f"/v2/octocat/octo-app/monalisa/referrers/{OTHER}"),
        ("GET", "/v2/_catalog"),
        ("GET", "/v2/octocat/octo-app/monalisa"),
        ("POST", "/v2/octocat/octo-app/monalisa/layers/"),
        ("GET", "/v2"),
        ("GET", "/v1/_ping"),
    ],
)
def test_paths_that_the_registry_does_not_have_are_answered_by_a_router(
    client: RegistryClient, method: str, path: str
) -> None:
    response = client.open(path, method=method)
    assert (response.status_code, response.text) == (404, "404 page not found\n")
    assert response.content_type == "text/plain; charset=utf-8"
    client.registry.configure(plain_unknown_paths=False)
    response = client.open(path, method=method)
    assert (response.status_code, codes(response)) == (404, ["UNSUPPORTED"])


@pytest.mark.row("GHD-17")
@pytest.mark.parametrize("name", ["octo-app/monalisa", "octocat/octo-app/mona/lisa"])
def test_a_name_has_three_parts(client: RegistryClient, name: str) -> None:
    for method, path in REQUESTS:
        response = client.open(f"/v2/{name}/{path}", method=method)
        assert (response.status_code, codes(response)) == (404, ["NAME_UNKNOWN"])
        message = "docker image push is only supported with a tag of the format :owner/:repo_name/:image_name."
        assert response.get_json()["errors"][0]["message"] == message


@pytest.mark.row("GHD-24")
def test_head_of_a_manifest_is_not_allowed(client: RegistryClient) -> None:
    push(client)
    response = client.head(f"/v2/{NAME}/manifests/1.0")
    assert response.status_code == 405
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Allow"] == "GET, PUT"
    assert client.head(f"/v2/{NAME}/blobs/{Digest.of(b'layer')}").status_code == 200


@pytest.mark.row("GHD-25")
def test_a_manifest_comes_with_a_charset_and_a_weak_etag_and_without_its_digest(client: RegistryClient) -> None:
    digest = push(client)
    response = client.get(f"/v2/{NAME}/manifests/1.0")
    assert response.status_code == 200
    assert response.headers["Content-Type"] == f"{DOCKER_IMAGE}; charset=utf-8"
    assert response.headers["ETag"] == f'W/"{digest.encoded[:32]}"'
    assert "Docker-Content-Digest" not in response.headers
    assert "Docker-Content-Digest" not in client.get(f"/v2/{NAME}/blobs/{Digest.of(b'layer')}").headers


@pytest.mark.row("GHD-25")
def test_conditions_go_by_the_weak_etag(client: RegistryClient) -> None:
    push(client)
    path, document = f"/v2/{NAME}/manifests/1.0", docker_image(Digest.of(b"{}"))
    etag = client.get(path).headers["ETag"]
    assert client.get(path, headers={"If-None-Match": etag}).status_code == 304
    assert client.get(path, headers={"If-None-Match": f'"{Digest.of(b"")}"'}).status_code == 200
    content = json.dumps(document)
    refused = [{"If-Match": etag}, {"If-Match": etag.removeprefix("W/")}, {"If-None-Match": etag}]
    for condition, status in [*((condition, 412) for condition in refused), ({"If-Match": "*"}, 201)]:
        assert client.put(path, data=content, content_type=DOCKER_IMAGE, headers=condition).status_code == status
    blob = f"/v2/{NAME}/blobs/{Digest.of(b'layer')}"
    weak = {"Range": "bytes=1-2", "If-Range": client.get(blob).headers["ETag"]}
    assert client.get(blob, headers=weak).status_code == 200
    assert client.get(blob, headers={"Range": "bytes=1-2"}).status_code == 206


@pytest.mark.row("GHD-26")
def test_the_digest_is_told_after_a_push_of_a_manifest_and_not_of_a_blob(client: RegistryClient) -> None:
    blob = Digest.of(b"{}")
    for response in (
        client.put(client.start(NAME), query_string={"digest": blob}, data=b"{}"),
        client.post(f"/v2/{NAME}/blobs/uploads/", query_string={"digest": blob}, data=b"{}"),
        client.post(f"/v2/{NAME}/blobs/uploads/", query_string={"mount": blob, "from": NAME}),
    ):
        assert response.status_code == 201
        assert "Docker-Content-Digest" not in response.headers
    document = docker_image(blob)
    pushed = client.put_manifest(NAME, "1.0", document)
    assert pushed.headers["Docker-Content-Digest"] == Digest.of(json.dumps(document).encode())


@pytest.mark.row("GHD-27")
@pytest.mark.parametrize("media_type", [DOCKER_LIST, OCI_INDEX])
def test_an_image_has_one_platform(client: RegistryClient, media_type: str) -> None:
    child = push(client)
    response = client.put_manifest(NAME, "multi", index(child, mediaType=media_type))
    assert (response.status_code, codes(response)) == (403, ["DENIED"])
    assert tags(client) == ["1.0"]


@pytest.mark.row("GHD-28")
@pytest.mark.parametrize("media_type", ["prettyjws", "json"])
def test_schema_1_is_refused(client: RegistryClient, media_type: str) -> None:
    document = {"schemaVersion": 1, "mediaType": f"application/vnd.docker.distribution.manifest.v1+{media_type}"}
    for refused in (document, docker_image(client.push_blob(NAME, b"{}"), schemaVersion=1)):
        response = client.put_manifest(NAME, "1.0", refused)
        assert (response.status_code, codes(response)) == (400, ["MANIFEST_INVALID"])
        assert response.get_json()["errors"][0]["message"] == "Only schema version 2 is supported"


@pytest.mark.row("GHD-01")
def test_only_manifests_of_schema_2_are_taken_unless_told_otherwise(client: RegistryClient) -> None:
    push(client)
    other = {"mediaType": "application/vnd.example+json"}
    for document in (image(Digest.of(b"{}")), other):
        response = client.put_manifest(NAME, "oci", document)
        assert (response.status_code, codes(response)) == (400, ["MANIFEST_INVALID"])
    client.registry.configure(manifest_formats="docker|oci")
    assert client.put_manifest(NAME, "oci", image(Digest.of(b"{}"))).status_code == 201
    assert client.get(f"/v2/{NAME}/manifests/oci").mimetype == OCI_IMAGE
    assert client.put_manifest(NAME, "oci", other).status_code == 400
