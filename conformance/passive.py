"""Checks that look at every exchange of every scenario, whatever the scenario is about.

Each is a generator of findings; it yields nothing when the exchange gives it nothing to judge. A finding goes to its
own requirement and never ends the scenario.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from conformance.client import location_of
from conformance.content import ALGORITHMS, digest_of
from conformance.exchange import Exchange
from conformance.verdict import Case

CODES = frozenset(
    {
        "BLOB_UNKNOWN",
        "BLOB_UPLOAD_INVALID",
        "BLOB_UPLOAD_UNKNOWN",
        "DIGEST_INVALID",
        "MANIFEST_BLOB_UNKNOWN",
        "MANIFEST_INVALID",
        "MANIFEST_UNKNOWN",
        "NAME_INVALID",
        "NAME_UNKNOWN",
        "SIZE_INVALID",
        "UNAUTHORIZED",
        "DENIED",
        "UNSUPPORTED",
        "TOOMANYREQUESTS",
    }
)
LEGACY_CODES = frozenset({"TAG_INVALID", "MANIFEST_UNVERIFIED"})
OWN_CODES = {"GHC-10": "REQUESTED_RANGE_NOT_SATISFIABLE"}
"""Codes beyond the table that a requirement itself asks for: a scenario about it does not count them as wrong."""

MAX_WARNING_BYTES = 4096
_WARNING = re.compile(r'\s*(\d{3}) (\S+) "(?:[^"\\]|\\.)*"( "[^"]*")?\s*(?:,|$)')
_LINK = re.compile(r'\s*<[^<>]*>(\s*;\s*[\w!#$&+.^`|~-]+\*?(\s*=\s*("[^"]*"|[^\s";,]+))?)*\s*(,|$)')
_REL_NEXT = r'rel\s*=\s*(?:"(?:[^"]*\s)?next(?:\s[^"]*)?"|next(?=\s*(?:[;,]|$)))'
_NEXT = re.compile(rf"<([^<>]*)>[^,<]*;\s*{_REL_NEXT}", re.IGNORECASE)
_HTTP_DATE = re.compile(r"[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT")
_MAY_FAIL = {501, 503, 504}


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether one requirement was kept in one exchange."""

    requirement: str
    ok: bool
    expected: str
    got: object


Findings = Iterator[Finding]


def watch(case: Case, exchange: Exchange) -> None:
    """Run every passive check on an exchange with the registry and note what they find."""
    if not is_of_registry(exchange):
        return
    own = {OWN_CODES[key] for key in case.bound if key in OWN_CODES}
    for check in PASSIVE:
        for finding in check(exchange):
            if finding.requirement == "OCI-R106" and finding.got in own:
                continue
            case.observe(
                check.__name__.replace("_", " "),
                finding.requirement,
                finding.ok,
                expected=finding.expected,
                got=finding.got,
                exchange=exchange,
            )


def next_link(exchange: Exchange) -> str | None:
    """The target of the Link with the relation type next, as it stands in the header."""
    match = _NEXT.search(exchange.header("Link") or "")
    return match[1] if match else None


def is_of_registry(exchange: Exchange) -> bool:
    """Whether a request went to the registry, not to a token endpoint, an API or a page beside it.

    An upload session may be anywhere, and nothing else is written with PATCH and PUT.
    """
    path = urlsplit(exchange.request.url).path
    return path == "/v2" or path.startswith("/v2/") or exchange.request.method in {"PATCH", "PUT"}


def kind_of(exchange: Exchange) -> str:
    """Which resource of the specification a request went to: manifests, blobs, uploads, tags, referrers, or nothing."""
    path = urlsplit(exchange.request.url).path
    match = re.fullmatch(r"/v2/.+?/(?:(manifests|blobs|referrers)/[^/]+|blobs/(uploads)/.*|(tags)/list)", path)
    return next((group for group in match.groups() if group), "") if match else ""


def digest_matches_body(exchange: Exchange) -> Findings:
    """A digest in the header is the digest of the body, under the algorithm that it names itself."""
    requirement = {"blobs": "OCI-R018", "manifests": "OCI-R013"}.get(kind_of(exchange))
    digest = exchange.header("Docker-Content-Digest")
    if requirement is None or digest is None or exchange.status != 200 or exchange.request.method != "GET":
        return
    algorithm = digest.partition(":")[0]
    if algorithm in ALGORITHMS:
        actual = digest_of(exchange.body, algorithm)
        yield Finding(requirement, digest == actual, f"Docker-Content-Digest: {actual}", digest)
    elif algorithm not in hashlib.algorithms_available:
        well_formed = re.fullmatch(r"[a-z0-9]+([+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+", digest) is not None
        yield Finding(requirement, well_formed, "Docker-Content-Digest: a digest", digest)


def length_matches_body(exchange: Exchange) -> Findings:
    """The body has the length that was announced (RFC 9110 section 8.6), and HEAD has no body (section 9.3.2)."""
    length = exchange.header("Content-Length")
    if exchange.request.method == "HEAD":
        yield Finding("OCI-R102", not exchange.body, "an answer to HEAD without a body", f"{len(exchange.body)} bytes")
    elif length is not None and exchange.status not in {204, 304}:
        ok = length.isascii() and length.isdigit() and int(length) == len(exchange.body)
        yield Finding("OCI-R102", ok, f"a body of Content-Length {length}", f"{len(exchange.body)} bytes")


