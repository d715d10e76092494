"""Requests that no library sends: what stands in braces, sessions, tokens, and that they tell two dialects apart."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.client.content import digest_of
from conformance.client.exchange import Exchange, Request
from conformance.config.settings import Settings
from conformance.stress.common.base import Budget, Stress
from conformance.stress.machine.asks import ask, asks, asks_of_hosts, asks_with_tokens
from conformance.stress.machine.differential import comparison, replay
from conformance.stress.machine.program import Program, Step
from conformance.stress.machine.rules import Call, Upload, World
from conformance.targets.fakes import InProcessFake

SAME = replace(comparison(), known=())
DIALECT = "distribution,auth=bearer,rights=repository"


def world() -> World:
    return World(("a/b", "a/c"), "a/{}", "salt")


def made(found: World, *answers: tuple[int, str], **arguments: Any) -> list[Call]:
    """The calls of a step, whose answers have these statuses and Locations."""
    calls, sent = ask(found, **arguments), []
    given = iter(answers)
    with suppress(StopIteration):
        call = next(calls)
        while True:
            sent.append(call)
            status, location = next(given, (404, ""))
            headers = (("Location", location),) if location else ()
            call = calls.send(Exchange(Request("POST", "http://registry.test/"), status, headers, b"", 0.0))
    return sent


def only(calls: list[Call]) -> Call:
    (call,) = calls
    return call


@given(st.one_of(asks(), asks_of_hosts()))
@settings(max_examples=300)
def test_every_request_can_be_made_and_leaves_no_braces(step: Step) -> None:
    for call in made(world(), (202, "/up?_state=1"), **step.arguments):
        sent = (*call.arguments, *(text for pair in call.options.get("headers", ()) for text in pair))
        assert not any(brace in text for text in sent for brace in "{}")


@given(asks_with_tokens())
@settings(max_examples=100)
def test_a_request_with_credentials_names_them(step: Step) -> None:
    *_, call = made(world(), (202, "/up?_state=1"), **step.arguments)
    assert call.credentials is not None
    assert "{name}" not in str(call)
    assert f"credentials={call.credentials!r}" in str(call)


def test_names_and_digests_of_the_program_are_filled_in() -> None:
    found = world()
    call = only(
        made(found, method="GET", path="/v2/{name}/blobs/{blob}?from={other}", headers='If-Match: "{E}"\nX: {missing}')
    )
    blob = digest_of(found.blob(0))
    assert call.arguments == ("GET", f"/v2/a/b/blobs/{blob}?from=a/c")
    assert call.options["headers"] == (("If-Match", f'"{blob}"'), ("X", digest_of(b"missing")))
    pushed = only(
        made(found, method="PUT", path="/v2/{name}/manifests/a", headers='If-Match: "{E}"', body="{manifest-text}")
    )
    assert pushed.options["body"] == found.manifest(0).data
    assert pushed.options["headers"] == (("If-Match", f'"{found.manifest(0).digest}"'),)
    assert only(made(found, method="PUT", path="/v2/", body="x", chunked=True)).options["body"] == [b"x"]


def test_a_session_is_opened_where_there_is_none_and_followed() -> None:
    found = world()
    opening, asking = made(
        found, (202, "/up?_state=1"), (202, "/up?_state=2"), method="PATCH", path="{upload}&x", body="ab"
    )
    assert opening.method == "start_upload"
    assert asking.arguments == ("PATCH", "http://registry.test/up?_state=1&x")
    assert found.uploads == [Upload("http://registry.test/up?_state=2", b"ab")]
    closing = only(made(found, (201, "/v2/a/b/blobs/x"), method="PUT", path="{upload-path}?digest=x"))
    assert closing.arguments == ("PUT", "http://registry.test/up?digest=x")
    assert found.uploads[0].ended
    assert [call.method for call in made(found, (202, "/other"), method="DELETE", path="{upload}")] == [
        "start_upload",
        "request",
    ]
    assert made(world(), (404, ""), method="GET", path="{upload}")[1:] == []


def test_a_location_of_a_new_session_is_kept() -> None:
    found = world()
    made(found, (202, "/v2/a/c/blobs/uploads/1"), method="POST", path="/v2/{other}/blobs/uploads/?from={name}")
    assert found.uploads == [Upload("http://registry.test/v2/a/c/blobs/uploads/1")]


@pytest.mark.parametrize(
    ("setting", "arguments"),
    [
        ("options_method", {"method": "OPTIONS", "path": "/v2/{name}/tags/list"}),
        ("path_redirects", {"method": "GET", "path": "/v2"}),
        ("root_answer", {"method": "GET", "path": "/"}),
        ("uploads_alike", {"method": "GET", "path": "/v2/{name}/blobs/uploads/"}),
        ("form_bodies", {"method": "PUT", "path": "{upload}&digest={empty}", "body": "a=b",
                         "headers": "Content-Type: application/x-www-form-urlencoded"}),
        ("octet_stream_chunks", {"method": "PATCH", "path": "{upload}", "headers": "Content-Type: text/plain"}),
        ("page_size_check", {"method": "GET", "path": "/v2/_catalog?n=x"}),
        ("json_charset", {"method": "GET", "path": "/v2/"}),
    ],
)  # fmt: skip
def test_a_setting_of_the_dialect_is_seen(setting: str, arguments: dict[str, str]) -> None:
    other = "true" if setting == "page_size_check" else "false"
    assert found(f"distribution,{setting}={other}", "distribution", Step("ask", arguments))
    assert not found("distribution", "distribution", Step("ask", arguments))


@pytest.mark.parametrize(
    ("setting", "method", "path", "scopes"),
    [
        (
            "mount_needs_pull",
            "POST",
            "/v2/{name}/blobs/uploads/?mount={blob}&from={other}",
            "repository:{name}:pull,push",
        ),
        ("checked_first", "POST", "/v2/{name}/tags/list", "repository:{name}:pull"),
        ("checked_first", "POST", "/v2/{name}/blobs/uploads/", "repository:{name}:push"),
        ("checked_first", "GET", "/v2/{name}/tags/list", ""),
    ],
)
def test_a_setting_about_tokens_is_seen(setting: str, method: str, path: str, scopes: str) -> None:
    step = Step("ask", {"method": method, "path": path, "authorization": "Bearer {token}", "scopes": scopes})
    changed = "false" if setting == "mount_needs_pull" else "endpoint"
    assert bool(found(f"{DIALECT},{setting}={changed}", DIALECT, step)) == bool(scopes)


def found(here: str, there: str, step: Step) -> list[str]:
    """The differences that a program of one step shows."""
    one, other = (InProcessFake(f"fake:{dialect}", dialect, Settings()) for dialect in (here, there))
    with one, other:
        stress = Stress(one, 1, Budget(10.0), lambda text: None)
        return [finding.text for finding in replay(Program((step,)), stress, other, SAME).findings]
