"""The sample accounts of a registry that is started without accounts. Their secrets are public: the README has them."""

from __future__ import annotations

import time
from collections.abc import Mapping

from fakereg.auth.accounts import PREFIXES, SECRET_CHARACTERS, Accounts, Kind
from fakereg.clock import Clock

SAMPLE_USER = "octocat"

SAMPLE_REPOSITORY = "octocat/octo-app"


def _secret(kind: Kind, name: str) -> str:
    return PREFIXES[kind] + name.ljust(SECRET_CHARACTERS, "0")


SAMPLE_TOKENS: Mapping[tuple[str, ...], str] = {
    (): _secret(Kind.CLASSIC, "OctocatNone"),
    ("read:packages",): _secret(Kind.CLASSIC, "OctocatRead"),
    ("read:packages", "write:packages"): _secret(Kind.CLASSIC, "OctocatWrite"),
    ("read:packages", "delete:packages"): _secret(Kind.CLASSIC, "OctocatDelete"),
    ("read:packages", "write:packages", "delete:packages", "repo"): _secret(Kind.CLASSIC, "OctocatAll"),
}
"""The secrets of the classic tokens of the user octocat, by scopes."""


def sample(*, clock: Clock = time.time) -> Accounts:
    """Return the sample accounts.

    octocat owns repositories and the organization octo-org, of which hubot is a member.
    """
    accounts = Accounts(clock=clock)
    accounts.add_user(SAMPLE_USER, password="octocat-password")
    accounts.add_user("hubot", password="hubot-password")
    accounts.add_organization("octo-org", owners=[SAMPLE_USER], members=["hubot"])
    accounts.add_repository(SAMPLE_REPOSITORY)
    accounts.add_repository("octocat/hello-world", visibility="public")
    accounts.add_repository("octo-org/octo-service", visibility="internal")
    for scopes, secret in SAMPLE_TOKENS.items():
        accounts.add_classic_token(SAMPLE_USER, scopes, secret=secret)
    hubots = _secret(Kind.CLASSIC, "HubotWrite")
    accounts.add_classic_token("hubot", ("read:packages", "write:packages"), secret=hubots)
    accounts.add_actions_token(SAMPLE_REPOSITORY, secret=_secret(Kind.ACTIONS, "OctoApp"))
    return accounts
