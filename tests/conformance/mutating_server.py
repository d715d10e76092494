"""A registry whose answers are spoiled in any way that bytes on a socket can be, from a seed.

Half of the seeds spoil some of the answers, each in its own way; the others spoil every answer to one kind of request
in the same way, as a faulty server does.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

import fakereg
from conformance.client.exchange import Request
from conformance.client.reading import kind_of
from conformance.client.transport import WsgiTransport
from conformance.stress.common.odd_json import ODD_JSON

DIALECTS = ("oci", "oci,auth=bearer", "oci,auth=basic")

TEXTS = [
    "", " ", ",", ",,;;==", '"', '\\"', "<", "<>", "?", "#", "%zz%00%ff", "\x00", "\x1b[31mred\x1b[0m",
    "\x07\x9b31m\x08\x7f",
    "\u202egnp\u2066", "é", "a" * 5000, "a" * 70_000, "-1", "0", "1e400", "NaN", "0x10", "9" * 20, "9" * 5000, "1 2",
    "/", "//", "///", "http://", "http://[::1", "http://h:abc/", "http://h:465321/", "http://h:0/", "ftp://x/",
    "http://\x00/",
    "http://registry:5000/v2/x", "http://127.0.0.1:1/x", "https://127.0.0.1:1/x", "http://a@b@c/",
    "javascript:alert(1)",
    "http://" + "a" * 300 + "/", "http://.../", "http://xn--/", "http://é/", "HTTP://LOCALHOST/", "\x1bhttp://h/",
    "\thttp://h/ ",
    "sha256:", "sha256:" + "z" * 64, "sha512:" + "0" * 128, "md5:0", "bytes 0-99999999999999999999/1", "bytes",
    "0-" + "9" * 30,
    "0-99999999999", "-5-3", "application/json; charset=utf-16", "text/html", "*/*", "gzip", "br", "chunked, identity",
    '</v2/>; rel="next"', '<?n=1>; rel="next"', '<http://[::1>; rel="next"', "<>; rel=next", "<//h:x/>; rel=next",
    "<a>;rel=\"" + " next x" * 8000, "<a>" + ";" * 60_000, "<" * 60_000,
    'Bearer realm="http://[::1"', 'Bearer realm="{url}/v2/"', 'Bearer realm="http://h:abc/",scope="a"', "Bearer",
    "Basic",
    'Bearer realm="ftp://x/"', 'Bearer realm="{url}/token",scope="' + "x:y:pull " * 3000 + '"', 'Basic realm="\\',
    "Negotiate",
    'Bearer realm="http://127.0.0.1:1/"', 'Bearer ' + 'a="b",' * 9000, '299 - "' + "w" * 5000 + '"', "299",
    '299 - "\x1b"',
]  # fmt: skip
NAMES = ["Location", "Link", "WWW-Authenticate", "Docker-Content-Digest", "Content-Type", "Content-Length", "Range",
         "Warning",
         "Content-Range", "OCI-Subject", "OCI-Tag", "OCI-Chunk-Min-Length", "OCI-Filters-Applied", "Retry-After",
         "ETag",
         "Transfer-Encoding", "Content-Encoding", "Connection", "Set-Cookie", "Docker-Upload-UUID", "Accept-Ranges",
         "Date"]  # fmt: skip
STATUSES = ["100", "101", "102", "103", "199", "200", "201", "202", "204", "205", "206", "301", "302", "304", "307",
         "308",
            "400", "401", "403", "404", "405", "409", "413", "416", "418", "429", "451", "499", "500", "501", "503",
            "600",
            "999", "abc", "-1", "00200", "", "2", "20000"]  # fmt: skip
VALUES: list[Any] = [
    None, True, 0, -1, 10**30, 1e308, 1.5, "", "\ud800", "a\x1b[31m", "x" * 100_000, [], {}, [None], {"": None},
    [[[]]],
    {"a": {"a": [{}]}}, "http://[::1", "sha256:0", float("nan"), float("inf"),
]  # fmt: skip


@dataclass
class Answer:
    """An answer before it is written. `pieces` is what follows the head, and `after` what is done then."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes
    reason: str = "Whatever"
    version: str = "HTTP/1.1"
    line_end: str = "\r\n"
    pieces: Callable[[], Iterator[bytes]] | None = None
    cut: float | None = None
    lines: list[str] = field(default_factory=list)

    def drop(self, name: str) -> None:
        self.headers = [pair for pair in self.headers if pair[0].lower() != name.lower()]

    def set(self, name: str, value: str) -> None:
        self.drop(name)
        self.headers.append((name, value))

    def head(self) -> bytes:
        lines = [
            f"{self.version} {self.status} {self.reason}",
            *(f"{name}: {value}" for name, value in self.headers),
            *self.lines,
        ]
        return (self.line_end.join([*lines, "", ""])).encode("utf-8", "surrogatepass")


