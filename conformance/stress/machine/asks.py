"""Requests that no client library sends: any method, path, header, body and credentials.

The model has no right answers for them, so only the differential mode plays them.
"""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from conformance.client.client import DOCKER_IMAGE, DOCKER_LIST, IMAGE, INDEX
from conformance.client.content import digest_of
from conformance.client.exchange import Header
from conformance.stress.machine.program import Step, Value
from conformance.stress.machine.rules import Call, Calls, World

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get", "X")

_NO_ID = "11111111-1111-1111-1111-111111111111"
_ENDPOINTS = (
    *("tags/list", "manifests/a", "manifests/{manifest}", "blobs/{blob}", "blobs/uploads/", f"blobs/uploads/{_NO_ID}"),
    *(
        "manifests/{blob}",
        "blobs/{missing}",
        "blobs/sha256:abc",
        "blobs/foo",
        "blobs/uploads/x!y",
        "referrers/{manifest}",
    ),
    *("tags", "manifests", "blobs", "blobs/uploads", "nothing", ""),
)
_NAMES = ("{name}", "{other}", "BAD", "{name}/", "/{name}", "{name}//x", "{name}/../{other}", "%2e/{name}", "{name}%2F")
_PATHS = (
    *(f"/v2/{{name}}/{end}" for end in _ENDPOINTS),
    *(f"/v2/{{name}}/{end}/" for end in _ENDPOINTS),
    *(f"/v2/{name}/{end}" for name in _NAMES for end in _ENDPOINTS[:6]),
    *("/v2/", "/v2", "/v2//", "//v2/", "/v2/.", "/v2/..", "/", "//", "/v2/_catalog", "/v2/_catalog/", "/v2x", "/V2/"),
    *("/v1/", "/nothing", "/nothing/", "/a//b", "/v2/token", "/v2/x", "/metrics", "/v2/%5Fcatalog", "/%76%32/"),
)
_UPLOADS = (
    *("{upload}", "{upload}0", "{upload}/", "{upload-path}", "{upload-path}?_state=", "{upload-path}?_state=x"),
    *("{upload-path}0?_state=x", "{upload}&_state=x", "{upload}?digest={blob}", "{upload}&digest={blob}"),
    *(
        "{upload}&digest=foo",
        "{upload}&digest=",
        "{upload}&digest={missing}",
        "{upload}&digest={blob}&digest={missing}",
    ),
    *("{upload}&digest={empty}", "{upload}&DIGEST={empty}", "{upload}&digest=sha256%3Aabc"),
)
_MOUNTS = tuple(
    f"/v2/{{other}}/blobs/uploads/?{query}"
    for query in (
        *(
            "mount={blob}&from={name}",
            "mount={blob}",
            "from={name}",
            "mount=foo&from={name}",
            "mount={missing}&from={name}",
        ),
        *(
            "mount={blob}&from=",
            "mount={blob}&from=BAD",
            "mount={blob}&from={other}",
            "mount=&from={name}",
            "digest={blob}",
        ),
        *("mount={blob}&mount=foo&from={name}", "mount={blob}&from={name}&from=x", "Mount={blob}&From={name}"),
    )
)
_QUERIES = tuple(
    f"/v2/{{name}}/{end}?{query}" if end else f"/v2/_catalog?{query}"
    for end in ("tags/list", "")
    for query in (
        "n=0",
        "n=1",
        "n=-1",
        "n=",
        "n=x",
        "n=1.5",
        f"n={'9' * 20}",
        "n=1&n=2",
        "n",
        "N=1",
        "last=",
        "last=a",
        "x",
    )
)

