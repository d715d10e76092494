"""The behaviour of a registry as data: the fields of `Dialect` and its presets.

A dialect is written as the name of a preset with settings after it: `oci`, `oci-1.1`, `oci,referrers=false`,
`github-docker,blob_size_limit=10MiB`. How GitHub's registries answer is often unknown, so statuses are settings too.
The values of the presets of real registries are in `presets.py`, the grammar of values is in `fakereg/values.py`.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fakereg import values
from fakereg.auth.accounts import Kind
from fakereg.auth.tokens import FORMATS, LIFETIME_MINIMUM
from fakereg.dialect import presets
from fakereg.dialect.presets import MIB
from fakereg.spec.names import ALGORITHMS
from fakereg.values import Duration, Flag, Grammar, Number, Size, Text, Texts, Whole

WARNING_BYTES_LIMIT = 4096
"""Most bytes of warning data in one answer, all headers together (section "Warnings")."""


LARGE_IMAGE = "this image is large; pushing and pulling it may be slow"
"""The warning that is sent with an image over `image_size_notice`."""


def _setting(default: Any, meaning: str, grammar: Grammar[Any] | None = None, *, choices: tuple[str, ...] = ()) -> Any:
    """Make a field with its meaning; its grammar follows from the default and the choices unless it is given."""
    each = Text(choices)
    of_type = {bool: Flag(), int: Whole(), float: Number(), str: each, tuple: Texts(each, "|")}
    return dataclasses.field(
        default=default, metadata={"meaning": meaning, "grammar": grammar or of_type[type(default)]}
    )


def _status(default: int, meaning: str, *choices: int) -> Any:
    """Make a field that is the status of a refusal."""
    return _setting(default, meaning, Whole(400, 499, choices))


_HEADER = Text(header=True)

MANIFEST_RULES = (
    "accept_reading",
    "digest_references",
    "foreign_layers",
    "image_size_notice",
    "index_needs_accept",
    "indexes",
    "manifest_formats",
    "media_type_parameters",
    "oci_needs_accept",
)
"""Settings that make a rule of `api/manifest_rules.py` apply when they are not the default."""


@dataclass(frozen=True, kw_only=True)  # no slots, which would prevent cached properties
class Dialect:
    """Every choice that the specification leaves to a registry; `settings()` lists them with their meanings.

    Raise ValueError for invalid values. A text is read by the grammar of the setting.
    """

    name: str = _setting("oci", "name of the preset")

    name_form: str = _setting(
        "any",
        "which repository names exist. any: all that the specification allows; owner/repository/image: exactly three "
        "parts, else 404 NAME_UNKNOWN, and one part alone is an unknown path; namespace/image: two or more parts, else "
        "NAME_INVALID; host/image: any number of parts, and the first of several may be a host name with capitals",
        choices=("any", "owner/repository/image", "namespace/image", "host/image"),
    )
    ecosystem: str = _setting(
        "enabled",
        "enabled: all of it works; read-only: pushes and deletions get read_only_refusal; disabled: everything but "
        "/v2/ gets disabled_refusal",
        choices=("enabled", "read-only", "disabled"),
    )
    read_only_refusal: int = _status(403, "status of pushes and deletions in a read-only registry")
    disabled_refusal: int = _status(404, "status of everything but /v2/ in a disabled registry")
    plain_errors: bool = _setting(
        False,
        "answer 405, and 404 for unknown paths and for malformed names, tags and digests, in plain text; off: JSON",
    )
    plain_unknown_paths: bool = _setting(
        False, "answer 404 for paths that no endpoint has in plain text, as a router before the registry; off: JSON"
    )
    slashless_ping: bool = _setting(True, "/v2 without its last slash is answered as /v2/; off: 404")
    name_unknown: bool = _setting(
        True,
        "a pull from a repository that does not exist is NAME_UNKNOWN; off: MANIFEST_UNKNOWN or BLOB_UNKNOWN",
    )
    list_head: bool = _setting(True, "HEAD of the lists of tags and repositories; off: 405")
    ping_any_method: bool = _setting(False, "/v2/ answers every method; off: GET and HEAD, others 405")
    json_charset: bool = _setting(False, "`; charset=utf-8` after application/json")
    options_method: bool = _setting(False, "OPTIONS is 200 with Allow; off: 405")
    root_answer: bool = _setting(False, "`/` is 200 without a body, for checks that the server lives; off: 404")
    path_redirects: bool = _setting(
        False,
        "301 from a path with empty parts, `.` or `..` to the path without them, and from a path that lacks the slash "
        "at its end, or has one too many; off: 404, and `/v2` is `/v2/`, `/blobs/uploads` is `/blobs/uploads/`",
    )
    checked_first: str = _setting(
        "endpoint",
        "endpoint: whether the path has the method, then whether the caller may use it; rights: whether the caller may "
        "use the method (GET and HEAD: pull; POST, PUT and PATCH: pull and push; DELETE: delete; others need valid "
        "credentials), then the digest or session in the path, then whether the path has the method",
        choices=("endpoint", "rights"),
    )
    rate_limit: int = _setting(0, "most requests per minute and client address; more: 429; 0: no limit")

    push: bool = _setting(True, "uploads and pushes of manifests; off: 405")
    tag_deletion: bool = _setting(True, "DELETE of a tag; off: deletion_refusal")
    manifest_deletion: bool = _setting(True, "DELETE of a manifest by digest; off: deletion_refusal")
    digest_deletions: bool = _setting(False, "DELETE of a manifest needs its digest; for a tag: 400 DIGEST_INVALID")
    blob_deletion: bool = _setting(True, "DELETE of a blob; off: deletion_refusal")
    deletion_refusal: int = _status(405, "status of a deletion that is switched off: 405 or 400", 400, 405)

    single_post: bool = _setting(True, "push of a blob by one POST; off: 202 and a session")
    mount: bool = _setting(True, "cross-repository mount; off: 202 and a session")
    anonymous_mount: bool = _setting(True, "mount without `from`, from any repository; off: 202 and a session")
    strict_mount: bool = _setting(True, "400 for a mount with a malformed digest or name; off: 202 and a session")
    mount_needs_pull: bool = _setting(
        False, "401 if the caller may not pull from the repository `from`; off: a mount from it is 202 and a session"
    )
    digest_algorithm_parameter: bool = _setting(True, "`digest-algorithm` on POST is used; off: it is ignored")
    chunk_min_length: int = _setting(0, "OCI-Chunk-Min-Length, required of chunks with Content-Range; 0: none", Size())
    upload_status: bool = _setting(True, "GET of an upload session; off: 405")
    upload_cancel: bool = _setting(True, "DELETE of an upload session; off: 405")
    uploads_alike: bool = _setting(
        False,
        "`/blobs/uploads/` has the methods of a session, which are 404 BLOB_UPLOAD_UNKNOWN, and a session has POST, "
        "which starts another; off: 405",
    )
    form_bodies: bool = _setting(
        False,
        "a body that is a form is read for the parameters of an upload, and its bytes are no content; off: they are",
    )
    octet_stream_chunks: bool = _setting(
        False, "400 for a PATCH with a Content-Type that is not application/octet-stream; off: any is accepted"
    )
    mismatch_ends_session: bool = _setting(
        True, "a closing PUT with another digest than that of the bytes ends the session; off: it keeps the bytes"
    )
    content_range: bool = _setting(True, "Content-Range of chunks is checked; off: it is ignored")
    upload_state: bool = _setting(
        False,
        "the Location of a session has a `_state`; without it, or with an old or a foreign one, the session is 404",
    )
    upload_expiry: float = _setting(3600.0, "time without a request after which an upload session ends", Duration())
    upload_limit: int = _setting(
        20_000, "most open upload sessions; at the limit those without a request for a minute end, else 429"
    )
    upload_timeout: float = _setting(0.0, "time after its start at which an upload session ends; 0: never", Duration())
    ranged_patch_limit: int = _setting(0, "largest PATCH with Content-Range; larger: 416; 0: no limit", Size())
    blob_size_limit: int = _setting(0, "largest blob; larger: blob_size_refusal; 0: no limit", Size())
    blob_size_refusal: int = _status(413, "status of a blob over the limit")
    oversize_ends_session: bool = _setting(False, "a blob over the limit ends its upload session")

    manifest_size_limit: int = _setting(4 * MIB, "largest manifest; larger: manifest_size_refusal", Size())
    manifest_size_refusal: int = _status(
        413, "status of a manifest over the limit: 413, or 400 with MANIFEST_INVALID", 400, 413
    )
    manifest_formats: tuple[str, ...] = _setting(
        ("docker", "oci", "other"),
        "manifests that are accepted: Docker's schema 2, those of OCI, other media types; all else: 400",
        choices=("docker", "oci", "other"),
    )
    manifest_digest_algorithms: tuple[str, ...] = _setting(
        ALGORITHMS, "algorithms that are accepted for pushes of manifests by digest", choices=ALGORITHMS
    )
    manifest_reading: str = _setting(
        "spec",
        "how the JSON of a pushed manifest is read. spec: as the image specification says, but lists may be null; go: "
        "as docker-registry's structures in Go are filled: names in any case, null for anything, any size and media "
        "type, and an index may refer to blobs",
        choices=("spec", "go"),
    )
    media_type_parameters: bool = _setting(
        True, "accept media types with parameters in descriptors, as those of podman's artifacts are; off: 400"
    )
    indexes: bool = _setting(True, "accept manifest lists and image indexes; off: 403 DENIED")
    index_needs_accept: bool = _setting(False, "an index is 404 unless Accept names its media type")
    oci_needs_accept: bool = _setting(False, "any manifest of OCI is 404 unless Accept names its media type")
    accept_reading: str = _setting(
        "rfc",
        "how Accept is read. rfc: as RFC 9110 says; plain: what stands before a semicolon is a media type, in the case "
        "of the manifest's, of any quality",
        choices=("rfc", "plain"),
    )
    foreign_layers: bool = _setting(
        True, "accept manifests with layers that are stored elsewhere; off: foreign_layer_refusal on push and pull"
    )
    foreign_layer_refusal: int = _status(400, "status of a manifest with a foreign layer if foreign_layers is off")
    digest_references: bool = _setting(True, "manifests by digest; off: a pull is 404, a push digest_push_refusal")
    digest_refusal_type: str = _setting(
        "application/json",
        "Content-Type of the 404 of a pull by digest. Docker Engine 20.10 to 24 falls back to the tag whatever it is, "
        "25 to 28.1 for JSON only; from 28.2 on, and with the containerd image store, no engine does",
        _HEADER,
    )
    digest_push_refusal: int = _status(400, "status of a push by digest if digest_references is off")
    manifest_head: bool = _setting(True, "HEAD of a manifest; off: 405")
    image_size_notice: int = _setting(
        0,
        "size of an image (config and layers) above which it gets a Warning and a note in the journal; 0: none",
        Size(),
    )
    large_image_delay: float = _setting(
        0.0, "time by which the push or pull of the manifest of such an image is delayed", Duration()
    )
    missing_descriptors: bool = _setting(False, "accept manifests that refer to content that the repository lacks")
    tag_parameters: int = _setting(100, "most `tag` parameters on a push by digest; more: 414; 0: they are ignored")

    blob_range: bool = _setting(True, "Range on blobs; off: the whole blob with 200")
    range_reading: str = _setting(
        "rfc",
        "how Range is read. rfc: as RFC 9110 says; go: as Go's http package does: it applies to HEAD, is 416 if it is "
        "malformed, and may give an empty 206",
        choices=("rfc", "go"),
    )
    digest_header: bool = _setting(True, "Docker-Content-Digest on GET and HEAD of manifests and blobs")
    manifest_push_digest: bool = _setting(
        True, "Docker-Content-Digest on the 201 of a manifest, which docker push needs"
    )
    blob_push_digest: bool = _setting(True, "Docker-Content-Digest on the 201 of a blob, which containerd needs")
    manifest_charset: bool = _setting(False, "`; charset=utf-8` after the media type of a manifest")
    etag: bool = _setting(True, "ETag, If-None-Match, and If-Match on pushes of manifests")
    manifest_conditions: str = _setting(
        "rfc",
        "conditional requests for manifests. rfc: as RFC 9110 says; digest: only If-None-Match of a pull, with one "
        "digest and nothing else, before anything of the manifest is looked at",
        choices=("rfc", "digest"),
    )
    etag_form: str = _setting(
        "strong", 'strong: "DIGEST"; weak: W/"..." with the first 32 digits of it', choices=("strong", "weak")
    )

    referrers: bool = _setting(True, "referrers API and OCI-Subject; off: 404 and no header")
    referrers_refusal: str = _setting(
        "UNSUPPORTED",
        "code of the 404 of the referrers API while it is off",
        choices=("UNSUPPORTED", "MANIFEST_UNKNOWN"),
    )
    referrers_filter: bool = _setting(True, "filter by artifactType; off: it is ignored")
    referrers_page_size: int = _setting(
        0, "most descriptors in one answer of the referrers API; 0: as many as fit into manifest_size_limit"
    )
    catalog: bool = _setting(True, "GET /v2/_catalog; off: 404")
    tag_list: str = _setting(
        "paged",
        "paged: as the specification says; plain: `n` and `last` are ignored, and the list of a repository without "
        "tags is 404",
        choices=("paged", "plain"),
    )
    lexical_tags: bool = _setting(
        False, "tags in order without regard to case, as specifications 1.0 and 1.1 say; off: ASCII order"
    )
    tags_page_size: int = _setting(0, "most names in one page of tags or repositories; 0: no limit")
    tags_default_page_size: int = _setting(0, "names in such a page if the request has no `n`; 0: all")
    page_size_check: bool = _setting(True, "400 for an `n` that is no number; off: it is ignored")

    digest_algorithms: tuple[str, ...] = _setting(
        ALGORITHMS, "algorithms that are accepted for blobs and manifests", choices=ALGORITHMS
    )
    digest_locations: bool = _setting(
        False, "Location of a pushed manifest has its digest; off: the tag or digest of the request"
    )
    absolute_locations: bool = _setting(False, "Location with scheme and host; off: only a path")
    namespaces: bool = _setting(True, "`?ns=HOST` on pulls selects the repository HOST/NAME if it exists")
    warnings: tuple[str, ...] = _setting((), "texts sent as Warning headers on every answer", Texts(_HEADER, "|"))

    auth: str = _setting(
        "none", "how clients authenticate: none (not at all), basic or bearer", choices=("none", "basic", "bearer")
    )
    rights: str = _setting(
        "open",
        "open: every authenticated caller may do everything; repository, package: the rules of GitHub's Docker "
        "registry and of its Container registry",
        choices=("open", "repository", "package"),
    )
    anonymous_pull: bool = _setting(
        False, "with rights=open: pulls without credentials; with auth=basic docker then cannot push"
    )
    credentials: tuple[str, ...] = _setting(
        tuple(Kind), "kinds of credentials that are accepted", choices=tuple(map(str, Kind))
    )
    check_user: bool = _setting(True, "a personal token is valid only with the login of its user")
    write_includes_read: bool = _setting(True, "the scope write:packages includes read:packages")
    login_check: bool = _setting(True, "GET /v2/ checks the credentials; off: it accepts any")
    realm: str = _setting("fakereg", "realm of the Basic challenge", _HEADER)
    service: str = _setting(
        "", "service of the Bearer challenge and audience of its tokens; empty: the host of the request", _HEADER
    )
    token_url: str = _setting("", "realm of the Bearer challenge; empty: /token on the host of the request", _HEADER)
    ping_scope: str = _setting(
        "", "scope of the Bearer challenge on /v2/; with it, unknown paths below /v2/ get the challenge, too", _HEADER
    )
    token_format: str = _setting(
        "opaque", "Bearer tokens are opaque, or JWTs signed with ES256 or RS256", choices=FORMATS
    )
    token_issuer: str = _setting("fakereg", "`iss` of tokens that are JWTs")
    token_lifetime: float = _setting(
        300.0,
        f"time for which a Bearer token is valid, at least {LIFETIME_MINIMUM:.0f} seconds",
        Duration(low=int(LIFETIME_MINIMUM)),
    )
    token_leeway: float = _setting(
        0.0, "time before its start and after its end for which a Bearer token is valid all the same", Duration()
    )
    bearer_credentials: bool = _setting(False, "accept base64 of a token, or of USER:TOKEN, in place of a Bearer token")
    junk_tokens: bool = _setting(False, "treat a malformed Bearer token as no credentials in requests for a repository")
    basic_challenge: bool = _setting(
        True, "with auth=bearer, a request with Basic credentials gets the challenge; off: 403 without one"
    )
    token_refusal: int = _status(401, "status of the token endpoint for invalid credentials: 401 or 403", 401, 403)
    anonymous_token_check: bool = _setting(
        False, "without credentials the token endpoint refuses a scope that needs credentials"
    )
    anonymous_token_refusal: int = _status(401, "status of that refusal: 401 or 403", 401, 403)
    denial_refusal: int = _status(401, "status if the user lacks a right: 401, 403 or 404", 401, 403, 404)
    authentication_text: str = _setting("authentication required", "message if credentials are missing")
    anonymous_push_text: str = _setting(
        "",
        "message of the token endpoint if a scope that needs credentials has more than pull; empty: "
        "authentication_text, whose default makes docker push without a login try for 50 seconds",
    )
    invalid_text: str = _setting("the credentials are not valid", "message if credentials are invalid")
    denial_text: str = _setting("access to the resource is not authorized", "message if a right is missing")
    actions_denial_text: str = _setting("", "message if a GITHUB_TOKEN lacks the permission; empty: denial_text")

    package_type: str = _setting(
        "none",
        "docker, container: images are GitHub packages of this type, with the packages API and pages",
        choices=("none", "docker", "container"),
    )
    undeletable_downloads: int = _setting(
        0, "a public version with more downloads than this cannot be deleted; 0: no limit"
    )
    undeletable_refusal: int = _status(400, "status of such a deletion through the packages API")
    restore_days: float = _setting(30.0, "days for which deleted packages and versions can be restored")
    subdomain: str = _setting("", "with subdomain isolation the registry is at SUBDOMAIN.HOSTNAME; empty: at HOSTNAME")
    needs_isolation: bool = _setting(False, "the registry is not served without subdomain isolation")

    def __post_init__(self) -> None:
        """Read and check every field."""
        for field in dataclasses.fields(self):
            value = values.read(field.metadata["grammar"], field.name, getattr(self, field.name))
            object.__setattr__(self, field.name, value)
        notice = [warning_header(LARGE_IMAGE)] if self.image_size_notice else []
        size = sum(len(value) for value in [*self.warning_headers(), *notice])
        if size > WARNING_BYTES_LIMIT:
            raise ValueError(f"warnings must take at most {WARNING_BYTES_LIMIT} bytes in headers, got {size}")

    @functools.cached_property
    def reference_deletion(self) -> bool:
        """Return whether anything can be deleted by tag or digest."""
        return self.tag_deletion or self.manifest_deletion

    @functools.cached_property
    def restricts_manifests(self) -> bool:
        """Return whether a rule beyond the specification applies to manifests: see `api/manifest_rules.py`."""
        return any(getattr(self, name) != getattr(Dialect, name) for name in MANIFEST_RULES)

    @functools.cached_property
    def host_names(self) -> bool:
        """Return whether the first part of a repository name may be the name of a host."""
        return self.name_form == "host/image"

    def warning_headers(self) -> list[str]:
        """Return the values of the Warning headers on every answer."""
        return [warning_header(text) for text in self.warnings]


def warning_header(text: str) -> str:
    """Return the value of a Warning header: code 299, agent `-`, no date (section "Warnings")."""
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'299 - "{quoted}"'


PRESETS = {
    "oci": Dialect(name="oci"),
    "oci-1.1": Dialect(
        name="oci-1.1",
        tag_parameters=0,
        upload_cancel=False,
        digest_algorithm_parameter=False,
        namespaces=False,
        lexical_tags=True,
    ),
    "oci-1.0": Dialect(
        name="oci-1.0",
        tag_parameters=0,
        upload_cancel=False,
        upload_status=False,
        digest_algorithm_parameter=False,
        namespaces=False,
        lexical_tags=True,
        referrers=False,
        anonymous_mount=False,
    ),
    "github-docker": Dialect(name="github-docker", **presets.GITHUB_DOCKER),
    "github-container": Dialect(name="github-container", **presets.GITHUB_CONTAINER),
    "distribution": Dialect(name="distribution", **presets.DISTRIBUTION),
}
"""Named dialects: the specification's main branch, its releases 1.1 and 1.0, the two registries of GitHub Packages (the
Docker registry and the Container registry: docs/github-registries.md), and docker-registry 2.8.2 with deletion enabled.
"""


def parse(text: str) -> Dialect:
    """Read `PRESET[,SETTING=VALUE]...`; raise ValueError for unknown names and invalid values."""
    preset, *settings = text.split(",")
    if preset not in PRESETS:
        raise ValueError(f"dialect must begin with one of {', '.join(PRESETS)}, got {values.shown(preset)}")
    return configure(PRESETS[preset], dict(_assignment(setting) for setting in settings))


def configure(dialect: Dialect, settings: Mapping[str, object]) -> Dialect:
    """Return `dialect` with settings changed, each a value or its text; raise ValueError for wrong ones."""
    known = [field.name for field in dataclasses.fields(Dialect) if field.name != "name"]
    if unknown := [name for name in settings if name not in known]:
        raise ValueError(f"setting {values.shown(unknown[0])} is unknown; known are {', '.join(known)}")
    changed: dict[str, Any] = dict(settings)
    return dataclasses.replace(dialect, **changed) if changed else dialect


def settings() -> list[tuple[str, Any, str]]:
    """Return every setting: its name, the default and the meaning."""
    return [(field.name, field.default, field.metadata["meaning"]) for field in dataclasses.fields(Dialect)]


def written(dialect: Dialect) -> dict[str, str]:
    """Return every setting of a dialect but the name, as text."""
    fields = [field for field in dataclasses.fields(Dialect) if field.name != "name"]
    return {field.name: field.metadata["grammar"].write(getattr(dialect, field.name)) for field in fields}


def _assignment(setting: str) -> tuple[str, str]:
    name, separator, value = setting.partition("=")
    if not separator:
        raise ValueError(f"a setting in the text of a dialect must be NAME=VALUE, got {values.shown(setting)}")
    return name.strip(), value.strip()
