"""The part of the contract for storages that outlast their process, and for those that several processes have open."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fakereg.clock import ManualClock
from fakereg.spec.names import Digest, Name, Tag
from fakereg.storage.base import Delta, SpoolInfo, Storage, UploadBusy, UploadGone
from fakereg.storage.contract.steps import (
    EXPIRY,
    A,
    B,
    MakeStorage,
    claimed,
    contents_of,
    filled_spool,
    image,
    push,
    pushed_image,
    put,
    read,
    referrers,
    start,
    state_of,
    stored,
)
from fakereg.storage.repositories import Repositories


@pytest.fixture
def reopened(make_storage: MakeStorage, durable: bool) -> Iterator[list[Storage]]:
    """Yield a list with the open storage, which `reopen` replaces; close it at the end."""
    if not durable:
        pytest.skip("the storage does not outlast its process")
    yield (open := [make_storage()])
    open[0].close()


def reopen(open: list[Storage], make_storage: MakeStorage) -> Storage:
    """Close the storage and open it again."""
    open[0].close()
    open[0] = make_storage()
    return open[0]


def test_index_and_content_are_there_after_a_reopening(reopened: list[Storage], make_storage: MakeStorage) -> None:
    repositories = Repositories(reopened[0])
    subject = pushed_image(repositories, A, "one", "Two")
    push(repositories, A, subject.content)
    referrer = image(Digest.of(b"{}"), subject=subject.digest)
    put(repositories, A, referrer)
    gone = pushed_image(repositories, A, "gone", note="gone")
    shared = push(repositories, A, b"shared" * 500_000, algorithm="sha512")
    assert repositories.mount_blob(B, shared, source=A)
    repositories.delete_manifest(A, gone.digest)
    before = [state_of(reopened[0], name) for name in (A, B)]
    storage = reopen(reopened, make_storage)
    again = Repositories(storage)
    assert [state_of(storage, name) for name in (A, B)] == before
    assert again.repositories() == [A, B]
    assert again.tags(A) == ["Two", "one"]
    assert again.manifest(A, Tag("one")) == stored(subject)
    assert referrers(again, A, subject.digest) == [stored(referrer)]
    assert read(again, A, subject.digest) == subject.content
    assert read(again, B, shared) == b"shared" * 500_000
    assert contents_of(storage, A, gone.digest) == [None]
    assert storage.open(B, subject.digest) is None


def test_notes_and_what_they_keep_are_there_after_a_reopening(
    reopened: list[Storage], make_storage: MakeStorage
) -> None:
    repositories, alone = Repositories(reopened[0]), Name("alone")
    kept, gone = (pushed_image(repositories, A, note=note) for note in ("kept", "gone"))
    layer = Digest.of(b"layer")
    notes = {kept.digest: "kept", layer: "kept", "key": "Text \u20ac\n", "no": None}
    delta = Delta(dict.fromkeys([kept.digest, gone.digest]), {}, {layer: None}, notes)
    repositories.change(A, lambda index: index.plan(delta))
    repositories.change(alone, lambda index: index.plan(Delta(notes={"key": "text"})))
    before = state_of(reopened[0], A)
    for turn in range(2):
        storage = reopen(reopened, make_storage)
        again = Repositories(storage)
        assert state_of(storage, A) == before
        assert contents_of(storage, A, kept.digest, layer, gone.digest) == [kept.content, b"layer", None]
        assert (again.manifest(A, kept.digest), again.open_blob(A, layer)) == (None, None)
        assert (again.repositories(), again.notes(alone)) == ([A], {"key": "text"})
        before.notes["turn"] = str(turn)
        again.change(A, lambda index: index.plan(Delta(notes={"turn": str(turn)})))  # noqa: B023 - called at once
    again.change(A, lambda index: index.plan(Delta(notes=dict.fromkeys(notes))))
    storage = reopen(reopened, make_storage)
    assert state_of(storage, A).notes == {"turn": "1"}
    assert contents_of(storage, A, kept.digest, layer) == [None, None]


def test_spools_are_there_after_a_reopening(reopened: list[Storage], make_storage: MakeStorage) -> None:
    spool = filled_spool(reopened[0], "one", b"bytes")
    spool.describe("text \u00fc")
    spool.close()
    reopened[0].touch_spool("one", 7.5)
    reopened[0].create_spool("dropped", "text", 1.0)
    reopened[0].drop_spool("dropped")
    storage = reopen(reopened, make_storage)
    assert storage.spools() == ["one"]
    assert storage.spool("one") == SpoolInfo("text \u00fc", 7.5, 5)
    spool = storage.hold_spool("one")
    spool.append(b" more")
    storage.apply(A, 0, Delta(blobs={Digest.of(b"bytes more"): 10}), {Digest.of(b"bytes more"): spool})
    spool.close()
    assert reopen(reopened, make_storage).spools() == []
    assert contents_of(reopened[0], A, Digest.of(b"bytes more")) == [b"bytes more"]


def test_a_session_goes_on_after_a_reopening(
    reopened: list[Storage], make_storage: MakeStorage, clock: ManualClock
) -> None:
    repositories = Repositories(reopened[0], clock=clock)
    upload, idle = start(repositories, A), start(repositories, A)
    with claimed(upload):
        upload.append(b"before ")
        upload.short_chunk = True
    clock.advance(EXPIRY)
    assert repositories.upload(A, upload.id)
    again = Repositories(reopen(reopened, make_storage), clock=clock)
    clock.advance(1)
    assert again.upload(A, idle.id) is None
    found = again.upload(A, upload.id)
    assert found
    assert (found.size, found.short_chunk) == (7, True)
    with claimed(found):
        found.append(b"after")
        assert again.finish_upload(found, digest := Digest.of(b"before after"))
    assert read(again, A, digest) == b"before after"


def test_clear_lasts(reopened: list[Storage], make_storage: MakeStorage) -> None:
    pushed_image(Repositories(reopened[0]), A, "tag")
    reopened[0].create_spool("one", "text", 1.0)
    reopened[0].clear()
    storage = reopen(reopened, make_storage)
    assert (storage.repositories(), storage.spools()) == ([], [])


@pytest.fixture
def both(storage: Storage, make_storage: MakeStorage, shared: bool, clock: ManualClock) -> Iterator[list[Repositories]]:
    """Yield the same storage, opened twice."""
    if not shared:
        pytest.skip("the storage is of one process at a time")
    other = make_storage()
    yield [Repositories(each, clock=clock) for each in (storage, other)]
    other.close()


def test_each_sees_at_once_what_the_other_changes(both: list[Repositories]) -> None:
    one, other = both
    for turn in range(5):
        manifest = pushed_image(one, A, "tag", f"tag-{turn}", note=str(turn))
        assert other.manifest(A, Tag("tag")) == stored(manifest)
        assert other.delete_tag(A, Tag(f"tag-{turn}"))
        assert one.tags(A) == ["tag"]
        assert other.delete_manifest(A, manifest.digest)
        assert not one.has_manifests(A)
        assert push(other, A, b"blob") == push(one, B, b"blob")
        assert one.delete_blob(A, Digest.of(b"blob"))
        assert other.blob_size(A, Digest.of(b"blob")) is None
        assert read(other, B, Digest.of(b"blob")) == b"blob"
        one, other = other, one


def test_a_clear_of_the_other_is_seen(both: list[Repositories]) -> None:
    one, other = both
    pushed_image(one, A, "old")
    assert other.tags(A) == ["old"]
    one.clear()
    assert not other.has_repository(A)
    pushed_image(one, A, "new")
    assert other.tags(A) == ["new"]
    assert pushed_image(other, A, "more", note="more")
    assert one.tags(A) == ["more", "new"]


def test_a_session_is_one_for_both(both: list[Repositories], clock: ManualClock) -> None:
    one, other = both
    upload = start(one, A)
    with claimed(upload):
        upload.append(b"one ")
        upload.short_chunk = True
        found = other.upload(A, upload.id)
        assert found
        with pytest.raises(UploadBusy):
            found.claim()
    with claimed(found):
        assert (found.size, found.short_chunk) == (4, True)
        found.append(b"two ")
    with claimed(upload):
        upload.append(b"three")
        assert one.finish_upload(upload, digest := Digest.of(b"one two three"))
    with pytest.raises(UploadGone):
        found.claim()
    assert other.upload(A, upload.id) is None
    assert read(other, A, digest) == b"one two three"


def test_a_request_to_either_keeps_a_session_from_expiring(both: list[Repositories], clock: ManualClock) -> None:
    one, other = both
    upload, idle = start(one, A), start(one, A)
    for _ in range(3):
        clock.advance(EXPIRY)
        assert other.upload(A, upload.id)
    clock.advance(1)
    assert one.upload(A, idle.id) is None
    start(one, A, limit=2)
    assert one.upload(A, upload.id)
    with claimed(upload):
        clock.advance(EXPIRY * 2)
        start(other, A)
        upload.append(b"still there")
    clock.advance(EXPIRY + 1)
    assert other.upload(A, upload.id) is None
    with pytest.raises(UploadGone):
        upload.claim()
