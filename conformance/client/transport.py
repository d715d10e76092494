"""Two transports to a registry, into a WSGI callable and over HTTP, which return the same exchanges.

Neither follows a redirect, retries or decodes; whatever the server says reaches the scenario.
"""

from __future__ import annotations

import io
import re
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext
from http.client import HTTPException
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import SplitResult, unquote_to_bytes

from conformance.client.exchange import Exchange, Header, Request
from conformance.output.secrets import learn_token, learn_tokens_in, redact
from conformance.output.terminal import visible
from conformance.urls import NOWHERE, origin_of, parsed, port_of

if TYPE_CHECKING:
    from pathlib import Path
    from wsgiref.types import WSGIApplication

    from urllib3 import BaseHTTPResponse, HTTPConnectionPool, HTTPSConnectionPool

IN_PROCESS_URL = "http://registry.test"
USER_AGENT = "fakereg-conformance"
LONGEST_SENTENCE = 600
LONGEST_TOKENS = 100_000
"""No answer of a token service has more bytes."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_STATUS = re.compile(r"[1-9][0-9]{2} .*")
_WITH_BODY = {"POST", "PUT", "PATCH"}
_HOP_BY_HOP = {"connection", "keep-alive", "proxy-authenticate", "te", "trailer", "transfer-encoding", "upgrade"}


class TransportError(Exception):
    """No answer: the request cannot be sent, the connection was refused or closed, it took too long, was too much, or
    was not HTTP. One sentence, without secrets.
    """

    def __init__(self, text: str) -> None:
        super().__init__(
            text if len(text := visible(redact(text), keep="")) <= LONGEST_SENTENCE else f"{text[:LONGEST_SENTENCE]}..."
        )


class ProtocolViolation(Exception):
    """A violation of PEP 3333 by a WSGI application."""


class Transport(Protocol):
    """Send one request and return the exchange; `base_url` has no slash at its end."""

    base_url: str

    def send(self, request: Request) -> Exchange: ...

    def close(self) -> None: ...


def complete(request: Request) -> Request:
    """Add the headers that both transports send, so that their exchanges are equal."""
    names = {name.lower() for name, _ in request.headers}
    framing = [] if "content-length" in names else _framing(request)
    constant = [("User-Agent", USER_AGENT), ("Accept-Encoding", "identity")]
    added = [pair for pair in constant if pair[0].lower() not in names]
    return Request(request.method, request.url, (*request.headers, *added, *framing), request.body)


def received(request: Request, status: int, headers: tuple[Header, ...], body: bytes, seconds: float) -> Exchange:
    """Make the exchange of a request and its answer, and learn the secrets in them."""
    for name, value in request.headers:
        if name.lower() in {"authorization", "cookie"}:
            learn_token(value.partition(" ")[2] or value)
    if len(body) <= LONGEST_TOKENS and b"oken" in body:
        learn_tokens_in(body.decode(errors="replace"))
    return Exchange(request, status, headers, body, seconds)


def _framing(request: Request) -> list[Header]:
    if not isinstance(request.body, bytes):
        return [("Transfer-Encoding", "chunked")]
    if request.body or request.method in _WITH_BODY:
        return [("Content-Length", str(len(request.body)))]
    return []


class WsgiTransport:
    """Call a WSGI application in this process and check it against PEP 3333.

    It stands for the host of `base_url` and, with a `hostname`, for that and every name below it.
    """

    def __init__(self, app: WSGIApplication, *, base_url: str = IN_PROCESS_URL, hostname: str = "") -> None:
        self._app = app
        self.base_url = base_url
        self._hostname = hostname

    def send(self, request: Request) -> Exchange:
        """Run the application to its end; raise TransportError for a URL of another host."""
        request = complete(request)
        if not self._is_here(request.url):
            raise TransportError(f"{request.url} leads out of the process, where no socket is open")
        started = time.perf_counter()
        call = _WsgiCall(self._app, environ(request))
        body = call.run()
        return received(request, call.status, tuple(call.headers), body, time.perf_counter() - started)

    def _is_here(self, url: str) -> bool:
        if origin_of(url) == origin_of(self.base_url):
            return True
        host = parsed(url).hostname or ""
        return bool(self._hostname) and (host == self._hostname or host.endswith(f".{self._hostname}"))

    def close(self) -> None:
        """Do nothing: no connection is open."""


def environ(request: Request) -> dict[str, Any]:
    """Make the environment of a request by PEP 3333."""
    parts = parsed(request.url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    variables: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(parts.path).decode("latin-1"),
        "QUERY_STRING": parts.query,
        "REQUEST_URI": target,
        "RAW_URI": target,
        "SERVER_NAME": parts.hostname or "",
        "SERVER_PORT": str(port_of(parts)),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": parts.scheme,
        "wsgi.input": _input(request),
        "wsgi.input_terminated": True,
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in (("Host", parts.netloc), *request.headers):
        key = name.upper().replace("-", "_")
        key = key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"
        joined = f"{variables[key]}, {value}" if key in variables and key != "HTTP_HOST" else value
        variables[key] = joined
    return variables


def _input(request: Request) -> io.BufferedReader | io.BytesIO:
    if isinstance(request.body, bytes):
        return io.BytesIO(request.body)
    return io.BufferedReader(_Stream(iter(request.body)))


class _Stream(io.RawIOBase):
    """An iterator of bytes as a file, read a piece at a time."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = piece
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count


