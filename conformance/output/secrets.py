"""The secrets of this process, and how a text loses them, in whatever form and whoever wrote it.

A secret is learned where it enters: an identity, an Authorization that is sent, a token that is received. The fields
that usually hold secrets are hidden as well, since a server may tell one that nobody here knows.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable
from html import escape
from urllib.parse import quote

HIDDEN = "***"
SHORTEST = 4
"""A shorter secret is a part of so many words that hiding it would leave no text."""

SHORTEST_TOKEN = 16
MOST_TOKENS = 500
"""A server may give any number of tokens; the latest are hidden."""

_SECRET_WORDS = (
    r"(?:access_|refresh_|identity_?|id_)?token|password|client_secret|sig|(?:x-amz-)?(?:signature|credential)"
)
_SECRET_JSON = re.compile(rf'("(?:{_SECRET_WORDS})"\s*:\s*")((?:[^"\\]|\\.)*)', re.IGNORECASE)
_SECRET_QUERY = re.compile(rf"(\b(?:{_SECRET_WORDS})=)[^&\s\"']*", re.IGNORECASE)
_USERINFO = re.compile(r"(?<=://)[^/@\s]+(?=@)")
_NAMES = {letter: escape(letter)[1:-1] for letter in "&<>\"'"}

_patterns: dict[str, re.Pattern[str]] = {}
_tokens: dict[str, tuple[str, ...]] = {}


def learn(secret: str) -> None:
    """Hide a secret from now on."""
    if len(secret) >= SHORTEST and secret not in _patterns:
        _patterns[secret] = re.compile("|".join([*map(re.escape, _encoded(secret)), "".join(map(_spelled, secret))]))


def learn_token(token: str) -> None:
    """Hide a token from now on, and the parts of a JWT; what is too short to be one is left alone."""
    for text in (token, *token.split(".")):
        if len(text) >= SHORTEST_TOKEN and text not in _tokens:
            _tokens[text] = _encoded(text)
            if len(_tokens) > MOST_TOKENS:
                del _tokens[next(iter(_tokens))]


def learn_tokens_in(body: str) -> None:
    """Hide the tokens in the JSON of a token service from now on."""
    for match in _SECRET_JSON.finditer(body):
        learn_token(match[2])


def redact(text: str) -> str:
    """Hide all secrets in a text, and what the fields for secrets hold in a URL, a form or JSON."""
    for secret, pattern in list(_patterns.items()):
        if len(text) >= len(secret):
            text = pattern.sub(HIDDEN, text)
    for token, forms in list(_tokens.items()):
        if len(text) >= len(token):
            for form in forms:
                text = text.replace(form, HIDDEN)
    text = _USERINFO.sub(HIDDEN, text)
    text = _SECRET_QUERY.sub(rf"\g<1>{HIDDEN}", text)
    return _SECRET_JSON.sub(rf"\g<1>{HIDDEN}", text)


def _encoded(secret: str) -> tuple[str, ...]:
    """The secret as it is and encoded as a whole: for a URL, in hexadecimal and in base64, the longest first."""
    data = secret.encode(errors="surrogatepass")
    percent = quote(secret, safe="", errors="surrogatepass")
    small = re.sub(r"%..", lambda match: match[0].lower(), percent)
    forms = {secret, percent, small, data.hex(), data.hex().upper(), *_in_base64(data)}
    return tuple(sorted(forms, key=len, reverse=True))


def _in_base64(data: bytes) -> Iterable[str]:
    """The letters of base64, with either alphabet, that the data makes wherever it begins in what is encoded."""
    for before in range(3):
        encoded = b64encode(bytes(before) + data).decode().rstrip("=")
        first = (0, 2, 3)[before]  # the letters before these depend on what stands before
        last = (before + len(data)) * 8 // 6  # and those after these on what follows
        if last - first >= SHORTEST:
            for alphabet in ("+/", "-_"):
                letters = encoded[first:last].translate(str.maketrans("+/", alphabet))
                yield from {letters, quote(letters, safe="")}


def _spelled(letter: str) -> str:
    """Match one letter as it is or as an escape of URLs, JSON, HTML, Python or Markdown."""
    number, data = ord(letter), letter.encode(errors="surrogatepass")
    units = letter.encode("utf-16-be", errors="surrogatepass").hex(" ", 2).split()
    folded = [
        "".join(f"%{byte:02x}" for byte in data),
        "".join(rf"\\u{unit}" for unit in units),
        rf"\\U{number:08x}",
        rf"\\x{number:02x}",
        "".join(rf"\\x{byte:02x}" for byte in data),
        f"&#0*{number};",
        f"&#x0*{number:x};",
    ]
    exact = [re.escape(letter), re.escape(data.decode("latin-1")), *(["[+]"] if letter == " " else [])]
    if not letter.isalnum():
        exact = [rf"\\?{word}" for word in exact]
    exact += [f"&{_NAMES[letter]};"] if letter in _NAMES else []
    return f"(?:{'|'.join(exact)}|(?i:{'|'.join(folded)}))"
