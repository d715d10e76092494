"""The books of the writers: the acknowledged content, and the change of the request under way.

A key is a blob, manifest or tag of a repository, `(kind, repository, reference)`. Its value is a digest, or None. Each
key belongs to one writer, so no other writer changes it; the blobs that all writers push are never deleted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from conformance.client.content import digest_of

Key = tuple[str, str, str]
"""`("blob" | "manifest" | "tag", repository, digest or tag)`."""

Value = str | None


@dataclass(slots=True)
class Session:
    """An upload session of which the first `acknowledged` bytes of `data` were acknowledged.

    It may hold up to `reach` bytes, since a request with more may have been under way; with `ending` it may have ended,
    since a request that ends it may have been under way.
    """

    repository: str
    path: str
    data: bytes
    acknowledged: int = 0
    reach: int = 0
    ending: bool = False

    @property
    def key(self) -> Key:
        """The key of the blob that the session makes."""
        return "blob", self.repository, digest_of(self.data)


@dataclass(frozen=True, slots=True)
class Known:
    """A manifest as it was pushed: its bytes, media type, subject, and the keys that it names."""

    data: bytes
    media_type: str
    names: tuple[Key, ...]
    subject: str | None = None


@dataclass(slots=True)
class Book:
    """The keys of one writer. `changing` holds the new values of the request under way: all of them apply, or none.

    The blobs with a digest among `common` belong to all writers, so a writer that has not pushed one does not know
    whether it exists.
    """

    common: frozenset[str] = frozenset()
    held: dict[Key, Value] = field(default_factory=dict)
    changing: dict[Key, Value] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[Key, Known] = field(default_factory=dict)
    sessions: list[Session] = field(default_factory=list)
    deleted: set[Key] = field(default_factory=set)
    """The keys for which a deletion was sent at any time."""

    story: defaultdict[Key, list[str]] = field(default_factory=lambda: defaultdict(list))
    """The history of each key, as evidence of a finding."""

    def begin(self, change: dict[Key, Value], what: str) -> None:
        """Note that a request with this change is about to be sent."""
        self.changing = change
        self.deleted |= {key for key, value in change.items() if value is None}
        for key in change:
            self.story[key].append(f"{what} was sent")

    def acknowledge(self) -> None:
        """Note that the request under way was acknowledged."""
        for key in self.changing:
            self.story[key].append("and was acknowledged")
        self.settle(self.changing)

    def settle(self, found: Mapping[Key, Value]) -> None:
        """Note the actual values; nothing is under way any more."""
        self.held |= found
        for key in [key for key, value in found.items() if value is None and key[2] in self.common]:
            del self.held[key]
        self.changing = {}

    def expected(self) -> dict[Key, Value]:
        """Return every key of a write, with its acknowledged value."""
        return dict.fromkeys(self.changing) | self.held

    def there(self, what: str, repository: str = "") -> list[Key]:
        """Return the keys of one kind, of one repository if given, that have a value."""
        return [key for key, value in self.held.items() if value and key[0] == what and repository in ("", key[1])]

    def complete(self, manifest: Key) -> bool:
        """Whether all parts of a manifest exist."""
        return all(self.held.get(key) for key in self.manifests[manifest].names)
