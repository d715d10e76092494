"""A server process under hostile input: its memory, its files, its log, and the files around its store."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from conformance.stress.common.canaries import Canaries
from conformance.stress.common.server_process import Server

MEMORY_KIB = 100 * 1024
"""The allowed growth of the server's memory."""

FILES = 8
"""The allowed growth of the server's open files."""

_SETTLE_SECONDS = 10.0
_TRACE = "Traceback (most recent call last)"


class Watched:
    """A server whose command may hold `{folder}`: the folder of its store, with canaries called `names` around it."""

    def __init__(self, command: Sequence[str], place: Path, names: str) -> None:
        self.secret = f"canary of {names}".encode()
        self._log = place / "log"
        self._canaries = Canaries(place / "around", name=names, content=self.secret)
        self._server = Server(command, self._canaries.folder, self._log)
        self._seen = 0

    def __enter__(self) -> Watched:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.kill()

    def url(self) -> str:
        """Wait for the URL; raise NotStarted if there is none."""
        return self._server.url()

    def memory(self) -> int:
        """Return the resident memory in KiB; 0 if it is unknown."""
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{self._server.pid}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    return int(line.split()[1])
        return 0

    def files(self) -> int:
        """Return the number of open files and sockets; 0 if it is unknown."""
        with contextlib.suppress(OSError):
            return len(list(Path(f"/proc/{self._server.pid}/fd").iterdir()))
        return 0

    def settled(self, before: int) -> int:
        """Return the number of open files once it is about the same as before, or after some seconds."""
        end = time.monotonic() + _SETTLE_SECONDS
        while (found := self.files()) > before + FILES and time.monotonic() < end:
            time.sleep(0.05)
        return found

    def faults(self) -> Iterator[tuple[str, str]]:
        """Yield the faults since the last call: a sentence, and the evidence."""
        if (status := self._server.ended()) is not None:
            yield f"the server process ended with {status}", self._server.logged()
        if found := self._logged():
            yield "the server logged a traceback", found
        if changed := self._canaries.changed():
            yield f"files outside the store changed: {', '.join(changed[:5])}", ""

    def _logged(self) -> str:
        """Return the log since the last call, if it has a traceback."""
        with self._log.open("rb") as log:
            log.seek(self._seen)
            data = log.read()
        self._seen += len(data)
        text = data.decode(errors="replace")
        return text[text.index(_TRACE) :][:4000] if _TRACE in text else ""
