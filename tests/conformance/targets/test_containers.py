"""The servers that are known by name, and what is said where no container can be had."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from conformance.catalogue import known_failures
from conformance.checks.capabilities import PROBES
from conformance.config.settings import Settings
from conformance.targets import containers
from conformance.targets.base import UnusableTarget
from conformance.targets.containers import ContainerTarget, Server
from conformance.targets.engine import Recipe
from conformance.targets.open import target_of

NAMES = ("registry-2", "registry-3", "zot", "olareg")
FIELDS = {"image", "port", "ready", "command", "environment", "required", "absent", "known"}


def container(name: str) -> ContainerTarget:
    target = target_of(Settings(target=name))
    assert isinstance(target, ContainerTarget)
    return target


def refusal(name: str) -> str:
    with pytest.raises(UnusableTarget) as caught:
        target_of(Settings(target=name)).__enter__()
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_servers_are_the_ones_that_are_promised() -> None:
    assert tuple(containers.data()["servers"]) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_server_is_complete(name: str) -> None:
    table = containers.data()["servers"][name]
    assert {"image", "port", "ready"} <= table.keys() <= FIELDS
    assert ":" in table["image"]
    assert table["ready"].startswith("/")


@pytest.mark.parametrize("name", NAMES)
def test_what_is_known_of_a_server(name: str) -> None:
    description = container(f"server:{name}").description
    assert description.required | description.absent <= PROBES.keys()
    assert not description.required & description.absent
    lines = [(line.requirement, line.scenarios) for line in description.known]
    assert len(lines) == len(set(lines))


def test_a_server_is_started_as_its_table_says(monkeypatch: pytest.MonkeyPatch) -> None:
    table: dict[str, Any] = {
        "image": "example/server:1",
        "port": 80,
        "ready": "/health",
        "command": ["serve"],
        "environment": {"A": "b"},
        "required": ["mount"],
        "absent": ["catalog"],
        "known": [{"requirement": "OCI-R066", "reason": "no order"}],
    }
    monkeypatch.setattr(containers, "data", lambda: {"servers": {"mine": table}})
    server = containers.named_server("mine")
    assert server.recipe == Recipe("example/server:1", 80, command=("serve",), environment={"A": "b"})
    assert server.ready == "/health"
    assert server.description.required == frozenset({"mount"})
    assert server.description.absent == frozenset({"catalog"})
    assert server.description.known == known_failures.parse(table["known"])


def test_a_server_with_another_image() -> None:
    recipe = containers.named_server("registry-2").recipe
    other = containers.named_server("registry-2=mirror.example:5000/registry:2.8.3@sha256:0123")
    assert other.recipe.image == "mirror.example:5000/registry:2.8.3@sha256:0123"
    assert other.recipe.environment == recipe.environment
    assert other.description == containers.named_server("registry-2").description


def test_a_server_that_is_not_known() -> None:
    text = refusal("server:nosuch")
    assert "'nosuch'" in text
    assert all(name in text for name in NAMES)


def test_any_image() -> None:
    assert container("container:example/registry:1")._server == Server(Recipe("example/registry:1", 5000))


@pytest.mark.parametrize("name", ["container:registry:2", "server:zot", "stack"])
def test_packages_are_missing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "docker.errors", None)
    assert "pip install 'fakereg[containers]'" in refusal(name)


@pytest.mark.parametrize("name", ["container:registry:2", "server:zot", "stack"])
def test_no_engine_answers(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("testcontainers")
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    assert "no Docker engine answers" in refusal(name)
