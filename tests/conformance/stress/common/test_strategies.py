"""The generated values: what is called valid is, what is called bad is not, every edge comes up and shrinks well."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable
from random import Random
from typing import Any, TypeVar
from urllib.parse import unquote

import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from conformance.client.content import digest_of
from conformance.config.description import IDENTITIES, NOBODY, WRITER
from conformance.stress.common import strategies
from conformance.stress.common.odd_json import ODD_JSON, ODD_VALIDITY

T = TypeVar("T")

# As the specifications have them.
NAME = re.compile(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*")
TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
DIGEST = re.compile(r"[a-z0-9]+([+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+")
REGISTERED = {"sha256": "[a-f0-9]{64}", "sha512": "[a-f0-9]{128}", "blake3": "[a-f0-9]{64}"}
CHUNK = re.compile(r"^([0-9]+)-([0-9]+)$")
TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
MEDIA_TYPE = re.compile(rf'{TOKEN}/{TOKEN}([ \t]*;[ \t]*({TOKEN}=({TOKEN}|"[^"\\]*"))?)*')
SPAN = r"[0-9]+-[0-9]*|-[0-9]+"
RANGES = re.compile(rf"{TOKEN}=(,[ \t]*)*({SPAN})([ \t]*,[ \t]*({SPAN})?)*")

PREFIX = "conformance/stress-ab12cd-" + "x" * 34
"""As long a name as may stand before a generated one."""
TAGS = ("a", "b", "B", "a.1", "0")
ODD = "org.example.odd"
MANY = settings(max_examples=400)
"""Enough to draw nearly every edge in one run."""


def is_digest(text: str) -> bool:
    """Whether the grammar and the registered algorithm's own take it."""
    algorithm, _, encoded = text.partition(":")
    own = REGISTERED.get(algorithm)
    return bool(DIGEST.fullmatch(text)) and (own is None or bool(re.fullmatch(own, encoded)))


def is_right(content_range: str, offset: int, size: int) -> bool:
    """Whether a chunk of this size belongs there."""
    found = CHUNK.fullmatch(content_range)
    return size > 0 and found is not None and (int(found[1]), int(found[2])) == (offset, offset + size - 1)


def smallest(strategy: SearchStrategy[T], condition: Callable[[T], bool]) -> T:
    """What Hypothesis shrinks to."""
    return find(strategy, condition, settings=settings(max_examples=20_000, database=None), random=Random(0))


@given(strategies.repository_names())
@MANY
def test_names_are_valid_and_fit_below_a_prefix(name: str) -> None:
    assert NAME.fullmatch(name)
    assert NAME.fullmatch(f"{PREFIX}/{name}")
    assert len(f"{PREFIX}/{name}") <= 255


@given(strategies.bad_names())
@MANY
def test_bad_names_are_outside_the_grammar_or_too_long_before_and_after_decoding(pattern: str) -> None:
    assert "{}" in pattern
    name = pattern.replace("{}", PREFIX)
    assert len(name) > 255 or not (NAME.fullmatch(name) or NAME.fullmatch(unquote(name)))


@given(strategies.bad_names())
@MANY
def test_no_name_leads_out_of_the_valid_one_that_it_begins_with(pattern: str) -> None:
    for decoded in (unquote(pattern), unquote(unquote(pattern))):
        where = posixpath.normpath(decoded.replace("{}", PREFIX))
        assert where.startswith(PREFIX) or not pattern.startswith("{}")


@given(strategies.tags())
@MANY
def test_tags_are_valid(tag: str) -> None:
    assert TAG.fullmatch(tag)


@given(strategies.bad_tags())
@MANY
def test_bad_tags_are_neither_tags_nor_digests(tag: str) -> None:
    for text in (tag, unquote(tag)):
        assert not TAG.fullmatch(text)
        assert ":" not in text


@given(strategies.bad_tags() | strategies.bad_digests())
@MANY
def test_no_reference_leads_out_of_the_repository(reference: str) -> None:
    where = posixpath.normpath(unquote(f"/v2/{PREFIX}/manifests/{reference}"))
    assert where.startswith(f"/v2/{PREFIX}")


