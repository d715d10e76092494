"""The contract of a storage, as tests that any storage can be put to: by itself and below `Repositories`.

In a test module of the project that has the storage:

    from fakereg.storage.contract import *

    @pytest.fixture
    def make_storage(tmp_path):
        return lambda: MyStorage(tmp_path)

What the storage promises beyond that is put to the test where these fixtures say so:

    @pytest.fixture
    def durable():
        return True  # after `close`, another call of `make_storage` finds everything

    @pytest.fixture
    def shared():
        return True  # two calls of `make_storage` open the same storage twice, for two processes, say
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
    """The clock of the upload sessions."""
    return ManualClock()


@pytest.fixture
def durable() -> bool:
    """Whether the storage outlasts the process; to be overridden."""
    return False


@pytest.fixture
def shared() -> bool:
    """Whether several processes may have the storage open; to be overridden."""
    return False


@pytest.fixture
def storage(make_storage: MakeStorage) -> Iterator[Storage]:
    """The storage under test, empty."""
    made = make_storage()
    yield made
    made.close()


@pytest.fixture
def repositories(storage: Storage, clock: ManualClock) -> Repositories:
    """The layer above the storage under test."""
    return Repositories(storage, clock=clock)
