"""`/v2/`: the version check, by which a client finds out that this is a registry (end-1); and `/`."""

from __future__ import annotations

from werkzeug.wrappers import Response

from fakereg.http.answers import EmptyResponse, json_response
from fakereg.http.call import Call


def get(call: Call) -> Response:
    """Answer 200 with an empty object."""
    return json_response({})


def root(call: Call) -> Response:
    """Answer 200: the server lives."""
    return EmptyResponse(headers={"Cache-Control": "no-cache"})
