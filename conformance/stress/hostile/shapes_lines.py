"""Malformed request lines and headers, as data with the marks of `shapes.py`."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.stress.hostile.shapes import EITHER, MIB, REFUSED, Shape, get
from conformance.stress.hostile.wire import Piece

_UNKNOWN_METHOD = (4, 501)
"""RFC 9110, section 9.1: 501 for a method that is not known."""

_UNKNOWN_VERSION = (4, 505)
"""RFC 9110, section 15.6.6: 505 for a major version that is not supported."""


def _line(line: bytes) -> bytes:
    return line + b"\r\n{head}\r\n"


_REQUEST_LINES = (
    Shape("no version", b"GET /v2/\r\n\r\n", (2, 4, 0), "half"),  # as HTTP/0.9 had it, an answer has no status
    Shape("no version but headers", _line(b"GET /v2/"), (2, 4, 0), "half"),
    Shape("HTTP/0.9", _line(b"GET /v2/ HTTP/0.9"), (2, 4, 505)),
    Shape("HTTP/1.0 without Host", b"GET /v2/ HTTP/1.0\r\n\r\n", EITHER),
    Shape("HTTP/1.9", _line(b"GET /v2/ HTTP/1.9"), (2, 4, 505)),
    Shape("HTTP/2.0", _line(b"GET /v2/ HTTP/2.0"), (2, 4, 505)),
    Shape("HTTP/3.0", _line(b"GET /v2/ HTTP/3.0"), _UNKNOWN_VERSION),
    Shape("preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (2, 4, 505, 0), "half"),
    Shape("version of many digits", _line(b"GET /v2/ HTTP/1.11111111111111111111"), _UNKNOWN_VERSION),
    Shape("version in lower case", _line(b"GET /v2/ http/1.1"), _UNKNOWN_VERSION),
    Shape("other protocol", _line(b"GET /v2/ ICAP/1.0"), _UNKNOWN_VERSION),
    Shape("method in lower case", _line(b"get /v2/ HTTP/1.1"), _UNKNOWN_METHOD),
    Shape("method that nobody knows", _line(b"BREW /v2/ HTTP/1.1"), _UNKNOWN_METHOD),
    Shape("method of 10 KB", _line(b"A" * 10_000 + b" /v2/ HTTP/1.1"), _UNKNOWN_METHOD),
    Shape("method that is no token", _line(b"G(T /v2/ HTTP/1.1"), _UNKNOWN_METHOD),
    Shape("no method", _line(b" /v2/ HTTP/1.1"), (4, 501, 505)),
    Shape("TRACE", _line(b"TRACE /v2/ HTTP/1.1"), (4, 501)),
    Shape("CONNECT", _line(b"CONNECT example.com:443 HTTP/1.1"), (4, 501)),
    Shape("OPTIONS of everything", _line(b"OPTIONS * HTTP/1.1"), (2, 4, 501)),
    Shape("GET of everything", _line(b"GET * HTTP/1.1"), (2, 4)),
    Shape("absolute form", _line(b"GET http://{host}/v2/ HTTP/1.1"), (2, 3, 4)),
    Shape("absolute form of another host", _line(b"GET http://other.example/v2/ HTTP/1.1"), (2, 3, 4)),
    Shape("absolute form of nothing", _line(b"GET http:// HTTP/1.1"), (2, 3, 4)),
    Shape("absolute form with a user", _line(b"GET http://a:b@{host}/v2/ HTTP/1.1"), (2, 3, 4)),
    Shape("other scheme", _line(b"GET file:///etc/passwd HTTP/1.1"), (3, 4)),
    Shape("no slash", _line(b"GET v2/ HTTP/1.1"), (3, 4)),
    Shape("NUL in the path", _line(b"GET /v2/\0 HTTP/1.1")),
    Shape("NUL in the method", _line(b"G\0ET /v2/ HTTP/1.1"), _UNKNOWN_METHOD),
    Shape("path of 100 KB", _line(b"GET /v2/" + b"a" * 100_000 + b" HTTP/1.1")),
    Shape("path of 10,000 parts", _line(b"GET /v2/" + b"a/" * 10_000 + b"tags/list HTTP/1.1")),
    Shape("query of 60 KB", _line(b"GET /v2/{name}/tags/list?n=1" + b"&last=a" * 8_600 + b" HTTP/1.1"), EITHER),
    Shape("path that is not ASCII", _line("GET /v2/\u00e9\u2603/tags/list HTTP/1.1".encode())),
    Shape("path in Latin-1", _line(b"GET /v2/\xe9/tags/list HTTP/1.1")),
    Shape("space in the path", _line(b"GET /v2/a b/tags/list HTTP/1.1"), (4, 505)),
    Shape("two spaces", _line(b"GET  /v2/  HTTP/1.1"), (2, 3, 4, 505)),
    Shape("tabs for spaces", _line(b"GET\t/v2/\tHTTP/1.1"), (2, 4, 501, 505)),
    Shape("fragment", _line(b"GET /v2/#a HTTP/1.1"), (2, 3, 4)),
    Shape("lines before the request", b"\r\n" * 5 + get(), EITHER),
    Shape("1 MB of lines before the request", b"\r\n" * 500_000 + get(), EITHER),
    Shape("LF alone", b"GET /v2/ HTTP/1.1\n{head}\n".replace(b"{head}", b"Host: {host}\n"), EITHER),
    Shape("CR alone", b"GET /v2/ HTTP/1.1\rHost: {host}\r\r", (4, 505), "half"),
    Shape("no Host", b"GET /v2/ HTTP/1.1\r\n\r\n"),
    Shape("two Hosts", b"GET /v2/ HTTP/1.1\r\nHost: a\r\n{head}\r\n"),
    Shape("Host that is none", b"GET /v2/ HTTP/1.1\r\nHost: a b<>/\\@\r\n\r\n", (2, 3, 4)),
    Shape("Host that is empty", b"GET /v2/ HTTP/1.1\r\nHost:\r\n\r\n", (2, 3, 4)),
    Shape("Host of 50 KB", b"GET /v2/ HTTP/1.1\r\nHost: " + b"a" * 50_000 + b"\r\n\r\n", (2, 3, 4)),
    Shape("only LF", b"\n" * 1000, (4,), "half"),
    Shape("bytes of nothing", bytes(range(256)) * 4, (4, 501, 505, 0), "half"),
    Shape("beginning of TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", (4, 505, 0), "half"),
    Shape("nothing", b"", (4,), "half"),
)  # fmt: skip


def _endless() -> Iterator[Piece]:
    yield b"GET /v2/ HTTP/1.1\r\n{head}"
    for number in range(400):
        yield b"".join(b"X-%d-%d: y\r\n" % (number, each) for each in range(200))


def _endless_line() -> Iterator[Piece]:
    yield b"GET /v2/"
    yield from [b"a" * 64_000] * 60


_FLOODS = (
    Shape("10,000 headers", get(*(b"X-%d: y" % number for number in range(10_000))), EITHER),
    Shape("10,000 times one header", get(*[b"X: y"] * 10_000), EITHER),
    Shape("one header of 1 MB", get(b"X: " + b"y" * MIB), EITHER),
    Shape("name of a header of 1 MB", get(b"X" * MIB + b": y"), EITHER),
    Shape("header of 60 KB", get(b"X: " + b"y" * 60_000), EITHER),
    Shape("header that is folded 10,000 times", get(b"X: a" + b"\r\n y" * 10_000), EITHER),
    Shape("credentials of 50 KB", b"GET /v2/ HTTP/1.1\r\nHost: {host}\r\nAuthorization: Basic "
          + b"YTph" * 12_500 + b"\r\n\r\n", EITHER),
    Shape("headers without an end", _endless, REFUSED, "half"),
    Shape("a line without an end", _endless_line, REFUSED, "half"),
)  # fmt: skip

LINES: tuple[Shape, ...] = (*_REQUEST_LINES, *_FLOODS)
"""Faults before the body."""
