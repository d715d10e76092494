"""The part `fuzz`: requests as a WSGI server may hand them on, drawn by Hypothesis, into a fake in process.

Batches of cases go to the fake on each of its storages in turn. A case that reaches lines of the application that no
case had reached is kept, and later batches draw changes of such cases as well as new ones.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from itertools import count, cycle
from pathlib import Path

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.errors import HypothesisException

from conformance.exchange import Exchange
from conformance.fakes import InProcessFake
from conformance.stress.base import Budget, Figures, Finding, Stress
from conformance.stress.canaries import Canaries
from conformance.stress.fuzz_inputs import Case, cases
from conformance.stress.fuzz_stage import Fault, Stage

BATCH = 100
"""Cases between two looks at what was learned; each batch has a seed of its own."""

MOST_FINDINGS = 10
GRACE = 20.0
"""Seconds that making a failing case short may take, be the budget spent or not."""

SETTINGS = settings(
    max_examples=BATCH,
    database=None,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate, Phase.shrink),
    verbosity=Verbosity.quiet,
)


def run(stress: Stress, *, guided: bool = True) -> Figures:
    """Fuzz until the budget is spent or there are too many findings. A target that is no fake in process is left alone.

    Unless `guided`, every case is a new one.
    """
    figures = Figures("fuzz")
    if not isinstance(stress.target, InProcessFake):
        stress.say("fuzz: only a fake in process has a WSGI entry")
        return figures
    known: set[str] = set()
    with ExitStack() as stack:
        stages = [stack.enter_context(_stage(stress, storage)) for storage in ("memory", "directory")]
        for number, stage in zip(count(stress.seed), cycle(stages)):
            if stress.budget.spent or len(figures.findings) >= MOST_FINDINGS:
                break
            figures.findings += _batch(stress, stage, number, figures, known, guided=guided)
            figures.numbers["lines"] = len({*stages[0].guide.lines, *stages[1].guide.lines})
            stress.say(f"{figures.numbers['requests']} requests, {figures.numbers['lines']} lines reached")
        figures.numbers["kept cases"] = sum(len(stage.guide.corpus) for stage in stages)
    return figures


@contextmanager
def _stage(stress: Stress, storage: str) -> Iterator[Stage]:
    """The fake with another storage; the files of a folder are in a place of their own."""
    with ExitStack() as stack:
        place = stack.enter_context(tempfile.TemporaryDirectory(prefix="stress-fuzz-"))
        canaries = Canaries(Path(place)) if storage == "directory" else None
        made = stress.target.variant(storage=f"directory:{canaries.folder}" if canaries else storage)
        target = stack.enter_context(made)
        assert isinstance(target, InProcessFake)
        yield Stage(replace(stress, target=target), target, canaries)


def _batch(
    stress: Stress, stage: Stage, number: int, figures: Figures, known: set[str], *, guided: bool
) -> list[Finding]:
    """Play one batch of cases; gives what the shortest failing one found, if one fails with what is not `known`."""
    last: list[Finding] = []
    grace: list[Budget] = []

    def play(case: Case) -> None:
        if grace[0].spent if grace else stress.budget.spent:
            return
        exchanges: list[Exchange] = []
        try:
            stage.play(case, exchanges)
        except Fault as fault:
            if fault.key in known:
                figures.numbers["known faults"] += 1
                return
            last[:] = [_finding(stress, case, exchanges, fault, number)]
            grace[:] = grace or [Budget(GRACE)]
            keys[:] = [fault.key]
            raise
        finally:
            stage.guide.keep(case)
            figures.numbers.update(cases=1, requests=len(exchanges))

    keys: list[str] = []
    strategy = cases(stage.words, tuple(stage.guide.corpus) if guided else ())
    with suppress(Fault, HypothesisException):
        seed(number)(SETTINGS(given(strategy)(play)))()
    known.update(keys)
    return last


def _finding(stress: Stress, case: Case, exchanges: list[Exchange], fault: Fault, number: int) -> Finding:
    """A failing case with its exchanges, and what was wrong."""
    first, _, rest = str(fault).partition("\n")
    parts = [f"seed {number}; the case:", *map(repr, case), rest, *(exchange.describe() for exchange in exchanges)]
    curls = [exchange.curl() for exchange in exchanges]
    again = f"conformance stress {stress.target.name} --parts fuzz --seed {stress.seed}"
    return Finding(first, "\n\n".join([*filter(None, parts), *curls]), again)
