"""One grammar for each kind of value, whether it comes as text or not."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakereg import values
from fakereg.values import Duration, File, Flag, Given, Grammar, Number, Secret, Size, Text, Texts, Whole

SECRET = "a secret of a test"


@pytest.mark.parametrize("text", ["1", "true", "yes", "on", "TRUE", "Yes", "oN", " on "])
def test_words_for_on(text: str) -> None:
    assert values.read(Flag(), "x", text) is True


@pytest.mark.parametrize("text", ["0", "false", "no", "off", "FALSE", "No", "oFF"])
def test_words_for_off(text: str) -> None:
    assert values.read(Flag(), "x", text) is False


@pytest.mark.parametrize(
    ("text", "size"),
    [
        *(("0", 0), ("4096", 4096), ("7B", 7), ("+7", 7)),
        *((text, 5 * 10**6) for text in ("5M", "5MB", "5m", "5mb", "5 MB", " 5M ")),
        *((text, 5 * 2**20) for text in ("5MiB", "5mib", "5MIB", "5 MiB")),
        *(("3k", 3000), ("3KiB", 3072), ("2G", 2 * 10**9), ("2GiB", 2 * 2**30), ("1T", 10**12), ("1TiB", 2**40)),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert values.read(Size(), "x", text) == size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *(("90", 90), ("1.5", 1.5), (".5", 0.5), ("1e2", 100), ("90s", 90), ("500ms", 0.5), ("10m", 600)),
        *(("2 h", 7200), ("1d", 86400), ("0.5M", 30)),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert values.read(Duration(), "x", text) == seconds


@pytest.mark.parametrize(
    ("grammar", "value", "result"),
    [
        (Whole(), "42", 42),
        (Whole(choices=(404, 421)), "404", 404),
        (Number(), "1.5", 1.5),
        (Number(), 2, 2.0),
        (Text(), "1", "1"),
        (Text(("a", "b")), "b", "b"),
        (Texts(separator="|"), "a||b", ("a", "b")),
        (Texts(separator="|"), "", ()),
        (Texts(), "a|b", ("a|b",)),
        (Texts(), ["a", "b"], ("a", "b")),
        (Texts(Text(("a", "b"))), {"b"}, ("b",)),
        (File(), "a/b", "a/b"),
        (File(), Path("a/b"), "a/b"),
        (Secret(16), "", ""),
        (Secret(16), SECRET, SECRET),
        (Given(callable, "a callable"), len, len),
        (Given(callable, "a callable or its name", text=True), "len", "len"),
    ],
)
def test_what_fits_is_taken(grammar: Grammar[Any], value: object, result: object) -> None:
    read = values.read(grammar, "x", value)
    assert read == result
    assert type(read) is type(result)


@pytest.mark.parametrize(
    ("grammar", "value", "message"),
    [
        *(
            (Flag(), value, "x must be true or false (or yes, on, 1; no, off, 0), got ")
            for value in ("maybe", "", 1, 0)
        ),
        *((Flag(), value, "x must be true or false") for value in (None, b"on", 1.0)),
        (Whole(), "-3", "x must be between 0 and 1000000000, got '-3'"),
        (Whole(), -3, "x must be between 0 and 1000000000, got -3"),
        (Whole(), "9" * 5000, "x must be a whole number between 0 and 1000000000, got '999"),
        *((Whole(), value, "x must be a whole number between") for value in ("", "x", "1_0", "1.0", "٣", "0x1", "1 0")),
        *((Whole(), value, "x must be a whole number between") for value in (True, 1.0, None, "5M")),
        (Whole(choices=(404, 421)), "405", "x must be 404 or 421, got '405'"),
        (Whole(choices=(404, 421)), True, "x must be 404 or 421, got True"),
        *(
            (Size(), value, "x must be a size such as 4096, 5MB")
            for value in ("", "5GO", "M", "1.5M", "5IB", "5Mi", "x")
        ),
        *((Size(), value, "x must be a size such as 4096, 5MB") for value in (True, 5.0, None)),
        (Size(), "-1", "x must be between 0 and 1000000000000000000 bytes, got '-1'"),
        (Size(), "999999999TiB", "x must be between 0 and 1000000000000000000 bytes"),
        *(
            (Duration(), value, "x must be a duration such as 1.5 (seconds)")
            for value in ("", "nan", "inf", "5w", True)
        ),
        *((Duration(), value, "x must be between 0 and 1000000000 seconds, got") for value in (math.nan, math.inf, -1)),
        *((Duration(), value, "x must be between 0 and 1000000000 seconds, got") for value in ("-1", "1e999", "1e9d")),
        (Duration(low=60), "59s", "x must be between 60 and 1000000000 seconds, got '59s'"),
        *(
            (Number(), value, "x must be a number between 0 and 1000000000, got")
            for value in ("5m", "nan", None, False)
        ),
        *((Number(), value, "x must be between 0 and 1000000000, got") for value in (math.nan, math.inf, 10**400)),
        (Text(), 1, "x must be a text, got 1"),
        (Text(("a", "b", "c")), "d", "x must be a, b or c, got 'd'"),
        (Text(("a", "b", "c")), None, "x must be a, b or c, got None"),
        (Text(header=True), "é", "x must be printable ASCII characters, got 'é'"),
        (Text(header=True), "a\n", "x must be printable ASCII characters, got 'a\\n'"),
        (Texts(), 1, "x must be a list of texts, got 1"),
        (Texts(), ["a", 1], "x must be a list of texts, got ['a', 1]"),
        (Texts(), {"a": 1}, "x must be a list of texts, got {'a': 1}"),
        (Texts(Text(("a", "b")), "|"), "a|c", "x must be some of a, b, got 'a|c'"),
        (Texts(Text(("a", "b")), "|"), [[]], "x must be some of a, b, got [[]]"),
        (Texts(Text(header=True), "|"), "é", "x must be printable ASCII characters"),
        (File(), b"a", "x must be the path of a file, got b'a'"),
        (Secret(16), "short", "x must be a text of at least 16 characters, got 5 characters"),
        (Secret(16), 12345, "x must be a text of at least 16 characters, got int"),
        (Given(callable, "a callable"), "len", "x must be a callable, got 'len'"),
        (Given(callable, "a callable"), "é" * 200, "x must be a callable, got '" + "é" * 79 + "..."),
    ],
)
def test_what_does_not_fit_is_refused_with_what_must_be(grammar: Grammar[Any], value: object, message: str) -> None:
    refusal = _refusal(grammar, value)
    assert refusal.startswith(message)
    assert len(refusal) < 250


def test_a_number_that_python_does_not_write_is_refused_by_name() -> None:
    assert _refusal(Whole(), 10**5000) == "x must be between 0 and 1000000000, got a number with more than 80 digits"


def _refusal(grammar: Grammar[Any], value: object) -> str:
    """Return the message with which a value is refused, "" if it is taken."""
    try:
        values.read(grammar, "x", value)
    except ValueError as refusal:
        return str(refusal)
    return ""


@given(st.integers(0, values.LARGEST_SIZE))
def test_a_size_reads_as_it_is_written(size: int) -> None:
    assert values.read(Size(), "x", Size().write(size)) == size


@given(st.floats(0, values.LARGEST))
def test_a_number_reads_as_it_is_written(number: float) -> None:
    assert values.read(Number(), "x", Number().write(number)) == number
    assert values.read(Duration(), "x", Duration().write(number)) == number


@given(st.booleans())
def test_a_flag_reads_as_it_is_written(flag: bool) -> None:
    assert values.read(Flag(), "x", Flag().write(flag)) is flag


GRAMMARS: list[Grammar[Any]] = [Flag(), Size(), Duration(), Number(), Whole(), Text(), Texts(), File(), Secret(4)]


@given(st.sampled_from(GRAMMARS), st.text() | st.floats() | st.integers() | st.none() | st.lists(st.text()))
def test_anything_is_taken_or_refused_with_a_short_message(grammar: Grammar[Any], value: object) -> None:
    refusal = _refusal(grammar, value)
    assert not refusal or (refusal.startswith("x must be ") and len(refusal) < 250)
