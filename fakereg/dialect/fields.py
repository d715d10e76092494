"""How a server behaves, as data: the fields of `Dialect` and its presets.

A dialect is written as a preset's name with settings after it: `oci`, `oci-1.1`, `oci,referrers=false`,
`github-docker,blob_size_limit=10MiB`. Where nothing is known of how GitHub's registries answer, the statuses and
other choices are settings. The values of the presets of real registries are in `presets.py`.
"""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass
from typing import Any

from fakereg.auth.accounts import Kind
from fakereg.auth.tokens import FORMATS
from fakereg.dialect import presets
from fakereg.dialect import text as setting_text
from fakereg.dialect.presets import MIB
from fakereg.spec.names import ALGORITHMS

WARNING_BYTES_LIMIT = 4096
"""Most bytes of warning data in one answer, all headers together (section "Warnings")."""


LARGE_IMAGE = "this image is large; pushing and pulling it may be slow"
"""The warning that goes out with an image over `image_size_notice`."""


def _setting(default: Any, meaning: str, *, choices: tuple[str, ...] = (), unit: str = "") -> Any:
    """A field with its meaning; `choices` are its only values, the unit `bytes` lets it be written as 5GiB."""
    return dataclasses.field(default=default, metadata={"meaning": meaning, "choices": choices, "unit": unit})


_IN_HEADERS = ("digest_refusal_type", "realm", "service", "token_url", "ping_scope")
"""Settings that are sent in a header as they are."""

MANIFEST_RULES = (
    "digest_references",
    "foreign_layers",
    "image_size_notice",
    "index_needs_accept",
    "indexes",
    "manifest_digest_algorithms",
    "manifest_formats",
    "oci_needs_accept",
    "untyped_manifests",
)
"""Settings that make a rule of `api/manifest_rules.py` apply when they are not the default."""

_STATUSES = {
    "deletion_refusal": (400, 405),
    "manifest_size_refusal": (400, 413),
    "token_refusal": (401, 403),
    "denial_refusal": (401, 403, 404),
}


