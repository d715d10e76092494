"""Read facts about an image from its manifest and config: platforms, and the labels that GitHub shows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fakereg.spec import manifest as manifests
from fakereg.spec.manifest import INDEXES, Manifest
from fakereg.spec.names import Digest, Name
from fakereg.storage.repositories import Repositories, StoredManifest

CONFIG_LIMIT = 256 << 10
"""Largest config in bytes that is read for labels; a larger one counts as one without labels."""

SHOWN_LIMIT = 128 << 10
"""Largest manifest in bytes that API and pages, which show up to 100 of them, read; a larger one is not listed."""

_PREFIX = "org.opencontainers.image."
_LENGTHS = {"source": 2048, "description": 512, "licenses": 256}


_PLATFORM_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels that GitHub reads (GP-3.6, GP-3.7): the URL of the source, a description, and an SPDX licence."""

    source: str = ""
    description: str = ""
    licenses: str = ""


@dataclass(frozen=True, slots=True)
class Platform:
    """A child of an index: the name of its platform, such as `linux/arm64`, and its digest."""

    name: str
    digest: Digest


def shown(stored: StoredManifest) -> Manifest:
    """Parse a manifest for API and pages; over SHOWN_LIMIT, return it without descriptors and annotations."""
    small = len(stored.content) <= SHOWN_LIMIT
    return manifests.read(*stored) if small else Manifest(stored.content, stored.media_type, stored.digest)


def labels(storage: Repositories, name: Name, manifest: Manifest) -> Labels:
    """Return the labels of an image, or the annotations of an index; values that are not texts count as missing."""
    found = manifest.annotations if manifest.media_type in INDEXES else _config_labels(storage, name, manifest)
    texts = {field: (found or {}).get(_PREFIX + field) for field in _LENGTHS}
    return Labels(**{field: _text(text)[: _LENGTHS[field]] for field, text in texts.items()})


def platforms(manifest: Manifest) -> list[Platform]:
    """Return the children of an index."""
    return [Platform(_platform(child.platform or {}), child.digest) for child in manifest.manifests]


def _platform(platform: Mapping[str, Any]) -> str:
    parts = (_text(platform.get(key))[:_PLATFORM_LENGTH] for key in ("os", "architecture", "variant"))
    return "/".join(filter(None, parts)) or "unknown"


def _text(value: Any) -> str:
    """Return a string with lone surrogates replaced, as UTF-8 requires; the empty text for any other value."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _config_labels(storage: Repositories, name: Name, manifest: Manifest) -> Mapping[str, Any]:
    digest = manifest.blobs[0].digest if manifest.blobs else None
    document = _read(storage, name, digest) if digest else None
    config = document.get("config") if isinstance(document, dict) else None
    found = config.get("Labels") if isinstance(config, dict) else None
    return found if isinstance(found, dict) else {}


def _read(storage: Repositories, name: Name, digest: Digest) -> Any:
    """Return the JSON of a config; None if it is missing, too large, or not JSON."""
    file = storage.open_blob(name, digest)
    if file is None:
        return None
    with file:
        content = file.read(CONFIG_LIMIT + 1)
    try:
        return json.loads(content) if len(content) <= CONFIG_LIMIT else None
    except (ValueError, RecursionError):
        return None
