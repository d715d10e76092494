"""Accounts from documents."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakereg.auth import documents
from fakereg.auth.accounts import Accounts


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"users": []}, "users must be a table of tables, got a list"),
        ({"users": {"new": 1}}, "users must be a table of tables"),
        ({"users": {"new": {"passwort": "x"}}}, "users.new.passwort is unknown; known are password"),
        ({"users": {"new": {"password": 1}}}, "users.new.password must be a text, got a number"),
        ({"users": {"new": {"password": None}}}, "users.new.password must be a text"),
        ({"users": {"-": {}}}, "users.-: .*a login must be"),
        (
            {"organizations": {"new": {"owners": "octocat"}}},
            "organizations.new.owners must be a list of texts, got a text",
        ),
        ({"organizations": {"new": {"owners": [1]}}}, "organizations.new.owners must be a list of texts"),
        ({"repositories": {"x": {}}}, "repositories.x: .*must be OWNER/REPOSITORY"),
        ({"repositories": {"octocat/x": {"roles": ["octocat"]}}}, "roles must be a table of texts, got a list"),
        ({"repositories": {"octocat/x": {"roles": {"octocat": 3}}}}, "roles must be a table of texts"),
        ({"tokens": {}}, "tokens must be a list of tables"),
        ({"tokens": [1]}, "tokens must be a list of tables"),
        ({"tokens": [{}]}, r'tokens\[0\] needs "user", a text'),
        ({"tokens": [{"user": 1}]}, r'tokens\[0\] needs "user", a text'),
        (
            {"tokens": [{"user": "octocat"}, {"kind": "oauth"}]},
            r"tokens\[1\].kind must be classic, fine-grained or actions, got 'oauth'",
        ),
        ({"tokens": [{"kind": []}]}, r"tokens\[0\].kind must be .*, got \[\]"),
        ({"tokens": [{"kind": "actions", "user": "octocat"}]}, r'tokens\[0\] needs "repository", a text'),
        ({"tokens": [{"user": "octocat", "packages": "read"}]}, r"tokens\[0\].packages is unknown"),
        ({"tokens": [{"user": "octocat", "scopes": ["x"]}]}, r"tokens\[0\]: scope must be one of .*, got 'x'"),
        ({"tokens": [{"user": "octocat", "secret": "ghs_x"}]}, "must begin with ghp_"),
        (
            {"tokens": [{"user": "octocat", "expires": "tomorrow"}]},
            "expires must be a time such as 2030-01-01T00:00:00Z, or seconds since 1970, got 'tomorrow'",
        ),
        ({"tokens": [{"user": "octocat", "expires": True}]}, "expires must be a time such as"),
        ({"tokens": [{"user": "octocat", "expires": None}]}, "expires must be a time such as"),
        ({"tokens": [{"user": "octocat", "expires": float("nan")}]}, "expires must be a time such as"),
        ({"tokens": [{"user": "octocat", "expires": float("inf")}]}, "expires must be a time such as"),
        ({"tokens": [{"user": "octocat", "expires": 10**400}]}, "expires must be a time such as"),
    ],
)
def test_accounts_that_cannot_be_are_refused_as_a_whole(document: dict[str, Any], message: str) -> None:
    accounts = Accounts()
    accounts.add_user("octocat")
    with pytest.raises(ValueError, match=message):
        documents.add_accounts(accounts, {"organizations": {"org": {"owners": ["octocat"]}}, **document})
    with pytest.raises(ValueError, match=message):
        documents.add_accounts(accounts, {"users": {"before": {}}, **document})
    assert set(accounts.users) == {"octocat"}
    assert not accounts.organizations
    assert not accounts.tokens


@pytest.mark.parametrize(
    ("expires", "seconds"),
    [
        (12, 12.0),
        (12.5, 12.5),
        ("1970-01-01T00:01:00Z", 60.0),
        ("1970-01-01T00:01:00", 60.0),
        ("1970-01-01T01:01:00+01:00", 60.0),
        ("0001-01-01T00:00:00+23:59", None),
        ("9999-12-31T23:59:59-23:59", None),
    ],
)
def test_a_time_is_seconds_or_a_moment(expires: Any, seconds: float | None) -> None:
    accounts = Accounts()
    documents.add_accounts(accounts, {"users": {"a": {}}, "tokens": [{"user": "a", "expires": expires}]})
    (token,) = accounts.tokens.values()
    assert seconds is None or token.expires == seconds


_keys = st.sampled_from(["octocat", "octocat/app", "kind", "user", "scopes", "expires", "secret", "roles", "password"])
_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8) | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(documents.ACCOUNTS), _values))
def test_whatever_a_document_holds_it_is_taken_or_refused(document: dict[str, Any]) -> None:
    accounts = Accounts()
    try:
        secrets = documents.add_accounts(accounts, document)
    except ValueError:
        assert not accounts.users
        assert not accounts.tokens
    else:
        assert len(secrets) == len(accounts.tokens)
