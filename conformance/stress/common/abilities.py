"""The facts about a target that the model needs before it can judge: its abilities, and the rights of each identity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import count

from conformance.checks.capabilities import PROBES, Answer, Capabilities, Probe, judge
from conformance.client.client import location_of
from conformance.client.content import Content
from conformance.client.steps import Steps, Unprepared
from conformance.stress.common.base import Stress

SURE = frozenset({"oci", "oci_indexes", "digests", "manifest_head"})
"""The abilities of every registry of the specification."""

_GITHUB = frozenset({"mount", "single_post", "blob_range", "upload_status", "completeness", "docker", "sha512"})
DOCUMENTED: Mapping[str, frozenset[str]] = {
    "github-docker": _GITHUB,
    "github-container": _GITHUB | SURE | {"docker_lists", "foreign_layers", "manifest_sha512"},
}
"""The abilities of GitHub's registries, which must refuse all others."""

_PULL, _PUSH, _DELETE = frozenset({"pull"}), frozenset({"pull", "push"}), frozenset({"pull", "delete"})
RIGHTS: Mapping[str, frozenset[str]] = {
    "writer": _PUSH | _DELETE,
    "all": _PUSH | _DELETE,
    "reader": _PULL,
    "write": _PUSH,
    "delete": _DELETE,
}
"""The rights of each identity in the default place of a target that authenticates; other identities have none."""


def rights_of(stress: Stress) -> Mapping[str, frozenset[str]] | None:
    """Return the rights of each identity; None without authentication."""
    return None if stress.target.writer.anonymous else RIGHTS


def abilities_of(stress: Stress) -> frozenset[str]:
    """Return the abilities of the target: the documented ones of the profile that it claims, else the probed ones."""
    described = stress.target.description
    for profile, documented in DOCUMENTED.items():
        if profile in described.profile:
            return documented
    content = Content(seed=stress.seed, label=f"abilities {stress.id}")
    names = (stress.repository(f"ability-{number}") for number in count())
    client = stress.client()
    asked = Capabilities(client, content, new_name=lambda label: next(names), absent=described.absent)
    found = {name for name in PROBES if _is_present(partial(asked.ask, name))}
    probe = Probe(client, content, names)
    return SURE | found | {name for name, ask in _FURTHER.items() if _is_present(partial(ask, probe))}


def _is_present(ask: Callable[[], Answer]) -> bool:
    """Return whether an ability is present; False if its preparation fails: the machine then finds that fault."""
    try:
        return ask().present
    except Unprepared:
        return False


def _docker(probe: Probe) -> Answer:
    name, image = next(probe.names), probe.content.docker_image()
    probe.steps.parts(name, image)
    return judge(probe.client.put_manifest(name, "docker", image.data, media_type=image.media_type), 400, 404, 415)


def _docker_lists(probe: Probe) -> Answer:
    name, child = next(probe.names), probe.content.docker_image()
    probe.steps.parts(name, child)
    probe.client.put_manifest(name, child.digest, child.data, media_type=child.media_type)
    index = probe.content.docker_list([child])
    return judge(probe.client.put_manifest(name, "list", index.data, media_type=index.media_type), 400, 404, 415)


def _foreign_layers(probe: Probe) -> Answer:
    name = next(probe.names)
    image = probe.content.docker_image(foreign=[probe.content.foreign_layer()])
    probe.steps.parts(name, image)
    pushed = probe.client.put_manifest(name, "foreign", image.data, media_type=image.media_type)
    return judge(pushed, 400, 403, 404, 415, 500)


def _completeness(probe: Probe) -> Answer:
    """Return whether a manifest is refused while its content is missing."""
    name, image = next(probe.names), probe.content.image()
    return judge(probe.client.put_manifest(name, "bare", image.data, media_type=image.media_type), 201)


def _upload_status(probe: Probe) -> Answer:
    session = Steps(probe.client).session(next(probe.names))
    return judge(probe.client.upload_status(location_of(session) or ""), 404, 405)


_FURTHER: Mapping[str, Callable[[Probe], Answer]] = {
    "docker": _docker,
    "docker_lists": _docker_lists,
    "foreign_layers": _foreign_layers,
    "completeness": _completeness,
    "upload_status": _upload_status,
}
"""Abilities that only the model needs."""
