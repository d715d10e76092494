"""Settings from command line, environment and file, and accounts from a document."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakereg.auth import documents
from fakereg.auth.accounts import Accounts, Kind, Role, Visibility
from fakereg.command import config

FILE = """
dialect = ["github-docker", "github-container"]
hostname = "ghes.test"
port = 5001
subdomain_isolation = false

[users.octocat]
password = "octocat-password"
[users.hubot]
[organizations.octo-org]
owners = ["octocat"]
members = ["hubot"]
base_role = "none"
[repositories."octocat/octo-app"]
visibility = "internal"
roles = { hubot = "write" }

[[tokens]]
user = "octocat"
scopes = ["read:packages"]
secret = "ghp_one"
expires = 2030-01-01T00:00:00Z
[[tokens]]
kind = "fine-grained"
user = "octocat"
secret = "github_pat_two"
[[tokens]]
repository = "octocat/octo-app"
packages = "read"
secret = "ghs_three"
expires = "2030-01-01T01:00:00+01:00"
"""


def write(folder: Path, text: str) -> str:
    path = folder / "fakereg.toml"
    path.write_text(text, "utf-8")
    return str(path)


def test_a_file_has_settings_and_accounts(tmp_path: Path) -> None:
    document = config.load(write(tmp_path, FILE))
    chosen = config.settings(given={}, environment={}, file=document)
    assert chosen["dialect"] == ["github-docker", "github-container"]
    assert (chosen["hostname"], chosen["port"], chosen["subdomain_isolation"]) == ("ghes.test", 5001, False)
    accounts = Accounts()
    assert documents.add_accounts(accounts, document) == ["ghp_one", "github_pat_two", "ghs_three"]
    assert accounts.organizations["octo-org"].base_role == Role.NONE
    assert accounts.repositories["octocat/octo-app"].visibility == Visibility.INTERNAL
    assert accounts.repositories["octocat/octo-app"].roles == {"hubot": Role.WRITE}
    classic, fine_grained, actions = accounts.tokens.values()
    assert (classic.kind, classic.user) == (Kind.CLASSIC, "octocat")
    assert classic.scopes == {"read:packages"}
    assert (fine_grained.kind, fine_grained.expires) == (Kind.FINE_GRAINED, None)
    assert (actions.repository, actions.packages) == ("octocat/octo-app", Role.READ)
    assert classic.expires == actions.expires == 1893456000.0
    assert accounts.authenticate("octocat", "octocat-password")


def test_one_dialect_needs_no_list(tmp_path: Path) -> None:
    assert config.load(write(tmp_path, 'dialect = "oci"'))["dialect"] == ["oci"]


@pytest.mark.parametrize(
    ("given", "environment", "file", "port"),
    [
        ({"port": 1}, {"FAKEREG_PORT": "2"}, {"port": 3}, 1),
        ({"port": None}, {"FAKEREG_PORT": "2"}, {"port": 3}, 2),
        ({}, {}, {"port": 3}, 3),
        ({}, {}, {}, 5000),
        ({"port": 0}, {"FAKEREG_PORT": "2"}, {}, 0),
    ],
)
def test_what_is_said_first_counts(given: Any, environment: Any, file: Any, port: int) -> None:
    assert config.settings(given=given, environment=environment, file=file)["port"] == port


def test_every_setting_can_be_given_in_the_environment() -> None:
    texts = {"port": "0", "unknown_host_status": "404", "trust_proxy": "yes", "subdomain_isolation": "0"}
    environment = {f"FAKEREG_{name.upper()}": texts.get(name, "a;b") for name in config.SETTINGS}
    chosen = config.settings(given={}, environment=environment, file={})
    assert (chosen["port"], chosen["unknown_host_status"], chosen["trust_proxy"]) == (0, 404, True)
    assert (chosen["subdomain_isolation"], chosen["dialect"], chosen["host"]) == (False, ["a", "b"], "a;b")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("PORT", "65536", "'65536' is not a port number"),
        ("PORT", "-1", "not a port number"),
        ("PORT", "", "not a port number"),
        ("TRUST_PROXY", "maybe", "not true or false"),
        ("UNKNOWN_HOST_STATUS", "x", "invalid literal"),
    ],
)
def test_a_bad_variable_is_named(name: str, value: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"FAKEREG_{name}: .*{message}"):
        config.settings(given={}, environment={f"FAKEREG_{name}": value}, file={})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dialects = 1", "'dialects' is unknown; known are host, .*, tokens"),
        ("port = '5000'", "port is not a number"),
        ("port = true", "port is not a number"),
        ("port = 65536", "65536 is not a port number"),
        ("port = -1", "-1 is not a port number"),
        ("trust_proxy = 1", "trust_proxy is not true or false"),
        ("dialect = 1", "dialect is not a list"),
        ("dialect = ['oci', 1]", "dialect holds more than texts"),
        ("tls_cert = 1", "tls_cert is not a text"),
        ("port = x", "fakereg.toml: .*line 1"),
    ],
)
def test_a_bad_file_is_named_with_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        config.load(write(tmp_path, text))


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "fakereg.toml").write_bytes(b"\xff")
    with pytest.raises(ValueError, match="utf-8"):
        config.load(str(tmp_path / "fakereg.toml"))


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"users": []}, "users is not a table of tables"),
        ({"users": {"new": 1}}, "users is not a table of tables"),
        ({"users": {"new": {"passwort": "x"}}}, "users.new.passwort is unknown; known are password"),
        ({"users": {"new": {"password": 1}}}, "users.new.password is not a text"),
        ({"users": {"new": {"password": None}}}, "users.new.password is not a text"),
        ({"users": {"-": {}}}, "users.-: .*is not a login"),
        ({"organizations": {"new": {"owners": "octocat"}}}, "organizations.new.owners is not a list"),
        ({"organizations": {"new": {"owners": [1]}}}, "organizations.new.owners holds more than texts"),
        ({"repositories": {"x": {}}}, "repositories.x: .*is not OWNER/REPOSITORY"),
        ({"repositories": {"octocat/x": {"roles": ["octocat"]}}}, "roles is not a table"),
        ({"repositories": {"octocat/x": {"roles": {"octocat": 3}}}}, "roles holds more than texts"),
        ({"tokens": {}}, "tokens is not a list of tables"),
        ({"tokens": [1]}, "tokens is not a list of tables"),
        ({"tokens": [{}]}, r"tokens\[0\] has no user"),
        ({"tokens": [{"user": 1}]}, r"tokens\[0\] has no user"),
        ({"tokens": [{"user": "octocat"}, {"kind": "oauth"}]}, r"tokens\[1\].kind 'oauth' is unknown"),
        ({"tokens": [{"kind": []}]}, r"tokens\[0\].kind \[\] is unknown"),
        ({"tokens": [{"kind": "actions", "user": "octocat"}]}, r"tokens\[0\] has no repository"),
        ({"tokens": [{"user": "octocat", "packages": "read"}]}, r"tokens\[0\].packages is unknown"),
        ({"tokens": [{"user": "octocat", "scopes": ["x"]}]}, r"tokens\[0\]: scope 'x' is unknown"),
        ({"tokens": [{"user": "octocat", "secret": "ghs_x"}]}, "begins with ghp_"),
        ({"tokens": [{"user": "octocat", "expires": "tomorrow"}]}, "is not a time as RFC 3339"),
        ({"tokens": [{"user": "octocat", "expires": True}]}, "expires is not a time"),
        ({"tokens": [{"user": "octocat", "expires": None}]}, "expires is not a time"),
        ({"tokens": [{"user": "octocat", "expires": float("nan")}]}, "expires is not a time"),
        ({"tokens": [{"user": "octocat", "expires": float("inf")}]}, "expires is not a time"),
        ({"tokens": [{"user": "octocat", "expires": 10**400}]}, "expires is not a time"),
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
