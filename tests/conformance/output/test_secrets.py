"""Secrets are hidden in every form, and nothing else is."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable
from urllib.parse import quote

import pytest

from conformance.client.identity import Identity
from conformance.output import secrets
from conformance.output.secrets import learn, learn_token, learn_tokens_in, redact
from tests.conformance.echoing_server import PASSWORD, core_of, forms

JWT = "eyJhbGciOiJIUzI1NiJ9abcd.eyJzdWIiOiJvY3RvY2F0In0abcd.c2lnbmF0dXJlLW9mLXRoaXM"


@pytest.fixture(autouse=True)
def _nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "_secrets", {})
    monkeypatch.setattr(secrets, "_tokens", {})


@pytest.mark.parametrize("wrapped", [str, quote, html.escape, json.dumps, lambda text: quote(json.dumps(text))])
@pytest.mark.parametrize("form", forms(PASSWORD))
def test_every_form(form: str, wrapped: Callable[[str], str]) -> None:
    learn(PASSWORD)
    shown = redact(f"before {wrapped(forms(PASSWORD)[form])} after")
    assert core_of(form, forms(PASSWORD)[form]) not in shown
    assert shown.startswith("before ")
    assert shown.endswith(" after")
    assert "***" in shown


def test_an_identity_teaches_its_secret() -> None:
    Identity("writer", "ann", "correct horse")
    assert redact("sent correct+horse and correct%20horse") == "sent *** and ***"


def test_token_and_its_parts() -> None:
    learn_tokens_in(json.dumps({"token": JWT, "refresh_token": "r" * 20}))
    assert redact(f"it was {JWT}, or {JWT.split('.')[1]}, or {'r' * 20}") == "it was ***, or ***, or ***"


def test_short_words_are_left() -> None:
    learn("abc")
    learn_token("http")
    learn_tokens_in('{"token": "status"}')
    assert redact("abc http status") == "abc http status"


def test_what_a_server_can_teach_is_bounded() -> None:
    for number in range(secrets.MOST_TOKENS + 10):
        learn_token(f"token-number-{number:06}")
    assert len(secrets._tokens) == secrets.MOST_TOKENS
    assert redact(f"token-number-{secrets.MOST_TOKENS:06}") == "***"


@pytest.mark.parametrize(
    "text", ["", "%", "\\", "&;", "%zz", "&foo;&#99999999;", "\\u12", "\\x4", "%ff%", "\ud800\\", "a" * 99]
)
def test_other_text_stays(text: str) -> None:
    learn(PASSWORD)
    assert redact(text) == text


def test_base64_of_many_neighbours() -> None:
    learn("swordfish")
    for before in range(7):
        told = base64.b64encode(b"x" * before + b"swordfish" + b"y" * 5).decode()
        assert "***" in redact(told)
