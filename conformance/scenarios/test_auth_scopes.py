"""Auth scopes of GitHub's registries: which identity may pull, push, mount and delete in which place.

The clients use Basic or tokens, as the registry asks.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from conformance.checks.checks import Checks
from conformance.checks.trials import REFUSED, Trials
from conformance.client.client import Client
from conformance.client.content import Content, Manifest
from conformance.client.packages import name_of
from conformance.client.steps import Steps
from conformance.scene.actors import Clients, Places, unconfigured
from conformance.scene.github import packages_of
from conformance.scene.requirement import about, requirement


@dataclass(frozen=True, slots=True)
class Pushed:
    """An image with a tag that the writer has pushed."""

    repository: str
    tag: str
    image: Manifest

    @property
    def whole(self) -> tuple[str, str, Manifest]:
        return self.repository, self.tag, self.image


def pushed(given: Steps, content: Content, repository: str) -> Pushed:
    """Push an image of one blob to a unique tag, since one repository may serve as the place of all scenarios."""
    found = Pushed(repository, content.word(), content.docker_image(layers=0))
    given.manifest(repository, found.image, found.tag)
    return found


def known(clients: Clients, *names: str) -> list[str]:
    """Return the identities that the target has; the scenario is skipped if it has none of them."""
    return [name for name in names if clients.target.description.identity(name)] or unconfigured(
        f"none of these identities is configured: {', '.join(names)}"
    )


def pulls(trials: Trials, client: Client, there: Pushed) -> None:
    """Check that an identity with the right pulls the image."""
    trials.pull(client, there.repository, there.tag, there.image)


def intrude(trials: Trials, clients: Clients, names: list[str], repository: str, content: Content) -> None:
    """Check that none of the named identities can push, and that nothing is stored afterwards."""
    tag, image, blob = content.word(), content.docker_image(layers=0), content.blob()
    Steps(clients()).parts(repository, image)
    for name in names:
        trials.no_push(clients(name), repository, tag, image, blob)
    trials.absent(clients(), repository, tag, blob)


@requirement("GHD-08", "GHC-05")
def test_pull_takes_scope_and_role(
    clients: Clients, check: Checks, given: Steps, content: Content, place: Places
) -> None:
    trials, there = Trials(check, "GHD-08", "GHC-05"), pushed(given, content, place("shared"))
    for name in known(clients, "reader", "write", "role-read", "role-write"):
        pulls(trials, clients(name), there)
    for name in known(clients, "none", "stranger"):
        trials.no_pull(clients(name), *there.whole)


@requirement("GHD-09", "GHC-05")
def test_push_takes_scope_and_role(
    clients: Clients, check: Checks, given: Steps, content: Content, place: Places
) -> None:
    trials, repository = Trials(check, "GHD-09", "GHC-05"), place("shared")
    for name in known(clients, "write", "role-write"):
        tag, image = content.word(), content.docker_image()
        trials.push(clients(name), repository, image, tag)
        trials.pull(clients(), repository, tag, image)
    intrude(trials, clients, known(clients, "none", "reader", "role-read", "stranger"), repository, content)


@requirement("GHD-08", "GHD-09", "GHC-05")
def test_mount_takes_the_right_to_pull_from_the_source(
    clients: Clients, check: Checks, given: Steps, content: Content, place: Places
) -> None:
    here, member = place("shared"), clients("role-write")
    closed, opened = place("elsewhere"), place("public")
    secret, plain = content.blob(), content.blob()
    given.blob(closed, secret)
    given.blob(opened, plain)
    pulls, pushes = Trials(check, "GHD-08", "GHC-05"), Trials(check, "GHD-09", "GHC-05")
    pulls.status(member.mount(here, secret.digest, source=closed), 202, *REFUSED)
    pulls.absent(clients(), here, "", secret)
    pushes.status(member.mount(here, plain.digest, source=opened), 201, 202)
    pushes.status(clients("role-read").mount(here, plain.digest, source=opened), *REFUSED)


@requirement()
@pytest.mark.parametrize(
    "type",
    [
        pytest.param("docker", marks=about("GHD-10")),
        pytest.param("container", marks=about("GHC-05")),
    ],
)
def test_deletion_takes_scopes_and_role(
    clients: Clients, check: Checks, given: Steps, content: Content, place: Places, type: str
) -> None:
    """Deletion through the packages API must need the scopes and the role admin."""
    own, public = (pushed(given, content, place(name)) for name in ("default", "public"))
    trials = Trials(check, "GHD-10" if type == "docker" else "GHC-05")
    intruders = [(name, own) for name in known(clients, "nobody", "reader", "write", "role-write")]
    for name, there in [*intruders, *((name, public) for name in known(clients, "stranger", "role-write"))]:
        packages = packages_of(clients, there.repository, type, identity=name)
        trials.status(packages.delete_package(name_of(there.repository, type)), *REFUSED)
    for there in (own, public):
        pulls(trials, clients(), there)
    deleted = packages_of(clients, own.repository, type).delete_package(name_of(own.repository, type))
    trials.status(deleted, 204)
    trials.absent(clients(), own.repository, own.tag)


@requirement("GHD-06")
def test_only_classic_tokens_and_those_of_workflows_count(
    clients: Clients, check: Checks, given: Steps, content: Content, place: Places
) -> None:
    trials, there = Trials(check, "GHD-06"), pushed(given, content, place("shared"))
    for name in known(clients, "reader", "actions"):
        pulls(trials, clients(name), there)
    others = known(clients, "password", "fine-grained", "wrong", "expired")
    intrude(trials, clients, others, there.repository, content)


@requirement("GHD-06", "GHD-20")
def test_bad_credentials(clients: Clients, check: Checks, given: Steps, content: Content, place: Places) -> None:
    there = pushed(given, content, place("public"))
    for name in known(clients, "wrong", "expired", "password", "fine-grained"):
        Trials(check, "GHD-06").no_pull(clients(name), *there.whole)
        check.status("GHD-20", clients(name).get_manifest(there.repository, there.tag), 401)


@requirement("GHD-07", "GHD-20")
def test_nothing_without_credentials(
    clients: Clients, check: Checks, given: Steps, content: Content, place: Places
) -> None:
    trials, there = Trials(check, "GHD-07"), pushed(given, content, place("public"))
    trials.no_pull(clients("nobody"), *there.whole)
    intrude(trials, clients, ["nobody"], there.repository, content)
    check.status("GHD-20", clients("nobody").get_manifest(there.repository, there.tag), 401)


@requirement("GHD-11", "GHC-14")
def test_token_of_a_workflow(clients: Clients, check: Checks, given: Steps, content: Content, place: Places) -> None:
    trials, repository = Trials(check, "GHD-11", "GHC-14"), place("shared")
    tag, image = content.word(), content.docker_image()
    trials.push(clients("actions"), repository, image, tag)
    trials.pull(clients("actions"), repository, tag, image)
    for name in known(clients, "actions-read"):
        trials.pull(clients(name), repository, tag, image)
        intrude(trials, clients, [name], repository, content)


@requirement("GHD-11", "GHC-14")
def test_token_of_a_workflow_pushes_nowhere_else(
    clients: Clients, check: Checks, given: Steps, content: Content, place: Places
) -> None:
    there = pushed(given, content, place("elsewhere"))
    intrude(Trials(check, "GHD-11", "GHC-14"), clients, known(clients, "actions"), there.repository, content)


@requirement("GHD-12")
def test_token_of_a_workflow_pulls_nowhere_else(
    clients: Clients, check: Checks, given: Steps, content: Content, place: Places
) -> None:
    trials, there = Trials(check, "GHD-12"), pushed(given, content, place("elsewhere"))
    trials.no_pull(clients("actions"), *there.whole)
    pulls(trials, clients("reader"), there)


@requirement("GHD-13", "GHC-05")
@pytest.mark.parametrize(
    ("where", "readers", "strangers"),
    [
        ("shared", ("role-read", "role-write"), ("stranger",)),
        ("elsewhere", ("reader",), ("role-read", "role-write", "stranger")),
        ("internal", ("stranger", "role-read"), ()),
        ("public", ("stranger", "role-read"), ()),
    ],
)
def test_role_and_visibility(
    clients: Clients,
    check: Checks,
    given: Steps,
    content: Content,
    place: Places,
    where: str,
    readers: tuple[str, ...],
    strangers: tuple[str, ...],
) -> None:
    trials, there = Trials(check, "GHD-13", "GHC-05"), pushed(given, content, place(where))
    for name in known(clients, *readers):
        pulls(trials, clients(name), there)
    for name in strangers and known(clients, *strangers):
        trials.no_pull(clients(name), *there.whole)
    intrude(trials, clients, known(clients, "stranger"), there.repository, content)


@requirement("GHC-04")
def test_public_images_are_pulled_by_anybody(
    clients: Clients, check: Checks, given: Steps, content: Content, place: Places
) -> None:
    trials, there = Trials(check, "GHC-04"), pushed(given, content, place("public"))
    pulls(trials, clients("nobody"), there)
    intrude(trials, clients, ["nobody"], there.repository, content)


@requirement("GHC-04")
@pytest.mark.parametrize("where", ["default", "internal"])
def test_other_images_are_not(
    clients: Clients, check: Checks, given: Steps, content: Content, place: Places, where: str
) -> None:
    """A new image must be private until its visibility is changed."""
    trials, there = Trials(check, "GHC-04"), pushed(given, content, place(where))
    trials.no_pull(clients("nobody"), *there.whole)
    if where == "default":
        trials.no_pull(clients("stranger"), *there.whole)
    pulls(trials, clients(), there)
