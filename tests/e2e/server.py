"""`fakereg serve` and `fakereg token-server` as processes of their own, the way their users start them."""

import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

START_SECONDS = 30.0
STOP_SECONDS = 10.0


@dataclass(frozen=True)
class Server:
    """A running server: its URL, where it writes its request log, and its process."""

    url: str
    log_file: Path
    pid: int

    @property
    def host(self) -> str:
        """The `127.0.0.1:PORT` that begins the name of an image."""
        return urlsplit(self.url).netloc

    @property
    def port(self) -> int:
        """The port alone."""
        return int(self.host.rpartition(":")[2])

    def log(self, *words: str) -> list[str]:
        """Return the lines of the request log that hold every one of the words."""
        return [line for line in self.log_file.read_text().splitlines() if all(word in line for word in words)]


def serving(storage: str, log_file: Path, *options: str) -> AbstractContextManager[Server]:
    """A registry with this storage, while the context lasts."""
    return _running(log_file, "serve", "--storage", storage, *options)


def serving_tokens(log_file: Path, *options: str) -> AbstractContextManager[Server]:
    """A token server, while the context lasts; its URL is the realm."""
    return _running(log_file, "token-server", *options)


@contextmanager
def _running(log_file: Path, *arguments: str) -> Iterator[Server]:
    """Start a server on a free port, hand it out, stop it, and see that it ended well and never met an error."""
    command = (sys.executable, "-m", "fakereg", *arguments, "--host", "127.0.0.1", "--port", "0")
    with (
        log_file.open("w") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        try:
            yield Server(_first_line(process, log_file), log_file, process.pid)
        finally:
            code = _stop(process)
    text = log_file.read_text()
    assert "Traceback" not in text, text
    assert code == 0, f"`fakereg {arguments[0]}` ended with exit code {code}:\n{text}"


def _first_line(process: subprocess.Popen[str], log_file: Path) -> str:
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], START_SECONDS)
    line = process.stdout.readline().strip() if readable else ""
    assert line.startswith("http://127.0.0.1:"), f"fakereg printed {line!r} and said:\n{log_file.read_text()}"
    return line


def _stop(process: subprocess.Popen[str]) -> int:
    process.send_signal(signal.SIGTERM)
    try:
        return process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
