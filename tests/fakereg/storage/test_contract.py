"""One contract, all storages; and what only the directory storage promises."""

from __future__ import annotations

import contextlib
import json
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fakereg.clock import Clock, ManualClock
from fakereg.spec.names import Digest, Name, Tag
from fakereg.storage import open_storage, sqlite
from fakereg.storage.base import Delta, Storage, StorageError
from fakereg.storage.contract import *  # noqa: F403 - this is how the contract is meant to be used
from fakereg.storage.contract.steps import (
    A,
    B,
    MakeStorage,
    claimed,
    image,
    index,
    push,
    pushed_image,
    read,
    start,
    stored,
)
from fakereg.storage.directory import DirectoryStorage
from fakereg.storage.memory import MemoryStorage
from fakereg.storage.repositories import Repositories
from fakereg.storage.sqlite import SqliteStorage
from tests.guard import GUARD

MAKERS: dict[str, Callable[[Path], Storage]] = {
    "memory": lambda folder: MemoryStorage(),
    "spilling": lambda folder: MemoryStorage(spill_bytes=3, memory_bytes=10),
    "directory": lambda folder: DirectoryStorage(folder / "store"),
    "sqlite": lambda folder: SqliteStorage(folder / "store.db"),
}


@pytest.fixture(params=MAKERS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def make_storage(kind: str, tmp_path: Path) -> MakeStorage:
    return lambda: MAKERS[kind](tmp_path)


@pytest.fixture  # type: ignore[no-redef]
def durable(kind: str) -> bool:
    return kind in {"directory", "sqlite"}


@pytest.fixture  # type: ignore[no-redef]
def shared(kind: str) -> bool:
    return kind == "sqlite"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


@contextlib.contextmanager
def opened(folder: Path, *, clock: Clock = time.time) -> Iterator[Repositories]:
    storage = DirectoryStorage(folder)
    try:
        yield Repositories(storage, clock=clock)
    finally:
        storage.close()


def test_everything_is_there_after_a_restart(folder: Path) -> None:
    with opened(folder) as storage:
        manifest = pushed_image(storage, A, "one", "two")
        untagged = pushed_image(storage, A, note="untagged")
        shared = push(storage, A, b"shared", algorithm="sha512")
        storage.mount_blob(B, shared, source=A)
    with opened(folder) as storage:
        assert storage.repositories() == [A, B]
        assert storage.tags(A) == ["one", "two"]
        assert storage.manifest(A, Tag("two")) == stored(manifest)
        assert storage.manifest(A, untagged.digest) == stored(untagged)
        assert read(storage, B, shared) == b"shared"
        assert storage.blob_size(A, manifest.digest) is None


def test_an_upload_session_goes_on_after_a_restart(folder: Path) -> None:
    with opened(folder) as storage:
        upload = start(storage, A)
        upload.claim()
        upload.append(b"before ")
        upload.release()
        other = start(storage, B)
    with opened(folder) as storage:
        resumed = storage.upload(A, upload.id)
        assert resumed
        assert resumed.size == 7
        resumed.claim()
        resumed.append(b"after")
        assert storage.finish_upload(resumed, digest := Digest.of(b"before after"))
        resumed.release()
        assert read(storage, A, digest) == b"before after"
        assert storage.upload(B, other.id)


def test_the_timeout_of_a_session_outlasts_a_restart(folder: Path) -> None:
    clock = ManualClock()
    with opened(folder, clock=clock) as storage:
        ids = [start(storage, A, timeout=timeout).id for timeout in (30, 20, 0)]
        clock.advance(20)
    with opened(folder, clock=clock) as storage:
        assert all(storage.upload(A, id) for id in ids)
        clock.advance(1)
        assert [bool(storage.upload(A, id)) for id in ids] == [True, False, True]
        start(storage, A, limit=3)
    assert len(list((folder / "uploads").glob("*.json"))) == 3


def test_deletions_last(folder: Path) -> None:
    with opened(folder) as storage:
        manifest = pushed_image(storage, A, "tag")
        other = pushed_image(storage, A, "other", note="other")
        storage.delete_manifest(A, manifest.digest)
        storage.delete_tag(A, Tag("other"))
        storage.delete_blob(A, Digest.of(b"layer"))
    with opened(folder) as storage:
        assert storage.tags(A) == []
        assert storage.manifest(A, manifest.digest) is None
        assert storage.manifest(A, other.digest) == stored(other)
        assert storage.blob_size(A, Digest.of(b"layer")) is None


def test_what_comes_and_goes_together_lasts(folder: Path) -> None:
    with opened(folder) as storage:
        manifests = [pushed_image(storage, A, str(number), note=str(number)) for number in range(3)]
        storage.delete_manifests(A, [manifest.digest for manifest in manifests[:2]])
        storage.put_manifests(A, [(manifests[0], [Tag("back")])])
    with opened(folder) as storage:
        assert storage.targets(A) == {"2": manifests[2].digest, "back": manifests[0].digest}
        assert storage.manifest(A, Tag("back")) == stored(manifests[0])
        assert storage.manifest(A, manifests[1].digest) is None


def test_what_a_killed_process_left_half_done_is_gone(folder: Path) -> None:
    with opened(folder) as storage:
        manifest = pushed_image(storage, A, "tag")
    layout = folder / "repositories" / "team+a"
    unacknowledged = layout / "blobs" / "sha256" / Digest.of(b"blob without its mark").encoded
    unacknowledged.write_bytes(b"blob without its mark")
    (layout / "index.json.partial").write_bytes(b'{"manifests": [')
    (layout / "pushed" / "sha256" / Digest.of(b"mark without its blob").encoded).touch()
    (folder / "repositories" / ".partial" / "blobs").mkdir(parents=True)
    (folder / "uploads" / "session-without-description").write_bytes(b"bytes")
    (folder / "uploads" / "description-without-bytes.json").write_text("{}")
    with opened(folder) as storage:
        assert storage.repositories() == [A]
        assert storage.manifest(A, Tag("tag")) == stored(manifest)
        assert storage.blob_size(A, Digest.of(b"blob without its mark")) is None
        assert storage.blob_size(A, Digest.of(b"mark without its blob")) is None
    assert not unacknowledged.exists()
    assert not list(folder.rglob("*.partial"))
    assert not list((folder / "uploads").iterdir())


def test_shared_content_is_one_file(folder: Path) -> None:
    with opened(folder) as storage:
        digest = push(storage, A, b"shared")
        storage.mount_blob(B, digest, source=A)
        push(storage, Name("third"), b"shared")
    files = list(folder.glob(f"repositories/*/blobs/sha256/{digest.encoded}"))
    assert len(files) == 3
    assert len({file.stat().st_ino for file in files}) == 1


def test_a_layout_of_another_tool_is_served(folder: Path) -> None:
    config, layer = b"{}", b"layer"
    child = image(Digest.of(config), Digest.of(layer))
    top = index(child.digest)
    layout = folder / "repositories" / "imported+app"
    (layout / "blobs" / "sha256").mkdir(parents=True)
    for content in (config, layer, child.content, top.content):
        (layout / "blobs" / "sha256" / Digest.of(content).encoded).write_bytes(content)
    entry = {
        "mediaType": top.media_type,
        "digest": top.digest,
        "size": len(top.content),
        "annotations": {"org.opencontainers.image.ref.name": "v1"},
    }
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    name = Name("imported/app")
    for _ in range(2):
        with opened(folder) as storage:
            assert storage.manifest(name, Tag("v1")) == stored(top)
            assert storage.manifest(name, child.digest) == stored(child)
            assert read(storage, name, Digest.of(layer)) == layer
            assert storage.blob_size(name, child.digest) is None


def test_one_process_at_a_time_has_the_folder(folder: Path) -> None:
    with opened(folder), pytest.raises(StorageError, match="in use by another process"):
        DirectoryStorage(folder)


def test_a_folder_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot use"):
        DirectoryStorage(tmp_path / "file" / "store")


def test_the_memory_storage_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    storage = Repositories(MemoryStorage(spill_bytes=10))
    digest = push(storage, A, b"x" * 100)
    start(storage, A)
    assert [path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()] == [100]
    storage.delete_blob(A, digest)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    storage.close()
    assert not list(tmp_path.iterdir())


def test_the_memory_storage_keeps_to_its_budget() -> None:
    kept = MemoryStorage(spill_bytes=1000, memory_bytes=1500)
    storage = Repositories(kept)
    digests = [push(storage, A, bytes([number]) * 1000) for number in range(3)]
    held = [isinstance(kept._repositories[A].contents[digest].source, bytes) for digest in digests]
    assert held == [True, False, False]
    upload = start(storage, A)
    upload.claim()
    upload.append(b"x" * 400)
    upload.rollback()
    storage.cancel_upload(upload)
    upload.release()
    storage.delete_blob(A, digests[0])
    for content in (b"a" * 1000, b"b" * 500):
        again = push(storage, A, content)
        assert isinstance(kept._repositories[A].contents[again].source, bytes)
    storage.close()


def test_sqlite_gives_what_has_changed_and_everything_to_whoever_is_far_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_KEPT", 4)
    storage = SqliteStorage(tmp_path / "store.db")
    versions = [0]
    for turn in range(10):
        tags: dict[Tag, Digest | None] = {Tag(f"t{turn}"): Digest.of(b"x"), Tag(f"t{turn - 1}"): None}
        versions.append(storage.apply(A, versions[-1], Delta(tags=tags), {}) or 0)
    found = [storage.read(A, since) for since in versions[:-1]]
    assert [changes.since for changes in found if changes] == [0] * 6 + versions[6:10]
    assert [changes and len(changes.delta.tags) for changes in found[8:]] == [3, 2]
    assert all(changes and len(changes.delta.tags) <= 6 for changes in found)
    storage.close()


def test_sqlite_removes_files_without_a_row_at_its_start_and_leaves_none_behind(tmp_path: Path) -> None:
    storage = SqliteStorage(tmp_path / "store.db")
    files = tmp_path / "store.db-content"
    repositories = Repositories(storage)
    blob = push(repositories, A, b"blob")
    upload = start(repositories, A)
    kept = set(files.iterdir())
    (files / "left-by-a-process-that-was-killed").touch()
    SqliteStorage(tmp_path / "store.db").close()
    assert set(files.iterdir()) == kept
    assert len(kept) == 2
    with claimed(upload):
        repositories.cancel_upload(upload)
    repositories.delete_blob(A, blob)
    assert not list(files.iterdir())
    storage.close()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("directory", "the storage directory needs a path: directory:PATH"),
        ("sqlite:", "the storage sqlite needs a path: sqlite:PATH"),
        ("memory:x", "the storage memory takes no argument, got 'memory:x'"),
        ("paper:x", "storage 'paper' is unknown; known are directory, memory, sqlite"),
    ],
)
def test_a_text_that_opens_no_storage_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        open_storage(text)


