"""ETag, If-Match, If-None-Match and Range (RFC 9110, sections 13 and 14)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from werkzeug.http import parse_range_header, quote_etag

from fakereg.http.call import Call
from fakereg.spec.errors import Code, RegistryError
from fakereg.spec.names import Digest
from fakereg.storage.repositories import Guard

_NOTHING = re.compile(r"bytes\s*=\s*-0+\s*")
"""A suffix range of zero bytes, which most releases of werkzeug take for all bytes."""


_ETAG = re.compile(r'[\s,]*(\*|(W/)?"[!#-~\x80-\xff]*")')

_GO_NUMBER = re.compile(r"[+]?0*[0-9]{1,19}")
_GO_NUMBER_LIMIT = (1 << 63) - 1


def headers(call: Call, digest: Digest) -> dict[str, str]:
    """Return the headers that identify the content of an answer: digest and ETag, as far as the dialect has them."""
    named: dict[str, str] = {}
    if call.dialect.digest_header:
        named["Docker-Content-Digest"] = str(digest)
    if call.dialect.etag:
        named["ETag"] = quote_etag(_tag(call, digest), weak=_weak(call))
    return named


def unchanged(call: Call, digest: Digest) -> bool:
    """Return whether If-None-Match names this content, so that the answer is 304."""
    asked = call.dialect.etag and "If-None-Match" in call.request.headers
    return asked and _names(call, call.request.headers["If-None-Match"], digest)


def check_match(call: Call, digest: Digest) -> None:
    """Raise 412 if If-Match does not name this content (RFC 9110, section 13.1.1)."""
    wanted = call.request.headers.get("If-Match")
    if call.dialect.etag and wanted and not _matches(call, wanted, digest):
        raise _not_expected()


def manifest_unchanged(call: Call, digest: Digest) -> bool:
    """Return whether a pull of a manifest is answered with 304."""
    return call.dialect.manifest_conditions == "rfc" and unchanged(call, digest)


def names_only(call: Call, digest: Digest) -> bool:
    """Return whether If-None-Match is this digest alone, quoted or not, in dialects that look at it before anything."""
    single = call.dialect.manifest_conditions == "digest"
    return single and call.request.headers.get("If-None-Match") in (str(digest), f'"{digest}"')


def check_manifest(call: Call, digest: Digest) -> None:
    """Raise 412 if If-Match does not name this manifest, unless the dialect ignores the header."""
    if call.dialect.manifest_conditions == "rfc":
        check_match(call, digest)


def guard(call: Call) -> Guard | None:
    """Return a check of If-Match and If-None-Match for the storage to make with a push; None without these headers."""
    wanted, unwanted = (call.request.headers.get(name, "") for name in ("If-Match", "If-None-Match"))
    if not call.dialect.etag or call.dialect.manifest_conditions != "rfc" or not (wanted or unwanted):
        return None

    def check(current: Digest | None) -> None:
        lost = wanted and (current is None or not _matches(call, wanted, current))
        if lost or (current is not None and _names(call, unwanted, current)):
            raise _not_expected()

    return check


def _not_expected() -> RegistryError:
    return RegistryError(Code.DENIED, "the current content does not meet If-Match or If-None-Match", status=412)


def byte_range(call: Call, digest: Digest, size: int) -> tuple[int, int] | None:
    """Return offset and count of the one range that a GET asks for; None means the whole of `size` bytes.

    Unless the dialect reads ranges as Go does, several ranges, another unit, a malformed header and an If-Range that
    does not match are ignored, as RFC 9110 permits or demands. Raise 416 if the range lies outside the content.
    """
    if call.dialect.range_reading == "go":
        return go_range(call.request.headers.get("Range", ""), size) if _if_range(call, digest) else None
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


def go_range(header: str, size: int) -> tuple[int, int] | None:
    """Return the range that Go's net/http reads from a Range header; None if several ranges lie inside the content.

    Raise 416 for a malformed header, and for ranges that all lie outside.
    """
    if not header:
        return None
    if not header.startswith("bytes="):
        raise _unreadable(header)
    parts = [part for part in (text.strip(" \t") for text in header[6:].split(",")) if part]
    found = [_go_part(part, size) for part in parts]
    inside = [part for part in found if part]
    if found and not inside:
        raise _outside(size)
    return inside[0] if len(inside) == 1 else None


def _go_part(text: str, size: int) -> tuple[int, int] | None:
    """Return offset and count of one range, None if it lies outside; raise 416 if it is malformed."""
    first, separator, last = (part.strip(" \t") for part in text.partition("-"))
    if not separator:
        raise _unreadable(text)
    if not first:
        count = min(_go_number(last, text), size)
        return size - count, count
    start = _go_number(first, text)
    if start >= size:
        return None
    stop = _go_number(last, text) if last else size - 1
    if stop < start:
        raise _unreadable(text)
    return start, min(stop, size - 1) - start + 1


def _go_number(digits: str, text: str) -> int:
    if not _GO_NUMBER.fullmatch(digits) or int(digits) > _GO_NUMBER_LIMIT:
        raise _unreadable(text)
    return int(digits)


def _unreadable(text: str) -> RegistryError:
    return RegistryError(Code.SIZE_INVALID, f"invalid range: {text[:100]!a}", status=416)


def _outside(size: int) -> RegistryError:
    headers = {"Content-Range": f"bytes */{size}"}
    return RegistryError(Code.SIZE_INVALID, f"range outside the content of {size} bytes", status=416, headers=headers)


def _if_range(call: Call, digest: Digest) -> bool:
    """Return whether If-Range is absent or names this content; a weak ETag never does (RFC 9110, section 13.1.5)."""
    condition = call.request.headers.get("If-Range")
    return not condition or (not _weak(call) and condition == f'"{digest}"')


def _tag(call: Call, digest: Digest) -> str:
    """Return the text between the quotes of an ETag: the digest, or the start of it (GP-6.7)."""
    return digest.encoded[:32] if _weak(call) else str(digest)


def _weak(call: Call) -> bool:
    return call.dialect.etag_form == "weak"


def _names(call: Call, header: str, current: Digest) -> bool:
    """Return whether If-None-Match names this content, or any with `*`; a weak ETag is as good as a strong one."""
    return any(
        each in ("*", f'"{_tag(call, current)}"') for each in (text.removeprefix("W/") for text in _etags(header))
    )


def _matches(call: Call, header: str, current: Digest) -> bool:
    """Return whether If-Match holds; a weak ETag on either side never matches (RFC 9110, section 13.1.1)."""
    return any(each == "*" or (each == f'"{current}"' and not _weak(call)) for each in _etags(header))


def _etags(header: str) -> Iterator[str]:
    """Yield the ETags of a header, or `*`, up to the first text that is none."""
    position = 0
    while match := _ETAG.match(header, position):
        yield match[1]
        position = match.end()
