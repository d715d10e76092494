"""How a client proves who it is: Basic, or a Bearer token that it gets where the challenge says (RFC 9110, section 11).

The token flow is that of "Distribution Registry v2 authentication via central service".
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from conformance.description import Identity
from conformance.exchange import Exchange, Request

Send = Callable[[Request], Exchange]

_SCHEME = re.compile(r"\s*,*\s*([A-Za-z][A-Za-z0-9!#$%&'*+.^_`|~-]*)(?:\s+|\s*$)")
_FIELD = re.compile(r'\s*,*\s*([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*')


@dataclass(frozen=True, slots=True)
class Challenge:
    """One challenge of a WWW-Authenticate header; `scheme` and the names of the fields are in lower case."""

    scheme: str
    fields: Mapping[str, str]

    @property
    def scopes(self) -> list[str]:
        """The resource scopes that are asked for, such as `repository:team/app:pull`."""
        return self.fields.get("scope", "").split()


def basic(username: str, password: str) -> str:
    """The value of an Authorization header for Basic authentication."""
    return f"Basic {b64encode(f'{username}:{password}'.encode()).decode()}"


def challenges(exchange: Exchange) -> list[Challenge]:
    """The challenges of an answer, in order; what cannot be read ends the list."""
    found: list[Challenge] = []
    for text in exchange.values("WWW-Authenticate"):
        position = 0
        while match := _SCHEME.match(text, position):
            fields, position = _fields(text, match.end())
            found.append(Challenge(match[1].lower(), fields))
    return found


def _fields(text: str, position: int) -> tuple[dict[str, str], int]:
    fields: dict[str, str] = {}
    while match := _FIELD.match(text, position):
        quoted = re.sub(r"\\(.)", r"\1", match[2]) if match[2] is not None else match[3]
        fields[match[1].lower()] = quoted
        position = match.end()
    return fields, position


def challenge_of(exchange: Exchange, scheme: str) -> Challenge | None:
    """The first challenge of a scheme; None if there is none."""
    return next((challenge for challenge in challenges(exchange) if challenge.scheme == scheme), None)


def token_url(realm: str, *, service: str = "", scopes: list[str] | None = None, **more: str) -> str:
    """Where a token is asked for with GET: each scope is a parameter of its own."""
    pairs = [("service", service)] if service else []
    pairs += [("scope", scope) for scope in scopes or []] + list(more.items())
    return f"{realm}{'&' if urlsplit(realm).query else '?'}{urlencode(pairs)}" if pairs else realm


def token_in(exchange: Exchange) -> str:
    """The access token of a token endpoint's answer, under either of its names; empty if there is none."""
    document = exchange.json()
    if exchange.status != 200 or not isinstance(document, dict):
        return ""
    token = document.get("token") or document.get("access_token")
    return token if isinstance(token, str) else ""


class Authenticator:
    """Proves one identity to the registries of a target, and keeps the tokens that it gets.

    With `preemptive` Basic credentials go out before anybody asks; else only to hosts that have asked for them, since
    another host may have another way.
    """

    def __init__(self, identity: Identity, *, preemptive: bool = False) -> None:
        self._identity = identity
        self._preemptive = preemptive
        self._asking: set[str] = set()
        self._tokens: dict[tuple[str, ...], str] = {}
        self._needed: dict[tuple[str, ...], tuple[str, ...]] = {}

    def first(self, request: Request) -> str | None:
        """The Authorization to send with a request that nobody has asked about yet."""
        kind = _kind(request)
        if kind in self._needed:
            return self._bearer(self._needed[kind])
        return self._own_basic() if self._preemptive or urlsplit(request.url).netloc in self._asking else None

    def again(self, request: Request, answer: Exchange, send: Send) -> str | None:
        """The Authorization to send after a 401; None if there is nothing new to try."""
        sent = next((value for name, value in answer.request.headers if name.lower() == "authorization"), None)
        if challenge := challenge_of(answer, "bearer"):
            return self._with_token(request, challenge, sent, send)
        if challenge_of(answer, "basic") and not self._identity.anonymous:
            self._asking.add(urlsplit(request.url).netloc)
            return self._own_basic() if sent != self._own_basic() else None
        return None

    def _with_token(self, request: Request, challenge: Challenge, sent: str | None, send: Send) -> str | None:
        realm, service = challenge.fields.get("realm", ""), challenge.fields.get("service", "")
        key = (realm, service, *challenge.scopes)
        if urlsplit(realm).scheme not in {"http", "https"}:
            return None
        if key not in self._tokens or sent == f"Bearer {self._tokens[key]}":  # it may have expired
            credentials = self._own_basic()
            headers = (("Authorization", credentials),) if credentials else ()
            token = token_in(send(Request("GET", token_url(realm, service=service, scopes=challenge.scopes), headers)))
            if not token:
                return None
            self._tokens[key] = token
        self._needed[_kind(request)] = key
        fresh = self._bearer(key)
        return fresh if fresh != sent else None

    def _bearer(self, key: tuple[str, ...]) -> str:
        return f"Bearer {self._tokens[key]}"

    def _own_basic(self) -> str | None:
        return None if self._identity.anonymous else basic(self._identity.username, self._identity.secret)


def _kind(request: Request) -> tuple[str, ...]:
    """What requests need the same token: those that read, write or delete in one repository of one host."""
    parts = urlsplit(request.url)
    name = re.sub(r"/(manifests|blobs|tags|referrers)/.*", "", parts.path, count=1, flags=re.DOTALL)
    group = {"GET": "read", "HEAD": "read", "DELETE": "delete"}.get(request.method, "write")
    if "/blobs/uploads/" in parts.path:
        group = "write"
    # A mount needs a token for its source, too.
    return (parts.netloc, name, group, parts.query if "mount=" in parts.query else "")
