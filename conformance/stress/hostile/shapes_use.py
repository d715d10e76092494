"""Well-framed requests that no good client sends: in great numbers, with odd paths, with odd manifests.

Beside the marks of `shapes.py`, `{leaf}` is a unique name: of files that must not change, and of repositories that must
not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from conformance.stress.hostile.shapes import EITHER, MIB, REFUSED, SHAPES, Shape
from conformance.stress.hostile.shapes_lines import LINES

PIPELINED = 1000
MANIFEST_LIMIT = 4 * MIB
_INDEX = b"application/vnd.oci.image.index.v1+json"
_ZEROS = b"sha256:" + b"0" * 64
_ANY = (2, 3, 4)


def _many() -> Iterator[Shape]:
    get = b"GET /v2/ HTTP/1.1\r\n{head}\r\n"
    yield Shape("pipelining: 1,000 requests", get * PIPELINED, EITHER, answers=PIPELINED)
    yield Shape("pipelining: 1,000 requests and no reader", get * PIPELINED, EITHER, answers=PIPELINED, ending="reset")
    listing = b"GET /v2/{name}/tags/list HTTP/1.1\r\n{head}\r\n"
    yield Shape("pipelining: 100 listings, then a cut", listing * 100, EITHER, "cut", 100)
    last = b"GET /v2/ HTTP/1.1\r\n{head}X\r\n\r\n"
    yield Shape("pipelining: nonsense behind ten requests", get * 10 + last, EITHER, answers=11)


def _put(tag: str, body: bytes, media_type: bytes = _INDEX) -> bytes:
    head = b"PUT /v2/{name}/manifests/%b HTTP/1.1\r\n{head}Content-Type: %b\r\nContent-Length: %d\r\n\r\n"
    return head % (tag.encode(), media_type, len(body)) + body


def _pushed(make: Callable[[], bytes]) -> list[bytes]:
    """Push a document that is made only when it is sent."""
    return [_put("odd", make())]


def _index(annotations: bytes) -> bytes:
    return b'{"schemaVersion":2,"mediaType":"%b","manifests":[],"annotations":{%b}}' % (_INDEX, annotations)


def _padded(size: int) -> bytes:
    """Return a valid index of so many bytes."""
    return _index(b'"x":"' + b"y" * (size - len(_index(b'"x":""'))) + b'"')


def _manifests() -> Iterator[Shape]:
    """Yield documents that are hard to parse; those that are no JSON must be refused."""
    deep = 100_000
    documents: Iterable[tuple[str, Callable[[], bytes], tuple[int, ...]]] = (
        ("lists 100,000 deep", lambda: _index(b'"x":' + b"[" * deep + b"]" * deep), EITHER),
        ("objects 100,000 deep", lambda: _index(b'"x":' + b'{"a":' * deep + b"1" + b"}" * deep), EITHER),
        ("lists 100,000 deep that do not end", lambda: b"[" * deep, REFUSED),
        ("objects 100,000 deep that do not end", lambda: b'{"a":' * deep, REFUSED),
        ("lists 2,000,000 deep", lambda: b"[" * 2_000_000, REFUSED),
        ("100,000 keys", lambda: _index(b",".join(b'"%d":""' % number for number in range(deep))), EITHER),
        ("100,000 equal keys", lambda: _index(b",".join([b'"x":""'] * deep)), EITHER),
        ("100,000 entries", lambda: _index(b"").replace(b"[]", b"[" + b"{}," * deep + b"{}]"), EITHER),
        ("4 MiB", lambda: _padded(MANIFEST_LIMIT), EITHER),
        ("one byte over 4 MiB", lambda: _padded(MANIFEST_LIMIT + 1), EITHER),
        ("16 MiB", lambda: _padded(4 * MANIFEST_LIMIT), EITHER),
        ("a number of 100,000 digits", lambda: _index(b'"x":' + b"9" * deep), EITHER),
        ("a size of 100,000 digits", lambda: _index(b"").replace(b"2", b"9" * deep, 1), EITHER),
        ("1e999999999", lambda: _index(b'"x":1e999999999'), EITHER),
        ("NaN", lambda: _index(b'"x":NaN'), EITHER),
        ("half a surrogate pair", lambda: _index(rb'"\ud800":"\udfff"'), EITHER),
        ("NUL bytes", lambda: b"\0" * 10_000, REFUSED),
        ("no UTF-8", lambda: _index(b'"x":"\xff\xfe"'), EITHER),
        ("UTF-16", lambda: _index(b"").decode().encode("utf-16"), EITHER),
        ("a string", lambda: b'"x"', REFUSED),
        ("null", lambda: b"null", REFUSED),
        ("nothing", lambda: b"", REFUSED),
        ("half of it", lambda: _index(b"")[:40], REFUSED),
    )
    for name, make, legal in documents:
        yield Shape(f"manifest: {name}", partial(_pushed, make), legal)


ODD_PARTS = (
    b"%2e%2e%2f%2e%2e%2f%2e%2e%2f%2e%2e%2f{leaf}",
    b"..%2f..%2f..%2f{leaf}",
    b"..%5c..%5c{leaf}",
    b"..\\..\\{leaf}",
    b"../../../../{leaf}",
    b"..;/..;/{leaf}",
    b"....//....//{leaf}",
    b"%252e%252e%252f{leaf}",
    b"%c0%ae%c0%ae%c0%af{leaf}",
    b"%e0%80%ae%e0%80%ae%2f{leaf}",
    b"%2e%2e%2f{leaf}%00",
    b"%00",
    b"{leaf}%0d%0aX-Injected:%20x",
    b"%2f%2f{leaf}",
    b"file:%2f%2f%2f{leaf}",
    b"%ff%fe",
    b".",
    b"..",
    b"%20",
    b"~%2f{leaf}",
    b"$%7bjndi:x%7d",
)
"""Parts of paths that would lead elsewhere if a server used them unchanged, or decoded them once more."""

_PLACES = (
    ("GET", b"/v2/%b/manifests/latest"),
    ("PUT", b"/v2/%b/manifests/latest"),
    ("POST", b"/v2/%b/blobs/uploads/?digest=" + _ZEROS),
    ("GET", b"/v2/{name}/manifests/%b"),
    ("PUT", b"/v2/{name}/manifests/%b"),
    ("DELETE", b"/v2/{name}/manifests/%b"),
    ("GET", b"/v2/{name}/blobs/%b"),
    ("GET", b"/v2/{name}/blobs/sha256:%b"),
    ("DELETE", b"/v2/{name}/blobs/sha256:%b"),
    ("GET", b"/v2/{name}/referrers/%b"),
    ("GET", b"/v2/{name}/blobs/uploads/%b"),
    ("PATCH", b"/v2/{name}/blobs/uploads/%b"),
    ("PUT", b"/v2/{name}/blobs/uploads/%b?digest=" + _ZEROS),
    ("DELETE", b"/v2/{name}/blobs/uploads/%b"),
    ("PUT", b"{session}?digest=%b"),
    ("POST", b"/v2/{name}/blobs/uploads/?digest=sha256:%b"),
    ("POST", b"/v2/{name}/blobs/uploads/?mount=" + _ZEROS + b"&from=%b"),
    ("POST", b"/v2/{name}/blobs/uploads/?mount=%b&from={name}"),
    ("GET", b"/v2/{name}/tags/list?last=%b"),
    ("GET", b"/v2/{name}/tags/list?n=%b"),
    ("GET", b"/v2/_catalog?last=%b"),
    ("GET", b"/v2/_catalog?n=%b"),
    ("GET", b"/%b"),
)


def _traversal() -> Iterator[Shape]:
    """Yield odd parts at each place of a path or a query."""
    for method, place in _PLACES:
        for odd in ODD_PARTS:
            body = _index(b"") if method in {"PUT", "PATCH", "POST"} else b""
            framed = b"Content-Type: %b\r\nContent-Length: %d\r\n\r\n" % (_INDEX, len(body)) + body
            target = place.replace(b"%b", odd)
            head = method.encode() + b" " + target + b" HTTP/1.1\r\n{head}"
            yield Shape(f"path: {method} {target.decode('latin-1')}", head + framed, _ANY)


def shapes() -> Iterator[Shape]:
    """Yield every shape."""
    yield from SHAPES
    yield from LINES
    yield from _many()
    yield from _manifests()
    yield from _traversal()
