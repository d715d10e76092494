"""The fake as a target, in this process or on a socket; with accounts if its dialect authenticates."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from conformance.catalogue.known_failures import KnownFailure
from conformance.client.transport import Transport, WsgiTransport
from conformance.config.description import PROFILES, Description, Hosts
from conformance.config.settings import Settings
from conformance.fakes import accounts, identities, places
from conformance.targets import storage
from conformance.targets.base import LOOPBACK, StartedTarget, Target, UnusableTarget
from conformance.urls import parsed

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

    from fakereg import Registry
    from fakereg.dialect.fields import Dialect

HOSTNAME = "ghes.test"
SCALED_BLOB = 1 << 20
"""The limit of blobs of GitHub's dialects without --full-size, in bytes."""

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


def hosts(port: str, *, isolation: bool) -> Hosts:
    """Return the hosts of the fake; `port` is empty or begins with a colon."""
    docker, containers, web = (f"http://{prefix}{HOSTNAME}{port}" for prefix in ("docker.", "containers.", ""))
    unknown = f"http://other.{HOSTNAME}{port}"
    if isolation:
        return Hosts(docker=docker, containers=containers, web=web, unserved=(web, unknown))
    return Hosts(docker=web, web=web, unserved=(docker, containers, unknown))


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _known_dialect(make: Callable[[], _Made]) -> _Made:
    try:
        return make()
    except ValueError as error:
        raise UnusableTarget(f"the dialect of the fake cannot be used: {error}") from None
