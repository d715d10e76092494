"""Manifests: push and pull by tag and digest, conditions, deletion, refusals."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakereg import Registry
from fakereg.spec.manifest import DOCKER_IMAGE, DOCKER_LIST, OCI_IMAGE, OCI_INDEX
from fakereg.spec.names import Digest
from tests.fakereg.client import LAYER, RegistryClient, codes, descriptor, image, index
from tests.fakereg.conftest import MakeClient

OTHER = Digest.of(b"never pushed")


def put(client: RegistryClient, path: str, document: Any, content_type: str = OCI_IMAGE, **options: Any) -> Any:
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    return client.put(path, data=content, content_type=content_type, **options)


@pytest.fixture
def config(client: RegistryClient) -> Digest:
    return client.push_blob("a", b"{}")


def test_a_manifest_reads_back_by_tag_and_digest(client: RegistryClient, config: Digest) -> None:
    content = json.dumps(image(config), indent=3).encode() + b"\n\n"
    response = put(client, "/v2/a/manifests/v1", content)
    assert response.status_code == 201
    digest = Digest.of(content)
    assert response.headers["Docker-Content-Digest"] == digest
    for path in ("/v2/a/manifests/v1", f"/v2/a/manifests/{digest}", response.headers["Location"]):
        answer = client.get(path)
        assert answer.status_code == 200
        assert answer.data == content
        assert answer.headers["Content-Type"] == OCI_IMAGE
        assert answer.headers["Docker-Content-Digest"] == digest
        assert answer.headers["ETag"] == f'"{digest}"'
        head = client.head(path)
        assert head.data == b""
        assert dict(head.headers) == dict(answer.headers)


@given(space=st.text(" \n\t\r", max_size=10), key=st.text(max_size=8))
def test_the_exact_bytes_are_stored(space: str, key: str) -> None:
    client = RegistryClient(Registry())
    fields = image(client.push_blob("a", b"{}"), annotations={key: "é\u2028"})
    content = (space + json.dumps(fields, ensure_ascii=False) + space).encode()
    content = content.replace(b'"layers"', b'"layers": [], "layers"')  # a duplicate key
    assert put(client, "/v2/a/manifests/v1", content).status_code == 201
    assert client.get("/v2/a/manifests/v1").data == content


@pytest.mark.parametrize(
    ("media_type", "sent"),
    [
        (DOCKER_IMAGE, DOCKER_IMAGE),
        (OCI_IMAGE, f"{OCI_IMAGE}; charset=utf-8"),
        (DOCKER_IMAGE, f"{DOCKER_IMAGE};q=1"),
    ],
)
def test_the_content_type_comes_back_without_parameters(
    client: RegistryClient, config: Digest, media_type: str, sent: str
) -> None:
    put(client, "/v2/a/manifests/v1", image(config, mediaType=media_type), sent)
    assert client.get("/v2/a/manifests/v1").headers["Content-Type"] == media_type


@pytest.mark.parametrize("media_type", [OCI_INDEX, DOCKER_LIST])
def test_an_index_needs_its_children(client: RegistryClient, media_type: str) -> None:
    child = client.push_image("a")
    assert put(client, "/v2/a/manifests/all", index(child, mediaType=media_type), media_type).status_code == 201
    response = put(client, "/v2/a/manifests/all", index(child, OTHER, mediaType=media_type), media_type)
    assert codes(response) == ["MANIFEST_BLOB_UNKNOWN"]


def test_each_missing_descriptor_is_named(client: RegistryClient, config: Digest) -> None:
    another = Digest.of(b"another")
    response = put(client, "/v2/a/manifests/v1", image(config, OTHER, another))
    assert response.status_code == 400
    assert [error["detail"]["digest"] for error in response.get_json()["errors"]] == [OTHER, another]
    assert set(codes(response)) == {"MANIFEST_BLOB_UNKNOWN"}
    assert client.get("/v2/a/manifests/v1").status_code == 404


def test_missing_descriptors_can_be_accepted(make_client: MakeClient) -> None:
    client = make_client("oci,missing_descriptors=true")
    assert put(client, "/v2/a/manifests/v1", image(OTHER)).status_code == 201


def test_foreign_layers_and_subjects_may_be_missing(client: RegistryClient, config: Digest) -> None:
    foreign = descriptor(LAYER, OTHER, urls=["https://example.com/layer"])
    fields = {"layers": [foreign], "subject": descriptor(OCI_IMAGE, OTHER)}
    response = put(client, "/v2/a/manifests/v1", image(config, **fields))
    assert response.status_code == 201
    assert response.headers["OCI-Subject"] == OTHER


def test_a_digest_must_match(client: RegistryClient, config: Digest) -> None:
    response = put(client, f"/v2/a/manifests/{OTHER}", image(config))
    assert response.status_code == 400
    assert codes(response) == ["DIGEST_INVALID"]


def test_a_manifest_can_have_a_sha512_digest(client: RegistryClient, config: Digest) -> None:
    content = json.dumps(image(config)).encode()
    digest = Digest.of(content, algorithm="sha512")
    response = put(client, f"/v2/a/manifests/{digest}", content)
    assert response.headers["Docker-Content-Digest"] == digest
    assert client.get(f"/v2/a/manifests/{digest}").data == content


def test_tags_come_along_with_a_push_by_digest(client: RegistryClient, config: Digest) -> None:
    content = json.dumps(image(config)).encode()
    tags = [f"tag-{number}" for number in range(12)]
    response = put(client, f"/v2/a/manifests/{Digest.of(content)}", content, query_string={"tag": tags})
    assert response.status_code == 201
    assert response.headers.getlist("OCI-Tag") == tags
    assert set(client.get("/v2/a/tags/list").get_json()["tags"]) == set(tags)


def test_a_bad_tag_parameter_changes_nothing(client: RegistryClient, config: Digest) -> None:
    content = json.dumps(image(config)).encode()
    path = f"/v2/a/manifests/{Digest.of(content)}"
    assert put(client, path, content, query_string={"tag": ["ok", "-bad"]}).status_code == 400
    assert client.get(path).status_code == 404


def test_tag_parameters_are_limited_or_ignored(make_client: MakeClient) -> None:
    for dialect, status in (("oci,tag_parameters=2", 414), ("oci-1.1", 201)):
        client = make_client(dialect)
        content = json.dumps(image(client.push_blob("a", b"{}"))).encode()
        path = f"/v2/a/manifests/{Digest.of(content)}"
        response = put(client, path, content, query_string={"tag": ["a", "b", "c"]})
        assert response.status_code == status
        assert "OCI-Tag" not in response.headers
        assert client.get("/v2/a/tags/list").get_json()["tags"] == []


@pytest.mark.parametrize("reference", ["-bad", ".bad", "a" * 129, "a%20b", "sha256:abc", "md5:" + "a" * 32, "a:b"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_bad_reference_is_400(client: RegistryClient, config: Digest, method: str, reference: str) -> None:
    content = json.dumps(image(config)).encode()
    response = client.open(f"/v2/a/manifests/{reference}", method=method, data=content, content_type=OCI_IMAGE)
    assert response.status_code == 400
    assert codes(response) == (["DIGEST_INVALID"] if ":" in reference else ["MANIFEST_INVALID"])


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
@pytest.mark.parametrize("reference", ["missing", OTHER])
def test_a_missing_manifest_is_404(client: RegistryClient, method: str, reference: str) -> None:
    client.push_image("a", "v1")
    for name, code in (("a", "MANIFEST_UNKNOWN"), ("b", "NAME_UNKNOWN")):
        response = client.open(f"/v2/{name}/manifests/{reference}", method=method)
        assert response.status_code == 404
        if method != "HEAD":
            assert codes(response) == [code]


def test_a_known_etag_is_304(client: RegistryClient) -> None:
    digest = client.push_image("a", "v1")
    response = client.get("/v2/a/manifests/v1", headers={"If-None-Match": f'W/"{digest}"'})
    assert response.status_code == 304
    assert response.data == b""


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("etag", "status"), [('"{}"', 200), ('"x", "{}"', 200), ("*", 200), ('"x"', 412), ('W/"{}"', 412)]
)
def test_a_pull_can_depend_on_the_etag(client: RegistryClient, method: str, etag: str, status: int) -> None:
    digest = client.push_image("a", "v1")
    response = client.open("/v2/a/manifests/v1", method=method, headers={"If-Match": etag.format(digest)})
    assert response.status_code == status


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ({"If-Match": '"{old}"'}, 201),
        ({"If-Match": '"x", "{old}"'}, 201),
        ({"If-Match": "*"}, 201),
        ({"If-Match": '"x"'}, 412),
        ({"If-Match": 'W/"{old}"'}, 412),
        ({"If-None-Match": "*"}, 412),
        ({"If-None-Match": 'W/"{old}"'}, 412),
        ({"If-None-Match": '"x"'}, 201),
    ],
)
def test_a_push_can_depend_on_what_it_replaces(
    client: RegistryClient, config: Digest, condition: dict[str, str], status: int
) -> None:
    old = client.push_image("a", "v1")
    headers = {name: value.format(old=old) for name, value in condition.items()}
    response = put(client, "/v2/a/manifests/v1", image(config), headers=headers)
    assert response.status_code == status
    if status == 412:
        assert codes(response) == ["DENIED"]
        assert client.head("/v2/a/manifests/v1").headers["Docker-Content-Digest"] == old


@pytest.mark.parametrize(("header", "status"), [("If-Match", 412), ("If-None-Match", 201)])
def test_a_push_can_depend_on_a_tag_that_is_not_there(
    client: RegistryClient, config: Digest, header: str, status: int
) -> None:
    assert put(client, "/v2/a/manifests/new", image(config), headers={header: "*"}).status_code == status


@pytest.mark.parametrize("declared", [True, False])
def test_a_manifest_over_the_limit_is_413(make_client: MakeClient, declared: bool) -> None:
    client = make_client("oci,manifest_size_limit=2000")
    document = image(client.push_blob("a", b"{}"), annotations={"a": ""})
    document["annotations"]["a"] = "x" * (2000 - len(json.dumps(document)))
    environ = {} if declared else {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    assert put(client, "/v2/a/manifests/v1", document, environ_overrides=environ).status_code == 201
    document["annotations"]["a"] += "x"
    response = put(client, "/v2/a/manifests/v2", document, environ_overrides=environ)
    assert response.status_code == 413
    assert codes(response) == ["SIZE_INVALID"]


def test_four_mebibytes_are_accepted(client: RegistryClient, config: Digest) -> None:
    document = image(config, annotations={"a": ""})
    document["annotations"]["a"] = "x" * (4 * 1024 * 1024 - len(json.dumps(document)))
    assert put(client, "/v2/a/manifests/v1", document).status_code == 201


def test_deleting_a_tag_leaves_the_rest(client: RegistryClient) -> None:
    digest = client.push_image("a", "one")
    client.push_image("a", "two")
    assert client.delete("/v2/a/manifests/one").status_code == 202
    assert client.get("/v2/a/manifests/one").status_code == 404
    assert client.get("/v2/a/manifests/two").status_code == 200
    assert client.get(f"/v2/a/manifests/{digest}").status_code == 200


def test_deleting_a_manifest_takes_its_tags_along(client: RegistryClient) -> None:
    digest = client.push_image("a", "one")
    client.push_image("a", "two")
    assert client.delete(f"/v2/a/manifests/{digest}").status_code == 202
    for reference in ("one", "two", digest):
        assert client.get(f"/v2/a/manifests/{reference}").status_code == 404


@pytest.mark.parametrize("status", [400, 405])
@pytest.mark.parametrize("switch", ["tag_deletion", "manifest_deletion"])
def test_each_deletion_can_be_switched_off(make_client: MakeClient, switch: str, status: int) -> None:
    client = make_client(f"oci,{switch}=false,deletion_refusal={status}")
    digest = client.push_image("a", "tag")
    refused, allowed = ("tag", digest) if switch == "tag_deletion" else (digest, "tag")
    response = client.delete(f"/v2/a/manifests/{refused}")
    assert response.status_code == status
    assert codes(response) == ["UNSUPPORTED"]
    assert client.delete(f"/v2/a/manifests/{allowed}").status_code == 202


def test_pushing_can_be_switched_off(make_client: MakeClient) -> None:
    client = make_client()
    digest = client.push_image("a", "tag")
    client.registry.configure(push=False)
    assert put(client, "/v2/a/manifests/tag", b"{}").status_code == 405
    assert client.post("/v2/a/blobs/uploads/").status_code == 405
    assert client.get(f"/v2/a/manifests/{digest}").status_code == 200


def test_a_namespace_selects_the_upstream_repository(client: RegistryClient) -> None:
    client.push_image("docker.io/library/app", "v1")
    response = client.get("/v2/library/app/manifests/v1", query_string={"ns": "docker.io"})
    assert response.status_code == 200
    assert response.headers["OCI-Namespace"] == "docker.io"
    client.push_image("library/app", "v1")
    ignored = client.get("/v2/library/app/manifests/v1", query_string={"ns": "quay.io"})
    assert ignored.status_code == 200
    assert "OCI-Namespace" not in ignored.headers
