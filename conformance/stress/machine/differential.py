"""Play the same generated program on two targets, and compare their answers.

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
from functools import cache, partial
from itertools import count
from pathlib import Path
from typing import Any

from conformance.client.exchange import Exchange
from conformance.stress.common import batches
from conformance.stress.common.base import Budget, Clients, Figures, Finding, Stress
from conformance.stress.machine.generate import programs
from conformance.stress.machine.program import Program, Step
from conformance.stress.machine.rules import RULES, Call, World
from conformance.stress.machine.shrink import shortened, told
from conformance.targets.base import Target

DIFFERENCES = Path(__file__).with_name("differences.toml")
MOST_FINDINGS = 20
GRACE = 30.0
"""Seconds for making a program short that shows a difference, be the budget spent or not."""

Answer = Mapping[str, str]
"""An answer as far as it is compared: `status` (with the codes of the errors), headers by name, and `body`."""


@dataclass(frozen=True, slots=True)
class Known:
    """A difference that is known. Each field is a regular expression that has to match the whole of what it is about.

    `call` is the method of the client with its arguments, `field` what differs, `here` and `there` are its values.
    With `ends` the two targets may hold different things from there on, and the program ends; such a line on a status
    is about answers that are alike as well.
    """

    reason: str
    call: str = ".*"
    field: str = ".*"
    here: str = ".*"
    there: str = ".*"
    ends: bool = False

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
    ignored: tuple[tuple[str, str], ...] = ()
    known: tuple[Known, ...] = ()

    def normalised(self, exchange: Exchange) -> Answer:
        """An answer without what differs in any case: addresses, ids of sessions, texts for people, order."""
        if exchange.status < 400:
            found = {"status": str(exchange.status)} | self._headers(exchange, self.headers)
            return found | {"body": self._body(exchange)}
        return {"status": f"{exchange.status} {_codes(exchange)}".strip()} | self._headers(
            exchange, self.refusal_headers
        )

    def differing(self, call: str, here: Answer, there: Answer) -> list[str]:
        """What differs and is compared for such a call. A status explains all that comes with it."""
        if here["status"] != there["status"]:
            return ["status"]
        ignored = [field for pattern, field in self.ignored if re.fullmatch(pattern, call, re.DOTALL)]
        return [
            name
            for name in here
            if here[name] != there[name] and not any(re.fullmatch(pattern, name) for pattern in ignored)
        ]

    def with_known(self, line: Known) -> Comparison:
        """The same with one more difference that is known."""
        return replace(self, known=(*self.known, line))

    def _headers(self, exchange: Exchange, names: tuple[str, ...]) -> dict[str, str]:
        return {name: self._ordered(name, self._replaced(exchange.header(name) or "")) for name in names}

    def _ordered(self, name: str, value: str) -> str:
        return ", ".join(sorted(re.split(r"\s*,\s*", value))) if name in self.sort else value

    def _replaced(self, text: str) -> str:
        for pattern, instead in self.replaced:
            text = re.sub(pattern, instead, text)
        return text

    def _body(self, exchange: Exchange) -> str:
        document = exchange.json()
        if not isinstance(document, dict):
            return exchange.body.decode("latin-1")
        for name in self.sort:
            if isinstance(document.get(name), list):
                document[name] = sorted(document[name])
        return json.dumps(document, sort_keys=True)


def _codes(exchange: Exchange) -> str:
    document = exchange.json()
    errors = document.get("errors") if isinstance(document, dict) else None
    return " ".join(sorted({str(error.get("code")) for error in errors})) if errors else ""


class Difference(AssertionError):
    """Two answers differ, and no line explains it; `line` is one that would, for answers like these."""

    def __init__(self, call: Call, name: str, here: str, there: str, evidence: str = "") -> None:
        super().__init__(f"{call}: {name} is {here!r} here and {there!r} there\n{evidence}")
        values = map(re.escape, (here, there)) if name == "status" else (".*", ".*")
        self.line = Known("found already", f"{call.method}[(].*", re.escape(name), *values)


class Parted(Exception):
    """The two targets hold different things from here on, as is known: the program ends."""


@dataclass(slots=True)
class Side:
    """One of the two targets: clients, and the world that a program has there."""

    clients: Clients
    world: World


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
                call.make(self.here.clients(step.who), self.here.world),
                other.make(self.there.clients(step.who), self.there.world),
            )
            self.log.append((step.who, call, first, second))
            self.compare(call, first, second)
            call, other = _sent(here, first), _sent(there, second)

    def compare(self, call: Call, first: Exchange, second: Exchange) -> None:
        """Hold one answer against the other; Difference, or Parted where a line says that the program ends here."""
        text = str(call).removeprefix("client.")
        here, there = self.comparison.normalised(first), self.comparison.normalised(second)
        lines = []
        for name in self.comparison.differing(text, here, there):
            known = (line for line in self.comparison.known if line.explains(text, name, here[name], there[name]))
            if not (line := next(known, None)):
                evidence = f"{first.describe()}\n\n{second.describe()}"
                raise Difference(call, name, here[name], there[name], evidence)
            lines.append(line)
        ends = [line for line in self.comparison.known if line.ends and line not in lines]
        lines += [line for line in ends if line.explains(text, "status", here["status"], there["status"])]
        self.explained.update(line.reason for line in lines)
        succeeded = {exchange.status < 400 for exchange in (first, second)}
        written = first.request.method not in {"GET", "HEAD"}
        if any(line.ends for line in lines) or (len(succeeded) == 2 and written):
            raise Parted


def _sent(calls: Any, answer: Exchange) -> Call | None:
    try:
        call: Call = calls.send(answer)
    except StopIteration:
        return None
    return call


@cache
def comparison() -> Comparison:
    """Load differences.toml."""
    document = tomllib.loads(DIFFERENCES.read_text(encoding="utf-8"))
    return Comparison(
        headers=tuple(document["headers"]),
        refusal_headers=tuple(document["refusal_headers"]),
        replaced=tuple((line["pattern"], line["by"]) for line in document["replace"]),
        sort=tuple(document["sort"]),
        ignored=tuple((line["call"], line["field"]) for line in document["ignored"]),
        known=tuple(Known(**line) for line in document.get("known", [])),
    )


@dataclass
class Hunt:
    """Looks for programs to which the two targets answer differently."""

    sides: tuple[Stress, Stress]
    comparing: Comparison
    figures: Figures
    found: Failure | None = None
    _names: count[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self._clients = [Clients(stress) for stress in self.sides]

    def batch(self, number: int) -> Failure | None:
        """Play programs until one shows an unknown difference, which is made short, or until there are enough."""
        self.found = None
        batches.play(number, programs(), self._next, how=batches.DRAWN)
        return self._shortened(self.found) if self.found else None

    def play(self, program: Program) -> Failure | None:
        """Play one program on both targets, each in a world of its own; gives how they differ."""
        part = f"pair-{next(self._names)}"
        here, there = (Side(clients, World.of(stress, part, program.recipes))
                       for stress, clients in zip(self.sides, self._clients, strict=True))  # fmt: skip
        pair = Pair(here, there, self.comparing)
        try:
            pair.play(program)
        except Difference as difference:
            return Failure(program, pair, difference)
        finally:
            self.figures.numbers.update(programs=1, steps=pair.steps, requests=2 * len(pair.log))
            self.figures.numbers.update({f"explained by: {why}": times for why, times in pair.explained.items()})
        return None

    def _next(self, program: Program) -> None:
        if self.sides[0].budget.spent:
            raise batches.Enough
        if failure := self.play(program):
            self.found = failure
            raise batches.Enough

    def _shortened(self, failure: Failure) -> Failure:
        """The same difference with few steps; if it does not come again, that is said."""
        best = self._again(failure, replace(failure.program, recipes=())) or self._again(failure, failure.program)
        if best is None:
            return replace(failure, came_again=False)
        return shortened(best, partial(self._again, best), Budget(GRACE))

    def _again(self, first: Failure, program: Program) -> Failure | None:
        """The failure of a program, if it shows the same difference as the first."""
        again = self.play(program)
        return again if again and again.difference.line == first.difference.line else None


@dataclass(frozen=True)
class Failure:
    """A program that shows a difference, how it was played, and whether the difference came again when played again."""

    program: Program
    pair: Pair
    difference: Difference
    came_again: bool = True


def compare(stress: Stress, other: Target, comparing: Comparison | None = None) -> Figures:
    """Play programs on both targets until the budget is spent; what differs and is not known is found."""
    hunt = _hunt(stress, other, comparing)
    findings = hunt.figures.findings
    for number in count(stress.seed):
        if stress.budget.spent or len(findings) >= MOST_FINDINGS:
            break
        if failure := hunt.batch(number):
            findings.append(_finding(failure, number))
            hunt.comparing = hunt.comparing.with_known(failure.difference.line)
        stress.say(f"{hunt.figures.numbers['steps']} steps, {len(findings)} findings")
    return hunt.figures


def replay(program: Program, stress: Stress, other: Target, comparing: Comparison | None = None) -> Figures:
    """Play one program again on both targets."""
    hunt = _hunt(stress, other, comparing)
    if failure := hunt.play(program):
        hunt.figures.findings.append(_finding(failure, stress.seed))
    return hunt.figures


def _hunt(stress: Stress, other: Target, comparing: Comparison | None) -> Hunt:
    there = Stress(other, stress.seed, stress.budget, stress.say, stress.id)
    return Hunt((stress, there), comparing or comparison(), Figures("differential"))


def _finding(failure: Failure, number: int) -> Finding:
    problem = str(failure.difference)
    text = problem.partition("\n")[0] + ("" if failure.came_again else " (once: it did not come again)")
    log = ((who, call, exchanges) for who, call, *exchanges in failure.pair.log)
    return told(text, problem, failure.program, log, number)
