"""`fakereg token-server` lets people into a registry of others, docker-registry 2.8.2, and into ours."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.e2e.clients import Docker, Skopeo
from tests.e2e.distribution import demanding_tokens
from tests.e2e.ghes import PASSWORD, READ_TOKEN, USER, WRITE_TOKEN
from tests.e2e.images import pull_anew, write_context
from tests.e2e.layout import read_blobs, write_image, write_layout
from tests.e2e.server import Server, serving, serving_tokens
from tests.fakereg.keys import certificate, key_of, private_pem, write

SERVICE = "registry.example"
REPOSITORY = "team/app"
ALGORITHMS = ("ES256", "RS256")
DENIED = "requested access to the resource is denied"
UNAUTHORIZED = "unauthorized|authentication required|access to the resource is not authorized"


@pytest.fixture(params=ALGORITHMS)
def guarded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The host of a docker-registry that has its tokens issued by a token server of ours, with either algorithm."""
    trusted = tmp_path / "certificate.pem"
    options = ("--algorithm", request.param, "--issuer", "somebody", "--write-cert", str(trusted))
    with (
        serving_tokens(tmp_path / "tokens.log", *options) as tokens,
        demanding_tokens(
            tmp_path, issuer="somebody", service=SERVICE, certificate=trusted.read_text(), realm=tokens.url
        ) as url,
    ):
        yield urlsplit(url).netloc


@pytest.fixture
def image(guarded: str, stranger: Docker, tmp_path: Path, seed: int) -> Iterator[str]:
    """A local image that is to be pushed there."""
    name = f"{guarded}/{REPOSITORY}:1.0"
    stranger.build(write_context(tmp_path / "context", seed=seed), name)
    yield name
    stranger.remove_named(guarded)


@pytest.mark.parametrize("secret", [PASSWORD, WRITE_TOKEN], ids=["password", "token"])
def test_docker_pushes_and_pulls(stranger: Docker, guarded: str, image: str, secret: str) -> None:
    assert DENIED in stranger("push", image, ok=False).text
    stranger.login(guarded, USER, secret)
    stranger("push", image)
    pull_anew(stranger, image, stranger.inspect(image))


def test_docker_pulls_and_does_not_push_with_a_token_to_read(stranger: Docker, guarded: str, image: str) -> None:
    stranger.login(guarded, USER, READ_TOKEN)
    assert DENIED in stranger("push", image, ok=False).text
    stranger.login(guarded, USER, WRITE_TOKEN)
    stranger("push", image)
    stranger.login(guarded, USER, READ_TOKEN)
    pull_anew(stranger, image, stranger.inspect(image))


def test_docker_does_not_log_in_with_a_wrong_password(stranger: Docker, guarded: str) -> None:
    text = stranger.login(guarded, USER, "wrong", ok=False).text
    assert re.search(UNAUTHORIZED, text), text


def test_skopeo_copies_in_and_out(skopeo: Skopeo, guarded: str, tmp_path: Path, seed: int) -> None:
    folder, image = tmp_path / "layout", f"docker://{guarded}/{REPOSITORY}:1.0"
    write_layout(folder, {"1.0": write_image(folder, seed=seed)})
    skopeo.copy(f"oci:{folder}:1.0", image, f"--dest-creds={USER}:{READ_TOKEN}", ok=False)
    skopeo.copy(f"oci:{folder}:1.0", image, f"--dest-creds={USER}:{WRITE_TOKEN}")
    skopeo.copy(image, f"oci:{tmp_path / 'copy'}:1.0", f"--src-creds={USER}:wrong", ok=False)
    skopeo.copy(image, f"oci:{tmp_path / 'copy'}:1.0", f"--src-creds={USER}:{READ_TOKEN}")
    assert read_blobs(tmp_path / "copy") == read_blobs(folder)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_registry_of_ours_takes_tokens_of_its_key(
    stranger: Docker, tmp_path: Path, seed: int, algorithm: str
) -> None:
    with trusting(tmp_path, algorithm, whom="ours") as (tokens, server):
        image = f"{server.host}/{REPOSITORY}:1.0"
        stranger.build(write_context(tmp_path / "context", seed=seed), image)
        try:
            stranger.login(server.host, USER, WRITE_TOKEN)
            stranger("push", image)
            pull_anew(stranger, image, stranger.inspect(image))
        finally:
            stranger.remove_named(server.host)
        assert tokens.log('"GET /token', " 200 ")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_registry_of_ours_takes_no_tokens_of_another_key(stranger: Docker, tmp_path: Path, algorithm: str) -> None:
    with trusting(tmp_path, algorithm, whom="somebody else's") as (tokens, server):
        text = stranger.login(server.host, USER, WRITE_TOKEN, ok=False).text
        assert "401 Unauthorized" in text, text
        assert tokens.log('"GET /token', " 200 ")


@contextmanager
def trusting(folder: Path, algorithm: str, *, whom: str) -> Iterator[tuple[Server, Server]]:
    """A token server with our key, and a registry that sends its clients there and trusts somebody's key."""
    dialect = f"oci,auth=bearer,token_format={algorithm}"
    with serving_tokens(folder / "tokens.log", "--algorithm", algorithm, *keys(folder, algorithm, "ours")) as tokens:
        options = ("--dialect", f"{dialect},token_url={tokens.url}", *keys(folder, algorithm, whom))
        with serving("memory", folder / "requests.log", *options) as server:
            yield tokens, server


def keys(folder: Path, algorithm: str, owner: str) -> tuple[str, ...]:
    """The options that name somebody's key and certificate, which are written to the folder."""
    pair = key_of(algorithm, owner)
    certified = certificate(pair).public_bytes(Encoding.PEM)
    key_file, certificate_file = write(folder, f"{owner}.key", private_pem(pair)), write(folder, owner, certified)
    return "--token-key", key_file, "--token-cert", certificate_file
