"""The registry as a WSGI callable: journal, route, handler, and the one place that answers for errors."""

from __future__ import annotations

import json
import logging
import string
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from werkzeug.exceptions import ClientDisconnected
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Request, Response

from fakereg import routes
from fakereg.auth.caller import DELETE, PUSH
from fakereg.dialect.fields import Dialect
from fakereg.github.web import html
from fakereg.github.web.lists import error_body
from fakereg.http import authorization, middleware
from fakereg.http.call import Call
from fakereg.http.instance import Instance
from fakereg.journal import PATH_LIMIT, Entry, redact, redact_query, sent_headers
from fakereg.options import Options, method_takes
from fakereg.routes import Endpoint, Resource
from fakereg.spec.errors import Code, RegistryError
from fakereg.spec.names import Name
from fakereg.storage.base import StorageError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_log = logging.getLogger("fakereg.requests")

_NOTES = "fakereg.notes"
"""The key of the environment under which the notes of a request pass through the middleware."""


class Registry(Instance):
    """A fake registry, or several behind one socket; the keywords are the fields of `fakereg.options.Options`.

    It is a WSGI callable for clients that take one; `fakereg.serve` gives it a socket, and then `url`
    (`http://127.0.0.1:PORT`) and `host` (`127.0.0.1:PORT`) say where it is.
    """

    @method_takes(Options)
    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._wrapped = middleware.wrap(self._innermost, options.middleware) if options.middleware else None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        application = ProxyFix(self._respond, x_host=1) if self.trust_proxy else self._respond
        return application(environ, start_response)

    def _respond(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        started = time.perf_counter()
        request = _request(environ)
        notes: list[str] = []
        response = (
            self._ask_middleware(self._wrapped, request, notes) if self._wrapped else self._answer(request, notes)
        )
        seconds = time.perf_counter() - started
        status = response.status_code
        path, query = request.path, redact_query(request.query_string.decode("latin-1"))
        kept = path[:PATH_LIMIT], query[:PATH_LIMIT]
        entry = Entry(request.method, *kept, redact(sent_headers(environ)), status, seconds, tuple(notes))
        if not routes.is_control(request.path):  # else whoever reads the journal finds that they read it
            self.journal.record(entry)
        if _log.isEnabledFor(logging.INFO):
            _log.info(
                '%s "%s %s" %d %.1fms',
                _visible(request.remote_addr or "-"),
                _visible(request.method),
                _visible(f"{path}?{query}".rstrip("?")),
                status,
                seconds * 1000,
            )
        return response(environ, start_response)

    def _ask_middleware(self, wrapped: WSGIApplication, request: Request, notes: list[str]) -> Response:
        """Return the answer of the middleware, or a refusal if it fails."""
        try:
            return middleware.ask(wrapped, {**request.environ, _NOTES: notes})
        except (RegistryError, ClientDisconnected, ConnectionError, TimeoutError) as problem:
            reason = _reason(problem)
        except Exception:  # it is not ours, and a server that fails answers 503
            logging.getLogger("fakereg").exception("a middleware failed")
            reason = RegistryError(
                Code.DENIED, "a middleware failed, see the log", status=503, headers={"Retry-After": "60"}
            )
        return _refusal(reason, request, {}, self.dialect)

    def _innermost(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request that the middleware lets through."""
        request = _request(environ)
        return self._answer(request, environ.get(_NOTES, []))(environ, start_response)

    def _answer(self, request: Request, notes: list[str]) -> Response:
        dialect = self.dialect
        resource: Resource = {}
        try:
            face = self.sites.anywhere if routes.is_control(request.path) else self.sites.find(request)
            dialect = face.site.dialect
            call = Call(request, face.site, dialect, face.site, self, notes=notes)
            if face.registry and routes.is_registry(request.path):
                self.rates.check(request.remote_addr or "", dialect.rate_limit)
                if dialect.auth != "none":
                    call = replace(call, caller=authorization.identify(call))
                    authorization.require_credentials(call, ping=routes.is_ping(request.path))
            resource, arguments = routes.find(request, face)
            response = _handle(call, routes.endpoint(resource, request.method, dialect), arguments)
        except (RegistryError, ClientDisconnected, OSError, StorageError) as problem:
            response = _refusal(_reason(problem), request, resource, dialect)
        response.headers["Docker-Distribution-API-Version"] = "registry/2.0"
        for warning in dialect.warning_headers():
            response.headers.add("Warning", warning)
        return response


def _request(environ: WSGIEnvironment) -> Request:
    """Return the request, with what werkzeug would read otherwise than it was sent."""
    if not environ.get("QUERY_STRING", "").isascii():  # it reads bytes that are not escaped as UTF-8 or fails
        environ["QUERY_STRING"] = quote(environ["QUERY_STRING"], safe=string.printable, encoding="latin-1")
    request = Request(environ)
    request.method = environ["REQUEST_METHOD"]  # it takes `get` for GET; RFC 9110, section 9.1, does not
    return request


def _visible(text: str) -> str:
    """What a client sent, without the characters that would command a terminal or begin a line."""
    return ascii(text)[1:-1]


def _handle(call: Call, endpoint: Endpoint, arguments: tuple[str, ...]) -> Response:
    """The answer of the endpoint, if the caller may have it."""
    name = arguments[0] if arguments and isinstance(arguments[0], Name) else None
    if name and (home := call.instance.home(call.site, name)) is not call.home:
        call = replace(call, home=home)
    if endpoint.action:
        authorization.authorize(call, endpoint.action, name)
    if name and endpoint.action in (PUSH, DELETE):
        call.instance.packages.check_settled(name)
    return endpoint.handler(call, *arguments)


def _reason(problem: Exception) -> RegistryError:
    """What went wrong, as the client is told it."""
    match problem:
        case RegistryError():
            return problem
        case ClientDisconnected() | ConnectionError():
            return RegistryError(Code.SIZE_INVALID, f"the request body cannot be read: {problem}")
        case TimeoutError():
            return RegistryError(Code.SIZE_INVALID, "the request body did not arrive in time", status=408)
    logging.getLogger("fakereg").error("the storage failed: %s", problem)
    return RegistryError(Code.DENIED, "the storage failed, see the log", status=503, headers={"Retry-After": "60"})


def _refusal(refusal: RegistryError, request: Request, resource: Resource, dialect: Dialect) -> Response:
    headers: dict[str, Any] = dict(refusal.headers)
    if refusal.status == 405:
        headers["Allow"] = routes.allow(resource, dialect, refused=request.method)
    if routes.is_page(request.path):
        page = html.refusal(refusal)
        page.headers.extend(headers)
        return page
    if refusal.plain:
        return Response(f"{refusal.message}\n", refusal.status, headers=headers, content_type=refusal.content_type)
    body = error_body(refusal) if routes.is_api(request.path) else refusal.body()
    return Response(json.dumps(body), refusal.status, headers=headers, content_type=refusal.content_type)
