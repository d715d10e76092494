"""`/v2/<name>/blobs/<digest>` (end-2, end-10)."""

from __future__ import annotations

from werkzeug.wrappers import Response

from fakereg.api import conditional
from fakereg.http.answers import UPLOADED, EmptyResponse
from fakereg.http.call import Call
from fakereg.server.body import FileRange
from fakereg.spec.errors import Code, RegistryError
from fakereg.spec.names import Digest, Name


def get(call: Call, name: Name, digest_text: str) -> Response:
    """Answer with the blob, or a range of it; also for HEAD."""
    name, scope = call.source(name)
    digest = check(call, name, digest_text)
    size = call.storage.blob_size(name, digest)
    if size is None:
        raise _unknown(call, name, digest)
    conditional.check_match(call, digest)
    headers = {**scope, **conditional.headers(call, digest)}
    if conditional.unchanged(call, digest):
        return EmptyResponse(status=304, headers=headers)
    if call.dialect.blob_range:
        headers["Accept-Ranges"] = "bytes"
        part = conditional.byte_range(call, digest, size)
        if part:
            return _part(call, name, digest, headers, size=size, part=part)
    return _send(call, name, digest, headers, offset=0, count=size, status=200)


def delete(call: Call, name: Name, digest_text: str) -> Response:
    """Delete the blob from this repository and answer 202."""
    digest = check(call, name, digest_text)
    with call.policy.deleting(call, name):
        if not call.storage.delete_blob(name, digest):
            raise _unknown(call, name, digest)
    return EmptyResponse(status=202)


def check(call: Call, name: Name, digest_text: str) -> Digest:
    """Return the digest of the path; raise DIGEST_INVALID."""
    return Digest.parse(digest_text, algorithms=call.dialect.digest_algorithms)


def _part(
    call: Call, name: Name, digest: Digest, headers: dict[str, str], *, size: int, part: tuple[int, int]
) -> Response:
    offset, count = part
    headers["Content-Range"] = f"bytes {offset}-{offset + count - 1}/{size}"
    return _send(call, name, digest, headers, offset=offset, count=count, status=206)


def _send(
    call: Call, name: Name, digest: Digest, headers: dict[str, str], *, offset: int, count: int, status: int
) -> Response:
    headers = {**headers, **UPLOADED, "Content-Length": str(count)}
    content_type = "application/octet-stream"
    if call.request.method == "HEAD":
        return Response(status=status, headers=headers, content_type=content_type)
    file = call.storage.open_blob(name, digest)
    if file is None:
        raise _unknown(call, name, digest)
    body = FileRange(file, offset=offset, count=count)
    return Response(body, status, headers=headers, content_type=content_type, direct_passthrough=True)


def _unknown(call: Call, name: Name, digest: Digest) -> RegistryError:
    if call.dialect.name_unknown and not call.storage.has_repository(name):
        return RegistryError(Code.NAME_UNKNOWN, "repository name not known to registry", details=[{"name": name}])
    return RegistryError(Code.BLOB_UNKNOWN, "blob unknown to registry", details=[{"digest": digest}])