@dataclass(frozen=True, kw_only=True)  # no slots: what is derived is cached
class Dialect:
    """Every choice that the specification leaves to a registry; `settings()` tells what each means."""

    name: str = _setting("oci", "name of the preset")

    name_form: str = _setting(
        "any",
        "owner/repository/image: three parts, else 404 NAME_UNKNOWN; namespace/image: two or more, else NAME_INVALID; "
        "host/image: any, and the first of several may be a host name with capitals",
        choices=("any", "owner/repository/image", "namespace/image", "host/image"),
    )
    ecosystem: str = _setting(
        "enabled",
        "read-only: pushes and deletions get read_only_refusal; disabled: all but /v2/ gets disabled_refusal",
        choices=("enabled", "read-only", "disabled"),
    )
    read_only_refusal: int = _setting(403, "status of pushes and deletions in a read-only registry")
    disabled_refusal: int = _setting(404, "status of everything but /v2/ in a disabled registry")
    plain_errors: bool = _setting(
        False, "unknown paths, also with a malformed name, tag or digest, are 404 in plain text, as is 405; off: JSON"
    )
    name_unknown: bool = _setting(True, "pulls from no repository are NAME_UNKNOWN; off: MANIFEST_ or BLOB_UNKNOWN")
    list_head: bool = _setting(True, "HEAD of the lists of tags and repositories; off: 405")
    ping_any_method: bool = _setting(False, "/v2/ answers POST, PUT, PATCH and DELETE, too; off: 405")
    rate_limit: int = _setting(0, "requests per minute and client address; one more: 429; 0: no limit")

    push: bool = _setting(True, "uploads and manifest pushes; off: 405")
    tag_deletion: bool = _setting(True, "DELETE of a tag; off: deletion_refusal")
    manifest_deletion: bool = _setting(True, "DELETE of a manifest by digest; off: deletion_refusal")
    digest_deletions: bool = _setting(False, "DELETE of a manifest takes its digest only; a tag: 400 DIGEST_INVALID")
    blob_deletion: bool = _setting(True, "DELETE of a blob; off: deletion_refusal")
    deletion_refusal: int = _setting(405, "status of a deletion that is switched off: 405 or 400")

    single_post: bool = _setting(True, "push of a blob by one POST; off: 202 and a session")
    mount: bool = _setting(True, "cross-repository mount; off: 202 and a session")
    anonymous_mount: bool = _setting(True, "mount without `from`, from any repository; off: 202 and a session")
    strict_mount: bool = _setting(True, "400 for a mount of a malformed digest or name; off: 202 and a session")
    digest_algorithm_parameter: bool = _setting(True, "`digest-algorithm` on POST is obeyed; off: ignored")
    chunk_min_length: int = _setting(0, "OCI-Chunk-Min-Length, enforced on ranged chunks; 0: none", unit="bytes")
    upload_status: bool = _setting(True, "GET of an upload session; off: 405")
    upload_cancel: bool = _setting(True, "DELETE of an upload session; off: 405")
    content_range: bool = _setting(True, "Content-Range of chunks is checked; off: ignored")
    upload_state: bool = _setting(False, "`_state` in the Location of a session, without which, or stale, it is 404")
    upload_expiry: float = _setting(3600.0, "seconds without a request after which an upload session is gone")
    upload_limit: int = _setting(20_000, "open upload sessions at one time; one more: 429")
    upload_timeout: float = _setting(0.0, "seconds after its start at which an upload session is gone; 0: never")
    ranged_patch_limit: int = _setting(0, "largest PATCH with Content-Range; one byte more: 416; 0: none", unit="bytes")
    blob_size_limit: int = _setting(0, "largest blob; one byte more: refused and nothing kept; 0: none", unit="bytes")
    blob_size_refusal: int = _setting(413, "status of a blob over the limit")
    oversize_ends_session: bool = _setting(False, "a blob over the limit ends its upload session")

    manifest_size_limit: int = _setting(4 * MIB, "largest manifest; one byte more: refused", unit="bytes")
    manifest_size_refusal: int = _setting(413, "status of a manifest over the limit: 413, or 400 MANIFEST_INVALID")
    manifest_formats: tuple[str, ...] = _setting(
        ("docker", "oci", "other"),
        "manifests accepted: Docker's schema 2, OCI, other media types, by `|`; not of them: 400",
        choices=("docker", "oci", "other"),
    )
    manifest_digest_algorithms: tuple[str, ...] = _setting(
        ALGORITHMS, "algorithms accepted for pushes of manifests by digest, by `|`", choices=ALGORITHMS
    )
    untyped_manifests: bool = _setting(
        True, "manifests without Content-Type, and Docker's without mediaType; off: 400 MANIFEST_INVALID"
    )
    indexes: bool = _setting(True, "manifest lists and image indexes; off: a push gets 403 DENIED")
    index_needs_accept: bool = _setting(False, "an index is 404 unless Accept names its media type")
    oci_needs_accept: bool = _setting(False, "the same for every manifest of OCI")
    foreign_layers: bool = _setting(True, "layers that live elsewhere; off: foreign_layer_refusal on push and pull")
    foreign_layer_refusal: int = _setting(400, "status of a manifest with a foreign layer where there are none")
    digest_references: bool = _setting(True, "manifests by digest; off: a pull is 404, a push digest_push_refusal")
    digest_refusal_type: str = _setting(
        "application/json", "Content-Type of that 404; Docker Engine 25 and later falls back to the tag for JSON only"
    )
    digest_push_refusal: int = _setting(400, "status of a push by digest where manifests have tags only")
    manifest_head: bool = _setting(True, "HEAD of a manifest; off: 405")
    image_size_notice: int = _setting(
        0,
        "size of config and layers over which an image gets a Warning and a note in the journal; 0: none",
        unit="bytes",
    )
    large_image_delay: float = _setting(
        0.0, "seconds that pushing or pulling the manifest of such an image takes longer"
    )
    missing_descriptors: bool = _setting(False, "accept manifests that name content the repository lacks")
    tag_parameters: int = _setting(100, "most `tag` parameters on a push by digest, more: 414; 0: ignored")

    blob_range: bool = _setting(True, "Range on blobs; off: the whole blob with 200")
    range_reading: str = _setting(
        "rfc", "go: Range counts on HEAD, is 416 if unreadable, and may end in 206 with nothing", choices=("rfc", "go")
    )
    digest_header: bool = _setting(True, "Docker-Content-Digest on GET and HEAD of manifests and blobs")
    manifest_push_digest: bool = _setting(True, "Docker-Content-Digest on the 201 of a manifest; docker push needs it")
    blob_push_digest: bool = _setting(True, "Docker-Content-Digest on the 201 of a blob; containerd needs it")
    manifest_charset: bool = _setting(False, "`; charset=utf-8` behind the media type of a manifest")
    etag: bool = _setting(True, "ETag, If-None-Match, and If-Match on pushes of manifests")
    manifest_conditions: str = _setting(
        "rfc",
        "digest: on manifests nothing counts but If-None-Match of a pull, and only if it is one digest",
        choices=("rfc", "digest"),
    )
    etag_form: str = _setting(
        "strong", 'strong: "DIGEST"; weak: W/"..." with its first 32 digits', choices=("strong", "weak")
    )

    referrers: bool = _setting(True, "referrers API and OCI-Subject; off: 404 and no header")
    referrers_filter: bool = _setting(True, "artifactType filter; off: ignored")
    referrers_page_size: int = _setting(0, "most descriptors in one answer; 0: as many as fit manifest_size_limit")
    catalog: bool = _setting(True, "GET /v2/_catalog; off: 404")
    tag_list: str = _setting(
        "paged", "plain: `n` and `last` are ignored, and without tags it is 404", choices=("paged", "plain")
    )
    lexical_tags: bool = _setting(False, "tags in order without regard to case, as 1.0 and 1.1 want; off: ASCII order")
    tags_page_size: int = _setting(0, "most names in one page of tags or repositories; 0: no limit")
    tags_default_page_size: int = _setting(0, "names in such a page when the request has no `n`; 0: all")

    digest_algorithms: tuple[str, ...] = _setting(
        ALGORITHMS, "algorithms accepted for blobs and manifests, by `|`", choices=ALGORITHMS
    )
    digest_locations: bool = _setting(
        False, "Location of a pushed manifest has its digest; off: the tag or digest asked"
    )
    absolute_locations: bool = _setting(False, "Location with scheme and host instead of a path")
    namespaces: bool = _setting(True, "`?ns=HOST` on pulls selects the repository HOST/NAME where there is one")
    warnings: tuple[str, ...] = _setting((), "texts sent as Warning headers on every answer, separated by `|`")

    auth: str = _setting("none", "how clients authenticate", choices=("none", "basic", "bearer"))
    rights: str = _setting(
        "open",
        "open: whoever authenticates may do everything; repository, package: as GitHub's two registries have it",
        choices=("open", "repository", "package"),
    )
    anonymous_pull: bool = _setting(
        False, "with rights=open: pulls without credentials; docker then cannot push with auth=basic"
    )
    credentials: tuple[str, ...] = _setting(tuple(Kind), "kinds of credentials that count, by `|`", choices=tuple(Kind))
    check_user: bool = _setting(True, "a personal token needs the login of its user beside it")
    write_includes_read: bool = _setting(True, "the scope write:packages includes read:packages")
    login_check: bool = _setting(True, "GET /v2/ checks the credentials; off: any will do")
    realm: str = _setting("fakereg", "realm of the Basic challenge")
    service: str = _setting("", "service of the Bearer challenge and audience of its tokens; empty: the host asked")
    token_url: str = _setting("", "realm of the Bearer challenge; empty: /token on the host asked")
    ping_scope: str = _setting("", "scope of the Bearer challenge on /v2/")
    token_format: str = _setting(
        "opaque", "Bearer tokens are opaque, or JWT signed with ES256 or RS256", choices=FORMATS
    )
    token_issuer: str = _setting("fakereg", "`iss` of tokens that are JWTs")
    token_lifetime: float = _setting(300.0, "seconds for which a Bearer token counts, 60 at least")
    bearer_credentials: bool = _setting(False, "base64 of a token, or of USER:TOKEN, passes for a Bearer token")
    junk_tokens: bool = _setting(False, "a Bearer token that is none counts as no credentials, on resources")
    basic_challenge: bool = _setting(True, "with auth=bearer, Basic gets the challenge; off: 403 without one")
    token_refusal: int = _setting(401, "status of the token endpoint for bad credentials: 401 or 403")
    anonymous_token_check: bool = _setting(False, "no anonymous token for what needs credentials: 401")
    denial_refusal: int = _setting(401, "status where the user lacks a right: 401, 403 or 404")
    authentication_text: str = _setting("authentication required", "message where credentials are missing")
    invalid_text: str = _setting("the credentials are not valid", "message where credentials do not count")
    denial_text: str = _setting("access to the resource is not authorized", "message where a right is missing")
    actions_denial_text: str = _setting("", "the same for a GITHUB_TOKEN without the permission; empty: denial_text")

    package_type: str = _setting(
        "none", "images are GitHub packages of this type, with API and pages", choices=("none", "docker", "container")
    )
    undeletable_downloads: int = _setting(
        0, "a version with more downloads than that cannot be deleted while it is public; 0: it can"
    )
    undeletable_refusal: int = _setting(400, "status of such a deletion through the packages API")
    restore_days: float = _setting(30.0, "days for which deleted packages and versions can be restored")
    subdomain: str = _setting("", "where the registry is with subdomain isolation: SUBDOMAIN.HOSTNAME; empty: HOSTNAME")
    needs_isolation: bool = _setting(False, "the registry is not served without subdomain isolation")

    def __post_init__(self) -> None:
        """Refuse values that no registry may have; raise ValueError."""
        for name, statuses in _STATUSES.items():
            if getattr(self, name) not in statuses:
                raise ValueError(f"{name} is {' or '.join(map(str, statuses))}")
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            _check_choice(field.name, value, field.metadata["choices"])
            if field.name.endswith("_refusal") and not 400 <= value <= 499:
                raise ValueError(f"{field.name} is a status from 400 to 499")
        in_headers = {name: getattr(self, name) for name in _IN_HEADERS} | {"warnings": "".join(self.warnings)}
        if bad := [name for name, text in in_headers.items() if not (text.isascii() and text.isprintable())]:
            raise ValueError(f"{bad[0]} holds printable ASCII characters only")
        notice = [warning_header(LARGE_IMAGE)] if self.image_size_notice else []
        if sum(len(value) for value in [*self.warning_headers(), *notice]) > WARNING_BYTES_LIMIT:
            raise ValueError(f"warnings take more than {WARNING_BYTES_LIMIT} bytes")

    @functools.cached_property
    def reference_deletion(self) -> bool:
        """Whether anything can be deleted by tag or digest."""
        return self.tag_deletion or self.manifest_deletion

    @functools.cached_property
    def restricts_manifests(self) -> bool:
        """Whether it treats any manifest or reference otherwise than the specification: see `api/manifest_rules.py`."""
        return any(getattr(self, name) != getattr(Dialect, name) for name in MANIFEST_RULES)

    @functools.cached_property
    def host_names(self) -> bool:
        """Whether the first part of a repository name may be the name of a host."""
        return self.name_form == "host/image"

    def warning_headers(self) -> list[str]:
        """The values of the Warning headers on every answer."""
        return [warning_header(text) for text in self.warnings]


