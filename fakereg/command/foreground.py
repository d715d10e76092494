"""A server that runs until it is told to stop: what `fakereg serve` and `fakereg token-server` do."""

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
from fakereg.server.listener import Server, tls_context

SAMPLE_SECRET = next(secret for scopes, secret in SAMPLE_TOKENS.items() if "repo" in scopes)

GRACE = 5.0
"""Seconds that requests under way get when the server is told to stop."""


def serve(options: argparse.Namespace) -> int:
    """Run a registry; raise ValueError, OSError, StorageError or ImportError if it cannot start."""
    file = config.load(options.config) if options.config else {}
    settings = config.settings(given=vars(options), environment=os.environ, file=file)
    accounts = _accounts(file)
    place = {name: settings.pop(name) for name in ("host", "port", "tls_cert", "tls_key")}
    registry = Registry(accounts=accounts, **settings)
    return _run(registry, place, lambda: _hints(registry, with_sample=accounts is None), quiet=options.quiet)


def serve_tokens(options: argparse.Namespace) -> int:
    """Run a token server for registries of others; raise like `serve`."""
    accounts = _accounts(config.load(options.config) if options.config else {})
    dialect = f"oci,auth=bearer,token_format={options.algorithm},token_issuer={options.issuer},rights={options.rights}"
    keys = {"token_key": options.token_key, "token_cert": options.token_cert}
    registry = Registry(dialect=dialect, accounts=accounts, tokens_only=True, **keys)
    if options.write_cert:
        Path(options.write_cert).write_text(registry.sites.all[0].tokens.certificate or "", "ascii")
    place = {"host": options.host, "port": options.port, "tls_cert": options.tls_cert, "tls_key": options.tls_key}
    hints = _token_hints(options, with_sample=accounts is None)
    return _run(registry, place, lambda: hints, path="/token", quiet=options.quiet)


def _accounts(file: dict[str, Any]) -> Accounts | None:
    """The accounts of a configuration file, None if it has none."""
    if not any(name in file for name in documents.ACCOUNTS):
        return None
    accounts = Accounts()
    secrets = documents.add_accounts(accounts, file)
    given = [token.get("secret") for token in file.get("tokens", [])]
    if given != secrets:
        raise ValueError(f"tokens[{given.index(None)}] has no secret, and nobody would learn one that is made up")
    return accounts


def _run(
    registry: Registry, place: dict[str, Any], hints: Callable[[], list[str]], *, path: str = "", quiet: bool
) -> int:
    """Serve until told to stop. The first line of output, the URL with the path, is all that scripts read."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", handlers=[LogToStderr()])
    logging.getLogger("fakereg.requests").disabled = quiet
    try:
        tls = tls_context(place["tls_cert"], place["tls_key"])
        server = Server(registry, host=place["host"], port=place["port"], tls=tls)
        server.start()
        registry.host, registry.url = server.host, server.url
        stop = _stop_signal()
        sys.stdout.write("\n".join([server.url + path, *hints()]) + "\n")
        sys.stdout.flush()
        stop.wait()
        server.stop(grace=GRACE)
    finally:
        registry.close()
    return 0


def _token_hints(options: argparse.Namespace, *, with_sample: bool) -> list[str]:
    """What somebody who configures a registry has to know beside the URL."""
    certificate = options.write_cert or options.token_cert
    lines = [
        f"the registry wants this URL as its realm, the issuer {options.issuer}, any service,",
        f"  and as root certificate bundle {certificate}"
        if certificate
        else "  and a root certificate bundle, which was written nowhere: start again with --write-cert FILE",
    ]
    if with_sample:
        lines.append(f"accounts are the sample of the README: log in as {SAMPLE_USER} with {SAMPLE_SECRET}")
    return lines


def _hints(registry: Registry, *, with_sample: bool) -> list[str]:
    """What somebody who wants to push has to know beside the URL."""
    lines = []
    served = registry.sites.addresses(registry.host)
    if registry.sites.hostname:
        lines += [f"{site.dialect.name} is at {host}" for site, host in served]
        absent = set(map(id, registry.sites.all)) - {id(site) for site, _ in served}
        names = [site.dialect.name for site in registry.sites.all if id(site) in absent]
        lines += [f"{name} is not served: it needs subdomain isolation" for name in names]
        line = " ".join((own_address(registry.url), *registry.sites.names))
        lines.append(f"names that lead nowhere yet want a line of /etc/hosts: {line}")
    asking = [(site, host) for site, host in served if with_sample and site.dialect.auth != "none"]
    if asking:
        lines.append("accounts are the sample of the README; log in and push with")
    for site, host in asking:
        image = f"{SAMPLE_USER if site.dialect.rights == 'package' else SAMPLE_REPOSITORY}/monalisa:1.0"
        lines += [
            f"  echo {SAMPLE_SECRET} | docker login {host} -u {SAMPLE_USER} --password-stdin",
            f"  docker push {host}/{image}",
        ]
    return lines


def own_address(url: str) -> str:
    """The address, for /etc/hosts, at which its own machine finds the server of this URL."""
    bound = urlsplit(url).hostname or ""
    return {"localhost": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(bound, bound)


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
        line = self.format(record).encode(errors="backslashreplace")[: select.PIPE_BUF - 1] + b"\n"
        stderr = sys.stderr.fileno()
        room = select.poll()
        room.register(stderr, select.POLLOUT)
        if room.poll(0):
            os.write(stderr, line)
