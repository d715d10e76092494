"""Deliberately broken fakes: each is caught by a scenario about the very requirement, and each scenario catches one."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context

import pytest

import conformance.scenarios
import tests.mutants
from conformance.catalogue.requirements import catalogue
from tests.mutants.harness import MUTANTS, Mutant, killers

AHEAD = 8
"""How many mutants after the one that is asked for are looked at meanwhile."""

for _module in pkgutil.iter_modules(tests.mutants.__path__):
    importlib.import_module(f"tests.mutants.{_module.name}")


def caught_by(number: int) -> frozenset[str]:
    """The scenarios that catch a mutant, by its number."""
    return frozenset(killers(MUTANTS[number]))


Caught = Callable[[Mutant], frozenset[str]]


@pytest.fixture(scope="module")
def killed_by() -> Iterator[Caught]:
    """Tells the scenarios that catch a mutant; the first question sets all cores to work on the ones after it, too."""
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        found: dict[int, Future[frozenset[str]]] = {}

        def ask(mutant: Mutant) -> frozenset[str]:
            number = MUTANTS.index(mutant)
            for after in range(number, min(number + AHEAD, len(MUTANTS))):
                if after not in found:
                    found[after] = pool.submit(caught_by, after)
            return found[number].result()

        yield ask


def scenarios() -> set[str]:
    """Every scenario, without its parameters."""
    found: set[str] = set()
    for module in pkgutil.iter_modules(conformance.scenarios.__path__):
        loaded = importlib.import_module(f"conformance.scenarios.{module.name}")
        names = [name for name, _ in inspect.getmembers(loaded, inspect.isfunction) if name.startswith("test_")]
        found |= {f"{module.name}::{name}" for name in names}
    return found


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_mutant_is_caught(mutant: Mutant, killed_by: Caught) -> None:
    assert killed_by(mutant), f"no scenario that is bound to {mutant.requirement} saw: {mutant.text}"


def test_every_requirement_has_a_mutant() -> None:
    testable = {row.id for row in catalogue().values() if not row.untestable}
    assert testable - {mutant.requirement for mutant in MUTANTS} == set()


def test_every_scenario_catches_a_mutant(capsys: pytest.CaptureFixture[str], killed_by: Caught) -> None:
    caught = {mutant: killed_by(mutant) for mutant in MUTANTS}
    with capsys.disabled():
        print("\n", *table(caught), sep="\n")  # noqa: T201  # the table is what people look at
    assert scenarios() - set().union(*caught.values()) == set()


def table(caught: dict[Mutant, frozenset[str]]) -> list[str]:
    """What was broken and who saw it, a line each."""
    lines = [f"{len(caught)} mutants, {sum(not names for names in caught.values())} survivors"]
    for mutant, names in sorted(caught.items(), key=lambda pair: pair[0].requirement):
        shown = ", ".join(sorted(names)[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else "")
        lines.append(f"{mutant.requirement:9} {mutant.text:70} {shown or 'SURVIVED'}")
    return lines
