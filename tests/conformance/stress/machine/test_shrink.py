"""Failing programs become short: at most twice as long as the shortest one that shows the fault."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import count

import pytest

from conformance.config.settings import Settings
from conformance.stress.common.base import Budget, Stress
from conformance.stress.machine import search
from conformance.stress.machine.machine import Machine
from conformance.stress.machine.program import Program, Step, Value
from conformance.stress.machine.rules import World
from conformance.stress.machine.shrink import shortened
from conformance.targets.base import Target
from conformance.targets.fakes import InProcessFake
from fakereg.spec.names import Name
from tests.mutants.harness import Answer, Ask, Tamper, broken

PROGRAMS = 400
"""As many are drawn, at most, until one shows the fault."""


def step(rule: str, turn: int = 1, **arguments: Value) -> Step:
    return Step(rule, arguments, turn=turn)


def tags_of(ask: Ask) -> list[str]:
    return sorted(ask.registry.storage.targets(Name(ask.name)))


def only_tags(most: int) -> Tamper:
    """No tag list has more than so many tags: the fault needs that many pushes, and one more."""

    def tamper(ask: Ask) -> Answer | None:
        if ask.kind != "tags" or ask.query:
            return None
        answer = ask.proceed()
        if answer.status == 200:
            tags = json.loads(answer.body)["tags"] or []
            answer.write(json.dumps({"name": ask.name, "tags": tags[:most]}).encode())
        return answer

    return tamper


def short_blobs(ask: Ask) -> Answer | None:
    if (ask.method, ask.kind) != ("GET", "blobs"):
        return None
    answer = ask.proceed()
    if answer.status == 200:
        answer.write(answer.body[:-1])
    return answer


def manifests_with_tags_stay(ask: Ask) -> Answer | None:
    if (ask.method, ask.kind) != ("DELETE", "manifests") or ":" not in ask.reference:
        return None
    tagged = ask.reference in ask.registry.storage.targets(Name(ask.name)).values()
    return Answer(202) if tagged else None


def tags_stay(ask: Ask) -> Answer | None:
    is_tag = (ask.method, ask.kind) == ("DELETE", "manifests") and ask.reference in tags_of(ask)
    return Answer(202) if is_tag else None


def one_referrer(ask: Ask) -> Answer | None:
    if ask.kind != "referrers":
        return None
    answer = ask.proceed()
    if answer.status == 200:
        document = json.loads(answer.body)
        answer.write(json.dumps({**document, "manifests": document["manifests"][:1]}).encode())
    return answer


def sessions_stay(ask: Ask) -> Answer | None:
    return Answer(204) if (ask.method, ask.kind) == ("DELETE", "session") else None


def a_second_chunk_is_refused(ask: Ask) -> Answer | None:
    if (ask.method, ask.kind) != ("PATCH", "session"):
        return None
    held = ask.proceed(REQUEST_METHOD="GET").header("Range") or "0-0"
    return Answer(500) if int(held.rpartition("-")[2]) > 0 else None


def blobs_go_everywhere(ask: Ask) -> Answer | None:
    """A deleted blob is gone from the other repositories, too."""
    if (ask.method, ask.kind) != ("DELETE", "blobs"):
        return None
    answer = ask.proceed()
    if answer.status == 202:
        for name in ask.registry.storage.repositories():
            ask.proceed(PATH_INFO=f"/v2/{name}/blobs/{ask.reference}")
    return answer


def manifests_take_others_along(ask: Ask) -> Answer | None:
    """A deleted manifest takes all tags of the repository along."""
    if (ask.method, ask.kind) != ("DELETE", "manifests") or ":" not in ask.reference:
        return None
    answer = ask.proceed()
    if answer.status == 202:
        for tag in tags_of(ask):
            ask.proceed(PATH_INFO=f"/v2/{ask.name}/manifests/{tag}")
    return answer


def _pushes(*tags: str) -> tuple[Step, ...]:
    return tuple(step("push_manifest", repository=0, manifest=0, reference=tag) for tag in tags)


FAULTS: dict[str, tuple[Tamper, tuple[Step, ...]]] = {
    "blobs lack a byte": (short_blobs, (step("push_blob", repository=0, blob=0),)),
    "two tags at most": (only_tags(2), _pushes("a", "b", "0")),
    "three tags at most": (only_tags(3), _pushes("a", "b", "0", "B")),
    "four tags at most": (only_tags(4), _pushes("a", "b", "0", "B", "a.1")),
    "a manifest with tags stays": (
        manifests_with_tags_stay, (*_pushes("a"), step("delete_manifest", repository=0, reference="@0"))),
    "a tag stays": (tags_stay, (*_pushes("a"), step("delete_manifest", repository=0, reference="a"))),
    "one referrer at most": (one_referrer, (
        step("push_manifest", repository=0, manifest=3, reference="a"),
        step("push_manifest", repository=0, manifest=4, reference="a"))),
    "a session stays": (sessions_stay, (step("start_upload", repository=0), step("cancel_upload", upload=0))),
    "one chunk at most": (a_second_chunk_is_refused, (
        step("start_upload", repository=0), step("patch", upload=0, blob=2, size=7),
        step("patch", upload=0, blob=2, size=7))),
    "a blob goes everywhere": (blobs_go_everywhere, (
        step("push_blob", repository=0, blob=0), step("push_blob", repository=1, blob=0),
        step("delete_blob", repository=0, digest="@blob0"))),
    "a manifest takes other tags along": (manifests_take_others_along, (
        *_pushes("a"), step("push_manifest", repository=0, manifest=1, reference="b"),
        step("delete_manifest", repository=0, reference="@0"))),
}  # fmt: skip
"""Broken fakes, each with the shortest program that shows the fault."""


def stage_of(target: Target) -> search.Stage:
    # The budget looks at this clock before each program, so that no machine is too slow.
    return search.Stage.of(Stress(target, 1, Budget(PROGRAMS, clock=count().__next__), lambda line: None, id="test"))


def fake(tamper: Tamper) -> InProcessFake:
    return InProcessFake("fake:oci", "oci", Settings(), wrap=lambda registry: broken(registry, tamper))


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shortening has all the time that it needs."""
    monkeypatch.setattr(search, "GRACE", 3600.0)


