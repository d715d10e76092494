"""Uploads: every way to push a blob, sessions, mounts."""

from __future__ import annotations

import io
import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakereg import Registry
from fakereg.clock import ManualClock
from fakereg.spec.names import Digest, Name
from tests.fakereg.client import RegistryClient, codes
from tests.fakereg.conftest import MakeClient
from tests.fakereg.storage.test_contract import no_file_over

CONTENT = b"0123456789" * 10
DIGEST = Digest.of(CONTENT)


def content_range(first: int, last: int) -> dict[str, str]:
    return {"Content-Range": f"{first}-{last}"}


def test_a_session_has_a_location_with_a_uuid_of_its_own(client: RegistryClient) -> None:
    ids = [client.start("a").rpartition("/")[2] for _ in range(3)]
    assert len({uuid.UUID(id) for id in ids}) == 3


def test_single_post_makes_the_blob(client: RegistryClient) -> None:
    response = client.post("/v2/a/blobs/uploads/", query_string={"digest": DIGEST}, data=CONTENT)
    assert response.status_code == 201
    assert client.get(response.headers["Location"]).data == CONTENT


def test_single_post_switched_off_opens_a_session(make_client: MakeClient) -> None:
    client = make_client("oci,single_post=false")
    response = client.post("/v2/a/blobs/uploads/", query_string={"digest": DIGEST}, data=CONTENT)
    assert response.status_code == 202
    closing = client.put(response.headers["Location"], query_string={"digest": DIGEST}, data=CONTENT)
    assert closing.status_code == 201


def test_one_stream_then_an_empty_put(client: RegistryClient) -> None:
    path = client.start("a")
    response = client.patch(path, data=CONTENT)
    assert response.status_code == 202
    assert response.headers["Range"] == "0-99"
    assert client.put(response.headers["Location"], query_string={"digest": DIGEST}).status_code == 201
    assert client.get(f"/v2/a/blobs/{DIGEST}").data == CONTENT


@given(st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=5), st.booleans())
def test_chunks_in_order_make_the_blob(chunks: list[bytes], last_in_put: bool) -> None:
    client = RegistryClient(Registry())
    whole, path, sent = b"".join(chunks), client.start("a"), 0
    for number, chunk in enumerate(chunks):
        headers = content_range(sent, sent + len(chunk) - 1)
        sent += len(chunk)
        if last_in_put and number == len(chunks) - 1:
            break
        response = client.patch(path, data=chunk, headers=headers)
        assert response.status_code == 202
        assert response.headers["Range"] == f"0-{sent - 1}"
        path, chunk, headers = response.headers["Location"], b"", {}
    response = client.put(path, query_string={"digest": Digest.of(whole)}, data=chunk, headers=headers)
    assert response.status_code == 201
    assert client.get(response.headers["Location"]).data == whole


@pytest.mark.parametrize("start", [5, 15])
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_a_chunk_out_of_order_is_416_and_changes_nothing(client: RegistryClient, method: str, start: int) -> None:
    path = client.start("a")
    client.patch(path, data=CONTENT[:10], headers=content_range(0, 9))
    query = {"digest": DIGEST} if method == "PUT" else {}
    headers = content_range(start, start + 9)
    response = client.open(path, method=method, query_string=query, data=CONTENT[:10], headers=headers)
    assert response.status_code == 416
    assert response.headers["Range"] == "0-9"
    assert client.get(path).headers["Range"] == "0-9"
    rest = client.put(path, query_string={"digest": DIGEST}, data=CONTENT[10:], headers=content_range(10, 99))
    assert rest.status_code == 201


@pytest.mark.parametrize("header", ["bytes 0-9/10", "0-", "9-0", "-9", "0-9/10", "a-b", "", "0 - 9", "\u0660-\u0669"])
def test_a_malformed_content_range_is_400(client: RegistryClient, header: str) -> None:
    path = client.start("a")
    environ = {"HTTP_CONTENT_RANGE": header.encode().decode("latin-1")}
    response = client.patch(path, data=CONTENT[:10], environ_overrides=environ)
    assert response.status_code == 400
    assert codes(response) == ["BLOB_UPLOAD_INVALID"]


