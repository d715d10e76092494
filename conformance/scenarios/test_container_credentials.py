"""Credentials of the Container registry of GitHub Packages: how it asks for them, and which ones it accepts."""

from __future__ import annotations

from base64 import b64encode

from conformance.checks.checks import Checks
from conformance.client.client import Client
from conformance.client.content import Content
from conformance.client.credentials import basic, challenge_of, token_url
from conformance.client.exchange import Exchange
from conformance.client.steps import Steps
from conformance.scene.actors import Clients, Places
from conformance.scene.requirement import requirement

PLACEHOLDER = "repository:user/image:pull"
NO_CREDENTIALS = "authentication required"
NO_TOKEN = "authentication token not provided"
BAD_TOKEN = "unauthenticated: User cannot be authenticated with the token provided."
JUNK = "QQ=="


def with_authorization(client: Client, repository: str, value: str) -> Exchange:
    """List the tags of a repository with this Authorization header."""
    return client.request("GET", f"/v2/{repository}/tags/list", headers=[("Authorization", value)])


def asks_for_token(check: Checks, answer: Exchange, scope: str) -> None:
    """Check that the answer asks for a token with a scope, and names the token endpoint."""
    check.status("GHC-03", answer, 401)
    challenge = challenge_of(answer, "bearer")
    fields = challenge.fields if challenge else {}
    ok = fields.get("realm", "").startswith(("https://", "http://")) and bool(fields.get("service"))
    got = answer.header("WWW-Authenticate") or "no WWW-Authenticate"
    wanted = f'WWW-Authenticate: Bearer realm="URL",service="...",scope="{scope}"'
    check.that("GHC-03", ok and fields.get("scope") == scope, expected=wanted, got=got, exchange=answer)


@requirement("GHC-03")
def test_challenge_of_a_login(clients: Clients, check: Checks) -> None:
    asks_for_token(check, clients.silent().ping(), PLACEHOLDER)


@requirement("GHC-03")
def test_challenge_of_a_resource(clients: Clients, check: Checks, place: Places) -> None:
    for repository in (place(), place("public")):
        answer = clients.silent().list_tags(repository)
        asks_for_token(check, answer, f"repository:{repository}:pull")
        check.error("GHC-03", answer, "UNAUTHORIZED", message=NO_CREDENTIALS)


@requirement("GHC-03")
def test_token_for_bad_credentials(clients: Clients, check: Checks, repository: str) -> None:
    wrong, client = clients.find("wrong"), clients.silent()
    challenge = challenge_of(client.list_tags(repository), "bearer")
    fields = challenge.fields if challenge else {}
    url = token_url(fields.get("realm", ""), service=fields.get("service", ""), scopes=[fields.get("scope", "")])
    answer = client.request("GET", url, headers=[("Authorization", basic(wrong.username, wrong.secret))])
    check.refused("GHC-03", answer)
    check.error("GHC-03", answer, "DENIED", message="denied")


@requirement("GHC-03")
def test_basic_credentials(clients: Clients, check: Checks, repository: str) -> None:
    writer = clients.find("writer")
    answer = with_authorization(clients.silent(), repository, basic(writer.username, writer.secret))
    check.refused("GHC-03", answer)
    check.error("GHC-03", answer, "DENIED", message="invalid token")
    check.no_header("GHC-03", answer, "WWW-Authenticate")


@requirement("GHC-03")
def test_bad_token(clients: Clients, check: Checks, repository: str) -> None:
    for value, message in (("Bearer", NO_TOKEN), (f"Bearer {JUNK}", BAD_TOKEN)):
        answer = with_authorization(clients.silent(), repository, value)
        check.status("GHC-03", answer, 401)
        check.error("GHC-03", answer, "UNAUTHORIZED", message=message)


@requirement("GHC-03")
def test_credentials_as_a_token(
    clients: Clients, check: Checks, given: Steps, content: Content, repository: str
) -> None:
    given.manifest(repository, content.image(), "v1")
    writer = clients.find("writer")
    for text in (writer.secret, f"{writer.username}:{writer.secret}"):
        value = f"Bearer {b64encode(text.encode()).decode()}"
        check.status("GHC-03", with_authorization(clients.silent(), repository, value), 200)


@requirement("GHC-03")
def test_any_token_for_public_images(
    clients: Clients, check: Checks, given: Steps, content: Content, place: Places
) -> None:
    repository = place("public")
    given.manifest(repository, content.image(), "v1")
    check.status("GHC-03", with_authorization(clients.silent(), repository, f"Bearer {JUNK}"), 200)
