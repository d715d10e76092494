"""Host and scheme of a request."""

from __future__ import annotations

import re

from werkzeug.wrappers import Request

HOST = re.compile(r"(?P<name>[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?P<port>:[0-9]{1,5})?")
"""A Host header: a name or an address, and perhaps a port."""


def asked_host(request: Request) -> str:
    """Return the host of a request, with its port; the address of the socket if the Host header is not valid."""
    asked = request.environ.get("HTTP_HOST", "")
    if HOST.fullmatch(asked):
        return str(asked)
    socket = request.environ.get("werkzeug.proxy_fix.orig", request.environ)  # the address, not X-Forwarded-Host
    name, port = socket["SERVER_NAME"], socket["SERVER_PORT"]
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"


def scheme(request: Request) -> str:
    """Return `https` or `http`, even if a proxy sends another scheme, or this one in capitals."""
    return "https" if request.scheme.lower() == "https" else "http"


def origin(request: Request) -> str:
    """Return scheme and host of a request, the start of absolute URLs in answers."""
    return f"{scheme(request)}://{asked_host(request)}"
