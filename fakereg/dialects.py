"""How a server behaves, as data: the fields of `Dialect` and its presets.

A dialect is written as a preset's name with settings after it: `oci`, `oci-1.1`, `oci,referrers=false`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

from fakereg.accounts import Kind
from fakereg.names import ALGORITHMS

WARNING_BYTES_LIMIT = 4096
"""Most bytes of warning data in one answer, all headers together (section "Warnings")."""


def _setting(default: Any, meaning: str) -> Any:
    return dataclasses.field(default=default, metadata={"meaning": meaning})


_CHOICES: dict[str, tuple[object, ...]] = {
    "auth": ("none", "basic", "bearer"),
    "rights": ("open", "repository", "package"),
    "token_format": ("opaque", "ES256", "RS256"),
    "token_denial_status": (401, 403),
    "denial_status": (401, 403, 404),
    "package_type": ("", "docker", "container"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """Every choice that the specification leaves to a registry; `settings()` tells what each means."""

    name: str = _setting("oci", "name of the preset")

    push: bool = _setting(True, "uploads and manifest pushes; off: 405")
    tag_deletion: bool = _setting(True, "DELETE of a tag; off: deletion_refusal")
    manifest_deletion: bool = _setting(True, "DELETE of a manifest by digest; off: deletion_refusal")
    blob_deletion: bool = _setting(True, "DELETE of a blob; off: deletion_refusal")
    deletion_refusal: int = _setting(405, "status of a deletion that is switched off: 405 or 400")

    single_post: bool = _setting(True, "push of a blob by one POST; off: 202 and a session")
    mount: bool = _setting(True, "cross-repository mount; off: 202 and a session")
    anonymous_mount: bool = _setting(True, "mount without `from`, from any repository; off: 202 and a session")
    digest_algorithm_parameter: bool = _setting(True, "`digest-algorithm` on POST is obeyed; off: ignored")
    chunk_min_length: int = _setting(0, "OCI-Chunk-Min-Length in bytes, enforced on ranged chunks; 0: none")
    upload_status: bool = _setting(True, "GET of an upload session; off: 405")
    upload_cancel: bool = _setting(True, "DELETE of an upload session; off: 405")
    upload_expiry: float = _setting(3600.0, "seconds without a request after which an upload session is gone")
    upload_limit: int = _setting(20_000, "open upload sessions at one time; one more: 429")
    blob_size_limit: int = _setting(0, "largest blob in bytes; one byte more: 413 and nothing kept; 0: none")

    manifest_size_limit: int = _setting(4 * 1024 * 1024, "largest manifest in bytes; one byte more: 413")
    missing_descriptors: bool = _setting(False, "accept manifests that name content the repository lacks")
    tag_parameters: int = _setting(100, "most `tag` parameters on a push by digest, more: 414; 0: ignored")

    blob_range: bool = _setting(True, "Range on blobs; off: the whole blob with 200")
    digest_header: bool = _setting(True, "Docker-Content-Digest on manifests and blobs")
    etag: bool = _setting(True, "ETag, If-None-Match, and If-Match on pushes of manifests")

    referrers: bool = _setting(True, "referrers API and OCI-Subject; off: 404 and no header")
    referrers_filter: bool = _setting(True, "artifactType filter; off: ignored")
    referrers_page_size: int = _setting(0, "most descriptors in one answer; 0: as many as fit manifest_size_limit")
    catalog: bool = _setting(True, "GET /v2/_catalog; off: 404")
    lexical_tags: bool = _setting(False, "tags in order without regard to case, as 1.0 and 1.1 want; off: ASCII order")
    tags_page_size: int = _setting(0, "most names in one page of tags or repositories; 0: no limit")

    digest_algorithms: tuple[str, ...] = _setting(ALGORITHMS, "algorithms accepted for blobs and manifests, by `|`")
    absolute_locations: bool = _setting(False, "Location with scheme and host instead of a path")
    namespaces: bool = _setting(True, "`?ns=HOST` on pulls selects the repository HOST/NAME where there is one")
    warnings: tuple[str, ...] = _setting((), "texts sent as Warning headers on every answer, separated by `|`")

    auth: str = _setting("none", "how clients authenticate: none, basic or bearer")
    rights: str = _setting(
        "open", "who may do what: open (whoever authenticates, everything), repository or package (as GitHub)"
    )
    anonymous_pull: bool = _setting(False, "with rights=open: pulls without credentials")
    credentials: tuple[str, ...] = _setting(tuple(Kind), "kinds of credentials that count, by `|`")
    check_user: bool = _setting(True, "a personal token needs the login of its user beside it")
    write_includes_read: bool = _setting(True, "the scope write:packages includes read:packages")
    login_check: bool = _setting(True, "GET /v2/ checks the credentials; off: any will do")
    realm: str = _setting("fakereg", "realm of the Basic challenge")
    service: str = _setting("", "service of the Bearer challenge and audience of its tokens; empty: the host asked")
    token_url: str = _setting("", "realm of the Bearer challenge; empty: /token on the host asked")
    ping_scope: str = _setting("", "scope of the Bearer challenge on /v2/")
    token_format: str = _setting("opaque", "Bearer tokens are opaque, or JWT signed with ES256 or RS256")
    token_issuer: str = _setting("fakereg", "`iss` of tokens that are JWTs")
    token_lifetime: float = _setting(300.0, "seconds for which a Bearer token counts, 60 at least")
    bearer_credentials: bool = _setting(False, "base64 of a token, or of USER:TOKEN, passes for a Bearer token")
    junk_tokens: bool = _setting(False, "a Bearer token that is none counts as no credentials, on resources")
    basic_challenge: bool = _setting(True, "with auth=bearer, Basic gets the challenge; off: 403 without one")
    token_denial_status: int = _setting(401, "status of the token endpoint for bad credentials: 401 or 403")
    anonymous_token_check: bool = _setting(False, "no anonymous token for what needs credentials: 401")
    denial_status: int = _setting(401, "status where the user lacks a right: 401, 403 or 404")
    authentication_text: str = _setting("authentication required", "message where credentials are missing")
    invalid_text: str = _setting("the credentials are not valid", "message where credentials do not count")
    denial_text: str = _setting("access to the resource is not authorized", "message where a right is missing")
    actions_denial_text: str = _setting("", "the same for a GITHUB_TOKEN without the permission; empty: denial_text")

    package_type: str = _setting("", "docker or container: images are GitHub packages of that type, with API and pages")
    subdomain: str = _setting("", "where the registry is with subdomain isolation: SUBDOMAIN.HOSTNAME; empty: HOSTNAME")
    needs_isolation: bool = _setting(False, "the registry is not served without subdomain isolation")

    def __post_init__(self) -> None:
        """Refuse values that no registry may have; raise ValueError."""
        for field, choices in _CHOICES.items():
            if getattr(self, field) not in choices:
                raise ValueError(f"{field} is {', '.join(map(repr, choices))}, not {getattr(self, field)!r}")
        if unknown := set(self.credentials) - set(Kind):
            raise ValueError(f"credentials {sorted(unknown)[0]!r} are unknown; known are {', '.join(Kind)}")
        if self.deletion_refusal not in (400, 405):
            raise ValueError("deletion_refusal is 400 or 405")
        if unknown := set(self.digest_algorithms) - set(ALGORITHMS):
            raise ValueError(f"digest algorithm {sorted(unknown)[0]!r} is unknown; known are {', '.join(ALGORITHMS)}")
        if not all(text.isascii() and text.isprintable() for text in self.warnings):
            raise ValueError("warnings hold printable ASCII characters only")
        if sum(len(value) for value in self.warning_headers()) > WARNING_BYTES_LIMIT:
            raise ValueError(f"warnings take more than {WARNING_BYTES_LIMIT} bytes")

    def warning_headers(self) -> list[str]:
        """The values of the Warning headers: code 299, agent `-`, no date (section "Warnings")."""
        quoted = (text.replace("\\", "\\\\").replace('"', '\\"') for text in self.warnings)
        return [f'299 - "{text}"' for text in quoted]


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
}
"""Named dialects: the specification's main branch, its release 1.1 and its release 1.0."""


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
    values: dict[str, Any] = {name: _value(name, text, fields[name].default) for name, text in settings.items()}
    return dataclasses.replace(dialect, **values)


