"""The command `conformance`: run the scenarios against a target, or show the catalogue, a target or results.

    conformance [TARGET] [options] [-- pytest options]   run the scenarios and write a report
    conformance list                                     the catalogue, with the number of scenarios of each row
    conformance explain ID                               one requirement with its scenarios
    conformance probe [TARGET]                           the optional capabilities of a target
    conformance compare A.json B.json ...                the results of several targets side by side
    conformance stress [TARGET]                          generated traffic, for faults that examples miss

Exit codes of a run: 0 conformant in what was judged; 1 a requirement is violated, a scenario could not be judged or a
known failure did not happen, and with --strict a claimed requirement was not judged; 2 interrupted; 4 the target or the
configuration cannot be used; 5 no scenario was selected, or too little was judged. A run reads no ini file and no
conftest of the current directory.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from conformance.config.options import OPTIONS
from conformance.config.parser import USAGE_ERROR, Parser, add_options, options_given
from conformance.errors import ConfigurationError
from conformance.output.terminal import complain

REPORT = "conformance-report"
IMPORTED_EARLY = "Module already imported so cannot be rewritten"
NEEDED = ("pytest", "urllib3")
"""The packages of the extra `conformance`."""

COMMANDS = ("list", "explain", "probe", "compare", "stress")


def run_parser() -> Parser:
    """Make the parser of a run; it accepts the names of the options in pytest as well."""
    made = Parser(
        prog="conformance",
        description="Test whether a server is a container registry by the OCI distribution specification and others.",
        epilog="Other commands: conformance list, explain, probe, compare, stress (each has --help). "
        "Arguments after -- go to pytest: -- -k referrers --tb=short",
    )
    made.add_argument("--version", action="version", version=f"conformance {version('fakereg')}")
    made.add_argument(
        "--workers",
        metavar="NUMBER",
        default="auto",
        help="number of processes that run the scenarios (default: auto, by the response time of the target)",
    )
    add_options(made)
    return made


def pytest_arguments(arguments: Sequence[str]) -> list[str]:
    """Translate the command line of a run into pytest's."""
    ours, rest = list(arguments), []
    if "--" in ours:
        split = ours.index("--")
        ours, rest = ours[:split], ours[split + 1 :]
    parsed = run_parser().parse_args(ours)
    given = options_given(parsed)
    workers = _workers(parsed.workers, given, rest)
    given["report"] = given["report"] or _default_report()
    flags = [option.flag if option.switch else f"{option.flag}={given[option.name]}" for option in OPTIONS
             if given[option.name]]  # fmt: skip
    package = Path(__file__).parent.parent
    quiet = [
        "-rN",
        "--tb=no",
        "--no-header",
        "-p",
        "no:cacheprovider",
        "--assert=plain",
        "-W",
        f"ignore:{IMPORTED_EARLY}",
    ]
    return ["-c", os.devnull, f"--rootdir={package}", *quiet, *workers, *flags, *rest, str(package / "scenarios")]


def _default_report() -> str | None:
    """Return the default report folder, None if a variable sets one."""
    asked = any(os.environ.get(name) for name in ("CONFORMANCE_REPORT", "OCI_RESULTS_DIR", "OCI_REPORT_DIR"))
    return None if asked else REPORT


def _workers(text: str, given: Mapping[str, str | None], rest: Sequence[str]) -> list[str]:
    """Return the arguments of pytest that spread a run over processes; none if pytest got its own."""
    from conformance.run import workers

    try:
        if any(argument.startswith(("-n", "--numprocesses")) for argument in rest):
            if text != "auto":
                raise ConfigurationError("give the number of processes once: --workers, or -n of pytest")
            return []
        return workers.arguments(text, given)
    except ConfigurationError as error:
        run_parser().exit(USAGE_ERROR, f"ERROR: conformance: {error}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        complain(f"ERROR: conformance: {missing[0]} must be installed: pip install 'fakereg[conformance]'")
        return USAGE_ERROR
    if words and words[0] in COMMANDS:
        from conformance.command import commands

        return commands.main(words[0], words[1:])
    import pytest

    return int(pytest.main(pytest_arguments(words)))
