"""The part `hostile`: malformed traffic on raw sockets, which must not disturb the server.

First come the malformed requests of the catalogue, then many upload sessions and silent connections, then randomly
mutated requests until the budget is spent. After each, the server must answer a valid request. If the target is our own
fake, a separate server process is tested instead, with checks of its memory, open files, log and folder.
"""

from __future__ import annotations

import itertools
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from conformance.client.client import INDEX, location_of
from conformance.client.content import digest_of
from conformance.client.exchange import Exchange
from conformance.client.transport import HttpTransport, Transport, TransportError
from conformance.stress.common.base import Figures, Finding, Stress
from conformance.stress.common.server_process import NotStarted, serving
from conformance.stress.hostile.judge import faults_of, opened_by, shown
from conformance.stress.hostile.mutation import mutated
from conformance.stress.hostile.shapes import Shape
from conformance.stress.hostile.shapes_use import shapes as all_shapes
from conformance.stress.hostile.watched import FILES, MEMORY_KIB, Watched
from conformance.stress.hostile.wire import Address, Piece, Talk, Wire
from conformance.targets.storage import DIRECTORY
from conformance.urls import joined, parsed, port_of

DEADLINE = 10.0
"""Seconds within which every connection is answered or closed."""

SESSIONS, SHARED_SESSIONS = 10_000, 100
IDLE, SHARED_IDLE = 300, 30
MOST_FINDINGS = 20
"""Findings after which the part ends."""

WARM_UP = 100
TAG = "stays"
_INDEX = b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}'
_SPOILED = (0, 2, 3, 4, 501, 505)
"""A mutated request may have an unknown method or version, or be one of HTTP/0.9."""

_MARK = re.compile(rb"\{(head|host|name|session|digest|tag|leaf)\}")
_KEPT_BYTES = 2000
_NOTHING = Talk()


class Stop(Exception):
    """Raised to end the part, since the server does not answer any more."""


def run(
    stress: Stress,
    *,
    command: Sequence[str] | None = None,
    shapes: Iterable[Shape] | None = None,
    sessions: int = SESSIONS,
    mutations: int | None = None,
    deadline: float = DEADLINE,
    parent: Path | None = None,
) -> Figures:
    """Attack the target, or our own server by `command`, until the budget or the number of `mutations` is spent."""
    figures = Figures("hostile")
    with ExitStack() as stack:
        if not stress.target.reset():
            transport = stress.target.transport(wire=True)
            assault = Assault(stress, figures, transport, Address.of(stress), deadline)
        else:
            place = Path(tempfile.mkdtemp(prefix="stress-hostile-", dir=parent))
            stack.callback(shutil.rmtree, place, ignore_errors=True)
            watched = stack.enter_context(
                Watched(command or serving(stress.target.settings.storage or DIRECTORY), place, _leaf(stress))
            )
            try:
                url = watched.url()
            except NotStarted as error:
                figures.findings.append(Finding("the server does not start", str(error)))
                return figures
            own = stack.enter_context(HttpTransport(url))
            assault = Assault(stress, figures, own, _address(url), deadline, watched)
        assault.run(all_shapes() if shapes is None else shapes, sessions, mutations)
    return figures


def _address(url: str) -> Address:
    parts = parsed(url)
    return Address(parts.hostname or "", port_of(parts), parts.netloc)


def _leaf(stress: Stress) -> str:
    return stress.repository("hostile").rpartition("/")[2]


