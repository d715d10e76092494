"""Packages as the registry knows them: first publication, versions, links, downloads, what comes from a folder."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakereg.auth.accounts import Role, Visibility
from fakereg.github import image
from fakereg.spec import manifest as manifests
from fakereg.spec.manifest import DOCKER_IMAGE, OCI_IMAGE
from fakereg.spec.names import Digest, Name
from fakereg.storage.repositories import StoredManifest
from tests.fakereg.client import codes, docker_image, index
from tests.fakereg.ghes import HOSTNAME, Ghes, HostClient

DOCKER_NAME = "octocat/octo-app/monalisa"
NAME = "octo-org/monalisa"
SOURCE = "org.opencontainers.image.source"


def names(ghes: Ghes, type: str, name: str) -> list[str]:
    return list(ghes.versions(type, name))


@pytest.mark.row("GHD-18")
def test_a_version_of_the_docker_registry_is_a_tag(ghes: Ghes) -> None:
    client = ghes.docker()
    for image_name in ("monalisa", "hubot"):
        for tag in ("1.0", "2.0"):
            client.publish(f"octocat/octo-app/{image_name}", tag)
        assert names(ghes, "docker", f"octocat/octo-app/{image_name}") == ["2.0", "1.0"]
    package = ghes.package("docker", DOCKER_NAME)
    assert (package.title, package.source, package.owner) == ("monalisa", "octocat/octo-app", "octocat")


def test_pushing_a_tag_again_updates_its_version(ghes: Ghes) -> None:
    client = ghes.docker()
    client.publish(DOCKER_NAME, "1.0")
    before = ghes.versions("docker", DOCKER_NAME)["1.0"]
    ghes.clock.advance(60)
    client.publish(DOCKER_NAME, "1.0", layer=b"another")
    after = replace(before, updated_at=before.created_at + 60)
    assert ghes.versions("docker", DOCKER_NAME) == {"1.0": after}
    assert ghes.package("docker", DOCKER_NAME).updated_at == after.updated_at


def test_a_version_of_the_container_registry_is_a_manifest_with_or_without_tags(ghes: Ghes) -> None:
    client = ghes.containers()
    old = client.publish(NAME, "1.0")
    new = client.publish(NAME, "1.0", layer=b"another")
    assert names(ghes, "container", NAME) == [new, old]


@pytest.mark.row("GHC-04")
def test_who_publishes_first_administers_a_private_package(ghes: Ghes) -> None:
    ghes.containers("hubot").publish(NAME, "1.0")
    package = ghes.package("container", NAME)
    assert package.visibility == Visibility.PRIVATE
    assert package.roles == {"hubot": Role.ADMIN}
    ghes.containers("octocat").publish(NAME, "2.0", layer=b"another")
    assert ghes.package("container", NAME).roles == {"hubot": Role.ADMIN}
    refused = ghes.containers("mona").get(f"/v2/{NAME}/manifests/1.0")
    assert refused.status_code == 403


def test_who_begins_to_push_a_new_name_does_not_end_in_the_package_of_another(ghes: Ghes) -> None:
    ghes.accounts.add_organization("octo-org", owners=["octocat"], members=["hubot", "mona"])
    hubot, mona = ghes.containers("hubot"), ghes.containers("mona")
    config = hubot.push_blob(NAME, b"{}")

    class Slow(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if not ghes.package("container", NAME):
                mona.publish(NAME, "1.0")
            return super().read(size)

    response = hubot.put(
        f"/v2/{NAME}/manifests/1.0",
        input_stream=Slow(json.dumps(docker_image(config)).encode()),
        content_type=DOCKER_IMAGE,
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert (response.status_code, codes(response)) == (403, ["DENIED"])
    assert names(ghes, "container", NAME) == [mona.publish(NAME, "1.0")]


def test_a_push_that_is_refused_makes_nobody_an_administrator(ghes: Ghes) -> None:
    response = ghes.containers("hubot").put_manifest(NAME, "1.0", index(Digest.of(b"missing")))
    assert response.status_code == 400
    assert ghes.package("container", NAME) is None
    ghes.containers("octocat").publish(NAME, "1.0")
    assert ghes.package("container", NAME).roles == {"octocat": Role.ADMIN}


@pytest.mark.row("GHC-09")
@pytest.mark.parametrize(
    ("url", "linked"),
    [
        (f"https://{HOSTNAME}/octo-org/service", "octo-org/service"),
        (f"http://{HOSTNAME}:8443/Octo-Org/Service.git", "octo-org/service"),
        (f"https://{HOSTNAME}/octo-org/service/", "octo-org/service"),
        (f"https://{HOSTNAME}/octo-org/nothing", ""),
        (f"https://{HOSTNAME}/octocat/octo-app", ""),
        (f"https://{HOSTNAME}/octo-org", ""),
        ("https://elsewhere.test/octo-org/service", ""),
        (f"ftp://{HOSTNAME}/octo-org/service", ""),
        ("https://[", ""),
        (17, ""),
        (None, ""),
    ],
)
def test_the_label_source_links_a_repository_of_the_same_owner(ghes: Ghes, url: object, linked: str) -> None:
    ghes.containers().publish(NAME, "1.0", labels={SOURCE: url})
    assert ghes.package("container", NAME).repository == linked


@pytest.mark.row("GHC-09")
def test_a_host_that_cannot_be_links_nothing() -> None:
    ghes = Ghes(dialect="github-container", hostname="")
    client = HostClient(ghes.registry, "localhost", scheme="Bearer", user="octocat", secret=ghes.secret("octocat"))
    config = client.push_blob(
        NAME, json.dumps({"config": {"Labels": {SOURCE: "https://localhost/octo-org/service"}}}).encode()
    )
    content, path = json.dumps(docker_image(config)), f"/v2/{NAME}/manifests/1.0"
    response = client.put(path, data=content, content_type=DOCKER_IMAGE, headers={"Host": "[1.1]"})
    assert response.status_code == 201
    assert ghes.package("container", NAME).repository == ""


@pytest.mark.row("GHC-09")
def test_who_may_not_write_to_a_repository_links_nothing_to_it(ghes: Ghes) -> None:
    labels = {SOURCE: f"https://{HOSTNAME}/octo-org/service"}
    ghes.containers("hubot").publish(NAME, "1.0", labels=labels)
    assert ghes.package("container", NAME).repository == ""
    ghes.containers("octocat").publish(NAME, "2.0", labels=labels)
    assert ghes.package("container", NAME).repository == "octo-org/service"


@pytest.mark.row("GHC-09")
def test_the_annotation_of_an_index_links_a_repository(ghes: Ghes) -> None:
    client = ghes.containers()
    child = client.publish(NAME, "child")
    document = index(child, annotations={SOURCE: f"https://{HOSTNAME}/octo-org/service"})
    assert client.put_manifest(NAME, "1.0", document).status_code == 201
    assert ghes.package("container", NAME).repository == "octo-org/service"


@pytest.mark.row("GHC-14")
def test_a_github_token_links_what_it_publishes_to_its_repository(ghes: Ghes) -> None:
    secret = ghes.accounts.add_actions_token("octo-org/service")
    ghes.containers("anybody", secret).publish(NAME, "1.0")
    package = ghes.package("container", NAME)
    assert (package.repository, package.roles, package.visibility) == ("octo-org/service", {}, Visibility.PRIVATE)


@pytest.mark.row("GHD-30")
def test_a_get_of_the_manifest_is_a_download_and_head_is_none(ghes: Ghes) -> None:
    client = ghes.containers()
    digest = client.publish(NAME, "1.0")
    for reference in ("1.0", digest, digest):
        assert client.get(f"/v2/{NAME}/manifests/{reference}").status_code == 200
        assert client.head(f"/v2/{NAME}/manifests/{reference}").status_code == 200
    assert client.get(f"/v2/{NAME}/manifests/1.0", headers={"If-None-Match": f'"{digest}"'}).status_code == 304
    assert client.get(f"/v2/{NAME}/manifests/2.0").status_code == 404
    assert ghes.versions("container", NAME)[digest].downloads == 3
    ghes.docker().publish(DOCKER_NAME, "1.0")
    ghes.docker().get(f"/v2/{DOCKER_NAME}/manifests/1.0")
    assert ghes.versions("docker", DOCKER_NAME)["1.0"].downloads == 1


def test_images_that_another_tool_put_into_the_folder_are_packages(tmp_path: Path) -> None:
    storage = f"directory:{tmp_path}"
    first = Ghes(storage=storage)
    first.docker().publish(DOCKER_NAME, "1.0")
    digest = first.containers().publish(NAME, "1.0")
    first.registry.close()
    for notes in tmp_path.glob("*/repositories/*/fakereg.json"):
        notes.unlink()
    second = Ghes(storage=storage)
    assert names(second, "docker", DOCKER_NAME) == ["1.0"]
    assert names(second, "container", NAME) == [digest]
    assert second.package("container", NAME).roles == {}
    assert second.containers("octocat").get(f"/v2/{NAME}/manifests/1.0").status_code == 200
    assert second.containers("hubot").get(f"/v2/{NAME}/manifests/1.0").status_code == 403
    second.registry.close()


def test_a_repository_without_a_manifest_is_no_package(ghes: Ghes) -> None:
    ghes.containers().push_blob(NAME, b"layer")
    assert ghes.package("container", NAME) is None


def test_a_registry_without_packages_has_none() -> None:
    plain = Ghes(dialect=["oci,auth=none"], hostname="")
    client = plain.stranger()
    client.publish(NAME, "1.0")
    assert client.get(f"/v2/{NAME}/manifests/1.0").status_code == 200
    site = plain.registry.sites.all[0]
    assert plain.registry.github.packages.find(site, Name(NAME)) is None
    assert client.get("/api/v3/orgs/octo-org/packages?package_type=container").status_code == 404


DOCUMENTS = st.recursive(st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


@pytest.mark.row("GHC-09")
@pytest.mark.parametrize(("blanks", "linked"), [(200 << 10, "octo-org/service"), (256 << 10, "")])
def test_a_config_that_is_too_large_has_no_labels(ghes: Ghes, blanks: int, linked: str) -> None:
    labels = {SOURCE: f"https://{HOSTNAME}/octo-org/service", "note": " " * blanks}
    ghes.containers().publish(NAME, "1.0", labels=labels)
    assert ghes.package("container", NAME).repository == linked


@given(st.binary(max_size=200) | DOCUMENTS.map(json.dumps).map(str.encode))
def test_a_config_that_is_anything_has_no_labels(content: bytes) -> None:
    ghes = Ghes()
    client = ghes.containers()
    document = {
        "schemaVersion": 2,
        "config": {"mediaType": "a/b", "digest": client.push_blob(NAME, content), "size": len(content)},
        "layers": [],
    }
    manifest = StoredManifest(json.dumps(document).encode(), OCI_IMAGE, Digest("a:b"))
    site = ghes.registry.github.site("container")
    assert site is not None
    assert image.labels(site.storage, Name(NAME), manifests.parse(*manifest)) == image.Labels()


@pytest.mark.row("GHC-09")
def test_labels_are_cut_and_can_be_written(ghes: Ghes) -> None:
    prefix = "org.opencontainers.image."
    labels = {prefix + "description": "d" * 600, prefix + "licenses": "\ud800" + "l" * 300, prefix + "source": 5}
    digest = ghes.containers().publish(NAME, "1.0", labels=labels)
    site = ghes.registry.github.site("container")
    assert site is not None
    stored = site.storage.manifest(Name(NAME), digest)
    assert stored is not None
    found = image.labels(site.storage, Name(NAME), manifests.parse(*stored))
    assert found == image.Labels("", "d" * 512, "?" + "l" * 255)


def test_settings_of_an_owner_are_checked(ghes: Ghes) -> None:
    ghes.containers().publish(NAME, "1.0")
    change = ghes.registry.github.change_package
    package = change(NAME, visibility="internal", roles={"mona": "write"}, repository="octo-org/site")
    assert (package.visibility, package.roles) == (Visibility.INTERNAL, {"mona": Role.WRITE})
    with pytest.raises(ValueError, match="visibility"):
        change(NAME, visibility="secret")
    assert change(NAME, repository="") == replace(package, repository="")
