"""Accounts: users, organizations, repositories, roles, and the secrets that authenticate.

`fakereg.auth.caller` and `fakereg.github.rights` derive the rights of an identity from them. Logins and names of
repositories are kept in lower case, since GitHub ignores their case.
"""

from __future__ import annotations

import enum
import hashlib
import hmac
import math
import re
import secrets
import string
import threading
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from fakereg.clock import Clock
from fakereg.spec.errors import RegistryError
from fakereg.spec.names import Name

SCOPES = ("read:packages", "write:packages", "delete:packages", "repo")
"""Scopes of a classic token that apply to packages ("About permissions for GitHub Packages")."""

ACTIONS_USER = "github-actions"
"""The login of every GITHUB_TOKEN."""

_LOGIN = re.compile(r"(?=.{1,39}\Z)[a-z0-9](?:-?[a-z0-9])*")
_REPOSITORY = re.compile(r"[a-z0-9-]{1,39}/[a-z0-9._-]{1,100}")
SECRET_CHARACTERS = 36
"""Characters of a secret after its prefix (docs/github-registries.md, GP-2.6)."""
_SECRET_LIMIT = 255


class Role(enum.IntEnum):
    """A role on a repository or a package; each role includes the ones before it."""

    NONE = 0
    READ = 1
    WRITE = 2
    ADMIN = 3

    @classmethod
    def parse(cls, text: str) -> Role:
        """Read `none`, `read`, `write` or `admin`; raise ValueError for another text."""
        return cls[_choice("role", text, [role.name.lower() for role in cls]).upper()]


class Visibility(enum.StrEnum):
    """Read access without a role: for everybody, for nobody, or for every user of the instance."""

    PUBLIC = "public"
    PRIVATE = "private"
    INTERNAL = "internal"

    @classmethod
    def parse(cls, text: str) -> Visibility:
        """Read `public`, `private` or `internal`; raise ValueError for another text."""
        return cls(_choice("visibility", text, list(cls)))


class Kind(enum.StrEnum):
    """A kind of credentials; `Dialect.credentials` lists the kinds that a registry accepts."""

    PASSWORD = "password"
    CLASSIC = "classic"
    FINE_GRAINED = "fine-grained"
    ACTIONS = "actions"


PREFIXES: Mapping[Kind, str] = {Kind.CLASSIC: "ghp_", Kind.FINE_GRAINED: "github_pat_", Kind.ACTIONS: "ghs_"}
"""The prefix of a token's secret, by kind."""


