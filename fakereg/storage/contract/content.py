"""The part of the contract that goes through `Repositories`: blobs, manifests, tags and referrers."""

from __future__ import annotations

from typing import Any

import pytest

from fakereg.spec.names import Digest, Name, Tag
from fakereg.storage.base import Delta, MissingContent
from fakereg.storage.contract.steps import (
    A,
    B,
    contents_of,
    image,
    index,
    push,
    pushed_image,
    put,
    read,
    referrers,
    start,
    stored,
)
from fakereg.storage.index import Change, Index, entry_of
from fakereg.storage.repositories import Repositories


def test_a_new_storage_is_empty(repositories: Repositories) -> None:
    assert repositories.repositories() == []
    assert repositories.tags(A) is None
    assert not repositories.has_repository(A)


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("size", [0, 1, 70_000, 3_000_000])
def test_a_pushed_blob_reads_back(repositories: Repositories, size: int, algorithm: str) -> None:
    content = bytes(range(251)) * (size // 251) + b"x" * (size % 251)
    digest = push(repositories, A, content, algorithm=algorithm)
    assert read(repositories, A, digest) == content
    assert repositories.blob_size(A, digest) == size
    assert repositories.repositories() == [A]


def test_a_blob_is_of_its_repository_alone(repositories: Repositories) -> None:
    digest = push(repositories, A, b"secret")
    push(repositories, B, b"other")
    assert repositories.blob_size(B, digest) is None
    assert repositories.open_blob(B, digest) is None


def test_a_mount_shares_a_blob(repositories: Repositories) -> None:
    digest = push(repositories, A, b"shared")
    assert repositories.mount_blob(B, digest, source=A)
    assert repositories.delete_blob(A, digest)
    assert read(repositories, A, digest) is None
    assert read(repositories, B, digest) == b"shared"


def test_a_mount_needs_the_blob_in_its_source(repositories: Repositories) -> None:
    digest = push(repositories, A, b"content")
    assert not repositories.mount_blob(A, digest, source=B)
    assert not repositories.mount_blob(B, Digest.of(b"unknown"), source=A)
    assert not repositories.has_repository(B)


def test_a_mount_without_source_looks_everywhere(repositories: Repositories) -> None:
    digest = push(repositories, A, b"shared")
    assert repositories.mount_blob(B, digest, source=None)
    assert read(repositories, B, digest) == b"shared"
    assert not repositories.mount_blob(B, Digest.of(b"unknown"), source=None)


def test_a_deleted_blob_can_be_pushed_again(repositories: Repositories) -> None:
    digest = push(repositories, A, b"content")
    assert repositories.delete_blob(A, digest)
    assert not repositories.delete_blob(A, digest)
    push(repositories, A, b"content")
    assert read(repositories, A, digest) == b"content"


@pytest.mark.parametrize("size", [10, 3_000_000])
def test_an_open_blob_outlives_its_deletion(repositories: Repositories, size: int) -> None:
    digest = push(repositories, A, b"x" * size)
    stream = repositories.open_blob(A, digest)
    assert stream
    repositories.delete_blob(A, digest)
    with stream:
        assert len(stream.read()) == size


def test_a_manifest_reads_back_by_tag_and_digest(repositories: Repositories) -> None:
    manifest = pushed_image(repositories, A, "one", "two")
    assert repositories.manifest(A, manifest.digest) == stored(manifest)
    assert repositories.manifest(A, Tag("one")) == stored(manifest)
    assert repositories.manifest(A, Tag("three")) is None
    assert repositories.manifest(B, manifest.digest) is None
    assert repositories.tags(A) == ["one", "two"]


def test_tags_are_in_ascii_order(repositories: Repositories) -> None:
    pushed_image(repositories, A, "b", "B", "a", "_", "0", "a.b", "a-b")
    assert repositories.tags(A) == sorted(["b", "B", "a", "_", "0", "a.b", "a-b"])


def test_a_tag_moves(repositories: Repositories) -> None:
    old = pushed_image(repositories, A, "latest", note="old")
    new = pushed_image(repositories, A, "latest", note="new")
    assert repositories.manifest(A, Tag("latest")) == stored(new)
    assert repositories.manifest(A, old.digest) == stored(old)


def test_an_incomplete_manifest_changes_nothing(repositories: Repositories) -> None:
    config, layer = push(repositories, A, b"{}"), Digest.of(b"never pushed")
    manifest = image(config, layer)
    with pytest.raises(MissingContent) as missing:
        put(repositories, A, manifest, "tag")
    assert missing.value.digests == (layer,)
    assert repositories.tags(A) == []
    assert repositories.manifest(A, manifest.digest) is None
    repositories.put_manifest(A, manifest, tags=[Tag("tag")], complete=False)
    assert repositories.manifest(A, Tag("tag")) == stored(manifest)


def test_a_guard_is_told_what_a_push_replaces_and_can_prevent_it(repositories: Repositories) -> None:
    old = pushed_image(repositories, A, "latest", note="old")
    new = image(Digest.of(b"{}"), note="new")
    told: list[Digest | None] = []

    def refuse(current: Digest | None) -> None:
        told.append(current)
        raise LookupError

    for tags in ([Tag("latest")], [Tag("other")], []):
        with pytest.raises(LookupError):
            repositories.put_manifest(A, new, tags=tags, complete=True, guard=refuse)
    with pytest.raises(LookupError):
        repositories.put_manifest(A, old, tags=[], complete=True, guard=refuse)
    assert told == [old.digest, None, None, old.digest]
    assert repositories.manifest(A, new.digest) is None
    assert repositories.tags(A) == ["latest"]
    repositories.put_manifest(A, new, tags=[Tag("latest")], complete=True, guard=told.append)
    assert repositories.manifest(A, Tag("latest")) == stored(new)


def test_a_manifest_is_no_blob_and_a_blob_no_manifest(repositories: Repositories) -> None:
    manifest = pushed_image(repositories, A)
    assert repositories.blob_size(A, manifest.digest) is None
    with pytest.raises(MissingContent):
        put(repositories, A, image(manifest.digest))
    with pytest.raises(MissingContent):
        put(repositories, A, index(push(repositories, A, b"blob")))
    put(repositories, A, index(manifest.digest), "multi")


def test_the_same_bytes_can_be_blob_and_manifest(repositories: Repositories) -> None:
    manifest = pushed_image(repositories, A, "tag")
    push(repositories, A, manifest.content)
    assert repositories.delete_blob(A, manifest.digest)
    assert repositories.manifest(A, Tag("tag")) == stored(manifest)
    push(repositories, A, manifest.content)
    assert repositories.delete_manifest(A, manifest.digest)
    assert read(repositories, A, manifest.digest) == manifest.content


def test_deleting_a_manifest_takes_its_tags_along(repositories: Repositories) -> None:
    gone, kept = (
        pushed_image(repositories, A, "one", "two", note="gone"),
        pushed_image(repositories, A, "three", note="kept"),
    )
    assert repositories.delete_manifest(A, gone.digest)
    assert not repositories.delete_manifest(A, gone.digest)
    assert repositories.tags(A) == ["three"]
    assert repositories.manifest(A, kept.digest) == stored(kept)


def test_several_manifests_come_and_go_together(repositories: Repositories) -> None:
    config, kept = push(repositories, A, b"{}"), pushed_image(repositories, A, "kept", "moved")
    one, two = image(config, note="one"), image(Digest.of(b"not there"), note="two")
    repositories.put_manifests(A, [(one, [Tag("one"), Tag("moved")]), (two, [])])
    assert repositories.targets(A) == {"kept": kept.digest, "moved": one.digest, "one": one.digest}
    assert list(repositories.targets(A)) == repositories.tags(A)
    assert repositories.manifest(A, two.digest) == stored(two)
    repositories.delete_manifests(A, [one.digest, two.digest, Digest.of(b"not there")])
    assert (repositories.tags(A), repositories.manifests(A)) == (["kept"], [kept.digest])
    repositories.delete_manifests(B, [one.digest])
    assert not repositories.has_repository(B)


def test_whether_there_are_manifests_and_tags(repositories: Repositories) -> None:
    def has() -> tuple[bool, bool]:
        return repositories.has_manifests(A), repositories.has_tags(A)

    assert (has(), repositories.targets(A)) == ((False, False), {})
    manifest = pushed_image(repositories, A)
    assert has() == (True, False)
    put(repositories, A, manifest, "tag")
    assert has() == (True, True)
    repositories.delete_manifest(A, manifest.digest)
    assert has() == (False, False)


def test_deleting_a_tag_leaves_manifest_and_siblings(repositories: Repositories) -> None:
    manifest = pushed_image(repositories, A, "one", "two")
    assert repositories.delete_tag(A, Tag("one"))
    assert not repositories.delete_tag(A, Tag("one"))
    assert repositories.tags(A) == ["two"]
    assert repositories.manifest(A, manifest.digest) == stored(manifest)


def test_all_manifests_are_listed_tagged_or_not(repositories: Repositories) -> None:
    digests = sorted(
        pushed_image(repositories, A, *tags, note=str(tags)).digest for tags in (["one", "two"], [], ["three"])
    )
    assert repositories.manifests(A) == digests
    repositories.delete_tag(A, Tag("three"))
    assert repositories.manifests(A) == digests
    assert repositories.manifests(B) is None


def test_a_repository_outlives_its_content(repositories: Repositories) -> None:
    manifest = pushed_image(repositories, A, "tag")
    repositories.delete_manifest(A, manifest.digest)
    assert (repositories.tags(A), repositories.manifests(A)) == ([], [])
    assert repositories.repositories() == [A]


def test_referrers_are_the_live_manifests_with_the_subject(repositories: Repositories) -> None:
    subject = pushed_image(repositories, A, "subject")
    empty = push(repositories, A, b"{}")
    first = image(empty, subject=subject.digest, note="first")
    second = image(empty, subject=subject.digest, note="second")
    for manifest in (first, second, image(empty, subject=first.digest)):
        put(repositories, A, manifest)
    expected = sorted([stored(first), stored(second)], key=lambda manifest: manifest.digest)
    assert referrers(repositories, A, subject.digest) == expected
    repositories.delete_manifest(A, first.digest)
    repositories.delete_manifest(A, subject.digest)
    assert referrers(repositories, A, subject.digest) == [stored(second)]
    assert referrers(repositories, B, subject.digest) == []


def test_referrers_come_in_pages_by_number_and_size(repositories: Repositories) -> None:
    empty, subject = push(repositories, A, b"{}"), Digest.of(b"subject")
    pushed = sorted(put(repositories, A, image(empty, subject=subject, note=str(number))) for number in range(5))
    ends: dict[str, Any] = {"artifact_type": None, "last": "", "limit": 99, "size": 10**9}
    one = len(referrers(repositories, A, subject)[0].content)
    for page, count in (({"limit": 2}, 2), ({"size": 3 * one}, 3), ({"size": 1}, 1), ({}, 5), ({"limit": 5}, 5)):
        found, more = repositories.referrers(A, subject, **{**ends, **page})
        assert [manifest.digest for manifest in found] == pushed[:count]
        assert more is (count < 5)
    found, more = repositories.referrers(A, subject, **{**ends, "last": pushed[2]})
    assert [manifest.digest for manifest in found] == pushed[3:]
    assert not more


def test_referrers_can_be_of_one_artifact_type(repositories: Repositories) -> None:
    empty, subject = push(repositories, A, b"{}"), Digest.of(b"subject")
    put(repositories, A, image(empty, subject=subject))
    assert len(referrers(repositories, A, subject, artifact_type="application/vnd.oci.image.config.v1+json")) == 1
    assert referrers(repositories, A, subject, artifact_type="application/vnd.example") == []


def test_notes_change_with_the_content_and_alone(repositories: Repositories) -> None:
    assert repositories.notes(A) == {}
    config = push(repositories, A, b"{}")
    manifest = image(config)

    def counted(index: Index) -> dict[str, str | None]:
        return {"pushes": str(1 + int(index.notes.get("pushes", "0")))}

    for _ in range(2):
        repositories.put_manifest(A, manifest, tags=[Tag("tag")], complete=True, notes=counted)
    assert repositories.notes(A) == {"pushes": "2"}
    with pytest.raises(MissingContent):
        repositories.put_manifest(A, image(Digest.of(b"missing")), tags=[], complete=True, notes=counted)
    assert repositories.change(A, lambda index: index.without_manifests([manifest.digest], {"deleted": "yes"}))
    assert repositories.notes(A) == {"pushes": "2", "deleted": "yes"}
    assert repositories.change(A, lambda index: Change(Delta(notes={"pushes": None})))
    assert not repositories.change(A, lambda index: None)
    assert repositories.notes(A) == {"deleted": "yes"}
    repositories.clear()
    assert repositories.notes(A) == {}


def test_what_a_note_keeps_is_not_served_and_can_come_back(repositories: Repositories) -> None:
    manifest = pushed_image(repositories, A, "tag")
    layer = Digest.of(b"layer")
    gone = Delta({manifest.digest: None}, {Tag("tag"): None}, {layer: None}, {manifest.digest: "", layer: ""})
    assert repositories.change(A, lambda index: index.plan(gone))
    assert repositories.manifest(A, manifest.digest) is None
    assert (repositories.blob_size(A, layer), read(repositories, A, layer)) == (None, None)
    assert (repositories.tags(A), repositories.manifests(A)) == ([], [])
    assert not repositories.mount_blob(B, layer, source=A)
    back = Delta(
        {manifest.digest: entry_of(manifest)}, {Tag("tag"): manifest.digest}, {layer: 5}, dict.fromkeys(gone.notes)
    )
    assert repositories.change(A, lambda index: index.plan(back))
    assert repositories.manifest(A, Tag("tag")) == stored(manifest)
    assert read(repositories, A, layer) == b"layer"
    assert repositories.change(A, lambda index: index.plan(gone))
    push(repositories, A, b"layer")
    put(repositories, A, manifest)
    assert repositories.delete_blob(A, layer)
    assert repositories.delete_manifest(A, manifest.digest)
    assert contents_of(repositories.storage, A, manifest.digest, layer) == [manifest.content, b"layer"]
    assert repositories.change(A, lambda index: index.plan(Delta(notes=dict.fromkeys(gone.notes))))
    assert contents_of(repositories.storage, A, manifest.digest, layer) == [None, None]


def test_a_repository_of_notes_alone_is_not_listed(repositories: Repositories) -> None:
    one, other = Name("one"), Name("other")
    for name in (one, other):
        assert repositories.change(name, lambda index: Change(Delta(notes={"key": "text"})))
    assert repositories.change(other, lambda index: Change(Delta(notes={"key": None})))
    pushed_image(repositories, A)
    assert repositories.repositories() == [A]
    assert not repositories.has_repository(one)
    assert (repositories.tags(one), repositories.manifests(one)) == (None, None)
    assert (repositories.notes(one), repositories.notes(other)) == ({"key": "text"}, {})
    blob = push(repositories, one, b"blob")
    assert repositories.notes(one) == {"key": "text"}
    assert repositories.repositories() == [one, A]
    repositories.delete_blob(one, blob)
    assert repositories.repositories() == [one, A]
    assert repositories.tags(one) == []


def test_clear_forgets_everything(repositories: Repositories) -> None:
    pushed_image(repositories, A, "tag")
    upload = start(repositories, A)
    repositories.clear()
    assert repositories.repositories() == []
    assert repositories.upload(A, upload.id) is None
    pushed_image(repositories, A, "tag")
    assert repositories.tags(A) == ["tag"]
