"""Tokens at the registry, refresh tokens, POST and JWTs, broken: each opens too much, or says too little."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from itsdangerous.encoding import base64_decode

import fakereg.api.tokens
import fakereg.api.uploads
import fakereg.auth.jwt
import fakereg.auth.tokens
import fakereg.http.authorization
from fakereg.auth import scopes
from fakereg.auth.caller import EVERYTHING, NOTHING, Caller, Rights
from fakereg.auth.scopes import Access
from fakereg.auth.token_errors import TokenError
from fakereg.auth.tokens import Grant, Tokens
from fakereg.spec.errors import Code, RegistryError
from tests.mutants.auth import BEARER, JWT, refusal, rewrite
from tests.mutants.harness import Answer, Ask, after, instead, patched

Opens = Callable[[Access, str, str], Rights]
"""What an entry of a token allows on a resource of a type and a name."""


def limited(patch: pytest.MonkeyPatch, opens: Opens) -> None:
    """Let tokens open what a function says."""

    def limit(caller: Caller, type: str, name: str) -> Rights:
        if caller.access is None:
            return EVERYTHING
        return NOTHING.union(*(opens(entry, type, name) for entry in caller.access))

    patch.setattr(Caller, "limit", limit)


def actions(entry: Access) -> Rights:
    """The actions of an entry."""
    return EVERYTHING if "*" in entry.actions else entry.actions


def form(ask: Ask) -> dict[str, str]:
    """The fields of a POST to the token service; none of any other request."""
    return dict(parse_qsl(ask.body().decode())) if ask.kind == "/token" and ask.method == "POST" else {}


def with_form(ask: Ask, fields: dict[str, str]) -> None:
    """Let the fake read other fields."""
    ask.replace_body(urlencode(fields).encode())


# What a token opens.


@patched("AUTH-26", "a token with pull opens pushes", target=BEARER)
def pull_opens_pushes(patch: pytest.MonkeyPatch) -> None:
    def opens(entry: Access, type: str, name: str) -> Rights:
        return EVERYTHING if (entry.type, entry.name) == (type, name) and entry.actions else NOTHING

    limited(patch, opens)


@patched("AUTH-26", "manifests are pushed with pull", target=BEARER)
def manifests_are_pushed_with_pull(patch: pytest.MonkeyPatch) -> None:
    authorize = fakereg.http.authorization.authorize

    def lax(call: Any, action: str, name: Any) -> None:
        authorize(call, "pull" if call.request.method == "PUT" else action, name)

    patch.setattr(fakereg.http.authorization, "authorize", lax)


@patched("AUTH-27", "names are compared from their beginning", target=BEARER)
def names_from_their_beginning(patch: pytest.MonkeyPatch) -> None:
    limited(patch, lambda entry, type, name: actions(entry) if name.startswith(entry.name) else NOTHING)


@patched("AUTH-27", "names are not compared for pulls", target=BEARER)
def names_do_not_count(patch: pytest.MonkeyPatch) -> None:
    def opens(entry: Access, type: str, name: str) -> Rights:
        return actions(entry) if entry.name == name else actions(entry) & {"pull"}

    limited(patch, opens)


@patched("AUTH-28", "types are not compared", target=BEARER)
def types_do_not_count(patch: pytest.MonkeyPatch) -> None:
    tokens = fakereg.api.tokens
    allowed = tokens._allowed
    patch.setattr(tokens, "_allowed", lambda call, asked: allowed(call, asked._replace(type="repository")))
    limited(patch, lambda entry, type, name: actions(entry) if entry.name == name else NOTHING)


@patched("AUTH-28", "any token opens the catalog", target=BEARER)
def any_token_opens_the_catalog(patch: pytest.MonkeyPatch) -> None:
    def opens(entry: Access, type: str, name: str) -> Rights:
        return EVERYTHING if type == "registry" else actions(entry) if entry.name == name else NOTHING

    limited(patch, opens)


@patched("AUTH-23", "a token without scope has no limit", target=BEARER)
def no_scope_no_limit(patch: pytest.MonkeyPatch) -> None:
    limit = Caller.limit

    def lax(caller: Caller, type: str, name: str) -> Rights:
        return limit(caller, type, name) if caller.access else EVERYTHING

    patch.setattr(Caller, "limit", lax)


@patched("AUTH-29", "a mount does not look at the token", target=BEARER)
def mount_does_not_look(patch: pytest.MonkeyPatch) -> None:
    def mount_from(call: Any, name: Any, digest: Any, source: Any) -> bool:
        return bool(call.storage.mount_blob(name, digest, source=source))

    patch.setattr(fakereg.api.uploads, "_mount_from", mount_from)


@patched("AUTH-31", "tokens for any service count", target=BEARER)
def any_service_counts(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(fakereg.auth.tokens, "_check_audience", lambda claims, service: None)


@patched("AUTH-32", "tokens do not expire", target=BEARER)
def tokens_do_not_expire(patch: pytest.MonkeyPatch) -> None:
    seconds = fakereg.auth.tokens._seconds
    patch.setattr(
        fakereg.auth.tokens,
        "_seconds",
        lambda claims, name: float("inf") if name == "exp" else seconds(claims, name),
    )


@patched("AUTH-33", "signatures are not verified", target=BEARER)
def signatures_are_not_verified(patch: pytest.MonkeyPatch) -> None:
    def read(form: Any, text: str) -> dict[str, Any]:
        _, claims = form._serializer.loads_unsafe(text)
        if not isinstance(claims, dict):
            raise TokenError("malformed token")
        return claims

    patch.setattr(fakereg.auth.tokens._Opaque, "read", read)


@patched("AUTH-33", "JWTs that are not signed count", target=JWT)
def unsigned_jwts_count(patch: pytest.MonkeyPatch) -> None:
    read = fakereg.auth.jwt.Jwt.read

    def lax(form: fakereg.auth.jwt.Jwt, text: str) -> dict[str, Any]:
        if not text.endswith("."):
            return read(form, text)
        found: dict[str, Any] = json.loads(base64_decode(text.split(".")[1]))
        return found

    patch.setattr(fakereg.auth.tokens, "_is_canonical", lambda signature: True)
    patch.setattr(fakereg.auth.jwt.Jwt, "read", lax)


# Refresh tokens.


@instead("AUTH-34", "GET always gives a refresh token", target=BEARER)
def get_gives_refresh_tokens(ask: Ask) -> Answer | None:
    if ask.kind != "/token" or ask.method != "GET":
        return None
    return ask.proceed(QUERY_STRING=f"{ask.environ['QUERY_STRING']}&offline_token=true")


@instead("AUTH-34", "POST always gives a refresh token", target=BEARER)
def post_gives_refresh_tokens(ask: Ask) -> Answer | None:
    if fields := form(ask):
        with_form(ask, fields | {"access_type": "offline"})
    return None


@instead("AUTH-35", "a refresh token has the scope that it was asked for with", target=BEARER)
def refresh_token_has_a_scope(ask: Ask) -> Answer | None:
    fields = form(ask)
    if fields.get("grant_type") == "refresh_token":
        token, _, scope = fields["refresh_token"].partition("~")
        return refusal(400) if fields.get("scope", "") != scope else _post(ask, fields | {"refresh_token": token})
    answer = _post(ask, fields) if fields else None
    if answer and "refresh_token" in json.loads(answer.body):
        rewrite(answer, refresh_token=f"{json.loads(answer.body)['refresh_token']}~{fields.get('scope', '')}")
    return answer


@after("AUTH-35", "a refresh token from GET does not count", "GET /token", 200, target=BEARER)
def refresh_token_from_get(ask: Ask, answer: Answer) -> None:
    if "refresh_token" in json.loads(answer.body):
        rewrite(answer, refresh_token="made-up")


@patched("AUTH-35", "a refresh token is refused beside a user name", target=BEARER)
def refresh_token_is_refused_for_others(patch: pytest.MonkeyPatch) -> None:
    required = fakereg.api.tokens._required

    def odd(form: dict[str, str], field: str) -> str:
        if field == "refresh_token" and form.get("username"):
            raise RegistryError(Code.UNSUPPORTED, "two grants", status=400)
        return required(form, field)

    patch.setattr(fakereg.api.tokens, "_required", odd)


@patched("AUTH-36", "refresh tokens for any service count", target=BEARER)
def any_service_refreshes(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(fakereg.auth.tokens, "_check_audience", lambda claims, service: None)


@patched("AUTH-37", "a refresh token opens what its subject may do", target=BEARER)
def refresh_token_opens(patch: pytest.MonkeyPatch) -> None:
    verify = Tokens.verify

    def lax(tokens: Tokens, text: str, *, service: str, leeway: float) -> Grant:
        try:
            subject = tokens.redeem(text, service=service)
        except TokenError:
            return verify(tokens, text, service=service, leeway=leeway)
        return Grant(subject, None, False)  # type: ignore[arg-type]  # no limit

    patch.setattr(Tokens, "verify", lax)


@instead("AUTH-38", "each refresh gives a new refresh token", target=BEARER)
def new_refresh_token(ask: Ask) -> Answer | None:
    fields = form(ask)
    if fields.get("grant_type") != "refresh_token":
        return None
    answer = _post(ask, fields)
    rewrite(answer, refresh_token=f"{fields['refresh_token']}~")
    return answer


@after("AUTH-38", "POST gives no refresh token", "POST /token", 200, target=BEARER)
def no_refresh_token(ask: Ask, answer: Answer) -> None:
    rewrite(answer, refresh_token=None)


# POST.


@after("AUTH-39", "the token of a POST is called token alone", "POST /token", 200, target=BEARER)
def called_token(ask: Ask, answer: Answer) -> None:
    rewrite(answer, access_token=None, token=json.loads(answer.body)["access_token"])


@after("AUTH-40", "POST does not tell the scope", "POST /token", 200, target=BEARER)
def no_scope(ask: Ask, answer: Answer) -> None:
    rewrite(answer, scope=None)


@instead("AUTH-40", "POST tells the scope that was asked for", target=BEARER)
def scope_that_was_asked_for(ask: Ask) -> Answer | None:
    if not (fields := form(ask)):
        return None
    answer = _post(ask, fields)
    rewrite(answer, scope=fields.get("scope", ""))
    return answer


@after("AUTH-41", "POST does not tell how long a token lives", "POST /token", 200, target=BEARER)
def no_lifetime(ask: Ask, answer: Answer) -> None:
    rewrite(answer, expires_in=None)


@instead("AUTH-42", "a client need not say what it is", target=BEARER)
def client_need_not_say(ask: Ask) -> Answer | None:
    if fields := form(ask):
        with_form(ask, {"client_id": "unknown", **fields})
    return None


@instead("AUTH-42", "who has no refresh token is nobody", target=BEARER)
def who_has_no_refresh_token(ask: Ask) -> Answer | None:
    fields = form(ask)
    if fields.get("grant_type") != "refresh_token" or fields.get("refresh_token"):
        return None
    return ask.proceed(REQUEST_METHOD="GET", QUERY_STRING=urlencode(fields))


@instead("AUTH-43", "any grant type is the password's", target=BEARER)
def any_grant_type(ask: Ask) -> Answer | None:
    fields = form(ask)
    if fields and fields.get("grant_type") != "refresh_token":
        with_form(ask, fields | {"grant_type": "password"})
    return None


# JWTs.


def rewrite_jwt(patch: pytest.MonkeyPatch, change: Callable[[dict[str, Any], dict[str, Any]], object]) -> None:
    """Change the header and the claims of a JWT before it is signed."""
    sign = fakereg.auth.jwt.Jwt.sign

    def changed(form: fakereg.auth.jwt.Jwt, claims: dict[str, Any]) -> str:
        before, form._header = form._header, dict(form._header)
        try:
            change(form._header, claims)
            return sign(form, claims)
        finally:
            form._header = before

    patch.setattr(fakereg.auth.jwt.Jwt, "sign", changed)


@patched("AUTH-44", "a JWT has another type", target=JWT)
def jwt_of_another_type(patch: pytest.MonkeyPatch) -> None:
    rewrite_jwt(patch, lambda header, claims: header.update(typ="at+jwt"))


@patched("AUTH-45", "a JWT does not name its key", target=JWT)
def jwt_without_a_key(patch: pytest.MonkeyPatch) -> None:
    rewrite_jwt(patch, lambda header, claims: (header.pop("kid"), header.pop("x5c")))


@patched("AUTH-46", "a JWT has no id", target=JWT)
def jwt_without_an_id(patch: pytest.MonkeyPatch) -> None:
    rewrite_jwt(patch, lambda header, claims: claims.pop("jti"))


@patched("AUTH-46", "a JWT has another audience", target=JWT)
def jwt_for_another(patch: pytest.MonkeyPatch) -> None:
    rewrite_jwt(patch, lambda header, claims: claims.update(aud="another.example"))


@patched("AUTH-47", "access names a resource and no list of actions", target=JWT)
def access_is_a_text(patch: pytest.MonkeyPatch) -> None:
    rewrite_jwt(patch, lambda header, claims: claims.update(access="repository:pull"))


@patched("AUTH-47", "access has the actions that were asked for", target=JWT)
def access_that_was_asked_for(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(fakereg.api.tokens, "_granted", lambda call, identity, scope: scopes.parse(scope))


def _post(ask: Ask, fields: dict[str, str]) -> Answer:
    with_form(ask, fields)
    return ask.proceed()
