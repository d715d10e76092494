"""Users, organizations, repositories and tokens: what can be, and whom a secret proves."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakereg.auth.accounts import ANONYMOUS, Accounts, Identity, Kind, Role, Visibility
from fakereg.auth.sample import SAMPLE_TOKENS, sample
from fakereg.clock import ManualClock

MONA = Identity("mona")


@pytest.fixture
def accounts(clock: ManualClock) -> Accounts:
    made = Accounts(clock=clock)
    made.add_user("Mona", password="a password")
    made.add_user("hubot")
    made.add_organization("Octo-Org", owners=["MONA"], members=["hubot"], base_role="write")
    made.add_repository("Mona/App", roles={"HUBOT": "admin"})
    made.add_repository("octo-org/service", visibility="internal")
    return made


def test_names_are_kept_in_lower_case(accounts: Accounts) -> None:
    assert set(accounts.users) == {"mona", "hubot"}
    assert accounts.organizations["octo-org"].owners == {"mona"}
    assert accounts.repositories["mona/app"].roles == {"hubot": Role.ADMIN}
    assert accounts.repositories["mona/app"].owner == "mona"
    assert accounts.repositories["mona/app"].visibility == Visibility.PRIVATE


@pytest.mark.parametrize("login", ["a", "a-b", "0", "a" * 39, "a-" * 19 + "a"])
def test_a_login_has_up_to_39_characters(accounts: Accounts, login: str) -> None:
    accounts.add_user(login)
    accounts.add_repository(f"{login}/x")
    assert login in accounts.users


@pytest.mark.parametrize(
    "login", ["", "-a", "a-", "a--b", "a_b", "a b", "é", "a/b", "a" * 40, "a-" * 20 + "a", "a\n", "github-actions"]
)
def test_other_logins_are_refused(accounts: Accounts, login: str) -> None:
    for add in (accounts.add_user, accounts.add_organization):
        with pytest.raises(ValueError, match="a login must be"):
            add(login)


@pytest.mark.parametrize(
    ("add", "message"),
    [
        (lambda it: it.add_user("octo-org"), "must not have the login of an organization"),
        (lambda it: it.add_organization("mona"), "must not have the login of a user"),
        (lambda it: it.add_organization("new", owners=["nobody"]), "no user nobody"),
        (lambda it: it.add_organization("new", members=["nobody"]), "no user nobody"),
        (
            lambda it: it.add_organization("new", base_role="owner"),
            "role must be one of none, read, write, admin, got 'owner'",
        ),
        (lambda it: it.add_repository("nobody/app"), "no user or organization nobody"),
        (lambda it: it.add_repository("mona"), "must be OWNER/REPOSITORY"),
        (lambda it: it.add_repository("mona/app/x"), "must be OWNER/REPOSITORY"),
        (
            lambda it: it.add_repository("mona/a", visibility="secret"),
            "visibility must be one of public, private, internal",
        ),
        (lambda it: it.add_repository("mona/a", roles={"nobody": "read"}), "no user nobody"),
        (lambda it: it.add_repository("mona/a", roles={"hubot": "owner"}), "role must be one of none"),
        (lambda it: it.add_classic_token("nobody"), "no user nobody"),
        (lambda it: it.add_classic_token("mona", ["packages"]), "scope must be one of read:packages"),
        (lambda it: it.add_fine_grained_token("octo-org"), "no user octo-org"),
        (lambda it: it.add_actions_token("mona/nothing"), "no repository mona/nothing"),
        (lambda it: it.add_actions_token("mona/app", packages="admin"), "packages must be one of none, read, write"),
        (lambda it: it.add_classic_token("mona", secret="ghs_x"), "must begin with ghp_"),
        (lambda it: it.add_classic_token("mona", secret=""), "must begin with ghp_"),
        (lambda it: it.add_classic_token("mona", secret="ghp_é"), "printable ASCII"),
        (lambda it: it.add_classic_token("mona", secret="ghp_" + "x" * 252), "at most 255 characters"),
        (lambda it: it.add_classic_token("mona", expires=math.nan), "finite"),
        (lambda it: it.add_classic_token("mona", expires=math.inf), "finite"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    accounts: Accounts, add: Callable[[Accounts], object], message: str
) -> None:
    def content() -> tuple[Any, ...]:
        return (
            accounts.users.copy(),
            accounts.organizations.copy(),
            accounts.repositories.copy(),
            accounts.tokens.copy(),
        )

    before = content()
    with pytest.raises(ValueError, match=message):
        add(accounts)
    assert content() == before


@pytest.mark.parametrize(
    ("add", "prefix", "kind"),
    [
        (lambda it: it.add_classic_token("mona"), "ghp_", Kind.CLASSIC),
        (lambda it: it.add_fine_grained_token("mona"), "github_pat_", Kind.FINE_GRAINED),
        (lambda it: it.add_actions_token("mona/app"), "ghs_", Kind.ACTIONS),
    ],
)
def test_a_made_up_secret_has_the_prefix_of_its_kind_and_is_new(
    accounts: Accounts, add: Callable[[Accounts], str], prefix: str, kind: Kind
) -> None:
    secrets = {add(accounts) for _ in range(20)}
    assert len(secrets) == 20
    for secret in secrets:
        assert secret.startswith(prefix)
        assert len(secret) == len(prefix) + 36
        identity = accounts.authenticate("mona", secret)
        assert identity
        assert identity.kind == kind
        assert accounts.identity(identity.key) == identity


def test_a_password_proves_its_user_alone(accounts: Accounts) -> None:
    assert accounts.authenticate("MONA", "a password") == MONA
    assert accounts.authenticate("hubot", "a password") is None
    assert accounts.authenticate("hubot", "") is None
    assert accounts.authenticate("nobody", "") is None
    assert accounts.authenticate("mona", "A password") is None
    assert accounts.authenticate("mona", "a password", kinds=[Kind.CLASSIC]) is None
    accounts.add_user("mona", password="another")
    assert accounts.authenticate("mona", "a password") is None


def test_a_personal_token_wants_the_login_of_its_user(accounts: Accounts) -> None:
    secret = accounts.add_classic_token("mona", ["repo"])
    for login, check_user, counts in [("Mona", True, True), ("hubot", True, False), ("hubot", False, True)]:
        assert (accounts.authenticate(login, secret, check_user=check_user) is not None) == counts
    assert accounts.authenticate("\ud800", secret) is None
    actions = accounts.add_actions_token("mona/app")
    assert accounts.authenticate("whoever", actions)


@given(user=st.text(), secret=st.text())
def test_what_is_made_up_proves_nobody(user: str, secret: str) -> None:
    assert sample().authenticate(user, secret) is None


def test_only_the_kinds_that_count_prove_anything(accounts: Accounts) -> None:
    secrets = {
        Kind.PASSWORD: "a password",
        Kind.CLASSIC: accounts.add_classic_token("mona"),
        Kind.FINE_GRAINED: accounts.add_fine_grained_token("mona"),
        Kind.ACTIONS: accounts.add_actions_token("mona/app"),
    }
    for kind, secret in secrets.items():
        assert accounts.authenticate("mona", secret, kinds=[kind])
        assert accounts.authenticate("mona", secret, kinds=set(Kind) - {kind}) is None


def test_a_token_counts_until_it_expires(accounts: Accounts, clock: ManualClock) -> None:
    secret = accounts.add_classic_token("mona", expires=clock() + 10)
    identity = accounts.authenticate("mona", secret)
    assert identity
    clock.advance(9.9)
    assert accounts.authenticate("mona", secret)
    clock.advance(0.1)
    assert accounts.authenticate("mona", secret) is None
    assert accounts.identity(identity.key) is None


def test_a_token_counts_until_it_is_revoked(accounts: Accounts) -> None:
    first, second = accounts.add_classic_token("mona"), accounts.add_classic_token("mona")
    identity = accounts.authenticate("mona", first)
    assert identity
    assert accounts.revoke(first)
    assert accounts.authenticate("mona", first) is None
    assert accounts.identity(identity.key) is None
    assert accounts.authenticate("mona", second)
    assert not accounts.revoke(first)
    assert not accounts.revoke_id("nothing")


def test_a_secret_that_is_given_again_ends_the_token_that_had_it(accounts: Accounts) -> None:
    secret = accounts.add_classic_token("mona", ["repo"], secret="ghp_same")
    before = accounts.authenticate("mona", secret)
    accounts.add_classic_token("hubot", secret="ghp_same")
    assert before
    assert accounts.identity(before.key) is None
    assert accounts.authenticate("mona", secret) is None
    assert accounts.authenticate("hubot", secret)
    assert len(accounts.tokens) == 1


def test_a_key_is_its_identity_again_and_no_secret(accounts: Accounts) -> None:
    secret = accounts.add_classic_token("mona")
    identity = accounts.authenticate("mona", secret)
    assert identity
    assert secret[4:] not in identity.key
    assert accounts.identity(MONA.key) == MONA
    assert accounts.identity(ANONYMOUS.key) == ANONYMOUS
    for key in ("user:nobody", "user:", "token:", "token:x", "x:mona", "mona", ":"):
        assert accounts.identity(key) is None


def test_roles_come_from_ownership_membership_grant_and_visibility(accounts: Accounts) -> None:
    accounts.add_user("passer-by")
    accounts.add_repository("hubot/open", visibility="public")
    roles = {
        ("mona", "mona/app"): Role.ADMIN,
        ("hubot", "mona/app"): Role.ADMIN,
        ("passer-by", "mona/app"): Role.NONE,
        ("mona", "octo-org/service"): Role.ADMIN,
        ("hubot", "octo-org/service"): Role.WRITE,
        ("passer-by", "octo-org/service"): Role.READ,
        ("nobody-known", "octo-org/service"): Role.NONE,
        ("", "octo-org/service"): Role.NONE,
        ("", "hubot/open"): Role.READ,
        ("", "mona/nothing"): Role.NONE,
        ("mona", "mona/nothing"): Role.NONE,
    }
    assert {key: accounts.role(Identity(key[0]), key[1]) for key in roles} == roles


def test_an_account_that_is_not_there_owns_nothing(accounts: Accounts) -> None:
    for user in ("ghost", "github-actions", ""):
        assert accounts.owner_role(user, user) == Role.NONE
        assert accounts.owner_role(user, "octo-org") == Role.NONE
    assert accounts.owner_role("mona", "mona") == Role.ADMIN


def test_a_role_that_was_given_is_told_from_visibility(accounts: Accounts) -> None:
    accounts.add_repository("mona/open", visibility="public", roles={"hubot": "write"})
    assert accounts.granted_role(Identity("hubot"), "mona/open") == Role.WRITE
    assert accounts.granted_role(ANONYMOUS, "mona/open") == Role.NONE
    assert accounts.granted_role(MONA, "mona/nothing") == Role.NONE


def test_packages_are_made_in_ones_own_namespace_or_ones_organization(accounts: Accounts) -> None:
    accounts.add_user("passer-by")
    may = {("mona", "mona"), ("mona", "octo-org"), ("hubot", "octo-org")}
    for user in ("mona", "hubot", "passer-by", "", "unknown"):
        for owner in ("mona", "octo-org", "unknown", ""):
            assert accounts.may_create_packages(user, owner) == ((user, owner) in may), (user, owner)


def test_a_copy_is_changed_alone(accounts: Accounts) -> None:
    secret = accounts.add_classic_token("mona")
    copied = accounts.copy()
    copied.revoke(secret)
    copied.add_user("new")
    assert accounts.authenticate("mona", secret)
    assert "new" not in accounts.users
    accounts.adopt(copied)
    assert "new" in accounts.users
    assert accounts.authenticate("mona", secret) is None


def test_no_change_is_lost_between_threads(accounts: Accounts) -> None:
    """A change that comes while another thread works on a copy waits for it."""
    adders: list[Callable[[int], object]] = [
        lambda number: accounts.add_user(f"user-{number}"),
        lambda number: accounts.add_organization(f"org-{number}"),
        lambda number: accounts.add_repository(f"mona/app-{number}"),
        lambda number: accounts.add_classic_token("mona"),
    ]
    threads = [threading.Thread(target=add, args=(number,)) for number, add in enumerate(adders)]
    with accounts.lock:
        copied = accounts.copy()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(0.05)
        accounts.adopt(copied)
    for thread in threads:
        thread.join()
    assert "user-0" in accounts.users
    assert "org-1" in accounts.organizations
    assert "mona/app-2" in accounts.repositories
    assert len(accounts.tokens) == 1


def test_the_sample_is_as_the_documentation_writes_it() -> None:
    accounts = sample()
    for scopes, secret in SAMPLE_TOKENS.items():
        identity = accounts.authenticate("octocat", secret)
        assert identity
        assert identity.token
        assert identity.token.scopes == set(scopes)
    assert accounts.authenticate("octocat", "octocat-password") == Identity("octocat")
