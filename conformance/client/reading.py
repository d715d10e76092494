"""What is read off an exchange: which resource it was about, and the next page."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from conformance.client.exchange import Exchange

_RESOURCE = re.compile(r"/v2/.+?/(?:(manifests|blobs|referrers)/([^/]+)|blobs/(uploads)/.*|(tags)/list)")
_REL_NEXT = r'rel\s*=\s*(?:"(?:[^"]*\s)?next(?:\s[^"]*)?"|next(?=\s*(?:[;,]|$)))'
_NEXT = re.compile(rf"<([^<>]*)>[^,<]*;\s*{_REL_NEXT}", re.IGNORECASE)


def is_of_registry(exchange: Exchange) -> bool:
    """Whether a request went to the registry, not to a token endpoint, an API or a page beside it.

    An upload session may be anywhere, and nothing else is written with PATCH and PUT.
    """
    path = urlsplit(exchange.request.url).path
    return path == "/v2" or path.startswith("/v2/") or exchange.request.method in {"PATCH", "PUT"}


def kind_of(exchange: Exchange) -> str:
    """Which resource of the specification a request went to: manifests, blobs, uploads, tags, referrers, or nothing."""
    match = _RESOURCE.fullmatch(urlsplit(exchange.request.url).path)
    return (match[1] or match[3] or match[4]) if match else ""


def reference_of(exchange: Exchange) -> str:
    """The tag or digest that a request was about; empty where there is none."""
    match = _RESOURCE.fullmatch(urlsplit(exchange.request.url).path)
    return unquote(match[2] or "") if match else ""


def next_link(exchange: Exchange) -> str | None:
    """The target of the Link with the relation type next, as it stands in the header."""
    match = _NEXT.search(exchange.header("Link") or "")
    return match[1] if match else None
