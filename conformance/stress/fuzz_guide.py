"""A light guide by coverage: which lines of the application an input reaches, and which inputs reached new ones."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from conformance.stress.fuzz_inputs import Case

Line = tuple[CodeType, int]


class Guide:
    """Keeps the cases that reached a line of `package` that none had reached before. For one thread."""

    def __init__(self, package: str) -> None:
        self._package = package
        self._codes: dict[CodeType, bool] = {}
        self._reached: set[Line] = set()
        self.lines: set[Line] = set()
        self.corpus: list[Case] = []

    @classmethod
    def of(cls, application: object) -> Guide:
        """A guide to the package that the application's class is from."""
        return cls(str(Path(inspect.getfile(type(application))).parent))

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Note the lines that are reached; whoever traced before goes on afterwards."""
        before = sys.gettrace()
        sys.settrace(self._call)
        try:
            yield
        finally:
            sys.settrace(before)

    def keep(self, case: Case) -> None:
        """End a case: it is kept if it reached new lines since the last one."""
        if self._reached - self.lines:
            self.corpus.append(case)
        self.lines |= self._reached
        self._reached = set()

    def _call(self, frame: FrameType, event: str, argument: Any) -> Any:
        code = frame.f_code
        if code not in self._codes:
            self._codes[code] = code.co_filename.startswith(self._package)
        return self._line if self._codes[code] else None

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            self._reached.add((frame.f_code, frame.f_lineno))
        return self._line
