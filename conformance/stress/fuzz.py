"""The part `fuzz`: requests as a WSGI server may hand them on, drawn by Hypothesis, into a fake in process.

Batches of cases go to the fake in each dialect, on each of its storages, in turn. A case that reaches lines of the
application that no case had reached is kept, and later batches draw changes of such cases as well as new ones.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from itertools import count, cycle
from pathlib import Path

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.errors import HypothesisException

from conformance.exchange import Exchange
from conformance.fakes import InProcessFake
from conformance.findings import kind_of
from conformance.stress.base import Budget, Figures, Finding, Stress
from conformance.stress.canaries import Canaries
from conformance.stress.fuzz_inputs import Case, cases
from conformance.stress.fuzz_stage import Fault, Stage

DIALECTS = ("oci", "github-docker", "github-container")
"""What is fuzzed beside the target itself."""

STORAGES = ("memory", "directory")
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


def run(stress: Stress, *, guided: bool = True, dialects: Sequence[str] = DIALECTS) -> Figures:
    """Fuzz until the budget is spent or there are too many findings. A target that is no fake in process is left alone.

    Unless `guided`, every case is a new one.
    """
    figures = Figures("fuzz")
    answers: set[Answer] = set()
    if not isinstance(stress.target, InProcessFake):
        stress.say("fuzz: only a fake in process has a WSGI entry")
        return figures
    known: set[str] = set()
    with ExitStack() as stack:
        fakes = [stress.target, *_others(stress.target, dialects)]
        stages = [stack.enter_context(_stage(stress, fake, storage)) for fake in fakes for storage in STORAGES]
        for number, stage in zip(count(stress.seed), cycle(stages)):
            if stress.budget.spent or len(figures.findings) >= MOST_FINDINGS:
                break
            figures.findings += _batch(stress, stage, number, figures, known, answers, guided=guided)
            figures.numbers["lines"] = len(set().union(*(stage.guide.lines for stage in stages)))
            figures.numbers["distinct answers"] = len(answers)
            stress.say(f"{figures.numbers['requests']} requests, {figures.numbers['lines']} lines reached")
        figures.numbers["kept cases"] = sum(len(stage.guide.corpus) for stage in stages)
    return figures


Answer = tuple[str, str, str, int, str]
"""The dialect, the method, the kind of path, the status and the error code of an answer."""


def _answer(stage: Stage, exchange: Exchange) -> Answer:
    document = exchange.json() if exchange.status >= 400 else None
    errors = document.get("errors") if isinstance(document, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else None
    code = str(first.get("code", "")) if isinstance(first, dict) else ""
    return stage.name, exchange.request.method[:8], kind_of(exchange), exchange.status, code


def _others(target: InProcessFake, dialects: Sequence[str]) -> list[InProcessFake]:
    """The fake in those dialects that the target has not; they are not entered."""
    names = [name for name in dialects if f"fake:{name}" != target.name]
    return [InProcessFake(f"fake:{name}", name, target.settings) for name in names]


@contextmanager
def _stage(stress: Stress, fake: InProcessFake, storage: str) -> Iterator[Stage]:
    """A fake with another storage; the files of a folder are in a place of their own."""
    with ExitStack() as stack:
        place = stack.enter_context(tempfile.TemporaryDirectory(prefix="stress-fuzz-"))
        canaries = Canaries(Path(place)) if storage == "directory" else None
        made = fake.variant(storage=f"directory:{canaries.folder}" if canaries else storage)
        target = stack.enter_context(made)
        assert isinstance(target, InProcessFake)
        yield Stage(replace(stress, target=target), target, canaries)


def _batch(
    stress: Stress, stage: Stage, number: int, figures: Figures, known: set[str], answers: set[Answer], *, guided: bool
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
            last[:] = [_finding(stress, stage, case, exchanges, fault, number)]
            grace[:] = grace or [Budget(GRACE)]
            keys[:] = [fault.key]
            raise
        finally:
            stage.guide.keep(case)
            figures.numbers.update(cases=1, requests=len(exchanges))
            answers.update(_answer(stage, exchange) for exchange in exchanges)

    keys: list[str] = []
    stage.renew()
    strategy = cases(stage.words, tuple(stage.guide.corpus) if guided else ())
    with suppress(Fault, HypothesisException):
        seed(number)(SETTINGS(given(strategy)(play)))()
    known.update(keys)
    return last


def _finding(stress: Stress, stage: Stage, case: Case, exchanges: list[Exchange], fault: Fault, number: int) -> Finding:
    """A failing case with its exchanges, and what was wrong."""
    first, _, rest = str(fault).partition("\n")
    parts = [
        f"{stage.name}, seed {number}; the case:",
        *map(repr, case),
        rest,
        *(exchange.describe() for exchange in exchanges),
    ]
    curls = [exchange.curl() for exchange in exchanges]
    again = f"conformance stress {stress.target.name} --parts fuzz --seed {stress.seed}"
    return Finding(f"{stage.name}: {first}", "\n\n".join([*filter(None, parts), *curls]), again)
