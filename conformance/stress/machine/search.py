"""The part `machine`: Hypothesis draws programs, the machine plays them, and failing ones are shortened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count

from conformance.catalogue.known_failures import KnownFailure
from conformance.stress.common import batches
from conformance.stress.common.abilities import abilities_of, rights_of
from conformance.stress.common.base import Budget, Clients, Figures, Finding, Stress
from conformance.stress.machine.generate import programs
from conformance.stress.machine.machine import Machine, Mismatch, Rules
from conformance.stress.machine.program import Program
from conformance.stress.machine.rules import World
from conformance.stress.machine.shrink import shortened, told

MOST_FINDINGS = 10
GRACE = 30.0
"""Seconds for shortening a failing program, even if the budget is spent."""


@dataclass(frozen=True)
class Failure:
    """A failing program, the machine that played it, and the mismatch; `is_short` unless shortening ended early."""

    program: Program
    machine: Machine
    mismatch: Mismatch
    is_short: bool = True


@dataclass
class Stage:
    """The target, the facts about it, and clients by identity."""

    stress: Stress
    rules: Rules
    clients: Clients
    figures: Figures
    _numbers: count[int] = field(default_factory=count)

    @classmethod
    def of(cls, stress: Stress) -> Stage:
        """Make a stage for a target; this probes its abilities."""
        known = stress.target.description.known
        rules = Rules(abilities_of(stress), rights_of(stress), known)
        return cls(stress, rules, Clients(stress), Figures("machine"))

    def play(self, program: Program) -> Failure | None:
        """Play a program in a new world; return its failure, if any."""
        part = "world" if self.stress.target.reset() else f"world-{next(self._numbers)}"
        single_post = "single_post" in self.rules.abilities
        world = World.of(self.stress, part, program.recipes, single_post=single_post)
        machine = Machine(self.clients, self.rules, world)
        try:
            machine.play(program)
        except Mismatch as mismatch:
            return Failure(program, machine, mismatch)
        finally:
            self.figures.numbers.update(programs=1, steps=machine.steps, requests=len(machine.log), known=machine.known)
        return None

    def search(self, number: int) -> Failure | None:
        """Play one batch of programs; return the first failing one, made short, if any."""
        found: list[Failure] = []

        def play(program: Program) -> None:
            if self.stress.budget.spent:
                raise batches.Enough
            if failure := self.play(program):
                found.append(failure)
                raise batches.Enough

        batches.play(number, programs(), play, how=batches.DRAWN)
        if not found:
            return None
        short, is_short = shortened(found[0], self._again_as(found[0]), Budget(GRACE))
        return replace(short, is_short=is_short)

    def _again_as(self, first: Failure) -> Callable[[Program], Failure | None]:
        """Return a function that plays a program and returns its failure.

        It returns only a failure that violates the same requirement as the first.
        """

        def again(program: Program) -> Failure | None:
            failure = self.play(program)
            return failure if failure and failure.mismatch.requirement == first.mismatch.requirement else None

        return again


def run(stress: Stress) -> Figures:
    """Search for failing programs until the budget is spent or there are too many."""
    stage = Stage.of(stress)
    findings = stage.figures.findings
    for number in count(stress.seed):
        if stress.budget.spent or len(findings) >= MOST_FINDINGS:
            break
        if failure := stage.search(number):
            findings.append(report(failure, number))
            # The search continues for other faults.
            line = KnownFailure(failure.mismatch.requirement, "found already")
            stage.rules = replace(stage.rules, known=(*stage.rules.known, line))
        stress.say(f"{stage.figures.numbers['steps']} steps, {len(findings)} findings")
    return stage.figures


def replay(program: Program, stress: Stress) -> Figures:
    """Replay one program."""
    stage = Stage.of(stress)
    if failure := stage.play(program):
        stage.figures.findings.append(report(failure, stress.seed))
    return stage.figures


def report(failure: Failure, number: int) -> Finding:
    """Describe a failing program as client calls and `curl` lines."""
    problem = str(failure.mismatch)
    log = ((who, call, (exchange,)) for who, call, exchange in failure.machine.log)
    return told(problem.partition("\n")[0], problem, failure.program, log, number, is_short=failure.is_short)
