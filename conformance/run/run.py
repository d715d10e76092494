"""One conformance run inside a pytest process: its settings, its target, its scenarios and its report.

Under xdist every worker has one, which tests, and the controller has one, which starts servers and writes the report.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from conformance.catalogue import known_failures
from conformance.catalogue.requirements import catalogue
from conformance.checks import passive
from conformance.checks.capabilities import Capabilities
from conformance.checks.verdict import KNOWN, WARN, Case, Nonconformity
from conformance.client.client import Client
from conformance.client.content import Content
from conformance.client.steps import Unprepared
from conformance.client.transport import TransportError
from conformance.config.description import Description
from conformance.config.options import FACT, OPTIONS, OUTCOME
from conformance.config.settings import Settings, settings_from
from conformance.errors import ConfigurationError
from conformance.output.logs import guard_logs
from conformance.output.secrets import redact
from conformance.output.terminal import told
from conformance.reports.folder import make_folder, write
from conformance.reports.reading import grade
from conformance.reports.results import Results
from conformance.reports.summary import text
from conformance.run import selection
from conformance.run.selection import bound_to
from conformance.scene.actors import NOT_APPLICABLE, UNSUPPORTED, not_applicable
from conformance.targets.base import Target
from conformance.targets.open import attached, target_of

CASE = pytest.StashKey[Case]()
HANDOVER = "conformance"
SILENT_LIMIT = 3
"""After this many scenarios in a row without an answer the run ends, unless the target answers GET /v2/."""

PATIENCE = 20
"""The run ends when so many answers have been waited for in vain, and a scenario when it has waited as long in all."""

_PLAIN = (Nonconformity, Unprepared, TransportError)
"""Errors that are shown without a traceback, since their text is complete."""


class Run:
    """A conformance run, registered as a pytest plugin."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        config.add_cleanup(guard_logs())
        self._handed: dict[str, Any] = getattr(config, "workerinput", {}).get(HANDOVER, {})
        self._is_worker = hasattr(config, "workerinput")
        self.settings = settings_of(config, seed=self._handed.get("seed"))
        self.id = str(self._handed.get("run") or secrets.token_hex(3))
        self.results = Results(self.settings, redact(self.settings.target))
        self.results.chosen = selection.is_partial(config, self.settings.requirements)
        if self.settings.report and not self._is_worker:
            make_folder(self.settings.report)
        self.make_target: Callable[[Settings], Target] = target_of
        self._silent = 0
        self._waited = 0.0
        self._target: Target | None = None
        self._capabilities: tuple[Target, Capabilities] | None = None
        self._started = datetime.now(UTC).isoformat(timespec="seconds")
        self._clock = time.perf_counter()
        self._document: dict[str, Any] | None = None

    def target(self) -> Target:
        """Return the target, started at the first call; raise ConfigurationError if it cannot be tested."""
        if self._target is None:
            handed = self._handed.get("target")
            target = attached(self.settings, handed) if handed else self.make_target(self.settings)
            self._target = target.__enter__()
            self._config.add_cleanup(lambda: target.__exit__(None, None, None))
            self._take_over(self._target)
        return self._target

    def _take_over(self, target: Target) -> None:
        self.results.take_over(target.name, target.description.profile, target.description.known)

    def describe(self, case: Case, target: Target) -> None:
        """Give a scenario the facts about the target; skip it if the target claims none of its requirements."""
        case.target, case.profile, case.known = target.name, target.description.profile, target.description.known
        self._take_over(target)
        if not case.applies():
            not_applicable("the target claims none of its requirements")

    def deselect(self, items: list[pytest.Item]) -> None:
        """Deselect the scenarios about requirements that the target does not claim or the run does not ask for."""
        unwanted = set(selection.left_out(items, selection.wanted(self._described(), self.settings.requirements)))
        if unwanted:
            self._config.hook.pytest_deselected(items=[item for item in items if item in unwanted])
            items[:] = [item for item in items if item not in unwanted]

    def _described(self) -> Description:
        """Return the description of the target before it is started."""
        described = (self._target or self.make_target(self.settings)).description
        return replace(described, profile=self.settings.profile or described.profile)

    def capabilities(self, target: Target) -> Capabilities:
        """Return the capabilities of a target, which are probed as scenarios need them."""
        if self._capabilities is None or self._capabilities[0] is not target:
            client = Client(target.transport(), case="probe", authenticator=target.authenticator(target.writer))
            pattern = target.description.places["default"]
            asked = Capabilities(
                client,
                Content(seed=self.settings.seed, label="probe"),
                new_name=lambda label: pattern.replace("{}", self.unique(label)),
                absent=target.description.absent,
            )
            self._capabilities = target, asked
        return self._capabilities[1]

    def unique(self, label: str) -> str:
        """Make a unique part of a repository name with a recognizable label."""
        slug = "-".join(label.replace("_", "-").split())[:60].strip("-")
        return f"{self.id}-{slug}-{secrets.token_hex(4)}"

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        if not self._is_worker and not self._config.option.collectonly:
            try:
                described = self.target().description
                selection.check_known(described)
                selection.wanted(described, self.settings.requirements)
            except ConfigurationError as error:
                raise pytest.UsageError(f"conformance: {error}") from None

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        target = self.target().handover()
        node.workerinput[HANDOVER] = {"run": self.id, "seed": self.settings.seed, "target": target}

    def pytest_report_header(self) -> str:
        settings = self.settings
        return (
            f"conformance: target {redact(settings.target)}, specification {settings.version}, "
            f"level {settings.level}, seed {settings.seed}"
        )

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        if not (bound := bound_to(item)):
            return
        settings = self.settings
        case = Case(
            id=scenario_id(item),
            bound=bound,
            version=settings.version,
            strict=settings.level == "should",
            seed=settings.seed,
            watch=passive.watch,
        )
        if not settings.full_size:  # gigabytes take their time
            case.allowance.seconds = PATIENCE * settings.timeout
        if unknown := [key for key in case.bound if key not in catalogue()]:
            raise ValueError(f"{case.id} must be bound to requirements of the catalogue, got {', '.join(unknown)}")
        item.stash[CASE] = case
        if not case.applies():
            not_applicable(f"none of its requirements is in version {settings.version}")

    def settle(self, item: pytest.Item, call: pytest.CallInfo[Any], report: pytest.TestReport) -> None:
        """Add the facts of a scenario to the report that decides its outcome."""
        self._add_facts(item, call, report)
        _make_presentable(report)

    def _add_facts(self, item: pytest.Item, call: pytest.CallInfo[Any], report: pytest.TestReport) -> None:
        case = item.stash.get(CASE, None)
        if case is None or report.when == "teardown" or (report.when == "setup" and report.passed):
            return
        outcome, reason = _outcome(case, call, report)
        if outcome == KNOWN:
            report.outcome, report.wasxfail = "skipped", told(reason)  # as pytest marks it
        elif report.failed and isinstance(call.excinfo.value if call.excinfo else None, _PLAIN):
            report.longrepr = reason
        silent = isinstance(call.excinfo.value if call.excinfo else None, TransportError)
        short = [(OUTCOME, outcome), ("conformance.requirements", " ".join(case.bound))]
        item.user_properties.extend(short)
        report.user_properties.extend(
            [*short, (FACT, case.facts(outcome, reason, seconds=call.duration, silent=silent))]
        )

    def add(self, fact: dict[str, Any]) -> None:
        """Add the facts of one scenario; end the run if the target does not answer any more."""
        if self._is_worker:
            return
        self.results.add(fact)
        if fact["target"]:
            known = known_failures.parse(fact["known"])
            self.results.take_over(fact["target"], tuple(fact["profile"]), known)
        self._silent = self._silent + 1 if fact["silent"] else 0
        self._waited += fact["seconds"] if fact["silent"] else 0.0
        if (self._silent >= SILENT_LIMIT and not self._answers()) or self._waited > PATIENCE * self.settings.timeout:
            self.results.ended = told(f"the target {self.results.target} stopped answering: {fact['reason']}")
            pytest.exit(f"conformance: {self.results.ended}", returncode=pytest.ExitCode.USAGE_ERROR)

    def _answers(self) -> bool:
        """Whether the target still answers GET /v2/; the next scenarios may be silent for reasons of their own."""
        self._silent = 0
        try:
            Client(self.target().transport()).ping()
        except TransportError:
            return False
        return True

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if self._is_worker or not self.results.facts:
            return
        if exitstatus == pytest.ExitCode.INTERRUPTED and not self.results.ended:
            self.results.ended = "interrupted"
        took = time.perf_counter() - self._clock
        self._document = self.results.document(started=self._started, seconds=took)
        if self.settings.report:
            write(self.settings.report, self._document)
        if exitstatus == pytest.ExitCode.OK:
            session.exitstatus = self._exit_code(self._document)

    def _exit_code(self, document: dict[str, Any]) -> pytest.ExitCode:
        """Return the exit code of a run in which no scenario failed."""
        if document["summary"]["conformant"]:
            return pytest.ExitCode.OK
        if grade(document) != "unjudged":
            return pytest.ExitCode.TESTS_FAILED
        # Other tests of the same run may have passed; then pytest's own selection of scenarios is no failure.
        is_asked = self.settings.requirements or not document["run"]["partial"]
        return pytest.ExitCode.NO_TESTS_COLLECTED if is_asked else pytest.ExitCode.OK

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._document is None:
            return
        terminalreporter.section("conformance")
        for line in text(self._document):
            terminalreporter.write_line(line)
        if self.settings.report:
            terminalreporter.write_line("")
            terminalreporter.write_line(
                f"report: {self.settings.report / 'report.html'} and summary.md, results.json, junit.xml"
            )


