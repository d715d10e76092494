"""Layouts and files of other tools: served as they are, never lost, and there again after a reset."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from fakereg.spec.manifest import Manifest
from fakereg.spec.names import Digest, Name, Tag
from fakereg.storage.base import Delta, StorageError
from fakereg.storage.contract.steps import A, contents_of, image, index, push, pushed_image, put, read, stored
from tests.fakereg.storage.test_contract import opened

APP = Name("app")
NAME = "org.opencontainers.image.ref.name"
CONFIG, LAYER = Digest.of(b"config"), Digest.of(b"another layer")
CHILD = image(CONFIG, LAYER)
TOP = index(CHILD.digest)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def place(folder: Path) -> Path:
    return folder / "repositories" / "app"


def write_layout(place: Path, document: object, *contents: bytes) -> None:
    """Write a layout, or to it, as another tool does."""
    (place / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
    for content in contents:
        file_of(place, Digest.of(content)).write_bytes(content)
    (place / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (place / "index.json").write_text(json.dumps(document, indent=1))


def file_of(place: Path, digest: Digest) -> Path:
    return place / "blobs" / digest.algorithm / digest.encoded


def entry(manifest: Manifest, name: str | None = None, **more: Any) -> dict[str, Any]:
    found = {"mediaType": manifest.media_type, "digest": manifest.digest, "size": len(manifest.content), **more}
    return {**found, "annotations": {NAME: name, "a": "b"}} if name else found


def add(place: Path, manifest: Manifest, name: str, *contents: bytes) -> None:
    """Add a manifest to a layout as skopeo does: it replaces the entry of the same name."""
    document = json.loads((place / "index.json").read_bytes())
    kept = [one for one in document["manifests"] if one.get("annotations", {}).get(NAME) != name]
    write_layout(place, {**document, "manifests": [*kept, entry(manifest, name)]}, manifest.content, *contents)


def entries_of(place: Path) -> list[dict[str, Any]]:
    return list(json.loads((place / "index.json").read_bytes())["manifests"])


def names_in(place: Path) -> dict[str, str]:
    return {one["annotations"][NAME]: one["digest"] for one in entries_of(place) if NAME in one.get("annotations", {})}


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def when_folded(place: Path) -> None:
    """Wait until index.json has all changes."""
    for _ in range(1500):
        if not (place / "changes.jsonl").exists():
            return
        time.sleep(0.02)
    raise AssertionError("the log is not folded")


ENTRIES: list[dict[str, Any]] = [
    entry(TOP, "v1", platform={"os": "linux"}, artifactType="c/d", more=None),
    entry(TOP, "docker.io/library/x:1"),
    {**entry(CHILD), "annotations": {"io.containerd.image.name": "docker.io/library/x:1"}},
    {"digest": "nothing", "annotations": "x"},
    {},
]
DOCUMENT = {
    "schemaVersion": 2,
    "annotations": {"of": "the index"},
    "artifactType": "a/b",
    "unknown": {"x": [1]},
    "manifests": ENTRIES,
}
CONTENTS = (b"config", b"another layer", CHILD.content, TOP.content, b"named by nothing")


def test_a_start_writes_nothing_into_a_layout_of_another_tool(folder: Path, place: Path) -> None:
    write_layout(place, DOCUMENT, *CONTENTS)
    before = files_of(place)
    for _ in range(2):
        with opened(folder) as storage:
            assert storage.manifest(APP, Tag("v1")) == stored(TOP)
            assert read(storage, APP, LAYER) == b"another layer"
            assert read(storage, APP, Digest.of(b"named by nothing")) == b"named by nothing"
        assert files_of(place) == before


def test_a_push_leaves_what_another_tool_wrote_in_the_index(folder: Path, place: Path) -> None:
    write_layout(place, DOCUMENT, *CONTENTS)
    for turn in range(3):
        with opened(folder) as storage:
            pushed_image(storage, APP, f"pushed-{turn}", note=str(turn))
            assert storage.delete_tag(APP, Tag(f"pushed-{turn - 1}")) is (turn > 0)
        document = json.loads((place / "index.json").read_bytes())
        assert document["manifests"][: len(ENTRIES)] == ENTRIES
        assert {**document, "manifests": ENTRIES} == DOCUMENT
    with opened(folder) as storage:
        assert storage.tags(APP) == ["pushed-2", "v1"]
        assert storage.delete_tag(APP, Tag("v1"))
        assert storage.manifest(APP, TOP.digest) == stored(TOP)
        put(storage, APP, CHILD, "v1")
    assert names_in(place)["docker.io/library/x:1"] == TOP.digest
    assert names_in(place)["v1"] == CHILD.digest


def _refused() -> Manifest:
    content = b'["' + str(Digest.of(b"of the refused")).encode() + b'"]'
    return Manifest(content, image(CONFIG).media_type, Digest.of(content))


@pytest.mark.parametrize("damage", ["flipped", "cut", "gone", "refused", "symlink"])
def test_what_cannot_be_understood_stays_and_is_not_served(
    folder: Path, place: Path, damage: str, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    with opened(folder) as storage:
        kept = pushed_image(storage, APP, "kept")
        bad = pushed_image(storage, APP, "bad", note="bad")
        push(storage, APP, b"blob")
    stray = file_of(place, Digest.of(b"of the refused"))
    stray.write_bytes(b"of the refused")
    path = file_of(place, bad.digest)
    if damage == "refused":
        refused = _refused()
        add(place, refused, "bad", refused.content)
        path, bad = file_of(place, refused.digest), refused
    elif damage == "symlink":
        (tmp_path / "elsewhere").write_bytes(bad.content)
        path.unlink()
        path.symlink_to(tmp_path / "elsewhere")
    elif damage == "gone":
        path.unlink()
    else:
        path.write_bytes(bad.content[:-5] if damage == "cut" else bad.content.replace(b"a", b"b", 1))
    before, entries = files_of(place / "blobs"), entries_of(place)
    for turn in range(3):
        with opened(folder) as storage:
            assert f"manifest {bad.digest} is not served" in caplog.text
            caplog.clear()
            assert storage.manifest(APP, Tag("bad")) is None
            assert storage.manifest(APP, bad.digest) is None
            assert storage.blob_size(APP, bad.digest) is None
            assert storage.manifest(APP, Tag("kept")) == stored(kept)
            push(storage, APP, b"%d" % turn)
            put(storage, APP, kept, f"more-{turn}")
            assert storage.delete_tag(APP, Tag(f"more-{turn}"))
        assert before.items() <= files_of(place / "blobs").items()
        assert [one for one in entries if one["digest"] == bad.digest] == [
            one for one in entries_of(place) if one["digest"] == bad.digest
        ]
    if damage != "refused":
        with opened(folder) as storage:
            put(storage, APP, bad)
            assert storage.manifest(APP, bad.digest) == stored(bad)
        with opened(folder) as storage:
            assert storage.manifest(APP, Tag("bad")) == stored(bad)
    assert (tmp_path / "elsewhere").exists() is (damage == "symlink")


@pytest.mark.parametrize(
    "file", ["index.json", "oci-layout", "changes.jsonl", "fakereg.json", "found.json", "blobs/sha256", "pushed/sha256"]
)
def test_a_file_that_cannot_be_read_refuses_the_start(
    folder: Path, place: Path, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(folder) as storage:
        pushed_image(storage, APP, "tag")
        storage.change(APP, lambda index: index.plan(Delta(notes={"a": "b"})))
    add(place, TOP, "theirs", b"config", b"another layer", CHILD.content)
    with opened(folder) as storage:
        push(storage, APP, b"blob")
    (place / "changes.jsonl").touch()
    before = files_of(folder)
    os_open, os_scandir = os.open, os.scandir

    def fails(call: Any) -> Any:
        def failing(path: Any, *more: Any, **options: Any) -> Any:
            if Path(str(path)) == place / file:
                raise OSError(5, "Input/output error", str(path))
            return call(path, *more, **options)

        return failing

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", fails(os_open))
        patched.setattr(os, "scandir", fails(os_scandir))
        patched.setattr(Path, "lstat", fails(Path.lstat))
        with pytest.raises(StorageError, match=f"cannot use .*{file}"), opened(folder):
            pass
    assert files_of(folder) == before
    with opened(folder) as storage:
        assert storage.tags(APP) == ["tag", "theirs"]


def test_a_manifest_that_cannot_be_read_refuses_the_start_and_stays(
    folder: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(folder) as storage:
        manifest = pushed_image(storage, APP, "tag")
    before, path, os_open = files_of(folder), file_of(place, manifest.digest), os.open

    def failing(name: Any, *more: Any, **options: Any) -> int:
        if Path(str(name)) == path:
            raise PermissionError(13, "Permission denied", str(name))
        return os_open(name, *more, **options)

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", failing)
        with pytest.raises(StorageError, match=manifest.digest.encoded), opened(folder):
            pass
    assert files_of(folder) == before
    with opened(folder) as storage:
        assert storage.manifest(APP, Tag("tag")) == stored(manifest)


def test_what_another_tool_adds_while_the_layout_is_served_is_kept_and_served_after_the_next_start(
    folder: Path, place: Path
) -> None:
    with opened(folder) as storage:
        old = pushed_image(storage, APP, "v1", "moved", "pushed")
        add(place, TOP, "theirs", b"config", b"another layer", CHILD.content)
        add(place, TOP, "moved")
        add(place, TOP, "pushed")
        new = pushed_image(storage, APP, "v2", "pushed", note="v2")
    assert names_in(place) == {
        "v1": old.digest,
        "moved": TOP.digest,
        "theirs": TOP.digest,
        "v2": new.digest,
        "pushed": new.digest,
    }
    for _ in range(2):
        with opened(folder) as storage:
            assert storage.targets(APP) == names_in(place)
            assert storage.manifest(APP, CHILD.digest) == stored(CHILD)
            assert read(storage, APP, LAYER) == b"another layer"
            push(storage, APP, b"more")


@pytest.mark.parametrize("push_more", [True, False])
def test_a_tool_that_read_the_index_before_a_push_and_wrote_it_after_loses_nothing(
    folder: Path, place: Path, push_more: bool
) -> None:
    with opened(folder) as storage:
        pushed_image(storage, APP, "v1")
        before = (place / "index.json").read_bytes()
        when_folded(place)
        pushed_image(storage, APP, "v2", note="v2")
        when_folded(place)
        (place / "index.json").write_bytes(before)
        add(place, TOP, "theirs", b"config", b"another layer", CHILD.content)
        if push_more:
            pushed_image(storage, APP, "v3", note="v3")
        expected = storage.targets(APP) | {Tag("theirs"): TOP.digest}
    assert names_in(place) == expected
    with opened(folder) as storage:
        assert storage.targets(APP) == expected


def test_half_a_document_of_another_tool_is_waited_for(folder: Path, place: Path) -> None:
    with opened(folder) as storage:
        pushed_image(storage, APP, "v1")
        when_folded(place)
        whole = (place / "index.json").read_bytes()
        (place / "index.json").write_bytes(whole[:50])
        pushed_image(storage, APP, "v2", note="v2")
        assert (place / "index.json").read_bytes() == whole[:50]
        (place / "index.json").write_bytes(whole)
        expected = storage.targets(APP)
    assert names_in(place) == expected


def test_content_of_another_tool_is_not_removed_while_something_names_it(folder: Path, place: Path) -> None:
    with opened(folder) as storage:
        config = push(storage, APP, b"{}")
        storage.put_manifest(APP, image(config, LAYER), tags=[Tag("sparse")], complete=False)
    for content in (b"another layer", b"named by nothing"):
        file_of(place, Digest.of(content)).write_bytes(content)
    for _ in range(2):
        with opened(folder) as storage:
            push(storage, APP, b"more")
        assert file_of(place, LAYER).read_bytes() == b"another layer"
    assert not file_of(place, Digest.of(b"named by nothing")).exists()


def test_a_reset_brings_back_what_was_found(folder: Path, place: Path) -> None:
    write_layout(place, DOCUMENT, *CONTENTS)
    (place / "notes.txt").write_text("of the user")
    before = files_of(place)
    with opened(folder) as storage:
        found = storage.targets(APP), storage.manifests(APP)
        for _ in range(2):
            new = pushed_image(storage, APP, "v1", "new")
            storage.put_manifest(APP, new, tags=[], complete=True, notes=lambda _: {"key": "text"})
            storage.delete_manifest(APP, TOP.digest)
            storage.delete_manifest(APP, CHILD.digest)
            storage.delete_blob(APP, LAYER)
            pushed_image(storage, A, "tag")
            storage.clear()
            assert files_of(place) == before
            assert (storage.targets(APP), storage.manifests(APP)) == found
            assert (storage.repositories(), storage.notes(APP)) == ([APP], {})
            assert read(storage, APP, LAYER) == b"another layer"
            assert read(storage, APP, Digest.of(b"layer")) is None
    assert files_of(place) == before
    assert not (folder / "repositories" / "team+a").exists()
    with opened(folder) as storage:
        assert (storage.targets(APP), storage.manifests(APP)) == found


def test_a_reset_brings_back_what_was_added_while_the_layout_was_served(folder: Path, place: Path) -> None:
    with opened(folder) as storage:
        pushed_image(storage, APP, "ours")
        push(storage, APP, b"config")
        add(place, TOP, "theirs", b"config", b"another layer", CHILD.content)
        pushed_image(storage, APP, "more", note="more")
        storage.clear()
        assert storage.targets(APP) == {"theirs": TOP.digest} == names_in(place)
        assert storage.manifest(APP, Tag("theirs")) == stored(TOP)
        assert storage.manifests(APP) == sorted([TOP.digest, CHILD.digest])
        assert [read(storage, APP, digest) for digest in (CONFIG, LAYER)] == [b"config", b"another layer"]
        assert set(files_of(place / "blobs")) == {
            f"sha256/{digest.encoded}" for digest in (CONFIG, LAYER, TOP.digest, CHILD.digest)
        }
        pushed_image(storage, APP, "ours")
    with opened(folder) as storage:
        storage.clear()
        assert storage.targets(APP) == {"theirs": TOP.digest}
        assert read(storage, APP, LAYER) == b"another layer"


def test_a_deletion_leaves_the_files_of_others_and_lasts(folder: Path, place: Path) -> None:
    write_layout(place, DOCUMENT, *CONTENTS)
    with opened(folder) as storage:
        assert storage.delete_manifest(APP, TOP.digest)
        assert storage.delete_manifest(APP, CHILD.digest)
        assert storage.delete_blob(APP, LAYER)
    assert all(file_of(place, Digest.of(content)).read_bytes() == content for content in CONTENTS)
    with opened(folder) as storage:
        assert (storage.tags(APP), storage.manifests(APP)) == ([], [])
        assert storage.blob_size(APP, LAYER) is None
        assert read(storage, APP, CONFIG) == b"config"


def test_children_of_an_index_of_another_tool_can_be_deleted_and_tagged(folder: Path, place: Path) -> None:
    other = image(CONFIG, note="other")
    top = index(CHILD.digest, other.digest)
    contents = (b"config", b"another layer", CHILD.content, other.content, top.content)
    write_layout(place, {"manifests": [entry(top, "v1")]}, *contents)
    with opened(folder) as storage:
        assert storage.delete_manifest(APP, other.digest)
    for _ in range(2):
        with opened(folder) as storage:
            assert storage.manifests(APP) == sorted([CHILD.digest, top.digest])
            assert len(entries_of(place)) == 1
    with opened(folder) as storage:
        storage.change(APP, lambda index: index.plan(Delta(tags={Tag("child"): CHILD.digest})))
    with opened(folder) as storage:
        assert storage.targets(APP) == {"child": CHILD.digest, "v1": top.digest} == names_in(place)


def test_a_reset_leaves_files_of_an_unknown_purpose_and_the_name_can_be_used_again(folder: Path, place: Path) -> None:
    with opened(folder) as storage:
        pushed_image(storage, APP, "tag")
        for path in (place / "README.md", place / "blobs" / "sha256" / "notes", place / "pushed" / "x.txt"):
            path.write_text("of the user")
        mine = file_of(place, Digest.of(b"mine"))
        mine.write_bytes(b"mine")
        for _ in range(2):
            storage.clear()
            assert storage.repositories() == []
            assert (place / "README.md").read_text() == "of the user"
            assert mine.read_bytes() == b"mine"
            manifest = pushed_image(storage, APP, "tag")
    for _ in range(2):
        with opened(folder) as storage:
            assert storage.manifest(APP, Tag("tag")) == stored(manifest)
            assert mine.read_bytes() == b"mine"
    with opened(folder) as storage:
        storage.clear()
    with opened(folder) as storage:
        assert storage.repositories() == []
        pushed_image(storage, APP, "tag")
    assert mine.read_bytes() == b"mine"


def test_a_reset_goes_on_where_a_repository_has_been_removed(folder: Path, place: Path) -> None:
    with opened(folder) as storage:
        for name in (A, APP, Name("z")):
            pushed_image(storage, name, "tag")
        shutil.rmtree(place)
        storage.clear()
        assert storage.repositories() == []
        assert not list((folder / "repositories").iterdir())
        pushed_image(storage, APP, "tag")
        assert storage.repositories() == [APP]


def test_a_repository_behind_a_symbolic_link_is_served_and_kept(folder: Path, place: Path, tmp_path: Path) -> None:
    write_layout(tmp_path / "mine", DOCUMENT, *CONTENTS)
    before = files_of(tmp_path / "mine")
    place.parent.mkdir(parents=True)
    place.symlink_to(tmp_path / "mine")
    with opened(folder) as storage:
        pushed_image(storage, APP, "tag")
        storage.clear()
        assert storage.targets(APP) == {"v1": TOP.digest}
    assert place.is_symlink()
    assert files_of(tmp_path / "mine") == before


def test_contents_are_found_by_the_protocol_too(folder: Path, place: Path) -> None:
    write_layout(place, DOCUMENT, *CONTENTS)
    with opened(folder) as storage:
        assert contents_of(storage.storage, APP, LAYER, TOP.digest) == [b"another layer", TOP.content]
