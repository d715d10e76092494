"""Uploads, broken: of blobs in one piece, and the sessions in which that happens."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from fakereg.spec.names import Name
from fakereg.storage.repositories import Upload
from fakereg.storage.uploads import Terms, Uploads
from tests.mutants.harness import Answer, Ask, after, instead, patched


def session_of(ask: Ask) -> Upload | None:
    """The session that a request is about, if it is open."""
    return ask.registry.storage.upload(Name(ask.name), ask.reference)


def sessions_of(ask: Ask) -> Iterator[tuple[str, Terms]]:
    """All open sessions and what they are for."""
    storage = ask.registry.storage.storage
    for id in storage.spools():
        if info := storage.spool(id):
            yield id, Terms.parse(info.text)


def size_of(ask: Ask) -> int:
    """How many bytes a session holds."""
    session = session_of(ask)
    return session.size if session else 0


def first_of(ask: Ask) -> int | None:
    """Where the chunk begins that a request sends, after its Content-Range."""
    match = re.fullmatch(r"(\d+)-\d+", ask.header("Content-Range"))
    return int(match[1]) if match else None


def moved(ask: Ask) -> Answer:
    """What the fake answers to a chunk that begins where it should."""
    length = int(ask.header("Content-Length") or 0)
    size = size_of(ask)
    return ask.proceed(HTTP_CONTENT_RANGE=f"{size}-{size + length - 1}")


# One piece.


@after("OCI-R028", "an upload session is opened with 201", "POST uploads", 202)
def session_is_201(ask: Ask, answer: Answer) -> None:
    answer.status = 201


@after("OCI-R029", "an upload session has no Location", "POST uploads", 202)
def session_without_location(ask: Ask, answer: Answer) -> None:
    answer.drop("Location")


@after("OCI-R029", "the Location of an upload session is no URL", "POST uploads", 202)
def session_without_url(ask: Ask, answer: Answer) -> None:
    answer.set("Location", "http://[::1")


@after("OCI-R029", "the Location of an upload session has the scheme of another protocol", "POST uploads", 202)
def session_of_another_protocol(ask: Ask, answer: Answer) -> None:
    answer.set("Location", f"ftp://registry.test/v2/{ask.name}/blobs/uploads/1")


@after("OCI-R030", "every upload session has the same id", "POST uploads", 202)
def same_session(ask: Ask, answer: Answer) -> None:
    answer.set("Location", f"/v2/{ask.name}/blobs/uploads/00000000-0000-4000-8000-000000000000")


@after("OCI-R030", "the id of an upload session is a number", "POST uploads", 202)
def numbered_session(ask: Ask, answer: Answer) -> None:
    location, _, id = (answer.header("Location") or "").rpartition("/")
    answer.set("Location", f"{location}/{int(id.replace('-', ''), 16) % 10**12}")


def is_whole(ask: Ask) -> bool:
    """Whether a session is closed to which nothing was sent before."""
    return ask.method == "PUT" and ask.kind == "session" and size_of(ask) == 0


@instead("OCI-R031", "an upload is completed with 204")
def completed_with_204(ask: Ask) -> Answer | None:
    if not is_whole(ask):
        return None
    answer = ask.proceed()
    answer.status = 204 if answer.status == 201 else answer.status
    return answer


@instead("OCI-R031", "a blob that is there already is not taken again")
def known_blob_is_refused(ask: Ask) -> Answer | None:
    known = ask.query.get("digest", "") in {str(digest) for digest in blobs_of(ask)}
    return Answer(409) if is_whole(ask) and known else None


def blobs_of(ask: Ask) -> set[str]:
    """The digests of all blobs that a repository has."""
    changes = ask.registry.storage.storage.read(Name(ask.name))
    return {str(digest) for digest in changes.delta.blobs} if changes else set()


@instead("OCI-R031", "sha512 is taken once and then no more")
def sha512_is_refused(ask: Ask) -> Answer | None:
    asked = is_whole(ask) and ask.query.get("digest", "").startswith("sha512:")
    return Answer(400) if asked and "probe-" not in ask.name else None


@after("OCI-R032", "a completed upload has no Location", "PUT session", 201)
def completed_without_location(ask: Ask, answer: Answer) -> None:
    answer.drop("Location")


@after("OCI-R032", "the Location of a completed upload is that of the session", "PUT session", 201)
def completed_at_session(ask: Ask, answer: Answer) -> None:
    answer.set("Location", ask.path)


@after("OCI-R032", "the Location of a completed upload is of another host's path", "PUT session", 201)
def completed_elsewhere(ask: Ask, answer: Answer) -> None:
    answer.set("Location", f"/artifacts-downloads{answer.header('Location')}")


@instead("OCI-R033", "a registry without single POST refuses it with 404")
def single_post_is_404(ask: Ask) -> Answer | None:
    return Answer(404) if ask.kind == "uploads" and "digest" in ask.query else None


@after(
    "OCI-R033", "the session that a single POST opens takes nothing", "PUT session", target="fake:oci,single_post=false"
)
def dead_session(ask: Ask, answer: Answer) -> None:
    answer.status = 404


@instead("OCI-R034", "a single POST answers 200")
def single_post_is_200(ask: Ask) -> Answer | None:
    if ask.kind != "uploads" or "digest" not in ask.query:
        return None
    answer = ask.proceed()
    answer.status = 200
    return answer


@instead("OCI-R035", "a single POST has no Location")
def single_post_without_location(ask: Ask) -> Answer | None:
    if ask.kind != "uploads" or "digest" not in ask.query:
        return None
    answer = ask.proceed()
    answer.drop("Location")
    return answer


@instead("OCI-R035", "a single POST keeps nothing")
def single_post_keeps_nothing(ask: Ask) -> Answer | None:
    if ask.kind != "uploads" or "digest" not in ask.query:
        return None
    answer = Answer(201)
    answer.set("Location", f"/v2/{ask.name}/blobs/{ask.query['digest']}")
    return answer


@instead("OCI-R027", "a digest that does not match is answered with 404")
def wrong_digest_is_404(ask: Ask) -> Answer | None:
    if "digest" not in ask.query or ask.method not in {"PUT", "POST"}:
        return None
    answer = ask.proceed()
    answer.status = 404 if answer.status == 400 else answer.status
    return answer


@instead("OCI-R027", "a digest of an unknown algorithm is taken")
def unknown_algorithm_is_taken(ask: Ask) -> Answer | None:
    return Answer(201) if ask.query.get("digest", "").startswith("foo99:") else None


@instead("OCI-R027", "an unknown algorithm is announced, and 404 comes of it")
def unknown_algorithm_is_404(ask: Ask) -> Answer | None:
    return Answer(404) if ask.query.get("digest-algorithm") == "foo99" else None


@instead("OCI-R027", "sha512 that was not announced answers 409")
def unannounced_sha512(ask: Ask) -> Answer | None:
    found = session_of(ask) if ask.method == "PUT" and ask.kind == "session" else None
    announced = found is None or found.algorithm == "sha512"
    return Answer(409) if ask.query.get("digest", "").startswith("sha512") and not announced else None


# Sessions.


@after("OCI-R044", "the status of a session is 200", "GET session", 204)
def status_is_200(ask: Ask, answer: Answer) -> None:
    answer.status = 200


@after("OCI-R044", "a session has no status", "GET session", 204)
def status_is_400(ask: Ask, answer: Answer) -> None:
    answer.status = 400


@after("OCI-R045", "the status of a session has no Location", "GET session", 204)
def status_without_location(ask: Ask, answer: Answer) -> None:
    answer.drop("Location")


@after("OCI-R046", "the status of a session has no Range", "GET session", 204)
def status_without_range(ask: Ask, answer: Answer) -> None:
    answer.drop("Range")


@after("OCI-R046", "the status of a session counts one too many", "GET session", 204)
def status_too_far(ask: Ask, answer: Answer) -> None:
    answer.set("Range", f"0-{size_of(ask)}")


@after("OCI-R046", "a session that holds nothing has bytes", "GET session", 204)
def status_of_nothing(ask: Ask, answer: Answer) -> None:
    if not size_of(ask):
        answer.set("Range", "0-99")


@instead("OCI-R046", "a chunk that is refused is kept")
def refused_chunk_is_kept(ask: Ask) -> Answer | None:
    if ask.method != "PATCH" or first_of(ask) in (None, size_of(ask)):
        return None
    answer = moved(ask)
    answer.status = 416
    return answer


@after("OCI-R047", "a session is cancelled with 200", "DELETE session", 204)
def cancelled_with_200(ask: Ask, answer: Answer) -> None:
    answer.status = 200


@patched("OCI-R048", "a session that is left alone never ends")
def sessions_never_end(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Uploads, "_expired", lambda self, info: False)


@after("OCI-R102", "a session that has ended has a status", "GET session", 404)
def ended_session_has_status(ask: Ask, answer: Answer) -> None:
    answer.status = 204
    answer.write(b"")


@instead("OCI-R102", "a chunk opens the session that it is sent to")
def chunk_opens_session(ask: Ask) -> Answer | None:
    if ask.method == "PATCH" and ask.kind == "session" and session_of(ask) is None:
        answer = Answer(202)
        answer.set("Location", ask.path)
        return answer
    return None


@instead("OCI-R102", "a session is open to every repository")
def session_of_all(ask: Ask) -> Answer | None:
    if ask.kind != "session":
        return None
    owners = (terms.repository for id, terms in sessions_of(ask) if id == ask.reference)
    path = f"/v2/{next(owners, ask.name)}/blobs/uploads/{ask.reference}"
    return ask.proceed(PATH_INFO=path, REQUEST_URI="", RAW_URI="")
