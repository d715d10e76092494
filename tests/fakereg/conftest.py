"""Fixtures for the tests of the fake."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fakereg import Registry
from fakereg.auth.sample import SAMPLE_TOKENS
from fakereg.clock import ManualClock
from tests.fakereg.client import RegistryClient
from tests.fakereg.ghes import DOCKER_NAME, NAME, Ghes, HostClient

ALL_SCOPES = next(secret for scopes, secret in SAMPLE_TOKENS.items() if "repo" in scopes)
"""octocat's token of the sample that may do everything."""

MakeClient = Callable[..., RegistryClient]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def make_client(clock: ManualClock) -> Iterator[MakeClient]:
    made: list[Registry] = []

    def make(dialect: str | list[str] = "oci", **options: Any) -> RegistryClient:
        made.append(Registry(dialect=dialect, clock=clock, sleep=clock.advance, **options))
        client = RegistryClient(made[-1])
        if client.registry.dialect.auth != "none":
            client.login("octocat", ALL_SCOPES)
        return client

    yield make
    for registry in made:
        registry.close()


@pytest.fixture
def client(make_client: MakeClient) -> RegistryClient:
    return make_client()


@pytest.fixture
def ghes() -> Iterator[Ghes]:
    instance = Ghes()
    yield instance
    instance.registry.close()


@pytest.fixture
def api(ghes: Ghes) -> HostClient:
    """A client of the API, with one image in each registry."""
    ghes.docker().publish(DOCKER_NAME, "1.0")
    ghes.containers().publish(NAME, "1.0")
    return ghes.api()
