"""Find the handler for a method and path; raise 404, or 405 with Allow."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from fakereg.api import blobs, catalog, control, manifests, ping, redirects, referrers, tags, tokens, uploads
from fakereg.auth.caller import DELETE, PULL, PUSH
from fakereg.dialect.fields import Dialect
from fakereg.http import authorization
from fakereg.http.answers import EmptyResponse
from fakereg.http.authorization import LOGIN
from fakereg.http.call import Call, Found, Handler, Policy, path_segments
from fakereg.http.hosts import Face
from fakereg.spec.errors import Code, RegistryError, unknown_path
from fakereg.spec.names import NAME_LENGTH_LIMIT, Name, is_digest, is_reference


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A handler, the action that its caller must be allowed, and the dialect's settings that switch it on, if any.

    Without an action, the handler checks the caller itself. While the setting `switch` is off, the method is not
    allowed; `head` is the setting for HEAD, where it can be off while GET is on.
    """

    handler: Handler
    action: str = ""
    switch: str | None = None
    head: str | None = None

    def enabled(self, dialect: Dialect) -> bool:
        """Return whether this dialect has the endpoint."""
        return self.switch is None or bool(getattr(dialect, self.switch))

    def answers_head(self, dialect: Dialect) -> bool:
        """Return whether this dialect has HEAD where it has GET."""
        return self.head is None or bool(getattr(dialect, self.head))


@dataclass(frozen=True, slots=True)
class Resource:
    """The endpoints of a path by method; `others` answers every other method.

    `check` raises the error of a digest or session in the path, which some dialects look at before the method.
    """

    endpoints: Mapping[str, Endpoint]
    others: Endpoint | None = None
    check: Callable[..., object] | None = None


PING = Resource({"GET": Endpoint(ping.get, LOGIN)}, others=Endpoint(ping.get, LOGIN, "ping_any_method"))
ROOT = Resource({}, others=Endpoint(ping.root))
REDIRECT = Resource({}, others=Endpoint(redirects.get))
CATALOG = Resource({"GET": Endpoint(catalog.get, authorization.CATALOG, head="list_head")})
TAGS = Resource({"GET": Endpoint(tags.get, PULL, head="list_head")})
REFERRERS = Resource({"GET": Endpoint(referrers.get, PULL)})
BLOB = Resource(
    {"GET": Endpoint(blobs.get, PULL), "DELETE": Endpoint(blobs.delete, DELETE, "blob_deletion")}, check=blobs.check
)
MANIFEST = Resource(
    {
        "GET": Endpoint(manifests.get, PULL, head="manifest_head"),
        "PUT": Endpoint(manifests.put, PUSH, "push"),
        "DELETE": Endpoint(manifests.delete, DELETE, "reference_deletion"),
    }
)
UPLOADS = Resource({"POST": Endpoint(uploads.post, PUSH, "push")})
UPLOAD = Resource(
    {
        "GET": Endpoint(uploads.get, PUSH, "upload_status"),
        "PATCH": Endpoint(uploads.patch, PUSH, "push"),
        "PUT": Endpoint(uploads.put, PUSH, "push"),
        "DELETE": Endpoint(uploads.delete, PUSH, "upload_cancel"),
    },
    check=uploads.check,
)
UPLOADS_ALIKE = Resource({**dict.fromkeys(UPLOAD.endpoints, Endpoint(uploads.unknown, PUSH)), **UPLOADS.endpoints})
UPLOAD_ALIKE = Resource(
    {**UPLOAD.endpoints, "POST": Endpoint(uploads.post_at_session, PUSH, "push")}, check=uploads.check
)
CONTROL = {
    "accounts": Resource({"GET": Endpoint(control.get_accounts), "PATCH": Endpoint(control.patch_accounts)}),
    "settings": Resource({"GET": Endpoint(control.get_settings), "PATCH": Endpoint(control.patch_settings)}),
    "journal": Resource({"GET": Endpoint(control.get_journal), "DELETE": Endpoint(control.delete_journal)}),
    "reset": Resource({"POST": Endpoint(control.post_reset)}),
}
CONTROL_TOKEN = Resource({"DELETE": Endpoint(control.delete_token)})
TOKEN = Resource({"GET": Endpoint(tokens.get), "POST": Endpoint(tokens.post)})
NOTHING = Resource({})

