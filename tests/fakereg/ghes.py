"""An instance of GitHub Enterprise Server for tests: both registries, the API and the pages, each at its host."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Mapping
from typing import Any

from werkzeug.test import TestResponse

from fakereg import Registry
from fakereg.auth.accounts import Accounts
from fakereg.clock import ManualClock
from fakereg.github.model import Version
from fakereg.spec.names import Digest, Name
from tests.fakereg.client import RegistryClient, descriptor, docker_image

HOSTNAME = "ghes.test"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
DOCKER_NAME, DOCKER = "octo-org/service/monalisa", "/api/v3/orgs/octo-org/packages/docker/monalisa"
"""An image of the Docker registry, and where the API has it; likewise of the Container registry."""

NAME, CONTAINER = "octo-org/team/monalisa", "/api/v3/orgs/octo-org/packages/container/team%2Fmonalisa"
LIST = "/api/v3/orgs/octo-org/packages"

ALL = ("read:packages", "write:packages", "delete:packages", "repo")


class HostClient(RegistryClient):
    """Requests to one host of an instance, with the credentials of one user."""

    def __init__(self, registry: Registry, host: str, *, scheme: str, user: str = "", secret: str = "") -> None:
        super().__init__(registry)
        self.base_url = f"http://{host}"
        if secret:
            pair = base64.b64encode(f"{user}:{secret}".encode()).decode()
            self.authorization = f"{scheme} {pair}"

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        """Send a request."""
        kwargs.setdefault("base_url", self.base_url)
        return super().open(*args, **kwargs)

    def publish(
        self, name: str, tag: str, *, labels: Mapping[str, Any] | None = None, layer: bytes = b"layer"
    ) -> Digest:
        """Push an image of Docker's format, with labels, by tag."""
        config = json.dumps({"config": {"Labels": labels}, "marker": layer.hex()}).encode()
        layers = [descriptor(DOCKER_LAYER, self.push_blob(name, layer), len(layer))]
        document = docker_image(self.push_blob(name, config), *layers)
        response = self.put_manifest(name, tag, document)
        assert response.status_code == 201, response.text
        return Digest.of(json.dumps(document).encode())


class Ghes:
    """octocat owns the organization octo-org, of which hubot is a member; mona is nobody there.

    There are the repositories octocat/octo-app (private), octo-org/service (private) and octo-org/site (public).
    """

    def __init__(self, **options: Any) -> None:
        self.clock = ManualClock()
        self.accounts = Accounts(clock=self.clock)
        self._add_accounts()
        self.options = {"dialect": ["github-docker", "github-container"], "hostname": HOSTNAME, **options}
        self.registry = Registry(accounts=self.accounts, clock=self.clock, **self.options)

    def another(self, **options: Any) -> Ghes:
        """A second server with the same accounts, clock and options, but for these."""
        made = copy.copy(self)
        made.options = {**self.options, **options}
        made.registry = Registry(accounts=self.accounts, clock=self.clock, **made.options)
        return made

    def restarted(self) -> Ghes:
        """The server after a restart."""
        self.registry.close()
        return self.another()

    def _add_accounts(self) -> None:
        for user in ("octocat", "hubot", "mona"):
            self.accounts.add_user(user, password=f"{user}-password")
        self.accounts.add_organization("octo-org", owners=["octocat"], members=["hubot"])
        self.accounts.add_repository("octocat/octo-app")
        self.accounts.add_repository("octo-org/service", roles={"mona": "admin"})
        self.accounts.add_repository("octo-org/site", visibility="public")

    def secret(self, user: str, *scopes: str) -> str:
        """A new classic token, with all scopes by default."""
        return self.accounts.add_classic_token(user, scopes or ALL)

    def docker(self, user: str = "octocat", secret: str = "") -> HostClient:
        """A client of the Docker registry."""
        return self._client("docker.", "Basic", user, secret)

    def containers(self, user: str = "octocat", secret: str = "") -> HostClient:
        """A client of the Container registry."""
        return self._client("containers.", "Bearer", user, secret)

    def api(self, user: str = "octocat", secret: str = "") -> HostClient:
        """A client of API and pages."""
        return self._client("", "Basic", user, secret)

    def client(self, subdomain: str, user: str, secret: str) -> HostClient:
        """A client of the host with this subdomain, or of API and pages if it is empty."""
        return self._client(subdomain, "Bearer" if subdomain == "containers." else "Basic", user, secret)

    def stranger(self, subdomain: str = "") -> HostClient:
        """A client without credentials."""
        return HostClient(self.registry, f"{subdomain}{HOSTNAME}", scheme="")

    def package(self, type: str, name: str) -> Any:
        """What the registry knows of a package, or None."""
        site = self.registry.github.site(type)
        assert site is not None
        return self.registry.github.packages.find(site, Name(name))

    def versions(self, type: str, name: str) -> dict[str, Version]:
        """The versions of a package by name, the newest first."""
        site, package = self.registry.github.site(type), self.package(type, name)
        assert site is not None
        return {version.name: version for version in self.registry.github.packages.versions(site, package)}

    def _client(self, subdomain: str, scheme: str, user: str, secret: str) -> HostClient:
        secret = secret or self.secret(user)
        return HostClient(self.registry, f"{subdomain}{HOSTNAME}", scheme=scheme, user=user, secret=secret)


def titles(client: HostClient, path: str, **arguments: str) -> list[str]:
    """The names of the packages in a list."""
    response = client.get(path, query_string=arguments or None)
    assert response.status_code == 200, response.text
    return [package["name"] for package in response.get_json()]
