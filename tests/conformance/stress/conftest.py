"""What the tests of stress runs share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conformance.config.settings import Settings
from conformance.stress.common.base import Budget, Stress
from conformance.targets.base import Target
from conformance.targets.fakes import InProcessFake
from tests.guard import GUARD


@pytest.fixture
def target() -> Iterator[Target]:
    """The fake in this process."""
    with InProcessFake("fake:oci", "oci", Settings()) as target:
        yield target


def stress_of(target: Target, *, seed: int = 1, seconds: float = 4 * GUARD) -> Stress:
    """A stress run that says nothing."""
    return Stress(target, seed, Budget(seconds), lambda line: None)
