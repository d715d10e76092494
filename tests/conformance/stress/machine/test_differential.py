"""The differential mode: what it makes comparable, what it knows, and what it finds in a fake that is broken."""

import json
import re
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from conformance.client.exchange import Exchange, Request
from conformance.command import stress as command
from conformance.command.stress import main
from conformance.config.settings import Settings
from conformance.stress.common.base import Budget, Figures, Stress
from conformance.stress.machine.differential import Comparison, Known, compare, comparison, replay
from conformance.stress.machine.program import Arguments, Program, Step
from conformance.targets.fakes import InProcessFake
from tests.mutants.harness import Answer, Ask, Tamper, broken

PROGRAMS = 60
"""As many are played at most; the budget counts them instead of seconds."""

KNOWN = comparison().known
SAME = replace(comparison(), known=())
"""The rules of differences.toml without its known lines: for two targets that are meant to be the same."""

HELD: Arguments = {"repository": 0, "manifest": 0, "reference": "a"}
NAMED: Arguments = {"repository": 0, "reference": "a"}


def fake(tamper: Tamper | None = None, dialect: str = "distribution") -> InProcessFake:
    wrap = (lambda registry: broken(registry, tamper)) if tamper else None
    return InProcessFake(f"fake:{dialect}", dialect, Settings(), wrap=wrap)


def budget_of(looks: float) -> Budget:
    """A budget that is spent after so many looks at it, one before each program."""
    return Budget(looks, clock=count().__next__)


def compared(
    here: InProcessFake, there: InProcessFake, comparing: Comparison = SAME, programs: int = PROGRAMS
) -> Figures:
    with here, there:
        return compare(Stress(here, 1, budget_of(programs), lambda text: None), there, comparing)


def replayed(program: Program, tamper: Tamper | None = None, comparing: Comparison = SAME) -> Figures:
    with fake(tamper) as here, fake() as there:
        return replay(program, Stress(here, 1, budget_of(PROGRAMS), lambda text: None), there, comparing)


def answer(status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> Exchange:
    return Exchange(Request("GET", "http://127.0.0.1/v2/"), status, tuple((headers or {}).items()), body, 0.0)


def without_digest(ask: Ask) -> Answer | None:
    """Forgets a header on the answer to a HEAD of a manifest."""
    if ask.method != "HEAD" or ask.kind != "manifests":
        return None
    given = ask.proceed()
    if given.status == 200:
        given.drop("Docker-Content-Digest")
    return given


def test_two_fakes_of_one_dialect_do_not_differ() -> None:
    figures = compared(fake(), fake())
    assert figures.findings == []
    assert figures.numbers["programs"] > 0
    assert figures.numbers["requests"] > 100


def test_a_broken_fake_is_found_with_a_short_program_that_can_be_played_again() -> None:
    figures = compared(fake(without_digest), fake(), programs=3 * PROGRAMS)
    found = figures.findings[0]
    assert "Docker-Content-Digest is '' here and 'sha256:" in found.text
    program = Program.from_json(found.program)
    assert len(program.steps) <= 4
    assert re.match(r"seed \d+; the program:", found.evidence)
    assert "curl -i --head" in found.evidence
    assert found.evidence.count("\n< 200") == 2
    assert "Docker-Content-Digest is '' here" in replayed(program, without_digest).findings[0].text
    assert replayed(program).findings == []


def test_a_difference_that_does_not_come_again_is_found_and_said_to_be_one() -> None:
    asked: list[str] = []

    def once(ask: Ask) -> Answer | None:
        asked.append(ask.kind)
        return Answer(418) if len(asked) == 30 else None

    (found,) = compared(fake(once), fake(), programs=20).findings
    assert "status is '418' here" in found.text
    assert found.text.endswith("(once: not reproduced)")


def test_a_known_difference_is_counted_and_not_found() -> None:
    line = Known("it forgets the digest", "head_manifest[(].*", "Docker-Content-Digest", "", "sha256:.*")
    program = Program((Step("push_manifest", HELD), Step("head_manifest", NAMED), Step("head_manifest", NAMED)))
    figures = replayed(program, without_digest, SAME.with_known(line))
    assert figures.findings == []
    assert figures.numbers["explained by: it forgets the digest"] == 2
    assert figures.numbers["steps"] == 3


def test_a_line_that_ends_programs_ends_them_even_where_answers_are_alike() -> None:
    line = Known("who knows", "head_manifest[(].*", "status", "200", "200", ends=True)
    program = Program((Step("push_manifest", HELD), Step("head_manifest", NAMED), Step("head_manifest", NAMED)))
    figures = replayed(program, None, SAME.with_known(line))
    assert figures.numbers["explained by: who knows"] == 1
    assert figures.numbers["steps"] == 2


def test_a_program_ends_where_only_one_of_the_two_has_taken_a_write() -> None:
    def refuses(ask: Ask) -> Answer | None:
        return Answer(400) if ask.method == "PUT" and ask.kind == "manifests" else None

    line = Known("it takes no manifests", "put_manifest[(].*", "status", "400", "201")
    program = Program((Step("push_manifest", HELD), Step("get_manifest", NAMED)))
    figures = replayed(program, refuses, SAME.with_known(line))
    assert figures.findings == []
    assert figures.numbers["steps"] == 1


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("Location", "http://127.0.0.1:1/v2/a/blobs/uploads/1?_state=x", "http://127.0.0.1:2/v2/a/blobs/uploads/2"),
        ("Location", "http://127.0.0.1:1/v2/a/manifests/b", "/v2/a/manifests/b"),
        (
            "WWW-Authenticate",
            'Bearer realm="http://a/token",service="s",scope="repository:a:push,pull repository:b:pull",error="e"',
            'Bearer realm="http://b:1/token",error="e",service="t",scope="repository:b:pull repository:a:pull,push"',
        ),
        ("Docker-Upload-Uuid", "11111111-1111-1111-1111-111111111111", "21111111-1111-1111-1111-111111111111"),
        ("Link", '</v2/_catalog?last=a&n=1>; rel="next"', '<http://127.0.0.1:1/v2/_catalog?n=1&last=a>; rel="next"'),
        ("Allow", "GET,HEAD, PUT", "PUT, HEAD, GET"),
    ],
)
def test_what_counts_for_nothing_in_a_header_is_made_alike(name: str, one: str, other: str) -> None:
    assert SAME.normalised(answer(401, {name: one})) == SAME.normalised(answer(401, {name: other}))
    assert SAME.normalised(answer(200, {name: one})) == SAME.normalised(answer(200, {name: other}))
    status = 401 if name == "WWW-Authenticate" else 200
    assert SAME.normalised(answer(status, {name: one})) != SAME.normalised(answer(status, {name: f"x{other}"}))


