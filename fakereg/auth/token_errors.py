"""The error and the length limit that tokens of every format share."""

from __future__ import annotations

TOKEN_LIMIT = 32 * 1024
"""Most characters of a token. A token for the longest scope has fewer, and still fits into a header."""


class TokenError(Exception):
    """A token is refused; the message has the reason, and never the token."""
