"""The packages API: shapes, lists, who may what, paths."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, unquote_to_bytes

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakereg.ghes import CONTAINER, DOCKER, DOCKER_NAME, HOSTNAME, LIST, NAME, Ghes, HostClient, titles


def of(ghes: Ghes, user: str, *scopes: str) -> HostClient:
    return ghes.api(user, ghes.secret(user, *scopes))


# Shapes.


@pytest.mark.row("GHD-23")
def test_a_package_of_the_docker_registry(ghes: Ghes, api: HostClient) -> None:
    document = api.get(DOCKER).get_json()
    id = document["id"]
    assert document["owner"]["login"] == "octo-org"
    assert document["repository"]["full_name"] == "octo-org/service"
    assert {key: document[key] for key in document if key not in ("owner", "repository")} == {
        "id": id,
        "name": "monalisa",
        "package_type": "docker",
        "version_count": 1,
        "visibility": "private",
        "url": f"http://{HOSTNAME}/api/v3/orgs/octo-org/packages/docker/service%2Fmonalisa",
        "created_at": "1970-01-12T13:46:40Z",
        "updated_at": "1970-01-12T13:46:40Z",
        "html_url": f"http://{HOSTNAME}/octo-org/service/packages/{id}",
    }


@pytest.mark.row("GHD-23")
def test_a_version_of_the_docker_registry_is_a_tag(api: HostClient) -> None:
    (document,) = api.get(f"{DOCKER}/versions").get_json()
    assert document["name"] == "1.0"
    assert document["metadata"] == {"package_type": "docker", "docker": {"tag": ["1.0"], "tags": ["1.0"]}}
    page = api.get(DOCKER).get_json()["html_url"]
    assert document["package_html_url"] == page
    assert document["html_url"] == f"{page}?version=1.0"
    assert api.get(document["url"]).get_json() == document
    assert api.get(f"{DOCKER}/versions/{document['id']}").get_json() == document


@pytest.mark.row("GHD-23")
def test_a_package_of_the_container_registry(ghes: Ghes, api: HostClient) -> None:
    document = api.get(CONTAINER).get_json()
    assert document["name"] == "team/monalisa"
    assert document["package_type"] == "container"
    assert document["url"] == f"http://{HOSTNAME}{CONTAINER}"
    assert document["html_url"] == f"http://{HOSTNAME}/orgs/octo-org/packages/container/package/team%2Fmonalisa"
    assert "repository" not in document


@pytest.mark.row("GHC-09")
def test_a_version_of_the_container_registry_is_a_manifest_with_tags(ghes: Ghes, api: HostClient) -> None:
    labels = {f"org.opencontainers.image.{key}": key for key in ("description", "licenses")}
    new = ghes.containers().publish(NAME, "2.0", labels=labels)
    ghes.containers().publish(NAME, "untagged")
    ghes.containers().publish(NAME, "untagged", layer=b"another")
    last, first, second = sorted(api.get(f"{CONTAINER}/versions").get_json(), key=lambda one: -len(one["name"]))[:3]
    by_name = {one["name"]: one for one in (last, first, second)}
    assert by_name[new]["metadata"] == {"package_type": "container", "container": {"tags": ["2.0"]}}
    assert (by_name[new]["description"], by_name[new]["license"]) == ("description", "licenses")
    assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", name) for name in by_name)
    for document in by_name.values():
        id, packages = document["id"], f"http://{HOSTNAME}/orgs/octo-org/packages/container"
        assert document["url"] == f"http://{HOSTNAME}{CONTAINER}/versions/{id}"
        assert document["package_html_url"] == f"{packages}/package/team%2Fmonalisa"
        assert document["html_url"] == f"{packages}/team%2Fmonalisa/{id}"
        assert api.get(document["url"]).get_json() == document


@pytest.mark.row("GHD-18")
def test_images_of_one_name_in_two_repositories_are_told_apart(ghes: Ghes, api: HostClient) -> None:
    ghes.docker().publish("octo-org/site/monalisa", "7.0")
    assert titles(api, LIST, package_type="docker") == ["monalisa", "monalisa"]
    for repository, tag in (("service", "1.0"), ("site", "7.0")):
        path = f"{LIST}/docker/{repository}%2Fmonalisa"
        assert api.get(path).get_json()["repository"]["name"] == repository
        assert [version["name"] for version in api.get(f"{path}/versions").get_json()] == [tag]
    assert api.get(DOCKER).status_code == 200


def test_a_container_package_has_one_name(ghes: Ghes, api: HostClient) -> None:
    assert api.get(f"{LIST}/container/monalisa").status_code == 404
    assert api.get(f"{LIST}/container/team/monalisa").status_code == 200


# Lists.


@pytest.mark.row("GHD-23")
def test_a_list_has_what_the_caller_may_read(ghes: Ghes, api: HostClient) -> None:
    assert titles(api, LIST, package_type="docker") == ["monalisa"]
    assert titles(api, LIST, package_type="container") == ["team/monalisa"]
    hubot = ghes.api("hubot")
    assert titles(hubot, LIST, package_type="docker") == ["monalisa"]
    assert titles(hubot, LIST, package_type="container") == []
    ghes.containers("hubot").publish("hubot/image", "1.0")
    for path in ("/api/v3/user/packages", "/api/v3/users/hubot/packages", "/api/v3/users/HUBOT/packages"):
        assert titles(hubot, path, package_type="container") == ["image"]
    assert titles(api, "/api/v3/users/hubot/packages", package_type="container") == []
    assert titles(api, "/api/v3/user/packages", package_type="container") == []


@pytest.mark.parametrize("type", ["npm", "maven", "rubygems", "nuget"])
def test_other_types_have_no_packages(api: HostClient, type: str) -> None:
    assert titles(api, LIST, package_type=type) == []
    assert api.get(f"{LIST}/{type}/monalisa").status_code == 404


@pytest.mark.parametrize(("query", "status"), [("", 400), ("package_type=rpm", 422), ("package_type=none", 422)])
def test_the_type_has_to_be_said(api: HostClient, query: str, status: int) -> None:
    response = api.get(f"{LIST}?{query}")
    assert response.status_code == status
    assert set(response.get_json()) == {"message", "documentation_url", "status"}


def test_visibility_filters(ghes: Ghes, api: HostClient) -> None:
    ghes.docker().publish("octo-org/site/page", "1.0")
    shown = {value: titles(api, LIST, package_type="docker", visibility=value) for value in VISIBILITIES}
    assert shown == {"public": ["page"], "private": ["monalisa"], "internal": ["monalisa"]}
    ghes.registry.github.change_package(NAME, visibility="internal")
    shown = {value: titles(api, LIST, package_type="container", visibility=value) for value in VISIBILITIES}
    assert shown == {"public": [], "private": [], "internal": ["team/monalisa"]}
    assert api.get(f"{LIST}?package_type=docker&visibility=secret").status_code == 422


VISIBILITIES = ("public", "private", "internal")


def test_lists_come_in_pages(ghes: Ghes) -> None:
    client, api = ghes.docker(), ghes.api()
    for number in range(33):
        client.publish(f"octo-org/service/image{number:02}", "1.0")
    first = api.get(f"{LIST}?package_type=docker&note=%26")
    assert [package["name"] for package in first.get_json()] == [f"image{number:02}" for number in range(30)]
    links = {rel: url for url, rel in re.findall(r'<([^>]+)>; rel="(\w+)"', first.headers["Link"])}
    assert set(links) == {"next", "last"}
    assert links["next"] == f"http://{HOSTNAME}{LIST}?package_type=docker&note=%26&page=2"
    assert titles(api, links["next"]) == ["image30", "image31", "image32"]
    middle = api.get(f"{LIST}?package_type=docker&per_page=10&page=2")
    assert set(re.findall(r'rel="(\w+)"', middle.headers["Link"])) == {"prev", "next", "first", "last"}
    assert len(titles(api, LIST, package_type="docker", per_page="1000")) == 33


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ("per_page=100&page=100", 200),
        ("per_page=100&page=101", 400),
        ("per_page=1000000&page=101", 400),
        ("page=99999999999999999999", 400),
        ("page=-1&per_page=x", 200),
        ("page=0&per_page=0", 200),
        ("page=²", 200),
    ],
)
def test_a_list_reaches_to_the_ten_thousandth(api: HostClient, arguments: str, status: int) -> None:
    assert api.get(f"{LIST}?package_type=docker&{arguments}").status_code == status


# Who may what.


@pytest.mark.row("GHD-06")
def test_how_callers_authenticate(ghes: Ghes, api: HostClient) -> None:
    secret = ghes.secret("octocat")
    anonymous = ghes.stranger()
    path = f"{LIST}?package_type=docker"
    for scheme in ("token", "Token", "bearer", "Bearer"):
        assert anonymous.get(path, headers={"Authorization": f"{scheme} {secret}"}).status_code == 200
    bad = ["token", f"token {secret}x", f"Digest {secret}", "Basic", "Basic !", "Bearer octocat-password", secret]
    for header in bad:
        assert anonymous.get(path, headers={"Authorization": header}).status_code == 401
    assert ghes.api("octocat", "octocat-password").get(path).status_code == 401
    assert ghes.api("octocat", ghes.accounts.add_fine_grained_token("octocat")).get(path).status_code == 401


@pytest.mark.parametrize(("method", "path"), [("GET", DOCKER), ("DELETE", CONTAINER), ("POST", f"{DOCKER}/restore")])
def test_nothing_goes_without_credentials(ghes: Ghes, api: HostClient, method: str, path: str) -> None:
    for client in (ghes.stranger(), ghes.api("octocat", "ghp_unknown")):
        response = client.open(path, method=method)
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"].startswith("Basic realm=")
        assert set(response.get_json()) == {"message", "documentation_url", "status"}


@pytest.mark.row("GHD-10")
@pytest.mark.parametrize(
    ("method", "suffix", "scopes"),
    [
        ("GET", "", {"read:packages"}),
        ("GET", "/versions", {"read:packages"}),
        ("DELETE", "", {"read:packages", "delete:packages"}),
        ("POST", "/restore", {"read:packages", "write:packages"}),
    ],
)
@pytest.mark.parametrize("path", [DOCKER, CONTAINER])
def test_each_scope_is_needed(
    ghes: Ghes, api: HostClient, method: str, suffix: str, scopes: set[str], path: str
) -> None:
    ghes.registry.configure(registry="github-container", write_includes_read=False)
    ghes.registry.configure(registry="github-docker", write_includes_read=False)
    scopes = scopes | ({"repo"} if path == DOCKER else set())
    for missing in scopes:
        client = of(ghes, "octocat", *(scopes - {missing}), *(["repo"] if scopes == {missing} else []))
        assert client.open(path + suffix, method=method).status_code == 403, missing
    assert of(ghes, "octocat", *scopes).open(path + suffix, method=method).status_code != 403


@pytest.mark.row("GHD-10")
def test_deleting_needs_an_administrator(ghes: Ghes, api: HostClient) -> None:
    version = api.get(f"{DOCKER}/versions").get_json()[0]["id"]
    for path in (DOCKER, f"{DOCKER}/versions/{version}"):
        assert ghes.api("hubot").delete(path).status_code == 403
        assert ghes.api("mona").delete(path).status_code == 403  # of the repository, not of the organization
        assert of(ghes, "octocat", "read:packages", "repo").delete(path).status_code == 403
    assert ghes.docker().get(f"/v2/{DOCKER_NAME}/manifests/1.0").status_code == 200
    assert api.delete(DOCKER).status_code == 204


def test_what_one_may_not_see_is_not_there(ghes: Ghes, api: HostClient) -> None:
    for user in ("hubot", "mona"):
        for method, path in [("GET", CONTAINER), ("DELETE", CONTAINER), ("GET", f"{CONTAINER}/versions")]:
            assert ghes.api(user).open(path, method=method).status_code == 404
    api.delete(CONTAINER)
    assert ghes.api("hubot").post(f"{CONTAINER}/restore").status_code == 404


def test_a_member_who_published_deletes_for_himself_and_not_below_orgs(ghes: Ghes) -> None:
    ghes.containers("hubot").publish("octo-org/tool", "1.0")
    ghes.containers("hubot").publish("hubot/tool", "1.0")
    hubot = ghes.api("hubot")
    assert hubot.delete(f"{LIST}/container/tool").status_code == 403
    assert hubot.delete("/api/v3/user/packages/container/tool").status_code == 204


@pytest.mark.row("GHD-11")
def test_a_github_token_reaches_what_belongs_to_its_repository(ghes: Ghes, api: HostClient) -> None:
    ghes.accounts.add_repository("octo-org/other")
    own, other = (ghes.accounts.add_actions_token(f"octo-org/{name}") for name in ("service", "other"))
    reader = ghes.accounts.add_actions_token("octo-org/service", packages="read")
    assert ghes.api("anybody", other).get(DOCKER).status_code == 404
    assert ghes.api("anybody", reader).get(DOCKER).status_code == 200
    assert ghes.api("anybody", reader).delete(DOCKER).status_code == 403
    workflow = ghes.api("anybody", own)
    assert workflow.delete(DOCKER).status_code == 204
    assert workflow.post(f"{DOCKER}/restore").status_code == 204
    assert workflow.get("/api/v3/user/packages?package_type=docker").status_code == 403


@pytest.mark.row("GHD-02")
def test_a_disabled_type_is_hidden_and_a_read_only_one_is_kept(ghes: Ghes, api: HostClient) -> None:
    ghes.registry.configure(registry="github-docker", ecosystem="read-only")
    assert api.delete(DOCKER).status_code == 403
    assert api.get(DOCKER).status_code == 200
    ghes.registry.configure(registry="github-docker", ecosystem="disabled")
    assert titles(api, LIST, package_type="docker") == []
    assert api.get(DOCKER).status_code == 404
    assert api.get(CONTAINER).status_code == 200


# Conflicts, hosts, paths.


@pytest.mark.row("GHD-31")
def test_conflicts_of_a_migration_are_listed(ghes: Ghes, api: HostClient) -> None:
    path = "/api/v3/orgs/octo-org/docker/conflicts"
    assert api.get(path).get_json() == []
    ghes.containers().publish(DOCKER_NAME, "1.0")
    (conflict,) = api.get(path).get_json()
    assert (conflict["package_type"], conflict["name"]) == ("docker", "monalisa")
    assert api.get("/api/v3/user/docker/conflicts").get_json() == []
    assert ghes.stranger().get(path).status_code == 401
    assert of(ghes, "octocat", "repo").get(path).status_code == 403


@pytest.mark.row("GHD-14")
def test_the_api_is_at_the_host_of_the_instance(ghes: Ghes, api: HostClient) -> None:
    for subdomain in ("docker.", "containers."):
        response = api.get(DOCKER, base_url=f"http://{subdomain}{HOSTNAME}")
        assert response.status_code == 404


def test_a_proxy_cannot_make_other_links_than_those_of_the_web() -> None:
    ghes = Ghes(trust_proxy=True)
    ghes.containers().publish(NAME, "1.0")
    ghes.containers().publish("octo-org/other", "1.0")
    headers = {"X-Forwarded-Proto": "javascript"}
    response = ghes.api().get(f"{LIST}?package_type=container&per_page=1", headers=headers)
    (package,) = response.get_json()
    assert package["html_url"].startswith(f"http://{HOSTNAME}/")
    assert response.headers["Link"].startswith(f"<http://{HOSTNAME}/")


def test_without_a_hostname_everything_is_at_one_host() -> None:
    ghes = Ghes(dialect="github-container", hostname="")
    client = HostClient(ghes.registry, "localhost:5000", scheme="Bearer", user="octocat", secret=ghes.secret("octocat"))
    client.publish(NAME, "1.0")
    document = client.get(CONTAINER, headers={"Authorization": f"token {ghes.secret('octocat')}"}).get_json()
    assert document["url"] == f"http://localhost:5000{CONTAINER}"


def test_without_authentication_the_api_is_open(ghes: Ghes) -> None:
    ghes = Ghes(dialect="github-container,auth=none", hostname="")
    client = ghes.stranger()
    client.publish(NAME, "1.0")
    assert client.get(CONTAINER).status_code == 200
    assert client.delete(CONTAINER).status_code == 204
    assert client.get(f"/v2/{NAME}/manifests/1.0").status_code == 404
    assert client.get("/api/v3/user/packages?package_type=container").status_code == 401


@pytest.mark.parametrize(
    "owner", ["orgs/nobody", "orgs/octocat", "users/octo-org", "users/nobody", "orgs/..", "users/"]
)
def test_an_unknown_account_is_404(api: HostClient, owner: str) -> None:
    assert api.get(f"/api/v3/{owner}/packages?package_type=docker").status_code == 404


def test_other_methods_and_paths_have_the_body_of_the_api(api: HostClient) -> None:
    for method, path, status in [("PUT", DOCKER, 405), ("GET", "/api/v3/emojis", 404), ("DELETE", LIST, 405)]:
        response = api.open(path, method=method)
        assert response.status_code == status
        assert response.get_json()["status"] == str(status)
    assert api.open(LIST, method="DELETE").headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize("variables", [{"REQUEST_URI": "", "RAW_URI": ""}, {"REQUEST_URI": "/other"}])
def test_a_server_that_does_not_tell_the_path_as_sent_is_understood(api: HostClient, variables: dict[str, str]) -> None:
    assert api.get(CONTAINER, environ_overrides=variables).status_code == 200
    assert api.get(f"{CONTAINER}/versions", environ_overrides=variables).status_code == 200


def test_a_package_may_be_called_as_an_endpoint(ghes: Ghes) -> None:
    for name in ("versions", "a/versions", "a/restore", "restore"):
        ghes.containers().publish(f"octo-org/{name}", "1.0")
        response = ghes.api().get(f"{LIST}/container/{quote(name, safe='')}")
        assert response.get_json()["name"] == name


WORDS = """
    api v3 orgs users user octo-org packages docker container monalisa service team%2Fmonalisa versions restore
    conflicts package 1 2 999999999999999999999999999999 %2F %ff .. %ED%A0%80
