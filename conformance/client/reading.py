"""Read the resource and the next page from an exchange."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import unquote

from conformance.client.exchange import Exchange
from conformance.urls import joined, parsed

_RESOURCE = re.compile(r"/v2/.+?/(?:(manifests|blobs|referrers)/([^/]+)|blobs/(uploads)/.*|(tags)/list)")
_REL_NEXT = r'rel\s*=\s*(?:"(?:[^"]*\s)?next(?:\s[^"]*)?"|next(?=\s*(?:[;,]|$)))'
_NEXT = re.compile(rf"<([^<>]*)>[^,<]*;\s*{_REL_NEXT}", re.IGNORECASE)


def is_of_registry(exchange: Exchange) -> bool:
    """Whether a request went to the registry, and not to a token endpoint, an API or a page.

    An upload session may be anywhere, and nothing else is written with PATCH and PUT.
    """
    path = parsed(exchange.request.url).path
    return path == "/v2" or path.startswith("/v2/") or exchange.request.method in {"PATCH", "PUT"}


def kind_of(exchange: Exchange) -> str:
    """Return the kind of resource of a request: manifests, blobs, uploads, tags, referrers, or an empty text."""
    match = _RESOURCE.fullmatch(parsed(exchange.request.url).path)
    return (match[1] or match[3] or match[4]) if match else ""


def reference_of(exchange: Exchange) -> str:
    """Return the tag or digest in the path of a request; empty without one."""
    match = _RESOURCE.fullmatch(parsed(exchange.request.url).path)
    return unquote(match[2] or "") if match else ""


MAX_PAGES = 100


def pages_from(first: Exchange, get: Callable[[str], Exchange]) -> list[Exchange]:
    """Return an answer and its next pages, at most a hundred, and none of them twice."""
    pages, seen = [first], {first.request.url}
    while (target := next_link(pages[-1])) is not None and len(pages) < MAX_PAGES:
        url = joined(pages[-1].request.url, target)
        if url in seen:
            break
        seen.add(url)
        pages.append(get(url))
    return pages


def first_error(exchange: Exchange) -> dict[str, object]:
    """Return the first entry of an error body; empty without one."""
    document = exchange.json()
    errors = document.get("errors") if isinstance(document, dict) else None
    return errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}


def next_link(exchange: Exchange) -> str | None:
    """Return the target of the Link with the relation type next, unchanged; None without one."""
    match = _NEXT.search(exchange.header("Link") or "")
    return match[1] if match else None
