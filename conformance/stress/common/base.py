"""The input of every part of a stress run, a target, a seed and a budget of time, and its result, figures."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from conformance.client.client import Client
from conformance.client.exchange import Exchange
from conformance.client.identity import Identity
from conformance.client.transport import Transport
from conformance.config.description import WRITER
from conformance.targets.base import Target


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault in one line, with its evidence (exchanges, `curl` lines) and a command that shows it again.

    `program` is the program that found it, as JSON, where that alone plays it again.
    """

    text: str
    evidence: str = ""
    replay: str = ""
    program: str = ""


@dataclass(slots=True)
class Figures:
    """The result of a part: numbers by name (operations, faults, ...) and findings."""

    part: str
    numbers: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)


class Budget:
    """A number of seconds that runs out; `clock` gives seconds."""

    def __init__(self, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = clock() + seconds

    @property
    def left(self) -> float:
        """Seconds that are left, never less than zero."""
        return max(self._end - self._clock(), 0.0)

    @property
    def spent(self) -> bool:
        """Whether nothing is left."""
        return self._clock() >= self._end


@dataclass(frozen=True, slots=True)
class Stress:
    """One part of a stress run against a target that is entered. `say` shows a line of progress."""

    target: Target
    seed: int
    budget: Budget
    say: Callable[[str], None]
    id: str = field(default_factory=lambda: secrets.token_hex(3))
    """Part of the name of every repository of the run, so that it touches only its own."""

    def random(self, label: str) -> Random:
        """Make a random generator from the seed and a label."""
        return Random(f"{self.seed}:{label}")

    def repository(self, label: str) -> str:
        """Name a repository in the target's default place for this run and label alone."""
        return self.target.description.places["default"].replace("{}", f"stress-{self.id}-{label}")

    def client(
        self,
        identity: str = WRITER,
        *,
        transport: Transport | None = None,
        on_exchange: Callable[[Exchange], None] | None = None,
    ) -> Client:
        """Make a client of an identity of the target, else an anonymous one, over the given transport if any."""
        found = self.target.writer if identity == WRITER else self.target.description.identity(identity)
        return Client(
            transport or self.target.transport(),
            case="stress",
            authenticator=self.target.authenticator(found or Identity(identity)),
            on_exchange=on_exchange,
        )


class Clients:
    """Clients of a target by identity, one each; the writer's for an unknown identity."""

    def __init__(self, stress: Stress) -> None:
        self._stress = stress
        self._made: dict[str, Client] = {}

    def __call__(self, who: str) -> Client:
        """Return the client of an identity."""
        if who not in self._made:
            known = self._stress.target.description.identity(who)
            self._made[who] = self._stress.client(who if known else WRITER)
        return self._made[who]


Part = Callable[[Stress], Figures]
