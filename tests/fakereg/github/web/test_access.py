"""The access table of the packages API and of the pages, with the people and places of access.py.

What is wanted stands in `expected`, from GP-2.17 to GP-2.21 and GP-5.10: the scopes of each operation, `repo` beside
them for packages of the Docker registry, the role read or admin, and for an organization's packages one of its owners.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from fakereg.github.restore import delete_package, drop_expired
from fakereg.spec.names import Name, Tag
from tests.fakereg.github.access import DELETE, NOBODY, PEOPLE, PLACES, READ, RELATIONS, ROLES, WRITE, Place, Who
from tests.fakereg.github.access import role as given_role
from tests.fakereg.github.access import scopes as held_scopes
from tests.fakereg.github.test_access import World


class Needs(NamedTuple):
    """Scopes and the role that an operation needs; `api` tells it from a page, which wants what a pull does."""

    scopes: tuple[str, ...]
    role: str
    api: bool = True


NEEDS = {
    "list": Needs((READ,), "read"),
    "get": Needs((READ,), "read"),
    "versions": Needs((READ,), "read"),
    "delete": Needs((READ, DELETE), "admin"),
    "delete version": Needs((READ, DELETE), "admin"),
    "restore": Needs((READ, WRITE), "admin"),
    "page": Needs((READ,), "read", api=False),
}


def expected(way: str, who: Who, place: Place, operation: str, *, write_reads: bool) -> int:
    """The status; 200 stands for success of any kind; a list that does not show the package counts as 404."""
    needs, roles = NEEDS[operation], [*ROLES]
    if who == NOBODY:
        return 200 if operation == "page" and way != "basic" and place.visibility == "public" else 401
    if not who.counts:
        return 401
    held = held_scopes(who, write_reads=write_reads)
    scoped = set(needs.scopes) <= held and (not needs.api or way != "basic" or who.kind != "classic" or "repo" in held)
    role = roles.index(given_role(way, who, place))
    if needs.api and not scoped:
        return 403
    if role < roles.index("read") or not scoped:
        return 404
    in_organization = "organization" in place.relation or "member" in place.relation
    owner = not in_organization or place.relation == "organization owner" or who.kind == "actions"
    return 200 if role >= roles.index(needs.role) and (needs.role == "read" or owner) else 403


def attempt(world: World, who: Who, name: Name, operation: str) -> int:
    """Do the operation; the status, put as `expected` does."""
    site = world.registry.sites.all[0]
    package = world.registry.github.packages.find(site, name)
    assert package
    if operation == "restore":
        delete_package(world.registry.github.packages, site, package, now=world.clock())
    owner, image = package.owner, package.path.replace("/", "%2F")
    kind = "orgs" if owner in world.accounts.organizations else "users"
    packages = f"/api/v3/{kind}/{owner}/packages"
    api = f"{packages}/{package.type}/{image}"
    page = f"{packages.removeprefix('/api/v3')}/container/package/{image}"
    page = f"/{package.source}/packages/{package.id}" if world.docker else page
    method, path, query = {
        "list": ("GET", packages, f"package_type={package.type}"),
        "get": ("GET", api, ""),
        "versions": ("GET", f"{api}/versions", ""),
        "delete": ("DELETE", api, ""),
        "delete version": ("DELETE", f"{api}/versions/{_version(world, name)}", ""),
        "restore": ("POST", f"{api}/restore", ""),
        "page": ("GET", page, ""),
    }[operation]
    authorization = "" if who == NOBODY else f"Basic {world.credentials(who, name)}"
    status, _, body = world.send(method, path.replace("%2F", "/"), query, authorization=authorization)
    if operation == "list" and status == 200 and f'"id": {package.id},'.encode() not in body:
        return 404
    return 200 if status == 204 else status


def _version(world: World, name: Name) -> int:
    site = world.registry.sites.all[0]
    package = world.registry.github.packages.find(site, name)
    return world.registry.github.packages.versions(site, package)[0].id if package else 0


def _there(world: World, name: Name) -> bool:
    return world.storage.manifest(name, Tag("v1")) is not None


def differences(world: World, *, write_reads: bool) -> Iterator[str]:
    """The cells that are not as they should be."""
    for place, operation, who in itertools.product(PLACES, NEEDS, PEOPLE):
        name = world.names[place]
        want = expected(world.way, who, place, operation, write_reads=write_reads)
        got = attempt(world, who, name, operation)
        changed = operation in ("delete", "delete version", "restore")
        after = _there(world, name)
        right = after == ((got == 200) == (operation == "restore")) if changed else after
        if got != want or not right:
            state = "" if right else ", and the image is not as it should be"
            yield f"{who} {place} {operation}: {got}, not {want}{state}"
        if changed:
            drop_expired(world.registry.sites.all[0], now=math.inf)
            world.remake(name)


@pytest.mark.row("GHD-10")
@pytest.mark.row("GHD-23")
@pytest.mark.row("GHD-30")
@pytest.mark.row("GHC-05")
@pytest.mark.parametrize("write_reads", [True, False])
@pytest.mark.parametrize("way", ["basic", "token"])
def test_every_cell_of_packages_is_as_the_documentation_has_it(way: str, write_reads: bool) -> None:
    world = World(way, f"write_includes_read={str(write_reads).lower()}")
    found = list(differences(world, write_reads=write_reads))
    assert not found, "\n".join([f"{len(found)} cells differ:", *found])


def test_each_relation_has_a_place() -> None:
    assert {place.relation for place in PLACES} == set(RELATIONS)
