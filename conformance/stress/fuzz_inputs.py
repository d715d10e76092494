"""Hypothesis strategies of requests as a WSGI server may hand them on: mostly near valid ones, some garbage."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from conformance.client import DOCKER_IMAGE, IMAGE, INDEX
from conformance.content import ALGORITHMS, DOCKER_CONFIG, DOCKER_LAYER, Blob, digest_of
from conformance.exchange import Header
from conformance.stress import strategies
from conformance.stress.odd_json import ODD_JSON

MOST_INPUTS = 5
"""Requests of a case."""

QUIRKS = ("", "no-uri", "no-length", "unterminated", "cut", "stalled", "old", "no-address", "no-host", "https")
"""What is unusual about the server or the client: see `Entry` in `fuzz_stage`."""


@dataclass(frozen=True, slots=True)
class Input:
    """One request. `{session}` in a path stands for the last upload session that the case was given.

    `web` sends it to the host of the packages API and the pages, where the target has one.
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
    """What is there to be named: repositories, the owner of all, values of Authorization, hosts."""

    names: tuple[str, ...]
    owner: str
    credentials: tuple[str, ...]
    hosts: tuple[str, ...]
    web: bool


SMALL_BLOBS = (Blob(b"{}", DOCKER_CONFIG), Blob(b"hello", DOCKER_LAYER))
"""What is in the first repository when a case begins, so that manifests of it can be pushed."""

_CONFIG, _LAYER = (blob.descriptor for blob in SMALL_BLOBS)
_CHILD = {"schemaVersion": 2, "mediaType": IMAGE, "config": _CONFIG, "layers": [_LAYER]}
_SUBJECT = {"mediaType": IMAGE, "digest": digest_of(json.dumps(_CHILD).encode()), "size": len(json.dumps(_CHILD))}
_DOCUMENTS = (
    _CHILD,
    _CHILD | {"mediaType": DOCKER_IMAGE},
    _CHILD | {"subject": _SUBJECT, "artifactType": "application/x", "annotations": {"a": "b"}},
    _CHILD | {"layers": [_LAYER | {"urls": ["https://layers.example/"], "size": -1}]},
    {"schemaVersion": 2, "mediaType": INDEX, "manifests": [_SUBJECT | {"platform": {"os": "linux"}}]},
    {"schemaVersion": 2, "mediaType": INDEX, "manifests": [], "subject": _SUBJECT, "annotations": {"a": "\ud83d"}},
    {"schemaVersion": 2, "mediaType": INDEX, "manifests": [None, {}, {"digest": 1}]},
    {"schemaVersion": 1, "name": "a", "tag": "b", "fsLayers": [], "history": [], "signatures": []},
)
MANIFESTS = tuple(json.dumps(document).encode() for document in _DOCUMENTS)
_TYPES = (IMAGE, DOCKER_IMAGE, INDEX)
_FORMS = (
    b"grant_type=password&service=registry.test&client_id=a&username=a&password=b&scope=repository:a/b:pull",
    b"grant_type=refresh_token&service=a&client_id=a&refresh_token=a.b.c&access_type=offline",
    b"grant_type=%ff&scope=%00&scope",
    b"&&&=&=&;",
)
_BODIES = (b"", *(blob.data for blob in SMALL_BLOBS), bytes(range(256)), b"x" * 70_000, b"\xff\xfe", *_FORMS)
_DIGESTED = (*MANIFESTS, *(blob.data for blob in SMALL_BLOBS), b"")

