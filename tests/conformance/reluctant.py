"""Registries that refuse what the specification has no "no" for, as many do, by the capability that they lack."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import parse_qs

from conformance.client.client import INDEX
from conformance.client.content import digest_of
from fakereg.spec.names import Name
from tests.mutants.harness import Answer, Ask, Tamper

NOTHING = digest_of(b"")


def refusal(status: int, code: str) -> Answer:
    """A refusal with an error body."""
    answer = Answer(status)
    answer.write(json.dumps({"errors": [{"code": code, "message": "this registry does not"}]}).encode())
    answer.set("Content-Type", "application/json")
    if status == 405:
        answer.set("Allow", "GET")
    return answer


def is_put(ask: Ask) -> bool:
    """Whether a manifest is pushed."""
    return ask.method == "PUT" and ask.kind == "manifests"


def tags_of(ask: Ask) -> list[str]:
    """The tags that a push of a manifest would make or move."""
    return [ask.reference] if ":" not in ask.reference else parse_qs(ask.environ["QUERY_STRING"]).get("tag", [])


def chunks(ask: Ask) -> Answer | None:
    return refusal(405, "UNSUPPORTED") if ask.method == "PATCH" else None


def empty_blobs(ask: Ask) -> Answer | None:
    empty = ask.method in {"PUT", "POST"} and ask.query.get("digest") == NOTHING
    return refusal(400, "BLOB_UPLOAD_INVALID") if empty else None


def tag_moves(ask: Ask) -> Answer | None:
    """The same manifest is refused, too, as by most registries with immutable tags."""
    there = ask.registry.storage.targets(Name(ask.name)) if is_put(ask) else {}
    return refusal(409, "DENIED") if set(there) & set(tags_of(ask)) else None


def digest_pushes(ask: Ask) -> Answer | None:
    return refusal(400, "UNSUPPORTED") if is_put(ask) and ":" in ask.reference else None


def indexes(ask: Ask) -> Answer | None:
    return refusal(403, "DENIED") if is_put(ask) and ask.header("Content-Type").startswith(INDEX) else None


def artifacts(ask: Ask) -> Answer | None:
    is_one = is_put(ask) and (b'"artifactType"' in ask.body() or b"vnd.oci.empty" in ask.body())
    return refusal(400, "MANIFEST_INVALID") if is_one else None


def tagged_manifest_deletion(ask: Ask) -> Answer | None:
    if ask.method != "DELETE" or ask.reference not in ask.registry.storage.targets(Name(ask.name)).values():
        return None
    return refusal(400, "UNSUPPORTED")


RELUCTANT: Mapping[str, Tamper] = {
    tamper.__name__: tamper
    for tamper in (chunks, empty_blobs, tag_moves, digest_pushes, indexes, artifacts, tagged_manifest_deletion)
}
