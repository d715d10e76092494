"""Fixtures of the end-to-end tests: engines, clients, and a server process on each storage."""

import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.e2e.clients import Browser, Docker, Skopeo, connect, engine_hosts, require_command
from tests.e2e.ghes import Instance, serving_instance
from tests.e2e.hosts import HOSTNAME
from tests.e2e.registry_image import build_proxy_image, build_registry_image
from tests.e2e.server import Server, serving


@pytest.fixture(scope="session", params=engine_hosts(), ids=lambda host: host.rsplit("/", 1)[-1])
def docker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Docker:
    """The docker command on each of the engines to test with."""
    return connect(request.param, tmp_path_factory.mktemp("docker-settings"))


@pytest.fixture
def stranger(docker: Docker, tmp_path: Path) -> Docker:
    """The docker command on each of the engines, logged in nowhere."""
    return replace(docker, settings=tmp_path / "docker-settings")


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    """An instance of GitHub Enterprise Server with subdomain isolation."""
    with serving_instance(tmp_path) as running:
        yield running


@pytest.fixture(scope="session")
def first_engine(tmp_path_factory: pytest.TempPathFactory) -> Docker:
    """The docker command on the first of the engines: the one that can run containers."""
    return connect(engine_hosts()[0], tmp_path_factory.mktemp("docker-settings"))


@pytest.fixture(scope="session")
def skopeo() -> Skopeo:
    """The skopeo command."""
    return Skopeo(require_command("skopeo"))


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Browser:
    """Chromium, for the pages of an instance."""
    return Browser(require_command("chromium"), tmp_path_factory.mktemp("chromium"), HOSTNAME)


@pytest.fixture
def seed() -> int:
    """The seed of the test's content, new in each run: engines and clients remember layers that they have seen."""
    return secrets.randbelow(2**32)


@pytest.fixture(params=["memory", "directory"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """A fresh `fakereg serve` on each of the storages."""
    storage = "memory" if request.param == "memory" else f"directory:{tmp_path / 'store'}"
    with serving(storage, tmp_path / "requests.log") as running:
        yield running


@pytest.fixture(scope="session")
def registry_image(first_engine: Docker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of an image, on the first engine, that runs Debian's docker-registry on port 5000."""
    tag = f"fakereg-test/docker-registry:2.8.2-{secrets.token_hex(4)}"
    build_registry_image(first_engine, tag, tmp_path_factory.mktemp("docker-registry"))
    yield tag
    first_engine.remove(tag)


@pytest.fixture(scope="session")
def proxy_image(first_engine: Docker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of an image, on the first engine, that has Debian's nginx."""
    tag = f"fakereg-test/nginx:{secrets.token_hex(4)}"
    build_proxy_image(first_engine, tag, tmp_path_factory.mktemp("nginx"))
    yield tag
    first_engine.remove(tag)
