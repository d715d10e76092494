"""Several registries behind one socket, chosen by the Host header: subdomain isolation (GHD-14, GHD-15, GHC-01).

Without a hostname there is one registry, and it answers at every name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from werkzeug.wrappers import Request

from fakereg.clock import Clock
from fakereg.dialects import Dialect
from fakereg.errors import Code, RegistryError
from fakereg.storage.base import Storage
from fakereg.storage.repositories import Repositories
from fakereg.tokens import Tokens

_HOST = re.compile(r"(?P<name>[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?P<port>:[0-9]{1,5})?")
_HOSTNAME = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*")


@dataclass(slots=True)
class Site:
    """One registry: how it behaves, where its content is and what issues its tokens.

    The dialect may be replaced while it runs.
    """

    dialect: Dialect
    storage: Repositories
    tokens: Tokens


@dataclass(frozen=True, slots=True)
class Face:
    """What one host serves of a site: its registry, its token endpoint, the API and pages of packages."""

    site: Site
    registry: bool = False
    tokens: bool = False
    web: bool = False


class Sites:
    """Which registry is at which host; each has a storage of its own.

    With `isolation` a registry is at `SUBDOMAIN.HOSTNAME`, else at `hostname`, which has API and pages in any case.
    With `tokens_only` there is nothing but the token endpoint of one registry, at every name.
    `open` opens a storage in a namespace: the dialect's name for one of several registries, else the empty text.
    Raise ValueError for hosts that cannot be, and for two registries at the same one.
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
            raise ValueError(f"hostname {hostname!r} is not a host name; it has no port either")
        if unknown_host_status not in (404, 421):
            raise ValueError("unknown_host_status is 404 or 421")
        if tokens_only and hostname:
            raise ValueError("a server of nothing but tokens is at every name; it has no hostname")
        names = [dialect.name for dialect, _ in registries]
        if not names or len(names) > len(set(names)):
            raise ValueError("there is at least one registry, and one of each dialect at most")
        several = len(registries) > 1
        if several and not (hostname and isinstance(storage, str)):
            raise ValueError("several registries need a hostname that tells them apart, and a storage given as text")
        hosts = [self._host_of(dialect) for dialect, _ in registries]
        if twice := {host for host in hosts if host and hosts.count(host) > 1}:
            raise ValueError(f"two registries would be at {min(twice)}")
        self.all: tuple[Site, ...] = ()
        try:
            for dialect, tokens in registries:
                self.all += (Site(dialect, open(storage, dialect.name if several else ""), tokens),)
        except BaseException:
            self.close()
            raise
        self.anywhere = Face(self.all[0])
        self._everything = Face(self.all[0], registry=not tokens_only, tokens=True, web=not tokens_only)
        self._faces = {self.hostname: Face(self.all[0], web=True)}
        for site, host in zip(self.all, hosts, strict=True):
            if host:
                self._faces[host] = Face(site, registry=True, tokens=True, web=host == self.hostname)

    @property
    def names(self) -> tuple[str, ...]:
        """The host names that something is served at; none if every name will do."""
        return tuple(self._faces) if self.hostname else ()

    def addresses(self, server: str) -> list[tuple[Site, str]]:
        """Each registry that is served, and where: the host with the port of `server`, which is HOST:PORT."""
        if not self.hostname:
            return [(self.all[0], server)]
        port = server[server.rindex(":") :]
        return [(face.site, name + port) for name, face in self._faces.items() if face.registry]

    def close(self) -> None:
        """Let go of the storages."""
        for site in self.all:
            site.storage.close()

    def named(self, name: str) -> Site:
        """The registry whose dialect has this name; raise ValueError."""
        found = next((site for site in self.all if _name(site) == name), None)
        if not found:
            raise ValueError(f"there is no registry {name!r}; there is {', '.join(map(_name, self.all))}")
        return found

    def find(self, request: Request) -> Face:
        """What the host that was asked serves; raise 421 (or 404) for one that is not ours."""
        if not self.hostname:
            return self._everything
        face = self._face(asked_host(request))
        if not face:
            known = ", ".join(self._faces)
            message = f"there is no registry at this host; there is {known}"
            raise RegistryError(Code.UNSUPPORTED, message, status=self._unknown_host_status)
        return face

    def host(self, site: Site | None, request: Request) -> str:
        """Where clients find a registry, or the API and pages for None, with the port that the request came to.

        The empty text stands for a registry that is nowhere.
        """
        asked = asked_host(request)
        if not self.hostname:
            return asked
        match = _HOST.fullmatch(asked)
        port = (match["port"] if match else "") or ""
        if site is None:
            return self.hostname + port
        names = (name for name, face in self._faces.items() if face.registry and face.site is site)
        return next((name + port for name in names), "")

    def of_service(self, service: str) -> Site | None:
        """The registry that takes tokens for a service, if it is one of these."""
        face = self._face(service)
        at_host = face.site if face and face.registry else None
        return next((site for site in self.all if service and site.dialect.service == service), at_host)

    def of_type(self, package_type: str) -> Site | None:
        """The registry whose images are packages of that type."""
        return next((site for site in self.all if site.dialect.package_type == package_type), None)

    def _face(self, host: str) -> Face | None:
        match = _HOST.fullmatch(host)
        return self._faces.get(match["name"].lower().rstrip(".")) if match else None

    def _host_of(self, dialect: Dialect) -> str:
        if self.isolation and dialect.subdomain:
            host = f"{dialect.subdomain}.{self.hostname}"
            if self.hostname and not _HOSTNAME.fullmatch(host):
                raise ValueError(f"subdomain {dialect.subdomain!r} is not a part of a host name in lower case")
            return host
        return "" if dialect.needs_isolation and not self.isolation else self.hostname


def new_tokens(dialect: Dialect, *, clock: Clock, key: str | None, cert: str | None) -> Tokens:
    """What issues the tokens of a registry; keys are made only for those who need them."""
    format = dialect.token_format if dialect.auth == "bearer" else "opaque"
    keys = {"key": key, "cert": cert} if format != "opaque" else {}
    return Tokens(clock=clock, lifetime=dialect.token_lifetime, format=format, issuer=dialect.token_issuer, **keys)


def _name(site: Site) -> str:
    return site.dialect.name


def asked_host(request: Request) -> str:
    """The host that was asked, with its port; the address of the socket if the client does not say it properly."""
    asked = request.environ.get("HTTP_HOST", "")
    if _HOST.fullmatch(asked):
        return str(asked)
    socket = request.environ.get("werkzeug.proxy_fix.orig", request.environ)  # the proxy's word has no better form
    name, port = socket["SERVER_NAME"], socket["SERVER_PORT"]
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"


def scheme(request: Request) -> str:
    """The scheme that was asked with; a proxy may say anything."""
    return "https" if request.scheme == "https" else "http"


def origin(request: Request) -> str:
    """Scheme and host that were asked, as URLs of ours begin."""
    return f"{scheme(request)}://{asked_host(request)}"
