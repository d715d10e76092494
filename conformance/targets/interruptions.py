"""Delay Ctrl-C and SIGTERM while something is done that must not be left half done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any


class Interruptions:
    """Let SIGTERM raise KeyboardInterrupt like Ctrl-C, and delay both until the end of a `held` part.

    Only the main thread can be interrupted; elsewhere nothing changes. A signal that was ignored stays so.
    """

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}
        self._holding = False
        self._waiting = False

    def __enter__(self) -> Interruptions:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) != signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._interrupt)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Delay an interruption to the end of the block; a second one does not wait."""
        outer, self._holding = self._holding, True
        try:
            yield
        finally:
            self._holding = outer
            if self._waiting and not outer:
                self._waiting = False
                raise KeyboardInterrupt

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if self._holding and not self._waiting:
            self._waiting = True
            return
        raise KeyboardInterrupt
