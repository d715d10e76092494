"""Deliberately broken fakes: what one is, how its requests and answers are changed, and a run of scenarios against it.

A mutant breaks one requirement, and the scenarios that are bound to that requirement have to see it.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest

import conformance.scenarios
from conformance.config.settings import Settings
from conformance.run.coverage import bound
from conformance.run.current import current_run
from conformance.run.selection import bound_to
from conformance.targets.fakes import InProcessFake
from fakereg import Registry

SCENARIOS = Path(conformance.scenarios.__path__[0])
_PATH = re.compile(r"/v2/(?P<name>.+?)/(?:(?P<kind>manifests|blobs|referrers)/(?P<reference>[^/]*)|blobs/uploads/?"
                   r"(?P<session>[^/]*)|tags/list)")  # fmt: skip


@dataclass(slots=True)
class Answer:
    """What the fake answers, to be changed in place."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """The first value of a header."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def drop(self, name: str) -> None:
        """Leave a header out."""
        self.headers = [pair for pair in self.headers if pair[0].lower() != name.lower()]

    def set(self, name: str, value: str) -> None:
        """Give a header one value."""
        self.drop(name)
        self.headers.append((name, value))

    def write(self, body: bytes, media_type: str | None = None) -> None:
        """Give another body, with its length."""
        self.body = body
        self.set("Content-Length", str(len(body)))
        if media_type:
            self.set("Content-Type", media_type)


@dataclass(slots=True)
class Ask:
    """What a client asks the fake `registry`.

    `kind` is ping, manifests, blobs, referrers, uploads (the collection), session (one upload), tags, or the path.
    """

    environ: WSGIEnvironment
    registry: Registry
    method: str = ""
    path: str = ""
    kind: str = ""
    name: str = ""
    reference: str = ""

    def __post_init__(self) -> None:
        self.method, self.path = self.environ["REQUEST_METHOD"], self.environ["PATH_INFO"]
        match = _PATH.fullmatch(self.path)
        self.kind = "ping" if self.path in {"/v2/", "/v2"} else self.path
        if match:
            self.name, self.reference = match["name"], match["reference"] or match["session"] or ""
            other = "tags" if self.path.endswith("/tags/list") else "session" if match["session"] else "uploads"
            self.kind = match["kind"] or other

    @property
    def query(self) -> dict[str, str]:
        """The last value of each query parameter."""
        return {name: values[-1] for name, values in parse_qs(self.environ["QUERY_STRING"], True).items()}

    def header(self, name: str) -> str:
        """A header of the request; empty when it is absent."""
        key = name.upper().replace("-", "_")
        return str(self.environ.get(key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}", ""))

    def body(self) -> bytes:
        """The body of the request, which can still be read afterwards."""
        data: bytes = self.environ["wsgi.input"].read()
        self.replace_body(data)
        return data

    def replace_body(self, data: bytes) -> None:
        """Let the fake read another body."""
        self.environ["wsgi.input"], self.environ["CONTENT_LENGTH"] = io.BytesIO(data), str(len(data))

    def proceed(self, **changes: str) -> Answer:
        """What the fake answers, to this request or to one with another environment."""
        answer = Answer(0)

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
            answer.status, answer.headers = int(status[:3]), list(headers)
            return lambda data: None

        pieces = self.registry({**self.environ, **changes}, start)
        try:
            answer.body = b"".join(pieces)
        finally:
            if close := getattr(pieces, "close", None):
                close()
        return answer


Tamper = Callable[[Ask], Answer | None]
"""Answers instead of the fake; None leaves it to the fake."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A fake that breaks `requirement`, as `text` says: by `tamper`, by `patch`, or by the dialect in `target` alone.

    `version` is the version of the specification that the run is about, `arguments` are further ones of pytest.
    """

    requirement: str
    text: str
    tamper: Tamper | None = None
    patch: Callable[[pytest.MonkeyPatch], None] | None = None
    target: str = "fake"
    arguments: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.requirement}: {self.text}"


MUTANTS: list[Mutant] = []
_Function = TypeVar("_Function", bound=Callable[..., Any])


def settings_break(requirement: str, text: str, target: str, *arguments: str) -> None:
    """A mutant that is a dialect."""
    MUTANTS.append(Mutant(requirement, text, target=target, arguments=arguments))


