"""How what a scenario finds is graded, and that a failure reads as a bug report."""

from __future__ import annotations

import pytest

from conformance.checks.checks import Checks
from conformance.checks.verdict import FAIL, LONGEST, WARN, Case, Nonconformity
from conformance.client.content import digest_of
from tests.conformance.servers import exchange

MUST, SHOULD, MUST_IN_DEV, ONLY_DEV = "OCI-R014", "OCI-R010", "OCI-R013", "OCI-R027"


def made(*, version: str = "dev", strict: bool = False) -> Case:
    return Case(id="x::y", bound=(MUST, SHOULD, MUST_IN_DEV, ONLY_DEV), version=version, strict=strict, seed=5)


def broken(case: Case, row: str, *, grade: str | None = None) -> bool:
    return Checks(case).status(row, exchange(500), 404, grade=grade)


def test_must_ends_the_scenario() -> None:
    case = made()
    with pytest.raises(Nonconformity) as caught:
        broken(case, MUST)
    assert [violation.severity for violation in case.violations] == [FAIL]
    assert caught.value.violation == case.violations[0]


def test_should_is_noted_and_the_scenario_goes_on() -> None:
    case = made()
    assert not broken(case, SHOULD)
    assert [violation.severity for violation in case.violations] == [WARN]


def test_should_fails_when_asked_to() -> None:
    case = made(strict=True)
    with pytest.raises(Nonconformity):
        broken(case, SHOULD)


def test_version_decides_the_level() -> None:
    with pytest.raises(Nonconformity):
        broken(made(version="dev"), MUST_IN_DEV)
    assert not broken(made(version="1.0"), MUST_IN_DEV)


def test_row_of_another_version_is_not_judged() -> None:
    case = made(version="1.1")
    assert not broken(case, ONLY_DEV)
    assert not case.violations
    assert not case.kept


def test_grade_lowers_the_level() -> None:
    case = made()
    assert not broken(case, MUST, grade="SHOULD")
    assert [violation.severity for violation in case.violations] == [WARN]


def test_kept_rows_are_noted() -> None:
    case = made()
    assert Checks(case).status(MUST, exchange(404), 404)
    assert case.kept == {MUST}


def test_row_that_the_scenario_is_not_bound_to() -> None:
    with pytest.raises(ValueError, match="OCI-R001 is not among"):
        broken(made(), "OCI-R001")


def test_applies() -> None:
    assert made(version="1.0").applies()
    assert not Case(id="x", bound=(ONLY_DEV,), version="1.0").applies()


def test_failure_is_a_bug_report() -> None:
    case = made()
    found = exchange(500, body=b"oops", sent=(("Authorization", "Basic hush"),))
    with pytest.raises(Nonconformity) as caught:
        Checks(case).status(MUST, found, 404)
    text = str(caught.value)
    assert text.startswith("OCI-R014 (MUST in dev, section 'Pulling manifests'): GET of a manifest that is not there")
    for line in ("expected: status 404", "got:      status 500", "< oops", "again: curl -i -X GET", "seed: 5"):
        assert line in text
    assert "hush" not in text


def test_facts_are_plain_data() -> None:
    case = made()
    broken(case, SHOULD)
    facts = case.facts("warn", "")
    assert facts["violations"][0]["requirement"] == SHOULD
    assert facts["id"] == "x::y"


@pytest.mark.parametrize(
    ("tags", "version", "severities"),
    [
        (["Alpha", "beta", "Gamma"], "dev", []),
        (["Alpha", "Gamma", "beta"], "dev", []),
        (["Alpha", "beta", "Gamma"], "1.1", []),
        (["Alpha", "Gamma", "beta"], "1.1", [WARN]),
        (["beta", "Alpha"], "dev", [FAIL]),
        (["a", "A", "b"], "1.1", []),
        ([], "1.0", []),
    ],
)
def test_order_of_tags(tags: list[str], version: str, severities: list[str]) -> None:
    case = Case(id="x", bound=("OCI-R066",), version=version)
    try:
        Checks(case).in_order("OCI-R066", exchange(), tags)
    except Nonconformity:
        assert severities == [FAIL]
    assert [violation.severity for violation in case.violations] == severities


def test_session_id_without_uuid_is_a_warning() -> None:
    case = Case(id="x", bound=("OCI-R030",))
    first, second = exchange(202, ("Location", "/1")), exchange(202, ("Location", "/2"))
    Checks(case).unique_session("OCI-R030", first, second)
    assert [violation.severity for violation in case.violations] == [WARN]
    with pytest.raises(Nonconformity):
        Checks(case).unique_session("OCI-R030", first, first)


def test_digest_under_another_algorithm_is_right_too() -> None:
    case = Case(id="x", bound=("OCI-R013",))
    sha512 = digest_of(b"x", "sha512")
    Checks(case).digest_header("OCI-R013", exchange(200, ("Docker-Content-Digest", sha512)), b"x")
    with pytest.raises(Nonconformity):
        Checks(case).digest_header("OCI-R013", exchange(200, ("Docker-Content-Digest", sha512)), b"y")


def test_a_violation_names_its_request() -> None:
    case = made()
    with pytest.raises(Nonconformity) as caught:
        Checks(case).status(MUST, exchange(500, sent=(("Range", "bytes=0-"),)), 404)
    assert case.violations[0].request == "GET /v2/a/manifests/v1 with Range: bytes=0-"
    assert "request:  GET /v2/a/manifests/v1 with Range: bytes=0-" in str(caught.value)


def test_a_long_value_loses_its_middle() -> None:
    case = made()
    Checks(case).that(SHOULD, False, expected="", got=f"begin{'x' * 1000}end", exchange=exchange())
    got = case.violations[0].got
    assert got.startswith("begin")
    assert got.endswith("end")
    assert f"...{1008 - LONGEST} characters..." in got


@pytest.mark.parametrize(
    ("found", "got"),
    [
        ([str(n) for n in range(100)] + ["oops"], "101 entries and with ['oops'] too much"),
        ([str(n) for n in range(99)], "99 entries and without ['99']"),
        ([str(n) for n in range(100)] + ["7"], "101 entries and with ['7'] too much"),
    ],
)
def test_a_set_is_told_by_what_differs(found: list[str], got: str) -> None:
    case = made()
    with pytest.raises(Nonconformity):
        Checks(case).same_set(MUST, exchange(), found, [str(n) for n in range(100)])
    assert case.violations[0].got == got


def test_a_body_is_shown_where_it_differs() -> None:
    case = made()
    with pytest.raises(Nonconformity):
        Checks(case).body(MUST, exchange(body=b"x" * 1000 + b"bad"), b"x" * 1000 + b"good")
    assert case.violations[0].got.endswith("from byte 1000 on b'bad' and not b'good'")