class _WsgiCall:
    """One call of a WSGI application: `start_response`, the written and the iterated body, and `close`."""

    def __init__(self, app: WSGIApplication, variables: dict[str, Any]) -> None:
        self._app = app
        self._environ = variables
        self._written: list[bytes] = []
        self.status = 0
        self.headers: list[Header] = []

    def run(self) -> bytes:
        result: Iterable[bytes] = self._app(self._environ, self._start_response)
        try:
            for piece in result:
                self._write(piece)
        finally:
            close = getattr(result, "close", None)
            if close is not None:
                close()
        if not self.status:
            raise ProtocolViolation("the application never called start_response")
        return b"".join(self._written)

    def _start_response(self, status: str, headers: list[Header], exc_info: Any = None) -> Callable[[bytes], object]:
        if self.status and exc_info is None:
            raise ProtocolViolation("start_response was called twice")
        if self._written and exc_info is not None:
            raise exc_info[1].with_traceback(exc_info[2])
        if not _STATUS.fullmatch(status):
            raise ProtocolViolation(f"the status {status!r} is not three digits, a space and a reason")
        for name, value in headers:
            _check_header(name, value)
        self.status, self.headers = int(status[:3]), list(headers)
        return self._write

    def _write(self, piece: bytes) -> None:
        if not isinstance(piece, bytes):
            raise ProtocolViolation(f"the body has a piece of type {type(piece).__name__}, not bytes")
        if piece and not self.status:
            raise ProtocolViolation("the body began before start_response was called")
        if piece:
            self._written.append(piece)


def _check_header(name: str, value: str) -> None:
    if type(name) is not str or type(value) is not str:
        types = f"{type(name).__name__} and {type(value).__name__}"
        raise ProtocolViolation(f"the header {name!r} is a pair of {types}, where PEP 3333 wants str exactly")
    if name.lower() in _HOP_BY_HOP:
        raise ProtocolViolation(f"the header {name} belongs to the server, not to the application")
    if _CONTROL.search(name) or _CONTROL.search(value):
        raise ProtocolViolation(f"the header {name} holds a control character")


