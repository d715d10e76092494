"""Upload sessions: one blob on its way in, with its offset, running hash and deadline."""

from __future__ import annotations

import functools
import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from fakereg.clock import Clock
from fakereg.spec.names import Digest, Name
from fakereg.storage.base import UploadBusy, UploadGone
from fakereg.storage.content import Spool

_READ_BYTES = 1 << 20

_ASIDE_BYTES = 64 * 1024
"""Pieces of at least this size are hashed in another thread while this one writes them and receives the next."""


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(thread_name_prefix="fakereg hash")


os.register_at_fork(after_in_child=_pool.cache_clear)  # threads do not come along to a child


@dataclass(frozen=True, slots=True)
class Life:
    """How long a session lasts by `clock`: `expiry` seconds without a request, and to the time `deadline` at most."""

    clock: Clock
    expiry: float
    deadline: float | None

    @property
    def over(self) -> bool:
        """Whether the deadline has passed."""
        return self.deadline is not None and self.clock() > self.deadline


class UploadSession:
    """The `Upload` of the storages of this package; see there."""

    def __init__(self, id: str, repository: Name, *, algorithm: str, spool: Spool, life: Life) -> None:
        self.id = id
        self.repository = repository
        self.algorithm = algorithm
        self.spool = spool
        self.life = life
        self.touched = 0.0
        self.short_chunk = False
        self.ended = False
        self._hash = hashlib.new(algorithm) if spool.size == 0 else None
        self._hashing: Future[None] | None = None
        self._mark = (0, self._hash)
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        """Bytes received so far."""
        return self.spool.size

    @property
    def busy(self) -> bool:
        """Whether a request is writing."""
        return self._lock.locked()

    def claim(self) -> None:
        """Take the session for writing; raise UploadBusy if another request has it, UploadGone if it has ended."""
        if not self._lock.acquire(blocking=False):
            raise UploadBusy
        if self.ended:
            self._lock.release()
            raise UploadGone
        self._mark = (self.size, self._hash.copy() if self._hash else None)
        try:
            self.spool.open()
        except BaseException:
            self._lock.release()
            raise

    def release(self) -> None:
        """Give the session back."""
        self._finish_hashing()
        self.spool.close()
        if self.ended:
            self.spool.discard()
        self._lock.release()

    def append(self, data: bytes) -> None:
        """Add bytes at the end; raise UploadGone if the session was ended meanwhile."""
        self.check()
        self._finish_hashing()
        size = self.size
        if self._hash and len(data) >= _ASIDE_BYTES:
            self._hashing = _pool().submit(self._hash.update, data)
        elif self._hash:
            self._hash.update(data)
        try:
            self.spool.write(data)
        except BaseException:  # the disk is full, say: hash, size and file have to tell the same again
            self._finish_hashing()
            self._hash = None
            self.spool.truncate(size)
            raise

    def check(self) -> None:
        """Raise UploadGone if the session was ended, or its time is over."""
        if self.ended or self.life.over:
            raise UploadGone

    def rollback(self) -> None:
        """Forget all bytes that came since `claim`."""
        size, self._hash = self._mark
        self.spool.truncate(size)

    def matches(self, digest: Digest) -> bool:
        """Whether the bytes so far have this digest; reads them again if it is of another algorithm."""
        self._finish_hashing()
        if self._hash and digest.algorithm == self.algorithm:
            return self._hash.hexdigest() == digest.encoded
        again = hashlib.new(digest.algorithm)
        with self.spool.reader() as stream:
            while data := stream.read(_READ_BYTES):
                again.update(data)
        return again.hexdigest() == digest.encoded

    def _finish_hashing(self) -> None:
        if self._hashing:
            self._hashing.result()
            self._hashing = None


class UploadTable:
    """The open sessions, the one longest without a request first. Not thread-safe: the storage holds its lock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sessions: OrderedDict[str, UploadSession] = OrderedDict()
        self._timed: dict[str, UploadSession] = {}
        """Those with a deadline, in the order in which they were opened and so of their deadlines."""

    def add(self, session: UploadSession) -> None:
        """Take a new session."""
        self._sessions[session.id] = session
        if session.life.deadline is not None:
            self._timed[session.id] = session
        self._touch(session)

    def __len__(self) -> int:
        return len(self._sessions)

    def take_expired(self) -> list[UploadSession]:
        """Take out the expired sessions."""
        expired = dict([*self._expired(self._timed), *self._expired(self._sessions)]).values()
        for session in expired:
            self.remove(session)
        return list(expired)

    def get(self, name: Name, id: str) -> UploadSession | None:
        """The open session of that repository, which starts its time anew."""
        session = self._sessions.get(id)
        if session is None or session.repository != name or self._has_expired(session):
            return None
        self._touch(session)
        return session

    def remove(self, session: UploadSession) -> None:
        """Take a session out for good; raise UploadGone if another request did."""
        if session.ended:
            raise UploadGone
        session.ended = True
        del self._sessions[session.id]
        self._timed.pop(session.id, None)

    def drain(self) -> list[UploadSession]:
        """Take out all sessions."""
        sessions = list(self._sessions.values())
        for session in sessions:
            self.remove(session)
        return sessions

    def _touch(self, session: UploadSession) -> None:
        session.touched = self._clock()
        self._sessions.move_to_end(session.id)

    def _has_expired(self, session: UploadSession) -> bool:
        idle = self._clock() - session.touched
        return not session.busy and (session.life.over or idle > session.life.expiry)

    def _expired(self, sessions: dict[str, UploadSession]) -> Iterator[tuple[str, UploadSession]]:
        for id, session in sessions.items():
            if self._has_expired(session):
                yield id, session
            elif not session.busy:
                return  # all that follow had a request later, or have a later deadline
