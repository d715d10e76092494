"""Access and refresh tokens: issued, and verified without a record of the tokens issued.

An access token carries the claims of the Docker registry's token documentation ("Claim Set"), signed in one of three
formats: `opaque` with a secret of this issuer, which only it can verify, and the JWTs `ES256` and `RS256` with a key
pair, so that another registry can verify them too. A token with any character changed is refused, even where base64
would decode to the same bytes.
"""

from __future__ import annotations

import hashlib
import math
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from itsdangerous import BadData, URLSafeSerializer
from itsdangerous.encoding import base64_decode, base64_encode

from fakereg.auth import scopes
from fakereg.auth.scopes import Access
from fakereg.auth.token_errors import TOKEN_LIMIT, TokenError
from fakereg.clock import Clock

FORMATS = ("opaque", "ES256", "RS256")
"""The formats of access tokens."""

LIFETIME_MINIMUM = 60.0
"""Shortest lifetime of an access token in seconds: older clients rely on it ("Token Response Fields")."""


_SHAPE = re.compile(r"[A-Za-z0-9_.-]+")


@dataclass(frozen=True)
class Grant:
    """The subject and the access of an access token.

    With `external` the token alone decides. The subject is then the name of the user, otherwise the key that the token
    was issued for; "" is an anonymous caller.
    """

    subject: str
    access: tuple[Access, ...]
    external: bool


@dataclass(frozen=True)
class Issued:
    """A new access token, its lifetime in whole seconds, and the time of its issue in RFC 3339."""

    token: str = field(repr=False)
    expires_in: int
    issued_at: str


class Form(Protocol):
    """A format: claims to a token and back; `certificate`, PEM text, is for other servers that verify the token."""

    external: bool
    certificate: str | None

    def sign(self, claims: dict[str, Any]) -> str:
        """Return the token for these claims."""

    def read(self, text: str) -> dict[str, Any]:
        """Return the claims of a token that was signed here; raise TokenError for any other text."""