_ROUTES = (
    *(("POST", "/v2/{name}/blobs/uploads/", query) for query in (
        "", "digest={digest}", "mount={digest}&from={name}", "mount={digest}", "digest-algorithm={word}")),
    *(("PATCH", "{session}", ""), ("PATCH", "{session}", ""), ("PUT", "{session}", "digest={digest}")),
    *(("PUT", "{session}", "digest={digest}"), ("GET", "{session}", ""), ("DELETE", "{session}", "")),
    *(("PUT", "/v2/{name}/manifests/{reference}", query) for query in ("", "", "tag={tag}", "tag={tag}&tag={tag}")),
    *((method, "/v2/{name}/manifests/{reference}", query) for method in ("GET", "HEAD", "DELETE")
      for query in ("", "ns={word}")),
    *((method, "/v2/{name}/blobs/{digest}", "") for method in ("GET", "GET", "HEAD", "DELETE")),
    *(("GET", "/v2/{name}/tags/list", query) for query in ("", "n={number}", "last={tag}", "n={number}&last={tag}")),
    *(("GET", "/v2/{name}/referrers/{digest}", query) for query in ("", "artifactType={type}", "n=1&last={digest}")),
    *(("GET", "/v2/_catalog", query) for query in ("", "n={number}&last={name}")),
    *(("GET", "/v2/", ""), ("GET", "/v2", ""), ("GET", "/", ""), ("GET", "/{word}", "")),
    *(("GET", "/token", query) for query in (
        "service=registry.test&scope=repository:{name}:pull,push", "scope={word}&scope={word}&offline_token=true")),
    ("POST", "/token", ""),
    *((method, f"/_fakereg/{path}", "") for method in ("GET", "PATCH", "POST", "DELETE")
      for path in ("settings", "accounts", "journal", "tokens/{word}", "packages/container/{name}", "{word}")),
)  # fmt: skip
_PACKAGE = "/api/v3/{kind}/{owner}/packages/{type of package}/{name as part}"
_WEB_ROUTES = (
    ("GET", "/api/v3/{kind}/{owner}/packages", "package_type={type of package}&page={number}&per_page={number}"),
    ("GET", "/api/v3/{kind}/{owner}/packages", "visibility={word}"),
    ("GET", "/api/v3/{kind}/{owner}/docker/conflicts", ""),
    ("GET", "/api/v3/user/packages", "package_type={type of package}"),
    *((method, _PACKAGE, "") for method in ("GET", "DELETE")),
    *((method, f"{_PACKAGE}/versions/{{number}}", "") for method in ("GET", "DELETE")),
    ("GET", f"{_PACKAGE}/versions", "state={word}&page={number}"),
    ("POST", f"{_PACKAGE}/restore", ""),
    ("POST", f"{_PACKAGE}/versions/{{number}}/restore", ""),
    ("GET", "/{kind}/{owner}/packages", "visibility={word}&q={word}&page={number}"),
    ("GET", "/{kind}/{owner}/packages/container/package/{name as part}", "tag={tag}"),
    ("GET", "/{owner}/{word}/packages", ""),
    ("GET", "/{owner}/{word}/packages/{number}", "version={number}"),
)
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get", "PROPFIND", "A" * 99)

_ODD = (
    *("%00", "%0a", "%0d%0aX:%20y", "%2e%2e%2f", "%2F", "/", "//", "/../", "..", "%252e", "%5c", "\\", "%", "%zz", "%ff"),
    *("%c0%ae%c0%ae%c0%af", "%ed%a0%80", "%e2%98%83", "\u00e9", "+", " ", "&", "=", ";", "a" * 300, "a/" * 130, ":", "@"),
    *("sha256:", "sha512:", "{}", "[", '"', "'", "<b>", "*", "$", "0", "-1", "1" * 40, "\u00bd", "_", "~", ",", "|", "\t"),
)
_WORDS = ("", "a", "sha256", "sha512", "md5", "latest", "true", "public", "repository:a/b:pull", "packages", "..", "-1")
_LENGTHS = ("", "0", "1", "-1", "+1", "5", "1e3", "0x5", " 5", "5, 5", "five", "9" * 30, "1" * 5000, "\u00b2", "5.0")


def _values(words: Words) -> dict[str, SearchStrategy[str]]:
    """What stands in each place of a path or a query, right ones more often than not."""
    names = st.sampled_from(words.names)
    bad_names = strategies.bad_names().map(lambda pattern: pattern.replace("{}", words.names[0]))
    tags = st.sampled_from(("latest", "a", "b"))
    digests = strategies.digests(_DIGESTED, algorithms=ALGORITHMS)
    odd_digests = st.one_of(strategies.bad_digests(), strategies.unknown_digests())
    numbers = strategies.page_sizes().map(str)
    right = st.sampled_from(("1", "2", "3"))
    return {
        "name": st.one_of(names, names, names, bad_names),
        "name as part": names.map(lambda name: name.rpartition("/")[2]),
        "digest": st.one_of(digests, digests, digests, odd_digests),
        "tag": st.one_of(tags, tags, tags, strategies.tags(), strategies.bad_tags()),
        "reference": st.one_of(tags, digests, digests, strategies.tags(), strategies.bad_tags(), odd_digests),
        "number": st.one_of(right, numbers),
        "type": st.one_of(strategies.media_types(), strategies.bad_media_types()),
        "word": st.sampled_from(_WORDS + _ODD),
        "owner": st.sampled_from((words.owner, words.owner, words.owner, "nobody", "A")),
        "kind": st.sampled_from(("orgs", "orgs", "users")),
        "type of package": st.sampled_from(("docker", "container", "npm", "")),
    }


def _known_headers(words: Words) -> SearchStrategy[Header]:
    """One header that a registry looks at, with a value that is right, odd or garbage."""
    digest = strategies.digests(_DIGESTED)
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
        "Content-Length": st.sampled_from(_LENGTHS),
        "Host": st.sampled_from((*words.hosts, "", "a b", "\xe9", "[::1", "[::1]:99999", "a:b:c", "../a", "a" * 300)),
    }
    odd = ("If-Modified-Since", "If-Unmodified-Since", "Transfer-Encoding", "Expect", "X-Forwarded-Host", "Forwarded",
           "X-Forwarded-Proto", "X-Forwarded-For", "X-Forwarded-Prefix", "Cookie", "Accept-Encoding", "User-Agent",
           "Accept-Language", "Origin", "Content-Encoding", "X-Http-Method-Override", "Docker-Upload-Uuid", "Te")  # fmt: skip
    one = [st.tuples(st.just(name), value) for name, value in values.items()]
    return st.one_of(*one, st.tuples(st.sampled_from(odd), text))


