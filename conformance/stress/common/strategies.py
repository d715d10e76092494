"""Hypothesis strategies of plain values: names, tags, digests, media types, ranges, chunkings, pages, spoiled JSON.

A draw is a choice or two, which makes it cheap; the simplest values come first, because Hypothesis shrinks to them. Two
draws in three are hand-picked edge cases, the others are combined from parts. Invalid values have their own strategies;
percent-encoded ones go into a URL unchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, product
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from conformance.client import content
from conformance.client.client import DOCKER_IMAGE, DOCKER_LIST, IMAGE, INDEX
from conformance.config.description import IDENTITIES, NOBODY, WRITER
from conformance.stress.common.odd_json import ODD_JSON as ODD_JSON
from conformance.stress.common.odd_json import ODD_VALIDITY as ODD_VALIDITY

T = TypeVar("T")

LONGEST_NAME = 255
"""Characters of the longest name that servers accept ("Pulling manifests" has the clients' limit)."""
PREFIX = 60
"""Characters that may stand before a name of `repository_names()`, beside a slash."""
SMALL = 64
"""Bytes of the largest body that `chunkings()` cuts into single bytes."""

_LONGEST = LONGEST_NAME - PREFIX - 1
_HEX = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
_HUGE = (2**31, 2**32, 2**63 - 1, 2**63, 2**64, 10**30)
_WORDS = ("a", "0", "z9")


def _mixed(edges: Sequence[T], made: Sequence[T]) -> SearchStrategy[T]:
    """Draw from `edges` in two of three cases, else from parts; in branches of their own, which shrink better."""
    return st.one_of(st.sampled_from(edges), st.sampled_from(edges), st.sampled_from(made))


def _joined(*parts: Sequence[str]) -> tuple[str, ...]:
    return tuple(map("".join, product(*parts)))


# Names ("Pulling manifests").

_NAMES = (
    *("a", "b", "0", "z", "9", "a0", "0a", "a/b", "0/0", "a.b", "a_b", "a__b", "a-b", "a--b", "a---b"),
    *("0.0", "0_0", "0__0", "0-0", "a.b_c__d-e---f", "a.b/c_d/e__f/g---h", "a/a/a", "a/b/c/d/e/f/g/h"),
    *("tags", "tags/list", "blobs", "blobs/uploads", "manifests", "manifests/a", "referrers", "v2"),  # paths of the API
    *("blobs/sha256", "index.json", "oci-layout", "con", "nul", f"sha256/{_HEX}"),  # files of a storage
    *("a" * 128, "a" * _LONGEST, "a" + "-" * (_LONGEST - 2) + "b", "/".join("a" * (_LONGEST // 2))),
)
_BAD_NAME_PARTS = (
    *("A", "aA", "-a", ".a", "_a", "a-", "a.", "a_", "a..b", "a___b", "a.-b", "a-.b", "a_.b", "a._b", "a_-b", "a-_b"),
    *("a+b", "a@b", "a~b", "a$b", "a=b", "a:b", "a,b", "a!", "a*", "a?b", "a#b", "a%5Cb", "a%252eb", "a%3Ab"),
    *("%20", "a%20b", "%00", "a%00", "a%00b", "a%0A", "a%0D%0Ab", "a%7F", "%C3%A9", "%FF", "\u00e9", "\u0661"),
    *(
        "\u2603",
        "%2e",
        "%2e%2e%2e",
        "a/%2e%2e",
        "a/%2E%2E",
        "a/%2e/b",
        "a/%2e%2e/b",
        "a%2F%2e%2e%2Fb",
        "a/%252e%252e/b",
    ),
)  # what climbs with `..` stays below the name that stands before it
_BAD_NAME_PATTERNS = (
    *content.BAD_NAMES,
    *(f"{{}}/{part}" for part in _BAD_NAME_PARTS),
    *("{}-", "{}.", "{}_", "{}%00", "{}%0A", "{}/", "{}//a", "{}/a/", "{}/a//b", "A{}", "-{}", ".{}", "_{}", "/{}"),
    *("{}/" + "a" * LONGEST_NAME, "{}/" + "a/" * 200 + "a"),
)
_SEPARATORS = (".", "_", "__", "-", "---", "/")
_BAD_SEPARATORS = ("..", "___", "._", "_.", "-.", ".-", "_-", "-_", "//", "/.", "-/", "%20", "%00", "A")


def repository_names() -> SearchStrategy[str]:
    """Draw valid names ("Pulling manifests") to be put below a prefix and a slash.

    The longest have 255 characters in all when the prefix has 60.
    """
    return _mixed(_NAMES, _joined(_WORDS, _SEPARATORS, _WORDS, _SEPARATORS, _WORDS))


def bad_names() -> SearchStrategy[str]:
    """Draw names outside the grammar ("Pulling manifests") or too long, with `{}` for a valid name.

    Some servers redirect from or shorten paths with empty components or `%2e%2e` before they parse the name; the result
    still begins with the valid name, if `{}` does.
    """
    return _mixed(_BAD_NAME_PATTERNS, _joined(("{}",), _SEPARATORS, _WORDS, _BAD_SEPARATORS, _WORDS))


# Tags ("Pulling manifests").

_TAGS = (
    *("a", "b", "0", "A", "_", "z", "Z", "9", "aa", "a0", "aA", "Aa", "AA", "a.", "a-", "a_", "_a", "__", "_.", "_-"),
    *("a.b", "a-b", "a..b", "a--b", "1.0", "1.9", "1.10", "1.0-rc.1", "007", "1234567890", "latest", "LATEST", "list"),
    *("uploads", "manifests", "index.json", "sha256", "sha512", _HEX, f"sha256-{_HEX}", f"sha256-{_HEX}.sig"),
    *("a" * 128, "_" * 128, "0" * 128, "Z" + "." * 127, "a" + "-" * 127),
)
_BAD_TAGS = (
    *("-", "-a", "..a", "%2e", "%2e%2e", "%2e%2e%2fa", "a/b", "a%2Fb", "a+b", "a~b", "a@b", "a$b", "a=b", "a&b", "a,b"),
    *("a!", "a*", "a(b)", "a?b", "a#b", "a%5Cb", "a%", "a%252eb", "a%20", "%20a", "%00", "a%00", "a%00b", "a%0A"),
    *("a%0D%0A", "%FF", "\u00e9", "\u0661", "\u2603", "_" * 129, "a" * 1000, "", *content.BAD_TAGS),
)


def tags() -> SearchStrategy[str]:
    """Draw valid tags ("Pulling manifests"), among them tags that are hard to sort or look like other values."""
    return _mixed(_TAGS, _joined("aA0_", *["aA0_.-"] * 3))


def bad_tags() -> SearchStrategy[str]:
    """Draw texts that are neither tags ("Pulling manifests") nor digests."""
    return _mixed(_BAD_TAGS, _joined("aA_", "a0.-", ("%20", "%00", "+", "~", "%2F", "\u00e9"), ("", "a", "-")))


# Digests ("Digests" of the image specification's descriptor).

_BAD_DIGESTS = (
    *content.BAD_DIGESTS,
    *(f"sha256:{'0' * digits}" for digits in (1, 62, 65, 128, 255)),
    *(f"sha512:{'0' * digits}" for digits in (0, 1, 64, 127, 129)),
    *(f"sha512:{'A' * 128}", f"sha512:{'g' * 128}", f"sha256:{_HEX.upper()}", f"sha256:{_HEX[:-1]}F"),
    *("", ":", "sha256", "sha512", _HEX, f":{_HEX}", f"sha256-{_HEX}", f"sha256::{_HEX}", f"sha256:{_HEX}:"),
    *(f"SHA256:{_HEX}", f"Sha256:{_HEX}", f"+sha256:{_HEX}", f"sha256+:{_HEX}", f"sha256..a:{_HEX}", f"sha 256:{_HEX}"),
    *(f"sha256:{_HEX}{end}" for end in ("%00", "%0A", "%20", "+", "~", ",sha256", "@a")),
    *(f"sha256:{start}{_HEX[3:]}" for start in ("%00", "%20", "0x0", "%C3%A9", "=0_")),
    *("sha256:" + "\u0661" * 64, "sha256:" + "\u00e9" * 64, "sha256:%2e%2e", "sha256:%2e%2e%2fa", "%2e%2e:a"),
)
_UNKNOWN_DIGESTS = (
    *("a:0", "a:A", "md5:d41d8cd98f00b204e9800998ecf8427e", "sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709"),
    *(f"sha224:{'0' * 56}", f"sha384:{'0' * 96}", f"sha3-256:{_HEX}", f"blake3:{_HEX}", f"blake2b:{'0' * 128}"),
    *(f"sha256.0:{_HEX}", f"0:{_HEX}", f"sha999:{'0' * 300}", f"{'a' * 128}:0"),
    *("multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8", "a+b.c_d-e:AZaz09=_-", "a:=", "a:_", "a:-"),
    "sha256+b64u:LCa0a2j_xo_5m0U8HTBBNBNCLXBkg7-g-YpeiGJm564",
)


def digests(contents: Sequence[bytes], *, algorithms: Sequence[str] = content.ALGORITHMS) -> SearchStrategy[str]:
    """Draw the digests of these contents ("Digests"), those of the first algorithm first."""
    return st.sampled_from([content.digest_of(data, algorithm) for algorithm in algorithms for data in contents])


def bad_digests() -> SearchStrategy[str]:
    """Draw texts that are no digests ("Digests"); the few without a colon are valid tags."""
    lengths = [digits for digits in range(150) if digits != 64]
    return _mixed(_BAD_DIGESTS, [f"sha256:{'f' * digits}" for digits in lengths])


def unknown_digests() -> SearchStrategy[str]:
    """Draw well-formed digests ("Digests") of algorithms that a registry may not know, BLAKE3 among them."""
    return st.sampled_from(_UNKNOWN_DIGESTS)


# Media types (RFC 9110, section 8.3.1).

_DOCKER = "application/vnd.docker.distribution.manifest"
_MEDIA_TYPES = (
    *(IMAGE, INDEX, DOCKER_IMAGE, DOCKER_LIST, content.CONFIG, content.LAYER, content.EMPTY, content.DOCKER_CONFIG),
    *(content.DOCKER_LAYER, content.DOCKER_FOREIGN_LAYER, *content.OCI_FOREIGN_LAYERS),
    *("application/json", "application/octet-stream", "text/plain", "application/vnd.example.other+json"),
    *(f"{_DOCKER}.v1+json", f"{_DOCKER}.v1+prettyjws", IMAGE.replace("v1", "v2"), IMAGE.replace("image", "artifact")),
    *(IMAGE.upper(), IMAGE.title(), f"{IMAGE}; charset=utf-8", f"{IMAGE};charset=utf-8", f'{IMAGE}; a="b;c"; d=e'),
    *("a/b", "A/B", "0/0", "a/b+c", "a.b/c-d", "x!#$&^_/y", f"application/{'x' * 127}"),
)
_BAD_MEDIA_TYPES = (
    *("", "a", "/", "a/", "/b", "a/b/c", "a b/c", "a/ b", "a/b c", "application", "a;b/c", "a/b; c", "a/b; =c"),
    *("a/b, c/d", f"{IMAGE}, {INDEX}", '"a/b"', "<a>/b", "a/b;c=d e", 'a/b; c="d', "a@b/c", "(a)/b", "{a}/b", "a/[b]"),
)


def media_types() -> SearchStrategy[str]:
    """Draw well-formed media types (RFC 9110, section 8.3.1): known ones, odd case, parameters, invented ones."""
    return st.sampled_from(_MEDIA_TYPES)


def bad_media_types() -> SearchStrategy[str]:
    """Draw texts that are no media types (RFC 9110, section 8.3.1); some have only malformed parameters."""
    return st.sampled_from(_BAD_MEDIA_TYPES)


# Ranges (RFC 9110, section 14; "Pushing a blob in chunks").


def ranges(size: int = 40) -> SearchStrategy[str]:
    """Draw Range headers of every form, valid and invalid, for a blob of `size` bytes (RFC 9110, section 14.2)."""
    last, middle = max(size - 1, 0), size // 2
    spans = (
        *("0-0", "0-", f"0-{last}", "1-", "-1", f"{middle}-{last}", f"{middle}-", f"{last}-", f"{last}-{last}"),
        *(f"-{middle}", f"-{size}", f"-{size + 1}", f"0-{size}", f"0-{size + 100}", f"{size}-", f"{size}-{size}"),
        *(f"{size + 1}-{size + 2}", "-0", "-00", "00-00", "1-0", f"{size}-0"),
        *("0-0,1-1", "0-0, -1", "0-,0-,0-", "0-0,,1-1"),
        *(",0-0", "0-0,", f"0-0,{size + 1}-", ",".join(["0-0"] * 200)),
        *(form.format(number) for number in _HUGE for form in ("0-{}", "{}-", "-{}", "{0}-{0}")),
        *(" 0-0", "0 - 0", "0- 0", "0-0 , 1-1", "", "-", "--1", "0", "0--1", "0-0-0", "+0-0", "0-+0", "a-b", "0x0-0x1"),
        *("1.0-2", "1e0-2", "0-0;1-1", "*", "0-*", "0_0-0_1", "0-0/1", ","),
    )
    others = ("Bytes=0-0", "BYTES=0-", "bytes =0-0", "bytes = 0-0", "items=0-0", "bytes", "bytes 0-0", "=0-0", "0-0")
    numbers = (0, 1, 2, middle, max(last - 1, 0), last, size, size + 1)
    made = [f"bytes={first}-{end}" for first, end in product(numbers, numbers)]
    return _mixed([*(f"bytes={span}" for span in spans), *others], made)


def right_content_ranges(offset: int, size: int) -> SearchStrategy[str]:
    """Draw correct Content-Ranges for a chunk ("Pushing a blob in chunks"); an empty text for an empty chunk."""
    first, last = offset, offset + size - 1
    return st.sampled_from((f"{first}-{last}", f"0{first}-00{last}") if size else ("",))


def wrong_content_ranges(offset: int, size: int) -> SearchStrategy[str]:
    """Draw wrong Content-Ranges for a chunk: its place, its length, or the form ("Pushing a blob in chunks")."""
    first, last, total = offset, offset + size - 1, offset + size
    edges = (
        *(f"{first + 1}-{last + 1}", f"{first}-{last + 1}", f"{first}-{last - 1}", f"{last + 1}-{first}"),
        *(f"{total}-{total + size - 1}", f"{first + 1}-{last}", f"{first + 10**6}-{last + 10**6}"),
        *((f"{first - 1}-{last - 1}", f"0-{last}") if first else ()),
        *(f"bytes {first}-{last}/{total}", f"bytes {first}-{last}/*", f"bytes={first}-{last}"),
        *(f"{first}-{last}/{total}", f"bytes */{total}", f"{first}-", f"-{last}", f"{first}", f"+{first}-{last}"),
        *("-", "*", "a-b", "bytes"),
        *(f"{first} - {last}", f"{first}-{last},{total}-{total}", f"{first}--{last}", f"-1-{last}", f"{first}..{last}"),
        *(f"0x{first:x}-0x{last:x}" if size else "0x0-0x0", f"{first}.0-{last}.0", f"{first}-{last}-"),
        *(form.format(number, number + size - 1) for number in _HUGE for form in ("{}-{}", f"{first}-{{}}")),
    )
    elsewhere = [f"{first + off}-{last + more}" for off, more in product((1, 2, size + 2, 100), range(20))]
    return _mixed(edges, elsewhere)


def content_ranges(offset: int = 0, size: int = 100) -> SearchStrategy[str]:
    """Draw Content-Ranges for a chunk, correct or wrong ("Pushing a blob in chunks")."""
    return st.one_of(right_content_ranges(offset, size), wrong_content_ranges(offset, size))


def chunkings(size: int) -> SearchStrategy[tuple[int, ...]]:
    """Draw the size of each chunk of a body ("Pushing a blob in chunks"); some are 0. Half are cut anywhere."""
    half = size // 2
    edges = [(size,), (half, size - half), (size, 0), (0, size), (half, 0, size - half), (0, size, 0)]
    if size:
        edges += [(1, size - 1), (size - 1, 1)]
    if 0 < size <= SMALL:
        edges.append((1,) * size)
    free = st.lists(st.integers(0, size), max_size=5).map(lambda cuts: _between((0, *sorted(cuts), size)))
    return st.one_of(st.sampled_from(edges), free)


def _between(cuts: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(end - start for start, end in pairwise(cuts))


# Pages ("Listing tags") and people.

_SIZES: tuple[int | str, ...] = (1, 2, 0, 3, 10, 100, 1000, 10_000, *_HUGE, -1, -(2**63), "", "a", "01", "000", "007")
_ODD_SIZES: tuple[int | str, ...] = ("+1", "-0", " 1", "1 ", "1.0", "1e3", "0x1", "1_0", "1,2", "None", "\u0661", "\0")
_ODD_LASTS = (" ", "\0", "a b", "a/b", "../a", "a&n=1", "%00", "%", "\u00e9", "\u2603", f"sha256:{_HEX}", "a" * 129)


def page_sizes() -> SearchStrategy[int | str]:
    """Draw values of `n` ("Listing tags"): valid numbers first, then invalid ones."""
    return st.sampled_from(_SIZES + _ODD_SIZES)


def lasts(tags: Sequence[str]) -> SearchStrategy[str]:
    """Draw values of `last` ("Listing tags"): these tags, then texts between, before and after them, then odd texts."""
    between = (*(f"{tag}-" for tag in tags), *(tag[:-1] for tag in tags), *(tag.swapcase() for tag in tags))
    return st.sampled_from(list(dict.fromkeys((*tags, *between, "", "!", "0", "~", "z" * 128, *_ODD_LASTS))))


def identities() -> SearchStrategy[str]:
    """Draw names of identities, as in `conformance.config.description`; half of them are the writer."""
    others = tuple(name for name in (*IDENTITIES, NOBODY) if name != WRITER)
    return st.sampled_from((*[WRITER] * len(others), *others))


def odd_json(document: bytes) -> SearchStrategy[bytes]:
    """Draw spoiled forms of a JSON object that has members (RFC 8259)."""
    return st.sampled_from(list(ODD_JSON)).map(lambda name: ODD_JSON[name](document))
