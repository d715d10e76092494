"""Raw connections of the part `hostile`: send bytes unchanged, and split the received ones into answers."""

from __future__ import annotations

import select
import socket
import ssl
import struct
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from conformance.stress.common.base import Stress
from conformance.urls import parsed, port_of

Piece = bytes | float
"""Bytes to send, or seconds to wait."""

Ending = Literal["ask", "half", "cut", "reset"]
"""The end of the connection after the last piece. `ask`: wait for an answer, then close our side. `half`: close our
side at once. `cut`: close the connection; `reset`: with a reset.
"""

QUIET = 2.0
"""Seconds without an answer after which `ask` closes our side."""

MOST_RECEIVED = 4 << 20
"""Bytes after which a server that goes on sending is not listened to any more."""

_BLOCK = 65_536
_BUSY = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a registry: where to connect, the Host header, and the TLS context and name if it uses TLS."""

    address: str
    port: int
    host: str
    name: str = ""
    tls: ssl.SSLContext | None = None

    @classmethod
    def of(cls, stress: Stress) -> Address:
        """Return the address of a target that is entered."""
        settings, url = stress.target.settings, stress.target.transport(wire=True).base_url
        parts = parsed(url)
        name, port = parts.hostname or "", port_of(parts)
        resolve = {**settings.resolve, **getattr(stress.target, "resolve", {})}
        tls = None
        if parts.scheme == "https":
            tls = ssl.create_default_context(cafile=str(settings.ca) if settings.ca else None)
            if settings.insecure:
                tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
        return cls(resolve.get(f"{name}:{port}", name), port, parts.netloc, name, tls)


@dataclass(slots=True)
class Talk:
    """The received bytes of a connection, the final answers in them, and its end."""

    received: bytearray = field(default_factory=bytearray)
    sent: int = 0
    closed: bool = False
    timed_out: bool = False

    @property
    def statuses(self) -> list[int]:
        """The statuses of the final answers, in order; 0 for bytes that are no HTTP answer."""
        return _statuses(bytes(self.received), over=self.closed)


class Wire:
    """One raw connection; a context manager. `deadline` is its longest duration after the last piece, in seconds."""

    def __init__(self, address: Address, deadline: float) -> None:
        self._deadline = deadline
        self.talk = Talk()
        plain = socket.create_connection((address.address, address.port), timeout=deadline)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self._socket = address.tls.wrap_socket(plain, server_hostname=address.name) if address.tls else plain
        except OSError:
            plain.close()
            raise
        self._socket.setblocking(False)

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def converse(self, pieces: Iterable[Piece], ending: Ending = "ask") -> Talk:
        """Send the pieces and receive at the same time; then end the connection, and receive the rest."""
        for piece in pieces:
            if isinstance(piece, float):
                self._listen(time.monotonic() + piece)
            else:
                self._send(piece)
            if self.talk.closed:
                return self.talk
        match ending:
            case "cut":
                self._socket.close()
            case "reset":
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self._socket.close()
            case "ask":
                self._listen(time.monotonic() + min(QUIET, self._deadline), for_answer=True)
                self._close_our_side()
            case "half":
                self._close_our_side()
        self.talk.timed_out = ending not in {"cut", "reset"} and not self.talk.closed and not self.talk.statuses
        return self.talk

    def _close_our_side(self) -> None:
        """Close the connection beneath TLS: a close_notify would end both directions."""
        if not self.talk.closed:
            try:
                socket.socket.shutdown(self._socket, socket.SHUT_WR)
            except OSError:
                self.talk.closed = True
            self._listen(time.monotonic() + self._deadline)

    def _send(self, data: bytes) -> None:
        view, end = memoryview(data), time.monotonic() + self._deadline
        while view and not self.talk.closed:
            self._take()
            try:
                count = self._socket.send(view)
            except _BUSY:
                self._wait(0.05, writing=True)
            except OSError:
                self.talk.closed = True
            else:
                self.talk.sent += count
                view, end = view[count:], time.monotonic() + self._deadline
            if time.monotonic() > end:  # the server may stop reading; its answer is still judged
                return

    def _listen(self, end: float, *, for_answer: bool = False) -> None:
        """Receive until the server closes, `end` or, if wanted, the first answer."""
        while not self.talk.closed and (left := end - time.monotonic()) > 0:
            if for_answer and self.talk.statuses:
                return
            self._wait(left)
            self._take()

    def _take(self) -> None:
        while not self.talk.closed:
            try:
                data = self._socket.recv(_BLOCK)
            except _BUSY:
                return
            except OSError:
                data = b""
            self.talk.received += data
            self.talk.closed = not data or len(self.talk.received) > MOST_RECEIVED

    def _wait(self, seconds: float, *, writing: bool = False) -> None:
        pending = isinstance(self._socket, ssl.SSLSocket) and self._socket.pending()
        if not pending:
            poll = select.poll()  # unlike select(), it takes any number of open files
            poll.register(self._socket, select.POLLIN | (select.POLLOUT if writing else 0))
            poll.poll(max(seconds, 0.0) * 1000)


def _statuses(stream: bytes, *, over: bool) -> list[int]:
    """Return the statuses in a stream; the status of an incomplete answer is included once the stream is `over`."""
    found: list[int] = []
    position = 0
    while position < len(stream):
        if not stream.startswith(b"HTTP/", position):
            return [*found, 0]
        end = stream.find(b"\r\n\r\n", position)
        if end < 0:
            break
        head, position = stream[position:end].lower(), end + 4
        status = int(head[9:12]) if head[9:12].isdigit() else 0
        if 100 <= status < 200:
            continue
        position = _end_of_body(stream, position, head, bodiless=status in {204, 304})
        if position < 0:
            return [*found, status] if over else found
        found.append(status)
    return found


def _end_of_body(stream: bytes, start: int, head: bytes, *, bodiless: bool) -> int:
    """Return the end of the body of an answer; -1 if it is incomplete."""
    fields = dict(line.partition(b":")[::2] for line in head.split(b"\r\n")[1:])
    if bodiless:
        return start
    if b"chunked" in fields.get(b"transfer-encoding", b""):
        end = stream.find(b"0\r\n\r\n", start)
        return end + 5 if end >= 0 else -1
    length = fields.get(b"content-length", b"").strip()
    if not length.isdigit():
        return len(stream)
    end = start + int(length)
    return end if end <= len(stream) else -1
