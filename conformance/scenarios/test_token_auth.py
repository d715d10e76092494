"""Challenges, and tokens asked for with GET ("Docker Registry v2 authentication via central service")."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from conformance.checks.checks import Checks
from conformance.client.client import ACCEPT
from conformance.client.content import Content
from conformance.client.credentials import Challenge, Resource, challenge_of, resources, token_in
from conformance.client.exchange import Exchange
from conformance.client.steps import Steps
from conformance.client.tokens import document_of, scope_of
from conformance.scene.actors import Clients, Variant, not_applicable
from conformance.scene.requirement import requirement
from conformance.scene.token_service import token_service

CATALOG = "registry:catalog:*"
RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]00:00)")


def _challenge(check: Checks, answer: Exchange) -> Challenge:
    """Return the Bearer challenge of an answer, after checking it."""
    check.status("AUTH-01", answer, 401)
    found = challenge_of(answer, "bearer")
    realm = found.fields.get("realm", "") if found else ""
    ok = re.fullmatch(r"https?://[^/\s]+\S*", realm) is not None
    wanted = 'WWW-Authenticate: Bearer realm="URL",...'
    got = answer.header("WWW-Authenticate") or "no WWW-Authenticate"
    check.that("AUTH-02", ok, expected=wanted, got=got, exchange=answer)
    found = found or Challenge("bearer", {})
    check.that("AUTH-03", bool(found.fields.get("service")), expected="a service", got=got, exchange=answer)
    return found


@requirement("AUTH-01", "AUTH-02", "AUTH-03", "AUTH-04", "AUTH-06")
@pytest.mark.parametrize(
    ("method", "path", "action"),
    [
        ("GET", "tags/list", "pull"),
        ("GET", "manifests/v1", "pull"),
        ("GET", "blobs/{digest}", "pull"),
        ("POST", "blobs/uploads/", "push"),
        ("PUT", "manifests/v1", "push"),
    ],
)
def test_challenge(
    clients: Clients, check: Checks, content: Content, repository: str, method: str, path: str, action: str
) -> None:
    url = f"/v2/{repository}/{path.format(digest=content.missing_digest())}"
    body = content.image().data if method == "PUT" else b""
    answer = clients.silent().request(method, url, headers=[("Accept", ACCEPT)], body=body)
    challenge = _challenge(check, answer)
    scope = challenge.fields.get("scope", "")
    named = resources(scope).get(Resource("repository", repository), frozenset())
    wanted = f"a scope with {scope_of(repository, action)}"
    check.that("AUTH-04", action in named, expected=wanted, got=scope or "no scope", exchange=answer)
    error = challenge.fields.get("error", "")
    check.that("AUTH-06", not error, expected="no error", got=error, exchange=answer)


@requirement("AUTH-01", "AUTH-02", "AUTH-03")
def test_challenge_to_whoever_looks_first(clients: Clients, check: Checks) -> None:
    answer = clients.silent().ping()
    if answer.status == 200:
        not_applicable("GET /v2/ is answered without a token")
    _challenge(check, answer)


@requirement("AUTH-09", "AUTH-11", "AUTH-12", "AUTH-13", "AUTH-14")
def test_token(clients: Clients, check: Checks, repository: str) -> None:
    service = token_service(clients, repository)
    answer = service.get("writer", *service.scopes)
    check.status("AUTH-11", answer, 200)
    token, document = token_in(answer), document_of(answer)
    check.that("AUTH-11", bool(token), expected="a token", got="none", exchange=answer)
    both = [document[name] for name in ("token", "access_token") if name in document]
    check.that("AUTH-12", both.count(token) == len(both), expected="one token", got=f"{len(both)}", exchange=answer)
    if "expires_in" in document:
        seconds = document["expires_in"]
        ok = isinstance(seconds, int | float) and not isinstance(seconds, bool) and seconds >= 60
        check.that("AUTH-13", ok, expected="expires_in of 60 or more", got=seconds, exchange=answer)
    if "issued_at" in document:
        time = document["issued_at"]
        ok = isinstance(time, str) and RFC3339.fullmatch(time) is not None
        check.that("AUTH-14", ok, expected="issued_at such as 2009-11-10T23:00:00Z", got=time, exchange=answer)
    check.status("AUTH-09", clients.bearing(token).list_tags(repository), 200, 404)


@requirement("AUTH-15", needs="push")
def test_token_for_several_scopes(clients: Clients, check: Checks, repository: str, another_repository: str) -> None:
    service = token_service(clients, repository)
    names = (repository, another_repository)
    answer = service.get("writer", *(scope_of(name, "pull", "push") for name in names))
    check.status("AUTH-15", answer, 200)
    for name in names:
        check.status("AUTH-15", service.start_upload(name, token_in(answer)), 202)


@requirement("AUTH-16", "AUTH-17", needs="push")
def test_token_for_a_part_of_what_was_asked_for(
    clients: Clients, check: Checks, given: Steps, content: Content, repository: str
) -> None:
    blob, service = content.blob(), token_service(clients, repository)
    given.blob(repository, blob)
    answer = service.get("reader", scope_of(repository, "pull", "push", "frobnicate"))
    check.status("AUTH-16", answer, 200)
    check.status("AUTH-16", service.get_blob(repository, blob.digest, token_in(answer)), 200)
    check.refused("AUTH-17", service.start_upload(repository, token_in(answer)))


@requirement("AUTH-16", "AUTH-17", needs="push")
def test_token_for_nothing_of_what_was_asked_for(
    clients: Clients, check: Checks, given: Steps, content: Content, repository: str
) -> None:
    blob, service = content.blob(), token_service(clients, repository)
    given.blob(repository, blob)
    answer = service.get("stranger", scope_of(repository, "pull", "push"))
    check.status("AUTH-16", answer, 200)
    check.that("AUTH-16", bool(token_in(answer)), expected="a token", got="none", exchange=answer)
    check.refused("AUTH-17", service.get_blob(repository, blob.digest, token_in(answer)))
    check.refused("AUTH-17", service.start_upload(repository, token_in(answer)))


@requirement("AUTH-18", "AUTH-19", needs="push")
def test_wrong_credentials(clients: Clients, check: Checks, given: Steps, content: Content, repository: str) -> None:
    blob, service = content.blob(), token_service(clients, repository)
    given.blob(repository, blob)
    answer = service.get("wrong", scope_of(repository, "pull", "push"))
    check.status("AUTH-18", answer, 401)
    check.refused("AUTH-19", service.get_blob(repository, blob.digest, token_in(answer)))


@requirement("AUTH-11", "AUTH-20", needs="push")
def test_token_for_nobody(clients: Clients, check: Checks, given: Steps, content: Content, repository: str) -> None:
    blob, service = content.blob(), token_service(clients, repository)
    given.blob(repository, blob)
    answer = service.get("nobody", scope_of(repository, "pull", "push"))
    if answer.status == 200:
        check.that("AUTH-11", bool(token_in(answer)), expected="a token", got="none", exchange=answer)
    check.refused("AUTH-20", service.get_blob(repository, blob.digest, token_in(answer)))
    check.refused("AUTH-20", service.start_upload(repository, token_in(answer)))


@requirement("AUTH-21")
def test_token_for_everybody(check: Checks, content: Content, variant: Callable[..., Variant]) -> None:
    made = variant(rights="open", anonymous_pull=True)
    repository, blob = made.place(), content.blob()
    made.given.blob(repository, blob)
    service = token_service(made.clients, repository)
    answer = service.get("nobody", scope_of(repository, "pull"))
    check.status("AUTH-21", answer, 200)
    check.body("AUTH-21", service.get_blob(repository, blob.digest, token_in(answer)), blob.data)


@requirement("AUTH-22")
def test_client_nobody_has_registered(clients: Clients, check: Checks, content: Content, repository: str) -> None:
    service = token_service(clients, repository)
    account, name = service.identity("writer").username, f"client {content.word()} ~1.0/!"
    answer = service.get("writer", scope_of(repository, "pull"), client_id=name, account=account)
    check.status("AUTH-22", answer, 200)
    check.that("AUTH-22", bool(token_in(answer)), expected="a token", got="none", exchange=answer)


@requirement("AUTH-24", "AUTH-25", needs="push")
@pytest.mark.parametrize(
    ("key", "scopes"),
    [
        ("AUTH-24", ["repository(plugin):{}:pull,push"]),
        ("AUTH-25", ["repository:registry.example:5000/{}:pull", "repository:{}:pull,push"]),
    ],
    ids=["class", "port"],
)
def test_unusual_scope(clients: Clients, check: Checks, repository: str, key: str, scopes: list[str]) -> None:
    service = token_service(clients, repository)
    answer = service.get("writer", *(scope.format(repository) for scope in scopes))
    check.status(key, answer, 200)
    check.status(key, service.start_upload(repository, token_in(answer)), 202)


@requirement("AUTH-28", "AUTH-30")
def test_catalog(clients: Clients, check: Checks, repository: str) -> None:
    asked = clients.silent().catalog()
    challenge = challenge_of(asked, "bearer")
    if challenge is None:
        not_applicable(f"the catalog without a token answered {asked.status}, with no challenge")
    service = token_service(clients, repository)
    listed = clients.bearing(service.token("writer", *dict.fromkeys([*challenge.scopes, CATALOG]))).catalog()
    if listed.status != 200:
        not_applicable(f"the catalog with a token for it answered {listed.status}")
    scope = challenge.fields.get("scope", "")
    actions = resources(scope).get(Resource("registry", "catalog"), frozenset())
    check.that("AUTH-30", "*" in actions, expected=f"the scope {CATALOG}", got=scope or "no scope", exchange=asked)
    token = service.token("writer", scope_of(repository, "pull", "push"))
    check.refused("AUTH-28", clients.bearing(token).catalog())
