"""What a run is pointed at: the fake in this process or on a socket, a server in a container, a stack, or a URL.

A target is a context manager: entering starts what there is to start and makes sure that a registry answers; leaving
stops it. UnusableTarget is the one error, a sentence that says the way out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, replace
from types import TracebackType
from typing import Any
from urllib.parse import unquote, urlsplit

from conformance.client.client import Client, location_of
from conformance.client.credentials import Authenticator, challenges
from conformance.client.exchange import Exchange, redact
from conformance.client.identity import Identity
from conformance.client.transport import HttpTransport, Transport, TransportError
from conformance.config.description import NOBODY, PROFILES, WRITER, Description, Hosts
from conformance.config.settings import Settings
from conformance.errors import ConfigurationError

LOOPBACK = "127.0.0.1"


class UnusableTarget(ConfigurationError):
    """The target cannot be tested; the text is one sentence."""


class Target(ABC):
    """What is tested. `name` is how the run was told of it; `shared` says that others use it: leave it clean.

    `description` says what it claims and who may do what where; what the settings say goes before what the target
    says of itself. `round_trip` is how long an answer takes, in seconds.
    """

    shared = False
    round_trip = 0.0

    def __init__(self, name: str, settings: Settings) -> None:
        self.name = redact(name)
        self.settings = settings
        self.description = settings.description
        self.pings_openly = False
        self._stack = ExitStack()
        self._authenticators: dict[str, Authenticator] = {}

    def __enter__(self) -> Target:
        try:
            self.start()
            self.description = _told(self.description, self.settings)
            check_registry(self)
            self.check_pushes()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def check_pushes(self) -> None:
        """See that whoever pushes may do so where the run will; UnusableTarget says what else to give.

        A target that takes pushes from nobody is tested from references, or for what is left. Where authentication is
        claimed, too, a refusal may be just what the scenarios are about.
        """
        described = self.description
        if described.references or "push" in described.absent or set(described.profile) - set(PROFILES["oci"]):
            return
        name = described.places["default"].replace("{}", "conformance-check")
        client = Client(self.transport(), authenticator=self.authenticator(self.writer))
        answer = client.start_upload(name)
        if answer.status in {401, 403}:
            who = self.writer.username or "nobody in particular"
            raise UnusableTarget(
                f"the target {self.name} takes no pushes to {name} from {who} (POST answered {answer.status}): give "
                "--conformance-repository, --conformance-username, or --conformance-references of what is there"
            )
        if session := location_of(answer):
            client.cancel_upload(session)

    @abstractmethod
    def start(self) -> None:
        """Bring the target up and complete its description; what is to be undone goes on the stack."""

    @abstractmethod
    def transport(self, *, wire: bool = False) -> Transport:
        """The way to the target; one with a socket when `wire` is asked for."""

    def connect(self) -> Transport:
        """A way to the target that is the caller's own, such as a thread's; whoever asks for it closes it."""
        return self.transport()

    def reset(self) -> bool:
        """Forget all content, where the target is this process's own; says whether it did."""
        return False

    def handover(self) -> dict[str, Any] | None:
        """What another process of this run needs to reach the same target; None when it makes one of its own."""
        return {"url": self.transport().base_url, "hosts": asdict(self.description.hosts)}

    def authenticator(self, identity: Identity) -> Authenticator:
        """Proves an identity to this target; one for all scenarios, so that tokens are fetched once."""
        if identity.name not in self._authenticators:
            preemptive = self.pings_openly and not identity.anonymous
            self._authenticators[identity.name] = Authenticator(identity, preemptive=preemptive)
        return self._authenticators[identity.name]

    @property
    def writer(self) -> Identity:
        """Whoever may do everything in the target's places; nobody where nobody has to be known."""
        return self.description.identity(WRITER) or Identity(NOBODY)

    def variant(self, **settings: Any) -> Target:
        """Another target of its own with other settings, not yet entered; LookupError where that cannot be had."""
        raise LookupError("only the fake can be had with other settings")


def _told(description: Description, settings: Settings) -> Description:
    """A description completed with what the settings say."""
    said = settings.description
    changed = replace(
        description,
        identities={**description.identities, **said.identities},
        places={"default": f"{settings.repository}/{{}}", **description.places, **said.places},
        limits={**description.limits, **said.limits},
        known=tuple(dict.fromkeys(description.known + said.known)),
        required=description.required | said.required,
        absent=description.absent | said.absent,
        references=said.references or description.references,
    )
    if settings.profile is not None:
        changed = replace(changed, profile=settings.profile, claims=settings.claims)
    return changed


