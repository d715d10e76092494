"""GitHub's Docker registry, broken: its switches, its references, its texts, and what its answers say."""

from __future__ import annotations

import json

from tests.mutants.harness import Answer, Ask, after, instead, settings_break

DOCKER = "fake:github-docker"


def with_ecosystem(ask: Ask, ecosystem: str) -> Answer:
    """What the fake would answer if its registry were enabled, read-only or disabled."""
    before = ask.registry.dialect.ecosystem
    ask.registry.configure(ecosystem=ecosystem)
    try:
        return ask.proceed()
    finally:
        ask.registry.configure(ecosystem=before)


def rewrite_error(answer: Answer, **fields: str) -> None:
    """Change the error in a body."""
    document = json.loads(answer.body)
    document["errors"][0].update(fields)
    answer.write(json.dumps(document).encode())


# Read-only and disabled registries.


@instead("GHD-02", "a read-only registry takes pushes", target=DOCKER)
def read_only_takes_pushes(ask: Ask) -> Answer | None:
    read_only = ask.registry.dialect.ecosystem == "read-only"
    return with_ecosystem(ask, "enabled") if read_only and ask.method in {"POST", "PUT"} else None


@instead("GHD-02", "a read-only registry takes tags for what it has", target=DOCKER)
def read_only_takes_tags(ask: Ask) -> Answer | None:
    read_only = ask.registry.dialect.ecosystem == "read-only"
    return with_ecosystem(ask, "enabled") if read_only and ask.method == "PUT" else None


@after("GHD-02", "a read-only registry gives nothing out", "GET manifests|blobs", 200, target=DOCKER)
def read_only_gives_nothing(ask: Ask, answer: Answer) -> None:
    if ask.registry.dialect.ecosystem == "read-only":
        answer.status = 403


@instead("GHD-02", "a disabled registry still gives out what it has", target=DOCKER)
def disabled_gives_out(ask: Ask) -> Answer | None:
    disabled = ask.registry.dialect.ecosystem == "disabled"
    return with_ecosystem(ask, "read-only") if disabled and ask.kind == "blobs" else None


@instead("GHD-02", "a disabled registry takes uploads", target=DOCKER)
def disabled_takes_uploads(ask: Ask) -> Answer | None:
    return with_ecosystem(ask, "enabled") if ask.kind == "uploads" else None


# Names and references.

settings_break("GHD-05", "manifests are found by digest", f"{DOCKER},digest_references=true")
settings_break("GHD-05", "engine 25 recovers from the 404", f"{DOCKER},digest_refusal_type=application/json")
settings_break("GHD-19", "manifests are pulled and pushed by digest", f"{DOCKER},digest_references=true")
settings_break("GHD-17", "names have any number of parts", f"{DOCKER},name_form=any")


@after("GHD-05", "the 404 has a code that older engines do not recover from", "GET manifests", 404, target=DOCKER)
def unknown_code(ask: Ask, answer: Answer) -> None:
    rewrite_error(answer, code="UNKNOWN")


@instead("GHD-19", "a push by digest is taken", target=DOCKER)
def push_by_digest(ask: Ask) -> Answer | None:
    pushed = ask.method == "PUT" and ask.reference.startswith("sha256:")
    return Answer(201, [("Location", ask.path)]) if pushed else None


@after("GHD-19", "an image is found by its digest", "GET manifests", 404, target=DOCKER)
def pull_by_digest(ask: Ask, answer: Answer) -> None:
    answer.status = 200


@after("GHD-19", "an image is not found by its tag", "GET manifests", 200, target=DOCKER)
def no_pull_by_tag(ask: Ask, answer: Answer) -> None:
    answer.status = 404


@after("GHD-17", "the refusal of a name has another text", "POST uploads", 404, target=DOCKER)
def other_text_of_name(ask: Ask, answer: Answer) -> None:
    rewrite_error(answer, message="repository name not known to registry")


@after("GHD-17", "a name of another form is a bad request", "POST uploads", 404, target=DOCKER)
def other_status_of_name(ask: Ask, answer: Answer) -> None:
    answer.status = 400


# Credentials.


@after("GHD-20", "the refusal has another text", "GET|POST", 401, target=DOCKER)
def other_text_of_refusal(ask: Ask, answer: Answer) -> None:
    rewrite_error(answer, message="authentication required")


