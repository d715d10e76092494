"""Fixtures for projects that test a registry client.

Every pytest run in an environment with this package imports this module, so it imports next to nothing itself.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from fakereg.app import Registry


@pytest.fixture
def make_fakereg() -> Iterator[Callable[..., Registry]]:
    """Start registries with the keywords of `fakereg.serve`; all of them stop at the end of the test."""
    import fakereg

    with contextlib.ExitStack() as running:

        def make(**options: Any) -> Registry:
            return running.enter_context(fakereg.serve(**options))

        yield make


@pytest.fixture
def fakereg(make_fakereg: Callable[..., Registry]) -> Registry:
    """Start a fresh, empty registry on a free port of 127.0.0.1, for this test alone."""
    return make_fakereg()
