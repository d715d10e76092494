"""Run the WSGI middleware of the user around the registry, and take its answers."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, islice
from typing import IO, TYPE_CHECKING, Any

from werkzeug.wrappers import Response
from werkzeug.wsgi import ClosingIterator

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from fakereg.options import Middleware


class _Answer(Response):
    default_mimetype = None  # an answer without a Content-Type gets none


def wrap(application: WSGIApplication, middleware: Sequence[Middleware]) -> WSGIApplication:
    """Put each middleware around the application, the first outermost."""
    application = _unwrapping(application)
    for layer in reversed(middleware):
        application = layer(application)
    return application


def ask(application: WSGIApplication, environ: WSGIEnvironment) -> Response:
    """Call a WSGI application and return its answer, once it has begun; the body is read when it is sent.

    Let exceptions pass that the application raises before it begins; raise RuntimeError if it ends without an answer.
    """
    begun: list[tuple[str, list[tuple[str, str]]]] = []
    early: list[bytes] = []

    def start_response(
        status: str, headers: list[tuple[str, str]], exc_info: object = None, /
    ) -> Callable[[bytes], object]:
        begun[:] = [(status, headers)]
        return early.append

    body = application({**environ, "wsgi.input": _WholeReads(environ["wsgi.input"])}, start_response)
    if early or not begun:
        body = _begin(body, early)
    if not begun:
        raise RuntimeError("the application ended without an answer")
    status, headers = begun[0]
    return _Answer(body, status, headers, direct_passthrough=True)


class _WholeReads(io.RawIOBase):
    """A request body that reads like a file, as PEP 3333 requires: a read returns fewer bytes only at the end.

    The registry itself reads the unwrapped body, to have each part as soon as it has arrived.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__()
        self.stream = stream

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:
            return self.readall()
        content = bytearray()
        while len(content) < size and (part := self.stream.read(size - len(content))):
            content += part
        return bytes(content)

    def readinto(self, buffer: Any, /) -> int:
        content = self.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)


def _unwrapping(application: WSGIApplication) -> WSGIApplication:
    """Unwrap the body for the application, unless the middleware has replaced it."""

    def unwrapped(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if isinstance(environ["wsgi.input"], _WholeReads):
            environ = {**environ, "wsgi.input": environ["wsgi.input"].stream}
        return application(environ, start_response)

    return unwrapped


def _begin(body: Iterable[bytes], early: list[bytes]) -> Iterable[bytes]:
    """Read the first part of a body, before which the application must begin; `early` are parts that it has written."""
    close = getattr(body, "close", None)
    try:
        parts = iter(body)
        early += islice(parts, 1)
    except BaseException:
        if close:
            close()
        raise
    return ClosingIterator(chain(early, parts), close)
