"""Each option once: what is made from the fields has all of them."""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import re
import time
from pathlib import Path
from typing import Any

import pytest

import fakereg
from fakereg import Accounts, Dialect, Registry, options
from fakereg.command import cli, config
from fakereg.options import Options, ServeOptions, every
from fakereg.storage.memory import MemoryStorage
from fakereg.values import Flag

TEXTS = {
    "dialect": ("github-docker", lambda value: [one.name for one in value] == ["github-docker"]),
    "storage": ("directory:x", "directory:x"),
    "hostname": ("ghes.test", "ghes.test"),
    "subdomain_isolation": ("off", False),
    "unknown_host_status": ("404", 404),
    "trust_proxy": ("On", True),
    "migrated": ("octo-org", ("octo-org",)),
    "token_key": ("key.pem", "key.pem"),
    "token_cert": ("cert.pem", "cert.pem"),
    "control_secret": ("a secret of a test", "a secret of a test"),
    "host": ("::1", "::1"),
    "port": ("5001", 5001),
    "tls_cert": ("cert.pem", "cert.pem"),
    "tls_key": ("key.pem", "key.pem"),
}
"""Each option that can be given as text, with a text and what it is read as."""


def is_read(name: str, value: object) -> bool:
    wanted = TEXTS[name][1]
    return bool(wanted(value)) if callable(wanted) else value == wanted


def serve_parser() -> argparse.ArgumentParser:
    (commands,) = (one for one in cli._parser()._actions if isinstance(one, argparse._SubParsersAction))
    parser: argparse.ArgumentParser = commands.choices["serve"]
    return parser


def test_every_option_is_described() -> None:
    for name, option in every().items():
        assert option.meaning, name
        assert option.source in ("command", "file", "python"), name
        assert options.written_default(name, command=True), name
    assert {name for name, option in every().items() if option.source != "python"} == set(TEXTS)


def test_every_option_that_the_command_line_takes_is_there_with_its_meaning() -> None:
    parser = serve_parser()
    flags = {config.flag(name): name for name, option in every().items() if option.source == "command"}
    known = {flag for action in parser._actions for flag in action.option_strings if not flag.startswith("--no-")}
    assert known == {*flags, "--config", "--quiet", "-h", "--help"}
    text = re.sub(r"\s+", "", parser.format_help())
    for flag, name in flags.items():
        assert re.sub(r"\s+", "", every()[name].meaning) in text, flag
        is_flag = isinstance(every()[name].grammar, Flag)
        words = [f"--no-{flag[2:]}" if TEXTS[name][1] is False else flag] if is_flag else [flag, TEXTS[name][0]]
        given = vars(parser.parse_args(words))
        assert is_read(name, config.settings(given=given, environment={}, file={})[name]), flag


@pytest.mark.parametrize("name", TEXTS)
def test_every_option_that_is_text_is_read_from_environment_file_and_python(name: str, tmp_path: Path) -> None:
    text = TEXTS[name][0]
    environment = {f"FAKEREG_{name.upper()}": text}
    assert is_read(name, config.settings(given={}, environment=environment, file={})[name])
    (tmp_path / "fakereg.toml").write_text(f'{name} = "{text}"')
    assert is_read(name, config.load(str(tmp_path / "fakereg.toml"))[name])
    given: dict[str, Any] = {name: text}
    assert is_read(name, getattr(ServeOptions(**given), name))


@pytest.mark.parametrize(("function", "of"), [(Registry.__init__, Options), (fakereg.serve, ServeOptions)])
def test_the_keywords_are_the_fields(function: Any, of: type[Options]) -> None:
    found = [one for one in inspect.signature(function).parameters.values() if one.name != "self"]
    assert [one.name for one in found] == [field.name for field in dataclasses.fields(of)]
    assert all(one.kind is inspect.Parameter.KEYWORD_ONLY for one in found)
    assert [one.default for one in found] == [field.default for field in dataclasses.fields(of)]


