"""The embedded server: sockets and threads around h11, which speaks HTTP/1.1.

One thread accepts, one serves each connection. A body is read as the application asks for it, so `100 Continue` goes
out once and only if it is wanted, and an early refusal is sent while the client still writes.
"""

from __future__ import annotations

import errno
import logging
import selectors
import socket
import ssl
import threading
import time
from typing import TYPE_CHECKING

from fakereg.server.connection import Connection

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

CONNECTION_LIMIT = 512
"""Connections served at one time; further ones wait to be accepted."""

_BACKLOG = 512

_TURN_SECONDS = 0.1
"""How long the acceptor waits before it looks again whether there is room."""

_CUT_SECONDS = 0.5
"""How long a connection that was cut gets to notice."""

_log = logging.getLogger("fakereg.server")


def tls_context(cert: str | None, key: str | None) -> ssl.SSLContext | None:
    """A server context from PEM files, or None without them; raise ValueError or OSError."""
    if cert is None and key is None:
        return None
    if cert is None:
        raise ValueError("tls_key is given without tls_cert")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    for path in filter(None, (cert, key)):
        open(path, "rb").close()  # load_cert_chain does not say which file is missing
    try:
        context.load_cert_chain(cert, key, password=lambda: "")  # else it would ask on the terminal
    except (ssl.SSLError, ValueError) as problem:
        reason = "it wants a pass phrase" if isinstance(problem, ValueError) else problem.reason
        raise ValueError(f"{cert} and {key or cert} are no certificate with its key: {reason}") from problem
    return context


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as problem:
        if problem.errno == errno.EADDRINUSE:
            message = f"{host}:{port} is in use; choose another port, or 0 for a free one"
            raise OSError(errno.EADDRINUSE, message) from problem
        raise


class Server:
    """Serves a WSGI application from `start` to `stop`; as a context manager it does both.

    `idle_timeout` is how long, in seconds, a client may keep a connection without a request or a body waiting.
    """

    def __init__(
        self,
        application: WSGIApplication,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        idle_timeout: float = 60.0,
    ) -> None:
        self._application = application
        self._tls = tls
        self._idle_timeout = idle_timeout
        self._listener = _listen(host, port)
        bound = self._listener.getsockname()[1]
        self.host = f"[{host}]:{bound}" if ":" in host else f"{host}:{bound}"
        self.url = f"{'https' if tls else 'http'}://{self.host}"
        self._waker, self._wake = socket.socketpair()
        self._slots = threading.Semaphore(CONNECTION_LIMIT)
        self._connections: set[Connection] = set()
        self._stopping = False
        self._acceptor = threading.Thread(target=self._accept, name=f"fakereg {self.host}", daemon=True)

    def start(self) -> None:
        """Begin to accept."""
        self._acceptor.start()

    def stop(self, *, grace: float = 0.0) -> None:
        """Accept no more, give requests under way `grace` seconds to end, then cut what is left."""
        deadline = time.monotonic() + grace
        self._stopping = True
        self._waker.close()
        self._acceptor.join()
        self._listener.close()
        self._wake.close()
        left = list(self._connections)
        for connection in left:
            connection.close_when_idle()
        for connection in left:
            connection.join(max(deadline - time.monotonic(), 0))
        for connection in left:
            connection.cut()
        for connection in left:  # so that nobody works on a storage that is closed
            connection.join(_CUT_SECONDS)

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def _accept(self) -> None:
        selector = selectors.DefaultSelector()
        with selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._wake, selectors.EVENT_READ)
            while True:
                selector.select()
                if self._stopping:
                    return
                self._take_connection()

    def _take_connection(self) -> None:
        while not self._slots.acquire(timeout=_TURN_SECONDS):
            if self._stopping:
                return
            idle = next((connection for connection in list(self._connections) if connection.is_idle), None)
            if idle:  # it makes room for a client that has something to say
                idle.close_when_idle()
        try:
            client, address = self._listener.accept()
        except OSError as problem:  # the client is gone again, or the process is out of file descriptors
            self._slots.release()
            if problem.errno in {errno.EMFILE, errno.ENFILE}:
                _log.error("cannot accept a connection: %s", problem.strerror)
                time.sleep(_TURN_SECONDS)
            return
        connection = Connection(
            client, address, application=self._application, tls=self._tls, timeout=self._idle_timeout, done=self._forget
        )
        self._connections.add(connection)
        try:
            connection.start()
        except RuntimeError as problem:  # the process has no thread to give; the acceptor must go on
            _log.error("cannot serve a connection: %s", problem)
            client.close()
            self._forget(connection)

    def _forget(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self._slots.release()