class HttpTransport:
    """Send requests over HTTP, on sockets that are kept alive.

    `timeout` (seconds) holds for connecting, for each write and read, and for an answer from its first to its last
    byte. `resolve` leads `HOST:PORT` to an address, as curl's --resolve does; the name still goes out as Host and SNI.
    """

    def __init__(
        self,
        base_url: str,
        *,
        timeout: float = 30.0,
        ca: Path | None = None,
        insecure: bool = False,
        resolve: Mapping[str, str] | None = None,
    ) -> None:
        from urllib3 import PoolManager, Timeout
        from urllib3.exceptions import InsecureRequestWarning

        from conformance.client.bounds import POOLS

        self.base_url = base_url.rstrip("/")
        self._timeout = Timeout(connect=timeout, read=timeout)
        self._seconds = timeout
        self._insecure = InsecureRequestWarning if insecure else None
        self._resolve = dict(resolve or {})
        self._pools = PoolManager(
            cert_reqs="CERT_NONE" if insecure else "CERT_REQUIRED",
            ca_certs=str(ca) if ca else None,
            maxsize=4,
            retries=False,
        )
        self._pools.pool_classes_by_scheme = POOLS

    def __enter__(self) -> HttpTransport:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def send(self, request: Request) -> Exchange:
        """Send a request and read the whole answer; raise TransportError with the reason if none comes."""
        from urllib3.exceptions import HTTPError

        from conformance.client.bounds import Bounds

        request = complete(request)
        if parsed(request.url) == NOWHERE:
            raise TransportError(f"{request.method} cannot be sent to {request.url!r}, which is no URL of a server")
        quiet = warnings.catch_warnings(action="ignore", category=self._insecure) if self._insecure else nullcontext()
        started, bounds = time.perf_counter(), Bounds(self._seconds)
        try:
            with quiet, bounds:
                response = self._open_again(request)
                body = _read(response)
        except (HTTPError, HTTPException, OSError, ValueError) as error:
            raise TransportError(self._sentence(request, bounds.problem or error)) from error
        headers = tuple((str(name), str(value)) for name, value in response.headers.iteritems())
        return received(request, response.status, headers, body, time.perf_counter() - started)

    def _open_again(self, request: Request) -> BaseHTTPResponse:
        """Send, and send again if the server had closed the kept connection, as it may at any time.

        Only what reads is sent again (RFC 9112 section 9.3.1).
        """
        from urllib3.exceptions import ProtocolError

        pool = self._pool(parsed(request.url))
        known = pool.num_connections
        try:
            return self._open(request)
        except ProtocolError:
            if request.method not in {"GET", "HEAD"} or pool.num_connections != known:
                raise
            return self._open(request)

    def _open(self, request: Request) -> BaseHTTPResponse:
        from urllib3 import HTTPHeaderDict

        parts = parsed(request.url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        named = [] if any(name.lower() == "host" for name, _ in request.headers) else [("Host", parts.netloc)]
        return self._pool(parts).urlopen(
            request.method,
            target or "/",
            body=request.body or None,
            headers=HTTPHeaderDict([*named, *request.headers]),
            redirect=False,
            retries=False,
            assert_same_host=False,
            timeout=self._timeout,
            preload_content=False,
            decode_content=False,
            enforce_content_length=False,
        )

    def _pool(self, parts: SplitResult) -> HTTPConnectionPool | HTTPSConnectionPool:
        host = parts.hostname or ""
        port = port_of(parts)
        address = self._resolve.get(f"{host}:{port}")
        named = {"server_hostname": host, "assert_hostname": host} if address and parts.scheme == "https" else {}
        return self._pools.connection_from_host(address or host, port, parts.scheme, pool_kwargs=named)

    def _sentence(self, request: Request, error: Exception | str) -> str:
        from urllib3.exceptions import NameResolutionError, NewConnectionError, ProtocolError, SSLError
        from urllib3.exceptions import TimeoutError as UrllibTimeout

        cause: object = error
        if isinstance(error, NameResolutionError):
            cause = "the name leads nowhere (--conformance-resolve HOST:PORT:ADDRESS can lead it)"
        elif isinstance(error, NewConnectionError):
            cause = "nothing listens there"
        elif isinstance(error, UrllibTimeout | TimeoutError):
            cause = f"no answer within {self._seconds:g} s"
        elif isinstance(error, SSLError):
            cause = f"the certificate or the TLS version was not accepted, or it speaks http:// ({error})"
        elif isinstance(error, ProtocolError):
            cause = f"the connection was closed or what came is not HTTP ({error})"
        elif isinstance(error, ValueError):
            cause = f"HTTP cannot say this ({error})"
        return f"{request.method} {request.url} failed: {cause}"

    def close(self) -> None:
        """Close every connection."""
        pools = self._pools.pools
        for pool in [pools[key] for key in set(pools.keys())]:
            pool.close()  # forgetting one closes it only once nothing refers to it
        self._pools.clear()


def _read(response: BaseHTTPResponse) -> bytes:
    """Read the body to its end, even an early one, and release the connection."""
    try:
        return b"".join(response.stream(65536, decode_content=False))
    finally:
        response.release_conn()
