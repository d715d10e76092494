"""Dialects as text."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from fakereg import dialects
from fakereg.dialects import Dialect


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("oci", {}),
        ("oci,push=false", {"push": False}),
        ("oci, push = no ,mount=YES", {"push": False}),
        ("oci,upload_expiry=1.5,upload_limit=3", {"upload_expiry": 1.5, "upload_limit": 3}),
        ("oci,digest_algorithms=sha256", {"digest_algorithms": ("sha256",)}),
        ("oci,warnings=one|two", {"warnings": ("one", "two")}),
    ],
)
def test_a_dialect_is_a_preset_with_changes(text: str, changes: dict[str, Any]) -> None:
    assert dialects.parse(text) == dataclasses.replace(Dialect(), **changes)


@pytest.mark.parametrize("name", dialects.PRESETS)
def test_a_preset_is_found_by_its_name(name: str) -> None:
    assert dialects.parse(name).name == name


def test_every_setting_says_what_it_means() -> None:
    assert all(meaning for _, _, meaning in dialects.settings())
