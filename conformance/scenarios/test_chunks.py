"""Pushing a blob in chunks and in streams (end-5, end-6)."""

from __future__ import annotations

import pytest

from conformance.checks.checks import Checks
from conformance.client.chunks import chunk_length, held, send_chunk
from conformance.client.client import Client, location_of
from conformance.client.content import Content
from conformance.client.exchange import Exchange
from conformance.client.steps import Steps
from conformance.scene.actors import not_applicable, unsupported
from conformance.scene.requirement import requirement

NO_STREAMS = {400, 411, 416}
"""Refusals of a PATCH without Content-Range, which the specification does not ask a registry to take."""


def check_progress(check: Checks, answer: Exchange, count: int) -> None:
    """Check that a chunk was accepted, and that the session has so many bytes."""
    check.status("OCI-R037", answer, 202)
    check.location("OCI-R038", answer)
    check.header("OCI-R039", answer, "Range", f"0-{count - 1}")


@requirement("OCI-R037", "OCI-R038", "OCI-R039", "OCI-R041", "OCI-R042")
@pytest.mark.parametrize("last", ["patch", "put"])
def test_chunks(client: Client, check: Checks, given: Steps, content: Content, repository: str, last: str) -> None:
    answer = given.session(repository)
    length = chunk_length(answer)
    blob = content.blob(2 * length + 1)
    end = len(blob.data) if last == "patch" else 2 * length
    for first in range(0, end, length):
        data = blob.data[first : first + length]
        answer = send_chunk(client, answer, data, first)
        check_progress(check, answer, first + len(data))
    rest = blob.data[end:]
    content_range = f"{end}-{len(blob.data) - 1}" if rest else None
    closed = client.put_upload(location_of(answer) or "", blob.digest, rest, content_range=content_range)
    check.status("OCI-R041", closed, 201)
    place = check.location("OCI-R042", closed)
    check.pullable("OCI-R042", client.follow(client.request("GET", place)), blob.data)


