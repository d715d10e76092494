"""What a target starts in the Docker engine is removed, however it ends; and one sentence says why it did not start."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from conformance.config.settings import Settings
from conformance.targets import engine
from conformance.targets.base import UnusableTarget
from conformance.targets.engine import LABEL, Containers, Recipe
from conformance.targets.open import target_of
from tests.e2e.clients import TIMEOUT, Docker

STARTING = """\
import sys
from conformance.config.settings import Settings
from conformance.targets.open import target_of
with target_of(Settings(target=sys.argv[1])):
    print("started", flush=True)
    sys.stdin.read()
"""
MISSING = "127.0.0.1:1/no/such-image:1"
SIGNALS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


@pytest.fixture(autouse=True)
def on_the_first_engine(first_engine: Docker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start everything on the first engine."""
    monkeypatch.setenv("DOCKER_HOST", first_engine.host)


@pytest.fixture
def marks(first_engine: Docker, registry_image: str, proxy_image: str) -> Iterator["Marks"]:
    """What the engine tells of containers of our two images while the test runs."""
    with watching(first_engine, registry_image, proxy_image) as seen:
        yield seen


class Marks:
    """The containers that an engine makes of some images, as it tells of them, and the labels that they bear."""

    def __init__(self, docker: Docker, events: "subprocess.Popen[str]") -> None:
        self._docker = docker
        self._events = events
        self._seen: list[str] = []

    def next(self) -> str:
        """Wait until a container is made, at most for TIMEOUT seconds, and return the label of its target."""
        assert self._events.stdout
        end = threading.Timer(TIMEOUT, self._events.terminate)
        end.start()
        self._seen.append(self._events.stdout.readline().strip())
        end.cancel()
        assert self._seen[-1], f"no container was made within {TIMEOUT} s"
        return self._seen[-1]

    def left(self) -> str:
        """The containers and networks that are there still."""
        assert self._seen
        assert all(self._seen)
        found = [
            self._docker(*command, "--quiet", "--filter", f"label={LABEL}={mark}").stdout
            for mark in dict.fromkeys(self._seen)
            for command in (("ps", "--all"), ("network", "ls"))
        ]
        return "".join(found)


@contextmanager
def watching(docker: Docker, *images: str) -> Iterator[Marks]:
    since = f"{time.time():.9f}"  # what happens before the command listens is told, too
    filters = [f"--filter=image={image}" for image in images]
    form = f'{{{{index .Actor.Attributes "{LABEL}"}}}}'
    command = ("docker", "events", "--since", since, "--filter", "event=create", *filters, "--format", form)
    environment = {**os.environ, **docker.environment}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as events:
        try:
            yield Marks(docker, events)
        finally:
            events.terminate()


def said_of(target: str) -> str:
    """The one sentence why a target cannot be used."""
    with pytest.raises(UnusableTarget) as caught, target_of(Settings(target=target)):
        pytest.fail("the target was usable")
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_a_stack_is_removed(marks: Marks, registry_image: str, proxy_image: str) -> None:
    with target_of(Settings(target=f"stack:{registry_image},{proxy_image}")):
        assert marks.next() == marks.next()
        assert len(marks.left().split()) == 3, "two containers and a network"
    assert marks.left() == ""


def test_a_stack_is_removed_when_its_second_image_is_missing(marks: Marks, registry_image: str) -> None:
    assert MISSING in said_of(f"stack:{registry_image},{MISSING}")
    marks.next()
    assert marks.left() == ""


def test_a_stack_is_removed_when_an_image_is_no_proxy(marks: Marks, registry_image: str) -> None:
    assert "ended as soon as it was started" in said_of(f"stack:{registry_image},{registry_image}")
    marks.next(), marks.next()
    assert marks.left() == ""


def test_a_stack_is_removed_when_an_image_is_no_registry(marks: Marks, proxy_image: str) -> None:
    assert "cannot be started" in said_of(f"stack:{proxy_image},{proxy_image}")
    marks.next()
    assert marks.left() == ""


def test_a_server_that_ends_at_once_is_removed(marks: Marks, proxy_image: str) -> None:
    text = said_of(f"container:{proxy_image}")
    assert "ended as soon as it was started" in text
    assert "nginx.conf" in text
    marks.next()
    assert marks.left() == ""


def test_a_server_that_does_not_answer_is_removed(
    marks: Marks, registry_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "READY_SECONDS", 0.5)
    with (
        pytest.raises(UnusableTarget, match=r"no registry answered on its port 5000 .* \(GET /nothing: 404\)"),
        Containers() as containers,
    ):
        containers.start(Recipe(registry_image, 5000)).wait("/nothing")
    marks.next()
    assert marks.left() == ""


def test_a_server_by_name_is_removed(marks: Marks, registry_image: str) -> None:
    with target_of(Settings(target=f"server:registry-2={registry_image}")) as target:
        marks.next()
        assert target.transport().base_url.startswith("http://127.0.0.1:")
    assert marks.left() == ""


@SIGNALS
def test_a_stack_is_removed_when_it_is_interrupted_half_way(
    marks: Marks, registry_image: str, proxy_image: str, number: signal.Signals
) -> None:
    with starting(f"stack:{registry_image},{proxy_image}") as process:
        marks.next()  # the first container has just been made, and the answer to that is still on its way
        process.send_signal(number)
        text, _ = process.communicate(timeout=TIMEOUT)
    assert process.returncode != 0
    assert text == ""
    assert marks.left() == ""


@SIGNALS
def test_a_stack_is_removed_when_it_is_interrupted(
    marks: Marks, registry_image: str, proxy_image: str, number: signal.Signals
) -> None:
    with starting(f"stack:{registry_image},{proxy_image}") as process:
        assert process.stdout
        assert process.stdout.readline() == "started\n"
        process.send_signal(number)
        process.communicate(timeout=TIMEOUT)
    assert process.returncode != 0
    marks.next(), marks.next()
    assert marks.left() == ""


def starting(target: str) -> "subprocess.Popen[str]":
    """A process that starts a target, says so, and keeps it until it is interrupted."""
    command = (sys.executable, "-c", STARTING, target)
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True)
