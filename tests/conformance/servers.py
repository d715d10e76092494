"""Small servers for the tests: scripted WSGI applications, and a thread that puts one on a socket."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from conformance.client.exchange import Exchange, Header, Request


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def served(app: WSGIApplication) -> Iterator[str]:
    """Serve a WSGI application on 127.0.0.1 and give its URL."""
    server: WSGIServer
    with make_server("127.0.0.1", 0, app, handler_class=_Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def answering(status: int, *headers: Header, body: bytes = b"") -> WSGIApplication:
    """A server that always gives the same answer."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response(f"{status} Whatever", [*headers, ("Content-Length", str(len(body)))])
        return [body]

    return app


def adding(app: WSGIApplication, *headers: Header) -> WSGIApplication:
    """An application whose every answer gets some headers more."""

    def changed(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, given: list[Header], exc_info: Any = None) -> Callable[[bytes], object]:
            return start_response(status, [*given, *headers], exc_info)

        return app(environ, start)

    return changed


def exchange(
    status: int = 200,
    *headers: Header,
    body: bytes = b"",
    method: str = "GET",
    path: str = "/v2/a/manifests/v1",
    sent: tuple[Header, ...] = (),
    sent_body: bytes = b"",
) -> Exchange:
    """An exchange made up for a test."""
    return Exchange(Request(method, f"http://registry.test{path}", sent, sent_body), status, headers, body, 0.0)
