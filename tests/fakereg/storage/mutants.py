"""Storages with one fault each, put to the contract. Run by `test_mutants.py`, which reads what fails."""

from __future__ import annotations

import io
import itertools
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from fakereg.spec.names import Digest, Name
from fakereg.storage.base import Changes, Delta, Source, Spool, Storage, UploadBusy, UploadGone
from fakereg.storage.contract import *  # noqa: F403 - this is how the contract is meant to be used
from fakereg.storage.contract.steps import MakeStorage
from fakereg.storage.directory import DirectoryStorage
from fakereg.storage.memory import MemorySpool, MemoryStorage
from fakereg.storage.sqlite import SqliteStorage

Contents = Mapping[Digest, Source | None]


class OfTwoHandles(MemoryStorage):
    """two handles on one session both write"""

    def hold_spool(self, id: str) -> Spool:
        spool = self._spools.get(id)
        if not spool:
            raise UploadGone
        spool.held.acquire(blocking=False)
        spool.buffer.open()
        return spool


class OfTwoHandlesAtTimes(MemoryStorage):
    """an append interleaves: who holds a spool is looked up and set in two steps"""

    def hold_spool(self, id: str) -> Spool:
        spool = self._spools.get(id)
        if not spool:
            raise UploadGone
        if spool.held.locked():
            raise UploadBusy
        time.sleep(0.0001)
        return OfTwoHandles.hold_spool(self, id)  # type: ignore[arg-type]  # it is a MemoryStorage, too


class Forgetful(MemoryStorage):
    """short_chunk is forgotten between requests: the text of a spool does not change"""

    def hold_spool(self, id: str) -> Spool:
        spool = super().hold_spool(id)
        spool.describe = lambda text: None  # type: ignore[method-assign]
        return spool


class Unseekable(MemoryStorage):
    """a stream cannot seek"""

    class Stream(io.BytesIO):
        def seek(self, *_: int) -> int:
            raise io.UnsupportedOperation("seek")

    def open(self, name: Name, digest: Digest) -> BinaryIO | None:
        stream = super().open(name, digest)
        if not stream:
            return None
        with stream:
            return self.Stream(stream.read())


class OwnIds(MemoryStorage):
    """`new_id` is ignored"""

    def create_spool(self, id: str, text: str, touched: float) -> None:
        super().create_spool(str(uuid.uuid4()), text, touched)


class CreatesEarly(MemoryStorage):
    """a failed finish creates a repository"""

    def apply(self, name: Name, version: int, delta: Delta, contents: Contents) -> int | None:
        if not version and name not in self._repositories:
            super().apply(name, 0, Delta(), {})
            version = self._repositories[name].version
        return super().apply(name, version, delta, contents)


class LowersMediaTypes(MemoryStorage):
    """the case of a media type is changed"""

    def apply(self, name: Name, version: int, delta: Delta, contents: Contents) -> int | None:
        lowered = {
            digest: entry and entry._replace(media_type=entry.media_type.lower())
            for digest, entry in delta.manifests.items()
        }
        return super().apply(name, version, replace(delta, manifests=lowered), contents)


class ComparesThenSwaps(MemoryStorage):
    """compare-and-swap is not atomic"""

    def apply(self, name: Name, version: int, delta: Delta, contents: Contents) -> int | None:
        current = self._repositories[name].version if name in self._repositories else 0
        if current != version:
            return None
        time.sleep(0.0001)
        current = self._repositories[name].version if name in self._repositories else 0
        return super().apply(name, current, delta, contents)


