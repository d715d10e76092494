"""Names that lead to this machine, for registries that are told apart by name."""

import fcntl
import os
import socket
from collections.abc import Sequence
from pathlib import Path

from tests.e2e.clients import unavailable

HOSTNAME = "ghes.test"
NAMES = (HOSTNAME, f"docker.{HOSTNAME}", f"containers.{HOSTNAME}")
HOSTS = Path("/etc/hosts")
EDIT = "FAKEREG_EDIT_HOSTS"
"""The environment variable that allows the tests to add a line to /etc/hosts."""


def require_names(names: Sequence[str] = NAMES, hosts: Path = HOSTS) -> None:
    """See that the names lead to 127.0.0.1, or end the test and say what to do.

    The line is added to the machine's file only where FAKEREG_EDIT_HOSTS is set.
    """
    line = f"127.0.0.1 {' '.join(names)}"
    if not _lead_here(names) and os.environ.get(EDIT) and os.access(hosts, os.W_OK):
        _add(line, hosts)
    if not _lead_here(names):
        unavailable(f"{', '.join(names)} do not lead to 127.0.0.1: add `{line}` to {hosts}, or set {EDIT}=1 as root")


def _lead_here(names: Sequence[str]) -> bool:
    try:
        return {socket.gethostbyname(name) for name in names} == {"127.0.0.1"}
    except OSError:
        return False


def _add(line: str, hosts: Path) -> None:
    """Add a line, unless it is there; tests that run side by side wait for each other."""
    with hosts.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        text = file.read()
        if line not in text.splitlines():
            file.write(f"{'' if text.endswith(chr(10)) or not text else chr(10)}{line}\n")
