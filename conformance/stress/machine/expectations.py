"""Checks of successful answers. Each returns a short description of the fault, or an empty text."""

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
    """Accept any answer."""
    return ""


def body(data: bytes, digest: str) -> Check:
    """Expect these bytes, and this digest if the answer has a digest header."""

    def check(exchange: Exchange) -> str:
        if exchange.status != 200:
            return ""
        if exchange.content != data:
            return (
                f"the body must be the {len(data)} bytes that were pushed, got {len(exchange.content)} different bytes"
            )
        return _digest(exchange, digest)

    return check


def length(data: bytes, digest: str) -> Check:
    """Expect the length of these bytes, and this digest if the answer has a digest header."""

    def check(exchange: Exchange) -> str:
        if exchange.header("Content-Encoding") is None and exchange.header("Content-Length") != str(len(data)):
            return f"Content-Length must be {len(data)}, got {exchange.header('Content-Length')}"
        return _digest(exchange, digest)

    return check


def manifest(data: bytes, media_type: str, digest: str) -> Check:
    """Expect a manifest exactly as it was pushed."""
    return _typed(media_type, body(data, digest))


def _typed(media_type: str, same: Check) -> Check:
    def check(exchange: Exchange) -> str:
        if exchange.media_type != media_type.lower():
            return f"Content-Type must be {media_type}, got {exchange.media_type}"
        return same(exchange)

    return check


def manifest_length(data: bytes, media_type: str, digest: str) -> Check:
    """Expect the length and the media type of a manifest."""
    return _typed(media_type, length(data, digest))


def part_of(data: bytes, wanted: str) -> tuple[Collection[int], tuple[int, int] | None]:
    """Return the correct statuses for a Range, and the offsets of the part in a 206 (RFC 9110, section 14)."""
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
        return (200, 416), None  # an invalid Range may be ignored
    if first >= len(data):
        return ((416,) if data else (200, 416)), None
    return (206,), (first, min(last + 1, len(data)))


def part(data: bytes, offsets: tuple[int, int] | None, digest: str) -> Check:
    """Expect the whole blob with 200, and the part with 206."""
    whole = body(data, digest)

    def check(exchange: Exchange) -> str:
        if exchange.status != 206 or offsets is None:
            return whole(exchange)
        first, end = offsets
        if exchange.body != data[first:end]:
            return f"the part must be the bytes {first} to {end - 1}, got {len(exchange.body)} different bytes"
        said = exchange.header("Content-Range")
        wanted = f"bytes {first}-{end - 1}/{len(data)}"
        return "" if said == wanted else f"Content-Range must be {wanted!r}, got {said!r}"

    return check


def location(exchange: Exchange) -> str:
    """Expect a Location."""
    return "" if location_of(exchange) else "Location is missing"


def progress(size: int) -> Check:
    """Expect the number of bytes in an upload session; for an empty session any Range is accepted."""

    def check(exchange: Exchange) -> str:
        said = exchange.header("Range")
        if size == 0 or said == f"0-{size - 1}":
            return location(exchange)
        return f"Range must be 0-{size - 1}, got {said}"

    return check


def pushed(digest: str, subject: str | None) -> Check:
    """Expect the digest of a pushed manifest if it is named, and its subject if the registry lists referrers."""

    def check(exchange: Exchange) -> str:
        if subject and exchange.header("OCI-Subject") != subject:
            return f"OCI-Subject must be {subject}, got {exchange.header('OCI-Subject')}"
        return _digest(exchange, digest) or location(exchange)

    return check


def is_number(text: object) -> bool:
    """Return whether `n` is a whole number that is not negative."""
    return str(text).isascii() and str(text).isdigit()


def tags(name: str, targets: Collection[str], n: int | str | None, last: str | None) -> Check:
    """Expect these tags in order; with `n` the first of them or a Link to the rest, with `last` those after it."""

    def check(exchange: Exchange) -> str:
        if exchange.status != 200:
            return ""
        document, found = exchange.json(), tags_in(exchange)
        if not isinstance(document, dict) or document.get("name") != name:
            return f"the list must name the repository {name}"
        return _order(found) or _page(found, targets, n, last, more=exchange.header("Link") is not None)

    return check


def _page(found: list[str], targets: Collection[str], n: int | str | None, last: str | None, *, more: bool) -> str:
    if strange := set(found) - set(targets):
        return f"the listed tag {min(strange)} does not exist"
    size = int(n) if n is not None and is_number(n) else None
    if size is not None and len(found) > size:
        return f"the list must have at most n={size} tags, got {len(found)}"
    if size == 0 and more:
        return "there must be no Link with n=0"
    if last and last not in targets:  # the specification does not say where the list then continues
        return ""
    wanted = [[tag for tag in sorted(targets, key=key) if not last or key(tag) > key(last)] for key in ORDERS]
    pages = [tags[: len(found) if more else size] for tags in wanted]
    if size == 0:
        pages.append([])
    return "" if found in pages else f"the tags must be {pages[0]}, got {found}"


def _lexical(tag: str) -> tuple[str, str]:
    return tag.lower(), tag


ORDERS: tuple[Callable[[str], Any], ...] = (str, _lexical)
"""ASCII order, as in the main branch of the specification, and the order of the earlier releases."""


def _order(found: list[str]) -> str:
    ordered = any(all(key(one) < key(next) for one, next in pairwise(found)) for key in ORDERS)
    return "" if ordered else f"the tags must be in order and all different, got {found}"


def referrers(wanted: Mapping[str, Mapping[str, Any]], artifact_type: str | None) -> Check:
    """Expect these descriptors, by digest; if a filter was applied, only those of the type."""

    def check(exchange: Exchange) -> str:
        found = {str(entry.get("digest")): entry for entry in descriptors_in([exchange])}
        filtered = artifact_type and exchange.header("OCI-Filters-Applied")
        kept = {
            key: entry for key, entry in wanted.items() if not filtered or entry.get("artifactType") == artifact_type
        }
        if exchange.media_type != INDEX:
            return f"Content-Type must be {INDEX}, got {exchange.media_type}"
        if exchange.header("Link"):
            kept = {key: entry for key, entry in kept.items() if key in found}
        if missing := kept.keys() - found.keys():
            return f"the referrer {min(missing)} is missing from the list"
        if strange := found.keys() - kept.keys():
            return f"the list has {min(strange)}, which is no referrer or of another type"
        wrong = [f"the descriptor must be {kept[key]}, got {found[key]}" for key in kept if found[key] != kept[key]]
        return wrong[0] if wrong else ""

    return check


def _digest(exchange: Exchange, digest: str) -> str:
    said = exchange.header("Docker-Content-Digest")
    if (
        said in (None, digest)
        or said.partition(":")[0] != digest.partition(":")[0]
        or (exchange.body and said == digest_of(exchange.content, said.partition(":")[0]))
    ):
        return ""
    return f"Docker-Content-Digest must be {digest}, got {said}"
