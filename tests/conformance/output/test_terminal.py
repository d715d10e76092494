"""What reaches a terminal cannot command it."""

from __future__ import annotations

import io
import sys

import pytest

from conformance.output.terminal import complain, say, told, visible

RAW = "\x1b[31m\x07\x08\r\x9b1m\u202e\u2066\ud800\u200b\x7f"


def test_nothing_commands_the_terminal() -> None:
    shown = told(f"a{RAW}é\n\tb")
    assert shown.startswith("a\\x1b[31m")
    assert shown.endswith("é\n\tb")
    assert all(letter.isprintable() or letter in "\n\t" for letter in shown)
    assert visible("a\nb", keep="") == "a\\nb"


@pytest.mark.parametrize(("write", "name"), [(say, "stdout"), (complain, "stderr")])
def test_any_terminal_can_take_it(monkeypatch: pytest.MonkeyPatch, write: object, name: str) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, name, stream)
    assert callable(write)
    write(f"é{RAW}")
    stream.seek(0)
    assert stream.read().startswith("\\xe9\\x1b[31m")
