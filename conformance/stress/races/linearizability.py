"""Check the linearizability of a history of one register: whether some order of the operations explains it.

After Wing & Gong and Lowe: the check follows the history in time, and puts an operation in its place only when its
answer came ("just in time"), in every possible way. It keeps a set of configurations, each a state and the pending
operations that have taken effect; none is examined twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import count

NODES = 200_000
"""Maximum number of configurations in the check of one key, by default."""

SHOWN = 16
"""Maximum number of operations in the evidence, the latest before the fault."""

Value = str | None
Key = tuple[str, ...]


class Kind(StrEnum):
    """The kind of an operation.

    DELETE_IF removes the value only if it is the argument; SEEN only tells whether there is a value.
    """

    WRITE = "write"
    DELETE = "delete"
    DELETE_IF = "delete if it is"
    READ = "read"
    SEEN = "look for"


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation of one thread on one key, invoked and returned in ns of a monotonic clock.

    `result` is the value that was read or, for SEEN and DELETE, whether there was a value. A DELETE with the result
    False only observes that there is no value; one with True need not have found a value. `returned` is None when no
    answer came: then the operation may have taken effect at any later time, or never.
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
    """The result for a history without such an order: no order explains the answer of `operation`.

    `around` are the operations since the last moment without a pending operation, when the register could hold each of
    `possible`, and before them the writes of the values in question.
    """

    operation: Operation
    possible: frozenset[Value]
    around: tuple[Operation, ...]

    def __str__(self) -> str:
        start = min(each.invoked for each in self.around)
        held = " or ".join(sorted(_short(value) for value in self.possible))
        lines = [f"{_interval(each, start)}  {each}" for each in self.around]
        return "\n".join([f"no order explains {self.operation}; before it the register could hold {held}", *lines])


@dataclass(frozen=True, slots=True)
class Undecided:
    """The result when the limit of configurations was reached before an answer."""

    nodes: int


Outcome = Linearizable | Stuck | Undecided
Configuration = tuple[Value, int]
"""A state, and the slots of the pending operations that have taken effect as bits."""


class Spent(Exception):
    """Raised when no nodes are left."""


def by_key(operations: Iterable[Operation]) -> dict[Key, list[Operation]]:
    """Return the operations of each key.

    A history is linearizable exactly when that of each key is (Herlihy & Wing).
    """
    keys: dict[Key, list[Operation]] = defaultdict(list)
    for operation in operations:
        keys[operation.key].append(operation)
    return dict(keys)


def check(operations: Sequence[Operation], *, initial: Value = None, nodes: int = NODES) -> Outcome:
    """Check whether the operations of one key are linearizable, if it held `initial` at first."""
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
    """Return the value of the register after an operation, in a tuple; None if its answer is impossible.

    An operation without an answer can always take effect.
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
    """The possible configurations on the way through a history."""

    def __init__(self, initial: Value, nodes: int) -> None:
        self._left = nodes
        self._pending: dict[int, Operation] = {}
        self._slots: dict[int, int] = {}
        self._configurations: set[Configuration] = {(initial, 0)}
        self.quiet_at = 0
        """The last time without a pending operation."""
        self.quiet = frozenset({initial})
        """The possible values of the register at that time."""

    def invoke(self, time: int, number: int, operation: Operation) -> None:
        """Add a pending operation."""
        if not self._pending:
            self.quiet_at, self.quiet = time, frozenset(state for state, _ in self._configurations)
        slot = next(slot for slot in count() if slot not in self._pending)
        self._slots[number] = slot
        self._pending[slot] = operation

    def settle(self, number: int) -> bool:
        """Keep the configurations in which the operation has taken effect; return whether there are any."""
        slot = self._slots.pop(number)
        bit = 1 << slot
        self._configurations = {(state, done ^ bit) for state, done in self._reachable(bit) if done & bit}
        del self._pending[slot]
        return bool(self._configurations)

    def _reachable(self, bit: int) -> set[Configuration]:
        """Yield the configurations that pending operations can reach, each until that of `bit` has taken effect."""
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
    """Return calls and returns by time, each with the number of its operation.

    Of those at the same time, calls come first, so that the operations overlap.
    """
    calls = [(each.invoked, False, number) for number, each in enumerate(operations)]
    returns = [(each.returned, True, number) for number, each in enumerate(operations) if each.returned is not None]
    return sorted(calls + returns)


def _stuck(operations: Sequence[Operation], operation: Operation, walk: Walk) -> Stuck:
    """Collect the evidence: the operations since none was pending, and the earlier writes of the values in question."""
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
    """Return the start and end of an operation, in microseconds."""
    end = "..." if operation.returned is None else f"{(operation.returned - start) / 1000:.0f}"
    return f"{(operation.invoked - start) / 1000:9.0f} to {end:>9} us"
