"""Each passive check sees its violation in a broken registry and keeps quiet about a good one."""

from __future__ import annotations

from hashlib import sha256

import pytest

from conformance.catalogue.requirements import catalogue
from conformance.checks import passive
from conformance.checks.passive import PASSIVE, next_link
from conformance.checks.verdict import FAIL, WARN, Case
from conformance.client.client import Client
from conformance.client.exchange import Exchange, Header
from conformance.client.transport import WsgiTransport
from tests.conformance.servers import answering, exchange

BODY = b"a manifest"
DIGEST = f"sha256:{sha256(BODY).hexdigest()}"
OTHER = "sha256:" + "0" * 64
JSON = ("Content-Type", "application/json")
GOOD_ERROR = b'{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "no", "detail": {}}]}'


def seen(found: Exchange, *, version: str = "dev", strict: bool = False) -> Case:
    case = Case(id="a case", bound=(), version=version, strict=strict)
    passive.watch(case, found)
    return case


def violated(found: Exchange) -> set[str]:
    return {key for key, _ in seen(found).passive}


def digest(value: str) -> Header:
    return ("Docker-Content-Digest", value)


BLOB = f"/v2/a/blobs/{DIGEST}"
SESSION = "/v2/a/blobs/uploads/1"


def chunk(*headers: Header) -> Exchange:
    """The answer to the chunk of the bytes 5 to 9."""
    return exchange(202, *headers, method="PATCH", path=SESSION, sent=(("Content-Range", "5-9"),))


BROKEN: list[tuple[str, str, Exchange]] = [
    ("other blob", "OCI-R015", exchange(200, body=b"another", path=BLOB)),
    ("other manifest", "OCI-R011", exchange(200, body=b"another", path=f"/v2/a/manifests/{DIGEST}")),
    ("other digest on head", "OCI-R022", exchange(200, digest(OTHER), method="HEAD", path=BLOB)),
    ("part without range", "OCI-R020", exchange(206, body=b"abc", path=BLOB)),
    ("part too short", "OCI-R020", exchange(206, ("Content-Range", "bytes 0-9/100"), body=b"abc", path=BLOB)),
    ("no part", "OCI-R020", exchange(416, ("Content-Range", "bytes 0-9/100"), path=BLOB)),
    ("chunk without range", "OCI-R039", chunk()),
    ("chunk with its own range", "OCI-R039", chunk(("Range", "5-9"))),
    ("stream with another form", "OCI-R039", exchange(202, ("Range", "bytes=0-9"), method="PATCH", path=SESSION)),
    ("session not from 0", "OCI-R046", exchange(204, ("Range", "5-9"), path=SESSION)),
    ("body on 204", "OCI-R102", exchange(204, body=BODY, path=SESSION)),
    ("body on 304", "OCI-R102", exchange(304, body=BODY)),
    ("warning with more behind", "OCI-R108", exchange(200, ("Warning", '299 - "old", new'))),
    ("blob digest", "OCI-R018", exchange(200, digest(OTHER), body=BODY, path=f"/v2/a/blobs/{DIGEST}")),
    ("manifest digest", "OCI-R013", exchange(200, digest(OTHER), body=BODY)),
    ("digest without form", "OCI-R018", exchange(200, digest("nonsense"), body=BODY, path=f"/v2/a/blobs/{DIGEST}")),
    ("body short", "OCI-R102", exchange(200, ("Content-Length", "99"), body=BODY)),
    ("length no number", "OCI-R102", exchange(200, ("Content-Length", "ten"), body=BODY)),
    ("body on head", "OCI-R102", exchange(200, body=BODY, method="HEAD")),
    ("crash", "OCI-R102", exchange(500)),
    ("405 without allow", "OCI-R102", exchange(405)),
    ("401 without challenge", "OCI-R102", exchange(401)),
    ("error no object", "OCI-R103", exchange(404, JSON, body=b"[]")),
    ("error no json", "OCI-R103", exchange(404, JSON, body=b"not found")),
    ("error empty list", "OCI-R103", exchange(404, JSON, body=b'{"errors": []}')),
    ("error without code", "OCI-R103", exchange(404, JSON, body=b'{"errors": [{"message": "no"}]}')),
    ("error as text", "OCI-R103", exchange(404, ("Content-Type", "text/plain"), body=b'{"error": "no"}')),
    ("code in lower case", "OCI-R104", exchange(404, JSON, body=GOOD_ERROR.lower())),
    ("code with digits", "OCI-R104", exchange(404, JSON, body=GOOD_ERROR.replace(b"UNKNOWN", b"E404"))),
    ("code of its own", "OCI-R106", exchange(404, JSON, body=GOOD_ERROR.replace(b"MANIFEST_UNKNOWN", b"UNKNOWN"))),
    ("message no text", "OCI-R105", exchange(404, JSON, body=GOOD_ERROR.replace(b'"no"', b"{}"))),
    ("429 alone", "OCI-R107", exchange(429)),
    ("429 with nonsense", "OCI-R107", exchange(429, ("Retry-After", "soon"))),
    ("warning code", "OCI-R108", exchange(200, ("Warning", '199 - "old"'))),
    ("second warning code", "OCI-R108", exchange(200, ("Warning", '299 - "a, b", 110 - "old"'))),
    ("warning without form", "OCI-R108", exchange(200, ("Warning", "old"))),
    ("warning agent", "OCI-R109", exchange(200, ("Warning", '299 registry "old"'))),
    ("warning date", "OCI-R110", exchange(200, ("Warning", '299 - "old" "Wed, 21 Oct 2015 07:28:00 GMT"'))),
    ("long warnings", "OCI-R111", exchange(200, *[("Warning", f'299 - "{"x" * 2100}"')] * 2)),
    ("link of tags", "OCI-R069", exchange(200, ("Link", "/v2/a/tags/list?last=b"), path="/v2/a/tags/list")),
    ("link elsewhere", "OCI-R069", exchange(200, ("Link", '</x>; rel="last"'), path="/v2/a/tags/list")),
    ("link of referrers", "OCI-R087", exchange(200, ("Link", "</x>"), path=f"/v2/a/referrers/{DIGEST}")),
    ("type parameters", "OCI-R009", exchange(200, ("Content-Type", "a/b; charset=utf-8"))),
    ("location no url", "OCI-R102", exchange(202, ("Location", "ftp://h/x"))),
    ("location with space", "OCI-R102", exchange(202, ("Location", "/a b"))),
    ("session elsewhere", "OCI-R103", exchange(404, JSON, body=b"{}", path="/uploads/1", method="PATCH")),
    ("error of the base", "OCI-R103", exchange(404, JSON, body=b"{}", path="/v2")),
]

