"""The options of a run by name, and the names under which facts about scenarios travel in pytest."""

from __future__ import annotations

from typing import NamedTuple

MARKER = "conformance_requirement"
FACT = "conformance.facts"
OUTCOME = "conformance.outcome"


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
        return f"CONFORMANCE_{self.name.upper().replace('-', '_')}"

    @property
    def key(self) -> str:
        return f"conformance_{self.name.replace('-', '_')}"


TARGETS = "fake, fake:DIALECT, socket:DIALECT, container:IMAGE, server:NAME, stack, a URL, or a target's TOML file"
OPTIONS = (
    Option("target", f"{TARGETS} (default: fake)", "TARGET"),
    Option("storage", "storage of a target that is a fake, in a temporary folder: memory, directory or another by name "
           "(default: memory; a stress run takes several, by commas)", "STORAGE"),
    Option("report", "folder for report.html, results.json, summary.md, junit.xml and the badge", "DIR"),
    Option("profile", "what the target claims, by commas: oci (or pull, push, discovery, management, referrers), auth, "
           "github-docker, github-container (default: oci, or what the target says of itself)", "PROFILE"),
    Option("requirement", "only the scenarios about these requirements, by commas (OCI-R014,GHD-21)", "IDS"),
    Option("version", "version of the OCI specification: dev, 1.1 or 1.0 (default: dev)", "VERSION"),
    Option("level", "must: a violated SHOULD is a warning; should: it is a failure (default: must)", "LEVEL"),
    Option("repository", "prefix of every repository that the run creates (default: conformance)", "PREFIX"),
    Option("references", "images that are there already, by commas (NAME:TAG or NAME@DIGEST), for a target that takes "
           "no pushes", "REFERENCES"),
    Option("known", "TOML file with known failures, as the tables [[known]] of a target's file", "FILE"),
    Option("timeout", "seconds to wait for one answer (default: 30)", "SECONDS"),
    Option("full-size", "test size limits at their full size, be it gigabytes", switch=True),
    Option("seed", "number that all content is made from (default: a new one for each run)", "NUMBER"),
    Option("username", "user name of who pushes", "NAME", ini=False),
    Option("password", "password or token of who pushes", "SECRET", ini=False),
    Option("resolve", "lead a name to an address, as curl does: HOST:PORT:ADDRESS, several by commas", "LIST"),
    Option("ca", "file with the certificates that the target's certificate is checked against", "FILE"),
    Option("insecure", "do not check the target's certificate", switch=True),
)  # fmt: skip
