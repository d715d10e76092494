"""Containers and networks of the Docker engine that are always removed, even after a failed start."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

from conformance.client.exchange import Request
from conformance.client.transport import HttpTransport, TransportError
from conformance.targets.base import LOOPBACK, UnusableTarget
from conformance.targets.interruptions import Interruptions

if TYPE_CHECKING:
    from docker import DockerClient
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.network import Network

LABEL = "fakereg.conformance"
"""The label of everything made here; each target has its own value."""

READY_SECONDS = 60.0
POLL_SECONDS = 0.1
ANSWER_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """A server to start in a container; `files` maps paths in the container to texts."""

    image: str
    port: int
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)


class Containers:
    """Start containers; leaving it always removes them with their networks and volumes.

    While it is entered, Ctrl-C and SIGTERM interrupt, but never while something is made or removed.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._interruptions = Interruptions()
        self._labels = {LABEL: secrets.token_hex(8)}

    def __enter__(self) -> Containers:
        with ExitStack() as stack:
            self._engine = _engine()
            stack.callback(self._engine.close)
            stack.callback(_without_ryuk())
            stack.enter_context(self._interruptions)
            stack.callback(self._remove_all)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._interruptions.held():
            self._stack.close()

    def network(self) -> Network:
        """Make a network on which containers find each other by name."""
        from testcontainers.core.network import Network

        network = Network(docker_network_kw={"labels": self._labels})
        self._stack.callback(network._docker.client.close)
        self._make(network.create, "the Docker engine makes no network")
        return network

    def start(
        self, recipe: Recipe, *, published: bool = True, network: Network | None = None, alias: str = ""
    ) -> Running:
        """Start a container. Its port is published on 127.0.0.1 alone, or not at all.

        On a `network` the others find it as `alias`.
        """
        from testcontainers.core.container import DockerContainer

        container = DockerContainer(recipe.image, env=dict(recipe.environment), labels=self._labels)
        self._stack.callback(container.get_docker_client().client.close)
        _have_image(self._engine, container.image)
        if recipe.command:
            container.with_command(list(recipe.command))
        for path, text in recipe.files.items():
            container.with_copy_into_container(text.encode(), path)
        if published:
            container.ports[f"{recipe.port}/tcp"] = cast(Any, (LOOPBACK,))
        if network:
            container.with_network(network).with_network_aliases(alias)
        self._make(container.start, f"the image {recipe.image} cannot be started")
        return Running(container, recipe.port)

    def _make(self, make: Callable[[], object], trouble: str) -> None:
        from docker.errors import DockerException

        try:
            with self._interruptions.held():
                make()
        except (DockerException, OSError) as error:
            raise UnusableTarget(f"{trouble}: {_reason(error)}") from None

    def _remove_all(self) -> None:
        """Remove everything with our label, since an interrupted start leaves no other trace."""
        marked: dict[str, Any] = {"label": [f"{name}={value}" for name, value in self._labels.items()]}
        with ExitStack() as removals:
            for network in self._engine.networks.list(filters=marked):
                removals.callback(_remove, network.remove)
            for container in self._engine.containers.list(all=True, filters=marked):
                removals.callback(_remove, container.remove, force=True, v=True)


class Running:
    """A running container."""

    def __init__(self, container: DockerContainer, port: int) -> None:
        self._container = container.get_wrapped_container()
        self._image = container.image
        self._port = port

    def check(self) -> None:
        """Raise UnusableTarget if it has ended by itself."""
        from docker.errors import DockerException

        try:
            self._container.reload()
        except (DockerException, OSError) as error:
            raise UnusableTarget(f"the container of {self._image} is lost: {_reason(error)}") from None
        if self._container.status != "running":
            raise UnusableTarget(f"the image {self._image} ended as soon as it was started{self._last_words()}")

    def wait(
        self, path: str, *, statuses: Sequence[int] = (200, 401), host: str = "", behind: Sequence[Running] = ()
    ) -> int:
        """Request a path, at a host, until the answer has one of the statuses; return the port of 127.0.0.1.

        Raise UnusableTarget after a minute, or as soon as it or one of those `behind` it has ended.
        """
        deadline, status = time.monotonic() + READY_SECONDS, 0
        while time.monotonic() < deadline:
            for container in (*behind, self):
                container.check()
            if port := self._published():
                status = _status(f"http://{LOOPBACK}:{port}{path}", host)
                if status in statuses:
                    return port
            time.sleep(POLL_SECONDS)
        raise UnusableTarget(
            f"the image {self._image} started but no registry answered on its port {self._port} within "
            f"{READY_SECONDS:.0f} s (GET {path}: {status or 'no answer'}){self._last_words()}"
        )

    def _published(self) -> int | None:
        """Return the published port of 127.0.0.1 as of the last check; None for a container that is ending."""
        places = self._container.attrs["NetworkSettings"]["Ports"].get(f"{self._port}/tcp")
        return int(places[0]["HostPort"]) if places else None

    def _last_words(self) -> str:
        """Return the last line of its log, as the rest of a sentence."""
        words = self._container.logs(tail=1).decode(errors="replace").split()
        return f"; its log ends with: {' '.join(words)[:300]}" if words else "; its log is empty"


def _status(url: str, host: str) -> int:
    """Request a URL and return the status, 0 without an answer."""
    with HttpTransport(url, timeout=ANSWER_SECONDS) as transport, suppress(TransportError):
        return transport.send(Request("GET", url, (("Host", host),) if host else ())).status
    return 0


def _engine() -> DockerClient:
    try:
        from docker.errors import DockerException
        from testcontainers.core.docker_client import DockerClient
    except ImportError:
        raise UnusableTarget("docker and testcontainers must be installed: pip install 'fakereg[containers]'") from None
    try:
        return DockerClient().client
    except DockerException:
        raise UnusableTarget(
            "no Docker engine answers: start one, or set DOCKER_HOST, or choose a target without a container"
        ) from None


def _without_ryuk() -> Callable[[], None]:
    """Disable the clean-up container, which is another image to pull; return a function that enables it again."""
    from testcontainers.core.config import testcontainers_config

    before, testcontainers_config.ryuk_disabled = testcontainers_config.ryuk_disabled, True
    return lambda: setattr(testcontainers_config, "ryuk_disabled", before)


def _have_image(engine: DockerClient, image: str) -> None:
    """Pull an image unless the engine has it."""
    from docker.errors import DockerException, ImageNotFound

    try:
        engine.images.get(image)
    except ImageNotFound:
        try:
            engine.images.pull(image)
        except (DockerException, OSError) as error:
            raise UnusableTarget(
                f"the image {image} is not here and cannot be pulled: build or load it first ({_reason(error)})"
            ) from None


def _remove(remove: Callable[..., object], **how: bool) -> None:
    from docker.errors import NotFound

    with suppress(NotFound):
        remove(**how)


def _reason(error: Exception) -> str:
    return " ".join(str(getattr(error, "explanation", None) or error).split())
