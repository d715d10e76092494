"""The pytest plugin: options, the marker, and nothing else until scenarios of ours are to run.

It is loaded in every pytest run of everybody who has the project installed, so it imports nothing heavy.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Any

import pytest

from conformance.config.options import FACT, MARKER, OPTIONS, OUTCOME
from conformance.run.current import current_run

SCENARIOS = "conformance.scenarios"
_SHOWN = {
    "warn": ("warned", "w", "WARNED"),
    "known": ("known", "k", "KNOWN"),
    "unsupported": ("unsupported", "u", "UNSUPPORTED"),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("conformance", "conformance of a container registry")
    for option in OPTIONS:
        if option.switch:
            group.addoption(option.flag, dest=option.key, action="store_const", const="true", help=option.help)
        else:
            group.addoption(option.flag, dest=option.key, metavar=option.metavar, help=option.help)
        if option.ini:
            parser.addini(option.key, help=option.help, default="")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "requirement(*ids, needs=(), wire=False): the requirements that a conformance scenario asserts"
    )
    config.pluginmanager.register(_Relay(config), "conformance-relay")
    if is_requested(config):
        current_run(config)


def is_requested(config: pytest.Config) -> bool:
    """Whether this pytest run names a conformance option or our scenarios."""
    if any(config.getoption(option.key) or (option.ini and config.getini(option.key)) for option in OPTIONS):
        return True
    here = os.path.join("conformance", "scenarios")
    return "CONFORMANCE_TARGET" in os.environ or any(SCENARIOS in arg or here in arg for arg in config.args)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if any(item.get_closest_marker(MARKER) for item in items):
        run = current_run(config)
        if is_requested(config):
            run.deselect(items)


def pytest_report_teststatus(report: pytest.CollectReport | pytest.TestReport) -> tuple[str, str, str] | None:
    if report.when == "call" or report.outcome == "skipped":
        for name, value in getattr(report, "user_properties", ()):
            if name == OUTCOME and value in _SHOWN:
                return _SHOWN[str(value)]
    return None


class _Relay:
    """Hands the facts of scenarios on to the run, in the process that writes the report."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, fact in report.user_properties:
            if name == FACT and isinstance(fact, dict):
                current_run(self._config).add(fact)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[Any]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if item.get_closest_marker(MARKER):
            current_run(self._config).settle(item, call, report)
        return report
