"""The log of changes beside a large index.json: what is there after a kill, and what other tools see."""

from __future__ import annotations

import contextlib
import itertools
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fakereg.spec.names import Digest, Tag
from fakereg.storage import layout
from fakereg.storage.base import Delta
from fakereg.storage.contract.steps import A, contents_of, image, push, pushed_image, put, read, state_of, stored
from fakereg.storage.directory import DirectoryStorage
from fakereg.storage.index import Change
from fakereg.storage.layout import Layout
from fakereg.storage.repositories import Repositories
from tests.fakereg.storage.test_contract import no_file_over, opened

_TAG = "org.opencontainers.image.ref.name"


def _when_fresh(place: Path, tags: dict[Tag, Digest]) -> bool:
    """Wait until other tools see these tags; False if they do not within minutes."""
    return _until(lambda: shown(place) == tags)


def _until(is_so: Callable[[], bool]) -> bool:
    for _ in range(6000):
        if is_so():
            return True
        time.sleep(0.02)
    return False


def test_other_tools_see_a_change_at_once_and_the_last_of_many_soon(
    folder: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "SMALL_BYTES", 64 << 10)
    with opened(folder) as repositories:
        manifest = pushed_image(repositories, A, "0")
        assert _when_fresh(place, repositories.targets(A))
        for number in range(3):
            time.sleep(layout.FRESH_SECONDS * 1.5)
            put(repositories, A, manifest, f"slowly-{number}")
            assert shown(place) == repositories.targets(A)
        for number in range(50):
            put(repositories, A, manifest, f"fast-{number}")
        assert _when_fresh(place, repositories.targets(A))
        assert _until(lambda: not (place / "changes.jsonl").exists())
        repositories.clear()
        assert not place.exists()


