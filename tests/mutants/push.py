"""Manifests, broken: what is taken, what is kept, and what the answers say."""

from __future__ import annotations

import json
import re

from conformance.client.client import INDEX
from conformance.client.content import BAD_DIGESTS, LAYER, digest_of
from fakereg.spec.names import Digest, Name
from tests.mutants.harness import Answer, Ask, after, instead, settings_break

settings_break("OCI-R002", "the registry takes nothing", "fake:oci,push=false")
settings_break("OCI-R002", "the registry deletes nothing", "fake:oci,manifest_deletion=false")
settings_break("OCI-R063", "a manifest has two megabytes at most", "fake:oci,manifest_size_limit=2000000")


def is_put(ask: Ask) -> bool:
    """Whether a manifest is pushed."""
    return ask.method == "PUT" and ask.kind == "manifests"


def stored(ask: Ask) -> Answer:
    """An answer that says that a manifest was stored, which it was not."""
    answer = Answer(201)
    answer.set("Location", ask.path)
    return answer


def config_of(ask: Ask) -> dict[str, object]:
    """The descriptor of the config of a manifest that is pushed."""
    config: dict[str, object] = json.loads(ask.body())["config"]
    return config


# Manifests.


@instead("OCI-R053", "a manifest is pushed to digests only")
def tags_are_refused(ask: Ask) -> Answer | None:
    return Answer(400) if is_put(ask) and ":" not in ask.reference else None


@instead("OCI-R053", "a manifest pushed to a digest is not found by it")
def digests_are_forgotten(ask: Ask) -> Answer | None:
    return stored(ask) if is_put(ask) and ":" in ask.reference else None


@instead("OCI-R053", "a malformed digest is taken for a tag")
def malformed_digest_is_taken(ask: Ask) -> Answer | None:
    return stored(ask) if is_put(ask) and ask.reference in BAD_DIGESTS else None


@instead("OCI-R007", "a tag of 129 characters is taken")
def long_tag_is_taken(ask: Ask) -> Answer | None:
    return stored(ask) if is_put(ask) and len(ask.reference) == 129 else None


@instead("OCI-R007", "a tag of 128 characters is refused")
def longest_tag_is_refused(ask: Ask) -> Answer | None:
    return Answer(400) if is_put(ask) and len(ask.reference) == 128 else None


@instead("OCI-R008", "a tag with a space is taken")
def tag_with_space_is_taken(ask: Ask) -> Answer | None:
    return stored(ask) if is_put(ask) and " " in ask.reference else None


@instead("OCI-R008", "a tag in upper case is refused")
def tag_in_upper_case_is_refused(ask: Ask) -> Answer | None:
    return Answer(400) if is_put(ask) and ask.reference != ask.reference.lower() else None


@after("OCI-R055", "a manifest is taken with 200", "PUT manifests", 201)
def pushed_is_200(ask: Ask, answer: Answer) -> None:
    answer.status = 200


@instead("OCI-R055", "a manifest with media types that are not known is refused")
def unknown_types_are_refused(ask: Ask) -> Answer | None:
    return Answer(400) if is_put(ask) and b"vnd.example" in ask.body() and not ask.reference.startswith("tag") else None


@instead("OCI-R055", "an index in an index is refused")
def nested_index_is_refused(ask: Ask) -> Answer | None:
    return Answer(400) if is_put(ask) and ask.body().count(INDEX.encode()) > 1 else None


@instead("OCI-R055", "a manifest with an empty config is the server's fault")
def empty_config_is_500(ask: Ask) -> Answer | None:
    return Answer(500) if is_put(ask) and b'"config": {' in ask.body() and config_of(ask).get("size") == 0 else None


@instead("OCI-R055", "a manifest with an empty layer is refused")
def empty_layer_is_refused(ask: Ask) -> Answer | None:
    return Answer(400) if is_put(ask) and b'"size": 0}]' in ask.body() else None


@instead("OCI-R055", "an index whose entries are no manifests is refused")
def index_of_blobs_is_refused(ask: Ask) -> Answer | None:
    return Answer(404) if is_put(ask) and ask.header("Content-Type") == INDEX and LAYER.encode() in ask.body() else None


@instead("OCI-R055", "a manifest that is there already is refused")
def known_manifest_is_refused(ask: Ask) -> Answer | None:
    known = ":" in ask.reference and ask.registry.storage.manifest(Name(ask.name), Digest(ask.reference))
    return Answer(409) if is_put(ask) and known else None


@instead("OCI-R055", "a manifest of sha512 is taken once and then no more")
def sha512_is_refused(ask: Ask) -> Answer | None:
    return Answer(400) if is_put(ask) and ask.reference.startswith("sha512") and "probe-" not in ask.name else None


