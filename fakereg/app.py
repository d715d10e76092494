"""The registry as a WSGI callable: journal, route, handler, and the one place that answers for errors."""

from __future__ import annotations

import functools
import json
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import ClientDisconnected
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Request, Response

from fakereg import auth, dialects, routes
from fakereg.accounts import Accounts, sample
from fakereg.clock import Clock
from fakereg.dialects import Dialect
from fakereg.errors import Code, RegistryError
from fakereg.instance import Instance
from fakereg.journal import PATH_LIMIT, Entry, Journal, redact
from fakereg.limits import RateLimit
from fakereg.names import Name
from fakereg.packages import Packages
from fakereg.routes import Endpoint, Resource
from fakereg.sites import Sites, new_tokens
from fakereg.storage import open_storage
from fakereg.storage.base import Storage, StorageError
from fakereg.wsgi import Call

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_log = logging.getLogger("fakereg.requests")


class Registry:
    """A fake registry, or several behind one socket.

    It is a WSGI callable for clients that take one; `fakereg.serve` gives it a socket, and then `url`
    (`http://127.0.0.1:PORT`) and `host` (`127.0.0.1:PORT`) say where it is.
    `dialect` is a Dialect or its text (`oci,referrers=false`), `storage` a Storage or its text (`memory`,
    `directory:PATH`); `clock` gives seconds, `sleep` waits for some, and `new_id` gives a new unique text for upload
    sessions. Several dialects make as many registries: with `hostname`, each is at a host of its own, as
    `subdomain_isolation` has it, and the texts of storages get the dialect's name as a subfolder. `trust_proxy` obeys
    X-Forwarded-Host, -Proto and -For.
    `accounts` are asked by dialects that authenticate; by default they are `fakereg.accounts.sample()`.
    `token_key` and `token_cert`, paths of PEM files, sign the tokens of dialects whose tokens are JWTs.
    Raise ValueError for an unknown dialect or storage, StorageError for one that cannot be opened.
    """

    def __init__(
        self,
        *,
        dialect: Dialect | str | Sequence[Dialect | str] = "oci",
        storage: Storage | str = "memory",
        accounts: Accounts | None = None,
        hostname: str = "",
        subdomain_isolation: bool = True,
        unknown_host_status: int = 421,
        trust_proxy: bool = False,
        token_key: str | None = None,
        token_cert: str | None = None,
        clock: Clock = time.time,
        sleep: Callable[[float], None] = time.sleep,
        new_id: Callable[[], str] | None = None,
    ) -> None:
        given = [dialect] if isinstance(dialect, Dialect | str) else dialect
        chosen = [dialects.parse(one) if isinstance(one, str) else one for one in given]
        self._new_tokens = functools.partial(new_tokens, clock=clock, key=token_key, cert=token_cert)
        self.sites = Sites(
            [(one, self._new_tokens(one)) for one in chosen],
            storage,
            hostname=hostname,
            isolation=subdomain_isolation,
            unknown_host_status=unknown_host_status,
            open=functools.partial(open_storage, clock=clock, new_id=new_id),
        )
        self.journal = Journal()
        self.accounts = accounts or sample(clock=clock)
        self.packages = Packages(clock=clock)
        self._rates = RateLimit(clock)
        self.url = ""
        self.host = ""
        self._instance = Instance(self.sites, self.accounts, self.packages, self.journal, clock, sleep)
        self._application = ProxyFix(self._respond, x_host=1) if trust_proxy else self._respond

    @property
    def dialect(self) -> Dialect:
        """How the registry behaves, or the first of several."""
        return self.sites.all[0].dialect

    @property
    def storage(self) -> Storage:
        """Where the content of the registry is, or of the first of several."""
        return self.sites.all[0].storage

    def configure(self, *, of: str = "", **settings: str | bool | float) -> None:
        """Change settings of the dialect, or of the one named `of`, while the registry runs.

        Raise ValueError for unknown ones.
        """
        site = self.sites.named(of) if of else self.sites.all[0]
        changed = dialects.configure(site.dialect, {name: str(value) for name, value in settings.items()})
        if any(name.startswith("token_") for name in settings):
            site.tokens = self._new_tokens(changed)
        site.dialect = changed

    def reset(self) -> None:
        """Forget all content, the journal and who asked how often; accounts stay."""
        for site in self.sites.all:
            site.storage.clear()
        self.packages.clear()
        self.journal.clear()
        self._rates.clear()

    def close(self) -> None:
        """Let go of the storage."""
        self.sites.close()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        return self._application(environ, start_response)

    def _respond(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        started = time.perf_counter()
        request = Request(environ)
        notes: list[str] = []
        response = self._answer(request, notes)
        seconds = time.perf_counter() - started
        status = response.status_code
        path, query = request.path[:PATH_LIMIT], request.query_string.decode("latin-1")[:PATH_LIMIT]
        entry = Entry(request.method, path, query, redact(request.headers), status, seconds, tuple(notes))
        self.journal.record(entry)
        _log.info(
            '%s "%s %s" %d %.1fms',
            request.remote_addr,
            request.method,
            ascii(request.full_path.rstrip("?"))[1:-1],
            status,
            seconds * 1000,
        )
        return response(environ, start_response)

    def _answer(self, request: Request, notes: list[str]) -> Response:
        dialect = self.dialect
        resource: Resource = {}
        try:
            face = self.sites.find(request)
            dialect = face.site.dialect
            self._rates.check(request.remote_addr or "", dialect.rate_limit)
            call = Call(request, face.site, dialect, face.site, self._instance, notes=notes)
            call = replace(call, caller=auth.identify(call))
            if routes.in_registry(request.path):
                auth.require_credentials(call)
            resource, arguments = routes.find(request.path, face)
            response = _handle(call, routes.endpoint(resource, request.method, dialect), arguments)
        except (RegistryError, ClientDisconnected, OSError, StorageError) as problem:
            response = _refusal(_reason(problem), request, resource, dialect)
        response.headers["Docker-Distribution-API-Version"] = "registry/2.0"
        for warning in dialect.warning_headers():
            response.headers.add("Warning", warning)
        return response


def _handle(call: Call, endpoint: Endpoint, arguments: tuple[str, ...]) -> Response:
    """The answer of the endpoint, if the caller may have it."""
    name = arguments[0] if arguments and isinstance(arguments[0], Name) else None
    if name:
        call = replace(call, home=call.instance.home(call.site, name))
    if endpoint.action:
        auth.authorize(call, endpoint.action, name)
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
    return Response(json.dumps(refusal.body()), refusal.status, headers=headers, content_type=refusal.content_type)
