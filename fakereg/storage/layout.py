"""One repository as an OCI image layout on disk: open it, change it in one step, and keep it readable for other tools.

A change of manifests, tags and notes is a line that is added to `changes.jsonl`, so a push costs the same in a
repository of any size. The lines are folded into `index.json`, and into `fakereg.json`, which has the notes, when the
storage is closed, when it is opened, and

- if these two have at most SMALL_BYTES: at once, or after FRESH_SECONDS if the last fold is not older than that. So
  other tools see a single change at once, and the last of many 0.1 seconds later.
- otherwise: when the lines have as many bytes as they have. Until then other tools see manifests and tags as they
  were at the last fold. Some of these may have been deleted since; all others are complete.

A change of one blob is an empty file that is created or removed below `pushed`.
"""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from fakereg.spec import manifest as manifests
from fakereg.spec.errors import RegistryError
from fakereg.spec.manifest import OCI_INDEX, Descriptor, Manifest
from fakereg.spec.names import ALGORITHMS, Digest, Tag
from fakereg.storage.base import Delta
from fakereg.storage.files import PARTIAL, remove, write
from fakereg.storage.index import State, entry_of

SMALL_BYTES = 64 << 10
"""Size of `index.json` and `fakereg.json` up to which they are kept up to date; some 250 manifests."""

FRESH_SECONDS = 0.1
"""Shortest time between two writes of a small `index.json`."""

_TAG_ANNOTATION = "org.opencontainers.image.ref.name"

_TAKEN_UP = "org.fakereg.taken-up"
"""Annotation of an entry of the index that was imported: content that its manifest names is not imported again.

Without it the file of a manifest that is being pushed or deleted would be imported if another manifest names it.
"""

_log = logging.getLogger(__name__)


class Layout:
    """An open repository; hold `lock` to read or change it."""

    def __init__(self, path: Path, state: State, version: int) -> None:
        self.path = path
        self.state = state
        self.version = version
        self.lock = threading.Lock()
        self._folded_size = _size(path / "index.json") + _size(path / "fakereg.json")
        self._log_size = 0
        self._next_fold = 0.0
        self._unmarked: dict[Digest, int | None] = {}
        """Changes of blobs that are in the log, but perhaps not in `pushed` yet."""

    def change(self, version: int, delta: Delta) -> None:
        """Write a change in one step and set the new version; the content must be in place already."""
        one_blob = len(delta.blobs) == 1 and not delta.manifests and not delta.tags and not delta.notes
        if one_blob and not self._unmarked:
            mark(self.path, delta.blobs)
        else:
            self._append(delta)
        self.state.change(delta)
        self.version = version
        fresh = self.stale and time.monotonic() >= self._next_fold
        if fresh or self._unmarked or self._log_size > max(self._folded_size, SMALL_BYTES):
            self.fold()

    @property
    def stale(self) -> bool:
        """Whether a small `index.json` is not up to date."""
        return self._log_size > 0 and self._folded_size <= SMALL_BYTES

    def _append(self, delta: Delta) -> None:
        line = json.dumps([*delta.rows()]).encode() + b"\n"
        with (self.path / "changes.jsonl").open("ab", buffering=0) as log:
            try:
                written = log.write(line)
                if written < len(line):
                    raise OSError(f"{log.name} could not be written to its end")
            except OSError:
                log.truncate(self._log_size)
                raise
        self._log_size += len(line)
        self._unmarked.update(delta.blobs)

    def end(self, path: Path) -> None:
        """Move the layout to `path`, so that it cannot change any more."""
        self.path.rename(path)
        self.version, self.state, self._log_size = 0, State(), 0

    def fold(self) -> None:
        """Write the current state to `fakereg.json` and `index.json` and begin a new log; if that fails, keep the log.

        The log leads to the same state from the files before the fold, from those after it, and from one of each.
        """
        if not self._log_size:
            return
        self._next_fold = time.monotonic() + FRESH_SECONDS
        try:
            mark(self.path, self._unmarked)
            self._folded_size = write_notes(self.path, self.state) + write_index(self.path, self.state)
            (self.path / "changes.jsonl").unlink()
        except OSError as problem:
            _log.warning("%s: index.json is not up to date: %s", self.path, problem)
            return
        self._log_size = 0
        self._unmarked.clear()


