"""`/v2/<name>/blobs/uploads/` and the sessions below it (end-4, end-5, end-6, end-11, end-13, end-14)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress

from werkzeug.wrappers import Response

from fakereg.auth.caller import PULL
from fakereg.dialect.presets import MIB
from fakereg.http.answers import EmptyResponse
from fakereg.http.call import Call
from fakereg.spec.errors import Code, RegistryError
from fakereg.spec.names import Digest, Name
from fakereg.storage.base import StorageError, UploadBusy, UploadGone
from fakereg.storage.repositories import TooManyUploads, Upload

_BINARY = "application/octet-stream"
_CONTENT_RANGE = re.compile(r"([0-9]{1,18})-([0-9]{1,18})")


def post(call: Call, name: Name) -> Response:
    """Mount a blob or take it from the body and answer 201, else start a session and answer 202 with its Location."""
    mount = call.parameter("mount")
    if mount is not None and (digest := _mount(call, name, mount)):
        return _created(call, name, digest)
    single = call.parameter("digest")
    if single is None or not call.dialect.single_post:
        return _accepted(call, _start(call, name, _algorithm(call)), start=True)
    return _single_post(call, name, _digest(call, single))


def post_at_session(call: Call, name: Name, id: str) -> Response:
    """Start another session, or mount a blob, in dialects where a session has the methods of `/blobs/uploads/`."""
    check(call, name, id)
    return post(call, name)


def unknown(call: Call, name: Name) -> Response:
    """Raise BLOB_UPLOAD_UNKNOWN, in dialects where `/blobs/uploads/` has the methods of a session."""
    raise _unknown()


def check(call: Call, name: Name, id: str) -> None:
    """Raise the error of a session that is not there, or that has gone on since its Location was given."""
    _check_state(call, _session(call, name, id))


def patch(call: Call, name: Name, id: str) -> Response:
    """Add the body to the session, as a chunk if it has a Content-Range, else as a stream, and answer 202."""
    with _resumed(call, name, id) as upload:
        _check_chunk_type(call)
        _receive(call, upload)
        return _accepted(call, upload)


def put(call: Call, name: Name, id: str) -> Response:
    """Close the session, with the body as its last chunk if there is one, as the blob `?digest=`, and answer 201."""
    with _resumed(call, name, id) as upload:
        text = call.parameter("digest")
        if text is None:
            raise RegistryError(Code.DIGEST_INVALID, "the closing PUT must have a digest parameter")
        digest = _digest(call, text)
        _receive(call, upload, last=True)
        with _undone_by_failures(upload):
            return _finish(call, name, upload, digest)


def get(call: Call, name: Name, id: str) -> Response:
    """Answer 204 with the Range that the session has so far."""
    upload = _session(call, name, id)
    _check_state(call, upload)
    return EmptyResponse(status=204, headers=_progress(call, upload))


def delete(call: Call, name: Name, id: str) -> Response:
    """Cancel the session and answer 204."""
    with _resumed(call, name, id) as upload:
        call.storage.cancel_upload(upload)
    return EmptyResponse(status=204, headers={"Docker-Upload-UUID": id})


def _mount(call: Call, name: Name, text: str) -> Digest | None:
    """Mount the blob and return its digest, else None; raise for malformed parameters if the dialect is strict."""
    try:
        digest = _digest(call, text)
        return digest if _mounted(call, name, digest) else None
    except RegistryError:
        if call.dialect.strict_mount:
            raise
        return None


def _mounted(call: Call, name: Name, digest: Digest) -> bool:
    """Mount the blob from a repository that the caller may pull; return whether there was one."""
    if not call.dialect.mount:
        return False
    text = call.parameter("from")
    if text is not None:
        return _mount_from(call, name, digest, Name.parse(text, host=call.dialect.host_names))
    if not call.dialect.anonymous_mount:
        return False
    if call.dialect.auth == "none":
        return call.storage.mount_blob(name, digest, source=None)
    return any(_mount_from(call, name, digest, source) for source in call.storage.repositories())


def _mount_from(call: Call, name: Name, digest: Digest, source: Name) -> bool:
    """Mount the blob from one repository; refuse one that has moved to another registry."""
    there = call.policy.home(call.site, source) is call.home
    return there and PULL in call.rights(source) and call.storage.mount_blob(name, digest, source=source)


def _algorithm(call: Call) -> str:
    name = call.parameter("digest-algorithm")
    if name is None or not call.dialect.digest_algorithm_parameter:
        return "sha256"
    if name not in call.dialect.digest_algorithms:
        raise RegistryError(Code.DIGEST_INVALID, "the digest algorithm is not supported")
    return name


def _digest(call: Call, text: str) -> Digest:
    return Digest.parse(text, algorithms=call.dialect.digest_algorithms)


def _start(call: Call, name: Name, algorithm: str) -> Upload:
    dialect = call.dialect
    try:
        return call.storage.start_upload(
            name,
            algorithm=algorithm,
            expiry=dialect.upload_expiry,
            limit=dialect.upload_limit,
            timeout=dialect.upload_timeout,
        )
    except TooManyUploads:
        raise RegistryError(
            Code.TOOMANYREQUESTS, "too many open upload sessions", headers={"Retry-After": "60"}
        ) from None


def _single_post(call: Call, name: Name, digest: Digest) -> Response:
    with _claimed(_start(call, name, digest.algorithm)) as upload:
        try:
            _receive(call, upload, last=True)
        except BaseException:
            with suppress(UploadGone):
                call.storage.cancel_upload(upload)  # the client does not know the session and cannot resume it
            raise
        return _finish(call, name, upload, digest)


def _finish(call: Call, name: Name, upload: Upload, digest: Digest) -> Response:
    kept = not call.dialect.mismatch_ends_session and not upload.matches(digest)
    if kept or not call.storage.finish_upload(upload, digest):
        raise RegistryError(
            Code.DIGEST_INVALID, "provided digest did not match uploaded content", details=[{"digest": digest}]
        )
    return _created(call, name, digest)


def _session(call: Call, name: Name, id: str) -> Upload:
    state = call.parameter("_state") if call.dialect.upload_state else ""
    if call.dialect.upload_state and state != _state(name, id, (state or "").partition("-")[0]):
        raise _stale()
    upload = call.storage.upload(name, id)
    if upload is None:
        raise _unknown()
    return upload


def _check_state(call: Call, upload: Upload) -> None:
    """Raise BLOB_UPLOAD_INVALID if the request follows a Location from before the last bytes of the session."""
    if call.dialect.upload_state and call.parameter("_state") != _state(upload.repository, upload.id, upload.size):
        raise _stale()


def _state(name: Name, id: str, size: int | str) -> str:
    """Return the `_state` of a session that holds `size` bytes; that of another session is another one."""
    return f"{size}-{hashlib.sha256(f'{name} {id} {size}'.encode()).hexdigest()[:16]}"


def _unknown() -> RegistryError:
    return RegistryError(Code.BLOB_UPLOAD_UNKNOWN, "blob upload unknown to registry")


def _stale() -> RegistryError:
    return RegistryError(Code.BLOB_UPLOAD_INVALID, "blob upload invalid", status=404)


@contextmanager
def _resumed(call: Call, name: Name, id: str) -> Iterator[Upload]:
    """Claim the session that the request names, for the time of the request."""
    with _claimed(_session(call, name, id)) as upload:
        _check_state(call, upload)
        yield upload


@contextmanager
def _claimed(upload: Upload) -> Iterator[Upload]:
    """Claim the session for this request; raise 409 if another request has it."""
    try:
        upload.claim()
        try:
            yield upload
        finally:
            upload.release()
    except UploadBusy:
        message = "another request is writing to this upload session"
        raise RegistryError(Code.BLOB_UPLOAD_INVALID, message, status=409) from None
    except UploadGone:
        raise _unknown() from None


def _check_chunk_type(call: Call) -> None:
    if call.dialect.octet_stream_chunks and call.request.headers.get("Content-Type") not in (None, "", _BINARY):
        raise RegistryError(Code.BLOB_UPLOAD_INVALID, f"the Content-Type of a PATCH must be {_BINARY}")


def _receive(call: Call, upload: Upload, *, last: bool = False) -> None:
    """Add the body to the session. A refused chunk leaves no bytes; a stream cut short leaves the bytes received."""
    _check_limit(call, upload, call.request.content_length or 0)
    length = _chunk_length(call, upload, last=last)
    before = upload.size
    for data in call.chunks():
        _check_limit(call, upload, len(data))
        with _undone_by_failures(upload) if last else nullcontext():
            upload.append(data)
    received = upload.size - before
    if length is not None and received != length:
        upload.rollback()
        raise RegistryError(
            Code.SIZE_INVALID, f"the body must have the {length} bytes of Content-Range, got {received}"
        )
    upload.short_chunk = not last and length is not None and length < call.dialect.chunk_min_length


@contextmanager
def _undone_by_failures(upload: Upload) -> Iterator[None]:
    """Drop the bytes of this request if the storage fails: it is sent again as a whole, and the disk may be full."""
    try:
        yield
    except (OSError, StorageError):
        upload.rollback()
        raise


def _chunk_length(call: Call, upload: Upload, *, last: bool) -> int | None:
    """Return the number of bytes in Content-Range, None for a stream; raise before the body is read if it is wrong."""
    declared = call.request.content_length
    text = call.request.headers.get("Content-Range")
    if text is None or not call.dialect.content_range:
        return None
    match = _CONTENT_RANGE.fullmatch(text)
    if not match or int(match[1]) > int(match[2]):
        raise RegistryError(Code.BLOB_UPLOAD_INVALID, f"Content-Range must be FIRST-LAST, got {text[:100]!r}")
    start, length = int(match[1]), int(match[2]) - int(match[1]) + 1
    if not last:
        _check_patch(call, length)
    if start != upload.size:
        raise RegistryError(
            Code.BLOB_UPLOAD_INVALID, "chunk is out of order", status=416, headers=_progress(call, upload)
        )
    if upload.short_chunk:
        message = f"a chunk before the last must have at least {call.dialect.chunk_min_length} bytes"
        raise RegistryError(Code.BLOB_UPLOAD_INVALID, message)
    if declared is not None and declared != length:
        raise RegistryError(
            Code.SIZE_INVALID, f"Content-Length must be the {length} bytes of Content-Range, got {declared}"
        )
    _check_limit(call, upload, length)
    return length


def _check_patch(call: Call, length: int) -> None:
    """Raise 416 for a ranged PATCH over the dialect's limit (GP-3.37); streams have no limit."""
    limit = call.dialect.ranged_patch_limit
    if 0 < limit < length:
        message = f"the request body is too large and exceeds the maximum permissible limit of {limit / MIB:.2f}MiB"
        raise RegistryError(Code.REQUESTED_RANGE_NOT_SATISFIABLE, message)


