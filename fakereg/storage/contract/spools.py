"""The part of the contract that is about the protocol itself: spools."""

from __future__ import annotations

import pytest

from fakereg.storage.base import SpoolInfo, Storage, StorageError, UploadBusy, UploadGone
from fakereg.storage.contract.steps import bytes_of, filled_spool


def test_a_spool_is_what_it_was_made_to_be(storage: Storage) -> None:
    storage.create_spool("one", "text of one, with \u00fc", 1.5)
    storage.create_spool("two", "", 2.0)
    assert sorted(storage.spools()) == ["one", "two"]
    assert storage.spool("one") == SpoolInfo("text of one, with \u00fc", 1.5, 0)
    assert storage.spool("two") == SpoolInfo("", 2.0, 0)
    assert storage.spool("three") is None


def test_an_id_is_used_once(storage: Storage) -> None:
    storage.create_spool("one", "first", 1.0)
    with pytest.raises(StorageError):
        storage.create_spool("one", "second", 2.0)
    assert storage.spool("one") == SpoolInfo("first", 1.0, 0)


def test_a_spool_takes_bytes_in_turns(storage: Storage) -> None:
    storage.create_spool("one", "text", 1.0)
    expected = b""
    for data in (b"a", b"b" * 70_000, b"", b"c" * 2_000_000):
        spool = storage.hold_spool("one")
        assert spool.id == "one"
        assert spool.size == len(expected)
        spool.append(data)
        expected += data
        assert spool.size == len(expected)
        assert bytes_of(spool) == expected
        spool.close()
        assert storage.spool("one") == SpoolInfo("text", 1.0, len(expected))


def test_a_spool_is_held_by_one(storage: Storage) -> None:
    storage.create_spool("one", "text", 1.0)
    storage.create_spool("two", "text", 1.0)
    for _ in range(2):
        spool = storage.hold_spool("one")
        with pytest.raises(UploadBusy):
            storage.hold_spool("one")
        storage.hold_spool("two").close()
        assert storage.spool("one")
        spool.append(b"x")
        spool.close()
    with pytest.raises(UploadGone):
        storage.hold_spool("three")
    assert storage.spool("one") == SpoolInfo("text", 1.0, 2)


@pytest.mark.parametrize("extra", [1, 5_000_000])
def test_truncate_drops_the_rest(storage: Storage, extra: int) -> None:
    spool = filled_spool(storage, "one", b"keep")
    spool.append(b"x" * extra)
    spool.truncate(4)
    assert spool.size == 4
    assert bytes_of(spool) == b"keep"
    spool.append(b" it")
    assert bytes_of(spool) == b"keep it"
    spool.truncate(0)
    spool.append(b"new")
    spool.close()
    spool = storage.hold_spool("one")
    assert bytes_of(spool) == b"new"
    spool.close()


def test_text_and_time_change(storage: Storage) -> None:
    spool = filled_spool(storage, "one", b"bytes")
    spool.describe("another text")
    storage.touch_spool("one", 2.5)
    spool.close()
    assert storage.spool("one") == SpoolInfo("another text", 2.5, 5)
    storage.touch_spool("one", 3.5)
    assert storage.spool("one") == SpoolInfo("another text", 3.5, 5)
    storage.touch_spool("two", 1.0)
    assert storage.spools() == ["one"]


def test_a_spool_that_is_dropped_is_gone_also_for_its_holder(storage: Storage) -> None:
    spool = filled_spool(storage, "one", b"bytes")
    storage.drop_spool("one")
    assert (storage.spools(), storage.spool("one")) == ([], None)
    with pytest.raises(UploadGone):
        storage.hold_spool("one")
    spool.close()
    storage.drop_spool("one")
    storage.create_spool("one", "anew", 1.0)
    spool = storage.hold_spool("one")
    assert spool.size == 0
    spool.close()


def test_clear_ends_spools_that_are_held(storage: Storage) -> None:
    spool = filled_spool(storage, "one", b"bytes")
    storage.create_spool("two", "text", 1.0)
    storage.clear()
    assert storage.spools() == []
    spool.close()
    with pytest.raises(UploadGone):
        storage.hold_spool("two")