@dataclass(frozen=True, slots=True)
class User:
    """A personal account."""

    login: str
    password: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Organization:
    """An organization. Owners administer all its repositories, members have the base role on each."""

    login: str
    owners: frozenset[str] = frozenset()
    members: frozenset[str] = frozenset()
    base_role: Role = Role.READ


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository `owner/name`, with the roles granted to single users."""

    name: str
    visibility: Visibility = Visibility.PRIVATE
    roles: Mapping[str, Role] = field(default_factory=dict)

    @property
    def owner(self) -> str:
        """The login of the user or organization that it belongs to."""
        return self.name.partition("/")[0]


@dataclass(frozen=True, slots=True)
class PackageSettings:
    """The settings of a container package that is pushed for the first time or found in a storage: see `Package`."""

    visibility: Visibility = Visibility.PRIVATE
    roles: Mapping[str, Role] = field(default_factory=dict)
    repository: str = ""


@dataclass(frozen=True, slots=True)
class Token:
    """A token without its secret; `id` identifies it in logs and lists.

    A GITHUB_TOKEN (kind `actions`) is bound to `repository` and has the role `packages` on the packages of that.
    `expires` is a time of the clock, in seconds.
    """

    id: str
    kind: Kind
    user: str
    scopes: frozenset[str] = frozenset()
    expires: float | None = None
    repository: str = ""
    packages: Role = Role.NONE


@dataclass(frozen=True, slots=True)
class Identity:
    """The identity behind a request: a user with a token, or with the password if `token` is None; or anonymous."""

    user: str = ""
    token: Token | None = None

    @property
    def key(self) -> str:
        """A key, not secret, from which `Accounts.identity` returns this identity for as long as it is valid."""
        return f"token:{self.token.id}" if self.token else self.user and f"user:{self.user}"

    @property
    def kind(self) -> Kind:
        """The kind of credentials that it authenticated with."""
        return self.token.kind if self.token else Kind.PASSWORD


ANONYMOUS = Identity()


class Accounts:
    """All accounts that the registry knows, and digests of their secrets.

    Each `add_` method replaces an entry of the same name, and raises ValueError for invalid names and values. Safe to
    use from several threads; hold `lock` for several changes that belong together.
    """

    def __init__(self, *, clock: Clock = time.time) -> None:
        self.clock = clock
        self.users: dict[str, User] = {}
        self.organizations: dict[str, Organization] = {}
        self.repositories: dict[str, Repository] = {}
        self.packages: dict[str, PackageSettings] = {}
        self.tokens: dict[str, Token] = {}
        self._digests: dict[bytes, str] = {}
        self.lock = threading.RLock()

    def copy(self) -> Accounts:
        """Return accounts with the same content; changes of either do not affect the other."""
        copied = Accounts(clock=self.clock)
        copied.adopt(self)
        return copied

    def adopt(self, other: Accounts) -> None:
        """Replace the content by that of other accounts."""
        self.users, self.organizations = dict(other.users), dict(other.organizations)
        self.repositories, self.packages = dict(other.repositories), dict(other.packages)
        self.tokens = dict(other.tokens)
        self._digests = dict(other._digests)

    def add_user(self, login: str, *, password: str | None = None) -> None:
        """Add a personal account."""
        login = _login(login)
        with self.lock:
            if login in self.organizations:
                raise ValueError(f"a user must not have the login of an organization, got {login!r}")
            self.users[login] = User(login, _digest(password) if password else None)

    def add_organization(
        self, login: str, *, owners: Iterable[str] = (), members: Iterable[str] = (), base_role: str = "read"
    ) -> None:
        """Add an organization; its users must exist."""
        login = _login(login)
        with self.lock:
            if login in self.users:
                raise ValueError(f"an organization must not have the login of a user, got {login!r}")
            owning, belonging = (frozenset(self._known_user(user) for user in users) for users in (owners, members))
            self.organizations[login] = Organization(login, owning, belonging, Role.parse(base_role))

    def add_repository(self, name: str, *, visibility: str = "private", roles: Mapping[str, str] | None = None) -> None:
        """Add the repository `OWNER/NAME`; its owner and the users in `roles` must exist."""
        name = name.lower()
        if not _REPOSITORY.fullmatch(name):
            raise ValueError(f"the name of a repository must be OWNER/REPOSITORY, got {name!r}")
        owner = name.partition("/")[0]
        with self.lock:
            if not self.has_owner(owner):
                raise ValueError(f"there is no user or organization {owner}")
            granted = {self._known_user(user): Role.parse(role) for user, role in (roles or {}).items()}
            self.repositories[name] = Repository(name, Visibility.parse(visibility), granted)

    def add_package(
        self, name: str, *, visibility: str = "private", roles: Mapping[str, str] | None = None, repository: str = ""
    ) -> None:
        """Set visibility, roles and repository of the container package `NAMESPACE/NAME` before its first push.

        Other packages are private at first. `roles` are added to the role of the user who pushes it first,
        `repository` is linked to the package.
        """
        name = _checked(name)
        with self.lock:
            if repository and repository.lower() not in self.repositories:
                raise ValueError(f"there is no repository {repository}")
            granted = {self._known_user(user): Role.parse(role) for user, role in (roles or {}).items()}
            self.packages[name] = PackageSettings(Visibility.parse(visibility), granted, repository.lower())

    def add_classic_token(
        self, user: str, scopes: Iterable[str] = (), *, expires: float | None = None, secret: str | None = None
    ) -> str:
        """Add a personal access token (classic), `ghp_...`; return the secret, which is generated if none is given."""
        held = frozenset(_choice("scope", scope, SCOPES) for scope in scopes)
        return self._add_token(Kind.CLASSIC, self._known_user(user), secret, scopes=held, expires=expires)

    def add_fine_grained_token(self, user: str, *, expires: float | None = None, secret: str | None = None) -> str:
        """Add a fine-grained personal access token, `github_pat_...`; return the secret. GitHub Packages refuses it."""
        return self._add_token(Kind.FINE_GRAINED, self._known_user(user), secret, expires=expires)

    def add_actions_token(
        self, repository: str, *, packages: str = "write", expires: float | None = None, secret: str | None = None
    ) -> str:
        """Add a GITHUB_TOKEN, `ghs_...`, of `repository`, with `packages` as its permission; return the secret."""
        repository = repository.lower()
        if repository not in self.repositories:
            raise ValueError(f"there is no repository {repository}")
        permission = Role.parse(_choice("packages", packages, ("none", "read", "write")))
        return self._add_token(
            Kind.ACTIONS, ACTIONS_USER, secret, expires=expires, repository=repository, packages=permission
        )

    def token_id(self, secret: str) -> str:
        """Return the id of the token with this secret; the empty text if there is none."""
        return self._digests.get(_digest(secret), "")

    def revoke(self, secret: str) -> bool:
        """Revoke the token with this secret; return whether there was one."""
        return self.revoke_id(self.token_id(secret))

    def revoke_id(self, id: str) -> bool:
        """Revoke the token with this id; return whether there was one."""
        with self.lock:
            self._digests = {digest: known for digest, known in self._digests.items() if known != id}
            return self.tokens.pop(id, None) is not None

    def _add_token(
        self,
        kind: Kind,
        user: str,
        secret: str | None,
        *,
        scopes: frozenset[str] = frozenset(),
        expires: float | None = None,
        repository: str = "",
        packages: Role = Role.NONE,
    ) -> str:
        prefix = PREFIXES[kind]
        secret = secret if secret is not None else prefix + _random()
        if not (secret.startswith(prefix) and secret.isascii() and secret.isprintable()) or len(secret) > _SECRET_LIMIT:
            form = f"begin with {prefix}, be printable ASCII and have at most {_SECRET_LIMIT} characters"
            raise ValueError(f"the secret of a {kind} token must {form}")
        if expires is not None and not math.isfinite(expires):
            raise ValueError(f"the time at which a token expires must be finite, got {expires}")
        id = secrets.token_hex(8)
        with self.lock:
            self.revoke(secret)
            self.tokens[id] = Token(id, kind, user, scopes, expires, repository, packages)
            self._digests[_digest(secret)] = id
        return secret

    def authenticate(
        self, user: str, secret: str, *, kinds: Collection[str] = tuple(Kind), check_user: bool = True
    ) -> Identity | None:
        """Return the identity that credentials prove; None if they are invalid, revoked, expired or of another kind.

        `kinds` are the kinds accepted. With `check_user` a personal token needs the login of its user, as documented.
        """
        digest = _digest(secret)
        identity = self.identity(f"token:{self._digests.get(digest, '')}")
        login = user.lower()
        if identity and identity.token:
            named = not check_user or identity.kind == Kind.ACTIONS or login == identity.user
            return identity if named and identity.kind in kinds else None
        known = self.users.get(login)
        right = hmac.compare_digest(digest, known.password if known and known.password else b"")
        return Identity(login) if right and Kind.PASSWORD in kinds else None

    def identity(self, key: str) -> Identity | None:
        """Return the identity with this key; None if it is unknown, revoked or expired."""
        kind, _, value = key.partition(":")
        if kind == "token":
            token = self.tokens.get(value)
            expired = token and token.expires is not None and token.expires <= self.clock()
            return Identity(token.user, token) if token and not expired else None
        if kind == "user":
            return Identity(value) if value in self.users else None
        return None if key else ANONYMOUS

    def role(self, identity: Identity, repository: str) -> Role:
        """Return the role of an identity on a repository, whatever the scopes of its token are (GHD-08 to GHD-13)."""
        found = self.repositories.get(repository)
        seen = self.visible_role(identity, found.visibility) if found else Role.NONE
        return max(seen, self.granted_role(identity, repository))

    def visible_role(self, identity: Identity, visibility: Visibility) -> Role:
        """Return the role that an identity has by the visibility of a repository or package alone."""
        insider = identity.user in self.users  # not a GITHUB_TOKEN: it reaches only its own repository
        seen = visibility == Visibility.PUBLIC or (visibility == Visibility.INTERNAL and insider)
        return Role.READ if seen else Role.NONE

    def granted_role(self, identity: Identity, repository: str) -> Role:
        """Return the role granted to an identity on a repository, whatever the visibility is."""
        found, token = self.repositories.get(repository), identity.token
        if not found:
            return Role.NONE
        if token and token.kind == Kind.ACTIONS:
            own = Role.ADMIN if token.packages >= Role.WRITE else token.packages
            return own if token.repository == repository else Role.NONE
        return max(self.owner_role(identity.user, found.owner), found.roles.get(identity.user, Role.NONE))

    def owner_role(self, user: str, owner: str) -> Role:
        """Return the role of a user on all repositories and packages of an account."""
        organization = self.organizations.get(owner)
        if not organization:
            return Role.ADMIN if user == owner and user in self.users else Role.NONE
        if user in organization.owners:
            return Role.ADMIN
        return organization.base_role if user in organization.members else Role.NONE

    def has_owner(self, login: str) -> bool:
        """Return whether there is a user or organization of this name."""
        return login in self.users or login in self.organizations

    def may_create_packages(self, user: str, owner: str) -> bool:
        """Return whether a user may publish a new package in a namespace: their own, or that of their organization."""
        organization = self.organizations.get(owner)
        if organization:
            return user in organization.owners or user in organization.members
        return bool(user) and user == owner and user in self.users

    def _known_user(self, login: str) -> str:
        login = _login(login)
        if login not in self.users:
            raise ValueError(f"there is no user {login}")
        return login


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _random() -> str:
    alphabet = string.ascii_letters + string.digits
    return "".join(secrets.choice(alphabet) for _ in range(SECRET_CHARACTERS))


def _checked(name: str) -> Name:
    try:
        return Name.parse(name)
    except RegistryError as problem:
        raise ValueError(f"{name!r}: {problem.message}") from None


def _login(text: str) -> str:
    login = text.lower()
    if not _LOGIN.fullmatch(login) or login == ACTIONS_USER:
        form = f"up to 39 letters, digits and single hyphens, and not {ACTIONS_USER}"
        raise ValueError(f"a login must be {form}, got {text!r}")
    return login


def _choice(name: str, text: str, choices: Collection[str]) -> str:
    if text not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, got {text!r}")
    return text
