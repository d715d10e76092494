"""`python -m conformance [TARGET] [options] [-- pytest options]`: run the scenarios and write a report.

Exit codes: 0 conformant, 1 a requirement is violated or a scenario could not be judged, 2 interrupted, 4 the target or
the configuration cannot be used, 5 no scenario was selected. A run reads no ini file and no conftest of the current
directory.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn

from conformance.options import OPTIONS, Option

USAGE_ERROR = 4
REPORT = "conformance-report"
IMPORTED_EARLY = "Module already imported so cannot be rewritten"


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors end with the exit code of an unusable configuration."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE_ERROR, f"ERROR: conformance: {message} (see --help)\n")


def parser() -> Parser:
    """The command line; every option has its pytest name too."""
    made = Parser(
        prog="python -m conformance",
        description="Tell whether a server is a container registry as the OCI distribution specification has it.",
        epilog="What stands behind -- goes to pytest: -- -k referrers -n 4 --tb=short",
    )
    made.add_argument("target", nargs="?", metavar="TARGET", help=OPTIONS[0].help)
    made.add_argument("--version", action="version", version=f"conformance {version('fakereg')}")
    for option in OPTIONS:
        _add(made, option)
    return made


def _add(made: Parser, option: Option) -> None:
    short = {"target": [], "version": ["--spec-version"]}.get(option.name, [f"--{option.name}"])
    text = argparse.SUPPRESS if option.name == "target" else option.help
    if option.switch:
        made.add_argument(*short, option.flag, dest=option.key, action="store_true", help=text)
    else:
        made.add_argument(*short, option.flag, dest=option.key, metavar=option.metavar, help=text)


def pytest_arguments(arguments: Sequence[str]) -> list[str]:
    """Translate our command line into pytest's."""
    ours, rest = list(arguments), []
    if "--" in ours:
        split = ours.index("--")
        ours, rest = ours[:split], ours[split + 1 :]
    given = vars(parser().parse_args(ours))
    given["conformance_target"] = given["target"] or given["conformance_target"]
    given["conformance_report"] = given["conformance_report"] or _default_report()
    translated: list[str] = []
    for option in OPTIONS:
        value = given[option.key]
        if value:
            translated.append(option.flag if option.switch else f"{option.flag}={value}")
    package = Path(__file__).parent
    quiet = ["-rN", "--tb=no", "--no-header", "-p", "no:cacheprovider", "-W", f"ignore:{IMPORTED_EARLY}"]
    return ["-c", os.devnull, f"--rootdir={package}", *quiet, *translated, *rest, str(package / "scenarios")]


def _default_report() -> str | None:
    """The report folder when none is asked for, by option or by variable."""
    asked = any(os.environ.get(name) for name in ("CONFORMANCE_REPORT", "OCI_RESULTS_DIR", "OCI_REPORT_DIR"))
    return None if asked else REPORT


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and give the exit code."""
    import pytest

    return int(pytest.main(pytest_arguments(sys.argv[1:] if arguments is None else arguments)))


if __name__ == "__main__":
    sys.exit(main())
