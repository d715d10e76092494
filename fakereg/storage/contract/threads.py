"""The part of the contract that needs several threads. A storage that breaks it fails in every run, not by chance."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier, Event
from typing import TypeVar

from fakereg.spec.names import Digest, Tag
from fakereg.storage.base import Delta, Entry, Storage, UploadBusy
from fakereg.storage.contract.steps import A, B, filled_spool, pushed_image, state_of
from fakereg.storage.index import State
from fakereg.storage.repositories import Repositories

THREADS = 4

Result = TypeVar("Result")


@contextmanager
def _switching_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def together(work: Callable[[int], Result]) -> list[Result]:
    """Call `work` for each number, all at the same time, and return the results."""
    barrier = Barrier(THREADS)

    def begin(number: int) -> Result:
        barrier.wait()
        return work(number)

    with _switching_often(), ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(begin, range(THREADS)))


def test_of_many_deltas_for_one_version_one_is_accepted(storage: Storage) -> None:
    """Each version has one successor, and no accepted change is lost, however often threads collide."""

    def work(number: int) -> list[int]:
        accepted = []
        for turn in range(50):
            changes = storage.read(A)
            version = changes.version if changes else 0
            if storage.apply(A, version, Delta(tags={Tag(f"{number}-{turn}"): Digest.of(b"x")}), {}) is not None:
                accepted.append(version)
        return accepted

    accepted = [version for each in together(work) for version in each]
    assert len(accepted) == len(set(accepted)), "two deltas for the same version were accepted"
    assert len(state_of(storage, A).tags) == len(accepted)


def test_a_reader_sees_all_of_a_delta_or_nothing(storage: Storage) -> None:
    tags = [Tag(f"t{number}") for number in range(200)]
    done = Event()

    def write() -> None:
        version = 0
        for turn in range(40):
            content = str(turn).encode()
            digest = Digest.of(content)
            delta = Delta(
                {digest: Entry("x/y", len(content))},
                dict.fromkeys(tags, digest),
                {digest: len(content)},
                {"at": digest},
            )
            version = storage.apply(A, version, delta, {digest: content}) or 0
        done.set()

    def read() -> None:
        state, version = State(), 0
        while not done.is_set():
            if changes := storage.read(A, version):
                state = (state if changes.since else State()).changed(changes.delta)
                version = changes.version
                assert len(set(state.tags.values())) == 1, "tags of one delta point to several manifests"
                assert len(state.tags) == len(tags)
                (digest,) = set(state.tags.values())
                assert digest in state.manifests
                assert digest in state.blobs
                assert state.notes == {"at": digest}
                stream = storage.open(A, digest)
                assert stream, "a delta is there before its content"
                stream.close()

    def work(number: int) -> None:
        try:
            read() if number else write()
        finally:
            done.set()

    together(work)


def test_of_many_who_want_a_spool_one_holds_it(storage: Storage) -> None:
    """The bytes that one holder appends are contiguous."""
    piece, pieces = 1000, 5
    filled_spool(storage, "one", b"").close()

    def work(number: int) -> int:
        held = 0
        for _ in range(200):
            try:
                spool = storage.hold_spool("one")
            except UploadBusy:
                continue
            begin = spool.size
            for _ in range(pieces):
                spool.append(bytes([number]) * piece)
            assert spool.size == begin + pieces * piece
            spool.close()
            held += 1
        return held

    held = sum(together(work))
    spool = storage.hold_spool("one")
    with spool.open() as stream:
        data = stream.read()
    spool.close()
    whole = pieces * piece
    assert len(data) == held * whole > 0
    assert all(len(set(data[at : at + whole])) == 1 for at in range(0, len(data), whole))


def test_many_threads_make_many_repositories_and_spools(storage: Storage) -> None:
    def work(number: int) -> None:
        for turn in range(20):
            name = type(A)(f"r{turn}/x{number}")
            assert storage.apply(name, 0, Delta(tags={Tag("t"): Digest.of(b"x")}), {})
            filled_spool(storage, f"{number}-{turn}", b"bytes").close()

    together(work)
    assert len(storage.repositories()) == len(storage.spools()) == THREADS * 20


def test_content_that_goes_while_others_read_is_whole_or_not_there(storage: Storage) -> None:
    content = b"x" * 100_000
    digest = Digest.of(content)
    done = Event()

    def write() -> None:
        version = 0
        for _ in range(30):
            version = storage.apply(A, version, Delta(blobs={digest: len(content)}), {digest: content}) or 0
            version = storage.apply(A, version, Delta(blobs={digest: None}), {digest: None}) or 0

    def read() -> None:
        while not done.is_set():
            if stream := storage.open(A, digest):
                with stream:
                    assert stream.read() == content

    def work(number: int) -> None:
        try:
            read() if number else write()
        finally:
            done.set()

    together(work)


def test_many_threads_push_the_same_content(repositories: Repositories) -> None:
    def work(number: int) -> None:
        for turn in range(20):
            pushed_image(repositories, A if number % 2 else B, f"tag-{number}", note=str(turn))

    together(work)
    assert repositories.tags(A) == ["tag-1", "tag-3"]
    assert repositories.tags(B) == ["tag-0", "tag-2"]
    assert repositories.manifest(A, Tag("tag-1")) == repositories.manifest(B, Tag("tag-0")) is not None
