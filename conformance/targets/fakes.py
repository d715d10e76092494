"""The fake as a target, in this process or on a socket; with accounts if its dialect authenticates."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from conformance.catalogue.known_failures import KnownFailure
from conformance.client.identity import Identity
from conformance.client.transport import Transport, WsgiTransport
from conformance.config.description import PROFILES, Description, Hosts
from conformance.config.settings import Settings
from conformance.targets import storage
from conformance.targets.base import LOOPBACK, StartedTarget, Target, UnusableTarget
from conformance.urls import parsed

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

    from fakereg import Accounts, Registry
    from fakereg.dialect.fields import Dialect

HOSTNAME = "ghes.test"
SCALED_BLOB = 1 << 20
"""The limit of blobs of GitHub's dialects without --full-size, in bytes."""

OWNER, MEMBER = "conformance-owner", "conformance-member"
_READ, _WRITE, _DELETE = "read:packages", "write:packages", "delete:packages"
_SCOPES = {
    "none": (),
    "reader": (_READ,),
    "write": (_READ, _WRITE),
    "delete": (_READ, _DELETE),
    "all": (_READ, _WRITE, _DELETE, "repo"),
}
_REGISTRIES = {"docker": "github-docker", "container": "github-container"}
"""The preset and profile of each type of packages."""

_HOSTS = {"docker": "docker", "container": "containers"}
_Made = TypeVar("_Made")
Wrap = Callable[["Registry"], "WSGIApplication"]


class Fake(Target):
    """Our fake with a dialect. `wrap` may wrap it in a WSGI application, for example to break it."""

    def __init__(
        self,
        name: str,
        dialect: str,
        settings: Settings,
        *,
        wrap: Wrap | None = None,
        options: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(name, settings)
        self._dialect = dialect
        self._wrap = wrap
        self._options = options or {}
        self._made = _known_dialect(self._parse)
        self.description = self._describe("")

    def registry(self) -> Registry:
        """Make a new fake with the accounts of the description."""
        import fakereg
        from fakereg.storage.base import StorageError

        dialects: list[Dialect | str] = [self._made]
        options: dict[str, Any] = {"storage": self._storage()}
        if self._made.auth != "none":
            options["accounts"] = accounts(package_names=self._made.package_type == "container")
        if self._has_packages:
            options["hostname"] = HOSTNAME
            dialects += [name for type, name in _REGISTRIES.items() if type != self._made.package_type]
        try:
            made = fakereg.Registry(dialect=dialects, **(options | self._options))
        except (StorageError, ValueError) as error:
            raise UnusableTarget(f"the fake cannot be started: {error}") from None
        self._stack.callback(made.close)
        return made

    def _storage(self) -> str:
        """Return the text of the storage, in a temporary folder that is removed with the target."""
        text = storage.template(self.settings.storage or storage.MEMORY)
        if storage.FOLDER not in text:
            return text
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="conformance-store-"))
        return text.replace(storage.FOLDER, folder)

    def application(self, registry: Registry) -> WSGIApplication:
        """The WSGI application that is tested."""
        return self._wrap(registry) if self._wrap else registry

    def variant(self, **settings: Any) -> InProcessFake:
        """Make a fake in this process with other settings of the dialect, or options of `fakereg.Registry`."""
        from fakereg.options import Options

        options = {name: value for name, value in settings.items() if name in Options.__dataclass_fields__}
        changed = [f"{name}={_written(value)}" for name, value in settings.items() if name not in options]
        dialect = ",".join([self._dialect, *changed])
        return InProcessFake(self.name, dialect, self.settings, wrap=self._wrap, options=self._options | options)

    @property
    def _has_packages(self) -> bool:
        """Whether it is a registry of an instance with packages, their API and pages."""
        return self._made.package_type in _REGISTRIES

    def _parse(self) -> Dialect:
        from fakereg.dialect import fields as dialects

        scaled = f",blob_size_limit={SCALED_BLOB}"
        preset, _, rest = self._dialect.partition(",")
        is_scaled = preset in _REGISTRIES.values() and "blob_size_limit=" not in rest and not self.settings.full_size
        return dialects.parse(f"{preset}{scaled if is_scaled else ''}{',' if rest else ''}{rest}")

    def _describe(self, port: str) -> Description:
        dialect = self._made
        profile = PROFILES[_REGISTRIES.get(dialect.package_type, "oci")]
        known: tuple[KnownFailure, ...] = ()
        if dialect.auth == "bearer":
            profile += ("auth",)
            if dialect.token_refusal != 401:
                known = (KnownFailure("AUTH-18", "ghcr.io was observed to refuse credentials with 403"),)
        limits = {"blob": dialect.blob_size_limit, "manifest": dialect.manifest_size_limit, "rate": dialect.rate_limit}
        limits["image_notice"] = dialect.image_size_notice
        described = replace(
            self.settings.description,
            profile=profile,
            limits={name: size for name, size in limits.items() if size},
            known=known,
        )
        if dialect.auth != "none":
            found = identities()
            if dialect.rights == "open":  # then whoever authenticates may do everything
                found = {name: found[name] for name in ("writer", "wrong", "expired")}
            described = replace(described, identities=found, places=places(dialect.package_type))
        if self._has_packages:
            described = replace(described, hosts=hosts(port, isolation=self._options.get("subdomain_isolation", True)))
        return described

    def _address(self, url: str) -> str:
        """Return the public URL of the registry that listens at `url`.

        A registry that needs subdomain isolation and has none is not served; its clients would try the hostname then.
        """
        found, kind = self.description.hosts, _HOSTS.get(self._made.package_type)
        return (getattr(found, kind) or found.web) if kind else url


