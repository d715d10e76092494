"""Judge the answers on one connection, and describe the connection."""

from __future__ import annotations

import re
from collections.abc import Iterator

from conformance.output.secrets import HIDDEN, redact
from conformance.stress.hostile.shapes import Shape
from conformance.stress.hostile.wire import Talk

SHOWN_BYTES = 800
_WINDOW = 65_536
_FAILURE = 500
_OPENED = re.compile(
    rb"HTTP/1\.1 202 [^\r\n]*\r\n(?:[^\r\n]+\r\n)*?location:[ \t]*([^\r\n]+/uploads/[^\r\n]*)\r\n", re.I
)


def faults_of(shape: Shape, talk: Talk, deadline: float, secret: bytes) -> Iterator[str]:
    """Yield the faults, one sentence each. No answer may contain `secret`."""
    statuses = talk.statuses
    for number, status in enumerate(statuses):
        if not shape.allows(status) and (number == 0 or not 200 <= status < _FAILURE):
            yield f"answer {number + 1} is {status or 'no HTTP'}, which is not allowed"
    if len(statuses) > shape.answers:
        yield f"got {len(statuses)} answers, at most {shape.answers} are allowed: a hidden request was answered"
    if talk.timed_out:
        yield f"neither answered nor closed within {deadline:g} s"
    if secret and secret in talk.received:
        yield "the answer contains a file from outside the store"


def opened_by(talk: Talk) -> list[str]:
    """Return the locations of upload sessions in the answers on a connection."""
    return [found.decode("latin-1") for found in _OPENED.findall(talk.received)]


def shown(sent: bytes, talk: Talk, authorization: bytes) -> str:
    """Show the sent and the received bytes, shortened and without credentials."""
    end = "closed" if talk.closed else "left open"
    return "\n".join(
        [
            f"> {_cut(sent, authorization)} ({talk.sent} bytes)",
            f"< {_cut(bytes(talk.received), authorization)} ({len(talk.received)} bytes, {end})",
        ]
    )


def _cut(data: bytes, authorization: bytes) -> str:
    if authorization:
        data = data.replace(authorization.strip(), b"Authorization: " + HIDDEN.encode())
    text = redact(data[:_WINDOW].decode("latin-1"))
    return repr(text[:SHOWN_BYTES].encode("latin-1")) + ("..." if len(text) > SHOWN_BYTES else "")
