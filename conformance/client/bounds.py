"""The bounds of one answer, since a slow sender never reaches the time-out of a read, nor an endless one its end."""

from __future__ import annotations

import http.client
import io
import socket
import threading
import time
from types import TracebackType
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

HEAD_BYTES = 64 << 10
"""Several times what proxies take; 1xx answers count as well."""

ANSWER_BYTES = 48 << 20
"""More than the largest content that a scenario reads."""

_current = threading.local()


class Exceeded(OSError):
    """An answer that is longer than its bounds."""


class Bounds:
    """The bounds of one answer, in seconds and bytes; `problem` says which of them it has broken.

    The time begins when the request has been sent.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = float("inf")
        self._bytes = 0
        self._most = HEAD_BYTES
        self.problem = ""

    def __enter__(self) -> Bounds:
        _current.bounds = self
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _current.bounds = None

    def begin(self) -> None:
        """Begin a new answer, in place of one that did not come."""
        self._end = time.monotonic() + self._seconds
        self._bytes, self._most = 0, HEAD_BYTES

    def end_head(self) -> None:
        """Allow the body as well."""
        self._most = ANSWER_BYTES

    def wait(self, sock: socket.socket) -> None:
        """Limit the next read to the time that is left; raise TimeoutError without any."""
        left = self._end - time.monotonic()
        if left <= 0:
            self.time_out()
            raise TimeoutError
        sock.settimeout(left)

    def time_out(self) -> None:
        """Note that the time is over."""
        self.problem = f"no answer within {self._seconds:g} s"

    def count(self, number: int) -> None:
        """Count bytes of the answer; raise Exceeded if there are too many."""
        self._bytes += number
        if self._bytes > self._most:
            what = "head" if self._most == HEAD_BYTES else "answer"
            self.problem = f"the {what} is longer than {self._most:,} bytes"
            raise Exceeded(self.problem)


class _Reader(io.RawIOBase):
    """Read from a socket within the bounds of the answer."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, bounds: Bounds) -> None:
        self._raw = raw
        self._sock = sock
        self._bounds = bounds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._bounds.wait(self._sock)
        try:
            number: int = self._raw.readinto(buffer)
        except TimeoutError:
            self._bounds.time_out()
            raise
        self._bounds.count(number)
        return number

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """An answer that is read within the bounds of this thread."""

    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self._bounds: Bounds = _current.bounds
        self.fp = io.BufferedReader(_Reader(self.fp.detach(), sock, self._bounds))

    def begin(self) -> None:
        self._bounds.begin()
        super().begin()
        self._bounds.end_head()


class _Connection(HTTPConnection):
    response_class = _Response


class _TlsConnection(HTTPSConnection):
    response_class = _Response


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


POOLS = {"http": _Pool, "https": _TlsPool}
"""The classes of connections for a PoolManager."""
