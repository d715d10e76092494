"""`page`, `per_page` and the Link header of GitHub's API, and the body of its errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from fakereg.github.state import PackageCall
from fakereg.http.call import path_segments
from fakereg.http.origin import origin
from fakereg.spec.errors import Code, RegistryError

DOCUMENTATION = "https://docs.github.com/rest/packages/packages"

_PAGE_SIZE, _PAGE_SIZE_LIMIT, _REACH = 30, 100, 10_000
_DIGITS = 9

Item = TypeVar("Item")


def page(call: PackageCall, items: Sequence[Item]) -> tuple[Sequence[Item], dict[str, str]]:
    """Return the requested page of a list and its Link header; raise 400 beyond the first 10,000 entries.

    Invalid numbers, and those below 1, are ignored, and `per_page` is at most 100.
    """
    number = _number(call, "page", 1)
    size = min(_number(call, "per_page", _PAGE_SIZE), _PAGE_SIZE_LIMIT)
    if number * size > _REACH:
        raise RegistryError(
            Code.UNSUPPORTED, f"page times per_page must be at most {_REACH}, got {number * size}", status=400
        )
    last = max(-(-len(items) // size), 1)
    pages = {"prev": min(number - 1, last), "next": number + 1, "last": last, "first": 1}
    if number >= last:
        del pages["next"], pages["last"]
    if number <= 1:
        del pages["prev"], pages["first"]
    links = ", ".join(f'<{_address(call, to)}>; rel="{name}"' for name, to in pages.items())
    return items[(number - 1) * size : number * size], {"Link": links} if links else {}


def error_body(refusal: RegistryError) -> dict[str, Any]:
    """Return the JSON object of an error in GitHub's API."""
    return {"message": refusal.message, "documentation_url": DOCUMENTATION, "status": str(refusal.status)}


def _number(call: PackageCall, name: str, default: int) -> int:
    text = call.request.args.get(name, "")
    if not (text.isascii() and text.isdigit()):
        return default
    return int(text[:_DIGITS]) or default


def _address(call: PackageCall, number: int) -> str:
    path = "/".join(quote(segment, safe="") for segment in path_segments(call.request))
    arguments = [(name, text) for name, text in call.request.args.items(multi=True) if name != "page"]
    query = urlencode([*arguments, ("page", str(number))], errors="replace")
    return f"{origin(call.request)}{path}?{query}"