Mutation = Callable[[Random, Answer], None]
"""Something that is done to an answer; with the same random generator it is the same."""

MUTATIONS: list[Mutation] = []


def mutation(made: Mutation) -> Mutation:
    MUTATIONS.append(made)
    return made


@mutation
def status(random: Random, answer: Answer) -> None:
    answer.status = random.choice(STATUSES)


@mutation
def one_header(random: Random, answer: Answer) -> None:
    name = random.choice([*NAMES, *(name for name, _ in answer.headers)] * 1)
    answer.set(name, random.choice(TEXTS))


@mutation
def header_that_is_there(random: Random, answer: Answer) -> None:
    answer.set(random.choice(answer.headers or [("X", "")])[0], random.choice(TEXTS))


@mutation
def leading_header(random: Random, answer: Answer) -> None:
    answer.set(random.choice(NAMES[:3]), random.choice(TEXTS))


@mutation
def dropped_header(random: Random, answer: Answer) -> None:
    answer.drop(random.choice(answer.headers or [("X", "")])[0])


@mutation
def doubled_header(random: Random, answer: Answer) -> None:
    name = random.choice(answer.headers or [("X", "")])[0]
    answer.headers.insert(random.randrange(2), (name, random.choice(TEXTS)))


@mutation
def odd_lines(random: Random, answer: Answer) -> None:
    answer.lines = random.choice(
        [["no colon"], [" folded"], ["\tfolded", ": x"], ["X Y: z"], ["X\x00: z"], [": "], ["é: é"],
        ["X: \x1b]0;t\x07"],
         [f"X-{number}: y" for number in range(200)], ["a" * 100_000], ["X: " + "y" * 60_000] * 50]
    )  # fmt: skip


@mutation
def reason(random: Random, answer: Answer) -> None:
    answer.reason = random.choice(TEXTS)


@mutation
def version(random: Random, answer: Answer) -> None:
    answer.version = random.choice(
        ["HTTP/1.0", "HTTP/2", "HTTP/0.9", "ICY", "", "\x1b[2J", "HTTP/1.1\x00", "garbage " * 20_000]
    )


@mutation
def line_ends(random: Random, answer: Answer) -> None:
    answer.line_end = random.choice(["\n", "\r", "\n\n", "\r\r\n"])


@mutation
def spoiled_json(random: Random, answer: Answer) -> None:
    with suppress(ValueError, StopIteration, UnicodeDecodeError, AttributeError):
        answer.body = ODD_JSON[random.choice(list(ODD_JSON))](answer.body)
        answer.drop("Content-Length")


@mutation
def other_values(random: Random, answer: Answer) -> None:
    with suppress(ValueError):
        document = json.loads(answer.body)
        for _ in range(random.randint(1, 3)):
            document = _changed(random, document)
        answer.body = json.dumps(document).encode()
        answer.drop("Content-Length")


def _changed(random: Random, value: Any) -> Any:
    """Replace, drop or repeat something in a document."""
    if isinstance(value, dict) and value and random.random() < 0.8:
        key = random.choice(list(value))
        if random.random() < 0.2:
            return {name: inner for name, inner in value.items() if name != key}
        return {**value, key: _changed(random, value[key])}
    if isinstance(value, list) and value and random.random() < 0.7:
        place = random.randrange(len(value))
        if random.random() < 0.2:
            return value * random.choice([2, 1000])
        return [*value[:place], _changed(random, value[place]), *value[place + 1 :]]
    deep: Any = value
    for _ in range(random.choice([0, 0, 0, 150, 300, 900])):
        deep = [deep]
    return random.choice([*VALUES, deep])


