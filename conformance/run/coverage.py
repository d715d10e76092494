"""Find the scenarios for each requirement, by reading the scenarios without running them."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache

import conformance.scenarios
from conformance.config.options import MARKER


@cache
def bound() -> Mapping[str, list[str]]:
    """Return the scenarios for each requirement, as `test_pull::test_blob`, without their parameters."""
    found: dict[str, list[str]] = {}
    for scenario, requirement in _pairs():
        if scenario not in found.setdefault(requirement, []):
            found[requirement].append(scenario)
    return found


def promise(scenario: str) -> str:
    """Return the subject of a scenario's module: the first line of its docstring."""
    module = importlib.import_module(f"conformance.scenarios.{scenario.partition('::')[0]}")
    return (inspect.getdoc(module) or "").partition("\n")[0]


def _pairs() -> Iterator[tuple[str, str]]:
    for module in pkgutil.iter_modules(conformance.scenarios.__path__):
        if not module.name.startswith("test_"):
            continue
        loaded = importlib.import_module(f"conformance.scenarios.{module.name}")
        for name, function in inspect.getmembers(loaded, inspect.isfunction):
            marks = list(getattr(function, "pytestmark", []))
            # A parameter may bring marks of its own.
            values = [value for mark in marks if mark.name == "parametrize" for value in mark.args[1]]
            marks += [mark for value in values for mark in getattr(value, "marks", ())]
            for mark in marks:
                if name.startswith("test_") and mark.name == MARKER:
                    yield from ((f"{module.name}::{name}", requirement) for requirement in mark.args)
