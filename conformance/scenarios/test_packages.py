"""Published packages in the packages API and on the package page, in GitHub's two registries."""

from __future__ import annotations

from typing import Any

from conformance.checks.checks import Checks
from conformance.client.client import REDIRECTS
from conformance.client.content import Content, Manifest
from conformance.client.exchange import Exchange
from conformance.client.packages import CONTAINER, DOCKER, Packages, document, entries, name_of, tags_of
from conformance.client.steps import Steps
from conformance.scene.actors import Clients, Places, not_applicable
from conformance.scene.github import packages_of
from conformance.scene.requirement import requirement

LABEL = "org.opencontainers.image."
DESCRIPTION, LICENSES = 512, 256
"""The most characters of a description and of licenses that are shown."""

LAST_PAGE = 10_000


def names(api: Packages, first: Exchange) -> list[str]:
    """Return the names of all packages in a list."""
    return [str(package.get("name")) for package in api.pages(first)]


@requirement("GHD-23")
def test_list(clients: Clients, check: Checks, given: Steps, content: Content, repository: str) -> None:
    given.manifest(repository, content.docker_image(), "1.0")
    api, name = packages_of(clients, repository, DOCKER), name_of(repository, DOCKER)
    for visibility, listed in ((None, True), ("private", True), ("public", False)):
        answer = api.list_packages(per_page=100, **({"visibility": visibility} if visibility else {}))
        check.status("GHD-23", answer, 200)
        found = names(api, answer)
        wanted = f"a list {'with' if listed else 'without'} {name}"
        check.that("GHD-23", (name in found) is listed, expected=wanted, got=found, exchange=answer)
    beyond = api.list_packages(per_page=100, page=LAST_PAGE // 100 + 1)
    check.status("GHD-23", beyond, 400, grade="SHOULD")


@requirement("GHD-23")
def test_package(clients: Clients, check: Checks, given: Steps, content: Content, repository: str) -> None:
    given.manifest(repository, content.docker_image(), "1.0")
    api, name = packages_of(clients, repository, DOCKER), name_of(repository, DOCKER)
    answer = api.get_package(name)
    check.status("GHD-23", answer, 200)
    found = document(answer)
    expected = {"name": name, "package_type": DOCKER, "visibility": "private", "version_count": 1}
    expected |= {"owner": api.owner, "repository": repository.rpartition("/")[0]}
    got = {key: found.get(key) for key in expected}
    got |= {"owner": inner(found, "owner", "login"), "repository": inner(found, "repository", "full_name")}
    check.that("GHD-23", got == expected, expected=f"{expected}", got=got, exchange=answer)
    again = api.client.request("GET", str(found.get("url")))
    same = document(again).get("id") == found.get("id")
    check.that("GHD-23", same, expected="a url that leads to the package", got=found.get("url"), exchange=again)


@requirement("GHD-23")
def test_versions(clients: Clients, check: Checks, given: Steps, content: Content, repository: str) -> None:
    tags = ["1.0", "2.0"]
    for tag in tags:
        given.manifest(repository, content.docker_image(), tag)
    api, name = packages_of(clients, repository, DOCKER), name_of(repository, DOCKER)
    answer = api.list_versions(name)
    check.status("GHD-23", answer, 200)
    versions = entries(answer)
    check.same_set("GHD-23", answer, [tag for version in versions for tag in tags_of(version)], tags)
    for version in versions:
        one = api.get_version(name, version.get("id"))
        got = f"status {one.status} with {one.body.decode(errors='replace')}"
        check.that("GHD-23", one.json() == version, expected=f"{version}", got=got, exchange=one)


@requirement("GHD-23")
def test_page(clients: Clients, check: Checks, given: Steps, content: Content, place: Places) -> None:
    repository = place("public")
    given.manifest(repository, content.docker_image(), "1.0")
    api = packages_of(clients, repository, DOCKER)
    page = api.get_page(str(document(api.get_package(name_of(repository, DOCKER))).get("html_url")))
    if page.status in REDIRECTS:
        not_applicable("the package page needs a login in a browser")
    check.status("GHD-23", page, 200)
    for text in (repository, f"docker pull {given.client.base_url.partition('://')[2]}/{repository}:1.0"):
        check.that("GHD-23", text in page.body.decode(), expected=f"a page with {text}", got="none", exchange=page)


@requirement("GHD-13")
def test_private_docker_package(
    clients: Clients, check: Checks, given: Steps, content: Content, repository: str
) -> None:
    given.manifest(repository, content.docker_image(), "1.0")
    is_hidden(clients, check, "GHD-13", repository, DOCKER)


@requirement("GHC-05")
def test_private_container_package(
    clients: Clients, check: Checks, given: Steps, content: Content, repository: str
) -> None:
    given.manifest(repository, content.image(), "1.0")
    is_hidden(clients, check, "GHC-05", repository, CONTAINER)


def is_hidden(clients: Clients, check: Checks, requirement: str, repository: str, type: str) -> None:
    """Check that a package is shown to its administrator, but neither to a stranger nor without credentials."""
    name = name_of(repository, type)
    check.status(requirement, packages_of(clients, repository, type).get_package(name), 200)
    stranger = packages_of(clients, repository, type, identity="stranger")
    check.status(requirement, stranger.get_package(name), 403, 404)
    listed = stranger.list_packages(per_page=100)
    found = names(stranger, listed)
    check.that(requirement, name not in found, expected=f"a list without {name}", got=found, exchange=listed)
    nobody = packages_of(clients, repository, type, identity="nobody")
    check.status(requirement, nobody.get_package(name), 401, 403, 404)


@requirement("GHC-09")
def test_labels(clients: Clients, check: Checks, given: Steps, content: Content, repository: str) -> None:
    labels = {f"{LABEL}description": content.word(DESCRIPTION + 1), f"{LABEL}licenses": content.word(LICENSES + 1)}
    image = content.image(config=content.config(labels=labels))
    given.manifest(repository, image, "1.0")
    api = packages_of(clients, repository, CONTAINER)
    shows(api, check, repository, image, "description", labels[f"{LABEL}description"][:DESCRIPTION])
    shows(api, check, repository, image, "license", labels[f"{LABEL}licenses"][:LICENSES])


@requirement("GHC-09")
def test_annotations(clients: Clients, check: Checks, given: Steps, content: Content, repository: str) -> None:
    child = content.image(config=content.config(labels={f"{LABEL}description": content.word(20)}))
    description = content.word(20)
    index = content.index([child], annotations={f"{LABEL}description": description})
    given.manifest(repository, index, "1.0")
    shows(packages_of(clients, repository, CONTAINER), check, repository, index, "description", description)


def shows(api: Packages, check: Checks, repository: str, manifest: Manifest, field: str, text: str) -> None:
    """Check that the API's version or the package page has exactly a text; unsupported if both are unavailable."""
    name = name_of(repository, CONTAINER)
    listed, page = api.list_versions(name), api.get_page(str(document(api.get_package(name)).get("html_url")))
    version = next((one for one in entries(listed) if one.get("name") == manifest.digest), {})
    if field not in version and page.status != 200:
        not_applicable("the API shows no labels, and the package page needs a login in a browser")
    if field in version:
        got = version[field]
        check.that("GHC-09", got == text, expected=f"a version with the {field} {text}", got=got, exchange=listed)
    if page.status == 200:
        words = page.body.decode().replace("<", " ").replace(">", " ").split()
        check.that("GHC-09", text in words, expected=f"a page with {text}", got="none", exchange=page)


@requirement("GHC-09")
def test_source(clients: Clients, check: Checks, given: Steps, content: Content, place: Places) -> None:
    """The package must be linked to the repository of its source label, in the place `elsewhere`."""
    repository = "/".join(place("elsewhere").split("/")[:2])
    source = {f"{LABEL}source": f"{clients.target.description.hosts.web}/{repository}"}
    for labels, linked in ((None, None), (source, repository)):
        name = place()
        given.manifest(name, content.image(config=content.config(labels=labels)), "1.0")
        answer = packages_of(clients, name, CONTAINER).get_package(name_of(name, CONTAINER))
        got = inner(document(answer), "repository", "full_name")
        wanted = f"the repository {linked}" if linked else "no repository"
        check.that("GHC-09", got == linked, expected=wanted, got=got, exchange=answer)


def inner(found: dict[str, Any], key: str, field: str) -> Any:
    """Return a field of an object in an object; None if there is none."""
    return found[key].get(field) if isinstance(found.get(key), dict) else None
