"""GitHub's registries beyond the specification: rights, publication, links, downloads, deleted and moved packages."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from urllib.parse import urlsplit

from werkzeug.wrappers import Response

from fakereg.auth.accounts import Identity, Kind, Role
from fakereg.auth.caller import DELETE, PULL, PUSH, Rights
from fakereg.dialect.fields import Dialect
from fakereg.github import image, names, restore, rights, routes
from fakereg.github.model import NO_PACKAGES, TYPES, Package
from fakereg.github.packages import inherited, type_of
from fakereg.github.state import GitHub
from fakereg.http import authorization
from fakereg.http.call import Call, Found, Policy
from fakereg.http.hosts import Site
from fakereg.http.origin import asked_host
from fakereg.spec.errors import RegistryError
from fakereg.spec.manifest import Manifest
from fakereg.spec.names import Digest, Name, Tag
from fakereg.storage.index import Index
from fakereg.storage.repositories import Notes

_REPOSITORY_PATH = re.compile(r"/([^/]+/[^/]+?)(?:\.git)?/?")
_PERMISSION = {PULL: "read", PUSH: "write", DELETE: "delete"}


class GitHubPolicy(Policy):
    """The policy of a registry whose images are GitHub's packages, or whose repositories have GitHub's roles."""

    def __init__(self, github: GitHub, *, open: bool) -> None:
        self.github = github
        self.open = open

    def home(self, site: Site, name: Name) -> Site:
        """Return the Container registry for a repository that was migrated to it (GHD-31)."""
        return self.github.home(site, name)

    def rights(self, call: Call, name: Name) -> Rights:
        """Return the actions that both the scopes of the caller's token and the caller's role allow.

        A package that was migrated to another registry has the rights of that registry.
        """
        accounts, package = self.github.accounts, self._package(call, name)
        dialect = call.home.dialect if package and call.home is not call.site else call.dialect
        return rights.rights(call.caller.identity, name, dialect=dialect, accounts=accounts, package=package)

    def denial_text(self, call: Call, action: str, name: Name) -> str:
        """Return the dialect's message; a GITHUB_TOKEN without `packages: write` gets another one (GP-3.30).

        It reveals whether the package exists only to a workflow of the linked repository and to callers who may pull.
        """
        dialect, token, package = call.dialect, call.caller.identity.token, self._package(call, name)
        unable = token and token.kind == Kind.ACTIONS and token.packages < Role.WRITE
        text = dialect.actions_denial_text if action == PUSH and unable else ""
        connected = token and package and token.repository == package.repository
        verb = "Write" if package and (connected or PULL in call.own_rights(name)) else "Create"
        return (text or dialect.denial_text).replace("{permission}", _PERMISSION[action]).replace("{verb}", verb)

    def check_name(self, call: Call, name: Name) -> None:
        """Raise the registry's refusal of a name without the parts that it requires."""
        names.check(name, call.dialect)

    def check_write(self, call: Call, name: Name) -> None:
        """Raise 503 while the packages of the owner are being migrated."""
        self.github.check_settled(call.home, name)

    def publishing(
        self, call: Call, name: Name, manifest: Manifest, tags: Collection[Tag]
    ) -> AbstractContextManager[Notes | None]:
        """Change the package in one step with the content; see `_publishing`."""
        if type_of(call.home) is NO_PACKAGES:
            return nullcontext()
        return self._publishing(call, name, manifest, tags)

    @contextmanager
    def deleting(self, call: Call, name: Name) -> Iterator[None]:
        """Let the rest of a package go with its last version; raise 503 as for a push."""
        with self.github.settled(call.home, name):
            yield
        restore.drop_vanished(call.home, name)

    def pulled(self, call: Call, name: Name, reference: Tag | Digest, digest: Digest) -> None:
        """Count a download."""
        type = type_of(call.home)
        if type is not NO_PACKAGES:
            self.github.packages.downloaded(call.home, name, type.pulled(reference, digest))

    def find(self, segments: Sequence[str]) -> Found | None:
        """Return the handlers of a path of the packages API or the pages."""
        return routes.find(self.github, segments)

    def find_control(self, segments: Sequence[str]) -> Found | None:
        """Return the handlers of the control API of packages and the migration."""
        return routes.find_control(self.github, segments)

    def refusal(self, path: str, problem: RegistryError) -> Response | None:
        """Return an error in the form of GitHub's API or a page."""
        return routes.refusal(path, problem)

    @contextmanager
    def resetting(self) -> Iterator[None]:
        """Forget the packages with the content; raise ValueError while a migration runs."""
        with self.github.resetting():
            yield

    def _package(self, call: Call, name: Name) -> Package | None:
        return self.github.packages.find(call.home, name)

    @contextmanager
    def _publishing(self, call: Call, name: Name, manifest: Manifest, tags: Collection[Tag]) -> Iterator[Notes]:
        """Yield the notes to change with the push of the manifest, after which the package has the new version.

        Raise 503 if the repository is moving to another registry, or has moved since the request began. The notes
        raise the denial if the caller may not push any more, because another caller has published a package of that
        name meanwhile.
        """
        type = type_of(call.home)
        source = _source(self.github, call, name, manifest) if type.linked else ""

        def describe(package: Package, anew: bool) -> Package:
            return _described(self.github, call, package, source, anew=anew)

        def notes(index: Index) -> Mapping[str, str | None]:
            authorization.authorize(call, PUSH, name)
            pushed = type.pushed(manifest.digest, tags)
            return self.github.packages.published(call.home, name, index, pushed, describe)

        with self.github.settled(call.home, name):
            yield notes


