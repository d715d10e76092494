"""The pytest plugin of the conformance suite: one option, one marker, and the suite itself only on request.

This module is imported in every pytest run where the package is installed, so it imports next to nothing. The suite is
the package `conformance` beside `fakereg`; another package of that name is left alone.

A conformance run is requested by an option `--conformance-*` or `conformance_*` (command line, `addopts` or ini file),
by the variable CONFORMANCE_TARGET, by the scenarios themselves (`--pyargs conformance.scenarios` or their files), and
by scenarios that a test module imports.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import shlex
from collections.abc import Generator, Iterator
from typing import Any

import pytest

SUITE = "conformance"
SCENARIOS = "conformance.scenarios"
MARKER = "conformance_requirement"
FACTS = "conformance.facts"
OUTCOME = "conformance.outcome"
TARGET_HELP = "container registry to run the conformance scenarios against; with it, --help shows all options of a run"
_HOME = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), SUITE)
_OPTION = re.compile(r"--conformance-|(-o|--override-ini=)?conformance_\w+=")
_INI = re.compile(r"^\s*conformance_\w+\s*=", re.MULTILINE)
_NEEDED = "urllib3"
_ASKED = pytest.StashKey[bool]()
_SHOWN = {
    "warn": ("warned", "w", "WARNED"),
    "known": ("known", "k", "KNOWN"),
    "unsupported": ("unsupported", "u", "UNSUPPORTED"),
    "not applicable": ("not applicable", "n", "NOT APPLICABLE"),
}


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    group = parser.getgroup("conformance", "conformance of a container registry")
    group.addoption("--conformance-target", dest="conformance_target", metavar="TARGET", help=TARGET_HELP)
    config = pluginmanager.get_plugin("pytestconfig")
    if config and _is_asked(config):
        config.stash[_ASKED] = True
        _suite().add_options(parser, group)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", f"{MARKER}(*ids, needs=(), wire=False): the requirements that a scenario of conformance asserts"
    )
    config.pluginmanager.register(_Relay(config), "conformance-relay")
    if _wants_run(config):
        _suite().begin(config)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if any(item.get_closest_marker(MARKER) for item in items):
        _suite().collected(config, items, choose=_wants_run(config))


def pytest_report_teststatus(report: pytest.CollectReport | pytest.TestReport) -> tuple[str, str, str] | None:
    if report.when == "call" or report.outcome == "skipped":
        for name, value in getattr(report, "user_properties", ()):
            if name == OUTCOME and value in _SHOWN:
                return _SHOWN[str(value)]
    return None


@pytest.fixture(scope="session")
def conformance_target(pytestconfig: pytest.Config) -> Any:
    """Return the started target of the conformance run. Override this fixture for a target that your project starts."""
    return _suite().target(pytestconfig)


@pytest.fixture
def conformance_scene(request: pytest.FixtureRequest, conformance_target: Any) -> Iterator[Any]:
    """Yield the arguments of one conformance scenario; see `conformance.scene.requirement`."""
    with _suite().scene(request, conformance_target) as scene:
        yield scene


class _Relay:
    """Hand the facts of scenarios on to the run, in the process that writes the report."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if any(name == FACTS for name, _ in report.user_properties):
            _suite().add_facts(self._config, report)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[Any]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if item.get_closest_marker(MARKER):
            _suite().settle(self._config, item, call, report)
        return report


def _suite() -> Any:
    """Return the suite's part of this plugin; raise UsageError if it cannot be imported."""
    if not _is_ours():
        place = getattr(importlib.util.find_spec(SUITE), "origin", None) or "another place"
        raise pytest.UsageError(
            f"conformance: the suite cannot be imported because another package named {SUITE!r} comes first, from "
            f"{place}: run the scenarios from another folder, or with `conformance` instead of `python -m pytest`"
        )
    if importlib.util.find_spec(_NEEDED) is None:
        raise pytest.UsageError(f"conformance: {_NEEDED} must be installed: pip install 'fakereg[conformance]'")
    return importlib.import_module("conformance.run.plugin")


def _is_ours() -> bool:
    """Return whether the name `conformance` is the package beside fakereg, without importing it."""
    try:
        spec = importlib.util.find_spec(SUITE)
    except ValueError:  # a module in sys.modules has no specification
        return False
    origin = spec.origin if spec else None
    return origin is not None and os.path.dirname(os.path.realpath(origin)) == _HOME


def _is_asked(config: pytest.Config) -> bool:
    """Return whether a conformance option is given anywhere, as far as that is known before options are parsed."""
    if any(_OPTION.match(word) for word in _words(config)) or _names_scenarios(_words(config)):
        return True
    handed = vars(config.option)  # a worker of xdist gets the options of its controller here
    if any(value for name, value in handed.items() if name.startswith("conformance_")):
        return True
    # A variable or key of this name may belong to another package named conformance: then ignore it.
    return ("CONFORMANCE_TARGET" in os.environ or _has_key(config)) and _is_ours()


def _has_key(config: pytest.Config) -> bool:
    return config.inipath is not None and bool(_INI.search(config.inipath.read_text(encoding="utf-8")))


def _words(config: pytest.Config) -> list[str]:
    """Return the words of the command line, with those of PYTEST_ADDOPTS and of `addopts` in the ini file."""
    added = shlex.split(os.environ.get("PYTEST_ADDOPTS", "")) + list(config.getini("addopts"))
    return [*added, *map(str, config.invocation_params.args)]


def _wants_run(config: pytest.Config) -> bool:
    """Return whether this pytest run is a conformance run; it may have other tests, too."""
    return config.stash.get(_ASKED, False) or _names_scenarios([str(word) for word in config.args])


def _names_scenarios(words: list[str]) -> bool:
    """Return whether some words name the scenarios, by module or file; those of another package are ignored."""
    places = [word.partition("::")[0] for word in words]
    folder = os.path.join(_HOME, "scenarios")
    if any(os.path.realpath(place).startswith(folder) for place in places):
        return True
    named = any(place == SCENARIOS or place.startswith(f"{SCENARIOS}.") for place in places)
    return named and (_is_ours() or not _has_scenarios())


def _has_scenarios() -> bool:
    """Return whether another package `conformance` has scenarios of its own."""
    spec = importlib.util.find_spec(SUITE)
    places = (spec.submodule_search_locations if spec else None) or ()
    return any(os.path.exists(os.path.join(place, name)) for place in places for name in ("scenarios", "scenarios.py"))
