"""Lists of tags, broken: their form, their order, and how they go on."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import parse_qsl, urlencode

from conformance.client.transport import TransportError
from tests.mutants.harness import Answer, Ask, after, instead

Tags = list[str]
LEXICAL = "fake:oci-1.1"
PAGED = "fake:oci,tags_page_size=2"


def rewrite(answer: Answer, change: Callable[[Tags], Tags]) -> None:
    """Give other tags."""
    document = json.loads(answer.body)
    answer.write(json.dumps(document | {"tags": change(document["tags"])}).encode())


def with_query(ask: Ask, **changes: str | None) -> Answer:
    """What the fake answers with other parameters; None leaves one out."""
    pairs = dict(parse_qsl(ask.environ["QUERY_STRING"], keep_blank_values=True)) | changes
    return ask.proceed(QUERY_STRING=urlencode({name: value for name, value in pairs.items() if value is not None}))


def is_list(ask: Ask, *parameters: str) -> bool:
    """Whether tags are listed with all of these parameters."""
    return ask.kind == "tags" and all(name in ask.query for name in parameters)


def all_tags(ask: Ask) -> Tags:
    """Every tag of the repository, in order."""
    found: Tags = json.loads(with_query(ask, n=None, last=None).body)["tags"]
    return found


@after("OCI-R065", "a tag list is answered with 203", "GET tags", 200)
def list_is_203(ask: Ask, answer: Answer) -> None:
    answer.status = 203


@after("OCI-R065", "a repository without tags is not found", "GET tags", 200)
def no_tags_is_404(ask: Ask, answer: Answer) -> None:
    if not json.loads(answer.body)["tags"]:
        answer.status = 404


@after("OCI-R066", "tags come as they were pushed", "GET tags", 200)
def tags_as_pushed(ask: Ask, answer: Answer) -> None:
    rewrite(answer, lambda tags: tags[::-1])


@after("OCI-R066", "tags are sorted like numbers", "GET tags", 200)
def tags_like_numbers(ask: Ask, answer: Answer) -> None:
    rewrite(answer, lambda tags: sorted(tags, key=lambda tag: (len(tag), tag)))


@after("OCI-R066", "tags are in ASCII order where lexical order was asked for", "GET tags", 200, target=LEXICAL,
       arguments=("--conformance-version=1.1",))  # fmt: skip
def tags_in_ascii_order(ask: Ask, answer: Answer) -> None:
    rewrite(answer, sorted)


@after("OCI-R067", "a tag list has no name", "GET tags", 200)
def list_without_name(ask: Ask, answer: Answer) -> None:
    answer.write(json.dumps({"tags": json.loads(answer.body)["tags"]}).encode())


@after("OCI-R067", "the name of a tag list lacks its first part", "GET tags", 200)
def list_with_short_name(ask: Ask, answer: Answer) -> None:
    document = json.loads(answer.body)
    answer.write(json.dumps(document | {"name": ask.name.partition("/")[2]}).encode())


@after("OCI-R067", "a tag list is nothing but a list", "GET tags", 200)
def bare_list(ask: Ask, answer: Answer) -> None:
    answer.write(json.dumps(json.loads(answer.body)["tags"]).encode())


@after("OCI-R067", "a list without tags has null", "GET tags", 200)
def null_for_none(ask: Ask, answer: Answer) -> None:
    document = json.loads(answer.body)
    answer.write(json.dumps(document | {"tags": document["tags"] or None}).encode())


@after("OCI-R067", "a tag that another begins with is dropped", "GET tags", 200)
def prefix_is_dropped(ask: Ask, answer: Answer) -> None:
    def longest(tags: Tags) -> Tags:
        return [tag for tag in tags if not any(other != tag and other.startswith(tag) for other in tags)]

    rewrite(answer, longest)


@after("OCI-R067", "a tag list has the tags of all repositories", "GET tags", 200)
def tags_of_all(ask: Ask, answer: Answer) -> None:
    storage = ask.registry.storage
    rewrite(answer, lambda tags: sorted({tag for name in storage.repositories() for tag in storage.tags(name) or ()}))


@instead("OCI-R068", "n is ignored")
def n_is_ignored(ask: Ask) -> Answer | None:
    return with_query(ask, n=None) if is_list(ask, "n") and ask.query["n"] != "0" else None


@instead("OCI-R068", "with n there is one tag less")
def one_less(ask: Ask) -> Answer | None:
    if not is_list(ask, "n") or ask.query["n"] in {"0", "1"}:
        return None
    answer = ask.proceed()
    if answer.status == 200:
        rewrite(answer, lambda tags: tags[1:] if answer.header("Link") is None else tags)
    return answer


@instead("OCI-R068", "fewer tags come than were asked for, without a Link", target=PAGED)
def short_without_link(ask: Ask) -> Answer | None:
    if not is_list(ask):
        return None
    answer = ask.proceed()
    answer.drop("Link")
    return answer


@instead("OCI-R068", "n that is no number breaks the server down")
def odd_n_is_500(ask: Ask) -> Answer | None:
    return Answer(500) if is_list(ask, "n") and not ask.query["n"].isdigit() else None


@instead("OCI-R070", "n=0 breaks the connection")
def no_answer_to_n_of_zero(ask: Ask) -> Answer | None:
    if is_list(ask, "n") and ask.query["n"] == "0":
        raise TransportError("the connection was closed")
    return None


@instead("OCI-R068", "n below zero breaks the connection")
def no_answer_to_negative_n(ask: Ask) -> Answer | None:
    if is_list(ask, "n") and ask.query["n"].startswith("-"):
        raise TransportError("the connection was closed")
    return None


@instead("OCI-R068", "n below zero counts from the end, over and over")
def negative_n(ask: Ask) -> Answer | None:
    if not is_list(ask, "n") or not ask.query["n"].startswith("-"):
        return None
    answer = with_query(ask, n=None)
    rewrite(answer, lambda tags: tags + tags[-1:])
    return answer


@after("OCI-R069", "the Link of a tag list is a bare URL", "GET tags", 200)
def bare_link(ask: Ask, answer: Answer) -> None:
    if value := answer.header("Link"):
        answer.set("Link", value.partition("<")[2].partition(">")[0])


@after("OCI-R069", "the Link of a tag list is to what came before", "GET tags", 200)
def link_to_previous(ask: Ask, answer: Answer) -> None:
    if value := answer.header("Link"):
        answer.set("Link", value.replace("next", "prev"))


@after("OCI-R069", "the Link of a tag list skips a tag", "GET tags", 200)
def link_skips(ask: Ask, answer: Answer) -> None:
    if answer.header("Link"):
        tags = all_tags(ask)
        after_last = tags[tags.index(json.loads(answer.body)["tags"][-1]) + 1]
        answer.set("Link", f'<{ask.path}?{urlencode({"n": ask.query.get("n", "2"), "last": after_last})}>; rel="next"')


@after("OCI-R069", "the Link of a tag list repeats a tag", "GET tags", 200)
def link_repeats(ask: Ask, answer: Answer) -> None:
    tags = json.loads(answer.body)["tags"]
    if answer.header("Link") and len(tags) > 1:
        answer.set("Link", f'<{ask.path}?{urlencode({"n": ask.query["n"], "last": tags[-2]})}>; rel="next"')


@instead("OCI-R070", "with n=0 all tags come")
def zero_is_all(ask: Ask) -> Answer | None:
    return with_query(ask, n=None) if is_list(ask, "n") and ask.query["n"] == "0" else None


@instead("OCI-R070", "n=0 is refused")
def zero_is_400(ask: Ask) -> Answer | None:
    return Answer(400) if is_list(ask, "n") and ask.query["n"] == "0" else None


@after("OCI-R071", "with n=0 a Link leads on", "GET tags", 200)
def zero_has_link(ask: Ask, answer: Answer) -> None:
    if ask.query.get("n") == "0":
        answer.set("Link", f'<{ask.path}?n=0>; rel="next"')


@after("OCI-R072", "with n the tags come the other way round", "GET tags", 200)
def reversed_with_n(ask: Ask, answer: Answer) -> None:
    if "n" in ask.query:
        rewrite(answer, lambda tags: tags[::-1])


@instead("OCI-R072", "with n the last tags come")
def last_with_n(ask: Ask) -> Answer | None:
    if not is_list(ask, "n") or "last" in ask.query or not ask.query["n"].isdigit():
        return None
    answer = with_query(ask, n=None)
    rewrite(answer, lambda tags: tags[-int(ask.query["n"]) :])
    return answer


@instead("OCI-R072", "pages are sorted, each by itself")
def sorted_pages(ask: Ask) -> Answer | None:
    if not is_list(ask, "n") or ask.query["n"] != "2":
        return None
    tags, position = all_tags(ask), int(ask.query.get("from", "0"))
    mixed = tags[1::2] + tags[::2]
    answer = with_query(ask, n=None)
    rewrite(answer, lambda _: sorted(mixed[position : position + 2]))
    if position + 2 < len(tags):
        answer.set("Link", f'<{ask.path}?n=2&from={position + 2}>; rel="next"')
    return answer


@instead("OCI-R073", "last is an index")
def last_is_index(ask: Ask) -> Answer | None:
    if not is_list(ask, "last") or not ask.query["last"].isdigit():
        return None
    answer = with_query(ask, last=None)
    rewrite(answer, lambda tags: tags[int(ask.query["last"]) :])
    return answer


@instead("OCI-R074", "last is ignored")
def last_is_ignored(ask: Ask) -> Answer | None:
    return with_query(ask, last=None) if is_list(ask, "last") else None


@after("OCI-R074", "a list after last leads to itself", "GET tags", 200)
def page_leads_to_itself(ask: Ask, answer: Answer) -> None:
    if "last" in ask.query:
        answer.set("Link", f'<{ask.path}?last={ask.query["last"]}&again=1>; rel="next"')


@after("OCI-R074", "no tags are listed", "GET tags", 200)
def no_tags(ask: Ask, answer: Answer) -> None:
    rewrite(answer, lambda tags: [])


@instead("OCI-R074", "the list begins with last")
def last_is_included(ask: Ask) -> Answer | None:
    if not is_list(ask, "last"):
        return None
    answer = ask.proceed()
    rewrite(answer, lambda tags: [ask.query["last"], *tags])
    return answer


@instead("OCI-R074", "after the end the list begins anew")
def past_the_end_is_all(ask: Ask) -> Answer | None:
    tags = all_tags(ask) if is_list(ask, "last") else []
    return with_query(ask, last=None) if tags and ask.query["last"] > tags[-1] else None


@instead("OCI-R074", "after the last tag the list begins anew")
def last_tag_is_none(ask: Ask) -> Answer | None:
    tags = all_tags(ask) if is_list(ask, "last") else []
    return with_query(ask, last=None) if tags and ask.query["last"] == tags[-1] else None


@instead("OCI-R074", "a last that is no tag is ignored")
def unknown_last_is_ignored(ask: Ask) -> Answer | None:
    tags = all_tags(ask) if is_list(ask, "last") else []
    return with_query(ask, last=None) if tags and ask.query["last"] not in tags else None


@instead("OCI-R074", "last is compared without regard to case, the list is not sorted so")
def last_in_lower_case(ask: Ask) -> Answer | None:
    if not is_list(ask, "last"):
        return None
    answer = with_query(ask, last=None)
    rewrite(answer, lambda tags: [tag for tag in tags if tag.lower() > ask.query["last"].lower()])
    return answer


@after("OCI-R075", "after last the tags come the other way round", "GET tags", 200)
def reversed_after_last(ask: Ask, answer: Answer) -> None:
    if "last" in ask.query and "n" not in ask.query:
        rewrite(answer, lambda tags: tags[::-1])


@instead("OCI-R075", "tags are paged as they were pushed")
def paged_as_pushed(ask: Ask) -> Answer | None:
    if not is_list(ask, "n") or not ask.query["n"].isdigit() or ask.query["n"] == "0":
        return None
    tags = all_tags(ask)[::-1]
    begin = tags.index(ask.query["last"]) + 1 if "last" in ask.query else 0
    answer = with_query(ask, n=None, last=None)
    rewrite(answer, lambda _: tags[begin : begin + int(ask.query["n"])])
    return answer