@mutation
def other_body(random: Random, answer: Answer) -> None:
    answer.body = random.choice(
        [b"", b"\x00" * 10, b"\x1b[31mred", "\u202eabc".encode(), random.randbytes(2000), b"[" * 100_000,
        b'"' + b"x" * 300_000,
         b"null", b"[]", b"{}", b'{"token":"a\\r\\nb"}', b'{"token":"\\ud800"}',
         b'{"token":"http","expires_in":1e400}',
         b'{"tags":[null,1,{}],"name":[]}', b'{"manifests":[null,{"digest":1},"x"]}', b'{"errors":[{"code":{}}]}',
         b'{"token":"' + b"t" * 30_000 + b'"}', b'{"errors":{}}', b'{"tags":["\\ud800","a/b","\\u001b[1m"]}',
         json.dumps({"tags": [str(number) for number in range(200_000)]}).encode()]
    )  # fmt: skip
    if random.random() < 0.8:
        answer.drop("Content-Length")
    if random.random() < 0.3:
        answer.status = "200"


@mutation
def short_body(random: Random, answer: Answer) -> None:
    answer.body = answer.body[: random.randint(0, max(len(answer.body) - 1, 0))]


@mutation
def long_body(random: Random, answer: Answer) -> None:
    answer.body += random.choice(
        [b"x", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"\r\n", random.randbytes(70_000)]
    )


@mutation
def endless_body(random: Random, answer: Answer) -> None:
    answer.drop("Content-Length")
    answer.drop("Transfer-Encoding")
    length, piece = (
        random.choice(["", "9" * 15, "chunked", "line"]),
        random.choice([b"x", b"[", b" ", b"\x00"]) * 65_536,
    )
    if length == "chunked":
        answer.set("Transfer-Encoding", "chunked")
        piece = b"10000\r\n" + piece + b"\r\n"
    elif length == "line":
        answer.set("Transfer-Encoding", "chunked")
    elif length:
        answer.set("Content-Length", length)

    def pieces() -> Iterator[bytes]:
        while True:
            yield piece

    answer.pieces = pieces


@mutation
def odd_chunks(random: Random, answer: Answer) -> None:
    answer.drop("Content-Length")
    answer.set("Transfer-Encoding", random.choice(["chunked", "Chunked", "gzip, chunked", "chunked, chunked", "\x00"]))
    sizes = [b"-1", b"zz", b"F" * 16, b"F" * 5000, b"", b"0x5", b"5;" + b"x" * 70_000, b" 5", b"5 ", b"00000005", b"+5"]
    data = (
        random.choice(sizes)
        + b"\r\n"
        + random.randbytes(5)
        + b"\r\n"
        + random.choice([b"0\r\n\r\n", b"0\r\nX: y\r\n", b""])
    )
    answer.pieces = lambda: iter([data])


@mutation
def slow_body(random: Random, answer: Answer) -> None:
    body, pause = answer.body or b"x", random.choice([0.05, 0.3, 5.0])

    def pieces() -> Iterator[bytes]:
        for letter in body:
            time.sleep(pause)
            yield bytes([letter])

    answer.pieces = pieces


@mutation
def silence(random: Random, answer: Answer) -> None:
    pause = random.choice([0.2, 1.5, 5.0])

    def pieces() -> Iterator[bytes]:
        time.sleep(pause)
        yield answer.body

    answer.pieces = pieces


@mutation
def cut_off(random: Random, answer: Answer) -> None:
    answer.cut = random.choice([0.0, random.random(), random.random(), 1.0])


@mutation
def encoded(random: Random, answer: Answer) -> None:
    answer.set("Content-Encoding", random.choice(["gzip", "deflate", "br", "zstd", "x", "gzip, gzip"]))


@mutation
def redirect(random: Random, answer: Answer) -> None:
    answer.status = random.choice(["301", "302", "303", "307", "308"])
    answer.set("Location", random.choice([*TEXTS, "{here}", "{url}/v2/"]))


@mutation
def link(random: Random, answer: Answer) -> None:
    answer.set(
        "Link",
        random.choice(['<{here}>; rel="next"', '<{here}&x={number}>; rel="next"', '<?n=1&last={number}>; rel="next"']),
    )


@mutation
def challenge(random: Random, answer: Answer) -> None:
    answer.status = "401"
    answer.set("WWW-Authenticate", random.choice([text for text in TEXTS if text.startswith(("B", "N", '"', ","))]))


@mutation
def several(random: Random, answer: Answer) -> None:
    for _ in range(3):
        random.choice(MUTATIONS)(random, answer)


