"""`/v2/`: the version check, by which a client finds out that this is a registry (end-1)."""

from __future__ import annotations

from werkzeug.wrappers import Response

from fakereg.http.answers import EmptyResponse, json_response
from fakereg.http.call import Call


def get(call: Call) -> Response:
    """Answer 200 with an empty object."""
    return json_response({})


def redirect(call: Call) -> Response:
    """Answer `/v2` with 301 to the path with the slash."""
    return EmptyResponse(status=301, headers={"Location": "/v2/"})