@requirement("OCI-R037", "OCI-R041", "OCI-R042", needs="sha512")
def test_chunks_under_sha512(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    session = given.session(repository, digest_algorithm="sha512")
    length = chunk_length(session)
    blob = content.blob(2 * length, algorithm="sha512")
    answer = send_chunk(client, session, blob.data[:length], 0)
    check.status("OCI-R037", answer, 202)
    rest = f"{length}-{2 * length - 1}"
    closed = client.put_upload(location_of(answer) or "", blob.digest, blob.data[length:], content_range=rest)
    check.status("OCI-R041", closed, 201)
    place = check.location("OCI-R042", closed)
    check.pullable("OCI-R042", client.follow(client.request("GET", place)), blob.data)


@requirement("OCI-R037", "OCI-R038", "OCI-R039", "OCI-R041", "OCI-R015", wire=True)
def test_stream(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    session, blob = given.session(repository), content.blob(300_000)
    pieces = [blob.data[first : first + 65536] for first in range(0, len(blob.data), 65536)]
    answer = client.patch(location_of(session) or "", pieces)
    if answer.status in NO_STREAMS:
        unsupported(f"a stream is answered with {answer.status}")
    check_progress(check, answer, len(blob.data))
    check.status("OCI-R041", client.put_upload(location_of(answer) or "", blob.digest), 201)
    check.body("OCI-R015", client.follow(client.get_blob(repository, blob.digest)), blob.data)


@requirement("OCI-R037", "OCI-R038", "OCI-R039", "OCI-R041")
def test_chunk_after_stream(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    session = given.session(repository)
    length = chunk_length(session)
    blob = content.blob(2 * length)
    answer = client.patch(location_of(session) or "", blob.data[:length])
    if answer.status in NO_STREAMS:
        unsupported(f"a stream is answered with {answer.status}")
    check_progress(check, answer, length)
    answer = send_chunk(client, answer, blob.data[length:], length)
    check_progress(check, answer, 2 * length)
    check.status("OCI-R041", client.put_upload(location_of(answer) or "", blob.digest), 201)


@requirement("OCI-R037", "OCI-R038", "OCI-R039", "OCI-R041")
def test_nothing_between_chunks(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    session = given.session(repository)
    length = chunk_length(session)
    blob = content.blob(2 * length)
    answer = client.patch(location_of(given.chunk(session, blob.data[:length], 0)) or "", b"")
    if answer.status in NO_STREAMS:
        unsupported(f"a PATCH without bytes is answered with {answer.status}")
    check_progress(check, answer, length)
    answer = send_chunk(client, answer, blob.data[length:], length)
    check_progress(check, answer, 2 * length)
    check.status("OCI-R041", client.put_upload(location_of(answer) or "", blob.digest), 201)


def beginning(mistake: str, length: int) -> int:
    """Return the first byte of a chunk that wrongly follows `length` bytes."""
    return {"gap": length + 1, "overlap": length - 1, "again": 0}[mistake]


@requirement("OCI-R037", "OCI-R040", "OCI-R041", "OCI-R044", "OCI-R045", "OCI-R046")
@pytest.mark.parametrize("mistake", ["gap", "overlap", "again"])
def test_chunk_out_of_order(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, mistake: str
) -> None:
    session = given.session(repository)
    length = chunk_length(session)
    blob = content.blob(3 * length)
    before = given.chunk(session, blob.data[:length], 0)
    first = beginning(mistake, length)
    check.status("OCI-R040", send_chunk(client, before, blob.data[first : first + length], first), 416)
    status = client.upload_status(location_of(before) or "")
    check.status("OCI-R044", status, 204)
    check.location("OCI-R045", status)
    check.header("OCI-R046", status, "Range", f"0-{length - 1}")
    going_on = status if status.status == 204 else before
    answer = send_chunk(client, going_on, blob.data[length:], length)
    check.status("OCI-R037", answer, 202)
    check.status("OCI-R041", client.put_upload(location_of(answer) or "", blob.digest), 201)


@requirement("OCI-R037", "OCI-R040", "OCI-R041", needs="chunks")
def test_first_chunk_not_at_zero(
    client: Client, check: Checks, given: Steps, content: Content, repository: str
) -> None:
    session = given.session(repository)
    blob = content.blob(chunk_length(session))
    check.status("OCI-R040", send_chunk(client, session, blob.data, 1), 416)
    answer = send_chunk(client, session, blob.data, 0)
    check.status("OCI-R037", answer, 202)
    check.status("OCI-R041", client.put_upload(location_of(answer) or "", blob.digest), 201)


@requirement("OCI-R043")
@pytest.mark.parametrize("mistake", ["gap", "overlap", "again"])
def test_last_chunk_out_of_order(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, mistake: str
) -> None:
    session = given.session(repository)
    length = chunk_length(session)
    blob = content.blob(2 * length)
    before = given.chunk(session, blob.data[:length], 0)
    first = beginning(mistake, length)
    content_range = f"{first}-{first + length - 1}"
    closed = client.put_upload(location_of(before) or "", blob.digest, blob.data[length:], content_range=content_range)
    check.status("OCI-R043", closed, 416)


@requirement("OCI-R037", "OCI-R039", "OCI-R041", "OCI-R044", "OCI-R046")
def test_odd_content_range(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    """A registry must refuse such a chunk, or store the announced part or all of it, and report the number of bytes."""
    session = given.session(repository)
    length = chunk_length(session)
    blob = content.blob(7 * length)
    going_on, count = given.chunk(session, blob.data[:length], 0), length
    for odd in ("{first}-{beyond}", "{first}-{first}", "{last}-{first}", "{first}-", "bytes {first}-{last}/*", "all"):
        last = count + length - 1
        content_range = odd.format(first=count, last=last, beyond=last + 1)
        location = location_of(going_on) or ""
        answer = client.patch(location, blob.data[count : count + length], content_range=content_range)
        going_on = client.upload_status((location_of(answer) if answer.status == 202 else None) or location)
        refused = answer.status != 202
        if (refused and going_on.status == 404) or not check.status("OCI-R044", going_on, 204):
            not_applicable(f"the status of a session that refused a chunk is {going_on.status}")
        now = held(going_on) or 0
        got = f"{now} bytes after Content-Range {content_range}"
        wanted = f"from {count} to {count + length} bytes held"
        check.that("OCI-R046", count <= now <= count + length, expected=wanted, got=got, exchange=going_on)
        if answer.status == 202:
            check.header("OCI-R039", answer, "Range", f"0-{now - 1}")
        count = now
    answer = send_chunk(client, going_on, blob.data[count:], count)
    check.status("OCI-R037", answer, 202)
    check.status("OCI-R041", client.put_upload(location_of(answer) or "", blob.digest), 201)


@requirement("OCI-R036", needs="chunks")
def test_small_chunks(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    session, blob = given.session(repository), content.blob(20)
    asked = session.header("OCI-Chunk-Min-Length")
    if asked is not None:
        ok = asked.isascii() and asked.isdigit()
        check.that("OCI-R036", ok, expected="a number of bytes", got=asked, exchange=session)
        return
    answer = session
    for first in range(0, 20, 5):
        answer = send_chunk(client, answer, blob.data[first : first + 5], first)
        got = f"status {answer.status} for a chunk of 5 bytes"
        wanted = "OCI-Chunk-Min-Length on the session, or small chunks taken"
        taken = 200 <= answer.status < 300  # which of them is another matter
        if not check.that("OCI-R036", taken, expected=wanted, got=got, exchange=answer):
            return
    closed = client.put_upload(location_of(answer) or "", blob.digest)
    check.status("OCI-R036", closed, 201)