@mutation
def flipped_bytes(random: Random, answer: Answer) -> None:
    head = bytearray(answer.head())
    for _ in range(random.randint(1, 5)):
        head[random.randrange(len(head))] = random.randrange(256)
    answer.version, answer.status, answer.reason, answer.headers, answer.lines = "", "", "", [], []
    text = bytes(head)
    answer.pieces = lambda: iter([text, answer.body])


class MutatingServer:
    """A socket on which a registry answers, until an answer is spoiled."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._stubborn = self._random.random() < 0.5
        self._rate = self._random.choice([0.02, 0.1, 0.3, 0.8])
        self._mutation = self._random.choice(MUTATIONS)
        self._fixed = self._random.randrange(1 << 30)
        self._about = self._random.choice(
            ["manifests", "blobs", "uploads", "tags", "referrers", "token", "POST", "PUT", "PATCH", "HEAD", "*"]
        )
        self.dialect = DIALECTS[self._random.randrange(3)]
        self._grace = self._random.choice([0, 10, 20])
        """Answers that are not spoiled, so that a run begins."""

        self._number = 0
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self._open = True
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._registry = fakereg.Registry(dialect=self.dialect)
        self._transport = WsgiTransport(self._registry, base_url=self.url)

    def __str__(self) -> str:
        what = f"always {self._mutation.__name__} of {self._about}" if self._stubborn else f"{self._rate:.0%} of all"
        return f"{self.dialect}, {what}"

    def run(self) -> None:
        while self._open:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def close(self) -> None:
        self._open = False
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError, ValueError), connection, connection.makefile("rb") as reader:
            connection.settimeout(20)
            while request := self._request(reader):
                if not self._answer(connection, request):
                    return

    def _request(self, reader: Any) -> Request | None:
        """Read a request, in the forms in which the suite sends them."""
        line = reader.readline(70_000).decode("latin-1").split()
        headers: list[tuple[str, str]] = []
        while header := reader.readline(70_000).strip():
            name, _, value = header.decode("latin-1").partition(":")
            headers.append((name, value.strip()))
        if len(line) != 3:
            return None
        fields = {name.lower(): value for name, value in headers}
        body = b""
        if "chunked" in fields.get("transfer-encoding", ""):
            while size := int(reader.readline(100), 16):
                body += reader.read(size)
                reader.readline(10)
            reader.readline(10)
        elif "content-length" in fields:
            body = reader.read(int(fields["content-length"]))
        kept = [
            pair
            for pair in headers
            if pair[0].lower() not in {"host", "connection", "transfer-encoding", "content-length"}
        ]
        return Request(line[0], self.url + line[1] if line[1].startswith("/") else line[1], tuple(kept), body)

    def _answer(self, connection: socket.socket, request: Request) -> bool:
        """Answer a request, spoiled or not; return whether the connection goes on."""
        try:
            exchange = self._transport.send(request)
        except Exception:  # what a mutated Location leads to, the fake need not know
            return False
        answer = Answer(str(exchange.status), list(exchange.headers), exchange.body)
        with self._lock:
            self._number += 1
            number, about = self._number, kind_of(exchange) or ("token" if "token" in request.url else "")
            if self._stubborn:
                spoiled = self._about in {about, request.method, "*"}
                random = Random(self._fixed)
            else:
                random = Random(self._random.randrange(1 << 30))
                spoiled = random.random() < self._rate and number > self._grace
        if spoiled:
            (self._mutation if self._stubborn else random.choice(MUTATIONS))(random, answer)
        names = {"url": self.url, "here": request.url, "number": str(number)}
        for key, value in names.items():
            answer.headers = [(name, text.replace(f"{{{key}}}", value)) for name, text in answer.headers]
        framed = {name.lower() for name, _ in answer.headers} & {"content-length", "transfer-encoding"}
        close = spoiled or not framed
        whole = answer.head()
        body = b"" if request.method == "HEAD" and not spoiled else answer.body
        if answer.cut is not None:
            data = (whole + body)[: int(answer.cut * len(whole + body))]
            connection.sendall(data)
            if number % 2:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        connection.sendall(whole)
        for piece in answer.pieces() if answer.pieces else [body]:
            connection.sendall(piece)
        return not close


@contextmanager
def mutating_server(seed: int) -> Iterator[MutatingServer]:
    """Serve on 127.0.0.1 until the end of the block."""
    with ExitStack() as stack:
        server = MutatingServer(seed)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        stack.callback(thread.join)
        stack.callback(server.close)
        yield server
