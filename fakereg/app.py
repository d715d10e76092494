"""The registry as a WSGI callable: journal, route, handler, and the one place that answers for errors."""

from __future__ import annotations

import json
import logging
import string
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Unpack
from urllib.parse import quote

from werkzeug.exceptions import ClientDisconnected
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Request, Response

from fakereg import routes
from fakereg.auth.caller import DELETE, PUSH
from fakereg.dialect.fields import Dialect
from fakereg.github.policy import Policies
from fakereg.github.state import GitHub
from fakereg.http import authorization
from fakereg.http.call import DEFAULT_POLICY, Call, Policy
from fakereg.http.hosts import Face
from fakereg.http.instance import Instance, Options
from fakereg.journal import PATH_LIMIT, Entry, redact, redact_query, sent_headers
from fakereg.routes import Endpoint, Resource
from fakereg.spec.errors import Code, RegistryError
from fakereg.spec.names import Name
from fakereg.storage.base import StorageError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_log = logging.getLogger("fakereg.requests")


class Registry(Instance):
    """A fake registry, or several behind one socket, with the arguments of `Instance`.

    It is a WSGI callable for clients that take one; `fakereg.serve` gives it a socket, and then `url`
    (`http://127.0.0.1:PORT`) and `host` (`127.0.0.1:PORT`) say where it is.
    """

    def __init__(self, **options: Unpack[Options]) -> None:
        super().__init__(**options)
        self.github = GitHub(sites=self.sites, accounts=self.accounts, clock=self.clock, migrated=self.migrated)
        self._vendors = (Policies(self.github),)
        self._policies = {site.dialect.name: self._policy_of(site.dialect) for site in self.sites.all}

    def change(self, registry: str, settings: Mapping[str, str]) -> None:
        """Change settings, given as text; the policy of the registry follows."""
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

    def _policy_of(self, dialect: Dialect) -> Policy:
        return next(filter(None, (vendor.of(dialect) for vendor in self._vendors)), DEFAULT_POLICY)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        application = ProxyFix(self._respond, x_host=1) if self.trust_proxy else self._respond
        return application(environ, start_response)

    def _respond(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        started = time.perf_counter()
        if not environ.get("QUERY_STRING", "").isascii():  # werkzeug reads bytes that are not escaped as UTF-8 or fails
            environ["QUERY_STRING"] = quote(environ["QUERY_STRING"], safe=string.printable, encoding="latin-1")
        request = Request(environ)
        request.method = environ["REQUEST_METHOD"]  # werkzeug takes `get` for GET; RFC 9110, section 9.1, does not
        notes: list[str] = []
        response = self._answer(request, notes)
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

    def _answer(self, request: Request, notes: list[str]) -> Response:
        dialect = self.sites.all[0].dialect
        resource: Resource = {}
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
                    authorization.require_credentials(call, ping=routes.is_ping(request.path))
            resource, arguments = routes.find(call, face, self._policies.values())
            response = _handle(call, routes.endpoint(resource, request.method, dialect), arguments)
        except (RegistryError, ClientDisconnected, OSError, StorageError) as problem:
            response = self._refusal(_reason(problem), request, resource, dialect)
        response.headers["Docker-Distribution-API-Version"] = "registry/2.0"
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


def _visible(text: str) -> str:
    """What a client sent, without the characters that would command a terminal or begin a line."""
    return ascii(text)[1:-1]


def _handle(call: Call, endpoint: Endpoint, arguments: tuple[str, ...]) -> Response:
    """The answer of the endpoint, if the caller may have it."""
    name = arguments[0] if arguments and isinstance(arguments[0], Name) else None
    if name and (home := call.policy.home(call.site, name)) is not call.home:
        call = replace(call, home=home)
    if endpoint.action and call.dialect.auth != "none":
        authorization.authorize(call, endpoint.action, name)
    if name and endpoint.action in (PUSH, DELETE):
        call.policy.check_write(call, name)
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


def _registry_refusal(refusal: RegistryError) -> Response:
    if refusal.plain:
        return Response(f"{refusal.message}\n", refusal.status, content_type=refusal.content_type)
    return Response(json.dumps(refusal.body()), refusal.status, content_type=refusal.content_type)
