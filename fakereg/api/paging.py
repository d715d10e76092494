"""`n`, `last` and the Link header of the lists of tags, repositories and referrers (RFC 5988, `rel="next"`)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

from fakereg.http.call import Call
from fakereg.spec.errors import Code, RegistryError


def limit(call: Call) -> int | None:
    """Return `?n=` or the dialect's default, at most its page size; None if there is no limit."""
    most = call.dialect.tags_page_size or None
    asked = _number(call.request.args.get("n"), checked=call.dialect.page_size_check)
    if asked is None:
        asked = call.dialect.tags_default_page_size or None
    return min((number for number in (asked, most) if number is not None), default=None)


def _number(text: str | None, *, checked: bool) -> int | None:
    valid = text is not None and text.isascii() and text.isdigit() and len(text) < 19
    if text is None or (not valid and not checked):
        return None
    if not valid:
        raise RegistryError(Code.UNSUPPORTED, f"n must be a number of results, got {text[:100]!r}", status=400)
    return int(text)


def page(call: Call, names: Sequence[str], *, key: Callable[[str], Any] = str) -> tuple[list[str], dict[str, str]]:
    """Return the part of `names`, sorted by `key`, that the request asks for, and the Link header to the next part."""
    count = limit(call)
    last = call.request.args.get("last")
    rest = names[bisect_right(names, key(last), key=key) :] if last else names
    if count is None or len(rest) <= count or count == 0:
        return list(rest[:count]), {}
    shown = list(rest[:count])
    return shown, {"Link": link(call, last=shown[-1], n=str(count))}


def link(call: Call, **parameters: str) -> str:
    """Return a Link header to the same path with other parameters."""
    return f'<{call.request.path}?{urlencode(parameters)}>; rel="next"'
