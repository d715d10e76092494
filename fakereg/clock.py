"""Clocks: the type of a `clock` argument, and a clock that a test advances by hand."""

from __future__ import annotations

from collections.abc import Callable

Clock = Callable[[], float]
"""A callable that returns the time in seconds, such as `time.time`."""


class ManualClock:
    """A clock that stands still until `advance` is called."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""
        self.now += seconds
