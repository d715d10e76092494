"""What the project promises to whoever installs it: imports, import time, metadata."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HEAVY = {"werkzeug", "urllib3", "h11", "testcontainers", "docker", "hypothesis", "itsdangerous", "joserfc", "jinja2"}
HEAVY |= {"cryptography", "tomllib", "ssl", "http.client"}


def modules(folder: str) -> Iterator[Path]:
    return (ROOT / folder).rglob("*.py")


def imported(path: Path) -> set[str]:
    """The modules that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_no_code_asks_for_a_vendor_or_a_dialect_by_name() -> None:
    asking = re.compile(r"(dialect|target)\.name\s*(==|!=|in\b)|vendor\s*==")
    found = [
        path for folder in ("fakereg", "conformance") for path in modules(folder) if asking.search(path.read_text())
    ]
    assert found == []


@pytest.mark.parametrize("plugin", ["fakereg.pytest_plugin", "fakereg.conformance_plugin"])
def test_a_plugin_imports_nothing_heavy(plugin: str) -> None:
    code = f"import pytest, sys; before = set(sys.modules); import {plugin}; print(*sorted(set(sys.modules) - before))"
    new = set(subprocess.check_output([sys.executable, "-c", code], text=True).split())
    assert plugin in new
    assert not {module for module in new if module in HEAVY or module.partition(".")[0] in HEAVY}
    assert len(new) < 15, new


def test_every_distribution_that_is_imported_is_declared() -> None:
    """Nothing works only because some other package happens to bring it along."""
    declared = {re.split(r"[^a-z0-9-]", requirement)[0] for requirement in importlib.metadata.requires("fakereg") or ()}
    ours = {"fakereg", "conformance", "tests", "_typeshed", "noxfile", "nox"}
    homes = importlib.metadata.packages_distributions()
    missing = set()
    for folder in ("fakereg", "conformance", "tests"):
        for path in modules(folder):
            tops = {module.partition(".")[0] for module in imported(path)} - ours - set(sys.stdlib_module_names)
            missing |= {top for top in tops if not {name.lower() for name in homes.get(top, [top])} & declared}
    assert missing == set()


def test_the_metadata_is_what_a_user_needs() -> None:
    entry_points = {(point.group, point.name) for point in importlib.metadata.distribution("fakereg").entry_points}
    assert {
        ("pytest11", "fakereg"),
        ("pytest11", "fakereg-conformance"),
        ("console_scripts", "fakereg"),
        ("console_scripts", "conformance"),
        ("fakereg.storage", "memory"),
        ("fakereg.storage", "directory"),
        ("fakereg.storage", "sqlite"),
    } <= entry_points
    assert (ROOT / "fakereg" / "py.typed").exists()
    assert (ROOT / "conformance" / "py.typed").exists()