def test_nothing_is_written_once_the_storage_is_closed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "SMALL_BYTES", 64 << 10)
    for _ in range(5):
        with opened(folder) as repositories:
            for number in range(3):
                pushed_image(repositories, A, str(number), note=str(number))
        files = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
        time.sleep(layout.FRESH_SECONDS * 1.5)
        assert files == {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


@pytest.fixture(autouse=True)
def _every_index_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "SMALL_BYTES", -1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def place(folder: Path) -> Path:
    return folder / "repositories" / "team+a"


@contextlib.contextmanager
def killed(folder: Path) -> Iterator[Repositories]:
    """A storage that is not closed in order: nothing is folded at the end."""
    storage = DirectoryStorage(folder)
    try:
        yield Repositories(storage)
    finally:
        storage._lock_file.close()


def shown(place: Path) -> dict[str, str]:
    """The tags that another tool sees."""
    entries = json.loads((place / "index.json").read_bytes())["manifests"]
    return {entry["annotations"][_TAG]: entry["digest"] for entry in entries if _TAG in entry["annotations"]}


def filled(repositories: Repositories, number: int = 20) -> None:
    """Many manifests, so that a few changes are no reason to fold."""
    for turn in range(number):
        pushed_image(repositories, A, f"old-{turn}", note=str(turn))


def test_a_change_is_a_line_and_is_folded_when_the_storage_is_closed(folder: Path, place: Path) -> None:
    with opened(folder) as repositories:
        filled(repositories)
    before = (place / "index.json").read_bytes()
    with opened(folder) as repositories:
        manifest = pushed_image(repositories, A, "new", note="new")
        assert repositories.delete_tag(A, Tag("old-1"))
        assert (place / "index.json").read_bytes() == before
        assert len((place / "changes.jsonl").read_text().splitlines()) == 2
        expected = repositories.targets(A)
    assert shown(place) == expected
    assert expected[Tag("new")] == manifest.digest
    assert not (place / "changes.jsonl").exists()


def test_lines_are_folded_when_they_amount_to_as_much_as_the_index(folder: Path, place: Path) -> None:
    logged = []
    with killed(folder) as repositories:
        for turn in range(200):
            pushed_image(repositories, A, f"t{turn}", note=str(turn))
            log = place / "changes.jsonl"
            logged.append(log.stat().st_size if log.exists() else 0)
            assert logged[-1] <= (place / "index.json").stat().st_size
        assert 3 < logged.count(0) < 20
        missing = set(repositories.tags(A) or ()) - set(shown(place))
        assert len(missing) < 120


@pytest.mark.parametrize("torn", [b"", b"[", b'[["tag", "new", "sha256:', b'[["tag", "torn", null]]'])
def test_what_was_acknowledged_is_there_after_a_kill(folder: Path, place: Path, torn: bytes) -> None:
    with opened(folder) as repositories:
        filled(repositories)
    with killed(folder) as repositories:
        manifest = pushed_image(repositories, A, "new", "torn", note="new")
        repositories.delete_manifest(A, repositories.targets(A)[Tag("old-3")])
        repositories.delete_tag(A, Tag("old-4"))
        push(repositories, A, b"one more blob")
        expected = state_of(repositories.storage, A)
    with (place / "changes.jsonl").open("ab") as log:
        log.write(torn)
    for _ in range(2):
        with opened(folder) as repositories:
            assert state_of(repositories.storage, A) == expected
            assert repositories.manifest(A, Tag("new")) == stored(manifest)
            assert read(repositories, A, Digest.of(b"one more blob")) == b"one more blob"
            assert shown(place) == expected.tags
            assert not (place / "changes.jsonl").exists()


@pytest.mark.parametrize("torn", [b"", b'[["tag", "new", "sha256:'])
def test_nothing_is_left_of_a_line_that_a_kill_cut_off(folder: Path, place: Path, torn: bytes) -> None:
    with opened(folder) as repositories:
        filled(repositories)
    (place / "changes.jsonl").write_bytes(torn)
    with opened(folder):
        pass
    assert not (place / "changes.jsonl").exists()


def test_notes_are_in_a_file_of_their_own(folder: Path, place: Path) -> None:
    with opened(folder) as repositories:
        filled(repositories)
        assert not (place / "fakereg.json").exists()
        repositories.change(A, lambda index: Change(Delta(notes={"secret": "text"})))
        assert "secret" in (place / "changes.jsonl").read_text()
    assert json.loads((place / "fakereg.json").read_bytes())["notes"] == {"secret": "text"}
    assert "secret" not in (place / "index.json").read_text()
    assert not (place / "changes.jsonl").exists()


def test_a_kill_within_a_fold_loses_nothing(folder: Path, place: Path) -> None:
    """The log is there together with files that have its changes already, or with those before."""
    with opened(folder) as repositories:
        filled(repositories)
        gone = image(push(repositories, A, b"{}"), note="gone")
        repositories.put_manifest(A, gone, tags=[], complete=True, notes=lambda _: {"old": "1", "moved": "0"})
    with killed(folder) as repositories:
        before = {name: (place / name).read_bytes() for name in ("index.json", "fakereg.json")}
        repositories.change(A, lambda index: index.without_manifests([gone.digest], {gone.digest: "kept", "old": None}))
        for turn in range(3):
            moved = pushed_image(repositories, A, "moved", note=f"new {turn}")
            repositories.delete_tag(A, Tag(f"old-{turn}"))
            repositories.change(A, lambda index: Change(Delta(notes={"moved": str(turn)})))  # noqa: B023 - called at once
        repositories.delete_manifest(A, moved.digest)
        pushed_image(repositories, A, "moved", note="new 0")
        log = (place / "changes.jsonl").read_bytes()
        expected = state_of(repositories.storage, A)
    with opened(folder) as repositories:
        assert state_of(repositories.storage, A) == expected
    after = {name: (place / name).read_bytes() for name in before}
    assert before["fakereg.json"] != after["fakereg.json"]
    for notes, index in itertools.product((before, after), repeat=2):
        (place / "changes.jsonl").write_bytes(log)
        (place / "fakereg.json").write_bytes(notes["fakereg.json"])
        (place / "index.json").write_bytes(index["index.json"])
        with opened(folder) as repositories:
            assert state_of(repositories.storage, A) == expected
            assert contents_of(repositories.storage, A, gone.digest) == [gone.content]


def test_a_manifest_that_is_pushed_again_keeps_its_tags_and_has_its_new_media_type(folder: Path) -> None:
    with opened(folder) as repositories:
        filled(repositories)
        manifest = pushed_image(repositories, A, "one")
    again = replace(manifest, media_type=manifest.media_type.upper())
    with killed(folder) as repositories:
        put(repositories, A, again, "two")
    with opened(folder) as repositories:
        for tag in ("one", "two"):
            assert repositories.manifest(A, Tag(tag)) == stored(again)


def test_a_delta_of_manifests_and_blobs_is_all_there_or_not_at_all(
    folder: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = image(Digest.of(b"{}")).content
    digest, blob = Digest.of(content), Digest.of(b"blob")
    with killed(folder) as repositories:
        filled(repositories)
        storage = repositories.storage
        other = push(repositories, A, b"other")
        version = storage.read(A).version  # type: ignore[union-attr]  # it is there
        entry = state_of(storage, A).manifests[repositories.targets(A)[Tag("old-0")]]._replace(size=len(content))
        delta = Delta({digest: entry}, {Tag("both"): digest}, {blob: 4, other: None})
        with monkeypatch.context() as patched:
            patched.setattr(Layout, "fold", lambda layout: None)  # as if it were killed before
            storage.apply(A, version, delta, {digest: content, blob: b"blob", other: None})
            push(repositories, A, b"a blob after it")
        expected = state_of(storage, A)
    assert (place / "changes.jsonl").exists()
    with opened(folder) as repositories:
        assert state_of(repositories.storage, A) == expected
        assert read(repositories, A, blob) == b"blob"
        assert repositories.blob_size(A, other) is None


def test_a_line_that_cannot_be_written_changes_nothing(folder: Path, place: Path) -> None:
    with opened(folder) as repositories:
        filled(repositories)
    with killed(folder) as repositories:
        config = push(repositories, A, b"{}")
        pushed_image(repositories, A, "first", note="first")
        size = (place / "changes.jsonl").stat().st_size
        before = state_of(repositories.storage, A)
        many = [Tag(f"tag-{number}") for number in range(200)]
        with no_file_over(size + 2000), pytest.raises(OSError, match=r"too large|to its end"):
            repositories.put_manifest(A, image(config, note="second"), tags=many, complete=True)
        assert state_of(repositories.storage, A) == before
        assert (place / "changes.jsonl").stat().st_size == size
        pushed_image(repositories, A, "third", note="third")
        expected = state_of(repositories.storage, A)
    with opened(folder) as repositories:
        assert state_of(repositories.storage, A) == expected


def test_a_fold_that_fails_is_made_up_for(
    folder: Path, place: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: Any, **__: Any) -> int:
        raise OSError("the disk is full")

    with opened(folder) as repositories:
        with monkeypatch.context() as patched:
            pushed_image(repositories, A, "one")
            patched.setattr(Layout, "_write_index", full)
            for turn in range(10):
                pushed_image(repositories, A, f"t{turn}", note=str(turn))
        assert "index.json is not up to date" in caplog.text
        expected = repositories.targets(A)
        assert len(expected) == 11
    assert shown(place) == expected


def test_a_log_that_is_damaged_is_left_alone(folder: Path, place: Path, caplog: pytest.LogCaptureFixture) -> None:
    with killed(folder) as repositories:
        filled(repositories)
    (place / "changes.jsonl").write_bytes(b"no json\n")
    with opened(folder) as repositories:
        assert repositories.repositories() == []
    assert (place / "changes.jsonl").read_bytes() == b"no json\n"
    assert "is not a repository and is left alone" in caplog.text


def test_a_tool_that_adds_to_an_index_finds_its_manifest_served_besides_the_log(folder: Path, place: Path) -> None:
    with opened(folder) as repositories:
        filled(repositories)
    with killed(folder) as repositories:
        pushed_image(repositories, A, "logged", note="logged")
        expected = repositories.targets(A)
    foreign = image(Digest.of(b"{}"), note="foreign")
    (place / "blobs" / "sha256" / foreign.digest.encoded).write_bytes(foreign.content)
    document = json.loads((place / "index.json").read_bytes())
    entry = {"mediaType": foreign.media_type, "digest": foreign.digest, "size": len(foreign.content)}
    document["manifests"].append(entry | {"annotations": {_TAG: "foreign"}})
    (place / "index.json").write_text(json.dumps(document))
    with opened(folder) as repositories:
        assert repositories.targets(A) == expected | {"foreign": foreign.digest}
