"""`/_fakereg/...`: a test in any language sets up accounts and settings, and reads what was asked.

It is there only with a control secret, which goes into `Authorization: Bearer SECRET`; all bodies are JSON objects.
"""

from __future__ import annotations

import dataclasses
import hmac
import json
from typing import Any

from werkzeug.wrappers import Response

from fakereg import config, dialects
from fakereg.accounts import Accounts, Organization, Token
from fakereg.errors import Code, RegistryError
from fakereg.wsgi import Call, empty_response, json_response

_BODY_BYTES = 1 << 20


def get_accounts(call: Call) -> Response:
    """Who there is; of tokens and passwords nothing that authenticates."""
    _require_secret(call)
    return json_response(_shown(call.instance.accounts))


def patch_accounts(call: Call) -> Response:
    """Add to the accounts what a configuration file could hold, all or nothing; answers the tokens' secrets."""
    document = _document(call)
    if unknown := set(document) - set(config.ACCOUNTS):
        raise _invalid(f"{min(unknown)!r} is unknown; known are {', '.join(config.ACCOUNTS)}")
    try:
        secrets = config.add_accounts(call.instance.accounts, document)
    except ValueError as problem:
        raise _invalid(str(problem)) from None
    return json_response({"secrets": secrets})


def delete_token(call: Call, id: str) -> Response:
    """Revoke a token, named by the id that the list of accounts shows."""
    _require_secret(call)
    if not call.instance.accounts.revoke_id(id):
        raise RegistryError(Code.UNSUPPORTED, "there is no token with this id", status=404)
    return empty_response(204)


def get_settings(call: Call) -> Response:
    """The settings of each registry, as text."""
    _require_secret(call)
    return json_response({site.dialect.name: dialects.written(site.dialect) for site in call.instance.sites.all})


def patch_settings(call: Call) -> Response:
    """Change settings of the registry `?registry=`, by default the first."""
    document = _document(call)
    texts = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in document.items()}
    try:
        call.instance.configure(registry=call.request.args.get("registry", ""), **texts)
    except (ValueError, TypeError) as problem:
        raise _invalid(str(problem)) from None
    return get_settings(call)


def get_journal(call: Call) -> Response:
    """The requests with `?method=`, `?path=` (a shell pattern) and `?status=`, the oldest first."""
    _require_secret(call)
    arguments = call.request.args
    status = arguments.get("status", type=int)
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
    call.instance.reset()
    return empty_response(204)


def _require_secret(call: Call) -> None:
    if not call.instance.control_secret:
        raise RegistryError(Code.UNSUPPORTED, "the control API is off: the server has no control secret", status=404)
    scheme, _, given = call.request.headers.get("Authorization", "").partition(" ")
    right = hmac.compare_digest(given.encode("latin-1", "replace"), call.instance.control_secret.encode())
    if not (right and scheme.lower() == "bearer"):
        challenge = {"WWW-Authenticate": 'Bearer realm="fakereg control"'}
        raise RegistryError(Code.UNAUTHORIZED, "the control API wants its secret", headers=challenge)


def _document(call: Call) -> dict[str, Any]:
    """The body, from a caller who has the secret."""
    _require_secret(call)
    body = bytearray()
    for data in call.chunks():
        body += data
        if len(body) > _BODY_BYTES:
            raise RegistryError(Code.SIZE_INVALID, f"a body has at most {_BODY_BYTES} bytes here", status=413)
    try:
        document = json.loads(body)
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
        "tokens": [_token(token) for token in list(accounts.tokens.values())],
    }


def _organization(one: Organization) -> dict[str, Any]:
    return {"owners": sorted(one.owners), "members": sorted(one.members), "base_role": one.base_role.name.lower()}


def _token(token: Token) -> dict[str, Any]:
    shown = {"id": token.id, "kind": token.kind, "user": token.user, "expires": token.expires}
    if token.repository:
        return {**shown, "repository": token.repository, "packages": token.packages.name.lower()}
    return {**shown, "scopes": sorted(token.scopes)}
