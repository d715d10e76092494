"""Run a server until a signal stops it: `fakereg serve` and `fakereg token-server`."""

from __future__ import annotations

import argparse
import logging
import os
import select
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fakereg.app import Registry
from fakereg.auth import documents
from fakereg.auth.accounts import Accounts
from fakereg.auth.sample import SAMPLE_REPOSITORY, SAMPLE_TOKENS, SAMPLE_USER
from fakereg.command import config
from fakereg.dialect.fields import Dialect
from fakereg.options import ServeOptions
from fakereg.serving import server

SAMPLE_SECRET = next(secret for scopes, secret in SAMPLE_TOKENS.items() if "repo" in scopes)

GRACE = 5.0
"""Seconds that requests under way get to end when the server stops."""


def serve(arguments: argparse.Namespace) -> int:
    """Run a registry; raise ValueError, OSError, StorageError or ImportError if it cannot start."""
    file = config.load(arguments.config) if arguments.config else {}
    accounts = _accounts(file)
    chosen = config.settings(given=vars(arguments), environment=os.environ, file=file)
    options = ServeOptions(accounts=accounts, **chosen)
    registry = Registry(**options.of_registry())
    return _run(registry, options, lambda: _hints(registry, with_sample=accounts is None), quiet=arguments.quiet)


def serve_tokens(arguments: argparse.Namespace) -> int:
    """Run a token server for registries of others; raise like `serve`."""
    accounts = _accounts(config.load(arguments.config) if arguments.config else {})
    chosen = config.settings(given=vars(arguments), environment={}, file={})
    dialect = Dialect(
        auth="bearer", token_format=arguments.algorithm, token_issuer=arguments.issuer, rights=arguments.rights
    )
    options = ServeOptions(dialect=dialect, accounts=accounts, tokens_only=True, **chosen)
    registry = Registry(**options.of_registry())
    if arguments.write_cert:
        Path(arguments.write_cert).write_text(registry.sites.all[0].tokens.certificate or "", "ascii")
    hints = _token_hints(arguments, with_sample=accounts is None)
    return _run(registry, options, lambda: hints, path="/token", quiet=arguments.quiet)


def _accounts(file: dict[str, Any]) -> Accounts | None:
    """Return the accounts of a configuration file, None if it has none."""
    if not any(name in file for name in documents.ACCOUNTS):
        return None
    accounts = Accounts()
    secrets = documents.add_accounts(accounts, file)
    given = [token.get("secret") for token in file.get("tokens", [])]
    if given != secrets:
        raise ValueError(f'tokens[{given.index(None)}] needs "secret": a generated secret would never be shown')
    return accounts


def _run(
    registry: Registry, options: ServeOptions, hints: Callable[[], list[str]], *, path: str = "", quiet: bool
) -> int:
    """Serve until a signal says to stop. Scripts read only the first line of output, the URL with the path."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", handlers=[LogToStderr()])
    logging.getLogger("fakereg.requests").disabled = quiet
    try:
        listening = server(registry, options)
        listening.start()
        registry.host, registry.url = listening.host, listening.url
        stop = _stop_signal()
        sys.stdout.write("\n".join([listening.url + path, *hints()]) + "\n")
        sys.stdout.flush()
        stop.wait()
        listening.stop(grace=GRACE)
    finally:
        registry.close()
    return 0


def _token_hints(arguments: argparse.Namespace, *, with_sample: bool) -> list[str]:
    """Return the lines to print: the configuration of a registry that uses this token server."""
    certificate = arguments.write_cert or arguments.token_cert
    lines = [
        "Configure the registry with",
        "  realm: the URL above",
        f"  issuer: {arguments.issuer}",
        "  service: any name",
        f"  root certificate bundle: {certificate or 'start again with --write-cert FILE to get one'}",
    ]
    if with_sample:
        lines.append(f"To log in with the sample accounts (see the README): {SAMPLE_USER}, password {SAMPLE_SECRET}")
    return lines


def _hints(registry: Registry, *, with_sample: bool) -> list[str]:
    """Return the lines to print after the URL: hosts, and commands to log in and push."""
    lines = []
    served = registry.sites.addresses(registry.host)
    if registry.sites.hostname:
        lines += [f"{site.dialect.name} is at {host}" for site, host in served]
        absent = set(map(id, registry.sites.all)) - {id(site) for site, _ in served}
        names = [site.dialect.name for site in registry.sites.all if id(site) in absent]
        lines += [f"{name} is not served: it needs subdomain isolation" for name in names]
        line = " ".join((own_address(registry.url), *registry.sites.names))
        lines.append(f"To reach these names from this machine, add to /etc/hosts: {line}")
    asking = [(site, host) for site, host in served if with_sample and site.dialect.auth != "none"]
    if asking:
        lines.append("To log in and push with the sample accounts (see the README):")
    for _, host in asking:
        lines += [
            f"  echo {SAMPLE_SECRET} | docker login {host} -u {SAMPLE_USER} --password-stdin",
            f"  docker push {host}/{SAMPLE_REPOSITORY}/monalisa:1.0",  # a name of three parts is valid everywhere
        ]
    return lines


def own_address(url: str) -> str:
    """Return the address, for /etc/hosts, at which this machine reaches the server of this URL."""
    bound = urlsplit(url).hostname or ""
    return {"localhost": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(bound, bound)


def _stop_signal() -> threading.Event:
    """Return an event that is set by each signal that ends a command; SIGHUP only unless nohup has it ignored."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda *_: stop.set())
    return stop


class LogToStderr(logging.Handler):
    """Write lines to standard error, and drop those that do not fit into the pipe if no process reads it.

    Otherwise a test that reads only the URL would hang as soon as the pipe is full. Once there is room again, a line
    says how many were dropped.
    """

    def __init__(self) -> None:
        super().__init__()
        self._dropped = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        self.flush()
        if self._dropped or not _write(self.format(record)):
            self._dropped += 1

    def flush(self) -> None:
        """Write how many lines were dropped, if there were any; at the end of the process, too."""
        if self._dropped and _write(f"fakereg: {self._dropped} lines of the log were dropped, as nothing read them"):
            self._dropped = 0


def _write(line: str) -> bool:
    """Write a line to standard error; return False if there is no room for it, or no reader any more."""
    stderr = sys.stderr.fileno()
    room = select.poll()
    room.register(stderr, select.POLLOUT)
    if not room.poll(0):
        return False
    try:
        os.write(stderr, line.encode(errors="backslashreplace")[: select.PIPE_BUF - 1] + b"\n")
    except OSError:
        return False
    return True
