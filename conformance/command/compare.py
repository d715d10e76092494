"""`conformance compare A.json B.json ...`: the results of several runs side by side."""

from __future__ import annotations

import argparse
import json
import reprlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from conformance.config.parser import USAGE_ERROR, Parser
from conformance.errors import ConfigurationError
from conformance.output.terminal import complain, say
from conformance.reports import comparison
from conformance.reports.comparison import Comparison, Side
from conformance.reports.folder import replace as replace_file

SCHEMA = 3
"""The supported version of results.json (results.schema.json)."""


DAMAGED = (LookupError, TypeError, AttributeError, ValueError, ArithmeticError, RecursionError)
"""What reading a document raises that has not the form of results.json."""


def parser() -> Parser:
    """Make the parser of the command."""
    made = Parser(
        prog="conformance compare",
        description="Show the results of several runs side by side: the groups of scenarios, then each requirement "
        "with different outcomes.",
        epilog="The exit code is 0 whatever the results are, and 4 if one of the files cannot be used.",
    )
    made.add_argument("files", nargs="+", metavar="FILE", help="results.json of a run, or the folder of its report")
    made.add_argument("--all", action="store_true", help="show the requirements with equal outcomes as well")
    kinds = made.add_mutually_exclusive_group()
    kinds.add_argument("--markdown", action="store_true", help="print Markdown")
    kinds.add_argument("--html", metavar="FILE", type=Path, help="write an HTML page instead")
    return made


def main(arguments: Sequence[str]) -> int:
    """Compare and return the exit code."""
    given = parser().parse_args(arguments)
    try:
        if len(given.files) < 2:
            raise ConfigurationError(f"compare needs at least two FILEs, got {len(given.files)}")
        found = sides([Path(name) for name in given.files])
        try:
            _show(Comparison(found, everything=given.all), given)
        except DAMAGED:
            raise ConfigurationError("the files must be results of conformance runs: some have odd parts") from None
    except ConfigurationError as error:
        complain(f"ERROR: conformance: {error}")
        return USAGE_ERROR
    return 0


def _show(compared: Comparison, given: argparse.Namespace) -> None:
    if given.html:
        try:
            replace_file(given.html, comparison.html(compared))
        except OSError as error:
            raise ConfigurationError(f"{given.html} cannot be written: {error.strerror}") from None
    else:
        say(comparison.markdown(compared).rstrip("\n") if given.markdown else "\n".join(comparison.text(compared)))


def sides(files: Sequence[Path]) -> list[Side]:
    """Load the runs; the names of equal targets get the names of their files."""
    found = [_side(file) for file in files]
    names = Counter(side.name for side in found)
    return [
        replace(side, name=f"{side.name} ({file})") if names[side.name] > 1 else side
        for side, file in zip(found, files, strict=True)
    ]


def _side(file: Path) -> Side:
    document = load(file)
    try:
        return Side.of(document)
    except DAMAGED:
        raise ConfigurationError(f"{file} must be the results.json of a conformance run: parts are missing") from None


def load(file: Path) -> dict[str, Any]:
    """Load the results in a file or a report folder; raise ConfigurationError if they cannot be read."""
    path = file / "results.json" if file.is_dir() else file
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise ConfigurationError(f"{path} must be the results.json of a conformance run: it is not JSON") from None
    if not isinstance(document, dict) or "schema" not in document:
        raise ConfigurationError(f"{path} must be the results.json of a conformance run: it has no schema")
    if document["schema"] != SCHEMA:
        raise ConfigurationError(f"{path} must have the schema {SCHEMA}, got {reprlib.repr(document['schema'])}")
    found: dict[str, Any] = document
    return found
