"""Files in the folder of a storage: damage is noticed and healed, links are not followed, and deletions find room."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from fakereg.spec.names import Digest, Name, Tag
from fakereg.storage import files
from fakereg.storage.base import Storage, StorageError
from fakereg.storage.contract.steps import A, B, claimed, image, push, pushed_image, put, read, referrers, start, stored
from fakereg.storage.directory import DirectoryStorage
from fakereg.storage.files import Verified
from fakereg.storage.repositories import Repositories
from fakereg.storage.sqlite import SqliteStorage
from tests.fakereg.storage.test_contract import opened

BLOB = b"a blob of some length" * 1000
DIGEST = Digest.of(BLOB)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


def file_of(folder: Path, digest: Digest, repository: str = "team+a") -> Path:
    return folder / "repositories" / repository / "blobs" / digest.algorithm / digest.encoded


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut(path: Path) -> None:
    os.truncate(path, 100)


@pytest.mark.parametrize("again", [True, False])
@pytest.mark.parametrize("damage", [flip, cut, Path.unlink])
def test_a_damaged_blob_is_not_served_and_is_healed_by_a_push(
    folder: Path, damage: Callable[[Path], None], again: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(folder) as storage:
        push(storage, A, BLOB)
        if not again:
            damage(file_of(folder, DIGEST))
            _check_damaged_and_healed(storage, caplog, warned=damage is not Path.unlink)
    if again:
        damage(file_of(folder, DIGEST))
        with opened(folder) as storage:
            _check_damaged_and_healed(storage, caplog, warned=damage is not Path.unlink)
    with opened(folder) as storage:
        assert read(storage, A, DIGEST) == read(storage, B, DIGEST) == BLOB


def _check_damaged_and_healed(storage: Repositories, caplog: pytest.LogCaptureFixture, *, warned: bool) -> None:
    assert not storage.mount_blob(B, DIGEST, source=A)
    assert storage.open_blob(A, DIGEST) is None
    assert storage.blob_size(A, DIGEST) is None, "a client that asks whether to push it must be told to"
    assert ("is damaged and is not served" in caplog.text) is warned
    push(storage, B, BLOB)
    push(storage, A, BLOB)
    assert storage.blob_size(A, DIGEST) == len(BLOB)
    assert read(storage, A, DIGEST) == read(storage, B, DIGEST) == BLOB


@pytest.mark.parametrize("damage", [flip, cut, Path.unlink])
def test_a_damaged_manifest_is_not_served_and_is_healed_by_a_push(folder: Path, damage: Callable[[Path], None]) -> None:
    with opened(folder) as storage:
        manifest = pushed_image(storage, A, "tag")
        referrer = image(Digest.of(b"{}"), subject=manifest.digest)
        put(storage, A, referrer)
        for digest in (manifest.digest, referrer.digest):
            damage(file_of(folder, digest))
        assert storage.manifest(A, Tag("tag")) is storage.manifest(A, referrer.digest) is None
        assert referrers(storage, A, manifest.digest) == []
        put(storage, A, manifest, "tag")
        put(storage, A, referrer)
        assert storage.manifest(A, Tag("tag")) == stored(manifest)
        assert referrers(storage, A, manifest.digest) == [stored(referrer)]


def test_a_damaged_blob_of_sqlite_is_not_served_and_is_healed_by_a_push(tmp_path: Path) -> None:
    storage = SqliteStorage(tmp_path / "store.db")
    repositories = Repositories(storage)
    push(repositories, A, BLOB)
    for path in (tmp_path / "store.db-content").iterdir():
        flip(path)
    assert repositories.open_blob(A, DIGEST) is None
    push(repositories, A, BLOB)
    assert read(repositories, A, DIGEST) == BLOB
    storage.close()


def test_a_file_is_hashed_once_until_it_is_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[object] = []
    matches = files._matches

    def counted(file: BinaryIO, digest: Digest) -> bool:
        hashed.append(digest)
        return matches(file, digest)

    monkeypatch.setattr(files, "_matches", counted)
    path, verified = tmp_path / "file", Verified()

    def opens() -> bool:
        found = verified.open(path, DIGEST)
        if found:
            with found:
                assert found.read() == BLOB
        return found is not None

    path.write_bytes(BLOB)
    assert opens()
    assert opens()
    assert len(hashed) == 2, "a file that may change within the same tick of the clock is hashed again"
    os.utime(path, (1, 1))
    assert [opens() for _ in range(3)] == [True] * 3
    assert len(hashed) == 3
    flip(path)
    assert not opens()
    path.write_bytes(BLOB)
    os.utime(path, (2, 2))
    assert [opens() for _ in range(2)] == [True] * 2
    assert len(hashed) == 5


def test_a_push_of_content_that_another_repository_has_shares_its_file(folder: Path) -> None:
    with opened(folder) as storage:
        for name in (A, B, A, Name("third")):
            push(storage, name, BLOB)
        assert {path.stat().st_nlink for path in folder.glob(f"repositories/*/blobs/sha256/{DIGEST.encoded}")} == {3}


@pytest.mark.parametrize("kind", ["link", "folder", "fifo"])
def test_content_that_is_no_file_is_not_served(folder: Path, tmp_path: Path, kind: str) -> None:
    (tmp_path / "secret").write_bytes(BLOB)
    with opened(folder) as storage:
        push(storage, A, BLOB)
        path = file_of(folder, DIGEST)
        path.unlink()
        if kind == "link":
            path.symlink_to(tmp_path / "secret")
        elif kind == "folder":
            path.mkdir()
        else:
            os.mkfifo(path)
        assert storage.open_blob(A, DIGEST) is None
    with opened(folder) as storage:
        assert storage.blob_size(A, DIGEST) is None


def test_nothing_is_written_through_a_symbolic_link(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "of-somebody-else"
    target.write_bytes(b"untouched")
    with opened(folder) as storage:
        manifest = pushed_image(storage, A, "tag")
    place = folder / "repositories" / "team+a"
    new = image(Digest.of(b"{}"), note="new")
    partials = [
        path.with_name(path.name + files.PARTIAL) for path in (place / "index.json", file_of(folder, new.digest))
    ]
    with opened(folder) as storage:
        for path in partials:
            path.symlink_to(target)
        put(storage, A, new, "new")
        assert storage.manifest(A, Tag("new")) == stored(new)
        assert storage.manifest(A, Tag("tag")) == stored(manifest)
        upload = start(storage, A)
        (folder / "uploads" / f"{upload.id}.json.partial").symlink_to(target)
        with claimed(upload):
            upload.short_chunk = True
    for name in ("changes.jsonl", "lock"):
        path = (place if name == "changes.jsonl" else folder) / name
        path.unlink(missing_ok=True)
        path.symlink_to(target)
        with pytest.raises((StorageError, OSError)), opened(folder) as storage:
            put(storage, A, image(Digest.of(b"{}"), note="newer"), "newer")
        path.unlink()
    assert target.read_bytes() == b"untouched"


def test_a_symbolic_link_among_the_uploads_is_no_session(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    with opened(folder) as storage:
        upload, other = start(storage, A), start(storage, A)
        path = folder / "uploads" / upload.id
        path.unlink()
        path.symlink_to(tmp_path / "secret")
        with pytest.raises(OSError, match="symbolic"):
            upload.claim()
    with opened(folder) as storage:
        assert storage.upload(A, upload.id) is None
        assert storage.upload(A, other.id)
    assert path.is_symlink()


def test_a_folder_is_of_one_process_though_the_lock_is_removed(folder: Path) -> None:
    with opened(folder) as storage:
        (folder / "lock").unlink()
        with pytest.raises(StorageError, match="in use by another process"):
            DirectoryStorage(folder)
        push(storage, A, BLOB)
    with opened(folder) as storage:
        assert read(storage, A, DIGEST) == BLOB


def test_a_storage_that_is_closed_twice_leaves_alone_what_is_of_others_by_then(folder: Path, tmp_path: Path) -> None:
    storage = DirectoryStorage(folder)
    pushed_image(Repositories(storage), A, "tag")
    storage.close()
    (tmp_path / "file").write_bytes(b"text")
    with opened(folder) as other, (tmp_path / "file").open("rb") as file:
        pushed_image(other, A, "other", note="other")
        path = folder / "repositories" / "team+a" / "index.json"
        path.write_bytes(path.read_bytes() + b"\n")
        before = path.read_bytes()
        storage.close()
        assert file.read() == b"text"
        assert path.read_bytes() == before
        with pytest.raises(StorageError, match="in use"):
            DirectoryStorage(folder)


@pytest.mark.parametrize("text", ["2\n", "", "newer"])
def test_a_folder_of_another_version_is_refused_and_left_as_it_is(folder: Path, text: str) -> None:
    with opened(folder) as storage:
        push(storage, A, BLOB)
    assert (folder / "format").read_text() == "1\n"
    (folder / "format").write_text(text)
    stray = file_of(folder, Digest.of(b"of the newer version"))
    stray.touch()
    with pytest.raises(StorageError, match=r"format must be 1, got .*: use the version of fakereg that wrote it"):
        DirectoryStorage(folder)
    assert stray.exists()
    (folder / "format").unlink()
    with opened(folder) as storage:
        assert read(storage, A, DIGEST) == BLOB
    assert (folder / "format").read_text() == "1\n"


class FullDisk:
    """As if the disk had no room but that of the reserve: what is written fails until the reserve is gone."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self._reserve, self._write = folder / "reserve", files.write_all
        monkeypatch.setattr(files, "write_all", self.write_all)
        monkeypatch.setattr("fakereg.storage.layout.write_all", self.write_all)

    def write_all(self, file: BinaryIO, data: bytes) -> None:
        if self._reserve.exists() or len(data) > 4096:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._write(file, data)