@pytest.mark.parametrize("last", [8, 10])
def test_a_content_range_that_is_not_the_length_is_400(client: RegistryClient, last: int) -> None:
    path = client.start("a")
    response = client.patch(path, data=CONTENT[:10], headers=content_range(0, last))
    assert response.status_code == 400
    assert codes(response) == ["SIZE_INVALID"]
    assert client.patch(path, data=CONTENT[:10], headers=content_range(0, 9)).status_code == 202


def test_a_streamed_chunk_that_is_not_its_range_is_forgotten(client: RegistryClient) -> None:
    path = client.start("a")
    environ = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}
    response = client.patch(path, data=CONTENT[:10], headers=content_range(0, 19), environ_overrides=environ)
    assert codes(response) == ["SIZE_INVALID"]
    assert client.patch(path, data=CONTENT, headers=content_range(0, 99)).status_code == 202
    assert client.put(path, query_string={"digest": DIGEST}).status_code == 201


def test_status_tells_how_far_the_session_is(client: RegistryClient) -> None:
    path = client.start("a")
    assert client.get(path).headers["Range"] == "0-0"
    client.patch(path, data=CONTENT[:50])
    response = client.get(path)
    assert response.status_code == 204
    assert response.headers["Range"] == "0-49"
    assert response.headers["Location"] == path


def test_a_cancelled_session_is_unknown(client: RegistryClient) -> None:
    path = client.start("a")
    assert client.delete(path).status_code == 204
    for method in ("GET", "PATCH", "PUT", "DELETE"):
        response = client.open(path, method=method, query_string={"digest": DIGEST}, data=CONTENT)
        assert response.status_code == 404
        assert codes(response) == ["BLOB_UPLOAD_UNKNOWN"]


def test_cancel_and_status_can_be_switched_off(make_client: MakeClient) -> None:
    client = make_client("oci,upload_cancel=false,upload_status=false")
    path = client.start("a")
    for method in ("GET", "HEAD", "DELETE"):
        response = client.open(path, method=method)
        assert response.status_code == 405
        assert response.headers["Allow"] == "PATCH, PUT"


def test_a_session_expires(client: RegistryClient, clock: ManualClock) -> None:
    path = client.start("a")
    clock.advance(3601)
    assert client.get(path).status_code == 404


def test_there_is_a_limit_of_open_sessions(make_client: MakeClient, clock: ManualClock) -> None:
    client = make_client("oci,upload_limit=2")
    client.start("a")
    client.start("b")
    response = client.post("/v2/a/blobs/uploads/")
    assert response.status_code == 429
    assert int(response.headers["Retry-After"]) > 0
    clock.advance(3601)
    assert client.start("a")


def test_at_the_limit_the_sessions_that_were_left_alone_for_longest_end(
    make_client: MakeClient, clock: ManualClock
) -> None:
    client, paths = make_client("oci,upload_limit=20"), []
    for _ in range(20):
        paths.append(client.start("a"))
        clock.advance(1)
    clock.advance(45)
    for path in paths[:5]:  # these are in use
        assert client.patch(path, data=b"x").status_code == 202
    assert client.post("/v2/a/blobs/uploads/").status_code == 429  # nothing was left alone for more than a minute
    clock.advance(3)
    assert client.post("/v2/a/blobs/uploads/").status_code == 202
    assert [client.get(path).status_code for path in paths] == [204] * 5 + [404] * 2 + [204] * 13


