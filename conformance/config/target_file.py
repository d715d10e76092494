"""Read a target from a TOML file: its address, identities, limits and known failures.

target = "https://docker.ghes.example.com"      # or any other target except a file
profile = "oci, auth"                           # this and the next lines are options of a run
repository = "team/conformance"
ca = "ca.pem"                                   # a path relative to this file
resolve = ["docker.ghes.example.com:443:127.0.0.1"]
references = ["team/image:1.0"]

[identities.writer]                             # also reader, stranger, ...
username = "ann"
password-env = "ANNS_PASSWORD"                  # or password = "..."

[places]                                        # patterns of repository names by purpose
public = "team/public/{}"

[hosts]                                         # of an instance with several
hostname = "ghes.example.com"                   # or docker, containers, web (URLs), and unserved (a list)

[limits]
blob = "10MiB"                                  # also manifest, image_notice, and rate (requests a minute)

[capabilities]
required = ["mount"]
absent = ["referrers", "tag_moves"]             # as `conformance probe` names them

[[known]]
requirement = "OCI-R066"
reason = "the tag list has no order"
link = "https://example.com/bugs/1"             # optional, like the next line
scenarios = ["test_tags::test_list*"]
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conformance.catalogue import known_failures
from conformance.catalogue.known_failures import KnownFailure
from conformance.checks.capabilities import PROBES
from conformance.client.identity import Identity
from conformance.config.description import IDENTITIES, PLACES, Description, Hosts
from conformance.errors import ConfigurationError
from conformance.urls import parsed

OPTIONS = ("target", "profile", "version", "level", "repository", "timeout", "ca", "insecure", "resolve", "references")
TABLES = ("identities", "places", "hosts", "limits", "capabilities", "known")
LIMITS = ("blob", "manifest", "image_notice", "rate")
_SIZE = re.compile(r"([0-9]{1,18}) ?([KMGT]?i?)B?")
_POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}


@dataclass(frozen=True, slots=True)
class TargetFile:
    """The content of a file: options by name, as text, and a description."""

    options: Mapping[str, str] = field(default_factory=dict)
    description: Description = field(default_factory=Description)


def read(path: Path, *, environ: Mapping[str, str]) -> TargetFile:
    """Read the file of a target; raise ConfigurationError with one sentence about the first mistake."""
    document = load(path)
    try:
        return _target(document, path.parent, environ)
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from None


def read_known(path: Path) -> tuple[KnownFailure, ...]:
    """Read a file that holds nothing but the tables [[known]]; raise ConfigurationError like `read`."""
    document = load(path)
    try:
        if "target" in document:
            raise ConfigurationError("a list of known failures must not have 'target': give this file as TARGET")
        _no_others(document, ("known",), "the file")
        return known_failures.parse(document.get("known", []))
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from None


def load(path: Path) -> dict[str, Any]:
    """Load a TOML file; raise ConfigurationError if it cannot be read."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ConfigurationError(f"{path} must be TOML: {error}") from None


def _target(document: dict[str, Any], folder: Path, environ: Mapping[str, str]) -> TargetFile:
    _no_others(document, (*OPTIONS, *TABLES), "the file")
    options = {name: _option(name, document[name], folder) for name in OPTIONS if name in document}
    if not options.get("target") or options["target"].endswith(".toml"):
        raise ConfigurationError(
            '"target" must be a URL or another target, and not a file, got ' + repr(options.get("target"))
        )
    capabilities = _table(document, "capabilities", ("required", "absent"))
    required, absent = (_capabilities(kind, capabilities) for kind in ("required", "absent"))
    if both := required & absent:
        raise ConfigurationError(f"[capabilities] must not have {min(both)!r} both as required and as absent")
    description = Description(
        identities={
            name: _identity(name, entry, environ) for name, entry in _table(document, "identities", IDENTITIES).items()
        },
        places={name: _text(f"place {name}", text) for name, text in _table(document, "places", PLACES).items()},
        hosts=_hosts(_table(document, "hosts", ("hostname", *Hosts.__slots__)), options["target"]),
        limits={name: _size(name, value) for name, value in _table(document, "limits", LIMITS).items()},
        required=required,
        absent=absent,
        known=known_failures.parse(document.get("known", [])),
    )
    return TargetFile(options, description)


def _no_others(document: Mapping[str, Any], allowed: tuple[str, ...], where: str) -> None:
    if unknown := set(document) - set(allowed):
        raise ConfigurationError(f"{where} must have only {', '.join(allowed)}, got {min(unknown)!r}")


def _table(document: Mapping[str, Any], name: str, fields: tuple[str, ...]) -> dict[str, Any]:
    table = document.get(name, {})
    if not isinstance(table, dict):
        raise ConfigurationError(f"{name} must be a table: write [{name}]")
    _no_others(table, fields, f"[{name}]")
    return table


def _option(name: str, value: object, folder: Path) -> str:
    if isinstance(value, list):
        return ",".join(_text(name, entry) for entry in value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    text = _text(name, value)
    return str(folder / text) if name == "ca" else text


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ConfigurationError(f"{name} must be a text, got {value!r}")
    return value


def _identity(name: str, entry: object, environ: Mapping[str, str]) -> Identity:
    where = f"[identities.{name}]"
    if not isinstance(entry, dict):
        raise ConfigurationError(f"{where} must be a table")
    _no_others(entry, ("username", "password", "password-env"), where)
    variable = entry.get("password-env")
    secret = environ.get(str(variable), "") if variable else entry.get("password")
    if not isinstance(secret, str) or not secret:
        wrong = f"the variable {variable}, which is not set" if variable else "neither"
        raise ConfigurationError(f"{where} must have a password or a password-env that is set, got {wrong}")
    return Identity(name, _text(f"{where} username", entry.get("username")), secret)


def _hosts(table: dict[str, Any], target: str) -> Hosts:
    """Read [hosts]; a `hostname` stands for the hosts that GitHub documents for subdomain isolation."""
    parts = parsed(target)
    hostname = table.pop("hostname", "")
    port = f":{parts.port}" if parts.scheme in {"http", "https"} and parts.port else ""
    base = f"{parts.scheme}://{{}}{hostname}{port}"
    named = {"docker": "docker.", "containers": "containers.", "web": ""} if hostname else {}
    urls = {name: base.format(prefix) for name, prefix in named.items()}
    urls |= {name: _text(f"host {name}", url).rstrip("/") for name, url in table.items() if name != "unserved"}
    unserved = table.get("unserved", [urls["web"]] if hostname else [])
    if not isinstance(unserved, list):
        raise ConfigurationError(f"[hosts] unserved must be a list of URLs, got {unserved!r}")
    return Hosts(**urls, unserved=tuple(_text("host unserved", url).rstrip("/") for url in unserved))


def _size(name: str, value: object) -> int:
    match = _SIZE.fullmatch(str(value)) if isinstance(value, str | int) and not isinstance(value, bool) else None
    if not match:
        raise ConfigurationError(f"[limits] {name} must be a number such as 1000, 5GB or 5GiB, got {value!r}")
    letter = match[2].rstrip("i")
    factor: int = (1024 if match[2].endswith("i") else 1000) ** _POWERS[letter]
    return int(match[1]) * factor


def _capabilities(kind: str, table: dict[str, Any]) -> frozenset[str]:
    names = table.get(kind, [])
    if not isinstance(names, list) or (unknown := [name for name in names if name not in PROBES]):
        wrong = unknown[0] if isinstance(names, list) else names
        raise ConfigurationError(f"[capabilities] {kind} must be a list of {', '.join(sorted(PROBES))}, got {wrong!r}")
    return frozenset(names)
