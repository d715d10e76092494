"""The catalogue of requirements: what the specification asks of a registry, in each of its versions."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import pytest

requirement = pytest.mark.requirement
"""Bind a scenario to requirements: `@requirement("OCI-R014", needs="push", wire=True)`.

`needs` names the capabilities (one or a tuple) without which the scenario is skipped as unsupported;
`wire` makes it use a socket on every target.
"""

ABSENT = "-"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One row of the catalogue; `levels` has a word such as MUST or SHOULD NOT for each version, or `-`."""

    id: str
    levels: Mapping[str, str]
    section: str
    statement: str
    capability: str

    def level(self, version: str) -> str:
        """The word used in a version of the specification."""
        return self.levels[version]

    def is_optional(self, version: str) -> bool:
        """Whether it only SHOULD be so."""
        return self.level(version).startswith("SHOULD")


@cache
def catalogue() -> Mapping[str, Requirement]:
    """Every requirement by its id."""
    with files("conformance").joinpath("requirements.toml").open("rb") as file:
        rows = tomllib.load(file)
    return {key: Requirement(id=key, **row) for key, row in rows.items()}