GOOD: list[tuple[str, Exchange]] = [
    ("manifest", exchange(200, digest(DIGEST), ("Content-Length", str(len(BODY))), ("Content-Type", "a/b"), body=BODY)),
    ("head", exchange(200, digest(DIGEST), ("Content-Length", str(len(BODY))), method="HEAD")),
    ("part of a blob", exchange(206, digest(DIGEST), ("Content-Range", "bytes 0-2/10"), body=BODY[:3], path=BLOB)),
    ("parts of a blob", exchange(206, ("Content-Type", "multipart/byteranges; boundary=x"), body=BODY, path=BLOB)),
    ("no part", exchange(416, ("Content-Range", "bytes */10"), path=BLOB)),
    ("manifest by encoded digest", exchange(200, body=BODY, path=f"/v2/a/manifests/{DIGEST.replace(':', '%3A')}")),
    ("digest on head", exchange(200, digest(DIGEST), method="HEAD", path=BLOB)),
    ("digest of another algorithm on head", exchange(200, digest("sha512:abc"), method="HEAD", path=BLOB)),
    ("chunk", chunk(("Range", "0-9"))),
    ("stream", exchange(202, method="PATCH", path=SESSION)),
    ("stream with range", exchange(202, ("Range", "0-9"), method="PATCH", path=SESSION)),
    ("fresh session", exchange(204, ("Range", "0--1"), path=SESSION)),
    ("other fresh session", exchange(204, ("Range", "0-0"), path=SESSION)),
    ("session without range", exchange(204, path=SESSION)),
    ("unknown algorithm", exchange(200, digest("foo99:abc"), body=BODY, path=f"/v2/a/blobs/{DIGEST}")),
    ("error", exchange(404, JSON, body=GOOD_ERROR)),
    ("error without message", exchange(400, JSON, body=b'{"errors": [{"code": "SIZE_INVALID"}]}')),
    ("legacy code", exchange(400, JSON, body=b'{"errors": [{"code": "TAG_INVALID"}]}')),
    ("error in html", exchange(404, ("Content-Type", "text/html"), body=b"<h1>404</h1>")),
    ("error without body", exchange(404, JSON)),
    ("unavailable", exchange(503)),
    ("405", exchange(405, ("Allow", "GET"))),
    ("429 with seconds", exchange(429, ("Retry-After", "3"))),
    ("429 with date", exchange(429, ("Retry-After", "Wed, 21 Oct 2015 07:28:00 GMT"))),
    ("warnings", exchange(200, ("Warning", '299 - "a, b"'), ("Warning", '299 - "c", 299 - "d \\" e"'))),
    ("link", exchange(200, ("Link", '</v2/a/tags/list?n=1&last=b>; rel="next"'), path="/v2/a/tags/list")),
    ("link in bare words", exchange(200, ("Link", "<http://h/x>;rel=next"), path="/v2/a/tags/list")),
    ("two links", exchange(200, ("Link", '</a>; rel="last", </b>; rel="next"'), path="/v2/a/tags/list")),
    ("location", exchange(202, ("Location", "/v2/a/blobs/uploads/1?x=y"))),
    ("error of an API", exchange(404, JSON, body=b'{"message": "Not Found"}', path="/api/v3/orgs/a/packages")),
    ("API without challenge", exchange(401, path="/api/v3/orgs/a/packages", method="DELETE")),
    ("page", exchange(405, path="/orgs/a/packages", method="POST")),
    ("token endpoint", exchange(400, JSON, body=b'{"error": "invalid_grant"}', path="/token")),
]


