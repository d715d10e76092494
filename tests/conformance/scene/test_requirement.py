"""A scenario is one fixture to pytest, whatever names its arguments have."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from conformance.config.options import MARKER
from conformance.scene.requirement import FIXTURE, about, prepare, requirement
from conformance.scene.scene import ARGUMENTS, Scene


class Fake:
    """A scene with some of the arguments."""

    client, content = "a client", "content"


@prepare
def image(content: Any, kind: str) -> list[str]:
    return [content, kind]


@prepare
def pushed(image: list[str], client: Any) -> list[str]:
    image.append(client)
    return image


@requirement("OCI-R014", needs="push", wire=True)
@pytest.mark.parametrize("size", [1])
def _scenario(client: Any, image: list[str], pushed: list[str], tmp_path: Any, size: int) -> None:
    """Its text."""
    assert (client, tmp_path, size) == ("a client", "a folder", 1)
    assert image is pushed
    assert image == ["content", "small", "a client"]


def test_pytest_sees_its_own_arguments_alone() -> None:
    assert list(inspect.signature(_scenario).parameters) == [FIXTURE, "kind", "tmp_path", "size"]
    assert _scenario.__doc__ == "Its text."


def test_arguments_come_from_the_scene_and_are_made_once() -> None:
    given: dict[str, Any] = {FIXTURE: Fake(), "kind": "small", "tmp_path": "a folder", "size": 1}
    _scenario(**given)


def test_the_marks() -> None:
    marks: list[pytest.Mark] = _scenario.pytestmark
    assert {mark.name for mark in marks} == {"parametrize", MARKER}
    bound = next(mark for mark in marks if mark.name == MARKER)
    assert (bound.args, bound.kwargs) == (("OCI-R014",), {"needs": "push", "wire": True})
    assert about("GHD-14").mark.name == MARKER


def test_a_scene_has_every_argument() -> None:
    """Those of a scene that are no method of it are set when it is made."""
    made = {"case", "target", "capabilities", "settings"}
    assert {name for name in ARGUMENTS if hasattr(Scene, name)} == ARGUMENTS - made
