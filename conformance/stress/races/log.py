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
"""The thread and the time of the invocation."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a request of a thread, with times in ns; after a 5xx its effect is unknown."""

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
        """Whether the answer determines the effect."""
        return 0 < self.status < 500

    @property
    def done(self) -> bool:
        """Whether the request succeeded."""
        return 200 <= self.status < 300

    @property
    def session(self) -> str | None:
        """The location of an upload session, if the answer has one."""
        return location_of(self.exchange) if self.exchange and self.status == 202 else None


@dataclass(slots=True)
class Log:
    """The log of all threads of one round. It needs no lock: each change is one atomic step of the interpreter."""

    operations: list[Operation] = field(default_factory=list)
    exchanges: dict[Call, Exchange] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def note(
        self, answer: Answer, kind: Kind, key: Key, *, argument: Value = None, result: Value | bool = None
    ) -> None:
        """Log an operation on a key with its answer."""
        returned = answer.returned if answer.settled else None
        self.operations.append(Operation(answer.thread, kind, key, answer.invoked, returned, argument, result))
        if answer.exchange:
            self.exchanges[answer.thread, answer.invoked] = answer.exchange

    def wrote(self, answer: Answer, *keys: Key, value: str) -> None:
        """Log that the keys have the value, or may have it."""
        if answer.done or not answer.settled:
            for key in keys:
                self.note(answer, Kind.WRITE, key, argument=value)

    def deleted(self, answer: Answer, key: Key) -> None:
        """Log that the key is empty, or may be, or that there was nothing to delete."""
        if answer.done or answer.status == 404 or not answer.settled:
            self.note(answer, Kind.DELETE, key, result=answer.status != 404)

    def read(self, answer: Answer, key: Key, value: Value) -> None:
        """Log the value that the key had."""
        self.note(answer, Kind.READ, key, result=value)

    def saw(self, answer: Answer, key: Key, present: bool) -> None:
        """Log whether the key had a value."""
        self.note(answer, Kind.SEEN, key, result=present)

    def wrong(self, text: str, *exchanges: Exchange | None, evidence: str = "") -> None:
        """Add a finding that a few answers show, with further evidence.

        The text is the same for all findings of a kind.
        """
        shown = [f"{exchange.describe()}\n{exchange.curl()}" for exchange in exchanges if exchange]
        self.findings.append(Finding(text, "\n\n".join([*filter(None, [evidence]), *shown])))

    def stuck(self, key: Key, found: Stuck) -> None:
        """Add the finding that the history of a key is impossible."""
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
    """Count an answer, and whether it was missing or a refusal."""
    numbers["requests"] += 1
    if not answer.status:
        numbers["unanswered"] += 1
    elif answer.status >= 400:
        numbers["not found" if answer.status == 404 else "refused"] += 1
