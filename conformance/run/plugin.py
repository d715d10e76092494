"""The suite's side of the pytest plugin: `fakereg.conformance_plugin` calls it once a run of ours is asked for."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest

from conformance.config.options import FACT, MARKER, OPTIONS
from conformance.errors import ConfigurationError
from conformance.run.current import current_run
from conformance.run.run import CASE
from conformance.scene.scene import Scene
from conformance.targets.base import Target

REGISTERED = "target"
"""The one option that is registered in every pytest run."""


def add_options(parser: pytest.Parser, group: pytest.OptionGroup) -> None:
    """Register the options of a run and their names in ini files."""
    for option in OPTIONS:
        if option.ini:
            parser.addini(option.key, help=option.help, default="")
        if option.name == REGISTERED:
            continue
        if option.switch:
            group.addoption(option.flag, dest=option.key, action="store_const", const="true", help=option.help)
        else:
            group.addoption(option.flag, dest=option.key, metavar=option.metavar, help=option.help)


def begin(config: pytest.Config) -> None:
    """Begin the run of this process, unless it has begun."""
    current_run(config)


def collected(config: pytest.Config, items: list[pytest.Item], *, choose: bool) -> None:
    """Begin the run that the scenarios need; with `choose`, deselect those that the run does not ask for."""
    run = current_run(config)
    if choose:
        run.deselect(items)


def add_facts(config: pytest.Config, report: pytest.TestReport) -> None:
    """Hand the facts of a scenario on to the run, in the process that writes the report."""
    for name, fact in report.user_properties:
        if name == FACT and isinstance(fact, dict):
            current_run(config).add(fact)


def settle(config: pytest.Config, item: pytest.Item, call: pytest.CallInfo[Any], report: pytest.TestReport) -> None:
    """Decide the outcome of a scenario."""
    current_run(config).settle(item, call, report)


def target(config: pytest.Config) -> Target:
    """Return the target of the run, started."""
    try:
        return current_run(config).target()
    except ConfigurationError as error:
        pytest.exit(f"conformance: {error}", returncode=pytest.ExitCode.USAGE_ERROR)


@contextmanager
def scene(request: pytest.FixtureRequest, target: Target) -> Generator[Scene]:
    """Make the scene of a scenario; skip it if a capability that it needs is absent."""
    run, item = current_run(request.config), request.node
    case, marks = item.stash[CASE], list(item.iter_markers(MARKER))
    run.describe(case, target)
    label = item.originalname.removeprefix("test_")
    made = Scene(
        case,
        target,
        run.capabilities(target),
        run.settings,
        new_part=lambda: run.unique(label),
        wire=any(mark.kwargs.get("wire") for mark in marks),
    )
    with made:
        for mark in marks:
            needs = mark.kwargs.get("needs", ())
            for name in [needs] if isinstance(needs, str) else needs:
                made.need(name)
        yield made