def test_deletions_work_on_a_full_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(folder) as storage:
        manifests = [pushed_image(storage, A, f"tag-{turn}", note=str(turn)) for turn in range(3)]
        with monkeypatch.context() as patched:
            FullDisk(patched, folder)
            with pytest.raises(OSError, match="No space left"):
                pushed_image(storage, A, "new", note="new")
            assert storage.delete_tag(A, Tag("tag-0"))
            assert storage.delete_manifest(A, manifests[1].digest)
            assert storage.delete_blob(A, Digest.of(b"layer"))
            assert not file_of(folder, manifests[1].digest).exists()
        expected = {"tag-2": manifests[2].digest}
        assert storage.targets(A) == expected
    with opened(folder) as storage:
        assert storage.targets(A) == expected
        assert (folder / "reserve").stat().st_size == 64 << 10


def test_a_reset_works_on_a_full_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(folder) as storage:
        pushed_image(storage, A, "tag")
        with monkeypatch.context() as patched:
            FullDisk(patched, folder)
            storage.clear()
        assert storage.repositories() == []
        assert not list((folder / "repositories").iterdir())


def test_a_start_on_a_full_disk_serves_everything(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(folder) as storage:
        manifest = pushed_image(storage, A, "tag")
    killed = DirectoryStorage(folder)
    monkeypatch.setattr("fakereg.storage.layout.SMALL_BYTES", -1)
    put(Repositories(killed), A, manifest, "logged")
    killed._lock_file.close()
    FullDisk(monkeypatch, folder)
    with opened(folder) as storage:
        assert storage.tags(A) == ["logged", "tag"]
        assert storage.manifest(A, Tag("logged")) == stored(manifest)
        assert (folder / "repositories" / "team+a" / "changes.jsonl").exists()


def test_others_are_served_while_a_referrer_is_read(folder: Path) -> None:
    """No lock is held while the list of referrers reads their bytes."""
    with opened(folder) as storage:
        subject = pushed_image(storage, A, "tag")
        put(storage, A, image(Digest.of(b"{}"), subject=subject.digest))
        inner, others = storage.storage, list[object]()

        class Slow:
            def __getattr__(self, name: str) -> object:
                return getattr(inner, name)

            def open(self, name: Name, digest: Digest) -> BinaryIO | None:
                if not others:
                    other = threading.Thread(target=lambda: others.append(pushed_image(storage, A, "meanwhile")))
                    others.append(None)
                    other.start()
                    other.join(60)
                    assert not other.is_alive(), "the list of referrers holds a lock"
                return inner.open(name, digest)

        slow: Storage = Slow()  # type: ignore[assignment]  # it passes everything on
        storage.storage = slow
        assert len(referrers(storage, A, subject.digest)) == 1
        assert len(others) == 2
