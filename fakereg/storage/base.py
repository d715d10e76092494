"""What a storage is: the protocols that the registry relies on.

A storage is atomic per call: each write is one call, and whoever reads sees it whole or not at all. No call
holds a lock while a request body is read or an answer is sent. `fakereg.storage.contract` tests any storage.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import BinaryIO, NamedTuple, Protocol

from fakereg.spec.manifest import Manifest
from fakereg.spec.names import Digest, Name, Tag


class StorageError(Exception):
    """The storage cannot be opened or used; the message says why and what to do."""


class MissingContent(Exception):
    """`put_manifest` found that the repository lacks `digests`."""

    def __init__(self, digests: Sequence[Digest]) -> None:
        super().__init__(", ".join(digests))
        self.digests = tuple(digests)


class UploadBusy(Exception):
    """Another request is writing to the upload session."""


class UploadGone(Exception):
    """The upload session has ended: by another request, by its timeout, or because the storage was cleared."""


class TooManyUploads(Exception):
    """The limit of open upload sessions is reached."""


Guard = Callable[[Digest | None], None]
"""Is told what a push would replace: the digest that its first tag points to, or its own if it has no tag; None if
there is no such thing. Raises to prevent the push.
"""


class StoredManifest(NamedTuple):
    """A manifest as it was pushed: its bytes, its media type and the digest that names it."""

    content: bytes
    media_type: str
    digest: Digest


class Upload(Protocol):
    """An upload session. One request at a time writes to it, between `claim` and `release`."""

    id: str
    repository: Name
    short_chunk: bool
    """Whether the last chunk was shorter than the announced minimum; the registry keeps it here between requests."""

    @property
    def size(self) -> int:
        """Bytes received so far."""

    def claim(self) -> None:
        """Take the session for writing; raise UploadBusy if another request has it, UploadGone if it has ended."""

    def release(self) -> None:
        """Give the session back."""

    def append(self, data: bytes) -> None:
        """Add bytes at the end; raise UploadGone if the session timed out or the storage was cleared meanwhile."""

    def rollback(self) -> None:
        """Forget all bytes that came since `claim`."""


class Storage(Protocol):
    """Repositories with their blobs, manifests and tags. `None` and `False` mean: there is no such thing."""

    def repositories(self) -> list[Name]:
        """All repositories, sorted. One comes to be with its first blob or manifest and stays."""

    def has_repository(self, name: Name) -> bool:
        """Whether the repository exists."""

    def blob_size(self, name: Name, digest: Digest) -> int | None:
        """Size in bytes of a blob of this repository."""

    def open_blob(self, name: Name, digest: Digest) -> BinaryIO | None:
        """A blob of this repository, readable even if it is deleted meanwhile; the caller closes it."""

    def delete_blob(self, name: Name, digest: Digest) -> bool:
        """Take a blob out of this repository, and of no other."""

    def mount_blob(self, name: Name, digest: Digest, *, source: Name | None) -> bool:
        """Make a blob of `source`, or of any repository if that is None, a blob of this one as well."""

    def start_upload(self, name: Name, *, algorithm: str, expiry: float, limit: int, timeout: float = 0) -> Upload:
        """Open a session for a blob to be named by `algorithm`, gone after `expiry` seconds without a request.

        It is gone `timeout` seconds from now in any case, also for a request that is writing to it; 0: never.
        Raise TooManyUploads if `limit` sessions are open.
        """

    def upload(self, name: Name, id: str) -> Upload | None:
        """An open session of this repository; asking for it counts as a request."""

    def cancel_upload(self, upload: Upload) -> None:
        """End a session that the caller has claimed, and forget its bytes; raise UploadGone if it has ended."""

    def finish_upload(self, upload: Upload, digest: Digest) -> bool:
        """End a session that the caller has claimed: its bytes become a blob of its repository if they match `digest`,
        else they are forgotten and the answer is False. Raise UploadGone if it has ended.
        """

    def manifest(self, name: Name, reference: Tag | Digest) -> StoredManifest | None:
        """The manifest that the tag points to or that the digest names."""

    def put_manifest(
        self, name: Name, manifest: Manifest, *, tags: Collection[Tag], complete: bool, guard: Guard | None = None
    ) -> None:
        """Store the manifest and point the tags at it, all in one step.

        Within that step `guard` is called first; what it raises passes on, and nothing changes.
        With `complete`, raise MissingContent if the repository lacks a blob or manifest that it names (foreign
        layers and the subject excepted), and change nothing.
        """

    def put_manifests(self, name: Name, manifests: Iterable[tuple[Manifest, Collection[Tag]]]) -> None:
        """Store manifests, whatever they name, and point the tags of each at it, all in one step."""

    def delete_manifest(self, name: Name, digest: Digest) -> bool:
        """Delete a manifest and every tag that points to it."""

    def delete_manifests(self, name: Name, digests: Collection[Digest]) -> None:
        """Delete those manifests that are there, and every tag that points to one of them, all in one step."""

    def delete_tag(self, name: Name, tag: Tag) -> bool:
        """Delete a tag and leave the manifest."""

    def tags(self, name: Name) -> list[Tag] | None:
        """The tags of a repository in ASCII order; None if there is no such repository."""

    def has_tags(self, name: Name) -> bool:
        """Whether a repository has a tag. This and `has_manifests` are asked often: they have to be cheap."""

    def targets(self, name: Name) -> dict[Tag, Digest]:
        """What each tag of a repository points to, the tags in ASCII order."""

    def manifests(self, name: Name) -> list[Digest] | None:
        """The digests of all manifests of a repository, sorted; None if there is no such repository."""

    def has_manifests(self, name: Name) -> bool:
        """Whether a repository has a manifest."""

    def referrers(
        self, name: Name, subject: Digest, *, artifact_type: str | None, last: str, limit: int, size: int
    ) -> tuple[list[StoredManifest], bool]:
        """The manifests of the repository whose subject is `subject`, by digest, and whether more follow.

        They begin behind the digest `last` (the empty text for the first page), have the artifact type if one is
        given, and are at most `limit` and of at most `size` bytes together, but one at least if there is one.
        """

    def clear(self) -> None:
        """Forget everything."""

    def close(self) -> None:
        """Let go of files and locks; nothing is called afterwards."""
