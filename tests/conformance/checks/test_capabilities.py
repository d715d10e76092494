"""A legal refusal makes a capability absent; anything else leaves it to the scenarios."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import fakereg
from conformance.checks.capabilities import PROBES, Capabilities, judge
from conformance.client.client import Client
from conformance.client.content import Content
from conformance.client.steps import Unprepared
from conformance.client.transport import WsgiTransport
from tests.conformance.reluctant import RELUCTANT
from tests.conformance.servers import answering, exchange
from tests.mutants.harness import Tamper, broken

OFF = {
    "push": "push=false",
    "single_post": "single_post=false",
    "mount": "mount=false",
    "anonymous_mount": "anonymous_mount=false",
    "blob_range": "blob_range=false",
    "upload_cancel": "upload_cancel=false",
    "tag_deletion": "tag_deletion=false",
    "manifest_deletion": "manifest_deletion=false",
    "blob_deletion": "blob_deletion=false,deletion_refusal=400",
    "referrers": "referrers=false",
    "referrers_filter": "referrers_filter=false",
    "tag_parameters": "tag_parameters=0",
    "sha512": "digest_algorithms=sha256",
    "manifest_sha512": "digest_algorithms=sha256",
    "digest_algorithm_parameter": "digest_algorithms=sha256",
    "catalog": "catalog=false",
}


SHA512 = {"sha512", "manifest_sha512", "digest_algorithm_parameter"}
TAKEN_ALONG = {
    "mount": {"anonymous_mount"},
    "anonymous_mount": {"mount"},
    "manifest_deletion": {"tagged_manifest_deletion"},
    "digest_pushes": {"tag_parameters", "manifest_sha512"},
    **dict.fromkeys(SHA512, SHA512),
}
"""What else is absent without a capability."""


@pytest.fixture
def content() -> Content:
    return Content(seed=1, label="x")


def asked(content: Content, dialect: str = "oci", tamper: Tamper = lambda ask: None) -> Iterator[Capabilities]:
    registry = fakereg.Registry(dialect=dialect, storage="memory")
    transport = WsgiTransport(broken(registry, tamper))
    yield Capabilities(Client(transport), content, new_name=lambda label: label)
    registry.close()


def without(content: Content, name: str) -> Iterator[Capabilities]:
    """Ask a registry that lacks a capability."""
    if name in RELUCTANT:
        yield from asked(content, tamper=RELUCTANT[name])
    else:
        yield from asked(content, f"oci,{OFF[name]}")


@pytest.mark.parametrize("name", PROBES)
def test_present(name: str, content: Content) -> None:
    for capabilities in asked(content):
        assert capabilities.ask(name).present


@pytest.mark.parametrize("name", PROBES)
def test_absent(name: str, content: Content) -> None:
    for capabilities in without(content, name):
        answer = capabilities.ask(name)
        assert not answer.present
        assert answer.reason
        if name not in {"push", "referrers"}:
            absent = {other for other in PROBES if not capabilities.ask(other).present}
            assert absent - {name} <= TAKEN_ALONG.get(name, set())


def test_nothing_is_found_out_without_pushing(content: Content) -> None:
    for capabilities in asked(content, "oci,push=false"):
        assert {name for name in PROBES if capabilities.ask(name).present} == {"catalog"}


def test_asked_once(content: Content) -> None:
    calls = 0

    def count(_: object) -> None:
        nonlocal calls
        calls += 1

    client = Client(WsgiTransport(answering(405)), on_exchange=count)
    capabilities = Capabilities(client, content, new_name=lambda label: label)
    assert capabilities.ask("catalog") == capabilities.ask("catalog")
    assert calls == 1


def test_violation_does_not_count_as_absent() -> None:
    assert judge(exchange(500), 400, 405).present
    assert judge(exchange(404), 400, 405).present
    assert not judge(exchange(405), 400, 405).present


def test_broken_registry_cannot_be_asked(content: Content) -> None:
    capabilities = Capabilities(Client(WsgiTransport(answering(500))), content, new_name=lambda label: label)
    with pytest.raises(Unprepared, match="status 500"):
        capabilities.ask("blob_deletion")


def test_unknown_name(content: Content) -> None:
    with pytest.raises(KeyError):
        Capabilities(Client(WsgiTransport(answering(202))), content, new_name=lambda label: label).ask("flying")
