"""Migrating images from GitHub's Docker registry to its Container registry, and conflicts of their names."""

from __future__ import annotations

from collections.abc import Callable

from conformance.checks.checks import Checks
from conformance.client.client import Client
from conformance.client.content import Content
from conformance.client.packages import CONTAINER, DOCKER, Packages, entries, name_of
from conformance.client.steps import Steps, tags_in
from conformance.config.description import Hosts
from conformance.scene.actors import Clients, Places, Variant, not_applicable
from conformance.scene.github import packages_of
from conformance.scene.requirement import prepare, requirement

MakeVariant = Callable[..., Variant]


@prepare
def instance(variant: MakeVariant) -> Variant:
    """Return an instance with both registries, whose images can be migrated."""
    made = variant()
    if not (made.hosts.docker and made.hosts.containers):
        not_applicable("the fake has only one of the two registries")
    return made


def containers(instance: Variant) -> Client:
    """Return a client of the instance's Container registry."""
    return instance.clients(at=instance.hosts.containers)


@requirement("GHD-31")
def test_migration(check: Checks, content: Content, instance: Variant) -> None:
    repository, image = instance.place(), content.docker_image()
    instance.given.manifest(repository, image, "1.0")
    clashes = instance.migrate()
    before = instance.client.get_manifest(repository, "1.0")
    check.that("GHD-31", clashes == (), expected="a migration without conflicts", got=clashes, exchange=before)
    check.body("GHD-31", before, image.data)
    for reference in ("1.0", image.digest):
        check.body("GHD-31", containers(instance).get_manifest(repository, reference), image.data)
    for blob in image.blobs:
        check.body("GHD-31", containers(instance).get_blob(repository, blob.digest), blob.data)


@requirement("GHD-31")
def test_packages_after_a_migration(check: Checks, content: Content, instance: Variant) -> None:
    repository = instance.place()
    instance.given.manifest(repository, content.docker_image(), "1.0")
    instance.migrate()
    for type in (CONTAINER, DOCKER):
        answer = packages_of(instance.clients, repository, type).list_packages()
        found = [(package.get("package_type"), package.get("name")) for package in entries(answer)]
        wanted = [(CONTAINER, name_of(repository, CONTAINER))]
        check.that("GHD-31", found == wanted, expected=f"the package {wanted[0]}", got=found, exchange=answer)


@requirement("GHD-31")
def test_push_after_a_migration(check: Checks, content: Content, instance: Variant) -> None:
    repository, new = instance.place(), content.docker_image()
    instance.given.manifest(repository, content.docker_image(), "1.0")
    instance.migrate()
    instance.given.manifest(repository, new, "2.0")
    check.body("GHD-31", containers(instance).get_manifest(repository, "2.0"), new.data)
    listed = containers(instance).list_tags(repository)
    check.same_set("GHD-31", listed, tags_in(listed), ["1.0", "2.0"])


@requirement("GHD-31")
def test_migration_with_a_clash(check: Checks, content: Content, instance: Variant) -> None:
    clashing, other = instance.place(), instance.place()
    image, namesake = content.docker_image(), content.docker_image()
    for repository in (clashing, other):
        instance.given.manifest(repository, image, "1.0")
    Steps(containers(instance)).manifest(clashing, namesake, "1.0")
    clashes = instance.migrate()
    there = containers(instance).get_manifest(clashing, "1.0")
    check.that("GHD-31", clashes == (clashing,), expected=f"a clash of {clashing}", got=clashes, exchange=there)
    check.body("GHD-31", there, namesake.data)
    check.status("GHD-31", containers(instance).get_manifest(other, "1.0"), 404)
    check.body("GHD-31", instance.client.get_manifest(clashing, "1.0"), image.data)
    packages_of(instance.clients, clashing, CONTAINER).delete_package(name_of(clashing, CONTAINER))
    clashes, moved = instance.migrate(), containers(instance).get_manifest(clashing, "1.0")
    check.that("GHD-31", clashes == (), expected="a migration without conflicts", got=clashes, exchange=moved)
    check.body("GHD-31", moved, image.data)


@requirement("GHD-31")
def test_conflicts(
    clients: Clients, check: Checks, given: Steps, content: Content, hosts: Hosts, place: Places
) -> None:
    if not (hosts.docker and hosts.containers):
        not_applicable("the target has only one of the two registries")
    clashing, other = place(), place()
    for repository in (clashing, other):
        given.manifest(repository, content.docker_image(), "1.0")
    Steps(clients(at=hosts.containers)).manifest(clashing, content.docker_image(), "1.0")
    api = packages_of(clients, clashing, CONTAINER)
    has_conflicts(check, api, [name_of(clashing, DOCKER)], [name_of(other, DOCKER)])
    api.delete_package(name_of(clashing, CONTAINER))
    has_conflicts(check, api, [], [name_of(clashing, DOCKER), name_of(other, DOCKER)])


def has_conflicts(check: Checks, api: Packages, those: list[str], others: list[str]) -> None:
    """Check that some packages are in the list of conflicts, and others are not."""
    answer = api.list_conflicts()
    check.status("GHD-31", answer, 200)
    found = [package.get("name") for package in entries(answer)]
    ok = set(those) <= set(found) and not set(others) & set(found)
    check.that("GHD-31", ok, expected=f"a list with {those} and without {others}", got=found, exchange=answer)
