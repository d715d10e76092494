"""Play the same generated program on two targets, and compare their answers.

The rules of the comparison and the known differences with their reasons are data (`differences.toml`). A difference
that is not listed there is a finding: a bug of one target, a setting that the fake lacks, or a line to add.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache, partial
from itertools import count
from pathlib import Path
from typing import Any

from hypothesis import settings

from conformance.client.exchange import Exchange
from conformance.stress.common import batches
from conformance.stress.common.base import Budget, Clients, Figures, Finding, Stress
from conformance.stress.machine.asks import ask, asks, asks_of_hosts, asks_with_tokens
from conformance.stress.machine.generate import programs
from conformance.stress.machine.program import Program, Step
from conformance.stress.machine.rules import RULES, Call, Calls, World
from conformance.stress.machine.shrink import shortened, told
from conformance.targets.base import Target

DIFFERENCES = Path(__file__).with_name("differences.toml")
MOST_FINDINGS = 20
GRACE = 30.0
"""Seconds for shortening a program that shows a difference, even if the budget is spent."""

FEW = settings(batches.DRAWN, max_examples=20)
"""Programs with one seed; they resemble each other, so another seed follows soon."""

_RULES: Mapping[str, Callable[..., Calls]] = {**RULES, "ask": ask}

Answer = Mapping[str, str]
"""An answer as far as it is compared: `status` (with the codes of the errors), headers by name, and `body`."""


@dataclass(frozen=True, slots=True)
class Known:
    """A known difference. Each field is a regular expression that must match the whole text.

    `call` is the method of the client with its arguments, `field` the name of the different part, `here` and `there`
    are its values. With `ends` the content of the two targets may differ from there on, and the program ends; such a
    line about a status also applies to equal answers.
    """

    reason: str
    call: str = ".*"
    field: str = ".*"
    here: str = ".*"
    there: str = ".*"
    ends: bool = False

    def explains(self, call: str, field: str, here: str, there: str) -> bool:
        """Return whether the line explains a difference."""
        pairs = ((self.call, call), (self.field, field), (self.here, here), (self.there, there))
        return all(re.fullmatch(pattern, text, re.DOTALL) for pattern, text in pairs)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The normalisation of answers, and the known differences."""

    headers: tuple[str, ...]
    refusal_headers: tuple[str, ...]
    replaced: tuple[tuple[str, str], ...]
    sort: tuple[str, ...]
    ignored: tuple[tuple[str, str], ...] = ()
    known: tuple[Known, ...] = ()

    def normalised(self, exchange: Exchange) -> Answer:
        """Return an answer without the parts that always differ: addresses, session ids, texts for people, order."""
        if exchange.status < 400:
            found = {"status": str(exchange.status)} | self._headers(exchange, self.headers)
            return found | {"body": self._body(exchange)}
        return {"status": f"{exchange.status} {_codes(exchange)}".strip()} | self._headers(
            exchange, self.refusal_headers
        )

    def differing(self, call: str, here: Answer, there: Answer) -> list[str]:
        """Return the differences that are compared for such a call.

        A different status explains all other differences.
        """
        if here["status"] != there["status"]:
            return ["status"]
        ignored = [field for pattern, field in self.ignored if re.fullmatch(pattern, call, re.DOTALL)]
        return [
            name
            for name in here
            if here[name] != there[name] and not any(re.fullmatch(pattern, name) for pattern in ignored)
        ]

    def with_known(self, line: Known) -> Comparison:
        """Return a comparison with one more known difference."""
        return replace(self, known=(*self.known, line))

    def _headers(self, exchange: Exchange, names: tuple[str, ...]) -> dict[str, str]:
        return {name: self._ordered(name, self._replaced(exchange.header(name) or "")) for name in names}

    def _ordered(self, name: str, value: str) -> str:
        return ", ".join(sorted(re.findall(r"[^\s,\"]+", value))) if name in self.sort else value

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
    """Raised for two different answers that no line explains; `line` is a line that would explain them."""

    def __init__(self, call: Call, name: str, here: str, there: str, evidence: str = "") -> None:
        super().__init__(f"{call}: {name} is {here!r} here and {there!r} there\n{evidence}")
        values = map(re.escape, (here, there)) if name == "status" else (".*", ".*")
        self.line = Known("found already", f"{call.method}[(].*", re.escape(name), *values)


class Parted(Exception):
    """Raised when the content of the two targets differs from here on, as a known difference says: the program ends."""


@dataclass(slots=True)
class Side:
    """One of the two targets: its clients, and the world of a program there."""

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
        rule = _RULES[step.rule]
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
        """Compare two answers; raise Difference, or Parted where a line says that the program ends here."""
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
    """Searches for programs that two targets answer differently."""

    sides: tuple[Stress, Stress]
    comparing: Comparison
    figures: Figures
    found: Failure | None = None
    _names: count[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self._clients = [Clients(stress) for stress in self.sides]
        anonymous = any(stress.target.writer.anonymous for stress in self.sides)
        self._programs = programs(further=[asks(), asks_of_hosts() if anonymous else asks_with_tokens()])

    def batch(self, number: int) -> Failure | None:
        """Play programs until one shows an unknown difference, which is shortened, or until there are enough."""
        self.found = None
        batches.play(number, self._programs, self._next, how=FEW)
        return self._shortened(self.found) if self.found else None

    def play(self, program: Program) -> Failure | None:
        """Play one program on both targets, each in a new world; return the difference, if any."""
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
        """Return the same difference with fewer steps; note if it does not happen again."""
        best = self._again(failure, failure.program)
        if best is None:
            return replace(failure, came_again=False)
        short, is_short = shortened(best, partial(self._again, best), Budget(GRACE))
        return replace(short, is_short=is_short)

    def _again(self, first: Failure, program: Program) -> Failure | None:
        """Return the failure of a program if it shows the same difference as the first one."""
        again = self.play(program)
        return again if again and again.difference.line == first.difference.line else None


@dataclass(frozen=True)
class Failure:
    """A program that shows a difference, its log, and whether the difference happened again in a replay."""

    program: Program
    pair: Pair
    difference: Difference
    came_again: bool = True
    is_short: bool = True


def compare(stress: Stress, other: Target, comparing: Comparison | None = None) -> Figures:
    """Play programs on both targets until the budget is spent; unknown differences are findings."""
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
    """Replay one program on both targets."""
    hunt = _hunt(stress, other, comparing)
    if failure := hunt.play(program):
        hunt.figures.findings.append(_finding(failure, stress.seed))
    return hunt.figures


def _hunt(stress: Stress, other: Target, comparing: Comparison | None) -> Hunt:
    there = Stress(other, stress.seed, stress.budget, stress.say, stress.id)
    return Hunt((stress, there), comparing or comparison(), Figures("differential"))


def _finding(failure: Failure, number: int) -> Finding:
    problem = str(failure.difference)
    text = problem.partition("\n")[0] + ("" if failure.came_again else " (once: not reproduced)")
    log = ((who, call, exchanges) for who, call, *exchanges in failure.pair.log)
    return told(text, problem, failure.program, log, number, is_short=failure.is_short)
