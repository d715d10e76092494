"""The registry as a WSGI callable: record each request, route it, call its handler, turn every error into an answer."""

from __future__ import annotations

import json
import logging
import string
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from werkzeug.exceptions import ClientDisconnected
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Request, Response

from fakereg import routes
from fakereg.auth.caller import DELETE, PUSH
from fakereg.dialect.fields import Dialect
from fakereg.github.policy import Policies
from fakereg.github.state import GitHub
from fakereg.http import authorization, middleware
from fakereg.http.call import DEFAULT_POLICY, Call, Policy
from fakereg.http.hosts import Face
from fakereg.http.instance import Instance
from fakereg.journal import METHOD_LIMIT, PATH_LIMIT, Entry, redact, redact_query, redact_text, sent_headers
from fakereg.options import Options, method_takes
from fakereg.routes import Resource
from fakereg.spec.errors import Code, RegistryError
from fakereg.spec.names import Name
from fakereg.storage.base import StorageError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_log = logging.getLogger("fakereg.requests")

_TARGET_CHARACTERS, _ADDRESS_CHARACTERS = 3000, 100
"""Most characters of a path with its query, and of an address, in a line of the log: a pipe takes 4096 bytes."""

_RUNS_NOTHING = "default-src 'none'; sandbox"
"""The policy of every answer but the pages, for browsers: clients choose content, media types and parts of texts."""

_NOTES = "fakereg.notes"
"""The key in the WSGI environment that carries the notes of a request through the middleware."""


