"""docker push and docker pull, on every engine and every storage, of an image with a layer over 100 MB."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.clients import Docker
from tests.e2e.images import SMALL, pushed_digest, write_context
from tests.e2e.server import Server

MEBIBYTE = 2**20
LARGE = {"small": 20_000, "large": 110 * MEBIBYTE, "last": 5}


@dataclass(frozen=True)
class Built:
    """A local image: its name with the server's host, its identifier, and the digests of its unpacked layers."""

    docker: Docker
    name: str
    identifier: str
    layers: list[str]

    def push(self, tag: str) -> tuple[str, str]:
        """Push the image under a tag and return the digest of its manifest, and what docker said."""
        self.docker("tag", self.identifier, f"{self.name}:{tag}")
        text = self.docker("push", f"{self.name}:{tag}").text
        return pushed_digest(text, tag), text


def build(docker: Docker, folder: Path, name: str, *, seed: int, sizes: dict[str, int]) -> Built:
    """Build an image with one layer per file, of the given sizes in bytes."""
    docker.build(write_context(folder, seed=seed, sizes=sizes), f"{name}:built")
    return Built(docker, name, *docker.inspect(f"{name}:built"))


@pytest.fixture
def repository(docker: Docker, server: Server, seed: int) -> Iterator[str]:
    """The name of an image, unique to the test; everything local of that name is removed at the end."""
    name = f"{server.host}/e2e-{seed:08x}/image"
    yield name
    docker.remove_named(name)


@pytest.fixture
def image(docker: Docker, tmp_path: Path, repository: str, seed: int) -> Built:
    """A built image of three small layers."""
    return build(docker, tmp_path / "context", repository, seed=seed, sizes=SMALL)


def test_image_comes_back_equal_by_tag_and_by_digest(
    docker: Docker, server: Server, repository: str, seed: int, tmp_path: Path
) -> None:
    image = build(docker, tmp_path / "context", repository, seed=seed, sizes=LARGE)
    manifest, _ = image.push("latest")
    for reference in (f"{repository}:latest", f"{repository}@{manifest}"):
        docker.remove(f"{repository}:built", f"{repository}:latest", f"{repository}@{manifest}")
        assert not docker.has(image.identifier)
        before = len(server.log("GET", "/blobs/"))
        assert manifest in docker("pull", reference).text
        assert len(server.log("GET", "/blobs/")) - before == len(LARGE) + 1, "the layers and the config are downloaded"
        assert docker.inspect(reference) == (image.identifier, image.layers)


def test_layers_are_uploaded_once_for_two_tags(server: Server, image: Built) -> None:
    first, _ = image.push("first")
    uploads = server.log("POST", "/blobs/uploads/")
    second, text = image.push("second")
    assert len(uploads) == len(SMALL) + 1, "three layers and the config"
    assert server.log("POST", "/blobs/uploads/") == uploads
    assert text.count("Layer already exists") == len(SMALL), text
    assert first == second


def test_second_repository_mounts_the_layers_of_the_first(server: Server, image: Built) -> None:
    image.push("first")
    other = Built(image.docker, f"{image.name}/other", image.identifier, image.layers)
    _, text = other.push("first")
    assert text.count("Mounted from") == len(SMALL), text
    mounts = server.log("POST", "mount=", " 201 ")
    assert len(mounts) == len(SMALL), server.log("POST")


def test_two_images_share_a_repository(docker: Docker, image: Built, tmp_path: Path, seed: int) -> None:
    other = build(docker, tmp_path / "other-context", f"{image.name}/other", seed=seed + 100, sizes=SMALL)
    moved = Built(docker, image.name, other.identifier, other.layers)
    first, _ = image.push("latest")
    second, _ = moved.push("latest")
    assert first != second
    docker.remove(f"{image.name}:latest")
    docker("pull", f"{image.name}:latest")
    assert docker.inspect(f"{image.name}:latest") == (other.identifier, other.layers)


@pytest.mark.parametrize("reference", [":missing", f"@sha256:{'0' * 64}"])
def test_missing_image_is_named_in_the_message(docker: Docker, image: Built, reference: str) -> None:
    image.push("latest")
    text = docker("pull", f"{image.name}{reference}", ok=False).text
    assert re.search(r"manifest for \S+ not found: manifest unknown", text), text


def test_missing_repository_is_not_found(docker: Docker, repository: str) -> None:
    text = docker("pull", f"{repository}:latest", ok=False).text
    assert re.search(r"not found|repository does not exist|manifest unknown", text), text
