"""How many processes a run is spread over, and how long it will take: a far target is waited for most of the time."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib.util import find_spec

from conformance.errors import ConfigurationError

MOST = 8
NEAR_SECONDS = 0.02
"""A target that answers faster than this is not worth the start of another process."""

REQUESTS_PER_SCENARIO = 8.0
"""How many requests a scenario sends on average, measured; the forecast goes by it."""

FAR = "conformance: the target is far away: pip install 'fakereg[parallel]' makes the run several times as fast\n"

PROCESS_SECONDS = 1.0
"""How long a worker takes to start, about."""


def arguments(text: str, given: Mapping[str, str | None]) -> list[str]:
    """The arguments of pytest for a number of workers, or for `auto`; ConfigurationError when they cannot be had."""
    if text != "auto" and not (text.isascii() and text.isdigit()):
        raise ConfigurationError(f"the number of workers {text!r} is neither a number nor auto")
    number = _automatic(given) if text == "auto" else int(text)
    if number < 2:
        return []
    if find_spec("xdist") is None:
        if text == "auto":
            sys.stderr.write(FAR)
            return []
        raise ConfigurationError("several workers need another package: pip install 'fakereg[parallel]'")
    return ["-n", str(number), "--dist", "worksteal"]


def seconds(scenarios: int, *, round_trip: float, workers: int) -> float:
    """How long so many scenarios will take over a link whose round trip takes so many seconds, about."""
    waiting = scenarios * REQUESTS_PER_SCENARIO * round_trip / max(workers, 1)
    return waiting + (PROCESS_SECONDS * workers / (os.cpu_count() or 1))


def _automatic(given: Mapping[str, str | None]) -> int:
    """Many workers for a URL whose first answer takes long; whoever cannot be reached is told so by the run."""
    from conformance.config.settings import settings_from
    from conformance.targets.open import target_of

    settings = settings_from(given)
    if settings.target.partition(":")[0] not in {"http", "https"}:
        return 0
    try:
        with target_of(settings) as target:
            return 0 if target.round_trip < NEAR_SECONDS else MOST
    except ConfigurationError:
        return 0
