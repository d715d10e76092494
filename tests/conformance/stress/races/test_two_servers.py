"""Two servers on one SQLite storage are one registry: threads that race over both see nothing that cannot be."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from conformance.client.exchange import Exchange, Request
from conformance.client.transport import Transport
from conformance.config.settings import Settings
from conformance.stress.common.base import Budget, Figures
from conformance.stress.common.server_process import Server
from conformance.stress.races import part
from conformance.targets.base import UrlTarget
from tests.conformance.stress.conftest import stress_of

ACTIONS = 3000
"""As many are done at most; the budget counts them instead of seconds."""


class Alternating:
    """Sends each request to the next of several servers, wherever its URL leads."""

    def __init__(self, transport: Transport, urls: Sequence[str]) -> None:
        self.base_url = transport.base_url
        self._transport = transport
        self._hosts = itertools.cycle(urlsplit(url).netloc for url in urls)

    def send(self, request: Request) -> Exchange:
        """Send and read everything."""
        url = urlsplit(request.url)._replace(netloc=next(self._hosts)).geturl()
        return self._transport.send(replace(request, url=url))

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()


class Several(UrlTarget):
    """Several servers that are to be one registry."""

    def __init__(self, urls: Sequence[str]) -> None:
        super().__init__("two servers", urls[0], Settings())
        self._urls = urls

    def connect(self) -> Transport:
        return Alternating(super().connect(), self._urls)


@contextmanager
def servers(folder: Path, *storages: str) -> Iterator[list[str]]:
    """The URLs of a server for each storage, each in a process of its own."""
    with ExitStack() as running:
        urls = []
        for number, storage in enumerate(storages):
            command = [sys.executable, "-m", "fakereg", "serve", "--port=0", "--quiet", f"--storage={storage}"]
            urls.append(running.enter_context(Server(command, folder, folder / f"{number}.log")).url())
        yield urls


def race(urls: Sequence[str]) -> Figures:
    """Let threads race over the servers."""
    with Several(urls) as target:
        return part.run(replace(stress_of(target), budget=Budget(ACTIONS, clock=itertools.count().__next__)))


def test_two_servers_on_one_storage_stand_a_race(tmp_path: Path) -> None:
    storage = f"sqlite:{tmp_path / 'store.db'}"
    with servers(tmp_path, storage, storage) as urls:
        figures = race(urls)
    assert [(finding.text, finding.evidence[:3000]) for finding in figures.findings] == []
    assert figures.numbers["operations"] > 300
    assert figures.numbers["undecided keys"] == figures.numbers["unanswered"] == 0
    assert figures.numbers["refused"] < figures.numbers["requests"] / 3


def test_two_servers_that_share_nothing_are_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part, "MOST_FINDINGS", 1)
    with servers(tmp_path, "memory", "memory") as urls:
        assert race(urls).findings
