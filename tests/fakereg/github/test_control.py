"""The control API on packages: who sees one, and the migration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse

from fakereg import Registry
from fakereg.auth.sample import SAMPLE_TOKENS
from fakereg.spec.manifest import DOCKER_IMAGE
from fakereg.spec.names import Digest
from tests.fakereg.client import RegistryClient, codes, docker_image

SECRET = "a-secret-of-the-control-api"
DOCKER, CONTAINERS = "http://docker.ghes.test", "http://containers.ghes.test"


@pytest.fixture
def registry() -> Registry:
    return Registry(dialect=["github-docker", "github-container"], hostname="ghes.test", control_secret=SECRET)


def control(registry: Registry, method: str, path: str, document: Any) -> TestResponse:
    headers = {"Authorization": f"Bearer {SECRET}"}
    return Client(registry).open(f"/_fakereg/{path}", method=method, json=document, headers=headers)


def push(registry: Registry, base: str, name: str) -> None:
    client = RegistryClient(registry)
    client.login("octocat", SAMPLE_TOKENS["read:packages", "write:packages"])
    if base == CONTAINERS:
        client.authorization = client.authorization.replace("Basic", "Bearer")
    start = client.post(f"/v2/{name}/blobs/uploads/", base_url=base)
    digest = Digest.of(b"{}")
    config = client.put(start.headers["Location"], base_url=base, data=b"{}", query_string={"digest": digest})
    assert config.status_code == 201, config.text
    path = f"/v2/{name}/manifests/1.0"
    response = client.put(path, base_url=base, json=docker_image(digest), content_type=DOCKER_IMAGE)
    assert response.status_code == 201, response.text


def test_a_package_is_made_public(registry: Registry) -> None:
    push(registry, CONTAINERS, "octocat/monalisa")
    anonymous = {"query_string": {"scope": "repository:octocat/monalisa:pull"}, "base_url": CONTAINERS}
    assert Client(registry).get("/token", **anonymous).status_code == 401
    response = control(registry, "PATCH", "packages/container/octocat/monalisa", {"visibility": "public"})
    assert response.get_json() == {"visibility": "public", "roles": {"octocat": "admin"}, "repository": ""}
    assert Client(registry).get("/token", **anonymous).status_code == 200


def test_roles_and_the_link_are_set(registry: Registry) -> None:
    push(registry, CONTAINERS, "octocat/monalisa")
    wanted = {"roles": {"hubot": "write"}, "repository": "octocat/octo-app"}
    response = control(registry, "PATCH", "packages/container/octocat/monalisa", wanted)
    assert response.get_json() == {"visibility": "private", **wanted}


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"visibility": "secret"}, "visibility must be one of public, private, internal, got 'secret'"),
        ({"visibility": None}, "visibility must be a text, got None"),
        ({"roles": {"nobody": "read"}}, "there is no user nobody"),
        ({"roles": {"hubot": 1}}, "roles must be an object of texts"),
        ({"roles": {"hubot": "god"}}, "role must be one of none, read, write, admin, got 'god'"),
        ({"repository": "octocat/none"}, "there is no repository"),
        ({"owner": "me"}, "'owner' is unknown"),
    ],
)
def test_what_cannot_be_is_told_and_changes_nothing(registry: Registry, document: Any, words: str) -> None:
    push(registry, CONTAINERS, "octocat/monalisa")
    response = control(registry, "PATCH", "packages/container/octocat/monalisa", document)
    assert response.status_code == 400
    assert words in response.get_json()["errors"][0]["message"]
    unchanged = control(registry, "PATCH", "packages/container/octocat/monalisa", {})
    assert unchanged.get_json() == {"visibility": "private", "roles": {"octocat": "admin"}, "repository": ""}


def test_a_package_is_from_its_first_push_on_what_was_said_before(registry: Registry) -> None:
    said = {"visibility": "public", "roles": {"hubot": "write"}, "repository": "octocat/octo-app"}
    assert control(registry, "PATCH", "accounts", {"packages": {"octocat/monalisa": said}}).status_code == 200
    assert control(registry, "GET", "accounts", None).get_json()["packages"] == {"octocat/monalisa": said}
    push(registry, CONTAINERS, "octocat/monalisa")
    package = control(registry, "PATCH", "packages/container/octocat/monalisa", {}).get_json()
    assert package == {**said, "roles": {"hubot": "write", "octocat": "admin"}}
    anonymous = {"query_string": {"scope": "repository:octocat/monalisa:pull"}, "base_url": CONTAINERS}
    assert Client(registry).get("/token", **anonymous).status_code == 200


@pytest.mark.parametrize("said", [{"visibility": "x"}, {"roles": {"no": "read"}}, {"repository": "a/b"}, {"id": "1"}])
def test_what_cannot_be_said_of_a_package_beforehand_is_told(registry: Registry, said: Any) -> None:
    for name in ("octocat/monalisa", "Octocat/"):
        response = control(registry, "PATCH", "accounts", {"packages": {name: said}})
        assert response.status_code == 400
        assert f"packages.{name}" in response.get_json()["errors"][0]["message"]


@pytest.mark.row("GHD-31")
def test_an_organization_may_have_been_migrated_before(tmp_path: Path) -> None:
    options: dict[str, Any] = {
        "dialect": ["github-docker", "github-container"],
        "hostname": "ghes.test",
        "storage": f"directory:{tmp_path}",
        "control_secret": SECRET,
    }
    first = Registry(**options)
    push(first, DOCKER, "octo-org/octo-service/web")
    first.github.migrate()
    first.close()
    again = Registry(**options, migrated=["Octo-Org"])
    push(again, DOCKER, "octo-org/octo-service/late")
    container = again.github.site("container")
    assert container
    assert container.storage.repositories() == ["octo-org/octo-service/late", "octo-org/octo-service/web"]
    again.close()


@pytest.mark.parametrize("name", ["octocat/none", "x", "", "A/B"])
def test_a_package_that_is_not_there_is_404(registry: Registry, name: str) -> None:
    response = control(registry, "PATCH", f"packages/container/{name}", {})
    assert (response.status_code, codes(response)) == (404, ["NAME_UNKNOWN"])


@pytest.mark.row("GHD-31")
def test_a_migration_is_started(registry: Registry) -> None:
    push(registry, DOCKER, "octo-org/octo-service/web")
    assert control(registry, "POST", "migration", {"organizations": ["none"]}).status_code == 400
    assert control(registry, "POST", "migration", {"organisations": ["octo-org"]}).status_code == 400
    assert control(registry, "POST", "migration", {"organizations": "octo-org"}).status_code == 400
    response = control(registry, "POST", "migration", {})
    assert response.get_json() == {"migrated": ["octo-org/octo-service/web"]}


@pytest.mark.row("GHD-31")
def test_a_migration_that_clashes_lists_the_names(registry: Registry) -> None:
    push(registry, DOCKER, "octo-org/octo-service/web")
    push(registry, CONTAINERS, "octo-org/octo-service/web")
    response = control(registry, "POST", "migration", {"organizations": ["octo-org"]})
    assert response.status_code == 409
    assert [error["detail"] for error in response.get_json()["errors"]] == [{"name": "octo-org/octo-service/web"}]