def _authorizations(credentials: Sequence[str]) -> SearchStrategy[str]:
    pairs = ("", ":", "a", "a:", ":b", "a:b:c", "\u00e9:\u2603", "a\0:b", "a:" + "b" * 5000)
    encoded = [base64.b64encode(pair).decode() for pair in (*(pair.encode() for pair in pairs), b"\xff:\xfe")]
    odd = ("", "=", "====", "a", "\xff", "YTpi YTpi", "YTpi=", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "a" * 5000, "-._~+/=")
    garbage = [f"{scheme} {rest}" for scheme in ("Basic", "Bearer", "basic", "Digest", "") for rest in (*odd, *encoded)]
    right = [st.sampled_from(credentials)] * 2 if credentials else []
    return st.one_of(*right, st.sampled_from((*garbage, "Basic", "Bearer", "", "\xff")))


def _bodies() -> SearchStrategy[bytes]:
    spoiled = st.tuples(st.sampled_from(MANIFESTS), st.sampled_from(tuple(ODD_JSON.values()))).map(
        lambda pair: pair[1](pair[0])
    )
    return st.one_of(st.sampled_from(MANIFESTS), st.sampled_from(_BODIES), spoiled, st.binary(max_size=50))


@st.composite
def _one(draw: DrawFn, words: Words, values: dict[str, SearchStrategy[str]], headers: SearchStrategy[Header],
         bodies: SearchStrategy[bytes]) -> Input:  # fmt: skip
    web = words.web and draw(st.integers(0, 4)) == 4
    method, path, query = draw(st.sampled_from(_WEB_ROUTES if web else _ROUTES))
    for place, value in values.items():
        for _ in range((path + query).count("{" + place + "}")):
            text = draw(value)
            path, query = _filled(path, query, "{" + place + "}", text)
    found = [] if not words.credentials or draw(st.integers(0, 5)) == 5 else [("Authorization", words.credentials[0])]
    found += draw(st.lists(headers, max_size=2))
    body = b""
    if method in {"PUT", "POST", "PATCH"}:
        body = draw(bodies)
        found += [("Content-Type", draw(st.sampled_from(_TYPES)))] if body in MANIFESTS else []
    made = Input(method, path, query, tuple(dict(found).items()), body, web=web)
    return _spoiled(draw, made)


def _filled(path: str, query: str, place: str, text: str) -> tuple[str, str]:
    return (path.replace(place, text, 1), query) if place in path else (path, query.replace(place, text, 1))


def _spoiled(draw: DrawFn, made: Input) -> Input:
    """Most stay as they are; others get another method, something odd in path or query, or a quirk."""
    match draw(st.integers(0, 11)):
        case 8:
            return replace(made, method=draw(st.sampled_from(_METHODS)))
        case 9:
            return replace(made, path=_with_odd(draw, made.path))
        case 10:
            return replace(made, query=_with_odd(draw, made.query))
        case 11:
            return replace(made, quirk=draw(st.sampled_from(QUIRKS[1:])))
    return made


def _with_odd(draw: DrawFn, text: str) -> str:
    at = draw(st.integers(0, len(text)))
    return text[:at] + draw(st.sampled_from(_ODD)) + text[at:]


def cases(words: Words, corpus: Sequence[Case] = ()) -> SearchStrategy[Case]:
    """Up to five requests, one after the other; half of the time a change of one of the `corpus`, if there is one."""
    one = _one(words, _values(words), _known_headers(words), _bodies())
    fresh = st.lists(one, min_size=1, max_size=MOST_INPUTS).map(tuple)
    if not corpus:
        return fresh
    return st.one_of(fresh, _changed(corpus, one))


@st.composite
def _changed(draw: DrawFn, corpus: Sequence[Case], one: SearchStrategy[Input]) -> Case:
    """A known case with a request more, another one in the place of one, or one of them changed in one field."""
    case = draw(st.sampled_from(corpus))
    at, new = draw(st.integers(0, len(case) - 1)), draw(one)
    old = case[at]
    changes = (
        (*case[:at], new, *case[at:]),
        (*case[:at], old, new, *case[at + 1 :]),
        (*case[:at], new, *case[at + 1 :]),
        (*case[:at], replace(old, headers=tuple(dict((*old.headers, *new.headers)).items())), *case[at + 1 :]),
        (*case[:at], replace(old, body=new.body), *case[at + 1 :]),
        (*case[:at], replace(old, query=new.query), *case[at + 1 :]),
        (*case[:at], _spoiled(draw, old), *case[at + 1 :]),
    )
    return draw(st.sampled_from(changes))[: 2 * MOST_INPUTS]
