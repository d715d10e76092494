"""The part of the contract for the protocol itself: versions, deltas and content."""

from __future__ import annotations

import io

import pytest

from fakereg.spec.names import Digest, Name, Tag
from fakereg.storage.base import Changes, Delta, Entry, MissingContent, Source, Storage, UploadGone
from fakereg.storage.contract.steps import A, B, contents_of, filled_spool, state_of
from fakereg.storage.index import State

MANIFEST, OTHER = b'{"manifest": 1}', b'{"manifest": 2}'
ONE, TWO = Digest.of(MANIFEST), Digest.of(OTHER)
BLOB = b"blob"
V1, V2, LATEST = Tag("v1"), Tag("v2"), Tag("Latest")
ENTRY = Entry("application/vnd.Example+json", len(MANIFEST), Digest.of(b"subject"), "application/vnd.Type")
PLAIN = Entry("application/vnd.example+json", len(OTHER))
FIRST = Delta({ONE: ENTRY}, {V1: ONE, LATEST: ONE}, {Digest.of(BLOB): len(BLOB)}, {"Key \u00fc": "A text\n\u20ac"})


def apply(
    storage: Storage, name: Name, version: int, delta: Delta, contents: dict[Digest, Source | None] | None = None
) -> int:
    """Apply a delta that must be accepted, and return its version."""
    new = storage.apply(name, version, delta, contents or {})
    assert new is not None
    return new


def first(storage: Storage, name: Name = A) -> int:
    """Make a repository with a manifest, two tags, a blob and a note; return its version."""
    return apply(storage, name, 0, FIRST, {ONE: MANIFEST, Digest.of(BLOB): BLOB})


def test_a_repository_that_is_not_there_has_version_0(storage: Storage) -> None:
    assert storage.repositories() == []
    assert storage.read(A) is None
    assert storage.open(A, ONE) is None
    assert storage.read(A, 5) == Changes(0, 0, Delta())


def test_a_delta_makes_a_repository(storage: Storage) -> None:
    version = first(storage)
    assert version > 0
    assert storage.repositories() == [A]
    changes = storage.read(A)
    assert changes
    assert changes[:2] == (0, version)
    assert changes.delta == FIRST
    assert storage.read(A, version) is None


def test_every_repository_is_listed(storage: Storage) -> None:
    names = [Name("z"), A, B, Name("ghcr.io/a"), Name("a-b"), Name("a/b")]
    for name in names:
        apply(storage, name, 0, Delta())
    assert sorted(storage.repositories()) == sorted(names)


def test_an_empty_delta_moves_the_version(storage: Storage) -> None:
    version = first(storage)
    assert apply(storage, A, version, Delta()) > version


def test_a_delta_for_another_version_changes_nothing(storage: Storage) -> None:
    old = first(storage)
    version = apply(storage, A, old, Delta(tags={V2: ONE}))
    before = state_of(storage, A)
    for wrong in (0, old, version + 1):
        assert storage.apply(A, wrong, Delta({TWO: PLAIN}, {V1: TWO}), {TWO: OTHER}) is None
    assert storage.read(A, version) is None
    assert state_of(storage, A) == before
    assert storage.open(A, TWO) is None
    assert storage.apply(B, version, Delta(), {}) is None
    assert storage.repositories() == [A]


def test_the_version_grows_with_every_delta(storage: Storage) -> None:
    versions = [first(storage)]
    for tag in (V1, V2, V1, V2):
        versions.append(apply(storage, A, versions[-1], Delta(tags={tag: ONE})))
    assert versions == sorted(set(versions))