@after("GHD-20", "missing credentials are a Bearer challenge", "GET tags|manifests|blobs", 401, target=DOCKER)
def bearer_challenge(ask: Ask, answer: Answer) -> None:
    answer.set("WWW-Authenticate", 'Bearer realm="http://docker.ghes.test/token"')


@after("GHD-20", "bad credentials are answered without a challenge", "GET|POST", 401, target=DOCKER)
def no_challenge(ask: Ask, answer: Answer) -> None:
    if ask.header("Authorization"):
        answer.drop("WWW-Authenticate")


@after("GHD-20", "bad credentials are forbidden", "GET|POST", 401, target=DOCKER)
def forbidden(ask: Ask, answer: Answer) -> None:
    if ask.header("Authorization"):
        answer.status = 403


@after("GHD-20", "who sends none is told of the image", "GET manifests|blobs", 401, target=DOCKER)
def told_of_image(ask: Ask, answer: Answer) -> None:
    answer.status = 404


settings_break("GHD-29", "a login checks the credentials", f"{DOCKER},login_check=true")


@instead("GHD-29", "a login needs no credentials", target=DOCKER)
def open_login(ask: Ask) -> Answer | None:
    return Answer(200) if ask.kind == "ping" else None


@after("GHD-29", "whoever logged in with a wrong secret is let in", "GET tags", 401, target=DOCKER)
def lets_in(ask: Ask, answer: Answer) -> None:
    if ask.header("Authorization"):
        answer.status = 200


# Large images.


@after("GHD-22", "an image over the notice is refused", "PUT manifests", 201, target=DOCKER)
def refuses_large(ask: Ask, answer: Answer) -> None:
    if answer.header("Warning"):
        answer.status = 413


@after("GHD-22", "an image over the notice is not marked when it is pulled", "GET manifests", 200, target=DOCKER)
def marks_no_pull(ask: Ask, answer: Answer) -> None:
    answer.drop("Warning")


@after("GHD-22", "every image is marked", "PUT|GET manifests", target=DOCKER)
def marks_all(ask: Ask, answer: Answer) -> None:
    answer.set("Warning", '299 - "this image is large"')


# Answers about manifests and blobs.

settings_break("GHD-24", "HEAD of a manifest is allowed", f"{DOCKER},manifest_head=true")
settings_break("GHD-25", "a manifest comes without a charset", f"{DOCKER},manifest_charset=false")
settings_break("GHD-25", "the ETag is strong", f"{DOCKER},etag_form=strong")
settings_break("GHD-25", "a manifest comes with its digest", f"{DOCKER},digest_header=true")
settings_break("GHD-26", "a pushed blob is answered with its digest", f"{DOCKER},blob_push_digest=true")


@after("GHD-24", "the refusal of HEAD is not labelled JSON", "HEAD manifests", 405, target=DOCKER)
def head_refused_in_plain_text(ask: Ask, answer: Answer) -> None:
    answer.set("Content-Type", "text/plain")


# Formats.

settings_break("GHD-27", "lists of several platforms are taken", f"{DOCKER},indexes=true")
settings_break("GHD-27", "image indexes are taken", f"{DOCKER},indexes=true,manifest_formats=docker|oci")


@after("GHD-27", "a list is no valid manifest", "PUT manifests", 403, target=DOCKER)
def invalid_list(ask: Ask, answer: Answer) -> None:
    answer.status = 400
    rewrite_error(answer, code="MANIFEST_INVALID")


@instead("GHD-27", "a refused list is kept", target=DOCKER)
def keeps_list(ask: Ask) -> Answer | None:
    return Answer(200) if ask.method == "GET" and ask.reference == "several" else None


@after("GHD-28", "schema 1 is refused with another text", "PUT manifests", 400, target=DOCKER)
def other_text_of_schema_1(ask: Ask, answer: Answer) -> None:
    rewrite_error(answer, message="manifest invalid")


@instead("GHD-28", "schema 1 is taken", target=DOCKER)
def takes_schema_1(ask: Ask) -> Answer | None:
    return Answer(201) if ask.method == "PUT" and "manifest.v1" in ask.header("Content-Type") else None
