"""The options of a run by name; the only module of ours that the pytest plugin needs to be loaded."""

from __future__ import annotations

from typing import NamedTuple


class ConfigurationError(Exception):
    """The run cannot start as it was configured; the text is one sentence that says what to do."""


class Option(NamedTuple):
    """One knob: its name, its help, and whether it may stand in an ini file (secrets may not)."""

    name: str
    help: str
    metavar: str = "TEXT"
    switch: bool = False
    ini: bool = True

    @property
    def flag(self) -> str:
        return f"--conformance-{self.name}"

    @property
    def variable(self) -> str:
        return f"CONFORMANCE_{self.name.upper()}"

    @property
    def key(self) -> str:
        return f"conformance_{self.name}"


OPTIONS = (
    Option("target", "fake, fake:DIALECT, socket:DIALECT, container:IMAGE or a URL (default: fake)", "TARGET"),
    Option("report", "folder for results.json, summary.md and junit.xml", "DIR"),
    Option("version", "version of the specification: dev, 1.1 or 1.0 (default: dev)", "VERSION"),
    Option("level", "must: a violated SHOULD is a warning; should: it is a failure (default: must)", "LEVEL"),
    Option("repository", "prefix of every repository that the run creates (default: conformance)", "PREFIX"),
    Option("timeout", "seconds to wait for one answer (default: 30)", "SECONDS"),
    Option("seed", "number that all content is made from (default: a new one for each run)", "NUMBER"),
    Option("username", "user name for Basic authentication", "NAME", ini=False),
    Option("password", "password for Basic authentication", "SECRET", ini=False),
    Option("ca", "file with the certificates that the target's certificate is checked against", "FILE"),
    Option("insecure", "do not check the target's certificate", switch=True),
)
