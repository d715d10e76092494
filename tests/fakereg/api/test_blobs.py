"""Blobs: GET, HEAD, Range, conditions, DELETE."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakereg import Registry
from fakereg.spec.names import Digest
from tests.fakereg.client import RegistryClient, codes
from tests.fakereg.conftest import MakeClient

CONTENT = bytes(range(256)) * 4


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_blob_reads_back(client: RegistryClient, algorithm: str) -> None:
    digest = client.push_blob("a", CONTENT, algorithm=algorithm)
    response = client.get(f"/v2/a/blobs/{digest}")
    assert response.status_code == 200
    assert response.data == CONTENT
    assert response.headers["Docker-Content-Digest"] == digest
    assert response.content_type == "application/octet-stream"


def test_head_is_get_without_the_body(client: RegistryClient) -> None:
    digest = client.push_blob("a", CONTENT)
    head, get = client.head(f"/v2/a/blobs/{digest}"), client.get(f"/v2/a/blobs/{digest}")
    assert head.status_code == 200
    assert head.data == b""
    assert head.headers["Content-Length"] == str(len(CONTENT))
    assert dict(head.headers) == dict(get.headers)


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_a_missing_blob_is_404(client: RegistryClient, method: str) -> None:
    digest = client.push_blob("a", CONTENT)
    for path, code in [(f"/v2/a/blobs/{Digest.of(b'x')}", "BLOB_UNKNOWN"), (f"/v2/b/blobs/{digest}", "NAME_UNKNOWN")]:
        response = client.open(path, method=method)
        assert response.status_code == 404
        if method != "HEAD":
            assert codes(response) == [code]


@pytest.mark.parametrize("digest", ["sha256:abc", "md5:d41d8cd98f00b204e9800998ecf8427e", "nothing"])
def test_a_malformed_or_unsupported_digest_is_400(client: RegistryClient, digest: str) -> None:
    response = client.get(f"/v2/a/blobs/{digest}")
    assert response.status_code == 400
    assert codes(response) == ["DIGEST_INVALID"]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", slice(0, 1)),
        ("bytes=10-19", slice(10, 20)),
        ("bytes=1000-", slice(1000, None)),
        ("bytes=1000-9999", slice(1000, None)),
        ("bytes=-10", slice(-10, None)),
        ("bytes=-9999", slice(None)),
        ("bytes = 0-0", slice(0, 1)),
    ],
)
def test_a_range_is_answered_with_206(client: RegistryClient, header: str, expected: slice) -> None:
    digest = client.push_blob("a", CONTENT)
    response = client.get(f"/v2/a/blobs/{digest}", headers={"Range": header})
    assert response.status_code == 206
    assert response.data == CONTENT[expected]
    start = expected.indices(len(CONTENT))[0]
    assert response.headers["Content-Range"] == f"bytes {start}-{start + len(response.data) - 1}/{len(CONTENT)}"


@pytest.mark.parametrize("header", ["bytes=1024-", "bytes=9999-10000", "bytes=-0", "bytes=-000"])
def test_a_range_outside_is_416(client: RegistryClient, header: str) -> None:
    digest = client.push_blob("a", CONTENT)
    response = client.get(f"/v2/a/blobs/{digest}", headers={"Range": header})
    assert response.status_code == 416
    assert response.headers["Content-Range"] == "bytes */1024"


@pytest.mark.parametrize("header", ["items=0-1", "bytes=5-1", "bytes=a-b", "bytes", "bytes=0-1,5-6", "bytes=-", ""])
def test_a_range_that_need_not_be_obeyed_gets_it_all(client: RegistryClient, header: str) -> None:
    digest = client.push_blob("a", CONTENT)
    response = client.get(f"/v2/a/blobs/{digest}", headers={"Range": header})
    assert response.status_code == 200
    assert response.data == CONTENT


@given(st.text("bytes=0123456789-, *", max_size=20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_range_header_gives_a_part_of_the_blob_or_416(header: str) -> None:
    client = RegistryClient(Registry())
    digest = client.push_blob("a", CONTENT)
    response = client.get(f"/v2/a/blobs/{digest}", headers={"Range": "bytes=" + header})
    assert response.status_code in {200, 206, 416}
    if response.status_code == 206:
        first, last = response.headers["Content-Range"].removeprefix("bytes ").split("/")[0].split("-")
        assert response.data == CONTENT[int(first) : int(last) + 1]


def test_an_empty_blob_has_no_range(client: RegistryClient) -> None:
    digest = client.push_blob("a", b"")
    assert client.get(f"/v2/a/blobs/{digest}", headers={"Range": "bytes=0-"}).status_code == 416
    assert client.get(f"/v2/a/blobs/{digest}", headers={"Range": "bytes=-5"}).status_code == 200


def test_if_range_decides_about_the_range(client: RegistryClient) -> None:
    digest = client.push_blob("a", CONTENT)
    headers = {"Range": "bytes=0-0", "If-Range": f'"{digest}"'}
    assert client.get(f"/v2/a/blobs/{digest}", headers=headers).status_code == 206
    headers["If-Range"] = '"something else"'
    assert client.get(f"/v2/a/blobs/{digest}", headers=headers).status_code == 200


@pytest.mark.parametrize("header", ['"{}"', 'W/"{}"', '"x", "{}"', "*"])
def test_a_known_etag_is_304(client: RegistryClient, header: str) -> None:
    digest = client.push_blob("a", CONTENT)
    condition = {"If-None-Match": header.format(digest)}
    response = client.get(f"/v2/a/blobs/{digest}", headers=condition)
    assert response.status_code == 304
    assert response.data == b""
    assert response.headers["ETag"] == f'"{digest}"'
    assert client.get(f"/v2/a/blobs/{digest}", headers={"If-None-Match": '"x"'}).status_code == 200


@pytest.mark.parametrize(("etag", "status"), [('"{}"', 200), ("*", 200), ('"x"', 412)])
def test_another_etag_than_the_one_asked_for_is_412(client: RegistryClient, etag: str, status: int) -> None:
    digest = client.push_blob("a", CONTENT)
    response = client.get(f"/v2/a/blobs/{digest}", headers={"If-Match": etag.format(digest), "If-None-Match": '"y"'})
    assert response.status_code == status


def test_a_deleted_blob_is_gone_from_its_repository_alone(client: RegistryClient) -> None:
    digest = client.push_blob("a", CONTENT)
    client.push_blob("b", CONTENT)
    assert client.delete(f"/v2/a/blobs/{digest}").status_code == 202
    assert client.get(f"/v2/a/blobs/{digest}").status_code == 404
    assert client.get(f"/v2/b/blobs/{digest}").status_code == 200


@pytest.mark.parametrize("status", [400, 405])
def test_deletion_can_be_switched_off(make_client: MakeClient, status: int) -> None:
    client = make_client(f"oci,blob_deletion=false,deletion_refusal={status}")
    digest = client.push_blob("a", CONTENT)
    response = client.delete(f"/v2/a/blobs/{digest}")
    assert response.status_code == status
    assert codes(response) == ["UNSUPPORTED"]
    assert response.headers.get("Allow") == ("GET, HEAD" if status == 405 else None)
    assert client.get(f"/v2/a/blobs/{digest}").status_code == 200


def test_ranges_etags_and_digests_can_be_switched_off(make_client: MakeClient) -> None:
    client = make_client("oci,blob_range=false,etag=false,digest_header=false")
    digest = client.push_blob("a", CONTENT)
    headers = {"Range": "bytes=0-0", "If-None-Match": f'"{digest}"'}
    response = client.get(f"/v2/a/blobs/{digest}", headers=headers)
    assert response.status_code == 200
    assert not {"ETag", "Docker-Content-Digest", "Accept-Ranges"} & set(response.headers.keys())
