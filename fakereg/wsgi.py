"""What handlers are given and what they give back: `Call`, and the bodies of answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO
from urllib.parse import unquote_to_bytes

from werkzeug.wrappers import Request, Response

from fakereg import permissions
from fakereg.dialects import Dialect
from fakereg.errors import Code, RegistryError
from fakereg.instance import Instance
from fakereg.names import Name
from fakereg.packages import Package
from fakereg.permissions import NOBODY, PULL, Caller, Rights
from fakereg.sites import Site, origin
from fakereg.storage.repositories import Repositories

READ_BYTES = 256 * 1024
"""How much of a body is in memory at a time."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request and what it works on.

    `site` is the registry that was asked and `dialect` how it behaves during this request, `home` the registry that
    has the content. `notes` are texts for the journal, which handlers add to.
    """

    request: Request = field(repr=False)  # its URL may hold secrets
    site: Site
    dialect: Dialect
    home: Site
    instance: Instance
    caller: Caller = NOBODY
    notes: list[str] = field(default_factory=list)

    @property
    def storage(self) -> Repositories:
        """Where the content is."""
        return self.home.storage

    def package(self, name: Name) -> Package | None:
        """The package that a repository is, if the registry has packages and this is one."""
        return self.instance.packages.find(self.home, name)

    def rights(self, name: Name) -> Rights:
        """What the caller may do with a repository."""
        if self.dialect.auth == "none":
            return permissions.EVERYTHING
        limit = self.caller.limit("repository", name)
        return limit if self.caller.external else limit & self.own_rights(name)

    def own_rights(self, name: Name) -> Rights:
        """What the caller's identity may do with a repository, whatever a Bearer token limits it to.

        A package that is in another registry after a migration has the rights that it has there.
        """
        accounts, package = self.instance.accounts, self.package(name)
        dialect = self.home.dialect if package and self.home is not self.site else self.dialect
        return permissions.rights(self.caller.identity, name, dialect=dialect, accounts=accounts, package=package)

    def chunks(self) -> Iterator[bytes]:
        """The request body in pieces of at most READ_BYTES."""
        return iter(lambda: self.request.stream.read(READ_BYTES), b"")

    def body(self, most: int, what: str, *, code: Code = Code.SIZE_INVALID, status: int = 413) -> bytes:
        """The whole request body, which is `what`; raise as soon as it is known to have more than `most` bytes."""
        length, content = self.request.content_length or 0, bytearray()
        while length <= most and (data := self.request.stream.read(READ_BYTES)):
            content += data
            length = len(content)
        if length > most:
            raise RegistryError(code, f"{what} has at most {most} bytes here", status=status)
        return bytes(content)

    def location(self, path: str) -> str:
        """`path` as the dialect writes it into a Location header."""
        if not self.dialect.absolute_locations:
            return path
        return f"{origin(self.request)}{path}"

    def source(self, name: Name) -> tuple[Name, dict[str, str]]:
        """The repository that a pull reads, and the headers that say so (section "Registry Proxying").

        With `?ns=HOST` that is HOST/NAME, if there is such a repository.
        """
        host = self.request.args.get("ns") if self.dialect.namespaces and self.request.query_string else None
        if not host:
            return name, {}
        scoped = Name(f"{host}/{name}")
        there = self.storage.has_repository(scoped) and PULL in self.rights(scoped)
        return (scoped, {"OCI-Namespace": host}) if there else (name, {})


def path_segments(request: Request) -> list[str]:
    """The path between its slashes, each part decoded, so that a %2F does not divide.

    PEP 3333 knows the decoded path only. Most servers tell the one that was sent, too; without it %2F does divide.
    """
    sent = request.environ.get("REQUEST_URI") or request.environ.get("RAW_URI") or ""
    raw = sent.partition("?")[0].encode("latin-1", "replace")
    segments = [unquote_to_bytes(part).decode("utf-8", "replace") for part in raw.split(b"/")]
    return segments if "/".join(segments) == request.path else request.path.split("/")


Handler = Callable[..., Response]
"""A handler takes a Call and the parts of the path, and returns the answer or raises RegistryError."""


def json_response(document: Any, *, content_type: str = "application/json", **headers: str) -> Response:
    """An answer 200 with a JSON body; `headers` with `_` for `-`."""
    response = Response(json.dumps(document), 200, content_type=content_type)
    response.headers.extend({name.replace("_", "-"): value for name, value in headers.items()})
    return response


def empty_response(status: int, headers: Mapping[str, str] | None = None) -> Response:
    """An answer without a body."""
    response = Response(status=status, headers=dict(headers or {}))
    del response.headers["Content-Type"]
    return response


class FileRange:
    """A body: `count` bytes of `file` from `offset` on. A server may send it from file to socket by itself."""

    def __init__(self, file: BinaryIO, *, offset: int, count: int) -> None:
        self.file = file
        self.offset = offset
        self.count = count

    def __iter__(self) -> Iterator[bytes]:
        """The bytes in pieces of at most READ_BYTES."""
        self.file.seek(self.offset)
        left = self.count
        while left and (data := self.file.read(min(left, READ_BYTES))):
            left -= len(data)
            yield data

    def close(self) -> None:
        """Close the file."""
        self.file.close()
