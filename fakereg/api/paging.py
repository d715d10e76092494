"""`n`, `last` and the Link header, as tags, repositories and referrers share them (RFC 5988, `rel="next"`)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

from fakereg.errors import Code, RegistryError
from fakereg.wsgi import Call


def limit(call: Call) -> int | None:
    """The number in `?n=`, no more than the dialect's page size; None if neither says anything."""
    text = call.request.args.get("n")
    most = call.dialect.tags_page_size or None
    if text is None:
        return most
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise RegistryError(Code.UNSUPPORTED, "n is not a number of results", status=400)
    return min(int(text), most) if most else int(text)


def page(call: Call, names: Sequence[str], *, key: Callable[[str], Any] = str) -> tuple[list[str], dict[str, str]]:
    """The part of `names`, sorted by `key`, that the request asks for, and the headers that lead on."""
    count = limit(call)
    last = call.request.args.get("last")
    rest = names[bisect_right(names, key(last), key=key) :] if last else names
    if count is None or len(rest) <= count or count == 0:
        return list(rest[:count]), {}
    shown = list(rest[:count])
    return shown, {"Link": link(call, n=str(count), last=shown[-1])}


def link(call: Call, **parameters: str) -> str:
    """A Link header to the same path with other parameters."""
    return f'<{call.location(call.request.path)}?{urlencode(parameters)}>; rel="next"'
