"""Upload sessions: policy and running hash on top of a storage's spools."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import logging
import math
import os
import threading
import uuid
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from fakereg.clock import Clock
from fakereg.spec.errors import RegistryError
from fakereg.spec.names import ALGORITHMS, Digest, Name
from fakereg.storage.base import Spool, SpoolInfo, Storage, UploadBusy, UploadGone

if TYPE_CHECKING:
    from hashlib import _Hash

_READ_BYTES = 1 << 20

_ASIDE_BYTES = 64 * 1024
"""Pieces of at least this size are hashed in another thread while this one writes them and receives the next."""

_SWEEP_SECONDS = 10.0
"""Seconds between searches for expired sessions; at the limit of sessions, one second."""

_IDLE_SECONDS = 60.0
"""Seconds without a request after which a session may end at the limit, to make room for others."""

_log = logging.getLogger(__name__)


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(thread_name_prefix="fakereg hash")


os.register_at_fork(after_in_child=_pool.cache_clear)  # a child process has no threads of its parent


class TooManyUploads(Exception):
    """The limit of open upload sessions is reached."""


class Terms(NamedTuple):
    """The purpose and the lifetime of a session; the text of its spool."""

    repository: Name
    algorithm: str
    expiry: float
    deadline: float | None = None
    short_chunk: bool = False

    @classmethod
    def parse(cls, text: str) -> Terms:
        """Read the text of a spool; raise RegistryError or ValueError."""
        fields = json.loads(text)
        if not isinstance(fields, dict):
            raise ValueError("its description must be a JSON object")
        name, algorithm, expiry, deadline = (
            fields.get(key) for key in ("repository", "algorithm", "expiry", "deadline")
        )
        if algorithm not in ALGORITHMS or not isinstance(name, str) or not isinstance(expiry, float | int):
            raise ValueError("its description must have repository, algorithm and expiry")
        if not isinstance(deadline, float | int | None):
            raise ValueError(f"its deadline must be a time, got {deadline!r}")
        return cls(Name.parse(name, host=True), algorithm, expiry, deadline, fields.get("short_chunk") is True)

    def text(self) -> str:
        """Return the text that `parse` reads."""
        return json.dumps(self._asdict())


class Upload:
    """A handle on an upload session. One request at a time writes to it, between `claim` and `release`."""

    def __init__(self, uploads: Uploads, id: str, terms: Terms, size: int) -> None:
        self.id = id
        self.repository = terms.repository
        self.algorithm = terms.algorithm
        self.short_chunk = terms.short_chunk
        """Whether the last chunk was shorter than the announced minimum; kept between requests by `release`."""
        self._uploads = uploads
        self._terms = terms
        self._size = size
        self._spool: Spool | None = None
        self._hash: _Hash | None = None
        self._mark: tuple[int, _Hash | None] = (0, None)
        self._hashing: Future[None] | None = None

    @property
    def size(self) -> int:
        """The number of bytes received so far."""
        return self._spool.size if self._spool else self._size

    @property
    def spool(self) -> Spool:
        """The spool that this handle holds; raise UploadGone if it was not claimed."""
        if not self._spool:
            raise UploadGone
        return self._spool

    def claim(self) -> None:
        """Hold the session for writing; raise UploadBusy if another request does, UploadGone if it has ended."""
        spool = self._uploads.storage.hold_spool(self.id)
        try:
            self._terms = self._uploads.terms(self.id)
            self._hash = self._uploads.take_hash(self.id, spool.size, self._terms.algorithm)
        except BaseException:
            spool.close()
            raise
        self.short_chunk = self._terms.short_chunk
        self._mark = (spool.size, self._hash.copy() if self._hash else None)
        self._spool = spool

    def release(self) -> None:
        """Give the session back."""
        spool, self._size = self.spool, self.spool.size
        self._finish_hashing()
        try:
            if self._uploads.is_open(self.id):
                if self.short_chunk != self._terms.short_chunk:
                    spool.describe(self._terms._replace(short_chunk=self.short_chunk).text())
                self._uploads.keep_hash(self.id, self._size, self._hash)
        finally:
            self._spool = None
            spool.close()

    def append(self, data: bytes) -> None:
        """Add bytes at the end; raise UploadGone if the session has ended meanwhile."""
        self.check()
        self._finish_hashing()
        size = self.size
        if self._hash and len(data) >= _ASIDE_BYTES:
            self._hashing = _pool().submit(self._hash.update, data)
        elif self._hash:
            self._hash.update(data)
        try:
            self.spool.append(data)
        except BaseException:  # such as a full disk: hash, size and spool must agree again
            self._finish_hashing()
            self._hash = None
            self.spool.truncate(size)
            raise

    def check(self) -> None:
        """Raise UploadGone if the session was ended or its deadline has passed."""
        if not self._uploads.is_open(self.id) or self._uploads.overdue(self._terms):
            raise UploadGone

    def rollback(self) -> None:
        """Drop all bytes that were appended since `claim`."""
        self._finish_hashing()
        size, self._hash = self._mark
        self._mark = (size, self._hash.copy() if self._hash else None)
        self.spool.truncate(size)

    def matches(self, digest: Digest) -> bool:
        """Tell whether the bytes so far have this digest; they are read again unless their hash is known."""
        self._finish_hashing()
        if self._hash and digest.algorithm == self._terms.algorithm:
            return bool(self._hash.hexdigest() == digest.encoded)
        again = hashlib.new(digest.algorithm)
        with self.spool.open() as stream:
            while data := stream.read(_READ_BYTES):
                again.update(data)
        return again.hexdigest() == digest.encoded

    def _finish_hashing(self) -> None:
        if self._hashing:
            self._hashing.result()
            self._hashing = None


class Uploads:
    """The open sessions of a storage; another process may have the same ones.

    A session expires `expiry` seconds after its last request, unless one is writing, and ends at its deadline in any
    case. The limit of open sessions is exact within one process only.
    """

    def __init__(self, storage: Storage, clock: Clock, new_id: Callable[[], str] | None) -> None:
        self.storage = storage
        self._clock = clock
        self._new_id = new_id or (lambda: str(uuid.uuid4()))
        self._lock = threading.Lock()
        self._swept = -math.inf
        self._hashes: dict[str, tuple[int, _Hash]] = {}
        """The running hash of sessions that are not held, and its number of bytes; these bytes never change again."""
        for id in storage.spools():
            self._check_description(id)

    def _check_description(self, id: str) -> None:
        try:
            self.terms(id)
        except UploadGone:
            pass
        except (RegistryError, ValueError) as problem:
            _log.warning("upload session %s cannot be continued and is removed: %s", id, problem)
            self.storage.drop_spool(id)

    def start(self, name: Name, *, algorithm: str, expiry: float, limit: int, timeout: float) -> Upload:
        """Open a session; raise TooManyUploads if `limit` are open."""
        with self._lock:
            self._make_room(limit)
            id, now = self._new_id(), self._clock()
            terms = Terms(name, algorithm, expiry, now + timeout if timeout else None)
            self.storage.create_spool(id, terms.text(), now)
        return Upload(self, id, terms, 0)

    def find(self, name: Name, id: str) -> Upload | None:
        """Return an open session of that repository, and restart its expiry."""
        info = self.storage.spool(id)
        if not info:
            return None
        terms = Terms.parse(info.text)
        if terms.repository != name or (self._expired(info) and self._end(id, self._expired)):
            return None
        self.storage.touch_spool(id, self._clock())
        return Upload(self, id, terms, info.size)

    def terms(self, id: str) -> Terms:
        """Return the terms of a session; raise UploadGone if it has ended."""
        info = self.storage.spool(id)
        if not info:
            raise UploadGone
        return Terms.parse(info.text)

    def overdue(self, terms: Terms) -> bool:
        """Tell whether the deadline of a session has passed."""
        return terms.deadline is not None and self._clock() > terms.deadline

    def take_hash(self, id: str, size: int, algorithm: str) -> _Hash | None:
        """Return the running hash over `size` bytes of a session, if it is known here."""
        hashed, running = self._hashes.pop(id, (0, hashlib.new(algorithm)))
        return running if hashed == size else None

    def keep_hash(self, id: str, size: int, running: _Hash | None) -> None:
        """Keep the running hash of a session until its next request, and restart its expiry."""
        self.storage.touch_spool(id, self._clock())
        if running:
            self._hashes[id] = (size, running)

    def is_open(self, id: str) -> bool:
        """Tell whether a session has not ended yet."""
        return self.storage.spool(id) is not None

    def _make_room(self, limit: int) -> None:
        open, since = self.storage.spools(), self._clock() - self._swept
        if since >= _SWEEP_SECONDS or (len(open) >= limit and since >= 1):
            self._swept = self._clock()
            self._sweep(open, limit)
            open = self.storage.spools()
        if len(open) >= limit:
            raise TooManyUploads

    def _sweep(self, open: Collection[str], limit: int) -> None:
        """End the sessions that have expired; at the limit also those idle for longest, up to a tenth of it."""
        left, idle = 0, []
        for id in open:
            info = self.storage.spool(id)
            if info and not (self._expired(info) and self._end(id, self._expired)):
                left += 1
                idle += [(info.touched, id)] if self._idle(info) else []
        room = left - limit + max(limit // 10, 1) if left >= limit else 0
        for _, id in sorted(idle)[:room]:
            self._end(id, self._idle)
        for id in self._hashes.keys() - set(open):  # another process has ended these
            self._hashes.pop(id, None)

    def _expired(self, info: SpoolInfo) -> bool:
        terms = Terms.parse(info.text)
        return self.overdue(terms) or self._clock() - info.touched > terms.expiry

    def _idle(self, info: SpoolInfo) -> bool:
        return self._clock() - info.touched > _IDLE_SECONDS

    def _end(self, id: str, over: Callable[[SpoolInfo], bool]) -> bool:
        """End a session that is `over`; return False if it is not, or if a request is writing to it."""
        with contextlib.suppress(UploadBusy, UploadGone), contextlib.closing(self.storage.hold_spool(id)):
            info = self.storage.spool(id)
            if info and not over(info):
                return False
            self.storage.drop_spool(id)
            return True
        return self.storage.spool(id) is None
