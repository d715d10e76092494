"""Reading back what was written: after each kind of write, by tag and by digest, in every way to ask."""

from __future__ import annotations

import pytest

from conformance.checks.read_back import BLOBS, MANIFESTS, TAGS, ReadBack
from conformance.client.chunks import chunk_length
from conformance.client.client import Client, location_of
from conformance.client.content import Blob, Content
from conformance.client.steps import Steps
from conformance.scene.requirement import requirement


@requirement(*MANIFESTS, *TAGS)
def test_pushed_to_a_tag(given: Steps, content: Content, repository: str, read_back: ReadBack) -> None:
    image = content.image()
    given.parts(repository, image)
    read_back.no_manifest(repository, "v1", image.digest)
    given.put(repository, image, "v1")
    read_back.manifest(repository, image, "v1", image.digest)
    read_back.tags(repository, "v1")


@requirement(*MANIFESTS, *TAGS)
def test_pushed_to_a_digest_and_tagged(given: Steps, content: Content, repository: str, read_back: ReadBack) -> None:
    image = content.image()
    given.parts(repository, image)
    read_back.no_manifest(repository, image.digest, "v1")
    given.put(repository, image, image.digest)
    read_back.manifest(repository, image, image.digest)
    read_back.no_manifest(repository, "v1")
    for number, tag in enumerate(tags := ("v1", "v2")):
        given.put(repository, image, tag)
        read_back.manifest(repository, image, *tags[: number + 1], image.digest)
        read_back.tags(repository, *tags[: number + 1])


@requirement(*MANIFESTS)
def test_index_and_its_images(given: Steps, content: Content, repository: str, read_back: ReadBack) -> None:
    images = [content.image(), content.image(layers=2)]
    index = content.index(images)
    given.parts(repository, index)
    read_back.no_manifest(repository, "v1", index.digest)
    given.put(repository, index, "v1")
    read_back.manifest(repository, index, "v1", index.digest)
    for image in images:
        read_back.manifest(repository, image, image.digest)


@requirement(*MANIFESTS, *TAGS)
def test_tag_that_moves_there_and_back(given: Steps, content: Content, repository: str, read_back: ReadBack) -> None:
    old, new = content.image(), content.image(layers=2)
    given.parts(repository, old)
    read_back.no_manifest(repository, "latest", old.digest, new.digest)
    given.manifest(repository, old, "latest", "old")
    read_back.manifest(repository, old, "latest", "old", old.digest)
    given.manifest(repository, new, "latest")
    read_back.manifest(repository, new, "latest", new.digest)
    read_back.manifest(repository, old, "old", old.digest)
    given.put(repository, old, "latest")
    read_back.manifest(repository, old, "latest", "old", old.digest)
    read_back.same_or_no_manifest(repository, new, new.digest)  # without a tag it may be cleaned up
    read_back.tags(repository, "latest", "old")


@requirement(*MANIFESTS)
def test_tag_from_an_image_to_an_index(given: Steps, content: Content, repository: str, read_back: ReadBack) -> None:
    image = content.image()
    index = content.index([image])
    given.parts(repository, image)
    read_back.no_manifest(repository, "latest", index.digest)
    given.manifest(repository, image, "latest", "image")
    read_back.manifest(repository, image, "latest")
    given.put(repository, index, "latest")
    read_back.manifest(repository, index, "latest", index.digest)
    read_back.manifest(repository, image, "image", image.digest)


@requirement(*MANIFESTS, *TAGS, needs="tag_deletion")
def test_deleted_tag(given: Steps, content: Content, repository: str, read_back: ReadBack) -> None:
    image, other = content.image(), content.image(layers=2)
    given.manifest(repository, image, "gone", "kept")
    read_back.manifest(repository, image, "gone", "kept", image.digest)
    given.delete_manifest(repository, "gone")
    read_back.no_manifest(repository, "gone")
    read_back.manifest(repository, image, "kept", image.digest)
    read_back.tags(repository, "kept")
    given.manifest(repository, other, "gone")
    read_back.manifest(repository, other, "gone", other.digest)
    read_back.tags(repository, "gone", "kept")


