"""The groups of scenarios about GitHub's registries, broken: who may pull, push, mount and delete where."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from conformance.client.credentials import basic
from conformance.fakes import identities
from fakereg.api import uploads
from fakereg.auth import caller
from fakereg.auth.accounts import Accounts, Identity, Kind, Role
from fakereg.auth.caller import PULL, PUSH
from fakereg.github import rights as permissions
from fakereg.github.web import access
from fakereg.github.web import api as packages
from fakereg.http.call import Call
from fakereg.spec.names import Digest, Name
from tests.mutants.harness import Answer, Ask, after, instead, patched, settings_break

DOCKER, CONTAINER = "fake:github-docker", "fake:github-container"
READ_SCOPE = frozenset({"read:packages"})
Rule = Callable[[Identity, Name], bool]


def rights(
    *rows: str, text: str, add: frozenset[str] = frozenset(), take: frozenset[str] = frozenset()
) -> Callable[[Rule], Rule]:
    """Decorate the rule for whom, and where, rights are added or taken: a mutant for each of the rows."""

    def change(rule: Rule, patch: pytest.MonkeyPatch) -> None:
        original = permissions.rights

        def changed(identity: Identity, name: Name, **context: Any) -> caller.Rights:
            found = original(identity, name, **context)
            return (found | add) - take if rule(identity, name) else found

        patch.setattr(permissions, "rights", changed)

    def register(rule: Rule) -> Rule:
        for row in rows:
            target = DOCKER if row.startswith("GHD") else CONTAINER
            patched(row, text, target=target)(lambda patch: change(rule, patch))
        return rule

    return register


def scopes(identity: Identity) -> frozenset[str] | None:
    """The scopes of a classic token; None without one."""
    token = identity.token
    return token.scopes if token and token.kind == Kind.CLASSIC else None


def is_workflow(identity: Identity, *, packages: Role | None = None) -> bool:
    """Whether it is a GITHUB_TOKEN, with that permission if one is given."""
    token = identity.token
    return token is not None and token.kind == Kind.ACTIONS and packages in (None, token.packages)


def is_at(name: Name, place: str) -> bool:
    """Whether a repository is in a place."""
    return name.split("/")[1] == place


# Scopes and roles.

only_pull, only_push = frozenset({PULL}), frozenset({PUSH})


@rights("GHD-08", "GHC-05", text="a token without scopes pulls", add=only_pull)
def unscoped_pull(identity: Identity, name: Name) -> bool:
    return scopes(identity) == frozenset()


@rights("GHD-08", "GHD-13", "GHC-05", text="a user without a role pulls", add=only_pull)
def stranger_pulls(identity: Identity, name: Name) -> bool:
    return identity.user == "conformance-stranger"


@rights("GHD-08", "GHC-05", text="the role read is not enough to pull", take=only_pull)
def reader_refused(identity: Identity, name: Name) -> bool:
    return identity.user == "conformance-reader"


@rights("GHD-08", "GHC-05", text="the scope read:packages is not enough to pull", take=only_pull)
def scope_refused(identity: Identity, name: Name) -> bool:
    return scopes(identity) == READ_SCOPE


@rights("GHD-09", "GHC-05", text="the scope read:packages is enough to push", add=only_push)
def scope_pushes(identity: Identity, name: Name) -> bool:
    return scopes(identity) == READ_SCOPE


@rights("GHD-09", "GHC-05", text="the role read is enough to push", add=only_push)
def reader_pushes(identity: Identity, name: Name) -> bool:
    return identity.user == "conformance-reader"


@rights("GHD-09", "GHC-05", text="the role write is not enough to push", take=only_push)
def role_refused(identity: Identity, name: Name) -> bool:
    return identity.user == "conformance-writer"


@rights("GHD-13", "GHC-05", text="whoever reads one private repository reads the others of its owner", add=only_pull)
def reads_elsewhere(identity: Identity, name: Name) -> bool:
    return identity.user == "conformance-reader" and is_at(name, "elsewhere")


@rights("GHD-13", "GHC-05", text="what is internal is private", take=only_pull)
def not_internal(identity: Identity, name: Name) -> bool:
    return identity.user == "conformance-stranger" and is_at(name, "internal")


@rights("GHD-13", "GHC-05", text="everybody pushes to what is public", add=only_push)
def public_push(identity: Identity, name: Name) -> bool:
    return bool(identity.user) and is_at(name, "public")


for _row, _target in (("GHD-08", DOCKER), ("GHC-05", CONTAINER)):

    @patched(_row, "a blob is mounted from where the client may not pull", target=_target)
    def unchecked_mount(patch: pytest.MonkeyPatch) -> None:
        def mount(call: Call, name: Name, digest: Digest, source: Name) -> bool:
            return call.storage.mount_blob(name, digest, source=source)

        patch.setattr(uploads, "_mount_from", mount)


for _row, _target in (("GHD-10", DOCKER), ("GHC-05", CONTAINER)):

    @patched(_row, "packages are deleted without the scope", target=_target)
    def unscoped_deletion(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(access, "check_scopes", lambda *arguments: None)

    @patched(_row, "packages are deleted without the role", target=_target)
    def deletion_without_role(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(packages, "_check_administrator", lambda *arguments: None)

    @patched(_row, "packages are said to be deleted, and stay", target=_target)
    def no_deletion(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(packages, "delete_package", lambda *arguments, **options: None)


# Credentials.

settings_break("GHD-06", "a password counts", f"{DOCKER},credentials=classic|actions|password")
settings_break("GHD-06", "a fine-grained token counts", f"{DOCKER},credentials=classic|actions|fine-grained")
settings_break("GHD-06", "a GITHUB_TOKEN does not count", f"{DOCKER},credentials=classic")


@patched("GHD-06", "a token counts after its end", target=DOCKER)
def no_expiry(patch: pytest.MonkeyPatch) -> None:
    made = Accounts.add_classic_token
    patch.setattr(Accounts, "add_classic_token", lambda self, *rest, expires=None, **more: made(self, *rest, **more))


@instead("GHD-06", "a password counts for what is public", target=DOCKER)
def password_for_public(ask: Ask) -> Answer | None:
    is_password = ask.header("Authorization") == credentials("password")
    return as_writer(ask) if is_password and "/public/" in ask.name and ask.method == "GET" else None


@instead("GHD-07", "what is public is pulled without credentials", target=DOCKER)
def open_pull(ask: Ask) -> Answer | None:
    is_open = not ask.header("Authorization") and "/public/" in ask.name and ask.method == "GET"
    return as_writer(ask) if is_open else None


@instead("GHD-07", "blobs are uploaded without credentials", target=DOCKER)
def open_upload(ask: Ask) -> Answer | None:
    return as_writer(ask) if not ask.header("Authorization") and ask.kind == "uploads" else None


@after("GHD-20", "missing credentials are forbidden", "GET manifests", 401, target=DOCKER)
def forbidden_without(ask: Ask, answer: Answer) -> None:
    if not ask.header("Authorization"):
        answer.status = 403


@after("GHD-20", "bad credentials are forbidden", "GET manifests", 401, target=DOCKER)
def forbidden_with(ask: Ask, answer: Answer) -> None:
    if ask.header("Authorization"):
        answer.status = 403


def credentials(name: str) -> str:
    """The Authorization of somebody with Basic."""
    found = identities()[name]
    return basic(found.username, found.secret)


def as_writer(ask: Ask) -> Answer:
    """The answer that the writer would get."""
    return ask.proceed(HTTP_AUTHORIZATION=credentials("writer"))


# Tokens of workflows.


@rights("GHD-11", "GHC-14", text="a GITHUB_TOKEN does not push", take=only_push)
def workflow_refused(identity: Identity, name: Name) -> bool:
    return is_workflow(identity)


@rights("GHD-11", "GHC-14", text="a GITHUB_TOKEN pushes without the permission", add=only_push)
def workflow_without_permission(identity: Identity, name: Name) -> bool:
    return is_workflow(identity, packages=Role.READ)


@rights("GHD-11", "GHC-14", text="a GITHUB_TOKEN pushes to repositories of others", add=only_push)
def workflow_elsewhere(identity: Identity, name: Name) -> bool:
    return is_workflow(identity, packages=Role.WRITE)


@rights("GHD-12", text="a GITHUB_TOKEN pulls from other private repositories", add=only_pull)
def workflow_pulls(identity: Identity, name: Name) -> bool:
    return is_workflow(identity)


@rights("GHD-12", text="a personal token does not pull from other private repositories", take=only_pull)
def person_refused(identity: Identity, name: Name) -> bool:
    return not is_workflow(identity) and is_at(name, "elsewhere")


# Public images of the Container registry.


@rights("GHC-04", text="what is public is not pulled anonymously", take=only_pull)
def nothing_anonymous(identity: Identity, name: Name) -> bool:
    return not identity.user


@rights("GHC-04", text="whatever there is is pulled anonymously", add=only_pull)
def everything_anonymous(identity: Identity, name: Name) -> bool:
    return not identity.user


@rights("GHC-04", text="a new image is internal", add=only_pull)
def new_is_internal(identity: Identity, name: Name) -> bool:
    return bool(identity.user)


@rights("GHC-04", text="what is public is pushed anonymously", add=only_push)
def anonymous_push(identity: Identity, name: Name) -> bool:
    return is_at(name, "public")
