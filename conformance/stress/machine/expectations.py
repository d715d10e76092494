"""What an answer of success has to say, as checks that give what is wrong in a few words, or nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from itertools import pairwise
from typing import Any

from conformance.client.client import DOCKER_IMAGE, DOCKER_LIST, IMAGE, INDEX, location_of
from conformance.client.content import digest_of
from conformance.client.exchange import Exchange
from conformance.client.steps import descriptors_in, tags_in

Check = Callable[[Exchange], str]
_RANGE = re.compile(r"(?P<first>[0-9]+)-(?P<last>[0-9]*)|-(?P<suffix>[0-9]+)")
FORMATS = {IMAGE: "oci", INDEX: "oci_indexes", DOCKER_IMAGE: "docker", DOCKER_LIST: "docker_lists"}
"""The ability that each media type of manifests needs."""


def anything(exchange: Exchange) -> str:
    """Nothing is asked of the answer."""
    return ""


def body(data: bytes, digest: str) -> Check:
    """These bytes, and if a digest is named, this one."""

    def check(exchange: Exchange) -> str:
        if exchange.status != 200:
            return ""
        if exchange.body != data:
            return f"the body has {len(exchange.body)} bytes, which are not the {len(data)} that were pushed"
        return _digest(exchange, digest)

    return check


def length(data: bytes, digest: str) -> Check:
    """The length of these bytes, and if a digest is named, this one."""

    def check(exchange: Exchange) -> str:
        if exchange.header("Content-Length") != str(len(data)):
            return f"Content-Length is {exchange.header('Content-Length')}, where {len(data)} bytes were pushed"
        return _digest(exchange, digest)

    return check


def manifest(data: bytes, media_type: str, digest: str) -> Check:
    """A manifest as it was pushed."""
    return _typed(media_type, body(data, digest))


def _typed(media_type: str, same: Check) -> Check:
    def check(exchange: Exchange) -> str:
        if exchange.media_type != media_type.lower():
            return f"Content-Type is {exchange.media_type}, where {media_type} was pushed"
        return same(exchange)

    return check


def manifest_length(data: bytes, media_type: str, digest: str) -> Check:
    """How long a manifest is, and of which type."""
    return _typed(media_type, length(data, digest))


def part_of(data: bytes, wanted: str) -> tuple[Collection[int], tuple[int, int] | None]:
    """The right statuses for a Range, and the offsets of the part that a 206 has to hold (RFC 9110, section 14)."""
    unit, _, text = wanted.partition("=")
    ranges = [_RANGE.fullmatch(part.strip(" \t")) for part in text.split(",")]
    if unit.lower() != "bytes" or len(ranges) > 1 or not ranges[0]:
        return (200, 206, 416), None  # ignored, refused, or several parts
    found = ranges[0]
    if found["suffix"]:
        size = int(found["suffix"])
        part = (max(len(data) - size, 0), len(data))
        return ((200, 206) if size and data else (200, 416)), part
    first, last = int(found["first"]), int(found["last"] or len(data))
    if first > last and found["last"]:
        return (200, 416), None  # it is no valid Range, and may be ignored
    if first >= len(data):
        return ((416,) if data else (200, 416)), None
    return (206,), (first, min(last + 1, len(data)))


def part(data: bytes, offsets: tuple[int, int] | None, digest: str) -> Check:
    """The whole blob with 200, with 206 the part."""
    whole = body(data, digest)

    def check(exchange: Exchange) -> str:
        if exchange.status != 206 or offsets is None:
            return whole(exchange)
        first, end = offsets
        if exchange.body != data[first:end]:
            return f"the part has {len(exchange.body)} bytes, which are not those from {first} to {end - 1}"
        said = exchange.header("Content-Range")
        wanted = f"bytes {first}-{end - 1}/{len(data)}"
        return "" if said == wanted else f"Content-Range is {said!r}, where it is {wanted!r}"

    return check


def location(exchange: Exchange) -> str:
    """Where it goes on."""
    return "" if location_of(exchange) else "there is no Location"


def progress(size: int) -> Check:
    """How many bytes an upload session has; there are several ways to say none."""

    def check(exchange: Exchange) -> str:
        said = exchange.header("Range")
        if size == 0 or said == f"0-{size - 1}":
            return location(exchange)
        return f"Range is {said}, where the session has {size} bytes"

    return check


def pushed(digest: str, subject: str | None) -> Check:
    """The digest of a pushed manifest, where it is named, and its subject, where referrers are listed."""

    def check(exchange: Exchange) -> str:
        if subject and exchange.header("OCI-Subject") != subject:
            return f"OCI-Subject is {exchange.header('OCI-Subject')}, where the subject is {subject}"
        return _digest(exchange, digest) or location(exchange)

    return check


def is_number(text: object) -> bool:
    """Whether `n` is a whole number that is not negative."""
    return str(text).isascii() and str(text).isdigit()


def tags(name: str, targets: Collection[str], n: int | str | None, last: str | None) -> Check:
    """These tags in order; with `n` the first of them or a Link to the rest, with `last` those behind it."""

    def check(exchange: Exchange) -> str:
        if exchange.status != 200:
            return ""
        document, found = exchange.json(), tags_in(exchange)
        if not isinstance(document, dict) or document.get("name") != name:
            return f"the list does not name the repository {name}"
        return _order(found) or _page(found, targets, n, last, more=exchange.header("Link") is not None)

    return check


def _page(found: list[str], targets: Collection[str], n: int | str | None, last: str | None, *, more: bool) -> str:
    if strange := set(found) - set(targets):
        return f"the tag {min(strange)} is listed and does not exist"
    size = int(n) if n is not None and is_number(n) else None
    if size is not None and len(found) > size:
        return f"{len(found)} tags are listed, where n is {size}"
    if size == 0 and more:
        return "a Link leads on, where n is 0"
    if last and last not in targets:  # where the list goes on then is not said
        return ""
    wanted = [[tag for tag in sorted(targets, key=key) if not last or key(tag) > key(last)] for key in ORDERS]
    pages = [tags[: len(found) if more else size] for tags in wanted]
    if size == 0:
        pages.append([])
    return "" if found in pages else f"the tags are {found}, where {pages[0]} follow"


def _lexical(tag: str) -> tuple[str, str]:
    return tag.lower(), tag


ORDERS: tuple[Callable[[str], Any], ...] = (str, _lexical)
"""In ASCII order, as the main branch of the specification has it, and in the order of the releases before."""


def _order(found: list[str]) -> str:
    ordered = any(all(key(one) < key(next) for one, next in pairwise(found)) for key in ORDERS)
    return "" if ordered else f"the tags {found} are not in order, or are not all different"


def referrers(wanted: Mapping[str, Mapping[str, Any]], artifact_type: str | None) -> Check:
    """These descriptors, by digest; where a filter was applied, those of the type."""

    def check(exchange: Exchange) -> str:
        found = {str(entry.get("digest")): entry for entry in descriptors_in([exchange])}
        filtered = artifact_type and exchange.header("OCI-Filters-Applied")
        kept = {
            key: entry for key, entry in wanted.items() if not filtered or entry.get("artifactType") == artifact_type
        }
        if exchange.media_type != INDEX:
            return f"Content-Type is {exchange.media_type}, where the list is an image index"
        if exchange.header("Link"):
            kept = {key: entry for key, entry in kept.items() if key in found}
        if missing := kept.keys() - found.keys():
            return f"{min(missing)}, whose subject it is, is not in the list"
        if strange := found.keys() - kept.keys():
            return f"{min(strange)} is in the list, and does not belong there"
        wrong = [
            f"the descriptor is {found[key]}, where {kept[key]} is right" for key in kept if found[key] != kept[key]
        ]
        return wrong[0] if wrong else ""

    return check


def _digest(exchange: Exchange, digest: str) -> str:
    said = exchange.header("Docker-Content-Digest")
    if (
        said in (None, digest)
        or said.partition(":")[0] != digest.partition(":")[0]
        or (exchange.body and said == digest_of(exchange.body, said.partition(":")[0]))
    ):
        return ""
    return f"Docker-Content-Digest is {said}, where it is {digest}"
