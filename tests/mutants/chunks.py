"""Chunks of uploads, broken: what is answered to them, and what becomes of those that are out of order."""

from __future__ import annotations

from conformance.client.content import digest_of
from tests.mutants.harness import Answer, Ask, after, instead
from tests.mutants.uploads import first_of, moved, session_of, sessions_of, size_of


@after(
    "OCI-R036", "a smallest chunk is demanded and not announced", "POST uploads", target="fake:oci,chunk_min_length=10"
)
def silent_minimum(ask: Ask, answer: Answer) -> None:
    answer.drop("OCI-Chunk-Min-Length")


@after("OCI-R036", "the smallest chunk is announced in words", "POST uploads", target="fake:oci,chunk_min_length=10")
def minimum_in_words(ask: Ask, answer: Answer) -> None:
    answer.set("OCI-Chunk-Min-Length", "10 bytes")


@after("OCI-R037", "a chunk is answered with 201", "PATCH session", 202)
def chunk_is_201(ask: Ask, answer: Answer) -> None:
    answer.status = 201


@instead("OCI-R037", "only one PATCH without Content-Range is taken, and none with it afterwards")
def one_stream_only(ask: Ask) -> Answer | None:
    return Answer(400) if ask.method == "PATCH" and ask.kind == "session" and size_of(ask) else None


@after("OCI-R038", "a chunk has no Location", "PATCH session", 202)
def chunk_without_location(ask: Ask, answer: Answer) -> None:
    answer.drop("Location")


@after("OCI-R039", "the Range of a chunk is one too far", "PATCH session", 202)
def range_too_far(ask: Ask, answer: Answer) -> None:
    answer.set("Range", f"0-{size_of(ask)}")


@after("OCI-R039", "the Range of a chunk is in bytes=", "PATCH session", 202)
def range_with_unit(ask: Ask, answer: Answer) -> None:
    answer.set("Range", f"bytes={answer.header('Range')}")


@after("OCI-R039", "the Range of a chunk is that of the chunk", "PATCH session", 202)
def range_of_chunk(ask: Ask, answer: Answer) -> None:
    answer.set("Range", ask.header("Content-Range") or f"{size_of(ask)}")


@after("OCI-R039", "a chunk has no Range", "PATCH session", 202)
def chunk_without_range(ask: Ask, answer: Answer) -> None:
    answer.drop("Range")


@after("OCI-R039", "the Range of a chunk is that of all sessions of the repository", "PATCH session", 202)
def range_of_all(ask: Ask, answer: Answer) -> None:
    ids = [id for id, terms in sessions_of(ask) if terms.repository == ask.name]
    infos = [ask.registry.storage.storage.spool(id) for id in ids]
    answer.set("Range", f"0-{sum(info.size for info in infos if info) - 1}")


@instead("OCI-R040", "a gap between chunks is overlooked")
def gap_is_overlooked(ask: Ask) -> Answer | None:
    first = first_of(ask) if ask.method == "PATCH" else None
    return moved(ask) if first is not None and first > size_of(ask) > 0 else None


@instead("OCI-R040", "a chunk that overlaps is overlooked")
def overlap_is_overlooked(ask: Ask) -> Answer | None:
    first = first_of(ask) if ask.method == "PATCH" else None
    return moved(ask) if first and first < size_of(ask) else None


@instead("OCI-R040", "a chunk at 0 is appended")
def restart_is_overlooked(ask: Ask) -> Answer | None:
    again = ask.method == "PATCH" and first_of(ask) == 0 and size_of(ask)
    return moved(ask) if again else None


@instead("OCI-R040", "a first chunk that begins anywhere is taken")
def any_first_chunk(ask: Ask) -> Answer | None:
    return moved(ask) if ask.method == "PATCH" and first_of(ask) and not size_of(ask) else None


@after("OCI-R040", "a chunk out of order gets 400", "PATCH session", 416)
def disorder_is_400(ask: Ask, answer: Answer) -> None:
    answer.status = 400


@instead("OCI-R041", "a chunked upload is closed with 202")
def closed_with_202(ask: Ask) -> Answer | None:
    if ask.method != "PUT" or ask.kind != "session" or not size_of(ask):
        return None
    answer = ask.proceed()
    answer.status = 202 if answer.status == 201 else answer.status
    return answer


@instead("OCI-R041", "all chunks but the first are dropped")
def later_chunks_are_dropped(ask: Ask) -> Answer | None:
    size = size_of(ask)
    if ask.method != "PATCH" or not size or first_of(ask) != size:
        return None
    answer = Answer(202)
    answer.set("Location", ask.path)
    answer.set("Range", f"0-{size + len(ask.body()) - 1}")
    return answer


@instead("OCI-R041", "all sessions of a repository are one")
def sessions_are_one(ask: Ask) -> Answer | None:
    if ask.kind != "session" or ask.method not in {"PATCH", "PUT"} or session_of(ask) is None:
        return None
    ids = sorted(id for id, terms in sessions_of(ask) if terms.repository == ask.name)
    return ask.proceed(PATH_INFO=f"/v2/{ask.name}/blobs/uploads/{ids[0]}", REQUEST_URI="", RAW_URI="")


@instead("OCI-R041", "the last chunk that comes with the closing PUT is dropped")
def last_chunk_is_dropped(ask: Ask) -> Answer | None:
    if ask.method == "PUT" and ask.kind == "session" and size_of(ask):
        ask.environ.pop("HTTP_CONTENT_RANGE", None)
        ask.replace_body(b"")
    return None


@instead("OCI-R042", "a chunked upload that is closed has no Location")
def closed_without_location(ask: Ask) -> Answer | None:
    if ask.method != "PUT" or ask.kind != "session" or not size_of(ask):
        return None
    answer = ask.proceed()
    answer.drop("Location")
    return answer


@after("OCI-R042", "the Location of a closed upload has the digest of nothing", "PUT session", 201)
def closed_at_nothing(ask: Ask, answer: Answer) -> None:
    answer.set("Location", f"/v2/{ask.name}/blobs/{digest_of(b'')}")


@instead("OCI-R043", "the Content-Range of a closing PUT is ignored")
def last_range_is_ignored(ask: Ask) -> Answer | None:
    if ask.method == "PUT" and ask.kind == "session":
        ask.environ.pop("HTTP_CONTENT_RANGE", None)
    return None


@after("OCI-R043", "a last chunk out of order gets 400", "PUT session", 416)
def last_disorder_is_400(ask: Ask, answer: Answer) -> None:
    answer.status = 400
