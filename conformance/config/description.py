"""The facts about a target that are known before a run: profile, identities, places, limits, known failures.

Fakes and the stack describe themselves. A URL is described by a file (`target_file.py`), or by the defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from conformance.catalogue.known_failures import KnownFailure
from conformance.client.identity import Identity

CATEGORIES = (
    "protocol",
    "pull",
    "push",
    "discovery",
    "management",
    "referrers",
    "auth",
    "github-docker",
    "github-container",
)
PROFILES: Mapping[str, tuple[str, ...]] = {
    "oci": CATEGORIES[:6],
    "auth": ("protocol", "auth"),
    "github-docker": ("protocol", "github-docker"),
    "github-container": ("protocol", "github-container"),
}
"""Names for groups of categories."""

WRITER = "writer"
NOBODY = "nobody"
IDENTITIES = (
    *(WRITER, "reader", "stranger", "wrong", "none", "write", "delete", "all", "password", "fine-grained", "expired"),
    *("actions", "actions-read", "role-read", "role-write"),
)
"""The identities that scenarios need; those after `wrong` are about tokens and roles of GitHub's registries."""

PLACES = ("default", "shared", "elsewhere", "public", "internal")
"""The purposes of repositories, by which scenarios ask for them."""


@dataclass(frozen=True, slots=True)
class Hosts:
    """The base URLs of an instance with several hosts, without a slash at the end; empty for a host that is missing.

    `docker` and `containers` are GitHub's two registries; `web` serves the packages API and the pages. `unserved` are
    hosts of the same instance that must not serve a registry.
    """

    docker: str = ""
    containers: str = ""
    web: str = ""
    unserved: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Description:
    """The facts about a target. `profile` holds the categories that are tested.

    A category in `claims` was given by its own name, so no endpoint of it may be missing. `places` maps purposes to
    patterns of repository names; `{}` stands for a part that each scenario generates, and a pattern without it is one
    repository for all scenarios. `limits` are in bytes, except `rate`, in requests a minute. `required` and `absent`
    are names of capabilities. `references` are existing images (`NAME:TAG` or `NAME@DIGEST`), for a target that accepts
    no pushes.
    """

    profile: tuple[str, ...] = PROFILES["oci"]
    claims: frozenset[str] = frozenset()
    identities: Mapping[str, Identity] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)
    hosts: Hosts = Hosts()
    limits: Mapping[str, int] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    absent: frozenset[str] = frozenset()
    references: tuple[str, ...] = ()
    known: tuple[KnownFailure, ...] = ()

    def identity(self, name: str) -> Identity | None:
        """Find an identity by its name; None if the target has no such identity."""
        return Identity(NOBODY) if name == NOBODY else self.identities.get(name)


def claimed(text: str) -> frozenset[str]:
    """Return the categories that a comma-separated list contains by their own names."""
    return frozenset(name for name in (part.strip() for part in text.split(",")) if name in CATEGORIES[:6])


def categories(text: str) -> tuple[str, ...]:
    """Parse a comma-separated list of profiles and categories to categories; raise ValueError for an unknown one.

    The category `protocol`, about errors and HTTP itself, is part of each of them.
    """
    found: list[str] = []
    for name in filter(None, (part.strip() for part in text.split(","))):
        if name not in PROFILES and name not in CATEGORIES:
            raise ValueError(
                f"profile must be one of {', '.join(dict.fromkeys([*PROFILES, *CATEGORIES]))}, got {name!r}"
            )
        found += PROFILES.get(name, (name,))
    return tuple(category for category in CATEGORIES if category in [CATEGORIES[0], *found])