@pytest.mark.usefixtures("unhurried")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_failing_program_has_at_most_twice_the_steps_that_the_fault_needs(fault: str) -> None:
    tamper, shortest = FAULTS[fault]
    with fake(tamper) as target:
        stage = stage_of(target)
        assert stage.play(Program(shortest)) is not None, "the shortest program shows the fault"
        for left_out in range(len(shortest)):
            assert stage.play(Program(shortest[:left_out] + shortest[left_out + 1 :])) is None
        failure = next(filter(None, (stage.search(seed) for seed in range(1, 5))))
    assert failure.is_short
    assert len(failure.program.steps) <= 2 * len(shortest), str(failure.program)
    assert "ping" not in {one.rule for one in failure.program.steps}


class Found:
    """A failure of a program of letters."""

    def __init__(self, program: Program) -> None:
        self.program = program

    @property
    def rules(self) -> str:
        return "".join(one.rule[0] for one in self.program.steps)


RULE = {"p": "ping", "c": "catalog", "s": "start_upload", "d": "delete_blob"}


def shrunk(rules: str, fails: Callable[[str], bool], *, plays: int = 10_000) -> tuple[str, bool, int]:
    """What is left of a program, whether there was time enough, and the number of programs played."""
    played: list[str] = []

    def again(program: Program) -> Found | None:
        played.append(Found(program).rules)
        return Found(program) if fails(played[-1]) else None

    arguments: dict[str, dict[str, Value]] = {
        "s": {"repository": 2, "algorithm": "sha512"},
        "d": {"repository": 1, "digest": "@blob1"},
    }
    made = Program(tuple(Step(RULE[one], arguments.get(one, {}), "reader", turn) for turn, one in enumerate(rules)))
    budget = Budget(plays, clock=lambda: len(played))
    found, is_short = shortened(Found(made), again, budget)
    if is_short:
        assert {one.who for one in found.program.steps} == {"writer"}
        simple: tuple[dict[str, Value], ...] = ({}, {"repository": 0}, {"repository": 0, "digest": "@blob1"})
        assert all(one.arguments in simple for one in found.program.steps)
    return found.rules, is_short, len(played)


@pytest.mark.parametrize(
    ("rules", "fails", "left"),
    [
        ("p" * 100 + "c" + "p" * 100, lambda rules: "c" in rules, "c"),
        ("pcp" * 60, lambda rules: rules.count("c") >= 3, "ccc"),
        ("pc" * 40, lambda rules: rules.count("c") >= 20, "c" * 20),
        ("ps" * 20 + "d" + "pc" * 20, lambda rules: "sd" in rules.replace("p", "") and "c" in rules, "sdc"),
        # What is opened has to be closed, or the fault does not show.
        ("psd" * 15 + "c", lambda rules: rules.count("s") == rules.count("d") and rules.endswith("c"), "c"),
    ],
)
def test_steps_that_a_fault_does_not_need_are_left_out(rules: str, fails: Callable[[str], bool], left: str) -> None:
    found, is_short, played = shrunk(rules, fails)
    assert (found, is_short) == (left, True)
    assert played < 1500


def test_a_step_reads_the_same_when_another_is_left_out() -> None:
    """Else a fault that is seen only at every third step would keep steps that are there to be counted."""
    last = step("push_blob", turn=3, repository=0, blob=0)
    read = []
    with fake(lambda ask: None) as target:
        stage = stage_of(target)
        for number in range(4):
            machine = Machine(stage.clients, stage.rules, World.of(stage.stress, f"turn-{number}", ()))
            for one in (*(step("ping", turn=turn) for turn in range(number)), last):
                before = len(machine.log)
                machine.step(one)
            read.append([call.method for _, call, _ in machine.log[before:]])
    assert len(read[0]) > 3
    assert all(one == read[0] for one in read)


def test_shortening_that_ends_early_says_so() -> None:
    found, is_short, played = shrunk("pc" * 40, lambda rules: rules.count("c") >= 20, plays=20)
    assert not is_short
    assert len(found) > 20
    assert played <= 21


def test_a_finding_says_that_its_program_may_be_too_long() -> None:
    with fake(short_blobs) as target:
        stage = stage_of(target)
        failure = stage.play(Program((step("push_blob", repository=0, blob=0), step("ping"))))
    assert failure is not None
    told = "The time for shortening it was over"
    assert told not in search.report(failure, 1).evidence
    assert told in search.report(replace(failure, is_short=False), 1).evidence
