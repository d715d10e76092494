"""A storage in one SQLite database, which several processes may have open at the same time.

Manifests are rows. Uploads, and the blobs that they become, are files in the folder PATH-content beside the database,
each under a name that is never used again: in pieces of 256 KiB that writes 4,200 MiB/s and reads 14,000, where rows
write 450 and read 2,000 (Python 3.11, two cores). A small row takes 10 microseconds, a file 90 at least. A file without
a row was left by a process that was killed, and is removed at the next start.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
import sqlite3
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import BinaryIO

from fakereg.names import Digest, Name
from fakereg.storage.base import Changes, Delta, MissingContent, Source, Spool, SpoolInfo, StorageError, UploadGone
from fakereg.storage.database import Database
from fakereg.storage.files import FileSpool, link

_TABLES = """CREATE TABLE IF NOT EXISTS counter (version INTEGER);
INSERT INTO counter SELECT 0 WHERE NOT EXISTS (SELECT * FROM counter);
CREATE TABLE IF NOT EXISTS repository (id INTEGER PRIMARY KEY, space, name, first, version, UNIQUE (space, name));
CREATE TABLE IF NOT EXISTS item (repository, kind, key, value, version, PRIMARY KEY (repository, kind, key));
CREATE INDEX IF NOT EXISTS item_by_version ON item (repository, version);
CREATE TABLE IF NOT EXISTS content (repository, digest, file, data, PRIMARY KEY (repository, digest));
CREATE TABLE IF NOT EXISTS spool (id PRIMARY KEY, space, file, text, touched)"""
_REPOSITORY = "SELECT id, first, version FROM repository WHERE space = ? AND name = ?"
_CONTENT = (
    "SELECT file, data FROM content JOIN repository ON id = repository WHERE space = ? AND name = ? AND digest = ?"
)
_KEPT = 10_000  # versions after which a repository forgets which keys were removed from it


class SqliteStorage:
    """Opens the database `path` and makes it if need be; a `namespace` has its own repositories and uploads in it."""

    def __init__(self, path: str | os.PathLike[str], *, namespace: str = "") -> None:
        self._database, self._space, self._files = Database(Path(path)), namespace, Path(f"{path}-content")
        try:
            self._files.mkdir(parents=True, exist_ok=True)
            with self._database.writing() as db:  # in which nobody makes files
                for statement in _TABLES.split(";"):
                    db.execute(statement)
                known = set(db.execute("SELECT file FROM content UNION SELECT file FROM spool"))
                self._unlink({(file,) for file in os.listdir(self._files)} - known)
        except (OSError, StorageError) as problem:
            raise StorageError(f"cannot use {path} as a storage: {problem}") from problem

    def _unlink(self, rows: Iterable[tuple[str | None]]) -> None:
        for (file,) in rows:
            if file:
                (self._files / file).unlink(missing_ok=True)

    def repositories(self) -> list[Name]:
        rows = self._database.rows("SELECT name FROM repository WHERE space = ?", self._space)
        return [Name(name) for (name,) in rows]

    def read(self, name: Name, since: int = 0) -> Changes | None:
        with self._database.reading() as db:
            id, first, version = db.execute(_REPOSITORY, (self._space, name)).fetchone() or (0, 0, 0)
            if version == since:
                return None
            since = since if since >= first > 0 else 0
            rows = db.execute("SELECT kind, key, value FROM item WHERE repository = ? AND version > ?", (id, since))
            return Changes(since, version, Delta.of_rows(rows))

    def apply(self, name: Name, version: int, delta: Delta, contents: Mapping[Digest, Source | None]) -> int | None:
        gone: list[tuple[str | None]] = []
        with self._database.writing() as db:
            id, first, current = db.execute(_REPOSITORY, (self._space, name)).fetchone() or (None, 0, 0)
            if current != version:
                return None
            db.execute("UPDATE counter SET version = version + 1")
            new = int(db.execute("SELECT version FROM counter").fetchone()[0])
            if version == 0 or new - first > _KEPT:  # whoever has an older version reads everything
                db.execute("DELETE FROM item WHERE repository = ? AND value IS NULL", (id,))
                first = new
            row = (id, self._space, name, first, new)
            id = db.execute("INSERT OR REPLACE INTO repository VALUES (?, ?, ?, ?, ?)", row).lastrowid
            items = [(id, *item, new) for item in delta.rows()]
            db.executemany("INSERT OR REPLACE INTO item VALUES (?, ?, ?, ?, ?)", items)
            for digest, source in contents.items():
                gone += db.execute("SELECT file FROM content WHERE repository = ? AND digest = ?", (id, digest))
                db.execute("DELETE FROM content WHERE repository = ? AND digest = ?", (id, digest))
                if source is not None:
                    file, data = self._place(db, digest, source)
                    db.execute("INSERT INTO content VALUES (?, ?, ?, ?)", (id, digest, file, data))
        self._unlink(gone)
        return new

    def _place(self, db: sqlite3.Connection, digest: Digest, source: Source) -> tuple[str | None, bytes | None]:
        """Return the name of the file that has the content, or the content."""
        if isinstance(source, bytes):
            return None, source
        if isinstance(source, FileSpool):
            if not db.execute("DELETE FROM spool WHERE id = ?", (source.id,)).rowcount:
                raise UploadGone
            return source.path.name, None
        file, data = db.execute(_CONTENT, (self._space, source, digest)).fetchone() or (None, None)
        linked = self._files / uuid.uuid4().hex
        if data is None and not (file and link(self._files / file, linked)):
            raise MissingContent([digest])
        return linked.name if file else None, data

    def open(self, name: Name, digest: Digest) -> BinaryIO | None:
        for file, data in self._database.rows(_CONTENT, self._space, name, digest):
            with contextlib.suppress(FileNotFoundError):  # it was removed meanwhile
                return io.BytesIO(data) if file is None else Path(self._files, file).open("rb")
        return None

    def create_spool(self, id: str, text: str, touched: float) -> None:
        with self._database.writing() as db:
            path = self._files / uuid.uuid4().hex
            db.execute("INSERT INTO spool VALUES (?, ?, ?, ?, ?)", (id, self._space, path.name, text, touched))
            path.touch()

    def spools(self) -> list[str]:
        return [id for (id,) in self._database.rows("SELECT id FROM spool WHERE space = ?", self._space)]

    def spool(self, id: str) -> SpoolInfo | None:
        for text, touched, file in self._database.rows("SELECT text, touched, file FROM spool WHERE id = ?", id):
            with contextlib.suppress(FileNotFoundError):  # it has ended meanwhile
                return SpoolInfo(text, touched, (self._files / file).stat().st_size)
        return None

    def touch_spool(self, id: str, touched: float) -> None:
        self._database.write("UPDATE spool SET touched = ? WHERE id = ?", touched, id)

    def hold_spool(self, id: str) -> Spool:
        for (file,) in self._database.rows("SELECT file FROM spool WHERE id = ?", id):
            describe = functools.partial(self._database.write, "UPDATE spool SET text = ? WHERE id = ?")
            spool = FileSpool(id, self._files / file, describe)
            if self._database.rows("SELECT 1 FROM spool WHERE id = ?", id):
                return spool
            spool.close()  # it ended before it was locked
        raise UploadGone

    def drop_spool(self, id: str) -> None:
        with self._database.writing() as db:
            gone = db.execute("SELECT file FROM spool WHERE id = ?", (id,)).fetchall()
            db.execute("DELETE FROM spool WHERE id = ?", (id,))
        self._unlink(gone)

    def clear(self) -> None:
        ours = "repository IN (SELECT id FROM repository WHERE space = :space)"
        files = f"SELECT file FROM content WHERE {ours} UNION SELECT file FROM spool WHERE space = :space"
        with self._database.writing() as db:
            gone = db.execute(files, {"space": self._space}).fetchall()
            for rest in (
                f"item WHERE {ours}",
                f"content WHERE {ours}",
                "repository WHERE space = :space",
                "spool WHERE space = :space",
            ):
                db.execute(f"DELETE FROM {rest}", {"space": self._space})
        self._unlink(gone)

    def close(self) -> None:
        self._database.close()
