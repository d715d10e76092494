"""Read accounts from documents of TOML and JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from fakereg import values
from fakereg.auth.accounts import Accounts

ACCOUNTS = ("users", "organizations", "repositories", "packages", "tokens")


def add_accounts(accounts: Accounts, document: Mapping[str, Any]) -> list[str]:
    """Add users, organizations, repositories, packages and tokens, all or none; return the tokens' secrets in order.

    Raise ValueError that names the entry that is wrong.
    """
    with accounts.lock:
        staged = accounts.copy()
        secrets = _fill(staged, document)
        accounts.adopt(staged)
    return secrets


def _fill(accounts: Accounts, document: Mapping[str, Any]) -> list[str]:
    for login, entry in _table(document, "users"):
        _add(accounts.add_user, f"users.{login}", login, entry, {"password": str})
    for login, entry in _table(document, "organizations"):
        known = {"owners": list, "members": list, "base_role": str}
        _add(accounts.add_organization, f"organizations.{login}", login, entry, known)
    for name, entry in _table(document, "repositories"):
        _add(accounts.add_repository, f"repositories.{name}", name, entry, {"visibility": str, "roles": dict})
    for name, entry in _table(document, "packages"):
        known = {"visibility": str, "roles": dict, "repository": str}
        _add(accounts.add_package, f"packages.{name}", name, entry, known)
    entries = document.get("tokens", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError(f"tokens must be a list of tables, got {_shown(entries)}")
    return [_add_token(accounts, entry, f"tokens[{number}]") for number, entry in enumerate(entries)]


_TOKENS: Mapping[str, tuple[str, Mapping[str, type]]] = {
    "classic": ("user", {"scopes": list}),
    "fine-grained": ("user", {}),
    "actions": ("repository", {"packages": str}),
}


def _add_token(accounts: Accounts, entry: Mapping[str, Any], where: str) -> str:
    kind = entry.get("kind", "actions" if "repository" in entry else "classic")
    if not isinstance(kind, str) or kind not in _TOKENS:
        raise ValueError(f"{where}.kind must be {values.listed([*_TOKENS])}, got {values.shown(kind)}")
    owner, own = _TOKENS[kind]
    adders: dict[str, Callable[..., str]] = {
        "classic": accounts.add_classic_token,
        "fine-grained": accounts.add_fine_grained_token,
        "actions": accounts.add_actions_token,
    }
    fields = {name: value for name, value in entry.items() if name not in ("kind", owner)}
    if "expires" in fields:
        fields["expires"] = _seconds(fields["expires"], f"{where}.expires")
    if not isinstance(entry.get(owner), str):
        raise ValueError(f'{where} needs "{owner}", a text')
    return str(_add(adders[kind], where, entry[owner], fields, {**own, "expires": float, "secret": str}))


def _add(add: Callable[..., Any], where: str, name: str, entry: Mapping[str, Any], known: Mapping[str, type]) -> Any:
    if unknown := set(entry) - set(known):
        raise ValueError(f"{where}.{min(unknown)} is unknown; known are {', '.join(known)}")
    for field, value in entry.items():
        texts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        if not isinstance(value, known[field]) or not all(isinstance(each, str) for each in texts):
            raise ValueError(f"{where}.{field} must be {_WORDS[known[field]]}, got {_shown(value)}")
    try:
        return add(name, **entry)
    except ValueError as problem:
        raise ValueError(f"{where}: {problem}") from None


_WORDS = {str: "a text", list: "a list of texts", dict: "a table of texts", float: "a time"}


def _shown(value: object) -> str:
    """Return the type of a value: the value itself may hold secrets."""
    return _TYPES.get(type(value), type(value).__name__)


_TYPES = {str: "a text", list: "a list", dict: "a table", int: "a number", float: "a number", bool: "true or false"}


def _table(document: Mapping[str, Any], name: str) -> list[tuple[str, dict[str, Any]]]:
    table = document.get(name, {})
    if not isinstance(table, dict) or not all(isinstance(entry, dict) for entry in table.values()):
        raise ValueError(f"{name} must be a table of tables, got {_shown(table)}")
    return list(table.items())


_TIME = "a time such as 2030-01-01T00:00:00Z, or seconds since 1970"

_LATEST = datetime.max.replace(tzinfo=UTC).timestamp()


def _seconds(value: Any, where: str) -> float:
    """Return a time, given as TOML or RFC 3339 write it or in seconds since 1970, in seconds since 1970."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(f"{where} must be {_TIME}, got {values.shown(value)}") from None
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LATEST:
        return float(value)
    raise ValueError(f"{where} must be {_TIME}, got {values.shown(value)}")