def settings() -> list[tuple[str, Any, str]]:
    """Every setting: its name, the default and the meaning."""
    return [(field.name, field.default, field.metadata["meaning"]) for field in dataclasses.fields(Dialect)]


def _assignment(setting: str) -> tuple[str, str]:
    name, separator, value = setting.partition("=")
    if not separator:
        raise ValueError(f"setting {setting!r} is not NAME=VALUE")
    return name.strip(), value.strip()


def _value(name: str, text: str, default: object) -> object:
    """`text` as the type that the setting's default has."""
    if isinstance(default, bool):
        return _flag(name, text)
    if isinstance(default, str):
        return text
    if isinstance(default, tuple):
        return tuple(part for part in text.split("|") if part)
    kind: type[int] | type[float] = float if isinstance(default, float) else int
    try:
        value = kind(text)
    except ValueError:
        raise ValueError(f"{name} is a number, not {text!r}") from None
    if not 0 <= value < float("inf"):
        raise ValueError(f"{name} is not negative and finite")
    return value


def _flag(name: str, text: str) -> bool:
    words: dict[str, Literal[True, False]] = {"true": True, "yes": True, "false": False, "no": False}
    if text.lower() not in words:
        raise ValueError(f"{name} is true or false, not {text!r}")
    return words[text.lower()]
