"""Presets that imitate existing registries: the settings of `Dialect` that each of them changes.

DOC, OBS, INF and UNK in comments are the certainty of a value for GitHub's registries; they and ids such as GP-6.7 are
those of docs/github-registries.md. The values of docker-registry were measured side by side with the original.
"""

from __future__ import annotations

from typing import Any

from fakereg.auth.accounts import Kind

GIB = 1 << 30
MIB = 1 << 20

_NOT_AUTHENTICATED = (
    "Your request could not be authenticated by the GitHub Packages service. "
    "Please ensure your access token is valid and has the appropriate scopes configured."
)

_NO_SUCH_USER = "unauthenticated: User cannot be authenticated with the token provided."

_GITHUB: dict[str, Any] = {
    "credentials": (Kind.CLASSIC, Kind.ACTIONS),  # DOC
    "undeletable_downloads": 5000,  # DOC; 25 in older releases
    "tag_deletion": False,  # OBS for the Container registry, GP-3.39; through another API
    "manifest_deletion": False,
    "blob_deletion": False,
    "upload_cancel": False,  # OBS for the Container registry, GP-3.38
    "slashless_ping": False,  # OBS for the Container registry, GP-3.57
    "catalog": False,  # OBS, GP-3.41 and GP-6.16
    "referrers": False,  # OBS for the Container registry, GP-3.43
    "anonymous_mount": False,  # UNK, as the next ones: these came with later releases of the specification
    "digest_algorithm_parameter": False,
    "tag_parameters": 0,
    "namespaces": False,
}

GITHUB_DOCKER: dict[str, Any] = {
    "name_form": "owner/repository/image",  # DOC
    "plain_unknown_paths": True,  # OBS, GP-6.20
    "blob_size_limit": 5 * GIB,  # DOC 5 GB; whether GB or GiB is not documented
    "oversize_ends_session": True,  # UNK
    "image_size_notice": 10 * GIB,  # DOC, likewise
    "foreign_layers": False,  # DOC
    "manifest_formats": ("docker",),  # DOC; that OCI images are refused is UNK
    "indexes": False,  # OBS, GP-6.12
    "digest_references": False,  # DOC
    "digest_refusal_type": "text/plain; charset=utf-8",  # INF from Docker Engine 25 and later, GP-1.22
    "manifest_head": False,  # OBS, GP-6.6
    "manifest_charset": True,  # OBS, GP-6.7
    "etag_form": "weak",  # OBS, GP-6.7
    "digest_header": False,  # OBS, GP-6.7
    "blob_push_digest": False,  # OBS, GP-6.11
    "auth": "basic",  # OBS, GP-2.13
    "rights": "repository",  # DOC
    "login_check": False,  # OBS, GP-2.4
    "realm": "GitHub Package Registry",  # UNK
    "authentication_text": _NOT_AUTHENTICATED,  # OBS, GP-6.1
    "invalid_text": _NOT_AUTHENTICATED,
    "denial_text": _NOT_AUTHENTICATED,
    "denial_refusal": 401,  # OBS, GP-6.1; 403 and 404 are possible too
    "package_type": "docker",
    "subdomain": "docker",  # DOC
    **_GITHUB,
}

GITHUB_CONTAINER: dict[str, Any] = {
    "name_form": "namespace/image",  # DOC, GP-3.1
    "blob_size_limit": 10 * GIB,  # DOC, GP-3.4
    "upload_timeout": 600.0,  # DOC, GP-3.4
    "ranged_patch_limit": 4 * MIB,  # OBS, GP-3.37
    "index_needs_accept": True,  # OBS, GP-3.34
    "referrers_refusal": "MANIFEST_UNKNOWN",  # OBS, GP-3.43
    "tags_default_page_size": 100,  # OBS, GP-3.40
    "auth": "bearer",  # OBS, GP-3.20, as the placeholder
    "ping_scope": "repository:user/image:pull",
    "rights": "package",  # DOC
    "bearer_credentials": True,  # OBS, GP-3.26, as the next one
    "junk_tokens": True,
    "basic_challenge": False,  # OBS, GP-3.27
    "anonymous_token_check": True,  # OBS, GP-3.22
    "anonymous_push_text": _NO_SUCH_USER,  # OBS, GP-3.56
    "token_refusal": 403,  # OBS, GP-3.23
    "invalid_text": _NO_SUCH_USER,  # OBS, GP-3.28
    "denial_refusal": 403,  # OBS, GP-3.29
    "denial_text": "permission_denied: {permission}_package",
    "actions_denial_text": "installation not allowed to {verb} organization package",  # OBS, GP-3.30
    "package_type": "container",
    "subdomain": "containers",  # DOC
    "needs_isolation": True,  # DOC
    **_GITHUB,
}

DISTRIBUTION: dict[str, Any] = {
    "name_form": "host/image",
    "plain_errors": True,
    "json_charset": True,
    "name_unknown": False,
    "list_head": False,
    "ping_any_method": True,
    "options_method": True,
    "root_answer": True,
    "path_redirects": True,
    "checked_first": "rights",
    "digest_deletions": True,
    "single_post": False,
    "anonymous_mount": False,
    "strict_mount": False,
    "mount_needs_pull": True,
    "uploads_alike": True,
    "form_bodies": True,
    "octet_stream_chunks": True,
    "mismatch_ends_session": False,
    "digest_algorithm_parameter": False,
    "content_range": False,
    "upload_state": True,
    "manifest_size_refusal": 400,
    "manifest_formats": ("docker", "oci"),
    "manifest_digest_algorithms": ("sha256",),
    "manifest_reading": "go",
    "oci_needs_accept": True,
    "accept_reading": "plain",
    "tag_parameters": 0,
    "range_reading": "go",
    "manifest_conditions": "digest",
    "digest_locations": True,
    "absolute_locations": True,
    "referrers": False,
    "tag_list": "plain",
    "tags_default_page_size": 100,
    "page_size_check": False,
    "token_leeway": 60.0,
    "namespaces": False,
}
"""docker-registry 2.8.2 with deletion enabled. Where it answers 500, the preset has a status of a client error."""
