"""Challenges and the token service, broken: what is asked for, what is answered, and to whom."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest

import fakereg.api.tokens
from conformance.client.credentials import basic
from conformance.fakes import identities
from fakereg.auth import scopes
from fakereg.auth.accounts import Identity
from fakereg.auth.scopes import Access
from fakereg.http.call import Call
from fakereg.spec.errors import Code, RegistryError
from tests.mutants.harness import Answer, Ask, after, instead, patched, settings_break

BEARER = "fake:oci,auth=bearer,rights=repository"
JWT = f"{BEARER},token_format=ES256"
ANY = "GET|HEAD|POST|PUT|DELETE"
CHALLENGE = "WWW-Authenticate"


def writer() -> str:
    """The Authorization of whoever may do everything."""
    found = identities()["writer"]
    return basic(found.username, found.secret)


def refusal(status: int, text: str = "refused") -> Answer:
    """An answer that gives no token."""
    answer = Answer(status)
    answer.write(json.dumps({"errors": [{"code": "DENIED", "message": text}]}).encode(), "application/json")
    if status == 401:
        answer.set(CHALLENGE, 'Basic realm="fakereg"')
    return answer


def rewrite_challenge(answer: Answer, pattern: str, replacement: str) -> None:
    """Change the text of a challenge."""
    if text := answer.header(CHALLENGE):
        answer.set(CHALLENGE, re.sub(pattern, replacement, text))


def rewrite(answer: Answer, **fields: Any) -> None:
    """Change fields of a token service's answer; None leaves one out."""
    document = json.loads(answer.body) | fields
    answer.write(json.dumps({name: value for name, value in document.items() if value is not None}).encode())


def asked_scopes(ask: Ask) -> list[str]:
    """The scopes of a GET."""
    return [value for name, value in parse_qsl(ask.environ["QUERY_STRING"]) if name == "scope"]


def without_scopes(ask: Ask, *scopes: str) -> Answer:
    """What the fake answers to a GET with other scopes."""
    pairs = [pair for pair in parse_qsl(ask.environ["QUERY_STRING"]) if pair[0] != "scope"]
    return ask.proceed(QUERY_STRING=urlencode([*pairs, *(("scope", scope) for scope in scopes)]))


# Challenges.


@after("AUTH-01", "a missing token gets 403", ANY, 401, target=BEARER)
def missing_token_gets_403(ask: Ask, answer: Answer) -> None:
    if not ask.header("Authorization") and ask.kind != "ping":  # else it is no registry at all
        answer.status = 403


@after("AUTH-02", "the challenge is one of Basic", ANY, 401, target=BEARER)
def challenge_of_basic(ask: Ask, answer: Answer) -> None:
    rewrite_challenge(answer, "^Bearer ", "Basic ")


@after("AUTH-02", "the realm is a name", ANY, 401, target=BEARER)
def realm_is_a_name(ask: Ask, answer: Answer) -> None:
    rewrite_challenge(answer, 'realm="[^"]*"', 'realm="registry"')


@after("AUTH-02", "the challenge on /v2/ has no realm", "GET ping", 401, target=BEARER)
def no_realm(ask: Ask, answer: Answer) -> None:
    rewrite_challenge(answer, 'realm="[^"]*",', "")


@after("AUTH-03", "the challenge names no service", ANY, 401, target=BEARER)
def no_service(ask: Ask, answer: Answer) -> None:
    rewrite_challenge(answer, ',service="[^"]*"', "")


@after("AUTH-04", "the challenge names no scope", ANY, 401, target=BEARER)
def no_scope(ask: Ask, answer: Answer) -> None:
    rewrite_challenge(answer, ',scope="[^"]*"', "")


@after("AUTH-04", "the challenge to a push asks for pull", "POST|PUT", 401, target=BEARER)
def push_asks_for_pull(ask: Ask, answer: Answer) -> None:
    rewrite_challenge(answer, ":pull,push", ":pull")


@after("AUTH-05", "the challenge of a mount names one repository", "POST uploads", 401, target=BEARER)
def mount_names_one_repository(ask: Ask, answer: Answer) -> None:
    rewrite_challenge(answer, 'scope="([^" ]*)[^"]*"', r'scope="\1"')


