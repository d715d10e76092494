"""The largest layer that a registry accepts, to the byte, in every way to push a blob.

A limit of up to 64 MiB is tested as it is, a larger one only with `--conformance-full-size`. The client never has a
whole layer in memory.
"""

from __future__ import annotations

from functools import cache
from random import Random

import pytest

from conformance.checks.checks import Checks
from conformance.checks.trials import Trials
from conformance.client.client import Client, location_of
from conformance.client.exchange import Exchange
from conformance.client.large_blob import LARGE_BLOCK, LargeBlob
from conformance.client.steps import Steps
from conformance.client.transport import TransportError
from conformance.config.settings import Settings
from conformance.scene.actors import unconfigured
from conformance.scene.requirement import about, prepare, requirement
from conformance.targets.base import Target

ROWS = ("GHD-21", "GHC-08")
LARGEST_WITHOUT_ASKING = 64 << 20
CHUNK = 4 << 20
"""Bytes of a chunk: larger ones are refused by GitHub's Container registry."""


@prepare
def limit(target: Target, settings: Settings) -> int:
    """Return the size of the largest layer, in bytes; unsupported if it is not configured, or too large to test."""
    found = target.description.limits.get("blob")
    if not found:
        unconfigured("no limit of layers is configured for the target")
    if found > LARGEST_WITHOUT_ASKING and not settings.full_size:
        unconfigured(f"the limit of {found} bytes is tested only with --conformance-full-size")
    return found


@prepare
def trials(check: Checks) -> Trials:
    """Return the checks for both registries."""
    return Trials(check, *ROWS)


@cache
def blob_of(size: int, seed: int) -> LargeBlob:
    """Return one blob for all scenarios, since hashing takes time; each pushes it to its own repository."""
    return LargeBlob(Random(f"{seed}:{size}").randbytes(LARGE_BLOCK), size)


def chunks(client: Client, session: Exchange, blob: LargeBlob, end: int) -> Exchange:
    """Send the bytes up to `end` in chunks of the same size; return the last answer, or the first that is not 202."""
    length, answer = min(CHUNK, end // 2), session
    for first in range(0, end, length):
        answer = chunk(client, answer, blob, first, min(first + length, end))
        if answer.status != 202:
            break
    return answer


def chunk(client: Client, before: Exchange, blob: LargeBlob, first: int, end: int) -> Exchange:
    """Send one chunk to the location of the previous answer."""
    part = blob.part(first, end)
    return client.patch(location_of(before) or "", part, content_range=f"{first}-{end - 1}", length=part.size)


def push(client: Client, session: Exchange, blob: LargeBlob, way: str) -> Exchange:
    """Push a blob into a session in one of the ways; return the final answer."""
    place, size = location_of(session) or "", blob.size
    if way == "put":
        return client.put_upload(place, blob.digest, blob.part(0), length=size)
    if way == "streamed put":
        return client.put_upload(place, blob.digest, blob.part(0))
    if way == "stream":
        sent = client.patch(place, blob.part(0))
    else:
        sent = chunks(client, session, blob, size - 1)
        if sent.status == 202 and way == "chunks and put":
            last = f"{size - 1}-{size - 1}"
            rest = blob.part(size - 1)
            return client.put_upload(location_of(sent) or "", blob.digest, rest, content_range=last, length=1)
        if sent.status == 202:
            sent = chunk(client, sent, blob, size - 1, size)
    return client.put_upload(location_of(sent) or "", blob.digest) if sent.status == 202 else sent


WAYS = pytest.mark.parametrize("way", ["put", "streamed put", "stream", "chunks", "chunks and put"])


@requirement(*ROWS)
@WAYS
def test_largest_layer(
    client: Client, trials: Trials, given: Steps, settings: Settings, repository: str, limit: int, way: str
) -> None:
    blob = blob_of(limit, settings.seed)
    trials.status(push(client, given.session(repository), blob, way), 201)
    there(trials, client, repository, blob)


@requirement(*ROWS)
@WAYS
def test_one_byte_more(
    client: Client, trials: Trials, given: Steps, settings: Settings, repository: str, limit: int, way: str
) -> None:
    blob = blob_of(limit + 1, settings.seed)
    refused(trials, push(client, given.session(repository), blob, way))
    trials.status(client.head_blob(repository, blob.digest), 404)


@requirement()
@pytest.mark.parametrize("row", [pytest.param(row, marks=about(row, needs="single_post")) for row in ROWS])
def test_single_post(
    client: Client, check: Checks, given: Steps, settings: Settings, repository: str, limit: int, row: str
) -> None:
    trials = Trials(check, row)
    fitting, larger = blob_of(limit, settings.seed), blob_of(limit + 1, settings.seed)
    refused(trials, client.post_blob(repository, larger.digest, larger.part(0), length=larger.size))
    trials.status(client.head_blob(repository, larger.digest), 404)
    trials.status(client.post_blob(repository, fitting.digest, fitting.part(0), length=fitting.size), 201)
    there(trials, client, repository, fitting)


@requirement(*ROWS, wire=True)
def test_refused_before_it_is_sent(
    client: Client, trials: Trials, given: Steps, settings: Settings, repository: str, limit: int
) -> None:
    """The registry must refuse the blob by its announced length, before it receives the bytes."""
    session, blob = given.session(repository), blob_of(limit + 1, settings.seed)
    try:
        answer = client.put_upload(location_of(session) or "", blob.digest, b"", length=blob.size)
    except TransportError as error:
        wanted = "a refusal as soon as the length is known"
        trials.that(False, expected=wanted, got=str(error), exchange=session, grade="SHOULD")
        return
    refused(trials, answer)


@requirement("GHD-21")
def test_session_is_gone(
    client: Client, check: Checks, given: Steps, settings: Settings, repository: str, limit: int
) -> None:
    session, blob = given.session(repository), blob_of(limit + 1, settings.seed)
    push(client, session, blob, "put")
    check.status("GHD-21", client.upload_status(location_of(session) or ""), 404, grade="SHOULD")


def there(trials: Trials, client: Client, repository: str, blob: LargeBlob) -> None:
    """Check that the whole blob exists, by its length."""
    found = client.follow(client.head_blob(repository, blob.digest))
    trials.status(found, 200)
    length = found.header("Content-Length")
    trials.that(length == str(blob.size), expected=f"Content-Length: {blob.size}", got=length, exchange=found)


def refused(trials: Trials, answer: Exchange) -> None:
    """Check that the blob is refused; the way is not documented, but a status must come."""
    trials.refused(answer)
    got = f"status {answer.status}"
    trials.that(answer.status == 413, expected="status 413", got=got, exchange=answer, grade="SHOULD")
