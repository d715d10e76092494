"""Real clients, run as subprocesses: the docker and skopeo commands, and what to say when one cannot run."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest

DEFAULT_ENGINE = "unix:///var/run/docker.sock"
TIMEOUT = 300.0
"""Seconds that one command may take."""


def unavailable(reason: str) -> NoReturn:
    """Skip the test, or fail it where FAKEREG_REQUIRE_DOCKER says that real clients have to be there."""
    if os.environ.get("FAKEREG_REQUIRE_DOCKER"):
        pytest.fail(f"FAKEREG_REQUIRE_DOCKER is set, but {reason}", pytrace=False)
    pytest.skip(reason)


def require_command(name: str) -> str:
    """Return the path of a command, or end the test with the reason why it cannot run."""
    path = shutil.which(name)
    return path if path is not None else unavailable(f"there is no command {name!r}")


def engine_hosts() -> list[str]:
    """Return the engines to test with: those of FAKEREG_TEST_ENGINES, or else the engine of the environment."""
    return os.environ.get("FAKEREG_TEST_ENGINES", "").split() or [os.environ.get("DOCKER_HOST") or DEFAULT_ENGINE]


@dataclass(frozen=True)
class Outcome:
    """How a command ended: its exit code, its output, and its output together with its error messages."""

    code: int
    stdout: str
    text: str


def run(
    command: Sequence[str],
    *,
    ok: bool | None = True,
    environment: Mapping[str, str] | None = None,
    given: str = "",
    folder: Path | None = None,
) -> Outcome:
    """Run a command with some input, or none, in a folder, or where the tests run.

    `ok` says whether it has to succeed or to fail, None that either will do; anything else fails the test.
    """
    done = subprocess.run(
        command,
        input=given,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
        env={**os.environ, **(environment or {})},
    )
    outcome = Outcome(done.returncode, done.stdout, f"{done.stdout}{done.stderr}")
    assert ok in (None, outcome.code == 0), f"{' '.join(command)}: exit code {outcome.code}\n{outcome.text}"
    return outcome


@dataclass(frozen=True)
class Docker:
    """The docker command, bound to one engine and to an empty folder of settings."""

    host: str
    settings: Path

    def __call__(self, *arguments: str, ok: bool | None = True, given: str = "") -> Outcome:
        """Run `docker ARGUMENTS` with some input, or none."""
        return run(("docker", *arguments), ok=ok, environment=self.environment, given=given)

    @property
    def environment(self) -> dict[str, str]:
        """What binds docker; the plain builder is asked for, since it needs nothing but the engine."""
        return {"DOCKER_HOST": self.host, "DOCKER_CONFIG": str(self.settings), "DOCKER_BUILDKIT": "0"}

    @property
    def engine(self) -> int:
        """The first number of the engine's version."""
        return int(self("version", "--format", "{{.Server.Version}}").stdout.partition(".")[0])

    def shell(self, script: str, folder: Path, **variables: str) -> Outcome:
        """Run lines of a shell script that call docker, in a folder; the first line that fails ends it."""
        require_command("bash")
        command = ("bash", "-euo", "pipefail", "-c", script)
        return run(command, environment={**self.environment, **variables}, folder=folder)

    def login(self, host: str, user: str, secret: str, *, ok: bool = True) -> Outcome:
        """Log in to a registry."""
        return self("login", host, "--username", user, "--password-stdin", ok=ok, given=secret)

    def inspect(self, image: str) -> tuple[str, list[str]]:
        """Return the identifier of a local image and the digests of its unpacked layers."""
        (facts,) = json.loads(self("image", "inspect", image).stdout)
        return facts["Id"], facts["RootFS"]["Layers"]

    def build(self, context: Path, tag: str) -> None:
        """Build an image from the Dockerfile in a folder."""
        self("build", "--tag", tag, str(context))

    def remove(self, *images: str) -> None:
        """Remove local images, given by name or identifier, whether or not they are there."""
        for image in images:
            if self.has(image):
                self("image", "rm", "--force", image)

    def remove_named(self, beginning: str) -> None:
        """Remove all local images whose name begins so."""
        local = self("image", "ls", "--no-trunc", "--format", "{{.ID}} {{.Repository}}").stdout.splitlines()
        self.remove(*(line.split()[0] for line in local if line.split()[1].startswith(beginning)))

    def has(self, image: str) -> bool:
        """Tell whether the engine holds an image of this name or identifier."""
        return self("image", "inspect", image, ok=None).code == 0


def connect(host: str, settings: Path) -> Docker:
    """Return the docker command for an engine that answers, or end the test with the reason why none does."""
    require_command("docker")
    docker = Docker(host, settings)
    answer = docker("version", "--format", "{{.Server.Version}}", ok=None)
    if answer.code != 0:
        unavailable(f"no Docker engine answers on {host}: {answer.text.strip()}")
    return docker


@dataclass(frozen=True)
class Browser:
    """Chromium without a window; `hostname` and the names below it lead to this machine."""

    path: str
    profile: Path
    hostname: str

    def __call__(self, url: str, *options: str) -> Outcome:
        """Open an address, do what the options say, and end; its console goes to standard error."""
        return run(self._command(url, *options))

    @contextmanager
    def opened(self, url: str) -> Iterator[None]:
        """Keep an address open until the end of the block."""
        command = self._command(url, "--remote-debugging-port=0")
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # all its processes
            process.wait()

    def _command(self, url: str, *options: str) -> tuple[str, ...]:
        fixed = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--enable-logging=stderr")
        rules = f"--host-resolver-rules=MAP {self.hostname} 127.0.0.1"
        return (self.path, *fixed, rules, f"--user-data-dir={self.profile}", *options, url)


@dataclass(frozen=True)
class Skopeo:
    """The skopeo command, for registries without TLS."""

    path: str

    def __call__(self, *arguments: str, ok: bool = True) -> Outcome:
        """Run `skopeo ARGUMENTS`; no policy file is needed on the machine."""
        return run((self.path, "--insecure-policy", *arguments), ok=ok)

    def copy(self, source: str, destination: str, *options: str, ok: bool = True) -> Outcome:
        """Copy an image from one transport to another, both named the way skopeo names them."""
        return self("copy", "--src-tls-verify=false", "--dest-tls-verify=false", *options, source, destination, ok=ok)

    def inspect(self, image: str, *options: str) -> Any:
        """Return what `skopeo inspect` says about an image, decoded from JSON."""
        return json.loads(self("inspect", "--tls-verify=false", *options, image).stdout)
