"""Tokens asked for with POST, and refresh tokens ("Docker Registry v2 authentication using OAuth2")."""

from __future__ import annotations

import pytest

from conformance.checks.checks import Checks
from conformance.client.credentials import resources, token_in
from conformance.client.exchange import Exchange
from conformance.client.tokens import document_of, scope_of, text_in
from conformance.scene.actors import Clients, unsupported
from conformance.scene.requirement import requirement
from conformance.scene.token_service import token_service


def _granted(check: Checks, answer: Exchange, asked: str, *actions: str) -> None:
    """Check the scope of an answer: it must have these actions, and no others than requested."""
    scope, wanted = document_of(answer).get("scope"), resources(asked)
    found = resources(scope) if isinstance(scope, str) else None
    expected = f"a scope with {','.join(actions) or 'no action'} of {asked}"
    granted = {resource: names for resource, names in (found or {}).items() if names}
    ok = found is not None and granted == {resource: frozenset(actions) for resource in wanted if actions}
    check.that("AUTH-40", ok, expected=expected, got=scope, exchange=answer)


@requirement("AUTH-39", "AUTH-40", "AUTH-41", needs="push")
def test_password(clients: Clients, check: Checks, repository: str) -> None:
    service, scope = token_service(clients, repository), scope_of(repository, "pull", "push")
    answer = service.post(service.form("writer", scope=scope))
    check.status("AUTH-39", answer, 200)
    token, seconds = text_in(answer, "access_token"), document_of(answer).get("expires_in")
    check.that("AUTH-39", bool(token), expected="an access_token", got="none", exchange=answer)
    ok = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    check.that("AUTH-41", ok, expected="expires_in", got=seconds, exchange=answer)
    check.status("AUTH-39", service.start_upload(repository, token), 202)
    _granted(check, answer, scope, "pull", "push")


@requirement("AUTH-17", "AUTH-40", needs="push")
def test_scope_in_the_answer(clients: Clients, check: Checks, repository: str) -> None:
    service, scope = token_service(clients, repository), scope_of(repository, "pull", "push")
    answer = service.post(service.form("reader", scope=scope))
    _granted(check, answer, scope, "pull")
    check.refused("AUTH-17", service.start_upload(repository, token_in(answer)))


@requirement("AUTH-15", needs="push")
def test_list_of_scopes(clients: Clients, check: Checks, repository: str, another_repository: str) -> None:
    service, names = token_service(clients, repository), (repository, another_repository)
    scope = " ".join(scope_of(name, "pull", "push") for name in names)
    answer = service.post(service.form("writer", scope=scope))
    check.status("AUTH-15", answer, 200)
    for name in names:
        check.status("AUTH-15", service.start_upload(name, token_in(answer)), 202)


@requirement("AUTH-42")
@pytest.mark.parametrize("field", ["grant_type", "service", "client_id", "username", "password"])
def test_missing_field(clients: Clients, check: Checks, repository: str, field: str) -> None:
    service = token_service(clients, repository)
    fields = service.form("writer", scope=scope_of(repository, "pull"))
    del fields[field]
    check.refused("AUTH-42", service.post(fields))


@requirement("AUTH-42")
def test_missing_refresh_token(clients: Clients, check: Checks, repository: str) -> None:
    service = token_service(clients, repository)
    fields = service.refresh_form("", scope=scope_of(repository, "pull"))
    del fields["refresh_token"]
    check.refused("AUTH-42", service.post(fields))


@requirement("AUTH-43")
@pytest.mark.parametrize("what", ["password", "grant type", "refresh token"])
def test_grant_that_does_not_count(clients: Clients, check: Checks, repository: str, what: str) -> None:
    service = token_service(clients, repository)
    if what == "refresh token":
        fields = service.refresh_form("made-up", scope=scope_of(repository, "pull"))
    else:
        who = "wrong" if what == "password" else "writer"
        fields = service.form(who, scope=scope_of(repository, "pull"))
    if what == "grant type":
        fields["grant_type"] = "goodwill"
    check.refused("AUTH-43", service.post(fields))


@requirement("AUTH-34", "AUTH-38")
def test_refresh_token_is_asked_for(clients: Clients, check: Checks, repository: str) -> None:
    service = token_service(clients, repository)
    for more in ({}, {"access_type": "online"}):
        answer = service.post(service.form("writer", **more))
        found = "refresh_token" in document_of(answer)
        check.that("AUTH-34", not found, expected="no refresh_token", got="one", exchange=answer)
    answer = service.post(service.form("writer", access_type="offline"))
    refresh_token = text_in(answer, "refresh_token")
    check.that("AUTH-38", bool(refresh_token), expected="a refresh_token", got="none", exchange=answer)
    again = service.post(service.refresh_form(refresh_token, access_type="offline"))
    same = text_in(again, "refresh_token") == refresh_token
    check.that("AUTH-38", same, expected="the same refresh_token", got="none, or another", exchange=again)


@requirement("AUTH-34", "AUTH-35", needs="push")
def test_refresh_token_from_get(clients: Clients, check: Checks, repository: str) -> None:
    service, scope = token_service(clients, repository), scope_of(repository, "pull", "push")
    answer = service.get("writer", scope)
    found = "refresh_token" in document_of(answer)
    check.that("AUTH-34", not found, expected="no refresh_token", got="one", exchange=answer)
    answer = service.get("writer", offline_token="true")
    refresh_token = text_in(answer, "refresh_token")
    if not refresh_token:
        unsupported("GET with offline_token=true gives no refresh token")
    refreshed = service.post(service.refresh_form(refresh_token, scope=scope))
    check.status("AUTH-35", refreshed, 200)
    check.status("AUTH-35", service.start_upload(repository, token_in(refreshed)), 202)


@requirement("AUTH-35", needs="push")
def test_refresh_token_has_no_scope(clients: Clients, check: Checks, repository: str, another_repository: str) -> None:
    service = token_service(clients, repository)
    refresh_token = service.refresh_token("writer", scope=scope_of(repository, "pull"))
    fields = service.refresh_form(refresh_token, scope=scope_of(another_repository, "pull", "push"))
    answer = service.post(fields)
    check.status("AUTH-35", answer, 200)
    check.status("AUTH-35", service.start_upload(another_repository, token_in(answer)), 202)


@requirement("AUTH-17", "AUTH-35", needs="push")
def test_refresh_token_is_for_one_subject(clients: Clients, check: Checks, repository: str) -> None:
    service, scope = token_service(clients, repository), scope_of(repository, "pull", "push")
    writer = service.identity("writer")
    fields = service.refresh_form(service.refresh_token("reader"), scope=scope, username=writer.username)
    answer = service.post(fields)
    check.status("AUTH-35", answer, 200)
    check.refused("AUTH-17", service.start_upload(repository, token_in(answer)))


@requirement("AUTH-36")
def test_refresh_token_is_for_one_service(clients: Clients, check: Checks, repository: str) -> None:
    service = token_service(clients, repository)
    fields = service.refresh_form(service.refresh_token("writer"), scope=scope_of(repository, "pull"))
    check.refused("AUTH-36", service.post(fields | {"service": "another.example"}))


@requirement("AUTH-37", needs="push")
def test_refresh_token_at_the_registry(clients: Clients, check: Checks, repository: str) -> None:
    service = token_service(clients, repository)
    refresh_token = service.refresh_token("writer", scope=scope_of(repository, "pull", "push"))
    check.refused("AUTH-37", service.start_upload(repository, refresh_token))
