"""A package of GitHub and its versions, as data."""

from __future__ import annotations

from dataclasses import dataclass, field

from fakereg.auth.accounts import Role, Visibility
from fakereg.spec.names import Name

DOCKER, CONTAINER = "docker", "container"
"""The types of packages that are images."""


@dataclass(slots=True)
class Version:
    """A version of a package: a tag of the Docker registry, a digest of the Container registry."""

    id: int
    name: str
    created_at: float
    updated_at: float
    downloads: int = 0


@dataclass(slots=True)
class Package:
    """An image as a package. `type` is `docker` or `container`, `name` the image's name in its registry.

    Visibility and roles count for a container package; one of the Docker registry has those of its repository.
    `repository` is the one that a container package is linked to. `from_docker` says that it was pushed to the Docker
    registry, and so is found as a package of that, too, after a migration.
    """

    id: int
    type: str
    name: Name
    created_at: float
    updated_at: float
    visibility: Visibility = Visibility.PRIVATE
    roles: dict[str, Role] = field(default_factory=dict)
    repository: str = ""
    from_docker: bool = False
    versions: dict[str, Version] = field(default_factory=dict)

    @property
    def owner(self) -> str:
        """The login of the user or organization that it belongs to."""
        return self.name.partition("/")[0]

    @property
    def path(self) -> str:
        """The name without the owner, which tells it from all other packages of that owner and type."""
        return self.name.partition("/")[2]

    @property
    def title(self) -> str:
        """What the API calls its name: of the Docker registry IMAGE_NAME alone (GP-1.1), else the `path`."""
        return self.name.rpartition("/")[2] if self.type == DOCKER else self.path

    @property
    def source(self) -> str:
        """The repository that it belongs to or is linked to, if there is one."""
        return self.name.rpartition("/")[0] if self.type == DOCKER else self.repository