class InProcessFake(Fake):
    """Our fake as a WSGI callable, and a second one on a socket for scenarios that need one."""

    def start(self) -> None:
        self.running = self.registry()
        application = self.application(self.running)
        hostname = HOSTNAME if self._has_packages else ""
        base_url = self._address("http://registry.test")
        self._direct = WsgiTransport(application, base_url=base_url, hostname=hostname)
        self._wire: Transport | None = None

    def transport(self, *, wire: bool = False) -> Transport:
        if not wire:
            return self._direct
        if self._wire is None:
            fake = SocketFake(self.name, self._dialect, self.settings, wrap=self._wrap, options=self._options)
            self._wire = self._stack.enter_context(fake).transport()
        return self._wire

    def reset(self) -> bool:
        self.running.reset()
        return True

    def handover(self) -> None:
        return None

    def migrate(self) -> tuple[str, ...]:
        """Move all images of the Docker registry to the Container registry, or none; return the names in conflict."""
        from fakereg.github.migration import MigrationConflict

        try:
            self.running.github.migrate()
        except MigrationConflict as clash:
            return clash.names
        return ()


class SocketFake(Fake, StartedTarget):
    """Our fake on a socket."""

    def launch(self) -> str:
        from fakereg.server import Server

        server = self._stack.enter_context(Server(self.application(self.registry())))
        port = f":{parsed(server.url).port}"
        self.description = self._describe(port)
        found = self.description.hosts
        names = (found.docker, found.containers, found.web, *found.unserved)
        self.resolve = {parsed(url).netloc: LOOPBACK for url in names if url}
        return self._address(server.url)


