"""Repository names, tags and digests: parsed once when a request arrives, immutable values afterwards.

Each is a `str` of its own type, so that type checkers find code that passes a raw string by mistake.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection

from fakereg.spec.errors import Code, RegistryError

NAME_LENGTH_LIMIT = 255
"""Most characters of a repository name (the implementers' note of "Pulling manifests")."""

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_HOST = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*"
_NAME_AT_HOST = re.compile(rf"{_HOST}(?:/{_COMPONENT})+")
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_DIGEST = re.compile(r"([a-z0-9]+(?:[+._-][a-z0-9]+)*):([a-zA-Z0-9=_-]+)")
_HEX = re.compile(r"[a-f0-9]+")
_HEX_DIGITS = {"sha256": 64, "sha512": 128}

ALGORITHMS = tuple(_HEX_DIGITS)
"""Digest algorithms that this package can compute."""


class Name(str):
    """A repository name (`<name>` of the specification)."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str, *, host: bool = False) -> Name:
        """Check the grammar and the length; raise NAME_INVALID. With `host` the first part may be a host name."""
        if len(text) > NAME_LENGTH_LIMIT:
            raise RegistryError(
                Code.NAME_INVALID, f"a repository name must have at most {NAME_LENGTH_LIMIT} characters"
            )
        if not _NAME.fullmatch(text) and not (host and _NAME_AT_HOST.fullmatch(text)):
            raise RegistryError(Code.NAME_INVALID, "invalid repository name", details=[{"name": text}])
        return cls(text)


class Tag(str):
    """A tag: at most 128 characters of `[a-zA-Z0-9._-]`, the first neither `.` nor `-`."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Tag:
        """Check the grammar; raise MANIFEST_INVALID (the specification has no error code for tags)."""
        if not _TAG.fullmatch(text):
            raise RegistryError(Code.MANIFEST_INVALID, "invalid tag", details=[{"tag": text[:256]}])
        return cls(text)


class Digest(str):
    """A digest `algorithm:encoded` ("Digests" of the image specification)."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str, *, algorithms: Collection[str] | None = None) -> Digest:
        """Check the grammar, the length for known algorithms, and membership in `algorithms` if given.

        Raise DIGEST_INVALID otherwise. Without `algorithms` an unknown algorithm passes, as descriptors may have one.
        """
        match = _DIGEST.fullmatch(text) if len(text) <= NAME_LENGTH_LIMIT else None
        if not match:
            raise RegistryError(Code.DIGEST_INVALID, "malformed digest", details=[{"digest": text[:256]}])
        algorithm, encoded = match.groups()
        if algorithms is not None and algorithm not in algorithms:
            raise RegistryError(Code.DIGEST_INVALID, f"digest algorithm {algorithm} is not supported")
        digits = _HEX_DIGITS.get(algorithm)
        if digits and (len(encoded) != digits or not _HEX.fullmatch(encoded)):
            raise RegistryError(Code.DIGEST_INVALID, f"a {algorithm} digest must have {digits} lower-case hex digits")
        return cls(text)

    @classmethod
    def of(cls, content: bytes, *, algorithm: str = "sha256") -> Digest:
        """Return the digest of `content`."""
        return cls(f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}")

    @property
    def algorithm(self) -> str:
        """The part before the colon."""
        return self.partition(":")[0]

    @property
    def encoded(self) -> str:
        """The part after the colon."""
        return self.partition(":")[2]


def is_digest(text: str) -> bool:
    """Return whether a text has the grammar of a digest, of any algorithm and length."""
    return bool(_DIGEST.fullmatch(text))


def is_reference(text: str) -> bool:
    """Return whether a text has the grammar of a tag or of a digest."""
    return bool(_TAG.fullmatch(text)) or is_digest(text)


def parse_reference(text: str, *, algorithms: Collection[str]) -> Tag | Digest:
    """Parse a `<tag-or-digest>`: a text with a colon must be a digest, any other a tag."""
    return Digest.parse(text, algorithms=algorithms) if ":" in text else Tag.parse(text)
