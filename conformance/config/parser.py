"""The command line of every command."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Collection, Mapping, Sequence
from typing import NoReturn
from urllib.parse import unquote, urlunsplit

from conformance.config.options import OPTIONS, Option
from conformance.output.secrets import redact
from conformance.urls import parsed

USAGE_ERROR = 4
INTERRUPTED = 2
_LEFT_OUT = {"target", "password", "seed", "requirement", "report"}


class Parser(argparse.ArgumentParser):
    """An argument parser that exits with code 4 on an error."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE_ERROR, f"ERROR: conformance: {message} (see --help)\n")


def add_options(made: argparse.ArgumentParser, *, without: Collection[str] = ()) -> None:
    """Add the argument TARGET and every option of a run, except those that the command has no use for."""
    made.add_argument("target", nargs="?", metavar="TARGET", help=OPTIONS[0].help)
    for option in OPTIONS:
        if option.name not in without:
            _add(made, option)


def _add(made: argparse.ArgumentParser, option: Option) -> None:
    short = [] if option.name == "target" else [_short(option)]
    text = argparse.SUPPRESS if option.name == "target" else option.help
    if option.switch:
        made.add_argument(*short, option.flag, dest=option.key, action="store_const", const="true", help=text)
    else:
        made.add_argument(*short, option.flag, dest=option.key, metavar=option.metavar, help=text)


def _short(option: Option) -> str:
    """Return the name of an option on our own command line."""
    return "--spec-version" if option.name == "version" else f"--{option.name}"


def words_of(given: Mapping[str, str], *, by_pytest: bool = False) -> list[str]:
    """Return the words of a command line with the options of a run, without secrets.

    Seed, requirements and report are those of the next run. A run of another project, on a target that the project
    starts, is pytest's.
    """
    target, user = without_userinfo(given.get("target", "fake"))
    named = {"username": user} if user else {}
    words = ["pytest"] if by_pytest else ["conformance", redact(target)]
    for option in OPTIONS:
        value = {**named, **given}.get(option.name)
        if option.name in _LEFT_OUT or not value:
            continue
        flag = option.flag if by_pytest else _short(option)
        words += [flag] if option.switch else [flag, redact(value)]
    return words


def variables_of(given: Mapping[str, str]) -> list[str]:
    """Return the environment variables with the secrets that `words_of` leaves out."""
    has_password = given.get("password") or without_userinfo(given.get("target", ""))[1]
    return [option.variable for option in OPTIONS if option.name == "password" and has_password]


def shell_line(words: Sequence[str], variables: Sequence[str]) -> str:
    """Return a line for a shell that names the variables with secrets, which must be set."""
    return " ".join([*(f'{name}="${name}"' for name in variables), shlex.join(words)])


def without_userinfo(target: str) -> tuple[str, str]:
    """Split a URL into one without user name and password, and the user name; other targets have none."""
    parts = parsed(target) if target.startswith(("http://", "https://")) else None
    if parts is None or "@" not in parts.netloc:
        return target, ""
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])), unquote(parts.username or "")


def options_given(parsed: argparse.Namespace) -> dict[str, str | None]:
    """Return the value of each option by its short name, None where it was not given."""
    given = {option.name: getattr(parsed, option.key, None) for option in OPTIONS}
    given["target"] = parsed.target or given["target"]
    return given
