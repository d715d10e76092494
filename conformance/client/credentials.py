"""Authentication of a client: Basic, or a Bearer token from the service of the challenge (RFC 9110, section 11).

The token flow is that of "Distribution Registry v2 authentication via central service".
"""

from __future__ import annotations

import re
import time
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlencode

from conformance.client.exchange import Exchange, Request
from conformance.client.identity import Identity
from conformance.urls import NOWHERE, Origin, origin_of, parsed

Send = Callable[[Request], Exchange]

LIFETIME = 60.0
"""The default lifetime of a token in seconds ("Token Response Fields")."""

DAY = 86_400.0
MARGIN = 5.0
"""Seconds before its expiry at which a token is not sent any more."""

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_BEARER = re.compile(r"[!-~]+")
_SEPARATORS = re.compile(r"[\s,]*")
_SCHEME = re.compile(rf"({_TOKEN})(?=[\s,]|$)")
_TOKEN68 = re.compile(r"[ \t]+[A-Za-z0-9._~+/-]+=*[ \t]*(?=,|$)")
_FIELD = re.compile(rf'({_TOKEN})[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))(?=[\s,]|$)')
_SCOPE = re.compile(r"([a-z0-9]+)(?:\([a-z0-9]+\))?:(.+):([a-z]*(?:,[a-z]*)*|\*)")
_BETWEEN_SCOPES = re.compile(r"\s+|,(?=[a-z0-9]+(?:\([a-z0-9]+\))?:)")


@dataclass(frozen=True, slots=True)
class Challenge:
    """One challenge of a WWW-Authenticate header; `scheme` and the names of the fields are in lower case."""

    scheme: str
    fields: Mapping[str, str]

    @property
    def scopes(self) -> list[str]:
        """The resource scopes that are asked for, such as `repository:team/app:pull`."""
        return self.fields.get("scope", "").split()


class Resource(NamedTuple):
    """The resource of a scope: a type such as `repository`, without its class, and a name."""

    type: str
    name: str


def basic(username: str, password: str) -> str:
    """Return the value of an Authorization header for Basic authentication."""
    return f"Basic {b64encode(f'{username}:{password}'.encode()).decode()}"


def challenges(exchange: Exchange) -> list[Challenge]:
    """Parse the challenges of an answer, in order; a syntax error ends those of a header."""
    return [found for text in exchange.values("WWW-Authenticate") for found in _challenges(text)]


def _challenges(text: str) -> Iterable[Challenge]:
    position = _after(_SEPARATORS, text, 0)
    while scheme := _SCHEME.match(text, position):
        fields, position = _fields(text, _after(_TOKEN68, text, scheme.end()))
        yield Challenge(scheme[1].lower(), fields)


def _fields(text: str, position: int) -> tuple[dict[str, str], int]:
    """Parse the fields that begin at a position; return them and the position after them."""
    fields: dict[str, str] = {}
    position = _after(_SEPARATORS, text, position)
    while match := _FIELD.match(text, position):
        fields[match[1].lower()] = match[3] if match[2] is None else re.sub(r"\\(.)", r"\1", match[2])
        position = _after(_SEPARATORS, text, match.end())
    return fields, position


def _after(pattern: re.Pattern[str], text: str, position: int) -> int:
    match = pattern.match(text, position)
    return match.end() if match else position


def challenge_of(exchange: Exchange, scheme: str) -> Challenge | None:
    """Return the first challenge of a scheme; None without one."""
    return next((challenge for challenge in challenges(exchange) if challenge.scheme == scheme), None)


def resources(scope: str) -> dict[Resource, frozenset[str]]:
    """Parse a scope to the actions on each resource; invalid entries are left out.

    Entries are divided by spaces, or by commas as in an example of the documentation. A resource class is dropped, as
    it counts for nothing ("Resource Class").
    """
    found: dict[Resource, frozenset[str]] = {}
    for entry in _BETWEEN_SCOPES.split(scope):
        if match := _SCOPE.fullmatch(entry):
            resource = Resource(match[1], match[2])
            found[resource] = found.get(resource, frozenset()) | frozenset(match[3].split(",")) - {""}
    return found


def token_url(realm: str, *, service: str = "", scopes: Iterable[str] = (), **more: str) -> str:
    """Return the URL to request a token with GET, with a parameter for each scope."""
    pairs = [("service", service)] if service else []
    pairs += [("scope", scope) for scope in scopes] + list(more.items())
    return f"{realm}{'&' if '?' in realm else '?'}{urlencode(pairs)}" if pairs else realm


def token_in(exchange: Exchange) -> str:
    """Return the access token of a token endpoint's answer, by either of its names; empty without one.

    What no header can carry is no token (RFC 6750 section 2.1).
    """
    document = exchange.json()
    if exchange.status != 200 or not isinstance(document, dict):
        return ""
    token = document.get("token") or document.get("access_token")
    return token if isinstance(token, str) and _BEARER.fullmatch(token) else ""


