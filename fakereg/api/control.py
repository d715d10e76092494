"""`/_fakereg/...`: a test in any language sets up accounts and settings, and reads what was asked.

It is there only with a control secret, which goes into `Authorization: Bearer SECRET`; all bodies are JSON objects.
"""

from __future__ import annotations

import dataclasses
import hmac
import json
from typing import Any

from werkzeug.wrappers import Response

from fakereg.auth.accounts import Accounts, Token
from fakereg.command import config
from fakereg.dialect import fields
from fakereg.github.migration import MigrationConflict
from fakereg.http.call import Call, empty_response, json_response
from fakereg.spec.errors import Code, RegistryError

_BODY_BYTES = 1 << 20

_PACKAGE = {"visibility": "a text", "roles": "an object of texts", "repository": "a text"}


def get_accounts(call: Call) -> Response:
    """Who there is; of tokens and passwords nothing that authenticates."""
    _require_secret(call)
    return json_response(_shown(call.instance.accounts))


def patch_accounts(call: Call) -> Response:
    """Add to the accounts what a configuration file could hold, all or nothing; answers the tokens' secrets and ids."""
    document = _document(call)
    if unknown := set(document) - set(config.ACCOUNTS):
        raise _invalid(f"{min(unknown)!r} is unknown; known are {', '.join(config.ACCOUNTS)}")
    try:
        secrets = config.add_accounts(call.instance.accounts, document)
    except ValueError as problem:
        raise _invalid(str(problem)) from None
    ids = [call.instance.accounts.token_id(secret) for secret in secrets]
    return json_response({"secrets": secrets, "ids": ids})


def delete_token(call: Call, id: str) -> Response:
    """Revoke a token, named by the id that the list of accounts shows."""
    _require_secret(call)
    if not call.instance.accounts.revoke_id(id):
        raise RegistryError(Code.UNSUPPORTED, "there is no token with this id", status=404)
    return empty_response(204)


def get_settings(call: Call) -> Response:
    """The settings of each registry, as text."""
    _require_secret(call)
    return json_response({site.dialect.name: fields.written(site.dialect) for site in call.instance.sites.all})


def patch_settings(call: Call) -> Response:
    """Change settings of the registry `?registry=`, by default the first."""
    texts = {name: _setting(name, value) for name, value in _document(call).items()}
    try:
        call.instance.change(call.request.args.get("registry", ""), texts)
    except (ValueError, ImportError) as problem:
        raise _invalid(str(problem)) from None
    return get_settings(call)


def get_journal(call: Call) -> Response:
    """The requests with `?method=`, `?path=` (a shell pattern) and `?status=`, the oldest first."""
    _require_secret(call)
    arguments = call.request.args
    status = _status(arguments.get("status"))
    found = call.instance.journal.filter(method=arguments.get("method"), path=arguments.get("path"), status=status)
    return json_response({"requests": [dataclasses.asdict(entry) for entry in found]})


def delete_journal(call: Call) -> Response:
    """Forget the requests so far."""
    _require_secret(call)
    call.instance.journal.clear()
    return empty_response(204)


def post_reset(call: Call) -> Response:
    """Forget all content and the journal; accounts and settings stay."""
    _require_secret(call)
    try:
        call.instance.reset()
    except ValueError as problem:
        raise _invalid(str(problem)) from None
    return empty_response(204)


def patch_package(call: Call, *parts: str) -> Response:
    """Change who may see a container package, the roles on it and the repository that it is linked to."""
    document = _document(call)
    if unknown := set(document) - set(_PACKAGE):
        raise _invalid(f"{min(unknown)!r} is unknown; known are {', '.join(_PACKAGE)}")
    for field, value in document.items():
        texts = [*value.values()] if isinstance(value, dict) else [value]
        if isinstance(value, dict) != (field == "roles") or not all(isinstance(text, str) for text in texts):
            raise _invalid(f"{field} is not {_PACKAGE[field]}")
    try:
        package = call.instance.change_package("/".join(parts), **document)
    except KeyError:
        raise RegistryError(Code.NAME_UNKNOWN, "there is no such container package") from None
    except ValueError as problem:
        raise _invalid(str(problem)) from None
    roles = {user: role.name.lower() for user, role in package.roles.items()}
    return json_response({"visibility": package.visibility, "roles": roles, "repository": package.repository})