@after("OCI-R056", "a pushed manifest has no Location", "PUT manifests", 201)
def pushed_without_location(ask: Ask, answer: Answer) -> None:
    answer.drop("Location")


@after("OCI-R056", "the Location of a pushed manifest is that of a blob", "PUT manifests", 201)
def pushed_as_blob(ask: Ask, answer: Answer) -> None:
    answer.set("Location", (answer.header("Location") or "").replace("/manifests/", "/blobs/"))


@instead("OCI-R057", "a manifest is taken under the digest of another")
def wrong_digest_is_taken(ask: Ask) -> Answer | None:
    return stored(ask) if is_put(ask) and ":" in ask.reference and digest_of(ask.body()) != ask.reference else None


@after("OCI-R057", "the digest of a pushed manifest is in upper case", "PUT manifests", 201)
def pushed_digest_in_upper_case(ask: Ask, answer: Answer) -> None:
    answer.set("Docker-Content-Digest", (answer.header("Docker-Content-Digest") or "").upper())


@after("OCI-R057", "a manifest of sha512 is answered with its sha256", "PUT manifests", 201)
def pushed_digest_of_another_algorithm(ask: Ask, answer: Answer) -> None:
    if ask.reference.startswith("sha512:"):
        answer.set("Docker-Content-Digest", digest_of(b"whatever it was"))


def move_tags(ask: Ask) -> None:
    """Take every tag off the manifest that a tag is pushed to."""
    storage, name = ask.registry.storage, Name(ask.name)
    for tag, digest in storage.targets(name).items():
        if tag != ask.reference and digest == digest_of(ask.body()):
            storage.delete_tag(name, tag)


@instead("OCI-R011", "a manifest has one tag at a time")
def one_tag_at_a_time(ask: Ask) -> Answer | None:
    if is_put(ask):
        move_tags(ask)
    return None


@instead("OCI-R011", "a tag cannot be moved")
def tags_stay(ask: Ask) -> Answer | None:
    known = is_put(ask) and ask.reference in ask.registry.storage.targets(Name(ask.name))
    return stored(ask) if known else None


@instead("OCI-R011", "a manifest whose tag moves is gone")
def moved_tag_takes_manifest(ask: Ask) -> Answer | None:
    old = ask.registry.storage.targets(Name(ask.name)).get(ask.reference) if is_put(ask) else None  # type: ignore[call-overload]
    if old and old != digest_of(ask.body()):
        ask.registry.storage.delete_manifest(Name(ask.name), old)
    return None


@instead("OCI-R011", "a manifest of sha512 comes back as another")
def sha512_comes_back_otherwise(ask: Ask) -> Answer | None:
    if ask.kind != "manifests" or ask.method != "GET" or not ask.reference.startswith("sha512"):
        return None
    answer = ask.proceed()
    answer.write(answer.body + b"\n")
    return answer


@instead("OCI-R014", "a manifest that is refused is there all the same")
def refused_manifest_is_there(ask: Ask) -> Answer | None:
    if ask.kind != "manifests" or ask.method != "GET":
        return None
    answer = ask.proceed()
    if answer.status == 404:
        answer.status = 200
        answer.write(b"{}")
    return answer


def pushed_otherwise(ask: Ask, data: bytes) -> Answer | None:
    """Store other bytes than those that were pushed to a tag, under their own digest."""
    if not is_put(ask) or ":" in ask.reference or data == ask.body():
        return None
    ask.replace_body(data)
    return ask.proceed()


@instead("OCI-R054", "a manifest is written anew")
def written_anew(ask: Ask) -> Answer | None:
    try:
        return pushed_otherwise(ask, json.dumps(json.loads(ask.body())).encode()) if is_put(ask) else None
    except ValueError:
        return None


@instead("OCI-R054", "blanks around a manifest are stripped")
def blanks_are_stripped(ask: Ask) -> Answer | None:
    return pushed_otherwise(ask, ask.body().strip()) if is_put(ask) else None


@instead("OCI-R054", "a name that comes twice is kept once")
def doubles_are_removed(ask: Ask) -> Answer | None:
    twice = re.compile(rb', "schemaVersion": 2}$')
    return pushed_otherwise(ask, twice.sub(b"}", ask.body())) if is_put(ask) else None


@instead("OCI-R054", "a byte order mark is dropped")
def byte_order_mark_is_dropped(ask: Ask) -> Answer | None:
    return pushed_otherwise(ask, ask.body().removeprefix(b"\xef\xbb\xbf")) if is_put(ask) else None


