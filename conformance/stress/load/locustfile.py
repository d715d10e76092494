"""Load with Locust: its users send requests with our client, its master and workers spread them over machines.

    locust -f "$(python -m conformance.stress.load.locustfile)" --headless --host URL -u 20 -r 5 -t 1m

The registry's user name, password and the rest come from CONFORMANCE_*, as everywhere. Each machine needs this package
and those variables; a worker may be started with `-f -`, then it gets this file from the master.
"""

from __future__ import annotations

import logging
import os
import secrets
import sys
import warnings
from argparse import Namespace
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from threading import Thread
from typing import Any

from locust import User, events, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.exception import StopUser
from locust.runners import LocalRunner, MasterRunner, Runner
from urllib3.exceptions import InsecureRequestWarning

from conformance.config.settings import Settings, resolve
from conformance.errors import ConfigurationError
from conformance.output.logs import guard_logs
from conformance.output.terminal import told
from conformance.stress.common.base import Budget, Stress
from conformance.stress.load.plan import ACTIONS, SIZES, Plan, Sample, sizes_of
from conformance.stress.load.user import Load
from conformance.targets.open import target_of

WEIGHTS = {"push": 2, "pull": 6, "list": 2, "delete": 1, "referrers": 1}

log = logging.getLogger("conformance.load")


guard_logs()


class Failure(Exception):
    """A failure for Locust; its text is the same for all failures of a kind."""


class Process:
    """The part of a run in this process, from its start to its clean-up."""

    def __init__(self) -> None:
        self.load: Load | None = None
        self._stack = ExitStack()
        self._cleaning: Thread | None = None

    def open(self, environment: Environment) -> None:
        """Prepare for users; raise UnusableTarget if the registry cannot be used."""
        options = _options(environment)
        settings = _settings(environment.host)
        if settings.insecure:  # users would undo each other's warning filters
            warnings.simplefilter("ignore", InsecureRequestWarning)
        target = self._stack.enter_context(target_of(settings))
        stress = Stress(target, settings.seed, Budget(float("inf")), log.info, id=options.load_id)
        worker = getattr(environment.runner, "worker_index", 0)
        self.load = Load(stress, plan_of(options), reporter(environment), worker=worker)

    def begin_cleaning(self, seconds: float) -> None:
        """Clean up in a thread: a worker has to send its last figures while the master still listens."""
        if load := self.load:
            self.load = None
            self._cleaning = Thread(target=self._clean_up, args=(load, seconds))
            self._cleaning.start()

    def end_cleaning(self) -> None:
        """Wait for the end of the clean-up."""
        if self._cleaning:
            self._cleaning.join()
            self._cleaning = None

    def _clean_up(self, load: Load, seconds: float) -> None:
        removed, left = load.clean_up(seconds)
        log.info("removed %d images", removed)
        if left:
            log.warning("%d images are left, in %s", left, load.stress.repository("load-*"))
        self._stack.close()


process = Process()


class RegistryUser(User):
    """A user that pushes, pulls, lists and deletes images."""

    def on_start(self) -> None:
        """Join the users of this process."""
        if process.load is None:
            raise StopUser
        self.visitor = process.load.join()

    def on_stop(self) -> None:
        """Leave; another user continues with the content of this one."""
        if process.load and hasattr(self, "visitor"):
            process.load.leave(self.visitor)

    def wait_time(self) -> float:
        """Return the time until the next action, in seconds."""
        return self.visitor.wait()

    @task
    def act(self) -> None:
        """Do one action; its frequency comes from our options and not from Locust's weights."""
        self.visitor.act()


def reporter(environment: Environment) -> Callable[[Sample], None]:
    """Pass samples to Locust's statistics, and log the first failure of each kind."""
    shown: set[tuple[str, str]] = set()
    request: Any = environment.events.request

    def report(sample: Sample) -> None:
        sample = replace(sample, problem=told(sample.problem), evidence=told(sample.evidence))
        method, _, resource = sample.name.partition(" ")
        kind = (sample.name, sample.problem)
        if sample.problem and kind not in shown:
            shown.add(kind)
            log.error("%s: %s\n%s", *kind, sample.evidence)
        request.fire(
            request_type=method,
            name=resource,
            response_time=sample.seconds * 1000,
            response_length=sample.length,
            exception=Failure(sample.problem) if sample.problem else None,
            context={"evidence": sample.evidence} if sample.problem else {},
        )

    return report


