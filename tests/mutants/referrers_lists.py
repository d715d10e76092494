"""Lists of referrers, broken: when there is one, what is in it, its filter and its pages."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl, urlencode

from conformance.client.client import INDEX
from fakereg.spec.names import Name
from tests.mutants.harness import Answer, Ask, after, instead
from tests.mutants.referrers import Descriptor, knows_subject, rewrite

PAGED = "fake:oci,referrers_page_size=1"


def listed(ask: Ask, **changes: str | None) -> Answer:
    """What the fake answers with other parameters; None leaves one out."""
    pairs = dict(parse_qsl(ask.environ["QUERY_STRING"])) | changes
    return ask.proceed(QUERY_STRING=urlencode({name: value for name, value in pairs.items() if value is not None}))


@after("OCI-R076", "a list without referrers is 204", "GET referrers", 200)
def none_is_204(ask: Ask, answer: Answer) -> None:
    if not json.loads(answer.body)["manifests"]:
        answer.status = 204
        answer.write(b"")


@after("OCI-R076", "a referrers list is 206", "GET referrers", 200)
def list_is_206(ask: Ask, answer: Answer) -> None:
    answer.status = 206


@after("OCI-R076", "a subject that is not there has no list", "GET referrers", 200)
def no_subject_no_list(ask: Ask, answer: Answer) -> None:
    if not knows_subject(ask):
        answer.status = 400


@after("OCI-R077", "an unknown repository is 404", "GET referrers", 200)
def unknown_repository_is_404(ask: Ask, answer: Answer) -> None:
    if not ask.registry.storage.has_repository(Name(ask.name)):
        answer.status = 404


@after("OCI-R077", "a deleted subject is 404", "GET referrers", 200)
def deleted_subject_is_404(ask: Ask, answer: Answer) -> None:
    if ask.registry.storage.has_repository(Name(ask.name)) and not knows_subject(ask):
        answer.status = 404


@after("OCI-R078", "a malformed digest has an empty list", "GET referrers", 400)
def malformed_is_empty(ask: Ask, answer: Answer) -> None:
    answer.status = 200
    answer.write(json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}).encode(), INDEX)


@after("OCI-R078", "a malformed digest is 404", "GET referrers", 400)
def malformed_is_404(ask: Ask, answer: Answer) -> None:
    answer.status = 404


@after("OCI-R085", "referrers of all repositories are listed", "GET referrers", 200)
def list_of_all(ask: Ask, answer: Answer) -> None:
    def everywhere(entries: list[Descriptor]) -> list[Descriptor]:
        paths = [f"/v2/{name}/referrers/{ask.reference}" for name in ask.registry.storage.repositories()]
        found = [json.loads(ask.proceed(PATH_INFO=path, REQUEST_URI="").body)["manifests"] for path in paths]
        return [entry for listed_there in found for entry in listed_there]

    rewrite(answer, everywhere)


@after("OCI-R080", "a referrers list is plain JSON", "GET referrers", 200)
def plain_json(ask: Ask, answer: Answer) -> None:
    answer.set("Content-Type", "application/json")


@after("OCI-R080", "an empty referrers list is plain JSON", "GET referrers", 200)
def empty_is_plain_json(ask: Ask, answer: Answer) -> None:
    if not json.loads(answer.body)["manifests"]:
        answer.set("Content-Type", "application/json; charset=utf-8")


@after("OCI-R085", "a list without referrers has null", "GET referrers", 200)
def null_for_none(ask: Ask, answer: Answer) -> None:
    rewrite(answer, lambda entries: entries or None)


@after("OCI-R085", "a list without referrers is 404", "GET referrers", 200)
def none_is_404(ask: Ask, answer: Answer) -> None:
    if knows_subject(ask) and not json.loads(answer.body)["manifests"]:
        answer.status = 404


@instead("OCI-R085", "a referrer that is deleted stays in the list")
def deleted_stays(ask: Ask) -> Answer | None:
    return Answer(202) if ask.method == "DELETE" and ask.kind == "manifests" else None


@after("OCI-R086", "a long list ends with its first page", "GET referrers", 200, target=PAGED)
def first_page_only(ask: Ask, answer: Answer) -> None:
    answer.drop("Link")


@after("OCI-R086", "a list over the size of a manifest loses its last", "GET referrers", 200)
def last_is_lost(ask: Ask, answer: Answer) -> None:
    if "last" in ask.query:
        rewrite(answer, lambda entries: entries[:-1])


@after("OCI-R087", "the Link of a referrers list is a bare URL", "GET referrers", 200)
def bare_link(ask: Ask, answer: Answer) -> None:
    if value := answer.header("Link"):
        answer.set("Link", value.partition("<")[2].partition(">")[0])


@after("OCI-R087", "the Link of a referrers list leads nowhere", "GET referrers", 200)
def dead_link(ask: Ask, answer: Answer) -> None:
    if "last" in ask.query:
        answer.status = 404


@instead("OCI-R088", "the filter is said to be applied and is not")
def filter_is_not_applied(ask: Ask) -> Answer | None:
    if ask.kind != "referrers" or "artifactType" not in ask.query:
        return None
    answer = listed(ask, artifactType=None)
    answer.set("OCI-Filters-Applied", "artifactType")
    return answer


@instead("OCI-R088", "the filter does not know the type of the config")
def filter_knows_no_config(ask: Ask) -> Answer | None:
    if ask.kind != "referrers" or "image.config" not in ask.query.get("artifactType", ""):
        return None
    answer = ask.proceed()
    rewrite(answer, lambda entries: [])
    return answer


@instead("OCI-R088", "the second page of a filtered list is the first of all", target=PAGED)
def filter_is_lost(ask: Ask) -> Answer | None:
    if ask.kind != "referrers" or "last" not in ask.query:
        return None
    answer = listed(ask, artifactType=None, last=None)
    answer.set("OCI-Filters-Applied", "artifactType")
    answer.drop("Link")
    return answer


@after("OCI-R089", "the header names the type, not the filter", "GET referrers", 200)
def type_for_filter(ask: Ask, answer: Answer) -> None:
    if answer.header("OCI-Filters-Applied"):
        answer.set("OCI-Filters-Applied", ask.query["artifactType"])


@after("OCI-R089", "the second page does not say that it is filtered", "GET referrers", 200, target=PAGED)
def second_page_says_nothing(ask: Ask, answer: Answer) -> None:
    if "last" in ask.query:
        answer.drop("OCI-Filters-Applied")


@after("OCI-R089", "a list that is not filtered says that it is", "GET referrers", 200)
def always_filtered(ask: Ask, answer: Answer) -> None:
    answer.set("OCI-Filters-Applied", "artifactType")
