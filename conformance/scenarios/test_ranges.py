"""Reading a part of a blob (RFC 9110 section 14), and Range where it does not apply."""

from __future__ import annotations

import re
from functools import partial

import pytest

from conformance.checks.checks import Checks, cases_of
from conformance.client.client import ACCEPT, Client
from conformance.client.content import Blob, Content
from conformance.client.exchange import Exchange, Header
from conformance.client.steps import Steps
from conformance.scene.actors import not_applicable
from conformance.scene.requirement import requirement

SIZE = 1000
ONE = {
    "0-0": (0, 0),
    "0-99": (0, 99),
    "100-199": (100, 199),
    "999-999": (SIZE - 1, SIZE - 1),
    "100-": (100, SIZE - 1),
    "-100": (SIZE - 100, SIZE - 1),
    "-1": (SIZE - 1, SIZE - 1),
    "900-5000": (900, SIZE - 1),
}
MALFORMED = ("bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=9-1", "bytes=1-2-3", "0-9", "bytes 0-9", "bytes=0x1-9",
             "=0-9")  # fmt: skip


def parts(answer: Exchange) -> list[tuple[str, bytes]]:
    """Return Content-Range and bytes of each part of a 206 (RFC 9110 section 14.6)."""
    if answer.media_type != "multipart/byteranges":
        return [(answer.header("Content-Range") or "", answer.body)]
    boundary = re.search(r'boundary="?([^";]+)', answer.header("Content-Type") or "")
    found = []
    for piece in answer.body.split(f"--{boundary[1] if boundary else ''}".encode())[1:-1]:
        head, _, data = piece.partition(b"\r\n\r\n")
        value = re.search(r"content-range:\s*(.*?)\s*$", head.decode("latin-1"), re.IGNORECASE | re.MULTILINE)
        found.append((value[1] if value else "", data.removesuffix(b"\r\n")))
    return found


def are_right(found: list[tuple[str, bytes]], content: bytes) -> bool:
    """Return whether there are parts, and each matches its Content-Range."""
    checked = [(re.fullmatch(r"bytes (\d+)-(\d+)/(?:\*|(\d+))", value), data) for value, data in found]
    return bool(checked) and all(
        match and content[int(match[1]) : int(match[2]) + 1] == data and int(match[3] or len(content)) == len(content)
        for match, data in checked
    )


def is_whole(answer: Exchange, blob: Blob) -> bool:
    """Return whether Range was ignored, which is always allowed."""
    return answer.status == 200 and answer.body == blob.data


def ask(client: Client, repository: str, blob: Blob, value: str, *headers: Header) -> Exchange:
    return client.follow(client.get_blob(repository, blob.digest, headers=[("Range", value), *headers]))


