"""The catalogue of malformed requests, as data, with the answers that RFC 9110 and RFC 9112 allow.

Marks in the sent bytes: `{head}` is the Host header and the credentials, `{name}` a repository of the run, `{session}`
the request target of an open upload session, `{digest}` an existing blob, `{tag}` a tag that must stay, and `{host}`
the value of Host.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from conformance.stress.hostile.wire import Ending, Piece

REFUSED = (4,)
"""Any 4xx, or a closed connection."""

EITHER = (2, 4)
"""The request is valid, or a server may accept it as valid."""

_UNKNOWN_CODING = (4, 501)
"""RFC 9112, section 6.1: 501 for a transfer coding that is not understood."""

_SMALL_SILENCE = 0.3
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Shape:
    """One malformed request. `legal` has statuses and, below 10, classes of them; a closed connection is always legal.

    `answers` is the number of requests that the framing may be read as; one more means that a body was taken for a
    request.
    """

    name: str
    sent: bytes | Callable[[], Iterable[Piece]]
    legal: tuple[int, ...] = REFUSED
    ending: Ending = "ask"
    answers: int = 1

    def pieces(self) -> Iterable[Piece]:
        """Return the pieces to send, in order."""
        return [self.sent] if isinstance(self.sent, bytes) else self.sent()

    def allows(self, status: int) -> bool:
        """Return whether an answer with this status is correct."""
        return status in self.legal or status // 100 in self.legal


def _patch(*lines: bytes, body: bytes = b"") -> bytes:
    fields = b"".join(line + b"\r\n" for line in lines)
    return b"PATCH {session} HTTP/1.1\r\n{head}" + fields + b"\r\n" + body


def _chunked(body: bytes) -> bytes:
    return _patch(b"Transfer-Encoding: chunked", body=body)


def get(*lines: bytes) -> bytes:
    """Return a GET of /v2/ with these lines among its headers."""
    return b"GET /v2/ HTTP/1.1\r\n{head}" + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


_CHUNKS = (
    Shape("chunk size that is not hex", _chunked(b"zz\r\nhello\r\n0\r\n\r\n")),
    Shape("chunk size that is negative", _chunked(b"-5\r\nhello\r\n0\r\n\r\n")),
    Shape("chunk size with a sign", _chunked(b"+5\r\nhello\r\n0\r\n\r\n")),
    Shape("chunk size with 0x", _chunked(b"0x5\r\nhello\r\n0\r\n\r\n")),
    Shape("chunk size with an underscore", _chunked(b"1_0\r\n" + b"x" * 16 + b"\r\n0\r\n\r\n")),
    Shape("chunk size that is empty", _chunked(b"\r\nhello\r\n0\r\n\r\n")),
    Shape("chunk size with spaces before", _chunked(b"  5\r\nhello\r\n0\r\n\r\n"), EITHER),
    Shape("chunk size with spaces behind", _chunked(b"5  \r\nhello\r\n0\r\n\r\n"), EITHER),
    Shape("chunk size with zeros before", _chunked(b"0" * 15 + b"5\r\nhello\r\n0\r\n\r\n"), EITHER),
    Shape("chunk size of 1,000 zeros", _chunked(b"0" * 1000 + b"5\r\nhello\r\n0\r\n\r\n"), EITHER),
    Shape("chunk size of 2 to the 63rd", _chunked(b"8000000000000000\r\nhello\r\n0\r\n\r\n"), ending="half"),
    Shape("chunk size beyond 64 bits", _chunked(b"10000000000000005\r\nhello\r\n0\r\n\r\n"), ending="half"),
    Shape("chunk size of 100 KB of digits", _chunked(b"f" * 100_000 + b"\r\nhello\r\n0\r\n\r\n"), ending="half"),
    Shape("chunk without CRLF behind", _chunked(b"5\r\nhello0\r\n\r\n"), ending="half"),
    Shape("chunk with LF alone", _chunked(b"5\nhello\n0\n\n"), EITHER, "half"),
    Shape("chunk with CR alone", _chunked(b"5\rhello\r0\r\r"), ending="half"),
    Shape("chunk longer than said", _chunked(b"3\r\nhello\r\n0\r\n\r\n")),
    Shape("chunk shorter than said", _chunked(b"9\r\nhello\r\n0\r\n\r\n"), ending="half"),
    Shape("chunk extension", _chunked(b'5;a=1;b="\\"2;"\r\nhello\r\n0;c\r\n\r\n'), EITHER),
    Shape("chunk extension of 100 KB", _chunked(b"5;" + b"a" * 100_000 + b"\r\nhello\r\n0\r\n\r\n"), EITHER),
    Shape("chunk extension with LF", _chunked(b"5;a\nb\r\nhello\r\n0\r\n\r\n"), EITHER, "half"),
    Shape("trailers", _chunked(b"5\r\nhello\r\n0\r\nX: 1\r\nContent-Length: 99\r\n\r\n"), EITHER),
    Shape("trailer that is none", _chunked(b"5\r\nhello\r\n0\r\nnonsense\r\n\r\n"), EITHER, "half"),
    Shape("trailers of 1 MB", _chunked(b"0\r\n" + b"X: y\r\n" * 170_000 + b"\r\n"), EITHER, "half"),
    Shape("chunks of one byte", _chunked(b"1\r\nx\r\n" * 20_000 + b"0\r\n\r\n"), EITHER),
    Shape("chunks without an end", _chunked(b"5\r\nhello\r\n"), ending="half"),
    Shape("chunks in HTTP/1.0", b"PATCH {session} HTTP/1.0\r\n{head}Transfer-Encoding: chunked\r\n\r\n"
          b"5\r\nhello\r\n0\r\n\r\n", EITHER, "half"),
)  # fmt: skip


def _length(value: bytes) -> bytes:
    return _patch(b"Content-Length: " + value, body=b"hello")


_LENGTHS = (
    Shape("length that is negative", _length(b"-5")),
    Shape("length with a sign", _length(b"+5"), EITHER),
    Shape("length twice in one header", _length(b"5,5"), EITHER),
    Shape("two lengths in one header", _length(b"5,6"), ending="half"),
    Shape("length twice", _patch(b"Content-Length: 5", b"Content-Length: 5", body=b"hello"), EITHER),
    Shape("two lengths", _patch(b"Content-Length: 5", b"Content-Length: 6", body=b"hello"), ending="half"),
    Shape("length in hex", _length(b"0x5")),
    Shape("length with spaces", _length(b"  5\t "), EITHER),
    Shape("length with a space within", _length(b"1 0")),
    Shape("length that is empty", _length(b"")),
    Shape("length that is a word", _length(b"five")),
    Shape("length with a point", _length(b"5.0")),
    Shape("length with an underscore", _length(b"5_0"), ending="half"),
    Shape("length in Arabic digits", _length("\u0665".encode())),
    Shape("length of 10 to the 30th", _length(b"1" + b"0" * 30), ending="half"),
    Shape("length of 5,000 digits", _length(b"9" * 5_000), ending="half"),
    Shape("length of 2 to the 64th", _length(b"18446744073709551616"), ending="half"),
    Shape("length with zeros before", _length(b"0" * 30 + b"5"), EITHER),
    Shape("length larger than the body, then the end", _length(b"99"), ending="half"),
    Shape("length larger than the body, then a cut", _length(b"99"), ending="cut"),
    Shape("body without a length", _patch(body=b"hello"), EITHER, "half", 2),
    Shape("length without a name before the colon", _patch(b": 5", body=b"hello"), EITHER, "half", 2),
    Shape("length of a GET", get(b"Content-Length: 5") + b"hello", EITHER),
    Shape("length of a GET that is huge", get(b"Content-Length: 99999999999"), EITHER, "half"),
)

_HIDDEN = b"DELETE /v2/{name}/manifests/{tag} HTTP/1.1\r\n{head}\r\n"
_SIZE = b"Content-Length: 5"
_LONG = b"FFFFF\r\n"
"""The size of a chunk that is longer than the hidden request, with any values of its marks."""


def _smuggled(*lines: bytes, start: bytes = b"0\r\n\r\n") -> bytes:
    """Return a request whose body is a second request if its framing is read in another way."""
    return _patch(*lines, body=start + _HIDDEN)


_SMUGGLING = (
    Shape("length and chunked", _smuggled(_SIZE, b"Transfer-Encoding: chunked")),
    Shape("chunked and length", _smuggled(b"Transfer-Encoding: chunked", _SIZE)),
    Shape("chunked within the length", _patch(b"Content-Length: 400", b"Transfer-Encoding: chunked",
          body=b"0\r\n\r\n" + _HIDDEN), REFUSED, "half"),
    Shape("chunked twice", _smuggled(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", start=_LONG),
          _UNKNOWN_CODING, "half"),
    Shape("chunked, chunked", _smuggled(b"Transfer-Encoding: chunked, chunked", start=_LONG), _UNKNOWN_CODING, "half"),
    Shape("chunked, identity", _smuggled(_SIZE, b"Transfer-Encoding: chunked, identity"), _UNKNOWN_CODING),
    Shape("gzip, chunked", _patch(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"), _UNKNOWN_CODING),
    Shape("identity", _smuggled(_SIZE, b"Transfer-Encoding: identity"), _UNKNOWN_CODING),
    Shape("xchunked", _smuggled(_SIZE, b"Transfer-Encoding: xchunked"), _UNKNOWN_CODING),
    Shape("chunkedx", _smuggled(_SIZE, b"Transfer-Encoding: chunkedx"), _UNKNOWN_CODING),
    Shape("quoted chunked", _smuggled(_SIZE, b'Transfer-Encoding: "chunked"'), _UNKNOWN_CODING),
    Shape("chunked with a parameter", _smuggled(_SIZE, b"Transfer-Encoding: chunked;q=1"), _UNKNOWN_CODING),
    Shape("chunked in capitals", _smuggled(_SIZE, b"Transfer-Encoding: CHUNKED")),
    Shape("chunked behind a vertical tab", _smuggled(_SIZE, b"Transfer-Encoding: \x0bchunked"), _UNKNOWN_CODING),
    Shape("chunked behind NUL", _smuggled(_SIZE, b"Transfer-Encoding: \0chunked"), _UNKNOWN_CODING),
    Shape("no transfer coding", _smuggled(_SIZE, b"Transfer-Encoding:"), _UNKNOWN_CODING),
    Shape("space before the colon", _smuggled(_SIZE, b"Transfer-Encoding : chunked")),
    Shape("tab before the colon", _smuggled(_SIZE, b"Transfer-Encoding\t: chunked")),
    Shape("space before the name", _smuggled(_SIZE, b" Transfer-Encoding: chunked")),
    Shape("folded header", _smuggled(_SIZE, b"Transfer-Encoding:\r\n chunked")),
    Shape("folded header that hides one", _patch(b"X: a\r\n Transfer-Encoding: chunked", _SIZE, body=b"hello"), EITHER),
    Shape("header behind CR alone", _patch(_SIZE, b"X: a\rTransfer-Encoding: chunked", body=b"hello"), EITHER),
    Shape("header behind LF alone", _smuggled(_SIZE, b"X: a\nTransfer-Encoding: chunked")),
    Shape("header behind NUL", _patch(_SIZE, b"X: a\0Transfer-Encoding: chunked", body=b"hello"), EITHER),
    Shape("request within a header behind CR", get(b"X: a\r\r" + _HIDDEN.rstrip().replace(b"\r\n", b"\r")), EITHER),
    Shape("request within a body of known length", _patch(b"Content-Length: 50000", body=_HIDDEN), ending="half"),
    Shape("request within a chunk", _chunked(_LONG + _HIDDEN), ending="half"),
    Shape("request within a body that is refused", b"PUT /v2/{name}/manifests/.bad HTTP/1.1\r\n{head}"
          b"Content-Length: 300000\r\n\r\n" + _HIDDEN * 1000, ending="half"),
    Shape("header with an underscore", _patch(b"Content-Length: 5", b"Content_Length: 500", body=b"hello"), EITHER),
    Shape("TE in another case and twice", _smuggled(_SIZE, b"transfer-encoding: CHUNKED", b"TRANSFER-ENCODING: x"),
          _UNKNOWN_CODING),
    Shape("unknown upgrade", get(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AA"),
          EITHER),
)  # fmt: skip

_EXPECT = (
    Shape("unknown expectation", _patch(b"Expect: the-unexpected", b"Content-Length: 5", body=b"hello"), EITHER),
    Shape("two expectations", _patch(b"Expect: 100-continue, other", b"Content-Length: 5", body=b"hello"), EITHER),
    Shape("expectation and the body at once", _patch(b"Expect: 100-continue", b"Content-Length: 5", body=b"hello"),
          EITHER),
    Shape("expectation and no body", _patch(b"Expect: 100-continue", b"Content-Length: 5"), ending="half"),
    Shape("expectation, then a cut", _patch(b"Expect: 100-continue", b"Content-Length: 5"), ending="cut"),
    Shape("expectation of a GET", get(b"Expect: 100-continue"), EITHER),
    Shape("expectation in HTTP/1.0", b"PATCH {session} HTTP/1.0\r\n{head}Expect: 100-continue\r\n"
          b"Content-Length: 5\r\n\r\nhello", EITHER, "half"),
    Shape("expectation and bad chunks", _patch(b"Expect: 100-continue", b"Transfer-Encoding: chunked", body=b"z\r\n")),
)  # fmt: skip


def _slow_body() -> Iterator[Piece]:
    yield _patch(b"Content-Length: 500")
    for _ in range(20):
        yield b"x"
        yield 0.01
    yield _SMALL_SILENCE


def _slow_chunks() -> Iterator[Piece]:
    yield _patch(b"Transfer-Encoding: chunked")
    for byte in b"5\r\nhello\r\n5\r\nhel":
        yield bytes([byte])
        yield 0.01
    yield _SMALL_SILENCE


def _slow_headers() -> Iterator[Piece]:
    for byte in b"GET /v2/ HTTP/1.1\r\nHost: x\r\nX: ":
        yield bytes([byte])
        yield 0.01
    yield _SMALL_SILENCE


def _slow_whole() -> Iterator[Piece]:
    yield _patch(b"Content-Length: 20")
    for _ in range(20):
        yield b"x"
        yield 0.01


_SLOW = (
    Shape("body a byte at a time, then silence and the end", _slow_body, REFUSED, "half"),
    Shape("body a byte at a time, then silence and a cut", _slow_body, REFUSED, "cut"),
    Shape("chunks a byte at a time, then silence and the end", _slow_chunks, REFUSED, "half"),
    Shape("headers a byte at a time, then silence and the end", _slow_headers, REFUSED, "half"),
    Shape("headers a byte at a time, then a reset", _slow_headers, REFUSED, "reset"),
    Shape("a whole body a byte at a time", _slow_whole, (2, 4)),
)

_PUSH = (
    b"PATCH {session} HTTP/1.1\r\n",
    b"{head}Content-Type: application/octet-stream\r\n",
    b"Content-Length: 100000\r\n\r\n",
    b"x" * 50_000,
    b"x" * 50_000,
)
_CUT_AFTER = ("the request line", "some headers", "the headers", "half the body", "the body")


def _disconnects() -> Iterator[Shape]:
    """Yield pushes of a chunk that end at each point, in each way."""
    for number, place in enumerate(_CUT_AFTER, start=1):
        sent = b"".join(_PUSH[:number])
        for ending in ("cut", "reset", "half"):
            legal = EITHER if number == len(_PUSH) else REFUSED
            yield Shape(f"{ending} after {place}", sent, legal, ending)


SHAPES: tuple[Shape, ...] = (
    *(*_CHUNKS, *_LENGTHS, *_SMUGGLING, *_EXPECT, *_SLOW),
    *_disconnects(),
)
"""Faults in the framing or in the timing of a body."""
