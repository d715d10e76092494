"""A bounded log of requests without secrets: tests assert on it and wait for its entries."""

from __future__ import annotations

import fnmatch
import re
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_plus

_UNPREFIXED = frozenset({"CONTENT_TYPE", "CONTENT_LENGTH"})
"""The variables of headers without the prefix HTTP_ (PEP 3333)."""

_SECRET_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization"})
_SECRET_PARAMETER = re.compile(
    r"(?:(?:access|refresh|id|bearer|client|control)_)?(?:token|secret)"
    r"|pass(?:wd|word)?|pwd|credentials?|auth(?:orization)?|bearer|(?:api_?)?key|code"
)
_PARAMETER = re.compile(r"[^&;]+")
_HEADER_CHARACTERS = 4096

PATH_LIMIT = 4096
"""Most characters that an entry keeps of a path, and of a query."""

REDACTED = "[redacted]"


@dataclass(frozen=True, slots=True)
class Entry:
    """One request and its status; `seconds` from its arrival to the start of the answer.

    `notes` are remarks of the registry, such as that the image is large.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    status: int
    seconds: float
    notes: tuple[str, ...] = ()


class Journal:
    """The newest `limit` requests, the oldest first. Safe to use from several threads."""

    def __init__(self, limit: int = 2048) -> None:
        self._entries: deque[Entry] = deque(maxlen=limit)
        self._changed = threading.Condition()

    def record(self, entry: Entry) -> None:
        """Add an entry and wake all threads in `wait`."""
        with self._changed:
            self._entries.append(entry)
            self._changed.notify_all()

    def filter(self, *, method: str | None = None, path: str | None = None, status: int | None = None) -> list[Entry]:
        """Return the entries with this method, this status, and a path that matches the pattern (`*` and `?`)."""
        return [entry for entry in self if _matches(entry, method, path, status)]

    def wait(
        self,
        *,
        method: str | None = None,
        path: str | None = None,
        status: int | None = None,
        count: int = 1,
        timeout: float = 5.0,
    ) -> list[Entry]:
        """Wait until `filter` finds `count` entries, and return them; raise TimeoutError after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while len(found := self.filter(method=method, path=path, status=status)) < count:
                if not self._changed.wait(deadline - time.monotonic()):
                    raise TimeoutError(f"{len(found)} of {count} requests arrived within {timeout} s")
        return found

    def clear(self) -> None:
        """Forget all entries."""
        with self._changed:
            self._entries.clear()

    def __iter__(self) -> Iterator[Entry]:
        with self._changed:
            return iter(list(self._entries))

    def __len__(self) -> int:
        return len(self._entries)


def redact(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the headers with secrets replaced, at most a few KiB in all."""
    kept: dict[str, str] = {}
    left = _HEADER_CHARACTERS
    for name, value in headers:
        left -= len(name) + len(value)
        if left < 0:
            break
        secret = name.lower() in _SECRET_HEADERS or (name.lower() == "host" and "@" in value)
        kept[name] = REDACTED if secret else value
    return kept


def sent_headers(environ: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the headers of a request under their usual names, as werkzeug does, only faster."""
    for key, value in environ.items():
        if (name := _header_name(key)) and (value or key not in _UNPREFIXED):
            yield name, value


@lru_cache(maxsize=512)
def _header_name(key: str) -> str:
    """Return the name of the header that a variable of PEP 3333 holds; empty if it holds none."""
    if key not in _UNPREFIXED and (not key.startswith("HTTP_") or key.removeprefix("HTTP_") in _UNPREFIXED):
        return ""
    return key.removeprefix("HTTP_").replace("_", "-").title()


def redact_query(query: str) -> str:
    """Return a query with the values of parameters replaced that usually hold secrets."""
    return _PARAMETER.sub(_redact_parameter, query)


def _redact_parameter(parameter: re.Match[str]) -> str:
    key, equals, _ = parameter[0].partition("=")
    name = unquote_plus(key).strip().lower().replace("-", "_")
    return f"{key}={REDACTED}" if equals and _SECRET_PARAMETER.fullmatch(name) else parameter[0]


def _matches(entry: Entry, method: str | None, path: str | None, status: int | None) -> bool:
    return (
        method in (None, entry.method)
        and (path is None or fnmatch.fnmatchcase(entry.path, path))
        and status in (None, entry.status)
    )
