"""Deletion through GitHub's packages API, broken: who may delete, what goes, and what comes back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conformance.client.credentials import basic
from conformance.fakes import identities
from fakereg.github import restore
from fakereg.github.web import access, api
from tests.mutants.github_packages import CONTAINER, DOCKER, as_writer
from tests.mutants.harness import Answer, Ask, after, instead, patched, settings_break


def is_restoration(ask: Ask) -> bool:
    """Whether something deleted is asked back."""
    return ask.method == "POST" and ask.path.endswith("/restore")


def who(ask: Ask) -> str:
    """The name of the identity that asks."""
    sent = ask.header("Authorization")
    return next((one.name for one in identities().values() if basic(one.username, one.secret) == sent), "nobody")


def deletes(ask: Ask, *names: str) -> Answer | None:
    """Let these delete as if they were the writer."""
    return as_writer(ask) if ask.method == "DELETE" and who(ask) in names else None


# Who may delete.


@patched("GHD-10", "the scope delete:packages is not asked for", target=DOCKER)
def no_scope(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(access, "check_scopes", lambda identity, type, dialect, action: None)


@instead("GHD-10", "the role write is enough to delete", target=DOCKER)
def role_write(ask: Ask) -> Answer | None:
    return deletes(ask, "role-write")


@instead("GHD-10", "the scope repo is not asked for", target=DOCKER)
def no_repo(ask: Ask) -> Answer | None:
    return deletes(ask, "delete")


@after("GHD-10", "a deleted package can still be pulled", "GET manifests", 404, target=DOCKER)
def still_there(ask: Ask, answer: Answer) -> None:
    answer.status = 200


@instead("GHD-10", "nobody may delete", target=DOCKER)
def nobody_deletes(ask: Ask) -> Answer | None:
    return Answer(403) if ask.method == "DELETE" else None


@instead("GHC-05", "anybody deletes", target=CONTAINER)
def anybody_deletes(ask: Ask) -> Answer | None:
    return deletes(ask, "stranger")


@instead("GHC-05", "the scope write:packages is enough to delete", target=CONTAINER)
def scope_write(ask: Ask) -> Answer | None:
    return deletes(ask, "write")


# What is deleted.


@after("GHC-11", "a deleted version can still be pulled by digest", "GET manifests", 404, target=CONTAINER)
def still_there_by_digest(ask: Ask, answer: Answer) -> None:
    if ask.reference.startswith("sha256:"):
        answer.status = 200


@instead("GHC-11", "the packages API does not delete", target=CONTAINER)
def no_deletion(ask: Ask) -> Answer | None:
    return Answer(405) if ask.method == "DELETE" and "/versions/" in ask.path else None


@patched("GHC-11", "the package goes with one of its versions", target=CONTAINER)
def deletes_all(patch: pytest.MonkeyPatch) -> None:
    def delete_version(known, site, package, version, *, now):  # type: ignore[no-untyped-def]
        restore.delete_package(known, site, package, now=now)

    patch.setattr(api, "delete_version", delete_version)


# What comes back.

settings_break("GHD-30", "what was deleted is gone for good", f"{DOCKER},restore_days=0")
settings_break("GHD-30", "what was deleted can be restored for sixty days", f"{DOCKER},restore_days=60")


@instead("GHD-30", "a restoration restores nothing", target=DOCKER)
def restores_nothing(ask: Ask) -> Answer | None:
    return Answer(204) if is_restoration(ask) else None


@instead("GHD-30", "a version cannot be restored", target=DOCKER)
def restores_no_version(ask: Ask) -> Answer | None:
    return Answer(404) if is_restoration(ask) and "/versions/" in ask.path else None


@instead("GHD-30", "deleted versions are not listed", target=DOCKER)
def lists_none(ask: Ask) -> Answer | None:
    return Answer(200, body=b"[]") if ask.query.get("state") == "deleted" else None


@patched("GHD-30", "a restoration does not mind that its name is in use", target=DOCKER)
def takes_names(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(restore, "_check_free", lambda site, deleted, index: None)


# Downloads.


@patched("GHD-30", "versions can be deleted however often they were downloaded", target=DOCKER)
def deletes_anything(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(api, "_check_deletable", lambda found, versions: None)


@patched("GHD-30", "private versions that were downloaded often stay, too", target=DOCKER)
def private_stay(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(access.Shelf, "visibility", lambda shelf, package: "public")


@patched("GHD-30", "a version stays at one download less", target=DOCKER)
def one_less(patch: pytest.MonkeyPatch) -> None:
    checked = api._check_deletable

    def check(found, versions):  # type: ignore[no-untyped-def]
        checked(found, [replace(version, downloads=version.downloads + 1) for version in versions])

    patch.setattr(api, "_check_deletable", check)
