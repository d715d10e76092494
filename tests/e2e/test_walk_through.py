"""GitHub's page "Working with the Docker registry", command by command, on every engine.

The commands are those of the page, with HOST for `docker.HOSTNAME` or `HOSTNAME`, which here have a port.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import urllib3

from tests.e2e.clients import Browser, Docker
from tests.e2e.ghes import ALL_TOKEN, READ_TOKEN, REPOSITORY, USER, WRITE_TOKEN, Instance, serving_instance, tags_at
from tests.e2e.hosts import HOSTNAME
from tests.e2e.images import pull_anew, pushed_digest, write_context

FIRST_INCOMPATIBLE_ENGINE = 25
VERSION = "1.0"

LOGIN = "cat TOKEN.txt | docker login $HOST -u $USERNAME --password-stdin\n"
BUILD = """\
docker build -t $HOST/octocat/octo-app/monalisa:1.0 .
docker push $HOST/octocat/octo-app/monalisa:1.0
"""
TAG = """\
docker tag $IMAGE_ID $HOST/octocat/octo-app/monalisa:1.0
docker push $HOST/octocat/octo-app/monalisa:1.0
"""


@dataclass(frozen=True)
class Reader:
    """Somebody who follows the page: docker, a folder with TOKEN.txt and a Dockerfile, and the registry."""

    docker: Docker
    folder: Path
    host: str

    @property
    def image(self) -> str:
        """The page's name of the image."""
        return f"{self.host}/{REPOSITORY}:{VERSION}"

    def types(self, script: str, **variables: str) -> str:
        """Run commands of the page and return what they print."""
        return self.docker.shell(script, self.folder, HOST=self.host, USERNAME=USER, **variables).text


def read(docker: Docker, folder: Path, host: str, seed: int) -> Iterator[Reader]:
    """Somebody who begins to read; their images are removed at the end."""
    context = write_context(folder / "context", seed=seed)
    (context / "TOKEN.txt").write_text(f"{WRITE_TOKEN}\n")
    yield Reader(docker, context, host)
    docker.remove_named(host)


@pytest.fixture(params=[True, False], ids=["isolation", "no-isolation"])
def reader(request: pytest.FixtureRequest, stranger: Docker, tmp_path: Path, seed: int) -> Iterator[Reader]:
    """Somebody with an instance with subdomain isolation, and without."""
    with serving_instance(tmp_path, isolated=request.param) as instance:
        yield from read(stranger, tmp_path, instance.docker_registry, seed)


@pytest.fixture
def container_reader(instance: Instance, stranger: Docker, tmp_path: Path, seed: int) -> Iterator[Reader]:
    """Somebody who took the page's advice to use the Container registry."""
    yield from read(stranger, tmp_path, instance.container_registry, seed)


def pull_as_the_engine_can(reader: Reader) -> None:
    """Pull the image in vain with an engine that the page says is incompatible; else see it come back equal."""
    if reader.docker.engine >= FIRST_INCOMPATIBLE_ENGINE:
        reader.docker.remove_named(reader.host)
        text = reader.docker("pull", reader.image, ok=False).text
        assert re.search(r"unknown: .*MANIFEST_UNKNOWN.*Docker image reference monalisa:sha256:\w+ not found", text), (
            text
        )
        assert not reader.docker.has(reader.image)
    else:
        text = pull_anew(reader.docker, reader.image, reader.docker.inspect(reader.image))
        assert re.search(r"WARNING: .*Failed to pull manifest by the resolved digest", text), text
        assert re.search(r"falling back to\s+pull by tag", text), text


@pytest.mark.row("GHD-01")
@pytest.mark.row("GHD-05")
@pytest.mark.row("GHD-14")
@pytest.mark.row("GHD-15")
def test_an_image_that_is_built_is_pushed_and_pulled(reader: Reader) -> None:
    assert "Login Succeeded" in reader.types(LOGIN)
    pushed_digest(reader.types(BUILD), VERSION)
    pull_as_the_engine_can(reader)


@pytest.mark.row("GHD-01")
@pytest.mark.row("GHD-05")
def test_an_image_that_is_there_is_tagged_pushed_and_pulled(reader: Reader, seed: int) -> None:
    name = f"fakereg-test/monalisa-{seed:08x}"
    reader.docker.build(reader.folder, f"{name}:{VERSION}")
    try:
        reader.types(LOGIN)
        row = next(line.split() for line in reader.types("docker images").splitlines() if line.startswith(name))
        pushed_digest(reader.types(TAG, IMAGE_ID=row[2]), VERSION)
    finally:
        reader.docker("image", "rm", f"{name}:{VERSION}")
    pull_as_the_engine_can(reader)


@pytest.mark.row("GHD-23")
def test_the_package_that_was_published_is_viewed(reader: Reader, browser: Browser) -> None:
    digest = pushed_digest(reader.types(LOGIN + BUILD), VERSION)
    web = f"{HOSTNAME}:{reader.host.rpartition(':')[2]}"
    headers = urllib3.make_headers(basic_auth=f"{USER}:{ALL_TOKEN}")
    api = f"http://{web}/api/v3/users/octocat/packages/docker/monalisa"
    url = urllib3.request("GET", api, headers=headers, retries=False).json()["html_url"]
    page = browser(url.replace("://", f"://{USER}:{READ_TOKEN}@"), "--dump-dom").stdout
    assert f"<title>{REPOSITORY}</title>" in page
    assert f"docker pull {reader.image}" in page
    assert digest in page


@pytest.mark.row("GHD-05")
@pytest.mark.row("GHD-19")
def test_no_engine_pulls_by_digest(reader: Reader) -> None:
    digest = pushed_digest(reader.types(LOGIN + BUILD), VERSION)
    text = reader.docker("pull", f"{reader.host}/{REPOSITORY}@{digest}", ok=False).text
    assert re.search("manifest unknown|MANIFEST_UNKNOWN", text), text


@pytest.mark.row("GHD-18")
def test_a_repository_has_several_images_and_an_image_several_tags(reader: Reader) -> None:
    reader.types(LOGIN + BUILD)
    for name in ("monalisa:1.1", "mona:1.0"):
        image = f"{reader.host}/octocat/octo-app/{name}"
        reader.types(f"docker tag {reader.image} {image}\ndocker push {image}")
    tags = [tags_at(reader.host, f"octocat/octo-app/{name}") for name in ("monalisa", "mona")]
    assert tags == [["1.0", "1.1"], ["1.0"]]


@pytest.mark.row("GHC-01")
@pytest.mark.row("GHC-02")
@pytest.mark.row("GHC-07")
@pytest.mark.parametrize("repository", ["octocat/monalisa", REPOSITORY])
def test_every_engine_gets_along_with_the_container_registry(container_reader: Reader, repository: str) -> None:
    reader, name = container_reader, f"{container_reader.host}/{repository}"
    assert "Login Succeeded" in reader.types(LOGIN)
    text = reader.types(f"docker build -t {name}:1.0 .\ndocker push {name}:1.0")
    image = reader.docker.inspect(f"{name}:1.0")
    for reference in (f"{name}:1.0", f"{name}@{pushed_digest(text, VERSION)}"):
        assert "WARNING" not in pull_anew(reader.docker, reference, image)
