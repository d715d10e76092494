"""The options of a run by name, and the names under which facts about scenarios travel in pytest."""

from __future__ import annotations

from typing import NamedTuple

MARKER = "conformance_requirement"
FACT = "conformance.facts"
OUTCOME = "conformance.outcome"


class Option(NamedTuple):
    """An option of a run. `ini` allows it in an ini file, which secrets are not."""

    name: str
    help: str
    metavar: str = "TEXT"
    switch: bool = False
    ini: bool = True

    @property
    def flag(self) -> str:
        """The option of pytest."""
        return f"--conformance-{self.name}"

    @property
    def variable(self) -> str:
        """The environment variable."""
        return f"CONFORMANCE_{self.name.upper().replace('-', '_')}"

    @property
    def key(self) -> str:
        """The name in an ini file and in pytest's configuration."""
        return f"conformance_{self.name.replace('-', '_')}"


TARGETS = "fake, fake:DIALECT, socket:DIALECT, container:IMAGE, server:NAME, stack, a URL, or a target's TOML file"
OPTIONS = (
    Option("target", f"{TARGETS} (default: fake)", "TARGET"),
    Option("storage", "storage of a fake, in a temporary folder: memory, directory or another name (default: memory); "
           "stress takes several, separated by commas", "STORAGE"),
    Option("report", "folder for report.html, results.json, summary.md, junit.xml and the badge", "DIR"),
    Option("profile", "requirements to test, by commas: oci (or pull, push, discovery, management, referrers), auth, "
           "github-docker, github-container (default: oci, or the profile of the target)", "PROFILE"),
    Option("requirement", "run only the scenarios about these requirements, by commas (OCI-R014,GHD-21)", "IDS"),
    Option("version", "version of the OCI specification: dev, 1.1 or 1.0 (default: dev)", "VERSION"),
    Option("level", "must: report a violated SHOULD as a warning; should: as a failure (default: must)", "LEVEL"),
    Option("strict", "fail, too, if a claimed requirement was not judged: what the target lacks has to be left out of "
           "the profile, or stated in [capabilities] absent of its file", switch=True),
    Option("repository", "prefix of every repository that the run creates (default: conformance)", "PREFIX"),
    Option("references", "existing images, separated by commas (NAME:TAG or NAME@DIGEST), for a target that accepts "
           "no pushes", "REFERENCES"),
    Option("known", "TOML file with the known failures of the target, as tables [[known]]", "FILE"),
    Option("timeout", "seconds to wait for one answer (default: 30)", "SECONDS"),
    Option("full-size", "test size limits at their full size, even if that takes gigabytes", switch=True),
    Option("seed", "number from which all content is generated (default: a new one for each run)", "NUMBER"),
    Option("username", "user name of an account that may push", "NAME", ini=False),
    Option("password", "password or token of that account; the list of processes shows it, unless it comes from the "
           "variable CONFORMANCE_PASSWORD or the password-env of a target's file", "SECRET", ini=False),
    Option("resolve", "connect to ADDRESS for HOST:PORT, like curl: HOST:PORT:ADDRESS, separated by commas", "LIST"),
    Option("ca", "PEM file with the certificate authorities to trust", "FILE"),
    Option("insecure", "do not verify the certificate of the target", switch=True),
)  # fmt: skip
