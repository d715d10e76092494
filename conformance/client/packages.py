"""The packages API of GitHub Enterprise Server and its pages, one method per endpoint.

Source: "REST API endpoints for packages". The API is below `/api/v3` of the instance's own host.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from conformance.client.client import Client
from conformance.client.exchange import Exchange, Header
from conformance.client.reading import pages_from

API = "/api/v3"
DOCKER, CONTAINER = "docker", "container"
"""The types of packages that are images."""

_ACCEPT: Header = ("Accept", "application/vnd.github+json")


@dataclass(frozen=True, slots=True)
class Packages:
    """The packages of one type of an organization, through a client of the host of the API."""

    client: Client
    owner: str
    type: str

    def list_packages(self, **parameters: str | int) -> Exchange:
        """GET the packages of the type: `visibility`, `page` and `per_page` narrow it."""
        return self._send("GET", "/packages", {"package_type": self.type, **parameters})

    def get_package(self, name: str) -> Exchange:
        """GET one package."""
        return self._send("GET", self._path(name))

    def delete_package(self, name: str) -> Exchange:
        """DELETE a package with all its versions."""
        return self._send("DELETE", self._path(name))

    def restore_package(self, name: str) -> Exchange:
        """POST that undoes the deletion of a package."""
        return self._send("POST", self._path(name) + "/restore")

    def list_versions(self, name: str, **parameters: str | int) -> Exchange:
        """GET the versions of a package: `state`, `page` and `per_page` narrow them."""
        return self._send("GET", self._path(name) + "/versions", parameters)

    def get_version(self, name: str, id: object) -> Exchange:
        """GET one version."""
        return self._send("GET", f"{self._path(name)}/versions/{id}")

    def delete_version(self, name: str, id: object) -> Exchange:
        """DELETE one version."""
        return self._send("DELETE", f"{self._path(name)}/versions/{id}")

    def restore_version(self, name: str, id: object) -> Exchange:
        """POST that undoes the deletion of a version."""
        return self._send("POST", f"{self._path(name)}/versions/{id}/restore")

    def list_conflicts(self) -> Exchange:
        """GET the packages of the Docker registry whose names are taken in the Container registry."""
        return self._send("GET", "/docker/conflicts")

    def get_page(self, url: str) -> Exchange:
        """GET a page for people."""
        return self.client.request("GET", url, headers=[("Accept", "text/html")])

    def pages(self, first: Exchange) -> list[dict[str, Any]]:
        """Return the entries of a list and of its next pages."""
        pages = pages_from(first, lambda url: self.client.request("GET", url, headers=[_ACCEPT]))
        return [entry for page in pages for entry in entries(page)]

    def _path(self, name: str) -> str:
        return f"/packages/{self.type}/{quote(name, safe='')}"

    def _send(self, method: str, path: str, parameters: Mapping[str, str | int] | None = None) -> Exchange:
        query = f"?{urlencode(parameters)}" if parameters else ""
        return self.client.request(method, f"{API}/orgs/{self.owner}{path}{query}", headers=[_ACCEPT])


def name_of(repository: str, type: str) -> str:
    """Return the name of an image's package: IMAGE_NAME in the Docker registry, else all except the owner."""
    return repository.rpartition("/")[2] if type == DOCKER else repository.partition("/")[2]


def document(exchange: Exchange) -> dict[str, Any]:
    """Return the JSON object of an answer; empty without one."""
    found = exchange.json()
    return found if isinstance(found, dict) else {}


def entries(exchange: Exchange) -> list[dict[str, Any]]:
    """Return the objects in the JSON list of an answer; empty without one."""
    found = exchange.json()
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def tags_of(version: Mapping[str, Any]) -> list[str]:
    """Return the tags of a version, which the Docker registry has under `tag` or, in another schema, `tags`."""
    metadata = version.get("metadata")
    kind = metadata.get("package_type") if isinstance(metadata, dict) else None
    found = metadata.get(kind) if isinstance(metadata, dict) and isinstance(kind, str) else None
    tags = (found.get("tags") or found.get("tag")) if isinstance(found, dict) else None
    return [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []
