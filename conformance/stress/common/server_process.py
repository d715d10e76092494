"""A server process that is started on a folder and killed, and the moment of the kill."""

from __future__ import annotations

import contextlib
import itertools
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

from conformance.targets import storage

START_SECONDS = 60.0
"""The time within which a server must print its URL."""

LOG_BYTES = 4000


def serving(name: str) -> Sequence[str]:
    """Make the command that serves a storage in `{folder}` to anybody, with every optional ability."""
    text = storage.template(name)
    return (sys.executable, "-m", "fakereg", "serve", "--port", "0", "--quiet", "--storage", text)


class NotStarted(Exception):
    """A server that printed no URL; the text is the end of its log."""


class Server:
    """One run of the command, whose words may hold `{folder}`. Its first line of output must be its URL.

    The started process must be the server itself, since SIGKILL reaches only that process.
    """

    def __init__(self, command: Sequence[str], folder: Path, log: Path) -> None:
        words = [word.replace("{folder}", str(folder)) for word in command]
        self._log = log
        with log.open("wb") as errors:
            self._process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def url(self) -> str:
        """Wait for the URL; raise NotStarted if there is none."""
        assert self._process.stdout
        ready, _, _ = select.select([self._process.stdout], [], [], START_SECONDS)
        line = self._process.stdout.readline().decode().strip() if ready else ""
        if not line.startswith("http"):
            self.kill()
            raise NotStarted(self.logged())
        return line

    def kill(self) -> None:
        """End the process with SIGKILL, and wait until it is gone."""
        self._process.kill()
        self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def ended(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._process.poll()

    def logged(self) -> str:
        """Return the end of its standard error."""
        return self._log.read_bytes()[-LOG_BYTES:].decode(errors="replace")


class Moment:
    """The moment to kill a server under load: after a delay, or after a number of requests and pieces of bodies."""

    def __init__(self, random: Random) -> None:
        self._by_count = random.random() < 0.6
        self._delay = random.uniform(0.0, 0.004) if self._by_count else random.uniform(0.02, 0.4)
        self._due = random.randint(1, 150)
        self._count = itertools.count(1)
        self._reached = threading.Event()
        self.killed = threading.Event()

    def __str__(self) -> str:
        after = f"after {self._due} requests and pieces of bodies and " if self._by_count else "after "
        return f"{after}{self._delay * 1000:.1f} ms"

    def sending(self) -> None:
        """Count a request or a piece of a body that a writer sends."""
        if next(self._count) == self._due:
            self._reached.set()

    def wait(self) -> None:
        """Wait for the moment, at most 2 s."""
        if self._by_count:
            self._reached.wait(2.0)
        time.sleep(self._delay)

    def strike(self, server: Server) -> None:
        """Kill the server; the writers expect no more answers."""
        self.killed.set()
        server.kill()


def wait_in_start(folder: Path, random: Random, seconds: float) -> None:
    """Wait for a moment in a start that takes so long: anywhere in it, or at the first write to the store."""
    if random.random() < 0.5:
        time.sleep(random.uniform(0.0, seconds))
        return
    before = _state(folder)
    end = time.monotonic() + seconds
    while time.monotonic() < end and _state(folder) == before:
        time.sleep(0.0002)
    time.sleep(random.uniform(0.0, 0.01))


def _state(folder: Path) -> list[tuple[int, int]]:
    """A value that changes when a file at the top of the folder, or the index of an image layout, is written."""
    return sorted(_stamps(folder))


def _stamps(folder: Path) -> Iterator[tuple[int, int]]:
    for pattern in ("*", "*/repositories/*/index.json"):
        for path in folder.glob(pattern):
            with contextlib.suppress(FileNotFoundError):
                yield path.stat().st_ino, path.stat().st_mtime_ns
