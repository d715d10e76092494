"""Redirects of dialects that lead paths with a small mistake to the right one."""

from __future__ import annotations

from urllib.parse import quote

from werkzeug.wrappers import Response

from fakereg.http.answers import EmptyResponse
from fakereg.http.call import Call


def get(call: Call, place: str) -> Response:
    """Answer 301 to a path with the same query, whatever the method."""
    query = call.request.query_string.decode("latin-1")
    location = quote(place, safe="/:@!$&'()*+,;=~") + (f"?{query}" if query else "")
    return EmptyResponse(status=301, headers={"Location": location})


def clean(path: str) -> str:
    """Return the path without empty parts, `.` and `..`; a slash at its end stays (RFC 3986, section 5.2.4)."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(["", *parts, *([""] if parts and path.endswith("/") else [])]) or "/"
