"""A registry in a container of the Docker engine: any image, or a server from `servers.toml` by its name."""

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
    """A server with its description. It has started once a request for the path `ready` is answered 200 or 401."""

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
    """Make the target `container:IMAGE`, `server:NAME` or `server:NAME=IMAGE`, not yet entered."""
    kind, _, rest = name.partition(":")
    server = named_server(rest) if kind == "server" else Server(Recipe(rest, REGISTRY_PORT))
    return ContainerTarget(name, server, settings)


def named_server(text: str) -> Server:
    """Find the server NAME, or NAME=IMAGE with another image; raise UnusableTarget for an unknown one."""
    name, _, image = text.partition("=")
    servers = data()["servers"]
    if name not in servers:
        raise UnusableTarget(f"server:NAME must be one of {', '.join(servers)}, got {name!r}")
    return _server(servers[name] | ({"image": image} if image else {}))


def data() -> dict[str, Any]:
    """Load servers.toml."""
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
    """Add the capabilities and known failures of a table of servers.toml to a description."""
    return replace(
        description,
        required=frozenset(table.get("required", ())),
        absent=frozenset(table.get("absent", ())),
        known=known_failures.parse(table.get("known", [])),
    )