@after("AUTH-06", "a missing token is an invalid one", ANY, 401, target=BEARER)
def missing_token_is_invalid(ask: Ask, answer: Answer) -> None:
    if not ask.header("Authorization"):
        rewrite_challenge(answer, "$", ',error="invalid_token"')


@after("AUTH-07", "an invalid token is not called so", ANY, 401, target=BEARER)
def no_invalid_token(ask: Ask, answer: Answer) -> None:
    rewrite_challenge(answer, ',error="invalid_token"', "")


@after("AUTH-07", "an invalid token gets 400", ANY, 401, target=BEARER)
def invalid_token_gets_400(ask: Ask, answer: Answer) -> None:
    if "invalid_token" in (answer.header(CHALLENGE) or ""):
        answer.status = 400


@after("AUTH-08", "a scope that does not suffice is not called so", ANY, 401, target=BEARER)
def no_insufficient_scope(ask: Ask, answer: Answer) -> None:
    rewrite_challenge(answer, ',error="insufficient_scope"', "")


@instead("AUTH-09", "tokens are not looked at where tags are listed", target=BEARER)
def tokens_are_not_looked_at(ask: Ask) -> Answer | None:
    return ask.proceed(HTTP_AUTHORIZATION="") if ask.kind == "tags" else None


@instead("AUTH-10", "the scheme is compared letter by letter", target=BEARER)
def scheme_letter_by_letter(ask: Ask) -> Answer | None:
    scheme = ask.header("Authorization").partition(" ")[0]
    return None if scheme in {"Bearer", "Basic"} else ask.proceed(HTTP_AUTHORIZATION="")


# What the token service answers to GET.


@after("AUTH-11", "the token has another name", "GET /token", 200, target=BEARER)
def token_has_another_name(ask: Ask, answer: Answer) -> None:
    rewrite(answer, token=None, access_token=None, id_token=json.loads(answer.body)["token"])


@after("AUTH-11", "nobody gets an empty token", "GET /token", 200, target=BEARER)
def nobody_gets_an_empty_token(ask: Ask, answer: Answer) -> None:
    if not ask.header("Authorization"):
        rewrite(answer, token="", access_token="")


@after("AUTH-12", "token and access_token differ", "GET /token", 200, target=BEARER)
def two_tokens(ask: Ask, answer: Answer) -> None:
    rewrite(answer, access_token=json.loads(ask.proceed().body)["token"])


@after("AUTH-13", "a token lives for 30 seconds", "GET /token", 200, target=BEARER)
def token_lives_30_seconds(ask: Ask, answer: Answer) -> None:
    rewrite(answer, expires_in=30)


@after("AUTH-13", "expires_in is a text", "GET /token", 200, target=BEARER)
def lifetime_is_a_text(ask: Ask, answer: Answer) -> None:
    rewrite(answer, expires_in="300")


@after("AUTH-14", "issued_at is a number", "GET /token", 200, target=BEARER)
def issue_is_a_number(ask: Ask, answer: Answer) -> None:
    rewrite(answer, issued_at=1_700_000_000)


@after("AUTH-14", "issued_at is in local time", "GET /token", 200, target=BEARER)
def issue_in_local_time(ask: Ask, answer: Answer) -> None:
    rewrite(answer, issued_at="2026-01-01T12:00:00+02:00")


@instead("AUTH-15", "of several scope parameters the last one counts", target=BEARER)
def last_scope_counts(ask: Ask) -> Answer | None:
    return without_scopes(ask, *asked_scopes(ask)[-1:]) if ask.kind == "/token" and ask.method == "GET" else None


@instead("AUTH-15", "of a list of scopes the first one counts", target=BEARER)
def first_scope_counts(ask: Ask) -> Answer | None:
    if ask.kind == "/token" and ask.method == "POST":
        form = dict(parse_qsl(ask.body().decode()))
        ask.replace_body(urlencode(form | {"scope": form.get("scope", "").partition(" ")[0]}).encode())
    return None


