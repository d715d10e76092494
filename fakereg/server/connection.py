"""One client connection: pass requests from h11 to the WSGI application, and its answers back, one by one."""

from __future__ import annotations

import contextlib
import io
import itertools
import logging
import re
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterable
from email.utils import formatdate
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

import h11

from fakereg.server.body import READ_BYTES, FileRange
from fakereg.server.request_body import RequestBody

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

HEADER_LIMIT = 64 * 1024
"""Most bytes of a request line with its headers; a longer request gets 431."""

_HOST = re.compile(
    rb"(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*(?::[0-9]*)?"
    rb"|\[(?:[0-9A-Fa-f:.]+|[vV][0-9A-Fa-f]+\.[A-Za-z0-9._~!$&'()*+,;=:-]+)\](?::[0-9]*)?"
)
"""The value of a Host header (RFC 9110, section 7.2), which may be empty."""

_EMPTY_LINE = b"\r\n"
"""Its characters are ignored before a request (RFC 9112, section 2.2)."""

_LINGER = 5.0
"""Seconds to keep reading after a refusal, so that the client gets the answer and not a reset."""

_log = logging.getLogger("fakereg.server")


class Connection:
    """Serves `client` in a thread of its own until either side closes the connection; then calls `done`."""

    def __init__(
        self,
        client: socket.socket,
        address: Any,
        *,
        application: WSGIApplication,
        tls: ssl.SSLContext | None,
        timeout: float,
        done: Callable[[Connection], None],
    ) -> None:
        self._socket = client
        self._address = address
        self._application = application
        self._tls = tls
        self._timeout = timeout
        self._done = done
        self._idle = True
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="fakereg connection", daemon=True)

    @property
    def is_idle(self) -> bool:
        """Whether the connection waits for the start of a request."""
        return self._idle

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def join(self, timeout: float) -> None:
        """Wait until the connection has ended, at most `timeout` seconds."""
        self._thread.join(timeout)

    def close_when_idle(self) -> None:
        """Close the connection after the request under way, or now if there is none."""
        self._closing = True
        if self._idle:
            self._shut_down()

    def cut(self) -> None:
        """Close the connection at once."""
        self._shut_down()

    def _shut_down(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def _run(self) -> None:
        try:
            self._socket.settimeout(self._timeout)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls:
                # The handshake comes afterwards, so that `cut` can end it.
                self._socket = self._tls.wrap_socket(self._socket, server_side=True, do_handshake_on_connect=False)
                self._socket.do_handshake()
            self._serve()
        except (OSError, h11.LocalProtocolError):  # a time-out, a failed handshake, a cut answer: no client
            pass
        finally:
            self._socket.close()
            self._done(self)

    def _serve(self) -> None:
        http = _http()
        while True:
            request = None
            try:
                request = self._next_request(http)
                if request is None:
                    return
                _check(request)
                exchange = Exchange(self._socket, http, request, self._application, self._environ)
                exchange.run()
            except h11.RemoteProtocolError as problem:
                self._refuse(http, problem, head=request is not None and request.method == b"HEAD")
                return
            following = exchange.following()
            if following is None:
                self._linger()
                return
            http = following
            if self._closing:
                return
            self._idle = True

    def _next_request(self, http: h11.Connection) -> h11.Request | None:
        deadline = time.monotonic() + self._timeout
        begun = bool(http.trailing_data[0])
        while (event := http.next_event()) is h11.NEED_DATA:
            self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
            data = self._socket.recv(HEADER_LIMIT)
            part = data if begun else data.lstrip(_EMPTY_LINE)
            if part or not data:
                http.receive_data(part)
                begun, self._idle = True, False
        self._socket.settimeout(self._timeout)
        self._idle = False
        return event if isinstance(event, h11.Request) else None

    def _environ(self) -> WSGIEnvironment:
        host, port = self._socket.getsockname()[:2]
        return {
            "REMOTE_ADDR": self._address[0],
            "SERVER_NAME": host,
            "SERVER_PORT": str(port),
            "wsgi.url_scheme": "https" if self._tls else "http",
        }

    def _refuse(self, http: h11.Connection, problem: h11.RemoteProtocolError, *, head: bool) -> None:
        """Answer a request that is not valid HTTP, if an answer is still possible."""
        if http.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            status = problem.error_status_hint
            body = b'{"errors": [{"code": "UNSUPPORTED", "message": "the request is not valid HTTP/1.1"}]}'
            headers = [
                ("Content-Type", "application/json"),
                ("Content-Length", str(len(body))),
                ("Connection", "close"),
            ]
            answer = http.send(h11.Response(status_code=status, headers=headers, reason=b"Refused")) or b""
            if not head:
                answer += http.send(h11.Data(data=body)) or b""
            self._socket.sendall(answer)
        self._linger()

    def _linger(self) -> None:
        """Close this side and read on for a while: data for a closed socket causes a reset, which loses the answer."""
        with contextlib.suppress(OSError):
            if not isinstance(self._socket, ssl.SSLSocket):  # under TLS this would close both directions
                self._socket.shutdown(socket.SHUT_WR)
            deadline = time.monotonic() + _LINGER
            self._socket.settimeout(1)
            while self._socket.recv(READ_BYTES) and time.monotonic() < deadline:
                pass


class Exchange:
    """One request and its answer on a connection."""

    def __init__(
        self,
        client: socket.socket,
        http: h11.Connection,
        request: h11.Request,
        application: WSGIApplication,
        environ: Callable[[], WSGIEnvironment],
    ) -> None:
        self._socket = client
        self._http = http
        self._application = application
        self._status = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._written: list[bytes] = []
        self._body = RequestBody(client, http, request)
        self._environ = {**environ(), **_environ(request), "wsgi.input": self._body}

    def run(self) -> None:
        """Call the application and send its answer."""
        try:
            body = self._application(self._environ, self._start_response)
        except (ConnectionError, TimeoutError) as problem:
            raise h11.RemoteProtocolError(str(problem)) from problem
        except Exception:  # the boundary: a defect of the application must not take the server down
            _log.exception("the application failed")
            self._fail()
            return
        try:
            self._send(body)
        finally:
            if hasattr(body, "close"):
                body.close()

    def following(self) -> h11.Connection | None:
        """Return the connection for the next request; None if it cannot be kept."""
        if self._http.our_state is not h11.DONE:
            return None
        if self._body.past_h11:
            return _http(self._body.beyond)
        if self._http.their_state is not h11.DONE:
            return None
        return _http(self._http.trailing_data[0])

    def _start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: object = None, /
    ) -> Callable[[bytes], object]:
        self._status = status.encode("latin-1")
        self._headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        return self._written.append

    def _fail(self) -> None:
        self._start_response("500 Internal Server Error", [("Content-Length", "0")])
        self._send([])

    def _send(self, body: Iterable[bytes]) -> None:
        if not self._body.finish():
            self._headers.append((b"Connection", b"close"))
        self._headers.append((b"Date", formatdate(usegmt=True).encode("ascii")))
        code, _, reason = self._status.partition(b" ")
        head = self._http.send(h11.Response(status_code=int(code), headers=self._headers, reason=reason)) or b""
        if isinstance(body, FileRange) and not isinstance(self._socket, ssl.SSLSocket):
            self._socket.sendall(head)
            self._send_file(body)
        else:
            self._send_parts(head, body)

    def _send_parts(self, pending: bytes, body: Iterable[bytes]) -> None:
        """Send the parts, the head together with the first and the end together with the last."""
        for part in itertools.chain(self._written, body):
            encoded = self._http.send(h11.Data(data=part)) or b""
            if pending and len(encoded) < READ_BYTES:
                encoded, pending = pending + encoded, b""
            elif pending:
                self._socket.sendall(pending)
                pending = b""
            self._socket.sendall(encoded)
        pending += self._http.send(h11.EndOfMessage()) or b""
        if pending:
            self._socket.sendall(pending)

    def _send_file(self, body: FileRange) -> None:
        """Let the kernel copy from file to socket; h11 only counts the bytes."""
        try:
            body.file.fileno()
        except io.UnsupportedOperation:
            self._send_parts(b"", body)
            return
        counted = _Placeholder(body.count)  # by h11's manual a length is enough, by its types not
        self._http.send_with_data_passthrough(h11.Data(data=counted))  # type: ignore[arg-type]
        if body.count and self._socket.sendfile(body.file, body.offset, body.count) < body.count:
            _log.error("a file has become shorter than Content-Length; closing the connection")
            raise ConnectionError
        self._http.send(h11.EndOfMessage())


