"""The reference model against histories that were made by hand, and its ranges against a slow definition."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from conformance.client.client import DOCKER_IMAGE, IMAGE, INDEX
from conformance.client.content import digest_of
from conformance.client.exchange import Exchange, Request
from conformance.stress.common.strategies import ranges
from conformance.stress.machine.expectations import part_of
from conformance.stress.machine.holdings import Expected, Unclear, right
from conformance.stress.machine.model import Model

ALL = frozenset({
    "oci", "oci_indexes", "digests", "manifest_head", "tag_deletion", "manifest_deletion", "blob_deletion", "referrers",
    "completeness", "sha512", "single_post", "upload_status", "upload_cancel", "blob_range", "tag_parameters",
})  # fmt: skip
NAME, OTHER = "place/x", "place/y"
BLOB = b"some bytes"
DIGEST = digest_of(BLOB)


def make_model(*without: str) -> Model:
    return Model(abilities=ALL - set(without), rights=None)


def answer(status: int, body: bytes = b"", **headers: str) -> Exchange:
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Exchange(Request("GET", "http://registry.test/v2/"), status, named, body, 0.0)


def happens(expected: Expected, status: int) -> None:
    """The server gave one of the right answers."""
    expected.effects[status]()


def statuses(expected: Expected) -> set[int]:
    return set(expected.effects)


def push_blob(model: Model, name: str = NAME, data: bytes = BLOB) -> str:
    happens(model.post_blob(name, digest_of(data), data), 201)
    return digest_of(data)


def push(model: Model, reference: str, document: dict[str, Any], name: str = NAME, media_type: str = INDEX) -> bytes:
    """Push a manifest; `@` stands for its digest."""
    data = json.dumps({"schemaVersion": 2} | document).encode()
    happens(model.put_manifest(name, reference.replace("@", digest_of(data)), data, media_type=media_type), 201)
    return data


def index(**members: Any) -> dict[str, Any]:
    return {"mediaType": INDEX, "manifests": []} | members


def subject(data: bytes) -> dict[str, Any]:
    return index(subject={"mediaType": INDEX, "digest": digest_of(data), "size": len(data)}, artifactType="a/b")


# Tags and manifests.


def test_a_deleted_manifest_takes_its_tags_along() -> None:
    model = make_model()
    one, two = push(model, "a", index()), push(model, "c", index(annotations={"number": "two"}))
    push(model, "b", index())
    happens(model.delete_manifest(NAME, digest_of(one)), 202)
    assert model.of(NAME).tags == {"c": digest_of(two)}
    for reference in ("a", "b", digest_of(one)):
        assert statuses(model.get_manifest(NAME, reference)) == {404}
        assert statuses(model.delete_manifest(NAME, reference)) == {404}


def test_a_deleted_tag_goes_alone() -> None:
    model = make_model()
    data = push(model, "a", index())
    push(model, "b", index())
    happens(model.delete_manifest(NAME, "a"), 202)
    assert statuses(model.get_manifest(NAME, "a")) == {404}
    assert statuses(model.get_manifest(NAME, "b")) == statuses(model.get_manifest(NAME, digest_of(data))) == {200}


def test_a_tag_that_is_pushed_again_points_to_the_other_manifest() -> None:
    model = make_model()
    old, new = push(model, "a", index()), push(model, "a", index(annotations={"is": "new"}))
    got = model.get_manifest(NAME, "a")
    assert "different bytes" in right(got, answer(200, old, Content_Type=INDEX))
    assert right(got, answer(200, new, Content_Type=INDEX)) == ""
    assert "Content-Type" in right(got, answer(200, new, Content_Type=IMAGE))
    assert right(model.get_manifest(NAME, digest_of(old)), answer(200, old, Content_Type=INDEX)) == ""
    happens(model.delete_manifest(NAME, digest_of(old)), 202)
    assert model.of(NAME).tags == {"a": digest_of(new)}


def test_repositories_do_not_share_what_they_hold() -> None:
    model = make_model()
    push_blob(model)
    data = push(model, "a", index())
    assert statuses(model.get_manifest(OTHER, "a")) == statuses(model.get_manifest(OTHER, digest_of(data))) == {404}
    assert statuses(model.head_blob(OTHER, DIGEST)) == statuses(model.delete_blob(OTHER, DIGEST)) == {404}
    assert statuses(model.head_blob(NAME, DIGEST)) == {200}


def test_tags_of_parameters_are_kept_where_the_server_knows_them() -> None:
    data = json.dumps(index()).encode()
    for without, tags in (((), {"a", "b"}), (("tag_parameters",), set())):
        model = make_model(*without)
        happens(model.put_manifest(NAME, digest_of(data), data, media_type=INDEX, tags=("a", "b")), 201)
        assert model.of(NAME).tags.keys() == tags


def image(*blobs: bytes) -> bytes:
    entries = [{"mediaType": "a/b", "digest": digest_of(data), "size": len(data)} for data in blobs]
    return json.dumps({"schemaVersion": 2, "config": entries[0], "layers": entries[1:]}).encode()


def test_a_manifest_needs_what_it_refers_to() -> None:
    model, data = make_model(), image(BLOB, b"more")
    push_blob(model, OTHER, b"more")
    push_blob(model)
    assert statuses(model.put_manifest(NAME, "a", data, media_type=IMAGE)) == {400, 404}
    assert statuses(make_model("completeness").put_manifest(NAME, "a", data, media_type=IMAGE)) == {201, 400, 404}
    push_blob(model, NAME, b"more")
    assert statuses(model.put_manifest(NAME, "a", data, media_type=IMAGE)) == {201}
    child = {"mediaType": IMAGE, "digest": digest_of(data), "size": len(data)}
    parent = json.dumps(index(manifests=[child])).encode()
    assert statuses(model.put_manifest(NAME, "b", parent, media_type=INDEX)) == {400, 404}


def test_manifests_that_are_none_are_refused() -> None:
    model, data = make_model(), json.dumps(index()).encode()
    assert statuses(model.put_manifest(NAME, "a", b"[", media_type=INDEX, valid="no")) == {400, 404}
    assert statuses(model.put_manifest(NAME, digest_of(b"other"), data, media_type=INDEX)) == {400, 404}
    assert statuses(model.put_manifest(NAME, "-a", data, media_type=INDEX)) == {400, 404, 405}
    assert statuses(model.put_manifest("UPPER", "a", data, media_type=INDEX)) == {400, 404, 405}
    assert statuses(model.put_manifest(NAME, "a", data, media_type=INDEX, valid="either")) == {201, 400}
    assert 201 not in statuses(model.put_manifest(NAME, "a", image(BLOB), media_type=DOCKER_IMAGE))


def test_after_an_odd_manifest_was_taken_nobody_knows_what_is_held() -> None:
    expected = make_model().put_manifest(NAME, "a", b"\xef\xbb\xbf[]", media_type=INDEX, valid="either")
    happens(expected, 400)
    with pytest.raises(Unclear):
        happens(expected, 201)


# Referrers.


def referrers(*descriptors: dict[str, Any], **headers: str) -> Exchange:
    body = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": descriptors}).encode()
    return answer(200, body, Content_Type=INDEX, **headers)


def test_referrers_are_the_live_manifests_with_the_subject() -> None:
    model, base = make_model(), json.dumps(index()).encode()
    wanted = model.list_referrers(NAME, digest_of(base))
    assert right(wanted, referrers()) == "", "the list of nothing is empty, and no error"
    signature = push(model, "@", subject(base))
    described = {"mediaType": INDEX, "digest": digest_of(signature), "size": len(signature), "artifactType": "a/b"}
    wanted = model.list_referrers(NAME, digest_of(base))
    assert right(wanted, referrers(described)) == ""
    assert "is missing from the list" in right(wanted, referrers())
    assert "is no referrer" in right(wanted, referrers(described, described | {"digest": DIGEST}))
    assert "the descriptor must be" in right(wanted, referrers(described | {"size": 1}))
    assert right(model.list_referrers(OTHER, digest_of(base)), referrers()) == ""
    happens(model.delete_manifest(NAME, digest_of(signature)), 202)
    assert "is no referrer" in right(model.list_referrers(NAME, digest_of(base)), referrers(described))


def test_a_filter_of_referrers_counts_where_it_was_applied() -> None:
    model, base = make_model(), json.dumps(index()).encode()
    signature = push(model, "@", subject(base))
    described = {"mediaType": INDEX, "digest": digest_of(signature), "size": len(signature), "artifactType": "a/b"}
    wanted = model.list_referrers(NAME, digest_of(base), artifact_type="c/d")
    assert right(wanted, referrers(described)) == ""
    assert "is no referrer" in right(wanted, referrers(described, OCI_Filters_Applied="artifactType"))
    assert right(wanted, referrers(OCI_Filters_Applied="artifactType")) == ""


def test_the_subject_is_named_where_referrers_are_listed() -> None:
    base = json.dumps(index()).encode()
    data = json.dumps(subject(base)).encode()
    created = answer(201, Location="/there")
    pushed = make_model().put_manifest(NAME, "a", data, media_type=INDEX)
    assert "OCI-Subject" in right(pushed, created)
    assert right(pushed, answer(201, Location="/there", OCI_Subject=digest_of(base))) == ""
    assert right(make_model("referrers").put_manifest(NAME, "a", data, media_type=INDEX), created) == ""


# Pages of tags.


def tags(*found: str, link: bool = False, name: str = NAME) -> Exchange:
    headers = {"Link": '</next>; rel="next"'} if link else {}
    return answer(200, json.dumps({"name": name, "tags": found}).encode(), **headers)


@pytest.mark.parametrize(
    ("n", "last", "given", "problem"),
    [
        (None, None, tags("B", "a", "b", "c"), ""),
        (None, None, tags("a", "B", "b", "c"), ""),
        (None, None, tags("B", "a", "b", "c", name=OTHER), "must name the repository"),
        (None, None, tags("a", "c", "b", "B"), "must be in order"),
        (None, None, tags("B", "a", "a", "b", "c"), "must be in order"),
        (None, None, tags("B", "a", "b"), "the tags must be"),
        (None, None, tags("B", "a", "b", "c", "d"), "does not exist"),
        (None, None, tags("B", "a", link=True), ""),
        (2, None, tags("B", "a", link=True), ""),
        (2, None, tags("B", "a"), ""),
        (2, None, tags("B", link=True), ""),
        (2, None, tags("B"), "the tags must be"),
        (2, None, tags("a", "b", link=True), "the tags must be"),
        (2, None, tags("B", "a", "b", link=True), "at most n=2 tags"),
        (0, None, tags(), ""),
        (0, None, tags(link=True), "Link"),
        (2, "a", tags("b", "c"), ""),
        (2, "a", tags("a", "b"), "the tags must be"),
        (None, "c", tags(), ""),
        (None, "zz", tags("c"), ""),
    ],
)
def test_pages_of_tags(n: int | None, last: str | None, given: Exchange, problem: str) -> None:
    model = make_model()
    for tag in "abcB":
        push(model, tag, index())
    said = right(model.list_tags(NAME, n=n, last=last), given)
    assert problem in said
    assert bool(problem) == bool(said)


def test_an_empty_repository_may_be_unknown_and_one_without_tags_not() -> None:
    model = make_model()
    assert statuses(model.list_tags(NAME)) == {200, 404}
    assert "does not exist" in right(model.list_tags(NAME), tags("a"))
    push(model, "@", index())
    assert statuses(model.list_tags(NAME)) == {200}
    assert 400 in statuses(model.list_tags(NAME, n="x"))


# Ranges.


def slow_part(size: int, first: int | None, last: int | None) -> list[int]:
    """The places of the bytes that a range means (RFC 9110, section 14.1.2), looked at one by one."""
    if first is None:
        return [place for place in range(size) if size - place <= (last or 0)]
    return [place for place in range(size) if place >= first and (last is None or place <= last)]


numbers = st.integers(0, 30)


@given(st.integers(0, 20), numbers | st.none(), numbers | st.none())
@example(10, None, 0)
@example(0, None, 5)
@example(10, 9, 9)
@example(10, 10, None)
def test_ranges_are_those_of_a_slow_definition(size: int, first: int | None, last: int | None) -> None:
    data = bytes(range(size))
    if first is None and last is None:
        return
    found, part = part_of(data, f"bytes={'' if first is None else first}-{'' if last is None else last}")
    wanted = slow_part(size, first, last)
    if wanted:
        assert 206 in found
        assert 416 not in found
        assert part is not None
        assert data[slice(*part)] == bytes(wanted)
    else:
        assert 206 not in found
        assert 416 in found


@given(st.binary(max_size=60), ranges())
def test_every_range_has_right_answers(data: bytes, wanted: str) -> None:
    found, part = part_of(data, wanted)
    assert set(found) <= {200, 206, 416}
    assert part is None or 0 <= part[0] <= part[1] <= len(data)


def test_a_part_of_a_blob_is_judged() -> None:
    model = make_model()
    push_blob(model)
    expected = model.get_blob(NAME, DIGEST, headers=(("Range", "bytes=5-"),))
    assert statuses(expected) == {206}
    assert right(expected, answer(206, b"bytes", Content_Range="bytes 5-9/10")) == ""
    assert "the part must be the bytes 5 to 9" in right(expected, answer(206, b"some ", Content_Range="bytes 5-9/10"))
    assert "Content-Range" in right(expected, answer(206, b"bytes", Content_Range="bytes 5-9/*"))
    whole = model.get_blob(NAME, DIGEST, headers=(("Range", "bytes=-0"),))
    assert right(whole, answer(200, BLOB)) == ""
    assert "different bytes" in right(whole, answer(200, b"bytes"))


# Upload sessions.


def started(model: Model) -> int:
    happens(model.start_upload(NAME), 202)
    return len(model.uploads) - 1


def test_chunks_make_a_blob() -> None:
    model = make_model()
    session = started(model)
    assert statuses(model.patch(session, b"some", content_range="1-4")) == {416}
    assert statuses(model.patch(session, b"some", content_range="0-9")) == {400, 416}
    assert right(model.patch(session, b"some", content_range="0-3"), answer(202, Range="0-3", Location="/l")) == ""
    assert "Range must be 0-3" in right(model.patch(session, b"some"), answer(202, Range="0-4", Location="/l"))
    happens(model.patch(session, b"some", content_range="0-3"), 202)
    assert right(model.upload_status(session), answer(204, Range="0-3", Location="/l")) == ""
    assert "Range must be 0-3" in right(model.upload_status(session), answer(204, Range="0-2", Location="/l"))
    assert statuses(model.put_upload(session, DIGEST, b" bytes", content_range="0-5")) == {416}
    happens(model.put_upload(session, DIGEST, b" bytes", content_range="4-9"), 201)
    assert right(model.get_blob(NAME, DIGEST), answer(200, BLOB)) == ""
    assert statuses(model.head_blob(OTHER, DIGEST)) == {404}
    for ended in (model.upload_status(session), model.patch(session, b""), model.put_upload(session, DIGEST)):
        assert statuses(ended) == {404, 405}


def test_a_cancelled_session_is_gone() -> None:
    model = make_model()
    session = started(model)
    happens(model.cancel_upload(session), 204)
    assert statuses(model.patch(session, BLOB)) == {404, 405}
    assert model.of(NAME).blobs == {}


def test_after_a_wrong_digest_a_session_is_unsure() -> None:
    model = make_model()
    session = started(model)
    happens(model.patch(session, b"some"), 202)
    happens(model.put_upload(session, digest_of(b"other"), b" bytes"), 400)
    assert {202, 404} <= statuses(model.patch(session, b""))
    assert {204, 404} <= statuses(model.upload_status(session))
    assert 201 in statuses(model.put_upload(session, DIGEST, b" bytes")), "the bytes that came along were not kept"
    assert 201 in statuses(model.put_upload(session, DIGEST)), "they were"
    assert 201 not in statuses(model.put_upload(session, digest_of(b"else"), b"else")), "it has held bytes before"
    happens(model.put_upload(session, DIGEST), 201)
    assert model.of(NAME).blobs == {DIGEST: BLOB}


def test_an_unsure_session_may_be_gone() -> None:
    model = make_model()
    session = started(model)
    happens(model.put_upload(session, "sha256:nonsense", BLOB), 400)
    happens(model.patch(session, b"more"), 404)
    assert model.uploads[session].held == {b"", BLOB}
    happens(model.patch(session, b"more"), 202)
    assert model.uploads[session].held == {b"more", BLOB + b"more"}
    assert {204, 404} <= statuses(model.cancel_upload(session))


# Blobs, mounts, rights, what a server cannot.


def test_a_mount_gives_the_blob_or_a_session() -> None:
    model = make_model()
    push_blob(model)
    assert statuses(model.mount(OTHER, DIGEST, source="place/z")) == {202}
    assert statuses(model.mount(OTHER, digest_of(b"x"))) == {201, 202}, "others may have pushed so short a blob"
    happens(model.mount(OTHER, DIGEST, source=NAME), 201)
    happens(model.delete_blob(NAME, DIGEST), 202)
    assert right(model.get_blob(OTHER, DIGEST), answer(200, BLOB)) == ""
    assert statuses(model.get_blob(NAME, DIGEST)) == {404}


@pytest.mark.parametrize("digest", [digest_of(b"other"), "sha256:abc", "md5:d41d8cd98f00b204e9800998ecf8427e"])
def test_a_blob_under_another_digest_is_refused(digest: str) -> None:
    assert statuses(make_model().post_blob(NAME, digest, BLOB)) == {400}
    assert statuses(make_model().head_blob(NAME, digest)) <= {400, 404}


def test_what_a_server_cannot_it_refuses() -> None:
    model = make_model("blob_deletion", "tag_deletion", "manifest_deletion", "upload_cancel", "single_post")
    data = push(model, "a", index())
    for refused in (model.delete_blob(NAME, DIGEST), model.delete_manifest(NAME, "a"),
                    model.delete_manifest(NAME, digest_of(data)), model.cancel_upload(started(model))):  # fmt: skip
        assert statuses(refused) == {400, 403, 404, 405}
    assert statuses(model.post_blob(NAME, DIGEST, BLOB)) == {202, 400}


def test_rights_are_those_of_each_identity() -> None:
    rights: dict[str, Collection[str]] = {"reader": {"pull"}, "writer": {"pull", "push"}}
    model = Model(abilities=ALL, rights=rights)
    assert [model.may(who, "push") for who in ("reader", "writer", "nobody")] == [False, True, False]
    assert make_model().may("nobody", "delete")


def test_a_wrong_status_says_what_is_right() -> None:
    assert right(make_model().head_blob(NAME, DIGEST), answer(500)) == "GET must answer 404, got 500"
