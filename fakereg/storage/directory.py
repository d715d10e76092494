"""A storage in a folder: an OCI image layout per repository, which other tools read as it is.

    FOLDER/repositories/octocat+octo-app/    the layout of repository octocat/octo-app
        oci-layout  index.json               every manifest, each tag an entry of its own, with a note that it is known
        blobs/sha256/...                     manifests and blobs
        pushed/sha256/...                    an empty file for each blob that the registry serves as a blob
    FOLDER/uploads/ID  FOLDER/uploads/ID.json   the bytes of an upload session, and what it is for
    FOLDER/lock                              held by the process that has the folder open

A change is one `rename` or one `unlink`, after everything that it needs is in place. The process may be killed
at any moment: what was acknowledged is there at the next start, what was not is gone. (A power cut is another
matter: nothing waits for the disk.) Content that several repositories have is one file with several hard links.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from fakereg.clock import Clock
from fakereg.spec.errors import RegistryError
from fakereg.spec.names import ALGORITHMS, Digest, Name
from fakereg.storage import layout
from fakereg.storage.base import StorageError
from fakereg.storage.content import Budget, Content, Spool
from fakereg.storage.indexed import Index, IndexedStorage
from fakereg.storage.uploads import Life, UploadSession

_log = logging.getLogger(__name__)


class DirectoryStorage(IndexedStorage):
    """Opens `folder`, makes it if need be, and takes up what an earlier process left there.

    A layout that another tool put into `FOLDER/repositories` (with `+` for `/` in the name) is served as well.
    Raise StorageError if the folder cannot be used or another process has it.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        clock: Clock = time.time,
        new_id: Callable[[], str] | None = None,
    ) -> None:
        super().__init__(clock=clock, new_id=new_id)
        self._layouts = Path(folder) / "repositories"
        self._incoming = Path(folder) / "uploads"
        try:
            self._layouts.mkdir(parents=True, exist_ok=True)
            self._incoming.mkdir(exist_ok=True)
            self._lock_file = _lock(Path(folder) / "lock")
            self._take_up_repositories()
            self._take_up_uploads()
        except OSError as problem:
            raise StorageError(f"cannot use {folder} as a storage: {problem}") from problem

    def close(self) -> None:
        """Let another process open the folder."""
        self._lock_file.close()

    def _new_spool(self, id: str, name: Name, algorithm: str, life: Life) -> Spool:
        description = {"repository": name, "algorithm": algorithm, "expiry": life.expiry, "deadline": life.deadline}
        path = self._incoming / id
        try:
            path.touch()
            layout.write(self._description(id), json.dumps(description).encode())
        except OSError:
            path.unlink(missing_ok=True)
            raise
        return Spool(path, memory_limit=0, budget=Budget(0))

    def _discard_spool(self, session: UploadSession) -> None:
        self._description(session.id).unlink(missing_ok=True)
        session.spool.discard()

    def _create_repository(self, name: Name) -> None:
        folder = self._layout(name)
        if folder.exists():
            raise StorageError(f"{folder} is not a repository: move it away")
        layout.create(folder)

    def _keep_blob(self, name: Name, digest: Digest, session: UploadSession) -> Content:
        known = self._find_blob(digest)
        if known:
            return self._share_blob(name, digest, known)
        session.spool.save(self._file(name, digest))
        return self._mark_pushed(name, digest, session.size)

    def _share_blob(self, name: Name, digest: Digest, content: Content) -> Content:
        if isinstance(content.source, Path):
            layout.link(content.source, self._file(name, digest))
        return self._mark_pushed(name, digest, content.size)

    def _mark_pushed(self, name: Name, digest: Digest, size: int) -> Content:
        layout.pushed_path(self._layout(name), digest).touch()
        return Content(self._file(name, digest), size)

    def _drop_blob(self, name: Name, digest: Digest) -> None:
        layout.pushed_path(self._layout(name), digest).unlink(missing_ok=True)
        if digest not in self._repositories[name].index.manifests:
            self._file(name, digest).unlink(missing_ok=True)

    def _keep_manifest(self, name: Name, digest: Digest, content: bytes) -> Content:
        path = self._file(name, digest)
        layout.write(path, content)
        return Content(path, len(content))

    def _save_index(self, name: Name, index: Index) -> None:
        layout.write_index(self._layout(name), index)

    def _drop_manifest(self, name: Name, digest: Digest) -> None:
        if digest not in self._repositories[name].blobs:
            self._file(name, digest).unlink(missing_ok=True)

    def _clear(self) -> None:
        partial = self._layouts / layout.PARTIAL
        for name in self._repositories:
            layout.remove(partial)
            self._layout(name).rename(partial)  # all of a repository goes at once
        layout.remove(partial)

    def _layout(self, name: Name) -> Path:
        return self._layouts / name.replace("/", "+")

    def _file(self, name: Name, digest: Digest) -> Path:
        return layout.blob_path(self._layout(name), digest)

    def _description(self, id: str) -> Path:
        return self._incoming / f"{id}.json"

    def _take_up_repositories(self) -> None:
        layout.remove(self._layouts / layout.PARTIAL)
        for folder in sorted(self._layouts.iterdir()):
            try:
                name = Name.parse(folder.name.replace("+", "/"), host=True)
                self._repositories[name] = layout.take_up(folder)
            except (RegistryError, OSError, ValueError, RecursionError) as problem:
                _log.warning("%s is not a repository and is left alone: %s", folder, problem)

    def _take_up_uploads(self) -> None:
        sessions: list[UploadSession] = []
        for description in list(self._incoming.glob("*.json")):
            try:
                sessions.append(_take_up_upload(description, self._clock))
            except (RegistryError, OSError, ValueError) as problem:
                if description.with_suffix("").exists():  # else its bytes have become a blob
                    _log.warning("%s is not an upload session and is removed: %s", description, problem)
                layout.remove(description)
        for session in sorted(sessions, key=lambda session: session.life.deadline or 0):
            self._uploads.add(session)
        for path in list(self._incoming.iterdir()):
            if path.suffix == layout.PARTIAL or (path.suffix != ".json" and not self._description(path.name).exists()):
                layout.remove(path)


def _take_up_upload(description: Path, clock: Clock) -> UploadSession:
    """The session that an earlier process wrote down; raise RegistryError, OSError or ValueError."""
    fields = json.loads(description.read_bytes())
    if not isinstance(fields, dict):
        raise ValueError("it is not a JSON object")
    name, algorithm, expiry, deadline = (fields.get(key) for key in ("repository", "algorithm", "expiry", "deadline"))
    if algorithm not in ALGORITHMS or not isinstance(name, str) or not isinstance(expiry, float | int):
        raise ValueError("it does not say what it is for")
    if not isinstance(deadline, float | int | None):
        raise ValueError("its deadline is not a time")
    spool = Spool.resume(description.with_suffix(""))
    life = Life(clock, expiry, deadline)
    return UploadSession(description.stem, Name.parse(name, host=True), algorithm=algorithm, spool=spool, life=life)


def _lock(path: Path) -> BinaryIO:
    """Hold `path` for this process; raise StorageError if another one does."""
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise StorageError(f"{path.parent} is in use by another process; give this one a folder of its own") from None
    return file
