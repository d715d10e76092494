"""A bounded log of requests without secrets: tests assert on it and wait for its entries."""

from __future__ import annotations

import fnmatch
import re
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import unquote_plus

_UNPREFIXED = frozenset({"CONTENT_TYPE", "CONTENT_LENGTH"})
"""The variables of headers without the prefix HTTP_ (PEP 3333)."""

_SECRET_NAME = re.compile(
    r"(?:(?<!offline_)token|secret|password|passwd|passphrase|pwd|credential|signature|assertion|apikey|jwt|cookie)s?$"
    r"|(?:^|_)(?:auth|authorization|bearer|pass|key|sig|sid|pat|otp|hmac|session)$|sess(?:ion)?_?id$|^(?:auth_)?code$"
)
"""The ends of names of headers and parameters, in lower case with `_` between words, that hold secrets."""

_SECRET_NAME_CHARACTERS = 64
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+")
_PARAMETER = re.compile(r"[^&;]+")
_PAIR = re.compile(r"(?<=[?&;#])([^=?&;#\s]+)=([^?&;#\s\"'<>]*)")
_USER_OF_URL = re.compile(r"(?<=://)[^/?#\s\"'<>]*@")
_HEADER_CHARACTERS = 4096

PATH_LIMIT = 4096
"""Most characters that an entry keeps of a path, and of a query."""

METHOD_LIMIT = 64
"""Most characters that an entry keeps of a method."""

BYTES_LIMIT = 16 << 20
"""Most bytes that the entries of a journal take; beyond it, the oldest make room."""

REDACTED = "[redacted]"

Result = TypeVar("Result")


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

    @property
    def size(self) -> int:
        """The bytes of memory that its texts take."""
        texts = (self.method, self.path, self.query, *self.headers, *self.headers.values(), *self.notes)
        return sys.getsizeof(self.headers) + sum(map(sys.getsizeof, texts))


class Journal:
    """The newest `limit` requests within BYTES_LIMIT, the oldest first. Safe to use from several threads."""

    def __init__(self, limit: int = 2048) -> None:
        self._limit = limit
        self._entries: deque[Entry] = deque()
        self._size = 0
        self._changed = threading.Condition()

    def record(self, entry: Entry) -> None:
        """Add an entry and wake all threads in `wait`."""
        with self._changed:
            self._entries.append(entry)
            self._size += entry.size
            while len(self._entries) > self._limit or self._size > BYTES_LIMIT:
                self._size -= self._entries.popleft().size
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
            self._size = 0

    def __iter__(self) -> Iterator[Entry]:
        with self._changed:
            return iter(list(self._entries))

    def __len__(self) -> int:
        return len(self._entries)


def _remembered(function: Callable[[str], Result]) -> Callable[[str], Result]:
    """Remember the results for short texts only: clients choose them, and long ones would take memory."""
    remembered = lru_cache(maxsize=512)(function)
    return lambda text: remembered(text) if len(text) <= _SECRET_NAME_CHARACTERS else function(text)


def redact(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the headers with secrets replaced, at most a few KiB in all."""
    kept: dict[str, str] = {}
    left = _HEADER_CHARACTERS
    for name, value in headers:
        left -= len(name) + len(value)
        if left < 0:
            break
        secret = _is_secret(name) or (name.lower().endswith("host") and "@" in value)
        kept[name] = REDACTED if secret else redact_text(value)
    return kept


def sent_headers(environ: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the headers of a request under their usual names, as werkzeug does, only faster."""
    for key, value in environ.items():
        if (name := _header_name(key)) and (value or key not in _UNPREFIXED):
            yield name, value


@_remembered
def _header_name(key: str) -> str:
    """Return the name of the header that a variable of PEP 3333 holds; empty if it holds none."""
    if key not in _UNPREFIXED and (not key.startswith("HTTP_") or key.removeprefix("HTTP_") in _UNPREFIXED):
        return ""
    return key.removeprefix("HTTP_").replace("_", "-").title()


def redact_query(query: str) -> str:
    """Return a query with the values of parameters replaced that usually hold secrets, or URLs with secrets in them."""
    return _PARAMETER.sub(_redact_parameter, query)


def redact_text(text: str) -> str:
    """Return a text with the secrets replaced in every URL: user and password, and parameters."""
    return _USER_OF_URL.sub(f"{REDACTED}@", _PAIR.sub(_redact_pair, text))


def _redact_parameter(parameter: re.Match[str]) -> str:
    text = parameter[0]
    key, equals, _ = text.partition("=")
    if equals and _is_secret(unquote_plus(key)):
        return f"{key}={REDACTED}"
    decoded = unquote_plus(text)
    return text if redact_text(decoded) == decoded else REDACTED


def _redact_pair(pair: re.Match[str]) -> str:
    return f"{pair[1]}={REDACTED}" if _is_secret(unquote_plus(pair[1])) else pair[0]


@_remembered
def _is_secret(name: str) -> bool:
    """Return whether a header or parameter of this name usually holds a secret."""
    words = _WORD.sub("_", name).strip("_").lower()
    return _SECRET_NAME.search(words[-_SECRET_NAME_CHARACTERS:]) is not None


def _matches(entry: Entry, method: str | None, path: str | None, status: int | None) -> bool:
    return (
        method in (None, entry.method)
        and (path is None or fnmatch.fnmatchcase(entry.path, path))
        and status in (None, entry.status)
    )
