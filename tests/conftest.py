"""Settings for all tests."""

from __future__ import annotations

import hypothesis
import pytest

hypothesis.settings.register_profile("fakereg", deadline=None)  # a busy machine is no defect
hypothesis.settings.load_profile("fakereg")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give one process the tests that share the engines, and one the mutants, which take all cores by themselves."""
    for item in items:
        if "e2e" in item.path.parts:
            item.add_marker(pytest.mark.xdist_group("engines"))
        elif item.path.name == "test_mutants.py":
            item.add_marker(pytest.mark.xdist_group("mutants"))
