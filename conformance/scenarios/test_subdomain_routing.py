"""Subdomain isolation: each registry of an instance must be served at its own host only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from conformance.checks.checks import Checks
from conformance.checks.trials import Trials
from conformance.client.client import Client, location_of
from conformance.client.content import Content
from conformance.client.credentials import challenge_of
from conformance.client.exchange import Exchange
from conformance.client.steps import Steps
from conformance.client.transport import TransportError
from conformance.config.description import Hosts
from conformance.scene.actors import Clients, Places, Variant, not_applicable
from conformance.scene.requirement import about, prepare, requirement

REGISTRY_THERE = (200, 401)
"""How GET /v2/ answers where there is a registry."""

BOTH = pytest.mark.parametrize(
    "kind",
    [
        pytest.param("docker", marks=about("GHD-14")),
        pytest.param("containers", marks=about("GHC-01")),
    ],
)


@dataclass(frozen=True, slots=True)
class Home:
    """The registry of one kind at its own subdomain."""

    url: str
    elsewhere: tuple[str, ...]
    trials: Trials


@prepare
def home(kind: str, hosts: Hosts, check: Checks) -> Home:
    """Return the host of the registry; unsupported without a registry of the kind, or without subdomain isolation."""
    url: str = getattr(hosts, kind)
    if not name_of(url).startswith(f"{kind}."):
        not_applicable(f"the target has no host {kind}.HOSTNAME")
    others = (hosts.docker, hosts.containers, hosts.web, *hosts.unserved)
    elsewhere = tuple(dict.fromkeys(other for other in others if other and other != url))
    return Home(url, elsewhere, Trials(check, "GHD-14" if kind == "docker" else "GHC-01"))


def name_of(url: str) -> str:
    """Return the host name in a URL."""
    return urlsplit(url).hostname or ""


def pushed(client: Client, content: Content, repository: str) -> str:
    """Push a new image; return its tag."""
    tag = content.word()
    Steps(client).manifest(repository, content.docker_image(), tag)
    return tag


def asked(send: Callable[[], Exchange]) -> Exchange | None:
    """Return the answer, or None if the name does not resolve or nothing answers."""
    try:
        return send()
    except TransportError:
        return None


def no_registry(trials: Trials, client: Client, *, host: str = "") -> None:
    """Check that there is no registry at a host: no answer like one, not even a challenge."""
    headers = [("Host", host)] if host else []
    if answer := asked(lambda: client.request("GET", "/v2/", headers=headers)):
        ok = answer.status not in REGISTRY_THERE and answer.status >= 400
        trials.that(ok, expected="no registry: a status 4xx but 401", got=f"status {answer.status}", exchange=answer)


def no_image(trials: Trials, client: Client, repository: str, tag: str) -> None:
    """Check that the content of one host is not served at another."""
    if answer := asked(lambda: client.get_manifest(repository, tag)):
        trials.refused(answer)


@requirement()
@BOTH
def test_registry_is_at_its_subdomain(home: Home, clients: Clients, content: Content, repository: str) -> None:
    client, image = clients(at=home.url), content.docker_image()
    home.trials.push(client, repository, image, "1.0")
    home.trials.pull(client, repository, "1.0", image)


@requirement()
@BOTH
def test_images_are_at_no_other_host(home: Home, clients: Clients, content: Content, repository: str) -> None:
    tag = pushed(clients(at=home.url), content, repository)
    for url in home.elsewhere:
        no_image(home.trials, clients(at=url), repository, tag)


@requirement()
@BOTH
def test_other_hosts_have_no_registry(home: Home, hosts: Hosts, clients: Clients) -> None:
    for url in hosts.unserved or not_applicable("the target names no host without a registry"):
        no_registry(home.trials, clients.silent(at=url))


@requirement()
@BOTH
def test_host_header_decides(home: Home, hosts: Hosts, clients: Clients) -> None:
    """The Host header, and not the address, must select the registry.

    With TLS the name of the certificate may matter, too.
    """
    if urlsplit(home.url).scheme != "http" or not hosts.unserved:
        not_applicable("the target uses TLS, or names no host without a registry")
    here, there = clients.silent(at=home.url), clients.silent(at=hosts.unserved[0])
    for name in (urlsplit(home.url).netloc, urlsplit(home.url).netloc.upper()):
        home.trials.status(there.request("GET", "/v2/", headers=[("Host", name)]), *REGISTRY_THERE)
    no_registry(home.trials, here, host=urlsplit(hosts.unserved[0]).netloc)


@requirement()
@BOTH
def test_locations_stay_at_the_host(home: Home, clients: Clients, content: Content, repository: str) -> None:
    locations_stay(home.trials, clients(at=home.url), content, repository)


def locations_stay(trials: Trials, client: Client, content: Content, repository: str) -> None:
    """Check that uploads and their results are at the host of the request; content may be elsewhere."""
    blob = content.blob()
    opened = Steps(client).session(repository)
    for answer in (opened, client.put_upload(location_of(opened) or "", blob.digest, blob.data)):
        stays(trials, answer, location_of(answer) or "", client.base_url)


def stays(trials: Trials, answer: Exchange, url: str, home: str) -> None:
    """Check that a URL in an answer leads to the host of the request."""
    here, there = urlsplit(home), urlsplit(url)
    ok = (here.scheme, here.netloc) == (there.scheme, there.netloc)
    trials.that(ok, expected=f"a URL at {home}", got=url or "none", exchange=answer, grade="SHOULD")


@requirement("GHC-01")
def test_realm_stays_at_the_host(hosts: Hosts, clients: Clients, check: Checks) -> None:
    answer = clients.silent(at=hosts.containers or not_applicable("the target has no host for containers")).ping()
    if challenge := challenge_of(answer, "bearer"):
        stays(Trials(check, "GHC-01"), answer, challenge.fields.get("realm", ""), hosts.containers)


@dataclass(frozen=True, slots=True)
class Together:
    """An instance without subdomain isolation."""

    hosts: Hosts
    clients: Clients
    place: Places

    @property
    def client(self) -> Client:
        """The writer at the registry."""
        return self.clients(at=self.hosts.docker)


@prepare
def together(hosts: Hosts, clients: Clients, place: Places, variant: Callable[..., Variant]) -> Together:
    """Return the target, if it is such an instance, or a fake of the scenario's own."""
    if hosts.docker and not name_of(hosts.docker).startswith("docker."):
        return Together(hosts, clients, place)
    world = variant(subdomain_isolation=False)
    return Together(world.hosts, world.clients, world.place)


@requirement("GHD-15")
def test_registry_without_isolation(together: Together, check: Checks, content: Content) -> None:
    trials, repository, image = Trials(check, "GHD-15"), together.place(), content.docker_image()
    trials.push(together.client, repository, image, "1.0")
    trials.pull(together.client, repository, "1.0", image)
    locations_stay(trials, together.client, content, repository)


@requirement("GHD-15")
def test_no_subdomains_without_isolation(together: Together, check: Checks, content: Content) -> None:
    trials, repository = Trials(check, "GHD-15"), together.place()
    tag = pushed(together.client, content, repository)
    for url in together.hosts.unserved:
        no_registry(trials, together.clients.silent(at=url))
        no_image(trials, together.clients(at=url), repository, tag)


@requirement("GHC-01")
def test_no_container_registry_without_isolation(variant: Callable[..., Variant], check: Checks) -> None:
    world, trials = variant(subdomain_isolation=False), Trials(check, "GHC-01")
    for url in world.hosts.unserved:
        no_registry(trials, world.clients.silent(at=url))
    trials.refused(world.clients(at=world.hosts.web).start_upload(world.place()))
