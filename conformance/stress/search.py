"""The part `machine`: Hypothesis draws programs, the machine plays them, and what fails is made short."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import count

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.errors import HypothesisException

from conformance.client import Client
from conformance.known_failures import KnownFailure
from conformance.stress.abilities import abilities_of, rights_of
from conformance.stress.base import Budget, Figures, Finding, Stress
from conformance.stress.generate import REPOSITORIES, programs
from conformance.stress.machine import Machine, Mismatch, Rules
from conformance.stress.program import Program
from conformance.stress.rules import World

BATCH = 200
"""Programs between two looks at the clock; each batch has a seed of its own."""

SETTINGS = settings(
    max_examples=BATCH,
    database=None,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate, Phase.shrink),
    verbosity=Verbosity.quiet,
)


@dataclass
class Stage:
    """Where programs are played: a target, what is known of it, and clients by who they are."""

    stress: Stress
    rules: Rules
    _clients: dict[str, Client] = field(default_factory=dict)
    _numbers: count[int] = field(default_factory=count)

    @classmethod
    def of(cls, stress: Stress) -> Stage:
        """A stage for a target; asks it what it can."""
        known = stress.target.description.known
        return cls(stress, Rules(abilities_of(stress), rights_of(stress), known))

    def client(self, who: str) -> Client:
        """Somebody's client; the writer's, where the target does not know them."""
        if who not in self._clients:
            described = self.stress.target.description
            self._clients[who] = self.stress.client(who if described.identity(who) else "writer")
        return self._clients[who]

    def world(self, program: Program) -> World:
        """A world that nothing has happened in."""
        part = "world" if self.stress.target.reset() else f"world-{next(self._numbers)}"
        pattern = self.stress.repository(part + "{}")
        names = tuple(pattern.replace("{}", letter) for letter in "xyz"[:REPOSITORIES])
        single_post = "single_post" in self.rules.abilities
        return World(
            names, self.stress.repository(f"{part}/{{}}"), f"{self.stress.id} {part}", single_post, program.recipes
        )

    def play(self, program: Program) -> Machine:
        """Play a program in a world of its own; Mismatch when an answer is not right."""
        machine = Machine(self.client, self.rules, self.world(program))
        machine.play(program)
        return machine


def run(stress: Stress) -> Figures:
    """Search for programs that the target gets wrong, until the budget is spent or there are too many."""
    stage, figures = Stage.of(stress), Figures("machine")
    for number in count(stress.seed):
        if stress.budget.spent or len(figures.findings) >= MOST_FINDINGS:
            break
        if failure := search(stage, number, figures):
            figures.findings.append(report(failure, number))
            # The search goes on for what else is wrong.
            line = KnownFailure(failure.mismatch.requirement, "found already")
            stage.rules = replace(stage.rules, known=(*stage.rules.known, line))
        stress.say(f"{figures.numbers['steps']} steps, {len(figures.findings)} findings")
    return figures


MOST_FINDINGS = 10
GRACE = 30.0
"""Seconds that making a failing program short may take, be the budget spent or not."""


def replay(program: Program, stress: Stress) -> Figures:
    """Play one program again."""
    stage, figures = Stage.of(stress), Figures("machine")
    machine = Machine(stage.client, stage.rules, stage.world(program))
    try:
        machine.play(program)
    except Mismatch as mismatch:
        figures.findings.append(report(Failure(program, machine, mismatch), stress.seed))
    figures.numbers.update(programs=1, steps=machine.steps, requests=len(machine.log))
    return figures


@dataclass(frozen=True)
class Failure:
    """The shortest program found that fails, the machine that played it, and what was wrong."""

    program: Program
    machine: Machine
    mismatch: Mismatch


def search(stage: Stage, number: int, figures: Figures) -> Failure | None:
    """Play one batch of programs; gives the shortest failing one, if one fails."""
    last: list[Failure] = []
    grace: list[Budget] = []

    def play(program: Program) -> None:
        if grace[0].spent if grace else stage.stress.budget.spent:
            return
        machine = Machine(stage.client, stage.rules, stage.world(program))
        try:
            machine.play(program)
        except Mismatch as mismatch:
            last[:] = [Failure(program, machine, mismatch)]
            grace[:] = grace or [Budget(GRACE)]
            raise
        finally:
            figures.numbers.update(programs=1, steps=machine.steps, requests=len(machine.log), known=machine.known)

    with suppress(Mismatch, HypothesisException):
        seed(number)(SETTINGS(given(programs())(play)))()
    return without_needless_steps(stage, last[0], Budget(GRACE)) if last else None


def without_needless_steps(stage: Stage, failure: Failure, grace: Budget) -> Failure:
    """The same failure with steps left out that it does without, many at once first."""
    size = len(failure.program.steps)
    while size and not grace.spent:
        start = 0
        while start < len(failure.program.steps) and not grace.spent:
            steps = failure.program.steps
            program = replace(failure.program, steps=steps[:start] + steps[start + size :])
            if again := _same_failure(stage, program, failure.mismatch.requirement):
                failure = again
            else:
                start += size
        size //= 2
    return failure


def _same_failure(stage: Stage, program: Program, requirement: str) -> Failure | None:
    machine = Machine(stage.client, stage.rules, stage.world(program))
    try:
        machine.play(program)
    except Mismatch as mismatch:
        return Failure(program, machine, mismatch) if mismatch.requirement == requirement else None
    return None


def report(failure: Failure, number: int) -> Finding:
    """A failing program as client calls and as `curl` lines, with the command that plays it again."""
    log = failure.machine.log
    calls = [f"{call}{'' if who == 'writer' else f'  # as {who}'}  -> {exchange.status}" for who, call, exchange in log]
    curls = [exchange.curl() for _, _, exchange in log]
    evidence = "\n".join(
        [f"seed {number}; the program:", str(failure.program), "", *calls, "", *curls, "", str(failure.mismatch)]
    )
    return Finding(str(failure.mismatch).partition("\n")[0], evidence, program=failure.program.to_json())
