"""Deleting and restoring packages through the packages API, in GitHub's two registries."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from conformance.checks.checks import Checks
from conformance.client.client import Client
from conformance.client.content import Content, Manifest
from conformance.client.exchange import Exchange
from conformance.client.packages import CONTAINER, DOCKER, Packages, entries, name_of, tags_of
from conformance.client.steps import Steps, unprepared
from conformance.scene.actors import Clients, Variant
from conformance.scene.github import packages_of
from conformance.scene.requirement import requirement

WITHOUT_THE_SCOPES = ("none", "reader", "write", "expired", "password", "wrong", "nobody")
WITHOUT_THE_ROLE = ("role-read", "role-write", "stranger")
DAY = 86400
MOST_DOWNLOADS = 2

MakeVariant = Callable[..., Variant]


def version_id(api: Packages, name: str, wanted: str) -> object:
    """Return the id of the version with a tag or of a digest."""
    answer = api.list_versions(name)
    for version in entries(answer):
        if wanted in [version.get("name"), *tags_of(version)]:
            return version.get("id")
    raise unprepared(f"find the version {wanted}", answer)


def is_pulled(check: Checks, requirement: str, client: Client, repository: str, tag: str, manifest: Manifest) -> None:
    """Check that an image is pulled as it was pushed."""
    check.body(requirement, client.get_manifest(repository, tag), manifest.data)


def refused_for(
    clients: Clients, repository: str, type: str, identities: tuple[str, ...]
) -> list[tuple[str, Exchange, bool]]:
    """Let every identity of the target try to delete a package, for `Checks.each`."""
    name, tried = name_of(repository, type), []
    for identity in identities:
        if clients.target.description.identity(identity):
            answer = packages_of(clients, repository, type, identity=identity).delete_package(name)
            tried.append((identity, answer, answer.status in {401, 403, 404}))
    return tried


def deletion_is_for(
    clients: Clients,
    check: Checks,
    requirement: str,
    repository: str,
    type: str,
    refused: tuple[str, ...],
    allowed: str,
) -> None:
    """Check that only the identities with the right can delete a package."""
    api, name = packages_of(clients, repository, type, identity=allowed), name_of(repository, type)
    tried = refused_for(clients, repository, type, refused)
    check.each(requirement, tried, expected="each deletion refused")
    check.status(requirement, api.get_package(name), 200)
    check.status(requirement, api.delete_package(name), 204)
    check.status(requirement, api.get_package(name), 404)


@requirement("GHD-10")
def test_who_deletes_a_docker_package(
    clients: Clients, check: Checks, given: Steps, content: Content, repository: str
) -> None:
    given.manifest(repository, content.docker_image(), "1.0")
    refused = (*WITHOUT_THE_SCOPES, "delete", *WITHOUT_THE_ROLE)  # a package of a repository takes the scope repo, too
    deletion_is_for(clients, check, "GHD-10", repository, DOCKER, refused, "writer")
    check.status("GHD-10", given.client.get_manifest(repository, "1.0"), 404)


@requirement("GHC-05", "GHC-11")
def test_who_deletes_a_container_package(
    clients: Clients, check: Checks, given: Steps, content: Content, repository: str
) -> None:
    image = content.image()
    given.manifest(repository, image, "1.0")
    refused = (*WITHOUT_THE_SCOPES, *WITHOUT_THE_ROLE)
    deletion_is_for(clients, check, "GHC-05", repository, CONTAINER, refused, "delete")
    for reference in ("1.0", image.digest):
        check.status("GHC-11", given.client.get_manifest(repository, reference), 404)


@requirement("GHC-11")
def test_deletion_of_a_version(
    clients: Clients, check: Checks, given: Steps, content: Content, repository: str
) -> None:
    kept, deleted = content.image(), content.image()
    given.manifest(repository, kept, "1.0")
    given.manifest(repository, deleted, "2.0")
    api, name = packages_of(clients, repository, CONTAINER), name_of(repository, CONTAINER)
    check.status("GHC-11", api.delete_version(name, version_id(api, name, deleted.digest)), 204)
    for reference in ("2.0", deleted.digest):
        check.status("GHC-11", given.client.get_manifest(repository, reference), 404)
    is_pulled(check, "GHC-11", given.client, repository, "1.0", kept)


@requirement("GHD-30")
def test_restoration_of_a_package(
    clients: Clients, check: Checks, given: Steps, content: Content, repository: str
) -> None:
    image = content.docker_image()
    given.manifest(repository, image, "1.0")
    api, name = packages_of(clients, repository, DOCKER), name_of(repository, DOCKER)
    check.status("GHD-30", api.delete_package(name), 204)
    check.status("GHD-30", given.client.get_manifest(repository, "1.0"), 404)
    check.status("GHD-30", api.restore_package(name), 204)
    check.status("GHD-30", api.get_package(name), 200)
    is_pulled(check, "GHD-30", given.client, repository, "1.0", image)


@requirement("GHD-30")
def test_restoration_of_a_version(
    clients: Clients, check: Checks, given: Steps, content: Content, repository: str
) -> None:
    kept, deleted = content.docker_image(), content.docker_image()
    given.manifest(repository, kept, "1.0")
    given.manifest(repository, deleted, "2.0")
    api, name = packages_of(clients, repository, DOCKER), name_of(repository, DOCKER)
    id = version_id(api, name, "2.0")
    check.status("GHD-30", api.delete_version(name, id), 204)
    check.status("GHD-30", given.client.get_manifest(repository, "2.0"), 404)
    is_pulled(check, "GHD-30", given.client, repository, "1.0", kept)
    gone = api.list_versions(name, state="deleted")
    ids = [version.get("id") for version in entries(gone)]
    check.that("GHD-30", ids == [id], expected=f"the version {id} among the deleted ones", got=ids, exchange=gone)
    check.status("GHD-30", api.restore_version(name, id), 204)
    is_pulled(check, "GHD-30", given.client, repository, "2.0", deleted)


@requirement("GHD-30")
def test_restoration_under_a_name_in_use(
    clients: Clients, check: Checks, given: Steps, content: Content, repository: str
) -> None:
    given.manifest(repository, content.docker_image(), "1.0")
    api, name = packages_of(clients, repository, DOCKER), name_of(repository, DOCKER)
    check.status("GHD-30", api.delete_package(name), 204)
    new = content.docker_image()
    given.manifest(repository, new, "1.0")
    check.refused("GHD-30", api.restore_package(name))
    is_pulled(check, "GHD-30", given.client, repository, "1.0", new)


@requirement("GHD-30")
@pytest.mark.parametrize(("days", "status"), [(29, 204), (31, 404)])
def test_time_to_restore(check: Checks, content: Content, variant: MakeVariant, days: int, status: int) -> None:
    now = [1_700_000_000.0]
    registry = variant(clock=lambda: now[0])
    repository = registry.place()
    registry.given.manifest(repository, content.docker_image(), "1.0")
    api, name = packages_of(registry.clients, repository, DOCKER), name_of(repository, DOCKER)
    check.status("GHD-30", api.delete_package(name), 204)
    now[0] += days * DAY
    check.status("GHD-30", api.restore_package(name), status)


@requirement("GHD-30")
@pytest.mark.parametrize(
    ("kind", "downloads", "statuses"),
    [
        ("public", MOST_DOWNLOADS + 1, (400, 403)),
        ("public", MOST_DOWNLOADS, (204,)),
        ("default", MOST_DOWNLOADS + 1, (204,)),
    ],
    ids=["public, often", "public", "private, often"],
)
def test_downloads(
    check: Checks, content: Content, variant: MakeVariant, kind: str, downloads: int, statuses: tuple[int, ...]
) -> None:
    registry = variant(undeletable_downloads=MOST_DOWNLOADS)
    repository, image = registry.place(kind), content.docker_image()
    registry.given.manifest(repository, image, "1.0", "2.0")
    for _ in range(downloads):
        is_pulled(check, "GHD-30", registry.client, repository, "1.0", image)
    api, name = packages_of(registry.clients, repository, DOCKER), name_of(repository, DOCKER)
    check.status("GHD-30", api.delete_version(name, version_id(api, name, "1.0")), *statuses)
    check.status("GHD-30", api.delete_package(name), *statuses)
    check.status("GHD-30", api.get_package(name), 404 if statuses == (204,) else 200)
