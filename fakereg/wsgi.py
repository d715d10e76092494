"""What handlers are given and what they give back: `Call`, and the bodies of answers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from werkzeug.wrappers import Request, Response

from fakereg.dialects import Dialect
from fakereg.names import Name
from fakereg.storage.base import Storage

_HOST = re.compile(r"(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")

READ_BYTES = 256 * 1024
"""How much of a body is in memory at a time."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request and what it works on."""

    request: Request
    dialect: Dialect
    storage: Storage

    def chunks(self) -> Iterator[bytes]:
        """The request body in pieces of at most READ_BYTES."""
        return iter(lambda: self.request.stream.read(READ_BYTES), b"")

    def location(self, path: str) -> str:
        """`path` as the dialect writes it into a Location header."""
        if not self.dialect.absolute_locations:
            return path
        return f"{self.request.scheme}://{_host(self.request)}{path}"

    def source(self, name: Name) -> tuple[Name, dict[str, str]]:
        """The repository that a pull reads, and the headers that say so (section "Registry Proxying").

        With `?ns=HOST` that is HOST/NAME, if there is such a repository.
        """
        host = self.request.args.get("ns")
        if not host or not self.dialect.namespaces:
            return name, {}
        scoped = Name(f"{host}/{name}")
        return (scoped, {"OCI-Namespace": host}) if self.storage.has_repository(scoped) else (name, {})


def _host(request: Request) -> str:
    """The host that was asked, with its port; the address of the socket if the client does not say it properly."""
    asked = request.environ.get("HTTP_HOST", "")
    if _HOST.fullmatch(asked):
        return str(asked)
    name, port = request.environ["SERVER_NAME"], request.environ["SERVER_PORT"]
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"


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
