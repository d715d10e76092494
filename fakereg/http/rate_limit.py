"""A limit on the requests of each client address."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict

from fakereg.clock import Clock
from fakereg.spec.errors import Code, RegistryError

ADDRESS_LIMIT = 10_000
"""Most client addresses that are remembered; a new one replaces the one longest without a request."""

_WINDOW = 60.0

_TOLERANCE = 1e-6
"""Allowed rounding error, in requests."""


class RateLimit:
    """A limit of requests per minute and client address: that many at once, and as many again spread over each minute.

    For each address it keeps the time of the last request and the number of requests in use then; one becomes free
    every 60 / `allowed` seconds. Safe to use from several threads.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._used: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def check(self, address: str, allowed: int) -> None:
        """Count one request; raise TOOMANYREQUESTS with Retry-After if it is over the limit.

        A refused request does not count. With `allowed` 0 there is no limit.
        """
        if not allowed:
            return
        with self._lock:
            now = self._clock()
            before, used = self._used.pop(address, (now, 0.0))
            used = max(used - max(now - before, 0.0) * allowed / _WINDOW, 0.0)
            refused = used > allowed - 1 + _TOLERANCE
            self._used[address] = now, used if refused else used + 1
            if len(self._used) > ADDRESS_LIMIT:
                self._used.popitem(last=False)
        if refused:
            wait = (used + 1 - allowed) * _WINDOW / allowed
            message = f"retry-after: {_duration(wait)}, allowed: {allowed}/minute"
            headers = {"Retry-After": str(math.ceil(wait))}
            raise RegistryError(Code.TOOMANYREQUESTS, message, headers=headers)

    def clear(self) -> None:
        """Forget all requests."""
        with self._lock:
            self._used.clear()


def _duration(seconds: float) -> str:
    """Return a duration in the form of GitHub's Container registry (GP-3.44): 880.092µs, 1.5ms, 2s."""
    units = [(1.0, "s"), (1e-3, "ms"), (1e-6, "µs")]
    size, unit = next((pair for pair in units if seconds >= pair[0]), units[-1])
    return f"{seconds / size:.3f}".rstrip("0").rstrip(".") + unit
