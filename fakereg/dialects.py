"""How a server behaves, as data: the fields of `Dialect` and its presets.

A dialect is written as a preset's name with settings after it: `oci`, `oci-1.1`, `oci,referrers=false`,
`github-docker,blob_size_limit=10MiB`. Where nothing is known of how GitHub's registries answer, the statuses and
other choices are settings; DOC, OBS, INF and UNK in comments say how well a default is founded.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from fakereg import setting_text
from fakereg.accounts import Kind
from fakereg.names import ALGORITHMS
from fakereg.tokens import FORMATS

GIB = 1 << 30
MIB = 1 << 20

WARNING_BYTES_LIMIT = 4096
"""Most bytes of warning data in one answer, all headers together (section "Warnings")."""


LARGE_IMAGE = "this image is large; pushing and pulling it may be slow"
"""The warning that goes out with an image over `image_size_notice`."""


def _setting(default: Any, meaning: str, *, choices: tuple[str, ...] = (), unit: str = "") -> Any:
    """A field with its meaning; `choices` are its only values, the unit `bytes` lets it be written as 5GiB."""
    return dataclasses.field(default=default, metadata={"meaning": meaning, "choices": choices, "unit": unit})


_IN_HEADERS = ("digest_refusal_type", "realm", "service", "token_url", "ping_scope")
"""Settings that are sent in a header as they are."""

_STATUSES = {"deletion_refusal": (400, 405), "token_refusal": (401, 403), "denial_refusal": (401, 403, 404)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """Every choice that the specification leaves to a registry; `settings()` tells what each means."""

    name: str = _setting("oci", "name of the preset")

    name_form: str = _setting(
        "any",
        "owner/repository/image: three parts, else 404 NAME_UNKNOWN; namespace/image: two or more, else NAME_INVALID",
        choices=("any", "owner/repository/image", "namespace/image"),
    )
    ecosystem: str = _setting(
        "enabled",
        "read-only: pushes and deletions get read_only_refusal; disabled: all but /v2/ gets disabled_refusal",
        choices=("enabled", "read-only", "disabled"),
    )
    read_only_refusal: int = _setting(403, "status of pushes and deletions in a read-only registry")
    disabled_refusal: int = _setting(404, "status of everything but /v2/ in a disabled registry")
    rate_limit: int = _setting(0, "requests per minute and client address; one more: 429; 0: no limit")

    push: bool = _setting(True, "uploads and manifest pushes; off: 405")
    tag_deletion: bool = _setting(True, "DELETE of a tag; off: deletion_refusal")
    manifest_deletion: bool = _setting(True, "DELETE of a manifest by digest; off: deletion_refusal")
    blob_deletion: bool = _setting(True, "DELETE of a blob; off: deletion_refusal")
    deletion_refusal: int = _setting(405, "status of a deletion that is switched off: 405 or 400")

    single_post: bool = _setting(True, "push of a blob by one POST; off: 202 and a session")
    mount: bool = _setting(True, "cross-repository mount; off: 202 and a session")
    anonymous_mount: bool = _setting(True, "mount without `from`, from any repository; off: 202 and a session")
    digest_algorithm_parameter: bool = _setting(True, "`digest-algorithm` on POST is obeyed; off: ignored")
    chunk_min_length: int = _setting(0, "OCI-Chunk-Min-Length, enforced on ranged chunks; 0: none", unit="bytes")
    upload_status: bool = _setting(True, "GET of an upload session; off: 405")
    upload_cancel: bool = _setting(True, "DELETE of an upload session; off: 405")
    upload_expiry: float = _setting(3600.0, "seconds without a request after which an upload session is gone")
    upload_limit: int = _setting(20_000, "open upload sessions at one time; one more: 429")
    upload_timeout: float = _setting(0.0, "seconds after its start at which an upload session is gone; 0: never")
    ranged_patch_limit: int = _setting(0, "largest PATCH with Content-Range; one byte more: 416; 0: none", unit="bytes")
    blob_size_limit: int = _setting(0, "largest blob; one byte more: refused and nothing kept; 0: none", unit="bytes")
    blob_size_refusal: int = _setting(413, "status of a blob over the limit")
    oversize_ends_session: bool = _setting(False, "a blob over the limit ends its upload session")

    manifest_size_limit: int = _setting(4 * MIB, "largest manifest; one byte more: 413", unit="bytes")
    manifest_formats: tuple[str, ...] = _setting(
        ("docker", "oci", "other"),
        "manifests accepted: Docker's schema 2, OCI, other media types, by `|`; not of them: 400",
        choices=("docker", "oci", "other"),
    )
    indexes: bool = _setting(True, "manifest lists and image indexes; off: a push gets 403 DENIED")
    index_needs_accept: bool = _setting(False, "an index is 404 unless Accept names its media type")
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
    digest_header: bool = _setting(True, "Docker-Content-Digest on GET and HEAD of manifests and blobs")
    manifest_push_digest: bool = _setting(True, "Docker-Content-Digest on the 201 of a manifest; docker push needs it")
    blob_push_digest: bool = _setting(True, "Docker-Content-Digest on the 201 of a blob; containerd needs it")
    manifest_charset: bool = _setting(False, "`; charset=utf-8` behind the media type of a manifest")
    etag: bool = _setting(True, "ETag, If-None-Match, and If-Match on pushes of manifests")
    etag_form: str = _setting(
        "strong", 'strong: "DIGEST"; weak: W/"..." with its first 32 digits', choices=("strong", "weak")
    )

    referrers: bool = _setting(True, "referrers API and OCI-Subject; off: 404 and no header")
    referrers_filter: bool = _setting(True, "artifactType filter; off: ignored")
    referrers_page_size: int = _setting(0, "most descriptors in one answer; 0: as many as fit manifest_size_limit")
    catalog: bool = _setting(True, "GET /v2/_catalog; off: 404")
    lexical_tags: bool = _setting(False, "tags in order without regard to case, as 1.0 and 1.1 want; off: ASCII order")
    tags_page_size: int = _setting(0, "most names in one page of tags or repositories; 0: no limit")
    tags_default_page_size: int = _setting(0, "names in such a page when the request has no `n`; 0: all")

    digest_algorithms: tuple[str, ...] = _setting(
        ALGORITHMS, "algorithms accepted for blobs and manifests, by `|`", choices=ALGORITHMS
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

    @property
    def reference_deletion(self) -> bool:
        """Whether anything can be deleted by tag or digest."""
        return self.tag_deletion or self.manifest_deletion

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


_NOT_AUTHENTICATED = (
    "Your request could not be authenticated by the GitHub Packages service. "
    "Please ensure your access token is valid and has the appropriate scopes configured."
)

_GITHUB: dict[str, Any] = {
    "credentials": (Kind.CLASSIC, Kind.ACTIONS),  # DOC
    "undeletable_downloads": 5000,  # DOC; 25 in older releases
    "tag_deletion": False,  # OBS for the Container registry, row 3.39; through another API
    "manifest_deletion": False,
    "blob_deletion": False,
    "upload_cancel": False,  # OBS for the Container registry, row 3.38
    "catalog": False,  # OBS for the Container registry, row 3.41
    "referrers": False,  # OBS for the Container registry, row 3.43
    "anonymous_mount": False,  # UNK, as the next ones: these came with later releases of the specification
    "digest_algorithm_parameter": False,
    "tag_parameters": 0,
    "namespaces": False,
}

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
    "github-docker": Dialect(
        name="github-docker",
        name_form="owner/repository/image",  # DOC
        blob_size_limit=5 * GIB,  # DOC 5 GB; which of the two it means is not said
        oversize_ends_session=True,  # UNK
        image_size_notice=10 * GIB,  # DOC, likewise
        foreign_layers=False,  # DOC
        manifest_formats=("docker",),  # DOC; that OCI images are refused is UNK
        indexes=False,  # OBS, row 6.12
        digest_references=False,  # DOC
        digest_refusal_type="text/plain; charset=utf-8",  # INF from what Docker Engine 25 and later does, section 1c
        manifest_head=False,  # OBS, row 6.6
        manifest_charset=True,  # OBS, row 6.7
        etag_form="weak",  # OBS, row 6.7
        digest_header=False,  # OBS, row 6.7
        blob_push_digest=False,  # OBS, row 6.11
        auth="basic",  # OBS, row 2.13
        rights="repository",  # DOC
        login_check=False,  # OBS, row 2.4
        realm="GitHub Package Registry",  # UNK
        authentication_text=_NOT_AUTHENTICATED,  # OBS, row 6.1
        invalid_text=_NOT_AUTHENTICATED,
        denial_text=_NOT_AUTHENTICATED,
        denial_refusal=401,  # OBS, row 6.1; 403 and 404 are possible too
        package_type="docker",
        subdomain="docker",  # DOC
        **_GITHUB,
    ),
    "github-container": Dialect(
        name="github-container",
        name_form="namespace/image",  # DOC, row 3.1
        blob_size_limit=10 * GIB,  # DOC, row 3.4
        upload_timeout=600.0,  # DOC, row 3.4
        ranged_patch_limit=4 * MIB,  # OBS, row 3.37
        index_needs_accept=True,  # OBS, row 3.34
        tags_default_page_size=100,  # OBS, row 3.40
        auth="bearer",  # OBS, row 3.20, as the placeholder
        ping_scope="repository:user/image:pull",
        rights="package",  # DOC
        bearer_credentials=True,  # OBS, row 3.26, as the next one
        junk_tokens=True,
        basic_challenge=False,  # OBS, row 3.27
        anonymous_token_check=True,  # OBS, row 3.22
        token_refusal=403,  # OBS, row 3.23
        invalid_text="unauthenticated: User cannot be authenticated with the token provided.",  # OBS, row 3.28
        denial_refusal=403,  # OBS, row 3.29
        denial_text="permission_denied: {permission}_package",
        actions_denial_text="installation not allowed to {verb} organization package",  # OBS, row 3.30
        package_type="container",
        subdomain="containers",  # DOC
        needs_isolation=True,  # DOC
        **_GITHUB,
    ),
}
"""Named dialects: the specification's main branch, its releases 1.1 and 1.0, and the two registries of GitHub Packages:
the Docker registry (rows GHD) and the Container registry (rows GHC).
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
