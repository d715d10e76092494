"""The machine finds nothing in the fakes, and reports what it finds in a broken one so that it can be seen again."""

from __future__ import annotations

import re
from itertools import count
from pathlib import Path

import pytest
from hypothesis import settings

from conformance.client.client import INDEX
from conformance.client.content import LAYER
from conformance.config.settings import Settings
from conformance.stress.common import batches
from conformance.stress.common.base import Budget, Figures, Stress
from conformance.stress.common.odd_members import ODD_MEMBERS
from conformance.stress.machine import search
from conformance.stress.machine.program import STANDARD, Arguments, Program, Recipe, Step
from conformance.targets.base import Target
from conformance.targets.fakes import InProcessFake
from fakereg.spec.names import Name
from tests.mutants.harness import Answer, Ask, Tamper, broken

ASKING = "oci,auth=bearer,rights=repository"


def fake(dialect: str, tamper: Tamper | None = None, *, storage: str = "memory") -> InProcessFake:
    wrap = (lambda registry: broken(registry, tamper)) if tamper else None
    return InProcessFake(f"fake:{dialect}", dialect, Settings(), wrap=wrap, options={"storage": storage})


def stress_of(target: Target, programs: int, *, seed: int = 1) -> Stress:
    """A stress run of so many programs, before each of which the budget looks at the clock."""
    return Stress(target, seed, Budget(programs, clock=count().__next__), lambda line: None, id="test")


def searched(target: InProcessFake, programs: int) -> tuple[search.Failure | None, Figures]:
    with target:
        stress = stress_of(target, programs)
        stage = search.Stage.of(stress)
        return stage.search(stress.seed), stage.figures


@pytest.mark.parametrize("storage", ["memory", "directory", "sqlite"])
@pytest.mark.parametrize("dialect", ["oci", "github-docker", "github-container", ASKING])
def test_the_machine_finds_nothing_in_the_fakes(dialect: str, storage: str, tmp_path: Path) -> None:
    number = 30 if storage == "memory" else 12
    with fake(dialect, storage=storage if storage == "memory" else f"{storage}:{tmp_path / 'store'}") as target:
        figures = search.run(stress_of(target, number))
    assert [finding.evidence for finding in figures.findings] == []
    assert figures.numbers["programs"] > number / 2
    assert figures.numbers["requests"] > figures.numbers["steps"] > 200
    assert figures.numbers["known"] == 0


@pytest.mark.parametrize("dialect", ["oci", "github-container", "distribution"])
def test_the_model_judges_every_odd_manifest(dialect: str) -> None:
    pushed: Arguments = {"repository": 0, "manifest": len(STANDARD), "reference": "a"}
    steps = (Step("push_manifest", pushed), Step("list_referrers", {"repository": 0, "digest": "@0"}))
    recipes = [
        Recipe(kind, (0, 1, 3), subject=0, odd=odd) for kind in ("image", "docker", "index") for odd in ODD_MEMBERS
    ]
    with fake(dialect) as target:
        stage = search.Stage.of(stress_of(target, 1))
        failures = [stage.play(Program(steps, (recipe,))) for recipe in recipes]
    assert [str(failure.mismatch) for failure in failures if failure] == []


def refusing(*parts: bytes) -> Tamper:
    """Refuse manifests that have all these bytes in them."""

    def tamper(ask: Ask) -> Answer | None:
        pushed = (ask.method, ask.kind) == ("PUT", "manifests") and all(part in ask.body() for part in parts)
        return Answer(400) if pushed else None

    return tamper


@pytest.mark.parametrize(
    "parts",
    [
        (INDEX.encode(), LAYER.encode()),
        (b'"mediaType": "application/vnd.example.other", "digest"',),
        (b'"data": "',),
        (b'"platform": {',),
        (b'"urls": []',),
    ],
)
def test_a_registry_that_refuses_a_valid_descriptor_is_found(parts: tuple[bytes, ...]) -> None:
    failure, _ = searched(fake("oci", refusing(*parts)), 500)
    assert failure is not None
    assert "put_manifest: PUT must answer 201, got 400" in str(failure.mismatch)


