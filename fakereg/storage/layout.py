"""One repository as an OCI image layout on disk: open it, change it in one step, and keep it readable for other tools.

A change of manifests, tags and notes is a line that is added to `changes.jsonl`, so a push costs the same in a
repository of any size. The lines are folded into `index.json`, and into `fakereg.json`, which has the notes, when the
storage is closed, when it is opened, and

- if these two have at most SMALL_BYTES: at once, or after FRESH_SECONDS if the last fold is not older than that. So
  other tools see a single change at once, and the last of many 0.1 seconds later.
- otherwise: when the lines have as many bytes as they have. Until then other tools see manifests and tags as they
  were at the last fold. Some of these may have been deleted since; all others are complete.

A change of one blob is an empty file that is created or removed below `pushed`.

A fold changes `index.json` as it is on the disk then, so that it keeps what other tools have written meanwhile. What
they wrote is taken up by the next start, and noted in `found.json` before the first change after it: files in that
list are never removed, and `reset` brings back the state that it describes.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from fakereg.spec.names import ALGORITHMS, Digest, is_digest
from fakereg.storage import document as documents
from fakereg.storage.base import Delta
from fakereg.storage.document import Document
from fakereg.storage.files import PARTIAL, is_file, open_file, read, remove, write, write_all
from fakereg.storage.index import State
from fakereg.storage.taking import FOUND, LOG, NOTES, Found, Reading, blob_path, files, read_log, take_up

SMALL_BYTES = 64 << 10
"""Size of `index.json` and `fakereg.json` up to which they are kept up to date; some 250 manifests."""

FRESH_SECONDS = 0.1
"""Shortest time between two writes of a small `index.json`."""

_INDEX, _VERSION = "index.json", "oci-layout"

_ATTEMPTS = 10
"""Most attempts to write `index.json` while other tools write it."""

_log = logging.getLogger(__name__)


class Layout:
    """An open repository; hold `lock` to read or change it."""

    def __init__(self, path: Path, version: int, reading: Reading) -> None:
        self.path = path
        self.lock = threading.Lock()
        self._next_fold = 0.0
        self._load(version, reading)

    def _load(self, version: int, reading: Reading) -> None:
        self.version = version
        self.state = reading.state
        self._children = reading.children
        self._found = reading.found
        self._news = reading if reading.foreign or reading.news else None
        self._log_size = reading.log_size
        self._unmarked = bool(reading.logged.blobs)
        """Whether the log has changes of blobs, which are perhaps not in `pushed` yet."""
        self._folded_size = _size(self.path / _INDEX) + _size(self.path / NOTES)
        self._seen = _signature(self.path / _INDEX)

    def adopt(self) -> None:
        """Note what other tools wrote, before the first change; until then nothing is written into their layout.

        A layout without `pushed` is new, and one with entries that `found.json` does not have is read again: so these
        are the last to be written.
        """
        if not self._news:
            return
        for algorithm in ALGORITHMS:
            (self.path / "blobs" / algorithm).mkdir(parents=True, exist_ok=True)
        if self._news.foreign:
            self._write_notes()
            self._write_found()
            partial = self.path / ("pushed" + PARTIAL)
            for algorithm in ALGORITHMS:
                (partial / algorithm).mkdir(parents=True, exist_ok=True)
            _mark(partial, self.state.blobs)
            partial.rename(self.path / "pushed")
        else:
            _mark(self.path / "pushed", self.state.blobs)
            self._write_notes()
            self._write_found()
        self._news = None

    def keeps(self, digest: Digest) -> bool:
        """Tell whether content must stay on the disk."""
        return self.state.keeps(digest) or (self._found is not None and digest in self._found.content)

    def change(self, version: int, delta: Delta) -> None:
        """Write a change in one step and set the new version; the layout is adopted and the content in place."""
        one_blob = len(delta.blobs) == 1 and not delta.manifests and not delta.tags and not delta.notes
        if one_blob and not self._unmarked:
            _mark(self.path / "pushed", delta.blobs)
        else:
            self._append(self._with_children(delta))
        self.state.change(delta)
        self.version = version
        fresh = self.stale and time.monotonic() >= self._next_fold
        if fresh or self._unmarked or self._log_size > max(self._folded_size, SMALL_BYTES):
            self.fold()

    @property
    def stale(self) -> bool:
        """Whether a small `index.json` is not up to date."""
        return self._log_size > 0 and self._folded_size <= SMALL_BYTES

    def _with_children(self, delta: Delta) -> Delta:
        """Return a delta that makes an entry of `index.json` of each child that it gives a tag."""
        tagged = {digest: self.state.manifests[digest] for digest in delta.tags.values() if digest in self._children}
        return replace(delta, manifests={**tagged, **delta.manifests}) if tagged else delta

    def _append(self, delta: Delta) -> None:
        line = json.dumps([*delta.rows()]).encode() + b"\n"
        with open_file(self.path / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND) as log:
            try:
                if log.seek(0, os.SEEK_END) > self._log_size:
                    log.truncate(self._log_size)  # a line that a kill cut off was never acknowledged
                write_all(log, line)
            except OSError:
                log.truncate(self._log_size)
                raise
        self._log_size += len(line)
        self._unmarked |= bool(delta.blobs)
        for digest in delta.manifests:
            self._children.pop(digest, None)

    def fold(self) -> None:
        """Fold the log into `fakereg.json` and `index.json` and begin a new log; if that fails, keep the log.

        The log leads to the same state from the files before the fold, from those after it, and from one of each.
        """
        if not self._log_size and _signature(self.path / _INDEX) == self._seen:
            with contextlib.suppress(OSError):  # it has at most a line that a kill cut off, never acknowledged
                (self.path / LOG).unlink(missing_ok=True)
            return
        self._next_fold = time.monotonic() + FRESH_SECONDS
        try:
            logged, _ = read_log(self.path)
            _mark(self.path / "pushed", logged.blobs)
            notes_size = self._write_notes()
            self._folded_size = notes_size + self._write_index(logged)
            (self.path / LOG).unlink(missing_ok=True)
        except (OSError, ValueError) as problem:
            _log.warning("%s: index.json is not up to date: %s", self.path, problem)
            return
        self._log_size = 0
        self._unmarked = False

    def _write_index(self, logged: Delta) -> int:
        """Change `index.json` in one step and return its size; begin again if another tool writes it meanwhile."""
        path = self.path / _INDEX
        for _ in range(_ATTEMPTS):
            seen = _signature(path)
            before = documents.parse(read(path))
            after = documents.changed(before, logged)
            if seen != self._seen:
                after = self._with_lost(after)
            data = json.dumps(after).encode()
            if seen == _signature(path):
                break
        if after != before:
            write(path, data)
        self._seen = _signature(path)
        return len(data)

    def _with_lost(self, document: Document) -> Document:
        """Add what a tool has lost that read the document before our last change and wrote it after that."""
        theirs = self._found.content if self._found else set()
        manifests = {
            digest: entry
            for digest, entry in self.state.manifests.items()
            if digest not in self._children and digest not in theirs
        }
        tags = {tag: digest for tag, digest in self.state.tags.items() if digest in manifests}
        return documents.changed(document, documents.lost(document, manifests, tags))

    def _write_notes(self) -> int:
        """Write `fakereg.json`, if there is or was anything to write, and return its size."""
        path = self.path / NOTES
        if not self.state.notes and not self._children and not path.exists():
            return 0
        data = json.dumps({"notes": self.state.notes, "children": self._children}).encode()
        write(path, data)
        return len(data)

    def _write_found(self) -> None:
        if self._found:
            write(self.path / FOUND, self._found.text().encode())

    def reset(self, version: int) -> bool:
        """Remove all but what other tools wrote, take that up again, and tell whether there is any.

        A kill within it leaves a layout that has lost a part. Files of an unknown purpose stay where they are.
        """
        self.fold()
        try:
            reading = take_up(self.path)
        except ValueError as problem:
            if self.path.exists():
                _log.warning("%s is not a repository any more and is left alone: %s", self.path, problem)
            self._load(0, Reading())
            return False
        there = reading.found is not None and reading.found.index is not None
        if not reading.foreign:
            _put_back(self.path, reading)
        self._load(version if there else 0, take_up(self.path) if there else Reading())
        return there


def _put_back(layout: Path, reading: Reading) -> None:
    """Bring a layout back to what other tools wrote."""
    found, state = reading.found, reading.state
    entries = documents.parse(read(layout / _INDEX))["manifests"]
    ours = {Digest(key) for key in state.notes if is_digest(key)} | state.manifests.keys() | state.blobs.keys()
    ours |= {Digest(documents.digest_of(entry)) for entry in entries if documents.is_ours(entry)}
    index = found.index if found else None
    write(layout / _INDEX, index or json.dumps(documents.empty()).encode())
    (layout / LOG).unlink(missing_ok=True)
    for digest in ours - (found.content if found else set()):
        blob_path(layout, digest).unlink(missing_ok=True)
    partial = layout / ("pushed" + PARTIAL)
    with contextlib.suppress(OSError):  # there is one already, with files of others
        (layout / "pushed").rename(partial)  # one step, so that a kill leaves all marks or none
    _remove_marks(partial)
    _remove_marks(layout / "pushed")
    for name in (NOTES, FOUND):
        (layout / name).unlink(missing_ok=True)
    if not index:
        (layout / _INDEX).unlink()
        (layout / _VERSION).unlink()
        _remove_folders(layout, layout / "blobs")
        if layout.exists():  # with files of others
            write(layout / FOUND, b"{}")


def _remove_marks(folder: Path) -> None:
    for _, path in [*files(folder)]:
        path.unlink()
    _remove_folders(folder)


def _remove_folders(*folders: Path) -> None:
    """Remove folders, and those of the algorithms in them, if they are empty."""
    for folder in reversed([*folders, *(folder / algorithm for folder in folders for algorithm in ALGORITHMS)]):
        with contextlib.suppress(OSError):
            folder.rmdir()


def is_free(folder: Path) -> bool:
    """Tell whether a layout can be made here: there is nothing, or what a reset has left of one."""
    if folder.is_dir():
        return is_file(folder / FOUND) and not any(os.path.lexists(folder / name) for name in (_INDEX, _VERSION))
    return not os.path.lexists(folder)


@contextlib.contextmanager
def created(layout: Path, state: State) -> Iterator[tuple[Path, Reading]]:
    """Make a layout at `layout`, all of it or nothing; the block puts content into the folder that it gets.

    A folder that a reset has left, with files of others, becomes a layout with the last file.
    """
    partial = layout if layout.exists() else layout.with_name(PARTIAL)
    if partial is not layout:
        remove(partial)
    for part in ("blobs", "pushed"):
        for algorithm in ALGORITHMS:
            (partial / part / algorithm).mkdir(parents=True, exist_ok=True)
    content = {digest for digest, _ in files(partial / "blobs")}
    reading = Reading(state, found=Found(None, content) if content else None)
    try:
        yield partial, reading
        _mark(partial / "pushed", state.blobs)
        new = Layout(partial, 0, reading)
        new._write_notes()
        new._write_found()
        index = documents.changed(documents.empty(), Delta(state.manifests, state.tags))
        write(partial / _INDEX, json.dumps(index).encode())
        write(partial / _VERSION, b'{"imageLayoutVersion": "1.0.0"}')
        if partial is not layout:
            partial.rename(layout)
    except BaseException:
        if partial is not layout:
            remove(partial)
        raise


def tidy(layout: Path, reading: Reading) -> None:
    """Remove what a killed process has left in a layout."""
    for path in (*reading.strays, *(layout / f"{name}{PARTIAL}" for name in (_INDEX, NOTES, FOUND))):
        path.unlink(missing_ok=True)
    for algorithm in ALGORITHMS:
        for path in (layout / "blobs" / algorithm).glob(f"*{PARTIAL}"):
            if is_digest(f"{algorithm}:{path.name.removesuffix(PARTIAL)}"):
                path.unlink()
    _remove_marks(layout / ("pushed" + PARTIAL))


def _mark(pushed: Path, blobs: Mapping[Digest, int | None]) -> None:
    """Create or remove the empty files that mark content as blobs to serve."""
    for digest, size in blobs.items():
        path = pushed / digest.algorithm / digest.encoded
        if size is None:
            path.unlink(missing_ok=True)
        else:
            open_file(path, os.O_WRONLY | os.O_CREAT).close()


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _signature(path: Path) -> tuple[int, int, int] | None:
    """Return what is different after a file was written, None if there is none."""
    with contextlib.suppress(OSError):
        status = path.lstat()
        return status.st_ino, status.st_mtime_ns, status.st_size
    return None
