"""RegistryError and the error codes of the distribution specification (section "Error Codes")."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import Any


class Code(enum.StrEnum):
    """The 14 codes of the specification, and one that GitHub's Container registry adds (GP-3.37).

    The value is the code in the body of an answer.
    """

    BLOB_UNKNOWN = "BLOB_UNKNOWN"
    BLOB_UPLOAD_INVALID = "BLOB_UPLOAD_INVALID"
    BLOB_UPLOAD_UNKNOWN = "BLOB_UPLOAD_UNKNOWN"
    DIGEST_INVALID = "DIGEST_INVALID"
    MANIFEST_BLOB_UNKNOWN = "MANIFEST_BLOB_UNKNOWN"
    MANIFEST_INVALID = "MANIFEST_INVALID"
    MANIFEST_UNKNOWN = "MANIFEST_UNKNOWN"
    NAME_INVALID = "NAME_INVALID"
    NAME_UNKNOWN = "NAME_UNKNOWN"
    SIZE_INVALID = "SIZE_INVALID"
    UNAUTHORIZED = "UNAUTHORIZED"
    DENIED = "DENIED"
    UNSUPPORTED = "UNSUPPORTED"
    TOOMANYREQUESTS = "TOOMANYREQUESTS"
    REQUESTED_RANGE_NOT_SATISFIABLE = "REQUESTED_RANGE_NOT_SATISFIABLE"


_STATUS = {
    Code.BLOB_UNKNOWN: 404,
    Code.BLOB_UPLOAD_UNKNOWN: 404,
    Code.MANIFEST_UNKNOWN: 404,
    Code.NAME_UNKNOWN: 404,
    Code.UNAUTHORIZED: 401,
    Code.DENIED: 403,
    Code.UNSUPPORTED: 405,
    Code.TOOMANYREQUESTS: 429,
    Code.REQUESTED_RANGE_NOT_SATISFIABLE: 416,
}


def unknown_path(*, plain: bool = False) -> RegistryError:
    """Return the 404 of a path that no endpoint has, as JSON or with the text of the routers of Go."""
    message = "404 page not found" if plain else "there is no endpoint at this path"
    return RegistryError(Code.UNSUPPORTED, message, status=404, plain=plain)


class RegistryError(Exception):
    """A request that the registry refuses; only `app.py` turns it into an answer.

    `status` is the HTTP status, by default the usual one of the code, else 400. Each of `details` makes one entry of
    the body's error list; without any there is one entry without detail. `headers` are added to the answer. The body
    is JSON, even with another `content_type`; if it is `plain`, the body is the message as text.
    """

    def __init__(
        self,
        code: Code,
        message: str,
        *,
        status: int | None = None,
        details: Sequence[Any] = (),
        headers: Mapping[str, str] | None = None,
        content_type: str = "application/json",
        plain: bool = False,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status if status is not None else _STATUS.get(code, 400)
        self.details = tuple(details)
        self.headers = dict(headers or {})
        self.content_type = "text/plain; charset=utf-8" if plain else str(content_type)
        self.plain = plain

    def body(self) -> dict[str, list[dict[str, Any]]]:
        """Return the JSON object of the specification: `{"errors": [{"code", "message", "detail"?}, ...]}`."""
        entry = {"code": self.code.value, "message": self.message}
        if not self.details:
            return {"errors": [entry]}
        return {"errors": [{**entry, "detail": detail} for detail in self.details]}
