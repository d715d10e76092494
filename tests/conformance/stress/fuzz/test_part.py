"""The fuzz of the WSGI entry: the fake stands it, and each kind of fault of an application is found out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import count
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest
from hypothesis import settings

from conformance.config.settings import Settings
from conformance.stress.common.base import Budget, Figures, Finding, Stress
from conformance.stress.fuzz import part
from conformance.stress.fuzz.stage import Stage
from conformance.targets.base import Target, UnusableTarget
from conformance.targets.fakes import InProcessFake, SocketFake
from conformance.targets.storage import own_names
from fakereg import Registry
from fakereg.storage.directory import DirectoryStorage

CASES = 240
ENOUGH = 300
"""Cases within which a broken application has to be found out."""

NO_ALLOW = b'{"errors": [{"code": "UNSUPPORTED", "message": ""}]}'
Answer = Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]


def play(target: Target, cases: int, *, dialects: tuple[str, ...] = ()) -> Figures:
    """Fuzz with a number of cases, as each looks at the clock once."""
    with target:
        budget = Budget(cases, clock=count().__next__)
        return part.run(Stress(target, 1, budget, lambda line: None), dialects=dialects)


def fake(wrap: Any = None) -> InProcessFake:
    return InProcessFake("fake:oci", "oci", Settings(), wrap=wrap)


def test_the_fake_stands_it_in_every_dialect_on_every_storage(monkeypatch: pytest.MonkeyPatch) -> None:
    played: list[str] = []
    batch = part._batch

    def noted(stress: Stress, stage: Stage, *rest: Any, **options: Any) -> list[Finding]:
        played.append(stage.name)
        return batch(stress, stage, *rest, **options)

    monkeypatch.setattr(part, "_batch", noted)
    monkeypatch.setattr(part, "SETTINGS", settings(part.SETTINGS, max_examples=20))
    figures = play(fake(), CASES, dialects=part.DIALECTS)
    assert [finding.text + finding.evidence for finding in figures.findings] == []
    assert set(played) == {f"fake:{name} on {storage}" for name in part.DIALECTS for storage in own_names()}
    assert figures.numbers["cases"] > CASES * 0.9
    assert figures.numbers["requests"] > figures.numbers["cases"]
    assert figures.numbers["distinct answers"] > 100


def test_a_target_that_is_not_in_this_process_is_refused() -> None:
    with SocketFake("socket:oci", "oci", Settings()) as target, pytest.raises(UnusableTarget, match="got socket:oci"):
        part.run(Stress(target, 1, Budget(60), lambda line: None))


def broken(when: Callable[[WSGIEnvironment], bool], answer: Callable[[Registry], Answer]) -> Any:
    """Puts an application around the fake that answers some requests in its place."""

    def wrap(registry: Registry) -> WSGIApplication:
        instead = answer(registry)

        def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            return (instead if when(environ) else registry)(environ, start_response)

        return application

    return wrap


def answers(status: str, headers: list[tuple[str, str]], body: bytes = b"") -> Callable[[Registry], Answer]:
    """Always the same answer."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response(status, headers)
        return [body]

    return lambda registry: answer


def raises(registry: Registry) -> Answer:
    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        raise KeyError("broken for a test")

    return answer


def forgets(registry: Registry) -> Answer:
    """Deletes everything, whatever was to be deleted."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        registry.reset()
        start_response("202 Accepted", [])
        return []

    return answer


def escapes(registry: Registry) -> Answer:
    """Writes beside the folder of its storage."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if isinstance(registry.storage.storage, DirectoryStorage):
            Path(registry.storage.storage._layouts.parent.parent.parent, "escaped").write_bytes(b"")
        return registry(environ, start_response)

    return answer


def with_range(environ: WSGIEnvironment) -> bool:
    return "HTTP_RANGE" in environ and environ["REQUEST_METHOD"] == "GET"


def deletes(environ: WSGIEnvironment) -> bool:
    return str(environ["REQUEST_METHOD"]) == "DELETE"


@pytest.mark.parametrize(
    ("when", "answer", "text"),
    [
        (with_range, raises, "KeyError"),
        (with_range, answers("500 Internal Server Error", []), "500"),
        (with_range, answers("404 Not Found", []), "no list of errors"),
        (with_range, answers("404 Not Found", [], b'{"errors": []}'), "no list of errors"),
        (with_range, answers("405 Method Not Allowed", [], NO_ALLOW), "Allow"),
        (with_range, answers("404", []), "ProtocolViolation"),
        (with_range, answers("302 Found", [("Location", "/a\r\nX-Injected: a")]), "control character"),
        (with_range, answers("200 OK", [("Content-Length", "1")]), "length"),
        (with_range, answers("200 OK", [("X-Odd", "\u00e9")]), "not ASCII"),
        (deletes, forgets, "content changed"),
        (deletes, escapes, "outside the store"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_found(
    when: Callable[[WSGIEnvironment], bool],
    answer: Callable[[Registry], Answer],
    text: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(part, "GRACE", 0.3)
    monkeypatch.setattr(part, "MOST_FINDINGS", 1)
    (finding,) = play(fake(broken(when, answer)), ENOUGH).findings
    assert text in finding.text
    assert "curl -i" in finding.evidence
    assert "--parts fuzz --seed" in finding.replay


def test_a_fault_is_found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part, "GRACE", 0.3)
    figures = play(fake(broken(with_range, raises)), ENOUGH)
    assert len(figures.findings) == 1
    assert figures.numbers["known faults"] > 0
