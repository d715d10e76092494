"""Changes of index.json keep what other tools wrote into it."""

from __future__ import annotations

from typing import Any

import pytest

from fakereg.spec.names import Digest, Tag
from fakereg.storage import document
from fakereg.storage.base import Delta, Entry

ONE, TWO = Digest.of(b"one"), Digest.of(b"two")
KIND = "application/vnd.oci.image.manifest.v1+json"
NAME = "org.opencontainers.image.ref.name"
V1, V2 = Tag("v1"), Tag("v2")


def entry(digest: str, name: str | None = None, **more: Any) -> dict[str, Any]:
    annotations = {**({NAME: name} if name else {}), **more.pop("annotations", {})}
    return {"mediaType": KIND, "digest": digest, "size": 3, "annotations": annotations, **more}


def changed(entries: list[dict[str, Any]], delta: Delta, **fields: Any) -> list[dict[str, Any]]:
    before = {"schemaVersion": 2, **fields, "manifests": entries}
    after = document.changed(before, delta)
    assert {**after, "manifests": None} == {**before, "manifests": None}
    assert document.changed(after, delta) == after, "a change may be made twice"
    return list(after["manifests"])


FOREIGN = entry(
    ONE,
    "docker.io/library/x:1",
    annotations={"io.containerd.image.name": "docker.io/library/x:1", "n": 5},
    platform={"os": "linux"},
    artifactType="a/b",
    unknown=[{"x": None}],
)


def test_other_entries_and_fields_stay_as_they_are() -> None:
    odd: list[dict[str, Any]] = [{}, {"digest": ["no text"]}, {"digest": "nothing", "annotations": "x"}, {"size": -1}]
    new = Delta({TWO: Entry(KIND, 3)}, {V1: TWO})
    found = changed([FOREIGN, *odd], new, annotations={"a": "b"}, subject={"digest": ONE}, more=1)
    assert found[:-1] == [FOREIGN, *odd]
    assert found[-1]["annotations"][NAME] == "v1"


def test_a_tag_that_moves_leaves_its_entry_without_a_name() -> None:
    old = entry(ONE, "v1", platform={"os": "linux"}, annotations={"kept": "yes"})
    found = changed([old, FOREIGN], Delta({TWO: Entry(KIND, 3)}, {V1: TWO}))
    assert found[:2] == [entry(ONE, platform={"os": "linux"}, annotations={"kept": "yes"}), FOREIGN]
    assert [document.name_of(one) for one in found] == [None, "docker.io/library/x:1", "v1"]
    assert changed([old, entry(TWO)], Delta(tags={V1: None})) == [
        entry(ONE, platform={"os": "linux"}, annotations={"kept": "yes"}),
        entry(TWO),
    ]


def test_a_tag_that_comes_is_a_name_or_a_further_entry_with_the_same_fields() -> None:
    bare, named = entry(ONE, platform={"os": "linux"}), entry(ONE, "v1", platform={"os": "linux"})
    assert changed([bare], Delta({ONE: Entry(KIND, 3)}, {V1: ONE})) == [named]
    both = changed([named], Delta({ONE: Entry(KIND, 3)}, {V2: ONE}))
    assert both == [named, entry(ONE, "v2", platform={"os": "linux"})]
    assert changed(both, Delta(tags={V1: None})) == [both[1]]
    assert changed(both, Delta(tags={V1: None, V2: None})) == [bare]
    assert changed(both, Delta(tags={V1: None, Tag("v3"): ONE})) == [
        entry(ONE, "v3", platform={"os": "linux"}),
        both[1],
    ]


def test_entries_go_with_their_manifest_alone() -> None:
    assert changed([FOREIGN, entry(TWO, "v1"), entry(TWO)], Delta({TWO: None}, {V1: None})) == [FOREIGN]


def test_a_manifest_that_comes_again_has_its_new_media_type_in_every_entry() -> None:
    found = changed([entry(ONE, "v1"), FOREIGN], Delta({ONE: Entry("x/y", 4)}))
    assert [(one["mediaType"], one["size"]) for one in found] == [("x/y", 4)] * 2
    assert found[1] == {**FOREIGN, "mediaType": "x/y", "size": 4}


def test_what_is_not_there_is_lost() -> None:
    held = {"manifests": [entry(ONE, "v1"), FOREIGN]}
    manifests = {ONE: Entry(KIND, 3), TWO: Entry(KIND, 3)}
    assert document.lost(held, manifests, {V1: TWO, V2: TWO}) == Delta({TWO: Entry(KIND, 3)}, {V2: TWO})


def test_further_entries_take_their_names() -> None:
    held = {"manifests": [entry(ONE, "v1"), entry(ONE)], "x": 1}
    assert document.with_entries(held, [entry(TWO, "v1"), entry(TWO)]) == {
        "manifests": [entry(ONE), entry(TWO, "v1"), entry(TWO)],
        "x": 1,
    }


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"manifests": 5}', b'{"manifests": [5]}', b"[" * 100_000])
def test_what_is_no_index_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"image index|Expecting value"):
        document.parse(data)