_OF_METHOD = {"GET": PULL, "HEAD": PULL, "POST": PUSH, "PUT": PUSH, "PATCH": PUSH, "DELETE": DELETE}
_SESSION_ID = re.compile(r"[A-Za-z0-9._=-]+")


def is_control(path: str) -> bool:
    """Return whether a path belongs to the control API, which is served at every host."""
    return path.startswith("/_fakereg/")


def is_registry(path: str) -> bool:
    """Return whether a path belongs to the registry."""
    return path.startswith("/v2/") or path == "/v2"


def is_ping(path: str) -> bool:
    """Return whether a path is the version check `/v2/` (end-1)."""
    return path in ("/v2", "/v2/")


Route = tuple[Resource, tuple[str, ...]]
"""The resource that a path names, and the arguments of its handlers beside the Call."""


def find(call: Call, face: Face, policies: Iterable[Policy]) -> Route:
    """Return the resource of the path; raise 404, or NAME_INVALID for a bad name.

    `policies` are those of all registries of the server; each may add paths.
    """
    path, dialect = call.request.path, call.dialect
    if is_control(path):
        return _in_control(path.split("/"), policies)
    if face.registry and dialect.path_redirects and (place := redirects.clean(path)) != path:
        return REDIRECT, (place,)
    if face.registry and dialect.root_answer and path == "/":
        return ROOT, ()
    if face.registry and is_registry(path):
        place = _with_its_slash(path) if dialect.path_redirects else path
        found = _in_registry(call, place)
        return found if place == path else (REDIRECT, (place,))
    if face.tokens and path == "/token" and dialect.auth == "bearer":
        return TOKEN, ()
    if face.web:
        segments = path_segments(call.request)
        if of_vendor := next(filter(None, (policy.find(segments) for policy in policies)), None):
            return _of_vendor(of_vendor)
    raise unknown_path(plain=face.registry and _has_router(dialect))


def _of_vendor(found: Found) -> Route:
    handlers, arguments = found
    return Resource({method: Endpoint(handler) for method, handler in handlers.items()}), arguments


def _in_control(segments: list[str], policies: Iterable[Policy]) -> Route:
    match segments:
        case ["", "_fakereg", resource] if resource in CONTROL:
            return CONTROL[resource], ()
        case ["", "_fakereg", "tokens", id] if id:
            return CONTROL_TOKEN, (id,)
    if found := next(filter(None, (policy.find_control(segments) for policy in policies)), None):
        return _of_vendor(found)
    raise unknown_path()


def _with_its_slash(path: str) -> str:
    """Return the path with a slash at its end only where the specification has one."""
    bare = path.removesuffix("/")
    return f"{bare}/" if bare == "/v2" or bare.endswith("/blobs/uploads") else bare


def _in_registry(call: Call, path: str) -> Route:
    """Route by the end of the path: a repository name has any number of parts."""
    dialect = call.dialect
    match path.split("/"):
        case ["", "v2"] if not dialect.slashless_ping:
            raise _nothing(dialect)
        case ["", "v2"] | ["", "v2", ""]:
            return PING, ()
        case _ if dialect.ecosystem == "disabled":
            raise _disabled(dialect)
        case ["", "v2", "_catalog"] if dialect.catalog:
            return CATALOG, ()
        case ["", "v2", *name, "tags", "list"]:
            return TAGS, (_name(name, call),)
        case ["", "v2", *name, "manifests", reference]:
            return MANIFEST, (_name(name, call), _part(reference, is_reference, dialect))
        case ["", "v2", *name, "referrers", digest] if dialect.referrers or not _has_router(dialect):
            return REFERRERS, (_name(name, call), digest)
        case ["", "v2", *name, "blobs", "uploads"] | ["", "v2", *name, "blobs", "uploads", ""]:
            return UPLOADS_ALIKE if dialect.uploads_alike else UPLOADS, (_name(name, call),)
        case ["", "v2", *name, "blobs", "uploads", id]:
            session = _part(id, _is_session, dialect)
            return UPLOAD_ALIKE if dialect.uploads_alike else UPLOAD, (_name(name, call), session)
        case ["", "v2", *name, "blobs", digest]:
            return BLOB, (_name(name, call), _part(digest, is_digest, dialect))
    if dialect.ping_scope:
        authorization.authorize(call, LOGIN, None)
    raise _nothing(dialect)