_FORM = "application/x-www-form-urlencoded"
_TYPES = (
    *(
        "application/octet-stream",
        "application/octet-stream; charset=utf-8",
        "APPLICATION/OCTET-STREAM",
        "text/plain",
        "",
    ),
    *(_FORM, f"{_FORM}; charset=utf-8", _FORM.upper(), "multipart/form-data; boundary=x", "multipart/form-data", "x"),
    *(IMAGE, f"{IMAGE}; charset=utf-8", IMAGE.upper(), f"{IMAGE};", INDEX, DOCKER_IMAGE, "application/json"),
)
_ACCEPTS = (
    *(f"{IMAGE}{end}" for end in ("", ";q=0", "; q=0.5", ";charset=utf-8", ' ; a="b"', ";", ";x", ",,", ";q=x")),
    *(f"text/html, {IMAGE}", IMAGE.upper(), f'"{IMAGE}"', INDEX, f"{INDEX}, {IMAGE};q=0.1", DOCKER_IMAGE, DOCKER_LIST),
    *("*/*", "application/*", "", f"text/html\nAccept: {IMAGE}", f"{IMAGE}\nAccept: text/html"),
)
_ETAGS = (
    *('"{E}"', "{E}", 'W/"{E}"', 'w/"{E}"', '"x"', '"x", "{E}"', '"{E}","x"', "*", '"*"', "'{E}'", '"{E}', "", '""'),
    *('"x" "{E}"', 'x, "{E}"', ', "{E}"'),
)
_RANGES = ("bytes=0-1", "bytes=-1", "bytes=5-", "bytes=99-", "bytes=0-1,3-4", "bytes=3-1", "items=0-1", "bytes=", "0-1")
_CONTENT_RANGES = ("0-4", "0-0", "5-9", "bytes 0-4/5", "x", "")
_HEADERS = (
    "",
    *(f"Accept: {accept}" for accept in _ACCEPTS),
    *(f"Content-Type: {kind}" for kind in _TYPES),
    *(f"{name}: {text}" for name in ("If-None-Match", "If-Match") for text in _ETAGS),
    *(f"Range: {text}" for text in _RANGES),
    *(
        f"Range: bytes=0-1\nIf-Range: {text}"
        for text in ('"{E}"', 'W/"{E}"', '"x"', "", "Thu, 01 Jan 1970 00:00:00 GMT")
    ),
    *(f"Content-Range: {text}" for text in _CONTENT_RANGES),
    *("Expect: 100-continue", "X-HTTP-Method-Override: PUT", "Content-Encoding: gzip"),
    *("If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT", "If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT"),
    *("Origin: http://other.example", "Connection: close", "Accept-Encoding: gzip"),
)
"""Headers, one on a line; {E} is the digest of the manifest or blob in the path."""

_BODIES = (
    *(
        "",
        "layer",
        "a=b&c=d",
        "digest={empty}",
        "digest=foo",
        "_state=x",
        "mount={blob}&from={name}",
        "{manifest-text}",
    ),
    '--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--\r\n',
)

_AUTHORIZATIONS = (
    *("Bearer {token}",) * 6,
    *(
        "bearer {token}",
        "BEARER {token}",
        "{token}",
        "Token {token}",
        "Basic {token}",
        'Bearer "{token}"',
        "Bearer\t{token}",
    ),
    *("", "Bearer", "Bearer ", "Bearer junk", "Bearer {token}.{token}", "Bearer a.b.c", "Basic Og=="),
)
_SCOPES = (
    *(
        f"repository:{{name}}:{actions}"
        for actions in ("pull", "push", "delete", "pull,push", "pull,push,delete", "*", "x")
    ),
    *("", "repository:{other}:pull,push", "registry:catalog:*", "repository:{name}:pull,push registry:catalog:*"),
    *(f"repository:{{other}}:pull,push repository:{{name}}:{actions}" for actions in ("pull", "push")),
)


def ask(
    world: World,
    method: str,
    path: str,
    headers: str = "",
    body: str = "",
    chunked: bool = False,
    authorization: str | None = None,
    scopes: str = "",
) -> Calls:
    """Send a request as it stands there, with names and digests of the program for what is in braces.

    `{upload}` is the Location of the latest upload session, `{upload-path}` that without its query. `{token}`
    in `authorization` is a token for `scopes`.
    """
    number = None
    if path.startswith("{upload"):
        if not any(not session.ended for session in world.uploads):
            world.opened((yield Call("start_upload", (world.name(0),))))
        number = next((n for n in reversed(range(len(world.uploads))) if not world.uploads[n].ended), None)
        if number is None:
            return
    filled = _Filled(world, number)
    url = filled(path)
    data = filled(body).encode()
    options = {"headers": _headers(filled(headers), path, filled), "body": [data] if chunked else data}
    who = None if authorization is None else (authorization, tuple(filled(scopes).split()))
    answer = yield Call("request", (method, url), options, credentials=who)
    if "Host: " in headers:
        return  # the Location is at that host
    if number is None:
        world.opened(answer)
    else:
        world.moved(number, answer, data if method == "PATCH" else b"")
        world.uploads[number].ended = answer.status == 201 or (method == "DELETE" and answer.status == 204)


