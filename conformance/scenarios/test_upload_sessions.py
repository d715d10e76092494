"""Upload sessions: their status, several at once, their end (end-4a, end-13, end-14)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress

from conformance.checks.checks import UUID, Checks
from conformance.client.chunks import chunk_length, held, send_chunk
from conformance.client.client import Client, location_of
from conformance.client.content import Blob, Content
from conformance.client.steps import Steps
from conformance.client.transport import TransportError
from conformance.scene.actors import Variant, not_applicable, unsupported
from conformance.scene.requirement import requirement

EMPTY_RANGES = {None, "0-0", "0--1"}
"""What the Range of a session that holds nothing may be: the specification does not say."""
RETRIES = 20
EXPIRY = 60.0


@requirement("OCI-R044", "OCI-R045", "OCI-R046")
def test_status(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    session = given.session(repository)
    fresh = client.upload_status(location_of(session) or "")
    check.status("OCI-R044", fresh, 204)
    check.location("OCI-R045", fresh)
    value = fresh.header("Range")
    check.that("OCI-R046", value in EMPTY_RANGES, expected="Range: 0-0, or none", got=value or "", exchange=fresh)
    length = chunk_length(session)
    before = given.chunk(fresh, content.blob(length).data, 0)
    status = client.upload_status(location_of(before) or "")
    check.status("OCI-R044", status, 204)
    check.location("OCI-R045", status)
    check.header("OCI-R046", status, "Range", f"0-{length - 1}")


@requirement("OCI-R039", "OCI-R041", "OCI-R042", needs="chunks")
def test_two_at_once(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    sessions = [given.session(repository), given.session(repository)]
    length = chunk_length(sessions[0])
    blobs = [content.blob(2 * length) for _ in sessions]
    for first in (0, length):
        for number, blob in enumerate(blobs):
            sessions[number] = send_chunk(client, sessions[number], blob.data[first : first + length], first)
            check.header("OCI-R039", sessions[number], "Range", f"0-{first + length - 1}")
    for session, blob in zip(sessions, blobs, strict=True):
        closed = client.put_upload(location_of(session) or "", blob.digest)
        check.status("OCI-R041", closed, 201)
        place = check.location("OCI-R042", closed)
        check.pullable("OCI-R042", client.follow(client.request("GET", place)), blob.data)


@requirement("OCI-R031", "OCI-R032")
def test_same_blob_twice_at_once(
    client: Client, check: Checks, given: Steps, content: Content, repository: str
) -> None:
    blob, sessions = content.blob(), [given.session(repository), given.session(repository)]
    for session in sessions:
        closed = client.put_upload(location_of(session) or "", blob.digest, blob.data)
        check.status("OCI-R031", closed, 201)
        place = check.location("OCI-R032", closed)
        check.pullable("OCI-R032", client.follow(client.request("GET", place)), blob.data)


def cut_short(data: bytes) -> Iterator[bytes]:
    """Yield a body that breaks the connection after so many bytes."""
    yield data
    raise ConnectionAbortedError("the client breaks the connection")


@requirement("OCI-R041", "OCI-R044", "OCI-R046", wire=True)
def test_resumed_after_a_break(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    session = given.session(repository)
    length = chunk_length(session)
    blob = content.blob(3 * length)
    before = given.chunk(session, blob.data[:length], 0)
    # Its place is said, so that it is refused if the server comes to it only after what is sent next.
    place = f"{length}-{2 * length - 1}"
    with suppress(TransportError):
        _ = client.patch(location_of(before) or "", cut_short(blob.data[length : 2 * length]), content_range=place)
    for _ in range(RETRIES):  # the server may not have noticed yet
        status = client.upload_status(location_of(before) or "")
        if status.status == 404 or not check.status("OCI-R044", status, 204):
            not_applicable(f"the status of the session after a broken connection is {status.status}")
        count = held(status) or 0
        wanted, got = f"at least the {length} bytes of the first chunk", f"{count} bytes"
        check.that("OCI-R046", length <= count <= 2 * length, expected=wanted, got=got, exchange=status)
        answer = send_chunk(client, status, blob.data[count:], count)
        if answer.status == 202:
            break
    check.status("OCI-R041", client.put_upload(location_of(answer) or "", blob.digest), 201)


@requirement("OCI-R047", "OCI-R102", needs="upload_cancel")
def test_cancel(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    session = given.session(repository)
    length = chunk_length(session)
    blob = content.blob(2 * length)
    place = location_of(given.chunk(session, blob.data[:length], 0)) or ""
    check.status("OCI-R047", client.cancel_upload(place), 204)
    check_gone(client, check, place, blob, length)


@requirement("OCI-R102")
def test_closed_session_is_gone(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    session = given.session(repository)
    length = chunk_length(session)
    blob = content.blob(2 * length)
    place = location_of(given.chunk(session, blob.data[:length], 0)) or ""
    closed = client.put_upload(place, blob.digest, blob.data[length:], content_range=f"{length}-{2 * length - 1}")
    if closed.status != 201:
        unsupported(f"the session cannot be closed with a chunk: {closed.status}")
    check_gone(client, check, place, blob, length)


def check_gone(client: Client, check: Checks, place: str, blob: Blob, length: int) -> None:
    """Check that a location has no session any more: no status, and no accepted bytes."""
    check.status("OCI-R102", client.upload_status(place), 404)
    chunk = client.patch(place, blob.data[length:], content_range=f"{length}-{2 * length - 1}")
    check.refused("OCI-R102", chunk)
    check.refused("OCI-R102", client.put_upload(place, blob.digest, blob.data))


@requirement("OCI-R102")
def test_unknown_session(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    place = location_of(given.session(repository)) or ""
    match = UUID.search(place)
    if match is None:
        not_applicable("no UUID in the Location could be changed")
    unknown = match[0].translate(str.maketrans("0123456789abcdefABCDEF", "123456789abcdef0BCDEFA"))
    check_refused(client, check, place.replace(match[0], unknown), content.blob())


@requirement("OCI-R102")
def test_session_of_another_repository(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, another_repository: str
) -> None:
    given.blob(another_repository, content.blob())
    place = location_of(given.session(repository)) or ""
    elsewhere = re.sub(f"(?<=/v2/){re.escape(repository)}(?=/)", another_repository, place)
    if elsewhere == place:
        not_applicable("the Location does not name the repository")
    check_refused(client, check, elsewhere, content.blob())


def check_refused(client: Client, check: Checks, place: str, blob: Blob) -> None:
    """Check that every request to a location without a session is refused."""
    content_range = f"0-{len(blob.data) - 1}"
    answers = [
        ("GET", client.upload_status(place)),
        ("PATCH", client.patch(place, blob.data, content_range=content_range)),
        ("PUT", client.put_upload(place, blob.digest, blob.data)),
        ("DELETE", client.cancel_upload(place)),
    ]
    cases = [(method, answer, 400 <= answer.status < 500) for method, answer in answers]
    check.each("OCI-R102", cases, expected="a status 4xx, because the session does not exist")


@requirement("OCI-R048", needs="push")
def test_left_alone(variant: Callable[..., Variant], check: Checks, content: Content) -> None:
    now = [0.0]
    world = variant(upload_expiry=EXPIRY, clock=lambda: now[0])
    place = location_of(world.given.session(world.place())) or ""
    now[0] = EXPIRY / 2
    check.status("OCI-R048", world.client.upload_status(place), 204)
    now[0] += EXPIRY + 1
    check.status("OCI-R048", world.client.upload_status(place), 404)
    blob = content.blob()
    check.refused("OCI-R048", world.client.put_upload(place, blob.digest, blob.data))
