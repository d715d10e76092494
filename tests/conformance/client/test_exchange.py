"""Exchanges as values, and that they give no secret away when they are shown."""

from __future__ import annotations

import shlex

import pytest

from conformance.client.exchange import difference
from conformance.client.identity import Identity
from conformance.output.secrets import redact
from tests.conformance.servers import exchange


def test_headers_keep_order_and_duplicates() -> None:
    answer = exchange(200, ("Link", "<a>"), ("X", "1"), ("link", "<b>"))
    assert answer.values("LINK") == ["<a>", "<b>"]
    assert answer.header("Link") == "<a>, <b>"
    assert answer.header("Missing") is None


def test_media_type_has_no_parameters() -> None:
    assert exchange(200, ("Content-Type", "Application/JSON; charset=utf-8")).media_type == "application/json"


@pytest.mark.parametrize(("body", "value"), [(b'{"a": 1}', {"a": 1}), (b"{", None), (b"\xff", None), (b"", None)])
def test_json(body: bytes, value: object) -> None:
    assert exchange(200, body=body).json() == value


def nested(depth: int) -> bytes:
    return b"[" * depth + b"1" + b"]" * depth


@pytest.mark.parametrize("body", [nested(100_000), nested(500), b'{"a":' * 300 + b"1" + b"}" * 300, b"9" * 5000])
def test_json_that_is_too_much(body: bytes) -> None:
    assert exchange(200, body=body).json() is None


def test_json_that_is_deep() -> None:
    assert repr(exchange(200, body=nested(150)).json()).startswith("[[[")


@pytest.mark.parametrize("place", range(985, 1001))
def test_secret_at_a_cut_is_hidden(place: int) -> None:
    Identity("writer", "ann", "swordfish")
    said = b"x" * place + b"swordfish" + b"y" * 500
    shown = exchange(500, ("X-Error", said.decode()), body=said)
    for text in (shown.describe(), shown.beginning(place + 3)):
        assert "xs" not in text
        assert "swo" not in text


def test_description_is_bounded() -> None:
    shown = exchange(200, *[("X-Long", "x" * 60_000)] * 100, body=b"y" * 3_000_000)
    assert len(shown.describe()) < 20_000


@pytest.mark.parametrize(
    "text",
    [
        "http://registry/token?service=a&access_token=hush",
        "http://registry/x?X-Amz-Signature=hush&n=1",
        '{"token": "hush", "expires_in": 60}',
        '{"refresh_token":"hush\\"hush"}',
        "https://ann:hush@registry/v2/",
        "grant_type=password&password=hush",
    ],
)
def test_redact(text: str) -> None:
    assert "hush" in text
    assert "hush" not in redact(text)


def test_redact_leaves_the_rest() -> None:
    text = '{"tags": ["token", "v1"], "mediaType": "x"} http://registry/v2/a/tags/list?n=2&last=b'
    assert redact(text) == text


def test_shown_without_secrets() -> None:
    shown = exchange(
        401,
        ("Set-Cookie", "hush"),
        ("Location", "/v2/x?token=hush"),
        body=b'{"token": "hush"}',
        sent=(("Authorization", "Basic hush"), ("Cookie", "hush")),
        sent_body=b"password=hush",
        method="POST",
    )
    for text in (shown.describe(), shown.curl()):
        assert "hush" not in text
    assert "> Authorization: Basic ***" in shown.describe()


def test_describe_shows_both_sides() -> None:
    shown = exchange(404, ("X-A", "b"), body=b"gone", method="PUT", sent=(("X-C", "d"),), sent_body=b"\x00\x01")
    lines = shown.describe().splitlines()
    assert lines[0] == "> PUT http://registry.test/v2/a/manifests/v1"
    assert lines[1] == "> X-C: d"
    assert lines[2].startswith("> [2 bytes, sha256:")
    assert lines[3:] == ["< 404", "< X-A: b", "< gone"]


def test_curl_repeats_the_request() -> None:
    words = shlex.split(
        exchange(
            sent=(("Content-Type", "a/b"), ("X-Conformance-Case", "x")), sent_body=b'{"it\'s": 1}', method="PUT"
        ).curl()
    )
    assert words[:4] == ["curl", "-i", "-X", "PUT"]
    assert words[4:] == [
        "-H",
        "Content-Type: a/b",
        "--data-binary",
        '{"it\'s": 1}',
        "http://registry.test/v2/a/manifests/v1",
    ]


def test_curl_of_head_and_odd_paths() -> None:
    assert "--head" in exchange(method="HEAD").curl()
    assert "--path-as-is" in exchange(path="/v2/../x").curl()
    assert "@body" in exchange(method="PUT", sent_body=b"\x00").curl()


@pytest.mark.parametrize(
    ("sent", "body", "path", "line"),
    [
        ((), b"", "/v2/", "GET /v2/"),
        ((("User-Agent", "x"), ("Range", "bytes=0-")), b"", "/v2/?n=1", "GET /v2/?n=1 with Range: bytes=0-"),
        (
            (("Authorization", "Basic hush"),),
            b"",
            "/v2/?token=hush",
            "GET /v2/?token=*** with Authorization: Basic ***",
        ),
        ((("Content-Range", "0-3"),), b"abcd", "/v2/", "GET /v2/ with Content-Range: 0-3, 4 bytes"),
        (
            (("Accept", "a" * 90),),
            b"",
            f"/v2/?s={'b' * 90}&n=1",
            f"GET /v2/?s={'b' * 20}...&n=1 with Accept: {'a' * 60}...",
        ),
    ],
)
def test_a_request_in_one_line(sent: tuple[tuple[str, str], ...], body: bytes, path: str, line: str) -> None:
    assert exchange(sent=sent, sent_body=body, path=path).asked() == line


@pytest.mark.parametrize(
    ("expected", "got", "said"),
    [
        (b"abc", b"abc", "3 bytes, sha256:ba7816bf8f01..."),
        (b"abcd", b"abc", "3 bytes, sha256:ba7816bf8f01..., which end after byte 3"),
        (b"ab", b"abc", "3 bytes, sha256:ba7816bf8f01..., with more after 2"),
        (b"axc", b"abc", "3 bytes, sha256:ba7816bf8f01..., from byte 1 on b'bc' and not b'xc'"),
    ],
)
def test_the_place_where_bodies_differ(expected: bytes, got: bytes, said: str) -> None:
    assert difference(expected, got) == said
