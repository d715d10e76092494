"""Names, tags and digests are parsed at the edge."""

from __future__ import annotations

import hashlib
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakereg.spec.errors import Code, RegistryError
from fakereg.spec.names import Digest, Name, Tag, parse_reference

_alnum = st.text("abc019", min_size=1, max_size=8)
_component = st.builds(
    lambda first, rest: first + "".join(separator + part for separator, part in rest),
    _alnum,
    st.lists(st.tuples(st.sampled_from([".", "_", "__", "-", "---"]), _alnum), max_size=3),
)
_names = st.lists(_component, min_size=1, max_size=4).map("/".join)


@given(_names)
def test_every_name_of_the_grammar_is_one(name: str) -> None:
    assert Name.parse(name) == name


@given(_names, st.sampled_from(["A", " ", "/", "..", "é", "%", "\n", "\0", ":", "@", "+"]), st.data())
def test_a_name_with_one_wrong_character_is_none(name: str, wrong: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(name)))
    broken = name[:at] + wrong + name[at:]
    if wrong == "/" and "//" not in broken and not broken.startswith("/") and not broken.endswith("/"):
        broken += "/"  # a slash alone may just make two parts of one
    with pytest.raises(RegistryError) as refusal:
        Name.parse(broken)
    assert refusal.value.code is Code.NAME_INVALID


@pytest.mark.parametrize("name", ["", "a/", "/a", "a//b", "a..b", "a___b", "-a", "a-", "_a", "a/.b", "a/../b", "a\n"])
def test_separators_stand_between_letters(name: str) -> None:
    with pytest.raises(RegistryError):
        Name.parse(name)


def test_a_name_has_at_most_255_characters() -> None:
    assert Name.parse("a" * 255)
    with pytest.raises(RegistryError, match="255"):
        Name.parse("a" * 256)


@given(st.from_regex(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}", fullmatch=True))
def test_every_tag_of_the_grammar_is_one(tag: str) -> None:
    assert isinstance(parse_reference(tag, algorithms=["sha256"]), Tag)


@pytest.mark.parametrize("tag", ["", "-a", ".a", "a b", "a/b", "a+b", "é", "a\n", "a" * 129])
def test_other_tags_are_refused(tag: str) -> None:
    with pytest.raises(RegistryError):
        Tag.parse(tag)


@given(st.binary(max_size=50), st.sampled_from(["sha256", "sha512"]))
def test_a_digest_names_its_content(content: bytes, algorithm: str) -> None:
    digest = Digest.of(content, algorithm=algorithm)
    assert Digest.parse(str(digest), algorithms=[algorithm]) == digest
    assert digest.algorithm == algorithm
    assert digest.encoded == hashlib.new(algorithm, content).hexdigest()


@pytest.mark.parametrize(
    "digest",
    [
        "",
        ":",
        "sha256:",
        "sha256:abc",
        "sha256:" + "A" * 64,
        "sha256:" + "g" * 64,
        "sha256:" + "a" * 63,
        "sha256:" + "a" * 65,
        "sha512:" + "a" * 64,
        "SHA256:" + "a" * 64,
        "sha256:" + "a" * 64 + "\n",
        "sha256:../../../etc/passwd",
        "a" * 64,
        "+:a",
    ],
)
def test_malformed_digests_are_refused(digest: str) -> None:
    with pytest.raises(RegistryError) as refusal:
        Digest.parse(digest)
    assert refusal.value.code is Code.DIGEST_INVALID


def test_an_unknown_algorithm_passes_only_where_none_is_demanded() -> None:
    text = "multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8"
    assert Digest.parse(text) == text
    with pytest.raises(RegistryError, match="not supported"):
        Digest.parse(text, algorithms=["sha256"])


@given(st.text(string.printable, max_size=60))
def test_a_reference_is_a_digest_a_tag_or_an_error(text: str) -> None:
    try:
        parsed = parse_reference(text, algorithms=["sha256", "sha512"])
    except RegistryError as refusal:
        answer: object = refusal.status
    else:
        answer = parsed
        assert isinstance(parsed, Digest) == (":" in text)
    assert answer in (400, text)