"""
PARTS = st.sampled_from(WORDS.split()) | st.text(max_size=5).map(lambda text: quote(text, safe="", errors="replace"))
QUERIES = st.dictionaries(
    st.sampled_from(["package_type", "visibility", "page", "per_page", "state", "token", "login"]),
    st.sampled_from(["docker", "container", "npm", "none", "public", "deleted", "1", "-1", "9" * 30, "%ff"])
    | st.text(max_size=4),
)
FIXTURE = [HealthCheck.function_scoped_fixture]


@settings(suppress_health_check=FIXTURE, max_examples=300, deadline=None)
@given(
    st.lists(PARTS, max_size=8),
    QUERIES,
    st.sampled_from(["GET", "HEAD", "POST", "DELETE", "PUT"]),
    st.sampled_from(["", "token x", "Basic", "Basic \xe9", "octocat", "mona"]),
    st.booleans(),
)
def test_no_request_is_too_much(
    ghes: Ghes, parts: list[str], query: dict[str, Any], method: str, who: str, below: bool
) -> None:
    ghes.docker().publish(DOCKER_NAME, "1.0")
    ghes.containers().publish(NAME, "1.0")
    client = ghes.api(who) if who in ghes.accounts.users else ghes.stranger()
    headers = {"Authorization": who} if who and who not in ghes.accounts.users else {}
    path = ("/api/v3/orgs/octo-org/packages/" if below else "/") + "/".join(parts)
    sent = {"REQUEST_URI": path, "PATH_INFO": unquote_to_bytes(path).decode("latin-1")}
    response = client.open("/", method=method, query_string=query, headers=headers, environ_overrides=sent)
    assert response.status_code < 500
