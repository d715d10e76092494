"""A storage in one SQLite database, which several processes may have open at the same time.

The bytes of blobs, manifests and uploads are files in the folder FILE-content beside the database, each under a name
that is never used again; the tables say which file is what. In pieces of 256 KiB, this writes 4,200 MiB/s and reads
14,000 MiB/s where rows of the database write 450 and read 2,000 (Python 3.11, two cores), and a file can be sent by
the kernel and read to its end after it was removed.

The database is in WAL mode, where one process does not wait for another that reads, and without waiting for the disk:
a process may be killed at any moment, a power cut is another matter. A file without a row was left by a process that
was killed, and is removed when the storage is opened.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

from fakereg.names import Digest, Name
from fakereg.storage.base import Changes, Delta, MissingContent, Source, Spool, SpoolInfo, StorageError, UploadGone
from fakereg.storage.files import FileSpool, link

_TABLES = """
CREATE TABLE IF NOT EXISTS counter (version INTEGER NOT NULL);
INSERT INTO counter SELECT 0 WHERE NOT EXISTS (SELECT * FROM counter);
CREATE TABLE IF NOT EXISTS repository (
    id INTEGER PRIMARY KEY, space TEXT, name TEXT, first INTEGER, version INTEGER, UNIQUE (space, name));
