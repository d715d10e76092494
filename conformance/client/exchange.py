"""One request and its answer as plain values, and their text without secrets."""

from __future__ import annotations

import codecs
import json
import re
import shlex
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import urlunsplit

from conformance.output.secrets import HIDDEN, redact
from conformance.urls import parsed

Header = tuple[str, str]
Body = bytes | Iterable[bytes]

SHOWN_BYTES = 1000
AROUND = 16
"""The number of bytes that are shown of a place in a body."""

LONGEST_DESCRIPTION = 10_000
_WINDOW = 65_536
"""Bytes of a body that are looked at to show its beginning."""

MOST_NESTED = 200
"""The deepest nesting that is read as JSON: deeper than any document of a registry, and not too deep for Python."""

LARGEST_CONTENT = 64 << 20
"""Bytes of a decoded body beyond which it is cut: a few bytes may decode to any number."""

_SECRET_HEADERS = {"authorization", "proxy-authorization", "cookie", "set-cookie"}
_USUAL = {"content-length", "accept-encoding", "user-agent", "x-conformance-case"}
"""The headers of every request, which say nothing of a single one."""

_LONG = re.compile(r"(=[^&]{20})[^&]{60,}")
_LONG_VALUE = re.compile(r"(.{60}).{20,}", re.DOTALL)
"""Values of parameters and headers that are cut in a line."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request to send. A body of bytes is sent with its length, any other in chunks of unknown length.

    A header Content-Length stands for itself: the body may have any form then, or be missing.
    """

    method: str
    url: str
    headers: tuple[Header, ...] = ()
    body: Body = b""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request as it was sent and its answer; headers keep their order and their duplicates.

    `elapsed` is in seconds. `body` holds the bytes as they came over the wire, not decoded, and may be shorter than
    the Content-Length said when the server closed the connection early.
    """

    request: Request
    status: int
    headers: tuple[Header, ...]
    body: bytes
    elapsed: float

    def values(self, name: str) -> list[str]:
        """Return every value of a header, in order."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name: str) -> str | None:
        """Return the values of a header joined with commas (RFC 9110 section 5.3); None if it is absent."""
        values = self.values(name)
        return ", ".join(values) if values else None

    @property
    def media_type(self) -> str:
        """The Content-Type without parameters, in lower case; empty when there is none."""
        return (self.header("Content-Type") or "").partition(";")[0].strip().lower()

    @property
    def content(self) -> bytes:
        """The body without the gzip that the request allowed and the answer names (RFC 9110 section 8.4)."""
        asked = ", ".join(value for name, value in self.request.headers if name.lower() == "accept-encoding")
        if "gzip" not in asked or (self.header("Content-Encoding") or "").lower() != "gzip":
            return self.body
        try:
            return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(self.body, LARGEST_CONTENT)
        except zlib.error:
            return self.body

    def json(self) -> object:
        """Parse the content as JSON; None if it is not JSON, or nested so deep that no document of a registry is."""
        try:
            value: object = json.loads(self.content)
        except (ValueError, RecursionError):
            return None
        return value if _is_shallow(value) else None

    def beginning(self, length: int) -> str:
        """Return the first characters of the body, redacted before they are cut off."""
        return _beginning(self.body, length)

    def asked(self) -> str:
        """Describe the request in one line, redacted: method, path, and the headers and the body that it is about."""
        parts = parsed(self.request.url)
        path = _LONG.sub(r"\1...", redact(urlunsplit(("", "", parts.path or "/", parts.query, ""))))
        headers = [header for header in redact_headers(self.request.headers) if header[0].lower() not in _USUAL]
        shown = [f"{name}: " + _LONG_VALUE.sub(r"\1...", value) for name, value in headers]
        body = self.request.body
        if not isinstance(body, bytes):
            shown.append("a body of unknown length")
        elif body:
            shown.append(f"{len(body)} bytes")
        return f"{self.request.method} {path}" + (f" with {', '.join(shown)}" if shown else "")

    def describe(self) -> str:
        """Describe the exchange in a few lines, redacted."""
        sent = [f"> {self.request.method} {redact(self.request.url)}"]
        sent += [f"> {name}: {value}" for name, value in redact_headers(self.request.headers)]
        sent += _marked(">", _shown(self.request.body))
        got = [f"< {self.status}"]
        got += [f"< {name}: {value}" for name, value in redact_headers(self.headers)]
        got += _marked("<", _shown(self.body))
        text = "\n".join(sent + got)
        return text if len(text) <= LONGEST_DESCRIPTION else f"{text[:LONGEST_DESCRIPTION]}..."

    def curl(self) -> str:
        """Return a shell line that sends the same request again; a long body comes from a file named `body`."""
        words = ["curl", "-i", "--path-as-is"] if "/." in self.request.url else ["curl", "-i"]
        words += ["--head"] if self.request.method == "HEAD" else ["-X", self.request.method]
        for name, value in redact_headers(self.request.headers):
            if name.lower() not in _USUAL:
                words += ["-H", f"{name}: {value}"]
        body = self.request.body
        if not isinstance(body, bytes):
            words += ["-T", "body"]
        elif body:
            words += ["--data-binary", _shown(body) if len(body) <= SHOWN_BYTES and _is_text(body) else "@body"]
        return shlex.join([*words, redact(self.request.url)])


