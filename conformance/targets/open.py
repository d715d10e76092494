"""Make a target from its text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conformance.config.description import Hosts
from conformance.config.options import TARGETS
from conformance.config.settings import Settings
from conformance.output.secrets import redact
from conformance.targets.base import AttachedTarget, AttachedUrl, Target, UnusableTarget, UrlTarget

FAKES = ("fake", "socket")
"""Kinds of targets that have a storage to choose."""


def target_of(settings: Settings) -> Target:
    """Make the target of the settings, not yet entered; raise UnusableTarget for an unknown kind."""
    name = settings.target
    kind, _, rest = name.partition(":")
    if settings.storage and kind not in FAKES:
        raise UnusableTarget(
            f"storage must be left out unless the target is a fake, got {settings.storage!r} for {redact(name)}"
        )
    if kind not in {"http", "https"} and (ignored := _of_urls(settings)):
        raise UnusableTarget(f"{ignored} must be left out unless the target is a URL, got {redact(name)}")
    match kind:
        case "http" | "https":
            return UrlTarget(name, name, settings)
        case "fake":
            from conformance.targets.fakes import InProcessFake

            return InProcessFake(name, rest or "oci", settings)
        case "socket":
            from conformance.targets.fakes import SocketFake

            return SocketFake(name, rest or "oci", settings)
        case "container" | "server" if rest:
            from conformance.targets.containers import container_target

            return container_target(name, settings)
        case "stack":
            from conformance.targets.stack import StackTarget

            return StackTarget(name, settings)
    raise UnusableTarget(
        f"TARGET must be {TARGETS}, got {redact(name)!r} (write http:// or https:// before an address)"
    )


def _of_urls(settings: Settings) -> str:
    """Return the name of an option that is about the connection to a URL and was given; empty without one."""
    given = {"resolve": settings.resolve, "ca": settings.ca, "insecure": settings.insecure}
    return next((option for option, value in given.items() if value), "")


def attached(settings: Settings, handover: Mapping[str, Any]) -> Target:
    """Make the target that another process of this run has started, from the data of its `handover`."""
    if settings.target.partition(":")[0] in {"http", "https"}:
        return AttachedUrl(settings.target, settings, pings_openly=handover["pings_openly"])
    hosts = Hosts(**{**handover["hosts"], "unserved": tuple(handover["hosts"]["unserved"])})
    return AttachedTarget(target_of(settings), handover["url"], hosts, pings_openly=handover["pings_openly"])
