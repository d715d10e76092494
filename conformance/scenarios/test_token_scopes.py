"""The access that a token gives, and the access that it denies ("Token Scope and Access", "Verifying the token")."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from conformance.checks.checks import Checks
from conformance.client.client import INDEX, Client
from conformance.client.content import Content
from conformance.client.credentials import Resource, challenge_of, resources, token_in
from conformance.client.exchange import Exchange
from conformance.client.steps import Steps
from conformance.client.tokens import forged, scope_of
from conformance.scene.actors import Clients, Variant, unsupported
from conformance.scene.requirement import requirement
from conformance.scene.token_service import token_service

HOUR = 3600.0


@requirement("AUTH-26", needs="push")
def test_token_to_pull(clients: Clients, check: Checks, content: Content, repository: str) -> None:
    service, index = token_service(clients, repository), content.index()
    token = service.token("writer", scope_of(repository, "pull"))
    check.status("AUTH-26", service.start_upload(repository, token), 401, 403, 404)
    pushed = clients.bearing(token).put_manifest(repository, index.digest, index.data, media_type=INDEX)
    check.status("AUTH-26", pushed, 401, 403, 404)


@requirement("AUTH-04", "AUTH-08", needs="push")
def test_challenge_to_a_token_to_pull(clients: Clients, check: Checks, repository: str) -> None:
    service = token_service(clients, repository)
    answer = service.start_upload(repository, service.token("writer", scope_of(repository, "pull")))
    challenge = challenge_of(answer, "bearer")
    error = challenge.fields.get("error", "no error") if challenge else "no challenge"
    expected = 'WWW-Authenticate: Bearer ...,error="insufficient_scope"'
    if check.that("AUTH-08", error == "insufficient_scope", expected=expected, got=error, exchange=answer):
        scope = challenge.fields.get("scope", "") if challenge else ""
        named = resources(scope).get(Resource("repository", repository), frozenset())
        wanted = f"a scope with {scope_of(repository, 'push')}"
        check.that("AUTH-04", "push" in named, expected=wanted, got=scope or "no scope", exchange=answer)


@requirement("AUTH-27", needs="push")
@pytest.mark.parametrize("other", ["{}-more", "{}/more", "more-{}", "{another}"])
def test_token_for_one_repository(
    clients: Clients, check: Checks, repository: str, another_repository: str, other: str
) -> None:
    service = token_service(clients, repository)
    parent, _, last = repository.rpartition("/")
    name = other.format(last, another=another_repository)
    if other != "{another}":
        name = f"{parent}/{name}" if parent else name
    token = service.token("writer", scope_of(repository, "pull", "push"))
    check.status("AUTH-27", service.start_upload(name, token), 401, 403, 404)


@requirement("AUTH-27", needs="push")
def test_token_for_one_repository_pulls_from_no_other(
    clients: Clients, check: Checks, given: Steps, content: Content, repository: str, another_repository: str
) -> None:
    service, blob = token_service(clients, repository), content.blob()
    given.blob(another_repository, blob)
    token = service.token("writer", scope_of(repository, "pull", "push"))
    check.refused("AUTH-27", service.get_blob(another_repository, blob.digest, token))


@requirement("AUTH-28", needs="push")
def test_token_for_another_type(clients: Clients, check: Checks, repository: str) -> None:
    service = token_service(clients, repository)
    answer = service.get("writer", f"registry:{repository}:pull,push")
    if not token_in(answer):
        unsupported(
            f"the registry issues no token of the type registry with the repository's name: status {answer.status}"
        )
    check.status("AUTH-28", service.start_upload(repository, token_in(answer)), 401, 403, 404)


@requirement("AUTH-23", needs="push")
def test_token_without_scope(clients: Clients, check: Checks, given: Steps, content: Content, repository: str) -> None:
    service, blob = token_service(clients, repository), content.blob()
    given.blob(repository, blob)
    answer = service.get("writer")
    check.status("AUTH-23", answer, 200)
    check.that("AUTH-23", bool(token_in(answer)), expected="a token", got="none", exchange=answer)
    check.refused("AUTH-23", service.get_blob(repository, blob.digest, token_in(answer)))
    check.refused("AUTH-23", service.start_upload(repository, token_in(answer)))


@requirement("AUTH-05", "AUTH-29", needs="push")
def test_mount_takes_a_token_for_its_source(
    clients: Clients, check: Checks, given: Steps, content: Content, repository: str, another_repository: str
) -> None:
    service, blob = token_service(clients, repository), content.blob()
    given.blob(another_repository, blob)
    here, there = scope_of(repository, "pull", "push"), scope_of(another_repository, "pull")

    def mount(client: Client) -> Exchange:
        return client.mount(repository, blob.digest, source=another_repository)

    without = mount(clients.bearing(service.token("writer", here)))
    check.that("AUTH-29", without.status != 201, expected="no mount", got="status 201", exchange=without)
    mounted = mount(clients.bearing(service.token("writer", here, there)))
    if mounted.status != 201:
        unsupported(f"a mount with a token for both repositories answered {mounted.status}")
    asked = mount(clients.silent())
    challenge = challenge_of(asked, "bearer")
    scope = challenge.fields.get("scope", "") if challenge else ""
    named = resources(scope).get(Resource("repository", another_repository), frozenset())
    check.that("AUTH-05", "pull" in named, expected=f"a scope with {there}", got=scope or "no scope", exchange=asked)


@requirement("AUTH-31", needs="push")
def test_token_for_another_service(clients: Clients, check: Checks, repository: str) -> None:
    service = token_service(clients, repository)
    answer = service.get("writer", scope_of(repository, "pull", "push"), service="another.example")
    if not token_in(answer):
        unsupported(f"the token service issues no token for another service: status {answer.status}")
    check.refused("AUTH-31", service.start_upload(repository, token_in(answer)))


@requirement("AUTH-32")
def test_token_past_its_time(check: Checks, variant: Callable[..., Variant]) -> None:
    now = [1_700_000_000.0]
    made = variant(clock=lambda: now[0])
    repository = made.place()
    service = token_service(made.clients, repository)
    token = service.token("writer", scope_of(repository, "pull", "push"))
    check.status("AUTH-32", service.start_upload(repository, token), 202)
    now[0] += HOUR
    check.refused("AUTH-32", service.start_upload(repository, token))


@requirement("AUTH-07", "AUTH-33", needs="push")
def test_token_that_nobody_issued(clients: Clients, check: Checks, repository: str) -> None:
    service = token_service(clients, repository)
    token = service.token("writer", scope_of(repository, "pull", "push"))
    for how, made in forged(token).items():
        answer = service.start_upload(repository, made)
        got = f"status {answer.status} for a token that was {how}"
        check.that("AUTH-33", 400 <= answer.status < 500, expected="a status 4xx", got=got, exchange=answer)
        challenge = challenge_of(answer, "bearer")
        error = challenge.fields.get("error", "no error") if challenge else "no challenge"
        if check.status("AUTH-07", answer, 401):
            check.that("AUTH-07", error == "invalid_token", expected="invalid_token", got=error, exchange=answer)


@requirement("AUTH-10", needs="push")
@pytest.mark.parametrize("scheme", ["bearer", "BEARER"])
def test_case_of_the_scheme(clients: Clients, check: Checks, repository: str, scheme: str) -> None:
    service = token_service(clients, repository)
    token = service.token("writer", scope_of(repository, "pull", "push"))
    check.status("AUTH-10", clients.bearing(token, scheme=scheme).start_upload(repository), 202)