def warning_header(text: str) -> str:
    """The value of a Warning header: code 299, agent `-`, no date (section "Warnings")."""
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'299 - "{quoted}"'


def _check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    values = value if isinstance(value, tuple) else (value,)
    if choices and (unknown := [each for each in values if each not in choices]):
        raise ValueError(f"{name} {unknown[0]!r} is unknown; known are {', '.join(choices)}")


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
    """Read `PRESET[,SETTING=VALUE]...`; raise ValueError with what exists."""
    preset, *settings = text.split(",")
    if preset not in PRESETS:
        raise ValueError(f"dialect {preset!r} is unknown; known are {', '.join(PRESETS)}")
    return configure(PRESETS[preset], dict(_assignment(setting) for setting in settings))


def configure(dialect: Dialect, settings: dict[str, str]) -> Dialect:
    """`dialect` with the settings, given as text, changed; raise ValueError with what exists."""
    fields = {field.name: field for field in dataclasses.fields(Dialect) if field.name != "name"}
    if unknown := [name for name in settings if name not in fields]:
        raise ValueError(f"setting {unknown[0]!r} is unknown; known are {', '.join(fields)}")
    values: dict[str, Any] = {
        name: setting_text.parse(name, text, default=fields[name].default, unit=fields[name].metadata["unit"])
        for name, text in settings.items()
    }
    return dataclasses.replace(dialect, **values)


def settings() -> list[tuple[str, Any, str]]:
    """Every setting: its name, the default and the meaning."""
    return [(field.name, field.default, field.metadata["meaning"]) for field in dataclasses.fields(Dialect)]


def written(dialect: Dialect) -> dict[str, str]:
    """Every setting of a dialect but the name, as text."""
    fields = [field for field in dataclasses.fields(Dialect) if field.name != "name"]
    return {
        field.name: setting_text.write(getattr(dialect, field.name), unit=field.metadata["unit"]) for field in fields
    }


def _assignment(setting: str) -> tuple[str, str]:
    name, separator, value = setting.partition("=")
    if not separator:
        raise ValueError(f"setting {setting!r} is not NAME=VALUE")
    return name.strip(), value.strip()
