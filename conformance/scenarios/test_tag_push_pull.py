"""Tagging, pushing and pulling images at GitHub's registries: names, tags, digests, formats, and the round trip."""

from __future__ import annotations

import pytest

from conformance.checks.checks import Checks
from conformance.checks.trials import Trials
from conformance.client.client import DOCKER_IMAGE, DOCKER_LIST, IMAGE, INDEX, Client, location_of
from conformance.client.content import Content
from conformance.client.exchange import Exchange
from conformance.client.steps import Steps
from conformance.scene.actors import not_applicable
from conformance.scene.requirement import requirement


def media_type(trials: Trials, exchange: Exchange, expected: str) -> None:
    """Check that a manifest has the media type of its push; a charset may follow."""
    got = exchange.media_type
    trials.that(got == expected, expected=f"Content-Type: {expected}", got=got, exchange=exchange)


@requirement("GHD-01", "GHC-07")
def test_round_trip(client: Client, check: Checks, content: Content, repository: str) -> None:
    """An image that is pushed like docker does, with streamed layers and a tag, must be pulled unchanged."""
    trials, image = Trials(check, "GHD-01", "GHC-07"), content.docker_image(layers=2)
    for blob in image.blobs:
        trials.status(client.head_blob(repository, blob.digest), 404)
        opened = client.start_upload(repository)
        trials.status(opened, 202)
        patched = client.patch(location_of(opened) or "", [blob.data])
        trials.status(patched, 202)
        trials.status(client.put_upload(location_of(patched) or "", blob.digest), 201)
        trials.status(client.follow(client.head_blob(repository, blob.digest)), 200)
    trials.push(client, repository, image.without_blobs(), "1.0")
    media_type(trials, trials.pull(client, repository, "1.0", image), DOCKER_IMAGE)
    trials.tags(client, repository, "1.0")


@requirement("GHD-01", "GHC-07")
def test_push_again(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    """The registry must accept existing content again, and move a tag to a new image."""
    trials = Trials(check, "GHD-01", "GHC-07")
    old, new = content.docker_image(), content.docker_image()
    given.manifest(repository, old, "1.0")
    trials.push(client, repository, old, "1.0")
    trials.pull(client, repository, "1.0", old)
    trials.push(client, repository, new, "1.0")
    trials.pull(client, repository, "1.0", new)
    trials.tags(client, repository, "1.0")


@requirement("GHD-18")
def test_many_tags(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    trials, first, second = Trials(check, "GHD-18"), content.docker_image(), content.docker_image()
    given.parts(repository, first)
    given.parts(repository, second)
    trials.push(client, repository, first.without_blobs(), "1.0", "stable", "2020-12.a_b")
    trials.push(client, repository, second.without_blobs(), "2.0", "latest")
    trials.tags(client, repository, "1.0", "stable", "2020-12.a_b", "2.0", "latest")
    for tag, image in (("1.0", first), ("stable", first), ("2.0", second), ("latest", second)):
        trials.pull(client, repository, tag, image.without_blobs())


@requirement("GHD-18")
def test_several_images(
    client: Client, check: Checks, content: Content, repository: str, another_repository: str
) -> None:
    """Two images must exist beside each other, with the same tag and a tag of their own."""
    trials = Trials(check, "GHD-18")
    names = (repository, another_repository)
    images = [content.docker_image() for _ in names]
    for name, image in zip(names, images, strict=True):
        trials.push(client, name, image, "1.0", f"only-{name[-4:]}")
    for name, image in zip(names, images, strict=True):
        trials.pull(client, name, "1.0", image)
        trials.tags(client, name, "1.0", f"only-{name[-4:]}")


@requirement("GHD-16")
@pytest.mark.parametrize("part", [0, 1, 2], ids=["owner", "repository", "image"])
def test_names_are_in_lower_case(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, part: int
) -> None:
    trials, image = Trials(check, "GHD-16"), content.docker_image()
    given.manifest(repository, image, "1.0")
    parts = repository.split("/")
    if part >= len(parts):
        not_applicable(f"the name {repository} has only {len(parts)} parts")
    parts[part] = parts[part].capitalize() if parts[part][0].isalpha() else f"A{parts[part]}"
    name = "/".join(parts)
    trials.refused(client.start_upload(name))
    trials.refused(client.put_manifest(name, "2.0", image.data, media_type=image.media_type))
    trials.refused(client.get_manifest(name, "1.0"))
    trials.absent(client, repository, "2.0")


@requirement("GHD-19")
def test_no_push_by_digest(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    trials, image, other = Trials(check, "GHD-19"), content.docker_image(), content.docker_image()
    given.manifest(repository, image, "1.0")
    given.parts(repository, other)
    trials.refused(client.put_manifest(repository, other.digest, other.data, media_type=other.media_type))
    trials.tags(client, repository, "1.0")


@requirement("GHD-19")
def test_no_pull_by_digest(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    trials, image = Trials(check, "GHD-19"), content.docker_image()
    given.manifest(repository, image, "1.0")
    trials.refused(client.get_manifest(repository, image.digest))
    trials.pull(client, repository, "1.0", image)


@requirement("GHC-02")
def test_deeper_names(client: Client, check: Checks, content: Content, repository: str) -> None:
    trials = Trials(check, "GHC-02")
    for name in (repository, f"{repository}/release", f"{repository}/release/linux/slim"):
        image = content.docker_image(layers=0)
        trials.push(client, name, image, "1.0")
        trials.pull(client, name, "1.0", image)


@requirement("GHC-02")
def test_no_image_without_namespace(
    client: Client, check: Checks, given: Steps, content: Content, repository: str
) -> None:
    trials, image = Trials(check, "GHC-02"), content.docker_image()
    given.manifest(repository, image, "1.0")
    for name in (repository.partition("/")[0], repository.rpartition("/")[2]):
        trials.refused(client.start_upload(name))
        trials.refused(client.put_manifest(name, "1.0", image.data, media_type=image.media_type))
        trials.refused(client.get_manifest(name, "1.0"))


@requirement("GHC-07")
@pytest.mark.parametrize("kind", ["docker", "oci"])
def test_both_formats_by_tag_and_digest(
    client: Client, check: Checks, content: Content, repository: str, kind: str
) -> None:
    trials = Trials(check, "GHC-07")
    image, other = [content.docker_image() if kind == "docker" else content.image() for _ in range(2)]
    trials.push(client, repository, image, "1.0")
    trials.push(client, repository, other, other.digest)
    expected = DOCKER_IMAGE if kind == "docker" else IMAGE
    for reference, pushed in (("1.0", image), (image.digest, image), (other.digest, other)):
        media_type(trials, trials.pull(client, repository, reference, pushed), expected)
    trials.tags(client, repository, "1.0")


@requirement("GHC-07")
@pytest.mark.parametrize("kind", ["docker", "oci"])
def test_images_for_several_platforms(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, kind: str
) -> None:
    trials = Trials(check, "GHC-07")
    children = [content.docker_image(layers=0) if kind == "docker" else content.image(layers=0) for _ in range(2)]
    for child in children:
        given.manifest(repository, child)
    index = content.docker_list(children) if kind == "docker" else content.index(children)
    trials.push(client, repository, index, "1.0")
    expected = DOCKER_LIST if kind == "docker" else INDEX
    for reference in ("1.0", index.digest):
        media_type(trials, trials.pull(client, repository, reference, index), expected)
    trials.pull(client, repository, children[1].digest, children[1])
