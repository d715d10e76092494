"""The pages of packages: what they show, to whom, and that nothing on them is taken for markup."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakereg.spec.names import Digest
from tests.fakereg.client import descriptor, docker_image, index
from tests.fakereg.ghes import DOCKER_LAYER, HOSTNAME, Ghes, HostClient
from tests.fakereg.html_page import Page

DOCKER_NAME = "octo-org/service/monalisa"
NAME = "octo-org/team/monalisa"
CONTAINER = "/orgs/octo-org/packages/container/package/team%2Fmonalisa"
API = "/api/v3/orgs/octo-org/packages/container/team%2Fmonalisa"
LABEL = "org.opencontainers.image."


@pytest.fixture
def web(ghes: Ghes) -> HostClient:
    ghes.docker().publish(DOCKER_NAME, "1.0")
    ghes.containers().publish(NAME, "1.0")
    return ghes.api()


def docker_path(ghes: Ghes, name: str = DOCKER_NAME) -> str:
    return f"/{name.rpartition('/')[0]}/packages/{ghes.package('docker', name).id}"


def page(client: HostClient, path: str, status: int = 200) -> Page:
    response = client.get(path)
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    return Page(response.text)


# What is shown.


@pytest.mark.row("GHD-23")
def test_the_page_of_an_image_of_the_docker_registry(ghes: Ghes, web: HostClient) -> None:
    digest = ghes.docker().publish(DOCKER_NAME, "2.0", layer=b"x" * 3000)
    ghes.docker().get(f"/v2/{DOCKER_NAME}/manifests/2.0")
    shown = page(web, docker_path(ghes))
    for text in (
        f"docker pull docker.{HOSTNAME}/{DOCKER_NAME}:2.0",
        f"docker pull docker.{HOSTNAME}/{DOCKER_NAME}:1.0",
        digest,
        "2.9 KiB (3,002 bytes)",
        str(Digest.of(b"x" * 3000)),
        "3,000",
        DOCKER_LAYER,
        "2 versions",
        "Docker registry",
        "private",
        "Downloads 1",
        "1970-01-12 13:46 UTC",
    ):
        assert text in shown.text, text
    assert {"/octo-org/service/packages", "/orgs/octo-org/packages", docker_path(ghes)} <= shown.links


@pytest.mark.row("GHD-23")
def test_the_command_has_the_port_that_was_asked(ghes: Ghes, web: HostClient) -> None:
    for path, host in ((docker_path(ghes), "docker."), (CONTAINER, "containers.")):
        response = web.get(path, base_url=f"http://{HOSTNAME}:5000")
        assert f"docker pull {host}{HOSTNAME}:5000/octo-org/" in response.text


@pytest.mark.row("GHC-09")
def test_the_page_of_a_container_image_has_its_labels(ghes: Ghes, web: HostClient) -> None:
    labels = {LABEL + "description": "d" * 600, LABEL + "licenses": "l" * 300}
    labels[LABEL + "source"] = source = f"https://{HOSTNAME}/octo-org/service"
    ghes.containers().publish(NAME, "2.0", labels=labels)
    shown = page(web, CONTAINER)
    assert "d" * 512 in shown.text
    assert "d" * 513 not in shown.text
    assert "l" * 256 in shown.text
    assert "l" * 257 not in shown.text
    assert {source, "/octo-org/service/packages"} <= shown.links


def test_an_index_shows_its_platforms_and_an_untagged_manifest_its_digest(ghes: Ghes, web: HostClient) -> None:
    client = ghes.containers()
    children = [client.publish(NAME, "1.0", layer=layer) for layer in (b"one", b"two")]
    document = index(*children)
    for entry, platform in zip(document["manifests"], ({"os": "linux", "architecture": "arm64"}, None), strict=True):
        entry["platform"] = platform
    document["annotations"] = {LABEL + "description": "from the index"}
    client.put_manifest(NAME, "multi", document)
    shown = page(web, CONTAINER)
    for text in ("linux/arm64, unknown", "2 images", "from the index", f"{NAME}:multi", f"{NAME}@{children[0]}"):
        assert text in shown.text
    assert "untagged" in shown.text


@pytest.mark.row("GHD-22")
def test_a_large_image_is_marked(ghes: Ghes, web: HostClient) -> None:
    assert "is large" not in page(web, docker_path(ghes)).text
    ghes.registry.configure(registry="github-docker", image_size_notice=6)
    assert "is large" in page(web, docker_path(ghes)).text


def test_of_a_manifest_that_is_too_large_nothing_is_listed(ghes: Ghes, web: HostClient) -> None:
    client, labels = ghes.containers(), {LABEL + "description": "a text"}
    config = client.push_blob(NAME, json.dumps({"config": {"Labels": labels}}).encode())
    layer = descriptor(DOCKER_LAYER, client.push_blob(NAME, b"layer"), 5)
    digests = []
    for count in (1, 2000):
        client.put_manifest(NAME, "1.0", docker_image(config, *[layer] * count))
        (newest, *_) = ghes.api().get(f"{API}/versions").get_json()
        assert newest.get("description") == ("a text" if count == 1 else None)
        digests.append(newest["name"])
    client.put_manifest(NAME, "multi", index(*[digests[0]] * 2000))
    shown = page(web, CONTAINER)
    assert shown.text.count("too large to be listed") == 2
    assert "1 layer" in shown.text
    assert "2000" not in shown.text
    assert all(digest in shown.text for digest in digests)


@pytest.mark.row("GHD-30")
def test_what_was_deleted_is_not_shown(ghes: Ghes, web: HostClient) -> None:
    ghes.docker().publish(DOCKER_NAME, "gone", layer=b"another")
    path = docker_path(ghes)
    api = "/api/v3/orgs/octo-org/packages/docker/monalisa"
    (id,) = [one["id"] for one in web.get(f"{api}/versions").get_json() if one["name"] == "gone"]
    assert "gone" in page(web, path).text
    web.delete(f"{api}/versions/{id}")
    assert "gone" not in page(web, path).text
    web.delete(api)
    assert page(web, path, 404).find("h1")
    assert "monalisa" not in page(web, "/octo-org/service/packages", 200).text


@pytest.mark.row("GHD-18")
def test_lists_of_a_repository_and_of_an_account(ghes: Ghes, web: HostClient) -> None:
    ghes.docker().publish("octo-org/site/page", "1.0")
    ghes.containers().publish(
        "octo-org/linked", "1.0", labels={LABEL + "source": f"https://{HOSTNAME}/octo-org/service"}
    )
    every = {"octo-org/service/monalisa", "octo-org/site/page", "octo-org/team/monalisa", "octo-org/linked"}
    of_repository = {"octo-org/service/monalisa", "octo-org/linked"}
    for path, names in (("/orgs/octo-org/packages", every), ("/octo-org/service/packages", of_repository)):
        shown = page(web, path)
        assert {name for name in every if name in shown.text} == names
        for link in shown.links:
            assert web.get(link).status_code == 200
    assert "There are no packages" in page(web, "/users/octocat/packages").text


@pytest.mark.row("GHD-23")
def test_the_links_of_the_api_lead_to_the_pages(ghes: Ghes, web: HostClient) -> None:
    ghes.containers().publish("octocat/own", "1.0")
    lists = [("orgs/octo-org", "docker"), ("orgs/octo-org", "container"), ("users/octocat", "container")]
    for owner, type in lists:
        (package,) = web.get(f"/api/v3/{owner}/packages?package_type={type}").get_json()
        assert package["owner"]["login"] in page(web, package["html_url"]).text
        (version,) = web.get(package["url"] + "/versions").get_json()
        assert version["package_html_url"] == package["html_url"]
        assert version["name"] in page(web, version["html_url"]).text


@pytest.mark.parametrize("type", ["docker", "container"])
def test_the_page_of_a_version_shows_that_version_alone(ghes: Ghes, web: HostClient, type: str) -> None:
    client, name = (ghes.docker(), DOCKER_NAME) if type == "docker" else (ghes.containers(), NAME)
    client.publish(name, "second", layer=b"another")
    (package,) = web.get(f"/api/v3/orgs/octo-org/packages?package_type={type}").get_json()
    versions = web.get(package["url"] + "/versions").get_json()
    tags = {"1.0", "second"}
    assert tags <= set(page(web, package["html_url"]).text.split())
    for version in versions:
        (tag,) = version["metadata"][type]["tags"]
        shown = page(web, version["html_url"])
        assert set(shown.text.split()) & tags == {tag}
        assert f"{name}:{tag}" in shown.text
    missing = versions[0]["html_url"] + "9"
    assert page(web, missing, 404).find("h1")
    assert ghes.stranger().get(missing).status_code == 401


def test_the_page_of_a_version_is_found_after_a_migration(ghes: Ghes, web: HostClient) -> None:
    (version,) = web.get("/api/v3/orgs/octo-org/packages/docker/monalisa/versions").get_json()
    ghes.registry.github.migrate("octo-org")
    assert "1.0" in page(web, version["html_url"]).text.split()


@pytest.mark.row("GHD-31")
def test_an_image_that_has_moved_is_shown_once_and_at_both_addresses(ghes: Ghes, web: HostClient) -> None:
    old = docker_path(ghes)
    ghes.registry.github.migrate()
    for path in (old, "/orgs/octo-org/packages/container/package/service%2Fmonalisa"):
        assert f"docker pull containers.{HOSTNAME}/{DOCKER_NAME}:1.0" in page(web, path).text
    assert page(web, "/octo-org/service/packages").text.count(DOCKER_NAME) == 1


def test_many_versions_come_in_pages(ghes: Ghes) -> None:
    client = ghes.docker()
    config = client.push_blob(DOCKER_NAME, b"{}")
    for number in range(65):
        client.put_manifest(DOCKER_NAME, f"v{number:02}", docker_image(config))
    web, path = ghes.api(), docker_path(ghes)
    seen: list[str] = []
    for number in (1, 2, 3):
        shown = page(web, f"{path}?page={number}")
        assert f"{DOCKER_NAME}:v64" in shown.text  # the command at the top is the newest version's
        seen += re.findall(r"v\d\d (?=Digest)", shown.text)
        assert {f"?page={one}" for one in (number - 1, number + 1) if 1 <= one <= 3} <= shown.links
    assert len(set(seen)) == 65
    for odd in ("0", "-1", "x", "99999999999999999999", "²"):
        assert web.get(f"{path}?page={odd}").status_code == 200


# To whom.


@pytest.mark.row("GHD-07")
def test_an_image_of_the_docker_registry_is_shown_to_who_may_pull_it(ghes: Ghes, web: HostClient) -> None:
    ghes.docker().publish("octo-org/site/page", "1.0")
    for path in (docker_path(ghes), docker_path(ghes, "octo-org/site/page"), "/octo-org/service/packages/999"):
        response = ghes.stranger().get(path)
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"].startswith("Basic realm=")
        assert Page(response.text).find("h1")
    for secret in ("octocat-password", "ghp_x", ghes.accounts.add_fine_grained_token("octocat")):
        assert ghes.api("octocat", secret).get(docker_path(ghes)).status_code == 401
    assert ghes.api("hubot").get(docker_path(ghes)).status_code == 200
    assert ghes.api("octocat", ghes.secret("octocat", "repo")).get(docker_path(ghes)).status_code == 404
    ghes.accounts.add_user("stranger")
    for path, status in ((docker_path(ghes), 404), (docker_path(ghes, "octo-org/site/page"), 200)):
        assert ghes.api("stranger").get(path).status_code == status


@pytest.mark.row("GHC-04")
def test_a_public_container_image_is_shown_to_everybody(ghes: Ghes, web: HostClient) -> None:
    anonymous, hubot = ghes.stranger(), ghes.api("hubot")
    for path in (CONTAINER, "/orgs/octo-org/packages/container/package/nothing", "/orgs/octo-org/packages"):
        assert anonymous.get(path).status_code == 401
    assert hubot.get(CONTAINER).status_code == 404
    ghes.registry.github.change_package(NAME, visibility="public")
    for client in (anonymous, hubot):
        assert client.get(CONTAINER).status_code == 200
    listed = page(anonymous, "/orgs/octo-org/packages")
    assert NAME in listed.text
    assert DOCKER_NAME not in listed.text
    assert "?sign-in=1" in listed.links
    assert anonymous.get("/orgs/octo-org/packages?sign-in=1").status_code == 401
    assert DOCKER_NAME in page(web, "/orgs/octo-org/packages?sign-in=1").text


@pytest.mark.parametrize(
    "path",
    [
        "/orgs/nobody/packages",
        "/orgs/octocat/packages",
        "/users/octo-org/packages",
        "/octo-org/nothing/packages",
        "/users/octo-org/packages/container/package/team%2Fmonalisa",
        "/octo-org/service/packages/x",
        "/octo-org/service/packages/1/2",
        "/orgs/octo-org/packages/container/package",
        "/orgs/octo-org/packages/container/package/monalisa",
    ],
)
def test_what_is_not_there_is_404_or_asks_for_credentials(ghes: Ghes, web: HostClient, path: str) -> None:
    assert page(web, path, 404).find("h1")
    assert ghes.stranger().get(path).status_code in (401, 404)


def test_a_private_repository_cannot_be_told_from_none(ghes: Ghes) -> None:
    ghes.accounts.add_repository("octo-org/hidden")
    ghes.accounts.add_organization("octo-org", owners=["octocat"], base_role="none")
    paths = ["/octo-org/hidden/packages", "/octo-org/nothing/packages"]
    assert [ghes.api("octocat").get(path).status_code for path in paths] == [200, 404]
    assert [ghes.api("hubot").get(path).status_code for path in paths] == [404, 404]
    assert ghes.api("hubot").get("/octo-org/site/packages").status_code == 200


def test_pages_are_at_the_host_of_the_instance(ghes: Ghes, web: HostClient) -> None:
    assert web.get(CONTAINER, base_url=f"http://docker.{HOSTNAME}").status_code == 404
    assert web.post(CONTAINER).headers["Allow"] == "GET, HEAD"
    assert web.head(CONTAINER).data == b""


def test_without_authentication_pages_are_open_and_without_packages_there_are_none() -> None:
    ghes = Ghes(dialect="github-container,auth=none", hostname="")
    ghes.stranger().publish(NAME, "1.0")
    assert "sign-in" not in ghes.stranger().get("/orgs/octo-org/packages").text
    assert ghes.stranger().get(CONTAINER).status_code == 200
    assert ghes.stranger().get("/orgs/octo-org/packages/container/package/no").status_code == 404
    plain = Ghes(dialect="oci", hostname="").stranger()
    assert plain.get("/orgs/octo-org/packages").status_code == 404


@pytest.mark.row("GHC-01")
def test_an_image_whose_registry_is_not_served_has_no_command() -> None:
    """Without subdomain isolation there is no Container registry; images migrated before have a page nevertheless."""
    ghes = Ghes(subdomain_isolation=False)
    HostClient(ghes.registry, HOSTNAME, scheme="Basic", user="octocat", secret=ghes.secret("octocat")).publish(
        DOCKER_NAME, "1.0"
    )
    ghes.registry.github.migrate()
    shown = page(ghes.api(), "/orgs/octo-org/packages/container/package/service%2Fmonalisa")
    assert "docker pull" not in shown.text
    assert "not served" in shown.text


# That it is safe, and can be read by everybody.


def test_a_browser_loads_and_runs_nothing(web: HostClient) -> None:
    for path, status in ((CONTAINER, 200), ("/orgs/octo-org/packages", 200), ("/orgs/nobody/packages", 404)):
        response = web.get(path)
        assert response.status_code == status
        policy = dict(part.strip().split(" ", 1) for part in response.headers["Content-Security-Policy"].split(";"))
        assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
        (style,) = re.findall(r"<style>(.*?)</style>", response.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        assert policy["style-src"] == f"'sha256-{digest}'"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Cache-Control"] == "no-store"
        assert not {tag for tag, _ in Page(response.text).elements} & {"script", "img", "iframe", "object", "form"}
        assert not [attributes for _, attributes in Page(response.text).elements if "style" in attributes]


def test_pages_are_accessible(web: HostClient) -> None:
    for path in (CONTAINER, "/orgs/octo-org/packages"):
        shown = page(web, path)
        assert shown.find("html") == [{"lang": "en"}]
        for landmark in ("header", "main", "footer", "title", "h1"):
            assert len(shown.find(landmark)) == 1
        assert len(shown.find("caption")) == len(shown.find("table")) > 0
        assert all(header.get("scope") in ("col", "row") for header in shown.find("th"))
        levels = [int(tag[1]) for tag, _ in shown.elements if re.fullmatch(r"h[1-6]", tag)]
        assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
        ids = [attributes["id"] for _, attributes in shown.elements if "id" in attributes]
        assert len(ids) == len(set(ids))
        named = {attributes["aria-labelledby"] for _, attributes in shown.elements if "aria-labelledby" in attributes}
        assert named <= set(ids)


HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&lt;{{7*7}}\u202e</style></title>\ud800"


def test_hostile_labels_are_text(ghes: Ghes, web: HostClient) -> None:
    before = [tag for tag, _ in page(web, CONTAINER).elements]
    labels = {LABEL + field: HOSTILE for field in ("description", "licenses", "source")}
    digest = ghes.containers().publish(NAME, "1.0", labels=labels)
    document = index(digest)
    document["manifests"][0]["platform"] = {"os": HOSTILE, "architecture": HOSTILE}
    document["annotations"] = labels
    shown = page(web, CONTAINER)
    written = " ".join(HOSTILE.replace("\ud800", "?").split())
    assert shown.text.count(written) == 3
    assert {tag for tag, _ in shown.elements} - set(before) == {"p"}
    ghes.containers().put_manifest(NAME, "multi", document)
    assert page(web, CONTAINER).text.count(written) == 3


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "//elsewhere.test", "https://[", "https://", " "]
)
def test_only_addresses_of_the_web_become_links(ghes: Ghes, web: HostClient, url: str) -> None:
    ghes.containers().publish(NAME, "2.0", labels={LABEL + "source": url})
    shown = page(web, CONTAINER)
    assert url.strip() in shown.text
    assert url not in shown.links


ELEMENTS = """
    html head meta title style body header nav ol li a main h1 span p section h2 pre code dl dt dd time article h3
    details summary div table caption thead tr th tbody td footer
"""


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(st.text(), st.text(), st.text())
def test_whatever_labels_say_the_page_keeps_its_structure(
    ghes: Ghes, description: str, licenses: str, source: str
) -> None:
    client = ghes.containers()
    texts = {"description": description, "licenses": licenses, "source": source}
    config = json.dumps({"config": {"Labels": {LABEL + key: text for key, text in texts.items()}}}).encode()
    layer = descriptor(DOCKER_LAYER, client.push_blob(NAME, b"layer"))
    client.put_manifest(NAME, "1.0", docker_image(client.push_blob(NAME, config), layer))
    shown = page(ghes.api(), CONTAINER)
    assert {tag for tag, _ in shown.elements} <= set(ELEMENTS.split())