@contextlib.contextmanager
def created(layout: Path, state: State) -> Iterator[Path]:
    """Make a layout at `layout`, all of it or nothing; the block puts content into the folder that it gets."""
    partial = layout.with_name(PARTIAL)
    remove(partial)
    for part in ("blobs", "pushed"):
        for algorithm in ALGORITHMS:
            (partial / part / algorithm).mkdir(parents=True)
    (partial / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    try:
        yield partial
        mark(partial, state.blobs)
        write_notes(partial, state)
        write_index(partial, state)
        partial.rename(layout)
    except BaseException:
        remove(partial)
        raise


def blob_path(layout: Path, digest: Digest) -> Path:
    """Return the path of the content named `digest`, which may be a manifest."""
    return layout / "blobs" / digest.algorithm / digest.encoded


def pushed_path(layout: Path, digest: Digest) -> Path:
    """Return the path of the empty file that marks content as a blob to serve."""
    return layout / "pushed" / digest.algorithm / digest.encoded


def mark(layout: Path, blobs: Mapping[Digest, int | None]) -> None:
    """Create or remove the files below `pushed` that mark content as blobs to serve."""
    for digest, size in blobs.items():
        if size is None:
            pushed_path(layout, digest).unlink(missing_ok=True)
        else:
            pushed_path(layout, digest).touch()


def write_index(layout: Path, state: State, *, news: Collection[Digest] = ()) -> int:
    """Write `index.json` in one step and return its size.

    The manifests in `news` are marked as not imported: the next start imports the content that they name.
    """
    tagged: defaultdict[Digest, list[Tag]] = defaultdict(list)
    for tag, digest in state.tags.items():
        tagged[digest].append(tag)
    entries = []
    for digest, entry in state.manifests.items():
        descriptor: dict[str, Any] = {"mediaType": entry.media_type, "digest": digest, "size": entry.size}
        notes = {} if digest in news else {_TAKEN_UP: "yes"}
        names: list[dict[str, str]] = [{_TAG_ANNOTATION: tag} for tag in tagged[digest]]
        entries += [{**descriptor, "annotations": {**name, **notes}} for name in names or [{}]]
    document = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()
    write(layout / "index.json", document)
    return len(document)


def write_notes(layout: Path, state: State) -> int:
    """Write `fakereg.json` in one step, if there are notes or were some, and return its size."""
    path = layout / "fakereg.json"
    if not state.notes and not path.exists():
        return 0
    document = json.dumps({"notes": state.notes}).encode()
    write(path, document)
    return len(document)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def take_up(layout: Path) -> State:
    """Read the repository in `layout`, which this package or another tool has written.

    Incomplete files of a killed process are removed. Manifests of another tool are imported with all content that they
    name. Afterwards `index.json` is complete, and there is no log. Raise ValueError or OSError if this is not a layout.
    """
    if not (layout / "oci-layout").is_file():
        raise ValueError("there is no file oci-layout")
    changes = _read_log(layout)
    state, news, named = _read_index(layout, changes)
    state.change(Delta(notes={**_read_notes(layout), **changes.notes}))
    foreign = not (layout / "pushed").is_dir()
    mark(layout, changes.blobs)
    for digest, path in _files(layout / "blobs"):
        marked = pushed_path(layout, digest).exists() or digest in named
        if marked or (foreign and digest not in state.manifests):
            state.blobs[digest] = path.stat().st_size
    _adopt(layout, state, news)
    _remove_strays(layout, state)
    return state


def _read_log(layout: Path) -> Delta:
    """Read all changes since the last fold as one delta; an incomplete last line was never acknowledged."""
    try:
        *lines, _ = (layout / "changes.jsonl").read_bytes().split(b"\n")
    except FileNotFoundError:
        return Delta()
    return Delta.of_rows(row for line in lines for row in json.loads(line))


def _read_notes(layout: Path) -> dict[str, str]:
    try:
        document = json.loads((layout / "fakereg.json").read_bytes())
    except FileNotFoundError:
        return {}
    notes = document.get("notes") if isinstance(document, dict) else None
    if not isinstance(notes, dict) or not all(isinstance(text, str) for text in notes.values()):
        raise ValueError("fakereg.json must have notes")
    return notes


def _files(folder: Path) -> Iterator[tuple[Digest, Path]]:
    """Yield the regular files below `blobs` or `pushed` whose path is a digest."""
    for path in folder.glob("*/*"):
        with contextlib.suppress(RegistryError):
            digest = Digest.parse(f"{path.parent.name}:{path.name}", algorithms=ALGORITHMS)
            if path.is_file() and not path.is_symlink():
                yield digest, path


def _remove_strays(layout: Path, state: State) -> None:
    for digest, path in [*_files(layout / "blobs")]:
        if not state.keeps(digest):
            path.unlink()
    for digest, path in [*_files(layout / "pushed")]:
        if digest not in state.blobs:
            path.unlink()
    for path in [*layout.glob(f"*{PARTIAL}"), *layout.glob(f"blobs/*/*{PARTIAL}")]:
        remove(path)


def _adopt(layout: Path, state: State, news: Collection[Digest]) -> None:
    """Write the state in the form of this package: the index, the marks of the blobs, and no log."""
    write_notes(layout, state)
    write_index(layout, state, news=news)
    for algorithm in ALGORITHMS:
        (layout / "blobs" / algorithm).mkdir(parents=True, exist_ok=True)
    if not (layout / "pushed").exists():
        partial = layout / ("pushed" + PARTIAL)
        remove(partial)
        for algorithm in ALGORITHMS:
            (partial / algorithm).mkdir(parents=True)
        for digest in state.blobs:
            (partial / digest.algorithm / digest.encoded).touch()
        partial.rename(layout / "pushed")
    mark(layout, state.blobs)
    if news:
        write_index(layout, state)
    (layout / "changes.jsonl").unlink(missing_ok=True)


def _read_index(layout: Path, changes: Delta) -> tuple[State, set[Digest], set[Digest]]:
    """Return manifests and tags of a layout, the manifests that were not imported yet, and the blobs that these name.

    The children of an index that was not imported yet are included.
    """
    state, news, named = State(), set[Digest](), set[Digest]()
    pending = [*_descriptors(layout, changes), *_logged(changes)]
    while pending:
        descriptor = pending.pop()
        manifest = _read_manifest(layout, descriptor)
        if manifest is None:
            continue
        if tag := _tag(descriptor):
            state.tags[tag] = manifest.digest
        state.manifests.setdefault(manifest.digest, entry_of(manifest))
        if manifest.digest not in news and not _annotation(descriptor, _TAKEN_UP):
            news.add(manifest.digest)
            named |= {blob.digest for blob in manifest.blobs}
            named |= {entry.digest for entry in manifest.manifests if not entry.of_manifest}
            children = [entry for entry in manifest.manifests if entry.of_manifest]
            pending += [_child(child) for child in children if not pushed_path(layout, child.digest).exists()]
    state.change(Delta(tags={tag: to for tag, to in changes.tags.items() if to is None or to in state.manifests}))
    return state, news, named


def _child(child: Descriptor) -> dict[str, Any]:
    return {"mediaType": child.media_type, "digest": child.digest, "child": True}


def _logged(changes: Delta) -> Iterator[dict[str, Any]]:
    """Yield descriptors of the manifests that the log adds."""
    for digest, entry in changes.manifests.items():
        if entry:
            yield {"mediaType": entry.media_type, "digest": digest, "annotations": {_TAKEN_UP: "yes"}}


def _descriptors(layout: Path, changes: Delta) -> list[dict[str, Any]]:
    """Return the descriptors in `index.json`, the last one first, without manifests that the log deletes.

    Raise ValueError if it is not an image index.
    """
    document = json.loads((layout / "index.json").read_bytes())
    entries = document.get("manifests") if isinstance(document, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError("index.json must be an image index")
    deleted = {digest for digest, entry in changes.manifests.items() if entry is None}
    return [entry for entry in reversed(entries) if entry.get("digest") not in deleted]


def _read_manifest(layout: Path, descriptor: dict[str, Any]) -> Manifest | None:
    """Read the manifest that a descriptor names; return None and log a warning if it is missing or damaged."""
    try:
        digest = Digest.parse(str(descriptor.get("digest")), algorithms=ALGORITHMS)
        content = blob_path(layout, digest).read_bytes()
        if Digest.of(content, algorithm=digest.algorithm) != digest:
            raise ValueError("the content does not match the digest")
        return manifests.read(content, str(descriptor.get("mediaType")), digest)
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
