"""Listing tags, completely and in pages (end-8a, end-8b)."""

from __future__ import annotations

from functools import partial

import pytest

from conformance.checks.checks import Checks, answer_or_silence
from conformance.client.client import Client
from conformance.client.content import Content
from conformance.client.exchange import Exchange
from conformance.client.reading import next_link
from conformance.client.steps import Steps, tags_in
from conformance.scene.requirement import requirement

LOWER = ("alpha", "beta", "delta", "epsilon", "gamma")
MIXED = ("Alpha", "beta", "Gamma", "delta", "1.1", "1.10", "1.9", "2.0")
"""Tags of which one begins with another, whose order depends on upper and lower case, or looks like that of numbers."""

SETS = pytest.mark.parametrize("tags", [LOWER, MIXED], ids=["lower", "mixed"])


def shuffled(tags: tuple[str, ...]) -> tuple[str, ...]:
    """Return the tags in an order that is neither ascending nor descending, as the order of their pushes."""
    return tags[::2][::-1] + tags[1::2]


def listed(client: Client, repository: str, *, n: int | str | None = None, last: str | None = None) -> Exchange:
    """List tags, following redirects."""
    return client.follow(client.list_tags(repository, n=n, last=last))


def tags_over(given: Steps, first: Exchange) -> list[str]:
    """Return the tags of a list and of all pages that its Links lead to."""
    return [tag for page in given.pages(first) for tag in tags_in(page)]


@requirement("OCI-R065", "OCI-R066", "OCI-R067")
@pytest.mark.parametrize("tags", [LOWER, MIXED, LOWER[:1]], ids=["lower", "mixed", "one"])
def test_list(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, tags: tuple[str, ...]
) -> None:
    given.manifest(repository, content.image(), *shuffled(tags))
    answer = client.follow(client.list_tags(repository))
    check.status("OCI-R065", answer, 200)
    check_form(check, answer, repository)
    found = tags_over(given, answer)
    check.same_set("OCI-R067", answer, found, tags)
    check.in_order("OCI-R066", answer, found)


def check_form(check: Checks, answer: Exchange, repository: str) -> None:
    """Check that the body is an object with the name of the repository and a list of tags, and perhaps more."""
    document = answer.json()
    name, tags = (document.get("name"), document.get("tags")) if isinstance(document, dict) else (None, None)
    check.that(
        "OCI-R067",
        name == repository and isinstance(tags, list) and all(isinstance(tag, str) for tag in tags),
        expected=f'a JSON object with "name": "{repository}" and "tags": [...]',
        got=answer.beginning(200),
        exchange=answer,
    )


