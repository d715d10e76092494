"""Pushing a blob in chunks, and the life of an upload session (end-5, end-6, end-13, end-14)."""

from __future__ import annotations

import pytest

from conformance.checks import Checks
from conformance.client import Client, location_of
from conformance.content import Content
from conformance.exchange import Exchange
from conformance.requirements import requirement
from conformance.steps import Steps

CHUNK = 1000


def chunk_length(session: Exchange) -> int:
    """How long a chunk has to be: what the registry asks for, else a thousand bytes."""
    asked = session.header("OCI-Chunk-Min-Length") or ""
    return max(CHUNK, int(asked)) if asked.isdigit() else CHUNK


def send(client: Client, session: Exchange, data: bytes, first: int) -> Exchange:
    """PATCH bytes to where the last answer said, beginning at `first`."""
    return client.patch(location_of(session) or "", data, content_range=f"{first}-{first + len(data) - 1}")


@requirement("OCI-R037", "OCI-R038", "OCI-R039", "OCI-R041", "OCI-R042")
@pytest.mark.parametrize("last", ["patch", "put"])
def test_chunks(client: Client, check: Checks, given: Steps, content: Content, repository: str, last: str) -> None:
    answer = given.session(repository)
    length = chunk_length(answer)
    blob = content.blob(2 * length + 1)
    end = len(blob.data) if last == "patch" else 2 * length
    for first in range(0, end, length):
        data = blob.data[first : first + length]
        answer = send(client, answer, data, first)
        check.status("OCI-R037", answer, 202)
        check.location("OCI-R038", answer)
        check.header("OCI-R039", answer, "Range", f"0-{first + len(data) - 1}")
    rest = blob.data[end:]
    content_range = f"{end}-{len(blob.data) - 1}" if rest else None
    closed = client.put_upload(location_of(answer) or "", blob.digest, rest, content_range=content_range)
    check.status("OCI-R041", closed, 201)
    place = check.location("OCI-R042", closed)
    check.pullable("OCI-R042", client.follow(client.request("GET", place)), blob.data)


@requirement("OCI-R037", "OCI-R041", "OCI-R015", wire=True)
def test_stream(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    session, blob = given.session(repository), content.blob(300_000)
    pieces = [blob.data[first : first + 65536] for first in range(0, len(blob.data), 65536)]
    answer = client.patch(location_of(session) or "", pieces)
    if check.status("OCI-R037", answer, 202, grade="SHOULD"):
        check.status("OCI-R041", client.put_upload(location_of(answer) or "", blob.digest), 201)
        check.body("OCI-R015", client.follow(client.get_blob(repository, blob.digest)), blob.data)


@requirement("OCI-R040", "OCI-R041", "OCI-R044", "OCI-R045", "OCI-R046")
@pytest.mark.parametrize("mistake", ["gap", "again"])
def test_chunk_out_of_order(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, mistake: str
) -> None:
    session = given.session(repository)
    length = chunk_length(session)
    blob = content.blob(3 * length)
    held = send(client, session, blob.data[:length], 0)
    wrong = 2 * length if mistake == "gap" else 0
    check.status("OCI-R040", send(client, held, blob.data[wrong : wrong + length], wrong), 416)
    status = client.upload_status(location_of(held) or "")
    check.status("OCI-R044", status, 204)
    check.location("OCI-R045", status)
    check.header("OCI-R046", status, "Range", f"0-{length - 1}")
    going_on = status if status.status == 204 else held
    answer = send(client, going_on, blob.data[length:], length)
    check.status("OCI-R041", client.put_upload(location_of(answer) or "", blob.digest), 201)


@requirement("OCI-R040")
def test_first_chunk_not_at_zero(
    client: Client, check: Checks, given: Steps, content: Content, repository: str
) -> None:
    session = given.session(repository)
    length = chunk_length(session)
    check.status("OCI-R040", send(client, session, content.blob(length).data, length), 416)


@requirement("OCI-R043")
@pytest.mark.parametrize("mistake", ["gap", "again"])
def test_last_chunk_out_of_order(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, mistake: str
) -> None:
    session = given.session(repository)
    length = chunk_length(session)
    blob = content.blob(2 * length)
    held = send(client, session, blob.data[:length], 0)
    first = length + 1 if mistake == "gap" else 0
    content_range = f"{first}-{first + length - 1}"
    closed = client.put_upload(location_of(held) or "", blob.digest, blob.data[length:], content_range=content_range)
    check.status("OCI-R043", closed, 416)


@requirement("OCI-R044", "OCI-R045", "OCI-R046")
def test_status(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    session = given.session(repository)
    fresh = client.upload_status(location_of(session) or "")
    check.status("OCI-R044", fresh, 204)
    check.location("OCI-R045", fresh)
    length = chunk_length(session)
    held = send(client, fresh, content.blob(length).data, 0)
    status = client.upload_status(location_of(held) or "")
    check.status("OCI-R044", status, 204)
    check.location("OCI-R045", status)
    check.header("OCI-R046", status, "Range", f"0-{length - 1}")


@requirement("OCI-R036")
def test_small_chunks(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    session, blob = given.session(repository), content.blob(20)
    asked = session.header("OCI-Chunk-Min-Length")
    if asked is not None:
        ok = asked.isascii() and asked.isdigit()
        check.that("OCI-R036", ok, expected="a number of bytes", got=asked, exchange=session)
        return
    answer = send(client, session, blob.data[:5], 0)
    got = f"status {answer.status} for a chunk of 5 bytes"
    wanted = "OCI-Chunk-Min-Length on the session, or small chunks taken"
    check.that("OCI-R036", answer.status == 202, expected=wanted, got=got, exchange=answer)


@requirement("OCI-R047", "OCI-R102", needs="upload_cancel")
def test_cancel(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    session, blob = given.session(repository), content.blob()
    place = location_of(session) or ""
    check.status("OCI-R047", client.cancel_upload(place), 204)
    check.status("OCI-R102", client.upload_status(place), 404)
    check.refused("OCI-R102", client.put_upload(place, blob.digest, blob.data))


@requirement("OCI-R102")
def test_closed_session_is_gone(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    session, blob = given.session(repository), content.blob()
    place = location_of(session) or ""
    client.put_upload(place, blob.digest, blob.data)
    check.status("OCI-R102", client.upload_status(place), 404)
