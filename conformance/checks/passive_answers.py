"""Passive checks of the status, the error body, and the headers Link, Location and Warning."""

from __future__ import annotations

import json
import re

from conformance.checks.finding import Finding, Findings
from conformance.client.client import location_of
from conformance.client.exchange import Exchange
from conformance.client.reading import kind_of, next_link

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
MAX_WARNING_BYTES = 4096
SHOWN = 100
"""The number of characters that are shown before and after the place of a fault."""

_WARNING = re.compile(r'\s*(\d{3}) (\S+) "(?:[^"\\]|\\.)*"( "[^"]*")?\s*(?:,|$)')
_LINK = re.compile(r'\s*<[^<>]*>(\s*;\s*[\w!#$&+.^`|~-]+\*?(\s*=\s*("[^"]*"|[^\s";,]+))?)*\s*(,|$)')
_HTTP_DATE = re.compile(r"[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT")
_MAY_FAIL = {501, 503, 504}


def no_server_error(exchange: Exchange) -> Findings:
    """Check that the answer is no server error, which no endpoint of the specification has (RFC 9110, 15.6)."""
    ok = exchange.status < 500 or exchange.status in _MAY_FAIL
    yield Finding("OCI-R102", ok, "no status 5xx, which says that the server failed", f"status {exchange.status}")


def refusals_say_more(exchange: Exchange) -> Findings:
    """Check that 405 comes with Allow and 401 with a challenge (RFC 9110 sections 15.5.6 and 15.5.2)."""
    needed = {405: "Allow", 401: "WWW-Authenticate"}.get(exchange.status)
    if needed:
        ok = exchange.header(needed) is not None
        yield Finding("OCI-R102", ok, f"a header {needed} with status {exchange.status}", "no such header")


def error_body(exchange: Exchange) -> Findings:
    """Check that a JSON body of a 4xx answer is a list of errors with codes of the table."""
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
    yield Finding("OCI-R103", well_formed, f"a JSON body {form}", _malformed(exchange.body))
    if well_formed and isinstance(errors, list):
        for error in errors:
            yield from _error(error)


def _malformed(body: bytes) -> str:
    """Describe what is wrong with an error body, with the place where it stops being JSON if it does."""
    text = body.decode(errors="replace")
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        around = text[max(error.pos - SHOWN, 0) : error.pos + SHOWN]
        return f"no JSON from character {error.pos} on ({error.msg}), around it: {around}"
    except (ValueError, RecursionError) as error:  # numbers of too many digits, too many brackets
        return f"JSON that cannot be read ({type(error).__name__}): {text}"
    errors = document.get("errors") if isinstance(document, dict) else None
    for number, entry in enumerate(errors if isinstance(errors, list) else ()):
        if not isinstance(entry, dict) or not isinstance(entry.get("code"), str):
            return f"errors[{number}] without a code that is text: {json.dumps(entry)}"
    return text


def _error(error: dict[str, object]) -> Findings:
    code = str(error["code"])
    in_letters = re.fullmatch(r"[A-Z_]+", code) is not None
    yield Finding("OCI-R104", in_letters, "a code of upper case letters and underscores", code)
    yield Finding("OCI-R106", code in CODES | LEGACY_CODES, f"a code among {', '.join(sorted(CODES))}", code)
    if "message" in error:
        yield Finding("OCI-R105", isinstance(error["message"], str), "a message that is text", error["message"])


def retry_after(exchange: Exchange) -> Findings:
    """Check that 429 comes with Retry-After (RFC 9110 section 10.2.3)."""
    if exchange.status == 429:
        value = exchange.header("Retry-After") or ""
        ok = value.isdigit() or _HTTP_DATE.fullmatch(value) is not None
        yield Finding("OCI-R107", ok, "Retry-After with seconds or a date", value or "no Retry-After")


def warnings(exchange: Exchange) -> Findings:
    """Check that warnings have the code 299, the agent `-` and no date, and are short (RFC 7234 section 5.5)."""
    values = exchange.values("Warning")
    for value in values:
        found = list(_warnings(value))
        ok = all(code == "299" for code, _, _ in found)
        yield Finding("OCI-R108", ok and bool(found), 'Warning: 299 - "..."', value)
        if found:
            yield Finding("OCI-R109", all(agent == "-" for _, agent, _ in found), 'Warning: 299 - "..."', value)
            yield Finding("OCI-R110", not any(date for _, _, date in found), "a warning without a date", value)
    if values:
        size = sum(len(value.encode()) for value in values)
        yield Finding("OCI-R111", size <= MAX_WARNING_BYTES, "at most 4096 bytes of warnings", f"{size} bytes")


def _warnings(value: str) -> list[tuple[str, str, str]]:
    """Parse a header to code, agent and date of each warning; none if its syntax is invalid."""
    found, position = [], 0
    while match := _WARNING.match(value, position):
        found.append((match[1], match[2], match[3] or ""))
        position = match.end()
    return found if position == len(value) else []


def link(exchange: Exchange) -> Findings:
    """Check that a Link has the form of RFC 5988 and the relation type next."""
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


def location(exchange: Exchange) -> Findings:
    """Check that a Location can be resolved against the URL of the request (RFC 9110 section 10.2.2)."""
    value = exchange.header("Location")
    if value is not None:
        ok = location_of(exchange) is not None and " " not in value
        yield Finding("OCI-R102", ok, "a Location that is a URL", value)
