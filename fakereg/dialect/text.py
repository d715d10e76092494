"""Settings as text: `true`, `5GiB`, `one|two`, and back."""

from __future__ import annotations

import re
from collections.abc import Callable

_UNITS = {"": 1, "B": 1}
_UNITS |= {f"{letter}B": 1000**power for power, letter in enumerate("KMGT", 1)}
_UNITS |= {f"{letter}IB": 1024**power for power, letter in enumerate("KMGT", 1)}

_LARGEST = 10**9
"""Of a number that is no size: seconds and counts beyond it would overflow a sleep or a division."""

_BYTES = re.compile(r"([0-9]{1,18})\s*([A-Za-z]{0,3})")
_FLAGS = {"true": True, "yes": True, "false": False, "no": False}


def parse(name: str, text: str, *, default: object, unit: str = "") -> object:
    """`text` as the type of the setting's `default`; with the unit `bytes` also `5GB` (10^9) and `5GiB` (2^30).

    Raise ValueError, naming the setting, if it is not one.
    """
    if isinstance(default, str):
        return text
    if isinstance(default, bool):
        return _flag(name, text)
    if isinstance(default, tuple):
        return tuple(part for part in text.split("|") if part)
    if unit == "bytes":
        return _bytes(name, text)
    return _number(name, text, float if isinstance(default, float) else int)


def write(value: object, *, unit: str = "") -> str:
    """A value as one would write it in a dialect."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "|".join(value)
    if unit == "bytes" and isinstance(value, int) and value:
        name, size = next((name, size) for name, size in reversed(_UNITS.items()) if value % size == 0)
        return f"{value // size}{name.replace('I', 'i')}" if size > 1 else str(value)
    return str(value)


def _flag(name: str, text: str) -> bool:
    if text.lower() not in _FLAGS:
        raise ValueError(f"{name} is true or false, not {text!r}")
    return _FLAGS[text.lower()]


def _bytes(name: str, text: str) -> int:
    match = _BYTES.fullmatch(text)
    if not match or match[2].upper() not in _UNITS:
        raise ValueError(f"{name} is a number of bytes such as 4096, 5GB or 5GiB, and not negative; not {text!r}")
    return int(match[1]) * _UNITS[match[2].upper()]


def _number(name: str, text: str, kind: Callable[[str], float]) -> float:
    try:
        value = kind(text)
    except ValueError:
        raise ValueError(f"{name} is a number, not {text!r}") from None
    if not 0 <= value <= _LARGEST:
        raise ValueError(f"{name} is not negative, finite and at most {_LARGEST}")
    return value
