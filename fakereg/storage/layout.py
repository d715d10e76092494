"""An OCI image layout on disk: read one, write its index, put files in place in one step."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
from collections import defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from fakereg.spec import manifest as manifests
from fakereg.spec.errors import RegistryError
from fakereg.spec.manifest import OCI_INDEX, Descriptor, Manifest
from fakereg.spec.names import ALGORITHMS, Digest, Tag
from fakereg.storage.content import Content
from fakereg.storage.indexed import Entry, Index, Repository

PARTIAL = ".partial"
"""Ending of files that are not complete yet; whatever has it is removed at the next start."""

_TAG_ANNOTATION = "org.opencontainers.image.ref.name"

_TAKEN_UP = "org.fakereg.taken-up"
"""Annotation of an entry of the index that is not news: its manifest gives nothing any more to be taken up.

Without it the file of a manifest that is being pushed or deleted would count as soon, or as long, as it is there, if
another manifest names it.
"""

_log = logging.getLogger(__name__)


def create(layout: Path) -> None:
    """Make an empty layout at `layout`, all of it or nothing."""
    partial = layout.with_name(PARTIAL)
    remove(partial)
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
    try:
        partial.write_bytes(data)
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


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


def write_index(layout: Path, index: Index, *, news: Collection[Digest] = ()) -> None:
    """Write `index.json` in one step: this is what makes a change of manifests or tags last.

    The manifests among `news` may still name content that is to be taken up at the next start.
    """
    tagged: defaultdict[Digest, list[Tag]] = defaultdict(list)
    for tag, digest in index.tags.items():
        tagged[digest].append(tag)
    entries = []
    for digest, entry in index.manifests.items():
        descriptor: dict[str, Any] = {"mediaType": entry.media_type, "digest": digest, "size": entry.content.size}
        notes = {} if digest in news else {_TAKEN_UP: "yes"}
        names: list[dict[str, str]] = [{_TAG_ANNOTATION: tag} for tag in tagged[digest]]
        entries += [{**descriptor, "annotations": {**name, **notes}} for name in names or [{}]]
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
    write(layout / "index.json", json.dumps(document).encode())


def take_up(layout: Path) -> Repository:
    """The repository that `layout` holds, whether this package wrote it or another tool did or added to it.

    What a killed process left incomplete is removed; what a manifest that another tool put there names is taken up.
    Raise ValueError or OSError if this is no layout.
    """
    if not (layout / "oci-layout").is_file():
        raise ValueError("there is no file oci-layout")
    index, news, named = _read_index(layout)
    foreign = not (layout / "pushed").is_dir()
    repository = Repository(index=index)
    for digest, path in _files(layout / "blobs"):
        marked = pushed_path(layout, digest).exists() or digest in named
        if marked or (foreign and digest not in index.manifests):
            repository.blobs[digest] = Content(path, path.stat().st_size)
    _adopt(layout, repository, news)
    _remove_strays(layout, repository)
    return repository


def _files(folder: Path) -> Iterator[tuple[Digest, Path]]:
    """The regular files below `blobs` or `pushed` whose path spells a digest."""
    for path in folder.glob("*/*"):
        with contextlib.suppress(RegistryError):
            digest = Digest.parse(f"{path.parent.name}:{path.name}", algorithms=ALGORITHMS)
            if path.is_file() and not path.is_symlink():
                yield digest, path


def _remove_strays(layout: Path, repository: Repository) -> None:
    for digest, path in [*_files(layout / "blobs")]:
        if digest not in repository.blobs and digest not in repository.index.manifests:
            path.unlink()
    for digest, path in [*_files(layout / "pushed")]:
        if digest not in repository.blobs:
            path.unlink()
    for path in [*layout.glob(f"*{PARTIAL}"), *layout.glob(f"blobs/*/*{PARTIAL}")]:
        remove(path)


def remove(path: Path) -> None:
    """Remove a file or a folder with all that is in it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _adopt(layout: Path, repository: Repository, news: Collection[Digest]) -> None:
    """Write down what was found, the way this package does: the index, the marks of the blobs, that nothing is news."""
    write_index(layout, repository.index, news=news)
    for algorithm in ALGORITHMS:
        (layout / "blobs" / algorithm).mkdir(parents=True, exist_ok=True)
    if not (layout / "pushed").exists():
        partial = layout / ("pushed" + PARTIAL)
        remove(partial)
        for algorithm in ALGORITHMS:
            (partial / algorithm).mkdir(parents=True)
        for digest in repository.blobs:
            (partial / digest.algorithm / digest.encoded).touch()
        partial.rename(layout / "pushed")
    for digest in repository.blobs:
        pushed_path(layout, digest).touch()
    if news:
        write_index(layout, repository.index)


def _read_index(layout: Path) -> tuple[Index, set[Digest], set[Digest]]:
    """The manifests and tags of a layout, which of them are news, and the blobs that these name.

    The children of an index that is news are among them.
    """
    index, news, named = Index(), set[Digest](), set[Digest]()
    pending = _descriptors(layout)
    while pending:
        descriptor = pending.pop()
        manifest = _read_manifest(layout, descriptor)
        if manifest is None:
            continue
        if tag := _tag(descriptor):
            index.tags[tag] = manifest.digest
        content = Content(blob_path(layout, manifest.digest), len(manifest.content))
        index.manifests.setdefault(manifest.digest, Entry.of(manifest, content))
        if manifest.digest not in news and not _annotation(descriptor, _TAKEN_UP):
            news.add(manifest.digest)
            named |= {blob.digest for blob in manifest.blobs}
            pending += [_child(child) for child in manifest.manifests if not pushed_path(layout, child.digest).exists()]
    return index, news, named


def _child(child: Descriptor) -> dict[str, Any]:
    return {"mediaType": child.media_type, "digest": child.digest, "child": True}


def _descriptors(layout: Path) -> list[dict[str, Any]]:
    """The descriptors in `index.json`; raise ValueError if it is not what the image specification says."""
    document = json.loads((layout / "index.json").read_bytes())
    entries = document.get("manifests") if isinstance(document, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError("index.json is not an image index")
    return list(reversed(entries))


def _read_manifest(layout: Path, descriptor: dict[str, Any]) -> Manifest | None:
    """The manifest that a descriptor names; None, and a line in the log, if it is not there or not whole."""
    try:
        digest = Digest.parse(str(descriptor.get("digest")), algorithms=ALGORITHMS)
        content = blob_path(layout, digest).read_bytes()
        if Digest.of(content, algorithm=digest.algorithm) != digest:
            raise ValueError("the content does not match the digest")
        return manifests.parse(content, str(descriptor.get("mediaType")), digest)
    except (RegistryError, OSError, ValueError) as problem:
        if not (descriptor.get("child") and isinstance(problem, FileNotFoundError)):  # an index may be sparse
            _log.warning("%s: manifest %s is left out: %s", layout, descriptor.get("digest"), problem)
        return None


def _tag(descriptor: dict[str, Any]) -> Tag | None:
    text = _annotation(descriptor, _TAG_ANNOTATION)
    try:
        return Tag.parse(text) if isinstance(text, str) else None
    except RegistryError:
        _log.warning("%r is not a tag and is left out", text)
        return None


def _annotation(descriptor: dict[str, Any], name: str) -> object:
    annotations = descriptor.get("annotations")
    return annotations.get(name) if isinstance(annotations, dict) else None