@given(strategies.digests([b"one", b"two"]))
@MANY
def test_digests_are_those_of_the_contents(digest: str) -> None:
    assert is_digest(digest)
    assert digest in {digest_of(data, algorithm) for data in (b"one", b"two") for algorithm in ("sha256", "sha512")}


@given(strategies.bad_digests())
@MANY
def test_bad_digests_are_malformed(digest: str) -> None:
    assert not is_digest(digest)
    assert not is_digest(unquote(digest))


@given(strategies.unknown_digests())
@MANY
def test_unknown_digests_are_well_formed_and_of_algorithms_that_a_registry_need_not_know(digest: str) -> None:
    assert is_digest(digest)
    assert digest.partition(":")[0] not in {"sha256", "sha512"}


@given(strategies.media_types())
@MANY
def test_media_types_are_well_formed(media_type: str) -> None:
    assert MEDIA_TYPE.fullmatch(media_type)


@given(strategies.bad_media_types())
@MANY
def test_bad_media_types_are_malformed(media_type: str) -> None:
    assert not MEDIA_TYPE.fullmatch(media_type)


@given(st.data(), st.integers(0, 500), st.integers(1, 500))
@MANY
def test_right_content_ranges_are_those_of_the_chunk(data: st.DataObject, offset: int, size: int) -> None:
    assert is_right(data.draw(strategies.right_content_ranges(offset, size)), offset, size)


@given(st.integers(0, 500).flatmap(lambda offset: strategies.right_content_ranges(offset, 0)))
@MANY
def test_an_empty_chunk_has_no_right_content_range(text: str) -> None:
    assert text == ""


@given(st.data(), st.integers(0, 500), st.integers(0, 500))
@MANY
def test_wrong_content_ranges_are_not_those_of_the_chunk(data: st.DataObject, offset: int, size: int) -> None:
    text = data.draw(strategies.wrong_content_ranges(offset, size))
    assert text
    assert not is_right(text, offset, size)


@given(st.data(), st.integers(0, 100_000))
@MANY
def test_chunkings_add_up(data: st.DataObject, size: int) -> None:
    chunks = data.draw(strategies.chunkings(size))
    assert sum(chunks) == size
    assert chunks
    assert min(chunks) >= 0


SIMPLEST: list[tuple[SearchStrategy[Any], Any]] = [
    (strategies.repository_names(), "a"),
    (strategies.bad_names(), "{}/Upper"),
    (strategies.tags(), "a"),
    (strategies.bad_tags(), "-"),
    (strategies.digests([b"one", b"two"]), digest_of(b"one")),
    (strategies.bad_digests(), "sha256:abc"),
    (strategies.unknown_digests(), "a:0"),
    (strategies.media_types(), "application/vnd.oci.image.manifest.v1+json"),
    (strategies.bad_media_types(), ""),
    (strategies.ranges(40), "bytes=0-0"),
    (strategies.content_ranges(5, 7), "5-11"),
    (strategies.wrong_content_ranges(5, 7), "6-12"),
    (strategies.chunkings(5), (5,)),
    (strategies.chunkings(0), (0,)),
    (strategies.page_sizes(), 1),
    (strategies.lasts(TAGS), "a"),
    (strategies.identities(), WRITER),
]
"""A strategy, and the value that all others shrink to."""


@pytest.mark.parametrize(("strategy", "simplest"), [pytest.param(*row, id=repr(row[1])) for row in SIMPLEST])
def test_everything_shrinks_to_the_simplest_value(strategy: SearchStrategy[Any], simplest: Any) -> None:
    assert smallest(strategy, lambda value: True) == simplest


