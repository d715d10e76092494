"""The things that a scenario asks for by the names of its arguments, each made when it is first needed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import cached_property
from typing import Any

from conformance.checks.capabilities import Answer, Capabilities
from conformance.checks.checks import Checks
from conformance.checks.read_back import ReadBack, Reader
from conformance.checks.verdict import Case
from conformance.client.client import Allowance, Client
from conformance.client.content import Content
from conformance.client.credentials import basic
from conformance.client.steps import Steps, Unprepared, tags_in
from conformance.client.transport import TransportError
from conformance.config.description import Hosts
from conformance.config.settings import Settings
from conformance.scene import github
from conformance.scene.actors import Clients, Places, Variant, not_applicable, unconfigured, unsupported
from conformance.targets.base import Target


class Scene:
    """Everything around one scenario; a context manager whose end tidies up.

    `new_part` makes a part of a repository name that no other scenario has; with `wire` the clients use a socket.
    """

    def __init__(
        self,
        case: Case,
        target: Target,
        capabilities: Capabilities,
        settings: Settings,
        *,
        new_part: Callable[[], str],
        wire: bool = False,
    ) -> None:
        self.case = case
        self.target = target
        self.capabilities = capabilities
        self.settings = settings
        self._new_part = new_part
        self._wire = wire
        self._stack = ExitStack()

    def __enter__(self) -> Scene:
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.__exit__(*error)

    def need(self, capability: str) -> None:
        """End the scenario when a capability is absent: as unsupported, or as failed when the target has to have it.

        It does not apply to a target that is configured without the capability.
        """
        answer = self._ask(capability)
        if answer.present:
            return
        described = self.target.description
        if capability in described.required:
            self.case.miss(capability, answer.reason)
        if capability in described.absent:
            not_applicable(f"{capability}: {answer.reason}")
        lacking = "push" if answer.unknown else capability
        unsupported(f"{lacking}: {self.capabilities.ask(lacking).reason}")

    def excuse(self, error: Unprepared) -> None:
        """End the scenario as known if a line of known failures covers a preparation that failed; else return."""
        self.case.excuse(str(error), *error.requirements)

    def has(self, capability: str) -> bool:
        """Whether a capability is present, for a scenario of which only a part needs it."""
        return self._ask(capability).present

    def _ask(self, capability: str) -> Answer:
        try:
            answer = self.capabilities.ask(capability)
        except Unprepared as error:
            self.excuse(error)
            raise
        self.case.capabilities[capability] = str(answer)
        return answer

    @property
    def scene(self) -> Scene:
        """The scene itself, for a scenario that needs some of it under a condition only."""
        return self

    @cached_property
    def check(self) -> Checks:
        """The checks, bound to the requirements of this scenario."""
        return Checks(self.case)

    @cached_property
    def clients(self) -> Clients:
        """Make clients by identity: `clients("reader")`."""
        return Clients(self.target, self.case, self._wire)

    @cached_property
    def client(self) -> Client:
        """A client that may do everything, and whose every exchange is recorded."""
        return self.clients()

    @cached_property
    def given(self) -> Steps:
        """The preparations, all of which push."""
        self.need("push")
        return Steps(self.client, self.need)

    @cached_property
    def read_back(self) -> ReadBack:
        """Read what was written in every way, as the writer and as whom else the target has configured.

        The secret of the writer is also sent straight to the registry, as Basic and as a token, which need not count.
        """
        readers, writer = [Reader(self.client)], self.target.writer
        if not writer.anonymous:
            scheme, _, credentials = basic(writer.username, writer.secret).partition(" ")
            straight = [self.clients.bearing(credentials, scheme=scheme), self.clients.bearing(writer.secret)]
            readers += [Reader(client, may_be_refused=True) for client in straight]
            if self.target.description.identity("reader"):
                readers.append(Reader(self.clients("reader"), may_be_refused=True))
        return ReadBack(self.check, readers)

    @cached_property
    def content(self) -> Content:
        """Content that the seed of the run and the name of the scenario make."""
        return Content(seed=self.settings.seed, label=self.case.id)

    @cached_property
    def hosts(self) -> Hosts:
        """The hosts of the target."""
        return self.target.description.hosts

    @cached_property
    def place(self) -> Places:
        """Make names of repositories by purpose: `place("public")`."""
        return Places(self.target, self._new_part, lambda name: self._stack.callback(tidy, self.target, name))

    @cached_property
    def repository(self) -> str:
        """The name of a repository that no other scenario uses."""
        return self.place()

    @cached_property
    def another_repository(self) -> str:
        """The name of a second repository of this scenario; unsupported if the place has only one."""
        name = self.place()
        if name == self.repository:
            unconfigured("the target has no second repository")
        return name

    def variant(self, **settings: Any) -> Variant:
        """Start a fake of the scenario's own with other settings: `variant(ecosystem="read-only")`."""
        try:
            changed: Any = self._stack.enter_context(self.target.variant(**settings))
        except LookupError as error:
            not_applicable(str(error))
        return Variant(
            changed,
            Clients(changed, self.case),
            Places(changed, self._new_part, lambda name: None),
            self.need,
        )


ARGUMENTS = frozenset(
    {"case", "target", "capabilities", "settings", "scene", "check", "clients", "client", "given", "content", "hosts"}
    | {"place", "repository", "another_repository", "variant", "read_back"}
)
"""The names of arguments that a scenario gets from its scene; all others are pytest's."""


MOST_TIDYING = 100
"""Requests that tidy up after a scenario: more than it has tags, whatever the server lists."""


def tidy(target: Target, name: str) -> None:
    """Delete what a scenario left in a repository on a shared server, as far as that works; never a failure.

    That is its package, where there is an API for packages, unless other scenarios use it, too; else what has a tag.
    """
    if not target.shared:
        return
    client = Client(
        target.transport(),
        case="tidy",
        authenticator=target.authenticator(target.writer),
        allowance=Allowance(requests=MOST_TIDYING),
    )
    try:
        if target.description.hosts.web:
            if name not in target.description.places.values():
                github.tidy(target, name)
            return
        for tag in tags_in(client.list_tags(name)):
            digest = client.head_manifest(name, tag).header("Docker-Content-Digest")
            if digest:
                client.delete_manifest(name, digest)
    except TransportError:
        return
