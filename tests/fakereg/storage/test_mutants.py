"""The contract catches every storage that has a fault; with `-s` it tells by which test."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from tests.fakereg.storage.mutants import MUTANTS
from tests.guard import GUARD

_QUIETLY = ("-q", "--tb=no", "-rf", "-p", "no:cacheprovider", "-p", "no:unraisableexception")
_FAILED = re.compile(r"^FAILED \S+::(\w+)\[mutant:(\w+)", re.MULTILINE)


@pytest.fixture(scope="module")
def caught() -> dict[str, list[str]]:
    """The tests of the contract that fail, by the name of the mutant: all mutants in one run."""
    module = Path(__file__).with_name("mutants.py")
    command = [sys.executable, "-m", "pytest", *_QUIETLY, str(module)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=4 * GUARD)
    found = defaultdict(list)
    for test, mutant in _FAILED.findall(done.stdout):
        found[mutant].append(test)
    for mutant in MUTANTS:
        tests = list(dict.fromkeys(found[mutant.__name__]))
        sys.stdout.write(f"{(mutant.__doc__ or '').strip()} -> {', '.join(tests[:2])} ({len(tests)})\n")
    return found


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_the_contract_catches_a_storage_with_a_fault(caught: dict[str, list[str]], mutant: type[object]) -> None:
    assert caught[mutant.__name__], f"no test of the contract fails though {(mutant.__doc__ or '').strip()}"
