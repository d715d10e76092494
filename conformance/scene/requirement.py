"""Make a scenario of a function: bind it to requirements, and give it the arguments that it names.

    @requirement("OCI-R014", needs="push", wire=True)
    def test_it(client: Client, check: Checks, repository: str) -> None: ...

To pytest a scenario has one fixture, `conformance_scene`, beside its parameters and fixtures of other names. So the
names of `ARGUMENTS` collide with no fixture of the project that the scenario is collected in.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

import pytest

from conformance.client.steps import Unprepared
from conformance.config.options import MARKER
from conformance.scene.scene import ARGUMENTS, Scene

FIXTURE = "conformance_scene"
_PREPARED = "__conformance_prepared__"
_Function = TypeVar("_Function", bound=Callable[..., Any])

about: pytest.MarkDecorator = getattr(pytest.mark, MARKER)
"""Bind one set of parameters to requirements: `pytest.param("docker", marks=about("GHD-14"))`."""


def requirement(*ids: str, needs: str | tuple[str, ...] = (), wire: bool = False) -> Callable[[_Function], _Function]:
    """Bind a scenario to requirements; without ids its parameters do that.

    `needs` names the capabilities (one or a tuple) without which the scenario is skipped as unsupported;
    `wire` makes it use a socket on every target.
    """

    def decorate(function: _Function) -> _Function:
        return cast("_Function", about(*ids, needs=needs, wire=wire)(_scenario(function)))

    return decorate


def prepare(function: _Function) -> _Function:
    """Make the result of a function an argument of the scenarios in its module that name it, once for each of them."""
    setattr(function, _PREPARED, True)
    return function


def _scenario(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def scenario(**given: Any) -> None:
        __tracebackhide__ = True
        scene = given.pop(FIXTURE)
        try:
            function(**_Arguments(scene, given, function).all())
        except Unprepared as error:
            scene.excuse(error)
            raise

    names = dict.fromkeys([FIXTURE, *_of_pytest(function)])
    parameters = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in names]
    scenario.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return scenario


def _names(function: Callable[..., Any]) -> list[str]:
    return list(inspect.signature(function).parameters)


def _prepared(function: Callable[..., Any]) -> Mapping[str, Callable[..., Any]]:
    """The functions of a scenario's module that prepare arguments, by their names."""
    found = function.__globals__.items()
    return {name: value for name, value in found if getattr(value, _PREPARED, False)}


def _of_pytest(function: Callable[..., Any]) -> list[str]:
    """The arguments that pytest has to give, including those of what is prepared."""
    prepared = _prepared(function)
    found: list[str] = []
    for name in _names(function):
        if name in prepared:
            found += _of_pytest(prepared[name])
        elif name not in ARGUMENTS:
            found.append(name)
    return found


class _Arguments:
    """The arguments of one scenario: from its scene, prepared in its module, or given by pytest."""

    def __init__(self, scene: Scene, given: Mapping[str, Any], function: Callable[..., Any]) -> None:
        self._scene = scene
        self._found = dict(given)
        self._prepared = _prepared(function)
        self._function = function

    def all(self) -> dict[str, Any]:
        __tracebackhide__ = True
        return self._of(self._function)

    def _of(self, function: Callable[..., Any]) -> dict[str, Any]:
        __tracebackhide__ = True
        return {name: self._one(name) for name in _names(function)}

    def _one(self, name: str) -> Any:
        __tracebackhide__ = True
        if name not in self._found:
            make = self._prepared.get(name)
            self._found[name] = make(**self._of(make)) if make else getattr(self._scene, name)
        return self._found[name]
