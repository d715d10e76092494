"""The part `concurrency`: threads race on few keys of new repositories, and the history must be linearizable.

A round is a few hundred actions. After its threads have ended everything is read once more; if an acknowledged write
was lost, no order explains that read.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import count
from threading import Thread

from conformance.client.client import Client
from conformance.client.content import Content
from conformance.client.steps import Steps, Unprepared
from conformance.stress.common.abilities import abilities_of
from conformance.stress.common.base import Figures, Finding, Stress
from conformance.stress.races.linearizability import Stuck, Undecided, by_key, check
from conformance.stress.races.worker import ACTIONS, KEPT, Round, Worker

THREADS = 6
ACTIONS_EACH = 60
"""Actions of each thread in one round."""

MOST_FINDINGS = 20
"""Findings, each of its own kind, after which the race ends."""

SWITCH = 1e-4
"""Seconds after which another thread of this process may run, so that requests to a fake in process overlap."""


def run(stress: Stress) -> Figures:
    """Run rounds of races until the budget is spent or there are too many findings.

    A finding of a kind that was found already is only counted.
    """
    figures = Figures("concurrency")
    with ExitStack() as stack:
        clients = [_client(stress, stack) for _ in range(THREADS + 1)]
        stack.enter_context(_switching_often())
        try:
            _rounds(Race(stress, figures, clients, abilities_of(stress)), stress, figures)
        except Unprepared as error:
            text, _, evidence = str(error).partition("\n")
            figures.findings.append(Finding(f"the race cannot be prepared: {text}", evidence))
    return figures


def _rounds(race: Race, stress: Stress, figures: Figures) -> None:
    for number in count():
        if stress.budget.spent or len(figures.findings) >= MOST_FINDINGS or not race.round(number):
            break
        stress.say(f"{figures.numbers['operations']} operations, {len(figures.findings)} findings")


def _client(stress: Stress, stack: ExitStack) -> Client:
    """Make a client with its own connection."""
    transport = stress.target.connect()
    stack.callback(transport.close)
    return stress.client(transport=transport)


@contextmanager
def _switching_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


class Race:
    """The rounds of one run; the last of the clients works before and after the race."""

    def __init__(self, stress: Stress, figures: Figures, clients: list[Client], abilities: frozenset[str]) -> None:
        self._stress = stress
        self._figures = figures
        self._clients = clients
        self._abilities = abilities
        self._actions = [action for action in ACTIONS if action.needs <= abilities]

    def round(self, number: int) -> bool:
        """Run one round from its content to its findings; return whether another one can follow.

        Raise Unprepared if the content cannot be pushed.
        """
        stress = self._stress
        names = (stress.repository(f"race-{number}"), stress.repository(f"race-{number}-other"))
        content = Content(seed=stress.seed, label=f"race {number}")
        made = Round.prepare(Steps(self._clients[-1]), content, self._abilities, *names)
        workers = [self._worker(index, number, made) for index in range(THREADS + 1)]
        went_on = self._race(workers, made)
        self._judge(made, f"seed {stress.seed}, round {number}")
        self._figures.numbers["rounds"] += 1
        for worker in workers:
            self._figures.numbers.update(worker.numbers)
        return went_on

    def _worker(self, index: int, number: int, made: Round) -> Worker:
        random = self._stress.random(f"race {number} thread {index}")
        return Worker(index, self._clients[index], random, self._abilities, made)

    def _race(self, workers: list[Worker], made: Round) -> bool:
        """Run the threads, then read everything; return whether all threads ended."""
        *racing, last = workers
        for tag in KEPT:
            last.put(made.manifests[0], tag)
        threads = [Thread(target=self._act, args=(worker,), daemon=True) for worker in racing]
        for thread in threads:
            thread.start()
        if not self._ended(threads, racing):
            made.log.wrong(f"a request got no answer for {self._patience:g} s, so the race ends")
            return False
        self._read_everything(last, made)
        if self._stress.target.reset():
            return True
        for session in made.open.values():
            if not session.over and "upload_cancel" in self._abilities:
                last.cancel(session)
        return True

    def _act(self, worker: Worker) -> None:
        weights = [action.weight for action in self._actions]
        for _ in range(ACTIONS_EACH):
            if self._stress.budget.spent:
                break
            worker.random.choices(self._actions, weights)[0].act(worker)
            worker.numbers["operations"] += 1

    @property
    def _patience(self) -> float:
        """Seconds without any answer after which a thread is stuck."""
        return 2 * self._stress.target.settings.timeout

    def _ended(self, threads: list[Thread], workers: list[Worker]) -> bool:
        """Wait for the threads as long as answers come; return whether all ended."""
        answers, since = 0, time.monotonic()
        while alive := [thread for thread in threads if thread.is_alive()]:
            alive[0].join(min(self._patience, 1))
            now = sum(worker.numbers["requests"] for worker in workers)
            if now != answers:
                answers, since = now, time.monotonic()
            elif time.monotonic() - since > self._patience:
                return False
        return True

    def _read_everything(self, worker: Worker, made: Round) -> None:
        """Read every key that was written, and the lists, when no other thread is running."""
        for what, name, reference in sorted({each.key for each in made.log.operations}):
            if what == "blob":
                worker.read_blob(name, reference)
            elif what != "referrer" and (what == "tag" or "digests" in self._abilities):
                worker.read_manifest(what, reference)
        worker.list_tags()
        worker.list_tags(n=2)
        if made.referrers:
            worker.list_referrers()

    def _judge(self, made: Round, where: str) -> None:
        """Check whether the observations are possible; the evidence begins with the place in the run."""
        for key, operations in by_key(made.log.operations).items():
            outcome = check(operations)
            self._figures.numbers["keys"] += 1
            if isinstance(outcome, Undecided):
                self._figures.numbers["undecided keys"] += 1
            elif isinstance(outcome, Stuck):
                made.log.stuck(key, outcome)
        for session in made.sessions:
            self._figures.numbers["sessions"] += 1
            session.judge(made.log)
        self._figures.numbers["violations"] += len(made.log.findings)
        known = {finding.text for finding in self._figures.findings}
        new = {finding.text: finding for finding in reversed(made.log.findings) if finding.text not in known}
        for finding in reversed(new.values()):  # the first of each kind
            self._figures.findings.append(replace(finding, evidence=f"{where}\n{finding.evidence}"))
