"""HTTP, error bodies and warnings, broken."""

from __future__ import annotations

from conformance.client.transport import TransportError
from tests.mutants.harness import Answer, Ask, after, instead

EVERY = "GET|HEAD|POST|PUT|PATCH|DELETE"
RFC, BODY = "OCI-R102", "OCI-R103"


def is_unsupported(answer: Answer) -> bool:
    return b'"UNSUPPORTED"' in answer.body


# Paths and methods.


@after(RFC, "takes an unknown path for a mistake", "GET", 404)
def unknown_path_is_400(ask: Ask, answer: Answer) -> None:
    answer.status = 400 if is_unsupported(answer) else 404


@after(RFC, "takes a wrong method for a mistake", "PUT|POST|PATCH|DELETE", 405)
def wrong_method_is_400(ask: Ask, answer: Answer) -> None:
    answer.status = 400


@after(RFC, "does not say which methods there are", "PUT|POST|PATCH|DELETE", 405)
def no_allow(ask: Ask, answer: Answer) -> None:
    answer.drop("Allow")


@after(RFC, "allows the very method that it refuses", "PUT|POST|PATCH|DELETE", 405)
def allows_it(ask: Ask, answer: Answer) -> None:
    answer.set("Allow", f"{answer.header('Allow')}, {ask.method}")


@instead(RFC, "does for a method that it does not know what it does for GET")
def any_method(ask: Ask) -> Answer | None:
    return Answer(200, [("Content-Length", "0")]) if ask.method == "BREW" else None


@instead(RFC, "does not decode paths")
def no_decoding(ask: Ask) -> Answer | None:
    return Answer(404) if "%" in ask.environ.get("REQUEST_URI", "").partition("?")[0] else None


@instead(RFC, "takes no manifest of unknown length")
def length_required(ask: Ask) -> Answer | None:
    is_stream = ask.method == "PUT" and ask.kind == "manifests" and not ask.header("Content-Length")
    return Answer(400, [("Content-Length", "0")]) if is_stream else None


@instead(RFC, "breaks the connection when a digest is none")
def no_answer_to_a_bad_digest(ask: Ask) -> Answer | None:
    if ask.method == "GET" and ask.reference == "sha256:abc":
        raise TransportError("the connection was closed")
    return None


# HEAD.


@after(RFC, "gives no media type on HEAD", "HEAD manifests")
def head_without_type(ask: Ask, answer: Answer) -> None:
    answer.drop("Content-Type")


@after(RFC, "gives another ETag on HEAD of a blob", "HEAD blobs")
def head_with_other_tag(ask: Ask, answer: Answer) -> None:
    answer.set("ETag", '"another"')


@after(RFC, "looks at Accept for GET and not for HEAD", "GET manifests", 200)
def get_alone_negotiates(ask: Ask, answer: Answer) -> None:
    if "example.other" in ask.header("Accept"):
        answer.status = 406


# Conditions and Accept.


@instead(RFC, "compares If-None-Match as text")
def textual_none_match(ask: Ask) -> Answer | None:
    is_one = ask.header("If-None-Match").count('"') == 2 and not ask.header("If-None-Match").startswith("W/")
    return None if is_one else ask.proceed(HTTP_IF_NONE_MATCH="")


@after(RFC, "leaves the ETag out of 304", "GET", 304)
def unnamed_304(ask: Ask, answer: Answer) -> None:
    answer.drop("ETag")


@instead(RFC, "takes any If-None-Match for met")
def always_304(ask: Ask) -> Answer | None:
    return ask.proceed(HTTP_IF_NONE_MATCH="*") if ask.header("If-None-Match") else None


@instead(RFC, "pays no heed to If-Match on pulls")
def no_if_match(ask: Ask) -> Answer | None:
    return ask.proceed(HTTP_IF_MATCH="") if ask.method == "GET" else None


@instead(RFC, "takes any If-Modified-Since for met")
def not_modified(ask: Ask) -> Answer | None:
    return Answer(304) if ask.header("If-Modified-Since") else None


@instead(RFC, "reads no weights in Accept")
def no_weights(ask: Ask) -> Answer | None:
    return Answer(406) if ask.kind == "manifests" and ";q=" in ask.header("Accept") else None


# Seen by passive checks alone.


@after(RFC, "breaks down over a digest that is none", "GET blobs|manifests", 400)
def breaks_down(ask: Ask, answer: Answer) -> None:
    answer.status = 500


@after(RFC, "announces one byte more than it sends", "GET tags|manifests", 200)
def long_length(ask: Ask, answer: Answer) -> None:
    answer.set("Content-Length", str(len(answer.body) + 1))


@after(RFC, "sends a body with 204", "DELETE session", 204)
def body_of_204(ask: Ask, answer: Answer) -> None:
    answer.body = b"{}"


@after(RFC, "leads to no URL", "POST uploads", 202)
def no_url(ask: Ask, answer: Answer) -> None:
    answer.set("Location", f"{answer.header('Location')}?name=with blanks")


@after(RFC, "does not say how to authenticate", EVERY, 401, target="fake:oci,auth=bearer,rights=repository")
def no_challenge(ask: Ask, answer: Answer) -> None:
    if ask.path != "/v2/" and "conformance-check" not in ask.path:  # else no run would begin
        answer.drop("WWW-Authenticate")


