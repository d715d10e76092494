"""Settle the options of a run: the command line first, then the environment, the ini file and the defaults.

The environment is read twice: our own names (`CONFORMANCE_TARGET`, ...) win over the `OCI_*` names of the official
suite, which may be set already.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from conformance.catalogue.requirements import VERSIONS, catalogue
from conformance.client.identity import Identity
from conformance.config import description, target_file
from conformance.config.description import WRITER, Description
from conformance.config.options import OPTIONS
from conformance.errors import ConfigurationError
from conformance.output.secrets import learn

LEVELS = ("must", "should")
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PREFIX = re.compile(rf"{_PART}(?:/{_PART})*")


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a run. `timeout` is in seconds; `report` is None when no report is wanted.

    `profile` is None when no profile was given, and `claims` are the categories that were given by their own names.
    `requirements` limits the run to these, if there are any. `storage` is that of a fake, empty for its default.
    `description` holds the other facts about the target. `given` are the options as they were given, wherever that was.
    """

    target: str = "fake"
    storage: str = ""
    report: Path | None = None
    profile: tuple[str, ...] | None = None
    claims: frozenset[str] = frozenset()
    requirements: frozenset[str] = frozenset()
    version: str = "dev"
    level: str = "must"
    repository: str = "conformance"
    timeout: float = 30.0
    full_size: bool = False
    seed: int = 0
    description: Description = field(default_factory=Description, repr=False)
    resolve: Mapping[str, str] = field(default_factory=dict)
    ca: Path | None = None
    insecure: bool = False
    strict: bool = False
    given: Mapping[str, str] = field(default_factory=dict, repr=False)


def resolve(
    *,
    command_line: Mapping[str, str | None],
    environ: Mapping[str, str],
    ini: Mapping[str, str],
    new_seed: Callable[[], int],
) -> Settings:
    """Settle every option; raise ConfigurationError for a value that cannot be used.

    The mappings of command line and ini file have the short names of the options as keys, `environ` those of
    variables. A target that is a file (`*.toml`) provides the values that are given nowhere else.
    """
    sources = [command_line, own_names(environ), official_names(environ), ini]

    def value(name: str) -> str | None:
        return next((found for source in sources if (found := source.get(name))), None)

    learn(value("password") or "")
    target, described = value("target") or "fake", Description()
    given = {
        option.name: found
        for option in OPTIONS
        if (found := value(option.name)) and not (option.switch and not _boolean(option.name, found))
    }
    if target.endswith(".toml"):
        file = target_file.read(Path(target), environ=environ)
        sources.insert(-1, file.options)
        target, described = file.options["target"], file.description
    report, ca, seed, known = value("report"), value("ca"), value("seed"), value("known")
    if known:
        described = replace(described, known=described.known + target_file.read_known(Path(known)))
    return Settings(
        target=target,
        storage=value("storage") or "",
        report=Path(report) if report else None,
        profile=_profile(value("profile")),
        claims=description.claimed(value("profile") or ""),
        requirements=_requirements(value("requirement") or ""),
        version=_one_of("version", value("version") or "dev", VERSIONS),
        level=_one_of("level", value("level") or "must", LEVELS),
        repository=_prefix(value("repository") or "conformance"),
        timeout=_seconds(value("timeout") or "30"),
        full_size=_boolean("full-size", value("full-size") or "false"),
        seed=_whole_number("seed", seed) if seed else new_seed(),
        description=_with_options(described, value("username"), value("password"), value("references")),
        resolve=_addresses(value("resolve") or ""),
        ca=_file(ca) if ca else None,
        insecure=_boolean("insecure", value("insecure") or "false"),
        strict=_boolean("strict", value("strict") or "false"),
        given=given,
    )