EDGES: list[tuple[str, SearchStrategy[Any], Callable[[Any], Any], int]] = [
    ("one digit", strategies.repository_names(), str.isdigit, 1),
    *(
        (f"with {s}", strategies.repository_names(), lambda name, s=s: s in name, 9)
        for s in (".", "_", "__", "-", "---")
    ),
    ("many components", strategies.repository_names(), lambda name: name.count("/") >= 7, 15),
    ("longest name", strategies.repository_names(), lambda name: len(f"{PREFIX}/{name}") == 255, 194),
    ("two dots", strategies.bad_names(), lambda name: ".." in name, 10),
    ("three underscores", strategies.bad_names(), lambda name: "___" in name, 10),
    ("traversal", strategies.bad_names(), lambda name: "/%2e%2e" in name, 14),
    ("NUL", strategies.bad_names(), lambda name: "%00" in name, 10),
    ("unicode", strategies.bad_names(), lambda name: not name.isascii(), 4),
    ("leading dash", strategies.bad_names(), lambda name: name.startswith("-"), 3),
    ("trailing dot", strategies.bad_names(), lambda name: name.endswith("."), 7),
    ("empty component", strategies.bad_names(), lambda name: "//" in name, 8),
    ("too long", strategies.bad_names(), lambda name: len(name) > 200, 500),
    ("upper case", strategies.tags(), str.isupper, 4),
    ("128 characters", strategies.tags(), lambda tag: len(tag) == 128, 128),
    ("leading underscore", strategies.tags(), lambda tag: tag[0] == "_", 4),
    ("trailing dash", strategies.tags(), lambda tag: tag[-1] == "-", 4),
    ("digits", strategies.tags(), lambda tag: 1 < len(tag) < 128 and tag.isdigit(), 10),
    ("a digest's hex", strategies.tags(), lambda tag: re.fullmatch(REGISTERED["sha256"], tag), 64),
    ("129 characters", strategies.bad_tags(), lambda tag: len(tag) == 129, 129),
    ("empty tag", strategies.bad_tags(), lambda tag: tag == "", 0),
    ("no colon", strategies.bad_digests(), lambda digest: ":" not in digest, 71),
    ("encoded traversal", strategies.bad_digests(), lambda digest: "%2e%2e%2f" in digest, 20),
    *((f"{n} digits", strategies.bad_digests(), lambda text, n=n: len(text) == 7 + n, 7 + n) for n in (0, 1, 63, 65)),
    ("upper-case hex", strategies.bad_digests(), lambda digest: digest.partition(":")[2].isupper(), 71),
    ("extended algorithm", strategies.unknown_digests(), lambda digest: "+" in digest.partition(":")[0], 64),
    ("BLAKE3", strategies.unknown_digests(), lambda digest: digest.startswith("blake3:"), 71),
    ("parameters", strategies.media_types(), lambda media_type: ";" in media_type, 60),
    ("upper-case type", strategies.media_types(), str.isupper, 42),
    ("chunks", strategies.chunkings(5), lambda chunks: len(chunks) > 1, 2),
    ("empty chunk", strategies.chunkings(5), lambda chunks: 0 in chunks, 2),
    ("single bytes", strategies.chunkings(64), lambda chunks: set(chunks) == {1}, 64),
    ("zero", strategies.page_sizes(), lambda n: n == 0, 1),
    ("negative", strategies.page_sizes(), lambda n: isinstance(n, int) and n < 0, 20),
    ("huge", strategies.page_sizes(), lambda n: isinstance(n, int) and n > 2**64, 31),
    ("no number", strategies.page_sizes(), lambda n: n == "a", 1),
    ("empty n", strategies.page_sizes(), lambda n: n == "", 0),
    ("leading zeros", strategies.page_sizes(), lambda n: isinstance(n, str) and n[:1] == "0", 3),
    ("sign", strategies.page_sizes(), lambda n: isinstance(n, str) and n[:1] == "+", 2),
    ("between tags", strategies.lasts(TAGS), lambda last: "a" < last < "a.1", 2),
    ("before all tags", strategies.lasts(TAGS), lambda last: "" < last < min(TAGS), 4),
    ("behind all tags", strategies.lasts(TAGS), lambda last: last > max(TAGS), 2),
    ("empty last", strategies.lasts(TAGS), lambda last: last == "", 0),
    ("odd last", strategies.lasts(()), lambda last: not last.isascii(), 1),
    *((one, strategies.identities(), lambda name, one=one: name == one, 16) for one in (*IDENTITIES, NOBODY)),
]
"""What it is, a strategy, a condition, and how long the value is at most that is left when it has been shrunk."""


@pytest.mark.parametrize(("strategy", "condition", "longest"), [pytest.param(*row[1:], id=row[0]) for row in EDGES])
def test_an_edge_comes_up_and_shrinks_to_something_short(
    strategy: SearchStrategy[Any], condition: Callable[[Any], Any], longest: int
) -> None:
    found = smallest(strategy, lambda value: bool(condition(value)))
    assert len(found if isinstance(found, tuple) else str(found)) <= longest