class Assault:
    """The attacks on one server."""

    def __init__(
        self,
        stress: Stress,
        figures: Figures,
        transport: Transport,
        address: Address,
        deadline: float,
        watched: Watched | None = None,
    ) -> None:
        self._stress = stress
        self._figures = figures
        self._base_url = transport.base_url
        self._address = address
        self._deadline = deadline
        self._watched = watched
        self._client = stress.client(transport=transport, on_exchange=self._count)
        self._repository = stress.repository("hostile")
        self._authorization = self._digest = ""
        self._sent = b""
        self._tag_there = False
        self._opened: list[str] = []

    def run(self, shapes: Iterable[Shape], sessions: int, mutations: int | None) -> None:
        """Run all attacks until the budget is spent or the server is gone."""
        numbers = self._figures.numbers
        with suppress(Stop):
            self._warm_up()
            files = self._watched.files() if self._watched else 0
            numbers["memory_before_kib"] = self._watched.memory() if self._watched else 0
            for shape in shapes:
                if self._stress.budget.spent:
                    break
                self._go_on()
                self._shape(shape)
                numbers["shapes"] += 1
            self._stress.say(f"{numbers['shapes']} shapes, {len(self._figures.findings)} findings")
            self._silence(SHARED_IDLE if self._stress.target.shared else IDLE)
            self._sessions(min(sessions, SHARED_SESSIONS) if self._stress.target.shared else sessions)
            self._mutate(mutations)
            self._look_back(files)
        with suppress(TransportError):
            self._cancel()
        numbers["faults"] = numbers["shapes"] + numbers["mutations"]

    def _go_on(self) -> None:
        if len(self._figures.findings) >= MOST_FINDINGS:
            self._stress.say("too many findings to go on")
            raise Stop

    def _mutate(self, most: int | None) -> None:
        """Send mutated requests, until so many are done or the budget is spent."""
        random = self._stress.random("hostile mutations")
        for number in itertools.count() if most is None else range(most):
            if self._stress.budget.spent:
                return
            self._go_on()
            self._shape(Shape(f"mutation {number}", mutated(random, self._fill), _SPOILED, "half", answers=100))
            self._figures.numbers["mutations"] += 1
            if number % 2000 == 1999:
                self._stress.say(f"{number + 1} mutations, {len(self._figures.findings)} findings")

    def _shape(self, shape: Shape) -> None:
        """Send one shape and judge the answers; then the server must answer a valid request."""
        talk = self._talk(shape)
        sent = self._sent
        secret = self._watched.secret if self._watched else b""
        for text in faults_of(shape, talk, self._deadline, secret):
            self._found(f"{shape.name}: {text}", talk)
        self._opened += opened_by(talk)
        self._ping(shape.name)
        for text, evidence in self._watched.faults() if self._watched else ():
            self._found(f"{shape.name}: {text}", talk, evidence)
        self._guarded(shape.name, self._cancel)
        if f"/manifests/{TAG} ".encode() in sent:
            self._guarded(shape.name, lambda: self._tag_stays(shape.name))

    def _talk(self, shape: Shape) -> Talk:
        """Open one connection; its bytes are kept as evidence."""
        numbers = self._figures.numbers
        numbers["connections"] += 1
        numbers["requests"] += 1
        before, self._sent = self._sent, b""
        try:
            with Wire(self._address, self._deadline) as wire:
                talk = wire.converse(self._filled(shape.pieces()), shape.ending)
        except (OSError, TransportError) as error:
            self._sent = self._sent or before  # possible causes
            self._found(f"{shape.name}: no connection, or no upload session: {error}", evidence=self._state())
            raise Stop from error
        numbers["bytes sent"] += talk.sent
        return talk

    def _filled(self, pieces: Iterable[Piece]) -> Iterator[Piece]:
        for piece in pieces:
            filled = self._fill(piece) if isinstance(piece, bytes) else piece
            if isinstance(filled, bytes) and len(self._sent) < _KEPT_BYTES:
                self._sent += filled[:_KEPT_BYTES]
            yield filled

    def _fill(self, template: bytes) -> bytes:
        """Return the bytes with their marks replaced."""
        return _MARK.sub(lambda mark: self._value(mark[1].decode()), template)

    def _value(self, mark: str) -> bytes:
        if mark == "session":
            return self._open()
        values = {
            "head": f"Host: {self._address.host}\r\n{self._authorization}",
            "host": self._address.host,
            "name": self._repository,
            "digest": self._digest,
            "tag": TAG,
            "leaf": _leaf(self._stress),
        }
        return values[mark].encode()

    def _ping(self, after: str) -> None:
        """Check that the server answers on a new connection; raise Stop if it does not."""
        before = self._sent
        talk = self._talk(Shape(f"after {after}", b"GET /v2/ HTTP/1.1\r\n{head}\r\n"))
        self._sent = before
        if not talk.statuses or not 200 <= talk.statuses[0] < 500:
            self._found(f"after {after}: the server does not answer GET /v2/", talk, self._state())
            raise Stop

    def _state(self) -> str:
        """Check the process of our own server."""
        return "\n".join(f"{text}\n{log}" for text, log in self._watched.faults()) if self._watched else ""

    def _warm_up(self) -> None:
        """Make the content that the shapes name, and let the server allocate its memory."""

        def make() -> None:
            self._digest = digest_of(_INDEX)
            self._client.post_blob(self._repository, self._digest, _INDEX)
            self._client.put_manifest(self._repository, TAG, _INDEX, media_type=INDEX)
            self._tag_there = self._client.head_manifest(self._repository, TAG).status == 200
            for _ in range(WARM_UP):
                self._client.ping()

        self._guarded("warm-up", make)

    def _tag_stays(self, shape: str) -> None:
        """Check that no hidden request has deleted the tag."""
        answer = self._client.head_manifest(self._repository, TAG)
        if self._tag_there and answer.status == 404:
            self._tag_there = False
            self._figures.findings.append(self._finding(f"{shape}: a hidden request deleted a tag", answer.describe()))

    def _guarded(self, name: str, action: Callable[[], object]) -> None:
        """Run a step that needs answers; raise Stop if none comes."""
        try:
            action()
        except TransportError as error:
            self._found(f"{name}: the server does not answer a valid request: {error}")
            raise Stop from error

    def _open(self) -> bytes:
        """Return path and query of a new upload session; of one that does not exist if none can be opened."""
        location = location_of(self._client.start_upload(self._repository))
        if location is None:
            return f"/v2/{self._repository}/blobs/uploads/none".encode()
        self._opened.append(location)
        parts = parsed(location)
        return (f"{parts.path}?{parts.query}" if parts.query else parts.path).encode()

    def _cancel(self) -> None:
        """Cancel the opened sessions, as far as they exist."""
        while self._opened:
            answer = self._client.cancel_upload(joined(f"{self._base_url}/", self._opened.pop()))
            if answer.status >= 500:
                self._figures.findings.append(self._finding("a session cannot be cancelled", answer.describe()))

    def _silence(self, count: int) -> None:
        """Open connections without sending anything, and check that others are answered."""
        with ExitStack() as stack:
            for _ in range(count):
                try:
                    stack.enter_context(Wire(self._address, self._deadline))
                except OSError as error:
                    self._found(f"{count} silent connections: no connection: {error}")
                    raise Stop from error
                self._figures.numbers["connections"] += 1
            self._ping(f"{count} silent connections")

    def _sessions(self, count: int) -> None:
        """Open so many upload sessions, or as many as possible in a third of the time; then cancel them."""
        enough = self._stress.budget.left * 2 / 3

        def open_all() -> None:
            for _ in range(count):
                answer = self._client.start_upload(self._repository)
                if answer.status >= 500:
                    self._figures.findings.append(self._finding("a session cannot be opened", answer.describe()))
                if answer.status != 202 or self._stress.budget.left <= enough:
                    return
                self._opened.append(location_of(answer) or "")
                self._figures.numbers["sessions"] += 1

        self._guarded(f"{count} upload sessions", open_all)
        self._ping(f"{count} upload sessions")
        self._guarded(f"{count} upload sessions", self._cancel)

    def _look_back(self, files: int) -> None:
        """Compare the resources of the server with those before."""
        if not self._watched:
            return
        numbers = self._figures.numbers
        numbers["memory_after_kib"] = self._watched.memory()
        grown = numbers["memory_after_kib"] - numbers["memory_before_kib"]
        if grown >= MEMORY_KIB:
            self._found(f"the memory of the server grew by {grown} KiB")
        if (now := self._watched.settled(files)) > files + FILES:
            self._found(f"the number of open files of the server grew from {files} to {now}")

    def _count(self, exchange: Exchange) -> None:
        self._figures.numbers["requests"] += 1
        for name, value in exchange.request.headers:
            if name.lower() == "authorization":
                self._authorization = f"{name}: {value}\r\n"

    def _found(self, text: str, talk: Talk = _NOTHING, evidence: str = "") -> None:
        parts = [shown(self._sent, talk, self._authorization.encode()), evidence]
        self._figures.findings.append(self._finding(text, "\n\n".join(filter(None, parts))))

    def _finding(self, text: str, evidence: str) -> Finding:
        again = f"conformance stress --parts hostile --seed {self._stress.seed} {self._stress.target.name}"
        return Finding(text, evidence, again)
