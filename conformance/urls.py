"""URLs that come from servers: parsing one never fails, and origins are compared, not texts."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urljoin, urlsplit

PORTS = {"http": 80, "https": 443}
NOWHERE = SplitResult("", "", "", "", "")
_HOST = re.compile(r"[^\s\x00-\x20\x7f-\xa0/\\@?#\"<>^`{|}]+")

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")

Origin = tuple[str, str, int]
"""Scheme, host and port, in one form for each origin (RFC 6454 section 4)."""


def parsed(url: str) -> SplitResult:
    """Split the URL of something at an http or https host; NOWHERE for any other text."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in PORTS and _HOST.fullmatch(parts.hostname or "") and parts.port != 0
    except ValueError:
        return NOWHERE
    return parts if usable else NOWHERE


def joined(base: str, reference: str) -> str:
    """Resolve a reference against a URL (RFC 3986 section 5.2.2, the strict way); an unparsable one stays as it is."""
    try:
        return reference if _SCHEME.match(reference) else urljoin(base, reference)
    except ValueError:
        return reference


def port_of(parts: SplitResult) -> int:
    """Return the port of a URL, by default that of its scheme; 0 for NOWHERE."""
    return parts.port or PORTS.get(parts.scheme, 0)


def origin_of(url: str) -> Origin:
    """Return the origin of a URL; that of NOWHERE is no other one's."""
    parts = parsed(url)
    return parts.scheme, parts.hostname or "", port_of(parts)
