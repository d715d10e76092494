"""Authentication and authorization, Basic and Bearer: identify callers, check their rights, write challenges.

RFC 7617 and RFC 6750; "Distribution Registry v2 authentication via central service" for the fields of a challenge.
"""

from __future__ import annotations

import base64
from contextlib import suppress

from werkzeug.wrappers import Request

from fakereg.auth import scopes
from fakereg.auth.accounts import Identity
from fakereg.auth.caller import DELETE, EVERYTHING, NOBODY, PULL, PUSH, Caller
from fakereg.auth.scopes import Access
from fakereg.auth.token_errors import TokenError
from fakereg.http.call import Call
from fakereg.http.origin import asked_host, origin
from fakereg.spec.errors import Code, RegistryError
from fakereg.spec.names import Name

LOGIN, CATALOG = "login", "catalog"
"""The actions of endpoints without a repository, beside those of `fakereg.auth.caller`."""

_WANTED = {PULL: frozenset({PULL}), PUSH: frozenset({PULL, PUSH}), DELETE: frozenset({DELETE})}
_ALL_REPOSITORIES = Access("registry", "catalog", frozenset("*"))


def identify(call: Call) -> Caller:
    """Identify the caller. Invalid credentials give an anonymous `Caller` whose `problem` is the error to raise."""
    header = call.request.headers.get("Authorization", "")
    if call.dialect.auth == "none" or not header:
        return NOBODY
    scheme, _, value = header.partition(" ")
    if call.dialect.auth == "basic":
        identity = basic_identity(call)
        return Caller(identity) if identity else Caller(problem=unauthorized(call, call.dialect.invalid_text))
    if scheme.lower() == "basic":
        return Caller(problem=_basic_refusal(call))
    return _bearer(call, value.strip() if scheme.lower() == "bearer" else "")


def basic_identity(call: Call) -> Identity | None:
    """Return the identity that the Basic credentials of a request prove; None if they are invalid or missing."""
    credentials = basic_credentials(call.request)
    return prove(call, *credentials, check_user=call.dialect.check_user) if credentials else None


def basic_credentials(request: Request) -> tuple[str, str] | None:
    """Return user and secret of Basic credentials; None if they are missing or malformed."""
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    plain = _decoded(encoded.strip()) if scheme.lower() == "basic" else None
    if plain is None:
        return None
    user, _, secret = plain.partition(":")
    return user, secret


def prove(call: Call, user: str, secret: str, *, check_user: bool) -> Identity | None:
    """Return the identity that a secret proves, if the dialect accepts its kind; else None."""
    kinds = call.dialect.credentials
    return call.instance.accounts.authenticate(user, secret, kinds=kinds, check_user=check_user)


def authorize(call: Call, action: str, name: Name | None) -> None:
    """Raise 401, or the dialect's denial, unless the caller may do `action` with the repository `name`.

    The answer to a caller without the right does not reveal whether the repository exists.
    """
    if call.dialect.auth == "none":
        return
    if action == LOGIN:
        _require_login(call)
    elif action == CATALOG:
        _require_catalog(call)
    elif name is None:
        raise ValueError(f"an endpoint for {action} needs a repository")
    else:
        _require(call, action, name)


def require_credentials(call: Call, *, ping: bool) -> None:
    """With Basic authentication, raise 401 before the path is parsed unless the credentials are valid.

    So errors reveal nothing about names. `authorize` checks a `ping` instead.
    """
    caller, dialect = call.caller, call.dialect
    if ping or dialect.auth != "basic" or (caller.silent and _everybody_pulls(call)):
        return
    if caller.silent:
        raise unauthorized(call, dialect.authentication_text)
    if caller.problem:
        raise caller.problem


def unauthorized(call: Call, message: str, *, scope: str = "", error: str = "", reason: str = "") -> RegistryError:
    """Return a 401 with the dialect's challenge; `error` and `reason` are those of RFC 6750, section 3."""
    dialect = call.dialect
    if dialect.auth == "basic":
        challenge = f'Basic realm="{quoted(dialect.realm)}"'
    else:
        realm = dialect.token_url or f"{origin(call.request)}/token"
        fields = {"realm": realm, "service": service(call), "scope": scope, "error": error, "error_description": reason}
        challenge = "Bearer " + ",".join(f'{key}="{quoted(text)}"' for key, text in fields.items() if text)
    return RegistryError(Code.UNAUTHORIZED, message, headers={"WWW-Authenticate": challenge})


def service(call: Call) -> str:
    """Return the audience of the tokens of a registry."""
    return call.dialect.service or asked_host(call.request)


def may_list_repositories(call: Call) -> bool:
    """Return whether the caller may read the catalog, which lists the repositories that the caller may pull."""
    return bool(call.caller.identity.user) or call.caller.external or _everybody_pulls(call)


