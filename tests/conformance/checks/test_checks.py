"""Checks of several cases at once."""

from __future__ import annotations

import pytest

from conformance.checks.checks import Checks, answer_or_silence
from conformance.checks.verdict import Case, Nonconformity
from conformance.client.client import Client
from conformance.client.exchange import Exchange
from conformance.client.steps import Unprepared
from conformance.client.transport import HttpTransport, TransportError, WsgiTransport
from tests.conformance.servers import answering, exchange


def test_each_names_all_that_were_wrong_and_shows_the_first() -> None:
    cases = [("one", exchange(404), True), ("two", exchange(200), False), ("three", exchange(201), False)]
    with pytest.raises(Nonconformity) as caught:
        Checks(Case(id="x::y", bound=("OCI-R014",))).each("OCI-R014", cases, expected="status 404")
    violation = caught.value.violation
    assert violation.got == "two: status 200, three: status 201"
    assert "< 200" in violation.exchange


def test_each_is_kept_when_all_are_right() -> None:
    case = Case(id="x::y", bound=("OCI-R014",))
    assert Checks(case).each("OCI-R014", [("one", exchange(404), True)], expected="status 404")
    assert case.kept == {"OCI-R014"}


def test_each_of_nothing_says_nothing() -> None:
    with pytest.raises(Unprepared, match="nothing is there"):
        Checks(Case(id="x::y", bound=("OCI-R014",))).each("OCI-R014", [], expected="status 404")


@pytest.mark.parametrize("value", ["http://[::1", "http://h:abc/", "http://h:465321/", "ftp://x/", "http://\x00/"])
def test_location_must_lead_to_a_server(value: str) -> None:
    with pytest.raises(Nonconformity) as caught:
        Checks(Case(id="x::y", bound=("OCI-R029",))).location("OCI-R029", exchange(202, ("Location", value)))
    assert caught.value.violation.expected == "a Location that is a URL"


ERROR = b'{"errors": [{"code": "DENIED", "message": "no"}]}'


@pytest.mark.parametrize(
    ("body", "codes", "message", "kept"),
    [
        (ERROR, ("DENIED",), "", True),
        (ERROR, ("UNAUTHORIZED", "DENIED"), "no", True),
        (ERROR, ("DENIED",), "yes", False),
        (ERROR, ("UNAUTHORIZED",), "", False),
        (b'{"errors": [1]}', ("DENIED",), "", False),
        (b"DENIED", ("DENIED",), "", False),
        (b"[]", ("DENIED",), "", False),
    ],
)
def test_error_reads_code_and_message(body: bytes, codes: tuple[str, ...], message: str, kept: bool) -> None:
    check = Checks(Case(id="x::y", bound=("GHD-20",)))
    assert check.error("GHD-20", exchange(403, body=body), *codes, message=message) is kept


@pytest.mark.parametrize(("failures", "status", "silence"), [(0, 404, ""), (1, 404, ""), (2, 200, "closed")])
def test_silence_is_what_is_silent_twice(failures: int, status: int, silence: str) -> None:
    errors = [TransportError("closed")] * failures

    def send() -> Exchange:
        if errors:
            raise errors.pop()
        return exchange(404)

    answer, found = answer_or_silence(Client(WsgiTransport(answering(200))), send)
    assert (answer.status, found) == (status, silence)


def test_silence_is_no_answer_when_the_server_is_gone() -> None:
    with HttpTransport("http://127.0.0.1:1") as transport:
        client = Client(transport)
        with pytest.raises(TransportError, match=r"GET http://127\.0\.0\.1:1/v2/ failed"):
            answer_or_silence(client, lambda: client.request("GET", "/v2/a/tags/list"))
