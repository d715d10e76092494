"""GitHub's Container registry, broken: its challenges, its formats, its limits, and what it leaves out."""

from __future__ import annotations

import json

from tests.mutants.github import rewrite_error
from tests.mutants.harness import Answer, Ask, after, instead, settings_break

CONTAINER = "fake:github-container"


# Challenges and tokens.

settings_break("GHC-03", "a login is asked for with the scope of nothing", f"{CONTAINER},ping_scope=")
settings_break("GHC-03", "Basic credentials get a challenge", f"{CONTAINER},basic_challenge=true")
settings_break("GHC-03", "personal tokens do not pass for Bearer tokens", f"{CONTAINER},bearer_credentials=false")
settings_break("GHC-03", "a token that is none passes for nothing", f"{CONTAINER},junk_tokens=false")
settings_break("GHC-03", "the token endpoint asks again for bad credentials", f"{CONTAINER},token_refusal=401")


@instead("GHC-03", "a login needs no token", target=CONTAINER)
def open_login(ask: Ask) -> Answer | None:
    return Answer(200) if ask.kind == "ping" and not ask.header("Authorization") else None


@after("GHC-03", "the challenge names no service", "GET ping", 401, target=CONTAINER)
def no_service(ask: Ask, answer: Answer) -> None:
    answer.set("WWW-Authenticate", (answer.header("WWW-Authenticate") or "").replace("service=", "audience="))


@after("GHC-03", "a resource is asked for with the placeholder", "GET tags", 401, target=CONTAINER)
def placeholder_everywhere(ask: Ask, answer: Answer) -> None:
    challenge = answer.header("WWW-Authenticate") or ""
    answer.set("WWW-Authenticate", challenge.replace(ask.name, "user/image"))


@after("GHC-03", "a bad token is refused with another text", "GET tags", 401, target=CONTAINER)
def other_text_of_token(ask: Ask, answer: Answer) -> None:
    if ask.header("Authorization"):
        rewrite_error(answer, message="invalid token")


@after("GHC-03", "the token endpoint refuses with another code", "GET /token", 403, target=CONTAINER)
def other_code_of_token_endpoint(ask: Ask, answer: Answer) -> None:
    rewrite_error(answer, code="UNAUTHORIZED")


# Formats.

settings_break("GHC-07", "images in Docker's format are refused", f"{CONTAINER},manifest_formats=oci|other")
settings_break("GHC-07", "images in OCI's format are refused", f"{CONTAINER},manifest_formats=docker")
settings_break("GHC-07", "indexes are refused", f"{CONTAINER},indexes=false")
settings_break("GHC-07", "manifests have tags only", f"{CONTAINER},digest_references=false")
settings_break("GHC-07", "an index is served to whoever does not accept it", f"{CONTAINER},index_needs_accept=false")


@after("GHC-07", "a manifest comes with a charset", "GET manifests", 200, target=CONTAINER)
def charset(ask: Ask, answer: Answer) -> None:
    answer.set("Content-Type", f"{answer.header('Content-Type')}; charset=utf-8")


@after("GHC-07", "the refusal of an index has another text", "GET manifests", 404, target=CONTAINER)
def other_text_of_index(ask: Ask, answer: Answer) -> None:
    rewrite_error(answer, message="manifest unknown")


@instead("GHC-07", "an image is unknown to whoever accepts schema 1 only", target=CONTAINER)
def schema_1_is_unknown(ask: Ask) -> Answer | None:
    return Answer(404) if ask.kind == "manifests" and ask.header("Accept").endswith("manifest.v1+json") else None


# Limits.

settings_break("GHC-08", "an upload may take an hour", f"{CONTAINER},upload_timeout=0")
settings_break("GHC-08", "an upload has nine minutes", f"{CONTAINER},upload_timeout=540")
settings_break("GHC-10", "a chunk has any size", f"{CONTAINER},ranged_patch_limit=0")
settings_break("GHC-10", "a chunk has less than 4 MiB", f"{CONTAINER},ranged_patch_limit=4194303")


@after("GHC-08", "a session that is over is no valid one", "PATCH|PUT session", 404, target=CONTAINER)
def invalid_session(ask: Ask, answer: Answer) -> None:
    rewrite_error(answer, code="BLOB_UPLOAD_INVALID")


@after("GHC-10", "a chunk over the limit is refused as too large", "PATCH session", 416, target=CONTAINER)
def too_large(ask: Ask, answer: Answer) -> None:
    answer.status = 413
    rewrite_error(answer, code="SIZE_INVALID")


@instead("GHC-10", "a stream is limited like a chunk", target=CONTAINER)
def limited_stream(ask: Ask) -> Answer | None:
    large = int(ask.header("Content-Length") or 0) > 4 << 20
    return Answer(416) if ask.method == "PATCH" and large and not ask.header("Content-Range") else None


@after("GHC-13", "the refusal does not say when to come back", "GET ping", 429, target=CONTAINER)
def no_retry_after(ask: Ask, answer: Answer) -> None:
    answer.drop("Retry-After")


@after("GHC-13", "the refusal has another text", "GET ping", 429, target=CONTAINER)
def other_text_of_rate(ask: Ask, answer: Answer) -> None:
    rewrite_error(answer, message="slow down")


@after("GHC-13", "the refusal has another code", "GET ping", 429, target=CONTAINER)
def other_code_of_rate(ask: Ask, answer: Answer) -> None:
    rewrite_error(answer, code="DENIED")


@instead("GHC-13", "nothing is limited", target=CONTAINER)
def unlimited(ask: Ask) -> Answer | None:
    ask.registry.rates.clear()
    return None


# What there is not.

settings_break("GHC-11", "manifests can be deleted by digest", f"{CONTAINER},manifest_deletion=true")
settings_break("GHC-11", "tags can be deleted", f"{CONTAINER},tag_deletion=true")
settings_break("GHC-11", "uploads can be cancelled", f"{CONTAINER},upload_cancel=true")
settings_break("GHC-12", "a page has 50 tags", f"{CONTAINER},tags_default_page_size=50")
settings_break("GHC-12", "all tags come at once", f"{CONTAINER},tags_default_page_size=0")
settings_break("GHC-12", "a page has no more than 100 tags, whatever is asked for", f"{CONTAINER},tags_page_size=100")
settings_break("GHC-12", "there is a catalog", f"{CONTAINER},catalog=true")
settings_break("GHC-12", "there is a referrers API", f"{CONTAINER},referrers=true")


@after("GHC-11", "a deletion is forbidden, not unknown", "DELETE manifests|session", 405, target=CONTAINER)
def forbidden_deletion(ask: Ask, answer: Answer) -> None:
    answer.status = 403
    rewrite_error(answer, code="DENIED")


@instead("GHC-12", "a push with a subject is said to be listed", target=CONTAINER)
def subject_header(ask: Ask) -> Answer | None:
    if ask.method != "PUT" or ask.kind != "manifests":
        return None
    subject, answer = json.loads(ask.body()).get("subject"), ask.proceed()
    if subject:
        answer.set("OCI-Subject", subject["digest"])
    return answer