def _make_presentable(report: pytest.TestReport) -> None:
    """Take secrets, and what a terminal would obey, out of everything that any style of pytest shows of a report."""
    report.sections = [(told(name), told(text)) for name, text in report.sections]
    if isinstance(report.longrepr, tuple):
        path, line, reason = report.longrepr
        report.longrepr = path, line, told(reason)
    elif report.longrepr is not None:
        report.longrepr = told(report.longreprtext)


def settings_of(config: pytest.Config, *, seed: int | None = None) -> Settings:
    """Return the settings of a pytest run; the seed of an xdist controller overrides theirs."""
    command_line = {option.name: config.getoption(option.key, None) for option in OPTIONS}
    if seed is not None:
        command_line["seed"] = str(seed)
    return settings_from(command_line, ini=_ini(config))


def _ini(config: pytest.Config) -> dict[str, str]:
    """Read the values of an ini file; none if the options are not registered, since then there is none."""
    try:
        return {option.name: str(config.getini(option.key)) for option in OPTIONS if option.ini}
    except ValueError:
        return {}


def scenario_id(item: pytest.Item) -> str:
    """Return the name of a scenario in reports, such as `test_pull::test_missing[tag]`, wherever it was collected."""
    module = getattr(item, "function", None)
    name = module.__module__.rpartition(".")[2] if module else Path(item.path).stem
    return f"{name}::{item.name}"


def _outcome(case: Case, call: pytest.CallInfo[Any], report: pytest.TestReport) -> tuple[str, str]:
    """Return the outcome of a scenario and the reason, empty if it passed."""
    error = call.excinfo.value if call.excinfo else None
    if report.skipped:
        reason = str(error)
        for prefix in (UNSUPPORTED, NOT_APPLICABLE):
            if reason.startswith(prefix):
                return prefix.removesuffix(": "), reason.removeprefix(prefix)
        return "skipped", reason
    if report.passed:
        found = {violation.severity for violation in case.violations}
        return next((severity for severity in (WARN, KNOWN) if severity in found), "pass"), ""
    if isinstance(error, Nonconformity):
        return error.violation.severity, str(error)
    if isinstance(error, _PLAIN):
        return "error", str(error)
    return "error", f"{type(error).__name__}: {error}\n{report.longreprtext}"