def _with_options(
    described: Description, username: str | None, password: str | None, images: str | None
) -> Description:
    """Add the identity and the images of single options to a description."""
    identities = dict(described.identities)
    if username:
        identities[WRITER] = Identity(WRITER, username, password or "")
    references = tuple(filter(None, (image.strip() for image in (images or "").split(","))))
    if bad := next((image for image in references if ":" not in image.rpartition("/")[2]), None):
        raise ConfigurationError(f"references must be NAME:TAG or NAME@DIGEST, got {bad!r}")
    return replace(described, identities=identities, references=references or described.references)


def _profile(text: str | None) -> tuple[str, ...] | None:
    try:
        return description.categories(text) if text else None
    except ValueError as error:
        raise ConfigurationError(str(error)) from None


def _requirements(text: str) -> frozenset[str]:
    keys = frozenset(filter(None, (key.strip().upper() for key in text.split(","))))
    if unknown := keys - set(catalogue()):
        raise ConfigurationError(f"requirement must name requirements, got {min(unknown)}: see `conformance list`")
    return keys


def _addresses(text: str) -> dict[str, str]:
    """Parse `HOST:PORT:ADDRESS,...` to a mapping from HOST:PORT; an IPv6 address may stand in brackets."""
    found: dict[str, str] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        host, _, rest = entry.partition(":")
        port, _, address = rest.partition(":")
        if not (host and port.isascii() and port.isdigit() and address):
            raise ConfigurationError(f"resolve must be HOST:PORT:ADDRESS, got {entry!r}")
        found[f"{host.lower()}:{port}"] = address.strip("[]")
    return found


def own_names(environ: Mapping[str, str]) -> dict[str, str]:
    """Read our own variables, by the short names of the options."""
    return {option.name: environ[option.variable] for option in OPTIONS if option.variable in environ}


def official_names(environ: Mapping[str, str]) -> dict[str, str]:
    """Translate the variables of the official suite, old (`OCI_ROOT_URL`) and new (`OCI_REGISTRY`)."""
    found = {
        "username": environ.get("OCI_USERNAME", ""),
        "password": environ.get("OCI_PASSWORD", ""),
        "repository": environ.get("OCI_REPO1") or environ.get("OCI_NAMESPACE", ""),
        "report": environ.get("OCI_RESULTS_DIR") or environ.get("OCI_REPORT_DIR", ""),
        "version": {"stable": "1.1"}.get(environ.get("OCI_VERSION", ""), environ.get("OCI_VERSION", "")),
        "target": environ.get("OCI_ROOT_URL", ""),
    }
    tls = environ.get("OCI_TLS", "enabled").lower()
    if tls == "insecure":
        found["insecure"] = "true"
    registry = environ.get("OCI_REGISTRY", "")
    if registry:
        found["target"] = f"{'http' if tls == 'disabled' else 'https'}://{registry}"
    return {name: text for name, text in found.items() if text}


def _one_of(name: str, text: str, allowed: tuple[str, ...]) -> str:
    if text not in allowed:
        raise ConfigurationError(f"{name} must be one of {', '.join(allowed)}, got {text!r}")
    return text


def _prefix(text: str) -> str:
    if not _PREFIX.fullmatch(text.strip("/")):
        raise ConfigurationError(f"repository must be a lower-case path such as team/conformance, got {text!r}")
    return text.strip("/")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise ConfigurationError(f"timeout must be a number of seconds above zero, got {text!r}")
    return seconds


def _whole_number(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ConfigurationError(f"{name} must be a whole number, got {text!r}") from None


def _boolean(name: str, text: str) -> bool:
    values = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if text.lower() not in values:
        raise ConfigurationError(f"{name} must be true or false, got {text!r}")
    return values[text.lower()]


def _file(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise ConfigurationError(f"ca must be a PEM file with certificates, got {text!r}, which does not exist")
    return path


def settings_from(command_line: Mapping[str, str | None], ini: Mapping[str, str] | None = None) -> Settings:
    """Settle the options of a command line, the environment and an ini file; raise ConfigurationError as `resolve`."""
    return resolve(
        command_line=command_line, environ=os.environ, ini=ini or {}, new_seed=lambda: secrets.randbelow(1_000_000)
    )
