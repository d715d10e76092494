"""The part of the contract that goes through `Repositories`: upload sessions."""

from __future__ import annotations

import pytest

from fakereg.clock import ManualClock
from fakereg.spec.names import Digest
from fakereg.storage.base import Storage, UploadBusy, UploadGone
from fakereg.storage.contract.steps import EXPIRY, A, B, claimed, read, start
from fakereg.storage.repositories import Repositories, TooManyUploads


def test_the_digest_decides_whether_a_session_ends_in_a_blob(repositories: Repositories) -> None:
    upload = start(repositories, A)
    upload.claim()
    upload.append(b"content")
    assert not repositories.finish_upload(upload, Digest.of(b"something else"))
    upload.release()
    assert repositories.upload(A, upload.id) is None
    assert repositories.blob_size(A, Digest.of(b"content")) is None


def test_a_session_can_end_with_another_algorithm_than_it_began_with(repositories: Repositories) -> None:
    upload = start(repositories, A, algorithm="sha256")
    upload.claim()
    upload.append(b"content")
    assert repositories.finish_upload(upload, Digest.of(b"content", algorithm="sha512"))
    upload.release()


def test_a_session_goes_on_over_several_requests(repositories: Repositories) -> None:
    id = start(repositories, A).id
    for data in (b"one ", b"two ", b"three"):
        upload = repositories.upload(A, id)
        assert upload
        upload.claim()
        upload.append(data)
        upload.release()
    upload = repositories.upload(A, id)
    assert upload
    assert upload.size == 13
    upload.claim()
    assert repositories.finish_upload(upload, digest := Digest.of(b"one two three"))
    upload.release()
    assert read(repositories, A, digest) == b"one two three"


@pytest.mark.parametrize("extra", [1, 5_000_000])
def test_rollback_forgets_what_came_since_the_claim(repositories: Repositories, extra: int) -> None:
    upload = start(repositories, A)
    upload.claim()
    upload.append(b"keep")
    upload.release()
    upload.claim()
    upload.append(b"x" * extra)
    upload.rollback()
    assert upload.size == 4
    upload.append(b" it")
    assert repositories.finish_upload(upload, digest := Digest.of(b"keep it"))
    upload.release()
    assert read(repositories, A, digest) == b"keep it"


def test_one_request_at_a_time_writes_to_a_session(repositories: Repositories) -> None:
    upload = start(repositories, A)
    upload.claim()
    with pytest.raises(UploadBusy):
        upload.claim()
    upload.release()
    upload.claim()
    upload.release()


def test_a_session_that_has_ended_cannot_be_claimed(repositories: Repositories) -> None:
    upload = start(repositories, A)
    upload.claim()
    repositories.cancel_upload(upload)
    upload.release()
    with pytest.raises(UploadGone):
        upload.claim()
    assert repositories.upload(A, upload.id) is None


def test_a_session_is_of_its_repository_alone(repositories: Repositories) -> None:
    assert repositories.upload(B, start(repositories, A).id) is None


def test_a_session_expires_without_requests(repositories: Repositories, clock: ManualClock) -> None:
    used, unused = start(repositories, A), start(repositories, A)
    clock.advance(EXPIRY)
    assert repositories.upload(A, used.id)
    clock.advance(1)
    assert repositories.upload(A, unused.id) is None
    assert repositories.upload(A, used.id)


def test_expired_sessions_make_room(repositories: Repositories, clock: ManualClock) -> None:
    start(repositories, A, limit=2)
    start(repositories, A, limit=2)
    with pytest.raises(TooManyUploads):
        start(repositories, A, limit=2)
    clock.advance(EXPIRY + 1)
    with pytest.raises(TooManyUploads):
        start(repositories, A, limit=0)
    start(repositories, A, limit=1)


def test_an_upload_under_way_when_everything_is_forgotten_is_gone(repositories: Repositories) -> None:
    upload = start(repositories, A)
    upload.claim()
    upload.append(b"half")
    repositories.clear()
    with pytest.raises(UploadGone):
        upload.append(b"more")
    with pytest.raises(UploadGone):
        repositories.finish_upload(upload, Digest.of(b"half"))
    with pytest.raises(UploadGone):
        repositories.cancel_upload(upload)
    upload.release()
    assert repositories.repositories() == []


def test_a_session_ends_at_its_timeout_however_busy_it_is(repositories: Repositories, clock: ManualClock) -> None:
    upload, other = start(repositories, A, timeout=100), start(repositories, A)
    for _ in range(2):
        clock.advance(50)
        assert repositories.upload(A, upload.id)
        assert repositories.upload(A, other.id)
    upload.claim()
    upload.append(b"in time")
    clock.advance(1)
    with pytest.raises(UploadGone):
        upload.append(b"late")
    with pytest.raises(UploadGone):
        repositories.finish_upload(upload, Digest.of(b"in time"))
    upload.release()
    assert repositories.upload(A, upload.id) is None
    assert repositories.upload(A, other.id)
    assert not repositories.has_repository(A)


def test_sessions_past_their_timeout_make_room(repositories: Repositories, clock: ManualClock) -> None:
    first, second = start(repositories, A), start(repositories, A, timeout=EXPIRY)
    clock.advance(EXPIRY)
    assert repositories.upload(A, first.id)
    assert repositories.upload(A, second.id)
    clock.advance(1)
    start(repositories, A, limit=2)
    with pytest.raises(TooManyUploads):
        start(repositories, A, limit=2)


def test_a_session_has_the_id_that_it_is_given(storage: Storage) -> None:
    repositories = Repositories(storage, new_id=lambda: "the-id")
    upload = start(repositories, A)
    assert upload.id == "the-id"
    found = repositories.upload(A, "the-id")
    assert found
    assert found.id == "the-id"


def test_a_short_chunk_is_remembered_between_requests(repositories: Repositories) -> None:
    id = start(repositories, A).id
    for short in (True, True, False):
        upload = repositories.upload(A, id)
        assert upload
        with claimed(upload):
            upload.append(b"x")
            upload.short_chunk = short
        found = repositories.upload(A, id)
        assert found
        assert found.short_chunk is short


def test_one_of_two_handles_on_a_session_writes(repositories: Repositories) -> None:
    one = start(repositories, A)
    other = repositories.upload(A, one.id)
    assert other
    with claimed(one):
        with pytest.raises(UploadBusy):
            other.claim()
        one.append(b"one")
    with claimed(other):
        assert other.size == 3
        with pytest.raises(UploadBusy):
            one.claim()
        other.append(b" other")
    with claimed(one):
        assert one.size == 9
        assert repositories.finish_upload(one, digest := Digest.of(b"one other"))
    with pytest.raises(UploadGone):
        other.claim()
    assert read(repositories, A, digest) == b"one other"


def test_a_session_that_fails_at_its_end_makes_no_repository(repositories: Repositories) -> None:
    upload = start(repositories, A)
    with claimed(upload):
        upload.append(b"content")
        repositories.storage.drop_spool(upload.id)
        with pytest.raises(UploadGone):
            repositories.finish_upload(upload, Digest.of(b"content"))
    with claimed(start(repositories, A)) as upload:
        assert not repositories.finish_upload(upload, Digest.of(b"something else"))
    assert not repositories.has_repository(A)
    assert repositories.repositories() == []


def test_a_long_request_does_not_let_its_session_expire(repositories: Repositories, clock: ManualClock) -> None:
    upload = start(repositories, A)
    with claimed(upload):
        clock.advance(2 * EXPIRY)
        start(repositories, A)
        upload.append(b"late")
    clock.advance(EXPIRY)
    assert repositories.upload(A, upload.id)
