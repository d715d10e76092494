"""The packages of scenarios about GitHub's registries."""

from __future__ import annotations

from conformance.client.client import Client
from conformance.client.credentials import Authenticator
from conformance.client.packages import CONTAINER, DOCKER, Packages, name_of
from conformance.scene.actors import Clients, unconfigured
from conformance.targets.base import Target


def packages_of(clients: Clients, repository: str, type: str, *, identity: str = "writer") -> Packages:
    """Return the packages API for the owner of an image, as an identity; skip without a host for it."""
    web = clients.target.description.hosts.web
    if not web:
        unconfigured("the target has no host for the packages API")
    return Packages(clients.upfront(identity, at=web), repository.partition("/")[0], type)


def tidy(target: Target, repository: str) -> None:
    """Delete the package of an image, if there is one."""
    hosts, writer = target.description.hosts, target.writer
    upfront = Authenticator(writer, preemptive=not writer.anonymous)
    client = Client(target.transport(), case="tidy", base_url=hosts.web, authenticator=upfront)
    type = CONTAINER if target.transport().base_url == hosts.containers else DOCKER
    Packages(client, repository.partition("/")[0], type).delete_package(name_of(repository, type))
