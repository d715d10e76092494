"""Read and forge the tokens of a token service, for scenarios that send it requests directly.

It may be at another origin than the registry, and is none: the checks of every exchange leave its answers out.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

from conformance.client.exchange import Exchange

CLIENT = "conformance"
"""The `client_id` of requests; it need not be registered."""

FORM = ("Content-Type", "application/x-www-form-urlencoded")
NO_POST = {404, 405}
"""Statuses of a token service that does not have POST."""


def scope_of(repository: str, *actions: str) -> str:
    """Return the scope for some actions on a repository."""
    return f"repository:{repository}:{','.join(actions)}"


def text_in(answer: Exchange, field: str) -> str:
    """Return a text in the answer of a token service; empty if it is absent or no text that can be sent."""
    value = document_of(answer).get(field)
    return value if isinstance(value, str) and value.isprintable() else ""


def document_of(answer: Exchange) -> dict[str, Any]:
    """Return the JSON object of an answer; empty without one."""
    document = answer.json()
    return document if isinstance(document, dict) else {}


def parts_of(token: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Parse a JWT to its header and claims; None for another token."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    header, claims = (_decoded(part) for part in parts[:2])
    return (header, claims) if isinstance(header, dict) and isinstance(claims, dict) else None


def forged(token: str) -> dict[str, str]:
    """Forge tokens, most of them from a valid one; return them by the kind of forgery."""
    made = {"no token at all": "made-up", "cut short": token[:-8]}
    parts = token.split(".")
    for number, part in enumerate(parts):
        middle = len(part) // 2
        other = "A" if part[middle : middle + 1] != "A" else "B"
        changed = [*parts[:number], part[:middle] + other + part[middle + 1 :], *parts[number + 1 :]]
        made[f"changed in part {number + 1}"] = ".".join(changed)
    if parts_of(token):
        made["not signed"] = f"{_encoded({'alg': 'none', 'typ': 'JWT'})}.{parts[1]}."
    return made


def _decoded(part: str) -> object:
    try:
        found: object = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        return None
    return found


def _encoded(document: dict[str, str]) -> str:
    return urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")
