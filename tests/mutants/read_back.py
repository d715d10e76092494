"""What was written, read back otherwise than it is: in one way of asking, while all others are right."""

from __future__ import annotations

import gzip
from base64 import b64decode
from collections.abc import Callable
from urllib.parse import quote

from conformance.client.content import digest_of
from conformance.fakes import identities
from tests.mutants.auth import BEARER, writer
from tests.mutants.harness import Answer, Ask, after, instead

Kept = dict[tuple[str, ...], Answer]


def kept(ask: Ask, name: str) -> Kept:
    """What a cache of the fake has kept."""
    found: Kept = ask.registry.__dict__.setdefault(f"conformance.{name}", {})
    return found


def stale(
    method: str, kind: str, *statuses: int, only: Callable[[Ask], bool] = lambda ask: True
) -> Callable[[Ask], Answer | None]:
    """Answer a method as it was answered first with one of the statuses, whatever has happened since."""

    def tamper(ask: Ask) -> Answer | None:
        if ask.method != method or ask.kind != kind or not only(ask):
            return None
        answer, key = ask.proceed(), (method, ask.path)
        if answer.status in statuses:
            kept(ask, f"stale {kind}").setdefault(key, answer)
        found = kept(ask, f"stale {kind}").get(key, answer)
        return Answer(found.status, list(found.headers), found.body)

    return tamper


def is_tag(ask: Ask) -> bool:
    """Whether a manifest is asked for by a tag."""
    return ":" not in ask.reference


def in_gzip(ask: Ask) -> bool:
    """Whether the client takes gzip."""
    return "gzip" in ask.header("Accept-Encoding")


instead("OCI-R022", "HEAD of a tag goes on naming what it named first")(stale("HEAD", "manifests", 200, only=is_tag))
instead("OCI-R021", "HEAD of a manifest that was not there once is 404 for good")(stale("HEAD", "manifests", 404))
instead("OCI-R021", "HEAD of a blob that was not there once is 404 for good")(stale("HEAD", "blobs", 404))
instead("OCI-R012", "GET of a tag that was not there once is 404 for good")(stale("GET", "manifests", 404, only=is_tag))
instead("OCI-R016", "GET of a blob that was not there once is 404 for good")(stale("GET", "blobs", 404))
instead("OCI-R011", "GET of a tag gives who takes gzip what it gave first")(
    stale("GET", "manifests", 200, only=lambda ask: is_tag(ask) and in_gzip(ask))
)
instead("OCI-R067", "the tags are listed for who takes gzip as they were first")(
    stale("GET", "tags", 200, only=in_gzip)
)


def goes_on_after_the_end(
    method: str, only: Callable[[Ask], bool] = lambda ask: True
) -> Callable[[Ask], Answer | None]:
    """Answer for what is gone as when it was there."""

    def tamper(ask: Ask) -> Answer | None:
        if ask.method != method or ask.kind != "manifests" or not only(ask):
            return None
        answer, key = ask.proceed(), (method, ask.path)
        if answer.status == 200:
            kept(ask, "ended")[key] = answer
        return kept(ask, "ended").get(key, answer) if answer.status == 404 else answer

    return tamper


instead("OCI-R024", "HEAD of a tag that was deleted is 200")(goes_on_after_the_end("HEAD", is_tag))
instead("OCI-R024", "HEAD of a manifest that was deleted is 200")(
    goes_on_after_the_end("HEAD", lambda ask: not is_tag(ask))
)
instead("OCI-R014", "GET of what was deleted is 200 for who takes gzip")(goes_on_after_the_end("GET", in_gzip))


@after(
    "OCI-R021", "HEAD finds no manifest by the digest of one that was pushed to a tag", "HEAD|PUT manifests", 200, 201
)
def no_digest_of_a_tag(ask: Ask, answer: Answer) -> None:
    if ask.method == "PUT":
        kept(ask, "pushed")[ask.name, answer.header("Docker-Content-Digest") or "", str(is_tag(ask))] = answer
    elif not is_tag(ask) and (ask.name, ask.reference, "False") not in kept(ask, "pushed"):
        answer.status = 404


@instead("OCI-R021", "HEAD does not find what a tag pointed to before it moved")
def old_digest_is_lost(ask: Ask) -> Answer | None:
    if ask.kind == "manifests" and ask.method == "PUT" and is_tag(ask):
        old = ask.proceed(REQUEST_METHOD="HEAD").header("Docker-Content-Digest") or ""
        if old != digest_of(ask.body()):
            kept(ask, "old")[ask.name, old] = Answer(404)
    return kept(ask, "old").get((ask.name, ask.reference)) if ask.method == "HEAD" else None


@after("OCI-R023", "HEAD of a tag gives the size of what it pointed to first, and no digest", "HEAD manifests", 200)
def size_of_the_old(ask: Ask, answer: Answer) -> None:
    first = kept(ask, "sizes").setdefault((ask.path,), answer)
    if first is not answer:
        answer.set("Content-Length", first.header("Content-Length") or "")
        answer.drop("Docker-Content-Digest")


@instead("OCI-R021", "HEAD does not find a blob that was pushed in chunks")
def chunked_is_not_found(ask: Ask) -> Answer | None:
    if ask.kind == "session" and ask.method == "PUT" and ask.header("Content-Range"):
        kept(ask, "chunked")[ask.name, ask.query["digest"]] = Answer(404)
    return kept(ask, "chunked").get((ask.name, ask.reference)) if ask.method == "HEAD" else None


