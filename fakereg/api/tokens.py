"""`/token`: the token endpoint of a registry with Bearer authentication.

GET is "Docker Registry v2 authentication via central service", POST "... using OAuth2". The token grants the actions of
the scope that the caller may do, perhaps none, as the documentation says. With `anonymous_token_check`, an anonymous
caller is refused instead if that is not the whole scope.
"""

from __future__ import annotations

import dataclasses
from typing import Any
from urllib.parse import parse_qsl

from werkzeug.wrappers import Response

from fakereg.auth import scopes
from fakereg.auth.accounts import ANONYMOUS, Identity
from fakereg.auth.caller import EVERYTHING, PULL, Caller
from fakereg.auth.scopes import Access
from fakereg.auth.token_errors import TokenError
from fakereg.http import authorization
from fakereg.http.answers import json_response
from fakereg.http.call import Call
from fakereg.spec.errors import Code, RegistryError
from fakereg.spec.names import Name

_SERVICE_CHARACTERS = 255

_FORM_BYTES = 64 * 1024
"""Most bytes in the body of a POST; a scope is far shorter."""


def get(call: Call) -> Response:
    """Issue an access token for the Basic credentials, or an anonymous one without them; also for HEAD."""
    arguments = call.request.args
    identity: Identity | None = ANONYMOUS
    if "Authorization" in call.request.headers:
        identity = authorization.basic_identity(call)
    if identity is None:
        raise _denied(call)
    service = _service(call, arguments.get("service") or authorization.service(call))
    access = _granted(call, identity, " ".join(arguments.getlist("scope")))
    document = _access_token(call, identity, service, access)
    if arguments.get("offline_token") == "true":
        document["refresh_token"] = call.site.tokens.refresh_token(subject=identity.key, service=service)
    return json_response({"token": document["access_token"], **document}, Cache_Control="no-store")


def post(call: Call) -> Response:
    """Issue an access token for a password or a refresh token, as in OAuth 2.0."""
    form = _form(call)
    service = _service(call, _required(form, "service"))
    _required(form, "client_id")
    identity = _by_grant(call, form, service)
    access = _granted(call, identity, form.get("scope", ""))
    document = _access_token(call, identity, service, access)
    document["scope"] = " ".join(scopes.text(entry) for entry in access)
    if form.get("access_type") == "offline":
        tokens = call.site.tokens
        known = form.get("refresh_token") if form["grant_type"] == "refresh_token" else None
        document["refresh_token"] = known or tokens.refresh_token(subject=identity.key, service=service)
    return json_response(document, Cache_Control="no-store")


def _service(call: Call, text: str) -> str:
    """Return the service that the token is for; raise 400 for another registry of this server: its rights differ."""
    if len(text) > _SERVICE_CHARACTERS:
        raise RegistryError(
            Code.UNSUPPORTED, f"service must have at most {_SERVICE_CHARACTERS} characters, got {len(text)}", status=400
        )
    if text != authorization.service(call) and call.instance.sites.of_service(text) not in (None, call.site):
        raise RegistryError(Code.UNSUPPORTED, "get tokens for this service at its own host", status=400)
    return text


def _by_grant(call: Call, form: dict[str, str], service: str) -> Identity:
    match _required(form, "grant_type"):
        case "password":
            user, secret = _required(form, "username"), _required(form, "password")
            identity = authorization.prove(call, user, secret, check_user=call.dialect.check_user)
        case "refresh_token":
            identity = _refreshed(call, _required(form, "refresh_token"), service)
        case other:
            message = f"grant_type must be password or refresh_token, got {other[:64]!r}"
            raise RegistryError(Code.UNSUPPORTED, message, status=400)
    if identity is None:
        raise _denied(call)
    return identity


def _refreshed(call: Call, text: str, service: str) -> Identity | None:
    try:
        subject = call.site.tokens.redeem(text, service=service)
    except TokenError:
        return None
    return call.instance.accounts.identity(subject)


def _access_token(call: Call, identity: Identity, service: str, access: list[Access]) -> dict[str, Any]:
    issued = call.site.tokens.issue(subject=identity.key, name=identity.user, service=service, access=access)
    return {"access_token": issued.token, "expires_in": issued.expires_in, "issued_at": issued.issued_at}


def _granted(call: Call, identity: Identity, scope: str) -> list[Access]:
    """Return the scope with only the actions that the identity may do; a resource may be left with no actions."""
    try:
        asked = scopes.parse(scope)
    except ValueError as problem:
        raise RegistryError(Code.UNSUPPORTED, str(problem), status=400) from None
    own = dataclasses.replace(call, caller=Caller(identity))
    granted = [Access(entry.type, entry.name, entry.actions & _allowed(own, entry)) for entry in asked]
    if identity == ANONYMOUS and call.dialect.anonymous_token_check and granted != asked:
        raise _anonymous_refusal(call, asked, scope)
    return granted


def _anonymous_refusal(call: Call, asked: list[Access], scope: str) -> RegistryError:
    dialect = call.dialect
    pulls = all(entry.actions <= {PULL} for entry in asked)
    text = dialect.authentication_text if pulls else dialect.anonymous_push_text or dialect.authentication_text
    if dialect.anonymous_token_refusal == 403:
        return RegistryError(Code.DENIED, text)
    return authorization.unauthorized(call, text, scope=scope)


def _allowed(call: Call, asked: Access) -> frozenset[str]:
    if asked.type == "registry" and asked.name == "catalog":
        return frozenset("*") if authorization.may_list_repositories(call) else frozenset()
    if asked.type != "repository":
        return frozenset()
    try:
        name = Name.parse(asked.name)
    except RegistryError:
        return frozenset()
    allowed = dataclasses.replace(call, home=call.policy.home(call.site, name)).own_rights(name)
    return allowed | {"*"} if allowed == EVERYTHING else allowed


def _denied(call: Call) -> RegistryError:
    if call.dialect.token_refusal == 403:
        return RegistryError(Code.DENIED, "denied")
    challenge = {"WWW-Authenticate": f'Basic realm="{authorization.quoted(call.dialect.realm)}"'}
    return RegistryError(Code.UNAUTHORIZED, call.dialect.invalid_text, headers=challenge)


def _form(call: Call) -> dict[str, str]:
    body = call.body(_FORM_BYTES, "a form")
    try:
        return dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=100))
    except ValueError:
        raise RegistryError(Code.UNSUPPORTED, "the body must be a URL-encoded form", status=400) from None


def _required(form: dict[str, str], field: str) -> str:
    if not form.get(field):
        raise RegistryError(Code.UNSUPPORTED, f"the form must have a {field}", status=400)
    return form[field]
