"""Challenges, scopes and the answers of token services are read as they were meant."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.client.credentials import (
    LIFETIME,
    Challenge,
    Resource,
    challenge_of,
    challenges,
    lifetime_in,
    resources,
    token_in,
    token_url,
)
from tests.conformance.servers import exchange


@pytest.mark.parametrize("token", ["a\r\nb", "a b", "\u20ac", "\ud800", "", 7, None, ["a"]])
def test_what_no_header_can_carry_is_no_token(token: object) -> None:
    assert token_in(exchange(200, body=json.dumps({"token": token}).encode())) == ""


@pytest.mark.parametrize("stated", ["1e400", "-1e400", "NaN", "1" + "0" * 400, "-5", "true", '"60"', "null"])
def test_odd_lifetimes(stated: str) -> None:
    assert LIFETIME <= lifetime_in(exchange(200, body=f'{{"expires_in":{stated}}}'.encode())) <= 86_400


CHALLENGE = "WWW-Authenticate"
NAME = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=8)
TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)
FIELDS = st.dictionaries(NAME, TEXT, max_size=4)


def quoted(text: str) -> str:
    """A quoted string (RFC 9110, section 5.6.4)."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def read(*values: str) -> list[Challenge]:
    """The challenges in the values of the header."""
    return challenges(exchange(401, *((CHALLENGE, value) for value in values)))


@given(st.lists(st.tuples(NAME, FIELDS), max_size=4), st.sampled_from([", ", ",", " , ", ",,"]), st.booleans())
def test_challenges_are_read_as_they_were_written(
    written: list[tuple[str, dict[str, str]]], comma: str, apart: bool
) -> None:
    texts = [
        f"{scheme} {comma.join(f'{name}={quoted(text)}' for name, text in fields.items())}"
        for scheme, fields in written
    ]
    found = read(*texts) if apart else read(comma.join(texts))
    assert [(challenge.scheme, dict(challenge.fields)) for challenge in found] == written


@given(st.text(st.characters(min_codepoint=9, max_codepoint=126), max_size=200))
def test_any_text_is_read_to_its_end(text: str) -> None:
    assert all(challenge.scheme for challenge in read(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('Bearer realm="https://a.test/t",service="a,b",scope="x:y:z"', [("bearer", "https://a.test/t")]),
        ("BEARER Realm=https://a.test/t", [("bearer", "https://a.test/t")]),
        ('Negotiate, Basic realm="x"', [("negotiate", None), ("basic", "x")]),
        ('Negotiate YWJj==, Basic realm="x"', [("negotiate", None), ("basic", "x")]),
        ('Negotiate YWJj,Basic realm="x"', [("negotiate", None), ("basic", "x")]),
        ('Basic realm = "x" , charset="UTF-8", Bearer realm="y"', [("basic", "x"), ("bearer", "y")]),
        (r'Basic realm="the \"x\", y=\"z\""', [("basic", 'the "x", y="z"')]),
        ('Basic realm=""', [("basic", "")]),
        ("Basic", [("basic", None)]),
        ('Basic realm="never ends', [("basic", None)]),
        ("", []),
        (",,", []),
        ('"quoted" Basic realm="x"', []),
    ],
)
def test_forms_of_challenges(text: str, expected: list[tuple[str, str | None]]) -> None:
    assert [(challenge.scheme, challenge.fields.get("realm")) for challenge in read(text)] == expected


def test_a_long_header_is_read_at_once() -> None:
    for text in (" " * 60_000, "a" * 60_000, "a=" * 30_000, 'a="' + "\\" * 60_000, ", " * 30_000 + "="):
        assert len(read(text)) <= 1


def test_the_challenge_of_a_scheme_is_found_among_others() -> None:
    answer = exchange(401, (CHALLENGE, 'Basic realm="x"'), (CHALLENGE, 'Bearer realm="y",scope="a:b:c d:e:f"'))
    found = challenge_of(answer, "bearer")
    assert found
    assert found.scopes == ["a:b:c", "d:e:f"]
    assert challenge_of(answer, "digest") is None


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("repository:a/b:pull,push", {("repository", "a/b"): {"pull", "push"}}),
        ("repository:a:pull repository:a:push", {("repository", "a"): {"pull", "push"}}),
        ("repository:a:pull,repository:a:push", {("repository", "a"): {"pull", "push"}}),
        ("repository:a:pull,repository(plugin):b:pull", {("repository", "a"): {"pull"}, ("repository", "b"): {"pull"}}),
        ("repository:host.test:5000/a:pull", {("repository", "host.test:5000/a"): {"pull"}}),
        ("registry:catalog:*", {("registry", "catalog"): {"*"}}),
        ("repository:a:", {("repository", "a"): set()}),
        ("", {}),
        ("repository:a PULL :: a:b:c", {("a", "b"): {"c"}}),
    ],
)
def test_scopes(scope: str, expected: dict[tuple[str, str], set[str]]) -> None:
    assert resources(scope) == {Resource(*resource): frozenset(actions) for resource, actions in expected.items()}


@pytest.mark.parametrize("realm", ["http://a.test/token", "http://a.test/token?x=1", "http://a.test/token?"])
def test_each_scope_is_a_parameter(realm: str) -> None:
    url = token_url(realm, service="a b", scopes=["repository:a:pull", "repository:b:pull,push"], account="ann")
    asked = parse_qs(urlsplit(url).query)
    asked.pop("x", None)
    scopes = ["repository:a:pull", "repository:b:pull,push"]
    assert asked == {"service": ["a b"], "scope": scopes, "account": ["ann"]}
    assert token_url(realm) == realm


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, b'{"token": "x"}', "x"),
        (200, b'{"access_token": "x"}', "x"),
        (200, b'{"token": "x", "access_token": "y"}', "x"),
        (200, b'{"token": 1}', ""),
        (200, b"[]", ""),
        (200, b"token=x", ""),
        (401, b'{"token": "x"}', ""),
    ],
)
def test_token(status: int, body: bytes, expected: str) -> None:
    assert token_in(exchange(status, body=body)) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"expires_in": 300}', 300.0),
        (b'{"expires_in": 1}', LIFETIME),
        (b'{"expires_in": "300"}', LIFETIME),
        (b"{}", LIFETIME),
        (b"", LIFETIME),
    ],
)
def test_lifetime(body: bytes, expected: float) -> None:
    assert lifetime_in(exchange(200, body=body)) == expected
