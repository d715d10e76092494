"""The registry as a WSGI callable: journal, route, handler, and the one place that answers for errors."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import ClientDisconnected
from werkzeug.wrappers import Request, Response

from fakereg import dialects, routes
from fakereg.clock import Clock
from fakereg.dialects import Dialect
from fakereg.errors import Code, RegistryError
from fakereg.journal import PATH_LIMIT, Entry, Journal, redact
from fakereg.routes import Resource
from fakereg.storage import open_storage
from fakereg.storage.base import Storage, StorageError
from fakereg.wsgi import Call

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_log = logging.getLogger("fakereg.requests")


class Registry:
    """A fake registry.

    It is a WSGI callable for clients that take one; `fakereg.serve` gives it a socket, and then `url`
    (`http://127.0.0.1:PORT`) and `host` (`127.0.0.1:PORT`) say where it is.
    `dialect` is a Dialect or its text (`oci,referrers=false`), `storage` a Storage or its text (`memory`,
    `directory:PATH`); `clock` gives seconds and `new_id` a new unique text for upload sessions.
    Raise ValueError for an unknown dialect or storage, StorageError for one that cannot be opened.
    """

    def __init__(
        self,
        *,
        dialect: Dialect | str = "oci",
        storage: Storage | str = "memory",
        clock: Clock = time.time,
        new_id: Callable[[], str] | None = None,
    ) -> None:
        self.dialect = dialects.parse(dialect) if isinstance(dialect, str) else dialect
        self.storage = open_storage(storage, clock=clock, new_id=new_id) if isinstance(storage, str) else storage
        self.journal = Journal()
        self.url = ""
        self.host = ""

    def configure(self, **settings: str | bool | float) -> None:
        """Change settings of the dialect while the registry runs; raise ValueError for unknown ones."""
        self.dialect = dialects.configure(self.dialect, {name: str(value) for name, value in settings.items()})

    def reset(self) -> None:
        """Forget all content and the journal."""
        self.storage.clear()
        self.journal.clear()

    def close(self) -> None:
        """Let go of the storage."""
        self.storage.close()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        started = time.perf_counter()
        request = Request(environ)
        response = self._answer(request)
        seconds = time.perf_counter() - started
        status = response.status_code
        path, query = request.path[:PATH_LIMIT], request.query_string.decode("latin-1")[:PATH_LIMIT]
        self.journal.record(Entry(request.method, path, query, redact(request.headers), status, seconds))
        _log.info(
            '%s "%s %s" %d %.1fms',
            request.remote_addr,
            request.method,
            ascii(request.full_path.rstrip("?"))[1:-1],
            status,
            seconds * 1000,
        )
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response:
        dialect = self.dialect
        resource: Resource = {}
        try:
            resource, arguments = routes.find(request.path, dialect)
            handler = routes.endpoint(resource, request.method, dialect)
            response = handler(Call(request, dialect, self.storage), *arguments)
        except RegistryError as refusal:
            response = _refusal(refusal, request, resource, dialect)
        except (ClientDisconnected, ConnectionError) as problem:
            message = f"the request body cannot be read: {problem}"
            response = _refusal(RegistryError(Code.SIZE_INVALID, message), request, resource, dialect)
        except TimeoutError:
            late = RegistryError(Code.SIZE_INVALID, "the request body did not arrive in time", status=408)
            response = _refusal(late, request, resource, dialect)
        except (OSError, StorageError) as problem:
            logging.getLogger("fakereg").error("the storage failed: %s", problem)
            failure = RegistryError(Code.DENIED, "the storage failed, see the log", status=503, headers=_LATER)
            response = _refusal(failure, request, resource, dialect)
        response.headers["Docker-Distribution-API-Version"] = "registry/2.0"
        for warning in dialect.warning_headers():
            response.headers.add("Warning", warning)
        return response


_LATER = {"Retry-After": "60"}


def _refusal(refusal: RegistryError, request: Request, resource: Resource, dialect: Dialect) -> Response:
    headers: dict[str, Any] = dict(refusal.headers)
    if refusal.status == 405:
        headers["Allow"] = routes.allow(resource, dialect, refused=request.method)
    return Response(json.dumps(refusal.body()), refusal.status, headers=headers, content_type="application/json")
