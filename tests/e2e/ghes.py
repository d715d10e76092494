"""`fakereg serve` as an instance of GitHub Enterprise Server: two registries at names of one machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import urllib3

from fakereg.auth.sample import SAMPLE_TOKENS
from tests.e2e.hosts import HOSTNAME, require_names
from tests.e2e.server import Server, serving

USER = "octocat"
REPOSITORY = "octocat/octo-app/monalisa"
"""The image of the documentation's examples; the sample's accounts have its repository."""

PASSWORD = "octocat-password"
READ_TOKEN = SAMPLE_TOKENS[("read:packages",)]
WRITE_TOKEN = SAMPLE_TOKENS[("read:packages", "write:packages")]
ALL_TOKEN = next(secret for scopes, secret in SAMPLE_TOKENS.items() if "repo" in scopes)
SCOPELESS_TOKEN = SAMPLE_TOKENS[()]
ACTIONS_TOKEN = "ghs_OctoApp00000000000000000000000000000"
"""A GITHUB_TOKEN of octocat/octo-app."""

UNAUTHENTICATED = "Your request could not be authenticated by the GitHub Packages service"


@dataclass(frozen=True)
class Instance:
    """A running instance, and whether it has subdomain isolation."""

    server: Server
    isolated: bool

    def at(self, subdomain: str) -> str:
        """The host `SUBDOMAIN.HOSTNAME:PORT`, or `HOSTNAME:PORT` for no subdomain."""
        return f"{subdomain}.{HOSTNAME}:{self.server.port}".removeprefix(".")

    @property
    def docker_registry(self) -> str:
        """Where the documentation says that the Docker registry is (GHD-14, GHD-15)."""
        return self.at("docker" if self.isolated else "")

    @property
    def container_registry(self) -> str:
        """Where the Container registry is, with isolation (GHC-01)."""
        return self.at("containers")

    def stored(self) -> list[str]:
        """The lines of the log that tell of something stored."""
        return self.server.log(" 201 ")


def tags_at(host: str, repository: str) -> list[str]:
    """The tags of an image of the Docker registry; none if there is no such image."""
    headers = urllib3.make_headers(basic_auth=f"{USER}:{READ_TOKEN}")
    answer = urllib3.request("GET", f"http://{host}/v2/{repository}/tags/list", headers=headers, retries=False)
    assert answer.status in {200, 404}, answer.data
    return list(answer.json().get("tags", []))


@contextmanager
def serving_instance(folder: Path, *options: str, isolated: bool = True) -> Iterator[Instance]:
    """An instance with the accounts of the sample, or those of `--config`, while the context lasts."""
    require_names()
    registries = ("--dialect", "github-docker", "--dialect", "github-container")
    isolation = "--subdomain-isolation" if isolated else "--no-subdomain-isolation"
    names = ("--hostname", HOSTNAME, isolation)
    with serving("memory", folder / "requests.log", *registries, *names, *options) as server:
        yield Instance(server, isolated)
