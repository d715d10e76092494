"""From method and path to the handler, or 404, or 405 with Allow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fakereg.api import blobs, catalog, manifests, ping, referrers, tags, uploads
from fakereg.dialects import Dialect
from fakereg.errors import Code, RegistryError
from fakereg.names import Name
from fakereg.wsgi import Handler


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A handler and the dialect's switch for it, if it has one; while that is off the method is not allowed."""

    handler: Handler
    switch: str | None = None

    def enabled(self, dialect: Dialect) -> bool:
        """Whether this dialect has the endpoint."""
        return self.switch is None or bool(getattr(dialect, self.switch))


Resource = Mapping[str, Endpoint]

PING: Resource = {"GET": Endpoint(ping.get)}
CATALOG: Resource = {"GET": Endpoint(catalog.get)}
TAGS: Resource = {"GET": Endpoint(tags.get)}
REFERRERS: Resource = {"GET": Endpoint(referrers.get)}
BLOB: Resource = {"GET": Endpoint(blobs.get), "DELETE": Endpoint(blobs.delete, "blob_deletion")}
MANIFEST: Resource = {
    "GET": Endpoint(manifests.get),
    "PUT": Endpoint(manifests.put, "push"),
    "DELETE": Endpoint(manifests.delete),
}
UPLOADS: Resource = {"POST": Endpoint(uploads.post, "push")}
UPLOAD: Resource = {
    "GET": Endpoint(uploads.get, "upload_status"),
    "PATCH": Endpoint(uploads.patch, "push"),
    "PUT": Endpoint(uploads.put, "push"),
    "DELETE": Endpoint(uploads.delete, "upload_cancel"),
}


def find(path: str, dialect: Dialect) -> tuple[Resource, tuple[str, ...]]:
    """The resource that `path` names and the handler's arguments; raise 404, or NAME_INVALID for a bad name.

    A repository name has any number of parts, so the end of the path decides.
    """
    match path.split("/"):
        case ["", "v2"] | ["", "v2", ""]:
            return PING, ()
        case ["", "v2", "_catalog"] if dialect.catalog:
            return CATALOG, ()
        case ["", "v2", *name, "tags", "list"]:
            return TAGS, (_name(name),)
        case ["", "v2", *name, "manifests", reference]:
            return MANIFEST, (_name(name), reference)
        case ["", "v2", *name, "referrers", digest]:
            return REFERRERS, (_name(name), digest)
        case ["", "v2", *name, "blobs", "uploads"] | ["", "v2", *name, "blobs", "uploads", ""]:
            return UPLOADS, (_name(name),)
        case ["", "v2", *name, "blobs", "uploads", id]:
            return UPLOAD, (_name(name), id)
        case ["", "v2", *name, "blobs", digest]:
            return BLOB, (_name(name), digest)
    raise RegistryError(Code.UNSUPPORTED, "there is no such endpoint", status=404)


def endpoint(resource: Resource, method: str, dialect: Dialect) -> Handler:
    """The handler for `method` (HEAD goes to GET's); raise 405, or the dialect's refusal of a deletion."""
    found = resource.get("GET" if method == "HEAD" else method)
    if found and found.enabled(dialect):
        return found.handler
    refusal = dialect.deletion_refusal if found and found.switch == "blob_deletion" else 405
    raise RegistryError(Code.UNSUPPORTED, f"{method} is not supported here", status=refusal)


def allow(resource: Resource, dialect: Dialect, *, refused: str) -> str:
    """The value of the Allow header of a 405 for the method `refused`."""
    methods = [method for method, endpoint in resource.items() if endpoint.enabled(dialect) and method != refused]
    return ", ".join("GET, HEAD" if method == "GET" else method for method in methods)


def _name(parts: list[str]) -> Name:
    return Name.parse("/".join(parts))
