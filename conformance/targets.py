"""What a run is pointed at: the fake in this process or on a socket, an image in a container, or a URL.

A target is a context manager: entering starts what there is to start and makes sure that a registry answers; leaving
stops it. UnusableTarget is the one error, a sentence that says the way out.
"""

from __future__ import annotations

import signal
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import ExitStack
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import unquote, urlsplit

from conformance.client import Client, basic
from conformance.exchange import Exchange, redact
from conformance.options import ConfigurationError
from conformance.settings import Settings
from conformance.transport import HttpTransport, Transport, TransportError, WsgiTransport

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

    from docker import DockerClient

REGISTRY_PORT = 5000
READY_SECONDS = 60
POLL_SECONDS = 0.1
LOOPBACK = "127.0.0.1"
STARTED = ("socket", "container")
_Made = TypeVar("_Made")


class UnusableTarget(ConfigurationError):
    """The target cannot be tested; the text is one sentence."""


class Target(ABC):
    """What is tested. `name` is how the run was told of it; `shared` says that others use it: leave it clean."""

    shared = False
    authorization: str | None = None

    def __init__(self, name: str) -> None:
        self.name = name
        self._stack = ExitStack()

    def __enter__(self) -> Target:
        try:
            self.start()
            check_registry(self, self.transport())
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @abstractmethod
    def start(self) -> None:
        """Bring the target up; what is to be undone goes on the stack."""

    @abstractmethod
    def transport(self, *, wire: bool = False) -> Transport:
        """The way to the target; one with a socket when `wire` is asked for."""

    @property
    def url(self) -> str | None:
        """Where other processes reach the same target; None when they need one of their own."""
        return self.transport().base_url


class InProcessFake(Target):
    """Our fake as a WSGI callable, and a second one on a socket once a scenario needs the wire."""

    def __init__(self, name: str, dialect: str, *, timeout: float) -> None:
        super().__init__(name)
        self._dialect = dialect
        self._timeout = timeout
        self._wire: Transport | None = None

    def start(self) -> None:
        import fakereg

        def make() -> WSGIApplication:
            registry = fakereg.Registry(dialect=self._dialect, storage="memory")
            self._stack.callback(registry.close)
            return registry

        self._direct = WsgiTransport(_known_dialect(make))

    def transport(self, *, wire: bool = False) -> Transport:
        if not wire:
            return self._direct
        if self._wire is None:
            fake = self._stack.enter_context(SocketFake(self.name, self._dialect, timeout=self._timeout))
            self._wire = fake.transport()
        return self._wire

    @property
    def url(self) -> None:
        return None


class UrlTarget(Target):
    """A registry that runs somewhere already."""

    shared = True

    def __init__(self, name: str, url: str, settings: Settings) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise UnusableTarget(f"the target {redact(url)!r} is not a URL such as https://registry.example.com")
        if parts.path.rstrip("/") not in {"", "/v2"} or parts.query or parts.fragment:
            raise UnusableTarget(f"the target {redact(url)!r} has a path: give the registry's address alone")
        super().__init__(redact(name))
        self._settings = settings
        self._base_url = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        username = settings.username or unquote(parts.username or "")
        password = settings.password or unquote(parts.password or "")
        self.authorization = basic(username, password) if username else None

    def start(self) -> None:
        settings = self._settings
        self._http = HttpTransport(self._base_url, timeout=settings.timeout, ca=settings.ca, insecure=settings.insecure)
        self._stack.callback(self._http.close)

    def transport(self, *, wire: bool = False) -> Transport:
        return self._http


class StartedTarget(Target):
    """A target that this run puts on a socket of 127.0.0.1 itself."""

    def __init__(self, name: str, *, timeout: float) -> None:
        super().__init__(name)
        self._timeout = timeout

    @abstractmethod
    def launch(self) -> str:
        """Start the server and give its URL."""

    def start(self) -> None:
        self._http = HttpTransport(self.launch(), timeout=self._timeout)
        self._stack.callback(self._http.close)

    def transport(self, *, wire: bool = False) -> Transport:
        return self._http


class SocketFake(StartedTarget):
    """Our fake on a socket."""

    def __init__(self, name: str, dialect: str, *, timeout: float) -> None:
        super().__init__(name, timeout=timeout)
        self._dialect = dialect

    def launch(self) -> str:
        import fakereg

        def serve() -> str:
            return self._stack.enter_context(fakereg.serve(dialect=self._dialect, storage="memory")).url

        return _known_dialect(serve)


