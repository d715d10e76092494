"""Choose the number of processes of a run. With a far target most of its time is waiting."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec

from conformance.errors import ConfigurationError
from conformance.output.terminal import complain

MOST = 8
NEAR_SECONDS = 0.02
"""For a target that answers faster, a second process costs more than it saves."""

FAR = "conformance: the target answers slowly: pip install 'fakereg[parallel]' makes the run several times as fast"


def arguments(text: str, given: Mapping[str, str | None]) -> list[str]:
    """Return the arguments of pytest for a number of workers or `auto`; raise ConfigurationError if it is unusable."""
    if text != "auto" and not (text.isascii() and text.isdigit()):
        raise ConfigurationError(f"--workers must be a number or auto, got {text!r}")
    number = _automatic(given) if text == "auto" else int(text)
    if number < 2:
        return []
    if find_spec("xdist") is None:
        if text == "auto":
            complain(FAR)
            return []
        raise ConfigurationError(
            f"pytest-xdist must be installed for {number} workers: pip install 'fakereg[parallel]'"
        )
    return ["-n", str(number), "--dist", "worksteal"]


def _automatic(given: Mapping[str, str | None]) -> int:
    """Choose many workers for a URL that answers slowly; the run reports a target that does not answer."""
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
