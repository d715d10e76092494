"""ETag, If-Match, If-None-Match and Range (RFC 9110, sections 13 and 14)."""

from __future__ import annotations

import re

from werkzeug.datastructures import ETags
from werkzeug.http import parse_range_header, quote_etag

from fakereg.errors import Code, RegistryError
from fakereg.names import Digest
from fakereg.storage.base import Guard
from fakereg.wsgi import Call

_NOTHING = re.compile(r"bytes\s*=\s*-0+\s*")
"""The last zero bytes; most releases of werkzeug take this for all bytes."""


def headers(call: Call, digest: Digest) -> dict[str, str]:
    """The headers that name the content of an answer."""
    named: dict[str, str] = {}
    if call.dialect.digest_header:
        named["Docker-Content-Digest"] = str(digest)
    if call.dialect.etag:
        named["ETag"] = quote_etag(_tag(call, digest), weak=_weak(call))
    return named


def unchanged(call: Call, digest: Digest) -> bool:
    """Whether the client says that it has this content already: the answer is 304."""
    return call.dialect.etag and call.request.if_none_match.contains_weak(_tag(call, digest))


def check_match(call: Call, digest: Digest) -> None:
    """Raise 412 if the client asks for other content with If-Match (RFC 9110, section 13.1.1)."""
    wanted = call.request.if_match
    if call.dialect.etag and wanted and not _matches(call, wanted, digest):
        raise _not_expected()


def guard(call: Call) -> Guard | None:
    """What If-Match and If-None-Match demand of a push, as a check to be made in the same step; None without them."""
    wanted, unwanted = call.request.if_match, call.request.if_none_match
    if not call.dialect.etag or not (wanted or unwanted):
        return None

    def check(current: Digest | None) -> None:
        lost = wanted and (current is None or not _matches(call, wanted, current))
        if lost or (current is not None and unwanted.contains_weak(_tag(call, current))):
            raise _not_expected()

    return check


def _not_expected() -> RegistryError:
    return RegistryError(Code.DENIED, "what is there now is not what the request expects", status=412)


def byte_range(call: Call, digest: Digest, size: int) -> tuple[int, int] | None:
    """Offset and count of the one range that a GET asks for; None means the whole of `size` bytes.

    Several ranges, another unit, a malformed header and an If-Range that does not match are ignored, as RFC 9110
    permits or demands. Raise 416 if the range lies outside.
    """
    request = call.request
    header = request.headers.get("Range", "") if request.method == "GET" else ""
    if _NOTHING.fullmatch(header):
        raise _outside(size)
    asked = parse_range_header(header)
    if asked is None or asked.units != "bytes" or len(asked.ranges) != 1 or not _if_range(call, digest):
        return None
    start, stop = asked.ranges[0]
    if start < 0:
        start, stop = max(size + start, 0), None
        if size == 0:
            return None
    if start >= size:
        raise _outside(size)
    return start, min(size if stop is None else stop, size) - start


def _outside(size: int) -> RegistryError:
    headers = {"Content-Range": f"bytes */{size}"}
    return RegistryError(Code.SIZE_INVALID, f"the content has {size} bytes", status=416, headers=headers)


def _if_range(call: Call, digest: Digest) -> bool:
    """Whether If-Range, if it is there, names this content; a weak ETag never does (RFC 9110, section 13.1.5)."""
    condition = call.request.headers.get("If-Range")
    return condition is None or (not _weak(call) and condition == f'"{digest}"')


def _tag(call: Call, digest: Digest) -> str:
    """What is between the quotes of an ETag: the digest, or the start of it (row 6.7)."""
    return digest.encoded[:32] if _weak(call) else str(digest)


def _weak(call: Call) -> bool:
    return call.dialect.etag_form == "weak"


def _matches(call: Call, wanted: ETags, current: Digest) -> bool:
    """Whether If-Match holds; it takes no weak ETag, of either side, for a match (RFC 9110, section 13.1.1)."""
    return wanted.star_tag or (not _weak(call) and wanted.contains(current))