class _Placeholder:
    """A placeholder for `size` bytes that do not pass through h11."""

    def __init__(self, size: int) -> None:
        self._size = size

    def __len__(self) -> int:
        return self._size


def _http(received: bytes = b"") -> h11.Connection:
    """Return a new h11 connection; `received` is the start of its first request, already read."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=HEADER_LIMIT)
    if begun := received.lstrip(_EMPTY_LINE):
        connection.receive_data(begun)
    return connection


def _check(request: h11.Request) -> None:
    """Raise for requests that h11 accepts: other versions, a head over the limit, an odd host, faulty framing."""
    if not request.http_version.startswith(b"1."):
        raise h11.RemoteProtocolError("unknown version", error_status_hint=505)
    head = len(request.method) + len(request.target) + sum(len(name) + len(value) for name, value in request.headers)
    if head > HEADER_LIMIT:
        raise h11.RemoteProtocolError("the head is too long", error_status_hint=431)
    headers = dict(request.headers)
    _check_host(headers.get(b"host", b""))
    if b"transfer-encoding" in headers and (b"content-length" in headers or request.http_version == b"1.0"):
        raise h11.RemoteProtocolError("Transfer-Encoding with Content-Length, or in HTTP/1.0")


def _check_host(host: bytes) -> None:
    if not _HOST.fullmatch(host):
        raise h11.RemoteProtocolError("the host is not valid")


def _environ(request: h11.Request) -> WSGIEnvironment:
    target = request.target.decode("latin-1")
    host = None
    if not target.startswith("/"):  # absolute form, or `*`
        authority, _, path = target.partition("://")[2].partition("/")
        host = authority.rpartition("@")[2]  # without user and password
        _check_host(host.encode("latin-1"))
        target = "/" + path
    path, _, query = target.partition("?")
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": request.method.decode("ascii"),
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "REQUEST_URI": target,
        "SERVER_PROTOCOL": "HTTP/" + request.http_version.decode("ascii"),
        "wsgi.version": (1, 0),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
    }
    for raw_name, raw_value in request.headers:
        name, value = raw_name.decode("ascii"), raw_value.decode("latin-1")
        if "_" in name:  # could be mistaken for the name with a hyphen
            continue
        key = name.upper().replace("-", "_")
        key = key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else "HTTP_" + key
        environ[key] = f"{environ[key]}, {value}" if key in environ else value
    if host:  # it takes precedence over the header (RFC 9112, section 3.2.2)
        environ["HTTP_HOST"] = host
    return environ
