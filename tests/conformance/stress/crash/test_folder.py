"""What is wrong in the folder of a server is found there, and skopeo reads what is right."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from conformance.client.content import Content, Manifest
from conformance.stress.common.base import Finding
from conformance.stress.crash.book import Book, Known
from conformance.stress.crash.folder import faults_of, layout_of, read_by_skopeo
from fakereg.spec import manifest as manifests
from fakereg.spec.names import Digest, Name, Tag
from fakereg.storage.contract.steps import push, start
from fakereg.storage.directory import DirectoryStorage
from fakereg.storage.repositories import Repositories
from tests.e2e.clients import require_command

REPOSITORY = "team/app"


@dataclass
class Store:
    """A folder with one image and an open session in it, and the book of whoever pushed it."""

    folder: Path
    book: Book
    image: Manifest

    @property
    def layout(self) -> Path:
        return layout_of(self.folder, REPOSITORY)

    @property
    def blob(self) -> Path:
        return self.layout / "blobs" / self.image.blobs[0].digest.replace(":", "/")

    def faults(self) -> list[Finding]:
        return list(faults_of(self.folder, [self.book], [REPOSITORY]))

    def read_by_skopeo(self) -> tuple[int, list[Finding]]:
        return read_by_skopeo(self.folder, [self.book], Random(1))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    folder, book, image = tmp_path / "store", Book(), Content(seed=1, label="folder").image()
    storage, name, digest = Repositories(DirectoryStorage(folder)), Name(REPOSITORY), Digest(image.digest)
    start(storage, name)
    for blob in image.blobs:
        push(storage, name, blob.data)
        book.blobs[blob.digest] = blob.data
    manifest = manifests.parse(image.data, image.media_type, digest)
    storage.put_manifest(name, manifest, tags=[Tag("tag")], complete=True)
    storage.close()
    key = ("manifest", REPOSITORY, image.digest)
    blobs = tuple(("blob", REPOSITORY, blob.digest) for blob in image.blobs)
    book.manifests[key] = Known(image.data, image.media_type, blobs)
    book.settle({key: image.digest, ("tag", REPOSITORY, "tag"): image.digest} | {blob: blob[2] for blob in blobs})
    return Store(folder, book, image)


def test_a_folder_that_is_right_has_no_fault(store: Store) -> None:
    assert store.faults() == []


def _without_tag(store: Store) -> None:
    index = store.layout / "index.json"
    index.write_text(index.read_text().replace('"tag"', '"other"'))


@pytest.mark.parametrize(
    ("damage", "texts"),
    [
        (lambda store: store.blob.write_bytes(b"other"), ["does not hash to its name"]),
        (lambda store: store.blob.unlink(), ["is missing in"]),
        (lambda store: store.blob.with_name("ab" * 32).touch(), ["a temporary file is left over"]),
        (lambda store: store.blob.with_name("index.json.partial").touch(), ["a temporary file is left over"]),
        (lambda store: (store.layout / "index.json.tmp").touch(), ["a temporary file is left over"]),
        (lambda store: (store.layout / "changes.jsonl").write_text("[]\n"), ["a temporary file is left over"]),
        (lambda store: (store.layout / "changes.jsonl").write_text("[["), []),
        (lambda store: (store.layout / "index.json").write_text('{"manifests": ['), ["is not an image layout"]),
        (lambda store: (store.layout / "oci-layout").unlink(), ["is not an image layout"]),
        (lambda store: (store.layout / "oci-layout").write_text("{}"), ["oci-layout of"]),
        (_without_tag, ["does not match the served content"]),
        (lambda store: (store.folder / "stray").touch(), ["an unknown file is in the folder"]),
        (
            lambda store: (store.folder / "repositories" / "other").touch(),
            ["an unknown file is among the repositories"],
        ),
        (lambda store: next(store.folder.glob("uploads/*.json")).unlink(), ["an incomplete upload session"]),
    ],
)
def test_what_is_wrong_in_a_folder_is_found(store: Store, damage: Callable[[Store], object], texts: list[str]) -> None:
    damage(store)
    found = [finding.text for finding in store.faults()]
    assert len(found) == len(texts)
    assert all(text in one for text, one in zip(texts, found, strict=True))


def test_skopeo_reads_a_folder_that_is_right(store: Store) -> None:
    require_command("skopeo")
    assert store.read_by_skopeo() == (2, [])


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (_without_tag, "skopeo cannot read"),
        (lambda store: store.blob.write_bytes(b"other"), "skopeo cannot copy"),
        (lambda store: store.blob.unlink(), "skopeo cannot copy"),
    ],
)
def test_skopeo_says_what_it_cannot_read(store: Store, damage: Callable[[Store], object], text: str) -> None:
    require_command("skopeo")
    damage(store)
    read, findings = store.read_by_skopeo()
    assert read == 2
    assert text in findings[0].text
    assert findings[0].evidence


def test_without_skopeo_nothing_is_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert store.read_by_skopeo() == (0, [])
