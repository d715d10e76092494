"""Targets of a run: the fake in this process or on a socket, a server in a container, a stack, or a URL.

A target is a context manager: entering starts its servers and makes sure that a registry answers; leaving stops them.
UnusableTarget is the only error, one sentence with the way out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, replace
from types import TracebackType
from typing import Any
from urllib.parse import unquote

from conformance.client.client import Client, location_of
from conformance.client.credentials import Authenticator, challenges
from conformance.client.exchange import Exchange
from conformance.client.identity import Identity
from conformance.client.transport import HttpTransport, Transport, TransportError
from conformance.config.description import NOBODY, PROFILES, WRITER, Description, Hosts
from conformance.config.settings import Settings
from conformance.errors import ConfigurationError
from conformance.output.secrets import learn, redact
from conformance.urls import origin_of, parsed

LOOPBACK = "127.0.0.1"


class UnusableTarget(ConfigurationError):
    """A target that cannot be tested; the text is one sentence."""


class Target(ABC):
    """The registry to test. `name` is the text that the run got; a `shared` one has other users, so leave it clean.

    `description` holds the facts about it; those of the settings override those of the target. `round_trip` is the
    time that an answer takes, in seconds.
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
            self.check()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def check(self) -> None:
        """Check that a registry answers which the run can test; raise UnusableTarget with what to configure."""
        check_registry(self)
        self.check_pushes()

    def check_pushes(self) -> None:
        """Check that the writer may push to the places of the run; raise UnusableTarget with what to configure.

        A target that accepts no pushes is tested with references, or in part. Where the profile has authentication, a
        refusal may be the subject of scenarios, so nothing is checked.
        """
        described = self.description
        if described.references or "push" in described.absent or set(described.profile) - set(PROFILES["oci"]):
            return
        name = described.places["default"].replace("{}", "conformance-check")
        client = Client(self.transport(), authenticator=self.authenticator(self.writer))
        try:
            answer = client.start_upload(name)
        except TransportError as error:
            raise UnusableTarget(f"the target {self.name} must answer the first request of a push: {error}") from None
        if answer.status in {401, 403}:
            who = self.writer.username or "an anonymous client"
            raise UnusableTarget(
                f"the target {self.name} must accept pushes to {name} from {who}, but POST answered {answer.status}: "
                "give --conformance-repository or --conformance-username, or --conformance-references of images"
            )
        session = location_of(answer)
        if answer.status != 202 or session is None:
            return  # what is wrong with it is for scenarios to say
        try:
            client.cancel_upload(session)
        except TransportError as error:
            if origin_of(session) != origin_of(client.base_url):
                raise UnusableTarget(
                    f"the Location of uploads to the target {self.name} must lead to a server that answers: {error}"
                ) from None

    @abstractmethod
    def start(self) -> None:
        """Start the target and complete its description; put on the stack what undoes that."""

    @abstractmethod
    def transport(self, *, wire: bool = False) -> Transport:
        """Return the transport to the target; with `wire` one that uses a socket."""

    def connect(self) -> Transport:
        """Make a new transport to the target, such as one for a thread; the caller closes it."""
        return self.transport()

    def reset(self) -> bool:
        """Delete all content if the target belongs to this process; return whether it does."""
        return False

    def handover(self) -> dict[str, Any] | None:
        """Return the data with which another process of this run reaches the same target; None if it makes its own."""
        hosts = asdict(self.description.hosts)
        return {"url": self.transport().base_url, "hosts": hosts, "pings_openly": self.pings_openly}

    def authenticator(self, identity: Identity) -> Authenticator:
        """Return the authenticator of an identity; all scenarios share it, so that tokens are fetched once."""
        if identity.name not in self._authenticators:
            preemptive = self.pings_openly and not identity.anonymous
            self._authenticators[identity.name] = Authenticator(identity, preemptive=preemptive)
        return self._authenticators[identity.name]

    @property
    def writer(self) -> Identity:
        """The identity that may do everything in the places of the target; anonymous if none is configured."""
        return self.description.identity(WRITER) or Identity(NOBODY)

    def variant(self, **settings: Any) -> Target:
        """Make another target with other settings, not yet entered; raise LookupError if that is impossible."""
        raise LookupError("only a fake can have other settings")


def _told(description: Description, settings: Settings) -> Description:
    """Complete a description with the facts of the settings."""
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
    """A registry that is running already."""

    shared = True

    def __init__(self, name: str, url: str, settings: Settings) -> None:
        parts = parsed(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise UnusableTarget(f"TARGET must be a URL such as https://registry.example.com, got {redact(url)!r}")
        if parts.path.rstrip("/") not in {"", "/v2"} or parts.query or parts.fragment:
            raise UnusableTarget(f"TARGET must be the address of a registry without a path, got {redact(url)!r}")
        super().__init__(name, settings)
        self._base_url = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        learn(unquote(parts.password or ""))
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
    """A target that this run starts on a socket of 127.0.0.1.

    `resolve` maps its names to that address, once it has been launched.
    """

    resolve: Mapping[str, str] = {}

    @abstractmethod
    def launch(self) -> str:
        """Start the server, complete the description, and return the URL."""

    def start(self) -> None:
        self._launched = self.launch()
        self._http = self.connect()
        self._stack.callback(self._http.close)

    def transport(self, *, wire: bool = False) -> Transport:
        return self._http

    def connect(self) -> Transport:
        return HttpTransport(self._launched, timeout=self.settings.timeout, resolve=self.resolve)


class AttachedUrl(UrlTarget):
    """A registry that another process of this run has checked."""

    def __init__(self, url: str, settings: Settings, *, pings_openly: bool) -> None:
        super().__init__(url, url, settings)
        self.pings_openly = pings_openly

    def check(self) -> None:
        """Do nothing: a server that answers differently now is for scenarios to judge."""


class AttachedTarget(StartedTarget):
    """A target that another process of this run has started; `made` is the same target, not entered here."""

    def __init__(self, made: Target, url: str, hosts: Hosts, *, pings_openly: bool) -> None:
        super().__init__(made.settings.target, made.settings)
        self.description = replace(made.description, hosts=hosts)
        self.pings_openly = pings_openly
        self._made = made
        self._url = url

    def launch(self) -> str:
        names = [self._url, *asdict(self.description.hosts).values()]
        parts = [parsed(url) for url in names if isinstance(url, str) and url]
        parts += [parsed(url) for url in self.description.hosts.unserved]
        self.resolve = {f"{part.hostname}:{part.port}": LOOPBACK for part in parts}
        return self._url

    def check(self) -> None:
        """Do nothing: the process that started it has checked it."""

    def variant(self, **settings: Any) -> Target:
        return self._made.variant(**settings)


def check_registry(target: Target) -> None:
    """Request /v2/; raise UnusableTarget if nothing answers, it is no registry, or it needs credentials."""
    transport = target.transport()
    try:
        answer = Client(transport).ping()
        # The first request also opens the connection; the faster of the next two is the round trip.
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
            f"the target {target.name} must be a registry, whose GET /v2/ answers 200 or 401, got {answer.status}"
        )


def _who_asks(target: Target, answer: Exchange) -> str:
    schemes = {challenge.scheme for challenge in challenges(answer)}
    if not schemes & {"basic", "bearer"}:
        return f"the target {target.name} answers 401 to GET /v2/, and that must come with a challenge: it has none"
    if not target.writer.anonymous:
        return f"the target {target.name} does not accept the user name and the password: GET /v2/ answered 401"
    return f"the target {target.name} needs credentials: give --conformance-username and --conformance-password"