@pytest.mark.parametrize(("requirement", "found"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_broken(requirement: str, found: Exchange) -> None:
    assert requirement in violated(found)


@pytest.mark.parametrize("found", [row[1] for row in GOOD], ids=[row[0] for row in GOOD])
def test_good(found: Exchange) -> None:
    assert violated(found) == set()


def both(*answers: Exchange) -> dict[str, str]:
    """What the check that compares HEAD with GET says of two answers, by requirement."""
    case = Case(id="a case", bound=())
    for found in answers:
        passive.watch(case, found)
    return {key: found.got for (key, name), found in case.passive.items() if name == "head like get"}


TYPE = ("Content-Type", "a/b")
GOT = exchange(200, digest(DIGEST), TYPE, ("ETag", '"1"'), body=BODY)


@pytest.mark.parametrize(
    ("headers", "got"),
    [
        ((digest(DIGEST), ("ETag", '"1"')), "no Content-Type"),
        ((digest(DIGEST), ("ETag", '"1"'), ("Content-Type", "c/d")), "Content-Type: c/d"),
        ((digest(OTHER), ("ETag", '"2"'), TYPE), f'Docker-Content-Digest: {OTHER}, ETag: "2"'),
        ((digest(DIGEST), ("ETag", '"1"'), TYPE, ("Content-Length", "9")), "Content-Length: 9"),
    ],
)
def test_head_unlike_get(headers: tuple[Header, ...], got: str) -> None:
    head = exchange(200, *headers, method="HEAD")
    assert both(GOT, head) == both(head, GOT) == {"OCI-R102": got}


@pytest.mark.parametrize(
    "between",
    [
        [exchange(200, digest(DIGEST), TYPE, ("ETag", '"1"'), ("Content-Length", "10"), method="HEAD")],
        [exchange(201, method="PUT"), exchange(200, method="HEAD")],
        [exchange(200, method="HEAD", path="/v2/a/manifests/v2")],
        [exchange(200, method="HEAD", sent=(("Accept", "a/b"),))],
        [exchange(404, method="HEAD")],
    ],
    ids=["alike", "written between", "another manifest", "another Accept", "not found"],
)
def test_head_that_says_nothing_against_get(between: list[Exchange]) -> None:
    assert both(GOT, *between) == {}


@pytest.mark.parametrize(("headers", "kept"), [((), True), ((("Content-Type", "c/d"),), False)], ids=["none", "other"])
def test_head_of_a_blob_may_leave_its_type_out(headers: tuple[Header, ...], kept: bool) -> None:
    got, head = (
        exchange(200, *more, method=method, path=BLOB) for method, more in (("GET", (TYPE,)), ("HEAD", headers))
    )
    assert (both(got, head) == {}) is kept


@pytest.mark.parametrize("check", PASSIVE, ids=lambda check: check.__name__)
def test_every_check_is_broken_by_something(check: object) -> None:
    name = getattr(check, "__name__", "").replace("_", " ")
    assert any(name == seen_by for _, _, found in BROKEN for _, seen_by in seen(found).passive)


def test_in_a_registry_that_breaks_everything() -> None:
    app = answering(
        405,
        JSON,
        ("Warning", '199 me "old" "today"'),
        ("Warning", '299 - "' + "x" * 5000 + '"'),
        body=b'{"errors": [{}]}',
    )
    case = Case(id="a case", bound=(), watch=passive.watch)
    client = Client(WsgiTransport(app), case=case.id, on_exchange=case.record)
    for _ in range(3):
        client.get_manifest("a", "v1")
    assert {key for key, _ in case.passive} == {"OCI-R102", "OCI-R103", "OCI-R108", "OCI-R109", "OCI-R110", "OCI-R111"}
    assert {violation.count for violation in case.passive.values()} == {3}


def test_kept_only_when_seen() -> None:
    assert seen(exchange(404, JSON, body=GOOD_ERROR)).kept >= {"OCI-R103", "OCI-R104", "OCI-R105", "OCI-R106"}
    assert not seen(exchange(200)).kept & {"OCI-R103", "OCI-R108", "OCI-R069", "OCI-R018"}


def test_level_decides_the_severity() -> None:
    no_message, no_code = exchange(429), exchange(404, JSON, body=b"[]")
    assert {v.severity for v in seen(no_message).passive.values()} == {WARN}
    assert {v.severity for v in seen(no_message, strict=True).passive.values()} == {FAIL}
    assert {v.severity for v in seen(no_code).passive.values()} == {FAIL}


def test_code_that_the_scenario_itself_asks_for() -> None:
    found = exchange(416, JSON, body=GOOD_ERROR.replace(b"MANIFEST_UNKNOWN", b"REQUESTED_RANGE_NOT_SATISFIABLE"))
    assert {key for key, _ in seen(found).passive} == {"OCI-R106"}
    case = Case(id="a case", bound=("GHC-10",))
    passive.watch(case, found)
    assert not case.passive


def test_row_of_another_version_is_not_judged() -> None:
    assert catalogue()["OCI-R107"].level("1.1") == "-"
    assert not seen(exchange(429), version="1.1").passive


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ('</a?n=1>; rel="next"', "/a?n=1"),
        ("<http://h/a>; rel=next", "http://h/a"),
        ('</a>; title="x"; rel="next"', "/a"),
        ('</a>; rel="last", </b>; rel="prev next"', "/b"),
        ('</a>; rel="nextish"', None),
        ("</a>", None),
        (None, None),
    ],
)
def test_next_link(link: str | None, target: str | None) -> None:
    assert next_link(exchange(200, *([("Link", link)] if link else []))) == target


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (GOOD_ERROR + b"\n" + b"x" * 500 + GOOD_ERROR, f"no JSON from character {len(GOOD_ERROR) + 1} on (Extra data)"),
        (b'{"errors": [' + b'{"code": "DENIED"}, ' * 50 + b"oops]}", "no JSON from character 1012 on"),
        (b'{"errors": [{"code": "DENIED"}, {"kode": 1}]}', 'errors[1] without a code that is text: {"kode": 1}'),
        (b'{"errors": ' + b"1" * 5000 + b"}", "JSON that cannot be read (ValueError)"),
    ],
)
def test_a_malformed_error_body_is_shown_where_it_is_wrong(body: bytes, place: str) -> None:
    case = seen(exchange(404, JSON, body=body))
    found = next(violation for (key, _), violation in case.passive.items() if key == "OCI-R103")
    assert found.got.startswith(place)
    assert len(found.got) < 500