def test_what_is_behind_the_name_is_the_storage_s_own(tmp_path: Path) -> None:
    for kind in ("directory", "sqlite"):
        text = f"{kind}:{tmp_path / kind}"
        one, other = open_storage(text, namespace="one"), open_storage(text, namespace="other")
        pushed_image(Repositories(one), A, "one")
        pushed_image(Repositories(other), A, "other")
        one.create_spool("id", "text", 1.0)
        other.clear()
        assert (other.repositories(), other.spools()) == ([], [])
        assert one.spools() == ["id"]
        assert other.spool("id") is None
        other.create_spool("id", "another", 2.0)
        other.touch_spool("id", 3.0)
        other.drop_spool("id")
        assert one.spool("id") == ("text", 1.0, 0)
        assert Repositories(one).tags(A) == ["one"]
        one.close()
        other.close()
    assert {path.name for path in (tmp_path / "directory").iterdir()} == {"one", "other"}
    assert {path.name for path in tmp_path.iterdir()} == {"directory", "sqlite", "sqlite-content"}


@contextlib.contextmanager
def no_file_over(size: int) -> Iterator[None]:
    """As if the disk were full: writes that would make a file longer than `size` bytes fail."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("first", [500, 1_200_000])
def test_a_write_that_fails_leaves_what_was_there(repositories: Repositories, first: int) -> None:
    upload = start(repositories, A)
    upload.claim()
    upload.append(b"a" * first)
    with no_file_over(first + 1000), contextlib.suppress(OSError):
        upload.append(b"b" * 2_000_000)
    size = upload.size
    upload.release()
    upload.claim()
    upload.append(b"c" * 10)
    content = b"a" * first + b"b" * (size - first) + b"c" * 10
    assert repositories.finish_upload(upload, digest := Digest.of(content))
    upload.release()
    assert read(repositories, A, digest) == content


def test_a_manifest_that_cannot_be_written_leaves_no_trace(folder: Path) -> None:
    with opened(folder) as storage:
        config = push(storage, A, b"{}")
        large = image(config, note="x" * 5000)
        with no_file_over(4000), pytest.raises(OSError, match="too large"):
            storage.put_manifest(A, large, tags=[Tag("tag")], complete=True)
        assert storage.tags(A) == []
        assert storage.manifest(A, large.digest) is None
    assert not list(folder.rglob("*.partial"))


def test_a_session_that_cannot_be_claimed_can_be_later(folder: Path) -> None:
    with opened(folder) as storage:
        upload = start(storage, A)
        (folder / "uploads" / upload.id).unlink()
        (folder / "uploads" / upload.id).mkdir()
        with pytest.raises(IsADirectoryError):
            upload.claim()
        (folder / "uploads" / upload.id).rmdir()
        (folder / "uploads" / upload.id).touch()
        upload.claim()
        upload.release()


def test_files_that_somebody_removed_are_not_there(folder: Path) -> None:
    with opened(folder) as storage:
        manifest = pushed_image(storage, A, "tag")
        shutil.rmtree(folder / "repositories" / "team+a" / "blobs" / "sha256")
        (folder / "repositories" / "team+a" / "blobs" / "sha256").mkdir()
        assert storage.manifest(A, Tag("tag")) is None
        assert storage.open_blob(A, Digest.of(b"layer")) is None
        assert not storage.mount_blob(B, Digest.of(b"layer"), source=A)
        push(storage, B, b"layer")
        push(storage, A, b"layer")
        assert read(storage, A, Digest.of(b"layer")) == read(storage, B, Digest.of(b"layer")) == b"layer"
        assert storage.delete_blob(A, Digest.of(b"layer"))
        assert storage.delete_manifest(A, manifest.digest)
        pushed_image(storage, A, "tag")
        assert storage.manifest(A, Tag("tag")) == stored(manifest)


def test_a_forked_child_hashes_too() -> None:
    script = """
import os
from fakereg.storage.contract.steps import A, push
from fakereg.storage.memory import MemoryStorage
from fakereg.storage.repositories import Repositories
from fakereg.storage.repositories import Repositories
from fakereg.storage.sqlite import SqliteStorage
push(Repositories(MemoryStorage()), A, b"x" * 1_000_000)
if os.fork() == 0:
    push(Repositories(MemoryStorage()), A, b"y" * 1_000_000)
    os._exit(0)
print(os.wait()[1])
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, timeout=GUARD)
    assert done.stdout == "0\n", done.stderr