def form(header: str, size: int) -> str:
    """What kind of Range a header is."""
    unit, _, text = header.partition("=")
    if not RANGES.fullmatch(header):
        return "malformed"
    if unit.lower() != "bytes":
        return "other unit"
    if "," in text:
        return "several"
    first, _, last = text.partition("-")
    if not first:
        return "none of the end" if int(last) == 0 else "end" if int(last) <= size else "longer end"
    if last and int(first) > int(last):
        return "reversed"
    if int(first) >= size:
        return "beyond"
    return "open" if not last else "part" if int(last) < size else "over the end"


FORMS = ("malformed", "other unit", "several", "none of the end", "longer end", "reversed", "beyond")
FORMS_WITH_BYTES = (*FORMS, "end", "open", "part", "over the end")


@pytest.mark.parametrize(
    ("size", "kind"),
    [(0, kind) for kind in FORMS] + [(size, kind) for size in (1, 40) for kind in FORMS_WITH_BYTES],
)
def test_a_range_of_every_form_comes_up(size: int, kind: str) -> None:
    assert form(smallest(strategies.ranges(size), lambda header: form(header, size) == kind), size) == kind


@pytest.mark.parametrize("right", [True, False])
def test_content_ranges_are_right_or_wrong(right: bool) -> None:
    found = smallest(strategies.content_ranges(5, 7), lambda text: is_right(text, 5, 7) == right)
    assert len(found) < 10


def strictly(data: bytes) -> Any:
    """What RFC 8259 takes these bytes for, with every member once; ValueError when it is no JSON."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len({name for name, _ in pairs}) == len(pairs)
        return dict(pairs)

    def refuse(name: str) -> None:
        raise ValueError(name)

    return json.loads(data.decode("utf-8"), object_pairs_hook=once, parse_constant=refuse)


_texts = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), min_size=1, max_size=8)
documents = st.dictionaries(_texts, _texts | st.integers(-9, 9) | st.lists(_texts, max_size=2), min_size=1, max_size=3)


@given(documents)
@settings(max_examples=30)
def test_what_is_still_valid_json_means_the_same(document: dict[str, Any]) -> None:
    for name in (name for name, valid in ODD_VALIDITY.items() if valid == "yes"):
        found = strictly(ODD_JSON[name](json.dumps(document).encode()))
        assert {key: value for key, value in found.items() if key not in ("", ODD)} == document, name


@given(documents)
@settings(max_examples=30)
def test_what_is_no_json_object_is_not_read_as_one(document: dict[str, Any]) -> None:
    for name in (name for name, valid in ODD_VALIDITY.items() if valid == "no"):
        try:
            found = strictly(ODD_JSON[name](json.dumps(document).encode()))
        except ValueError:
            continue
        assert not isinstance(found, dict), name


@pytest.mark.parametrize("name", [name for name, valid in ODD_VALIDITY.items() if valid == "either"])
def test_what_is_up_to_the_reader_is_an_object_in_utf_8_that_some_read_otherwise(name: str) -> None:
    document = {"schemaVersion": 2, "mediaType": "a/b", "subject": {"size": 1}}
    data = ODD_JSON[name](json.dumps(document).encode())
    assert data.decode("utf-8-sig").startswith("{")
    assert doubtful(data.decode())


def doubtful(text: str) -> bool:
    """Whether a reader may refuse a text or lose something of it: by length, depth, doubled names, numbers, a BOM."""
    names = [name.lower() for name in re.findall(r'"(\w+)":', text)]
    by_name = len(set(names)) < len(names)
    by_size = len(text) > 4_000 or bool(re.search(r"\de-?\d{3}", text))
    return by_name or by_size or text.startswith("\ufeff") or bool(re.search(r"\\ud[89ab]..(?!\\ud[c-f])", text))


@pytest.mark.parametrize("name", ODD_JSON)
def test_spoiled_json_comes_up(name: str) -> None:
    document = b'{"schemaVersion": 2, "mediaType": "a/b"}'
    spoiled = ODD_JSON[name](document)
    assert spoiled != document
    assert smallest(strategies.odd_json(document).map(lambda data: data == spoiled), bool)
