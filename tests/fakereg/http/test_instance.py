"""Settings that change while a registry runs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakereg.client import RegistryClient


@pytest.mark.parametrize(
    ("settings", "field", "value"),
    [
        ({"warnings": ("a", "b")}, "warnings", ("a", "b")),
        ({"warnings": "a|b"}, "warnings", ("a", "b")),
        ({"push": False}, "push", False),
        ({"push": "off"}, "push", False),
        ({"blob_size_limit": "5MiB"}, "blob_size_limit", 5 * 2**20),
        ({"blob_size_limit": 5}, "blob_size_limit", 5),
        ({"upload_expiry": "1h"}, "upload_expiry", 3600.0),
    ],
)
def test_configure_takes_values_and_texts(
    client: RegistryClient, settings: dict[str, Any], field: str, value: object
) -> None:
    client.registry.configure(**settings)
    assert getattr(client.registry.dialect, field) == value


def test_warnings_are_sent_as_they_were_configured(client: RegistryClient) -> None:
    client.registry.configure(warnings=("a", "b"))
    assert client.get("/v2/").headers.getlist("Warning") == ['299 - "a"', '299 - "b"']


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"upload_limit": -3}, "upload_limit must be between 0 and 1000000000, got -3"),
        ({"push": None}, "push must be true or false"),
        ({"nothing": 1}, "setting 'nothing' is unknown"),
    ],
)
def test_what_configure_refuses_changes_nothing(client: RegistryClient, settings: dict[str, Any], message: str) -> None:
    before = client.registry.dialect
    with pytest.raises(ValueError, match=message):
        client.registry.configure(mount=False, **settings)
    assert client.registry.dialect is before