def test_the_order_of_tags_counts_for_nothing_but_the_tags_do() -> None:
    one, other, third = (answer(200, body=f'{{"name": "a", "tags": {tags}}}'.encode())
                         for tags in ('["b", "a"]', '["a", "b"]', '["a"]'))  # fmt: skip
    assert SAME.normalised(one) == SAME.normalised(other)
    assert SAME.normalised(one) != SAME.normalised(third)


def test_of_a_refusal_the_status_and_the_codes_count() -> None:
    body = b'{"errors": [{"code": "B", "message": "x"}, {"code": "A"}, {"code": "B"}]}'
    assert SAME.normalised(answer(404, body=body))["status"] == "404 A B"
    assert SAME.normalised(answer(404, body=b"not found"))["status"] == "404"
    assert "body" not in SAME.normalised(answer(404, body=b"not found"))


def test_a_catalog_is_compared_without_what_other_programs_put_there() -> None:
    one, other = (SAME.normalised(answer(200, {"Link": link}, link.encode())) for link in ("a", "b"))
    assert SAME.differing("catalog()", one, other) == []
    assert SAME.differing("list_tags('a')", one, other) == ["Link", "body"]


def test_a_length_counts_where_the_bytes_are_a_blob_or_a_manifest() -> None:
    one, other = (SAME.normalised(answer(200, {"Content-Length": length})) for length in ("1", "2"))
    assert SAME.differing("head_blob('a', 'b')", one, other) == ["Content-Length"]
    assert SAME.differing("list_tags('a')", one, other) == []


def test_a_different_status_is_all_that_differs() -> None:
    one, other = SAME.normalised(answer(200, {"Link": "a"})), SAME.normalised(answer(404))
    assert SAME.differing("ping()", one, other) == ["status"]


def test_a_line_explains_what_all_of_its_patterns_match() -> None:
    line = Known("why", "put_manifest[(].*", "status", "400 MANIFEST_INVALID", "500( .*)?")
    assert line.explains("put_manifest('a',\n'b')", "status", "400 MANIFEST_INVALID", "500 UNKNOWN")
    assert not line.explains("get_manifest('a', 'b')", "status", "400 MANIFEST_INVALID", "500 UNKNOWN")
    assert not line.explains("put_manifest('a', 'b')", "body", "400 MANIFEST_INVALID", "500 UNKNOWN")
    assert not line.explains("put_manifest('a', 'b')", "status", "400 MANIFEST_INVALID x", "500 UNKNOWN")
    assert not line.explains("put_manifest('a', 'b')", "status", "400 MANIFEST_INVALID", "201")


def test_every_known_line_has_a_reason_of_its_own_and_patterns_that_compile() -> None:
    assert len({line.reason for line in KNOWN}) == len(KNOWN) > 0
    for line in KNOWN:
        assert len(line.reason) > 20
        assert line.call != ".*"
        assert line.field != ".*"
        for pattern in (line.call, line.field, line.here, line.there):
            re.compile(pattern)
    for pattern, _ in (*comparison().replaced, *comparison().ignored):
        re.compile(pattern)


def test_the_command_compares_two_targets_and_writes_what_it_did(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "Budget", budget_of)
    arguments = ["fake:distribution", "--against", "fake:oci", "--seconds", "30", "--report", str(tmp_path)]
    assert main(arguments) == 1
    shown = capsys.readouterr().out
    assert "differential: fake:distribution against fake:oci" in shown
    assert "--against fake:oci --replay" in shown
    label = "differential: fake:distribution against fake:oci"
    assert json.loads((tmp_path / "figures.json").read_text())[label]["numbers"]["programs"] > 0
    replay_file = str(tmp_path / "finding-1.json")
    assert main([*arguments, "--replay", replay_file]) == 1
    assert main(["fake:oci", *arguments[1:], "--replay", replay_file]) == 0
