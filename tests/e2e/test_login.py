"""docker, skopeo and oras log in to a registry that issues its tokens itself, or wants Basic credentials."""

import re
from collections.abc import Iterator
from pathlib import Path

import oras.client  # type: ignore[import-untyped]
import pytest

from fakereg.auth.sample import SAMPLE_REPOSITORY
from tests.e2e.clients import Docker, Skopeo
from tests.e2e.ghes import PASSWORD, READ_TOKEN, USER, WRITE_TOKEN
from tests.e2e.images import SMALL, pull_anew, write_context
from tests.e2e.layout import read_blobs, write_image, write_layout
from tests.e2e.server import Server, serving

REPOSITORY = "team/app"
REFUSED = "no basic auth credentials|unauthorized|authentication required|invalid username/password|access .* is denied"


@pytest.fixture(params=["basic", "bearer", "bearer,anonymous_pull=true"])
def settings(request: pytest.FixtureRequest) -> str:
    """How clients have to authenticate.

    Not Basic with anonymous pulls: docker asks /v2/ whether credentials are wanted at all, and would push without them.
    """
    return f"auth={request.param}"


@pytest.fixture
def server(settings: str, tmp_path: Path) -> Iterator[Server]:
    """A registry with the accounts of the sample."""
    with serving("memory", tmp_path / "requests.log", "--dialect", f"oci,{settings}") as running:
        yield running


@pytest.fixture
def everybody_pulls(settings: str) -> bool:
    """Whether that registry lets everybody pull."""
    return "anonymous_pull" in settings


@pytest.fixture
def image(server: Server, stranger: Docker, tmp_path: Path, seed: int) -> Iterator[str]:
    """A local image that is to be pushed there."""
    name = f"{server.host}/{REPOSITORY}:1.0"
    stranger.build(write_context(tmp_path / "context", seed=seed), name)
    yield name
    stranger.remove_named(server.host)


@pytest.fixture
def layout(tmp_path: Path, seed: int) -> Path:
    """An OCI image layout with an image `1.0`."""
    folder = tmp_path / "layout"
    write_layout(folder, {"1.0": write_image(folder, seed=seed)})
    return folder


@pytest.mark.parametrize("secret", [PASSWORD, WRITE_TOKEN], ids=["password", "token"])
def test_docker_pushes_and_pulls_after_a_login(stranger: Docker, server: Server, image: str, secret: str) -> None:
    stranger.login(server.host, USER, secret)
    stranger("push", image)
    pull_anew(stranger, image, stranger.inspect(image))


def test_docker_mounts_layers_of_another_repository(stranger: Docker, server: Server, image: str) -> None:
    stranger.login(server.host, USER, WRITE_TOKEN)
    stranger("push", image)
    other = f"{server.host}/{REPOSITORY}-too:1.0"
    stranger("tag", image, other)
    text = stranger("push", other).text
    assert text.count(f"Mounted from {REPOSITORY}") == len(SMALL), text
    pull_anew(stranger, other, stranger.inspect(other))


def test_docker_without_a_login_pulls_where_everybody_may(
    stranger: Docker, server: Server, image: str, everybody_pulls: bool
) -> None:
    stranger.login(server.host, USER, WRITE_TOKEN)
    stranger("push", image)
    stranger("logout", server.host)
    text = stranger("pull", image, ok=everybody_pulls).text
    assert bool(re.search(REFUSED, text)) != everybody_pulls, text


def test_docker_without_a_login_is_refused_at_its_first_attempt_to_push(
    stranger: Docker, server: Server, image: str
) -> None:
    text = stranger("push", image, ok=False).text
    assert re.search(REFUSED, text), text
    assert len(server.log("POST", "/uploads/")) <= len(SMALL), "it asks for each layer once at most"
    assert not server.log(" 201 ")


@pytest.mark.parametrize(
    ("dialect", "credentials", "said"),
    [
        ("github-container", None, "unauthenticated: User cannot be authenticated with the token provided"),
        (
            "oci,auth=basic,rights=repository,denial_refusal=404",
            ("hubot", "hubot-password"),
            "repository name not known",
        ),
    ],
)
def test_docker_does_not_try_again_to_push_what_it_may_not(
    stranger: Docker, tmp_path: Path, seed: int, dialect: str, credentials: tuple[str, str] | None, said: str
) -> None:
    """A message that is the default of its code, without a detail, would make it try five times in 50 seconds."""
    with serving("memory", tmp_path / "requests.log", "--dialect", dialect) as server:
        image = f"{server.host}/{SAMPLE_REPOSITORY}/monalisa:1.0"
        stranger.build(write_context(tmp_path / "context", seed=seed), image)
        if credentials:
            stranger.login(server.host, *credentials)
        text = stranger("push", image, ok=False).text
        stranger.remove_named(server.host)
        assert said in text
        assert "Retrying" not in text
        assert len(server.log("POST", "/uploads/") + server.log("GET /token")) <= len(SMALL) + 1


@pytest.mark.parametrize("secret", ["wrong", READ_TOKEN.replace("Read", "Lost")])
def test_docker_does_not_log_in_with_a_wrong_secret(stranger: Docker, server: Server, secret: str) -> None:
    text = stranger.login(server.host, USER, secret, ok=False).text
    assert "401 Unauthorized" in text or re.search(REFUSED, text), text


def test_docker_pushes_nothing_with_a_token_to_read(stranger: Docker, server: Server, image: str) -> None:
    stranger.login(server.host, USER, READ_TOKEN)
    text = stranger("push", image, ok=False).text
    assert re.search(REFUSED, text), text
    assert not server.log(" 201 ")


def test_skopeo_copies_with_credentials(
    skopeo: Skopeo, server: Server, layout: Path, tmp_path: Path, everybody_pulls: bool
) -> None:
    image, copy = f"docker://{server.host}/{REPOSITORY}:1.0", tmp_path / "copy"
    skopeo.copy(f"oci:{layout}:1.0", image, f"--dest-creds={USER}:{READ_TOKEN}", ok=False)
    assert not server.log(" 201 ")
    skopeo.copy(f"oci:{layout}:1.0", image, f"--dest-creds={USER}:{WRITE_TOKEN}")
    skopeo.copy(image, f"oci:{copy}:1.0", "--src-no-creds", ok=everybody_pulls)
    skopeo.copy(image, f"oci:{copy}:1.0", f"--src-creds={USER}:wrong", ok=False)
    skopeo.copy(image, f"oci:{copy}:1.0", f"--src-creds={USER}:{READ_TOKEN}")
    assert read_blobs(copy) == read_blobs(layout)


def test_oras_pushes_and_pulls_after_a_login(tmp_path: Path, layout: Path) -> None:
    """With Basic: oras for Python keeps the token that it got to look, and asks for no other to push."""
    with serving("memory", tmp_path / "oras.log", "--dialect", "oci,auth=basic") as server:
        target, source = f"{server.host}/{REPOSITORY}:1.0", layout / "oci-layout"
        client = oras.client.OrasClient(hostname=server.host, insecure=True, auth_backend="basic")
        client.login(USER, WRITE_TOKEN, hostname=server.host, config_path=str(tmp_path / "config.json"))
        client.push(target, files=[str(source)], disable_path_validation=True)
        (pulled,) = client.pull(target, outdir=str(tmp_path / "pulled"))
        assert Path(pulled).read_bytes() == source.read_bytes()
