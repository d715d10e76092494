"""Sizes, times and rates of the dialects `github-docker` and `github-container`, row by row."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakereg.clock import ManualClock
from fakereg.dialect import fields
from fakereg.http.rate_limit import ADDRESS_LIMIT, RateLimit
from fakereg.spec.errors import RegistryError
from fakereg.spec.names import Digest
from tests.fakereg.client import DOCKER_LAYER, RegistryClient, codes, descriptor, docker_image
from tests.fakereg.conftest import MakeClient

NAME = "octocat/octo-app/monalisa"
GIB = 2**30
CHUNKED = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}


def content_range(start: int, end: int) -> dict[str, str]:
    return {"Content-Range": f"{start}-{end}"}


@pytest.mark.row("GHD-21")
@pytest.mark.row("GHC-08")
@pytest.mark.parametrize(("dialect", "limit"), [("github-docker", 5 * GIB), ("github-container", 10 * GIB)])
def test_the_limit_of_a_layer_is_checked_before_its_bytes_come(
    make_client: MakeClient, dialect: str, limit: int
) -> None:
    client = make_client(dialect)
    for size, status in ((limit + 1, 413), (limit, 400)):  # of what fits the bytes are wanted, and do not come
        announced: dict[str, Any] = {"CONTENT_LENGTH": str(size)}
        response = client.patch(client.start(NAME), environ_overrides=announced)
        assert response.status_code == status
        response = client.put(client.start(NAME), query_string={"digest": Digest.of(b"")}, environ_overrides=announced)
        assert response.status_code == status


@pytest.mark.row("GHD-21")
@pytest.mark.row("GHC-08")
@pytest.mark.parametrize("dialect", ["github-docker", "github-container"])
@pytest.mark.parametrize("size", ["100", "100B", "1kB", "1KiB"])
def test_a_layer_of_the_limit_is_accepted_and_a_byte_more_is_not(
    make_client: MakeClient, dialect: str, size: str
) -> None:
    client = make_client(f"{dialect},blob_size_limit={size}")
    limit = {"100": 100, "100B": 100, "1kB": 1000, "1KiB": 1024}[size]
    content = b"x" * limit
    client.push_blob(NAME, content)
    digest = Digest.of(content + b"y")
    for environ in ({}, CHUNKED):
        path = client.start(NAME)
        response = client.put(path, query_string={"digest": digest}, data=content + b"y", environ_overrides=environ)
        assert (response.status_code, codes(response)) == (413, ["SIZE_INVALID"])
    assert client.get(f"/v2/{NAME}/blobs/{digest}").status_code == 404
    single = client.post(f"/v2/{NAME}/blobs/uploads/", query_string={"digest": digest}, data=content + b"y")
    assert single.status_code == 413
    client.registry.configure(blob_size_refusal=400)
    assert client.patch(client.start(NAME), data=content + b"y").status_code == 400


class Slow:
    """A body that comes in pieces of `piece` bytes, each after a minute."""

    def __init__(self, clock: ManualClock, size: int, *, piece: int = 1) -> None:
        self.clock = clock
        self.left = size
        self.piece = piece

    def read(self, size: int = -1) -> bytes:
        self.clock.advance(60)
        count = min(self.piece, self.left)
        self.left -= count
        return b"x" * count


@pytest.mark.row("GHD-21")
@pytest.mark.parametrize(
    "options",
    [
        {"data": b"x" * 51},
        {"data": b"x" * 51, "environ_overrides": CHUNKED},
        {"data": b"x", "environ_overrides": CHUNKED, "headers": content_range(50, 100)},
    ],
)
@pytest.mark.parametrize("ends", [True, False])
def test_a_layer_that_grows_too_large_ends_its_session(
    make_client: MakeClient, options: dict[str, Any], ends: bool
) -> None:
    client = make_client(f"github-docker,blob_size_limit=100,oversize_ends_session={ends}")
    path = client.start(NAME)
    assert client.patch(path, data=b"x" * 50).status_code == 202
    assert client.patch(path, **options).status_code == 413
    after = client.get(path)
    if ends:
        assert (after.status_code, codes(after)) == (404, ["BLOB_UPLOAD_UNKNOWN"])
    else:
        assert after.headers["Range"] == "0-49"


@pytest.mark.row("GHD-21")
def test_nothing_is_kept_of_a_stream_that_becomes_too_large(make_client: MakeClient, clock: ManualClock) -> None:
    client = make_client("github-docker,blob_size_limit=100,oversize_ends_session=false")
    path = client.start(NAME)
    client.patch(path, data=b"x" * 50)
    environ = {**CHUNKED, "wsgi.input": Slow(clock, 60, piece=30)}
    assert client.patch(path, environ_overrides=environ).status_code == 413
    assert client.get(path).headers["Range"] == "0-49"


@pytest.mark.row("GHD-21")
def test_the_dialects_say_what_they_do_with_a_layer_that_is_too_large() -> None:
    assert fields.parse("github-docker").oversize_ends_session
    assert not fields.parse("github-container").oversize_ends_session


def push_image(client: RegistryClient, tag: str, size: int) -> Any:
    layer = descriptor(DOCKER_LAYER, client.push_blob(NAME, b"layer"), size)
    return client.put_manifest(NAME, tag, docker_image(client.push_blob(NAME, b"{}"), layer))


@pytest.mark.row("GHD-22")
def test_a_large_image_is_accepted_and_marked(make_client: MakeClient, clock: ManualClock) -> None:
    client = make_client("github-docker,large_image_delay=1.5")
    start = clock.now
    assert not push_image(client, "fits", 10 * GIB - 2).headers.getlist("Warning")
    assert clock.now == start
    pushed = push_image(client, "large", 10 * GIB - 1)
    assert pushed.status_code == 201
    assert clock.now == start + 1.5
    pulled = client.get(f"/v2/{NAME}/manifests/large")
    assert pulled.status_code == 200
    assert clock.now == start + 3
    for response in (pushed, pulled):
        (warning,) = response.headers.getlist("Warning")
        assert warning.startswith('299 - "')
    marked = [entry for entry in client.registry.journal if entry.notes]
    assert [(entry.method, entry.path) for entry in marked] == [
        ("PUT", f"/v2/{NAME}/manifests/large"),
        ("GET", f"/v2/{NAME}/manifests/large"),
    ]
    assert all("large" in entry.notes[0] for entry in marked)


@pytest.mark.row("GHD-22")
def test_no_image_is_large_for_a_registry_that_does_not_care(make_client: MakeClient) -> None:
    client = make_client("github-docker,image_size_notice=0")
    assert "Warning" not in push_image(client, "large", 10**15).headers


def test_a_notice_counts_towards_the_bytes_of_warnings() -> None:
    text = "x" * 4080
    assert fields.parse(f"oci,warnings={text}")
    with pytest.raises(ValueError, match="4096"):
        fields.parse(f"github-docker,warnings={text}")


@pytest.mark.row("GHC-08")
def test_an_upload_takes_ten_minutes_at_most(make_client: MakeClient, clock: ManualClock) -> None:
    client = make_client("github-container")
    path, blob = client.start(NAME), Digest.of(b"x" * 10)
    for _ in range(10):
        clock.advance(60)
        assert client.patch(path, data=b"x").status_code == 202
    clock.advance(1)
    for response in (client.get(path), client.patch(path, data=b"x"), client.put(path, query_string={"digest": blob})):
        assert (response.status_code, codes(response)) == (404, ["BLOB_UPLOAD_UNKNOWN"])


@pytest.mark.row("GHC-08")
@pytest.mark.parametrize(("size", "status"), [(9, 201), (10, 404), (11, 404)])
def test_a_request_under_way_is_cut_off_as_well(
    make_client: MakeClient, clock: ManualClock, size: int, status: int
) -> None:
    client = make_client("github-container")
    environ = {**CHUNKED, "wsgi.input": Slow(clock, size)}
    digest = Digest.of(b"x" * size)
    response = client.put(client.start(NAME), query_string={"digest": digest}, environ_overrides=environ)
    assert response.status_code == status
    assert client.head(f"/v2/{NAME}/blobs/{digest}").status_code == (200 if status == 201 else 404)


@pytest.mark.row("GHC-10")
def test_a_ranged_patch_has_a_limit_and_a_stream_has_none(make_client: MakeClient) -> None:
    client = make_client("github-container")
    most = 4 * 2**20
    path = client.start(NAME)
    refused = client.patch(path, data=b"x" * (most + 1), headers=content_range(0, most))
    assert refused.status_code == 416
    (error,) = refused.get_json()["errors"]
    assert error["code"] == "REQUESTED_RANGE_NOT_SATISFIABLE"
    assert error["message"] == "the request body is too large and exceeds the maximum permissible limit of 4.00MiB"
    assert client.get(path).headers["Range"] == "0-0"
    assert client.patch(path, data=b"x" * most, headers=content_range(0, most - 1)).status_code == 202
    assert client.patch(path, data=b"x" * (most + 1)).status_code == 202
    digest, rest = Digest.of(b"x" * (3 * most + 2)), content_range(2 * most + 1, 3 * most + 1)
    response = client.put(path, query_string={"digest": digest}, data=b"x" * (most + 1), headers=rest)
    assert response.status_code == 201


@pytest.mark.row("GHC-13")
def test_requests_beyond_the_rate_are_told_when_to_come_again(make_client: MakeClient, clock: ManualClock) -> None:
    assert fields.parse("github-container").rate_limit == 0
    client = make_client("github-container,rate_limit=40")
    for _ in range(40):
        assert client.get("/v2/").status_code == 200
    response = client.get("/v2/")
    assert (response.status_code, codes(response)) == (429, ["TOOMANYREQUESTS"])
    assert response.headers["Retry-After"] == "2"
    assert response.get_json()["errors"][0]["message"] == "retry-after: 1.5s, allowed: 40/minute"
    assert client.get("/v2/", environ_overrides={"REMOTE_ADDR": "192.0.2.1"}).status_code == 200
    clock.advance(2)
    assert client.get("/v2/").status_code == 200
    client.registry.reset()
    assert client.get("/v2/").status_code == 200


@given(
    allowed=st.integers(1, 50_000),
    pauses=st.lists(st.floats(0, 5), max_size=30),
    burst=st.integers(1, 20),
)
def test_no_minute_has_more_than_twice_the_rate(allowed: int, pauses: list[float], burst: int) -> None:
    clock = ManualClock()
    limit, start, passed = RateLimit(clock), clock.now, 0
    for pause in pauses:
        clock.advance(pause)
        for _ in range(burst):
            with contextlib.suppress(RegistryError):
                limit.check("a", allowed)
                passed += 1
    assert passed <= allowed * (1 + (clock.now - start) / 60) + 1e-3


def test_whoever_comes_again_when_told_to_is_served() -> None:
    clock = ManualClock()
    limit = RateLimit(clock)
    for _ in range(7):
        limit.check("a", 7)
    for _ in range(50):
        with pytest.raises(RegistryError) as refusal:
            limit.check("a", 7)
        clock.advance(int(refusal.value.headers["Retry-After"]))
        limit.check("a", 7)


@pytest.mark.parametrize(("allowed", "text"), [(44_000, "1.364ms"), (120_000_000, "0.5µs"), (60, "1s")])
def test_a_wait_is_written_as_go_programs_do(allowed: int, text: str) -> None:
    limit = RateLimit(ManualClock())
    limit._used["a"] = 1_000_000.0, float(allowed)
    with pytest.raises(RegistryError, match=f"retry-after: {text}, allowed: {allowed}/minute"):
        limit.check("a", allowed)


def test_the_addresses_that_are_remembered_are_bounded() -> None:
    limit = RateLimit(ManualClock())
    for number in range(ADDRESS_LIMIT + 5):
        limit.check(str(number), 1)
    assert len(limit._used) == ADDRESS_LIMIT
    limit.check("0", 1)
    with pytest.raises(RegistryError):
        limit.check(str(ADDRESS_LIMIT + 4), 1)
