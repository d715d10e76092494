"""What tokens of every format share: the error of one that is not accepted, and its length limit."""

from __future__ import annotations

TOKEN_LIMIT = 32 * 1024
"""Most characters of a token; one for the longest scope has fewer, and the header that carries it is no larger."""


class TokenError(Exception):
    """A token that is not accepted; the message says why, and never holds the token."""
