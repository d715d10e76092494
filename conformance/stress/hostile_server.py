"""A server process of our own under hostile input: its memory, its files, its log, and what lies beside its store."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from conformance.stress.crash_server import Server

MEMORY_KIB = 100 * 1024
"""By how much the memory of the server may grow."""

FILES = 8
"""By how many the open files of the server may grow."""

_SETTLE_SECONDS = 10.0
_DEPTH = 5
_TRACE = "Traceback (most recent call last)"


class Watched:
    """A server whose command may hold `{folder}`, in which `store` is its own. Canaries lie at each level above that.

    `names` is how the canaries are called.
    """

    def __init__(self, command: Sequence[str], place: Path, names: str) -> None:
        self.folder = place / "/".join(["inner"] * _DEPTH)
        self.folder.mkdir(parents=True)
        self._place = place
        self._log = place / "log"
        self.secret = f"canary of {names}".encode()
        for level in (self.folder, *self.folder.parents):
            if level == place.parent:
                break
            (level / names).write_bytes(self.secret)
        self._files = self._outside()
        self._server = Server(command, self.folder, self._log)
        self._seen = 0

    def __enter__(self) -> Watched:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.kill()

    def url(self) -> str:
        """Wait for the URL; raise NotStarted if there is none."""
        return self._server.url()

    def memory(self) -> int:
        """The resident memory in KiB; 0 where that cannot be known."""
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{self._server.pid}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    return int(line.split()[1])
        return 0

    def files(self) -> int:
        """How many files and sockets it has open; 0 where that cannot be known."""
        with contextlib.suppress(OSError):
            return len(list(Path(f"/proc/{self._server.pid}/fd").iterdir()))
        return 0

    def settled(self, before: int) -> int:
        """How many files it has open once they are about as many as before, or after some seconds."""
        end = time.monotonic() + _SETTLE_SECONDS
        while (found := self.files()) > before + FILES and time.monotonic() < end:
            time.sleep(0.05)
        return found

    def faults(self) -> Iterator[tuple[str, str]]:
        """What is wrong since it was last asked: a sentence, and what shows it."""
        if (status := self._server.ended()) is not None:
            yield f"the server process ended with {status}", self._server.logged()
        if found := self._logged():
            yield "the server logged a traceback", found
        now = self._outside()
        if now != self._files:
            changed = sorted(str(path.relative_to(self._place)) for path, _ in now ^ self._files)
            yield f"files outside the store changed: {', '.join(changed[:5])}", ""
            self._files = now

    def _logged(self) -> str:
        """What it logged since the last time, if there is a traceback in it."""
        with self._log.open("rb") as log:
            log.seek(self._seen)
            data = log.read()
        self._seen += len(data)
        text = data.decode(errors="replace")
        return text[text.index(_TRACE) :][:4000] if _TRACE in text else ""

    def _outside(self) -> set[tuple[Path, bytes]]:
        """Every file above the store with its content; the levels hold little but the canaries."""
        levels = [self.folder, *self.folder.parents[:_DEPTH]]
        paths = [path for level in levels for path in level.iterdir() if path not in {*levels, self._log}]
        return {(path, path.read_bytes() if path.is_file() else b"") for path in paths if path.name != "store"}
