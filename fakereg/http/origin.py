"""Which host and scheme a request asked for."""

from __future__ import annotations

import re

from werkzeug.wrappers import Request

_HOST = re.compile(r"(?P<name>[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?P<port>:[0-9]{1,5})?")


def asked_host(request: Request) -> str:
    """The host that was asked, with its port; the address of the socket if the client does not say it properly."""
    asked = request.environ.get("HTTP_HOST", "")
    if _HOST.fullmatch(asked):
        return str(asked)
    socket = request.environ.get("werkzeug.proxy_fix.orig", request.environ)  # the proxy's word has no better form
    name, port = socket["SERVER_NAME"], socket["SERVER_PORT"]
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"


def scheme(request: Request) -> str:
    """The scheme that was asked with; a proxy may say anything."""
    return "https" if request.scheme == "https" else "http"


def origin(request: Request) -> str:
    """Scheme and host that were asked, as URLs of ours begin."""
    return f"{scheme(request)}://{asked_host(request)}"
