"""Ways to change the members of a manifest, by name, and whether it is still valid (the image specification).

Each keeps it a JSON object. Like the ways to spoil JSON, it works on the bytes.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

from conformance.stress.common.odd_json import ODD_JSON, ODD_VALIDITY, Spoil

_LISTS = ("layers", "manifests")
_OTHER = "application/vnd.example.other"
_PLATFORM = {"architecture": "arm64", "os": "linux", "os.features": ["a"], "variant": "v8", "other": None}
_TINY = {1: b"x", 0: b""}
"""The content of blobs that are so short that all programs have the same, by size."""


def _changed(change: Callable[[dict[str, Any]], Any]) -> Spoil:
    def spoil(data: bytes) -> bytes:
        document = json.loads(data)
        change(document)
        return json.dumps(document).encode()

    return spoil


def _with(**members: Any) -> Spoil:
    return _changed(lambda document: document.update(members))


def _without(*names: str) -> Spoil:
    return _changed(lambda document: [document.pop(name, None) for name in names])


def _list(value: Any) -> Spoil:
    """Put a value in the place of each list of descriptors."""
    return _changed(lambda document: document.update({name: value for name in _LISTS if name in document}))


def _each(change: Callable[[dict[str, Any]], Any]) -> Spoil:
    """Change every layer of an image, every entry of an index."""

    def change_all(document: dict[str, Any]) -> None:
        for entry in (entry for name in _LISTS for entry in document.get(name, ())):
            if isinstance(entry, dict):
                change(entry)

    return _changed(change_all)


def _each_with(**members: Any) -> Spoil:
    return _each(lambda entry: entry.update(members))


def _each_without(name: str) -> Spoil:
    return _each(lambda entry: entry.pop(name, None))


def _with_data(entry: dict[str, Any]) -> None:
    for size, content in _TINY.items():
        if entry.get("size") == size:
            entry["data"] = base64.b64encode(content).decode()


def _twice(document: dict[str, Any]) -> None:
    for name in _LISTS:
        document.get(name, []).extend([*document.get(name, [])])


def _with_all(entry: dict[str, Any]) -> None:
    _with_data(entry)
    entry |= {"urls": [], "annotations": {"a": "b", "": "\u2603"}, "platform": _PLATFORM}
    entry |= {"artifactType": "application/vnd.example+type", "other": {"a": [None]}}


_VALID: Mapping[str, Spoil] = {
    "empty-list": _list([]),
    "each-twice": _changed(_twice),
    "unknown-types": _each_with(mediaType=_OTHER),
    "data": _each(_with_data),
    "all-members": _each(_with_all),
}
_UNCLEAR: Mapping[str, Spoil] = {
    "null-list": _list(None),
    "no-list": _without(*_LISTS),
    "list-of-null": _list([None]),
    "list-of-nothing": _list([{}]),
    "no-list-but-an-object": _list({}),
    "null-members": _with(subject=None, annotations=None, artifactType=None),
    "empty-members": _with(annotations={}, artifactType=""),
    "null-type": _with(mediaType=None),
    "no-type": _without("mediaType"),
    "image-and-index": _changed(lambda document: [document.setdefault(name, []) for name in _LISTS]),
    "null-in-descriptors": _each_with(**dict.fromkeys(("urls", "annotations", "data", "platform", "artifactType"))),
    "types-with-parameter": _each_with(mediaType="text/plain; charset=utf-8"),
    "types-with-bad-parameter": _each_with(mediaType="text/plain; charset"),
    "types-in-capitals": _each(lambda entry: entry.update(mediaType=str(entry.get("mediaType")).upper())),
    "types-without-slash": _each_with(mediaType="layer"),
    "empty-types": _each_with(mediaType=""),
    "null-types": _each_with(mediaType=None),
    "number-types": _each_with(mediaType=1),
    "no-types": _each_without("mediaType"),
    "null-sizes": _each_with(size=None),
    "no-sizes": _each_without("size"),
    "other-sizes": _each_with(size=7),
    "negative-sizes": _each_with(size=-1),
    "large-sizes": _each_with(size=2**63 - 1),
    "too-large-sizes": _each_with(size=2**63),
    "fractional-sizes": _each_with(size=5.5),
    "text-sizes": _each_with(size="5"),
    "null-digests": _each_with(digest=None),
    "no-digests": _each_without("digest"),
    "short-digests": _each_with(digest="sha256:abc"),
    "number-digests": _each_with(digest=1),
    "unknown-digests": _each_with(digest="blake3:" + "0" * 64),
    "text-urls": _each_with(urls="a"),
    "other-data": _each_with(data=base64.b64encode(b"other").decode()),
    "data-not-in-base64": _each_with(data="!"),
    "number-data": _each_with(data=1),
    "number-annotations": _each_with(annotations={"a": 1}),
    "null-annotations": _each_with(annotations={"a": None}),
    "list-annotations": _each_with(annotations=["a"]),
    "empty-platform": _each_with(platform={}),
    "text-platform": _each_with(platform="linux"),
    "number-platform": _each_with(platform={"os": 1}),
}
_DOUBTFUL: Mapping[str, Spoil] = {
    "members-in-another-case": _changed(lambda document: document.update(Layers=document.pop("layers", []))),
    "no-version": _without("schemaVersion"),
    "null-version": _with(schemaVersion=None),
    "version-1": _with(schemaVersion=1),
    "text-version": _with(schemaVersion="2"),
    "null-config": _changed(lambda document: document.update({"config": None} if "config" in document else {})),
    "no-config": _without("config"),
    "text-config": _changed(lambda document: document.update({"config": "a"} if "config" in document else {})),
    "text-subject": _with(subject="a"),
    "empty-subject": _with(subject={}),
    "subject-without-digest": _with(subject={"mediaType": _OTHER, "digest": "sha256:abc", "size": 1}),
    "number-artifact-type": _with(artifactType=1),
    "number-annotation": _with(annotations={"a": 1}),
    "list-for-annotations": _with(annotations=["a"]),
}

ODD_MEMBERS: Mapping[str, Spoil] = {**_VALID, **_UNCLEAR, **_DOUBTFUL}
"""Ways to change the members of a manifest, by name; one that lacks a member may stay the same."""

ODD_MANIFESTS: Mapping[str, Spoil] = {**ODD_JSON, **ODD_MEMBERS}
"""Ways to change the bytes of a manifest, by name: the JSON, or its members."""

ODD_MANIFEST_VALIDITY: Mapping[str, str] = {
    **ODD_VALIDITY,
    **dict.fromkeys(_VALID, "yes"),
    **dict.fromkeys(_UNCLEAR, "either"),
    **dict.fromkeys(_DOUBTFUL, "unclear"),
}
"""`yes`: valid by the image specification. `either`: a registry may refuse it, as the specification has a MUST against
it, or accept it, as clients send it or nobody looks at it. `unclear`: the same, and it is then not known what the
manifest refers to or how it is listed.
"""
