"""Warnings: their form and their size, in ordinary requests (RFC 7234 section 5.5)."""

from __future__ import annotations

from conformance.checks.checks import Checks
from conformance.checks.passive import warnings
from conformance.client.client import Client
from conformance.client.content import Content
from conformance.client.steps import Steps
from conformance.scene.actors import not_applicable
from conformance.scene.requirement import requirement


@requirement("OCI-R108", "OCI-R109", "OCI-R110", "OCI-R111")
def test_warnings(client: Client, check: Checks, given: Steps, content: Content, repository: str) -> None:
    image = given.any_image(repository, content, "v1")
    blob = image.blobs[-1]
    conversation = [
        client.ping(),
        client.put_manifest(repository, "v1", image.data, media_type=image.media_type),
        client.get_manifest(repository, "v1"),
        client.head_manifest(repository, "v1"),
        client.get_blob(repository, blob.digest),
        client.head_blob(repository, blob.digest),
        client.list_tags(repository),
        client.get_manifest(repository, "missing"),
    ]
    warned = [exchange for exchange in conversation if exchange.values("Warning")]
    if not warned:
        not_applicable("the registry sends no warnings in ordinary requests")
    for exchange in warned:
        for finding in warnings(exchange):
            check.that(finding.requirement, finding.ok, expected=finding.expected, got=finding.got, exchange=exchange)
