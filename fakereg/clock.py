"""Time that a test turns by hand, for everything here that takes a `clock`."""

from __future__ import annotations

from collections.abc import Callable

Clock = Callable[[], float]
"""Gives the time in seconds; `time.time` is one."""


class ManualClock:
    """A clock that stands still until `advance` is called."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """The time in seconds."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
