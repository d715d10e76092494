"""Answers of handlers: JSON, or a status and headers without a body."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from werkzeug.wrappers import Response


def json_response(document: Any, *, content_type: str = "application/json", **headers: str) -> Response:
    """Return an answer 200 with a JSON body; `headers` are named with `_` for `-`."""
    response = Response(json.dumps(document), 200, content_type=content_type)
    response.headers.extend({name.replace("_", "-"): value for name, value in headers.items()})
    return response


UPLOADED: Mapping[str, str] = {"Content-Disposition": "attachment"}
"""Headers of content that a client has uploaded: a browser saves it, and does not show a manifest of type text/html."""


class EmptyResponse(Response):
    """An answer without a body, and so without a Content-Type."""

    default_mimetype = None