class Policies:
    """The policies of all dialects that have a feature of GitHub's registries."""

    def __init__(self, github: GitHub) -> None:
        self._strict = GitHubPolicy(github, open=False)
        self._open = GitHubPolicy(github, open=True)

    def of(self, dialect: Dialect) -> GitHubPolicy | None:
        """Return the policy of a dialect, None for one without features of GitHub's."""
        if dialect.rights != rights.OPEN:
            return self._strict
        ours = TYPES[dialect.package_type] is not NO_PACKAGES or dialect.name_form in names.FORMS
        return self._open if ours else None


def _described(github: GitHub, call: Call, package: Package, source: str, *, anew: bool) -> Package:
    """Make the first publisher an administrator of the package; a link stays until it is changed by hand."""
    identity, by_docker = call.caller.identity, type_of(call.site).migrates
    if anew and identity.user in github.accounts.users:
        package = replace(package, roles={**package.roles, identity.user: Role.ADMIN})
    if anew and by_docker and package.kind.linked:  # a push to docker.HOSTNAME after a migration
        package = inherited(package, github.accounts)
    return replace(package, repository=package.repository or source, from_docker=package.from_docker or by_docker)


def _source(github: GitHub, call: Call, name: Name, manifest: Manifest) -> str:
    """Return the repository to link: a GITHUB_TOKEN's own, or that of the label `source`, if the caller may write."""
    identity, owner = call.caller.identity, name.partition("/")[0]
    if identity.token and identity.token.kind == Kind.ACTIONS:
        named = identity.token.repository
    else:
        named = _named(github, call, image.labels(call.storage, name, manifest).source)
    return named if named.partition("/")[0] == owner and _may_write(github, identity, named) else ""


def _may_write(github: GitHub, identity: Identity, repository: str) -> bool:
    return github.accounts.role(identity, repository) >= Role.WRITE


def _named(github: GitHub, call: Call, url: str) -> str:
    """Return OWNER/REPOSITORY of a URL of this instance, with any port; the empty text for other URLs."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        ours = github.sites.hostname or urlsplit(f"//{asked_host(call.request)}").hostname
    except ValueError:
        return ""
    match = _REPOSITORY_PATH.fullmatch(parts.path.lower())
    return match[1] if match and parts.scheme in ("http", "https") and host == ours else ""
