"""The same generated program on two targets: each answer of the one beside that of the other.

What is compared, and how it is made comparable, is data (`differences.toml`), and so are the differences that are known
with their reasons. What is not on the list is a finding: a bug of one of the two, a setting that the fake lacks, or a
line to be added.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from hypothesis import given, seed
from hypothesis.errors import Unsatisfiable

from conformance.client import Client
from conformance.exchange import Exchange
from conformance.stress.base import Budget, Figures, Finding, Stress
from conformance.stress.generate import REPOSITORIES, programs
from conformance.stress.program import Program, Step
from conformance.stress.rules import RULES, Call, World
from conformance.stress.search import GRACE, SETTINGS
from conformance.targets import Target

DIFFERENCES = Path(__file__).with_name("differences.toml")
MOST_FINDINGS = 20
Answer = Mapping[str, str]
"""An answer as far as it is compared: `status`, headers by name, and `body`."""


@dataclass(frozen=True, slots=True)
class Known:
    """A difference that is known. Each field is a regular expression that has to match the whole of what it is about.

    `call` is the method of the client with its arguments, `field` what differs, `here` and `there` are its values.
    """

    reason: str
    call: str = ".*"
    field: str = ".*"
    here: str = ".*"
    there: str = ".*"

    def explains(self, call: str, field: str, here: str, there: str) -> bool:
        """Whether the line is about a difference."""
        pairs = ((self.call, call), (self.field, field), (self.here, here), (self.there, there))
        return all(re.fullmatch(pattern, text, re.DOTALL) for pattern, text in pairs)


@dataclass(frozen=True, slots=True)
class Comparison:
    """How answers are made comparable, and which differences are known."""

    headers: tuple[str, ...]
    refusal_headers: tuple[str, ...]
    replaced: tuple[tuple[str, str], ...]
    sort: tuple[str, ...]
    known: tuple[Known, ...] = ()

    def normalised(self, exchange: Exchange) -> Answer:
        """An answer without what differs in any case: addresses, ids of sessions, texts for people, order."""
        found = {"status": str(exchange.status)}
        for name in self.headers if exchange.status < 400 else self.refusal_headers:
            found[name] = self._replaced(exchange.header(name) or "")
        return found | {"body": self._body(exchange)}

    def with_known(self, line: Known) -> Comparison:
        """The same with one more difference that is known."""
        return replace(self, known=(*self.known, line))

    def _replaced(self, text: str) -> str:
        for pattern, instead in self.replaced:
            text = re.sub(pattern, instead, text)
        return text

    def _body(self, exchange: Exchange) -> str:
        document = exchange.json()
        if exchange.status >= 400:
            errors = document.get("errors") if isinstance(document, dict) else None
            return " ".join(sorted({str(error.get("code")) for error in errors})) if errors else ""
        if isinstance(document, dict):
            for name in self.sort:
                if isinstance(document.get(name), list):
                    document[name] = sorted(document[name])
            return json.dumps(document, sort_keys=True)
        return exchange.body.decode("latin-1")


class Difference(AssertionError):
    """Two answers differ, and no line explains it; `line` is one that would, for answers like these."""

    def __init__(self, call: Call, name: str, here: str, there: str, evidence: str = "") -> None:
        super().__init__(f"{call}: {name} is {here!r} here and {there!r} there\n{evidence}")
        self.line = Known("found already", f"{call.method}.*", *map(re.escape, (name, here, there)))


class Parted(Exception):
    """The two targets hold different things from here on, as is known: the program ends."""


@dataclass(slots=True)
class Side:
    """One of the two targets: clients, and the world that a program has there."""

    stress: Stress
    world: World
    clients: dict[str, Client]

    def client(self, who: str) -> Client:
        """Somebody's client; the writer's, where the target does not know them."""
        if who not in self.clients:
            described = self.stress.target.description
            self.clients[who] = self.stress.client(who if described.identity(who) else "writer")
        return self.clients[who]


@dataclass(slots=True)
class Pair:
    """Plays one program on both sides and compares."""

    here: Side
    there: Side
    comparison: Comparison
    log: list[tuple[str, Call, Exchange, Exchange]] = field(default_factory=list)
    explained: Counter[str] = field(default_factory=Counter)
    steps: int = 0

    def play(self, program: Program) -> None:
        """Play every step; raise Difference at the first one that nothing explains."""
        with suppress(Parted):
            for step in program.steps:
                self.steps += 1
                self.step(step)

    def step(self, step: Step) -> None:
        """Play a rule on both sides, call by call."""
        rule = RULES[step.rule]
        here, there = (rule(side.world, **step.arguments) for side in (self.here, self.there))
        call, other = next(here, None), next(there, None)
        while call is not None and other is not None:
            first, second = (
                call.make(self.here.client(step.who), self.here.world),
                other.make(self.there.client(step.who), self.there.world),
            )
            self.log.append((step.who, call, first, second))
            self.compare(call, first, second)
            call, other = _sent(here, first), _sent(there, second)

    def compare(self, call: Call, first: Exchange, second: Exchange) -> None:
        """Hold one answer against the other."""
        here, there = self.comparison.normalised(first), self.comparison.normalised(second)
        differing = [name for name in here if here[name] != there.get(name)]
        # A status explains what comes with it.
        for name in differing[:1] if "status" in differing else differing:
            self._explain(call, name, here[name], there[name], f"{first.describe()}\n\n{second.describe()}")
        succeeded = {exchange.status < 400 for exchange in (first, second)}
        if len(succeeded) == 2 and first.request.method not in {"GET", "HEAD"}:
            raise Parted

    def _explain(self, call: Call, name: str, here: str, there: str, evidence: str) -> None:
        for line in self.comparison.known:
            if line.explains(str(call).removeprefix("client."), name, here, there):
                self.explained[line.reason] += 1
                return
        raise Difference(call, name, here, there, evidence)


def _sent(calls: Any, answer: Exchange) -> Call | None:
    try:
        call: Call = calls.send(answer)
    except StopIteration:
        return None
    return call


@cache
def comparison() -> Comparison:
    """What differences.toml says."""
    document = tomllib.loads(DIFFERENCES.read_text(encoding="utf-8"))
    return Comparison(
        headers=tuple(document["headers"]),
        refusal_headers=tuple(document["refusal_headers"]),
        replaced=tuple((line["pattern"], line["by"]) for line in document["replace"]),
        sort=tuple(document["sort"]),
        known=tuple(Known(**line) for line in document.get("known", [])),
    )


@dataclass
class Hunt:
    """Looks for programs to which the two targets answer differently; `found` is the shortest one of a batch."""

    sides: tuple[Stress, Stress]
    comparing: Comparison
    figures: Figures
    found: Failure | None = None
    grace: Budget | None = None
    _clients: tuple[dict[str, Client], dict[str, Client]] = field(default_factory=lambda: ({}, {}))
    _names: count[int] = field(default_factory=count)

    def batch(self, number: int) -> Failure | None:
        """Play a batch of programs, and give the shortest one that shows an unknown difference."""
        self.found = self.grace = None
        with suppress(Difference, Unsatisfiable):
            seed(number)(SETTINGS(given(programs())(lambda program: self.play(program))))()
        return self.found

    def play(self, program: Program) -> None:
        """Play one program on both targets, each in a world of its own; raise Difference."""
        if (self.grace or self.sides[0].budget).spent:
            return
        part = f"pair-{next(self._names)}"
        here, there = (Side(stress, _world(stress, part, program), made)
                       for stress, made in zip(self.sides, self._clients, strict=True))  # fmt: skip
        pair = Pair(here, there, self.comparing)
        try:
            pair.play(program)
        except Difference as difference:
            self.found = Failure(program, pair, difference)
            self.grace = self.grace or Budget(GRACE)
            raise
        finally:
            self.figures.numbers.update(programs=1, steps=pair.steps, requests=2 * len(pair.log))
            self.figures.numbers.update({f"explained by: {why}": times for why, times in pair.explained.items()})


@dataclass(frozen=True)
class Failure:
    """A program that shows a difference, and how it was played."""

    program: Program
    pair: Pair
    difference: Difference


def compare(stress: Stress, other: Target, comparing: Comparison | None = None) -> Figures:
    """Play programs on both targets until the budget is spent; what differs and is not known is found."""
    there = Stress(other, stress.seed, stress.budget, stress.say, stress.id)
    hunt = Hunt((stress, there), comparing or comparison(), Figures("differential"))
    findings = hunt.figures.findings
    for number in count(stress.seed):
        if stress.budget.spent or len(findings) >= MOST_FINDINGS:
            break
        if failure := hunt.batch(number):
            findings.append(_finding(failure, number))
            hunt.comparing = hunt.comparing.with_known(failure.difference.line)
        stress.say(f"{hunt.figures.numbers['steps']} steps, {len(findings)} findings")
    return hunt.figures


def _world(stress: Stress, part: str, program: Program) -> World:
    names = tuple(stress.repository(f"{part}{letter}") for letter in "xyz"[:REPOSITORIES])
    return World(names, stress.repository(f"{part}/{{}}"), f"{stress.id} {part}", recipes=program.recipes)


def _finding(failure: Failure, number: int) -> Finding:
    log = failure.pair.log
    calls = [f"{call}{'' if who == 'writer' else f'  # as {who}'}  -> {first.status}, {second.status}"
             for who, call, first, second in log]  # fmt: skip
    curls = [first.curl() for _, _, first, _ in log]
    told = str(failure.difference)
    evidence = "\n".join([f"seed {number}; the program:", str(failure.program), "", *calls, "", *curls, "", told])
    return Finding(told.partition("\n")[0], evidence, program=failure.program.to_json())
