"""JWTs are told from other tokens, forgeries are none, and a token service is not taken for a registry."""

from __future__ import annotations

import json

import pytest

from conformance.client.tokens import forged, parts_of
from fakereg.auth.token_errors import TokenError
from fakereg.auth.tokens import FORMATS, Tokens
from fakereg.clock import ManualClock
from tests.mutants.auth import BEARER
from tests.mutants.harness import Answer, Ask, Mutant, facts_about


def issued(format: str) -> tuple[Tokens, str]:
    """An issuer, and a token of its own."""
    tokens = Tokens(clock=ManualClock(), format=format)
    return tokens, tokens.issue(subject="1", name="me", service="here", access=[]).token


@pytest.mark.parametrize("format", FORMATS)
def test_only_jwts_have_parts(format: str) -> None:
    found = parts_of(issued(format)[1])
    if format == "opaque":
        assert found is None
    else:
        assert found
        assert found[0]["alg"] == format
        assert found[1]["aud"] == "here"


@pytest.mark.parametrize("token", ["", "a", "a.b", "a.b.c", "W10.W10.x", "e30.W10.x", "....", "\u00e9.e30.x"])
def test_other_texts_have_none(token: str) -> None:
    assert parts_of(token) is None


@pytest.mark.parametrize("format", FORMATS)
def test_no_forgery_is_a_token(format: str) -> None:
    tokens, token = issued(format)
    made = forged(token)
    assert token not in made.values()
    assert ("not signed" in made) == (format != "opaque")
    for text in made.values():
        with pytest.raises(TokenError):
            tokens.verify(text, service="here")


@pytest.mark.parametrize("token", ["", "a", "short", ".."])
def test_a_short_token_is_forged_too(token: str) -> None:
    assert token not in set(forged(token).values()) - {""}


def odd_service(ask: Ask) -> Answer | None:
    """A token service below /v2/, as some are, that answers what a registry may not: other errors, odd warnings."""
    if ask.path != "/v2/auth":
        answer = ask.proceed()
        answer.headers = [(name, value.replace("/token", "/v2/auth")) for name, value in answer.headers]
        return answer
    if (answer := ask.proceed(PATH_INFO="/token", REQUEST_URI="/token", RAW_URI="/token")).status >= 400:
        answer.write(json.dumps({"error": "invalid_client"}).encode(), "application/json")
        answer.drop("WWW-Authenticate")
        answer.headers += [("Warning", '199 someone "x" "Sat, 25 Aug 2012 23:34:45 GMT"'), ("Location", "not a url")]
    return answer


@pytest.mark.parametrize("requirement", ["AUTH-18", "AUTH-42", "AUTH-43"])
def test_answers_of_a_token_service_are_not_those_of_a_registry(requirement: str) -> None:
    facts = facts_about(Mutant(requirement, "", tamper=odd_service, target=BEARER))
    assert facts
    assert [fact["violations"] for fact in facts if fact["violations"]] == []
