"""What a run was told: the command line first, then the environment, then the ini file, then the defaults.

The environment is read twice: our own names (`CONFORMANCE_TARGET`, ...) win over the `OCI_*` names of the official
suite, which a vendor may already export.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from conformance.options import ConfigurationError

VERSIONS = ("dev", "1.1", "1.0")
LEVELS = ("must", "should")


@dataclass(frozen=True, slots=True)
class Settings:
    """The settled settings of a run; `timeout` is in seconds, `report` is None when no report is wanted."""

    target: str = "fake"
    report: Path | None = None
    version: str = "dev"
    level: str = "must"
    repository: str = "conformance"
    timeout: float = 30.0
    seed: int = 0
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    ca: Path | None = None
    insecure: bool = False


def resolve(
    *,
    command_line: Mapping[str, str | None],
    environ: Mapping[str, str],
    ini: Mapping[str, str],
    new_seed: Callable[[], int],
) -> Settings:
    """Settle every option; ConfigurationError says which value cannot be used and what can.

    The three mappings have the short names of the options as keys, `environ` the names of variables.
    """
    official = official_names(environ)

    def value(name: str) -> str | None:
        variable = environ.get(f"CONFORMANCE_{name.upper()}")
        for candidate in (command_line.get(name), variable, official.get(name), ini.get(name)):
            if candidate:
                return candidate
        return None

    report, ca, seed = value("report"), value("ca"), value("seed")
    return Settings(
        target=value("target") or "fake",
        report=Path(report) if report else None,
        version=_one_of("version", value("version") or "dev", VERSIONS),
        level=_one_of("level", value("level") or "must", LEVELS),
        repository=_prefix(value("repository") or "conformance"),
        timeout=_seconds(value("timeout") or "30"),
        seed=_whole_number("seed", seed) if seed else new_seed(),
        username=value("username"),
        password=value("password"),
        ca=_file(ca) if ca else None,
        insecure=_boolean("insecure", value("insecure") or "false"),
    )


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
        raise ConfigurationError(f"the {name} {text!r} does not exist: give one of {', '.join(allowed)}")
    return text


def _prefix(text: str) -> str:
    if text != text.lower() or not text.strip("/") or urlsplit(text).scheme:
        raise ConfigurationError(f"the repository prefix {text!r} is not a lower-case path such as team/conformance")
    return text.strip("/")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise ConfigurationError(f"the timeout {text!r} is not a number of seconds above zero")
    return seconds


def _whole_number(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ConfigurationError(f"the {name} {text!r} is not a whole number") from None


def _boolean(name: str, text: str) -> bool:
    values = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if text.lower() not in values:
        raise ConfigurationError(f"the value {text!r} of {name} is neither true nor false")
    return values[text.lower()]


def _file(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise ConfigurationError(f"there is no file {text}: give a PEM file with certificates")
    return path
