"""What the documented Docker registry refuses to docker and skopeo, and what they say then."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.clients import Docker, Skopeo
from tests.e2e.ghes import (
    ACTIONS_TOKEN,
    PASSWORD,
    READ_TOKEN,
    REPOSITORY,
    SCOPELESS_TOKEN,
    UNAUTHENTICATED,
    USER,
    WRITE_TOKEN,
    Instance,
    serving_instance,
    tags_at,
)
from tests.e2e.images import write_context
from tests.e2e.layout import write_image, write_index, write_layout

PUBLIC_REPOSITORY = "octocat/hello-world/monalisa"
FINE_GRAINED_TOKEN = "github_pat_Octocat0000000000000000000000"
ACCOUNTS = f"""
[users.octocat]
password = "{PASSWORD}"

[repositories."octocat/octo-app"]

[[tokens]]
user = "octocat"
scopes = ["read:packages", "write:packages"]
secret = "{WRITE_TOKEN}"

[[tokens]]
kind = "fine-grained"
user = "octocat"
secret = "{FINE_GRAINED_TOKEN}"
"""


@pytest.fixture
def image(instance: Instance, stranger: Docker, tmp_path: Path, seed: int) -> Iterator[str]:
    """A local image of the Docker registry that nobody has pushed."""
    name = f"{instance.docker_registry}/{REPOSITORY}:1.0"
    stranger.build(write_context(tmp_path / "context", seed=seed), name)
    yield name
    stranger.remove_named(instance.docker_registry)


def push_as_owner(docker: Docker, instance: Instance, image: str) -> None:
    """Push with a token that may, and log out."""
    docker.login(instance.docker_registry, USER, WRITE_TOKEN)
    docker("push", image)
    docker("logout", instance.docker_registry)


@pytest.mark.row("GHD-29")
def test_a_wrong_secret_shows_at_the_pull_and_not_at_the_login(
    stranger: Docker, instance: Instance, image: str
) -> None:
    push_as_owner(stranger, instance, image)
    assert "Login Succeeded" in stranger.login(instance.docker_registry, USER, "wrong").text
    assert UNAUTHENTICATED in stranger("pull", image, ok=False).text


@pytest.mark.row("GHD-06")
@pytest.mark.parametrize("secret", [PASSWORD, FINE_GRAINED_TOKEN], ids=["password", "fine-grained token"])
def test_only_a_classic_token_authenticates(stranger: Docker, tmp_path: Path, seed: int, secret: str) -> None:
    accounts = tmp_path / "accounts.toml"
    accounts.write_text(ACCOUNTS)
    with serving_instance(tmp_path, "--config", str(accounts)) as instance:
        image = f"{instance.docker_registry}/{REPOSITORY}:1.0"
        stranger.build(write_context(tmp_path / "context", seed=seed), image)
        try:
            stranger.login(instance.docker_registry, USER, secret)
            assert UNAUTHENTICATED in stranger("push", image, ok=False).text
            assert not instance.stored()
            push_as_owner(stranger, instance, image)
            stranger.login(instance.docker_registry, USER, secret)
            assert UNAUTHENTICATED in stranger("pull", image, ok=False).text
        finally:
            stranger.remove_named(instance.docker_registry)


@pytest.mark.row("GHD-07")
@pytest.mark.parametrize("repository", [REPOSITORY, PUBLIC_REPOSITORY])
def test_nobody_pulls_without_a_token(stranger: Docker, instance: Instance, image: str, repository: str) -> None:
    name = f"{instance.docker_registry}/{repository}:public"
    stranger("tag", image, name)
    push_as_owner(stranger, instance, name)
    for command in ("pull", "push"):
        assert "no basic auth credentials" in stranger(command, name, ok=False).text


@pytest.mark.row("GHD-08")
@pytest.mark.row("GHD-09")
@pytest.mark.parametrize("secret", [READ_TOKEN, SCOPELESS_TOKEN], ids=["read:packages", "no scope"])
def test_who_may_not_write_pushes_nothing(stranger: Docker, instance: Instance, image: str, secret: str) -> None:
    stranger.login(instance.docker_registry, USER, secret)
    assert UNAUTHENTICATED in stranger("push", image, ok=False).text
    assert not instance.stored()
    assert tags_at(instance.docker_registry, REPOSITORY) == []


@pytest.mark.row("GHD-08")
def test_a_pull_needs_the_scope_to_read(skopeo: Skopeo, instance: Instance, tmp_path: Path, seed: int) -> None:
    folder, image = tmp_path / "layout", f"docker://{instance.docker_registry}/{REPOSITORY}:1.0"
    write_layout(folder, {"1.0": write_image(folder, seed=seed)})
    skopeo.copy(f"oci:{folder}:1.0", image, "--format=v2s2", f"--dest-creds={USER}:{WRITE_TOKEN}")
    inspect = ("inspect", "--raw", "--tls-verify=false", image)
    skopeo(*inspect, f"--creds={USER}:{READ_TOKEN}")
    refused = skopeo(*inspect, f"--creds={USER}:{SCOPELESS_TOKEN}", ok=False)
    assert re.search("unauthorized|authentication required|invalid username/password", refused.text), refused.text


@pytest.mark.row("GHD-11")
@pytest.mark.row("GHD-12")
def test_a_workflow_publishes_for_its_own_repository(stranger: Docker, instance: Instance, image: str) -> None:
    foreign = f"{instance.docker_registry}/{PUBLIC_REPOSITORY}:1.0"
    stranger("tag", image, foreign)
    stranger.login(instance.docker_registry, "github-actions", ACTIONS_TOKEN)
    assert UNAUTHENTICATED in stranger("push", foreign, ok=False).text
    assert not instance.stored()
    stranger("push", image)
    assert tags_at(instance.docker_registry, REPOSITORY) == ["1.0"]


@pytest.mark.row("GHD-17")
def test_a_name_has_three_parts(stranger: Docker, instance: Instance, image: str) -> None:
    short = f"{instance.docker_registry}/octocat/monalisa:1.0"
    stranger("tag", image, short)
    stranger.login(instance.docker_registry, USER, WRITE_TOKEN)
    text = stranger("push", short, ok=False).text
    said = "docker image push is only supported with a tag of the format :owner/:repo_name/:image_name."
    assert said in text, text
    assert not instance.stored()


@pytest.mark.row("GHD-27")
def test_a_manifest_list_is_refused(stranger: Docker, instance: Instance, image: str) -> None:
    """docker takes a list of images that were pushed by tag; it does this without the engine."""
    many = image.replace(":1.0", ":many")
    stranger.login(instance.docker_registry, USER, WRITE_TOKEN)
    stranger("push", image)
    stranger("manifest", "create", "--insecure", many, image)
    text = stranger("manifest", "push", "--insecure", many, ok=False).text
    assert "denied: multi-platform images are not supported" in text, text
    assert tags_at(instance.docker_registry, REPOSITORY) == ["1.0"]


@pytest.mark.row("GHD-27")
@pytest.mark.row("GHC-07")
def test_an_index_is_for_the_container_registry(skopeo: Skopeo, instance: Instance, tmp_path: Path, seed: int) -> None:
    folder = tmp_path / "layout"
    images = {
        architecture: write_image(folder, seed=seed + number, architecture=architecture)
        for number, architecture in enumerate(("amd64", "arm64"))
    }
    write_layout(folder, {"1.0": write_index(folder, images)})
    options = ("--all", f"--dest-creds={USER}:{WRITE_TOKEN}")
    refused = f"docker://{instance.docker_registry}/{REPOSITORY}:1.0"
    for form in ("v2s2", "oci"):
        skopeo.copy(f"oci:{folder}:1.0", refused, *options, "--format", form, ok=False)
    assert tags_at(instance.docker_registry, REPOSITORY) == []
    skopeo.copy(f"oci:{folder}:1.0", f"docker://{instance.container_registry}/octocat/monalisa:1.0", *options)


@pytest.mark.row("GHD-14")
@pytest.mark.row("GHD-15")
@pytest.mark.row("GHC-01")
@pytest.mark.parametrize(
    ("isolated", "elsewhere"), [(True, [""]), (False, ["docker", "containers"])], ids=["isolation", "no-isolation"]
)
def test_there_is_no_registry_at_the_other_hosts(
    stranger: Docker, tmp_path: Path, isolated: bool, elsewhere: list[str]
) -> None:
    with serving_instance(tmp_path, isolated=isolated) as instance:
        for subdomain in elsewhere:
            text = stranger.login(instance.at(subdomain), USER, WRITE_TOKEN, ok=False).text
            assert re.search("failed with status: (404 Not Found|421 Misdirected Request)", text), text
        stranger.login(instance.docker_registry, USER, WRITE_TOKEN)
