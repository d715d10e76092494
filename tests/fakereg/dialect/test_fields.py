"""Dialects as text."""

from __future__ import annotations

import dataclasses
import math
import re
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
    [("7", 7), ("5GB", 5 * 10**9), ("5 gib", 5 * 2**30), ("10MiB", 10 * 2**20), ("3kb", 3000), ("5m", 5 * 10**6)],
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


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ({"mount": "no"}, False),
        ({"mount": "ON"}, True),
        ({"blob_size_limit": "5MiB"}, 5 * 2**20),
        ({"blob_size_limit": "5M"}, 5 * 10**6),
        ({"blob_size_limit": 5}, 5),
        ({"upload_limit": "3"}, 3),
        ({"upload_expiry": "10m"}, 600.0),
        ({"upload_expiry": 2}, 2.0),
        ({"deletion_refusal": "400"}, 400),
        ({"warnings": ["a", "b"]}, ("a", "b")),
        ({"warnings": "a|b"}, ("a", "b")),
        ({"credentials": "classic"}, ("classic",)),
        ({"digest_algorithms": ("sha256",)}, ("sha256",)),
        ({"realm": "x"}, "x"),
    ],
)
def test_python_takes_values_and_their_texts(given: dict[str, Any], value: object) -> None:
    (name,) = given
    for changed in (Dialect(**given), fields.configure(Dialect(), given), dataclasses.replace(Dialect(), **given)):
        assert getattr(changed, name) == value
        assert type(getattr(changed, name)) is type(value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"mount": 1}, "mount must be true or false (or yes, on, 1; no, off, 0), got 1"),
        ({"upload_limit": -3}, "upload_limit must be between 0 and 1000000000, got -3"),
        ({"upload_limit": True}, "upload_limit must be a whole number between 0 and 1000000000, got True"),
        ({"upload_expiry": math.nan}, "upload_expiry must be between 0 and 1000000000 seconds, got nan"),
        ({"restore_days": math.inf}, "restore_days must be between 0 and 1000000000, got inf"),
        ({"blob_size_limit": 1.5}, "blob_size_limit must be a size such as 4096, 5MB (5 * 10^6 bytes) or 5MiB"),
        ({"blob_size_refusal": 500}, "blob_size_refusal must be between 400 and 499, got 500"),
        ({"token_refusal": 400}, "token_refusal must be 401 or 403, got 400"),
        ({"warnings": 1}, "warnings must be a list of texts, got 1"),
        (
            {"credentials": ["none"]},
            "credentials must be some of password, classic, fine-grained, actions, got ['none']",
        ),
        ({"auth": None}, "auth must be none, basic or bearer, got None"),
        ({"name": 1}, "name must be a text, got 1"),
    ],
)
def test_python_gets_the_name_of_what_does_not_fit(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        Dialect(**given)


@pytest.mark.parametrize("name", [name for name, _, _ in fields.settings()])
@pytest.mark.parametrize("value", [None, b"x", object(), {}])
def test_every_setting_refuses_what_is_none_of_its_kind(name: str, value: object) -> None:
    given: dict[str, Any] = {name: value}
    with pytest.raises(ValueError, match=f"^{name} must be "):
        Dialect(**given)


def test_nothing_that_was_refused_has_changed_a_dialect() -> None:
    before = Dialect()
    with pytest.raises(ValueError, match="setting 'x' is unknown; known are name_form, "):
        fields.configure(before, {"mount": False, "x": 1})
    with pytest.raises(ValueError, match="setting 'name' is unknown"):
        fields.configure(before, {"name": "x"})
    assert fields.configure(before, {}) is before
