"""What a run knows of its target beforehand: what it claims, who may do what where, its limits, what it gets wrong.

Fakes and the stack describe themselves; for a URL a file does it (`target_file.py`), or nothing and all is default.
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
"""Names for several categories together."""

WRITER = "writer"
NOBODY = "nobody"
IDENTITIES = (
    *(WRITER, "reader", "stranger", "wrong", "none", "write", "delete", "all", "password", "fine-grained", "expired"),
    *("actions", "actions-read", "role-read", "role-write"),
)
"""Whom the scenarios ask for; those after `wrong` are about tokens and roles of GitHub's registries."""

PLACES = ("default", "shared", "elsewhere", "public", "internal")
"""What repositories are for, as scenarios ask for them."""


@dataclass(frozen=True, slots=True)
class Hosts:
    """Where an instance with several hosts serves what: base URLs without a slash at the end, empty for nowhere.

    `docker` and `containers` are GitHub's two registries, `web` has the packages API and the pages. `unserved` are
    hosts of the same instance at which no registry may be found.
    """

    docker: str = ""
    containers: str = ""
    web: str = ""
    unserved: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Description:
    """Everything known of a target. `profile` are the categories that it is held to.

    No endpoint of a category in `claims` may be missing: it was claimed by its own name, not as part of a profile.
    `places` are patterns of repository names by what they are for, with `{}` for a part that a scenario makes up; a
    pattern without it is one repository for all scenarios. `limits` are in bytes, but for `rate`, which is in requests
    a minute. `required` and `absent` are names of capabilities. `references` are images that are there already
    (`NAME:TAG` or `NAME@DIGEST`), for a target that takes no pushes.
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
        """Somebody by name; None if the target has nobody of that name."""
        return Identity(NOBODY) if name == NOBODY else self.identities.get(name)


def claimed(text: str) -> frozenset[str]:
    """The categories that a comma-separated list names by their own names."""
    return frozenset(name for name in (part.strip() for part in text.split(",")) if name in CATEGORIES[:6])


def categories(text: str) -> tuple[str, ...]:
    """The categories that a comma-separated list of profiles and categories names; ValueError for unknown ones.

    Errors and HTTP itself, the category `protocol`, are part of every one of them.
    """
    found: list[str] = []
    for name in filter(None, (part.strip() for part in text.split(","))):
        if name not in PROFILES and name not in CATEGORIES:
            raise ValueError(f"{name!r} is no profile: known are {', '.join(dict.fromkeys([*PROFILES, *CATEGORIES]))}")
        found += PROFILES.get(name, (name,))
    return tuple(category for category in CATEGORIES if category in [CATEGORIES[0], *found])
