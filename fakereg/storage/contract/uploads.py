"""The part of a storage's contract that is about upload sessions."""

from __future__ import annotations

import pytest

from fakereg.clock import ManualClock
from fakereg.spec.names import Digest
from fakereg.storage.base import Storage, TooManyUploads, UploadBusy, UploadGone
from fakereg.storage.contract.steps import EXPIRY, A, B, read, start


def test_the_digest_decides_whether_a_session_ends_in_a_blob(storage: Storage) -> None:
    upload = start(storage, A)
    upload.claim()
    upload.append(b"content")
    assert not storage.finish_upload(upload, Digest.of(b"something else"))
    upload.release()
    assert storage.upload(A, upload.id) is None
    assert storage.blob_size(A, Digest.of(b"content")) is None


def test_a_session_can_end_with_another_algorithm_than_it_began_with(storage: Storage) -> None:
    upload = start(storage, A, algorithm="sha256")
    upload.claim()
    upload.append(b"content")
    assert storage.finish_upload(upload, Digest.of(b"content", algorithm="sha512"))
    upload.release()


def test_a_session_goes_on_over_several_requests(storage: Storage) -> None:
    id = start(storage, A).id
    for data in (b"one ", b"two ", b"three"):
        upload = storage.upload(A, id)
        assert upload
        upload.claim()
        upload.append(data)
        upload.release()
    upload = storage.upload(A, id)
    assert upload
    assert upload.size == 13
    upload.claim()
    assert storage.finish_upload(upload, digest := Digest.of(b"one two three"))
    upload.release()
    assert read(storage, A, digest) == b"one two three"


@pytest.mark.parametrize("extra", [1, 5_000_000])
def test_rollback_forgets_what_came_since_the_claim(storage: Storage, extra: int) -> None:
    upload = start(storage, A)
    upload.claim()
    upload.append(b"keep")
    upload.release()
    upload.claim()
    upload.append(b"x" * extra)
    upload.rollback()
    assert upload.size == 4
    upload.append(b" it")
    assert storage.finish_upload(upload, digest := Digest.of(b"keep it"))
    upload.release()
    assert read(storage, A, digest) == b"keep it"


def test_one_request_at_a_time_writes_to_a_session(storage: Storage) -> None:
    upload = start(storage, A)
    upload.claim()
    with pytest.raises(UploadBusy):
        upload.claim()
    upload.release()
    upload.claim()
    upload.release()


def test_a_session_that_has_ended_cannot_be_claimed(storage: Storage) -> None:
    upload = start(storage, A)
    upload.claim()
    storage.cancel_upload(upload)
    upload.release()
    with pytest.raises(UploadGone):
        upload.claim()
    assert storage.upload(A, upload.id) is None


def test_a_session_is_of_its_repository_alone(storage: Storage) -> None:
    assert storage.upload(B, start(storage, A).id) is None


def test_a_session_expires_without_requests(storage: Storage, clock: ManualClock) -> None:
    used, unused = start(storage, A), start(storage, A)
    clock.advance(EXPIRY)
    assert storage.upload(A, used.id)
    clock.advance(1)
    assert storage.upload(A, unused.id) is None
    assert storage.upload(A, used.id)


def test_expired_sessions_make_room(storage: Storage, clock: ManualClock) -> None:
    start(storage, A, limit=2)
    start(storage, A, limit=2)
    with pytest.raises(TooManyUploads):
        start(storage, A, limit=2)
    clock.advance(EXPIRY + 1)
    with pytest.raises(TooManyUploads):
        start(storage, A, limit=0)
    start(storage, A, limit=1)


def test_an_upload_under_way_when_everything_is_forgotten_is_gone(storage: Storage) -> None:
    upload = start(storage, A)
    upload.claim()
    upload.append(b"half")
    storage.clear()
    with pytest.raises(UploadGone):
        upload.append(b"more")
    with pytest.raises(UploadGone):
        storage.finish_upload(upload, Digest.of(b"half"))
    with pytest.raises(UploadGone):
        storage.cancel_upload(upload)
    upload.release()
    assert storage.repositories() == []


def test_a_session_ends_at_its_timeout_however_busy_it_is(storage: Storage, clock: ManualClock) -> None:
    upload, other = start(storage, A, timeout=100), start(storage, A)
    for _ in range(2):
        clock.advance(50)
        assert storage.upload(A, upload.id)
        assert storage.upload(A, other.id)
    upload.claim()
    upload.append(b"in time")
    clock.advance(1)
    with pytest.raises(UploadGone):
        upload.append(b"late")
    with pytest.raises(UploadGone):
        storage.finish_upload(upload, Digest.of(b"in time"))
    upload.release()
    assert storage.upload(A, upload.id) is None
    assert storage.upload(A, other.id)
    assert not storage.has_repository(A)


def test_sessions_past_their_timeout_make_room(storage: Storage, clock: ManualClock) -> None:
    first, second = start(storage, A), start(storage, A, timeout=EXPIRY)
    clock.advance(EXPIRY)
    assert storage.upload(A, first.id)
    assert storage.upload(A, second.id)
    clock.advance(1)
    start(storage, A, limit=2)
    with pytest.raises(TooManyUploads):
        start(storage, A, limit=2)
