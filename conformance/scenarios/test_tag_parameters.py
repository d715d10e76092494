"""Pushing a manifest by digest with several tags (end-7b)."""

from __future__ import annotations

import pytest

from conformance.checks.checks import Checks
from conformance.client.client import Client
from conformance.client.content import Content, Manifest
from conformance.client.exchange import Exchange
from conformance.client.steps import Steps
from conformance.scene.requirement import requirement
from conformance.scene.scene import Scene


def put(client: Client, repository: str, image: Manifest, tags: list[str]) -> Exchange:
    """Push a manifest by digest with tag parameters."""
    return client.put_manifest(repository, image.digest, image.data, media_type=image.media_type, tags=tags)


def named_in(answer: Exchange) -> list[str]:
    """Return the accepted tags by the answer."""
    return [tag.strip() for tag in (answer.header("OCI-Tag") or "").split(",") if tag.strip()]


def pointing_to(client: Client, repository: str, image: Manifest, tags: list[str]) -> list[str]:
    """Return those of the tags that point to an image."""
    return [tag for tag in tags if client.follow(client.get_manifest(repository, tag)).body == image.data]


@requirement("OCI-R058", "OCI-R059", needs="tag_parameters")
@pytest.mark.parametrize("number", [1, 10])
def test_tags(
    scene: Scene, client: Client, check: Checks, given: Steps, content: Content, repository: str, number: int
) -> None:
    old, image, tags = content.image(), content.image(), [f"tag-{index}" for index in range(number)]
    if scene.has("tag_moves"):
        given.manifest(repository, old, tags[-1])
    given.parts(repository, image)
    answer = put(client, repository, image, tags)
    if check.status("OCI-R058", answer, 201):
        found = pointing_to(client, repository, image, tags)
        check.that("OCI-R058", found == tags, expected=f"the tags {tags}", got=found, exchange=answer)
        check.same_set("OCI-R059", answer, named_in(answer), found)


@requirement("OCI-R059", needs="tag_parameters")
def test_tags_that_are_none(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    image, tags = content.image(), ["good", "-bad", "a" * 129]
    given.parts(repository, image)
    answer = put(client, repository, image, tags)
    if 400 <= answer.status < 500:
        check.no_header("OCI-R059", answer, "OCI-Tag")
        return
    found = pointing_to(client, repository, image, tags)
    ok = found in ([], ["good"]) and sorted(named_in(answer)) == found
    got = f"status {answer.status}, OCI-Tag {named_in(answer)} and the tags {found}"
    check.that("OCI-R059", ok, expected="a refusal, or no tag but good", got=got, exchange=answer)
