"""One upload session that several threads use at the same time, and the rules about its answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations
from typing import NamedTuple

from conformance.stress.races.log import Answer, Log

MOST_STEPS = 12
"""Requests after which the threads leave a session alone."""


class Step(NamedTuple):
    """One request: PATCH with a chunk that begins at `start` (None for a stream), PUT, DELETE or GET.

    `content` is the blob that a PUT names.
    """

    method: str
    answer: Answer
    chunk: bytes = b""
    start: int | None = None
    content: bytes = b""

    @property
    def accepted(self) -> bool:
        """Whether it was an acknowledged chunk."""
        return self.method == "PATCH" and self.answer.done

    @property
    def ended(self) -> bool:
        """Whether it ended the session."""
        return self.method in {"PUT", "DELETE"} and self.answer.done


@dataclass(slots=True)
class SharedSession:
    """A session with its current location and its requests, in the order of their answers."""

    repository: str
    url: str
    steps: list[Step] = field(default_factory=list)

    @property
    def over(self) -> bool:
        """Whether the threads can leave the session alone."""
        last = self.steps[-1:]
        refused = any(step.method == "PUT" and step.answer.status not in {0, 409, 416} for step in last)
        gone = any(step.ended or step.answer.status == 404 for step in last)
        return refused or gone or len(self.steps) >= MOST_STEPS

    def acknowledged(self) -> bytes:
        """The acknowledged chunks so far, in the order of the answers."""
        return b"".join(step.chunk for step in list(self.steps) if step.accepted)

    def judge(self, log: Log) -> None:
        """Log every fault in the history of the session."""
        for text, steps in self._problems():
            log.wrong(f"an upload session {text}", *(step.answer.exchange for step in steps))

    def _problems(self) -> Iterator[tuple[str, tuple[Step, ...]]]:
        closed = [step for step in self.steps if step.method == "PUT" and step.ended]
        for one, other in combinations(closed, 2):
            if one.content != other.content:
                yield "was closed twice, as two blobs", (one, other)
        for chunk in [step for step in self.steps if step.accepted]:
            for step in closed:
                if _before(chunk, step) and chunk.chunk not in step.content:
                    yield "became a blob without a chunk that was acknowledged", (chunk, step)
        yield from self._overlaps()
        yield from self._after_the_end()
        yield from self._sizes()

    def _overlaps(self) -> Iterator[tuple[str, tuple[Step, ...]]]:
        """Find chunks that begin at the same byte as an accepted one, which makes them out of order (end-5)."""
        ranged = [step for step in self.steps if step.accepted and step.start is not None]
        for one, other in combinations(ranged, 2):
            if one.start == other.start:
                yield "accepted two chunks that begin at the same byte", (one, other)

    def _after_the_end(self) -> Iterator[tuple[str, tuple[Step, ...]]]:
        for end in [step for step in self.steps if step.ended]:
            for step in self.steps:
                goes_on = step.accepted or (step.method == "PUT" and step.ended and step.content != end.content)
                if goes_on and _before(end, step):
                    yield "accepted a request after its end", (end, step)

    def _sizes(self) -> Iterator[tuple[str, tuple[Step, ...]]]:
        """Check that the size in a GET includes the chunks acknowledged before, and no refused ones."""
        for look in self.steps:
            if look.method != "GET" or (size := _size(look.answer)) is None:
                continue
            chunks = [step for step in self.steps if step.chunk and not _before(look, step)]
            least = sum(len(step.chunk) for step in chunks if step.accepted and _before(step, look))
            refused = [step for step in chunks if 400 <= step.answer.status < 500 and step.method == "PATCH"]
            most = sum(len(step.chunk) for step in chunks if step not in refused or not _before(step, look))
            if least > 1 and not least <= size <= most:
                yield "reported an impossible size", (*(step for step in chunks if step.accepted), look)


def _before(one: Step, other: Step) -> bool:
    """Return whether one request was answered before the other began."""
    return one.answer.returned < other.answer.invoked


def _size(answer: Answer) -> int | None:
    """Return the number of bytes in the Range of an answer, if it has one."""
    text = answer.exchange.header("Range") if answer.exchange and answer.done else None
    match = re.fullmatch(r"(?:bytes=)?0-([0-9]+)", text or "")
    return int(match[1]) + 1 if match else None
