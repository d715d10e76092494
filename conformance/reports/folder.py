"""The report of a run: a folder with a file for each kind of reader, all of them made of the results alone."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from conformance.errors import ConfigurationError
from conformance.reports.badge import badge_json, badge_svg
from conformance.reports.html_report import html_report
from conformance.reports.junit import junit
from conformance.reports.markdown import markdown
from conformance.reports.reading import Document


def write(folder: Path, document: Document) -> None:
    """Write all files of the report into a folder, which is made if it is not there.

    Each file is there whole, the former one or the new one; results.json, which the others can be made of, comes first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in FILES.items():
        replace(folder / name, make(document))


def replace(path: Path, text: str) -> None:
    """Put text into a file, in one step for whoever reads it."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        # A lone surrogate, which JSON from a server may hold, cannot be encoded; as an escape it is still valid JSON.
        beside.write_text(text, encoding="utf-8", errors="backslashreplace")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


FILES: Mapping[str, Callable[[Document], str]] = {
    "results.json": _json,
    "report.html": html_report,
    "summary.md": markdown,
    "junit.xml": junit,
    "badge.json": lambda document: _json(badge_json(document)),
    "badge.svg": badge_svg,
}
"""What makes each file, in the order in which they are written."""


def make_folder(folder: Path) -> None:
    """Make the folder of the report now, rather than find at the end that it cannot be; ConfigurationError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"the report cannot be written to {folder}: {error.strerror}") from None
