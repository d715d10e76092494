"""The part `fuzz`: requests as a WSGI server may pass them on, drawn by Hypothesis, into a fake in process.

Batches of cases go to the fake in each dialect, in turn, on the storage of the target or, if none was chosen, on each
storage that comes with fakereg.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import count, cycle
from pathlib import Path

from hypothesis import settings

from conformance.client.exchange import Exchange
from conformance.client.reading import kind_of
from conformance.stress.common import batches
from conformance.stress.common.base import Budget, Figures, Finding, Stress
from conformance.stress.common.canaries import Canaries
from conformance.stress.fuzz.inputs import Case, cases
from conformance.stress.fuzz.stage import Fault, Stage
from conformance.targets import storage
from conformance.targets.base import UnusableTarget
from conformance.targets.fakes import InProcessFake

DIALECTS = ("oci", "github-docker", "github-container")
"""The dialects to fuzz beside the target."""

BATCH = 100
"""Cases on one place before the next one's turn; each batch has a seed of its own."""

MOST_FINDINGS = 10
GRACE = 20.0
"""Seconds for shortening a failing case, even if the budget is spent."""

SETTINGS = settings(batches.SETTINGS, max_examples=BATCH)


def run(stress: Stress, *, dialects: Sequence[str] = DIALECTS) -> Figures:
    """Fuzz until the budget is spent or there are too many findings; raise UnusableTarget without a fake in process."""
    if not isinstance(stress.target, InProcessFake):
        raise UnusableTarget(f"the target of the part fuzz must be a fake in process, got {stress.target.name}")
    figures, known = Figures("fuzz"), set[str]()
    answers: set[Answer] = set()
    with ExitStack() as stack:
        fakes = [stress.target, *_others(stress.target, dialects)]
        chosen = stress.target.settings.storage
        names = [chosen] if chosen else storage.own_names()
        stages = [stack.enter_context(_stage(stress, fake, name)) for fake in fakes for name in names]
        for number, stage in zip(count(stress.seed), cycle(stages)):
            if stress.budget.spent or len(figures.findings) >= MOST_FINDINGS:
                break
            figures.findings += _batch(stress, stage, number, figures, known, answers)
            figures.numbers["distinct answers"] = len(answers)
            stress.say(f"{figures.numbers['requests']} requests, {len(answers)} distinct answers")
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
    """Return the fake in the dialects other than that of the target; they are not entered."""
    names = [name for name in dialects if f"fake:{name}" != target.name]
    return [InProcessFake(f"fake:{name}", name, target.settings) for name in names]


@contextmanager
def _stage(stress: Stress, fake: InProcessFake, name: str) -> Iterator[Stage]:
    """Make a stage for a fake with another storage; files of a storage are in a folder of their own."""
    with ExitStack() as stack:
        place = stack.enter_context(tempfile.TemporaryDirectory(prefix="stress-fuzz-"))
        canaries = Canaries(Path(place)) if storage.is_durable(name) else None
        text = storage.template(name)
        made = fake.variant(storage=text.replace(storage.FOLDER, str(canaries.folder)) if canaries else text)
        target = stack.enter_context(made)
        assert isinstance(target, InProcessFake)
        yield Stage(replace(stress, target=target), target, name, canaries)


def _batch(
    stress: Stress, stage: Stage, number: int, figures: Figures, known: set[str], answers: set[Answer]
) -> list[Finding]:
    """Play one batch of cases; return the finding of the shortest failing one, if its fault is not `known`."""
    last: list[Finding] = []
    grace: list[Budget] = []

    def play(case: Case) -> None:
        if (grace[0] if grace else stress.budget).spent:
            raise batches.Enough
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
            figures.numbers.update(cases=1, requests=len(exchanges))
            answers.update(_answer(stage, exchange) for exchange in exchanges)

    keys: list[str] = []
    stage.renew()
    batches.play(number, cases(stage.words), play, Fault, how=SETTINGS)
    known.update(keys)
    return last


def _finding(stress: Stress, stage: Stage, case: Case, exchanges: list[Exchange], fault: Fault, number: int) -> Finding:
    """Describe a failing case with its exchanges and its fault."""
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
