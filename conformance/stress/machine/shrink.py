"""Shorten a failing program, and describe it as a finding."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

from conformance.client.exchange import Exchange
from conformance.stress.common.base import Budget, Finding
from conformance.stress.machine.program import Program
from conformance.stress.machine.rules import Call


class Failure(Protocol):
    """The record of a failing program."""

    @property
    def program(self) -> Program: ...


Found = TypeVar("Found", bound=Failure)


def shortened(found: Found, again: Callable[[Program], Found | None], grace: Budget) -> Found:
    """Return the same failure with as few steps as can be found within `grace`.

    A program is data, so steps are left out, the latest first: half of them, a quarter, ... and single ones. `again`
    plays a program and returns its failure if it is the same.
    """
    size = len(found.program.steps) // 2
    while size:
        for start in range(len(found.program.steps) - size, -1, -size):
            if grace.spent:
                return found
            steps = found.program.steps
            found = again(replace(found.program, steps=steps[:start] + steps[start + size :])) or found
        size //= 2
    return found


def told(
    text: str, problem: str, program: Program, log: Iterable[tuple[str, Call, Sequence[Exchange]]], number: int
) -> Finding:
    """Describe a finding with its evidence: seed, program, client calls with their statuses, `curl` lines."""
    calls, curls = [], []
    for who, call, exchanges in log:
        statuses = ", ".join(str(exchange.status) for exchange in exchanges)
        calls.append(f"{call}{'' if who == 'writer' else f'  # as {who}'}  -> {statuses}")
        curls.append(exchanges[0].curl())
    parts = [f"seed {number}; the program:", str(program), "", *calls, "", *curls, "", problem]
    return Finding(text, "\n".join(parts), program=program.to_json())