def post_migration(call: Call) -> Response:
    """Move the Docker registry's images of `organizations`, by default of all, to the Container registry."""
    document = _document(call)
    if unknown := set(document) - {"organizations"}:
        raise _invalid(f"{min(unknown)!r} is unknown; known is organizations")
    organizations = document.get("organizations", [])
    if not isinstance(organizations, list) or not all(isinstance(name, str) for name in organizations):
        raise _invalid("organizations is not a list of texts")
    try:
        return json_response({"migrated": call.instance.migrate(*organizations)})
    except MigrationConflict as conflict:
        details = [{"name": name} for name in conflict.names]
        raise RegistryError(Code.DENIED, str(conflict), status=409, details=details) from None
    except ValueError as problem:
        raise _invalid(str(problem)) from None


def _require_secret(call: Call) -> None:
    if not call.instance.control_secret:
        raise RegistryError(Code.UNSUPPORTED, "the control API is off: the server has no control secret", status=404)
    scheme, _, given = call.request.headers.get("Authorization", "").partition(" ")
    secret = call.instance.control_secret.encode("utf-8", "surrogateescape")  # as the environment may have it
    right = hmac.compare_digest(given.strip().encode("latin-1", "replace"), secret)
    if not (right and scheme.lower() == "bearer"):
        challenge = {"WWW-Authenticate": 'Bearer realm="fakereg control"'}
        raise RegistryError(Code.UNAUTHORIZED, "the control API wants its secret", headers=challenge)


def _setting(name: str, value: Any) -> str:
    if not isinstance(value, str | int | float):
        raise _invalid(f"{name[:64]!r} is not a text, a number, true or false")
    return str(value).lower() if isinstance(value, bool) else str(value)


def _status(text: str | None) -> int | None:
    if text is not None and not (text.isascii() and text.isdigit() and len(text) == 3):
        raise _invalid("status is not three digits")
    return int(text) if text else None


def _document(call: Call) -> dict[str, Any]:
    """The body, from a caller who has the secret."""
    _require_secret(call)
    try:
        document = json.loads(call.body(_BODY_BYTES, "a document"))
    except (ValueError, RecursionError):
        raise _invalid("the body is not JSON") from None
    if not isinstance(document, dict):
        raise _invalid("the body is not a JSON object")
    return document


def _invalid(message: str) -> RegistryError:
    return RegistryError(Code.UNSUPPORTED, message, status=400)


def _shown(accounts: Accounts) -> dict[str, Any]:
    return {
        "users": {login: {} for login in sorted(accounts.users)},
        "organizations": {
            name: {
                "owners": sorted(one.owners),
                "members": sorted(one.members),
                "base_role": one.base_role.name.lower(),
            }
            for name, one in sorted(accounts.organizations.items())
        },
        "repositories": {
            name: {"visibility": one.visibility, "roles": {user: role.name.lower() for user, role in one.roles.items()}}
            for name, one in sorted(accounts.repositories.items())
        },
        "packages": {
            name: {
                "visibility": one.visibility,
                "roles": {user: role.name.lower() for user, role in one.roles.items()},
                "repository": one.repository,
            }
            for name, one in sorted(accounts.packages.items())
        },
        "tokens": [_token(token) for token in list(accounts.tokens.values())],
    }


def _token(token: Token) -> dict[str, Any]:
    shown = {"id": token.id, "kind": token.kind, "user": token.user, "expires": token.expires}
    if token.repository:
        return {**shown, "repository": token.repository, "packages": token.packages.name.lower()}
    return {**shown, "scopes": sorted(token.scopes)}
