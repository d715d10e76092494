"""The document `index.json` of an image layout, and changes of it that keep all that other tools wrote into it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from fakereg.spec.errors import RegistryError
from fakereg.spec.manifest import OCI_INDEX
from fakereg.spec.names import Digest, Tag
from fakereg.storage.base import Delta

Descriptor = dict[str, Any]
Document = dict[str, Any]
"""It has a list of descriptors in `manifests`; whatever else is in it, and in them, may be of any form."""

_NAME = "org.opencontainers.image.ref.name"

_OURS = "org.fakereg.taken-up"
"""Annotation of an entry that this package wrote: content that its manifest names is not imported.

Without it the file of a manifest that is being pushed or deleted would be imported if another manifest names it.
"""


def empty() -> Document:
    """Return the document of a layout without manifests."""
    return {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}


def parse(data: bytes) -> Document:
    """Parse the bytes of a document; raise ValueError if it is not an image index."""
    try:
        document = json.loads(data)
    except RecursionError as problem:
        raise ValueError("index.json must be an image index") from problem
    entries = document.get("manifests") if isinstance(document, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError("index.json must be an image index")
    return dict(document)


def digest_of(entry: Descriptor) -> str:
    """Return the digest that an entry has, which may be no digest."""
    return str(entry.get("digest"))


def name_of(entry: Descriptor) -> str | None:
    """Return the name of an entry, which may be no tag."""
    name = _annotations(entry).get(_NAME)
    return name if isinstance(name, str) else None


def tag_of(entry: Descriptor) -> Tag | None:
    """Return the name of an entry if it is a tag."""
    try:
        return Tag.parse(name_of(entry) or "")
    except RegistryError:
        return None


def is_ours(entry: Descriptor) -> bool:
    """Tell whether this package wrote the entry."""
    return _OURS in _annotations(entry)


def _annotations(entry: Descriptor) -> Mapping[str, object]:
    annotations = entry.get("annotations")
    return annotations if isinstance(annotations, dict) else {}


def changed(document: Document, delta: Delta) -> Document:
    """Return a document with a change of manifests and tags. It may have the change, or a part of it, already.

    An entry goes with its manifest. An entry whose tag goes or moves to another manifest only loses its name, unless
    another entry says the same. A tag that comes is the name of an entry without one, or of a copy of another entry.
    """
    entries, of = list[Descriptor](), defaultdict[str, list[Descriptor]](list)
    unnamed, dropped = list[Descriptor](), set[int]()
    for old in document["manifests"]:
        digest, name = digest_of(old), name_of(old)
        if digest in delta.manifests and delta.manifests[Digest(digest)] is None:
            continue
        entry = dict(old)
        if name in delta.tags and delta.tags[Tag(name)] != digest:
            entry = _named(old, None)
            unnamed.append(entry)
        entries.append(entry)
        of[digest].append(entry)
    for digest, value in delta.manifests.items():
        if value is None:
            continue
        descriptor = {"mediaType": value.media_type, "digest": digest, "size": value.size}
        if not of[digest]:
            of[digest].append({**descriptor, "annotations": {_OURS: "yes"}})
            entries += of[digest]
        for entry in of[digest]:
            entry |= descriptor
    for tag, target in delta.tags.items():
        if target and of[target] and all(name_of(entry) != tag for entry in of[target]):
            free = next((entry for entry in of[target] if name_of(entry) is None), None)
            if free is None:
                free = dict(of[target][0])
                entries.append(free)
                of[target].append(free)
            free |= _named(free, tag)
    for entry in unnamed:
        others = [other for other in of[digest_of(entry)] if other is not entry]
        if name_of(entry) is None and any(_named(other, None) == entry for other in others):
            of[digest_of(entry)] = others
            dropped.add(id(entry))
    return {**document, "manifests": [entry for entry in entries if id(entry) not in dropped]}


def _named(entry: Descriptor, tag: Tag | None) -> Descriptor:
    """Return a copy with another name, or with none."""
    annotations = {key: value for key, value in _annotations(entry).items() if key != _NAME}
    if tag:
        annotations = {_NAME: tag, **annotations}
    return {**entry, "annotations": annotations}


def lost(document: Document, manifests: Mapping[Digest, Any], tags: Mapping[Tag, Digest]) -> Delta:
    """Return the change that adds those of the manifests and tags that a document does not have."""
    digests = {digest_of(entry) for entry in document["manifests"]}
    names = {name_of(entry) for entry in document["manifests"]}
    return Delta(
        {digest: entry for digest, entry in manifests.items() if digest not in digests},
        {tag: digest for tag, digest in tags.items() if tag not in names},
    )


def with_entries(document: Document, entries: list[Descriptor]) -> Document:
    """Return a document with further entries, which take their names from those that have them."""
    names = {name_of(entry) for entry in entries} - {None}
    kept = [entry for entry in document["manifests"] if name_of(entry) not in names]
    return {**document, "manifests": [*kept, *entries]}
