"""The accounts, identities and places of a fake that the suite judges.

Give the accounts to a `fakereg.Registry` and describe it to the suite by the identities and places:

    registry = fakereg.Registry(dialect="oci,auth=bearer,rights=repository", accounts=accounts())
    description = Description(identities=identities(), places=places("none"))
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from conformance.client.identity import Identity

if TYPE_CHECKING:
    from fakereg import Accounts

OWNER, MEMBER = "conformance-owner", "conformance-member"
_READ, _WRITE, _DELETE = "read:packages", "write:packages", "delete:packages"
_SCOPES = {
    "none": (),
    "reader": (_READ,),
    "write": (_READ, _WRITE),
    "delete": (_READ, _DELETE),
    "all": (_READ, _WRITE, _DELETE, "repo"),
}


def accounts(*, package_names: bool = False) -> Accounts:
    """Make the accounts that the scenarios need, with their repositories and roles.

    The repositories are OWNER/REPOSITORY; with `package_names` they have container packages.
    """
    import fakereg

    made = fakereg.Accounts()
    for user in (OWNER, MEMBER, "conformance-reader", "conformance-writer", "conformance-stranger"):
        made.add_user(user, password=f"{user}-password")
    made.add_organization("conformance-org", owners=[OWNER], members=[MEMBER])
    roles = {"conformance-reader": "read", "conformance-writer": "write"}
    for name, visibility in (("shared", "private"), ("elsewhere", "private"), ("public", "public"),
                             ("internal", "internal")):  # fmt: skip
        repository = f"conformance-org/{name}"
        made.add_repository(repository, visibility=visibility, roles=roles if name == "shared" else {})
        if package_names:
            linked = repository if name == "shared" else ""
            granted = roles if name == "shared" else {}
            made.add_package(f"{repository}/image", visibility=visibility, roles=granted, repository=linked)
    for name, scopes in _SCOPES.items():
        made.add_classic_token(OWNER, scopes, secret=_secret("ghp_", name))
    for user in ("conformance-reader", "conformance-writer", "conformance-stranger"):
        made.add_classic_token(user, _SCOPES["all"], secret=_secret("ghp_", user.removeprefix("conformance-") + "role"))
    made.add_classic_token(OWNER, _SCOPES["all"], secret=_secret("ghp_", "expired"), expires=1.0)
    made.add_fine_grained_token(OWNER, secret=_secret("github_pat_", "fine"))
    for permission in ("write", "read"):
        secret = _secret("ghs_", f"actions{permission}")
        made.add_actions_token("conformance-org/shared", packages=permission, secret=secret)
    return made


def identities() -> dict[str, Identity]:
    """Return the identities of `accounts`, by the names that scenarios use."""
    found = {name: Identity(name, OWNER, _secret("ghp_", name)) for name in _SCOPES}
    found["writer"] = replace(found["all"], name="writer")
    found["stranger"] = Identity("stranger", "conformance-stranger", _secret("ghp_", "strangerrole"))
    found["role-read"] = Identity("role-read", "conformance-reader", _secret("ghp_", "readerrole"))
    found["role-write"] = Identity("role-write", "conformance-writer", _secret("ghp_", "writerrole"))
    found["expired"] = Identity("expired", OWNER, _secret("ghp_", "expired"))
    found["fine-grained"] = Identity("fine-grained", OWNER, _secret("github_pat_", "fine"))
    found["password"] = Identity("password", OWNER, f"{OWNER}-password")
    found["wrong"] = Identity("wrong", OWNER, _secret("ghp_", "neverissued"))
    found["actions"] = Identity("actions", "github-actions", _secret("ghs_", "actionswrite"))
    found["actions-read"] = Identity("actions-read", "github-actions", _secret("ghs_", "actionsread"))
    return found


def places(package_type: str) -> dict[str, str]:
    """Return the places of `accounts` as patterns of repository names."""
    if package_type == "container":
        fixed = {name: f"conformance-org/{name}/image" for name in ("shared", "elsewhere", "public", "internal")}
        return {"default": "conformance-org/{}", **fixed}
    found = {name: f"conformance-org/{name}/{{}}" for name in ("shared", "elsewhere", "public", "internal")}
    return {"default": found["shared"], **found}


def _secret(prefix: str, name: str) -> str:
    """Return a secret for a test account, the same in each process of a run."""
    return prefix + f"conformance{name}".replace("-", "").ljust(36, "0")
