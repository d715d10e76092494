"""A storage in a folder: an OCI image layout per repository, which other tools read as it is.

    FOLDER/repositories/octocat+octo-app/    the layout of repository octocat/octo-app
        oci-layout  index.json               every manifest, each tag an entry of its own, noted as imported
        fakereg.json                         the notes, if there are any
        changes.jsonl                        changes of these that index.json and fakereg.json do not have yet
        blobs/sha256/...                     manifests and blobs
        pushed/sha256/...                    an empty file for each blob that the registry serves as a blob
    FOLDER/uploads/ID  FOLDER/uploads/ID.json   the bytes of an upload session, and its description
    FOLDER/lock                              held by the process that has the folder open
    FOLDER/NAMESPACE/...                     the same for one of several registries

`index.json` of small repositories is up to date; `fakereg.storage.layout` says when that of others is. A change is one
`rename`, one `unlink` or one line, after everything that it needs is in place. The process may be killed at any
moment: at the next start, acknowledged changes are there and all others are gone. (Nothing waits for the disk, so this
does not hold for a power cut.) Content that several repositories have is one file with several hard links.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from fakereg.spec.errors import RegistryError
from fakereg.spec.names import Digest, Name
from fakereg.storage import layout
from fakereg.storage.base import Changes, Delta, MissingContent, Source, Spool, SpoolInfo, StorageError, UploadGone
from fakereg.storage.files import PARTIAL, FileSpool, link, lock, remove, write
from fakereg.storage.index import State
from fakereg.storage.layout import Layout, blob_path

_log = logging.getLogger(__name__)


class DirectoryStorage:
    """Opens `folder`, or the folder `namespace` in it, creates it if necessary, and imports its content.

    A layout that another tool put into `FOLDER/repositories` (with `+` for `/` in the name) is served as well.
    Raise StorageError if the folder cannot be used or another process has it.
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
        self._timer: threading.Timer | None = None
        try:
            self._layouts.mkdir(parents=True, exist_ok=True)
            self._incoming.mkdir(exist_ok=True)
            self._lock_file = _locked(self._folder / "lock")
            self._take_up_repositories()
            self._take_up_uploads()
        except OSError as problem:
            raise StorageError(f"cannot use {self._folder} as a storage: {problem}") from problem

    def _take_up_repositories(self) -> None:
        remove(self._layouts / PARTIAL)
        for folder in sorted(self._layouts.iterdir()):
            try:
                name = Name.parse(folder.name.replace("+", "/"), host=True)
                self._repositories[name] = Layout(folder, layout.take_up(folder), next(self._versions))
            except (RegistryError, OSError, ValueError, RecursionError) as problem:
                _log.warning("%s is not a repository and is left alone: %s", folder, problem)

    def _take_up_uploads(self) -> None:
        for path in list(self._incoming.iterdir()):
            whole = path.with_suffix("").is_file() and path.with_suffix(".json").is_file()
            if not whole or path.suffix not in {"", ".json"}:
                remove(path)
            elif path.suffix:
                self._spools[path.stem] = path.read_text(errors="replace"), path.stat().st_mtime

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
        if version == 0:
            return self._create(name, delta, contents)
        repository = self._repositories.get(name)
        if not repository:
            return None
        with repository.lock:
            if repository.version != version:
                return None
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
            if folder.exists():
                raise StorageError(f"{folder} is not a repository: move it away")
            with layout.created(folder, state) as partial:
                for digest, source in contents.items():
                    self._place(blob_path(partial, digest), digest, source)
            repository = self._repositories[name] = Layout(folder, state, next(self._versions))
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
                if not repository.state.keeps(digest):
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
        with contextlib.suppress(FileNotFoundError):
            return blob_path(repository.path, digest).open("rb") if repository else None
        return None

    # Spools.

    def create_spool(self, id: str, text: str, touched: float) -> None:
        """Make an empty spool."""
        with self._lock:
            if id in self._spools:
                raise StorageError(f"the id of an upload session must be new, got {id!r}")
            try:
                (self._incoming / id).touch()
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
        """Remove everything."""
        for id in self.spools():
            self.drop_spool(id)
        with self._lock:
            for name, repository in list(self._repositories.items()):
                with repository.lock:
                    repository.end(self._layouts / PARTIAL)  # removes the whole repository in one step
                    del self._repositories[name]
                remove(self._layouts / PARTIAL)

    def close(self) -> None:
        """Bring every `index.json` up to date, and let another process open the folder."""
        if timer := self._timer:
            timer.cancel()
            timer.join()
        for repository in self._repositories.values():
            with repository.lock:
                repository.fold()
        self._lock_file.close()


def _locked(path: Path) -> BinaryIO:
    """Hold `path` for this process; raise StorageError if another one does."""
    file = path.open("ab")
    if not lock(file):
        file.close()
        raise StorageError(f"{path.parent} is in use by another process; give this one another folder")
    return file
