"""From method and path to the handler, or 404, or 405 with Allow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from werkzeug.wrappers import Request

from fakereg.api import blobs, catalog, control, manifests, ping, referrers, tags, tokens, uploads
from fakereg.auth.caller import DELETE, PULL, PUSH
from fakereg.dialect.fields import Dialect
from fakereg.github import control as github_control
from fakereg.github import routes
from fakereg.http import authorization
from fakereg.http.authorization import LOGIN
from fakereg.http.call import Handler, path_segments
from fakereg.http.hosts import Face
from fakereg.spec.errors import Code, RegistryError
from fakereg.spec.names import NAME_LENGTH_LIMIT, Name, is_digest, is_reference


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A handler, the action that its caller must be allowed, and the dialect's switches for it, if it has any.

    No action means that the handler asks for itself. While the switch is off the method is not allowed; `head` is the
    switch of HEAD, where it can be off while GET is on.
    """

    handler: Handler
    action: str = ""
    switch: str | None = None
    head: str | None = None

    def enabled(self, dialect: Dialect) -> bool:
        """Whether this dialect has the endpoint."""
        return self.switch is None or bool(getattr(dialect, self.switch))

    def answers_head(self, dialect: Dialect) -> bool:
        """Whether this dialect has HEAD where it has GET."""
        return self.head is None or bool(getattr(dialect, self.head))


Resource = Mapping[str, Endpoint]

PING: Resource = {
    "GET": Endpoint(ping.get, LOGIN),
    **dict.fromkeys(("POST", "PUT", "PATCH", "DELETE"), Endpoint(ping.get, LOGIN, "ping_any_method")),
}
CATALOG: Resource = {"GET": Endpoint(catalog.get, authorization.CATALOG, head="list_head")}
TAGS: Resource = {"GET": Endpoint(tags.get, PULL, head="list_head")}
REFERRERS: Resource = {"GET": Endpoint(referrers.get, PULL)}
BLOB: Resource = {"GET": Endpoint(blobs.get, PULL), "DELETE": Endpoint(blobs.delete, DELETE, "blob_deletion")}
MANIFEST: Resource = {
    "GET": Endpoint(manifests.get, PULL, head="manifest_head"),
    "PUT": Endpoint(manifests.put, PUSH, "push"),
    "DELETE": Endpoint(manifests.delete, DELETE, "reference_deletion"),
}
UPLOADS: Resource = {"POST": Endpoint(uploads.post, PUSH, "push")}
UPLOAD: Resource = {
    "GET": Endpoint(uploads.get, PUSH, "upload_status"),
    "PATCH": Endpoint(uploads.patch, PUSH, "push"),
    "PUT": Endpoint(uploads.put, PUSH, "push"),
    "DELETE": Endpoint(uploads.delete, PUSH, "upload_cancel"),
}
CONTROL: Mapping[str, Resource] = {
    "accounts": {"GET": Endpoint(control.get_accounts), "PATCH": Endpoint(control.patch_accounts)},
    "settings": {"GET": Endpoint(control.get_settings), "PATCH": Endpoint(control.patch_settings)},
    "journal": {"GET": Endpoint(control.get_journal), "DELETE": Endpoint(control.delete_journal)},
    "migration": {"POST": Endpoint(github_control.post_migration)},
    "reset": {"POST": Endpoint(control.post_reset)},
}
CONTROL_PACKAGE: Resource = {"PATCH": Endpoint(github_control.patch_package)}
CONTROL_TOKEN: Resource = {"DELETE": Endpoint(control.delete_token)}
TOKEN: Resource = {"GET": Endpoint(tokens.get), "POST": Endpoint(tokens.post)}


def is_control(path: str) -> bool:
    """Whether a path is the control API's, which is at every host."""
    return path.startswith("/_fakereg/")


def is_registry(path: str) -> bool:
    """Whether a path is the registry's."""
    return path.startswith("/v2/") or path == "/v2"


def is_ping(path: str) -> bool:
    """Whether a path asks for no more than whether this is a registry."""
    return path in ("/v2", "/v2/")


def is_api(path: str) -> bool:
    """Whether a path is that of GitHub's API, whose errors have a body of their own."""
    return path.startswith("/api/v3/")


def is_page(path: str) -> bool:
    """Whether a path is one of those for people, whose errors are pages, too."""
    others = is_registry(path) or is_api(path) or is_control(path)
    return not others and path.split("/")[3:4] == ["packages"]


def find(request: Request, face: Face) -> tuple[Resource, tuple[str, ...]]:
    """The resource that the path names and the handler's arguments; raise 404, or NAME_INVALID for a bad name."""
    path, dialect = request.path, face.site.dialect
    if is_control(path):
        return _in_control(path)
    if face.registry and is_registry(path):
        return _in_registry(path, dialect)
    if face.tokens and path == "/token" and dialect.auth == "bearer":
        return TOKEN, ()
    if face.web and (found := routes.find(path_segments(request))):
        handlers, arguments = found
        return {method: Endpoint(handler) for method, handler in handlers.items()}, arguments
    raise _nothing(dialect)


