"""Use the product: `nox -s conformance -- TARGET`, `nox -s stress`, `nox -s bench`; and `nox -s mutate`.

tox.ini tests our own code.
"""

from __future__ import annotations

import nox

nox.options.sessions = ["conformance"]
nox.options.reuse_existing_virtualenvs = True


@nox.session
def conformance(session: nox.Session) -> None:
    """Run the scenarios against a target: `nox -s conformance -- https://registry.example.com`."""
    session.install(".[containers,parallel]")
    session.run("python", "-m", "conformance", *session.posargs)


@nox.session
def stress(session: nox.Session) -> None:
    """Stress the fake for half an hour, or a server: `nox -s stress -- --conformance-target=URL --seconds 600`."""
    session.install(".[containers,stress]")
    session.run("python", "-m", "conformance", "stress", *(session.posargs or ["--seconds", "1800"]))


@nox.session
def mutate(session: nox.Session) -> None:
    """Try the commands of the suite for ten minutes on servers that answer anything: `nox -s mutate -- SECONDS`."""
    session.install(".[test]")
    session.run("python", "-m", "tests.conformance.ending", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Print figures, each a ratio to something measured in the same run; needs docker-registry and Docker for all."""
    session.install(".[conformance]")
    session.run("python", "bench.py", *session.posargs)
