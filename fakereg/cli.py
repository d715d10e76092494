"""The command `fakereg`: a registry for those who are not Python programs."""

from __future__ import annotations

import argparse
import logging
import os
import select
import signal
import sys
import textwrap
import threading
from collections.abc import Sequence

import fakereg
from fakereg import dialects
from fakereg.server import Server, tls_context

GRACE = 5.0
"""Seconds that requests under way get when the server is told to stop."""

EXIT_USAGE = 2
"""Exit code for arguments that cannot be obeyed, and for a port or storage that cannot be had."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code: 0 after a clean stop, 2 if it could not start."""
    options = _parser().parse_args(arguments)
    command = _list_dialects if options.command == "dialects" else _serve
    try:
        return command(options)
    except (ValueError, OSError, fakereg.StorageError) as problem:
        sys.stderr.write(f"fakereg: {_sentence(problem)}\n")
        return EXIT_USAGE


def _sentence(problem: Exception) -> str:
    """What went wrong, with the file that an OSError is about and without its number."""
    if not isinstance(problem, OSError) or not problem.strerror:
        return str(problem)
    return f"{problem.filename}: {problem.strerror}" if problem.filename else problem.strerror


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fakereg", description="A container registry for tests.")
    parser.add_argument("--version", action="version", version=f"fakereg {fakereg.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    serve = commands.add_parser(
        "serve",
        help="run a registry until interrupted",
        description="Run a registry. The first line of output is its URL; requests are logged to standard error.",
    )
    serve.add_argument("--host", default="127.0.0.1", help="address to bind (default: %(default)s, this machine only)")
    serve.add_argument("--port", type=_port, default=5000, help="port to bind, 0 for a free one (default: %(default)s)")
    serve.add_argument(
        "--storage", default="memory", help="memory, or directory:PATH to keep content (default: %(default)s)"
    )
    serve.add_argument(
        "--dialect",
        default="oci",
        metavar="PRESET[,SETTING=VALUE]...",
        help="how the server behaves; `fakereg dialects` lists presets and settings (default: %(default)s)",
    )
    serve.add_argument("--tls-cert", metavar="FILE", help="serve HTTPS with this PEM certificate chain")
    serve.add_argument("--tls-key", metavar="FILE", help="the certificate's PEM key, if it is not in the same file")
    serve.add_argument("--quiet", action="store_true", help="do not log requests")
    commands.add_parser("dialects", help="list dialects and their settings")
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port number")
    return int(text)


def _serve(options: argparse.Namespace) -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", handlers=[LogToStderr()])
    logging.getLogger("fakereg.requests").disabled = options.quiet
    tls = tls_context(options.tls_cert, options.tls_key)
    registry = fakereg.Registry(dialect=options.dialect, storage=options.storage)
    try:
        server = Server(registry, host=options.host, port=options.port, tls=tls)
        server.start()
        stop = _stop_signal()
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        stop.wait()
        server.stop(grace=GRACE)
    finally:
        registry.close()
    return 0


def _stop_signal() -> threading.Event:
    """An event that SIGINT and SIGTERM set."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


class LogToStderr(logging.Handler):
    """Writes lines to standard error, and drops those for which a pipe that nobody reads has no room.

    A server that waits for its log to be read would hang the tests of whoever reads only its URL.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        line = (self.format(record) + "\n").encode(errors="backslashreplace")
        stderr = sys.stderr.fileno()
        room = select.poll()
        room.register(stderr, select.POLLOUT)
        if room.poll(0):
            os.write(stderr, line[: select.PIPE_BUF])


def _list_dialects(options: argparse.Namespace) -> int:
    lines = ["Presets:"]
    defaults = dialects.written(dialects.Dialect())
    for name, preset in dialects.PRESETS.items():
        changed = [f"{key}={value}" for key, value in dialects.written(preset).items() if value != defaults[key]]
        lines += _entry(name, ", ".join(changed) or "every setting as below", width=18)
    lines += ["", "Settings (default):"]
    for name, _, meaning in dialects.settings():
        if name != "name":
            lines += _entry(name, f"({defaults[name]}) {meaning}", width=28)
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def _entry(name: str, text: str, *, width: int) -> list[str]:
    """The lines of one entry: its name, and the text in a column beside it."""
    first, *rest = textwrap.wrap(text, 118 - width, break_on_hyphens=False, break_long_words=False)
    return [f"  {name:<{width}} {first}", *(" " * (width + 3) + line for line in rest)]