def accounts(*, package_names: bool = False) -> Accounts:
    """Make the accounts that the scenarios need, with their repositories and roles.

    The repositories are OWNER/REPOSITORY; with `package_names` they have container packages.
    """
    import fakereg

    made = fakereg.Accounts()
    for user in (OWNER, MEMBER, "conformance-reader", "conformance-writer", "conformance-stranger"):
        made.add_user(user, password=f"{user}-password")
    made.add_organization("conformance-org", owners=[OWNER], members=[MEMBER])
    roles = {"conformance-reader": "read", "conformance-writer": "write"}
    for name, visibility in (("shared", "private"), ("elsewhere", "private"), ("public", "public"),
                             ("internal", "internal")):  # fmt: skip
        repository = f"conformance-org/{name}"
        made.add_repository(repository, visibility=visibility, roles=roles if name == "shared" else {})
        if package_names:
            linked = repository if name == "shared" else ""
            granted = roles if name == "shared" else {}
            made.add_package(f"{repository}/image", visibility=visibility, roles=granted, repository=linked)
    for name, scopes in _SCOPES.items():
        made.add_classic_token(OWNER, scopes, secret=_secret("ghp_", name))
    for user in ("conformance-reader", "conformance-writer", "conformance-stranger"):
        made.add_classic_token(user, _SCOPES["all"], secret=_secret("ghp_", user.removeprefix("conformance-") + "role"))
    made.add_classic_token(OWNER, _SCOPES["all"], secret=_secret("ghp_", "expired"), expires=1.0)
    made.add_fine_grained_token(OWNER, secret=_secret("github_pat_", "fine"))
    for permission in ("write", "read"):
        secret = _secret("ghs_", f"actions{permission}")
        made.add_actions_token("conformance-org/shared", packages=permission, secret=secret)
    return made


def identities() -> dict[str, Identity]:
    """Return the identities of `accounts`, by the names that scenarios use."""
    found = {name: Identity(name, OWNER, _secret("ghp_", name)) for name in _SCOPES}
    found["writer"] = replace(found["all"], name="writer")
    found["stranger"] = Identity("stranger", "conformance-stranger", _secret("ghp_", "strangerrole"))
    found["role-read"] = Identity("role-read", "conformance-reader", _secret("ghp_", "readerrole"))
    found["role-write"] = Identity("role-write", "conformance-writer", _secret("ghp_", "writerrole"))
    found["expired"] = Identity("expired", OWNER, _secret("ghp_", "expired"))
    found["fine-grained"] = Identity("fine-grained", OWNER, _secret("github_pat_", "fine"))
    found["password"] = Identity("password", OWNER, f"{OWNER}-password")
    found["wrong"] = Identity("wrong", OWNER, _secret("ghp_", "neverissued"))
    found["actions"] = Identity("actions", "github-actions", _secret("ghs_", "actionswrite"))
    found["actions-read"] = Identity("actions-read", "github-actions", _secret("ghs_", "actionsread"))
    return found


def places(package_type: str) -> dict[str, str]:
    """Return the places of `accounts` as patterns of repository names."""
    if package_type == "container":
        fixed = {name: f"conformance-org/{name}/image" for name in ("shared", "elsewhere", "public", "internal")}
        return {"default": "conformance-org/{}", **fixed}
    found = {name: f"conformance-org/{name}/{{}}" for name in ("shared", "elsewhere", "public", "internal")}
    return {"default": found["shared"], **found}


def hosts(port: str, *, isolation: bool) -> Hosts:
    """Return the hosts of the fake; `port` is empty or begins with a colon."""
    docker, containers, web = (f"http://{prefix}{HOSTNAME}{port}" for prefix in ("docker.", "containers.", ""))
    unknown = f"http://other.{HOSTNAME}{port}"
    if isolation:
        return Hosts(docker=docker, containers=containers, web=web, unserved=(web, unknown))
    return Hosts(docker=web, web=web, unserved=(docker, containers, unknown))


def _secret(prefix: str, name: str) -> str:
    """Return a secret for a test account, the same in each process of a run."""
    return prefix + f"conformance{name}".replace("-", "").ljust(36, "0")


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _known_dialect(make: Callable[[], _Made]) -> _Made:
    try:
        return make()
    except ValueError as error:
        raise UnusableTarget(f"the dialect of the fake cannot be used: {error}") from None
