"""The listening socket, and the thread that accepts connections from it."""

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
"""Seconds that the acceptor waits before it checks again for a free slot."""

_CUT_SECONDS = 0.5
"""Seconds to wait for the thread of a connection that was cut."""

_log = logging.getLogger("fakereg.server")


def tls_context(cert: str | None, key: str | None) -> ssl.SSLContext | None:
    """Return a server context from PEM files, None without them; raise ValueError, or OSError for unreadable files."""
    if cert is None and key is None:
        return None
    if cert is None:
        raise ValueError("with tls_key, give tls_cert, too: the certificate of the key")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    for path in filter(None, (cert, key)):
        open(path, "rb").close()  # the error of load_cert_chain does not name the missing file
    try:
        context.load_cert_chain(cert, key, password=lambda: "")  # without this it would prompt on the terminal
    except (ssl.SSLError, ValueError) as problem:
        reason = "the key needs a pass phrase" if isinstance(problem, ValueError) else problem.reason
        raise ValueError(f"{cert} and {key or cert} must be a certificate and its key: {reason}") from problem
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

    `idle_timeout` is the time in seconds that the server waits for a client to send a request or more of a body.
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
        """Begin to accept connections."""
        self._acceptor.start()

    def stop(self, *, grace: float = 0.0) -> None:
        """Stop accepting connections, wait up to `grace` seconds for requests under way, then cut all connections."""
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
        for connection in left:  # so that no thread uses a closed storage
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
            if idle:  # close it to make room for a client that sends a request
                idle.close_when_idle()
        try:
            client, address = self._listener.accept()
        except OSError as problem:  # the client has gone, or there is no free file descriptor
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
        except RuntimeError as problem:  # the process cannot start a thread; the acceptor must go on
            _log.error("cannot serve a connection: %s", problem)
            client.close()
            self._forget(connection)

    def _forget(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self._slots.release()
