"""The command line of every command."""

from __future__ import annotations

import argparse
from typing import NoReturn

from conformance.config.options import OPTIONS, Option

USAGE_ERROR = 4
INTERRUPTED = 2


class Parser(argparse.ArgumentParser):
    """An argument parser that exits with code 4 on an error."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE_ERROR, f"ERROR: conformance: {message} (see --help)\n")


def add_options(made: argparse.ArgumentParser) -> None:
    """Add the argument TARGET and every option of a run."""
    made.add_argument("target", nargs="?", metavar="TARGET", help=OPTIONS[0].help)
    for option in OPTIONS:
        _add(made, option)


def _add(made: argparse.ArgumentParser, option: Option) -> None:
    short = {"target": [], "version": ["--spec-version"]}.get(option.name, [f"--{option.name}"])
    text = argparse.SUPPRESS if option.name == "target" else option.help
    if option.switch:
        made.add_argument(*short, option.flag, dest=option.key, action="store_const", const="true", help=text)
    else:
        made.add_argument(*short, option.flag, dest=option.key, metavar=option.metavar, help=text)


def options_given(parsed: argparse.Namespace) -> dict[str, str | None]:
    """Return the value of each option by its short name, None where it was not given."""
    given = {option.name: getattr(parsed, option.key) for option in OPTIONS}
    given["target"] = parsed.target or given["target"]
    return given
