"""What pushes and pulls mean for packages: first publication, link to a repository, downloads, deleted ones."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from fakereg.auth.accounts import Identity, Kind, Role
from fakereg.auth.caller import PUSH
from fakereg.github import image
from fakereg.github.model import CONTAINER, DOCKER, Package
from fakereg.github.packages import inherit
from fakereg.http import authorization
from fakereg.http.call import Call
from fakereg.http.origin import asked_host
from fakereg.spec.errors import Code, RegistryError
from fakereg.spec.manifest import Manifest
from fakereg.spec.names import Digest, Name, Tag

_REPOSITORY_PATH = re.compile(r"/([^/]+/[^/]+?)(?:\.git)?/?")


@contextmanager
def published(call: Call, name: Name, manifest: Manifest, tags: Collection[Tag]) -> Iterator[None]:
    """Around the step that stores a manifest: what is known of the package changes with it.

    Raise 503 if the repository is moving to another registry, or has moved since the request began; and the denial of
    a caller who may not push any more, since somebody else made a package of that name while the body came.
    """
    type = call.home.dialect.package_type
    if type == "none":
        yield
        return
    packages, source = call.instance.packages, _source(call, name, manifest) if type == CONTAINER else ""
    with packages.lock:
        packages.check_settled(name)
        if call.instance.home(call.site, name) is not call.home:
            raise RegistryError(Code.DENIED, "the image has moved", status=503, headers={"Retry-After": "1"})
        authorization.authorize(call, PUSH, name)
        anew = packages.find(call.home, name) is None
        yield
        versions = tags if type == DOCKER else [manifest.digest]
        package = packages.published(call.home, name, versions, anew=anew)
        _describe(call, package, source, anew=anew)


def downloaded(call: Call, name: Name, reference: Tag | Digest, digest: Digest) -> None:
    """Count a GET of a manifest; HEAD downloads nothing."""
    if call.request.method == "GET":
        by_tag = call.home.dialect.package_type == DOCKER
        call.instance.packages.downloaded(call.home, name, reference if by_tag else digest)


def withdrawn(call: Call, name: Name) -> bool:
    """Whether the blobs of a repository are not to be read, since the package was deleted."""
    return call.instance.packages.deleted.emptied(call.home.dialect.package_type, name)


def _describe(call: Call, package: Package, source: str, *, anew: bool) -> None:
    """Who publishes first administers the package; what it is linked to stays until somebody changes it."""
    identity, by_docker = call.caller.identity, call.dialect.package_type == DOCKER
    if anew and identity.user in call.instance.accounts.users:
        package.roles[identity.user] = Role.ADMIN
    if anew and by_docker and package.type == CONTAINER:  # to docker.HOSTNAME, after a migration
        inherit(package, call.instance.accounts)
    package.repository = package.repository or source
    package.from_docker = package.from_docker or by_docker


def _source(call: Call, name: Name, manifest: Manifest) -> str:
    """The repository to link: a GITHUB_TOKEN's own, or that of the label `source` if the caller may write there."""
    identity, owner = call.caller.identity, name.partition("/")[0]
    if identity.token and identity.token.kind == Kind.ACTIONS:
        named = identity.token.repository
    else:
        named = _named(call, image.labels(call.storage, name, manifest).source)
    return named if named.partition("/")[0] == owner and _may_write(call, identity, named) else ""


def _may_write(call: Call, identity: Identity, repository: str) -> bool:
    return call.instance.accounts.role(identity, repository) >= Role.WRITE


def _named(call: Call, url: str) -> str:
    """OWNER/REPOSITORY of a URL of this instance, else nothing. The port does not matter."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        ours = call.instance.sites.hostname or urlsplit(f"//{asked_host(call.request)}").hostname
    except ValueError:
        return ""
    match = _REPOSITORY_PATH.fullmatch(parts.path.lower())
    return match[1] if match and parts.scheme in ("http", "https") and host == ours else ""
