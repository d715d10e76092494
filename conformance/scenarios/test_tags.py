"""Listing tags, whole and in pages (end-8a, end-8b)."""

from __future__ import annotations

import pytest

from conformance.checks import Checks
from conformance.client import Client
from conformance.content import Content
from conformance.passive import next_link
from conformance.requirements import requirement
from conformance.steps import Steps, tags_in

LOWER = ("alpha", "beta", "delta", "epsilon", "gamma")
MIXED = ("Alpha", "beta", "Gamma", "delta", "1.10", "1.9", "2.0")


@requirement("OCI-R065", "OCI-R066", "OCI-R067")
@pytest.mark.parametrize("tags", [LOWER, MIXED, LOWER[:1]], ids=["lower", "mixed", "one"])
def test_list(
    client: Client,
    check: Checks,
    given: Steps,
    content: Content,
    repository: str,
    tags: tuple[str, ...],
) -> None:
    given.manifest(repository, content.image(), *reversed(tags))
    answer = client.follow(client.list_tags(repository))
    check.status("OCI-R065", answer, 200)
    document = answer.json()
    check.that(
        "OCI-R067",
        document == {"name": repository, "tags": tags_in(answer)},
        expected=f'a JSON object with "name": "{repository}" and "tags": [...]',
        got=answer.body[:200].decode(errors="replace"),
        exchange=answer,
    )
    found = [tag for page in given.pages(answer) for tag in tags_in(page)]
    check.same_set("OCI-R067", answer, found, tags)
    check.in_order("OCI-R066", answer, found)


@requirement("OCI-R065")
def test_list_without_tags(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    given.manifest(repository, content.image())
    answer = client.follow(client.list_tags(repository))
    check.status("OCI-R065", answer, 200, grade="SHOULD")
    check.that("OCI-R065", tags_in(answer) == [], expected="no tags", got=tags_in(answer), exchange=answer)


@requirement("OCI-R068", "OCI-R072")
@pytest.mark.parametrize("n", [1, 3, 5, 50])
def test_n(
    client: Client,
    check: Checks,
    given: Steps,
    content: Content,
    repository: str,
    n: int,
) -> None:
    given.manifest(repository, content.image(), *reversed(LOWER))
    answer = client.follow(client.list_tags(repository, n=n))
    tags, wanted = tags_in(answer), min(n, len(LOWER))
    check.that(
        "OCI-R068",
        answer.status == 200 and (len(tags) == wanted or (len(tags) < wanted and next_link(answer) is not None)),
        expected=f"{wanted} tags",
        got=f"status {answer.status} with {len(tags)} tags",
        exchange=answer,
    )
    check.in_order("OCI-R072", answer, tags)
    first = sorted(LOWER)[: len(tags)]
    check.that("OCI-R072", tags == first, expected=f"the tags {first}", got=tags, exchange=answer)


@requirement("OCI-R070", "OCI-R071")
def test_n_is_zero(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    given.manifest(repository, content.image(), *LOWER)
    answer = client.follow(client.list_tags(repository, n=0))
    check.no_header("OCI-R071", answer, "Link")
    got = f"status {answer.status} with {tags_in(answer)}"
    ok = answer.status == 200 and tags_in(answer) == []
    check.that("OCI-R070", ok, expected="status 200 with an empty list", got=got, exchange=answer)


@requirement("OCI-R069", "OCI-R068")
def test_links(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    given.manifest(repository, content.image(), *LOWER)
    pages = given.pages(client.follow(client.list_tags(repository, n=2)))
    first = tags_in(pages[0])
    check.that("OCI-R068", 0 < len(first) <= 2, expected="1 or 2 tags", got=first, exchange=pages[0])
    if len(pages) == 1:
        check.that("OCI-R068", len(first) == 2, expected="2 tags", got=first, exchange=pages[0])
        return
    check.same_set("OCI-R069", pages[0], [tag for page in pages for tag in tags_in(page)], LOWER)


@requirement("OCI-R074")
@pytest.mark.parametrize("last", LOWER)
def test_last(client: Client, check: Checks, given: Steps, content: Content, repository: str, last: str) -> None:
    given.manifest(repository, content.image(), *reversed(LOWER))
    answer = client.follow(client.list_tags(repository, last=last))
    check.status("OCI-R074", answer, 200)
    found = [tag for page in given.pages(answer) for tag in tags_in(page)]
    check.same_set("OCI-R074", answer, found, [tag for tag in LOWER if tag > last])


@requirement("OCI-R075")
@pytest.mark.parametrize("tags", [LOWER, MIXED], ids=["lower", "mixed"])
def test_order_after_last(
    client: Client,
    check: Checks,
    given: Steps,
    content: Content,
    repository: str,
    tags: tuple[str, ...],
) -> None:
    given.manifest(repository, content.image(), *reversed(tags))
    answer = client.follow(client.list_tags(repository, last=sorted(tags)[0]))
    check.in_order("OCI-R075", answer, tags_in(answer))


@requirement("OCI-R068", "OCI-R074", "OCI-R075")
@pytest.mark.parametrize("n", [1, 2, 4])
def test_pages_with_last(
    client: Client,
    check: Checks,
    given: Steps,
    content: Content,
    repository: str,
    n: int,
) -> None:
    given.manifest(repository, content.image(), *LOWER)
    seen: list[str] = []
    answer = client.follow(client.list_tags(repository, n=n))
    while (tags := tags_in(answer)) and len(seen) < len(LOWER):
        check.that("OCI-R068", len(tags) <= n, expected=f"at most {n} tags", got=tags, exchange=answer)
        check.in_order("OCI-R075", answer, tags)
        seen += tags
        answer = client.follow(client.list_tags(repository, n=n, last=seen[-1]))
    check.that("OCI-R074", seen == list(LOWER), expected=f"the tags {LOWER}", got=seen, exchange=answer)
    check.that("OCI-R074", not tags, expected="no tags after the last", got=tags, exchange=answer)


@requirement("OCI-R073")
def test_last_is_no_index(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    given.manifest(repository, content.image(), "2", "3", "5", "7", "9")
    answer = client.follow(client.list_tags(repository, last="2"))
    found = tags_in(answer)
    check.that("OCI-R073", "3" in found, expected="the tag 3, which follows the tag 2", got=found, exchange=answer)
