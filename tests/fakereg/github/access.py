"""Who may do what with GitHub's two registries, as their documentation has it: a table, and the rule that reads it.

Nothing here comes from the code under test. The sources are in docs/github-registries.md: GHD-06 to GHD-13, GHD-20
and GHD-29, GHC-03 to GHC-05 and GHC-14, GP-2.1 to GP-2.22 and GP-3.20 to GP-3.31. A further operation is one more line
in NEEDS, and one step in test_access.py.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

ROLES = ("none", "read", "write", "admin")
READ, WRITE, DELETE = "read:packages", "write:packages", "delete:packages"
SCOPES = (READ, WRITE, DELETE, "repo")


class Needs(NamedTuple):
    """What an operation needs, both at once: a scope of the token, and a role on repository or package."""

    scope: str
    role: str


NEEDS = {
    "pull tag": Needs(READ, "read"),
    "pull blob": Needs(READ, "read"),
    "HEAD blob": Needs(READ, "read"),
    "HEAD manifest": Needs(READ, "read"),
    "list tags": Needs(READ, "read"),
    "push blob: POST": Needs(WRITE, "write"),
    "push blob: PATCH": Needs(WRITE, "write"),
    "push blob: PUT": Needs(WRITE, "write"),
    "push blob: one POST": Needs(WRITE, "write"),
    "push manifest": Needs(WRITE, "write"),
    "upload status": Needs(WRITE, "write"),
    "mount from public": Needs(WRITE, "write"),
    "mount from private": Needs(WRITE, "write"),
}
LOGIN = "login"
OPERATIONS = (LOGIN, *NEEDS)


class Relation(NamedTuple):
    """What somebody has to do with a repository (GHD-13), or with a package of the Container registry.

    `given` says that the role was given to this user alone. `connected` says that the package has the repository's
    roles too; that repository is public throughout, which has to help nobody: visibility is the package's own.
    """

    repository: str = "none"
    package: str = "none"
    base_role: str = "none"
    connected: bool = True
    given: bool = False


RELATIONS = {
    "a stranger": Relation(),
    "role read": Relation("read", "read", given=True),
    "role write": Relation("write", "write", given=True),
    "role admin": Relation("admin", "admin", given=True),
    "member, made admin": Relation("admin", "admin", given=True),
    "the owner": Relation("admin", "admin"),
    "organization owner": Relation("admin", "admin"),
    "member, base role none": Relation("none", "none", "none"),
    "member, base role read": Relation("read", "read", "read"),
    "member, base role write": Relation("write", "write", "write"),
    "member, base role write, not connected": Relation("write", "none", "write", connected=False),
    "a stranger, not connected": Relation(connected=False),
}
VISIBILITIES = ("public", "internal", "private")


class Who(NamedTuple):
    """What somebody authenticates with. `bound` tells whose GITHUB_TOKEN it is, `permission` what `packages:` was."""

    kind: str
    scopes: tuple[str, ...] = ()
    bound: str = ""
    permission: str = "none"

    @property
    def counts(self) -> bool:
        """Whether it is a credential at all: a classic token or a GITHUB_TOKEN (GHD-06)."""
        return self.kind in ("classic", "actions")


NOBODY = Who("nobody")
PEOPLE = (
    NOBODY,
    *map(Who, ("wrong secret", "password", "fine-grained", "revoked", "expired")),
    *(Who("classic", some) for count in range(5) for some in itertools.combinations(SCOPES, count)),
    *(Who("actions", bound=whose, permission=one) for whose in ("this", "other") for one in ROLES[:3]),
)

_ACTIONS_SCOPES = {"none": (), "read": (READ,), "write": (READ, WRITE, DELETE)}
_ACTIONS_ROLES = {"none": "none", "read": "read", "write": "admin"}


class Place(NamedTuple):
    """A repository or package, told by what the user has to do with it."""

    relation: str
    visibility: str


PLACES = tuple(itertools.starmap(Place, itertools.product(RELATIONS, VISIBILITIES)))

WAYS = {"basic": "github-docker", "token": "github-container", "shortcut": "github-container"}
"""How credentials are sent, and the dialect that takes them so: Basic; Basic to the token endpoint and then its token;
base64 of the credentials as a Bearer token."""


def expected(way: str, who: Who, place: Place, operation: str, *, write_reads: bool) -> int:
    """The status: 200 stands for success of any kind, 202 for a mount that only begins a session.

    With `write_reads` the scope write:packages includes read:packages.
    """
    refusal = 401 if way == "basic" or who == NOBODY or (way == "shortcut" and not who.counts) else 403
    if operation == LOGIN:  # GHD-29: the Docker registry looks at no credentials, but wants some
        return 200 if who.counts or (way == "basic" and who != NOBODY) else refusal
    if not who.counts:  # GHD-07, GP-3.21, GP-3.26: in the token flow nobody, as the shortcut any junk
        anonymous = (way, who == NOBODY) in {("token", True), ("shortcut", False)}
        return 200 if anonymous and place.visibility == "public" and NEEDS[operation].role == "read" else refusal
    if not _has(way, who, place, NEEDS[operation], write_reads=write_reads):
        return refusal
    if operation == "mount from private":
        return 202
    source = Place("a stranger", "public")
    reads = _has(way, who, source, NEEDS["pull blob"], write_reads=write_reads)
    return 202 if operation == "mount from public" and not reads else 200


def scopes(who: Who, *, write_reads: bool) -> set[str]:
    """The scopes of a credential, with those that others include."""
    held = set(who.scopes or _ACTIONS_SCOPES[who.permission])
    return held | {READ} if write_reads and WRITE in held else held


def _has(way: str, who: Who, place: Place, needs: Needs, *, write_reads: bool) -> bool:
    role_is_enough = ROLES.index(role(way, who, place)) >= ROLES.index(needs.role)
    return role_is_enough and needs.scope in scopes(who, write_reads=write_reads)


def role(way: str, who: Who, place: Place) -> str:
    """The role that was given, or the one that visibility gives: to everybody, or to every user."""
    relation = RELATIONS[place.relation]
    if who.kind == "actions":  # GHD-11, GHD-12, GHC-14
        own = who.bound == "this" and (way == "basic" or relation.connected)
        given = _ACTIONS_ROLES[who.permission] if own else "none"
    else:
        given = relation.repository if way == "basic" else relation.package
    seen = place.visibility == "public" or (place.visibility == "internal" and who.kind != "actions")
    return max(given, "read" if seen else "none", key=ROLES.index)
