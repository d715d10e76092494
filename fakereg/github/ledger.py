"""What all packages of a server share: the next id, and which owners' images were or are being migrated.

It is kept as notes of a repository of its own, so that it outlasts the process, and that several processes with the
same storage agree.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from fakereg.clock import Clock
from fakereg.github import notes
from fakereg.spec.names import Name
from fakereg.storage.base import Delta, Storage, StorageError, UploadBusy
from fakereg.storage.index import Change, Index
from fakereg.storage.repositories import Repositories

LEDGER = Name("fakereg")
"""The repository, in the storage of the Container registry if there is one. A package has a name of several parts."""

_IDS, _MIGRATED, _MOVING = "ids", "migrated", "moving"

_ID_BLOCK = 100
"""Ids that a process takes at a time; those that it does not use are lost."""

_SESSION_SECONDS = 86400.0
_SESSION_LIMIT = 1 << 30


class MigrationRuns(ValueError):
    """A migration is running, here or in another process."""

    def __init__(self) -> None:
        super().__init__("a migration is running: wait until it has ended")


class Move(NamedTuple):
    """A migration that has begun. Its process holds an upload session; so others see whether it lives.

    As long as it is not `copied`, it is undone if it fails or if its process dies; from then on it is completed.
    """

    owners: frozenset[str]
    session: str
    copied: bool = False

    def text(self) -> str:
        """Return its note."""
        return json.dumps([sorted(self.owners), self.session, self.copied])

    @classmethod
    def of_index(cls, index: Index) -> Move | None:
        """Return the migration that the notes tell of."""
        return notes.read(_MOVING, index, lambda fields: cls(frozenset(fields[0]), fields[1], fields[2]))


class Ledger:
    """Reads and writes the notes of `storage`; the images of the owners `given` count as migrated in any case."""

    def __init__(self, storage: Storage, *, clock: Clock, given: Collection[str] = ()) -> None:
        self._storage = Repositories(storage, clock=clock)  # its own locks, so that others may be held meanwhile
        self._given = frozenset(owner.lower() for owner in given)
        self._lock = threading.Lock()
        self._ids: Iterator[int] = iter(())

    def new_id(self) -> int:
        """Return an id that no package or version of the server has had."""
        with self._lock:
            id = next(self._ids, 0)
            if not id:
                self._ids = self._take_ids()
                id = next(self._ids)
            return id

    def _take_ids(self) -> Iterator[int]:
        first = 0

        def plan(index: Index) -> Change:
            nonlocal first
            first = notes.read(_IDS, index, int) or 1
            return Change(Delta(notes={_IDS: str(first + _ID_BLOCK)}))

        self._storage.change(LEDGER, plan)
        return iter(range(first, first + _ID_BLOCK))

    @property
    def migrated(self) -> frozenset[str]:
        """The owners whose images in the Docker registry have been migrated to the Container registry."""
        return self._given | self._storage.read(LEDGER, _migrated)

    @property
    def move(self) -> Move | None:
        """The migration that has begun and not ended."""
        return self._storage.read(LEDGER, Move.of_index)

    @contextmanager
    def moving(self, owners: frozenset[str]) -> Iterator[Move]:
        """Begin a migration and hold its session; raise MigrationRuns if there is one already."""
        upload = self._storage.start_upload(LEDGER, algorithm="sha256", expiry=_SESSION_SECONDS, limit=_SESSION_LIMIT)
        with self.holding(upload.id):
            move = Move(owners, upload.id)
            self._turn(None, move, owners=frozenset())
            yield move

    @contextmanager
    def holding(self, session: str) -> Iterator[None]:
        """Hold the session of a migration, and end it afterwards; raise MigrationRuns if another one holds it."""
        upload = self._storage.upload(LEDGER, session)
        if not upload:  # it has expired
            yield
            return
        try:
            upload.claim()
        except UploadBusy:
            raise MigrationRuns from None
        try:
            yield
        finally:
            self._storage.storage.drop_spool(session)
            upload.release()

    def copied(self, move: Move) -> Move:
        """Note that everything is copied; raise StorageError if another process has ended the migration."""
        then = move._replace(copied=True)
        self._turn(move, then, owners=frozenset())
        return then

    def ended(self, move: Move) -> None:
        """Note that a migration has ended, or that it was undone if it had not copied everything."""
        self._turn(move, None, owners=move.owners if move.copied else frozenset())

    def _turn(self, old: Move | None, new: Move | None, *, owners: frozenset[str]) -> None:
        def plan(index: Index) -> Change:
            if Move.of_index(index) != old:
                raise MigrationRuns if old is None else StorageError("the migration was ended by another process")
            migrated = json.dumps(sorted(_migrated(index) | owners))
            return Change(Delta(notes={_MOVING: new.text() if new else None, _MIGRATED: migrated}))

        self._storage.change(LEDGER, plan)

    @contextmanager
    def resetting(self) -> Iterator[None]:
        """Forget what was migrated while all content is removed, but no id; raise MigrationRuns if one has begun."""
        ids = self._storage.read(LEDGER, lambda index: index.notes.get(_IDS))
        if self.move:
            raise MigrationRuns
        yield
        if ids:
            self._storage.change(LEDGER, lambda index: Change(Delta(notes={_IDS: ids})))


def _migrated(index: Index) -> frozenset[str]:
    return notes.read(_MIGRATED, index, frozenset) or frozenset()
