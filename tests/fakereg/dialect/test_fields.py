"""Dialects as text."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakereg.dialect import fields
from fakereg.dialect.fields import Dialect


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
    assert fields.parse(text) == dataclasses.replace(Dialect(), **changes)


@pytest.mark.parametrize("name", fields.PRESETS)
def test_a_preset_is_found_by_its_name(name: str) -> None:
    assert fields.parse(name).name == name


@pytest.mark.parametrize(
    ("text", "size"),
    [("7", 7), ("5GB", 5 * 10**9), ("5 gib", 5 * 2**30), ("10MiB", 10 * 2**20), ("3kb", 3000), ("0", 0)],
)
def test_sizes_may_have_units(text: str, size: int) -> None:
    assert fields.parse(f"oci,blob_size_limit={text}").blob_size_limit == size
    assert fields.parse(f"oci,manifest_size_limit={text}").manifest_size_limit == size


@given(st.integers(0, 10**18 - 1))
def test_a_size_reads_as_it_is_written(size: int) -> None:
    text = fields.written(Dialect(blob_size_limit=size))["blob_size_limit"]
    assert fields.parse(f"oci,blob_size_limit={text}").blob_size_limit == size


@pytest.mark.parametrize("name", fields.PRESETS)
def test_a_preset_reads_as_it_is_written(name: str) -> None:
    preset = fields.PRESETS[name]
    assert fields.configure(Dialect(name=name), fields.written(preset)) == preset


def test_every_setting_says_what_it_means() -> None:
    assert all(meaning for _, _, meaning in fields.settings())