def first_action(resource: Resource, method: str, name: Name | None) -> str:
    """Return the action that a method needs, whatever the resource has for it; none if the resource checks that."""
    if name:
        return _OF_METHOD.get(method, LOGIN)
    reading = resource.endpoints.get("GET")
    return reading.action if reading else ""


def endpoint(resource: Resource, call: Call, arguments: tuple[str, ...]) -> Endpoint:
    """Return the endpoint for the method (that of GET for HEAD); raise 405, or the dialect's refusal of a write.

    The state of the registry that holds the content counts, too.
    """
    method, dialect, home = call.request.method, call.dialect, call.home.dialect
    others = resource.others if method != "CONNECT" else None  # 200 would make a tunnel (RFC 9110, section 9.3.6)
    found = resource.endpoints.get("GET" if method == "HEAD" else method) or others
    if call.home is not call.site and home.ecosystem == "disabled":
        raise _disabled(home)
    writes = found and found.action in (PUSH, DELETE) and method not in ("GET", "HEAD")
    for each in (dialect, home):
        if writes and each.ecosystem == "read-only":
            raise RegistryError(Code.DENIED, "this registry is read-only", status=each.read_only_refusal)
    if found and found.enabled(dialect) and (method != "HEAD" or found.answers_head(dialect)):
        return found
    if resource.check and dialect.checked_first == "rights":
        resource.check(call, *arguments)
    if method == "OPTIONS" and dialect.options_method:
        return Endpoint(lambda call, *arguments: EmptyResponse(headers={"Allow": allow(resource, dialect)}))
    refusal = dialect.deletion_refusal if found and found.action == DELETE else 405
    plain = dialect.plain_errors and (found is None or method == "HEAD")
    message = "Method not allowed" if plain else f"{method} is not supported here"
    raise RegistryError(Code.UNSUPPORTED, message, status=refusal, plain=plain)


def _disabled(dialect: Dialect) -> RegistryError:
    return RegistryError(Code.NAME_UNKNOWN, "this registry is disabled", status=dialect.disabled_refusal)


def allow(resource: Resource, dialect: Dialect, *, refused: str = "") -> str:
    """Return the value of the Allow header, without the method `refused`."""
    methods: list[str] = []
    for method, endpoint in resource.endpoints.items():
        if endpoint.enabled(dialect) and method != refused:
            methods += ["GET", "HEAD"] if method == "GET" and endpoint.answers_head(dialect) else [method]
    return ", ".join(methods)


def _nothing(dialect: Dialect) -> RegistryError:
    return unknown_path(plain=_has_router(dialect))


def _has_router(dialect: Dialect) -> bool:
    return dialect.plain_errors or dialect.plain_unknown_paths


def _part(text: str, formed: Callable[[str], bool], dialect: Dialect) -> str:
    """Return a part of a path; raise 404 if it is malformed and the dialect has no other error for that."""
    if dialect.plain_errors and not formed(text):
        raise _nothing(dialect)
    return text


def _is_session(text: str) -> bool:
    return bool(_SESSION_ID.fullmatch(text))


def _name(parts: list[str], call: Call) -> Name:
    """Return the repository name; raise NAME_INVALID or NAME_UNKNOWN if the dialect or the vendor refuses its form."""
    text, dialect = "/".join(parts), call.dialect
    try:
        name = Name.parse(text, host=dialect.host_names)
    except RegistryError:
        if dialect.plain_errors and len(text) <= NAME_LENGTH_LIMIT:
            raise _nothing(dialect) from None
        raise
    call.policy.check_name(call, name)
    return name
