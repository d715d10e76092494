"""The checker of histories: what is right passes, what is wrong is told, and what is too much is said to be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.stress.races.linearizability import (
    Kind,
    Linearizable,
    Operation,
    Stuck,
    Undecided,
    Value,
    by_key,
    check,
    effect,
)

KEY = ("team/app", "latest")


def operation(kind: Kind, begin: int, end: int | None, *, thread: int = 0, **fields: Value | bool) -> Operation:
    return Operation(thread, kind, KEY, begin, end, **fields)  # type: ignore[arg-type]


def write(value: str, begin: int, end: int | None) -> Operation:
    return operation(Kind.WRITE, begin, end, argument=value)


def read(value: Value, begin: int, end: int | None) -> Operation:
    return operation(Kind.READ, begin, end, result=value)


def delete(begin: int, end: int | None, *, worked: bool = True) -> Operation:
    return operation(Kind.DELETE, begin, end, result=worked)


def delete_if(value: str, begin: int, end: int | None) -> Operation:
    return operation(Kind.DELETE_IF, begin, end, argument=value)


def seen(found: bool, begin: int, end: int | None) -> Operation:
    return operation(Kind.SEEN, begin, end, result=found)


RIGHT = {
    "nothing": [],
    "a read before any write": [read(None, 0, 1), seen(False, 2, 3)],
    "a read after a write": [write("a", 0, 1), read("a", 2, 3), seen(True, 4, 5)],
    "a read of either value during a write": [
        write("a", 0, 1), write("b", 2, 9), read("a", 3, 4), read("b", 5, 6), read("b", 10, 11),
    ],
    "concurrent writes, the first last": [write("a", 0, 5), write("b", 1, 4), read("a", 6, 7)],
    "concurrent writes, the second last": [write("a", 0, 5), write("b", 1, 4), read("b", 6, 7)],
    "two readers, each on its side of a concurrent write": [
        write("a", 0, 1), write("b", 2, 20), read("b", 3, 10), read("a", 4, 9),
    ],
    "a delete": [write("a", 0, 1), delete(2, 3), read(None, 4, 5)],
    "a delete of nothing that found nothing": [delete(0, 1, worked=False), read(None, 2, 3)],
    "a delete of nothing that worked": [delete(0, 1), read(None, 2, 3)],
    "a delete of nothing while a write is under way": [write("a", 0, 9), delete(1, 2, worked=False), read("a", 10, 11)],
    "a delete of the value by its digest": [write("a", 0, 1), delete_if("a", 2, 3), read(None, 4, 5)],
    "a delete of another digest": [write("a", 0, 1), delete_if("b", 2, 3), read("a", 4, 5)],
    "a delete by digest before a concurrent write of it": [write("a", 0, 9), delete_if("a", 1, 8), read("a", 10, 11)],
    "a delete by digest after a concurrent write of it": [write("a", 0, 9), delete_if("a", 1, 8), read(None, 10, 11)],
    "a write without an answer that counts": [write("a", 0, 1), write("b", 2, None), read("b", 10, 11)],
    "a write without an answer that never counts": [write("a", 0, 1), write("b", 2, None), read("a", 10, 11)],
    "a write without an answer that counts late": [
        write("a", 0, 1), write("b", 2, None), read("a", 10, 11), read("b", 12, 13),
    ],
    "a delete without an answer, either way": [
        write("a", 0, 1), delete(2, None), read("a", 10, 11), read(None, 12, 13),
    ],
    "a read without an answer": [write("a", 0, 1), read("z", 2, None), read("a", 3, 4)],
    "operations that meet at one moment": [write("a", 0, 5), read(None, 5, 6)],
}  # fmt: skip

WRONG = {
    "a stale read": ([write("a", 0, 1), write("b", 2, 3), read("a", 4, 5)], 2),
    "a lost write": ([write("a", 0, 1), read(None, 2, 3)], 1),
    "a read of what was never written": ([write("a", 0, 1), read("z", 0, 3)], 1),
    "a read of what is written later": ([read("a", 0, 1), write("a", 2, 3)], 0),
    "readers who go back and forth": (
        [write("a", 0, 1), write("b", 2, 20), read("b", 3, 4), read("a", 5, 6)], 3,
    ),
    "readers who do not agree on the order": (
        [write("a", 0, 9), write("b", 0, 9), read("a", 10, 11), read("b", 12, 13)], 3,
    ),
    "a delete that is resurrected": ([write("a", 0, 1), delete(2, 3), read("a", 4, 5)], 2),
    "a delete by digest that is resurrected": ([write("a", 0, 1), delete_if("a", 2, 3), read("a", 4, 5)], 2),
    "a delete by digest that took another": ([write("a", 0, 1), delete_if("b", 2, 3), read(None, 4, 5)], 2),
    "a delete that found nothing where something was": ([write("a", 0, 1), delete(2, 3, worked=False)], 1),
    "a list without what is there": ([write("a", 0, 1), seen(False, 2, 3)], 1),
    "a list with what is gone": ([write("a", 0, 1), delete(2, 3), seen(True, 4, 5)], 2),
    "a list with what never was": ([seen(True, 0, 1)], 0),
    "an unanswered write that counts and is undone": (
        [write("a", 0, 1), write("b", 2, None), read("b", 10, 11), read("a", 12, 13)], 3,
    ),
    "an unanswered write that counts twice": (
        [write("a", 0, None), read("a", 1, 2), delete(3, 4), read("a", 5, 6)], 3,
    ),
    "an unanswered write that counts before it began": ([read("a", 0, 1), write("a", 2, None)], 0),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_a_history_that_is_right_passes(name: str) -> None:
    assert check(RIGHT[name]) == Linearizable()


@pytest.mark.parametrize("name", WRONG)
def test_a_history_that_is_wrong_is_told_with_the_operation_that_cannot_be(name: str) -> None:
    operations, at = WRONG[name]
    outcome = check(operations)
    assert isinstance(outcome, Stuck)
    assert outcome.operation == operations[at]
    assert outcome.operation in outcome.around


def test_the_state_at_first_counts() -> None:
    assert check([read("a", 0, 1)], initial="a") == Linearizable()
    assert isinstance(check([read(None, 0, 1)], initial="a"), Stuck)


def test_evidence_has_what_went_on_since_the_register_was_quiet_and_who_wrote_what_it_held() -> None:
    quiet = [each for at in range(10, 1000, 10) for each in (write("x", at, at + 1), read("x", at + 2, at + 3))]
    last, overlapping, wrong = write("a", 2000, 2001), read("a", 3000, 3009), read("x", 3001, 3008)
    outcome = check([*quiet, last, overlapping, wrong])
    assert isinstance(outcome, Stuck)
    assert outcome.possible == {"a"}
    assert outcome.around == (quiet[-2], last, overlapping, wrong)
    assert str(outcome).splitlines()[0] == "no order explains thread 0: read -> x; before it the register could hold a"


def test_evidence_stays_small_where_the_register_is_never_quiet() -> None:
    never = [write("a", 0, None), *(read("b", at, at + 1) for at in range(20, 400, 10))]
    outcome = check([*never[:1], write("b", 10, 11), *never[1:], read("c", 500, 501)])
    assert isinstance(outcome, Stuck)
    assert len(outcome.around) < 20


def test_a_history_that_costs_too_much_is_undecided() -> None:
    unanswered = [write(f"value {number}", 0, None) for number in range(12)]
    history = [*unanswered, read("none of them", 1, 2)]
    assert check(history, nodes=100) == Undecided(100)
    assert isinstance(check(history), Stuck)


def test_a_history_of_a_hundred_thousand_operations_is_decided() -> None:
    history: list[Operation] = []
    for at in range(0, 500_000, 10):
        history += [write(f"{at}", at, at + 4), read(f"{at}", at + 5, at + 9)]
    assert check(history, nodes=1_000_000) == Linearizable()


def test_operations_are_put_together_by_their_key() -> None:
    mine, yours = write("a", 0, 1), replace(write("b", 0, 1), key=("team/app", "other"))
    assert by_key([mine, yours, mine]) == {KEY: [mine, mine], yours.key: [yours]}


VALUES = ("a", "b", "c")


@st.composite
def runs(draw: st.DrawFn, most: int = 40) -> list[Operation]:
    """What threads see of a register that does one operation after the other, at a time within each interval."""
    state: Value = None
    operations = []
    for number in range(draw(st.integers(1, most))):
        begin, end = number * 10 - draw(st.integers(0, 30)), number * 10 + draw(st.integers(0, 30))
        kind, argument = draw(st.sampled_from(list(Kind))), draw(st.sampled_from(VALUES))
        answered = draw(st.integers(0, 9)) > 0
        result: Value | bool = state if kind is Kind.READ else state is not None
        takes = kind in {Kind.WRITE, Kind.DELETE_IF}
        made = Operation(number, kind, KEY, begin, end, argument if takes else None, None if takes else result)
        if answered or draw(st.booleans()):  # else it never takes effect
            state = (effect(state, made) or (state,))[0]
        operations.append(made if answered else replace(made, returned=None))
    return draw(st.permutations(operations))


@given(runs())
def test_whatever_a_register_really_did_is_accepted(history: list[Operation]) -> None:
    assert check(history) == Linearizable()


@given(runs(most=6), st.data())
def test_a_history_of_few_operations_is_judged_as_by_trying_every_order(
    history: list[Operation], data: st.DataObject
) -> None:
    reads = [number for number, each in enumerate(history) if each.kind is Kind.READ]
    if reads:
        number = data.draw(st.sampled_from(reads))
        history[number] = replace(history[number], result=data.draw(st.sampled_from((*VALUES, "never", None))))
    assert isinstance(check(history), Linearizable) == any(_explains(order) for order in _orders(history))


@given(runs(), st.data())
def test_a_last_read_of_what_was_never_written_is_refused(history: list[Operation], data: st.DataObject) -> None:
    reads = [number for number, each in enumerate(history) if each.kind is Kind.READ and each.returned is not None]
    if reads:
        number = data.draw(st.sampled_from(reads))
        history[number] = replace(history[number], result="never")
        outcome = check(history)
        assert isinstance(outcome, Stuck)
        assert outcome.operation == history[number]


def _orders(history: Sequence[Operation]) -> Iterator[tuple[Operation, ...]]:
    """Every order of the operations, with every choice of those without an answer, that keeps to the times."""
    known = [each for each in history if each.returned is not None]
    unknown = [each for each in history if each.returned is None]
    for size in range(len(unknown) + 1):
        for some in combinations(unknown, size):
            yield from permutations([*known, *some])


def _explains(order: Sequence[Operation]) -> bool:
    """Whether the register, doing the operations in this order, gives their answers, and none before its time."""
    state: Value = None
    for number, each in enumerate(order):
        if any(later.returned is not None and later.returned < each.invoked for later in order[number + 1 :]):
            return False
        if (next := effect(state, each)) is None:
            return False
        state = next[0]
    return True
