"""The rules behind the access table: scopes, roles on packages, who may publish a new one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakereg.auth.accounts import ANONYMOUS, SCOPES, Accounts, Identity, Kind, Role, Token, Visibility
from fakereg.auth.caller import EVERYTHING, NOTHING, Caller, token_rights
from fakereg.auth.scopes import Access
from fakereg.auth.tokens import Tokens
from fakereg.dialect import fields
from fakereg.github import rights as permissions
from fakereg.github.model import Package
from fakereg.spec.names import Name

DOCKER, CONTAINER, OPEN = fields.parse("github-docker"), fields.parse("github-container"), fields.parse("oci")
MONA, HUBOT = Identity("mona"), Identity("hubot")


def accounts() -> Accounts:
    made = Accounts()
    made.add_user("mona")
    made.add_user("hubot")
    made.add_organization("octo-org", owners=["mona"], members=["hubot"], base_role="read")
    made.add_repository("mona/app", roles={"hubot": "read"})
    made.add_repository("mona/site", visibility="public")
    made.add_repository("octo-org/app")
    return made


def classic(*scopes: str) -> Identity:
    return Identity("mona", Token("id", Kind.CLASSIC, "mona", frozenset(scopes)))


def actions(repository: str, packages: Role) -> Identity:
    return Identity(
        "github-actions", Token("id", Kind.ACTIONS, "github-actions", frozenset(), None, repository, packages)
    )


def package(name: str = "mona/image", visibility: str = "private", repository: str = "", **roles: Role) -> Package:
    return Package(1, "container", Name(name), 0.0, 0.0, Visibility(visibility), roles, repository)


def rights(identity: Identity, name: str, dialect: fields.Dialect, package: Package | None = None) -> set[str]:
    return set(permissions.rights(identity, Name(name), dialect=dialect, accounts=accounts(), package=package))


@given(st.frozensets(st.sampled_from(SCOPES)), st.booleans())
def test_scopes_allow_what_they_are_named_after(scopes: frozenset[str], included: bool) -> None:
    dialect = fields.configure(DOCKER, {"write_includes_read": str(included).lower()})
    allowed = token_rights(classic(*scopes), write_includes_read=dialect.write_includes_read)
    reads = "read:packages" in scopes or (included and "write:packages" in scopes)
    assert ("pull" in allowed) == reads
    assert ("push" in allowed) == ("write:packages" in scopes)
    assert ("delete" in allowed) == (reads and "delete:packages" in scopes)


@pytest.mark.row("GHD-10")
@pytest.mark.parametrize(
    ("scopes", "allowed"),
    [
        (("delete:packages", "read:packages"), {"pull", "delete"}),
        (("delete:packages",), set()),
        (("delete:packages", "repo"), set()),
        (("read:packages", "write:packages", "repo"), {"pull", "push"}),
    ],
)
def test_deleting_needs_two_scopes(scopes: tuple[str, ...], allowed: set[str]) -> None:
    for dialect, name in ((DOCKER, "mona/app/image"), (CONTAINER, "mona/image")):
        assert rights(classic(*scopes), name, dialect, package()) == allowed


@pytest.mark.row("GHD-10")
def test_deleting_needs_the_role_admin() -> None:
    for role in Role:
        known = accounts()
        known.add_repository("mona/app", roles={"hubot": role.name.lower()})
        identity = Identity("hubot", Token("id", Kind.CLASSIC, "hubot", frozenset(SCOPES)))
        allowed = permissions.rights(identity, Name("mona/app/image"), dialect=DOCKER, accounts=known)
        assert ("delete" in allowed) == (role == Role.ADMIN)


def test_who_has_no_classic_token_is_not_held_back_by_scopes() -> None:
    assert token_rights(MONA, write_includes_read=True) == EVERYTHING
    assert token_rights(ANONYMOUS, write_includes_read=True) == EVERYTHING


@pytest.mark.row("GHC-14")
@pytest.mark.parametrize(
    ("repository", "role"), [("mona/app", Role.ADMIN), ("mona/site", Role.NONE), ("octo-org/app", Role.NONE)]
)
def test_a_github_token_reaches_what_is_connected_to_its_repository(repository: str, role: Role) -> None:
    connected = package(repository="mona/app")
    assert permissions.package_role(actions(repository, Role.WRITE), connected, accounts()) == role
    assert permissions.package_role(actions(repository, Role.WRITE), package(), accounts()) == Role.NONE
    public = package(visibility="public", repository="mona/app")
    assert permissions.package_role(actions(repository, Role.WRITE), public, accounts()) == max(role, Role.READ)


def test_a_private_package_stays_private_when_its_repository_is_public() -> None:
    connected = package(repository="mona/site")
    for identity in (ANONYMOUS, HUBOT, actions("octo-org/app", Role.WRITE)):
        assert permissions.package_role(identity, connected, accounts()) == Role.NONE
    assert rights(ANONYMOUS, "mona/image", CONTAINER, connected) == set()


def test_a_package_has_the_roles_of_its_repository_and_its_own() -> None:
    assert permissions.package_role(HUBOT, package(), accounts()) == Role.NONE
    assert permissions.package_role(HUBOT, package(repository="mona/app"), accounts()) == Role.READ
    assert permissions.package_role(HUBOT, package(repository="mona/app", hubot=Role.WRITE), accounts()) == Role.WRITE
    assert permissions.package_role(HUBOT, package(visibility="internal"), accounts()) == Role.READ
    assert permissions.package_role(ANONYMOUS, package(visibility="internal"), accounts()) == Role.NONE


def test_a_base_role_is_one_on_repositories_alone() -> None:
    assert permissions.package_role(HUBOT, package("octo-org/image"), accounts()) == Role.NONE
    assert permissions.package_role(MONA, package("octo-org/image"), accounts()) == Role.ADMIN
    assert (
        permissions.package_role(HUBOT, package("octo-org/image", repository="octo-org/app"), accounts()) == Role.READ
    )


@pytest.mark.parametrize(
    ("identity", "owner", "may"),
    [
        (MONA, "mona", True),
        (MONA, "octo-org", True),
        (HUBOT, "octo-org", True),
        (HUBOT, "mona", False),
        (MONA, "nobody", False),
        (ANONYMOUS, "mona", False),
        (ANONYMOUS, "", False),
        (actions("mona/app", Role.WRITE), "mona", True),
        (actions("mona/app", Role.READ), "mona", False),
        (actions("mona/app", Role.WRITE), "octo-org", False),
        (actions("mona/app", Role.WRITE), "github-actions", False),
    ],
)
def test_a_new_package_is_published_where_one_belongs(identity: Identity, owner: str, may: bool) -> None:
    assert permissions.may_create(identity, owner, accounts()) == may
    expected = {"pull", "push"} if may else set()
    assert rights(identity, f"{owner}/new", CONTAINER) == expected


def test_open_registries_ask_only_whether_one_is_somebody() -> None:
    assert rights(MONA, "any", OPEN) == EVERYTHING
    assert rights(ANONYMOUS, "any", OPEN) == NOTHING
    assert rights(ANONYMOUS, "any", fields.parse("oci,anonymous_pull=true")) == {"pull"}
    assert rights(classic("read:packages"), "any", OPEN) == {"pull"}
    assert rights(actions("mona/app", Role.READ), "any", OPEN) == {"pull"}


def test_a_token_limits_to_what_it_names() -> None:
    access = (
        Access("repository", "a", frozenset({"pull"})),
        Access("repository", "b", frozenset({"*"})),
        Access("registry", "c", frozenset({"pull"})),
    )
    caller = Caller(MONA, access)
    names = ("a", "b", "c", "a/b", "")
    assert [caller.limit("repository", name) for name in names] == [{"pull"}, EVERYTHING, NOTHING, NOTHING, NOTHING]
    assert Caller(MONA).limit("repository", "a") == EVERYTHING


def test_no_repr_shows_a_secret() -> None:
    known = accounts()
    secret = known.add_classic_token("mona")
    issued = Tokens(clock=known.clock).issue(subject="", name="", service="", access=[])
    identity = known.authenticate("mona", secret)
    shown = repr([known, known.users, known.tokens, identity, Caller(identity or ANONYMOUS), issued])
    assert secret not in shown
    assert issued.token not in shown
