"""The storage on the page "Write a storage" passes the contract, as the page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fakereg.storage.base import Spool, Storage

pytest_plugins = ["pytester"]

PAGE = (Path(__file__).parents[3] / "docs" / "write-a-storage.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_storage_of_the_page_passes_the_contract(pytester: pytest.Pytester) -> None:
    storage, tests = blocks("python")
    pytester.makepyfile(storage + "\n\n" + tests)
    result = pytester.runpytest_subprocess("-W", "error")
    outcomes = result.parseoutcomes()
    assert set(outcomes) == {"passed", "skipped"}
    assert outcomes["passed"] > 80


def test_the_page_names_every_method() -> None:
    table = PAGE.split("| methods | for |")[1].split("## ")[0]
    for protocol in (Storage, Spool):
        for name in vars(protocol):
            if not name.startswith("_"):
                assert f"`{name}`" in table, name
