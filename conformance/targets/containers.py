"""A registry in a container of the Docker engine: any image, or a server that `servers.toml` knows by name."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from conformance.catalogue import known_failures
from conformance.config.description import Description
from conformance.config.settings import Settings
from conformance.targets.base import LOOPBACK, StartedTarget, UnusableTarget
from conformance.targets.engine import Containers, Recipe

SERVERS = Path(__file__).with_name("servers.toml")
REGISTRY_PORT = 5000
READY = "/v2/"


@dataclass(frozen=True, slots=True)
class Server:
    """A server and what is known of it. It is there once `ready`, a path, is answered with 200 or 401."""

    recipe: Recipe
    ready: str = READY
    description: Description = field(default_factory=Description)


class ContainerTarget(StartedTarget):
    """A server in a container of its own."""

    def __init__(self, name: str, server: Server, settings: Settings) -> None:
        super().__init__(name, settings)
        self._server = server
        self.description = server.description

    def launch(self) -> str:
        containers = self._stack.enter_context(Containers())
        port = containers.start(self._server.recipe).wait(self._server.ready)
        return f"http://{LOOPBACK}:{port}"


def container_target(name: str, settings: Settings) -> ContainerTarget:
    """The target `container:IMAGE`, `server:NAME` or `server:NAME=IMAGE`, not yet entered."""
    kind, _, rest = name.partition(":")
    server = named_server(rest) if kind == "server" else Server(Recipe(rest, REGISTRY_PORT))
    return ContainerTarget(name, server, settings)


def named_server(text: str) -> Server:
    """The server NAME, with another image if it is NAME=IMAGE; UnusableTarget with the names that there are."""
    name, _, image = text.partition("=")
    servers = data()["servers"]
    if name not in servers:
        raise UnusableTarget(f"there is no server {name!r}: known are {', '.join(servers)}")
    return _server(servers[name] | ({"image": image} if image else {}))


def data() -> dict[str, Any]:
    """What servers.toml says."""
    return tomllib.loads(SERVERS.read_text(encoding="utf-8"))


def _server(table: Mapping[str, Any]) -> Server:
    recipe = Recipe(
        image=table["image"],
        port=table["port"],
        command=tuple(table.get("command", ())),
        environment=table.get("environment", {}),
    )
    return Server(recipe, table["ready"], described(Description(), table))


def described(description: Description, table: Mapping[str, Any]) -> Description:
    """A description with what a table of servers.toml says of capabilities and known failures."""
    return replace(
        description,
        required=frozenset(table.get("required", ())),
        absent=frozenset(table.get("absent", ())),
        known=known_failures.parse(table.get("known", [])),
    )
