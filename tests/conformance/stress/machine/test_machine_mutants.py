"""The machine finds broken fakes, without being told what is broken."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import replace
from itertools import count

import pytest

import tests.mutants
from conformance.config.settings import Settings
from conformance.stress.common.base import Budget, Stress
from conformance.stress.machine import search
from conformance.targets.fakes import InProcessFake
from tests.mutants.harness import MUTANTS, Mutant, broken

for _module in pkgutil.iter_modules(tests.mutants.__path__):
    importlib.import_module(f"tests.mutants.{_module.name}")

SEED, PROGRAMS = 1, 200
SELECTED = """
OCI-R032: the Location of a completed upload is that of the session
OCI-R035: a single POST keeps nothing
OCI-R102: a session that has ended has a status
OCI-R039: the Range of a chunk is that of the chunk
OCI-R041: all sessions of a repository are one
OCI-R043: the Content-Range of a closing PUT is ignored
OCI-R066: tags come as they were pushed
OCI-R067: a tag list has the tags of all repositories
OCI-R068: n is ignored
OCI-R069: the Link of a tag list skips a tag
OCI-R074: last is ignored
OCI-R082: the type of the config does not stand for an artifact type
OCI-R084: a descriptor has no annotations
OCI-R091: a tag is not deleted
OCI-R091: a tag takes its manifest along
OCI-R093: a manifest leaves its tags behind
OCI-R093: a manifest that comes back brings its old tags
OCI-R093: a manifest is deleted in all repositories
OCI-R093: a manifest takes the indexes along that name it
OCI-R096: a blob is deleted in all repositories
OCI-R096: a blob that was deleted cannot be pushed again
OCI-R050: a blob is moved, not mounted
OCI-R050: a mount says that it was done and mounts nothing
OCI-R011: a manifest has one tag at a time
OCI-R011: a manifest whose tag moves is gone
OCI-R011: a tag cannot be moved
OCI-R014: a manifest that is refused is there all the same
OCI-R014: tells no upper case from lower case in tags
OCI-R015: turns the bytes of a blob round
OCI-R019: gives the blobs of all repositories
OCI-R020: says another range than it sends
OCI-R057: a manifest is taken under the digest of another
OCI-R022: HEAD of a tag goes on naming what it named first
OCI-R024: HEAD of a tag that was deleted is 200
OCI-R011: GET of a tag gives who takes gzip what it gave first
OCI-R015: a blob in gzip is another one
OCI-R021: HEAD does not find a blob that was pushed in chunks
OCI-R019: GET finds a blob before its session is closed
""".strip().splitlines()
"""Mutants about what a registry holds: content, tags, sessions, mounts, ranges, deletion."""


class Lasting(InProcessFake):
    """A fake that is never emptied, as what some mutants remember is not either."""

    def reset(self) -> bool:
        return False


def said_by_the_machine(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> str:
    """What the machine finds in a broken fake within so many programs, as one line; empty if it finds nothing."""
    if mutant.patch:
        mutant.patch(monkeypatch)
    dialect, tamper = mutant.target.partition(":")[2] or "oci", mutant.tamper
    wrap = (lambda registry: broken(registry, tamper)) if tamper else None
    with Lasting(mutant.target, dialect, Settings(), wrap=wrap) as target:
        # The budget looks at this clock before each program.
        stress = Stress(target, SEED, Budget(PROGRAMS, clock=count().__next__), lambda line: None, id="mutant")
        failure = search.Stage.of(stress).search(SEED)
    return str(failure.mismatch).partition("\n")[0] if failure else ""


def test_the_machine_finds_nothing_in_the_fake_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    mutant = replace(MUTANTS[0], tamper=None, patch=None, target="fake")
    assert said_by_the_machine(mutant, monkeypatch) == ""


def test_the_machine_finds_broken_fakes(capsys: pytest.CaptureFixture[str]) -> None:
    mutants = {str(mutant): mutant for mutant in MUTANTS}
    found = {}
    for name in SELECTED:
        with pytest.MonkeyPatch.context() as monkeypatch:
            found[name] = said_by_the_machine(mutants[name], monkeypatch)
    width = max(map(len, SELECTED))
    table = "\n".join(f"{name:{width}} -> {said or 'nothing'}" for name, said in found.items())
    with capsys.disabled():
        print(f"\nthe machine, not told what is broken:\n{table}")  # noqa: T201  # the table is what people look at
    assert all(found.values()), table
    assert not any("no answer" in said for said in found.values()), "it broke down, which is no achievement"