@requirement("OCI-R065", "OCI-R067")
def test_list_without_tags(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    given.manifest(repository, content.image())
    answer = client.follow(client.list_tags(repository))
    if check.status("OCI-R065", answer, 200, grade="SHOULD"):  # whether it is found is for the registry to say
        check_form(check, answer, repository)
        check.same_set("OCI-R067", answer, tags_in(answer), [])


@requirement("OCI-R067")
def test_repositories_are_apart(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, another_repository: str
) -> None:
    given.manifest(another_repository, content.image(), "elsewhere")
    given.manifest(repository, content.image(), "here")
    answer = client.follow(client.list_tags(repository))
    check.same_set("OCI-R067", answer, tags_over(given, answer), ["here"])


@requirement("OCI-R068")
def test_n(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    given.manifest(repository, content.image(), *shuffled(LOWER))
    answers = [(n, client.follow(client.list_tags(repository, n=n))) for n in (1, 3, 5, 50, 1000)]
    cases = [(f"{len(tags_in(answer))} tags for n={n}", answer, is_counted(answer, n)) for n, answer in answers]
    check.each(
        "OCI-R068", cases, expected="status 200 with n tags, or fewer where there are no more or a Link leads on"
    )


def is_counted(answer: Exchange, n: int) -> bool:
    """Return whether a list has the requested number of tags, or a reason for fewer."""
    count, wanted = len(tags_in(answer)), min(n, len(LOWER))
    return answer.status == 200 and (count == wanted or (count < wanted and next_link(answer) is not None))


@requirement("OCI-R072")
@SETS
def test_order_with_n(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, tags: tuple[str, ...]
) -> None:
    given.manifest(repository, content.image(), *shuffled(tags))
    whole = tags_over(given, client.follow(client.list_tags(repository)))
    for n in (2, 50):
        answer = client.follow(client.list_tags(repository, n=n))
        found = tags_in(answer)
        check.in_order("OCI-R072", answer, found)
        first = whole[: len(found)]
        check.that("OCI-R072", found == first, expected=f"the beginning, {first}", got=found, exchange=answer)


@requirement("OCI-R070", "OCI-R071")
def test_n_is_zero(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    given.manifest(repository, content.image(), *LOWER)
    for last in (None, LOWER[0]):
        answer, silence = answer_or_silence(client, partial(listed, client, repository, n=0, last=last))
        check.that("OCI-R070", not silence, expected="an empty list", got=silence, exchange=answer)
        check.no_header("OCI-R071", answer, "Link")
        got = f"status {answer.status} with {tags_in(answer)}"
        ok = answer.status == 200 and tags_in(answer) == []
        check.that("OCI-R070", ok, expected="status 200 with an empty list", got=got, exchange=answer)


@requirement("OCI-R069", "OCI-R068", "OCI-R072")
@SETS
def test_links(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, tags: tuple[str, ...]
) -> None:
    given.manifest(repository, content.image(), *shuffled(tags))
    pages = given.pages(client.follow(client.list_tags(repository, n=2)))
    for page in pages:
        check.that("OCI-R068", len(tags_in(page)) <= 2, expected="at most 2", got=tags_in(page), exchange=page)
    if len(pages) == 1:
        first = tags_in(pages[0])
        check.that("OCI-R068", len(first) == 2, expected="2 tags", got=first, exchange=pages[0])
        return
    found = [tag for page in pages for tag in tags_in(page)]
    check.same_set("OCI-R069", pages[0], found, tags)
    check.in_order("OCI-R072", pages[0], found)


@requirement("OCI-R068")
def test_odd_n(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    """A registry must refuse such a number or answer with existing tags, each at most once."""
    given.manifest(repository, content.image(), *LOWER[:2])
    cases = []
    for n in ("-1", "many", "1.5", "", "99999999999999999999"):
        answer, silence = answer_or_silence(client, partial(listed, client, repository, n=n))
        tags = tags_in(answer)
        known = len(set(tags)) == len(tags) and set(tags) <= set(LOWER[:2])
        ok = not silence and (400 <= answer.status < 500 or (answer.status == 200 and known))
        cases.append((f"no answer for n={n}, but to GET /v2/" if silence else f"{tags} for n={n}", answer, ok))
    expected = f"a status 4xx, or 200 with tags of {LOWER[:2]}"
    check.each("OCI-R068", cases, expected=expected, grade="SHOULD")  # the specification knows no such numbers


@requirement("OCI-R074")
@SETS
def test_last(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, tags: tuple[str, ...]
) -> None:
    given.manifest(repository, content.image(), *shuffled(tags))
    listed = client.follow(client.list_tags(repository))
    whole = tags_over(given, listed)
    check.same_set("OCI-R074", listed, whole, tags)
    cases = []
    for number, last in enumerate(whole, start=1):
        answer = client.follow(client.list_tags(repository, last=last))
        found = tags_over(given, answer)
        cases.append((f"{found} after {last}", answer, answer.status == 200 and found == whole[number:]))
    check.each("OCI-R074", cases, expected="status 200 with the tags that follow")


@requirement("OCI-R074")
def test_last_that_is_no_tag(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    """If a registry accepts a `last` that is no tag, the list must continue after its place in the order."""
    given.manifest(repository, content.image(), *shuffled(LOWER))
    cases = []
    for last, position in (("aaaa", 0), ("betb", 2), ("delt", 2), ("zzzz", 5)):
        answer, silence = answer_or_silence(client, partial(listed, client, repository, last=last))
        found = [f"no answer: {silence}"] if silence else tags_over(given, answer)
        ok = answer.status in {400, 404} or (answer.status == 200 and found == list(LOWER)[position:])
        cases.append((f"{found} after {last}", answer, ok))
    check.each("OCI-R074", cases, expected="status 200 with the tags that would follow, or 400 or 404")


@requirement("OCI-R075")
@SETS
def test_order_after_last(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, tags: tuple[str, ...]
) -> None:
    given.manifest(repository, content.image(), *shuffled(tags))
    answer = client.follow(client.list_tags(repository, last=sorted(tags)[0]))
    check.in_order("OCI-R075", answer, tags_over(given, answer))


@requirement("OCI-R068", "OCI-R074", "OCI-R075")
@SETS
def test_pages_with_last(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, tags: tuple[str, ...]
) -> None:
    given.manifest(repository, content.image(), *shuffled(tags))
    for n in (1, 2, len(tags)):
        seen: list[str] = []
        answer = client.follow(client.list_tags(repository, n=n))
        while (found := tags_in(answer)) and len(seen) < len(tags):
            check.that("OCI-R068", len(found) <= n, expected=f"at most {n} tags", got=found, exchange=answer)
            seen += found
            answer = client.follow(client.list_tags(repository, n=n, last=seen[-1]))
        check.same_set("OCI-R074", answer, seen, tags)
        check.that("OCI-R074", not found, expected="no tags after the last", got=found, exchange=answer)
        check.in_order("OCI-R075", answer, seen)


@requirement("OCI-R073")
def test_last_is_no_index(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    given.manifest(repository, content.image(), "2", "3", "5", "7", "9")
    answer = client.follow(client.list_tags(repository, last="2"))
    found = tags_over(given, answer)
    check.that("OCI-R073", "3" in found, expected="the tag 3, which follows the tag 2", got=found, exchange=answer)
