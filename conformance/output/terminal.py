"""The way of every text to a person: without secrets, and with nothing that a terminal would obey."""

from __future__ import annotations

import sys
from typing import TextIO

from conformance.output.secrets import redact


def visible(text: str, *, keep: str = "\n\t") -> str:
    """Escape characters that control a terminal, that XML forbids or that are invisible, except `keep`."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() or letter in keep else letter.encode("unicode_escape").decode()
        for letter in text
    )


def told(text: str) -> str:
    """Return a text, which may come from a server in any part, as people may see it."""
    return visible(redact(text))


def say(text: str) -> None:
    """Write lines to the standard output."""
    _write(sys.stdout, text)


def complain(text: str) -> None:
    """Write lines to the standard error at once."""
    _write(sys.stderr, text)


def _write(stream: TextIO, text: str) -> None:
    encoding = stream.encoding or "utf-8"
    stream.write(told(text).encode(encoding, "backslashreplace").decode(encoding) + "\n")
    stream.flush()