CREATE TABLE IF NOT EXISTS item (
    repository INTEGER, kind TEXT, key TEXT, value TEXT, version INTEGER, PRIMARY KEY (repository, kind, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS item_by_version ON item (repository, version);
CREATE TABLE IF NOT EXISTS content (
    repository INTEGER, digest TEXT, file TEXT, PRIMARY KEY (repository, digest)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS spool (id TEXT PRIMARY KEY, space TEXT, file TEXT, text TEXT, touched REAL) WITHOUT ROWID;
"""
_REPOSITORY = "SELECT id, first, version FROM repository WHERE space = ? AND name = ?"
_FILE = "SELECT file FROM content JOIN repository ON id = repository WHERE space = ? AND name = ? AND digest = ?"

_KEPT = 10_000
"""Versions after which it is forgotten which keys were removed."""


class SqliteStorage:
    """Opens the database `path` and makes it if need be; a `namespace` has its own repositories and uploads in it."""

    def __init__(self, path: str | os.PathLike[str], *, namespace: str = "") -> None:
        self._path, self._space, self._files = Path(path), namespace, Path(f"{path}-content")
        self._idle: list[sqlite3.Connection] = []
        self._writer = threading.Lock()  # threads take turns here, since processes do so by trying again
        try:
            self._files.mkdir(parents=True, exist_ok=True)
            with self._writing() as db:
                for statement in _TABLES.split(";"):
                    db.execute(statement)
                known = {file for (file,) in db.execute("SELECT file FROM content UNION SELECT file FROM spool")}
                for name in set(os.listdir(self._files)) - known:
                    (self._files / name).unlink()
        except (OSError, StorageError) as problem:
            raise StorageError(f"cannot use {path} as a storage: {problem}") from problem

    def _connect(self) -> sqlite3.Connection:
        with contextlib.suppress(IndexError):
            return self._idle.pop()
        db = sqlite3.connect(self._path, timeout=60, isolation_level=None, check_same_thread=False)
        db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF")
        return db

    @contextlib.contextmanager
    def _reading(self, begin: str = "BEGIN") -> Iterator[sqlite3.Connection]:
        """Lend this thread a connection for one transaction."""
        try:
            db = self._connect()
            try:
                db.execute(begin)
                yield db
                db.commit()
            finally:
                db.rollback()
                self._idle.append(db)
        except sqlite3.Error as problem:
            raise StorageError(f"the database {self._path} failed: {problem}") from problem

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._writer, self._reading("BEGIN IMMEDIATE") as db:
            yield db

    def _row(self, query: str, *values: object) -> tuple[Any, ...] | None:
        with self._reading() as db:
            return cast("tuple[Any, ...] | None", db.execute(query, values).fetchone())

    # The index.

    def repositories(self) -> list[Name]:
        with self._reading() as db:
            return [Name(name) for (name,) in db.execute("SELECT name FROM repository WHERE space = ?", (self._space,))]

    def read(self, name: Name, since: int = 0) -> Changes | None:
        with self._reading() as db:
            id, first, version = db.execute(_REPOSITORY, (self._space, name)).fetchone() or (0, 0, 0)
            if version == since:
                return None
            start = since if since >= first > 0 else 0
            rows = db.execute("SELECT kind, key, value FROM item WHERE repository = ? AND version > ?", (id, start))
            return Changes(start, version, Delta.of_rows(rows))

    def apply(self, name: Name, version: int, delta: Delta, contents: Mapping[Digest, Source | None]) -> int | None:
        made, gone = list[Path](), list[Path]()  # files to be removed if this fails, and if it does not
        try:
            with self._writing() as db:
                id, first, current = db.execute(_REPOSITORY, (self._space, name)).fetchone() or (None, 0, 0)
                if current != version:
                    return None
                db.execute("UPDATE counter SET version = version + 1")
                (new,) = db.execute("SELECT version FROM counter").fetchone()
                if new - first > _KEPT:  # forget which keys were removed when; who needs that reads everything
                    db.execute("DELETE FROM item WHERE repository = ? AND value IS NULL", (id,))
                    first = new
                values = (id, self._space, name, first, new)
                id = db.execute("INSERT OR REPLACE INTO repository VALUES (?, ?, ?, ?, ?)", values).lastrowid
                rows = ((id, *row, new) for row in delta.rows())
                db.executemany("INSERT OR REPLACE INTO item VALUES (?, ?, ?, ?, ?)", rows)
                for digest, source in contents.items():
                    self._place(db, id, digest, source, made, gone)
        except BaseException:
            _unlink(made)
            raise
        _unlink(gone)
        return int(new)

    def _place(
        self,
        db: sqlite3.Connection,
        id: int | None,
        digest: Digest,
        source: Source | None,
        made: list[Path],
        gone: list[Path],
    ) -> None:
        for (old,) in db.execute("SELECT file FROM content WHERE repository = ? AND digest = ?", (id, digest)):
            gone.append(self._files / old)
        db.execute("DELETE FROM content WHERE repository = ? AND digest = ?", (id, digest))
        if source is None:
            return
        if isinstance(source, FileSpool):
            if not db.execute("DELETE FROM spool WHERE id = ?", (source.id,)).rowcount:
                raise UploadGone
            path = source.path
        else:
            path = self._files / uuid.uuid4().hex
            made.append(path)
            if isinstance(source, bytes):
                path.write_bytes(source)
            else:
                file = db.execute(_FILE, (self._space, source, digest)).fetchone()
                if not file or not link(self._files / file[0], path):
                    raise MissingContent([digest])
        db.execute("INSERT INTO content VALUES (?, ?, ?)", (id, digest, path.name))

    # Content.

    def open(self, name: Name, digest: Digest) -> BinaryIO | None:
        seen = None
        while (row := self._row(_FILE, self._space, name, digest)) != seen:
            with contextlib.suppress(FileNotFoundError):  # it was put anew meanwhile, or somebody else removed it
                return (self._files / row[0]).open("rb") if row else None
            seen = row
        return None

    # Spools.

    def create_spool(self, id: str, text: str, touched: float) -> None:
        with self._writing() as db:
            path = self._files / uuid.uuid4().hex
            db.execute("INSERT INTO spool VALUES (?, ?, ?, ?, ?)", (id, self._space, path.name, text, touched))
            path.touch()

    def spools(self) -> list[str]:
        with self._reading() as db:
            return [id for (id,) in db.execute("SELECT id FROM spool WHERE space = ?", (self._space,))]

    def spool(self, id: str) -> SpoolInfo | None:
        row = self._row("SELECT text, touched, file FROM spool WHERE id = ? AND space = ?", id, self._space)
        with contextlib.suppress(FileNotFoundError):  # it has ended meanwhile
            return SpoolInfo(row[0], row[1], (self._files / row[2]).stat().st_size) if row else None
        return None

    def touch_spool(self, id: str, touched: float) -> None:
        with self._writing() as db:
            db.execute("UPDATE spool SET touched = ? WHERE id = ?", (touched, id))

    def hold_spool(self, id: str) -> Spool:
        row = self._row("SELECT file FROM spool WHERE id = ? AND space = ?", id, self._space)
        if not row:
            raise UploadGone
        spool = FileSpool(id, self._files / row[0], self._describe)
        if not self._row("SELECT 1 FROM spool WHERE id = ?", id):  # it ended before it was locked
            spool.close()
            raise UploadGone
        return spool

    def _describe(self, id: str, text: str) -> None:
        with self._writing() as db:
            db.execute("UPDATE spool SET text = ? WHERE id = ?", (text, id))

    def drop_spool(self, id: str) -> None:
        with self._writing() as db:
            gone = [self._files / file for (file,) in db.execute("SELECT file FROM spool WHERE id = ?", (id,))]
            db.execute("DELETE FROM spool WHERE id = ?", (id,))
        _unlink(gone)

    # Life.

    def clear(self) -> None:
        with self._writing() as db:
            ours = "SELECT id FROM repository WHERE space = ?"
            files = (
                f"SELECT file FROM content WHERE repository IN ({ours}) UNION SELECT file FROM spool WHERE space = ?"
            )
            gone = [self._files / file for (file,) in db.execute(files, (self._space, self._space))]
            for table in ("item", "content"):
                db.execute(f"DELETE FROM {table} WHERE repository IN ({ours})", (self._space,))
            for table in ("repository", "spool"):
                db.execute(f"DELETE FROM {table} WHERE space = ?", (self._space,))
        _unlink(gone)

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()


def _unlink(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
