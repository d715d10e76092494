"""The arguments of handlers: the request as a `Call`, with the `Policy` of the registry.

The two refer to each other, so they share a module.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from werkzeug.exceptions import RequestEntityTooLarge
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
from fakereg.storage.repositories import Notes, Repositories

Handler = Callable[..., Response]
"""A handler takes a Call and the arguments from the path; it returns the answer or raises RegistryError."""

Found = tuple[Mapping[str, Handler], tuple[str, ...]]
"""The handlers of a path, by method, and their arguments beside the Call."""


class Policy:
    """The behaviour of a vendor's registry beyond the specification. This one, for no vendor, adds nothing.

    The registry calls its methods at fixed points of a request. `fakereg.app` chooses the policy of a dialect.
    """

    open = True
    """Whether every authenticated caller may do everything."""

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
        """Raise RegistryError for a repository name that the vendor refuses."""

    def check_write(self, call: Call, name: Name) -> None:
        """Raise RegistryError if a repository refuses pushes and deletions now, before the body is read."""

    def publishing(
        self, call: Call, name: Name, manifest: Manifest, tags: Collection[Tag]
    ) -> AbstractContextManager[Notes | None]:
        """Return the context in which a pushed manifest is stored, which yields the notes to change in the same step.

        Entering it may raise RegistryError; so may the notes, and the end, after which the client has to try again.
        """
        return nullcontext()

    def deleting(self, call: Call, name: Name) -> AbstractContextManager[None]:
        """Return the context in which tags, manifests or blobs are deleted; entering or leaving it may raise."""
        return nullcontext()

    def pulled(self, call: Call, name: Name, reference: Tag | Digest, digest: Digest) -> None:
        """Note a GET of a manifest."""

    def find(self, segments: Sequence[str]) -> Found | None:
        """Return the handlers of a path outside `/v2/`, given as decoded segments; None for any other path."""
        return None

    def find_control(self, segments: Sequence[str]) -> Found | None:
        """Return the handlers of a path below `/_fakereg/`, which check the control secret; None for any other."""
        return None

    def refusal(self, path: str, problem: RegistryError) -> Response | None:
        """Return an error on one of the vendor's own paths in the vendor's form; None for any other path."""
        return None

    def resetting(self) -> AbstractContextManager[None]:
        """Return the context in which all content is removed; entering it raises ValueError if that must wait."""
        return nullcontext()


DEFAULT_POLICY = Policy()

_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_FORM_BYTES = 10 << 20
"""Most bytes of a form in a body; Go's net/http reads as many."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request, its caller, and the registry that it is for.

    `site` is the registry at the host of the request, `dialect` its settings during this request and `policy` its
    policy; `home` is the registry that holds the content. Handlers append texts for the journal to `notes`.
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
        """The repositories that hold the content."""
        return self.home.storage

    @property
    def conditional(self) -> bool:
        """Whether the request has a condition on the current state (RFC 9110, section 13)."""
        environ = self.request.environ
        return "HTTP_IF_MATCH" in environ or "HTTP_IF_NONE_MATCH" in environ

    def parameter(self, name: str) -> str | None:
        """Return the first value of a parameter of the query, or of a form in the body if the dialect reads forms.

        A form that has been read is no content any more. Raise SIZE_INVALID if it is too large.
        """
        request, value = self.request, self.request.args.get(name)
        form = request.mimetype in _FORMS and request.method in ("POST", "PUT", "PATCH")
        if not (self.dialect.form_bodies and form):
            return value
        request.max_content_length = _FORM_BYTES
        try:
            return request.form.get(name, value)
        except RequestEntityTooLarge:
            raise RegistryError(
                Code.SIZE_INVALID, f"a form must have at most {_FORM_BYTES} bytes", status=413
            ) from None

    def rights(self, name: Name) -> Rights:
        """Return the actions that the caller may do with a repository."""
        if self.dialect.auth == "none":
            return EVERYTHING
        limit = self.caller.limit("repository", name)
        return limit if self.caller.external else limit & self.own_rights(name)

    def own_rights(self, name: Name) -> Rights:
        """Return the actions that the caller's account allows on a repository, whatever a Bearer token limits it to."""
        return self.policy.rights(self, name)

    def chunks(self) -> Iterator[bytes]:
        """Yield the request body in pieces of at most READ_BYTES."""
        return iter(lambda: self.request.stream.read(READ_BYTES), b"")

    def body(self, most: int, kind: str, *, code: Code = Code.SIZE_INVALID, status: int = 413) -> bytes:
        """Return the whole request body, which is `kind`; raise as soon as it is known to exceed `most` bytes."""
        length, content = self.request.content_length or 0, bytearray()
        while length <= most and (data := self.request.stream.read(READ_BYTES)):
            content += data
            length = len(content)
        if length > most:
            raise RegistryError(code, f"{kind} must have at most {most} bytes", status=status)
        return bytes(content)

    def location(self, path: str) -> str:
        """Return `path` in the form of the dialect's Location headers, which may be absolute."""
        if not self.dialect.absolute_locations:
            return path
        return f"{origin(self.request)}{path}"

    def source(self, name: Name) -> tuple[Name, dict[str, str]]:
        """Return the repository that a pull reads, and the headers that name it (section "Registry Proxying").

        With `?ns=HOST` that is HOST/NAME, if there is such a repository.
        """
        host = self.request.args.get("ns") if self.dialect.namespaces and self.request.query_string else None
        if not host:
            return name, {}
        scoped = Name(f"{host}/{name}")
        there = self.storage.has_repository(scoped) and PULL in self.rights(scoped)
        return (scoped, {"OCI-Namespace": host}) if there else (name, {})


def path_segments(request: Request) -> list[str]:
    """Return the path split at its slashes, each part decoded afterwards, so that %2F does not split it.

    PEP 3333 has the decoded path only. Most servers pass the original path, too; without it %2F does split the path.
    """
    sent = request.environ.get("REQUEST_URI") or request.environ.get("RAW_URI") or ""
    raw = sent.partition("?")[0].encode("latin-1", "replace")
    segments = [unquote_to_bytes(part).decode("utf-8", "replace") for part in raw.split(b"/")]
    return segments if "/".join(segments) == request.path else request.path.split("/")