@instead("OCI-R054", "a manifest with fields that are not known is refused")
def unknown_fields_are_refused(ask: Ask) -> Answer | None:
    return Answer(400) if is_put(ask) and b"org.example.custom" in ask.body() else None


@instead("OCI-R054", "a manifest of another Content-Type is made one of that type")
def made_of_other_type(ask: Ask) -> Answer | None:
    if not is_put(ask) or ask.header("Content-Type") != INDEX or b'"layers"' not in ask.body():
        return None
    ask.replace_body(json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}).encode())
    return ask.proceed()


@instead("OCI-R054", "what is no JSON is kept as an empty object")
def no_json_is_kept(ask: Ask) -> Answer | None:
    if not is_put(ask) or (ask.body().startswith(b"{") and ask.body().endswith(b"}")):
        return None
    ask.replace_body(b'{"schemaVersion": 2, "mediaType": "application/vnd.example.empty"}')
    ask.environ["CONTENT_TYPE"] = "application/vnd.example.empty"
    return ask.proceed()


@instead("OCI-R052", "a Content-Type with parameters is refused")
def parameters_are_refused(ask: Ask) -> Answer | None:
    return Answer(415) if is_put(ask) and ";" in ask.header("Content-Type") else None


@after("OCI-R052", "parameters of the Content-Type are kept", "GET manifests", 200)
def parameters_are_kept(ask: Ask, answer: Answer) -> None:
    answer.set("Content-Type", f"{answer.header('Content-Type')}; charset=utf-8")


@after("OCI-R010", "the Content-Type of a manifest is plain JSON", "GET manifests", 200)
def plain_json(ask: Ask, answer: Answer) -> None:
    answer.set("Content-Type", "application/json")


@instead("OCI-R025", "a subject has to be there")
def subject_has_to_be_there(ask: Ask) -> Answer | None:
    return Answer(404) if is_put(ask) and b'"subject"' in ask.body() else None


@instead("OCI-R025", "a manifest whose subject is not there is forgotten")
def referrer_is_forgotten(ask: Ask) -> Answer | None:
    return stored(ask) if is_put(ask) and b'"subject"' in ask.body() else None


@after("OCI-R026", "missing content is an invalid manifest", "PUT manifests", 400)
def missing_is_invalid(ask: Ask, answer: Answer) -> None:
    answer.write(answer.body.replace(b"MANIFEST_BLOB_UNKNOWN", b"MANIFEST_INVALID"))


@after("OCI-R026", "missing content is the server's fault", "PUT manifests", 400)
def missing_is_server_error(ask: Ask, answer: Answer) -> None:
    answer.status = 500


@instead("OCI-R061", "a manifest may be of any size")
def no_limit(ask: Ask) -> Answer | None:
    return stored(ask) if is_put(ask) and int(ask.header("Content-Length") or 0) > 4 << 20 else None


@after("OCI-R062", "a manifest over the limit is answered with 400", "PUT manifests", 413)
def too_large_is_400(ask: Ask, answer: Answer) -> None:
    answer.status = 400


@after("OCI-R063", "a manifest of four megabytes is cut to one", "GET manifests", 200)
def cut_to_one_megabyte(ask: Ask, answer: Answer) -> None:
    answer.write(answer.body[: 1 << 20])


# Tag parameters.


settings_break("OCI-R058", "nine tags can be pushed with a manifest", "fake:oci,tag_parameters=9")


@instead("OCI-R058", "the last of ten tags is forgotten")
def tenth_tag_is_forgotten(ask: Ask) -> Answer | None:
    query = ask.environ["QUERY_STRING"]
    return ask.proceed(QUERY_STRING=query.rpartition("&")[0]) if is_put(ask) and query.count("tag=") == 10 else None


@after("OCI-R059", "tags are pushed and not named", "PUT manifests", 201)
def tags_are_not_named(ask: Ask, answer: Answer) -> None:
    answer.drop("OCI-Tag")


@after("OCI-R059", "one tag is named for all", "PUT manifests", 201)
def one_tag_is_named(ask: Ask, answer: Answer) -> None:
    if tag := answer.header("OCI-Tag"):
        answer.set("OCI-Tag", f"{tag}-and-more")


@instead("OCI-R059", "tags that are none are named")
def bad_tags_are_named(ask: Ask) -> Answer | None:
    if not is_put(ask) or "tag=-bad" not in ask.environ["QUERY_STRING"]:
        return None
    answer = ask.proceed(QUERY_STRING="tag=good")
    answer.headers += [("OCI-Tag", "-bad")]
    return answer
