"""`/v2/<name>/manifests/<tag-or-digest>` (end-3, end-7, end-9)."""

from __future__ import annotations

from werkzeug.http import parse_options_header
from werkzeug.wrappers import Response

from fakereg.api import conditional, manifest_rules
from fakereg.http.answers import UPLOADED, EmptyResponse
from fakereg.http.call import Call
from fakereg.spec import go_manifest
from fakereg.spec import manifest as manifests
from fakereg.spec.errors import Code, RegistryError
from fakereg.spec.manifest import Manifest
from fakereg.spec.names import Digest, Name, Tag, parse_reference
from fakereg.storage.base import MissingContent

_READINGS = {"spec": manifests.parse, "go": go_manifest.parse}


def get(call: Call, name: Name, reference_text: str) -> Response:
    """Answer with the manifest, its bytes and media type as they were pushed; also for HEAD."""
    name, scope = call.source(name)
    reference = parse_reference(reference_text, algorithms=call.dialect.digest_algorithms)
    rules = call.dialect.restricts_manifests
    if rules:
        manifest_rules.check_reference(call, name, reference)
    manifest = call.storage.manifest(name, reference)
    digest = reference if isinstance(reference, Digest) else manifest.digest if manifest else None
    if digest and conditional.names_only(call, digest):
        return EmptyResponse(status=304, headers=scope)
    if manifest is None:
        raise _unknown(call, name, reference)
    if rules:
        manifest_rules.check_pull(call, manifest)
    conditional.check_manifest(call, manifest.digest)
    headers = {**scope, **conditional.headers(call, manifest.digest)}
    if call.dialect.index_needs_accept:
        headers["Vary"] = "Accept"
    if conditional.manifest_unchanged(call, manifest.digest):
        return EmptyResponse(status=304, headers=headers)
    content_type = manifest.media_type + ("; charset=utf-8" if call.dialect.manifest_charset else "")
    response = Response(manifest.content, 200, headers={**headers, **UPLOADED}, content_type=content_type)
    if call.request.method == "GET":  # HEAD does not count as a download
        call.policy.pulled(call, name, reference, manifest.digest)
    return manifest_rules.mark_large(call, manifest, response) if rules else response


def put(call: Call, name: Name, reference_text: str) -> Response:
    """Store the manifest as it is, under its digest, the tag of the path and those of `?tag=`, and answer 201."""
    reference = parse_reference(reference_text, algorithms=call.dialect.digest_algorithms)
    rules = call.dialect.restricts_manifests
    if rules:
        manifest_rules.check_push_reference(call, reference)
    more = _tag_parameters(call) if isinstance(reference, Digest) else []
    manifest = _parse(call, reference)
    if rules:
        manifest_rules.check_push(call, manifest)
    _check_digest(call, reference, manifest)
    if rules:
        manifest_rules.check_layers(call, manifest)
    tags = [reference] if isinstance(reference, Tag) else more
    try:
        with call.policy.publishing(call, name, manifest, tags) as notes:
            call.storage.put_manifest(
                name,
                manifest,
                tags=tags,
                complete=not call.dialect.missing_descriptors,
                guard=conditional.guard(call) if call.conditional else None,
                notes=notes,
            )
    except MissingContent as missing:
        details = [{"digest": digest} for digest in missing.digests]
        raise RegistryError(
            Code.MANIFEST_BLOB_UNKNOWN, "manifest references a manifest or blob unknown to registry", details=details
        ) from missing
    created = _created(call, name, reference, manifest, more)
    return manifest_rules.mark_large(call, manifest, created) if rules else created


def delete(call: Call, name: Name, reference_text: str) -> Response:
    """Delete a tag alone, or a manifest, given by digest, with all its tags, and answer 202."""
    reference = parse_reference(reference_text, algorithms=call.dialect.digest_algorithms)
    by_tag = isinstance(reference, Tag)
    if by_tag and call.dialect.digest_deletions:
        raise RegistryError(Code.DIGEST_INVALID, "manifests must be deleted by digest, not by tag")
    if not (call.dialect.tag_deletion if by_tag else call.dialect.manifest_deletion):
        kind = "tags" if by_tag else "manifests"
        raise RegistryError(Code.UNSUPPORTED, f"deleting {kind} is disabled", status=call.dialect.deletion_refusal)
    manifest_rules.check_reference(call, name, reference)
    with call.policy.deleting(call, name):
        if isinstance(reference, Tag):
            deleted = call.storage.delete_tag(name, reference)
        else:
            deleted = call.storage.delete_manifest(name, reference)
        if not deleted:
            raise _unknown(call, name, reference)
    return EmptyResponse(status=202)


def _parse(call: Call, reference: Tag | Digest) -> Manifest:
    status = call.dialect.manifest_size_refusal
    code = Code.MANIFEST_INVALID if status == 400 else Code.SIZE_INVALID
    content = call.body(call.dialect.manifest_size_limit, "a manifest", code=code, status=status)
    digest = Digest.of(content, algorithm=reference.algorithm if isinstance(reference, Digest) else "sha256")
    media_type, _ = parse_options_header(call.request.headers.get("Content-Type"))
    known = media_type.lower()  # the case of a media type does not count (RFC 9110, section 8.3.1)
    kind = known if known in manifest_rules.FORMATS else media_type or None
    return _READINGS[call.dialect.manifest_reading](content, kind, digest)


def _check_digest(call: Call, reference: Tag | Digest, manifest: Manifest) -> None:
    """Raise DIGEST_INVALID for a push by a digest that the content has not, or whose algorithm is not accepted."""
    if not isinstance(reference, Digest):
        return
    if reference.algorithm not in call.dialect.manifest_digest_algorithms:
        message = f"digest algorithm {reference.algorithm} is not supported for manifests"
        raise RegistryError(Code.DIGEST_INVALID, message)
    if manifest.digest != reference:
        details = [{"digest": reference, "content": manifest.digest}]
        raise RegistryError(Code.DIGEST_INVALID, "provided digest did not match uploaded content", details=details)


def _tag_parameters(call: Call) -> list[Tag]:
    texts = call.request.args.getlist("tag") if call.dialect.tag_parameters else []
    if len(texts) > call.dialect.tag_parameters:
        most = call.dialect.tag_parameters
        raise RegistryError(Code.UNSUPPORTED, f"a request must have at most {most} tag parameters", status=414)
    return [Tag.parse(text) for text in texts]


def _created(call: Call, name: Name, reference: Tag | Digest, manifest: Manifest, tags: list[Tag]) -> Response:
    response = EmptyResponse(status=201)
    named = manifest.digest if call.dialect.digest_locations else reference
    response.headers["Location"] = call.location(f"/v2/{name}/manifests/{named}")
    if call.dialect.manifest_push_digest:
        response.headers["Docker-Content-Digest"] = str(manifest.digest)
    if manifest.subject and call.dialect.referrers:
        response.headers["OCI-Subject"] = str(manifest.subject.digest)
    for tag in tags:
        response.headers.add("OCI-Tag", str(tag))
    return response


def _unknown(call: Call, name: Name, reference: Tag | Digest) -> RegistryError:
    if call.dialect.name_unknown and not call.storage.has_repository(name):
        return RegistryError(Code.NAME_UNKNOWN, "repository name not known to registry", details=[{"name": name}])
    return RegistryError(Code.MANIFEST_UNKNOWN, "manifest unknown to registry", details=[{"reference": reference}])
