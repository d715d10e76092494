"""Tokens that are JWTs, as distribution verifies them ("Token Authentication Implementation"); others are opaque."""

from __future__ import annotations

from typing import Any

from conformance.checks.checks import Checks
from conformance.client.credentials import token_in
from conformance.client.exchange import Exchange
from conformance.client.tokens import parts_of, scope_of
from conformance.scene.actors import Clients, not_applicable
from conformance.scene.requirement import requirement
from conformance.scene.token_service import token_service

TEXTS, TIMES = ("iss", "sub", "jti"), ("exp", "nbf", "iat")


def _parts(answer: Exchange) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the header and the claims of the token in an answer."""
    found = parts_of(token_in(answer))
    if found is None:
        not_applicable("the tokens are no JWTs")
    return found


@requirement("AUTH-44", "AUTH-45", "AUTH-46")
def test_jwt(clients: Clients, check: Checks, repository: str) -> None:
    service = token_service(clients, repository)
    answer = service.get("writer", scope_of(repository, "pull", "push"))
    header, claims = _parts(answer)
    ok = bool(header.get("alg")) and header.get("typ") == "JWT"
    check.that("AUTH-44", ok, expected="alg, and typ JWT", got=sorted(header), exchange=answer)
    keys = {"kid", "jwk", "x5c"} & header.keys()
    check.that("AUTH-45", bool(keys), expected="kid, jwk or x5c", got=sorted(header), exchange=answer)
    wrong = [name for name in TEXTS if not isinstance(claims.get(name), str)]
    wrong += [name for name in TIMES if not isinstance(claims.get(name), int | float)]
    check.that("AUTH-46", not wrong, expected=", ".join(TEXTS + TIMES), got=f"not {wrong}", exchange=answer)
    audience = claims.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    check.that("AUTH-46", service.service in named, expected=service.service, got=audience, exchange=answer)
    check.that("AUTH-46", claims["nbf"] < claims["exp"], expected="nbf before exp", got="not so", exchange=answer)


@requirement("AUTH-47")
def test_access_in_a_jwt(clients: Clients, check: Checks, repository: str) -> None:
    service = token_service(clients, repository)
    for who, granted in (("writer", {"pull", "push"}), ("reader", {"pull"})):
        answer = service.get(who, scope_of(repository, "pull", "push"))
        access = _parts(answer)[1].get("access")
        entry = {"type": "repository", "name": repository, "actions": sorted(granted)}
        check.that("AUTH-47", _sorted(access) == [entry], expected=f"{[entry]}", got=access, exchange=answer)


def _sorted(access: object) -> object:
    """Sort the actions of the entries; return anything else unchanged."""
    try:
        return [{**entry, "actions": sorted(entry["actions"])} for entry in access]  # type: ignore[attr-defined]  # or TypeError
    except (TypeError, KeyError):
        return access
