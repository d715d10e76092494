"""Paths of the packages API and of the pages, as their parts, to handlers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fakereg.github.web import api, pages
from fakereg.http.call import Handler

Handlers = Mapping[str, Handler]

PACKAGES: Handlers = {"GET": api.get_packages}
PACKAGE: Handlers = {"GET": api.get_package, "DELETE": api.delete}
RESTORE: Handlers = {"POST": api.post_restore}
VERSIONS: Handlers = {"GET": api.get_versions}
VERSION: Handlers = {"GET": api.get_version, "DELETE": api.delete_one_version}
RESTORE_VERSION: Handlers = {"POST": api.post_restore_version}
CONFLICTS: Handlers = {"GET": api.get_conflicts}
ACCOUNT_PAGE: Handlers = {"GET": pages.get_account}
REPOSITORY_PAGE: Handlers = {"GET": pages.get_repository}
DOCKER_PAGE: Handlers = {"GET": pages.get_by_id}
CONTAINER_PAGE: Handlers = {"GET": pages.get_container}


def find(parts: Sequence[str]) -> tuple[Handlers, tuple[str, ...]] | None:
    """The handlers of a path and their arguments; None if it is neither the API's nor a page's."""
    match parts:
        case ["", "api", "v3", "user", *rest]:
            return _in_api(rest, "user", "")
        case ["", "api", "v3", "orgs" | "users" as kind, login, *rest]:
            return _in_api(rest, kind, login)
        case ["", "orgs" | "users" as kind, login, "packages"]:
            return ACCOUNT_PAGE, (kind, login)
        case ["", "orgs" | "users" as kind, login, "packages", "container", "package", *name] if name:
            return CONTAINER_PAGE, (kind, login, "/".join(name))
        case ["", owner, repository, "packages"]:
            return REPOSITORY_PAGE, (owner, repository)
        case ["", owner, repository, "packages", id]:
            return DOCKER_PAGE, (owner, repository, id)
    return None


def _in_api(rest: Sequence[str], kind: str, login: str) -> tuple[Handlers, tuple[str, ...]] | None:
    """A name has slashes, which clients write as %2F or, less carefully, as they are."""
    match rest:
        case ["packages"]:
            return PACKAGES, (kind, login)
        case ["docker", "conflicts"]:
            return CONFLICTS, (kind, login)
        case ["packages", type, first, *more, "versions", id, "restore"]:
            return RESTORE_VERSION, (kind, login, type, "/".join([first, *more]), id)
        case ["packages", type, first, *more, "versions", id]:
            return VERSION, (kind, login, type, "/".join([first, *more]), id)
        case ["packages", type, first, *more, "versions"]:
            return VERSIONS, (kind, login, type, "/".join([first, *more]))
        case ["packages", type, first, *more, "restore"]:
            return RESTORE, (kind, login, type, "/".join([first, *more]))
        case ["packages", type, first, *more]:
            return PACKAGE, (kind, login, type, "/".join([first, *more]))
    return None
