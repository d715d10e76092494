"""How many requests a client may make."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict

from fakereg.clock import Clock
from fakereg.spec.errors import Code, RegistryError

ADDRESS_LIMIT = 10_000
"""Client addresses that are remembered; the one longest without a request is forgotten for a new one."""

_WINDOW = 60.0

_TOLERANCE = 1e-6
"""Part of a request by which rounding may be off."""


class RateLimit:
    """Requests per minute and client address: that many at once, and again as many spread over each minute.

    For each address it keeps the time of the last request and how many were in use then; one comes free every
    60 / `allowed` seconds. Safe to use from several threads.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._used: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def check(self, address: str, allowed: int) -> None:
        """Count one request; raise TOOMANYREQUESTS with Retry-After if it is one too many, which costs nothing.

        0 allows any number.
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
    """A duration as GitHub's Container registry writes it (GP-3.44): 880.092µs, 1.5ms, 2s."""
    units = [(1.0, "s"), (1e-3, "ms"), (1e-6, "µs")]
    size, unit = next((pair for pair in units if seconds >= pair[0]), units[-1])
    return f"{seconds / size:.3f}".rstrip("0").rstrip(".") + unit
