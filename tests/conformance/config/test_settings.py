"""Where a setting comes from, and what is said of one that cannot be used."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from conformance.client.identity import Identity
from conformance.config.description import PROFILES
from conformance.config.options import OPTIONS, Option
from conformance.config.settings import Settings, resolve
from conformance.errors import ConfigurationError


def settle(
    command_line: Mapping[str, str] | None = None,
    environ: Mapping[str, str] | None = None,
    ini: Mapping[str, str] | None = None,
) -> Settings:
    return resolve(command_line=command_line or {}, environ=environ or {}, ini=ini or {}, new_seed=lambda: 7)


def test_defaults() -> None:
    assert settle() == Settings(target="fake", version="dev", level="must", repository="conformance", seed=7)


def test_first_source_wins() -> None:
    sources = [
        ({"target": "http://one"}, {}, {}),
        ({}, {"CONFORMANCE_TARGET": "http://two"}, {}),
        ({}, {"OCI_ROOT_URL": "http://three"}, {}),
        ({}, {}, {"target": "http://four"}),
    ]
    found = []
    for first in range(len(sources)):
        command_line: dict[str, str] = {}
        environ: dict[str, str] = {}
        ini: dict[str, str] = {}
        for one, two, three in sources[first:]:
            command_line |= one
            environ |= two
            ini |= three
        found.append(settle(command_line, environ, ini).target)
    assert found == ["http://one", "http://two", "http://three", "http://four"]


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_every_option_has_a_variable(option: Option, tmp_path: Path) -> None:
    name = option.name
    file = tmp_path / "ca.pem"
    file.write_text("")
    known = tmp_path / "known.toml"
    known.write_text('[[known]]\nrequirement = "OCI-R066"\nreason = "no order"\n')
    values = {
        "ca": str(file),
        "seed": "12",
        "timeout": "5",
        "version": "1.0",
        "level": "should",
        "insecure": "true",
        "strict": "true",
        "full-size": "true",
        "profile": "pull, auth",
        "references": "a/b:1",
        "requirement": "oci-r014",
        "known": str(known),
        "resolve": "registry.test:443:127.0.0.1",
    }
    others = {"CONFORMANCE_USERNAME": "ann"} if name == "password" else {}
    changed = settle(environ=others | {option.variable: values.get(name, "something")})
    assert changed != settle(environ=others)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"OCI_REGISTRY": "example.com"}, {"target": "https://example.com"}),
        ({"OCI_REGISTRY": "127.0.0.1:5000", "OCI_TLS": "disabled"}, {"target": "http://127.0.0.1:5000"}),
        ({"OCI_REGISTRY": "example.com", "OCI_TLS": "insecure"}, {"target": "https://example.com", "insecure": True}),
        (
            {"OCI_ROOT_URL": "http://old", "OCI_NAMESPACE": "team/old"},
            {"target": "http://old", "repository": "team/old"},
        ),
        ({"OCI_REPO1": "team/new", "OCI_NAMESPACE": "team/old"}, {"repository": "team/new"}),
        ({"OCI_VERSION": "stable"}, {"version": "1.1"}),
        ({"OCI_VERSION": "1.0"}, {"version": "1.0"}),
        ({"OCI_RESULTS_DIR": "out"}, {"report": Path("out")}),
    ],
)
def test_names_of_the_official_suite(environ: dict[str, str], expected: dict[str, object]) -> None:
    settings = settle(environ=environ)
    assert {name: getattr(settings, name) for name in expected} == expected


def test_credentials_of_the_official_suite() -> None:
    writer = settle(environ={"OCI_USERNAME": "ann", "OCI_PASSWORD": "pw"}).description.identity("writer")
    assert writer == Identity("writer", "ann", "pw")


def test_profiles_are_categories() -> None:
    assert settle({"profile": "oci"}).profile == PROFILES["oci"]
    assert settle({"profile": "auth,pull"}).profile == ("protocol", "pull", "auth")


def test_only_a_category_that_is_named_is_a_claim() -> None:
    assert settle({"profile": "oci, auth"}).claims == frozenset()
    assert settle({"profile": "pull, push"}).claims == {"pull", "push"}


def test_addresses_of_names() -> None:
    settings = settle({"resolve": "Docker.ghes.test:443:127.0.0.1, b:80:[::1]"})
    assert settings.resolve == {"docker.ghes.test:443": "127.0.0.1", "b:80": "::1"}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("profile", "docker", "profile must be one of oci, auth, .*, got 'docker'"),
        ("requirement", "OCI-R999", "requirement must name requirements, got OCI-R999"),
        ("resolve", "docker.ghes.test", "resolve must be HOST:PORT:ADDRESS, got 'docker"),
        ("resolve", "docker.ghes.test:http:127.0.0.1", "resolve must be HOST:PORT:ADDRESS, got 'docker"),
        ("references", "team/image", "must be NAME:TAG or NAME@DIGEST, got 'team/image'"),
        ("known", "missing.toml", "cannot be read"),
        ("full-size", "huge", "must be true or false, got '"),
        ("version", "2.0", "dev, 1.1, 1.0"),
        ("level", "may", "must, should"),
        ("timeout", "soon", "number of seconds"),
        ("timeout", "0", "above zero"),
        ("timeout", "nan", "number of seconds"),
        ("seed", "x", "whole number"),
        ("repository", "Team", "lower-case"),
        ("repository", "/", "lower-case"),
        ("repository", "x//y", "lower-case"),
        ("repository", "a..b", "lower-case"),
        ("insecure", "perhaps", "must be true or false, got '"),
        ("ca", "missing.pem", "must be a PEM file"),
    ],
)
def test_useless_value(name: str, value: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as caught:
        settle({name: value})
    assert "\n" not in str(caught.value)


def test_secrets_are_not_shown() -> None:
    assert "hush" not in repr(settle({"username": "ann", "password": "hush"}))


def test_secrets_stand_in_no_ini_file() -> None:
    assert {option.name for option in OPTIONS if not option.ini} == {"username", "password"}
