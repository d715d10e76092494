"""Paths that are cleaned, and where a redirect leads."""

from __future__ import annotations

import pytest

from fakereg.api.redirects import clean
from tests.fakereg.conftest import MakeClient


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("/", "/"),
        ("", "/"),
        ("//", "/"),
        ("/v2/", "/v2/"),
        ("/v2", "/v2"),
        ("//v2//", "/v2/"),
        ("/v2/.", "/v2"),
        ("/v2/./", "/v2/"),
        ("/v2/..", "/"),
        ("/v2/../", "/"),
        ("/../../a", "/a"),
        ("/a/b/../c/./d", "/a/c/d"),
        ("/a/...", "/a/..."),
    ],
)
def test_clean(path: str, wanted: str) -> None:
    assert clean(path) == wanted
    assert clean(wanted) == wanted


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/v2?a=%20b&c", "/v2/?a=%20b&c"),
        ("/v2/a%2F%2E%2E/b//c?n=1", "/v2/b/c?n=1"),
        ("/v2//%C3%A9%22<%0A", "/v2/%C3%A9%22%3C%0A"),
        ("/evil.example//%2e%2e//other.example", "/other.example"),
    ],
)
def test_a_redirect_keeps_the_query_and_leads_to_no_other_host(
    make_client: MakeClient, path: str, location: str
) -> None:
    answer = make_client("oci,path_redirects=true").get(path)
    assert (answer.status_code, answer.headers["Location"]) == (301, location)
