"""Listings: tags and repositories, `n`, `last` and Link."""

from __future__ import annotations

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakereg import Registry
from tests.fakereg.client import RegistryClient, codes
from tests.fakereg.conftest import MakeClient

TAGS = ["0", "A", "B", "_", "a", "a-b", "a.b", "b"]


@pytest.fixture
def tagged(client: RegistryClient) -> RegistryClient:
    for tag in reversed(TAGS):
        client.push_image("a", tag)
    return client


def test_all_tags_in_ascii_order(tagged: RegistryClient) -> None:
    response = tagged.get("/v2/a/tags/list")
    assert response.get_json() == {"name": "a", "tags": TAGS}
    assert "Link" not in response.headers


@pytest.mark.parametrize(
    ("query", "expected", "more"),
    [
        ({"n": "3"}, TAGS[:3], True),
        ({"n": "8"}, TAGS, False),
        ({"n": "9"}, TAGS, False),
        ({"n": "0"}, [], False),
        ({"n": "0", "last": "A"}, [], False),
        ({"last": "B"}, TAGS[3:], False),
        ({"last": "b"}, [], False),
        ({"last": "zzz"}, [], False),
        ({"last": "AA"}, TAGS[2:], False),
        ({"last": "1"}, TAGS[1:], False),
        ({"n": "2", "last": "a"}, ["a-b", "a.b"], True),
    ],
)
def test_n_and_last(tagged: RegistryClient, query: dict[str, str], expected: list[str], more: bool) -> None:
    response = tagged.get("/v2/a/tags/list", query_string=query)
    assert response.get_json()["tags"] == expected
    assert ("Link" in response.headers) is more


@pytest.mark.parametrize("n", ["-1", "abc", "1.5", "", "9" * 30, "²", " 1"])
def test_an_n_that_is_no_number_is_400(tagged: RegistryClient, n: str) -> None:
    response = tagged.get("/v2/a/tags/list", query_string={"n": n})
    assert response.status_code == 400
    assert codes(response) == ["UNSUPPORTED"]


@given(
    st.lists(st.from_regex(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,5}", fullmatch=True), max_size=12),
    st.integers(1, 5),
    st.booleans(),
)
def test_following_links_gives_every_tag_once(tags: list[str], n: int, lexical: bool) -> None:
    client = RegistryClient(Registry(dialect="oci-1.1" if lexical else "oci"))
    client.push_blob("a", b"")
    for tag in tags:
        client.push_image("a", tag)
    found: list[str] = []
    path = f"/v2/a/tags/list?n={n}"
    while path:
        response = client.get(path)
        found += response.get_json()["tags"]
        path = next_path(response.headers.get("Link"))
    assert found == sorted(set(tags), key=(lambda tag: (tag.lower(), tag)) if lexical else None)


def next_path(link: str | None) -> str:
    match = re.fullmatch(r'<([^>]+)>; rel="next"', link) if link else None
    return match[1] if match else ""


def test_an_unknown_repository_is_404_and_an_empty_one_is_not(client: RegistryClient) -> None:
    assert codes(client.get("/v2/a/tags/list")) == ["NAME_UNKNOWN"]
    client.push_blob("a", b"")
    assert client.get("/v2/a/tags/list").get_json()["tags"] == []


def test_the_catalog_lists_repositories_page_by_page(make_client: MakeClient) -> None:
    client = make_client("oci,tags_page_size=2")
    names = ["a", "a/b", "b", "c", "d/e/f"]
    for name in names:
        client.push_blob(name, b"")
    found: list[str] = []
    path = "/v2/_catalog"
    while path:
        response = client.get(path)
        assert len(response.get_json()["repositories"]) <= 2
        found += response.get_json()["repositories"]
        path = next_path(response.headers.get("Link"))
    assert found == names


def test_the_catalog_can_be_switched_off(make_client: MakeClient) -> None:
    assert make_client("oci,catalog=false").get("/v2/_catalog").status_code == 404


@pytest.mark.parametrize("format", ["opaque", "ES256"])
def test_the_catalog_names_what_the_caller_may_pull(make_client: MakeClient, format: str) -> None:
    client = make_client(f"oci,auth=bearer,bearer_credentials=true,rights=repository,token_format={format}")
    for name in ("octocat/octo-app/private", "octocat/hello-world/public"):
        client.push_blob(name, b"")
    user = base64.b64encode(b"hubot:hubot-password").decode()
    issued = client.get("/token?scope=registry:catalog:*", headers={"Authorization": f"Basic {user}"})
    token = issued.get_json()["token"]
    listed = client.get("/v2/_catalog", headers={"Authorization": f"Bearer {token}"})
    assert listed.get_json() == {"repositories": ["octocat/hello-world/public"]}