class UrlTarget(Target):
    """A registry that runs somewhere already."""

    shared = True

    def __init__(self, name: str, url: str, settings: Settings) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise UnusableTarget(f"the target {redact(url)!r} is not a URL such as https://registry.example.com")
        if parts.path.rstrip("/") not in {"", "/v2"} or parts.query or parts.fragment:
            raise UnusableTarget(f"the target {redact(url)!r} has a path: give the registry's address alone")
        super().__init__(name, settings)
        self._base_url = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        if parts.username and WRITER not in self.description.identities:
            found = Identity(WRITER, unquote(parts.username), unquote(parts.password or ""))
            self.description = replace(self.description, identities={**self.description.identities, WRITER: found})

    def start(self) -> None:
        self._http = self.connect()
        self._stack.callback(self._http.close)

    def transport(self, *, wire: bool = False) -> Transport:
        return self._http

    def connect(self) -> Transport:
        settings = self.settings
        return HttpTransport(
            self._base_url,
            timeout=settings.timeout,
            ca=settings.ca,
            insecure=settings.insecure,
            resolve=settings.resolve,
        )


class StartedTarget(Target):
    """A target that this run puts on a socket of 127.0.0.1 itself.

    `resolve` leads the names that it is known under to that socket, and is there once it has been launched.
    """

    resolve: Mapping[str, str] = {}

    @abstractmethod
    def launch(self) -> str:
        """Start the server, complete the description, and give the server's URL."""

    def start(self) -> None:
        self._launched = self.launch()
        self._http = self.connect()
        self._stack.callback(self._http.close)

    def transport(self, *, wire: bool = False) -> Transport:
        return self._http

    def connect(self) -> Transport:
        return HttpTransport(self._launched, timeout=self.settings.timeout, resolve=self.resolve)


class AttachedTarget(StartedTarget):
    """A target that another process of this run has started; `made` is what it is made as, not entered here."""

    def __init__(self, made: Target, url: str, hosts: Hosts) -> None:
        super().__init__(made.settings.target, made.settings)
        self.description = replace(made.description, hosts=hosts)
        self._made = made
        self._url = url

    def launch(self) -> str:
        names = [self._url, *asdict(self.description.hosts).values()]
        parts = [urlsplit(url) for url in names if isinstance(url, str) and url]
        parts += [urlsplit(url) for url in self.description.hosts.unserved]
        self.resolve = {f"{part.hostname}:{part.port}": LOOPBACK for part in parts}
        return self._url

    def check_pushes(self) -> None:
        """It was checked by the process that started it."""

    def variant(self, **settings: Any) -> Target:
        return self._made.variant(**settings)


def check_registry(target: Target) -> None:
    """Ask for /v2/; UnusableTarget when nothing answers, when it is no registry, or when it wants to know who asks."""
    transport = target.transport()
    try:
        answer = Client(transport).ping()
        # The first answer paid for the connection, too; one of the next tells the round trip, even on a busy machine.
        target.round_trip = min(Client(transport).ping().elapsed for _ in range(2))
        target.pings_openly = answer.status == 200
        if answer.status == 401 and not target.writer.anonymous:
            again = Client(transport, authenticator=target.authenticator(target.writer)).ping()
            answer = again if again.status != 401 else answer
    except TransportError as error:
        raise UnusableTarget(f"the target {target.name} does not answer: {error}") from None
    if answer.status == 401 and "auth" not in target.description.profile:
        raise UnusableTarget(_who_asks(target, answer))
    if answer.status not in {200, 401}:
        raise UnusableTarget(
            f"the target {target.name} does not look like a registry: GET /v2/ answered {answer.status}, not 200"
        )


def _who_asks(target: Target, answer: Exchange) -> str:
    schemes = {challenge.scheme for challenge in challenges(answer)}
    if not schemes & {"basic", "bearer"}:
        return f"the target {target.name} answers 401 to GET /v2/ and does not say how to authenticate: no challenge"
    if not target.writer.anonymous:
        return f"the target {target.name} does not accept the user name and password (GET /v2/ answered 401)"
    return f"the target {target.name} asks who you are: give --conformance-username and --conformance-password"