def test_type_checkers_see_the_keywords() -> None:
    """The comments are checked: mypy complains of one that is not needed."""
    with pytest.raises(TypeError, match="dialekt"):
        Registry(dialekt="oci")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="port"):
        Registry(port=5000)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="unknown_host_status must be 404 or 421, got 'x'"):
        Registry(unknown_host_status="x")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="sport"):
        fakereg.serve(sport=1)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Registry("oci")  # type: ignore[call-arg]


def test_defaults_fit_their_own_grammar() -> None:
    made = ServeOptions()
    for name in every():
        wanted = options.default(ServeOptions, name)
        assert getattr(made, name) == wanted or name == "dialect"
    assert made.dialects == (Dialect(),)
    assert made.clock is time.time


def test_options_that_were_read_are_read_again_as_they_are() -> None:
    made = Options(dialect=["oci", "oci-1.1"], hostname="x.test", migrated=["a"], control_secret="x" * 16)
    assert Options(**made.of_registry()) == made
    assert set(ServeOptions(port=1).of_registry()) == {field.name for field in dataclasses.fields(Options)}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"dialect": 1}, "dialect must be a Dialect, its text, or a list of these, got 1"),
        ({"dialect": ["oci", None]}, r"dialect must be .*, got \['oci', None\]"),
        ({"dialect": None}, "dialect must be a Dialect"),
        ({"storage": 1}, "storage must be a Storage or its text, such as memory, directory:PATH or sqlite:PATH, got 1"),
        ({"storage": None}, "storage must be a Storage or its text"),
        ({"accounts": {}}, r"accounts must be fakereg.Accounts, got \{\}"),
        ({"accounts": "octocat"}, "accounts must be fakereg.Accounts, got 'octocat'"),
        ({"hostname": 1}, "hostname must be a text, got 1"),
        ({"hostname": None}, "hostname must be a text, got None"),
        ({"subdomain_isolation": "maybe"}, "subdomain_isolation must be true or false"),
        ({"trust_proxy": 1}, "trust_proxy must be true or false .*, got 1"),
        ({"tokens_only": None}, "tokens_only must be true or false"),
        ({"unknown_host_status": 421.0}, "unknown_host_status must be 404 or 421, got 421.0"),
        ({"migrated": 1}, "migrated must be a list of texts, got 1"),
        ({"token_key": 1}, "token_key must be the path of a file, got 1"),
        ({"control_secret": "short"}, "control_secret must be a text of at least 16 characters, got 5 characters$"),
        ({"control_secret": 12345}, "control_secret must be a text of at least 16 characters, got int$"),
        ({"clock": 5}, "clock must be a callable that returns the time in seconds, got 5"),
        ({"clock": None}, "clock must be a callable"),
        ({"sleep": "x"}, "sleep must be a callable that takes seconds, got 'x'"),
        ({"new_id": "x"}, "new_id must be a callable that returns a new text each time, got 'x'"),
        ({"port": "-1"}, "port must be between 0 and 65535, got '-1'"),
        ({"port": True}, "port must be a whole number between 0 and 65535, got True"),
        ({"port": None}, "port must be a whole number"),
        ({"host": None}, "host must be a text, got None"),
        ({"tls_cert": b"x"}, "tls_cert must be the path of a file, got b'x'"),
    ],
)
def test_values_of_the_wrong_type_are_refused_by_name(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        ServeOptions(**given)


def test_what_is_not_given_may_be_none() -> None:
    ServeOptions(accounts=None, token_key=None, token_cert=None, tls_cert=None, tls_key=None, new_id=None)


def test_texts_and_paths_are_read_in_python_too(tmp_path: Path) -> None:
    given: dict[str, Any] = {"port": "5001", "trust_proxy": "yes", "tls_cert": tmp_path, "migrated": "octo-org"}
    made = ServeOptions(storage=MemoryStorage(), accounts=Accounts(), **given)
    assert (made.port, made.trust_proxy, made.tls_cert) == (5001, True, str(tmp_path))
    assert made.migrated == ("octo-org",)


def test_a_secret_is_in_no_text_of_the_options() -> None:
    assert "hush" not in repr(Options(control_secret="hush" * 4))
