"""A storage in memory; blobs that are large, or too many, lie in temporary files."""

from __future__ import annotations

import shutil
import tempfile
import time
import weakref
from collections.abc import Callable
from pathlib import Path

from fakereg.clock import Clock
from fakereg.spec.names import Digest, Name
from fakereg.storage.content import Budget, Content, Spool
from fakereg.storage.indexed import Index, IndexedStorage
from fakereg.storage.uploads import Life, UploadSession

SPILL_BYTES = 1 << 20
"""Default size in bytes over which one blob is kept in a temporary file."""

MEMORY_BYTES = 256 << 20
"""Default bytes of content in memory over which everything new is kept in temporary files."""


class MemoryStorage(IndexedStorage):
    """Everything is gone when the storage is closed.

    A blob over `spill_bytes`, and all content beyond `memory_bytes` in total, lies in a temporary folder.
    """

    def __init__(
        self,
        *,
        spill_bytes: int = SPILL_BYTES,
        memory_bytes: int = MEMORY_BYTES,
        clock: Clock = time.time,
        new_id: Callable[[], str] | None = None,
    ) -> None:
        super().__init__(clock=clock, new_id=new_id)
        self._spill_bytes = spill_bytes
        self._budget = Budget(memory_bytes)
        self._folder: Path | None = None
        self._files = 0

    def close(self) -> None:
        """Forget everything and remove the temporary folder."""
        self.clear()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _new_spool(self, id: str, name: Name, algorithm: str, life: Life) -> Spool:
        return Spool(self._new_path(), memory_limit=self._spill_bytes, budget=self._budget)

    def _discard_spool(self, session: UploadSession) -> None:
        session.spool.discard()

    def _create_repository(self, name: Name) -> None:
        pass

    def _keep_blob(self, name: Name, digest: Digest, session: UploadSession) -> Content:
        return self._find_blob(digest) or session.spool.content()

    def _share_blob(self, name: Name, digest: Digest, content: Content) -> Content:
        return content

    def _drop_blob(self, name: Name, digest: Digest) -> None:
        pass

    def _keep_manifest(self, name: Name, digest: Digest, content: bytes) -> Content:
        spool = Spool(self._new_path(), memory_limit=self._spill_bytes, budget=self._budget)
        spool.open()
        spool.write(content)
        return spool.content()

    def _save_index(self, name: Name, index: Index) -> None:
        pass

    def _drop_manifest(self, name: Name, digest: Digest) -> None:
        pass

    def _clear(self) -> None:
        pass

    def _new_path(self) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="fakereg-"))
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._files += 1
        return self._folder / str(self._files)