class Tokens:
    """Issues tokens and verifies its own. Safe to use from several threads.

    `clock` returns the time in seconds since 1970, `lifetime` is that of an access token in seconds. `key` and `cert`
    are paths of PEM files, for JWTs: a private key, and its certificate, which a chain may follow. Either is generated
    if it is not given. Tokens of another instance are refused, except JWTs with the same key and the same issuer.

    Raise ValueError for invalid settings, OSError for files that cannot be read, ImportError if a package that a
    format needs is missing.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        lifetime: float = 300.0,
        format: str = "opaque",
        issuer: str = "fakereg",
        key: str | None = None,
        cert: str | None = None,
    ) -> None:
        if not LIFETIME_MINIMUM <= lifetime < math.inf:
            raise ValueError(
                f"token_lifetime must be at least {LIFETIME_MINIMUM:.0f} seconds and finite, got {lifetime}"
            )
        self._clock = clock
        self._lifetime = lifetime
        self._issuer = issuer
        secret = secrets.token_bytes(32)
        self._access = _form(format, secret, key=key, cert=cert)
        self._refresh = _Opaque(secret, salt="refresh")

    @property
    def certificate(self) -> str | None:
        """The certificates that another registry needs to trust these tokens, as PEM text; None for opaque tokens."""
        return self._access.certificate

    def issue(self, *, subject: str, name: str, service: str, access: Sequence[Access]) -> Issued:
        """Issue an access token for the user `name` ("" if anonymous), which grants that access at that service only.

        `subject` is any key of the identity; an opaque token keeps it, a JWT has the name instead.
        """
        now = self._clock()
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "sub": name if self._access.external else subject,
            "aud": service,
            "exp": math.ceil(now + self._lifetime),
            "nbf": math.floor(now),
            "iat": math.floor(now),
            "jti": secrets.token_urlsafe(24),
            "access": [_entry(each) for each in access],
        }
        issued_at = datetime.fromtimestamp(claims["iat"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return Issued(self._access.sign(claims), int(self._lifetime), issued_at)

    def refresh_token(self, *, subject: str, service: str) -> str:
        """Issue a token for `redeem`, opaque in every format. It does not expire, but is valid in this process only."""
        return self._refresh.sign({"sub": subject, "aud": service})

    def redeem(self, text: str, *, service: str) -> str:
        """Return the subject of a refresh token for that service; raise TokenError."""
        claims = _read(self._refresh, text)
        _check_audience(claims, service)
        return _text(claims, "sub")

    def verify(self, text: str, *, service: str, leeway: float = 0.0) -> Grant:
        """Return the grant of an access token for that service; raise TokenError ("Verifying the token").

        `leeway` is how many seconds the clocks of issuer and registry may differ.
        """
        claims = _read(self._access, text)
        if claims.get("iss") != self._issuer:
            raise TokenError("token of a foreign issuer")
        _check_audience(claims, service)
        now = self._clock()
        if not now - leeway < _seconds(claims, "exp"):
            raise TokenError("token expired")
        if now + leeway < _seconds(claims, "nbf"):
            raise TokenError("token not yet valid")
        return Grant(_text(claims, "sub"), tuple(_granted(claims)), self._access.external)


class _Opaque:
    """Claims under an HMAC, which only the holder of the secret can verify; `salt` separates its uses."""

    external = False
    certificate: str | None = None

    def __init__(self, secret: bytes, *, salt: str) -> None:
        options = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
        self._serializer = URLSafeSerializer(secret, salt=salt, signer_kwargs=options)

    def sign(self, claims: dict[str, Any]) -> str:
        return self._serializer.dumps(claims)

    def read(self, text: str) -> dict[str, Any]:
        try:
            return dict(self._serializer.loads(text))
        except BadData:  # the message of BadData quotes a part of the token
            raise TokenError("token tampered with, or foreign") from None


def _form(format: str, secret: bytes, *, key: str | None, cert: str | None) -> Form:
    if format not in FORMATS:
        raise ValueError(f"token_format must be one of {', '.join(FORMATS)}, got {format!r}")
    if format == "opaque":
        if key or cert:
            raise ValueError(
                f"with token_key or token_cert, token_format must be {' or '.join(FORMATS[1:])}, got {format!r}"
            )
        return _Opaque(secret, salt="access")
    try:
        from fakereg.auth.jwt import Jwt
    except ImportError as missing:
        raise ImportError(f"{format} tokens need more packages: pip install 'fakereg[jwt]'") from missing
    return Jwt(format, key=key, cert=cert)


def _read(form: Form, text: str) -> dict[str, Any]:
    if len(text) > TOKEN_LIMIT:
        raise TokenError(f"token longer than {TOKEN_LIMIT} characters")
    if not _SHAPE.fullmatch(text) or not _is_canonical(text.rpartition(".")[2]):
        raise TokenError("malformed token")
    return form.read(text)


def _is_canonical(signature: str) -> bool:
    """Return whether the base64 of a signature is canonical; the signed part is compared as text anyway."""
    try:
        return base64_encode(base64_decode(signature)) == signature.encode()
    except BadData:
        return False


def _check_audience(claims: dict[str, Any], service: str) -> None:
    audience = claims.get("aud")
    if service not in (audience if isinstance(audience, list) else [audience]):
        raise TokenError("token for another audience")


def _text(claims: dict[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str):
        raise TokenError(f"malformed token: {name} must be a text")
    return value


def _seconds(claims: dict[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise TokenError(f"malformed token: {name} must be a time")


def _entry(access: Access) -> dict[str, Any]:
    return {"type": access.type, "name": access.name, "actions": scopes.ordered(access.actions)}


def _granted(claims: dict[str, Any]) -> Iterable[Access]:
    entries = claims.get("access")
    if not isinstance(entries, list) or not all(map(_is_entry, entries)):
        raise TokenError("malformed token: access must be a list of entries")
    return scopes.merge(Access(entry["type"], entry["name"], frozenset(entry["actions"])) for entry in entries)


def _is_entry(value: Any) -> bool:
    """Return whether a value is an entry of "access" as documented: type, name and a list of actions."""
    if not isinstance(value, dict) or not isinstance(actions := value.get("actions"), list):
        return False
    return all(isinstance(each, str) for each in (value.get("type"), value.get("name"), *actions))