class ByHalves(MemoryStorage):
    """readers see half a delta"""

    def apply(self, name: Name, version: int, delta: Delta, contents: Contents) -> int | None:
        tags = dict(itertools.islice(delta.tags.items(), len(delta.tags) // 2))
        new = super().apply(name, version, replace(delta, tags=tags), contents)
        if new is not None and tags:
            time.sleep(0.0001)
            self._repositories[name].state.change(delta)
        return new


class ReadsLate(MemoryStorage):
    """removed content breaks an open reader"""

    class Stream(io.BytesIO):
        def __init__(self, again: Callable[[], BinaryIO | None]) -> None:
            stream = again()
            assert stream
            with stream:
                super().__init__(stream.read())
            self._again = again

        def read(self, size: int | None = -1) -> bytes:
            stream = self._again()
            if not stream:
                raise FileNotFoundError
            stream.close()
            return super().read(size)

    def open(self, name: Name, digest: Digest) -> BinaryIO | None:
        stream = super().open(name, digest)
        if not stream:
            return None
        stream.close()
        return self.Stream(lambda: super(ReadsLate, self).open(name, digest))


class SharesContent(MemoryStorage):
    """content shared between repositories vanishes with one"""

    def apply(self, name: Name, version: int, delta: Delta, contents: Contents) -> int | None:
        new = super().apply(name, version, delta, contents)
        for digest in [digest for digest, source in contents.items() if source is None and new]:
            for repository in self._repositories.values():
                repository.contents.pop(digest, None)
        return new


class KeepsTags(MemoryStorage):
    """a delta ignores the removal of a tag"""

    def apply(self, name: Name, version: int, delta: Delta, contents: Contents) -> int | None:
        tags = {tag: target for tag, target in delta.tags.items() if target}
        return super().apply(name, version, replace(delta, tags=tags), contents)


class StandsStill(MemoryStorage):
    """the version does not move with a change of blobs"""

    def apply(self, name: Name, version: int, delta: Delta, contents: Contents) -> int | None:
        new = super().apply(name, version, delta, contents)
        if new and version and not delta.manifests and not delta.tags:
            self._repositories[name].version = version
            return version
        return new


class CountsAnew(MemoryStorage):
    """versions come again after `clear`"""

    def clear(self) -> None:
        super().clear()
        self._numbers = itertools.count(1)


class SkipsOne(SqliteStorage):
    """the changes since a version lack the first one"""

    def read(self, name: Name, since: int = 0) -> Changes | None:
        changes = super().read(name, since)
        if not changes or not changes.since:
            return changes
        later = super().read(name, since + 1)
        return Changes(since, changes.version, later.delta if later else Delta())


class CannotTruncate(MemoryStorage):
    """truncate is ignored"""

    def hold_spool(self, id: str) -> Spool:
        spool = super().hold_spool(id)
        spool.truncate = lambda size: None  # type: ignore[method-assign]
        return spool


class AppendsAtTheStart(MemoryStorage):
    """what is appended after a new hold replaces what is there"""

    def hold_spool(self, id: str) -> Spool:
        spool = super().hold_spool(id)
        assert isinstance(spool, MemorySpool)
        spool.truncate(0)
        return spool


class ClearsHalf(MemoryStorage):
    """clear leaves spools"""

    def clear(self) -> None:
        self._repositories.clear()


class KeepsSpools(MemoryStorage):
    """a spool goes on when it has become content"""

    def apply(self, name: Name, version: int, delta: Delta, contents: Contents) -> int | None:
        held = [source for source in contents.values() if isinstance(source, MemorySpool)]
        new = super().apply(name, version, delta, contents)
        self._spools.update({spool.id: spool for spool in held})
        return new


class IgnoresTouches(MemoryStorage):
    """a spool is not touched, so a session expires though it is in use"""

    def touch_spool(self, id: str, touched: float) -> None:
        pass


class MissesOne(MemoryStorage):
    """the list of repositories lacks the newest"""

    def repositories(self) -> list[Name]:
        return super().repositories()[: max(len(self._repositories) - 1, 1)]


class ForgetsNotes(MemoryStorage):
    """a delta changes no notes"""

    def apply(self, name: Name, version: int, delta: Delta, contents: Contents) -> int | None:
        return super().apply(name, version, replace(delta, notes={}), contents)


class KeepsNotes(MemoryStorage):
    """a delta ignores the removal of a note"""

    def apply(self, name: Name, version: int, delta: Delta, contents: Contents) -> int | None:
        notes = {key: text for key, text in delta.notes.items() if text is not None}
        return super().apply(name, version, replace(delta, notes=notes), contents)


class NotesLate(MemoryStorage):
    """readers see content before its note"""

    def apply(self, name: Name, version: int, delta: Delta, contents: Contents) -> int | None:
        new = super().apply(name, version, replace(delta, notes={}), contents)
        if new is not None:
            time.sleep(0.0001)
            self._repositories[name].state.change(Delta(notes=delta.notes))
        return new


class KeepsNothing(MemoryStorage):
    """content is removed that a note keeps"""

    def apply(self, name: Name, version: int, delta: Delta, contents: Contents) -> int | None:
        new = super().apply(name, version, delta, contents)
        if new is not None:
            repository = self._repositories[name]
            for digest in delta.notes.keys() - repository.state.manifests.keys() - repository.state.blobs.keys():
                repository.contents.pop(Digest(digest), None)
        return new


class KeepsNothingForLong(DirectoryStorage):
    """content that a note keeps is a stray after a reopening"""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        for repository in self._repositories.values():
            for key in repository.state.notes:
                if key not in repository.state.manifests and key not in repository.state.blobs:
                    (repository.path / "blobs" / key.replace(":", "/")).unlink(missing_ok=True)


class LosesNotes(DirectoryStorage):
    """notes are not there after a reopening"""

    def __init__(self, folder: Path) -> None:
        for path in folder.glob("repositories/*/fakereg.json"):
            path.unlink()
        super().__init__(folder)


class LosesTags(DirectoryStorage):
    """tags are not there after a reopening"""

    def close(self) -> None:
        super().close()
        for repository in self._repositories.values():
            path = repository.path / "index.json"
            path.write_text(path.read_text().replace("org.opencontainers.image.ref.name", "name"))


class AlwaysEmpty(DirectoryStorage):
    """nothing is there after a reopening"""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / uuid.uuid4().hex)


class CachesReads(SqliteStorage):
    """another process is not seen at once"""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._seen: dict[Name, Any] = {}

    def read(self, name: Name, since: int = 0) -> Changes | None:
        changes = super().read(name, since)
        if name in self._seen and self._seen[name][0] > time.monotonic() and since:
            return None
        self._seen[name] = time.monotonic() + 1, changes
        return changes


MUTANTS: tuple[type[Storage], ...] = (
    OfTwoHandles,
    Forgetful,
    Unseekable,
    OwnIds,
    CreatesEarly,
    LowersMediaTypes,
    ComparesThenSwaps,
    OfTwoHandlesAtTimes,
    ByHalves,
    ReadsLate,
    SharesContent,
    KeepsTags,
    StandsStill,
    CountsAnew,
    SkipsOne,
    CannotTruncate,
    AppendsAtTheStart,
    ClearsHalf,
    KeepsSpools,
    IgnoresTouches,
    MissesOne,
    ForgetsNotes,
    KeepsNotes,
    NotesLate,
    KeepsNothing,
    KeepsNothingForLong,
    LosesNotes,
    LosesTags,
    AlwaysEmpty,
    CachesReads,
)


@pytest.fixture(params=[pytest.param(mutant, id=f"mutant:{mutant.__name__}") for mutant in MUTANTS])
def mutant(request: pytest.FixtureRequest) -> type[Any]:
    kind: type[Any] = request.param
    return kind


@pytest.fixture
def make_storage(mutant: type[Any], tmp_path: Path) -> MakeStorage:
    if issubclass(mutant, MemoryStorage):
        return mutant
    return lambda: mutant(tmp_path / "store")


@pytest.fixture  # type: ignore[no-redef]
def durable(mutant: type[Any]) -> bool:
    return not issubclass(mutant, MemoryStorage)


@pytest.fixture  # type: ignore[no-redef]
def shared(mutant: type[Any]) -> bool:
    return issubclass(mutant, SqliteStorage)
