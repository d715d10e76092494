"""Scopes: the access that a client requests, and that a token grants.

The grammar is that of the Docker registry's token scope documentation, "Resource Scope Grammar". Beyond it the action
`*` is allowed, which distribution uses in `registry:catalog:*`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

ENTRY_LIMIT = 100
"""Most entries in a scope."""

LENGTH_LIMIT = 8192
"""Most characters in a scope; a token that grants all of it still fits into a header."""

_HOST_COMPONENT = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_HOST = rf"{_HOST_COMPONENT}(?:\.{_HOST_COMPONENT})*(?::[0-9]+)?"
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_ACTION = r"(?:[a-z]*|\*)"
_ENTRY = re.compile(
    rf"([a-z0-9]+)(?:\([a-z0-9]+\))?:((?:{_HOST}/)?{_COMPONENT}(?:/{_COMPONENT})*):({_ACTION}(?:,{_ACTION})*)"
)
_RANK = {"pull": 0, "push": 1, "delete": 2}


class Access(NamedTuple):
    """The access to one resource: its type ("repository", "registry"), its name, the actions."""

    type: str
    name: str
    actions: frozenset[str]


def parse(scope: str) -> list[Access]:
    """Return the entries of a space-delimited scope, those of one resource merged, in the order of first mention.

    A resource class, as in `repository(plugin)`, is dropped: it is deprecated, and equal to the type without it
    ("Resource Class"). Raise ValueError for an entry outside the grammar, naming it, and for a scope over a limit.
    """
    if len(scope) > LENGTH_LIMIT:
        raise ValueError(f"scope must have at most {LENGTH_LIMIT} characters, got {len(scope)}")
    entries = [entry for entry in scope.split(" ") if entry]
    if len(entries) > ENTRY_LIMIT:
        raise ValueError(f"scope must have at most {ENTRY_LIMIT} entries, got {len(entries)}")
    return merge(map(_parse_entry, entries))


def _parse_entry(entry: str) -> Access:
    match = _ENTRY.fullmatch(entry)
    if not match:
        raise ValueError(f"a scope must be TYPE:NAME:ACTIONS, got {entry[:256]!r}")
    type, name, actions = match.groups()
    return Access(type, name, frozenset(actions.split(",")) - {""})


def merge(entries: Iterable[Access]) -> list[Access]:
    """Return the same access with one entry for each resource, which has all of its actions."""
    merged: dict[tuple[str, str], frozenset[str]] = {}
    for type, name, actions in entries:
        merged[type, name] = merged.get((type, name), frozenset()) | actions
    return [Access(type, name, actions) for (type, name), actions in merged.items()]


def ordered(actions: Iterable[str]) -> list[str]:
    """Return the actions in the order pull, push, delete, then others alphabetically."""
    return sorted(actions, key=lambda action: (_RANK.get(action, len(_RANK)), action))


def text(access: Access) -> str:
    """Return the entry as a challenge has it: `repository:team/app:pull,push`."""
    return f"{access.type}:{access.name}:{','.join(ordered(access.actions))}"