def _in_control(path: str) -> tuple[Resource, tuple[str, ...]]:
    match path.split("/"):
        case ["", "_fakereg", resource] if resource in CONTROL:
            return CONTROL[resource], ()
        case ["", "_fakereg", "tokens", id] if id:
            return CONTROL_TOKEN, (id,)
        case ["", "_fakereg", "packages", "container", *name]:
            return CONTROL_PACKAGE, tuple(name)
    raise _nothing()


def _in_registry(path: str, dialect: Dialect) -> tuple[Resource, tuple[str, ...]]:
    """A repository name has any number of parts, so the end of the path decides."""
    match path.split("/"):
        case ["", "v2"] | ["", "v2", ""]:
            return PING, ()
        case _ if dialect.ecosystem == "disabled":
            raise RegistryError(Code.NAME_UNKNOWN, "this registry is disabled", status=dialect.disabled_refusal)
        case ["", "v2", "_catalog"] if dialect.catalog:
            return CATALOG, ()
        case ["", "v2", *name, "tags", "list"]:
            return TAGS, (_name(name, dialect),)
        case ["", "v2", *name, "manifests", reference]:
            return MANIFEST, (_name(name, dialect), _part(reference, is_reference, dialect))
        case ["", "v2", *name, "referrers", digest] if dialect.referrers or not dialect.plain_errors:
            return REFERRERS, (_name(name, dialect), digest)
        case ["", "v2", *name, "blobs", "uploads"] | ["", "v2", *name, "blobs", "uploads", ""]:
            return UPLOADS, (_name(name, dialect),)
        case ["", "v2", *name, "blobs", "uploads", id]:
            return UPLOAD, (_name(name, dialect), id)
        case ["", "v2", *name, "blobs", digest]:
            return BLOB, (_name(name, dialect), _part(digest, is_digest, dialect))
    raise _nothing(dialect)


def endpoint(resource: Resource, method: str, dialect: Dialect) -> Endpoint:
    """The endpoint for `method` (HEAD goes to GET's); raise 405, or the dialect's refusal of a deletion or a write."""
    found = resource.get("GET" if method == "HEAD" else method)
    if found and found.action in (PUSH, DELETE) and method != "GET" and dialect.ecosystem == "read-only":
        raise RegistryError(Code.DENIED, "this registry is read-only", status=dialect.read_only_refusal)
    if found and found.enabled(dialect) and (method != "HEAD" or found.answers_head(dialect)):
        return found
    refusal = dialect.deletion_refusal if found and found.action == DELETE else 405
    plain = dialect.plain_errors and (found is None or method == "HEAD")
    message = "Method not allowed" if plain else f"{method} is not supported here"
    raise RegistryError(Code.UNSUPPORTED, message, status=refusal, plain=plain)


def allow(resource: Resource, dialect: Dialect, *, refused: str) -> str:
    """The value of the Allow header of a 405 for the method `refused`."""
    methods: list[str] = []
    for method, endpoint in resource.items():
        if endpoint.enabled(dialect) and method != refused:
            methods += ["GET", "HEAD"] if method == "GET" and endpoint.answers_head(dialect) else [method]
    return ", ".join(methods)


def _nothing(dialect: Dialect | None = None) -> RegistryError:
    if dialect and dialect.plain_errors:
        return RegistryError(Code.UNSUPPORTED, "404 page not found", status=404, plain=True)
    return RegistryError(Code.UNSUPPORTED, "there is no such endpoint", status=404)


def _part(text: str, formed: Callable[[str], bool], dialect: Dialect) -> str:
    """A tag or digest in a path; raise 404 if it is malformed and the dialect says no more about that."""
    if dialect.plain_errors and not formed(text):
        raise _nothing(dialect)
    return text


def _name(parts: list[str], dialect: Dialect) -> Name:
    """The name, in the dialect's form; raise NAME_INVALID or NAME_UNKNOWN (GP-3.32, GP-6.4)."""
    text = "/".join(parts)
    try:
        name = Name.parse(text, host=dialect.host_names)
    except RegistryError:
        if dialect.plain_errors and len(text) <= NAME_LENGTH_LIMIT:
            raise _nothing(dialect) from None
        raise
    if dialect.name_form == "owner/repository/image" and len(parts) != 3:
        message = "docker image push is only supported with a tag of the format :owner/:repo_name/:image_name."
        raise RegistryError(Code.NAME_UNKNOWN, message)
    if dialect.name_form == "namespace/image" and len(parts) < 2:
        raise RegistryError(Code.NAME_INVALID, "a repository name is NAMESPACE/IMAGE_NAME", details=[{"name": name}])
    return name