def test_the_changes_since_each_version_lead_to_the_same(storage: Storage) -> None:
    """The changes that a storage returns since any version lead to the current state."""
    version, known = 0, {0: State()}
    deltas = [
        Delta({ONE: ENTRY}, {V1: ONE, V2: ONE}, {Digest.of(BLOB): len(BLOB)}, {"one": "1", "two": ""}),
        Delta({TWO: PLAIN}, {V1: TWO}, notes={"one": None}),
        Delta({ONE: None}, {V2: None}),
        Delta(blobs={Digest.of(BLOB): None}, notes={"one": "again", "two": None}),
        Delta({ONE: PLAIN}, {V2: ONE}),
        Delta(tags={V1: None, LATEST: TWO}),
    ]
    every: dict[Digest, Source | None] = {ONE: MANIFEST, TWO: OTHER, Digest.of(BLOB): BLOB}
    for delta in deltas:
        changed = {digest: every[digest] for digest, value in {**delta.manifests, **delta.blobs}.items() if value}
        before = known[version]
        version = apply(storage, A, version, delta, changed)
        known[version] = before.changed(delta)
    for since, state in known.items():
        changes = storage.read(A, since) or Changes(since, version, Delta())
        assert changes.since in {0, since}
        assert changes.version == version
        begun = state if changes.since else State()
        assert begun.changed(changes.delta) == known[version], f"since {since} of {list(known)}"


def test_a_key_that_is_removed_is_gone(storage: Storage) -> None:
    version = first(storage)
    delta = Delta(
        {ONE: None}, {V1: None, LATEST: None, V2: None}, {Digest.of(BLOB): None, TWO: None}, dict.fromkeys(FIRST.notes)
    )
    apply(storage, A, version, delta, {ONE: None, Digest.of(BLOB): None})
    assert state_of(storage, A) == State()
    assert storage.open(A, ONE) is storage.open(A, Digest.of(BLOB)) is None
    assert storage.repositories() == [A]


def test_texts_are_kept_as_they_are(storage: Storage) -> None:
    version = first(storage)
    apply(storage, A, version, Delta(tags={Tag("latest"): ONE, Tag("LATEST"): ONE, Tag("_.-"): ONE}))
    state = state_of(storage, A)
    assert set(state.tags) == {V1, "Latest", "latest", "LATEST", "_.-"}
    assert state.manifests[ONE] == ENTRY
    assert state.notes == FIRST.notes


def test_what_is_given_back_may_be_changed_by_nobody(storage: Storage) -> None:
    """A later delta does not alter changes that were read before."""
    version = first(storage)
    changes = storage.read(A)
    apply(storage, A, version, Delta(tags={V2: ONE}))
    assert changes
    assert V2 not in changes.delta.tags


def test_content_reads_back_and_seeks(storage: Storage) -> None:
    large = bytes(range(256)) * 20_000
    digest = Digest.of(large)
    version = first(storage)
    spool = filled_spool(storage, "id", large)
    apply(storage, A, version, Delta(blobs={digest: len(large)}), {digest: spool})
    spool.close()
    for named, data in ((digest, large), (ONE, MANIFEST), (Digest.of(BLOB), BLOB)):
        stream = storage.open(A, named)
        assert stream
        with stream:
            assert stream.read(3) == data[:3]
            stream.seek(2)
            assert stream.read() == data[2:]
            assert stream.seek(-1, io.SEEK_END) == len(data) - 1
            assert stream.read() == data[-1:]


def test_an_open_stream_outlives_its_content(storage: Storage) -> None:
    large = b"x" * 3_000_000
    digest = Digest.of(large)
    spool = filled_spool(storage, "id", large)
    version = apply(storage, A, 0, Delta(blobs={digest: len(large)}), {digest: spool})
    spool.close()
    removed, cleared = storage.open(A, digest), storage.open(A, digest)
    assert removed
    assert cleared
    apply(storage, A, version, Delta(blobs={digest: None}), {digest: None})
    with removed:
        assert len(removed.read()) == len(large)
    storage.clear()
    with cleared:
        assert len(cleared.read()) == len(large)


def test_content_of_another_repository_outlives_it_there(storage: Storage) -> None:
    version = first(storage)
    blob, size = Digest.of(BLOB), len(BLOB)
    apply(storage, B, 0, Delta({ONE: ENTRY}, {}, {blob: size}), {blob: A, ONE: A})
    apply(storage, A, version, Delta({ONE: None}, blobs={blob: None}), {blob: None, ONE: None})
    assert contents_of(storage, A, blob, ONE) == [None, None]
    assert contents_of(storage, B, blob, ONE) == [BLOB, MANIFEST]


