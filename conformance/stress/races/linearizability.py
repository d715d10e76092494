"""Check the linearizability of a history of one register: whether some order of the operations explains it.

After Wing & Gong and Lowe: the history is walked along in time, and an operation is put in its place only when its
answer came ("just in time"), in every way that is possible. What is known is a set of configurations, each a state and
which of the pending operations have taken effect; none is looked at twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import count

NODES = 200_000
"""Configurations that the check of one key may cost unless said otherwise."""

SHOWN = 16
"""Most operations that evidence has from the time when it went wrong."""

Value = str | None
Key = tuple[str, ...]


class Kind(StrEnum):
    """What an operation does: DELETE_IF takes away the argument only, SEEN tells only whether there is something."""

    WRITE = "write"
    DELETE = "delete"
    DELETE_IF = "delete if it is"
    READ = "read"
    SEEN = "look for"


@dataclass(frozen=True, slots=True)
class Operation:
    """What one thread did to one key, invoked and returned in ns of a monotonic clock.

    `result` is what was read or, for SEEN and DELETE, whether there was something; a DELETE of nothing is no more than
    a look, and one that worked need not have found anything. `returned` is None when no answer came: then the operation
    may have taken effect at any time since, or never.
    """

    thread: int
    kind: Kind
    key: Key
    invoked: int
    returned: int | None
    argument: Value = None
    result: Value | bool = None

    def __str__(self) -> str:
        argument = f" {_short(self.argument)}" if self.argument else ""
        answer = "no answer" if self.returned is None else "done" if self.argument else _short(self.result)
        return f"thread {self.thread}: {self.kind}{argument} -> {answer}"


@dataclass(frozen=True, slots=True)
class Linearizable:
    """The result for a history with an order that explains every answer."""


@dataclass(frozen=True, slots=True)
class Stuck:
    """There is none: `operation` cannot have had its answer, whatever the order of those under way.

    `around` are the operations since nothing was under way last, when the register could hold each of `possible`, and
    before them who wrote what is in question.
    """

    operation: Operation
    possible: frozenset[Value]
    around: tuple[Operation, ...]

    def __str__(self) -> str:
        start = min(each.invoked for each in self.around)
        held = " or ".join(sorted(_short(value) for value in self.possible))
        lines = [f"{_interval(each, start)}  {each}" for each in self.around]
        return "\n".join([f"no order explains {self.operation}; it could hold {held} before", *lines])


@dataclass(frozen=True, slots=True)
class Undecided:
    """So many configurations were looked at without an answer, and no more may be."""

    nodes: int


Outcome = Linearizable | Stuck | Undecided
Configuration = tuple[Value, int]
"""A state, and the slots of the pending operations that have taken effect as bits."""


class Spent(Exception):
    """No nodes are left."""


def by_key(operations: Iterable[Operation]) -> dict[Key, list[Operation]]:
    """The operations of each key: a history is linearizable exactly when that of each key is (Herlihy & Wing)."""
    keys: dict[Key, list[Operation]] = defaultdict(list)
    for operation in operations:
        keys[operation.key].append(operation)
    return dict(keys)


def check(operations: Sequence[Operation], *, initial: Value = None, nodes: int = NODES) -> Outcome:
    """Whether the operations of one key are linearizable, where it held `initial` at first."""
    walk = Walk(initial, nodes)
    try:
        for time, returns, number in _events(operations):
            if not returns:
                walk.invoke(time, number, operations[number])
            elif not walk.settle(number):
                return _stuck(operations, operations[number], walk)
    except Spent:
        return Undecided(nodes)
    return Linearizable()


def effect(state: Value, operation: Operation) -> tuple[Value] | None:
    """What the register holds once an operation has taken effect, in a tuple; None if it cannot be answered like this.

    An operation that was never answered can always take effect.
    """
    answered, result = operation.returned is not None, operation.result
    match operation.kind:
        case Kind.WRITE:
            return (operation.argument,)
        case Kind.DELETE if answered and result is False:
            return None if state is not None else (None,)
        case Kind.DELETE:
            return (None,)
        case Kind.DELETE_IF:
            return (None if state == operation.argument else state,)
        case Kind.READ if answered and state != result:
            return None
        case Kind.SEEN if answered and (state is not None) != result:
            return None
    return (state,)


class Walk:
    """The configurations that are possible, on the way through a history."""

    def __init__(self, initial: Value, nodes: int) -> None:
        self._left = nodes
        self._pending: dict[int, Operation] = {}
        self._slots: dict[int, int] = {}
        self._configurations: set[Configuration] = {(initial, 0)}
        self.quiet_at = 0
        """When nothing was under way last."""
        self.quiet = frozenset({initial})
        """What the register could hold then."""

    def invoke(self, time: int, number: int, operation: Operation) -> None:
        """An operation is under way from now on."""
        if not self._pending:
            self.quiet_at, self.quiet = time, frozenset(state for state, _ in self._configurations)
        slot = next(slot for slot in count() if slot not in self._pending)
        self._slots[number] = slot
        self._pending[slot] = operation

    def settle(self, number: int) -> bool:
        """Keep the configurations in which the operation has taken effect; says whether there are any."""
        slot = self._slots.pop(number)
        bit = 1 << slot
        self._configurations = {(state, done ^ bit) for state, done in self._reachable(bit) if done & bit}
        del self._pending[slot]
        return bool(self._configurations)

    def _reachable(self, bit: int) -> set[Configuration]:
        """Where pending operations can lead, each way no further than until that of `bit` has taken effect."""
        found, unexplored = set(self._configurations), list(self._configurations)
        while unexplored:
            state, done = unexplored.pop()
            self._left -= 1
            if self._left < 0:
                raise Spent
            for slot, operation in self._pending.items() if not done & bit else ():
                if not done >> slot & 1 and (next := effect(state, operation)) is not None:
                    configuration = (next[0], done | 1 << slot)
                    if configuration not in found:
                        found.add(configuration)
                        unexplored.append(configuration)
        return found


def _events(operations: Sequence[Operation]) -> list[tuple[int, bool, int]]:
    """Calls and returns by time, each with the number of its operation.

    At the same time calls come first, so that the operations overlap.
    """
    calls = [(each.invoked, False, number) for number, each in enumerate(operations)]
    returns = [(each.returned, True, number) for number, each in enumerate(operations) if each.returned is not None]
    return sorted(calls + returns)


def _stuck(operations: Sequence[Operation], operation: Operation, walk: Walk) -> Stuck:
    """The evidence: what went on since nothing was under way, and who wrote what is in question before."""
    end = operation.returned or 0
    window = [each for each in operations if each.invoked <= end and (each.returned or end) >= walk.quiet_at]
    window = sorted(window, key=lambda each: each.returned or end)[-SHOWN:]
    asked = {*walk.quiet, operation.result}
    writes = [each for each in operations if each.kind == Kind.WRITE and each.invoked <= end and each.argument in asked]
    origins = {each.argument: each for each in sorted(writes, key=lambda each: each.invoked)}
    around = {*window, *origins.values(), operation}
    return Stuck(operation, walk.quiet, tuple(sorted(around, key=lambda each: each.invoked)))


def _short(value: Value | bool) -> str:
    if isinstance(value, str):
        return value[:19]
    return "nothing" if value is None else "yes" if value else "no"


def _interval(operation: Operation, start: int) -> str:
    """When an operation was under way, in microseconds."""
    end = "..." if operation.returned is None else f"{(operation.returned - start) / 1000:.0f}"
    return f"{(operation.invoked - start) / 1000:9.0f} to {end:>9} us"