def manifests_leave_tags(ask: Ask) -> Answer | None:
    """A manifest with tags is not deleted by its digest, though the answer says so."""
    if (ask.method, ask.kind) != ("DELETE", "manifests") or ":" not in ask.reference:
        return None
    tagged = ask.reference in ask.registry.storage.targets(Name(ask.name)).values()
    return Answer(202) if tagged else None


def short_blobs(ask: Ask) -> Answer | None:
    """Blobs lack their last byte."""
    if (ask.method, ask.kind) != ("GET", "blobs"):
        return None
    answer = ask.proceed()
    if answer.status == 200:
        answer.write(answer.body[:-1])
    return answer


@pytest.mark.parametrize("dialect", [ASKING, "github-docker"])
def test_a_report_has_seed_calls_and_curl_lines_and_no_secrets(dialect: str) -> None:
    target = fake(dialect, short_blobs)
    failure, _ = searched(target, 100)
    assert failure is not None
    finding = search.report(failure, 7)
    assert finding.text.startswith("OCI-R015: get_blob: the body must be the ")
    assert finding.evidence.startswith("seed 7; the program:\n")
    assert str(failure.program) in finding.evidence
    assert "client.get_blob(" in finding.evidence
    assert "curl -i -X GET -H 'Authorization: B" in finding.evidence
    assert finding.evidence.count("\ncurl ") == len(failure.machine.log)
    secrets = {identity.secret for identity in target.description.identities.values()}
    assert len(secrets) > 2
    shown = finding.evidence + finding.text + finding.program
    assert not [secret for secret in secrets if secret in shown]
    assert Program.from_json(finding.program) == failure.program


@pytest.mark.parametrize("tamper", [short_blobs, manifests_leave_tags])
def test_a_failing_program_fails_again_when_it_is_read_from_text(tamper: Tamper) -> None:
    failure, _ = searched(fake("oci", tamper), 200)
    assert failure is not None
    program = Program.from_json(failure.program.to_json())
    with fake("oci", tamper) as target:
        stress = stress_of(target, 1)
        assert [finding.text for finding in search.replay(program, stress).findings] == [
            str(failure.mismatch).partition("\n")[0]
        ]
    with fake("oci") as target:
        figures = search.replay(program, stress_of(target, 1))
    assert figures.findings == []
    assert figures.numbers["steps"] == len(program.steps)


def test_the_same_seed_plays_the_same_programs() -> None:
    numbers = [searched(fake("oci"), 10)[1].numbers for _ in range(2)]
    assert numbers[0] == numbers[1]
    assert numbers[0]["requests"] > 0


def test_the_search_goes_on_for_what_else_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "DRAWN", settings(batches.DRAWN, max_examples=20))

    def tamper(ask: Ask) -> Answer | None:
        return Answer(203) if ask.kind == "tags" else short_blobs(ask)

    with fake("oci", tamper) as target:
        figures = search.run(stress_of(target, 80))
    assert {"OCI-R060", "OCI-R015"} <= {finding.text.partition(":")[0] for finding in figures.findings}


def no_tags(ask: Ask) -> Answer | None:
    return Answer(500) if ask.kind == "tags" else None


def no_answer(ask: Ask) -> Answer | None:
    if ask.kind == "tags":
        raise ConnectionResetError
    return None


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (no_tags, "^OCI-R060: list_tags: GET must answer .*, got 500"),
        (no_answer, r"^OCI-R060: client.list_tags\(.*\) got no answer"),
    ],
)
def test_a_wrong_answer_and_none_at_all_are_mismatches(tamper: Tamper, said: str) -> None:
    with fake("oci", tamper) as target:
        stage = search.Stage.of(stress_of(target, 1))
        failure = stage.play(Program((Step("list_tags", {"repository": 0}),)))
    assert failure is not None
    assert re.match(said, str(failure.mismatch))
