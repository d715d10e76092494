"""`/_fakereg/...`: the control API, by which a test in any language sets up accounts and settings and reads requests.

It is on only if the server has a control secret, which goes into `Authorization: Bearer SECRET`; all bodies are JSON
objects.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from werkzeug.wrappers import Response

from fakereg.auth import documents
from fakereg.auth.accounts import Accounts, Token
from fakereg.dialect import fields
from fakereg.http.answers import EmptyResponse, json_response
from fakereg.http.call import Call
from fakereg.http.secret import invalid, json_object, require_secret
from fakereg.spec.errors import Code, RegistryError


def get_accounts(call: Call) -> Response:
    """List the accounts, without the secrets of tokens and without passwords."""
    require_secret(call)
    return json_response(_shown(call.instance.accounts))


def patch_accounts(call: Call) -> Response:
    """Add accounts in the form of a configuration file, all or none; answer with the secrets and ids of the tokens."""
    document = json_object(call)
    if unknown := set(document) - set(documents.ACCOUNTS):
        raise invalid(f"{min(unknown)!r} is unknown; known are {', '.join(documents.ACCOUNTS)}")
    try:
        secrets = documents.add_accounts(call.instance.accounts, document)
    except ValueError as problem:
        raise invalid(str(problem)) from None
    ids = [call.instance.accounts.token_id(secret) for secret in secrets]
    return json_response({"secrets": secrets, "ids": ids})


def delete_token(call: Call, id: str) -> Response:
    """Revoke a token, given by its id in the list of accounts."""
    require_secret(call)
    if not call.instance.accounts.revoke_id(id):
        raise RegistryError(Code.UNSUPPORTED, "there is no token with this id", status=404)
    return EmptyResponse(status=204)


def get_settings(call: Call) -> Response:
    """List the settings of each registry, as text."""
    require_secret(call)
    return json_response({site.dialect.name: fields.written(site.dialect) for site in call.instance.sites.all})


def patch_settings(call: Call) -> Response:
    """Change settings of the registry `?registry=`, by default of the first."""
    settings = json_object(call)
    try:
        call.instance.change(call.request.args.get("registry", ""), settings)
    except (ValueError, ImportError) as problem:
        raise invalid(str(problem)) from None
    return get_settings(call)


def get_journal(call: Call) -> Response:
    """List the requests with `?method=`, `?path=` (a shell pattern) and `?status=`, the oldest first."""
    require_secret(call)
    arguments = call.request.args
    status = _status(arguments.get("status"))
    found = call.instance.journal.filter(method=arguments.get("method"), path=arguments.get("path"), status=status)
    return json_response({"requests": [dataclasses.asdict(entry) for entry in found]})


def delete_journal(call: Call) -> Response:
    """Forget the requests so far."""
    require_secret(call)
    call.instance.journal.clear()
    return EmptyResponse(status=204)


def post_reset(call: Call) -> Response:
    """Forget all content and the journal; accounts and settings stay. Raise 409 if that has to wait."""
    require_secret(call)
    try:
        call.instance.reset()
    except ValueError as problem:
        raise RegistryError(Code.DENIED, str(problem), status=409) from None
    return EmptyResponse(status=204)


def _status(text: str | None) -> int | None:
    if text is not None and not (text.isascii() and text.isdigit() and len(text) == 3):
        raise invalid(f"status must be three digits, got {text[:100]!r}")
    return int(text) if text else None


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
