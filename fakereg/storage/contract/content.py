"""The contract of a storage, as tests that any storage can be put to.

In a test module of the project that has the storage:

    from fakereg.storage.contract import *

    @pytest.fixture
    def make_storage(tmp_path):
        return lambda *, clock: MyStorage(tmp_path, clock=clock)
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fakereg.clock import ManualClock
from fakereg.spec.names import Digest, Tag
from fakereg.storage.base import MissingContent, Storage
from fakereg.storage.contract.steps import A, B, image, index, push, pushed_image, put, read, referrers, start, stored
from fakereg.storage.contract.uploads import *  # noqa: F403

MakeStorage = Callable[..., Storage]


@pytest.fixture
def clock() -> ManualClock:
    """The clock of the storage under test."""
    return ManualClock()


@pytest.fixture
def storage(make_storage: MakeStorage, clock: ManualClock) -> Iterator[Storage]:
    """The storage under test, empty."""
    made = make_storage(clock=clock)
    yield made
    made.close()


def test_a_new_storage_is_empty(storage: Storage) -> None:
    assert storage.repositories() == []
    assert storage.tags(A) is None
    assert not storage.has_repository(A)


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("size", [0, 1, 70_000, 3_000_000])
def test_a_pushed_blob_reads_back(storage: Storage, size: int, algorithm: str) -> None:
    content = bytes(range(251)) * (size // 251) + b"x" * (size % 251)
    digest = push(storage, A, content, algorithm=algorithm)
    assert read(storage, A, digest) == content
    assert storage.blob_size(A, digest) == size
    assert storage.repositories() == [A]


def test_a_blob_is_of_its_repository_alone(storage: Storage) -> None:
    digest = push(storage, A, b"secret")
    push(storage, B, b"other")
    assert storage.blob_size(B, digest) is None
    assert storage.open_blob(B, digest) is None


def test_a_mount_shares_a_blob(storage: Storage) -> None:
    digest = push(storage, A, b"shared")
    assert storage.mount_blob(B, digest, source=A)
    assert storage.delete_blob(A, digest)
    assert read(storage, A, digest) is None
    assert read(storage, B, digest) == b"shared"


def test_a_mount_needs_the_blob_in_its_source(storage: Storage) -> None:
    digest = push(storage, A, b"content")
    assert not storage.mount_blob(A, digest, source=B)
    assert not storage.mount_blob(B, Digest.of(b"unknown"), source=A)
    assert not storage.has_repository(B)


def test_a_mount_without_source_looks_everywhere(storage: Storage) -> None:
    digest = push(storage, A, b"shared")
    assert storage.mount_blob(B, digest, source=None)
    assert read(storage, B, digest) == b"shared"
    assert not storage.mount_blob(B, Digest.of(b"unknown"), source=None)


def test_a_deleted_blob_can_be_pushed_again(storage: Storage) -> None:
    digest = push(storage, A, b"content")
    assert storage.delete_blob(A, digest)
    assert not storage.delete_blob(A, digest)
    push(storage, A, b"content")
    assert read(storage, A, digest) == b"content"


@pytest.mark.parametrize("size", [10, 3_000_000])
def test_an_open_blob_outlives_its_deletion(storage: Storage, size: int) -> None:
    digest = push(storage, A, b"x" * size)
    stream = storage.open_blob(A, digest)
    assert stream
    storage.delete_blob(A, digest)
    with stream:
        assert len(stream.read()) == size


def test_a_manifest_reads_back_by_tag_and_digest(storage: Storage) -> None:
    manifest = pushed_image(storage, A, "one", "two")
    assert storage.manifest(A, manifest.digest) == stored(manifest)
    assert storage.manifest(A, Tag("one")) == stored(manifest)
    assert storage.manifest(A, Tag("three")) is None
    assert storage.manifest(B, manifest.digest) is None
    assert storage.tags(A) == ["one", "two"]


def test_tags_are_in_ascii_order(storage: Storage) -> None:
    pushed_image(storage, A, "b", "B", "a", "_", "0", "a.b", "a-b")
    assert storage.tags(A) == sorted(["b", "B", "a", "_", "0", "a.b", "a-b"])


def test_a_tag_moves(storage: Storage) -> None:
    old = pushed_image(storage, A, "latest", note="old")
    new = pushed_image(storage, A, "latest", note="new")
    assert storage.manifest(A, Tag("latest")) == stored(new)
    assert storage.manifest(A, old.digest) == stored(old)


def test_an_incomplete_manifest_changes_nothing(storage: Storage) -> None:
    config, layer = push(storage, A, b"{}"), Digest.of(b"never pushed")
    manifest = image(config, layer)
    with pytest.raises(MissingContent) as missing:
        put(storage, A, manifest, "tag")
    assert missing.value.digests == (layer,)
    assert storage.tags(A) == []
    assert storage.manifest(A, manifest.digest) is None
    storage.put_manifest(A, manifest, tags=[Tag("tag")], complete=False)
    assert storage.manifest(A, Tag("tag")) == stored(manifest)


def test_a_guard_is_told_what_a_push_replaces_and_can_prevent_it(storage: Storage) -> None:
    old = pushed_image(storage, A, "latest", note="old")
    new = image(Digest.of(b"{}"), note="new")
    told: list[Digest | None] = []

    def refuse(current: Digest | None) -> None:
        told.append(current)
        raise LookupError

    for tags in ([Tag("latest")], [Tag("other")], []):
        with pytest.raises(LookupError):
            storage.put_manifest(A, new, tags=tags, complete=True, guard=refuse)
    with pytest.raises(LookupError):
        storage.put_manifest(A, old, tags=[], complete=True, guard=refuse)
    assert told == [old.digest, None, None, old.digest]
    assert storage.manifest(A, new.digest) is None
    assert storage.tags(A) == ["latest"]
    storage.put_manifest(A, new, tags=[Tag("latest")], complete=True, guard=told.append)
    assert storage.manifest(A, Tag("latest")) == stored(new)


def test_a_manifest_is_no_blob_and_a_blob_no_manifest(storage: Storage) -> None:
    manifest = pushed_image(storage, A)
    assert storage.blob_size(A, manifest.digest) is None
    with pytest.raises(MissingContent):
        put(storage, A, image(manifest.digest))
    with pytest.raises(MissingContent):
        put(storage, A, index(push(storage, A, b"blob")))
    put(storage, A, index(manifest.digest), "multi")


def test_the_same_bytes_can_be_blob_and_manifest(storage: Storage) -> None:
    manifest = pushed_image(storage, A, "tag")
    push(storage, A, manifest.content)
    assert storage.delete_blob(A, manifest.digest)
    assert storage.manifest(A, Tag("tag")) == stored(manifest)
    push(storage, A, manifest.content)
    assert storage.delete_manifest(A, manifest.digest)
    assert read(storage, A, manifest.digest) == manifest.content


def test_deleting_a_manifest_takes_its_tags_along(storage: Storage) -> None:
    gone, kept = pushed_image(storage, A, "one", "two", note="gone"), pushed_image(storage, A, "three", note="kept")
    assert storage.delete_manifest(A, gone.digest)
    assert not storage.delete_manifest(A, gone.digest)
    assert storage.tags(A) == ["three"]
    assert storage.manifest(A, kept.digest) == stored(kept)


def test_several_manifests_come_and_go_together(storage: Storage) -> None:
    config, kept = push(storage, A, b"{}"), pushed_image(storage, A, "kept", "moved")
    one, two = image(config, note="one"), image(Digest.of(b"not there"), note="two")
    storage.put_manifests(A, [(one, [Tag("one"), Tag("moved")]), (two, [])])
    assert storage.targets(A) == {"kept": kept.digest, "moved": one.digest, "one": one.digest}
    assert list(storage.targets(A)) == storage.tags(A)
    assert storage.manifest(A, two.digest) == stored(two)
    storage.delete_manifests(A, [one.digest, two.digest, Digest.of(b"not there")])
    assert (storage.tags(A), storage.manifests(A)) == (["kept"], [kept.digest])
    storage.delete_manifests(B, [one.digest])
    assert not storage.has_repository(B)


def test_whether_there_are_manifests_and_tags(storage: Storage) -> None:
    def has() -> tuple[bool, bool]:
        return storage.has_manifests(A), storage.has_tags(A)

    assert (has(), storage.targets(A)) == ((False, False), {})
    manifest = pushed_image(storage, A)
    assert has() == (True, False)
    put(storage, A, manifest, "tag")
    assert has() == (True, True)
    storage.delete_manifest(A, manifest.digest)
    assert has() == (False, False)


def test_deleting_a_tag_leaves_manifest_and_siblings(storage: Storage) -> None:
    manifest = pushed_image(storage, A, "one", "two")
    assert storage.delete_tag(A, Tag("one"))
    assert not storage.delete_tag(A, Tag("one"))
    assert storage.tags(A) == ["two"]
    assert storage.manifest(A, manifest.digest) == stored(manifest)


def test_all_manifests_are_listed_tagged_or_not(storage: Storage) -> None:
    digests = sorted(pushed_image(storage, A, *tags, note=str(tags)).digest for tags in (["one", "two"], [], ["three"]))
    assert storage.manifests(A) == digests
    storage.delete_tag(A, Tag("three"))
    assert storage.manifests(A) == digests
    assert storage.manifests(B) is None


def test_a_repository_outlives_its_content(storage: Storage) -> None:
    manifest = pushed_image(storage, A, "tag")
    storage.delete_manifest(A, manifest.digest)
    assert (storage.tags(A), storage.manifests(A)) == ([], [])
    assert storage.repositories() == [A]


def test_referrers_are_the_live_manifests_with_the_subject(storage: Storage) -> None:
    subject = pushed_image(storage, A, "subject")
    empty = push(storage, A, b"{}")
    first = image(empty, subject=subject.digest, note="first")
    second = image(empty, subject=subject.digest, note="second")
    for manifest in (first, second, image(empty, subject=first.digest)):
        put(storage, A, manifest)
    expected = sorted([stored(first), stored(second)], key=lambda manifest: manifest.digest)
    assert referrers(storage, A, subject.digest) == expected
    storage.delete_manifest(A, first.digest)
    storage.delete_manifest(A, subject.digest)
    assert referrers(storage, A, subject.digest) == [stored(second)]
    assert referrers(storage, B, subject.digest) == []


def test_referrers_come_in_pages_by_number_and_size(storage: Storage) -> None:
    empty, subject = push(storage, A, b"{}"), Digest.of(b"subject")
    pushed = sorted(put(storage, A, image(empty, subject=subject, note=str(number))) for number in range(5))
    ends: dict[str, Any] = {"artifact_type": None, "last": "", "limit": 99, "size": 10**9}
    one = len(referrers(storage, A, subject)[0].content)
    for page, count in (({"limit": 2}, 2), ({"size": 3 * one}, 3), ({"size": 1}, 1), ({}, 5), ({"limit": 5}, 5)):
        found, more = storage.referrers(A, subject, **{**ends, **page})
        assert [manifest.digest for manifest in found] == pushed[:count]
        assert more is (count < 5)
    found, more = storage.referrers(A, subject, **{**ends, "last": pushed[2]})
    assert [manifest.digest for manifest in found] == pushed[3:]
    assert not more


def test_referrers_can_be_of_one_artifact_type(storage: Storage) -> None:
    empty, subject = push(storage, A, b"{}"), Digest.of(b"subject")
    put(storage, A, image(empty, subject=subject))
    assert len(referrers(storage, A, subject, artifact_type="application/vnd.oci.image.config.v1+json")) == 1
    assert referrers(storage, A, subject, artifact_type="application/vnd.example") == []


def test_clear_forgets_everything(storage: Storage) -> None:
    pushed_image(storage, A, "tag")
    upload = start(storage, A)
    storage.clear()
    assert storage.repositories() == []
    assert storage.upload(A, upload.id) is None
    pushed_image(storage, A, "tag")
    assert storage.tags(A) == ["tag"]


def test_many_threads_push_the_same_content(storage: Storage) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(20):
                pushed_image(storage, A if number % 2 else B, f"tag-{number}", note=str(turn))
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert storage.tags(A) == ["tag-1", "tag-3"]
    assert storage.tags(B) == ["tag-0", "tag-2"]
    assert storage.manifest(A, Tag("tag-1")) == storage.manifest(B, Tag("tag-0")) is not None
