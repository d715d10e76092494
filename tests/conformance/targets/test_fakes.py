"""The fake as a target: what it says of itself is so, at each of its hosts, in variants, and for every worker."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from conformance.checks.verdict import Case
from conformance.client.client import Client
from conformance.client.content import Content
from conformance.client.steps import Steps
from conformance.config.description import PROFILES
from conformance.config.settings import Settings
from conformance.scene.actors import Clients
from conformance.targets.base import Target, UnusableTarget
from conformance.targets.fakes import HOSTNAME, SCALED_BLOB, InProcessFake
from conformance.targets.open import target_of
from tests.conformance.command.test_main import conformance, results

REGISTRIES = ("github-docker", "github-container")
IDENTITIES = {
    "writer", "reader", "stranger", "wrong", "none", "write", "delete", "all", "password", "fine-grained", "expired",
    "actions", "actions-read", "role-read", "role-write",
}  # fmt: skip


@pytest.fixture(params=[f"{kind}:{name}" for kind in ("fake", "socket") for name in REGISTRIES])
def target(request: pytest.FixtureRequest) -> Iterator[Target]:
    with target_of(Settings(target=request.param)) as found:
        yield found


def clients_of(target: Target) -> Clients:
    return Clients(target, Case(id="a case", bound=()))


def preset(target: Target) -> str:
    return target.name.partition(":")[2]


def test_claims(target: Target) -> None:
    claimed = set(target.description.profile)
    assert set(PROFILES[preset(target)]) <= claimed
    assert ("auth" in claimed) == (preset(target) == "github-container")
    assert not target.description.claims


def test_identities_and_places(target: Target) -> None:
    assert set(target.description.identities) == IDENTITIES
    assert set(target.description.places) == {"default", "shared", "elsewhere", "public", "internal"}


@pytest.mark.parametrize("place", ["default", "shared", "elsewhere", "public", "internal"])
def test_the_writer_pushes_everywhere(target: Target, place: str) -> None:
    client, repository = clients_of(target)(), target.description.places[place].replace("{}", "app")
    Steps(client).manifest(repository, Content(seed=1, label=place).docker_image(), "1.0")
    assert client.get_manifest(repository, "1.0").status == 200


def test_whose_credentials_count(target: Target) -> None:
    """Each may or may not read the place that all users have a right to: what differs is the secret and its scopes."""
    clients, repository = clients_of(target), target.description.places["internal"].replace("{}", "app")
    Steps(clients()).manifest(repository, Content(seed=1, label="x").docker_image(), "1.0")
    count = {name for name in IDENTITIES if clients(name).get_manifest(repository, "1.0").status == 200}
    assert count == IDENTITIES - {
        "wrong", "none", "password", "fine-grained", "expired", "actions", "actions-read"
    }  # fmt: skip


@pytest.mark.parametrize(("full_size", "sizes"), [(False, (SCALED_BLOB, SCALED_BLOB)), (True, (5 << 30, 10 << 30))])
def test_limits_are_scaled_unless_asked_for(full_size: bool, sizes: tuple[int, int]) -> None:
    for name, size in zip(REGISTRIES, sizes, strict=True):
        fake = InProcessFake(name, name, Settings(full_size=full_size))
        assert fake.description.limits["blob"] == size
    own = InProcessFake("x", "github-docker,blob_size_limit=77", Settings(full_size=full_size))
    assert own.description.limits["blob"] == 77


def test_hosts_answer_by_name(target: Target) -> None:
    """By the names that the target states, with its port: no resolver of this machine knows them."""
    hosts, clients = target.description.hosts, clients_of(target)
    port = urlsplit(target.transport().base_url).port
    assert {urlsplit(url).port for url in (hosts.docker, hosts.containers, hosts.web, *hosts.unserved)} == {port}
    assert target.transport().base_url == (hosts.docker if preset(target) == "github-docker" else hosts.containers)
    schemes = {
        url: clients.silent(at=url).ping().header("WWW-Authenticate") for url in (hosts.docker, hosts.containers)
    }
    assert [str(header).partition(" ")[0] for header in schemes.values()] == ["Basic", "Bearer"]
    assert clients.silent(at=hosts.web).request("GET", "/api/v3/user/packages").status == 401
    assert [clients.silent(at=url).ping().status for url in hosts.unserved] == [404, 421]


def test_a_wire_in_process_is_at_the_same_name() -> None:
    with target_of(Settings(target="fake:github-docker")) as target:
        wire = target.transport(wire=True)
        assert urlsplit(wire.base_url).hostname == f"docker.{HOSTNAME}"
        assert Client(wire).ping().status == 401


def test_variant_is_another_fake(target: Target) -> None:
    clients, repository = clients_of(target), target.description.places["default"].replace("{}", "app")
    Steps(clients()).manifest(repository, Content(seed=1, label="x").docker_image(), "1.0")
    with target.variant(blob_size_limit=9, foreign_layers=True) as changed:
        assert changed.description.limits["blob"] == 9
        there = clients_of(changed)()
        assert there.get_manifest(repository, "1.0").status == 404
        assert there.post_blob(repository, Content(seed=1, label="y").missing_digest(), bytes(10)).status == 413
    assert target.description.limits["blob"] == SCALED_BLOB


def test_variant_without_subdomain_isolation(target: Target) -> None:
    with target.variant(subdomain_isolation=False) as changed:
        hosts = changed.description.hosts
        assert (hosts.docker, hosts.containers, hosts.web) == (f"http://{HOSTNAME}", "", f"http://{HOSTNAME}")
        assert [urlsplit(url).hostname for url in hosts.unserved] == [
            f"{name}.{HOSTNAME}" for name in ("docker", "containers", "other")
        ]
        clients = clients_of(changed)
        assert [clients.silent(at=url).ping().status for url in hosts.unserved] == [421, 421, 421]
        assert (clients.silent(at=hosts.docker).ping().header("WWW-Authenticate") or "").startswith("Basic ")


def test_variant_of_settings_that_there_are_not(target: Target) -> None:
    with pytest.raises(UnusableTarget, match="nosuch"):
        target.variant(nosuch=True)


def test_a_dialect_without_accounts_has_nobody() -> None:
    plain = InProcessFake("fake", "oci", Settings()).description
    assert (plain.identities, plain.hosts.docker, plain.profile) == ({}, "", PROFILES["oci"])
    tokens = InProcessFake("fake", "oci,auth=bearer", replace(Settings())).description
    assert set(tokens.identities) == {"writer", "wrong", "expired"}
    assert set(tokens.profile) == {*PROFILES["oci"], "auth"}


@pytest.mark.parametrize("name", REGISTRIES)
def test_workers_reach_every_host_of_one_server(tmp_path: Path, name: str) -> None:
    """The controller starts it, and each worker gets the port with the names."""
    choice = ("-n", "2", "-k", "test_subdomain_routing or test_round_trip")
    done = conformance(tmp_path, f"socket:{name}", "--", *choice)
    assert done.returncode == 0, done.stdout
    outcomes = {scenario["id"]: scenario["outcome"] for scenario in results(tmp_path)["scenarios"]}
    assert set(outcomes.values()) == {"pass"}
    assert len(outcomes) >= 8
