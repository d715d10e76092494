"""The load on a registry: the plan, the result of a request, and the state that users share.

The users themselves are in `user.py`; `locustfile.py` lets Locust drive them. Nothing here needs Locust.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from time import perf_counter

from conformance.client.client import Client
from conformance.client.content import digest_of
from conformance.client.exchange import Exchange
from conformance.client.transport import TransportError
from conformance.errors import ConfigurationError

ACTIONS = ("push", "pull", "list", "delete", "referrers")
SIZES = "4KiB*8,64KiB*3,1MiB"
_UNITS = {"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_SIZE = re.compile(r"([1-9][0-9]*) *(|[KMG]iB)(?: *\* *([1-9][0-9]*))?")

Judge = Callable[[Exchange], str]
"""Returns the fault of an answer, with the same text for all of a kind; empty if it is correct."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of each user: `weights` by action, `sizes` of layers in bytes with their weights.

    A user has so many `repositories`, each with at most so many `images` of at most so many `layers`, and waits for
    `wait` seconds on average after each action.
    """

    weights: dict[str, int]
    sizes: dict[int, int]
    repositories: int = 2
    images: int = 10
    layers: int = 3
    wait: float = 0.0

    def __post_init__(self) -> None:
        if min(self.weights.values()) < 0 or not any(self.weights.values()):
            raise ConfigurationError("weights must not be negative, and one must be above zero: give --push-weight 1")
        if min(self.repositories, self.images, self.layers) < 1 or self.wait < 0:
            raise ConfigurationError(
                "--repositories, --images and --layers must be at least 1, and --wait must not be negative"
            )

    def action(self, random: Random) -> str:
        """Choose the next action."""
        return random.choices(list(self.weights), list(self.weights.values()))[0]

    def size(self, random: Random) -> int:
        """Choose the size of the next layer, in bytes."""
        return random.choices(list(self.sizes), list(self.sizes.values()))[0]


def sizes_of(text: str) -> dict[int, int]:
    """Parse `SIZE*WEIGHT,...` to sizes of layers with their weights; a size may end in KiB, MiB or GiB."""
    found: dict[int, int] = {}
    for part in text.split(","):
        match = _SIZE.fullmatch(part.strip())
        if not match:
            raise ConfigurationError(f"--blob-size must be SIZE or SIZE*WEIGHT, such as {SIZES}, got {part.strip()!r}")
        size = int(match[1]) * _UNITS[match[2]]
        found[size] = found.get(size, 0) + int(match[3] or 1)
    return found


@dataclass(frozen=True, slots=True)
class Sample:
    """The result of one request. `name` is `METHOD RESOURCE`, `length` that of the answer's body in bytes.

    `problem` is empty when the answer was right, `evidence` shows the exchange when it was not.
    """

    name: str
    seconds: float
    length: int = 0
    problem: str = ""
    evidence: str = ""


class Wrong(Exception):
    """Raised for a wrong answer, or a missing one; it has been reported already."""


class Asker:
    """Send requests one at a time and report their results; `connect` makes the client with its listener."""

    def __init__(
        self, connect: Callable[[Callable[[Exchange], None]], Client], report: Callable[[Sample], None]
    ) -> None:
        self._seen: list[Exchange] = []
        self._report = report
        self.client = connect(self._seen.append)

    def ask(self, name: str, send: Callable[[], Exchange], judge: Judge) -> Exchange:
        """Return the answer if it is right, else raise Wrong. The time of redirects is included."""
        self._seen.clear()
        began = perf_counter()
        try:
            answer = send()
        except TransportError as error:
            problem = f"no answer: {type(error.__cause__ or error).__name__}"
            self._report(Sample(name, perf_counter() - began, 0, problem, str(error)))
            raise Wrong(problem) from error
        seconds = sum(exchange.elapsed for exchange in self._seen)
        problem = judge(answer)
        evidence = f"{answer.describe()}\n{answer.curl()}" if problem else ""
        self._report(Sample(name, seconds, len(answer.body), problem, evidence))
        if problem:
            raise Wrong(problem)
        return answer


def status(*right: int) -> Judge:
    """Check that the status is one of the right ones for the operation."""
    wanted = " or ".join(map(str, right))
    return lambda answer: "" if answer.status in right else f"status {answer.status} instead of {wanted}"


@dataclass(slots=True)
class Image:
    """An image, or an artifact, which has no tag; `blobs` are digests.

    It is `there` from the acknowledgement of its push until its removal, or the move of its tag, begins.
    """

    repository: str
    tag: str
    descriptor: dict[str, object]
    blobs: tuple[str, ...]
    there: bool = False
    artifacts: list[Image] = field(default_factory=list)

    @property
    def digest(self) -> str:
        """The digest of the manifest."""
        return str(self.descriptor["digest"])

    def content(self, digest: str) -> Judge:
        """Expect the bytes of a digest of this image, unless the image was removed meanwhile."""

        def judge(answer: Exchange) -> str:
            if answer.status == 404 and not self.there:
                return ""
            if answer.status != 200:
                return status(200)(answer)
            moved = digest == self.digest and not self.there
            return "" if moved or digest_of(answer.body) == digest else "the bytes do not match the digest"

        return judge


REFUSALS: Mapping[str, frozenset[int]] = {
    "tag_deletion": frozenset({400, 405}),
    "manifest_deletion": frozenset({400, 405}),
    "blob_deletion": frozenset({400, 405}),
    "referrers": frozenset({404}),
    "oci": frozenset({400, 404, 415}),
}
"""The statuses that refuse an ability as a whole; `oci` is about manifests of that format."""


class Abilities:
    """The abilities of the target, as the users of one process find them; `absent` are those configured as missing.

    The first refusal that the specification allows marks an ability as absent. A refusal after a success is an error.
    """

    def __init__(self, absent: frozenset[str] = frozenset()) -> None:
        self._found = set(REFUSALS) - absent
        self._shown: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._found

    def judged(self, name: str, judge: Judge) -> Judge:
        """Return the check of an answer that may also be a refusal of the ability."""

        def learned(answer: Exchange) -> str:
            if name not in self._shown and answer.status in REFUSALS[name]:
                self._found.discard(name)
                return ""
            problem = judge(answer)
            if not problem and answer.status != 404:
                self._shown.add(name)
            return problem

        return learned