@patched("AUTH-16", "to ask for too much is refused", target=BEARER)
def too_much_is_refused(patch: pytest.MonkeyPatch) -> None:
    granted = fakereg.api.tokens._granted

    def strict(call: Call, identity: Identity, scope: str) -> list[Access]:
        if (found := granted(call, identity, scope)) != scopes.parse(scope):
            raise RegistryError(Code.DENIED, "denied")
        return found

    patch.setattr(fakereg.api.tokens, "_granted", strict)


@instead("AUTH-16", "an unknown action is refused", target=BEARER)
def unknown_action_is_refused(ask: Ask) -> Answer | None:
    return refusal(400) if ask.kind == "/token" and "frobnicate" in ask.environ["QUERY_STRING"] else None


@patched("AUTH-17", "a token is for what was asked for", target=JWT)
def token_for_what_was_asked_for(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(fakereg.api.tokens, "_granted", lambda call, identity, scope: scopes.parse(scope))


settings_break("AUTH-18", "wrong credentials get 403", f"{BEARER},token_refusal=403")


@instead("AUTH-18", "who fails to authenticate is nobody", target=BEARER)
def who_fails_is_nobody(ask: Ask) -> Answer | None:
    if ask.kind != "/token" or ask.method != "GET":
        return None
    answer = ask.proceed()
    if answer.status == 401:
        del ask.environ["HTTP_AUTHORIZATION"]
    return ask.proceed()


@instead("AUTH-19", "passwords are not looked at", target=BEARER)
def passwords_are_not_looked_at(ask: Ask) -> Answer | None:
    if ask.kind != "/token" or ask.method != "GET":
        return None
    answer = ask.proceed()
    return ask.proceed(HTTP_AUTHORIZATION=writer()) if answer.status == 401 else answer


@instead("AUTH-20", "nobody is somebody", target=BEARER)
def nobody_is_somebody(ask: Ask) -> Answer | None:
    if ask.kind != "/token" or ask.header("Authorization"):
        return None
    return ask.proceed(HTTP_AUTHORIZATION=writer())


@instead("AUTH-21", "nobody gets no token", target=BEARER)
def nobody_gets_no_token(ask: Ask) -> Answer | None:
    return refusal(401) if ask.kind == "/token" and not ask.header("Authorization") else None


@instead("AUTH-22", "a client has to be registered", target=BEARER)
def client_is_registered(ask: Ask) -> Answer | None:
    known = ask.query.get("client_id", "docker") == "docker"
    return None if known or ask.kind != "/token" else refusal(400, "unknown client")


@instead("AUTH-22", "a parameter that is not known is refused", target=BEARER)
def account_is_refused(ask: Ask) -> Answer | None:
    return refusal(400, "unknown parameter") if ask.kind == "/token" and "account" in ask.query else None


@instead("AUTH-23", "a token takes a scope", target=BEARER)
def token_takes_a_scope(ask: Ask) -> Answer | None:
    missing = ask.kind == "/token" and ask.method == "GET" and not asked_scopes(ask)
    return refusal(400, "no scope") if missing else None


@instead("AUTH-24", "a resource class is refused", target=BEARER)
def class_is_refused(ask: Ask) -> Answer | None:
    refused = ask.kind == "/token" and any("(" in scope for scope in asked_scopes(ask))
    return refusal(400, "unknown type") if refused else None


@instead("AUTH-24", "a resource class is another type", target=BEARER)
def class_is_another_type(ask: Ask) -> Answer | None:
    if ask.kind != "/token" or ask.method != "GET":
        return None
    return without_scopes(ask, *(scope.replace("(plugin)", "plugin") for scope in asked_scopes(ask)))


@instead("AUTH-25", "a scope has two colons", target=BEARER)
def scope_has_two_colons(ask: Ask) -> Answer | None:
    refused = ask.kind == "/token" and any(scope.count(":") != 2 for scope in asked_scopes(ask))
    return refusal(400, "malformed scope") if refused else None


@after("AUTH-30", "the catalog takes a repository's scope", "GET /v2/_catalog", 401, target=BEARER)
def catalog_takes_a_repository(ask: Ask, answer: Answer) -> None:
    rewrite_challenge(answer, "registry:catalog:.", "repository:catalog:pull")
