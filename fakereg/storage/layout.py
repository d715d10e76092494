"""An OCI image layout on disk: read one, write its index, put files in place in one step."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fakereg import manifest as manifests
from fakereg.errors import RegistryError
from fakereg.manifest import OCI_INDEX, Manifest
from fakereg.names import ALGORITHMS, Digest, Tag
from fakereg.storage.content import Content
from fakereg.storage.indexed import Entry, Index, Repository

PARTIAL = ".partial"
"""Ending of files that are not complete yet; whatever has it is removed at the next start."""

_TAG_ANNOTATION = "org.opencontainers.image.ref.name"
_log = logging.getLogger(__name__)


def create(layout: Path) -> None:
    """Make an empty layout at `layout`, all of it or nothing."""
    partial = layout.with_name(PARTIAL)
    shutil.rmtree(partial, ignore_errors=True)
    for part in ("blobs", "pushed"):
        for algorithm in ALGORITHMS:
            (partial / part / algorithm).mkdir(parents=True)
    (partial / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    write_index(partial, Index())
    partial.rename(layout)


def blob_path(layout: Path, digest: Digest) -> Path:
    """Where the content named `digest` lies, manifests included."""
    return layout / "blobs" / digest.algorithm / digest.encoded


def pushed_path(layout: Path, digest: Digest) -> Path:
    """The empty file that says that the content is served as a blob."""
    return layout / "pushed" / digest.algorithm / digest.encoded


def write(path: Path, data: bytes) -> None:
    """Write a file in one step."""
    partial = path.with_name(path.name + PARTIAL)
    partial.write_bytes(data)
    partial.replace(path)


def link(source: Path, target: Path) -> None:
    """Let `target` be the same file as `source`, or a copy where the file system has no more links to give."""
    try:
        os.link(source, target)
    except FileExistsError:
        pass
    except OSError:
        partial = target.with_name(target.name + PARTIAL)
        shutil.copyfile(source, partial)
        partial.replace(target)


def write_index(layout: Path, index: Index) -> None:
    """Write `index.json` in one step: this is what makes a change of manifests or tags last."""
    tagged = {digest: [tag for tag, target in index.tags.items() if target == digest] for digest in index.tags.values()}
    entries = []
    for digest, entry in index.manifests.items():
        descriptor: dict[str, Any] = {"mediaType": entry.media_type, "digest": digest, "size": entry.content.size}
        tags = tagged.get(digest, [])
        entries += [{**descriptor, "annotations": {_TAG_ANNOTATION: tag}} for tag in tags] or [descriptor]
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
    write(layout / "index.json", json.dumps(document).encode())


def take_up(layout: Path) -> Repository:
    """The repository that `layout` holds, whether this package wrote it or another tool did.

    What a killed process left incomplete is removed; a layout of another tool becomes one of ours.
    """
    ours = (layout / "pushed").is_dir()
    repository = Repository(index=_read_index(layout, children=not ours))
    files = {digest: path for digest, path in _files(layout / "blobs") if digest}
    for digest, path in files.items():
        is_blob = pushed_path(layout, digest).exists() if ours else digest not in repository.index.manifests
        if is_blob:
            repository.blobs[digest] = Content(path, path.stat().st_size)
    if ours:
        _remove_strays(layout, repository)
    else:
        _adopt(layout, repository)
    return repository


def _files(folder: Path) -> Iterator[tuple[Digest | None, Path]]:
    """The files below `blobs` or `pushed`, each with the digest that its path spells, if it does."""
    for path in folder.glob("*/*"):
        digest = None
        with contextlib.suppress(RegistryError):
            digest = Digest.parse(f"{path.parent.name}:{path.name}", algorithms=ALGORITHMS)
        yield digest, path


def _remove_strays(layout: Path, repository: Repository) -> None:
    for digest, path in _files(layout / "blobs"):
        if digest not in repository.blobs and digest not in repository.index.manifests:
            path.unlink()
    for digest, path in _files(layout / "pushed"):
        if digest not in repository.blobs:
            path.unlink()
    for path in layout.glob(f"*{PARTIAL}"):
        path.unlink()


def _adopt(layout: Path, repository: Repository) -> None:
    write_index(layout, repository.index)
    partial = layout / ("pushed" + PARTIAL)
    shutil.rmtree(partial, ignore_errors=True)
    for algorithm in ALGORITHMS:
        (partial / algorithm).mkdir(parents=True)
        (layout / "blobs" / algorithm).mkdir(parents=True, exist_ok=True)
    for digest in repository.blobs:
        (partial / digest.algorithm / digest.encoded).touch()
    partial.rename(layout / "pushed")


def _read_index(layout: Path, *, children: bool) -> Index:
    index = Index()
    pending = json.loads((layout / "index.json").read_bytes())["manifests"]
    while pending:
        descriptor = pending.pop()
        manifest = _read_manifest(layout, descriptor)
        if manifest is None:
            continue
        subject = manifest.subject.digest if manifest.subject else None
        content = Content(blob_path(layout, manifest.digest), len(manifest.content))
        entry = Entry(manifest.digest, manifest.media_type, subject, content)
        index.manifests[entry.digest] = entry
        if tag := _tag(descriptor):
            index.tags[tag] = entry.digest
        if children:
            pending += [{"mediaType": child.media_type, "digest": child.digest} for child in manifest.manifests]
    return index


def _read_manifest(layout: Path, descriptor: dict[str, Any]) -> Manifest | None:
    try:
        digest = Digest.parse(descriptor["digest"], algorithms=ALGORITHMS)
        content = blob_path(layout, digest).read_bytes()
        return manifests.parse(content, descriptor["mediaType"], digest)
    except (RegistryError, FileNotFoundError) as problem:
        _log.warning("%s: manifest %s is left out: %s", layout, descriptor["digest"], problem)
        return None


def _tag(descriptor: dict[str, Any]) -> Tag | None:
    text = (descriptor.get("annotations") or {}).get(_TAG_ANNOTATION)
    try:
        return Tag.parse(text) if text else None
    except RegistryError:
        _log.warning("%r is not a tag and is left out", text)
        return None