def lifetime_in(exchange: Exchange) -> float:
    """Return the lifetime of the token of an answer in seconds, at least 60 and at most a day."""
    document = exchange.json()
    stated = document.get("expires_in") if isinstance(document, dict) else None
    return float(min(max(LIFETIME, stated), DAY)) if isinstance(stated, int | float) else LIFETIME


class _Key(NamedTuple):
    """The request for a token."""

    realm: str
    service: str
    scopes: tuple[str, ...]


class _Held(NamedTuple):
    """A token, with the time after which it is not sent any more."""

    token: str
    until: float


_Kind = tuple[Origin, str, str, str]


class Authenticator:
    """Authenticate as one identity at the registries of a target, and keep tokens until they expire.

    With `preemptive` Basic credentials go out before anybody asks; else only to hosts that have asked for them, since
    another host may have another way. `clock` gives seconds.
    """

    def __init__(
        self, identity: Identity, *, preemptive: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._identity = identity
        self._preemptive = preemptive
        self._asking: set[Origin] = set()
        self._clock = clock
        self._tokens: dict[_Key, _Held] = {}
        self._needed: dict[_Kind, _Key] = {}

    def first(self, request: Request, send: Send) -> str | None:
        """Return the Authorization for a request before any challenge."""
        if key := self._needed.get(_kind(request)):
            token = self._token(key, send)
            return f"Bearer {token}" if token else None
        return self._own_basic() if self._preemptive or origin_of(request.url) in self._asking else None

    def again(self, request: Request, answer: Exchange, send: Send) -> str | None:
        """Return the Authorization after a 401; None without anything new to try."""
        sent = next((value for name, value in answer.request.headers if name.lower() == "authorization"), None)
        if challenge := challenge_of(answer, "bearer"):
            return self._with_token(request, challenge, sent, send)
        if challenge_of(answer, "basic") and not self._identity.anonymous:
            self._asking.add(origin_of(request.url))
            return self._own_basic() if sent != self._own_basic() else None
        return None

    def token(self, answer: Exchange, scopes: Sequence[str], send: Send) -> str:
        """Return a token for these scopes from the service that a challenge names; empty if there is none."""
        challenge = challenge_of(answer, "bearer")
        if not challenge:
            return ""
        fields = challenge.fields
        return self._token(_Key(fields.get("realm", ""), fields.get("service", ""), tuple(scopes)), send)

    def _with_token(self, request: Request, challenge: Challenge, sent: str | None, send: Send) -> str | None:
        key = _Key(challenge.fields.get("realm", ""), challenge.fields.get("service", ""), tuple(challenge.scopes))
        if parsed(key.realm) == NOWHERE:
            return None
        held = self._tokens.get(key)
        if held and sent == f"Bearer {held.token}":  # the registry may not take it any more
            self._tokens.pop(key, None)  # unless another thread has dropped it
        token = self._token(key, send)
        if not token:
            return None
        self._needed[_kind(request)] = key
        return f"Bearer {token}" if sent != f"Bearer {token}" else None

    def _token(self, key: _Key, send: Send) -> str:
        """Return a token, kept or fetched; empty if the service gives none."""
        held = self._tokens.get(key)
        if held and self._clock() < held.until:
            return held.token
        credentials, asked = self._own_basic(), self._clock()
        headers = (("Authorization", credentials),) if credentials else ()
        answer = send(Request("GET", token_url(key.realm, service=key.service, scopes=key.scopes), headers))
        if token := token_in(answer):
            self._tokens[key] = _Held(token, asked + lifetime_in(answer) - MARGIN)
        return token

    def _own_basic(self) -> str | None:
        return None if self._identity.anonymous else basic(self._identity.username, self._identity.secret)


class Bearer(Authenticator):
    """Send one token to the registry with every request, whatever it answers."""

    def __init__(self, token: str, scheme: str = "Bearer") -> None:
        super().__init__(Identity("bearer"))
        self._authorization = f"{scheme} {token}"

    def first(self, request: Request, send: Send) -> str | None:
        """Return the token for the host of the registry."""
        return self._authorization

    def again(self, request: Request, answer: Exchange, send: Send) -> str | None:
        """Return None, so that the caller sees the refusal."""
        return None


def _kind(request: Request) -> _Kind:
    """Return a key that is equal for requests with the same token: host, repository and action."""
    parts = parsed(request.url)
    name = re.sub(r"/(manifests|blobs|tags|referrers)/.*", "", parts.path, count=1, flags=re.DOTALL)
    group = {"GET": "read", "HEAD": "read", "DELETE": "delete"}.get(request.method, "write")
    if "/blobs/uploads/" in parts.path:
        group = "write"
    # A mount needs a token for its source, too.
    return (origin_of(request.url), name, group, parts.query if "mount=" in parts.query else "")
