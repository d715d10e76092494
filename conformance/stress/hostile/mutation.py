"""Valid requests, and random mutations of them. The request target of a write stays the same."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

_ZEROS = b"sha256:" + b"0" * 64
_EMPTY = b"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
_TYPE = b"application/vnd.oci.image.index.v1+json"
_INDEX = b'{"schemaVersion":2,"mediaType":"%b","manifests":[],"annotations":{"a":"b"}}' % _TYPE
_LENGTH = b"Content-Length: %d\r\n\r\n"

VALID = (
    b"GET /v2/ HTTP/1.1\r\n{head}\r\n",
    b"GET /v2/{name}/tags/list?n=5&last=a HTTP/1.1\r\n{head}Accept: */*\r\n\r\n",
    b"GET /v2/_catalog?n=5 HTTP/1.1\r\n{head}\r\n",
    b"HEAD /v2/{name}/manifests/odd HTTP/1.1\r\n{head}Accept: " + _TYPE + b", */*;q=0.1\r\n\r\n",
    b"GET /v2/{name}/manifests/odd HTTP/1.1\r\n{head}Accept: " + _TYPE + b"\r\nIf-None-Match: \"x\"\r\n\r\n",
    b"GET /v2/{name}/blobs/" + _EMPTY + b" HTTP/1.1\r\n{head}Range: bytes=0-5\r\n\r\n",
    b"GET /v2/{name}/referrers/" + _ZEROS + b"?artifactType=a/b HTTP/1.1\r\n{head}\r\n",
    b"PUT /v2/{name}/manifests/odd HTTP/1.1\r\n{head}Content-Type: " + _TYPE + b"\r\n" + _LENGTH % len(_INDEX) + _INDEX,
    b"POST /v2/{name}/blobs/uploads/?digest=" + _EMPTY + b" HTTP/1.1\r\n{head}" + _LENGTH % 0,
    b"PATCH {session} HTTP/1.1\r\n{head}Content-Range: 0-4\r\nExpect: 100-continue\r\n" + _LENGTH % 5 + b"hello",
    b"PATCH {session} HTTP/1.1\r\n{head}Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n",
    b"DELETE /v2/{name}/manifests/odd HTTP/1.1\r\n{head}\r\n",
)  # fmt: skip

_NUMBERS = (b"-1", b"0", b"99999999999999999999", b"1e9", b"2147483648", b"0x10", b"4294967301")
_ODD = (
    b"\0",
    b"\r",
    b"\n",
    b"\r\n",
    b"\r\n\r\n",
    b" ",
    b"\t",
    b":",
    b"%",
    b"\xff",
    b"\xc0\xaf",
    b"../",
    b"?",
    b"&",
    b",",
)


def mutated(random: Random, fill: Callable[[bytes], bytes]) -> bytes:
    """Make a valid request, with its marks replaced by `fill`, and one to four faults."""
    data = fill(random.choice(VALID))
    kept = 0 if data.startswith((b"GET", b"HEAD")) else data.index(b"\r\n") + 2
    start, rest = data[:kept], data[kept:]
    for _ in range(random.randint(1, 4)):
        rest = random.choice(_FAULTS)(random, rest)
    return start + rest


def _flip(random: Random, data: bytes) -> bytes:
    at = _place(random, data)
    return data[:at] + bytes([data[at] ^ 1 << random.randrange(8)]) + data[at + 1 :] if data[at:] else data


def _cut(random: Random, data: bytes) -> bytes:
    return data[: _place(random, data)]


def _drop(random: Random, data: bytes) -> bytes:
    at = _place(random, data)
    return data[:at] + data[at + random.randint(1, 20) :]


def _insert(random: Random, data: bytes) -> bytes:
    at = _place(random, data)
    return data[:at] + random.choice(_ODD) * random.choice((1, 1, 1, 50)) + data[at:]


def _double(random: Random, data: bytes) -> bytes:
    """Repeat a line."""
    lines = data.split(b"\r\n")
    at = random.randrange(len(lines))
    return b"\r\n".join([*lines[: at + 1], *lines[at:]])


def _swap(random: Random, data: bytes) -> bytes:
    """Swap two lines; not the first, which may be the request line."""
    lines = data.split(b"\r\n")
    one, other = random.randrange(len(lines)), random.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return b"\r\n".join(lines)


def _number(random: Random, data: bytes) -> bytes:
    """Replace the first digits after a position by another number."""
    at = _place(random, data)
    begin = next((here for here in range(at, len(data)) if data[here : here + 1].isdigit()), len(data))
    end = next((here for here in range(begin, len(data)) if not data[here : here + 1].isdigit()), len(data))
    return data[:begin] + random.choice(_NUMBERS) + data[end:]


def _place(random: Random, data: bytes) -> int:
    return random.randrange(len(data)) if data else 0


_Fault = Callable[[Random, bytes], bytes]
_FAULTS: tuple[_Fault, ...] = (
    _flip,
    _flip,
    _cut,
    _drop,
    _insert,
    _insert,
    _double,
    _swap,
    _number,
)