def test_a_session_that_is_written_to_does_not_end_at_the_limit(make_client: MakeClient, clock: ManualClock) -> None:
    client = make_client("oci,upload_limit=1")
    path = client.start("a")

    class Slow(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            clock.advance(100)
            assert client.post("/v2/b/blobs/uploads/").status_code == 429
            return super().read(size)

    assert client.patch(path, input_stream=Slow(b"x"), content_length=1).status_code == 202
    assert client.get(path).headers["Range"] == "0-0"
    clock.advance(61)
    assert client.post("/v2/b/blobs/uploads/").status_code == 202
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("how", ["post", "put", "patch"])
def test_a_digest_that_does_not_match_keeps_nothing(client: RegistryClient, how: str) -> None:
    wrong = Digest.of(b"wrong")
    if how == "post":
        response = client.post("/v2/a/blobs/uploads/", query_string={"digest": wrong}, data=CONTENT)
    else:
        path = client.start("a")
        if how == "patch":
            client.patch(path, data=CONTENT)
        response = client.put(path, query_string={"digest": wrong}, data=b"" if how == "patch" else CONTENT)
    assert response.status_code == 400
    assert codes(response) == ["DIGEST_INVALID"]
    for digest in (wrong, DIGEST):
        assert client.get(f"/v2/a/blobs/{digest}").status_code == 404


@pytest.mark.parametrize("digest", ["", "sha256:abc", "md5:d41d8cd98f00b204e9800998ecf8427e", None])
@pytest.mark.parametrize("parameter", ["digest", "mount"])
def test_a_bad_digest_is_400(client: RegistryClient, parameter: str, digest: str | None) -> None:
    if digest is None:
        response = client.put(client.start("a"), data=CONTENT)
    elif parameter == "mount":
        response = client.post("/v2/a/blobs/uploads/", query_string={"mount": digest, "from": "b"})
    else:
        response = client.put(client.start("a"), query_string={"digest": digest}, data=CONTENT)
    assert response.status_code == 400
    assert codes(response) == ["DIGEST_INVALID"]


def test_digest_algorithm_is_obeyed_checked_or_ignored(make_client: MakeClient) -> None:
    client = make_client()
    digest = Digest.of(CONTENT, algorithm="sha512")
    path = client.start("a", **{"digest-algorithm": "sha512"})
    assert client.put(path, query_string={"digest": digest}, data=CONTENT).status_code == 201
    refused = client.post("/v2/a/blobs/uploads/", query_string={"digest-algorithm": "foo99"})
    assert refused.status_code == 400
    assert codes(refused) == ["DIGEST_INVALID"]
    assert make_client("oci-1.1").start("a", **{"digest-algorithm": "foo99"})


def test_algorithms_can_be_switched_off(make_client: MakeClient) -> None:
    client = make_client("oci,digest_algorithms=sha256")
    query = {"digest": Digest.of(CONTENT, algorithm="sha512")}
    assert client.post("/v2/a/blobs/uploads/", query_string=query, data=CONTENT).status_code == 400


def test_a_minimum_chunk_is_announced_and_enforced(make_client: MakeClient) -> None:
    client = make_client("oci,chunk_min_length=20")
    response = client.post("/v2/a/blobs/uploads/")
    assert response.headers["OCI-Chunk-Min-Length"] == "20"
    path = response.headers["Location"]
    assert client.patch(path, data=CONTENT[:20], headers=content_range(0, 19)).status_code == 202
    assert client.patch(path, data=CONTENT[20:30], headers=content_range(20, 29)).status_code == 202
    assert client.patch(path, data=CONTENT[30:], headers=content_range(30, 99)).status_code == 400
    short = Digest.of(CONTENT[:30])
    assert client.put(path, query_string={"digest": short}).status_code == 201


def test_a_blob_over_the_limit_is_413_and_leaves_nothing(make_client: MakeClient) -> None:
    client = make_client("oci,blob_size_limit=100")
    assert client.push_blob("a", CONTENT) == DIGEST
    path = client.start("a")
    assert client.patch(path, data=CONTENT).status_code == 202
    response = client.patch(path, data=b"x")
    assert response.status_code == 413
    assert codes(response) == ["SIZE_INVALID"]
    environ = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}
    assert client.patch(path, data=b"x", environ_overrides=environ).status_code == 413
    assert client.get(path).headers["Range"] == "0-99"


