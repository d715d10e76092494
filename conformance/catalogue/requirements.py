"""The catalogue of requirements on a registry, with their levels in each version of the specification."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

ABSENT = "-"
VERSIONS = ("dev", "1.1", "1.0")
SOURCES = {
    "OCI": "OCI distribution specification",
    "AUTH": "Docker Registry v2 token authentication",
    "GHD": "GitHub Packages, Docker registry",
    "GHC": "GitHub Packages, Container registry",
}
"""The document for the first part of an id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One row of the catalogue; `levels` has a word such as MUST or SHOULD NOT for each version, or `-`.

    `untestable` is the reason why no scenario can assert it, empty if one can.
    """

    id: str
    levels: Mapping[str, str]
    category: str
    section: str
    statement: str
    untestable: str = ""

    @property
    def source(self) -> str:
        """The document that it comes from."""
        return SOURCES[self.id.partition("-")[0]]

    def level(self, version: str) -> str:
        """Return the word in a version of the specification."""
        return self.levels[version]

    def is_optional(self, version: str) -> bool:
        """Whether it is a SHOULD."""
        return self.level(version).startswith("SHOULD")


@cache
def catalogue() -> Mapping[str, Requirement]:
    """Load every requirement by its id."""
    with files("conformance.catalogue").joinpath("requirements.toml").open("rb") as file:
        rows = tomllib.load(file)
    return {key: _row(key, row) for key, row in rows.items()}


def _row(key: str, row: dict[str, Any]) -> Requirement:
    level = row.pop("level", None)
    levels = row.pop("levels", None) or dict.fromkeys(VERSIONS, level)
    return Requirement(id=key, levels=levels, **row)
