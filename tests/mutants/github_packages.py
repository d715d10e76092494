"""GitHub's packages API and pages, broken: what they list, tell and hide, and which texts of an image they show."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from conformance.client.credentials import basic
from conformance.fakes import identities
from fakereg.github import image, policy
from tests.mutants.harness import Answer, Ask, after, instead, patched

DOCKER, CONTAINER = "fake:github-docker", "fake:github-container"


def is_list(ask: Ask) -> bool:
    """Whether all packages are asked for."""
    return ask.path.endswith("/packages") and ask.path.startswith("/api/v3/")


def is_package(ask: Ask) -> bool:
    """Whether one package is asked for."""
    return ask.path.startswith("/api/v3/") and "/packages/" in ask.path and "/versions" not in ask.path


def is_versions(ask: Ask) -> bool:
    """Whether the versions of a package are asked for."""
    return ask.path.startswith("/api/v3/") and ask.path.endswith("/versions")


def is_page(ask: Ask) -> bool:
    """Whether a page for people is asked for."""
    return "/packages/" in ask.path and not ask.path.startswith("/api/v3/")


def rewrite(answer: Answer, change: Callable[[Any], Any]) -> None:
    """Change the JSON document of an answer."""
    answer.write(json.dumps(change(json.loads(answer.body))).encode())


def as_writer(ask: Ask) -> Answer:
    """The answer that the writer would get."""
    writer = identities()["writer"]
    return ask.proceed(HTTP_AUTHORIZATION=basic(writer.username, writer.secret))


# Lists, packages, versions, pages.


@after("GHD-23", "no package is listed", "GET", 200, target=DOCKER)
def lists_nothing(ask: Ask, answer: Answer) -> None:
    if is_list(ask):
        answer.write(b"[]")


@instead("GHD-23", "a list is not narrowed by visibility", target=DOCKER)
def lists_all(ask: Ask) -> Answer | None:
    query = ask.environ["QUERY_STRING"].replace("visibility", "v")
    return ask.proceed(QUERY_STRING=query) if is_list(ask) else None


@after("GHD-23", "a list has no end", "GET", 400, target=DOCKER)
def endless_list(ask: Ask, answer: Answer) -> None:
    if is_list(ask):
        answer.status = 200


@after("GHD-23", "a package has no repository", "GET", 200, target=DOCKER)
def without_repository(ask: Ask, answer: Answer) -> None:
    if is_package(ask):
        rewrite(answer, lambda found: found | {"repository": None})


@after("GHD-23", "a package counts no versions", "GET", 200, target=DOCKER)
def counts_nothing(ask: Ask, answer: Answer) -> None:
    if is_package(ask):
        rewrite(answer, lambda found: found | {"version_count": 0})


@after("GHD-23", "the url of a package leads nowhere", "GET", 200, target=DOCKER)
def wrong_url(ask: Ask, answer: Answer) -> None:
    if is_package(ask):
        rewrite(answer, lambda found: found | {"url": found["url"] + "s"})


@after("GHD-23", "the newest version alone is listed", "GET", 200, target=DOCKER)
def newest_version(ask: Ask, answer: Answer) -> None:
    if is_versions(ask):
        rewrite(answer, lambda found: found[:1])


@instead("GHD-23", "a version is not found by its id", target=DOCKER)
def no_version(ask: Ask) -> Answer | None:
    return Answer(404) if ask.method == "GET" and "/versions/" in ask.path else None


@after("GHD-23", "a package has no page", "GET", 200, target=DOCKER)
def no_page(ask: Ask, answer: Answer) -> None:
    if is_page(ask):
        answer.status = 404


@after("GHD-23", "the page does not say how to pull", "GET", 200, target=DOCKER)
def no_command(ask: Ask, answer: Answer) -> None:
    if is_page(ask):
        answer.write(answer.body.replace(b"docker pull", b"docker run"))


@instead("GHD-13", "the packages of private repositories are shown to everybody", target=DOCKER)
def shows_docker_packages(ask: Ask) -> Answer | None:
    return as_writer(ask) if is_package(ask) else None


@instead("GHD-13", "the packages of private repositories are listed for everybody", target=DOCKER)
def lists_docker_packages(ask: Ask) -> Answer | None:
    return as_writer(ask) if is_list(ask) else None


@instead("GHC-05", "private packages are shown to everybody", target=CONTAINER)
def shows_container_packages(ask: Ask) -> Answer | None:
    return as_writer(ask) if is_package(ask) and ask.method == "GET" else None


# Labels.


@patched("GHC-09", "a description may have more characters", target=CONTAINER)
def long_description(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(image._LENGTHS, "description", 1024)


@patched("GHC-09", "licenses may have more characters", target=CONTAINER)
def long_licenses(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(image._LENGTHS, "licenses", 1024)


@patched("GHC-09", "an index has the labels of nobody", target=CONTAINER)
def no_annotations(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(image, "INDEXES", ())


@after("GHC-09", "a version tells no description", "GET", 200, target=CONTAINER)
def tells_none(ask: Ask, answer: Answer) -> None:
    if is_versions(ask):
        rewrite(answer, lambda found: [one | {"description": ""} for one in found])


@after("GHC-09", "the page shows no labels", "GET", 200, target=CONTAINER)
def shows_none(ask: Ask, answer: Answer) -> None:
    if is_page(ask):
        answer.write(b"<h1>A package</h1>")


@patched("GHC-09", "the source links no repository", target=CONTAINER)
def links_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(policy, "_source", lambda github, call, name, manifest: "")


@patched("GHC-09", "a package is linked without a source", target=CONTAINER)
def links_always(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(policy, "_source", lambda github, call, name, manifest: "conformance-org/elsewhere")