@after("OCI-R039", "gives the range of a chunk as a request would", "PATCH session", 202)
def range_of_requests(ask: Ask, answer: Answer) -> None:
    answer.set("Range", f"bytes={answer.header('Range')}")


@after("OCI-R046", "gives the range of a session without its start", "GET session", 204)
def range_without_start(ask: Ask, answer: Answer) -> None:
    answer.set("Range", (answer.header("Range") or "").removeprefix("0"))


@after("OCI-R069", "leads to the next tags with a bare URL", "GET tags", 200)
def bare_link_of_tags(ask: Ask, answer: Answer) -> None:
    if answer.header("Link"):
        answer.set("Link", f"{ask.path}?n=1&last=a")


@after("OCI-R087", "leads to the next referrers without a relation", "GET referrers", 200,
       target="fake:oci,referrers_page_size=1")  # fmt: skip
def bare_link_of_referrers(ask: Ask, answer: Answer) -> None:
    if value := answer.header("Link"):
        answer.set("Link", value.partition(";")[0])


# Error bodies.


@after(BODY, "sends errors as an object of its own", EVERY, 400, 404)
def other_shape(ask: Ask, answer: Answer) -> None:
    answer.write(b'{"error": "no"}')


@after(BODY, "sends one error, not a list", "GET blobs", 404)
def no_list(ask: Ask, answer: Answer) -> None:
    answer.write(b'{"errors": {"code": "BLOB_UNKNOWN"}}')


@after(BODY, "calls text JSON", "PUT|PATCH|DELETE", 400, 404, 416)
def text_as_json(ask: Ask, answer: Answer) -> None:
    answer.write(b"not found")


@after(BODY, "calls text JSON where a session is missing", "PATCH session", 404)
def text_of_session(ask: Ask, answer: Answer) -> None:
    answer.write(b"no such upload")


@after("OCI-R104", "writes codes in lower case", EVERY, 404)
def lower_case(ask: Ask, answer: Answer) -> None:
    answer.write(answer.body.replace(b"_UNKNOWN", b"_unknown"))


@after("OCI-R104", "uses the status as code of a name that is none", EVERY, 400)
def status_as_code(ask: Ask, answer: Answer) -> None:
    answer.write(answer.body.replace(b"NAME_INVALID", b"E400"))


@after("OCI-R105", "sends no text as message", "GET", 404)
def message_object(ask: Ask, answer: Answer) -> None:
    answer.write(b'{"errors": [{"code": "NAME_UNKNOWN", "message": {"en": "unknown"}}]}')


@after("OCI-R106", "has a code of its own for wrong methods", "POST|PUT|DELETE", 405)
def own_code(ask: Ask, answer: Answer) -> None:
    answer.write(answer.body.replace(b"UNSUPPORTED", b"METHOD_UNKNOWN"))


@after("OCI-R106", "has a code of its own for sessions", "PATCH|PUT session", 400, 404, 416)
def own_code_of_session(ask: Ask, answer: Answer) -> None:
    answer.write(b'{"errors": [{"code": "RANGE_INVALID"}]}')


@after("OCI-R106", "has a code of its own for names", "GET tags|blobs|manifests|referrers", 400)
def own_code_of_name(ask: Ask, answer: Answer) -> None:
    answer.write(answer.body.replace(b"NAME_INVALID", b"BAD_REQUEST"))


@after("OCI-R106", "says that a manifest is missing where a blob is", "GET blobs", 404)
def other_thing_missing(ask: Ask, answer: Answer) -> None:
    answer.write(answer.body.replace(b"BLOB_UNKNOWN", b"MANIFEST_UNKNOWN"))


@after("OCI-R107", "does not say when to come back", "GET ping", 429)
def no_retry_after(ask: Ask, answer: Answer) -> None:
    answer.drop("Retry-After")


@after("OCI-R107", "says in words when to come back", "GET ping", 429)
def words_to_retry(ask: Ask, answer: Answer) -> None:
    answer.set("Retry-After", "soon")


@after("OCI-R107", "refuses who asks too often with 403", "GET ping", 429)
def refused_403(ask: Ask, answer: Answer) -> None:
    answer.status = 403


# Warnings.


@after("OCI-R108", "warns with the code 199", EVERY)
def code_199(ask: Ask, answer: Answer) -> None:
    answer.set("Warning", '199 - "old"')


@after("OCI-R108", "warns in plain text", "GET manifests")
def plain_warning(ask: Ask, answer: Answer) -> None:
    answer.set("Warning", "this image is old")


@after("OCI-R109", "warns in its own name", EVERY)
def own_agent(ask: Ask, answer: Answer) -> None:
    answer.set("Warning", '299 registry.example.com "old"')


@after("OCI-R110", "warns with a date", EVERY)
def dated(ask: Ask, answer: Answer) -> None:
    answer.set("Warning", '299 - "old" "Wed, 21 Oct 2015 07:28:00 GMT"')


@after("OCI-R111", "warns at length", "GET manifests")
def long_warnings(ask: Ask, answer: Answer) -> None:
    answer.headers += [("Warning", f'299 - "{number} {"x" * 2000}"') for number in range(3)]
