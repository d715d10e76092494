"""Run as `bad_server.py KIND FOLDER`: a server that looks like a registry until it is asked for /v2/trigger."""

from __future__ import annotations

import os
import socketserver
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

FOREVER = 60.0
Answer = tuple[int, bytes]
_kept: list[object] = []
_deaf = threading.Event()
_gone = threading.Event()


def _hang(folder: Path) -> Answer:
    time.sleep(FOREVER)
    return 200, b""


def _die(folder: Path) -> Answer:
    os._exit(3)


def _turn_deaf(folder: Path) -> Answer:
    _deaf.set()
    return 200, b""


def _write_outside(folder: Path) -> Answer:
    (folder / "inside").touch()  # this it may do
    (folder.parent / "escaped").touch()
    return 200, b""


def _change_canary(folder: Path) -> Answer:
    for path in (path for path in folder.parent.iterdir() if path.is_file()):
        path.write_bytes(b"changed")
    return 200, b""


def _give_away(folder: Path) -> Answer:
    return 200, next(path for path in folder.parent.iterdir() if path.is_file()).read_bytes()


def _grow(folder: Path) -> Answer:
    _kept.append(b"x" * (150 << 20))
    return 200, b""


def _keep_files(folder: Path) -> Answer:
    _kept.extend(os.dup(1) for _ in range(50))
    return 200, b""


def _log_a_traceback(folder: Path) -> Answer:
    sys.stderr.write("Traceback (most recent call last):\n  deliberate\n")
    sys.stderr.flush()
    return 200, b""


def _delete_tag(folder: Path) -> Answer:
    _gone.set()
    return 200, b""


KINDS: dict[str, Callable[[Path], Answer]] = {
    "good": lambda folder: (200, b""),
    "fails": lambda folder: (500, b""),
    "says-no-HTTP": lambda folder: (0, b"hello"),
    "smuggles": lambda folder: (200, b""),
    "hangs": _hang,
    "dies": _die,
    "turns-deaf": _turn_deaf,
    "writes-outside": _write_outside,
    "changes-canary": _change_canary,
    "gives-away": _give_away,
    "grows": _grow,
    "keeps-files": _keep_files,
    "logs": _log_a_traceback,
    "deletes-tag": _delete_tag,
    "fails-in-cancel": lambda folder: (200, b""),
    "fails-in-start": lambda folder: (200, b""),
}
_KIND, _FOLDER = sys.argv[1:] if __name__ == "__main__" else ("good", "")


class Handler(socketserver.StreamRequestHandler):
    """One connection."""

    def handle(self) -> None:
        while line := self.rfile.readline():
            method, path = [*line.decode("latin-1").split(), "", ""][:2]
            length = 0
            while (header := self.rfile.readline()) not in {b"\r\n", b""}:
                name, _, value = header.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            if not (_KIND == "smuggles" and path == "/v2/trigger"):
                self.rfile.read(length)
            self._answer(method, *_answer(method, path))

    def _answer(self, method: str, status: int, body: bytes) -> None:
        if not status:
            self.wfile.write(body)
            return
        location = "Location: /v2/x/blobs/uploads/1\r\n" if status == 202 else ""
        length = "" if status == 204 else f"Content-Length: {len(body)}\r\n"
        head = f"HTTP/1.1 {status} Status\r\n{location}{length}\r\n".encode()
        self.wfile.write(head + (b"" if method == "HEAD" else body))


def _answer(method: str, path: str) -> Answer:
    if _deaf.is_set():
        time.sleep(FOREVER)
    if path == "/v2/trigger":
        return KINDS[_KIND](Path(_FOLDER))
    if "/manifests/" in path and method == "HEAD" and _gone.is_set():
        return 404, b""
    if method == "DELETE":
        return 500 if _KIND == "fails-in-cancel" else 204, b""
    if method == "POST":
        return (500, b"") if _KIND == "fails-in-start" else (201 if "digest=" in path else 202, b"")
    return 201 if method == "PUT" else 200, b"{}"


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 512


def main() -> None:
    with _Server(("127.0.0.1", 0), Handler) as server:
        print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)  # noqa: T201
        server.serve_forever()


if __name__ == "__main__":
    main()
