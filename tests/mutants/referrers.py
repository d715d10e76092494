"""Referrers, broken: the header that names a subject, and the descriptors of those that have one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from conformance.client.client import INDEX
from fakereg.spec.errors import RegistryError
from fakereg.spec.names import Digest, Name
from tests.mutants.harness import Answer, Ask, after, instead

Descriptor = dict[str, Any]
EARLY = "conformance.early"
"""Where the environment of a registry keeps what was pushed before the API was on."""


def rewrite(answer: Answer, change: Callable[[list[Descriptor]], object]) -> None:
    """Give other descriptors."""
    document = json.loads(answer.body)
    answer.write(json.dumps(document | {"manifests": change(document["manifests"])}).encode())


def each(answer: Answer, change: Callable[[Descriptor], Descriptor]) -> None:
    """Give each descriptor otherwise."""
    rewrite(answer, lambda entries: [change(entry) for entry in entries])


def without(entry: Descriptor, name: str) -> Descriptor:
    """A descriptor that lacks a field."""
    return {key: value for key, value in entry.items() if key != name}


def content_of(ask: Ask, entry: Descriptor) -> Descriptor:
    """The manifest that a descriptor describes."""
    stored = ask.registry.storage.manifest(Name(ask.name), Digest(entry["digest"]))
    document: Descriptor = json.loads(stored.content) if stored else {}
    return document


def is_index(entry: Descriptor) -> bool:
    """Whether a descriptor is of an index."""
    return bool(entry["mediaType"] == INDEX)


def knows_subject(ask: Ask) -> bool:
    """Whether the manifest is there whose referrers are asked for."""
    try:
        digest = Digest.parse(ask.reference)
    except RegistryError:
        return True
    return ask.registry.storage.manifest(Name(ask.name), digest) is not None


def config_type(ask: Ask, entry: Descriptor) -> str | None:
    """The media type of the config of a referrer, if it has one."""
    found = content_of(ask, entry).get("config", {}).get("mediaType")
    return str(found) if found else None


@after("OCI-R064", "the subject of a manifest is not named", "PUT manifests", 201)
def subject_is_not_named(ask: Ask, answer: Answer) -> None:
    answer.drop("OCI-Subject")


@after("OCI-R064", "the subject of an index is not named", "PUT manifests", 201)
def subject_of_index_is_not_named(ask: Ask, answer: Answer) -> None:
    if ask.header("Content-Type") == INDEX:
        answer.drop("OCI-Subject")


@after("OCI-R064", "a manifest is named for its subject", "PUT manifests", 201)
def named_for_itself(ask: Ask, answer: Answer) -> None:
    if answer.header("OCI-Subject"):
        answer.set("OCI-Subject", answer.header("Docker-Content-Digest") or "")


@after("OCI-R064", "only a subject that is there is named", "PUT manifests", 201)
def known_subject_is_named(ask: Ask, answer: Answer) -> None:
    subject = answer.header("OCI-Subject")
    if subject and not ask.registry.storage.manifest(Name(ask.name), Digest(subject)):
        answer.drop("OCI-Subject")


@after("OCI-R079", "a referrers list has no schemaVersion", "GET referrers", 200)
def list_without_version(ask: Ask, answer: Answer) -> None:
    answer.write(json.dumps(without(json.loads(answer.body), "schemaVersion")).encode())


@after("OCI-R079", "a referrers list is nothing but a list", "GET referrers", 200)
def bare_list(ask: Ask, answer: Answer) -> None:
    answer.write(json.dumps(json.loads(answer.body)["manifests"]).encode())


@after("OCI-R079", "the size of a referrer is 0", "GET referrers", 200)
def size_is_zero(ask: Ask, answer: Answer) -> None:
    each(answer, lambda entry: entry | {"size": 0})


@after("OCI-R079", "the media type of a referrer is its artifact type", "GET referrers", 200)
def media_type_is_artifact_type(ask: Ask, answer: Answer) -> None:
    each(answer, lambda entry: entry | {"mediaType": entry.get("artifactType", entry["mediaType"])})


@after("OCI-R079", "what refers to a referrer is listed with it", "GET referrers", 200)
def list_goes_deep(ask: Ask, answer: Answer) -> None:
    def deep(entries: list[Descriptor]) -> list[Descriptor]:
        paths = [f"/v2/{ask.name}/referrers/{entry['digest']}" for entry in entries]
        below = [json.loads(ask.proceed(PATH_INFO=path, REQUEST_URI="").body)["manifests"] for path in paths]
        return entries + [entry for found in below for entry in found]

    rewrite(answer, deep)


@after("OCI-R081", "the artifact type is always that of the config", "GET referrers", 200)
def always_config_type(ask: Ask, answer: Answer) -> None:
    each(answer, lambda entry: entry | {"artifactType": config_type(ask, entry) or entry.get("artifactType")})


@after("OCI-R081", "an index has no artifact type", "GET referrers", 200)
def index_without_type(ask: Ask, answer: Answer) -> None:
    each(answer, lambda entry: without(entry, "artifactType") if is_index(entry) else entry)


@after("OCI-R082", "the type of the config does not stand for an artifact type", "GET referrers", 200)
def no_config_type(ask: Ask, answer: Answer) -> None:
    each(answer, lambda entry: entry if content_of(ask, entry).get("artifactType") else without(entry, "artifactType"))


@after("OCI-R082", "an empty artifact type is kept", "GET referrers", 200)
def empty_type_is_kept(ask: Ask, answer: Answer) -> None:
    each(answer, lambda entry: entry | {"artifactType": ""} if "artifactType" in content_of(ask, entry) else entry)


@after("OCI-R083", "an index without a type has an empty one", "GET referrers", 200)
def empty_type_for_none(ask: Ask, answer: Answer) -> None:
    each(answer, lambda entry: {"artifactType": ""} | entry if is_index(entry) else entry)


@after("OCI-R083", "an index without a type has its media type for one", "GET referrers", 200)
def media_type_for_none(ask: Ask, answer: Answer) -> None:
    each(answer, lambda entry: {"artifactType": INDEX} | entry if is_index(entry) else entry)


@after("OCI-R084", "a descriptor has no annotations", "GET referrers", 200)
def no_annotations(ask: Ask, answer: Answer) -> None:
    each(answer, lambda entry: without(entry, "annotations"))


@after("OCI-R084", "an index has no annotations", "GET referrers", 200)
def no_annotations_of_index(ask: Ask, answer: Answer) -> None:
    each(answer, lambda entry: without(entry, "annotations") if is_index(entry) else entry)


@after("OCI-R084", "annotations lose what is not ASCII", "GET referrers", 200)
def annotations_in_ascii(ask: Ask, answer: Answer) -> None:
    def ascii_only(notes: dict[str, str]) -> dict[str, str]:
        return {key: value.encode("ascii", "replace").decode() for key, value in notes.items()}

    each(answer, lambda entry: entry | {"annotations": ascii_only(entry.get("annotations", {}))})


@instead("OCI-R100", "what was pushed before the API was on is not listed")
def early_ones_are_not_listed(ask: Ask) -> Answer | None:
    early: set[str] = ask.registry.__dict__.setdefault(EARLY, set())
    answer = ask.proceed()
    if ask.method == "PUT" and ask.kind == "manifests" and not ask.registry.dialect.referrers:
        early.add(answer.header("Docker-Content-Digest") or "")
    if ask.kind == "referrers" and answer.status == 200:
        rewrite(answer, lambda entries: [entry for entry in entries if entry["digest"] not in early])
    return answer


@after("OCI-R101", "a list has images only", "GET referrers", 200)
def images_only(ask: Ask, answer: Answer) -> None:
    rewrite(answer, lambda entries: [entry for entry in entries if not is_index(entry)])


@after("OCI-R101", "a list has indexes only", "GET referrers", 200)
def indexes_only(ask: Ask, answer: Answer) -> None:
    rewrite(answer, lambda entries: [entry for entry in entries if is_index(entry)])


@after("OCI-R101", "a referrer is listed once for each of its tags", "GET referrers", 200)
def listed_by_tag(ask: Ask, answer: Answer) -> None:
    tagged = [str(digest) for digest in ask.registry.storage.targets(Name(ask.name)).values()]
    rewrite(answer, lambda entries: [entry for entry in entries for _ in range(tagged.count(entry["digest"]) or 1)])


@after("OCI-R101", "a list is empty without its subject", "GET referrers", 200)
def empty_without_subject(ask: Ask, answer: Answer) -> None:
    if not knows_subject(ask):
        rewrite(answer, lambda entries: [])


@after("OCI-R101", "a list has one referrer at most", "GET referrers", 200)
def one_at_most(ask: Ask, answer: Answer) -> None:
    rewrite(answer, lambda entries: entries[:1])


@after("OCI-R101", "what came before the API was on is all that is listed", "GET referrers", 200)
def only_early_ones(ask: Ask, answer: Answer) -> None:
    rewrite(answer, lambda entries: entries[:0])