def quoted(text: str) -> str:
    """Escape a text for a quoted string in a challenge (RFC 9110, section 5.6.4)."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _bearer(call: Call, text: str) -> Caller:
    if not text:  # an empty token is not accepted as a junk token (GP-3.26)
        return Caller(problem=unauthorized(call, "authentication token not provided"))
    try:
        grant = call.site.tokens.verify(text, service=service(call), leeway=call.dialect.token_leeway)
    except TokenError as problem:
        shortcut = _credentials(call, text)
        return Caller(shortcut) if shortcut else Caller(problem=_invalid(call, str(problem)), junk=True)
    if grant.external:
        return Caller(Identity(grant.subject), grant.access, external=True)
    identity = call.instance.accounts.identity(grant.subject)
    if not identity:
        return Caller(problem=_invalid(call, "the credentials behind the token are not valid any more"), junk=True)
    return Caller(identity, grant.access)


def _credentials(call: Call, text: str) -> Identity | None:
    """Return the identity that base64 of `SECRET` or `USER:SECRET` proves (GitHub's Container registry, GP-3.26)."""
    plain = _decoded(text) if call.dialect.bearer_credentials else None
    if plain is None:
        return None
    user, separator, secret = plain.partition(":")
    if not separator:
        return prove(call, "", plain, check_user=False)
    return prove(call, user, secret, check_user=call.dialect.check_user)


def _decoded(text: str) -> str | None:
    """Decode base64 to a text; return None if it is not base64 of UTF-8."""
    try:
        return base64.b64decode(text, validate=True).decode()
    except ValueError:  # the errors of base64 and UTF-8 are subclasses
        return None


def _invalid(call: Call, reason: str) -> RegistryError:
    return unauthorized(call, call.dialect.invalid_text, error="invalid_token", reason=reason)


def _basic_refusal(call: Call) -> RegistryError:
    if call.dialect.basic_challenge:
        return unauthorized(call, call.dialect.authentication_text)
    return RegistryError(Code.DENIED, "invalid token")


def _require_login(call: Call) -> None:
    """Raise 401 without credentials; some registries accept invalid ones here (GHD-29)."""
    caller, dialect = call.caller, call.dialect
    if caller.silent and not (dialect.auth == "basic" and _everybody_pulls(call)):
        raise unauthorized(call, dialect.authentication_text, scope=dialect.ping_scope)
    if caller.problem and dialect.login_check:
        raise caller.problem


def _require_catalog(call: Call) -> None:
    caller, dialect = call.caller, call.dialect
    scope = scopes.text(_ALL_REPOSITORIES)
    if caller.problem:
        raise _with_scope(caller.problem, scope)
    if not may_list_repositories(call) or (caller.silent and dialect.auth == "bearer"):
        raise unauthorized(call, dialect.authentication_text, scope=scope)
    if caller.limit(_ALL_REPOSITORIES.type, _ALL_REPOSITORIES.name) != EVERYTHING:
        raise unauthorized(call, dialect.denial_text, scope=scope, error="insufficient_scope")


def _require(call: Call, action: str, name: Name) -> None:
    caller, dialect = call.caller, call.dialect
    scope = _scope(call, action, name)
    if caller.silent and dialect.auth == "bearer":  # public content needs an anonymous token, too
        raise unauthorized(call, dialect.authentication_text, scope=scope)
    if caller.problem and not (dialect.junk_tokens and caller.junk):
        raise _with_scope(caller.problem, scope)
    if _allowed(call, action, name):
        return
    if caller.problem:
        raise _with_scope(caller.problem, scope)
    if not caller.identity.user and not caller.external:
        # With insufficient_scope the client does not request another anonymous token: docker would retry for a minute.
        raise unauthorized(call, dialect.authentication_text, scope=scope, error="insufficient_scope")
    text = call.policy.denial_text(call, action, name)
    if dialect.denial_refusal == 401 or caller.external or action in call.own_rights(name):
        raise unauthorized(call, text, scope=scope, error="insufficient_scope")
    if dialect.denial_refusal == 404:
        # Without a detail docker would try again for a minute, as this is the default text of the code.
        raise RegistryError(Code.NAME_UNKNOWN, "repository name not known to registry", details=[{"name": name}])
    raise RegistryError(Code.DENIED, text)


def _allowed(call: Call, action: str, name: Name) -> bool:
    """Return whether the caller may do the action, and pull from the source of a mount where that is demanded."""
    dialect = call.dialect
    wanted = _WANTED[action] if dialect.checked_first == "rights" else frozenset({action})
    if not wanted <= call.rights(name):
        return False
    if not dialect.mount_needs_pull or not call.parameter("from"):
        return True
    source = _source(call)
    return PULL in call.rights(source) if source else call.caller.access is None  # no token is for a malformed name


def _with_scope(problem: RegistryError, scope: str) -> RegistryError:
    """Add the scope that the request needs to the challenge of a problem with a token."""
    challenge = problem.headers.get("WWW-Authenticate", "")
    if not challenge.startswith("Bearer "):
        return problem
    headers = {**problem.headers, "WWW-Authenticate": f'{challenge},scope="{quoted(scope)}"'}
    return RegistryError(problem.code, problem.message, headers=headers)


def _scope(call: Call, action: str, name: Name) -> str:
    """Return the scope that a request needs; a mount needs pull on its source, too."""
    wanted, source = [Access("repository", name, _WANTED[action])], _source(call)
    if source:
        wanted.append(Access("repository", source, _WANTED[PULL]))
    return " ".join(map(scopes.text, scopes.merge(wanted)))


def _source(call: Call) -> Name | None:
    """Return the repository that a request would mount a blob from; None without a valid one."""
    text = call.parameter("from") if call.dialect.mount_needs_pull or "mount" in call.request.args else None
    with suppress(RegistryError):
        return Name.parse(text, host=call.dialect.host_names) if text else None
    return None


def _everybody_pulls(call: Call) -> bool:
    return call.policy.open and call.dialect.anonymous_pull
