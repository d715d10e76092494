"""The log of a race: each answer with its times, its effect on a key, and the findings.

A key is a register, `(what, repository, name)`: a tag holds the digest of a manifest; a manifest, a blob and the entry
of a referrer hold their own digest while they are there.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from conformance.client.client import location_of
from conformance.client.exchange import Exchange
from conformance.stress.common.base import Finding
from conformance.stress.races.linearizability import Key, Kind, Operation, Stuck, Value

Call = tuple[int, int]
"""Which thread invoked it, and when."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a request that a thread invoked, in ns; an answer of 5xx leaves open what has happened."""

    thread: int
    invoked: int
    returned: int
    exchange: Exchange | None

    @property
    def status(self) -> int:
        """The status; 0 without an answer."""
        return self.exchange.status if self.exchange else 0

    @property
    def settled(self) -> bool:
        """Whether the answer says what has happened."""
        return 0 < self.status < 500

    @property
    def done(self) -> bool:
        """Whether it says that all went well."""
        return 200 <= self.status < 300

    @property
    def session(self) -> str | None:
        """Where an upload session goes on, if it does."""
        return location_of(self.exchange) if self.exchange and self.status == 202 else None


@dataclass(slots=True)
class Log:
    """Written by all threads of one round; whatever it does is one step of the interpreter."""

    operations: list[Operation] = field(default_factory=list)
    exchanges: dict[Call, Exchange] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def note(
        self, answer: Answer, kind: Kind, key: Key, *, argument: Value = None, result: Value | bool = None
    ) -> None:
        """Write down that an answer says this of a key."""
        returned = answer.returned if answer.settled else None
        self.operations.append(Operation(answer.thread, kind, key, answer.invoked, returned, argument, result))
        if answer.exchange:
            self.exchanges[answer.thread, answer.invoked] = answer.exchange

    def wrote(self, answer: Answer, *keys: Key, value: str) -> None:
        """The value is in the keys, or may be."""
        if answer.done or not answer.settled:
            for key in keys:
                self.note(answer, Kind.WRITE, key, argument=value)

    def deleted(self, answer: Answer, key: Key) -> None:
        """The key is empty, or may be; or there was nothing to delete."""
        if answer.done or answer.status == 404 or not answer.settled:
            self.note(answer, Kind.DELETE, key, result=answer.status != 404)

    def read(self, answer: Answer, key: Key, value: Value) -> None:
        """The key held this."""
        self.note(answer, Kind.READ, key, result=value)

    def saw(self, answer: Answer, key: Key, present: bool) -> None:
        """The key held something, or nothing."""
        self.note(answer, Kind.SEEN, key, result=present)

    def wrong(self, text: str, *exchanges: Exchange | None, evidence: str = "") -> None:
        """Something is wrong that a few answers show, and what else is to be said of it.

        The text is the same whenever the same goes wrong.
        """
        shown = [f"{exchange.describe()}\n{exchange.curl()}" for exchange in exchanges if exchange]
        self.findings.append(Finding(text, "\n\n".join([*filter(None, [evidence]), *shown])))

    def stuck(self, key: Key, found: Stuck) -> None:
        """The history of a key cannot have happened."""
        what, repository, name = key
        called = [self.exchanges.get((each.thread, each.invoked)) for each in found.around]
        curls = [exchange.curl() for exchange in called if exchange]
        culprit = self.exchanges.get((found.operation.thread, found.operation.invoked))
        described = [culprit.describe()] if culprit else []
        lines = [f"the {what} {name} of {repository}", str(found), "", *described, "", *curls]
        kind = found.operation.kind
        text = f"the history of the {what} is not linearizable: no order of the operations explains this {kind}"
        self.findings.append(Finding(text, "\n".join(lines)))


def count(numbers: Counter[str], answer: Answer) -> None:
    """Count an answer, and whether it was none or a refusal."""
    numbers["requests"] += 1
    if not answer.status:
        numbers["unanswered"] += 1
    elif answer.status >= 400:
        numbers["not found" if answer.status == 404 else "refused"] += 1
