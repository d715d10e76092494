"""Read a layout from the disk, whoever wrote it, and change nothing.

What cannot be understood stays as it is: a manifest that is damaged, missing or of a form that the parser refuses is
not served, and a warning says so. What cannot be read raises OSError, for it may be there at the next start.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fakereg.spec import manifest as manifests
from fakereg.spec.errors import RegistryError
from fakereg.spec.manifest import Manifest
from fakereg.spec.names import ALGORITHMS, Digest
from fakereg.storage import document as documents
from fakereg.storage.base import Delta
from fakereg.storage.document import Descriptor, Document
from fakereg.storage.files import is_file, read
from fakereg.storage.index import State, entry_of

LOG, NOTES, FOUND = "changes.jsonl", "fakereg.json", "found.json"

_NAMED = re.compile(rb"sha(?:256:[a-f0-9]{64}|512:[a-f0-9]{128})(?![a-f0-9])")

_log = logging.getLogger(__name__)


@dataclass
class Found:
    """What other tools wrote: `index.json` with their entries, None if they wrote none, and content."""

    index: bytes | None
    content: set[Digest]

    @property
    def entries(self) -> list[Descriptor]:
        """The entries of the document."""
        return list(documents.parse(self.index)["manifests"]) if self.index else []

    def text(self) -> str:
        """Return the text of `found.json`."""
        index = None if self.index is None else self.index.decode(errors="surrogateescape")
        return json.dumps({"index": index, "content": sorted(self.content)})

    @classmethod
    def of(cls, document: dict[str, Any]) -> Found:
        """Read the object in `found.json`."""
        index = document.get("index")
        content = {Digest.parse(str(digest)) for digest in document.get("content", [])}
        return cls(None if index is None else str(index).encode(errors="surrogateescape"), content)


@dataclass
class Reading:
    """A layout as it is on the disk, with the changes of its log."""

    state: State = field(default_factory=State)
    children: dict[Digest, str] = field(default_factory=dict)
    """The media types of manifests that have no entry in `index.json`: children of indexes of other tools."""
    found: Found | None = None
    news: list[Digest] = field(default_factory=list)
    """The manifests in `found` that were not there when the layout was adopted for the last time."""
    foreign: bool = False
    """Whether the layout was never adopted: all of it is of other tools."""
    log_size: int = 0
    logged: Delta = field(default_factory=Delta)
    strays: list[Path] = field(default_factory=list)
    """Content that nothing names: what a killed process left behind."""


def blob_path(layout: Path, digest: Digest) -> Path:
    """Return the path of the content named `digest`, which may be a manifest."""
    return layout / "blobs" / digest.algorithm / digest.encoded


def files(folder: Path) -> Iterator[tuple[Digest, Path]]:
    """Yield the regular files below `blobs` or `pushed` whose path is a digest."""
    for algorithm in ALGORITHMS:
        with contextlib.suppress(FileNotFoundError), os.scandir(folder / algorithm) as entries:
            for entry in entries:
                with contextlib.suppress(RegistryError):
                    digest = Digest.parse(f"{algorithm}:{entry.name}", algorithms=ALGORITHMS)
                    if entry.is_file(follow_symlinks=False):
                        yield digest, Path(entry.path)


def read_log(layout: Path) -> tuple[Delta, int]:
    """Read all changes since the last fold as one delta, and their size in bytes; raise ValueError if it is damaged.

    An incomplete last line was never acknowledged.
    """
    try:
        data = read(layout / LOG)
    except FileNotFoundError:
        return Delta(), 0
    *lines, torn = data.split(b"\n")
    try:
        return Delta.of_rows(row for line in lines for row in json.loads(line)), len(data) - len(torn)
    except (KeyError, TypeError, ValueError, RecursionError) as problem:
        raise ValueError(f"{LOG} is damaged: {problem!r}") from problem


def take_up(layout: Path) -> Reading:
    """Read a layout. Raise ValueError if it is none, OSError if it cannot be read."""
    for name in ("oci-layout", "index.json"):
        if not is_file(layout / name):
            raise ValueError(f"there is no file {name}")
    return _Taking(layout).reading


class _Taking:
    """The steps of `take_up`."""

    def __init__(self, layout: Path) -> None:
        self._layout = layout
        foreign = not (layout / "pushed").is_dir()
        logged, size = read_log(layout)
        self.reading = Reading(foreign=foreign, log_size=size, logged=logged)
        self._blobs = dict(files(layout / "blobs"))
        self._marked = {digest for digest, _ in files(layout / "pushed")}
        self._named = set[Digest]()
        """Content that manifests name."""
        self._imported = set[Digest]()
        """Blobs that new manifests name."""
        self._unknown = False
        data = read(layout / "index.json")
        document = documents.changed(documents.parse(data), logged)
        self._read_notes(logged)
        self._read_found()
        self._read_manifests(document)
        self._find(data, document)
        self._list_blobs(document)

    def _read_notes(self, logged: Delta) -> None:
        reading = self.reading
        own = _object(self._layout / NOTES)
        reading.state.notes |= _texts(own, "notes")
        children = {Digest.parse(digest): kind for digest, kind in _texts(own, "children").items()}
        reading.children = {digest: kind for digest, kind in children.items() if digest not in logged.manifests}
        reading.state.change(Delta(notes=logged.notes))

    def _read_found(self) -> None:
        found = _object(self._layout / FOUND)
        if found:
            self.reading.found = Found.of(found)

    def _read_manifests(self, document: Document) -> None:
        """Read every manifest, and the children of those that are new."""
        state, children = self.reading.state, self.reading.children
        old = {documents.digest_of(entry) for entry in self.reading.found.entries} if self.reading.found else set()
        for entry in document["manifests"]:
            manifest = self._read(documents.digest_of(entry), entry.get("mediaType"))
            self._unknown |= manifest is None
            if manifest is None:
                continue
            if tag := documents.tag_of(entry):
                state.tags[tag] = manifest.digest
            state.manifests.setdefault(manifest.digest, entry_of(manifest))
            if self.reading.foreign or not (documents.is_ours(entry) or manifest.digest in old):
                self._import(manifest)
        for digest, kind in children.items():
            if manifest := self._read(digest, kind):
                state.manifests.setdefault(digest, entry_of(manifest))

    def _import(self, manifest: Manifest) -> None:
        """Take up a new manifest, with the blobs and children that it names."""
        state, pending = self.reading.state, [manifest]
        while pending:
            new = pending.pop()
            if new.digest in self.reading.news:
                continue
            self.reading.news.append(new.digest)
            blobs = {blob.digest for blob in new.blobs}
            blobs |= {entry.digest for entry in new.manifests if not entry.of_manifest}
            self._imported |= blobs if new.blobs or new.manifests else _named_in(new.content)
            for child in (each for each in new.manifests if each.of_manifest):
                if child.digest in self._marked or child.digest not in self._blobs:  # an index may be sparse
                    continue
                below = self._read(child.digest, child.media_type)
                if below is None:
                    self._unknown = True
                    continue
                if child.digest not in state.manifests:
                    state.manifests[child.digest] = entry_of(below)
                    self.reading.children[child.digest] = child.media_type
                pending.append(below)

    def _read(self, text: str, media_type: object) -> Manifest | None:
        """Read a manifest and note what it names; return None and log a warning if it is missing or damaged."""
        try:
            digest = Digest.parse(text, algorithms=ALGORITHMS)
            if digest not in self._blobs:
                raise ValueError("there is no such file below blobs")
            content = read(self._blobs[digest])
            if Digest.of(content, algorithm=digest.algorithm) != digest:
                raise ValueError("the content does not match the digest")
            self._named |= _named_in(content)
            return manifests.read(content, str(media_type), digest)
        except (RegistryError, ValueError) as problem:
            _log.warning("%s: manifest %s is not served: %s", self._layout, text, problem)
            return None

    def _find(self, data: bytes, document: Document) -> None:
        """Note what other tools wrote."""
        reading = self.reading
        if reading.foreign:
            reading.found = Found(data, set(self._blobs))
        elif reading.news:
            before = reading.found or Found(None, set())
            new = [entry for entry in document["manifests"] if documents.digest_of(entry) in reading.news]
            content = {digest for digest in (*reading.news, *self._imported) if digest in self._blobs}
            index = documents.with_entries({**document, "manifests": before.entries}, new)
            reading.found = Found(json.dumps(index).encode(), before.content | content)

    def _list_blobs(self, document: Document) -> None:
        """List the blobs that are served, and the strays."""
        reading, state = self.reading, self.reading.state
        for digest, size in reading.logged.blobs.items():
            self._marked.discard(digest) if size is None else self._marked.add(digest)
        entries = {documents.digest_of(entry) for entry in document["manifests"]}
        for digest, path in self._blobs.items():
            new = digest not in entries and digest not in state.manifests
            if digest in self._marked or (new and (reading.foreign or digest in self._imported)):
                state.blobs[digest] = path.stat().st_size
        named = self._named | entries | (reading.found.content if reading.found else set())
        if not self._unknown:
            reading.strays = [p for digest, p in self._blobs.items() if digest not in named and not state.keeps(digest)]


def _named_in(content: bytes) -> set[Digest]:
    return {Digest(match.decode()) for match in _NAMED.findall(content)}


def _object(path: Path) -> dict[str, Any]:
    """Read a file of this package; an empty object if there is none."""
    try:
        document = json.loads(read(path))
    except FileNotFoundError:
        return {}
    if not isinstance(document, dict):
        raise ValueError(f"{path.name} must be an object")
    return document


def _texts(document: dict[str, Any], key: str) -> dict[str, str]:
    texts = document.get(key, {})
    if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
        raise ValueError(f"{key} must be an object of texts, got {str(texts)[:100]}")
    return texts