@instead("OCI-R021", "HEAD does not find a blob that was mounted")
def mounted_is_not_found(ask: Ask) -> Answer | None:
    if ask.kind == "uploads" and "from" in ask.query:
        kept(ask, "mounted")[ask.name, ask.query["mount"]] = Answer(404)
    return kept(ask, "mounted").get((ask.name, ask.reference)) if ask.method == "HEAD" else None


def early(method: str) -> Callable[[Ask], Answer | None]:
    """Find the bytes of a session as a blob before the session is closed."""

    def tamper(ask: Ask) -> Answer | None:
        if ask.kind == "session" and ask.method == "PATCH":
            data = ask.body()
            found = Answer(200, [("Content-Length", str(len(data)))], data)
            kept(ask, "early")[ask.name, digest_of(data)] = found
        asked = ask.kind == "blobs" and ask.method == method
        return kept(ask, "early").get((ask.name, ask.reference)) if asked else None

    return tamper


instead("OCI-R019", "GET finds a blob before its session is closed")(early("GET"))
instead("OCI-R024", "HEAD finds a blob before its session is closed")(early("HEAD"))


@after("OCI-R015", "a blob in gzip is another one", "GET blobs", 200)
def another_in_gzip(ask: Ask, answer: Answer) -> None:
    if in_gzip(ask):
        answer.write(gzip.compress(answer.body[::-1]))
        answer.set("Content-Encoding", "gzip")


@after("OCI-R011", "a manifest is in gzip for who did not ask for it", "GET manifests", 200)
def gzip_unasked(ask: Ask, answer: Answer) -> None:
    if not in_gzip(ask):
        answer.write(gzip.compress(answer.body))
        answer.set("Content-Encoding", "gzip")


# Credentials that are sent straight to the registry, and answers that are kept for the next client.

SECRETS = {found.secret for name, found in identities().items() if name not in {"wrong", "expired"}}


def with_all_rights(ask: Ask) -> Answer:
    """What the writer is answered."""
    scope = quote(f"repository:{ask.name}:pull,push,delete")
    query = f"service={quote(ask.environ['HTTP_HOST'])}&scope={scope}"
    token = ask.proceed(
        REQUEST_METHOD="GET", PATH_INFO="/token", QUERY_STRING=query, CONTENT_LENGTH="0", HTTP_AUTHORIZATION=writer()
    )
    return ask.proceed(HTTP_AUTHORIZATION=f"Bearer {token.body.decode().split(chr(34))[3]}")


def secret_of(ask: Ask) -> tuple[str, str]:
    """The scheme of a request to a repository, and the secret that was sent straight with it."""
    scheme, _, rest = ask.header("Authorization").partition(" ") if ask.name else ("", "", "")
    secret = b64decode(rest).decode("latin-1").partition(":")[2] if scheme == "Basic" else rest
    return scheme, secret


@instead("AUTH-17", "Basic opens every repository to whoever there is", target=BEARER)
def basic_opens_all(ask: Ask) -> Answer | None:
    scheme, secret = secret_of(ask)
    return with_all_rights(ask) if scheme == "Basic" and secret in SECRETS else None


@instead("AUTH-17", "a secret in place of a token opens every repository", target=BEARER)
def secret_opens_all(ask: Ask) -> Answer | None:
    scheme, secret = secret_of(ask)
    return with_all_rights(ask) if scheme == "Bearer" and secret in SECRETS else None


@instead("AUTH-17", "whoever may read and sends Basic may write", target=BEARER)
def reader_writes(ask: Ask) -> Answer | None:
    scheme, secret = secret_of(ask)
    return with_all_rights(ask) if scheme == "Basic" and secret == identities()["reader"].secret else None


@instead("AUTH-19", "Basic with a secret that counts no more opens all", target=BEARER)
def expired_opens_all(ask: Ask) -> Answer | None:
    scheme, secret = secret_of(ask)
    return with_all_rights(ask) if scheme == "Basic" and secret == identities()["expired"].secret else None


def shared(methods: str, needs_credentials: bool) -> Callable[[Ask], Answer | None]:
    """Keep an answer for the next client, whoever that is."""

    def tamper(ask: Ask) -> Answer | None:
        if ask.method not in methods.split("|") or ask.kind not in {"manifests", "blobs"}:
            return None
        if needs_credentials and not ask.header("Authorization"):
            return None
        answer, key = ask.proceed(), (ask.method, ask.path)
        if answer.status == 200:
            kept(ask, "shared")[key] = answer
        return kept(ask, "shared").get(key, answer) if answer.status in {401, 403, 404} else answer

    return tamper


instead("AUTH-17", "what one client has read is open to the next with any token", target=BEARER)(shared("GET", True))
instead("AUTH-20", "what one client has read is open to those without a token", target=BEARER)(
    shared("GET|HEAD", False)
)


@after(
    "OCI-R011",
    "who is not the first to read a repository gets what a tag pointed to first",
    "GET manifests",
    200,
    target=BEARER,
)
def each_reader_a_cache(ask: Ask, answer: Answer) -> None:
    who = ask.header("Authorization")
    first = ask.registry.__dict__.setdefault("conformance.first", {}).setdefault(ask.name, who)
    if who != first and is_tag(ask):
        found = kept(ask, "of each").setdefault((who, ask.path), Answer(200, list(answer.headers), answer.body))
        answer.headers, answer.body = list(found.headers), found.body
