"""Fixtures for the tests of the fake."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from fakereg import Registry
from fakereg.clock import ManualClock
from tests.fakereg.client import RegistryClient

MakeClient = Callable[..., RegistryClient]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def make_client(clock: ManualClock) -> Iterator[MakeClient]:
    made: list[Registry] = []

    def make(dialect: str = "oci") -> RegistryClient:
        made.append(Registry(dialect=dialect, clock=clock, sleep=clock.advance))
        return RegistryClient(made[-1])

    yield make
    for registry in made:
        registry.close()


@pytest.fixture
def client(make_client: MakeClient) -> RegistryClient:
    return make_client()
