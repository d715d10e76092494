"""`/v2/`: does this server speak the protocol (end-1)."""

from __future__ import annotations

from werkzeug.wrappers import Response

from fakereg.http.answers import json_response
from fakereg.http.call import Call


def get(call: Call) -> Response:
    """200 and an empty object."""
    return json_response({})
