"""Every row of the list of GitHub's registries is held by a test that names it: `@pytest.mark.row("GHD-01")`."""

from __future__ import annotations

import ast
import csv
import functools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]
LIST = Path(__file__).with_name("github-rows.tsv")


def listed() -> dict[str, str]:
    """The rows, and what each says in short."""
    with LIST.open(encoding="utf-8", newline="") as file:
        return {row["id"]: row["statement"] for row in csv.DictReader(file, delimiter="\t")}


def named(source: str) -> Iterator[str]:
    """The rows that are named by the decorators of test functions."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            for decorator in node.decorator_list:
                if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.row":
                    yield from (ast.literal_eval(argument) for argument in decorator.args)


@functools.cache
def everywhere() -> Counter[str]:
    """How many tests name each row."""
    files = sorted(TESTS.rglob("test_*.py"))
    return Counter(row for file in files for row in named(file.read_text("utf-8")))


def test_the_list_is_whole() -> None:
    wanted = [*(f"GHD-{number:02}" for number in range(1, 32)), *(f"GHC-{number:02}" for number in range(1, 15))]
    assert list(listed()) == wanted
    assert all(listed().values())


@pytest.mark.parametrize("row", listed())
def test_a_row_is_named_by_a_test(row: str) -> None:
    assert everywhere()[row], f"no test is marked with {row}: {listed()[row]}"


def test_no_test_names_a_row_that_does_not_exist() -> None:
    assert everywhere().keys() <= listed().keys()


def test_a_mark_counts_only_on_a_test() -> None:
    source = '@pytest.mark.row("A")\ndef test_a(): pass\n@pytest.mark.row("B")\ndef helper(): pass\nx = "row(C)"\n'
    assert list(named(source)) == ["A"]
