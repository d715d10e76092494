"""Read settings: one grammar for each kind of value, whether it comes as text or from Python, TOML or JSON.

| kind | as text |
| --- | --- |
| flag | `true`, `yes`, `on` or `1`; `false`, `no`, `off` or `0`; in any case |
| size | bytes (`4096`), or with a unit in any case: decimal `5MB` or `5M` (5 * 10^6), binary `5MiB` (5 * 2^20) |
| duration | seconds (`1.5`), or with a unit: `500ms`, `90s`, `10m`, `2h`, `1d` |
| number | `42`; with a fraction only where the setting has one |
| list | texts, separated by `|` |

A text is read by this grammar wherever it comes from. Any other value must have the right type already: `True` is no
number, and 1 is no flag.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")

LARGEST = 10**9
"""The largest number that is not a size: seconds and counts beyond it would overflow a sleep or a division."""

LARGEST_SIZE = 10**18

_SHOWN = 80
"""Characters of a refused value that a message shows."""

_FLAGS = dict.fromkeys(("true", "yes", "on", "1"), True) | dict.fromkeys(("false", "no", "off", "0"), False)
_WHOLE = re.compile(r"[+-]?[0-9]{1,1000}")
_NUMBER = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)\s*([A-Za-z]*)")
_SIZE = re.compile(r"([+-]?[0-9]{1,30})\s*([A-Za-z]*)")
_SECONDS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_WRITTEN_UNITS = {f"{letter}B": 1000**power for power, letter in enumerate("KMGT", 1)}
_WRITTEN_UNITS |= {f"{letter}iB": 1024**power for power, letter in enumerate("KMGT", 1)}
_BYTES = {"": 1, "b": 1} | {f"{letter}": 1000**power for power, letter in enumerate("kmgt", 1)}
_BYTES |= {unit.lower(): size for unit, size in _WRITTEN_UNITS.items()}


class Unfit(ValueError):
    """A value does not fit a setting; the message follows the words "must be"."""


class Grammar(Generic[T]):
    """A kind of value. Subclasses raise `Unfit` for a value of another kind."""

    def of_text(self, text: str) -> T:
        """Read a text."""
        raise NotImplementedError

    def of_value(self, value: Any) -> T:
        """Check a value that is not a text."""
        raise NotImplementedError

    def write(self, value: T) -> str:
        """Return the text that reads as `value`."""
        return str(value)

    def shown(self, value: object) -> str:
        """Return a refused value as a message shows it."""
        return shown(value)


def read(grammar: Grammar[T], name: str, value: object) -> T:
    """Return `value`, read by the grammar if it is a text; raise ValueError that begins with `name` unless it fits."""
    try:
        return grammar.of_text(value) if isinstance(value, str) else grammar.of_value(value)
    except Unfit as wanted:
        raise ValueError(f"{name} must be {wanted}, got {grammar.shown(value)}") from None


def shown(value: object) -> str:
    """Return a value as a message shows it: one line, and not too long."""
    if isinstance(value, int) and abs(value) > 10**_SHOWN:  # Python refuses to write the longest of these
        return f"a number with more than {_SHOWN} digits"
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def listed(choices: Sequence[object], conjunction: str = "or") -> str:
    """Return choices as a sentence has them: `a, b or c`."""
    *most, last = map(str, choices)
    return f"{', '.join(most)} {conjunction} {last}" if most else last


class Flag(Grammar[bool]):
    """On or off."""

    def of_text(self, text: str) -> bool:
        """Read `true` or `false`, or another word for them."""
        return self.of_value(_FLAGS.get(text.strip().lower()))

    def of_value(self, value: Any) -> bool:
        """Take a bool."""
        if not isinstance(value, bool):
            raise Unfit("true or false (or yes, on, 1; no, off, 0)")
        return value

    def write(self, value: bool) -> str:
        """Return `true` or `false`."""
        return str(value).lower()


@dataclass(frozen=True, slots=True)
class Text(Grammar[str]):
    """A text: one of the choices if there are any; `header` allows only characters of a header."""

    choices: tuple[str, ...] = ()
    header: bool = False

    def of_text(self, text: str) -> str:
        """Take any text that is allowed."""
        if self.choices and text not in self.choices:
            raise Unfit(listed(self.choices))
        if self.header and not (text.isascii() and text.isprintable()):
            raise Unfit("printable ASCII characters")
        return text

    def of_value(self, value: Any) -> str:
        """Refuse all but texts."""
        raise Unfit(listed(self.choices) if self.choices else "a text")


@dataclass(frozen=True, slots=True)
class Texts(Grammar[tuple[str, ...]]):
    """A list of texts, each of which fits `each`; a text without a separator is a list of one."""

    each: Text = Text()
    separator: str = ""

    def of_text(self, text: str) -> tuple[str, ...]:
        """Split a text; empty parts are ignored."""
        return self.of_value([part for part in text.split(self.separator) if part] if self.separator else [text])

    def of_value(self, value: Any) -> tuple[str, ...]:
        """Take a list, a tuple or a set."""
        choices = self.each.choices
        texts = isinstance(value, list | tuple | set | frozenset) and all(isinstance(part, str) for part in value)
        if not texts or (choices and not set(value) <= set(choices)):
            raise Unfit(f"some of {', '.join(choices)}" if choices else "a list of texts")
        return tuple(map(self.each.of_text, value))

    def write(self, value: tuple[str, ...]) -> str:
        """Join the texts."""
        return (self.separator or ";").join(value)


@dataclass(frozen=True, slots=True)
class Whole(Grammar[int]):
    """A whole number within bounds, or one of the choices."""

    low: int = 0
    high: int = LARGEST
    choices: tuple[int, ...] = ()

    def of_text(self, text: str) -> int:
        """Read decimal digits."""
        return self.of_value(int(text) if _WHOLE.fullmatch(text := text.strip()) else None)

    def of_value(self, value: Any) -> int:
        """Take an int within the bounds."""
        bounds = listed(self.choices) if self.choices else f"between {self.low} and {self.high}"
        if not isinstance(value, int) or isinstance(value, bool):
            raise Unfit(bounds if self.choices else f"a whole number {bounds}")
        if value not in self.choices if self.choices else not self.low <= value <= self.high:
            raise Unfit(bounds)
        return value


class Size(Grammar[int]):
    """A number of bytes."""

    def of_text(self, text: str) -> int:
        """Read a number with or without a unit."""
        match = _SIZE.fullmatch(text.strip())
        unit = _BYTES.get(match[2].lower()) if match else None
        return self.of_value(int(match[1]) * unit if match and unit else None)

    def of_value(self, value: Any) -> int:
        """Take an int that is not negative."""
        if not isinstance(value, int) or isinstance(value, bool):
            raise Unfit("a size such as 4096, 5MB (5 * 10^6 bytes) or 5MiB (5 * 2^20 bytes)")
        if not 0 <= value <= LARGEST_SIZE:
            raise Unfit(f"between 0 and {LARGEST_SIZE} bytes")
        return value

    def write(self, value: int) -> str:
        """Return it with the largest unit that divides it."""
        units = reversed(_WRITTEN_UNITS.items())
        return next((f"{value // size}{unit}" for unit, size in units if value and value % size == 0), str(value))


@dataclass(frozen=True, slots=True)
class Number(Grammar[float]):
    """A number, perhaps with a fraction, within bounds."""

    low: float = 0
    high: float = LARGEST

    def of_text(self, text: str) -> float:
        """Read a number."""
        match = _NUMBER.fullmatch(text.strip())
        return self.of_value(float(match[1]) if match and not match[2] else None)

    def of_value(self, value: Any) -> float:
        """Take an int or a float that is finite and within the bounds."""
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise Unfit(f"{self._wanted} between {self.low} and {self.high}")
        if not self.low <= value <= self.high:  # NaN is not
            raise Unfit(f"between {self.low} and {self.high}{self._unit}")
        return float(value)

    def write(self, value: float) -> str:
        """Return it without a fraction that is zero."""
        return str(int(value) if value.is_integer() else value)

    _wanted, _unit = "a number", ""


class Duration(Number):
    """A number of seconds within bounds."""

    _wanted, _unit = "a duration such as 1.5 (seconds), 500ms, 90s, 10m, 2h or 1d,", " seconds"

    def of_text(self, text: str) -> float:
        """Read a number with or without a unit."""
        match = _NUMBER.fullmatch(text.strip())
        unit = _SECONDS.get(match[2].lower()) if match else None
        return self.of_value(float(match[1]) * unit if match and unit else None)


class File(Grammar[str]):
    """The path of a file."""

    def of_text(self, text: str) -> str:
        """Take any path."""
        return text

    def of_value(self, value: Any) -> str:
        """Take a value that `os.fspath` turns into a text."""
        path = os.fspath(value) if isinstance(value, os.PathLike) else None
        if not isinstance(path, str):
            raise Unfit("the path of a file")
        return path


@dataclass(frozen=True, slots=True)
class Secret(Grammar[str]):
    """A text that no message shows: empty for none, or of at least `shortest` characters."""

    shortest: int

    def of_text(self, text: str) -> str:
        """Take a text that is long enough."""
        return text if not text or len(text) >= self.shortest else self.of_value(text)

    def of_value(self, value: Any) -> str:
        """Refuse all but texts."""
        raise Unfit(f"a text of at least {self.shortest} characters")

    def shown(self, value: object) -> str:
        """Return the length of a text, or the type of another value."""
        return f"{len(value)} characters" if isinstance(value, str) else type(value).__name__


@dataclass(frozen=True, slots=True)
class Given(Grammar[Any]):
    """A value from Python that `fits`; `text` says whether it may be a text too, which is then taken as it is."""

    fits: Callable[[Any], bool]
    wanted: str
    text: bool = False

    def of_text(self, text: str) -> Any:
        """Take a text if any is allowed."""
        return text if self.text else self.of_value(text)

    def of_value(self, value: Any) -> Any:
        """Take a value that fits."""
        if not self.fits(value):
            raise Unfit(self.wanted)
        return value