@requirement("OCI-R020", needs="blob_range")
def test_one_range(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    blob = content.blob(SIZE)
    given.blob(repository, blob)
    cases = []
    for asked, (first, last) in ONE.items():
        answer = ask(client, repository, blob, f"bytes={asked}")
        wanted = [(f"bytes {first}-{last}/{SIZE}", blob.data[first : last + 1])]
        cases.append((f"bytes={asked}", answer, answer.status == 206 and parts(answer) == wanted))
    check.each("OCI-R020", cases, expected="status 206 with the bytes that were asked for, and Content-Range")


@requirement("OCI-R020", needs="blob_range")
def test_range_of_everything(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    blob = content.blob(SIZE)
    given.blob(repository, blob)
    cases = []
    for asked in ("bytes=0-", "bytes=-5000", f"bytes=0-{SIZE - 1}", f"bytes=-{SIZE}"):
        answer = ask(client, repository, blob, asked)
        ok = answer.status == 206 and parts(answer) == [(f"bytes 0-{SIZE - 1}/{SIZE}", blob.data)]
        cases.append((asked, answer, ok or is_whole(answer, blob)))
    check.each("OCI-R020", cases, expected="the whole blob with status 206 or 200")


@requirement("OCI-R020", needs="blob_range")
@pytest.mark.parametrize("asked", [f"{SIZE}-", "5000-6000", "-0"])
def test_range_beyond_the_end(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, asked: str
) -> None:
    blob = content.blob(SIZE)
    given.blob(repository, blob)
    answer = ask(client, repository, blob, f"bytes={asked}")
    ok = answer.status == 416 and answer.header("Content-Range") in {None, f"bytes */{SIZE}"}
    got = f"status {answer.status}, {answer.header('Content-Range') or 'no Content-Range'}"
    expected = f"status 416 with Content-Range: bytes */{SIZE}, or the whole blob"
    check.that("OCI-R020", ok or is_whole(answer, blob), expected=expected, got=got, exchange=answer)


@requirement("OCI-R020", needs="blob_range")
def test_range_to_far_beyond_the_end(
    client: Client, check: Checks, given: Steps, content: Content, repository: str
) -> None:
    blob = content.blob(SIZE)
    given.blob(repository, blob)
    answer = ask(client, repository, blob, f"bytes=900-{'9' * 30}")
    ok = answer.status == 206 and parts(answer) == [(f"bytes 900-{SIZE - 1}/{SIZE}", blob.data[900:])]
    expected = "the rest of the blob, however large the number (RFC 9110 section 14.1.2), or the whole"
    got = f"status {answer.status}"
    check.that("OCI-R020", ok or is_whole(answer, blob), expected=expected, got=got, exchange=answer)


@requirement("OCI-R020", needs="blob_range")
def test_several_ranges(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    blob = content.blob(SIZE)
    given.blob(repository, blob)
    cases = []
    for asked in ("0-9,500-509", "0-9, 500-509", "-10,0-9", "0-9,5000-6000", "0-99,50-149"):
        answer = ask(client, repository, blob, f"bytes={asked}")
        ok = answer.status == 206 and are_right(parts(answer), blob.data) and _was_asked(asked, parts(answer), blob)
        cases.append((f"bytes={asked}", answer, ok or is_whole(answer, blob)))
    check.each("OCI-R020", cases, expected="parts that were asked for with status 206, or the whole blob with 200")


def _was_asked(asked: str, found: list[tuple[str, bytes]], blob: Blob) -> bool:
    """Return whether one of the ranges is complete; the rest may need another request (RFC 9110 section 15.3.7)."""
    for text in asked.split(","):
        first, _, last = text.strip().partition("-")
        wanted = blob.data[int(first) : int(last) + 1] if first else blob.data[-int(last) :]
        if wanted and any(wanted in data for _, data in found):
            return True
    return False


@requirement("OCI-R020", needs="blob_range")
def test_many_overlapping_ranges(
    client: Client, check: Checks, given: Steps, content: Content, repository: str
) -> None:
    blob = content.blob(SIZE)
    given.blob(repository, blob)
    answer = ask(client, repository, blob, "bytes=" + ",".join(["0-"] * 50))
    if check.status("OCI-R020", answer, 206, 200, 400, 416):
        ok = answer.status >= 400 or is_whole(answer, blob) or are_right(parts(answer), blob.data)
        got = f"status {answer.status} with {len(answer.body)} bytes"
        check.that("OCI-R020", ok, expected="bytes of the blob, or a refusal", got=got, exchange=answer)


@requirement("OCI-R020", needs="blob_range")
def test_malformed_range(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    blob = content.blob(SIZE)
    given.blob(repository, blob)
    asked = [(value, partial(ask, client, repository, blob, value)) for value in MALFORMED]
    cases = cases_of(client, asked, lambda answer: answer.status in {400, 416} or is_whole(answer, blob))
    check.each("OCI-R020", cases, expected="the whole blob, or status 416 or 400")


@requirement("OCI-R020", needs="blob_range")
@pytest.mark.parametrize(
    "headers",
    [
        [("Range", "items=0-9")],
        [("Range", "bytes=0-9"), ("If-Range", '"another"')],
        [("Range", "bytes=0-9"), ("If-Range", 'W/"another"')],
        [("Range", "bytes=0-9"), ("If-Range", "Wed, 21 Oct 2015 07:28:00 GMT")],
    ],
    ids=["unknown unit", "If-Range of another", "If-Range of another, weak", "If-Range of another time"],
)
def test_range_to_be_ignored(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, headers: list[Header]
) -> None:
    blob = content.blob(SIZE)
    given.blob(repository, blob)
    answer = client.follow(client.get_blob(repository, blob.digest, headers=headers))
    if check.status("OCI-R020", answer, 200):
        check.body("OCI-R020", answer, blob.data)


@requirement("OCI-R020", needs="blob_range")
def test_if_range(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    blob = content.blob(SIZE)
    given.blob(repository, blob)
    tag = client.follow(client.get_blob(repository, blob.digest)).header("ETag") or ""
    if not tag.startswith('"'):
        not_applicable("blobs have no strong ETag")
    answer = ask(client, repository, blob, "bytes=10-19", ("If-Range", tag))
    if check.status("OCI-R020", answer, 206):
        check.body("OCI-R020", answer, blob.data[10:20])


@requirement("OCI-R020", needs="blob_range")
def test_range_on_head(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    blob = content.blob(SIZE)
    given.blob(repository, blob)
    answer = client.follow(client.head_blob(repository, blob.digest, headers=[("Range", "bytes=0-9")]))
    if check.status("OCI-R020", answer, 200):
        check.header("OCI-R020", answer, "Content-Length", str(SIZE))


@requirement("OCI-R020", needs="blob_range")
def test_range_of_an_empty_blob(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    blob = content.blob(0)
    given.blob(repository, blob)
    values = [f"bytes={part}" for part in ("0-", "0-0", "-5", "-0")]
    asked = [(value, partial(ask, client, repository, blob, value)) for value in values]
    cases = cases_of(client, asked, lambda answer: answer.status == 416 or is_whole(answer, blob))
    check.each("OCI-R020", cases, expected="status 416, or 200 without a byte")


@requirement("OCI-R102")
def test_range_of_a_manifest(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    image = given.any_image(repository, content, "v1")
    headers = [("Range", "bytes=10-19"), ("Accept", ACCEPT)]
    answer = client.follow(client.request("GET", f"/v2/{repository}/manifests/v1", headers=headers))
    if check.status("OCI-R102", answer, 200, 206):
        ok = answer.body == image.data if answer.status == 200 else are_right(parts(answer), image.data)
        got = f"status {answer.status} with {len(answer.body)} bytes"
        check.that("OCI-R102", ok, expected="the manifest, or the part of it", got=got, exchange=answer)
