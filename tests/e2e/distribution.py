"""`docker-registry`, a registry of other people's making, as a process, open to all or demanding tokens."""

import queue
import re
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from conformance.config.description import Description
from conformance.config.settings import Settings
from conformance.fakes import accounts, identities, places
from conformance.targets.base import StartedTarget
from fakereg import serve
from tests.e2e.clients import require_command

START_SECONDS = 30.0
STOP_SECONDS = 10.0
NOWHERE = "http://127.0.0.1:1/token"
LISTENING = re.compile(r"listening on (127\.0\.0\.1:\d+)")


class Beside(StartedTarget):
    """A target for the differential mode: docker-registry, open to all. `FAKE` is the fake to stand beside it."""

    FAKE = "fake:distribution"

    def __init__(self) -> None:
        super().__init__("docker-registry", Settings())

    def launch(self) -> str:
        return self._stack.enter_context(running(self._folder()))

    def _folder(self) -> Path:
        return Path(self._stack.enter_context(tempfile.TemporaryDirectory()))


class BesideWithTokens(Beside):
    """The same with the tokens of a token service of ours, which knows the accounts of the fake."""

    RULES = "auth=bearer,rights=repository,credentials=classic|actions,anonymous_token_check=true,token_format=ES256"
    FAKE = f"fake:distribution,{RULES}"

    def __init__(self) -> None:
        super().__init__()
        self.description = Description(identities=identities(), places=places("docker"))

    def launch(self) -> str:
        service = self._stack.enter_context(serve(dialect=f"oci,{self.RULES}", tokens_only=True, accounts=accounts()))
        certificate = service.sites.all[0].tokens.certificate or ""
        demanded = demanding_tokens(
            self._folder(), issuer="fakereg", service="registry", certificate=certificate, realm=f"{service.url}/token"
        )
        return self._stack.enter_context(demanded)


@contextmanager
def demanding_tokens(
    folder: Path, *, issuer: str, service: str, certificate: str, realm: str = NOWHERE
) -> Iterator[str]:
    """Start it on a free port and an empty folder, hand out its URL, stop it.

    It trusts the tokens of the issuer that are signed with the certificate's key, and are for the service; it sends
    its clients to the realm for them.
    """
    trusted = folder / "trusted.pem"
    trusted.write_text(certificate)
    tokens = (
        "auth:\n"
        "  token:\n"
        f"    realm: {realm}\n"
        f"    issuer: {issuer}\n"
        f"    service: {service}\n"
        f"    rootcertbundle: '{trusted}'\n"
    )
    with running(folder, tokens) as url:
        yield url


@contextmanager
def running(folder: Path, settings: str = "") -> Iterator[str]:
    """The same with lines of settings of the caller's; without any it lets everybody do everything."""
    binary = require_command("docker-registry")
    configuration = folder / "config.yml"
    configuration.write_text(
        "version: 0.1\n"
        "log: {level: info, accesslog: {disabled: true}}\n"
        f"storage: {{filesystem: {{rootdirectory: '{folder / 'registry'}'}}, delete: {{enabled: true}}}}\n"
        f"http: {{addr: '127.0.0.1:0'}}\n{settings}"
    )
    with subprocess.Popen((binary, "serve", str(configuration)), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        log, addresses = folder / "registry.log", queue.Queue[str]()
        follower = threading.Thread(target=_follow, args=(process.stderr, log, addresses))
        follower.start()
        try:
            address = addresses.get(timeout=START_SECONDS)
            assert address, f"docker-registry did not start:\n{log.read_text()}"
            yield f"http://{address}"
        finally:
            _stop(process)
            follower.join()


def _follow(lines: IO[str], log: Path, addresses: queue.Queue[str]) -> None:
    """Copy what it says, so that it never waits for a reader, and pick out where it listens; "" is the end."""
    with log.open("w") as copy:
        for line in lines:
            copy.write(line)
            if listening := LISTENING.search(line):
                addresses.put(listening[1])
    addresses.put("")


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
