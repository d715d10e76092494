"""Route the paths of the packages API, of the pages and of the control API of packages to handlers."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence

from werkzeug.wrappers import Response

from fakereg.github import control
from fakereg.github.state import GitHub, PackageCall
from fakereg.github.web import api, html, pages
from fakereg.github.web.lists import error_body
from fakereg.http.call import Call, Found, Handler
from fakereg.spec.errors import RegistryError

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
CONTAINER_VERSION_PAGE: Handlers = {"GET": pages.get_container_version}
CONTROL_PACKAGE: Handlers = {"PATCH": control.patch_package}
CONTROL_MIGRATION: Handlers = {"POST": control.post_migration}


def find(github: GitHub, segments: Sequence[str]) -> Found | None:
    """Return the handlers of a path of the API or of a page, and their arguments; None for another path."""
    return _bound(github, _find(segments))


def find_control(github: GitHub, segments: Sequence[str]) -> Found | None:
    """Return the handlers of a path below `/_fakereg/`, and their arguments; None for another path."""
    match segments:
        case ["", "_fakereg", "packages", "container", *name]:
            return _bound(github, (CONTROL_PACKAGE, tuple(name)))
        case ["", "_fakereg", "migration"]:
            return _bound(github, (CONTROL_MIGRATION, ()))
    return None


def refusal(path: str, problem: RegistryError) -> Response | None:
    """Return an error in the form of the API or the pages; None for another path."""
    if path.startswith("/api/v3/"):
        return Response(json.dumps(error_body(problem)), problem.status, content_type="application/json")
    return html.refusal(problem) if path.split("/")[3:4] == ["packages"] else None


def _bound(github: GitHub, found: Found | None) -> Found | None:
    """Let the handlers be called with a PackageCall."""
    if not found:
        return None
    handlers, arguments = found
    return {method: functools.partial(_handle, github, handler) for method, handler in handlers.items()}, arguments


def _handle(github: GitHub, handler: Handler, call: Call, *arguments: str) -> Response:
    return handler(PackageCall.of(call, github), *arguments)


def _find(segments: Sequence[str]) -> Found | None:
    match segments:
        case ["", "api", "v3", "user", *rest]:
            return _in_api(rest, "user", "")
        case ["", "api", "v3", "orgs" | "users" as kind, login, *rest]:
            return _in_api(rest, kind, login)
        case ["", "orgs" | "users" as kind, login, "packages"]:
            return ACCOUNT_PAGE, (kind, login)
        case ["", "orgs" | "users" as kind, login, "packages", "container", "package", *name] if name:
            return CONTAINER_PAGE, (kind, login, "/".join(name))
        case ["", "orgs" | "users" as kind, login, "packages", "container", first, *more, id]:
            return CONTAINER_VERSION_PAGE, (kind, login, "/".join([first, *more]), id)
        case ["", owner, repository, "packages"]:
            return REPOSITORY_PAGE, (owner, repository)
        case ["", owner, repository, "packages", id]:
            return DOCKER_PAGE, (owner, repository, id)
    return None


def _in_api(rest: Sequence[str], kind: str, login: str) -> tuple[Handlers, tuple[str, ...]] | None:
    """Route a path below an account; slashes in a package name may be sent as %2F or as they are."""
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