def test_content_that_another_repository_does_not_have_is_refused(storage: Storage) -> None:
    first(storage)
    for name, version in ((B, 0), (A, storage.read(A).version)):  # type: ignore[union-attr]  # it is there
        for source in (A, B, Name("nothing")):
            with pytest.raises(MissingContent) as missing:
                storage.apply(name, version, Delta({TWO: PLAIN}, {V2: TWO}), {TWO: source})
            assert missing.value.digests == (TWO,)
    assert storage.repositories() == [A]
    assert V2 not in state_of(storage, A).tags
    assert storage.open(A, TWO) is None


def test_content_may_be_put_again(storage: Storage) -> None:
    version = first(storage)
    version = apply(storage, A, version, Delta({ONE: PLAIN}), {ONE: MANIFEST})
    spool = filled_spool(storage, "id", BLOB)
    apply(storage, A, version, Delta(blobs={Digest.of(BLOB): len(BLOB)}), {Digest.of(BLOB): spool})
    spool.close()
    assert contents_of(storage, A, ONE, Digest.of(BLOB)) == [MANIFEST, BLOB]
    assert state_of(storage, A).manifests == {ONE: PLAIN}


def test_content_stays_as_long_as_it_is_a_manifest_or_a_blob(storage: Storage) -> None:
    version = apply(storage, A, 0, Delta({ONE: ENTRY}, {}, {ONE: len(MANIFEST)}), {ONE: MANIFEST})
    version = apply(storage, A, version, Delta(blobs={ONE: None}))
    assert contents_of(storage, A, ONE) == [MANIFEST]
    version = apply(storage, A, version, Delta(blobs={ONE: len(MANIFEST)}))
    apply(storage, A, version, Delta({ONE: None}))
    assert contents_of(storage, A, ONE) == [MANIFEST]


def test_content_stays_as_long_as_a_note_keeps_it(storage: Storage) -> None:
    blob = Digest.of(BLOB)
    version = first(storage)
    version = apply(storage, A, version, Delta({ONE: None}, {}, {blob: None}, {ONE: "kept", blob: "kept, too"}))
    assert contents_of(storage, A, ONE, blob) == [MANIFEST, BLOB]
    version = apply(storage, A, version, Delta({ONE: ENTRY}, notes={ONE: None, blob: None}), {blob: None})
    assert contents_of(storage, A, ONE, blob) == [MANIFEST, None]
    assert state_of(storage, A).manifests == {ONE: ENTRY}


def test_a_spool_that_has_ended_is_refused(storage: Storage) -> None:
    spool = filled_spool(storage, "id", BLOB)
    storage.drop_spool("id")
    with pytest.raises(UploadGone):
        storage.apply(A, 0, Delta(blobs={Digest.of(BLOB): len(BLOB)}), {Digest.of(BLOB): spool})
    spool.close()
    assert storage.repositories() == []


def test_a_spool_ends_when_it_becomes_content(storage: Storage) -> None:
    spool = filled_spool(storage, "id", BLOB)
    digest = Digest.of(BLOB)
    assert storage.apply(A, 1, Delta(blobs={digest: len(BLOB)}), {digest: spool}) is None
    assert storage.spools() == ["id"]
    apply(storage, A, 0, Delta(blobs={digest: len(BLOB)}), {digest: spool})
    assert storage.spools() == []
    assert storage.spool("id") is None
    spool.close()
    assert contents_of(storage, A, digest) == [BLOB]


def test_clear_removes_everything_and_no_version_comes_twice(storage: Storage) -> None:
    versions = {first(storage)}
    storage.create_spool("id", "text", 1.0)
    storage.clear()
    assert (storage.repositories(), storage.spools(), storage.spool("id")) == ([], [], None)
    assert storage.open(A, ONE) is None
    assert storage.read(A) is None
    assert storage.read(A, max(versions)) == Changes(0, 0, Delta())
    assert storage.apply(A, max(versions), Delta(), {}) is None
    version = apply(storage, A, 0, Delta())
    for _ in range(3):
        assert version not in versions
        versions.add(version)
        changes = storage.read(A, min(versions))
        assert changes
        assert changes.since == 0
        version = apply(storage, A, version, Delta())
    assert state_of(storage, A) == State()
