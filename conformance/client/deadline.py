"""A limit on the time of a whole answer, since a slow sender never reaches the time-out of a single read."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

if TYPE_CHECKING:
    from urllib3.response import HTTPResponse

_current = threading.local()


class Deadline:
    """Cut off an answer that takes longer than `seconds` in all, and set `passed`.

    The time begins when the request has been sent.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._timer: threading.Timer | None = None
        self.passed = False

    def __enter__(self) -> Deadline:
        _current.deadline = self
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _current.deadline = None
        if self._timer:
            self._timer.cancel()

    def begin(self, sock: socket.socket) -> None:
        """Watch the socket of the answer, in place of an earlier one."""
        if self._timer:
            self._timer.cancel()
        self._timer = threading.Timer(self._seconds, self._cut, (sock,))
        self._timer.daemon = True
        self._timer.start()

    def _cut(self, sock: socket.socket) -> None:
        self.passed = True
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


def _watch(sock: Any) -> None:
    deadline: Deadline | None = getattr(_current, "deadline", None)
    if deadline and sock:
        deadline.begin(sock)


class _Connection(HTTPConnection):
    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # the stubs of http.client know less
        _watch(self.sock)
        return super().getresponse()


class _TlsConnection(HTTPSConnection):
    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as above
        _watch(self.sock)
        return super().getresponse()


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


POOLS = {"http": _Pool, "https": _TlsPool}
"""The classes of connections for a PoolManager."""
