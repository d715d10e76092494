"""Credentials as requests carry them, and what challenges say."""

from __future__ import annotations

import base64

from werkzeug.http import parse_dict_header
from werkzeug.test import TestResponse

from tests.fakereg.client import RegistryClient, stored_package

CONTAINER = "octocat/monalisa"
"""A package of the Container registry."""


def basic(user: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()}


def bearer(client: RegistryClient, secret: str, scope: str, **headers: str) -> dict[str, str]:
    """The header with a token for octocat and this scope."""
    answer = client.get("/token", query_string={"scope": scope}, headers={**basic("octocat", secret), **headers})
    return {"Authorization": f"Bearer {answer.get_json()['token']}"}


def challenge(response: TestResponse) -> tuple[str, dict[str, str | None]]:
    scheme, _, fields = response.headers["WWW-Authenticate"].partition(" ")
    return scheme, parse_dict_header(fields)


def publish(client: RegistryClient, name: str = CONTAINER, visibility: str = "public", repository: str = "") -> None:
    stored_package(client.registry, name, visibility=visibility, repository=repository)