def no_server_error(exchange: Exchange) -> Findings:
    """No request of ours makes a server fail (RFC 9110 section 15.6)."""
    ok = exchange.status < 500 or exchange.status in _MAY_FAIL
    yield Finding("OCI-R102", ok, "no server error", f"status {exchange.status}")


def refusals_say_more(exchange: Exchange) -> Findings:
    """405 comes with Allow and 401 with a challenge (RFC 9110 sections 15.5.6 and 15.5.2)."""
    needed = {405: "Allow", 401: "WWW-Authenticate"}.get(exchange.status)
    if needed:
        ok = exchange.header(needed) is not None
        yield Finding("OCI-R102", ok, f"a header {needed} with status {exchange.status}", "no such header")


def error_body(exchange: Exchange) -> Findings:
    """A JSON body on a 4xx answer is a list of errors with codes of the table."""
    if not 400 <= exchange.status < 500 or not exchange.body:
        return
    document = exchange.json()
    announced = exchange.media_type == "application/json" or exchange.media_type.endswith("+json")
    if not announced and not isinstance(document, dict):
        return
    errors = document.get("errors") if isinstance(document, dict) else None
    well_formed = (
        isinstance(errors, list)
        and bool(errors)
        and all(isinstance(error, dict) and isinstance(error.get("code"), str) for error in errors)
    )
    form = '{"errors": [{"code": "...", ...}, ...]}'
    yield Finding("OCI-R103", well_formed, f"a JSON body {form}", exchange.body[:200].decode(errors="replace"))
    if well_formed and isinstance(errors, list):
        for error in errors:
            yield from _error(error)


def _error(error: dict[str, object]) -> Findings:
    code = str(error["code"])
    in_letters = re.fullmatch(r"[A-Z_]+", code) is not None
    yield Finding("OCI-R104", in_letters, "a code of upper case letters and underscores", code)
    yield Finding("OCI-R106", code in CODES | LEGACY_CODES, f"a code among {', '.join(sorted(CODES))}", code)
    if "message" in error:
        yield Finding("OCI-R105", isinstance(error["message"], str), "a message that is text", error["message"])


def retry_after(exchange: Exchange) -> Findings:
    """429 says when to come back (RFC 9110 section 10.2.3)."""
    if exchange.status == 429:
        value = exchange.header("Retry-After") or ""
        ok = value.isdigit() or _HTTP_DATE.fullmatch(value) is not None
        yield Finding("OCI-R107", ok, "Retry-After with seconds or a date", value or "no Retry-After")


def warnings(exchange: Exchange) -> Findings:
    """Warnings have the code 299, the agent `-` and no date, and are short (RFC 7234 section 5.5)."""
    values = exchange.values("Warning")
    for value in values:
        parsed = list(_warnings(value))
        ok = bool(parsed) and all(code == "299" for code, _, _ in parsed)
        yield Finding("OCI-R108", ok, 'Warning: 299 - "..."', value)
        if parsed:
            yield Finding("OCI-R109", all(agent == "-" for _, agent, _ in parsed), 'Warning: 299 - "..."', value)
            yield Finding("OCI-R110", not any(date for _, _, date in parsed), "a warning without a date", value)
    if values:
        size = sum(len(value.encode()) for value in values)
        yield Finding("OCI-R111", size <= MAX_WARNING_BYTES, "at most 4096 bytes of warnings", f"{size} bytes")


def _warnings(value: str) -> Iterator[tuple[str, str, str | None]]:
    position = 0
    while match := _WARNING.match(value, position):
        yield match[1], match[2], match[3]
        position = match.end()


def link(exchange: Exchange) -> Findings:
    """A Link has the form of RFC 5988 and leads to the next page."""
    requirement = {"tags": "OCI-R069", "referrers": "OCI-R087"}.get(kind_of(exchange))
    value = exchange.header("Link")
    if requirement is None or value is None or exchange.status != 200:
        return
    position = 0
    while match := _LINK.match(value, position):
        position = match.end()
        if position == len(value):
            break
    ok = position == len(value) and next_link(exchange) is not None
    yield Finding(requirement, ok, 'Link: <URL>; rel="next"', value)


def manifest_type(exchange: Exchange) -> Findings:
    """The Content-Type of a manifest has no parameters."""
    if kind_of(exchange) == "manifests" and exchange.status == 200 and exchange.request.method in {"GET", "HEAD"}:
        value = exchange.header("Content-Type") or ""
        yield Finding("OCI-R009", ";" not in value, "a Content-Type without parameters", value)


def location(exchange: Exchange) -> Findings:
    """A Location is a URL that can be resolved against the request (RFC 9110 section 10.2.2)."""
    value = exchange.header("Location")
    if value is not None:
        resolved = urlsplit(location_of(exchange) or "")
        ok = resolved.scheme in {"http", "https"} and bool(resolved.netloc) and " " not in value
        yield Finding("OCI-R102", ok, "a Location that is a URL", value)


PASSIVE: tuple[Callable[[Exchange], Findings], ...] = (
    digest_matches_body,
    length_matches_body,
    no_server_error,
    refusals_say_more,
    error_body,
    retry_after,
    warnings,
    link,
    manifest_type,
    location,
)
