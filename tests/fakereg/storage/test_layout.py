"""What the directory storage makes of image layouts that somebody else wrote, or wrote to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fakereg.spec.manifest import OCI_INDEX, Manifest
from fakereg.spec.names import Digest, Name
from fakereg.storage import layout
from fakereg.storage.base import StorageError
from fakereg.storage.contract.steps import A, image, index, push, pushed_image, read, stored
from fakereg.storage.layout import Layout
from tests.fakereg.client import descriptor
from tests.fakereg.storage.test_contract import opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


def _layout(folder: Path, name: str, *contents: bytes, index: object) -> Path:
    """A layout as another tool writes it."""
    place = folder / "repositories" / name
    (place / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
    for content in contents:
        (place / "blobs" / "sha256" / Digest.of(content).encoded).write_bytes(content)
    (place / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (place / "index.json").write_text(index if isinstance(index, str) else json.dumps(index))
    return place


def _entry(manifest: Manifest) -> dict[str, object]:
    return {"mediaType": manifest.media_type, "digest": manifest.digest, "size": len(manifest.content)}


def test_what_another_tool_adds_to_our_layout_is_served(folder: Path) -> None:
    with opened(folder) as storage:
        ours = pushed_image(storage, Name("app"), "ours")
    child = image(Digest.of(b"config"), Digest.of(b"another layer"))
    top = index(child.digest)
    document = json.loads((folder / "repositories" / "app" / "index.json").read_bytes())
    document["manifests"].append(_entry(top))
    _layout(folder, "app", b"config", b"another layer", child.content, top.content, index=document)
    for _ in range(2):
        with opened(folder) as storage:
            for manifest in (ours, child, top):
                assert storage.manifest(Name("app"), manifest.digest) == stored(manifest)
            assert read(storage, Name("app"), Digest.of(b"another layer")) == b"another layer"
            assert storage.blob_size(Name("app"), child.digest) is None


def test_the_cache_of_a_build_that_another_tool_adds_is_served(folder: Path) -> None:
    """It is an index of blobs, some of which look like a manifest."""
    with opened(folder) as storage:
        pushed_image(storage, Name("app"), "ours")
    blobs = {"application/vnd.buildkit.cacheconfig.v0": b'{"layers": []}', "application/vnd.oci.empty.v1+json": b"{}"}
    entries = [descriptor(kind, Digest.of(content), len(content)) for kind, content in blobs.items()]
    cache = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()
    document = json.loads((folder / "repositories" / "app" / "index.json").read_bytes())
    document["manifests"].append(descriptor(OCI_INDEX, Digest.of(cache), len(cache)))
    _layout(folder, "app", *blobs.values(), cache, index=document)
    for _ in range(2):
        with opened(folder) as storage:
            assert storage.manifest(Name("app"), Digest.of(cache)) == (cache, OCI_INDEX, Digest.of(cache))
            for content in blobs.values():
                assert read(storage, Name("app"), Digest.of(content)) == content
                assert storage.manifest(Name("app"), Digest.of(content)) is None


@contextmanager
def _file_left(path: Path) -> Iterator[None]:
    """Whatever happens, the file is there at the end, as it is where a process is killed before it removes it."""
    content = path.read_bytes()
    yield
    path.write_bytes(content)


def test_a_manifest_whose_deletion_a_kill_cut_short_does_not_come_back_without_its_tags(folder: Path) -> None:
    name = Name("app")
    with opened(folder) as storage:
        child = pushed_image(storage, name, "tag")
        top = index(child.digest)
        storage.put_manifest(name, top, tags=[], complete=True)
        with _file_left(folder / "repositories/app/blobs/sha256" / child.digest.encoded):
            storage.delete_manifest(name, child.digest)
    with opened(folder) as storage:
        assert storage.manifests(name) == [top.digest]


def test_a_blob_that_was_deleted_does_not_come_back_while_the_same_bytes_are_a_manifest(folder: Path) -> None:
    name = Name("app")
    with opened(folder) as storage:
        manifest = pushed_image(storage, name, "tag")
        push(storage, name, manifest.content)
        config = push(storage, name, b"config")
        storage.put_manifest(name, image(config, manifest.digest), tags=[], complete=True)
        storage.delete_blob(name, manifest.digest)
    with opened(folder) as storage:
        assert storage.blob_size(name, manifest.digest) is None
        assert storage.manifest(name, manifest.digest) == stored(manifest)


@pytest.mark.parametrize("foreign", [True, False])
@pytest.mark.parametrize(("owner", "step"), [(layout, "_mark"), (Layout, "_write_notes"), (Layout, "_write_found")])
def test_a_kill_while_a_layout_is_adopted_leaves_all_of_it_to_the_next_start(
    folder: Path, monkeypatch: pytest.MonkeyPatch, foreign: bool, owner: object, step: str
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    child = image(Digest.of(b"config"), Digest.of(b"layer"))
    top = index(child.digest)
    document: dict[str, Any] = {"manifests": []}
    if not foreign:
        with opened(folder) as storage:
            pushed_image(storage, Name("app"), "ours")
        document = json.loads((folder / "repositories" / "app" / "index.json").read_bytes())
    document["manifests"].append(_entry(top))
    place = _layout(folder, "app", b"config", b"layer", child.content, top.content, index=document)
    before = (place / "index.json").read_bytes()
    with opened(folder) as storage, monkeypatch.context() as patched:
        patched.setattr(owner, step, killed)
        with pytest.raises(KeyboardInterrupt):
            push(storage, Name("app"), b"new")
    for _ in range(2):
        with opened(folder) as storage:
            assert {child.digest, top.digest} <= set(storage.manifests(Name("app")) or ())
            for content in (b"config", b"layer"):
                assert read(storage, Name("app"), Digest.of(content)) == content
            assert storage.blob_size(Name("app"), child.digest) is None
            assert storage.blob_size(Name("app"), Digest.of(b"new")) is None
    with opened(folder) as storage:
        push(storage, Name("app"), b"new")
        storage.clear()
        assert storage.manifests(Name("app")) == sorted([child.digest, top.digest])
        assert read(storage, Name("app"), Digest.of(b"layer")) == b"layer"
        assert read(storage, Name("app"), Digest.of(b"new")) is None
    if foreign:
        assert json.loads((place / "index.json").read_bytes()) == json.loads(before)


@pytest.mark.parametrize(
    "document",
    [
        "no json",
        "[" * 100_000,
        "[]",
        {},
        {"manifests": 5},
        {"manifests": [5]},
    ],
    ids=str,
)
def test_a_broken_layout_is_left_alone_and_the_others_are_served(folder: Path, document: object) -> None:
    broken = _layout(folder, "broken", b"content", index=document)
    (folder / "repositories" / "file").touch()
    (folder / "repositories" / "NO+NAME").mkdir()
    with opened(folder) as storage:
        push(storage, A, b"content")
    with opened(folder) as storage:
        assert storage.repositories() == [A]
        with pytest.raises(StorageError, match="move it away"):
            push(storage, Name("broken"), b"content")
        storage.clear()
    assert (broken / "blobs" / "sha256" / Digest.of(b"content").encoded).read_bytes() == b"content"


def test_broken_entries_of_a_layout_are_left_out(folder: Path) -> None:
    manifest = image(Digest.of(b"config"))
    altered = image(Digest.of(b"config"), note="altered")
    cycle = "sha256:" + "a" * 64
    entries = [
        _entry(manifest) | {"annotations": {"org.opencontainers.image.ref.name": "not a tag"}},
        _entry(manifest) | {"annotations": "x"},
        _entry(altered),
        _entry(index(Digest(cycle))),
        {"digest": cycle, "mediaType": "application/vnd.oci.image.index.v1+json"},
        {"digest": "nothing"},
        {},
    ]
    place = _layout(folder, "app", b"config", manifest.content, altered.content, index={"manifests": entries})
    (place / "blobs" / "sha256" / altered.digest.encoded).write_bytes(b"{}")
    (place / "blobs" / "sha256" / ("a" * 64)).write_bytes(index(Digest(cycle)).content)
    (place / "blobs" / "sha256" / ("b" * 64)).symlink_to("/etc/hostname")
    with opened(folder) as storage:
        assert storage.manifest(Name("app"), manifest.digest) == stored(manifest)
        assert storage.manifest(Name("app"), altered.digest) is None
        assert storage.tags(Name("app")) == []
        assert storage.open_blob(Name("app"), Digest("sha256:" + "b" * 64)) is None


@pytest.mark.parametrize(
    "description",
    [
        "{}",
        "[]",
        "no json",
        '{"repository": "a", "algorithm": "sha256", "expiry": "x"}',
        '{"repository": "a", "algorithm": "sha256", "expiry": 1, "deadline": "x"}',
    ],
)
def test_a_broken_session_is_removed(folder: Path, description: str) -> None:
    (folder / "uploads").mkdir(parents=True)
    (folder / "uploads" / "id").write_bytes(b"bytes")
    (folder / "uploads" / "id.json").write_text(description)
    with opened(folder) as storage:
        assert storage.upload(Name("a"), "id") is None
    assert not list((folder / "uploads").iterdir())
