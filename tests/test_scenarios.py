"""Scenarios against registries that refuse a preparation: they blame nothing else, and say what was refused."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

import conformance.scenarios
import fakereg
from tests.conformance.command.test_main import conformance as conformance_command
from tests.conformance.reluctant import RELUCTANT, is_put, refusal, tags_of
from tests.mutants.harness import Answer, Ask, Tamper, facts_of

SCENARIOS = sorted(Path(conformance.scenarios.__path__[0]).glob("test_*.py"))
VIOLATED = {
    "chunks": {"OCI-R037"},
    "digest_pushes": {"OCI-R053", "OCI-R055"},
    "indexes": {"OCI-R055"},
    "artifacts": {"OCI-R055"},
}
"""The requirements that a registry violates by what it refuses; the rest of its behaviour is right."""

Facts = list[dict[str, Any]]


def violated(facts: Facts) -> set[str]:
    return {violation["requirement"] for fact in facts for violation in fact["violations"]}


def not_judged(facts: Facts) -> dict[str, str]:
    return {fact["id"]: fact["reason"] for fact in facts if fact["outcome"] == "error"}


@pytest.mark.parametrize("name", RELUCTANT)
def test_what_cannot_be_prepared_is_unsupported(name: str) -> None:
    facts = facts_of(RELUCTANT[name])
    assert (violated(facts), not_judged(facts)) == (VIOLATED.get(name, set()), {})
    unsupported = [fact["reason"] for fact in facts if fact["outcome"] == "unsupported"]
    assert any(reason.startswith(f"{name}: ") for reason in unsupported)
    assert sum(fact["outcome"] == "pass" for fact in facts) > 150


def some_tags(ask: Ask) -> Answer | None:
    """Tags of one form cannot be moved, as registries allow to configure."""
    moved = is_put(ask) and any(tag.startswith("latest") for tag in tags_of(ask))
    return RELUCTANT["tag_moves"](ask) if moved else None


def large_manifests(ask: Ask) -> Answer | None:
    """Manifests are refused over an unusual size."""
    return refusal(413, "SIZE_INVALID") if is_put(ask) and len(ask.body()) > 100_000 else None


def quota(ask: Ask) -> Answer | None:
    """No more than so many blobs are taken, all in all."""
    count = ask.registry.__dict__.setdefault("conformance.count", [0])
    count[0] += ask.kind == "session" and ask.method == "PUT"
    return refusal(403, "DENIED") if count[0] > 60 and ask.kind == "uploads" else None


@pytest.mark.parametrize(
    ("tamper", "scenario", "said"),
    [
        (some_tags, "test_manifests::test_tag_moves", "PUT /v2/conformance/{}/manifests/latest: status 409 and DENIED"),
        (large_manifests, "test_referrers_lists::test_long_list", "/manifests/sha256:{}: status 413 and SIZE_INVALID"),
        (quota, "test_tags::test_n", "POST /v2/conformance/{}/blobs/uploads/: status 403 and DENIED"),
    ],
)
def test_what_is_refused_is_said(tamper: Tamper, scenario: str, said: str) -> None:
    reason = not_judged(facts_of(tamper))[scenario].partition("\n")[0]
    start, end = said.split("{}")
    assert start in reason
    assert reason.endswith(end)


def rate_limit(ask: Ask) -> Answer | None:
    """Every third request is one too many."""
    count = ask.registry.__dict__.setdefault("conformance.count", [0])
    count[0] += 1
    if count[0] % 3:
        return None
    answer = refusal(429, "TOOMANYREQUESTS")
    answer.set("Retry-After", "1")
    return answer


def test_a_rate_limit_is_no_violation() -> None:
    facts = facts_of(rate_limit)
    assert violated(facts) == set()
    assert "status 429 and TOOMANYREQUESTS" in str(not_judged(facts))


@pytest.mark.parametrize("requirement", ["OCI-R055", "OCI-R011"])
def test_a_known_failure_excuses_what_cannot_be_prepared(tmp_path: Path, requirement: str) -> None:
    """The line may be about the step that failed, or about the scenario."""
    known = tmp_path / "known.toml"
    known.write_text(f'[[known]]\nrequirement = "{requirement}"\nreason = "latest is immutable"\n'
                     'scenarios = ["*::test_tag_*"]\n')  # fmt: skip
    facts = facts_of(some_tags, f"--conformance-known={known}", requirement="OCI-R011")
    excused = {fact["id"] for fact in facts if fact["outcome"] == "known"}
    assert not not_judged(facts)
    assert "test_manifests::test_tag_moves" in excused
    assert {v["reason"] for fact in facts for v in fact["violations"]} == {"latest is immutable"}


def merged_slashes(ask: Ask) -> Answer | None:
    """Several slashes in a path are one, as for many servers."""
    path = re.sub("/+", "/", ask.path)
    return ask.proceed(PATH_INFO=path, REQUEST_URI=path, RAW_URI=path) if path != ask.path else None


def redirected_slashes(ask: Ask) -> Answer | None:
    path = re.sub("/+", "/", ask.path)
    return Answer(301, [("Location", path), ("Content-Length", "0")]) if path != ask.path else None


def late_blob_deletion(ask: Ask) -> Answer | None:
    """A deleted blob goes with the next cleaning."""
    there = ask.method == "DELETE" and ask.kind == "blobs" and ask.proceed(REQUEST_METHOD="HEAD").status == 200
    return Answer(202, [("Content-Length", "0")]) if there else None


def late_manifest_deletion(ask: Ask) -> Answer | None:
    """What is deleted is served, and listed among the referrers, a few times more."""
    late: dict[str, list[Answer]] = ask.registry.__dict__.setdefault("conformance.late", {})
    if ask.method == "DELETE" and ask.kind == "manifests":
        found = ask.proceed(REQUEST_METHOD="GET", HTTP_ACCEPT="*/*")
        late[ask.path] = [found] * 2 if found.status == 200 else []
    if ask.method == "GET" and ask.kind == "referrers" and late:
        answer = ask.proceed()
        lists: list[Answer] = ask.registry.__dict__.setdefault(f"conformance.lists {ask.path}", [])
        lists.append(answer)
        return lists[-2] if len(lists) > 1 else answer
    return late[ask.path].pop() if ask.method == "GET" and late.get(ask.path) else None


def shallow_names(ask: Ask) -> Answer | None:
    """A name has two parts, and three at the most."""
    return refusal(400, "NAME_INVALID") if ask.name.count("/") > 1 or ("/" not in ask.name and ask.name) else None


@pytest.mark.parametrize(
    ("tamper", "requirement", "warned"),
    [
        (merged_slashes, "OCI-R006", True),
        (redirected_slashes, "OCI-R006", False),
        (late_blob_deletion, "OCI-R096", False),
        (late_manifest_deletion, "OCI-R093", False),
        (late_manifest_deletion, "OCI-R091", False),
        (late_manifest_deletion, "OCI-R101", False),
        (shallow_names, "OCI-R014", False),
        (shallow_names, "OCI-R019", False),
        (shallow_names, "OCI-R024", False),
    ],
)
def test_what_the_specification_allows_is_no_violation(tamper: Tamper, requirement: str, warned: bool) -> None:
    facts = facts_of(tamper, requirement=requirement)
    found = {(v["requirement"], v["severity"]) for fact in facts for v in fact["violations"]}
    assert found == ({(requirement, "warn")} if warned else set())
    assert not not_judged(facts)


def test_a_limit_between_the_sizes_that_are_tried(tmp_path: Path) -> None:
    """It is looked for at a URL only, since the fake as a target states its limit."""
    with fakereg.serve(dialect="oci,manifest_size_limit=9MB") as server:
        done = conformance_command(tmp_path, server.url, "--requirement", "OCI-R062")
    assert done.returncode == 0, done.stdout
    assert "1 passed, 0 failed, 0 warned" in done.stdout


WRITES = {
    "start_upload", "post_blob", "mount", "patch", "put_upload", "put_manifest", "delete_manifest", "delete_blob",
    "send_chunk",
}  # fmt: skip


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_no_scenario_ignores_the_answer_to_a_write(path: Path) -> None:
    """A preparation goes through Steps, which looks at it; what a scenario writes itself it judges."""
    ignored = [
        f"{path.name}:{node.lineno}"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and name_of(node.value) in WRITES
    ]
    assert ignored == [], "use a step of `given`, or judge the answer"


def name_of(call: ast.Call) -> str:
    """The name of what is called; empty for a step of `given`, which looks at the answer."""
    match call.func:
        case ast.Attribute(value=ast.Name(id=owner), attr=name):
            return "" if owner == "given" else name
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""
