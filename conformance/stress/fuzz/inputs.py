"""Hypothesis strategies of requests as a WSGI server may pass them on: mostly almost valid, some garbage."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from conformance.client.content import ALGORITHMS, digest_of
from conformance.client.exchange import Header
from conformance.stress.common import strategies
from conformance.stress.common.odd_members import ODD_MANIFESTS
from conformance.stress.fuzz.words import (
    BODIES,
    DIGESTED,
    FORMS,
    LENGTHS,
    MANIFESTS,
    METHODS,
    ODD,
    ROUTES,
    WEB_ROUTES,
    WORDS,
)

AUTHORIZATION = "{authorization}"
"""Replaced by the Authorization that a push to the first repository needs."""

MOST_INPUTS = 12
"""Requests of a case."""

QUIRKS = ("", "no-uri", "no-length", "unterminated", "cut", "stalled", "old", "no-address", "no-host", "https")
"""Unusual behaviour of the server or the client: see `Entry` in `fuzz.stage`."""


@dataclass(frozen=True, slots=True)
class Input:
    """One request. `{session}` in a path stands for the latest upload session of the case.

    `web` sends it to the host of the packages API and the pages, if the target has one.
    """

    method: str
    path: str
    query: str = ""
    headers: tuple[Header, ...] = ()
    body: bytes = b""
    quirk: str = ""
    web: bool = False


Case = tuple[Input, ...]


@dataclass(frozen=True, slots=True)
class Words:
    """The names in requests: repositories, their owner, values of Authorization, hosts."""

    names: tuple[str, ...]
    owner: str
    credentials: tuple[str, ...]
    hosts: tuple[str, ...]
    web: bool


Choice = SearchStrategy[SearchStrategy[str]]
"""Alternatives to draw from; `one_of` would ignore that some are there several times."""


def _mostly(right: SearchStrategy[str], *odd: SearchStrategy[str], often: int = 6) -> Choice:
    return st.sampled_from((*[right] * often, *odd))


def _values(words: Words) -> dict[str, Choice]:
    """Strategies for the variable parts of paths and queries, mostly correct values."""
    names = st.sampled_from((words.names[0], *words.names))
    bad_names = strategies.bad_names().map(lambda pattern: pattern.replace("{}", words.names[0]))
    tags = st.sampled_from(("a", "a", "latest", "b"))
    odd_tags = (strategies.tags(), strategies.bad_tags())
    digests = strategies.digests(DIGESTED, algorithms=ALGORITHMS)
    odd_digests = (strategies.bad_digests(), strategies.unknown_digests())
    word = st.sampled_from(WORDS + ODD)
    return {
        "name": _mostly(names, bad_names, often=12),
        "name as part": _mostly(names.map(lambda name: name.rpartition("/")[2]), word),
        "digest": _mostly(digests, *odd_digests, often=10),
        "tag": _mostly(tags, *odd_tags),
        "reference": _mostly(st.one_of(tags, digests), *odd_tags, *odd_digests, often=12),
        "number": _mostly(st.sampled_from(("1", "2", "3")), strategies.page_sizes().map(str), often=1),
        "type": _mostly(strategies.media_types(), strategies.bad_media_types(), often=2),
        "word": _mostly(word),
        "owner": _mostly(st.just(words.owner), st.sampled_from(("nobody", "A", "%00"))),
        "kind": _mostly(st.just("orgs"), st.just("users"), often=3),
        "type of package": _mostly(st.sampled_from(("docker", "container")), word),
    }


def _known_headers(words: Words) -> SearchStrategy[Header]:
    """Draw one header that a registry reads, with a value that is correct, odd or garbage."""
    digest = strategies.digests(DIGESTED)
    tag = st.one_of(digest.map(lambda text: f'"{text}"'), digest.map(lambda text: f'W/"{text}", *'),
                    st.sampled_from(("*", '"', "W/", '"a", "b', "\xff")))  # fmt: skip
    media = st.one_of(strategies.media_types(), strategies.bad_media_types(),
                      st.sampled_from(("*/*", "a/b;q=2", "a/b;q=nan", ",;,=", "*", "\xe9/\xe9")))  # fmt: skip
    text = st.sampled_from(("", "a", "\xe9\xff", "1" * 400, "a=b; c", '"', "chunked", "bytes=0-0", "100-continue", "*"))
    values: dict[str, SearchStrategy[str]] = {
        "Range": strategies.ranges(5),
        "Content-Range": strategies.content_ranges(0, 5),
        "Content-Type": media,
        "Accept": media,
        "If-Match": tag,
        "If-None-Match": tag,
        "If-Range": tag,
        "Authorization": _authorizations(words.credentials),
        "Content-Length": st.sampled_from(LENGTHS),
        "Host": st.sampled_from((*words.hosts, "", "a b", "\xe9", "[::1", "[::1]:99999", "a:b:c", "../a", "a" * 300)),
    }
    odd = ("If-Modified-Since", "If-Unmodified-Since", "Transfer-Encoding", "Expect", "X-Forwarded-Host", "Forwarded",
           "X-Forwarded-Proto", "X-Forwarded-For", "X-Forwarded-Prefix", "Cookie", "Accept-Encoding", "User-Agent",
           "Accept-Language", "Origin", "Content-Encoding", "X-Http-Method-Override", "Te")  # fmt: skip
    one = [st.tuples(st.just(name), value) for name, value in values.items()]
    return st.one_of(*one, st.tuples(st.sampled_from(odd), text))


def _authorizations(credentials: Sequence[str]) -> SearchStrategy[str]:
    pairs = ("", ":", "a", "a:", ":b", "a:b:c", "\u00e9:\u2603", "a\0:b", "a:" + "b" * 5000)
    encoded = [base64.b64encode(pair).decode() for pair in (*(pair.encode() for pair in pairs), b"\xff:\xfe")]
    odd = (
        "",
        "=",
        "====",
        "a",
        "\xff",
        "YTpi YTpi",
        "YTpi=",
        "a.b.c",
        "eyJhbGciOiJub25lIn0.e30.",
        "a" * 5000,
        "-._~+/=",
    )
    garbage = [f"{scheme} {rest}" for scheme in ("Basic", "Bearer", "basic", "Digest", "") for rest in (*odd, *encoded)]
    right = [st.sampled_from(credentials)] * 2 if credentials else []
    return st.one_of(*right, st.sampled_from((*garbage, "Basic", "Bearer", "", "\xff")))


def _bodies() -> dict[str, SearchStrategy[bytes]]:
    """Draw bodies for a kind of path: mostly fitting ones."""
    spoiled = st.builds(
        lambda document, name: ODD_MANIFESTS[name](document), *map(st.sampled_from, (MANIFESTS, tuple(ODD_MANIFESTS)))
    )
    garbage = st.binary(max_size=50)
    return {
        "/manifests/": st.one_of(st.sampled_from(MANIFESTS[:3]), st.sampled_from(MANIFESTS), spoiled),
        "/token": st.one_of(st.sampled_from(FORMS), garbage),
        "": st.one_of(st.sampled_from(BODIES), garbage),
    }


@dataclass(frozen=True, slots=True)
class Grammar:
    """The strategies of requests."""

    words: Words
    values: dict[str, Choice]
    headers: SearchStrategy[list[Header]]
    bodies: dict[str, SearchStrategy[bytes]]


@st.composite
def _one(draw: DrawFn, grammar: Grammar) -> Input:
    """Draw one request along a route."""
    web = grammar.words.web and draw(st.integers(0, 4)) == 4
    method, path, query = draw(st.sampled_from(WEB_ROUTES if web else ROUTES))
    body = b""
    if method in {"PUT", "POST", "PATCH"}:
        body = draw(next(bodies for part, bodies in grammar.bodies.items() if part in path))
    own = (
        digest_of(body, draw(st.sampled_from(("sha256", "sha256", "sha512")))) if "{own digest}" in path + query else ""
    )
    path, query = path.replace("{own digest}", own), query.replace("{own digest}", own)
    for place, value in grammar.values.items():
        for _ in range((path + query).count("{" + place + "}")):
            path, query = _filled(path, query, "{" + place + "}", draw(draw(value)))
    headers = [*_usual(grammar.words, body, web=web), *draw(grammar.headers)]
    made = Input(method, path, query, tuple(dict(headers).items()), body, web=web)
    return _spoiled(draw, made)


def _usual(words: Words, body: bytes, *, web: bool) -> Iterator[Header]:
    """Return the headers that a good client sends."""
    if words.credentials:
        yield "Authorization", words.credentials[0] if web else AUTHORIZATION
    if body in MANIFESTS:
        yield "Content-Type", json.loads(body).get("mediaType", "application/json")


def _filled(path: str, query: str, place: str, text: str) -> tuple[str, str]:
    return (path.replace(place, text, 1), query) if place in path else (path, query.replace(place, text, 1))


def _spoiled(draw: DrawFn, made: Input) -> Input:
    """Draw a variant of a request: mostly unchanged, else with another method, an odd path or query, or a quirk."""
    match draw(st.integers(0, 11)):
        case 8:
            return replace(made, method=draw(st.sampled_from(METHODS)))
        case 9:
            return replace(made, path=_with_odd(draw, made.path))
        case 10:
            return replace(made, query=_with_odd(draw, made.query))
        case 11:
            return replace(made, quirk=draw(st.sampled_from(QUIRKS[1:])))
    return made


def _with_odd(draw: DrawFn, text: str) -> str:
    at = draw(st.integers(0, len(text)))
    return text[:at] + draw(st.sampled_from(ODD)) + text[at:]


def cases(words: Words) -> SearchStrategy[Case]:
    """Draw up to twelve requests, in order."""
    headers = st.lists(_known_headers(words), max_size=2)
    one = _one(Grammar(words, _values(words), headers, _bodies()))
    return st.lists(one, min_size=1, max_size=MOST_INPUTS).map(tuple)
