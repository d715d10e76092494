"""Passive checks of digests, lengths, ranges and types."""

from __future__ import annotations

import hashlib
import re

from conformance.checks.finding import Finding, Findings, Reads
from conformance.client.content import ALGORITHMS, digest_of
from conformance.client.exchange import Exchange, summarize
from conformance.client.reading import kind_of, reference_of

_DIGEST = re.compile(r"[a-z0-9]+([+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+")
_PART = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
_CHOOSING = {"accept", "accept-encoding"}
_SAME = ("Content-Type", "Docker-Content-Digest", "ETag")


def digest_matches_body(exchange: Exchange) -> Findings:
    """Check that a digest in the header is the digest of the body, in its own algorithm."""
    requirement = {"blobs": "OCI-R018", "manifests": "OCI-R013"}.get(kind_of(exchange))
    digest = exchange.header("Docker-Content-Digest")
    if requirement is None or digest is None or not _is_whole(exchange, "GET"):
        return
    algorithm = digest.partition(":")[0]
    if algorithm in ALGORITHMS:
        actual = digest_of(exchange.content, algorithm)
        yield Finding(requirement, digest == actual, f"Docker-Content-Digest: {actual}", digest)
    elif algorithm not in hashlib.algorithms_available:
        yield Finding(requirement, _DIGEST.fullmatch(digest) is not None, "Docker-Content-Digest: a digest", digest)


def digest_of_what_was_asked(exchange: Exchange) -> Findings:
    """Check that HEAD by digest returns the same digest, unless in another algorithm."""
    digest, asked = exchange.header("Docker-Content-Digest"), reference_of(exchange)
    if digest is None or kind_of(exchange) not in {"blobs", "manifests"} or not _is_whole(exchange, "HEAD"):
        return
    if ":" in asked and digest.partition(":")[0] == asked.partition(":")[0]:
        yield Finding("OCI-R022", digest == asked, f"Docker-Content-Digest: {asked}", digest)


def content_that_was_asked(exchange: Exchange) -> Findings:
    """Check that the answer to a request by digest has content with this digest."""
    requirement = {"blobs": "OCI-R015", "manifests": "OCI-R011"}.get(kind_of(exchange))
    asked = reference_of(exchange)
    algorithm = asked.partition(":")[0]
    if requirement and _is_whole(exchange, "GET") and ":" in asked and algorithm in ALGORITHMS:
        ok = digest_of(exchange.content, algorithm) == asked
        yield Finding(requirement, ok, f"content with the digest {asked}", summarize(exchange.content))


def length_matches_body(exchange: Exchange) -> Findings:
    """Check that the body has the announced length (RFC 9110 section 8.6), or none where required (section 6.4.1)."""
    length, size = exchange.header("Content-Length"), f"{len(exchange.body)} bytes"
    if exchange.request.method == "HEAD" or exchange.status in {204, 304}:
        what = "HEAD" if exchange.request.method == "HEAD" else f"status {exchange.status}"
        yield Finding("OCI-R102", not exchange.body, f"no body with {what}", size)
    elif length is not None:
        ok = length.isascii() and length.isdigit() and int(length) == len(exchange.body)
        yield Finding("OCI-R102", ok, f"a body of Content-Length {length}", size)


def head_like_get(exchange: Exchange, reads: Reads) -> Findings:
    """Check that HEAD of a manifest or blob has the headers of GET of the same URL (RFC 9110 section 9.3.2).

    `reads` are the answers of the scenario since it last wrote anything.
    """
    request = exchange.request
    if request.method not in {"GET", "HEAD"}:
        reads.clear()
    elif kind_of(exchange) in {"blobs", "manifests"} and exchange.status == 200:
        accept = ", ".join(value for name, value in request.headers if name.lower() in _CHOOSING)
        slim = Exchange(request, exchange.status, exchange.headers, b"", exchange.elapsed)
        reads[request.method, request.url, accept] = slim, len(exchange.body)
        got, head = (reads.get((method, request.url, accept)) for method in ("GET", "HEAD"))
        if got and head:
            yield _alike(got[0], got[1], head[0])


def may_be_left_out(head: Exchange, name: str) -> bool:
    """Whether HEAD may lack a header: the type of a blob may be unknown until it is sent (RFC 9110 section 9.3.2)."""
    return name == "Content-Type" and kind_of(head) == "blobs" and head.header(name) is None


def _alike(got: Exchange, size: int, head: Exchange) -> Finding:
    same = [name for name in _SAME if not may_be_left_out(head, name)]
    wanted = {name: value for name in same if (value := got.header(name)) is not None}
    if head.header("Content-Length") is not None:
        wanted["Content-Length"] = str(size)
    other = {name: head.header(name) for name, value in wanted.items() if head.header(name) != value}
    expected = ", ".join(f"{name}: {value}" for name, value in wanted.items())
    differing = ", ".join(f"{name}: {value}" if value else f"no {name}" for name, value in other.items())
    return Finding("OCI-R102", not other, f"HEAD with the headers of GET: {expected}", differing)


def part_of_blob(exchange: Exchange) -> Findings:
    """Check that 206 has the bytes of its Content-Range, and 416 the full length (RFC 9110 section 14.4)."""
    if kind_of(exchange) != "blobs" or exchange.request.method != "GET":
        return
    value = exchange.header("Content-Range")
    if exchange.status == 206 and exchange.media_type != "multipart/byteranges":
        part = _PART.fullmatch(value or "")
        ok = part is not None and int(part[2]) - int(part[1]) + 1 == len(exchange.body)
        got = f"{value or 'no Content-Range'} with {len(exchange.body)} bytes"
        yield Finding("OCI-R020", ok, "Content-Range: bytes FIRST-LAST/SIZE with as many bytes", got)
    elif exchange.status == 416 and value is not None:
        ok = re.fullmatch(r"bytes \*/\d+", value) is not None
        yield Finding("OCI-R020", ok, "Content-Range: bytes */SIZE", value)


def range_of_upload(exchange: Exchange) -> Findings:
    """Check that the answer to a chunk has a Range, and that a Range of a session begins at 0, unless it is empty.

    Which byte it ends with is for scenarios to say: here nobody knows what came before.
    """
    method = exchange.request.method
    requirement = {("PATCH", 202): "OCI-R039", ("GET", 204): "OCI-R046"}.get((method, exchange.status))
    if requirement is None or kind_of(exchange) != "uploads":
        return
    value = exchange.header("Range")
    is_chunk = method == "PATCH" and any(name.lower() == "content-range" for name, _ in exchange.request.headers)
    if value is not None or is_chunk:  # a PATCH without Content-Range is not in the specification
        ok = re.fullmatch(r"0-\d+|0--1", value or "") is not None
        yield Finding(requirement, ok, "Range: 0-LAST", value or "no Range")


def manifest_type(exchange: Exchange) -> Findings:
    """Check that the Content-Type of a manifest has no parameters."""
    if kind_of(exchange) == "manifests" and (_is_whole(exchange, "GET") or _is_whole(exchange, "HEAD")):
        value = exchange.header("Content-Type") or ""
        yield Finding("OCI-R009", ";" not in value, "a Content-Type without parameters", value)


def _is_whole(exchange: Exchange, method: str) -> bool:
    """Whether it is a successful answer to a method, with the whole content."""
    return exchange.status == 200 and exchange.request.method == method
