"""The contract of a storage, as tests for any storage: of its protocol, and of `Repositories` on top of it.

In a test module of the project that has the storage:

    from fakereg.storage.contract import *

    @pytest.fixture
    def make_storage(tmp_path):
        return lambda: MyStorage(tmp_path)

These fixtures switch on the tests of further promises:

    @pytest.fixture
    def durable():
        return True  # after `close`, another call of `make_storage` finds everything

    @pytest.fixture
    def shared():
        return True  # two calls of `make_storage` open the same storage twice, like two processes
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fakereg.clock import ManualClock
from fakereg.storage.base import Storage
from fakereg.storage.contract.content import *  # noqa: F403
from fakereg.storage.contract.index import *  # noqa: F403
from fakereg.storage.contract.reopening import *  # noqa: F403
from fakereg.storage.contract.spools import *  # noqa: F403
from fakereg.storage.contract.steps import MakeStorage
from fakereg.storage.contract.threads import *  # noqa: F403
from fakereg.storage.contract.uploads import *  # noqa: F403
from fakereg.storage.repositories import Repositories


@pytest.fixture
def clock() -> ManualClock:
    """Return the clock of the upload sessions."""
    return ManualClock()


@pytest.fixture
def durable() -> bool:
    """Return whether the storage outlasts the process; override it if so."""
    return False


@pytest.fixture
def shared() -> bool:
    """Return whether several processes may have the storage open; override it if so."""
    return False


@pytest.fixture
def storage(make_storage: MakeStorage) -> Iterator[Storage]:
    """Yield the storage under test, empty."""
    made = make_storage()
    yield made
    made.close()


@pytest.fixture
def repositories(storage: Storage, clock: ManualClock) -> Repositories:
    """Return the layer above the storage under test."""
    return Repositories(storage, clock=clock)