def _check_limit(call: Call, upload: Upload, more: int) -> None:
    """Raise the refusal of a blob that `more` bytes would make too large, and drop all bytes of this request."""
    limit = call.dialect.blob_size_limit
    if not 0 < limit < upload.size + more:
        return
    upload.rollback()
    if call.dialect.oversize_ends_session:
        call.storage.cancel_upload(upload)
    raise RegistryError(
        Code.SIZE_INVALID, f"a blob must have at most {limit} bytes", status=call.dialect.blob_size_refusal
    )


def _progress(call: Call, upload: Upload) -> dict[str, str]:
    """Return Location and Range of a session; a fresh one has 0-0, as in Docker's registry."""
    path = f"/v2/{upload.repository}/blobs/uploads/{upload.id}"
    state = f"?_state={_state(upload.repository, upload.id, upload.size)}" if call.dialect.upload_state else ""
    return {
        "Location": call.location(path) + state,
        "Range": f"0-{max(upload.size - 1, 0)}",
        "Docker-Upload-UUID": upload.id,
    }


def _accepted(call: Call, upload: Upload, *, start: bool = False) -> Response:
    headers = _progress(call, upload)
    if start and call.dialect.chunk_min_length:
        headers["OCI-Chunk-Min-Length"] = str(call.dialect.chunk_min_length)
    return EmptyResponse(status=202, headers=headers)


def _created(call: Call, name: Name, digest: Digest) -> Response:
    headers = {"Location": call.location(f"/v2/{name}/blobs/{digest}")}
    if call.dialect.blob_push_digest:
        headers["Docker-Content-Digest"] = str(digest)
    return EmptyResponse(status=201, headers=headers)