def test_a_mount_makes_the_blob_readable(client: RegistryClient) -> None:
    digest = client.push_blob("a", CONTENT)
    assert client.get(f"/v2/b/blobs/{digest}").status_code == 404
    response = client.post("/v2/b/blobs/uploads/", query_string={"mount": digest, "from": "a"})
    assert response.status_code == 201
    assert client.get(response.headers["Location"]).data == CONTENT


def test_a_mount_without_source_looks_everywhere(client: RegistryClient) -> None:
    digest = client.push_blob("a", CONTENT)
    response = client.post("/v2/b/blobs/uploads/", query_string={"mount": digest})
    assert response.status_code == 201


@pytest.mark.parametrize(
    ("dialect", "query"),
    [
        ("oci", {"mount": Digest.of(b"unknown"), "from": "a"}),
        ("oci", {"mount": DIGEST, "from": "c"}),
        ("oci,mount=false", {"mount": DIGEST, "from": "a"}),
        ("oci,anonymous_mount=false", {"mount": DIGEST}),
    ],
)
def test_a_mount_that_cannot_be_opens_a_session(make_client: MakeClient, dialect: str, query: dict[str, str]) -> None:
    client = make_client(dialect)
    client.push_blob("a", CONTENT)
    response = client.post("/v2/b/blobs/uploads/", query_string=query)
    assert response.status_code == 202
    closing = client.put(response.headers["Location"], query_string={"digest": DIGEST}, data=CONTENT)
    assert closing.status_code == 201


def test_a_session_in_use_is_409(client: RegistryClient) -> None:
    path = client.start("a")
    upload = client.registry.storage.upload(*_session(path))
    assert upload
    upload.claim()
    response = client.patch(path, data=CONTENT)
    assert response.status_code == 409
    assert codes(response) == ["BLOB_UPLOAD_INVALID"]
    upload.release()
    assert client.patch(path, data=CONTENT).status_code == 202


def _session(path: str) -> tuple[Name, str]:
    _, _, name, _, _, id = path.split("/")
    return Name(name), id


def test_locations_can_be_absolute(make_client: MakeClient) -> None:
    client = make_client("oci,absolute_locations=true")
    response = client.post("/v2/a/blobs/uploads/", base_url="https://registry.example:8443")
    assert response.headers["Location"].startswith("https://registry.example:8443/v2/a/blobs/uploads/")


@pytest.mark.parametrize(
    ("query", "scope"),
    [
        ("mount={digest}&from=b", "repository:a:pull,push repository:b:pull"),
        ("mount={digest}&from=a", "repository:a:pull,push"),
        ("mount={digest}&from=B", "repository:a:pull,push"),
        ("from=b", "repository:a:pull,push"),
    ],
)
def test_the_challenge_of_a_mount_wants_to_pull_from_its_source(
    make_client: MakeClient, query: str, scope: str
) -> None:
    client = make_client("oci,auth=bearer")
    client.authorization = ""
    response = client.post("/v2/a/blobs/uploads/?" + query.format(digest=Digest.of(b"x")))
    assert response.status_code == 401
    assert f'scope="{scope}"' in response.headers["WWW-Authenticate"]


def test_a_put_that_the_storage_fails_keeps_no_bytes_and_can_be_sent_again(tmp_path: Path) -> None:
    registry = Registry(storage=f"directory:{tmp_path}")
    client, content = RegistryClient(registry), CONTENT * 40_000
    path = client.start("a")
    client.patch(path, data=content[:20])
    for first in (20, 0):
        with no_file_over(3_000_000):
            assert client.put(path, query_string={"digest": DIGEST}, data=content[first:]).status_code == 503
        assert sum(file.stat().st_size for file in tmp_path.glob("uploads/*") if file.suffix != ".json") == first
        closing = client.put(path, query_string={"digest": Digest.of(content)}, data=content[first:])
        assert closing.status_code == 201
        path = client.start("a")
    registry.close()