def redact_headers(headers: Iterable[Header]) -> list[Header]:
    """Hide the secrets in headers; the scheme of an Authorization stays."""
    shown: list[Header] = []
    for name, value in headers:
        text = _cut(redact(value))
        if name.lower() in _SECRET_HEADERS:
            scheme, separator, _ = text.partition(" ")
            text = f"{scheme} {HIDDEN}" if separator and "authorization" in name.lower() else HIDDEN
        shown.append((redact(name), text))
    return shown


def difference(expected: bytes, got: bytes) -> str:
    """Describe a body by its length and hash, and the place of its first byte that differs from the expected ones."""
    place = next((n for n, (one, other) in enumerate(zip(expected, got, strict=False)) if one != other), None)
    if place is None:
        how = f"which end after byte {len(got)}" if len(got) < len(expected) else f"with more after {len(expected)}"
        return f"{summarize(got)}, {how}" if got != expected else summarize(got)
    there, wanted = (part[place : place + AROUND] for part in (got, expected))
    return f"{summarize(got)}, from byte {place} on {there!r} and not {wanted!r}"


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN_BYTES else f"{text[:SHOWN_BYTES]}..."


def carries_secrets(request: Request) -> bool:
    """Whether a request has a header for credentials, or fields for secrets in its body."""
    if any(name.lower() in _SECRET_HEADERS for name, _ in request.headers):
        return True
    body = request.body
    return isinstance(body, bytes) and len(body) <= _WINDOW and redact(text := body.decode(errors="replace")) != text


def summarize(body: bytes) -> str:
    """Describe the length and the hash of a body in one line."""
    return f"{len(body)} bytes, sha256:{sha256(body).hexdigest()[:12]}..."


def _is_shallow(value: object) -> bool:
    """Whether a value of JSON is nested no deeper than MOST_NESTED."""
    level = [value]
    for _ in range(MOST_NESTED):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return True
    return False


def _inside(value: object) -> Iterable[object]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _shown(body: Body) -> str:
    if not isinstance(body, bytes):
        return "[a body of unknown length]"
    if not _is_text(body[:_WINDOW]):
        return f"[{summarize(body)}]"
    text = _beginning(body, SHOWN_BYTES)
    return text if len(body) <= SHOWN_BYTES else f"{text}... [{summarize(body)}]"


def _beginning(body: bytes, length: int) -> str:
    """Return the first characters of a body, redacted before they are cut off."""
    shown = redact(body[:_WINDOW].decode(errors="replace"))
    # The end of the window may cut a secret, and be shown where little is left of what comes before.
    return shown[:length] if len(body) <= _WINDOW or len(shown) > length else ""


def _is_text(body: bytes) -> bool:
    """Whether a body, whose end may be cut off, can be shown as it is."""
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(body)
    except UnicodeDecodeError:
        return False
    return all(character.isprintable() or character in "\r\n\t" for character in text)


def _marked(mark: str, text: str) -> list[str]:
    return [f"{mark} {line}" for line in text.splitlines()]
