"""WSGI applications of the caller's around the registry, and what they answer."""

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
    """Return the answer of a WSGI application, which has begun; its body is read when it is sent.

    Raise what the application raises before it begins to answer, RuntimeError if it ends without an answer.
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
    """A request body that reads like a file, as PEP 3333 wants it: all that is asked for, and less only at the end.

    The registry itself wants to have each part of a body as soon as it has come.
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
    """Give the application a body as it was, if the middleware has left it there."""

    def unwrapped(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if isinstance(environ["wsgi.input"], _WholeReads):
            environ = {**environ, "wsgi.input": environ["wsgi.input"].stream}
        return application(environ, start_response)

    return unwrapped


def _begin(body: Iterable[bytes], early: list[bytes]) -> Iterable[bytes]:
    """Let a body come to its first part, before which the application has to begin; `early` are parts before it."""
    close = getattr(body, "close", None)
    try:
        parts = iter(body)
        early += islice(parts, 1)
    except BaseException:
        if close:
            close()
        raise
    return ClosingIterator(chain(early, parts), close)