class ContainerTarget(StartedTarget):
    """An image that serves a registry on port 5000, in a container of the local Docker engine."""

    def __init__(self, name: str, image: str, *, timeout: float) -> None:
        super().__init__(name, timeout=timeout)
        self._image = image

    def launch(self) -> str:
        try:
            from docker.errors import DockerException
            from testcontainers.core.config import ConnectionMode, testcontainers_config
            from testcontainers.core.container import DockerContainer
            from testcontainers.core.wait_strategies import HttpWaitStrategy
        except ImportError:
            raise UnusableTarget(
                "a container target needs two more packages: pip install 'fakereg[containers]'"
            ) from None
        self._have_image()
        testcontainers_config.ryuk_disabled = True  # it is an image of its own to pull; we clean up ourselves
        # The port is published on 127.0.0.1 alone, so that is where to ask, whatever machine this looks like.
        testcontainers_config.connection_mode_override = ConnectionMode.docker_host
        testcontainers_config.tc_host_override = LOOPBACK
        self._stack.enter_context(_Terminated())
        ready = HttpWaitStrategy(REGISTRY_PORT, "/v2/").for_status_code(200).for_status_code(401)
        ready.with_startup_timeout(READY_SECONDS).with_poll_interval(POLL_SECONDS)
        container = DockerContainer(self._image).waiting_for(ready)
        container.ports[f"{REGISTRY_PORT}/tcp"] = cast(Any, (LOOPBACK,))
        self._stack.callback(container.stop)
        try:
            container.start()
        except (TimeoutError, DockerException) as error:
            raise UnusableTarget(self._why_not_started(error)) from None
        return f"http://{LOOPBACK}:{container.get_exposed_port(REGISTRY_PORT)}"

    def _why_not_started(self, error: Exception) -> str:
        if isinstance(error, TimeoutError):
            return (
                f"the image {self._image} started but no registry answered on its port {REGISTRY_PORT} "
                f"(it is given {READY_SECONDS} s): its log may say why (docker run --rm {self._image})"
            )
        return f"the image {self._image} cannot be started: {getattr(error, 'explanation', None) or error}"

    def _have_image(self) -> None:
        """Make sure of the engine and the image, which is pulled only when it is not there."""
        import docker
        from docker.errors import APIError, DockerException, ImageNotFound

        try:
            engine = docker.from_env()
        except DockerException:
            raise UnusableTarget(
                "no Docker engine answers: start one, or set DOCKER_HOST, or choose a target without a container"
            ) from None
        with _closing(engine):
            try:
                engine.images.get(self._image)
            except ImageNotFound:
                self._pull(engine, APIError)

    def _pull(self, engine: DockerClient, errors: type[Exception]) -> None:
        try:
            engine.images.pull(self._image)
        except errors as error:
            reason = getattr(error, "explanation", None) or error
            raise UnusableTarget(
                f"the image {self._image} is not here and cannot be pulled: build or load it first ({reason})"
            ) from None


class _closing:
    """Closes a Docker client, whose type has no context manager of its own."""

    def __init__(self, engine: DockerClient) -> None:
        self._engine = engine

    def __enter__(self) -> None:
        return None

    def __exit__(self, *error: object) -> None:
        self._engine.close()


class _Terminated:
    """While it is entered SIGTERM interrupts as Ctrl-C does, so that containers are removed."""

    def __enter__(self) -> None:
        self._before: Any = None
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGTERM, self._interrupt)

    def __exit__(self, *error: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)

    @staticmethod
    def _interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt


def target_of(settings: Settings) -> Target:
    """The target that the settings name, not yet entered; UnusableTarget when there is no such kind."""
    name = settings.target
    kind, _, rest = name.partition(":")
    if kind in {"http", "https"}:
        return UrlTarget(name, name, settings)
    if kind == "fake":
        return InProcessFake(name, rest or "oci", timeout=settings.timeout)
    if kind == "socket":
        return SocketFake(name, rest or "oci", timeout=settings.timeout)
    if kind == "container" and rest:
        return ContainerTarget(name, rest, timeout=settings.timeout)
    raise UnusableTarget(
        f"the target {name!r} is of no known kind: give fake, fake:DIALECT, socket:DIALECT, container:IMAGE, "
        "http://HOST or https://HOST"
    )


def attached(settings: Settings, url: str) -> Target:
    """The target that another process of this run has started, by its URL."""
    target = UrlTarget(settings.target, url, settings)
    target.name = redact(settings.target)
    target.shared = settings.target.partition(":")[0] not in STARTED
    return target


def check_registry(target: Target, transport: Transport) -> None:
    """Ask for /v2/; UnusableTarget when nothing answers, when it is no registry, or when it wants to know who asks."""
    try:
        answer = Client(transport, authorization=target.authorization).ping()
    except TransportError as error:
        raise UnusableTarget(f"the target {target.name} does not answer: {error}") from None
    if answer.status == 401:
        raise UnusableTarget(_who_asks(target, answer))
    if answer.status != 200:
        raise UnusableTarget(
            f"the target {target.name} does not look like a registry: GET /v2/ answered {answer.status}, not 200"
        )


def _who_asks(target: Target, answer: Exchange) -> str:
    schemes = {value.partition(" ")[0].lower() for value in answer.values("WWW-Authenticate")}
    if "basic" not in schemes:
        return f"the target {target.name} asks for a token (GET /v2/ answered 401), and only Basic is spoken here"
    if target.authorization:
        return f"the target {target.name} does not accept the user name and password (GET /v2/ answered 401)"
    return f"the target {target.name} asks who you are: give --conformance-username and --conformance-password"


def _known_dialect(make: Callable[[], _Made]) -> _Made:
    try:
        return make()
    except ValueError as error:
        raise UnusableTarget(f"the fake has no such dialect: {error}") from None
