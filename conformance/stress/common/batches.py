"""Batches of examples drawn by Hypothesis: each has a seed of its own, and can be ended in the middle."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.errors import Flaky
from hypothesis.strategies import SearchStrategy

SETTINGS = settings(
    max_examples=200,
    database=None,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate, Phase.shrink),
    verbosity=Verbosity.quiet,
)
DRAWN = settings(SETTINGS, phases=(Phase.generate,))
"""The same for examples that Hypothesis does not shorten."""

Example = TypeVar("Example")


class Enough(BaseException):
    """Ends a batch; no Exception, because Hypothesis would take it for a failing example."""


def play(
    number: int,
    examples: SearchStrategy[Example],
    each: Callable[[Example], None],
    *failures: type[Exception],
    how: settings | None = None,
) -> None:
    """Draw examples with the seed `number` and pass each on, until the end, a failure, or Enough.

    An example fails by raising one of `failures`; `each` remembers the last one that did, which is the simplest. `how`
    is by default SETTINGS.
    """
    with suppress(Enough, Flaky, *failures):
        seed(number)((how or SETTINGS)(given(examples)(lambda example: each(example))))()
