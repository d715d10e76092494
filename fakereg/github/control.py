"""The control API of packages: the settings that owners change on GitHub's pages, and the migration."""

from __future__ import annotations

from werkzeug.wrappers import Response

from fakereg import values
from fakereg.github.ledger import MigrationRuns
from fakereg.github.migration import MigrationConflict
from fakereg.github.state import PackageCall
from fakereg.http.answers import json_response
from fakereg.http.secret import invalid, json_object
from fakereg.spec.errors import Code, RegistryError

_PACKAGE = {"visibility": "a text", "roles": "an object of texts", "repository": "a text"}


def patch_package(call: PackageCall, *parts: str) -> Response:
    """Change the visibility and the roles of a container package, and the repository that it is linked to."""
    document = json_object(call)
    if unknown := set(document) - set(_PACKAGE):
        raise invalid(f"{min(unknown)!r} is unknown; known are {', '.join(_PACKAGE)}")
    for field, value in document.items():
        texts = [*value.values()] if isinstance(value, dict) else [value]
        if isinstance(value, dict) != (field == "roles") or not all(isinstance(text, str) for text in texts):
            raise invalid(f"{field} must be {_PACKAGE[field]}, got {values.shown(value)}")
    try:
        package = call.github.change_package("/".join(parts), **document)
    except KeyError:
        raise RegistryError(Code.NAME_UNKNOWN, "there is no container package of this name") from None
    except ValueError as problem:
        raise invalid(str(problem)) from None
    roles = {user: role.name.lower() for user, role in package.roles.items()}
    return json_response({"visibility": package.visibility, "roles": roles, "repository": package.repository})


def post_migration(call: PackageCall) -> Response:
    """Move the Docker registry's images of `organizations`, by default of all, to the Container registry."""
    document = json_object(call)
    if unknown := set(document) - {"organizations"}:
        raise invalid(f"{min(unknown)!r} is unknown; known is organizations")
    organizations = document.get("organizations", [])
    if not isinstance(organizations, list) or not all(isinstance(name, str) for name in organizations):
        raise invalid(f"organizations must be a list of texts, got {values.shown(organizations)}")
    try:
        return json_response({"migrated": call.github.migrate(*organizations)})
    except MigrationConflict as conflict:
        details = [{"name": name} for name in conflict.names]
        raise RegistryError(Code.DENIED, str(conflict), status=409, details=details) from None
    except MigrationRuns as problem:
        raise RegistryError(Code.DENIED, str(problem), status=409) from None
    except ValueError as problem:
        raise invalid(str(problem)) from None