class Registry(Instance):
    """A fake registry, or several behind one socket; the keywords are the fields of `fakereg.options.Options`.

    It is a WSGI callable for clients that take one. `fakereg.serve` runs it on a socket, and then its address is in
    `url` (`http://127.0.0.1:PORT`) and `host` (`127.0.0.1:PORT`).
    """

    @method_takes(Options)
    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self.github = GitHub(sites=self.sites, accounts=self.accounts, clock=options.clock, migrated=options.migrated)
        self._vendors = (Policies(self.github),)
        self._policies = {site.dialect.name: self._policy_of(site.dialect) for site in self.sites.all}
        self._wrapped = middleware.wrap(self._innermost, options.middleware) if options.middleware else None

    def change(self, registry: str, settings: Mapping[str, object]) -> None:
        """Change settings as `configure` does; the policy of the registry follows."""
        super().change(registry, settings)
        self._policies = {site.dialect.name: self._policy_of(site.dialect) for site in self.sites.all}

    def reset(self) -> None:
        """Forget all content, the journal and the counts of the rate limit; accounts and settings stay.

        Raise ValueError while a migration runs.
        """
        with ExitStack() as stack:
            for policy in self._policies.values():
                stack.enter_context(policy.resetting())
            super().reset()

    def close(self) -> None:
        """Write what is in memory alone, and close the storages."""
        try:
            self.github.close()
        finally:
            super().close()

    def _policy_of(self, dialect: Dialect) -> Policy:
        return next(filter(None, (vendor.of(dialect) for vendor in self._vendors)), DEFAULT_POLICY)

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
        method = request.method[:METHOD_LIMIT]
        path = redact_text(request.path)[:PATH_LIMIT]
        query = redact_query(request.query_string.decode("latin-1"))[:PATH_LIMIT]
        entry = Entry(method, path, query, redact(sent_headers(environ)), status, seconds, tuple(notes))
        if not routes.is_control(request.path):  # reading the journal must not add to it
            self.journal.record(entry)
        if _log.isEnabledFor(logging.INFO):
            _log.info(
                '%s "%s %s" %d %.1fms',
                _visible(request.remote_addr or "-", _ADDRESS_CHARACTERS),
                _visible(method),
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
        except Exception:  # a middleware may raise anything; answer 503 like any failing server
            logging.getLogger("fakereg").exception("a middleware failed")
            reason = RegistryError(
                Code.DENIED, "a middleware failed, see the log", status=503, headers={"Retry-After": "60"}
            )
        return self._refusal(reason, request, routes.NOTHING, self.dialect)

    def _innermost(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request that the middleware lets through."""
        request = _request(environ)
        return self._answer(request, environ.get(_NOTES, []))(environ, start_response)

    def _answer(self, request: Request, notes: list[str]) -> Response:
        dialect = self.sites.all[0].dialect
        resource = routes.NOTHING
        try:
            face = self._face(request)
            dialect = face.site.dialect
            policy = self._policies[dialect.name]
            call = Call(request, face.site, dialect, face.site, self, policy=policy, notes=notes)
            if face.registry and routes.is_registry(request.path):
                if dialect.rate_limit:
                    self.rates.check(request.remote_addr or "", dialect.rate_limit)
                if dialect.auth != "none":
                    call = replace(call, caller=authorization.identify(call))
                    if dialect.checked_first == "endpoint":
                        authorization.require_credentials(call, ping=routes.is_ping(request.path))
            resource, arguments = routes.find(call, face, self._policies.values())
            response = _handle(_at_home(call, arguments), resource, arguments)
        except (RegistryError, ClientDisconnected, OSError, StorageError) as problem:
            response = self._refusal(_reason(problem), request, resource, dialect)
        if resource is not routes.ROOT:
            response.headers["Docker-Distribution-API-Version"] = "registry/2.0"
        if dialect.json_charset and response.content_type == "application/json":
            response.content_type = "application/json; charset=utf-8"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers.setdefault("Content-Security-Policy", _RUNS_NOTHING)
        if dialect.warnings:
            for warning in dialect.warning_headers():
                response.headers.add("Warning", warning)
        return response

    def _face(self, request: Request) -> Face:
        if routes.is_control(request.path):
            return self.sites.anywhere
        return self.sites.everything or self.sites.find(request)

    def _refusal(self, refusal: RegistryError, request: Request, resource: Resource, dialect: Dialect) -> Response:
        forms = (policy.refusal(request.path, refusal) for policy in self._policies.values())
        response = next(filter(None, forms), None) or _registry_refusal(refusal)
        response.headers.extend(refusal.headers)
        if refusal.status == 405:
            response.headers["Allow"] = routes.allow(resource, dialect, refused=request.method)
        return response


def _request(environ: WSGIEnvironment) -> Request:
    """Return the request, with path, query and method as they were sent, where werkzeug would change them."""
    if not environ.get("QUERY_STRING", "").isascii():  # werkzeug decodes unescaped bytes as UTF-8 or fails
        environ["QUERY_STRING"] = quote(environ["QUERY_STRING"], safe=string.printable, encoding="latin-1")
    request = Request(environ)
    path = environ.get("PATH_INFO", "")
    more = len(path) - len(path.lstrip("/")) - 1
    request.path = "/" * more + request.path  # werkzeug leaves one slash at the start
    request.method = environ["REQUEST_METHOD"]  # werkzeug turns `get` into GET, against RFC 9110, section 9.1
    return request


def _visible(text: str, most: int = _TARGET_CHARACTERS) -> str:
    """Escape the characters of a client's text that could control a terminal or begin a new line; cut what is long."""
    escaped = ascii(text)[1:-1]
    return escaped if len(escaped) <= most else f"{escaped[:most]}..."


def _at_home(call: Call, arguments: tuple[str, ...]) -> Call:
    """Return the call with the registry that holds the content of its repository."""
    home = call.policy.home(call.site, name) if (name := _name(arguments)) else call.home
    return call if home is call.home else replace(call, home=home)


def _name(arguments: tuple[str, ...]) -> Name | None:
    return arguments[0] if arguments and isinstance(arguments[0], Name) else None


def _handle(call: Call, resource: Resource, arguments: tuple[str, ...]) -> Response:
    """Return the answer of the endpoint; raise RegistryError if there is none, or if the caller is not allowed."""
    name = _name(arguments)
    rights_first, protected = call.dialect.checked_first == "rights", call.dialect.auth != "none"
    if rights_first and protected and (action := routes.first_action(resource, call.request.method, name)):
        authorization.authorize(call, action, name)
    endpoint = routes.endpoint(resource, call, arguments)
    if endpoint.action and protected and not rights_first:
        authorization.authorize(call, endpoint.action, name)
    if name and endpoint.action in (PUSH, DELETE):
        call.policy.check_write(call, name)
    return endpoint.handler(call, *arguments)


def _reason(problem: Exception) -> RegistryError:
    """Return the error to answer a failure with."""
    match problem:
        case RegistryError():
            return problem
        case ClientDisconnected() | ConnectionError():
            return RegistryError(Code.SIZE_INVALID, f"the request body cannot be read: {problem}")
        case TimeoutError():
            return RegistryError(Code.SIZE_INVALID, "the request body did not arrive in time", status=408)
    logging.getLogger("fakereg").error("the storage failed: %s", problem)
    return RegistryError(Code.DENIED, "the storage failed, see the log", status=503, headers={"Retry-After": "60"})


def _registry_refusal(refusal: RegistryError) -> Response:
    if refusal.plain:
        return Response(f"{refusal.message}\n", refusal.status, content_type=refusal.content_type)
    return Response(json.dumps(refusal.body()), refusal.status, content_type=refusal.content_type)
