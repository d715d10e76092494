"""The secrets of this process, and how a text loses them, in whatever form and whoever wrote it.

A secret is learned where it enters: an identity, an Authorization that is sent, a token that is received. The fields
that usually hold secrets are hidden as well, since a server may tell one that nobody here knows.
"""

from __future__ import annotations

import re
import threading
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from html import unescape
from urllib.parse import unquote_to_bytes

HIDDEN = "***"
SHORTEST = 4
"""A shorter secret is a part of so many words that hiding it would leave no text."""

SHORTEST_TOKEN = 16
MOST_TOKENS = 500
"""A server may give any number of tokens; the latest are hidden."""

LAYERS = 3
"""A text may be JSON in a query in HTML: so many layers of escapes are undone to find a secret."""

_SECRET_WORDS = (
    r"(?:access_|refresh_|identity_?|id_)?token|password|client_secret|sig|(?:x-amz-)?(?:signature|credential)"
)
_SECRET_JSON = re.compile(rf'("(?:{_SECRET_WORDS})"\s*:\s*")((?:[^"\\]|\\.)*)', re.IGNORECASE)
_SECRET_QUERY = re.compile(rf"(\b(?:{_SECRET_WORDS})=)[^&\s\"']*", re.IGNORECASE)
_USERINFO = re.compile(r"(?<=://)[^/@\s]+(?=@)")
_ESCAPES = re.compile(
    r"(?P<percent>(?:%[0-9a-f]{2})+)|(?P<x>(?:\\x[0-9a-f]{2})+)|(?P<u>(?:\\u[0-9a-f]{4})+)"
    r"|(?P<html>&(?:#[0-9]{1,7}|#x[0-9a-f]{1,6}|[a-z]{2,6});)|\\.",
    re.IGNORECASE | re.DOTALL,
)
_LETTERS = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}

_lock = threading.Lock()
_secrets: dict[str, tuple[str, ...]] = {}
_tokens: dict[str, tuple[str, ...]] = {}


def learn(secret: str) -> None:
    """Hide a secret from now on."""
    if len(secret) >= SHORTEST:
        _secrets[secret] = tuple(_forms(secret))


def learn_token(token: str) -> None:
    """Hide a token from now on, and the parts of a JWT; what is too short to be one is left alone."""
    for text in (token, *token.split(".")):
        if len(text) >= SHORTEST_TOKEN and text not in _tokens:
            with _lock:
                _tokens[text] = tuple(_forms(text))
                if len(_tokens) > MOST_TOKENS:
                    del _tokens[next(iter(_tokens))]


def learn_tokens_in(body: str) -> None:
    """Hide the tokens in the JSON of a token service from now on."""
    for match in _SECRET_JSON.finditer(body):
        learn_token(match[2])


def redact(text: str) -> str:
    """Hide all secrets in a text, and what the fields for secrets hold in a URL, a form or JSON."""
    text = _without_known(text)
    text = _USERINFO.sub(HIDDEN, text)
    text = _SECRET_QUERY.sub(rf"\g<1>{HIDDEN}", text)
    return _SECRET_JSON.sub(rf"\g<1>{HIDDEN}", text)


def _without_known(text: str) -> str:
    """Hide the known secrets, also in what a text means once its escapes are undone."""
    found: list[tuple[int, int]] = []
    shown: str = text
    places: Sequence[int] = range(len(text) + 1)
    for _ in range(LAYERS + 1):
        found += [(places[start], places[end]) for start, end in _known_in(shown)]
        if not any(mark in shown for mark in "%\\&"):
            break
        shown, places = _unescaped(shown, places)
    for start, end in _merged(found):
        text = text[:start] + HIDDEN + text[end:]
    return text


def _known_in(text: str) -> Iterator[tuple[int, int]]:
    """Yield the places of known secrets, from the beginning of each to its end."""
    for known in (_secrets, _tokens):
        for forms in list(known.values()):
            for form in forms:
                start = text.find(form)
                while start >= 0:
                    yield start, start + len(form)
                    start = text.find(form, start + len(form))


def _merged(found: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join places that overlap or touch; the last come first."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(found):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged[::-1]


def _unescaped(text: str, places: Sequence[int]) -> tuple[str, list[int]]:
    """Undo one layer of escapes; return the text, and the first place of each of its letters and of its end."""
    pieces: list[str] = []
    found: list[int] = []
    last = 0
    for match in _ESCAPES.finditer(text):
        pieces.append(text[last : match.start()])
        found += places[last : match.start()]
        place = match.start()
        for letter, length in _meant(match):
            pieces.append(letter)
            found.append(places[place])
            place += length
        last = match.end()
    pieces.append(text[last:])
    found += places[last:]
    return "".join(pieces), found


def _meant(match: re.Match[str]) -> list[tuple[str, int]]:
    """Return the letters that an escape stands for, each with the length of its part of the escape."""
    whole = match[0]
    match match.lastgroup:
        case "percent":
            return _letters(unquote_to_bytes(whole), 3)
        case "x":
            return _letters(bytes.fromhex(whole.replace("\\x", "").replace("\\X", "")), 4)
        case "u":
            units = bytes.fromhex(whole.replace("\\u", "").replace("\\U", "")).decode("utf-16-be", "surrogatepass")
            return [(letter, 12 if ord(letter) > 0xFFFF else 6) for letter in units]
        case "html":
            letter = unescape(whole)
            return [(letter, len(whole))] if len(letter) == 1 else [(each, 1) for each in whole]
    return [(_LETTERS.get(whole[1], whole[1]), len(whole))]


def _letters(data: bytes, length: int) -> list[tuple[str, int]]:
    """Return the letters of escaped bytes, in UTF-8 or else in Latin-1."""
    try:
        return [(letter, length * len(letter.encode())) for letter in data.decode()]
    except UnicodeDecodeError:
        return [(letter, length) for letter in data.decode("latin-1")]


def _forms(secret: str) -> Iterator[str]:
    """Yield a secret as it is and as other forms that are no escapes: base64, hexadecimal, UTF-8 read as Latin-1."""
    data = secret.encode(errors="surrogatepass")
    yield from dict.fromkeys([secret, secret.replace(" ", "+"), data.decode("latin-1"), data.hex(), data.hex().upper()])
    yield from _in_base64(data)


def _in_base64(data: bytes) -> Iterable[str]:
    """The letters of base64, with either alphabet, that the data makes wherever it begins in what is encoded."""
    for before in range(3):
        encoded = b64encode(bytes(before) + data).decode().rstrip("=")
        first = (0, 2, 3)[before]  # the letters before these depend on what stands before
        last = (before + len(data)) * 8 // 6  # and those after these on what follows
        letters = encoded[first:last]
        if len(letters) >= SHORTEST:
            yield from {letters, letters.translate(str.maketrans("+/", "-_"))}