@requirement(*MANIFESTS, *TAGS, needs=("manifest_deletion", "tagged_manifest_deletion"))
def test_deleted_manifest(given: Steps, content: Content, repository: str, read_back: ReadBack) -> None:
    image, other = content.image(), content.image(layers=2)
    given.manifest(repository, image, "one", "two")
    given.manifest(repository, other, "other")
    read_back.manifest(repository, image, "one", "two", image.digest)
    given.delete_manifest(repository, image.digest)
    read_back.no_manifest(repository, image.digest, "one", "two")
    read_back.manifest(repository, other, "other", other.digest)
    read_back.tags(repository, "other")
    given.manifest(repository, image, "one")
    read_back.manifest(repository, image, "one", image.digest)
    read_back.no_manifest(repository, "two")
    read_back.tags(repository, "one", "other")


@requirement(*BLOBS)
@pytest.mark.parametrize(
    "way",
    [
        "post and put",
        "chunks",
        "single post",
        "mount",
        "empty",
    ],
)
def test_pushed_blob(
    given: Steps,
    content: Content,
    repository: str,
    another_repository: str,
    read_back: ReadBack,
    way: str,
) -> None:
    blob, other = content.blob(0 if way == "empty" else 5000), content.blob()
    for name in (repository, another_repository):
        given.blob(name, other)
    if way == "mount":
        given.blob(another_repository, blob)
    if way != "empty":  # which any repository may have
        read_back.no_blob(repository, blob.digest)
    push(given, repository, blob, way, another_repository)
    read_back.blob(repository, blob, other)
    if way == "mount":
        read_back.blob(another_repository, blob)
    elif way != "empty":
        read_back.no_blob(another_repository, blob.digest)


def push(given: Steps, repository: str, blob: Blob, way: str, another_repository: str) -> None:
    """Push a blob in one of the ways."""
    if way == "single post":
        given.post(repository, blob)
    elif way == "mount":
        given.mount(repository, blob, another_repository)
    elif way == "chunks":
        answer = given.session(repository)
        middle = max(chunk_length(answer), len(blob.data) // 2)
        answer = given.chunk(answer, blob.data[:middle], 0)
        given.close(answer, blob, blob.data[middle:])
    else:
        given.blob(repository, blob)


@requirement(*BLOBS)
def test_blob_of_an_open_session(
    client: Client, given: Steps, content: Content, repository: str, read_back: ReadBack
) -> None:
    """What was sent must not be there before the session is closed, and not after it was cancelled."""
    given.blob(repository, content.blob())
    opened, cancelled = content.blob(), content.blob()
    answer = given.chunk(given.session(repository), opened.data, 0)
    other = given.chunk(given.session(repository), cancelled.data, 0)
    read_back.no_blob(repository, opened.digest, cancelled.digest)
    ended = client.cancel_upload(location_of(other) or "")
    given.close(answer, opened)
    read_back.blob(repository, opened)
    read_back.no_blob(repository, cancelled.digest)
    if ended.status < 300:
        given.blob(repository, cancelled)
        read_back.blob(repository, cancelled)


@requirement(*BLOBS, needs="blob_deletion")
def test_blob_after_a_deletion(given: Steps, content: Content, repository: str, read_back: ReadBack) -> None:
    """Another blob must stay, and the deleted one come back when it is pushed again."""
    blob, other = content.blob(), content.blob()
    given.blob(repository, other)
    read_back.no_blob(repository, blob.digest)
    given.blob(repository, blob)
    read_back.blob(repository, blob, other)
    given.delete_blob(repository, blob.digest)
    read_back.blob(repository, other)
    given.blob(repository, blob)
    read_back.blob(repository, blob, other)
