"""The body of a request as WSGI's input stream."""

from __future__ import annotations

import contextlib
import io
import socket
import ssl
import time
from typing import Any

import h11

from fakereg.server.body import READ_BYTES

_REST_LIMIT = 256 * 1024
"""Most bytes of an unread body that are discarded to keep a connection; with more, it is closed."""

_REST_SECONDS = 0.5
"""Seconds to wait for them."""


class RequestBody(io.RawIOBase):
    """The body of a request as a stream that is read from the socket on demand (`wsgi.input`).

    h11 decodes chunks; a body of known length bypasses it, which saves three copies of each byte.
    Raise ConnectionError if the client closes early or sends malformed chunks, TimeoutError if it stalls.
    """

    def __init__(self, client: socket.socket, http: h11.Connection, request: h11.Request) -> None:
        super().__init__()
        self._socket = client
        self._http = http
        headers = dict(request.headers)
        self._chunked = b"transfer-encoding" in headers
        self._expected = 0 if self._chunked else int(headers.get(b"content-length", 0))
        self._ended = False
        self._failed = False
        self._rest = b""
        self.past_h11 = self._expected > 0
        self.beyond = b""
        """The bytes after a body that bypassed h11: the start of the next request."""
        if self.past_h11:
            data, _ = http.trailing_data
            self._take(data[: self._expected])
            self.beyond = data[len(self._rest) :]
        elif not self._chunked:
            self._take_event(http.next_event())

    def readable(self) -> bool:
        """Return True: this is a readable stream."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """Return at most `size` bytes, at least one unless the body has ended; the whole rest if `size` is negative."""
        if size < 0:
            return self.readall()
        self._fill()
        data, self._rest = self._rest[:size], self._rest[size:]
        return data

    def readinto(self, buffer: Any, /) -> int:
        """Fill the start of `buffer`."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def finish(self) -> bool:
        """Discard the rest if it is short; return False if there is more and the connection cannot be kept."""
        left, deadline, patience = _REST_LIMIT, time.monotonic() + _REST_SECONDS, self._socket.gettimeout()
        with contextlib.suppress(OSError):
            while left > 0 and not (self._ended or self._failed or self._http.they_are_waiting_for_100_continue):
                self._rest = b""
                self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
                self._fill()
                left -= len(self._rest)
        self._socket.settimeout(patience)
        return self._ended

    def _fill(self) -> None:
        while not self._rest and not self._ended:
            if self._http.they_are_waiting_for_100_continue:
                go_on = h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue")
                self._socket.sendall(self._http.send(go_on) or b"")
            if self._chunked:
                self._take_event(self._next_event())
            else:
                self._take(self._receive(min(self._expected, READ_BYTES)))

    def _take(self, data: bytes) -> None:
        self._rest = data
        self._expected -= len(data)
        self._ended = self._expected == 0

    def _take_event(self, event: object) -> None:
        if event is h11.NEED_DATA:
            self._http.receive_data(self._receive(READ_BYTES))
        elif isinstance(event, h11.Data):
            self._rest = bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            self._ended = True

    def _next_event(self) -> object:
        try:
            return self._http.next_event()
        except h11.RemoteProtocolError as problem:
            raise ConnectionError(f"the chunks of a request body are malformed: {problem}") from problem

    def _receive(self, size: int) -> bytes:
        try:
            data = self._socket.recv(size)
        except ssl.SSLError as problem:
            self._failed = True
            raise ConnectionError(f"the TLS connection broke: {problem.reason}") from problem
        except OSError:
            self._failed = True
            raise
        if not data:
            raise ConnectionError("the client closed the connection within a request body")
        return data
