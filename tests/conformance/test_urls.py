"""URLs from servers: each can be asked about, and origins are the same however they are written."""

from __future__ import annotations

import pytest

from conformance.urls import NOWHERE, joined, origin_of, parsed

LEADING_NOWHERE = ["", "/v2/", "http://", "http:///a", "http://[::1", "http://h:abc/", "http://h:465321/",
                   "http://h:0/", "ftp://h/", "http://\x00/", "http://a b/", "http://\x9b/",
                   "javascript:alert(1)", "//h/a"]  # fmt: skip


@pytest.mark.parametrize("url", LEADING_NOWHERE)
def test_what_leads_nowhere(url: str) -> None:
    assert parsed(url) == NOWHERE


@pytest.mark.parametrize(
    "url", ["http://h", "https://H:5000/v2/?a#b", "http://[::1]:80/", "http://u:p@h/", "http://a_b/"]
)
def test_what_leads_to_a_server(url: str) -> None:
    assert parsed(url).netloc


@pytest.mark.parametrize("reference", [*LEADING_NOWHERE, "..", "?a", "\ud800"])
def test_any_reference_can_be_joined(reference: str) -> None:
    assert isinstance(joined("http://h/v2/", reference), str)


@pytest.mark.parametrize("reference", ["http:///a", "http:a", "http:/a"])
def test_reference_without_a_host_gets_none(reference: str) -> None:
    assert parsed(joined("http://h/v2/", reference)) == NOWHERE


@pytest.mark.parametrize("other", ["http://h:80/x", "HTTP://H/", "http://H:80", "http://u:p@h"])
def test_one_origin(other: str) -> None:
    assert origin_of(other) == origin_of("http://h/v2/")


@pytest.mark.parametrize(
    "other", ["https://h/", "http://h:81/", "http://h.example/", "http://h@evil/", *LEADING_NOWHERE]
)
def test_other_origins(other: str) -> None:
    assert origin_of(other) != origin_of("http://h/v2/")
