"""The part `crash`: a server with a persistent storage is killed under load, round after round.

Each round continues with the store of the last one: start the server, check the acknowledged content, write from a few
threads, kill with SIGKILL. After some rounds a new store is begun. The files of the directory storage are checked as
well, also with skopeo. The target of the run is not used, since it must not be killed.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from threading import Thread

from conformance.client.client import Client
from conformance.client.content import Blob, Content
from conformance.client.transport import HttpTransport
from conformance.stress.common.base import Figures, Finding, Stress
from conformance.stress.common.server_process import Moment, NotStarted, Server, serving, wait_in_start
from conformance.stress.crash.check import Check
from conformance.stress.crash.folder import faults_of, read_by_skopeo
from conformance.stress.crash.writer import Unanswered, Writer
from conformance.targets.storage import DIRECTORY, is_directory, store_in

WRITERS = 3
REPOSITORIES = 3
ROUNDS_OF_FOLDER = 8
COMMON = (100, 5_000, 300_000, 1_000_000)
"""Sizes in bytes of the blobs that every writer pushes everywhere."""

START_KILLS = 0.3
"""How often the server is also killed while it starts."""

MOST_FINDINGS = 10


def run(
    stress: Stress,
    *,
    rounds: int | None = None,
    storage: str = "",
    command: Sequence[str] | None = None,
    parent: Path | None = None,
) -> Figures:
    """Kill servers until the budget is spent, `rounds` are done, or there are too many findings.

    The folders are made in `parent`, by default the folder for temporary files, and are removed unless there are
    findings.
    """
    figures = Figures("crash")
    storage = storage or stress.target.settings.storage or DIRECTORY
    server = command or serving(storage)
    if is_directory(storage) and not shutil.which("skopeo"):
        stress.say("skopeo is not installed, so the layouts are not read with it")
    for number in count():
        left = None if rounds is None else rounds - figures.numbers["rounds"]
        if stress.budget.spent or left == 0 or len(figures.findings) >= MOST_FINDINGS:
            break
        place = Path(tempfile.mkdtemp(prefix="stress-crash-", dir=parent))
        siege = Siege(stress, figures, number, server, place, is_layout=is_directory(storage))
        _one_store(siege, stress, figures, left, place)
    return figures


def _one_store(siege: Siege, stress: Stress, figures: Figures, left: int | None, place: Path) -> None:
    before = len(figures.findings)
    siege.run(min(ROUNDS_OF_FOLDER, left or ROUNDS_OF_FOLDER))
    if len(figures.findings) == before:
        shutil.rmtree(place)
    else:
        stress.say(f"the folder is kept in {place}")


class Faulty(Exception):
    """Raised to end the rounds on a store that has a fault."""


class Siege:
    """The rounds on one store, which is in `place` beside the server's log; with `is_layout` its files are checked."""

    def __init__(
        self, stress: Stress, figures: Figures, number: int, command: Sequence[str], place: Path, *, is_layout: bool
    ) -> None:
        self._stress = stress
        self._figures = figures
        self._command = command
        self._is_layout = is_layout
        self._folder, self._log = place / "folder", place / "log"
        self._folder.mkdir()
        self._random, self._plan = (stress.random(f"crash {number} {use}") for use in ("moments", "starts"))
        self._repositories = [stress.repository(f"crash-{number}-{each}") for each in range(REPOSITORIES)]
        self._writers = [self._writer(number, each) for each in range(WRITERS)]
        self._books = [writer.book for writer in self._writers]
        self._start_seconds = 1.0
        self._happened: list[str] = []

    def _writer(self, number: int, each: int) -> Writer:
        content = Content(seed=self._stress.seed, label=f"crash {number} common")
        common = [Blob(content.blob(size).data) for size in COMMON]
        return Writer(each, self._repositories, common, self._stress.seed, f"crash {number} writer {each}")

    def run(self, rounds: int) -> None:
        """Run some rounds within the budget, then a last check; a fault ends them."""
        with suppress(Faulty):
            self._rounds(rounds)
        numbers = self._figures.numbers
        for writer in self._writers:
            numbers.update(writer.numbers)
        self._stress.say(f"{numbers['rounds']} rounds, {numbers['acknowledged']} writes acknowledged")

    def _rounds(self, rounds: int) -> None:
        try:
            for _ in range(rounds):
                self._round()
                if self._stress.budget.spent:
                    break
            self._last_look()
        except NotStarted as error:
            self._note([Finding("the server does not start again on its store", str(error))])
        except Unanswered as error:
            self._note([Finding(f"the server does not answer after its start: {error}")])

    def _round(self) -> None:
        """Start, check, write, kill."""
        if self._happened and self._plan.random() < START_KILLS:
            self._kill_in_start()
        with Server(self._command, self._folder, self._log) as server:
            url = self._started(server)
            self._look(server, url, sessions_end=False)
            self._write_until_killed(server, url)
        self._figures.numbers["rounds"] += 1

    def _last_look(self) -> None:
        with Server(self._command, self._folder, self._log) as server:
            self._look(server, self._started(server), sessions_end=True)
        self._figures.numbers["folders"] += 1
        if not self._is_layout:
            return
        read, findings = read_by_skopeo(store_in(self._folder), self._books, self._random)
        self._figures.numbers["tags read by skopeo"] += read
        self._note(findings)

    def _started(self, server: Server) -> str:
        """Wait for the URL of a server, and remember the duration of the start."""
        began = time.monotonic()
        url = server.url()
        self._start_seconds = time.monotonic() - began
        return url

    def _kill_in_start(self) -> None:
        with Server(self._command, self._folder, self._log) as server:
            wait_in_start(self._folder, self._random, self._start_seconds)
            server.kill()
        self._killed("in its start")

    def _killed(self, moment: str) -> None:
        self._happened.append(f"the server was killed {moment}")
        self._figures.numbers["kills"] += 1
        self._figures.numbers["kills in a start"] += moment == "in its start"

    def _look(self, server: Server, url: str, *, sessions_end: bool) -> None:
        """Compare the served content, and the files of a layout, with the books; raise Faulty if they differ."""
        with HttpTransport(url) as transport:
            check = Check(Client(transport, case="stress"), self._books, self._repositories, self._random)
            check.everything(sessions_end=sessions_end)
        self._figures.numbers.update(check.numbers)
        findings = list(check.findings)
        if self._is_layout:
            findings += faults_of(store_in(self._folder), self._books, self._repositories)
        self._note(findings, log=server.logged())

    def _write_until_killed(self, server: Server, url: str) -> None:
        """Let the writers write, and kill the server at a random moment."""
        moment = Moment(self._random)
        transports = [HttpTransport(url) for _ in self._writers]
        threads = [
            Thread(target=writer.work, args=(Client(transport, case="stress"), moment), daemon=True)
            for writer, transport in zip(self._writers, transports, strict=True)
        ]
        for thread in threads:
            thread.start()
        moment.wait()
        moment.strike(server)
        for thread in threads:
            thread.join()
        for transport in transports:
            transport.close()
        self._killed(str(moment))
        self._note([finding for writer in self._writers for finding in writer.findings], log=server.logged())

    def _note(self, findings: Sequence[Finding], *, log: str = "") -> None:
        """Keep the findings with their history; raise Faulty if there are any."""
        logged = [f"The server logged:\n{log}"] if log else []
        for finding in findings:
            evidence = "\n\n".join([finding.evidence, "\n".join(self._happened), *logged, f"Folder: {self._folder}"])
            self._figures.findings.append(Finding(finding.text, evidence.strip()))
        if findings:
            raise Faulty
