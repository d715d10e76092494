"""Fixtures for projects that test a registry client.

This module is imported in every pytest run of whoever installs the package, so it imports next to nothing itself.
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
    """A function that starts a registry with the arguments of `fakereg.serve`; all end with the test."""
    import fakereg

    with contextlib.ExitStack() as running:

        def make(**options: Any) -> Registry:
            return running.enter_context(fakereg.serve(**options))

        yield make


@pytest.fixture
def fakereg(make_fakereg: Callable[..., Registry]) -> Registry:
    """A fresh, empty registry on a free port of 127.0.0.1, for this test alone."""
    return make_fakereg()
