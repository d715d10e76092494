"""`/v2/_catalog`: all repositories; not of the specification, but clients know it from Docker's registry."""

from __future__ import annotations

from werkzeug.wrappers import Response

from fakereg.api import paging
from fakereg.wsgi import Call, json_response


def get(call: Call) -> Response:
    """The repositories in ASCII order, from `last` (exclusive) on, at most `n`."""
    shown, links = paging.page(call, call.storage.repositories())
    return json_response({"repositories": shown}, **links)