def instead(
    requirement: str, text: str, *, target: str = "fake", arguments: tuple[str, ...] = ()
) -> Callable[[_Function], _Function]:
    """Decorate a function that gets the request and gives another answer, or None to leave it to the fake."""

    def register(function: _Function) -> _Function:
        MUTANTS.append(Mutant(requirement, text, tamper=function, target=target, arguments=arguments))
        return function

    return register


def after(
    requirement: str, text: str, on: str, *statuses: int, target: str = "fake", arguments: tuple[str, ...] = ()
) -> Callable[[_Function], _Function]:
    """Decorate a function that changes the answer to requests such as `GET manifests` or `GET|HEAD blobs`.

    Only answers with one of the statuses are changed, or all if none is given.
    """
    methods, _, kind = on.partition(" ")

    def register(function: _Function) -> _Function:
        def tamper(ask: Ask) -> Answer | None:
            if ask.method not in methods.split("|") or (kind and ask.kind not in kind.split("|")):
                return None
            answer = ask.proceed()
            if not statuses or answer.status in statuses:
                function(ask, answer)
            return answer

        instead(requirement, text, target=target, arguments=arguments)(tamper)
        return function

    return register


def patched(
    requirement: str, text: str, *, target: str = "fake", arguments: tuple[str, ...] = ()
) -> Callable[[_Function], _Function]:
    """Decorate a function that breaks the fake's own code with a MonkeyPatch."""

    def register(function: _Function) -> _Function:
        MUTANTS.append(Mutant(requirement, text, patch=function, target=target, arguments=arguments))
        return function

    return register


def broken(registry: Registry, tamper: Tamper) -> WSGIApplication:
    """The fake with what stands between it and its clients."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        answer = tamper(Ask(environ, registry))
        if answer is None:
            return registry(environ, start_response)
        start_response(f"{answer.status} Whatever", answer.headers)
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else answer.body]

    return app


class _Against:
    """A pytest plugin: the scenarios bound to one requirement, or all, against a fake behind `tamper`."""

    def __init__(self, tamper: Tamper | None, requirement: str) -> None:
        self._tamper = tamper
        self._requirement = requirement
        self.facts: list[dict[str, Any]] = []

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        tamper = self._tamper

        def make(settings: Settings) -> InProcessFake:
            dialect = settings.target.partition(":")[2] or "oci"
            wrap = (lambda registry: broken(registry, tamper)) if tamper else None
            return InProcessFake(settings.target, dialect, settings, wrap=wrap)

        current_run(config).make_target = make

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        if self._requirement:
            items[:] = [item for item in items if self._requirement in bound_to(item)]

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self.facts = list(current_run(session.config).results.facts.values())


def facts_about(mutant: Mutant) -> list[dict[str, Any]]:
    """Run the scenarios bound to the mutant's requirement against it, and give their facts."""
    with pytest.MonkeyPatch.context() as patch:
        if mutant.patch:
            mutant.patch(patch)
        return facts_of(mutant.tamper, *mutant.arguments, target=mutant.target, requirement=mutant.requirement)


def facts_of(
    tamper: Tamper | None, *arguments: str, target: str = "fake", requirement: str = ""
) -> list[dict[str, Any]]:
    """Run all scenarios against a fake behind `tamper`, or those bound to a requirement, and give their facts."""
    plugin = _Against(tamper, requirement)
    options = ["-c", os.devnull, f"--rootdir={SCENARIOS}", "-p", "no:cacheprovider", "-p", "no:terminal"]
    warnings = ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    files = [str(path) for path in _files_about(requirement)]
    given = [*options, *warnings, f"--conformance-target={target}", *arguments, *files]
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()):
        for name in [name for name in os.environ if name.startswith(("CONFORMANCE_", "OCI_", "PYTEST_"))]:
            patch.delenv(name)
        pytest.main([*given, "--conformance-seed=1"], plugins=[plugin])
    return plugin.facts


def killers(mutant: Mutant) -> set[str]:
    """The scenarios, without their parameters, that report the requirement which the mutant breaks."""
    return {
        fact["id"].partition("[")[0]
        for fact in facts_about(mutant)
        if any(violation["requirement"] == mutant.requirement for violation in fact["violations"])
    }


def _files_about(requirement: str) -> list[Path]:
    modules = {scenario.partition("::")[0] for scenario in bound().get(requirement, ())}
    return [SCENARIOS / f"{module}.py" for module in sorted(modules)] or [SCENARIOS]
