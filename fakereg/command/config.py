"""What a registry is told at its start: command line, then environment, then a TOML file, then the default.

The accounts of the file have the shape in which the control API takes them, too.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from fakereg.auth.documents import _WORDS, ACCOUNTS

PREFIX = "FAKEREG_"
"""What the names of environment variables begin with: FAKEREG_PORT for `port`."""


PORT_LIMIT = 65535


class Setting(NamedTuple):
    """A setting of `fakereg serve`: its default, and how to read it from text."""

    default: Any
    parse: Callable[[str], Any] = str


def _flag(text: str) -> bool:
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if text.lower() not in words:
        raise ValueError(f"{text!r} is not true or false")
    return words[text.lower()]


def port(text: str) -> int:
    """A port number; raise ValueError."""
    if not text.isdecimal() or int(text) > PORT_LIMIT:
        raise ValueError(f"{text!r} is not a port number")
    return int(text)


SETTINGS: Mapping[str, Setting] = {
    "host": Setting("127.0.0.1"),
    "port": Setting(5000, port),
    "storage": Setting("memory"),
    "dialect": Setting(("oci",), lambda text: text.split(";")),
    "hostname": Setting(""),
    "subdomain_isolation": Setting(True, _flag),
    "unknown_host_status": Setting(421, int),
    "trust_proxy": Setting(False, _flag),
    "migrated": Setting((), lambda text: text.split(";")),
    "tls_cert": Setting(None),
    "tls_key": Setting(None),
    "token_key": Setting(None),
    "token_cert": Setting(None),
    "control_secret": Setting(""),
}
"""What the environment and the top of the file may say; the file beside that has accounts."""


def load(path: str) -> dict[str, Any]:
    """Read a TOML file; raise ValueError for what does not belong there, OSError if it cannot be read."""
    try:
        document = tomllib.loads(Path(path).read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise ValueError(f"{path}: {problem}") from None
    if unknown := set(document) - set(SETTINGS) - set(ACCOUNTS):
        raise ValueError(f"{path}: {min(unknown)!r} is unknown; known are {', '.join((*SETTINGS, *ACCOUNTS))}")
    if isinstance(document.get("dialect"), str):
        document["dialect"] = [document["dialect"]]
    for name in SETTINGS:
        if name in document:
            _check_type(document[name], SETTINGS[name].default, f"{path}: {name}")
    for name in ("dialect", "migrated"):
        if not all(isinstance(each, str) for each in document.get(name, [])):
            raise ValueError(f"{path}: {name} holds more than texts")
    if not 0 <= document.get("port", 0) <= PORT_LIMIT:
        raise ValueError(f"{path}: {document['port']} is not a port number")
    return document


def settings(*, given: Mapping[str, Any], environment: Mapping[str, str], file: Mapping[str, Any]) -> dict[str, Any]:
    """Every setting, from where it is said first: `given` (None means not said), environment, file, default.

    Raise ValueError for an environment variable that cannot be read.
    """
    chosen = {}
    for name, setting in SETTINGS.items():
        variable = PREFIX + name.upper()
        if given.get(name) is not None:
            chosen[name] = given[name]
        elif variable in environment:
            try:
                chosen[name] = setting.parse(environment[variable])
            except ValueError as problem:
                raise ValueError(f"{variable}: {problem}") from None
        else:
            chosen[name] = file.get(name, setting.default)
    return chosen


def _check_type(value: Any, default: Any, where: str) -> None:
    wanted = list if isinstance(default, tuple) else str if default is None else type(default)
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        raise ValueError(f"{where} is not {_WORDS[wanted]}")
