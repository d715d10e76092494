"""The reference model: a registry as a few dictionaries, for one request at a time.

It has the methods of `conformance.client.client.Client`. Each returns the correct answers to the request (`Expected`),
with the content of the registry after each of them. Where the specification leaves a choice, several statuses are
correct, and the model follows the choice of the server. `abilities` are the optional capabilities of the server,
`rights` those of each identity.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from conformance.client.content import ALGORITHMS, digest_of
from conformance.stress.machine import expectations
from conformance.stress.machine.expectations import Check
from conformance.stress.machine.holdings import (
    Effect,
    Expected,
    Manifest,
    Repository,
    Upload,
    descriptors,
    drop,
    is_of,
    lacks,
    nothing,
    parsed,
    refused,
    unclear,
)

NAME = re.compile(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*")
TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
DIGEST = re.compile(r"(sha256):[a-f0-9]{64}|(sha512):[a-f0-9]{128}")
LONGEST_NAME = 255
LARGEST_PAGE = 1000
"""A registry may refuse a larger `n`."""
COMMON = {digest_of(data): data for data in (b"", b"x")}
"""Blobs that any repository may contain: they are too short to belong to one program."""

REFUSED = (401, 403, 404)
"""The statuses for a missing right; 404 hides the content."""

UNKNOWN, INVALID, UNSUPPORTED = (404,), (400, 404), (400, 403, 404, 405)


class Model:
    """The content of a registry. `rights` holds the rights of each identity: pull, push, delete."""

    def __init__(self, *, abilities: Collection[str], rights: Mapping[str, Collection[str]] | None) -> None:
        self.can = frozenset(abilities)
        self.rights = rights
        self.repositories: dict[str, Repository] = {}
        self.uploads: list[Upload] = []

    def of(self, name: str) -> Repository:
        """Return the content of a repository, to read."""
        return self.repositories.get(name) or Repository()

    def _made(self, name: str) -> Repository:
        return self.repositories.setdefault(name, Repository())

    def may(self, who: str, action: str) -> bool:
        """Return whether an identity has a right; without authentication every identity has all rights."""
        return self.rights is None or action in self.rights.get(who, ())

    def _digest(self, text: str) -> bool:
        """Return whether the server must know a digest; algorithms other than sha256 are optional."""
        match = DIGEST.fullmatch(text)
        return bool(match and (match[1] or "sha512" in self.can))

    # Blobs.

    def get_blob(self, name: str, digest: str, *, headers: Collection[tuple[str, str]] = ()) -> Expected:
        """Expect the blob or a part of it."""
        data = self.of(name).blobs.get(digest)
        if data is None:
            return self._no_blob(name, digest, "OCI-R019")
        asked = dict(headers).get("Range")
        wanted = asked if "blob_range" in self.can else None
        if wanted is None:
            whole = (200,) if asked is None or "blob_range" in self.can else (200, 206, 416)
            return Expected("OCI-R015", dict.fromkeys(whole, nothing), expectations.body(data, digest))
        statuses, part = expectations.part_of(data, wanted)
        return Expected("OCI-R020", dict.fromkeys(statuses, nothing), expectations.part(data, part, digest))

    def head_blob(self, name: str, digest: str, **_: Any) -> Expected:
        """Expect the length of the blob."""
        data = self.of(name).blobs.get(digest)
        if data is None:
            return self._no_blob(name, digest, "OCI-R024")
        return Expected("OCI-R023", {200: nothing}, expectations.length(data, digest))

    def _no_blob(self, name: str, digest: str, requirement: str) -> Expected:
        valid = self._name(name) and DIGEST.fullmatch(digest)
        return refused(requirement, UNKNOWN if valid else INVALID)

    def delete_blob(self, name: str, digest: str) -> Expected:
        """Expect the deletion of the blob, in this repository only."""
        blobs = self.of(name).blobs
        if "blob_deletion" not in self.can:
            return refused("OCI-R098", UNSUPPORTED)
        if digest not in blobs:
            return self._no_blob(name, digest, "OCI-R097")
        return Expected("OCI-R096", {202: lambda: drop(blobs, digest)})

    # Upload sessions.

    def start_upload(self, name: str, *, digest_algorithm: str | None = None) -> Expected:
        """Expect a new upload session."""
        if not self._name(name):
            return refused("OCI-R006", INVALID)
        statuses: dict[int, Effect] = {202: lambda: self.uploads.append(Upload(name))}
        if digest_algorithm and digest_algorithm not in {"sha256", "sha512"}:
            statuses[400] = nothing
        return Expected("OCI-R028", statuses, expectations.location)

    def post_blob(self, name: str, digest: str, data: bytes) -> Expected:
        """Expect the blob after one request, or an upload session."""
        if not self._name(name):
            return refused("OCI-R006", INVALID)
        if "single_post" not in self.can:
            return Expected("OCI-R033", {202: lambda: self.uploads.append(Upload(name)), 400: nothing})
        if not self._digest(digest) or not is_of(digest, data):
            return refused("OCI-R027", (400,))
        return Expected("OCI-R034", {201: lambda: self._keep_blob(name, digest, data)}, expectations.location)

    def mount(self, name: str, digest: str, *, source: str | None = None) -> Expected:
        """Expect the blob of another repository, or an upload session."""
        if not self._name(name) or not self._digest(digest) or (source is not None and not self._name(source)):
            return Expected("OCI-R051", {400: nothing, 404: nothing, 202: lambda: self.uploads.append(Upload(name))})
        held = {digest: data for there in self.repositories.values() for digest, data in there.blobs.items()}
        data = self.of(source).blobs.get(digest) if source else (COMMON | held).get(digest)
        effects: dict[int, Effect] = {202: lambda: self.uploads.append(Upload(name))}
        if data is None:
            return Expected("OCI-R051", effects)
        return Expected("OCI-R049", effects | {201: lambda: self._keep_blob(name, digest, data)})

    def patch(self, upload: int, data: bytes, *, content_range: str | None = None) -> Expected:
        """Expect more bytes in an upload session."""
        session = self.uploads[upload]
        grown = {held + data for held in session.held}

        def append() -> None:
            session.held = grown

        if session.closed or session.unsure:
            return self._gone(session, append)
        if wrong := self._wrong_range(session, data, content_range):
            return refused("OCI-R040", wrong)
        return Expected("OCI-R037", {202: append}, expectations.progress(len(session.data + data)))

    def put_upload(self, upload: int, digest: str, data: bytes = b"", *, content_range: str | None = None) -> Expected:
        """Expect a blob from the content of the session and the last bytes, if the digest is correct."""
        session = self.uploads[upload]
        grown = {held + data for held in session.held}
        matching = [whole for whole in grown if is_of(digest, whole)] if self._digest(digest) else []

        def doubt() -> None:
            session.unsure = True
            session.held |= grown

        def close() -> None:
            session.closed = True
            self._keep_blob(session.name, digest, matching[0])

        if session.unsure and not session.closed:
            statuses: dict[int, Effect] = {400: doubt, 404: nothing, 416: nothing}
            return Expected("OCI-R031", statuses | ({201: close} if matching else {}))
        if session.closed:
            return refused("OCI-R048", (404, 405) if self._digest(digest) else (*INVALID, 405))
        if not self._digest(digest):
            return Expected("OCI-R027", {400: doubt})
        if wrong := self._wrong_range(session, data, content_range):
            return refused("OCI-R043", wrong)
        return (
            Expected("OCI-R031", {201: close}, expectations.location)
            if matching
            else Expected("OCI-R027", {400: doubt})
        )

    def upload_status(self, upload: int) -> Expected:
        """Expect the number of bytes in an upload session."""
        session = self.uploads[upload]
        if session.closed or session.unsure or "upload_status" not in self.can:
            return self._gone(session)
        return Expected("OCI-R044", {204: nothing}, expectations.progress(len(session.data)))

    def cancel_upload(self, upload: int) -> Expected:
        """Expect the end of an upload session, without a blob."""
        session = self.uploads[upload]

        def close() -> None:
            session.closed = True

        if "upload_cancel" not in self.can:
            return refused("OCI-R047", UNSUPPORTED)
        if session.closed or session.unsure:
            return Expected("OCI-R047", {204: close, 404: close, 400: nothing})
        return Expected("OCI-R047", {204: close})

    def _gone(self, session: Upload, accepted: Effect = nothing) -> Expected:
        """Expect an ended session to be unknown; a session that may have ended may answer either way."""
        if session.closed or not session.unsure:
            return refused("OCI-R048", (404, 405))
        return Expected("OCI-R048", dict.fromkeys((204, 400, 404, 405, 416), nothing) | {202: accepted})

    def _wrong_range(self, session: Upload, data: bytes, content_range: str | None) -> tuple[int, ...]:
        """Return the correct refusals of a Content-Range; none if it is correct or absent."""
        if not content_range:
            return ()
        match = re.fullmatch(r"([0-9]+)-([0-9]+)", content_range)
        if not match or int(match[1]) > int(match[2]):
            return (400, 416)
        first, last = int(match[1]), int(match[2])
        if first == len(session.data) and last - first + 1 == len(data):
            return ()
        # The server may report either fault.
        return (416,) if first != len(session.data) and last - first + 1 == len(data) else (400, 416)

    # Manifests.

    def get_manifest(self, name: str, reference: str, **_: Any) -> Expected:
        """Expect exactly the bytes that were pushed."""
        return self._read(name, reference, "OCI-R011", "OCI-R014", expectations.manifest)

    def head_manifest(self, name: str, reference: str, **_: Any) -> Expected:
        """Expect the length of the manifest."""
        if "manifest_head" not in self.can:
            return refused("OCI-R021", (404, 405))
        return self._read(name, reference, "OCI-R023", "OCI-R024", expectations.manifest_length)

    def _read(
        self, name: str, reference: str, found: str, missing: str, check: Callable[[bytes, str, str], Check]
    ) -> Expected:
        repository = self.of(name)
        is_digest = ":" in reference
        digest = reference if is_digest else repository.tags.get(reference, "")
        held = repository.manifests.get(digest) if self._references(is_digest) else None
        if held is None:
            valid = self._name(name) and (DIGEST if is_digest else TAG).fullmatch(reference)
            return refused(missing, UNKNOWN if valid else INVALID)
        return Expected(found, {200: nothing}, check(held.data, held.media_type, digest))

    def _references(self, is_digest: bool) -> bool:
        return not is_digest or "digests" in self.can

    def put_manifest(
        self, name: str, reference: str, data: bytes, *, media_type: str, valid: str = "yes", tags: Collection[str] = ()
    ) -> Expected:
        """Expect a manifest under its digest and a tag.

        `valid` is yes, no, either (the server may choose), or unclear (it may, and then its content is unknown).
        """
        is_digest = ":" in reference
        if not self._name(name) or not (DIGEST if is_digest else TAG).fullmatch(reference):
            return refused("OCI-R053", (*INVALID, 405))
        if not self._references(is_digest):
            return refused("OCI-R053", UNSUPPORTED)
        if is_digest and not is_of(reference, data):
            return refused("OCI-R027", INVALID)
        if valid == "no" or not all(TAG.fullmatch(tag) for tag in tags):
            return refused("OCI-R053", INVALID)
        manifest = Manifest(data, media_type.partition(";")[0].strip(), parsed(data))
        digest = reference if is_digest else digest_of(data)
        pointing = [*tags] if "tag_parameters" in self.can and is_digest else []
        pointing += [] if is_digest else [reference]

        def store() -> None:
            repository = self._made(name)
            repository.manifests[digest] = manifest
            repository.tags |= dict.fromkeys(pointing, digest)

        effects = dict.fromkeys(self._refusals(name, manifest, reference, valid), nothing)
        if not effects or valid != "yes" or 201 in effects:
            effects[201] = store if manifest.document and valid != "unclear" else unclear
        subject = manifest.subject if "referrers" in self.can and valid != "unclear" else None
        return Expected("OCI-R055", effects, expectations.pushed(digest, subject))

    def _refusals(self, name: str, manifest: Manifest, reference: str, valid: str) -> tuple[int, ...]:
        """Return the statuses of a refusal.

        There is none if the manifest must be accepted; 201 is among them if it may be accepted.
        """
        if self._is_refused(manifest):
            return (400, 403, 404, 415)
        if manifest.media_type not in expectations.FORMATS:
            return (201, 400, 404, 415)
        if reference.startswith("sha512:") and "manifest_sha512" not in self.can:
            return UNSUPPORTED
        lacking = lacks(self.of(name), manifest.document)
        either = () if "completeness" in self.can and lacking == "yes" else (201,)
        return (400, 404, *either) if lacking != "no" else ((400, 201) if valid != "yes" else ())

    def _is_refused(self, manifest: Manifest) -> bool:
        """Return whether the registry refuses this format of manifests, or foreign layers."""
        wanted = expectations.FORMATS.get(manifest.media_type)
        foreign = any(layer.get("urls") for layer in descriptors(manifest.document, "layers"))
        return bool(wanted and wanted not in self.can) or (foreign and "foreign_layers" not in self.can)

    def delete_manifest(self, name: str, reference: str) -> Expected:
        """Expect the deletion of one tag, or of a manifest with all tags that point to it."""
        repository = self.of(name)
        if ":" not in reference:
            if "tag_deletion" not in self.can:
                return refused("OCI-R092", UNSUPPORTED)
            if reference in repository.tags:
                return Expected("OCI-R091", {202: lambda: drop(repository.tags, reference)})
        elif "manifest_deletion" not in self.can:
            return refused("OCI-R095", UNSUPPORTED)
        elif reference in repository.manifests:
            return Expected("OCI-R093", {202: lambda: self._delete(repository, reference)})
        valid = self._name(name) and (DIGEST if ":" in reference else TAG).fullmatch(reference)
        return refused("OCI-R093", UNKNOWN if valid else INVALID)

    def _delete(self, repository: Repository, digest: str) -> None:
        del repository.manifests[digest]
        repository.tags = {tag: target for tag, target in repository.tags.items() if target != digest}

    # Lists.

    def list_tags(self, name: str, *, n: int | str | None = None, last: str | None = None) -> Expected:
        """Expect the tags in order, all or one page."""
        repository = self.repositories.get(name)
        usual = (n is None or (expectations.is_number(n) and int(n) <= LARGEST_PAGE)) and (
            not last or TAG.fullmatch(last)
        )
        odd = () if usual else (400,)
        if repository is None or not (repository.manifests or repository.tags):
            unknown = (200, 404, *odd) if self._name(name) else INVALID
            return Expected("OCI-R060", dict.fromkeys(unknown, nothing), expectations.tags(name, {}, n, last))
        check = expectations.tags(name, repository.tags, n, last)
        return Expected("OCI-R066", dict.fromkeys((200, *odd), nothing), check)

    def list_referrers(self, name: str, digest: str, *, artifact_type: str | None = None) -> Expected:
        """Expect the manifests whose subject is the digest."""
        if "referrers" not in self.can:
            return refused("OCI-R077", (400, 404, 405))
        if not self._name(name) or not DIGEST.fullmatch(digest):
            known = digest.partition(":")[0] in ALGORITHMS or not self._name(name)
            return refused("OCI-R078", INVALID if known else (200, *INVALID))
        live = {key: held for key, held in self.of(name).manifests.items() if held.subject == digest}
        found = {
            key: {"mediaType": held.media_type, "digest": key, "size": len(held.data)}
            | ({"artifactType": held.artifact_type} if held.artifact_type else {})
            | ({"annotations": held.document["annotations"]} if held.document.get("annotations") else {})
            for key, held in live.items()
        }
        return Expected("OCI-R079", {200: nothing}, expectations.referrers(found, artifact_type))

    def ping(self) -> Expected:
        """Expect success."""
        return Expected("OCI-R001", {200: nothing})

    def catalog(self, *, n: int | None = None, last: str | None = None) -> Expected:
        """Expect anything but a server error: the catalog is an extension."""
        return refused("OCI-R102", (200, 400, 401, 403, 404, 405))

    def request(self, method: str, url: str) -> Expected:
        """Expect the target of a Link or a Location: the next page of a list, or a blob."""
        return Expected("OCI-R069" if method == "GET" else "OCI-R032", {200: nothing})

    def _name(self, name: str) -> bool:
        return bool(NAME.fullmatch(name)) and len(name) <= LONGEST_NAME

    def _keep_blob(self, name: str, digest: str, data: bytes) -> None:
        self._made(name).blobs[digest] = data
