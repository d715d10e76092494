"""Shorten a failing program, and describe it as a finding.

A program is data, so it is shortened by playing others that lack some of its steps, and that have simpler arguments. A
fault that needs many steps keeps them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Generic, Protocol, TypeVar

from conformance.client.exchange import Exchange
from conformance.stress.common.base import Budget, Finding
from conformance.stress.machine.program import Program, Step, Value
from conformance.stress.machine.rules import RULES, Call

PAIRS = 16
"""Programs of at most so many steps are tried without each pair of steps, which may only go together."""

SIMPLEST: dict[str, Value] = {"repository": 0, "blob": 0, "manifest": 0, "upload": 0, "reference": "a"}
"""The simplest values of arguments."""


class Failure(Protocol):
    """The record of a failing program."""

    @property
    def program(self) -> Program: ...


Found = TypeVar("Found", bound=Failure)


def shortened(found: Found, again: Callable[[Program], Found | None], grace: Budget) -> tuple[Found, bool]:
    """Return the same failure with as few and as simple steps as can be found; and whether `grace` was enough.

    `again` plays a program and returns its failure if it is the same.
    """
    search = _Search(found, again, grace)
    search.run()
    return search.found, not grace.spent


@dataclass
class _Search(Generic[Found]):
    """The search for a shorter program: each that still fails replaces the one before."""

    found: Found
    again: Callable[[Program], Found | None]
    grace: Budget
    tried: set[str] = field(default_factory=set)

    @property
    def steps(self) -> tuple[Step, ...]:
        return self.found.program.steps

    def run(self) -> None:
        """Leave out and simplify until nothing more can be changed, or the time is over."""
        self._try(replace(self.found.program, recipes=()))
        before = None
        while before != self.found.program and not self.grace.spent:
            before = self.found.program
            self._leave_out()
            self._leave_out_pairs()
            self._simplify()

    def _leave_out(self) -> None:
        """Leave out parts of the steps, the latest first: half of them, a quarter, ... and single ones."""
        size = max(len(self.steps) // 2, 1)
        while size:
            start = len(self.steps) - size
            while start > -size:
                self._try_steps(self.steps[: max(start, 0)] + self.steps[start + size :])
                start = min(start, len(self.steps)) - size
            size //= 2

    def _leave_out_pairs(self) -> None:
        """Leave out two steps at a time, such as one that opens something and the one that closes it."""
        changed = len(self.steps) <= PAIRS
        while changed:
            changed = any(
                self._try_steps([step for number, step in enumerate(self.steps) if number not in pair])
                for pair in combinations(range(len(self.steps)), 2)
            )

    def _simplify(self) -> None:
        """Make the steps simpler one by one: the writer acts, optional arguments are missing, numbers are low."""
        for number in range(len(self.steps)):
            for name in ("who", *self.steps[number].arguments):
                simpler = _simpler(self.steps[number], name)
                self._try_steps([*self.steps[:number], simpler, *self.steps[number + 1 :]])

    def _try_steps(self, steps: Sequence[Step]) -> bool:
        return self._try(replace(self.found.program, steps=tuple(steps)))

    def _try(self, program: Program) -> bool:
        """Play a program that was not tried before; keep it if it fails in the same way."""
        text = program.to_json()
        if text in self.tried or program == self.found.program or self.grace.spent:
            return False
        self.tried.add(text)
        failure = self.again(program)
        self.found = failure or self.found
        return failure is not None


def _simpler(step: Step, name: str) -> Step:
    """Return a step in which `who` or an argument has the simplest value, or is missing if it may be."""
    if name == "who":
        return replace(step, who="writer")
    if step.rule not in RULES:  # a rule of the differential mode alone, whose arguments are all needed
        return step
    rest = {key: value for key, value in step.arguments.items() if key != name}
    if inspect.signature(RULES[step.rule]).parameters[name].default is not inspect.Parameter.empty:
        return replace(step, arguments=rest)
    return replace(step, arguments={**step.arguments, name: SIMPLEST.get(name, step.arguments[name])})


def told(
    text: str,
    problem: str,
    program: Program,
    log: Iterable[tuple[str, Call, Sequence[Exchange]]],
    number: int,
    *,
    is_short: bool = True,
) -> Finding:
    """Describe a finding with its evidence: seed, program, client calls with their statuses, `curl` lines."""
    calls, curls = [], []
    for who, call, exchanges in log:
        statuses = ", ".join(str(exchange.status) for exchange in exchanges)
        calls.append(f"{call}{'' if who == 'writer' else f'  # as {who}'}  -> {statuses}")
        curls.append(exchanges[0].curl())
    note = (
        [] if is_short else ["(The time for shortening it was over: it may have steps that the fault does not need.)"]
    )
    parts = [f"seed {number}; the program:", str(program), *note, "", *calls, "", *curls, "", problem]
    return Finding(text, "\n".join(parts), program=program.to_json())
