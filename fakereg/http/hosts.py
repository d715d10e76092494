"""Several registries behind one socket, chosen by the Host header: subdomain isolation (GHD-14, GHD-15, GHC-01).

Without a hostname there is one registry, and it answers at every name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from werkzeug.wrappers import Request

from fakereg import values
from fakereg.auth.tokens import Tokens
from fakereg.clock import Clock
from fakereg.dialect.fields import Dialect
from fakereg.http.origin import HOST, asked_host
from fakereg.spec.errors import Code, RegistryError
from fakereg.storage.base import Storage
from fakereg.storage.repositories import Repositories

_HOSTNAME = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*")


@dataclass(slots=True)
class Site:
    """One registry: its dialect, which may be replaced at run time, its storage and the issuer of its tokens."""

    dialect: Dialect
    storage: Repositories
    tokens: Tokens


@dataclass(frozen=True, slots=True)
class Face:
    """Which parts of a site one host serves: its registry, its token endpoint, the API and pages of packages."""

    site: Site
    registry: bool = False
    tokens: bool = False
    web: bool = False


class Sites:
    """Find the registry of a host; each registry has a storage of its own.

    With `isolation` a registry is at `SUBDOMAIN.HOSTNAME`, else at `hostname`, which has API and pages in any case.
    With `tokens_only` there is only the token endpoint of one registry, at every name.
    `open` opens a storage in a namespace: the dialect's name for one of several registries, else the empty text.
    Raise ValueError for host names that are malformed, and for two registries at the same one.
    """

    def __init__(
        self,
        registries: Sequence[tuple[Dialect, Tokens]],
        storage: Repositories | Storage | str,
        *,
        open: Callable[[Repositories | Storage | str, str], Repositories],
        hostname: str = "",
        isolation: bool = True,
        unknown_host_status: int = 421,
        tokens_only: bool = False,
    ) -> None:
        self.hostname = hostname.lower().rstrip(".")
        self.isolation = isolation
        self._unknown_host_status = unknown_host_status
        if hostname and not _HOSTNAME.fullmatch(self.hostname):
            raise ValueError(f"hostname must be the name of a host, without a port, got {hostname!r}")
        if tokens_only and hostname:
            raise ValueError("with tokens_only, give no hostname: a token server answers at every name")
        names = [dialect.name for dialect, _ in registries]
        if not names or len(names) > len(set(names)):
            raise ValueError("give at least one dialect, and no dialect twice")
        several = len(registries) > 1
        if several and not (hostname and isinstance(storage, str)):
            raise ValueError("several dialects need a hostname, to tell them apart, and a storage given as text")
        hosts = [self._host_of(dialect) for dialect, _ in registries]
        if twice := {host for host in hosts if host and hosts.count(host) > 1}:
            raise ValueError(f"two registries would be at {min(twice)}: give one of them another subdomain")
        self.all: tuple[Site, ...] = ()
        try:
            for dialect, tokens in registries:
                self.all += (Site(dialect, open(storage, dialect.name if several else ""), tokens),)
        except BaseException:
            self.close()
            raise
        self.anywhere = Face(self.all[0])
        """The face of every host for the control API."""
        everything = Face(self.all[0], registry=not tokens_only, tokens=True, web=not tokens_only)
        self.everything = None if self.hostname else everything
        self._faces = {self.hostname: Face(self.all[0], web=True)}
        for site, host in zip(self.all, hosts, strict=True):
            if host:
                self._faces[host] = Face(site, registry=True, tokens=True, web=host == self.hostname)

    @property
    def names(self) -> tuple[str, ...]:
        """Return the host names that are served; none if the registry is at every name."""
        return tuple(self._faces) if self.hostname else ()

    def addresses(self, server: str) -> list[tuple[Site, str]]:
        """Return each registry that is served and its host, with the port of `server`, which is HOST:PORT."""
        if not self.hostname:
            return [(self.all[0], server)]
        port = server[server.rindex(":") :]
        return [(face.site, name + port) for name, face in self._faces.items() if face.registry]

    def close(self) -> None:
        """Close the storages."""
        for site in self.all:
            site.storage.close()

    def named(self, name: str) -> Site:
        """Return the registry whose dialect has this name; raise ValueError."""
        found = next((site for site in self.all if _name(site) == name), None)
        if not found:
            raise ValueError(
                f"registry must be {values.listed([_name(site) for site in self.all])}, got {values.shown(name)}"
            )
        return found

    def find(self, request: Request) -> Face:
        """Return the face of the host of a request; raise 421 (or 404) for an unknown host."""
        if self.everything:
            return self.everything
        face = self._face(asked_host(request))
        if not face:
            known = ", ".join(self._faces)
            message = f"there is no registry at this host, only at {known}"
            raise RegistryError(Code.UNSUPPORTED, message, status=self._unknown_host_status)
        return face

    def host(self, site: Site | None, request: Request) -> str:
        """Return the host of a registry, or for None that of the API and pages, with the port of the request.

        Return "" for a registry that is not served.
        """
        asked = asked_host(request)
        if not self.hostname:
            return asked
        match = HOST.fullmatch(asked)
        port = (match["port"] if match else "") or ""
        if site is None:
            return self.hostname + port
        names = (name for name, face in self._faces.items() if face.registry and face.site is site)
        return next((name + port for name in names), "")

    def of_service(self, service: str) -> Site | None:
        """Return the registry that accepts tokens for a service, if there is one."""
        face = self._face(service)
        at_host = face.site if face and face.registry else None
        return next((site for site in self.all if service and site.dialect.service == service), at_host)

    def _face(self, host: str) -> Face | None:
        match = HOST.fullmatch(host)
        return self._faces.get(match["name"].lower().rstrip(".")) if match else None

    def _host_of(self, dialect: Dialect) -> str:
        if self.isolation and dialect.subdomain:
            host = f"{dialect.subdomain}.{self.hostname}"
            if self.hostname and not _HOSTNAME.fullmatch(host):
                raise ValueError(f"subdomain must be part of a host name, in lower case, got {dialect.subdomain!r}")
            return host
        return "" if dialect.needs_isolation and not self.isolation else self.hostname


def new_tokens(dialect: Dialect, *, clock: Clock, key: str | None, cert: str | None) -> Tokens:
    """Return the issuer of the tokens of a registry; keys are made only for a format that needs them."""
    format = dialect.token_format if dialect.auth == "bearer" else "opaque"
    keys = {"key": key, "cert": cert} if format != "opaque" else {}
    return Tokens(clock=clock, lifetime=dialect.token_lifetime, format=format, issuer=dialect.token_issuer, **keys)


def _name(site: Site) -> str:
    return site.dialect.name
