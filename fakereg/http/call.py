"""What a handler gets: the request as a `Call`, and the `Policy` of the registry that was asked.

The two know each other, so they share a module.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from werkzeug.wrappers import Request, Response

from fakereg.auth.caller import EVERYTHING, NOBODY, PULL, Caller, Rights, open_rights, token_rights
from fakereg.dialect.fields import Dialect
from fakereg.http.hosts import Site
from fakereg.http.instance import Instance
from fakereg.http.origin import origin
from fakereg.server.body import READ_BYTES
from fakereg.spec.errors import Code, RegistryError
from fakereg.spec.manifest import Manifest
from fakereg.spec.names import Digest, Name, Tag
from fakereg.storage.repositories import Repositories

Handler = Callable[..., Response]
"""A handler takes a Call and the parts of the path, and returns the answer or raises RegistryError."""

Found = tuple[Mapping[str, Handler], tuple[str, ...]]
"""The handlers of a path, by method, and what they get beside the Call."""


class Policy:
    """What a vendor's registry does beside the specification. This one, of a registry without a vendor, does nothing.

    The registry asks it at fixed points of a request. `fakereg.app` knows which policy a dialect has.
    """

    open = True
    """Whether everybody who authenticates may do everything."""

    def home(self, site: Site, name: Name) -> Site:
        """Return the registry that holds the content of a repository of `site`."""
        return site

    def rights(self, call: Call, name: Name) -> Rights:
        """Return the actions that the caller's account allows on a repository, whatever a Bearer token limits it to."""
        identity, dialect = call.caller.identity, call.dialect
        allowed = token_rights(identity, write_includes_read=dialect.write_includes_read)
        return allowed & open_rights(identity, anonymous_pull=dialect.anonymous_pull)

    def denial_text(self, call: Call, action: str, name: Name) -> str:
        """Return the message for a caller who may not do `action`."""
        return call.dialect.denial_text

    def check_name(self, call: Call, name: Name) -> None:
        """Raise RegistryError for a repository name that the vendor does not take."""

    def check_write(self, call: Call, name: Name) -> None:
        """Raise RegistryError if a repository takes no push or deletion now, before the body is read."""

    def publishing(
        self, call: Call, name: Name, manifest: Manifest, tags: Collection[Tag]
    ) -> AbstractContextManager[None]:
        """Return the context in which the storage stores a pushed manifest; entering it may raise RegistryError."""
        return nullcontext()

    def pulled(self, call: Call, name: Name, reference: Tag | Digest, digest: Digest) -> None:
        """Note a GET of a manifest."""

    def shows_blobs(self, call: Call, name: Name) -> bool:
        """Return whether the blobs that the storage has of a repository may be read."""
        return True

    def find(self, segments: Sequence[str]) -> Found | None:
        """Return the handlers of a path outside `/v2/`, given as its decoded segments; None for a path of others."""
        return None

    def find_control(self, segments: Sequence[str]) -> Found | None:
        """Return the handlers of a path below `/_fakereg/`, which check the control secret; None for one of others."""
        return None

    def refusal(self, path: str, problem: RegistryError) -> Response | None:
        """Return an error on one of the vendor's own paths in the vendor's form; None for a path of others."""
        return None

    def resetting(self) -> AbstractContextManager[None]:
        """Return the context in which all content is forgotten; entering it raises ValueError if that must wait."""
        return nullcontext()


DEFAULT_POLICY = Policy()


@dataclass(frozen=True, slots=True)
class Call:
    """One request and what it works on.

    `site` is the registry that was asked, `dialect` its settings during this request and `policy` its policy; `home` is
    the registry that holds the content. `notes` are texts for the journal, which handlers add to.
    """

    request: Request = field(repr=False)  # its URL may hold secrets
    site: Site
    dialect: Dialect
    home: Site
    instance: Instance
    policy: Policy = DEFAULT_POLICY
    caller: Caller = NOBODY
    notes: list[str] = field(default_factory=list)

    @property
    def storage(self) -> Repositories:
        """Where the content is."""
        return self.home.storage

    @property
    def conditional(self) -> bool:
        """Whether the request has a condition on the current state (RFC 9110, section 13)."""
        environ = self.request.environ
        return "HTTP_IF_MATCH" in environ or "HTTP_IF_NONE_MATCH" in environ

    def rights(self, name: Name) -> Rights:
        """What the caller may do with a repository."""
        if self.dialect.auth == "none":
            return EVERYTHING
        limit = self.caller.limit("repository", name)
        return limit if self.caller.external else limit & self.own_rights(name)

    def own_rights(self, name: Name) -> Rights:
        """Return the actions that the caller's account allows on a repository, whatever a Bearer token limits it to."""
        return self.policy.rights(self, name)

    def chunks(self) -> Iterator[bytes]:
        """The request body in pieces of at most READ_BYTES."""
        return iter(lambda: self.request.stream.read(READ_BYTES), b"")

    def body(self, most: int, what: str, *, code: Code = Code.SIZE_INVALID, status: int = 413) -> bytes:
        """The whole request body, which is `what`; raise as soon as it is known to have more than `most` bytes."""
        length, content = self.request.content_length or 0, bytearray()
        while length <= most and (data := self.request.stream.read(READ_BYTES)):
            content += data
            length = len(content)
        if length > most:
            raise RegistryError(code, f"{what} has at most {most} bytes here", status=status)
        return bytes(content)

    def location(self, path: str) -> str:
        """`path` as the dialect writes it into a Location header."""
        if not self.dialect.absolute_locations:
            return path
        return f"{origin(self.request)}{path}"

    def source(self, name: Name) -> tuple[Name, dict[str, str]]:
        """The repository that a pull reads, and the headers that say so (section "Registry Proxying").

        With `?ns=HOST` that is HOST/NAME, if there is such a repository.
        """
        host = self.request.args.get("ns") if self.dialect.namespaces and self.request.query_string else None
        if not host:
            return name, {}
        scoped = Name(f"{host}/{name}")
        there = self.storage.has_repository(scoped) and PULL in self.rights(scoped)
        return (scoped, {"OCI-Namespace": host}) if there else (name, {})


def path_segments(request: Request) -> list[str]:
    """The path between its slashes, each part decoded, so that a %2F does not divide.

    PEP 3333 knows the decoded path only. Most servers tell the one that was sent, too; without it %2F does divide.
    """
    sent = request.environ.get("REQUEST_URI") or request.environ.get("RAW_URI") or ""
    raw = sent.partition("?")[0].encode("latin-1", "replace")
    segments = [unquote_to_bytes(part).decode("utf-8", "replace") for part in raw.split(b"/")]
    return segments if "/".join(segments) == request.path else request.path.split("/")
