"""The report of a run: a folder with a file for each kind of reader, all made from the results."""

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
    """Write all files of the report to a folder, which is made if it is missing.

    Each file is there whole, the former one or the new one; results.json, which the others can be made of, comes first.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in FILES.items():
        replace(folder / name, make(document))


def replace(path: Path, text: str) -> None:
    """Write text to a file atomically."""
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
"""The function that makes each file, in the order of writing."""


def make_folder(folder: Path) -> None:
    """Make the folder of the report before the run; raise ConfigurationError if that is impossible."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"report must be a folder that can be written, got {folder}: {error.strerror}"
        ) from None