def asks() -> SearchStrategy[Step]:
    """Draw steps of the rule `ask`."""
    paths = st.one_of(*map(st.sampled_from, (_PATHS, _PATHS, _UPLOADS, _UPLOADS, _MOUNTS, _QUERIES)))
    usual = {"method": st.sampled_from(METHODS), "path": paths}
    return st.one_of(
        _step(**usual),
        _step(**usual, headers=st.sampled_from(_HEADERS)),
        _step(**usual, headers=st.sampled_from(_HEADERS), body=st.sampled_from(_BODIES), chunked=st.booleans()),
        _step(method=_chosen("GET", "HEAD"), path=_chosen(*_HELD), headers=st.sampled_from(_HEADERS)),
        _step(method=_chosen("GET", "HEAD"), path=_chosen(*_HELD), headers=_accepting(_HEADERS)),
        _step(method=_chosen("PUT", "PATCH"), path=_chosen(*_UPLOADS), headers=_sent(_TYPES), body=_chosen(*_BODIES)),
        _step(method=_chosen("POST"), path=_chosen(*_MOUNTS), headers=_sent(_TYPES), body=_chosen(*_BODIES)),
        _step(method=_chosen("PUT"), path=_chosen(*_HELD), headers=_sent(_TYPES), body=_chosen("{manifest-text}", "x")),
    )


def asks_of_hosts() -> SearchStrategy[Step]:
    """Draw requests for other hosts; a registry with tokens may send a client there for them."""
    hosts = ("other.example", "other.example:1234", "OTHER.example", "[::1]:5000", "127.0.0.1")
    paths = ("/v2/", "/v2/{name}/blobs/uploads/", "{upload}", "{upload}&digest={empty}", *_MOUNTS)
    return _step(
        method=st.sampled_from(METHODS), path=_chosen(*paths), headers=_chosen(*(f"Host: {host}" for host in hosts))
    )


def asks_with_tokens() -> SearchStrategy[Step]:
    """Draw the same with credentials of every form."""
    paths = st.one_of(*map(st.sampled_from, (_PATHS, _UPLOADS, _MOUNTS, _MOUNTS)))
    credentials = {"authorization": st.sampled_from(_AUTHORIZATIONS), "scopes": st.sampled_from(_SCOPES)}
    return _step(method=st.sampled_from(METHODS), path=paths, **credentials)


_HELD = ("/v2/{name}/manifests/a", "/v2/{name}/manifests/{manifest}", "/v2/{name}/blobs/{blob}")


def _step(**arguments: SearchStrategy[Value]) -> SearchStrategy[Step]:
    return st.fixed_dictionaries(arguments).map(lambda found: Step("ask", found))


def _chosen(*values: str) -> SearchStrategy[Value]:
    return st.sampled_from(values)


def _accepting(headers: Sequence[str]) -> SearchStrategy[Value]:
    return st.sampled_from([f"Accept: {IMAGE}\n{lines}" for lines in headers if "Accept:" not in lines])


def _sent(types: Sequence[str]) -> SearchStrategy[Value]:
    return st.sampled_from([f"Content-Type: {kind}" for kind in types])


class _Filled:
    """Fills the names and digests of a program into a text."""

    def __init__(self, world: World, upload: int | None) -> None:
        made, blob = world.manifest(0), world.blob(0)
        self._values = {
            "name": world.name(0),
            "other": world.name(1),
            "manifest": made.digest,
            "manifest-text": made.data.decode(),
            "blob": digest_of(blob),
            "empty": digest_of(b""),
            "missing": digest_of(b"missing"),
        }
        if upload is not None:
            location = world.uploads[upload].location
            self._values |= {"upload": location, "upload-path": location.partition("?")[0]}

    def __call__(self, text: str) -> str:
        for name, value in self._values.items():
            text = text.replace(f"{{{name}}}", value)
        return text


def _headers(text: str, path: str, filled: _Filled) -> tuple[Header, ...]:
    etag = filled("{blob}" if "/blobs/" in path else "{manifest}")
    lines = (line.partition(": ") for line in text.replace("{E}", etag).split("\n") if line)
    return tuple((name, value) for name, _, value in lines)
