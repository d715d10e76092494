"""The state machine: it plays a program on a target, compares each answer with the model, and reads the registry.

After a step that may change something, the affected content is read again, from time to time also in another
repository; at the end everything is read, what is gone included. It is read with HEAD and with GET, with and without
gzip, as the writer and as the reader in turn, since a cache may answer one of them and not another. A reading step is a
check itself, so only after every third one something is read. A wrong answer is a `Mismatch`, whose text is a bug
report.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from conformance.catalogue.known_failures import KnownFailure
from conformance.client.client import Client, location_of
from conformance.client.content import digest_of
from conformance.client.exchange import Exchange
from conformance.client.reading import next_link
from conformance.client.steps import tags_in
from conformance.stress.machine.holdings import Expected, Unclear, nothing, refused, right
from conformance.stress.machine.model import COMMON, REFUSED, Model
from conformance.stress.machine.program import Program, Step
from conformance.stress.machine.rules import MAX_PAGES, RULES, Call, World
from conformance.urls import joined

ACTIONS = {
    "get_manifest": "pull", "head_manifest": "pull", "get_blob": "pull", "head_blob": "pull", "list_tags": "pull",
    "list_referrers": "pull", "delete_manifest": "delete", "delete_blob": "delete", "put_manifest": "push",
    "start_upload": "push", "post_blob": "push", "mount": "push", "patch": "push", "put_upload": "push",
    "upload_status": "push", "cancel_upload": "push",
}  # fmt: skip
"""The right that each call needs; other calls need none."""

CODINGS: tuple[dict[str, tuple[tuple[str, str], ...]], ...] = ({}, {"headers": (("Accept-Encoding", "gzip"),)})
"""The options of a call without and with gzip."""

READERS = ("writer", "writer", "reader")
"""Who reads, in turn."""

ACTS = {"put_upload", "post_blob", "mount", "delete_blob"}
"""Calls that change the blobs of a repository."""


class Mismatch(AssertionError):
    """Raised for a wrong answer or a wrong state of the registry; the text has the evidence."""

    def __init__(self, requirement: str, text: str) -> None:
        super().__init__(f"{requirement}: {text}")
        self.requirement = requirement


@dataclass(frozen=True)
class Rules:
    """The facts about the target: its abilities, the rights of identities, and its known failures."""

    abilities: frozenset[str]
    rights: Mapping[str, frozenset[str]] | None = None
    known: tuple[KnownFailure, ...] = ()


@dataclass
class Machine:
    """Plays one program. `log` has every call as text with its exchange; `steps` counts the rules played.

    `turn` is that of the step that is played: it decides what else is read, so that a step reads the same when another
    one is left out.
    """

    clients: Callable[[str], Client]
    rules: Rules
    world: World
    log: list[tuple[str, Call, Exchange]] = field(default_factory=list)
    steps: int = 0
    turn: int = 0
    known: int = 0
    references: set[tuple[str, str]] = field(default_factory=set)
    """Each repository with each tag and digest that the program has written or deleted there."""

    def __post_init__(self) -> None:
        self.model = Model(abilities=self.rules.abilities, rights=self.rules.rights)

    def play(self, program: Program) -> None:
        """Play every step; raise Mismatch for the first wrong answer."""
        try:
            for step in program.steps:
                self.step(step)
            self.look_at_everything()
        except Unclear:
            return

    def step(self, step: Step) -> None:
        """Play one rule, then read the affected content."""
        self.steps += 1
        self.turn = step.turn
        before = len(self.log)
        calls = RULES[step.rule](self.world, **step.arguments)
        try:
            answer = self.perform(next(calls), step.who)
            while True:
                answer = self.perform(calls.send(answer), step.who)
        except StopIteration:
            pass
        for _, call, exchange in self.log[before:][-1:]:
            self.look_at(call)
            if exchange.status == 201 and call.method in ACTS and self.turn % 3 == 0:
                self._follow(call, exchange)

    def perform(self, call: Call, who: str = "writer") -> Exchange:
        """Make a call and compare the answer with the model."""
        expected = self.expect(call, who)
        try:
            exchange = call.make(self.clients(who), self.world)
        except Exception as error:  # any error means that no answer came
            raise Mismatch(expected.requirement, f"{call} got no answer: {error!r}") from error
        self.log.append((who, call, exchange))
        if problem := right(expected, exchange):
            self._excuse(expected.requirement, f"{call.method}: {problem}", exchange)
        else:
            expected.effects[exchange.status]()
        return exchange

    def expect(self, call: Call, who: str) -> Expected:
        """Return the expectation, by the content of the registry and the rights of the identity."""
        action = ACTIONS.get(call.method)
        if action and not self.model.may(who, action):
            return refused("OCI-R102", (400, *REFUSED, 405))
        if call.method == "ping" and self.rules.rights is not None and who != "writer":
            return refused("OCI-R001", (200, 401, 403))  # the specification does not say how it treats credentials
        first = () if call.upload is None else (call.upload,)
        options = dict(call.options)
        if call.method == "put_manifest":
            options["valid"] = call.valid
        expected: Expected = getattr(self.model, call.method)(*first, *call.arguments, **options)
        if self.rules.rights is not None and not self._is_own(call):  # rights and the form of names may forbid it
            expected.effects = {**dict.fromkeys((400, *REFUSED), nothing), **expected.effects}
        return expected

    def _is_own(self, call: Call) -> bool:
        """Return whether a call names only repositories of the program."""
        names = [*call.arguments[:1], *filter(None, [call.options.get("source")])]
        return call.upload is not None or all(name in self.world.repositories for name in names)

    def _excuse(self, requirement: str, problem: str, exchange: Exchange) -> None:
        """Continue if this is a known failure of the target; else raise Mismatch."""
        if not any(line.requirement == requirement for line in self.rules.known):
            raise Mismatch(requirement, f"{problem}\n{exchange.describe()}")
        self.known += 1
        if exchange.request.method not in {"GET", "HEAD"}:
            raise Unclear  # the effect on the content is unknown

    # Reading the content.

    def look_at(self, call: Call) -> None:
        """Read the content that a call affected, here or in another repository, and its consequences."""
        if call.upload is not None:
            self._look_at_upload(call)
            return
        name = str(call.arguments[0]) if call.arguments else ""
        if name not in self.world.repositories:
            name = self.world.repositories[self.turn % len(self.world.repositories)]
        elsewhere = self.world.repositories[(self.world.repositories.index(name) + 1) % len(self.world.repositories)]
        if call.method in ACTS:
            self._read("blob", name, call.arguments[1])
            self.perform(Call("head_blob", (elsewhere, call.arguments[1])))
        elif call.method in {"head_blob", "get_blob"}:
            if self.turn % 3 == 0:
                self.perform(Call("head_blob", (elsewhere, call.arguments[1])))
        elif call.method in {"put_manifest", "delete_manifest"}:
            self._look_at_manifest(call, name, elsewhere)
        elif self.turn % 3 == 0:
            self._look_at_tags(name, self.turn % 4)

    def _look_at_upload(self, call: Call) -> None:
        """Check the progress of an upload session, or the blob of a finished one."""
        if call.method == "put_upload":
            self._read("blob", self.model.uploads[call.upload or 0].name, call.arguments[0])
        elif call.method != "upload_status":
            self.perform(Call("upload_status", upload=call.upload))
            digest = digest_of(self.world.uploads[call.upload or 0].data)
            if digest not in COMMON:  # what was sent is no blob before the session is closed
                self._read("blob", self.model.uploads[call.upload or 0].name, digest)

    def _follow(self, call: Call, exchange: Exchange) -> None:
        """Check that the Location of a blob leads to it."""
        there = self.perform(Call("request", ("HEAD", location_of(exchange) or "")))
        if call.upload is None:
            name, digest = call.arguments[:2]
        else:
            name, digest = self.model.uploads[call.upload].name, call.arguments[0]
        size = len(self.model.of(name).blobs[digest])
        if there.header("Content-Length") != str(size):
            self._excuse("OCI-R032", f"the Location of a blob of {size} bytes does not lead to it", there)

    def _look_at_manifest(self, call: Call, name: str, elsewhere: str) -> None:
        """Read the affected manifest by tag and digest, another one, the tags, and the referrers of its subject."""
        reference = str(call.arguments[1])
        written = [reference] if call.method == "delete_manifest" else [reference, digest_of(call.arguments[2])]
        self.references |= {(name, each) for each in written}
        for each in dict.fromkeys(written):
            self._read("manifest", name, each)
        if self.turn % 3 == 0:
            self.perform(Call("get_manifest", (elsewhere, reference)))
        if others := list(self.model.of(name).manifests):  # such as the one that a tag has named before
            self._read("manifest", name, others[self.turn % len(others)])
        self._look_at_tags(name, self.turn % 4 if call.method == "put_manifest" else 0)
        if subject := self._subject(call):
            self.perform(Call("list_referrers", (name, subject)))

    def _read(self, kind: str, name: str, reference: str) -> None:
        """Read a manifest or a blob by HEAD and GET."""
        who = READERS[self.turn % len(READERS)]
        for number, method in enumerate(("head", "get")):
            options = CODINGS[(self.turn + number) % len(CODINGS)]
            self.perform(Call(f"{method}_{kind}", (name, reference), options), who)

    def _subject(self, call: Call) -> str | None:
        """Return the digest whose referrers a push or deletion has changed."""
        if "referrers" not in self.model.can:
            return None
        for number in range(self.world.count):
            made = self.world.manifest(number)
            if made.recipe.subject is not None and (made.digest in call.arguments or made.data in call.arguments):
                return self.world.manifest(made.recipe.subject).digest
        return None

    def _look_at_tags(self, name: str, size: int) -> None:
        """Read the first tags of a repository; with a size of 0, all of them."""
        self.perform(Call("list_tags", (name,), {"n": size} if size else {}))

    def _walk_tags(self, name: str, size: int) -> None:
        """Read all tags page by page: complete, and each only once."""
        answer = self.perform(Call("list_tags", (name,), {"n": size}))
        found, pages = tags_in(answer), 1
        while (link := next_link(answer)) is not None and pages < MAX_PAGES:
            answer = self.perform(Call("request", ("GET", joined(answer.request.url, link))))
            found += tags_in(answer)
            pages += 1
        wanted = sorted(self.model.of(name).tags)
        if pages < MAX_PAGES and sorted(found) != wanted and answer.status == 200:
            self._excuse("OCI-R068", f"the tags in pages of {size} must be {wanted}, got {found}", answer)

    def look_at_everything(self) -> None:
        """Read all content of the model."""
        for number, name in enumerate(self.world.repositories, start=1):
            held = self.model.of(name)
            for digest in held.blobs:
                self._read("blob", name, digest)
            gone = sorted(reference for there, reference in self.references if there == name)
            for reference in dict.fromkeys([*held.manifests, *held.tags, *gone]):
                self._read("manifest", name, reference)
            for subject in {manifest.subject for manifest in held.manifests.values()} - {None}:
                self.perform(Call("list_referrers", (name, subject)))
            self._look_at_tags(name, 0)
            self._walk_tags(name, number)
