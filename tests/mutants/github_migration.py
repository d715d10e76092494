"""The migration of images between GitHub's two registries, broken."""

from __future__ import annotations

import pytest

from fakereg.github import migration
from fakereg.github.state import GitHub
from fakereg.github.web import access
from tests.mutants.github_packages import DOCKER
from tests.mutants.harness import Answer, Ask, instead, patched


def at(ask: Ask, subdomain: str) -> bool:
    """Whether a host is asked."""
    return ask.header("Host").startswith(subdomain)


@instead("GHD-31", "docker.HOSTNAME is gone after the migration", target=DOCKER)
def docker_is_gone(ask: Ask) -> Answer | None:
    return (
        Answer(404) if at(ask, "docker.") and ask.registry.github.ledger.migrated and ask.kind == "manifests" else None
    )


@instead("GHD-31", "what was moved is not found by its digest", target=DOCKER)
def not_by_digest(ask: Ask) -> Answer | None:
    return Answer(404) if at(ask, "containers.") and ask.reference.startswith("sha256:") else None


@patched("GHD-31", "layers are not moved", target=DOCKER)
def no_layers(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(migration.Migration, "_copy_blob", lambda migrating, name, digest: None)


@patched("GHD-31", "pushes go on to the Docker registry", target=DOCKER)
def pushes_stay(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(GitHub, "home", lambda github, site, name: site)


@patched("GHD-31", "a moved image is no docker package any more", target=DOCKER)
def no_docker_package(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(access.Shelf, "shows", lambda shelf, identity, package: package.type == shelf.type)


@patched("GHD-31", "a clash does not stop the migration", target=DOCKER)
def clashes_move(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(migration, "has_versions", lambda site, name: False)


@patched("GHD-31", "all but what clashes is moved", target=DOCKER)
def moves_the_rest(patch: pytest.MonkeyPatch) -> None:
    run = migration.Migration.run

    def partly(migrating, organizations):  # type: ignore[no-untyped-def]
        try:
            return run(migrating, organizations)
        except migration.MigrationConflict:
            with pytest.MonkeyPatch.context() as blind:
                blind.setattr(migration, "has_versions", lambda site, name: False)
                run(migrating, organizations)
            raise

    patch.setattr(migration.Migration, "run", partly)


@instead("GHD-31", "no conflicts are listed", target=DOCKER)
def lists_no_conflicts(ask: Ask) -> Answer | None:
    return Answer(200, body=b"[]") if ask.path.endswith("/docker/conflicts") else None


@patched("GHD-31", "every image is a conflict", target=DOCKER)
def lists_all(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(migration, "has_versions", lambda site, name: True)
