"""A SQLite database for many threads, and for other processes at the same time."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fakereg.storage.base import StorageError


class Database:
    """Transactions on the database at `path`, each on a connection of its own while it lasts; `tables` makes it.

    With WAL, readers block no other connection. A commit does not wait for the disk: it outlasts the process, even if
    that is killed, but not a power cut. Raise StorageError for every error of SQLite.
    """

    def __init__(self, path: Path, tables: str) -> None:
        self._path = path
        self._idle: list[sqlite3.Connection] = []
        self._writer = threading.Lock()  # threads take turns here; processes do so by trying again for a minute
        with self.writing() as db:
            for statement in tables.split(";"):
                db.execute(statement)

    @contextlib.contextmanager
    def reading(self, begin: str = "BEGIN") -> Iterator[sqlite3.Connection]:
        """Begin a transaction that sees the database as it is now."""
        try:
            with contextlib.ExitStack() as lent:
                db = self._connection()
                lent.callback(self._idle.append, db)
                lent.callback(db.rollback)
                db.execute(begin)
                yield db
                db.commit()
        except sqlite3.Error as problem:
            raise StorageError(f"the database {self._path} failed: {problem}") from problem

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Begin a transaction during which no other one writes."""
        with self._writer, self.reading("BEGIN IMMEDIATE") as db:
            yield db

    def rows(self, query: str, *values: object) -> list[Any]:
        """Return all rows of one query."""
        with self.reading() as db:
            return db.execute(query, values).fetchall()

    def write(self, query: str, *values: object) -> None:
        """Make one change."""
        with self.writing() as db:
            db.execute(query, values)

    def close(self) -> None:
        """Close all connections."""
        while self._idle:
            self._idle.pop().close()

    def _connection(self) -> sqlite3.Connection:
        with contextlib.suppress(IndexError):
            return self._idle.pop()
        db = sqlite3.connect(self._path, timeout=60, isolation_level=None, check_same_thread=False)
        db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF")
        return db
