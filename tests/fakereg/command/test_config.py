"""Options from command line, environment and file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

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
    assert [one.name for one in chosen["dialect"]] == ["github-docker", "github-container"]
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
    (dialect,) = config.load(write(tmp_path, 'dialect = "oci"'))["dialect"]
    assert dialect.name == "oci"


@pytest.mark.parametrize(
    ("given", "environment", "file", "port"),
    [
        ({"port": "1"}, {"FAKEREG_PORT": "2"}, {"port": 3}, 1),
        ({"port": None}, {"FAKEREG_PORT": "2"}, {"port": 3}, 2),
        ({}, {}, {"port": 3}, 3),
        ({}, {}, {}, 5000),
        ({"port": "0"}, {"FAKEREG_PORT": "2"}, {}, 0),
    ],
)
def test_what_is_said_first_counts(given: Any, environment: Any, file: Any, port: int) -> None:
    assert config.settings(given=given, environment=environment, file=file)["port"] == port


def test_a_file_takes_text_for_what_is_none(tmp_path: Path) -> None:
    document = config.load(write(tmp_path, 'port = "5001"\ntrust_proxy = "on"\nmigrated = "octo-org"'))
    assert (document["port"], document["trust_proxy"], document["migrated"]) == (5001, True, ("octo-org",))


def test_a_list_in_the_environment_is_separated_by_semicolons() -> None:
    environment = {"FAKEREG_DIALECT": "github-docker; github-container", "FAKEREG_MIGRATED": ""}
    chosen = config.settings(given={}, environment=environment, file={})
    assert [one.name for one in chosen["dialect"]] == ["github-docker", "github-container"]
    assert chosen["migrated"] == ()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("PORT", "65536", "between 0 and 65535, got '65536'"),
        ("PORT", "-1", "between 0 and 65535"),
        ("PORT", "", "a whole number between 0 and 65535, got ''"),
        ("TRUST_PROXY", "maybe", "true or false"),
        ("UNKNOWN_HOST_STATUS", "x", "404 or 421, got 'x'"),
        ("CONTROL_SECRET", "hush", "a text of at least 16 characters, got 4 characters"),
    ],
)
def test_a_bad_variable_is_named(name: str, value: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"FAKEREG_{name} must be {message}"):
        config.settings(given={}, environment={f"FAKEREG_{name}": value}, file={})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dialects = 1", "'dialects' is unknown; known are dialect, .*, tokens"),
        ("port = 'x'", "fakereg.toml: port must be a whole number between 0 and 65535, got 'x'"),
        ("port = true", "port must be a whole number between 0 and 65535, got True"),
        ("port = 65536", "port must be between 0 and 65535, got 65536"),
        ("port = -1", "port must be between 0 and 65535, got -1"),
        ("trust_proxy = 1", "trust_proxy must be true or false .*, got 1"),
        ("dialect = 1", "dialect must be a Dialect, its text, or a list of these, got 1"),
        ("dialect = ['oci', 1]", r"dialect must be .*, got \['oci', 1\]"),
        ("tls_cert = 1", "tls_cert must be the path of a file, got 1"),
        ("clock = 1", "'clock' is unknown"),
        ("migrated = 1", "migrated must be a list of texts, got 1"),
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