def add_options(parser: LocustArgumentParser) -> None:
    """Add our options; a master passes their values to its workers."""
    group = parser.add_argument_group("Registry load", "each option is also a variable CONFORMANCE_LOAD_*")

    def option(name: str, default: Any, help: str) -> None:
        variable = f"CONFORMANCE_LOAD_{name.upper().replace('-', '_')}"
        group.add_argument(f"--{name}", type=type(default), default=default, env_var=variable, help=help)

    for action in ACTIONS:
        option(f"{action}-weight", WEIGHTS[action], f"relative frequency of the action {action} (default %(default)s)")
    option("blob-size", SIZES, "sizes of layers: SIZE or SIZE*WEIGHT, separated by commas (default %(default)s)")
    option("layers", 3, "maximum number of layers of an image (default %(default)s)")
    option("repositories", 2, "number of repositories of each user (default %(default)s)")
    option("images", 10, "maximum number of images in each repository (default %(default)s)")
    option("wait", 0.0, "average time between the actions of a user in seconds (default %(default)s)")
    option("clean-up", 30.0, "maximum time to remove everything at the end in seconds (default %(default)s)")
    option("load-id", secrets.token_hex(3), "part of the names of all repositories (default: random)")


def check_options(environment: Environment, runner: Runner, **_: object) -> None:
    """Exit with one sentence if options, variables or the registry cannot be used.

    With the web page of Locust the host may be given there, and workers get it from their master.
    """
    options = _options(environment)
    try:
        plan_of(options)
        if options.headless and isinstance(runner, MasterRunner):
            _settings(environment.host)
        elif options.headless and isinstance(runner, LocalRunner):
            with target_of(_settings(environment.host)):
                log.info("the registry answers")
    except ConfigurationError as error:
        log.error("%s", error)
        sys.exit(2)


def start(environment: Environment, **_: object) -> None:
    """Prepare a process that will have users; a registry that it cannot use is a failure of the run."""
    if isinstance(environment.runner, MasterRunner):
        return
    process.end_cleaning()
    try:
        process.open(environment)
    except ConfigurationError as error:
        reporter(environment)(Sample("GET /v2/", 0.0, problem=str(error)))


def stop(environment: Environment, **_: object) -> None:
    """Begin to remove the content of the users of this process."""
    process.begin_cleaning(_options(environment).clean_up)


def leave(environment: Environment, **_: object) -> None:
    """Stop users that still run, as after a signal, and wait until everything is removed."""
    if process.load and environment.runner:
        environment.runner.stop()
    process.end_cleaning()


def plan_of(options: Namespace) -> Plan:
    """Make the plan of the options; raise ConfigurationError for unusable ones."""
    weights = {action: getattr(options, f"{action}_weight") for action in ACTIONS}
    sizes = sizes_of(options.blob_size)
    return Plan(weights, sizes, options.repositories, options.images, options.layers, options.wait)


def _options(environment: Environment) -> Namespace:
    options: Namespace | None = environment.parsed_options
    assert options is not None
    return options


def _settings(host: str | None) -> Settings:
    """Settle the environment, with Locust's host as the target if there is one."""
    found = resolve(command_line={}, environ=os.environ, ini={}, new_seed=lambda: secrets.randbelow(1 << 32))
    found = replace(found, target=host or found.target)
    if not found.target.startswith(("http://", "https://")):
        raise ConfigurationError(f"--host must be the URL of a running registry, got {found.target!r}")
    return found


hooks: Any = events  # they have no types
hooks.init_command_line_parser.add_listener(add_options)
hooks.init.add_listener(check_options)
hooks.test_start.add_listener(start)
hooks.test_stop.add_listener(stop)
hooks.quitting.add_listener(leave)

if __name__ == "__main__":
    sys.stdout.write(f"{__file__}\n")
