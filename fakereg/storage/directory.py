"""A storage in a folder: an OCI image layout per repository, which other tools read as it is.

    FOLDER/repositories/octocat+octo-app/    the layout of repository octocat/octo-app
        oci-layout  index.json               every manifest, each tag an entry of its own
        fakereg.json                         the notes, if there are any, and what else index.json does not have
        changes.jsonl                        changes of these that index.json and fakereg.json do not have yet
        found.json                           what other tools wrote, if they did
        blobs/sha256/...                     manifests and blobs
        pushed/sha256/...                    an empty file for each blob that the registry serves as a blob
    FOLDER/uploads/ID  FOLDER/uploads/ID.json   the bytes of an upload session, and its description
    FOLDER/format                            the version of this form
    FOLDER/lock                              held, like FOLDER itself, by the process that has the folder open
    FOLDER/reserve                           room for deletions while the disk is full
    FOLDER/NAMESPACE/...                     the same for one of several registries

`index.json` of small repositories is up to date; `fakereg.storage.layout` says when that of others is. A change is one
`rename`, one `unlink` or one line, after everything that it needs is in place. The process may be killed at any
moment: at the next start, acknowledged changes are there and all others are gone. Nothing waits for the disk, so this
does not hold for a power cut; content that it damages is not served. Content that several repositories have is one
file with several hard links.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeVar

from fakereg.spec.errors import RegistryError
from fakereg.spec.names import Digest, Name
from fakereg.storage import layout
from fakereg.storage.base import Changes, Delta, MissingContent, Source, Spool, SpoolInfo, StorageError, UploadGone
from fakereg.storage.files import (
    PARTIAL,
    FileSpool,
    FolderLock,
    Reserve,
    Verified,
    is_file,
    link,
    open_file,
    read,
    remove,
    write,
)
from fakereg.storage.index import State
from fakereg.storage.layout import Layout
from fakereg.storage.taking import blob_path, take_up

Result = TypeVar("Result")

_FORMAT = "1"

_log = logging.getLogger(__name__)


class DirectoryStorage:
    """Opens `folder`, or the folder `namespace` in it, creates it if necessary, and reads its content.

    A layout that another tool put into `FOLDER/repositories` (with `+` for `/` in the name) is served as well.
    Raise StorageError if the folder or a file in it cannot be used, or another process has it.
    """

    def __init__(self, folder: str | os.PathLike[str], *, namespace: str = "") -> None:
        self._folder = Path(folder, namespace)
        self._layouts = self._folder / "repositories"
        self._incoming = self._folder / "uploads"
        self._lock = threading.Lock()
        self._versions = itertools.count(1)
        self._repositories: dict[Name, Layout] = {}
        self._spools: dict[str, tuple[str, float]] = {}
        """Text and time of each."""
        self._stale: set[Layout] = set()
        self._verified = Verified()
        self._timer: threading.Timer | None = None
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock_file = FolderLock(self._folder)
        except OSError as problem:
            raise self._unusable(problem) from problem
        try:
            _check_format(self._folder / "format")
            self._layouts.mkdir(exist_ok=True)
            self._incoming.mkdir(exist_ok=True)
            self._reserve = Reserve(self._folder / "reserve")
            self._take_up_repositories()
            self._take_up_uploads()
        except OSError as problem:
            self._lock_file.close()
            raise self._unusable(problem) from problem
        except BaseException:
            self._lock_file.close()
            raise

    def _unusable(self, problem: OSError) -> StorageError:
        return StorageError(f"cannot use {self._folder} as a storage: {problem}")

    def _take_up_repositories(self) -> None:
        remove(self._layouts / PARTIAL)
        for folder in sorted(self._layouts.iterdir()):
            try:
                name = Name.parse(folder.name.replace("+", "/"), host=True)
                reading = take_up(folder)
            except (RegistryError, ValueError, RecursionError) as problem:
                _log.warning("%s is not a repository and is left alone: %s", folder, problem)
                continue
            repository = self._repositories[name] = Layout(folder, next(self._versions), reading)
            if reading.log_size:
                repository.fold()
            layout.tidy(folder, reading)

    def _take_up_uploads(self) -> None:
        paths = list(self._incoming.iterdir())
        names = {path.name for path in paths if is_file(path)}
        for path in paths:
            if path.name not in names:
                _log.warning("%s is no file of an upload session and is left alone", path)
        for name in names:
            path, id = self._incoming / name, name.removesuffix(".json")
            if not {id, f"{id}.json"} <= names:
                path.unlink()
            elif name != id:
                self._spools[id] = read(path).decode(errors="replace"), path.stat().st_mtime

    # The index.

    def repositories(self) -> list[Name]:
        """Return the names of all repositories."""
        return list(self._repositories)

    def read(self, name: Name, since: int = 0) -> Changes | None:
        """Return everything unless `since` is the current version."""
        repository = self._repositories.get(name)
        if (repository.version if repository else 0) == since:
            return None
        if not repository:
            return Changes(0, 0, Delta())
        with repository.lock:
            return Changes(0, repository.version, repository.state.delta())

    def apply(self, name: Name, version: int, delta: Delta, contents: Mapping[Digest, Source | None]) -> int | None:
        """Change index and content if the version is still `version`."""
        if delta.removes:
            return self._with_reserve(lambda: self._apply(name, version, delta, contents))
        return self._apply(name, version, delta, contents)

    def _with_reserve(self, remove: Callable[[], Result]) -> Result:
        """Remove something; if the disk is full, do so in the room of the reserve."""
        try:
            return remove()
        except OSError as problem:
            if problem.errno not in {errno.ENOSPC, errno.EDQUOT} or not self._reserve.release():
                raise
            result = remove()
            self._reserve.fill()
            return result

    def _apply(self, name: Name, version: int, delta: Delta, contents: Mapping[Digest, Source | None]) -> int | None:
        if version == 0:
            return self._create(name, delta, contents)
        repository = self._repositories.get(name)
        if not repository:
            return None
        with repository.lock:
            if repository.version != version:
                return None
            repository.adopt()
            with self._placed(repository, contents):
                repository.change(next(self._versions), delta)
            new, stale = repository.version, repository.stale
        if stale:
            self._fold_soon(repository)
        return new

    def _create(self, name: Name, delta: Delta, contents: Mapping[Digest, Source | None]) -> int | None:
        folder = self._layout(name)
        state = State().changed(delta)
        with self._lock:
            if name in self._repositories:
                return None
            if not layout.is_free(folder):
                raise StorageError(f"{folder} is not a repository: move it away")
            with layout.created(folder, state) as (new, reading):
                for digest, source in contents.items():
                    self._place(blob_path(new, digest), digest, source)
            repository = self._repositories[name] = Layout(folder, next(self._versions), reading)
        self._end_spools(contents)
        return repository.version

    @contextlib.contextmanager
    def _placed(self, repository: Layout, contents: Mapping[Digest, Source | None]) -> Iterator[None]:
        """Put content in place before the block; after it, remove content that the index does not have."""
        paths = {digest: blob_path(repository.path, digest) for digest in contents}
        try:
            for digest, source in contents.items():
                self._place(paths[digest], digest, source)
            yield
        finally:
            for digest, path in paths.items():
                if not repository.keeps(digest):
                    path.unlink(missing_ok=True)
        self._end_spools(contents)

    def _place(self, path: Path, digest: Digest, source: Source | None) -> None:
        if isinstance(source, bytes):
            write(path, source)
        elif isinstance(source, FileSpool):
            if source.id not in self._spools or not link(source.path, path):
                raise UploadGone
        elif isinstance(source, Name) and not link(blob_path(self._layout(source), digest), path):
            raise MissingContent([digest])

    def _layout(self, name: Name) -> Path:
        return self._layouts / name.replace("/", "+")

    def _end_spools(self, contents: Mapping[Digest, Source | None]) -> None:
        for source in contents.values():
            if isinstance(source, FileSpool):
                self.drop_spool(source.id)

    def _fold_soon(self, repository: Layout) -> None:
        """Update `index.json` after FRESH_SECONDS, together with further changes until then."""
        with self._lock:
            self._stale.add(repository)
            if not self._timer:
                self._timer = threading.Timer(layout.FRESH_SECONDS, self._fold)
                self._timer.daemon = True
                self._timer.start()

    def _fold(self) -> None:
        with self._lock:
            stale, self._stale, self._timer = self._stale, set(), None
        for repository in stale:
            with repository.lock:
                repository.fold()

    # Content.

    def open(self, name: Name, digest: Digest) -> BinaryIO | None:
        """Return a stream over content of the repository."""
        repository = self._repositories.get(name)
        return self._verified.open(blob_path(repository.path, digest), digest) if repository else None

    # Spools.

    def create_spool(self, id: str, text: str, touched: float) -> None:
        """Make an empty spool."""
        with self._lock:
            if id in self._spools:
                raise StorageError(f"the id of an upload session must be new, got {id!r}")
            try:
                open_file(self._incoming / id, os.O_WRONLY | os.O_CREAT | os.O_EXCL).close()
                self._describe(id, text, touched)
            except OSError:
                (self._incoming / id).unlink(missing_ok=True)
                raise

    def _describe(self, id: str, text: str, touched: float) -> None:
        path = self._incoming / f"{id}.json"
        write(path, text.encode())
        os.utime(path, (touched, touched))
        self._spools[id] = text, touched

    def spools(self) -> list[str]:
        """Return the ids of all spools."""
        return list(self._spools)

    def spool(self, id: str) -> SpoolInfo | None:
        """Return the state of a spool."""
        found = self._spools.get(id)
        with contextlib.suppress(FileNotFoundError):
            return SpoolInfo(*found, (self._incoming / id).stat().st_size) if found else None
        return None

    def touch_spool(self, id: str, touched: float) -> None:
        """Set the time when a spool was last touched."""
        with self._lock, contextlib.suppress(FileNotFoundError):
            if found := self._spools.get(id):
                os.utime(self._incoming / f"{id}.json", (touched, touched))
                self._spools[id] = found[0], touched

    def hold_spool(self, id: str) -> Spool:
        """Hold a spool; raise UploadBusy or UploadGone."""
        if id not in self._spools:
            raise UploadGone
        spool = FileSpool(id, self._incoming / id, self._redescribe)
        if id not in self._spools:  # it was dropped before it was locked
            spool.close()
            raise UploadGone
        return spool

    def _redescribe(self, id: str, text: str) -> None:
        with self._lock:
            if found := self._spools.get(id):
                self._describe(id, text, found[1])

    def drop_spool(self, id: str) -> None:
        """End a spool and its bytes."""
        with self._lock:
            if self._spools.pop(id, None):
                (self._incoming / f"{id}.json").unlink(missing_ok=True)
                (self._incoming / id).unlink(missing_ok=True)

    # Life.

    def clear(self) -> None:
        """Remove everything that the registry wrote: what was there when other tools had written is there again.

        One repository that cannot be cleared does not keep the others.
        """
        for id in self.spools():
            self.drop_spool(id)
        problems = []
        with self._lock:
            for name, repository in list(self._repositories.items()):
                try:
                    with repository.lock:
                        if not self._with_reserve(partial(repository.reset, next(self._versions))):
                            del self._repositories[name]
                except OSError as problem:
                    problems.append(problem)
        if problems:
            raise problems[0]

    def close(self) -> None:
        """Bring every `index.json` up to date, and let another process open the folder."""
        if timer := self._timer:
            timer.cancel()
            timer.join()
        if self._lock_file.closed:  # another process may have the folder
            return
        for repository in self._repositories.values():
            with repository.lock:
                repository.fold()
        self._lock_file.close()


def _check_format(path: Path) -> None:
    """Raise StorageError if a newer version has written the folder; one without a version is of the first form."""
    with contextlib.suppress(FileNotFoundError):
        text = read(path).decode(errors="replace").strip()
        if text != _FORMAT:
            raise StorageError(f"{path} must be {_FORMAT}, got {text[:20]!r}: use the version of fakereg that wrote it")
        return
    with contextlib.suppress(OSError):  # such as a full disk; the next start writes it
        write(path, f"{_FORMAT}\n".encode())
