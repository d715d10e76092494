"""Collect the options of a server: command line, then environment, then a TOML file, then the default.

The accounts in the file have the same form as in the control API.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fakereg import values
from fakereg.auth.documents import ACCOUNTS
from fakereg.options import Option, every

PREFIX = "FAKEREG_"
"""The prefix of environment variables: FAKEREG_PORT for `port`."""

OPTIONS: Mapping[str, Option] = {name: option for name, option in every().items() if option.source != "python"}
"""The options that can be given as text; the file has accounts beside them."""


def flag(name: str) -> str:
    """Return an option as the command line has it."""
    return f"--{name.replace('_', '-')}"


def load(path: str) -> dict[str, Any]:
    """Read a TOML file, with its options checked; raise ValueError that names the file, OSError if it is unreadable."""
    try:
        document = tomllib.loads(Path(path).read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise ValueError(f"{path}: {problem}") from None
    if unknown := set(document) - set(OPTIONS) - set(ACCOUNTS):
        raise ValueError(f"{path}: {min(unknown)!r} is unknown; known are {', '.join((*OPTIONS, *ACCOUNTS))}")
    read = {
        name: values.read(option.grammar, f"{path}: {name}", document[name])
        for name, option in OPTIONS.items()
        if name in document
    }
    return document | read


def settings(*, given: Mapping[str, Any], environment: Mapping[str, str], file: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that are given anywhere, and defaults of the command.

    The first of `given` (where None means not given), environment and file wins. Raise ValueError that names the option
    or the variable that cannot be read.
    """
    chosen = {}
    for name, option in OPTIONS.items():
        variable = PREFIX + name.upper()
        if given.get(name) is not None:
            chosen[name] = values.read(option.grammar, flag(name), given[name])
        elif variable in environment:
            text = environment[variable]
            value = [part.strip() for part in text.split(";") if part.strip()] if option.several else text
            chosen[name] = values.read(option.grammar, variable, value)
        elif name in file:
            chosen[name] = file[name]
        elif option.command_default is not None:
            chosen[name] = option.command_default
    return chosen
