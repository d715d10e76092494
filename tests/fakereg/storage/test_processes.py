"""Two processes have the same SQLite storage open: each sees at once what the other does, and a kill loses nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fakereg.spec.names import Digest, Name, Tag
from fakereg.storage.base import UploadBusy
from fakereg.storage.contract.steps import A, claimed, pushed_image, read, start, state_of
from fakereg.storage.repositories import Repositories
from fakereg.storage.sqlite import _CONTENT, SqliteStorage

_OTHER = """
import itertools, sys
from fakereg.spec.names import Digest, Name, Tag
from fakereg.storage.contract.steps import A, claimed, push, pushed_image, put, start
from fakereg.storage.repositories import Repositories
from fakereg.storage.sqlite import SqliteStorage

repositories = Repositories(SqliteStorage(sys.argv[1]))

def say(text):
    print(text, flush=True)

for line in sys.stdin:
    say(eval(line))
"""


class Other:
    """Another process with the storage; `ask` has it evaluate an expression."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def ask(self, expression: str) -> str:
        """What it says to an expression."""
        self.begin(expression)
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def begin(self, expression: str) -> None:
        """Let it evaluate, and do not wait."""
        assert self.process.stdin
        self.process.stdin.write(expression + "\n")
        self.process.stdin.flush()


@contextmanager
def another(path: Path) -> Iterator[Other]:
    command = [sys.executable, "-c", _OTHER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Other(process)
        finally:
            process.kill()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def repositories(path: Path) -> Iterator[Repositories]:
    storage = SqliteStorage(path)
    yield Repositories(storage)
    storage.close()


def test_each_process_sees_at_once_what_the_other_does(path: Path, repositories: Repositories) -> None:
    with another(path) as other:
        for turn in range(10):
            digest = other.ask(f"pushed_image(repositories, A, 'tag', note='{turn}').digest")
            assert repositories.targets(A) == {"tag": digest}
            assert other.ask("repositories.delete_tag(A, Tag('tag'))") == "True"
            assert not repositories.has_tags(A)
            pushed_image(repositories, A, "mine", note=f"mine {turn}")
            assert other.ask("repositories.tags(A)") == "['mine']"
            assert repositories.delete_tag(A, Tag("mine"))
            assert other.ask("repositories.has_tags(A)") == "False"


def test_a_session_is_continued_by_the_other_process(path: Path, repositories: Repositories) -> None:
    with another(path) as other:
        upload = start(repositories, A)
        assert other.ask(f"globals().update(up=repositories.upload(A, {upload.id!r})) or up.claim() or up.size") == "0"
        with pytest.raises(UploadBusy):
            upload.claim()
        other.ask("up.append(b'other ' * 100_000)")
        other.ask("up.release()")
        with claimed(upload):
            assert upload.size == 600_000
            assert other.ask(f"getattr(repositories.upload(A, {upload.id!r}), 'size', None)") == "600000"
            upload.append(b"mine")
        digest = Digest.of(b"other " * 100_000 + b"mine")
        assert other.ask(f"up.claim() or repositories.finish_upload(up, Digest({str(digest)!r}))") == "True"
        assert repositories.upload(A, upload.id) is None
        assert read(repositories, A, digest) == b"other " * 100_000 + b"mine"


def test_a_process_that_is_killed_lets_go_of_its_sessions(path: Path, repositories: Repositories) -> None:
    upload = start(repositories, A)
    with another(path) as other:
        other.ask(f"globals().update(up=repositories.upload(A, {upload.id!r})) or up.claim() or up.append(b'kept')")
        other.process.send_signal(signal.SIGKILL)
        other.process.wait()
    with claimed(upload):
        assert upload.size == 4
        assert repositories.finish_upload(upload, Digest.of(b"kept"))
    assert read(repositories, A, Digest.of(b"kept")) == b"kept"


def test_deltas_of_two_processes_are_all_there(path: Path, repositories: Repositories) -> None:
    turns = 100
    pushed_image(repositories, A, "base")
    with another(path) as other:
        other.begin(
            f"[put(repositories, A, repositories and pushed_image(repositories, A, note='x'), f'other-{{n}}')"
            f" for n in range({turns})] and 'done'"
        )
        for turn in range(turns):
            pushed_image(repositories, A, f"mine-{turn}", note=f"mine {turn}")
        assert other.process.stdout
        assert other.process.stdout.readline() == "done\n"
    tags = set(repositories.tags(A) or ())
    assert tags == {"base"} | {f"{who}-{turn}" for who in ("mine", "other") for turn in range(turns)}
    assert state_of(repositories.storage, A).tags == repositories.targets(A)


@pytest.mark.parametrize("after", [0, 3, 10, 40])
def test_nothing_that_was_acknowledged_is_lost_by_a_kill(path: Path, repositories: Repositories, after: int) -> None:
    work = "[say(pushed_image(repositories, Name(f'a/{n % 3}'), f't{n}', note=str(n)).digest) for n in range(100_000)]"
    told = []
    with another(path) as other:
        other.begin(work)
        assert other.process.stdout
        told += [other.process.stdout.readline().strip() for _ in range(after)]
        other.process.kill()
        told += other.process.stdout.read().split("\n")[:-1]
    again = SqliteStorage(path)
    for store in (repositories, Repositories(again)):
        for number, digest in enumerate(told):
            manifest = store.manifest(Name(f"a/{number % 3}"), Tag(f"t{number}"))
            assert manifest
            assert manifest.digest == digest == Digest.of(manifest.content)
            assert read(store, Name(f"a/{number % 3}"), Digest.of(b"layer")) == b"layer"
    again.close()


def test_two_processes_may_open_a_new_storage_at_once(path: Path) -> None:
    with another(path) as one, another(path) as two, another(path) as three:
        assert [each.ask("repositories.repositories()") for each in (one, two, three)] == ["[]"] * 3


def test_content_is_found_by_its_key(tmp_path: Path) -> None:
    """So a pull costs the same in a repository of any size."""
    storage = SqliteStorage(tmp_path / "store")
    steps = storage._db.rows(f"EXPLAIN QUERY PLAN {_CONTENT}", "", A, "sha256:0")
    storage.close()
    assert [step[-1] for step in steps if "SCAN" in step[-1]] == []
