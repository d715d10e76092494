"""Reading a blob in parts (RFC 9110 section 14)."""

from __future__ import annotations

import pytest

from conformance.checks import Checks
from conformance.client import Client
from conformance.content import Content
from conformance.requirements import requirement
from conformance.steps import Steps

SIZE = 1000


@requirement("OCI-R020", needs="blob_range")
@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("0-0", 0, 0),
        ("0-99", 0, 99),
        ("100-199", 100, 199),
        ("100-", 100, SIZE - 1),
        ("-100", SIZE - 100, SIZE - 1),
        ("900-5000", 900, SIZE - 1),
        ("-5000", 0, SIZE - 1),
    ],
)
def test_one_range(
    client: Client,
    check: Checks,
    given: Steps,
    content: Content,
    repository: str,
    asked: str,
    first: int,
    last: int,
) -> None:
    blob = content.blob(SIZE)
    given.blob(repository, blob)
    answer = client.follow(client.get_blob(repository, blob.digest, headers=[("Range", f"bytes={asked}")]))
    if first == 0 and last == SIZE - 1 and answer.status == 200:
        check.body("OCI-R020", answer, blob.data)
    elif check.status("OCI-R020", answer, 206):
        check.header("OCI-R020", answer, "Content-Range", f"bytes {first}-{last}/{SIZE}")
        check.body("OCI-R020", answer, blob.data[first : last + 1])


@requirement("OCI-R020", needs="blob_range")
@pytest.mark.parametrize("asked", [f"{SIZE}-", "5000-6000"])
def test_range_beyond_the_end(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, asked: str
) -> None:
    blob = content.blob(SIZE)
    given.blob(repository, blob)
    answer = client.follow(client.get_blob(repository, blob.digest, headers=[("Range", f"bytes={asked}")]))
    if check.status("OCI-R020", answer, 416, 200):
        content_range = answer.header("Content-Range")
        ok = answer.status == 200 or content_range in {None, f"bytes */{SIZE}"}
        check.that("OCI-R020", ok, expected=f"Content-Range: bytes */{SIZE}", got=content_range or "", exchange=answer)


@requirement("OCI-R020", needs="blob_range")
def test_several_ranges(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    blob = content.blob(SIZE)
    given.blob(repository, blob)
    answer = client.follow(client.get_blob(repository, blob.digest, headers=[("Range", "bytes=0-9,500-509")]))
    if check.status("OCI-R020", answer, 206, 200) and answer.status == 206:
        whole = [blob.data[0:10], blob.data[500:510]]
        ok = all(part in answer.body for part in whole) or answer.body == whole[0]
        check.that("OCI-R020", ok, expected="both parts", got=f"{len(answer.body)} bytes", exchange=answer)


@requirement("OCI-R020", needs="blob_range")
@pytest.mark.parametrize(
    "headers",
    [[("Range", "items=0-9")], [("Range", "bytes=0-9"), ("If-Range", '"another"')]],
    ids=["unknown-unit", "if-range-of-another"],
)
def test_range_to_be_ignored(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, headers: list[tuple[str, str]]
) -> None:
    blob = content.blob(SIZE)
    given.blob(repository, blob)
    answer = client.follow(client.get_blob(repository, blob.digest, headers=headers))
    if check.status("OCI-R020", answer, 200):
        check.body("OCI-R020", answer, blob.data)


@requirement("OCI-R020", needs="blob_range")
def test_range_on_head(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    blob = content.blob(SIZE)
    given.blob(repository, blob)
    answer = client.follow(client.head_blob(repository, blob.digest, headers=[("Range", "bytes=0-9")]))
    if check.status("OCI-R020", answer, 200):
        check.header("OCI-R020", answer, "Content-Length", str(SIZE))
