"""The command `conformance stress`: parts of a stress run within a budget of time, their figures, and what they found.

Without a target it is our fake that is stressed: its main dialects on both storages, each in a process of its own, as
many at a time as there are cores. Exit codes: 0 nothing found, 1 something found, 2 interrupted, 4 the target or the
configuration cannot be used.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import TYPE_CHECKING

from conformance.__main__ import INTERRUPTED, USAGE_ERROR, Parser, add_options, options_given
from conformance.exchange import redact
from conformance.options import ConfigurationError
from conformance.run import make_folder, settings_from
from conformance.settings import Settings
from conformance.stress.base import Budget, Figures, Finding, Part, Stress
from conformance.targets import Target, target_of
from conformance.transport import TransportError
from conformance.verdict import Unprepared

if TYPE_CHECKING:
    from conformance.stress.program import Program

FOUND = 1
REPORT = "stress-report"
SECONDS = 300.0
BETWEEN_LINES = 10.0
"""Seconds between two lines of progress of one job."""

PARTS = {
    "machine": "conformance.stress.search",
    "concurrency": "conformance.stress.concurrency",
    "hostile": "conformance.stress.hostile",
    "fuzz": "conformance.stress.fuzz",
    "crash": "conformance.stress.crash",
    "differential": "conformance.stress.differential",
}
ON_ANY = ("machine", "concurrency")
"""What is done to a target unless other parts are asked for."""

DIALECTS = ("oci", "github-docker", "github-container")
STORAGES = ("memory", "directory")


@dataclass(frozen=True, slots=True)
class Job:
    """One part against one target. `storage` is that of a fake in process: memory, or directory."""

    part: str
    settings: Settings
    seconds: float
    seed: int
    storage: str = ""
    against: str = ""

    def __str__(self) -> str:
        place = " on ".join(filter(None, [f"{self.part}: {redact(self.settings.target)}", self.storage]))
        return " against ".join(filter(None, [place, redact(self.against)]))


def main(arguments: Sequence[str]) -> int:
    """Run the command and give its exit code."""
    try:
        parsed = parser().parse_args(arguments)
        given = options_given(parsed)
        settings = settings_from(given)
        report = settings.report or Path(REPORT)
        make_folder(report)
        jobs = list(_jobs(parsed, settings, whole=given["target"] is None))
        _say(f"stress: seed {settings.seed}, {len(jobs)} jobs, about {parsed.seconds:g} s")
        if parsed.replay:
            return _conclude(report, {str(replace(jobs[0], part="replay")): _replayed(jobs[0], parsed.replay)})
        return _conclude(report, dict(_done(jobs)))
    except ConfigurationError as error:
        sys.stderr.write(f"ERROR: conformance: {error}\n")
        return USAGE_ERROR
    except KeyboardInterrupt:
        return INTERRUPTED


def parser() -> Parser:
    """The command line of a stress run."""
    made = Parser(prog="conformance stress", description="Look with generated traffic for what a registry gets wrong.")
    made.add_argument("--seconds", type=float, default=SECONDS, help=f"for all of it (default: {SECONDS:g})")
    made.add_argument("--parts", metavar="PARTS", default="", help=f"by commas: {', '.join(PARTS)} (default: "
                      f"{', '.join(ON_ANY)}; without a target everything but differential)")  # fmt: skip
    made.add_argument("--storage", choices=STORAGES, default="", help="storage of a fake in process")
    made.add_argument("--against", metavar="TARGET", default="", help="what the part differential compares with")
    made.add_argument("--replay", metavar="FILE", default="", help="play the program of a finding again")
    add_options(made)
    return made


def _jobs(parsed: Namespace, settings: Settings, *, whole: bool) -> Iterator[Job]:
    """What is to be done, each with its share of the time."""
    chosen = _parts(parsed.parts, whole=whole, against=bool(parsed.against))
    found = [(part, *place) for part in chosen for place in _places(part, settings, parsed.storage, whole=whole)]
    waves = -(-len(found) // _at_a_time(settings))
    for number, (part, target, storage) in enumerate(found):
        yield Job(
            part,
            replace(settings, target=target),
            parsed.seconds / waves,
            settings.seed + 1000 * number,
            storage,
            parsed.against if part == "differential" else "",
        )


def _parts(text: str, *, whole: bool, against: bool) -> list[str]:
    chosen = [part.strip() for part in text.split(",") if part.strip()]
    if unknown := [part for part in chosen if part not in PARTS]:
        raise ConfigurationError(f"there is no part {unknown[0]!r}: known are {', '.join(PARTS)}")
    if "differential" in chosen and not against:
        raise ConfigurationError("the part differential compares two targets: give --against TARGET")
    if chosen:
        return chosen
    if against:
        return ["differential"]
    return [part for part in PARTS if part != "differential"] if whole else list(ON_ANY)


def _places(part: str, settings: Settings, storage: str, *, whole: bool) -> list[tuple[str, str]]:
    """The targets of a part with their storages; those parts that have servers of their own get one."""
    if not whole:
        return [(settings.target, storage)]
    if part in ON_ANY:
        return [(f"fake:{dialect}", storage) for dialect in DIALECTS for storage in STORAGES]
    return [("fake:oci", "")]


def _at_a_time(settings: Settings) -> int:
    """How many jobs run at a time: servers that are not this project's get one after the other."""
    return os.cpu_count() or 1 if settings.target.partition(":")[0] == "fake" else 1


def _done(jobs: Sequence[Job]) -> Iterator[tuple[str, Figures]]:
    """Do the jobs and give their figures as they come."""
    if len(jobs) == 1 or _at_a_time(jobs[0].settings) == 1:
        yield from ((str(job), work(job)) for job in jobs)
        return
    with ProcessPoolExecutor(_at_a_time(jobs[0].settings), mp_context=get_context("spawn")) as pool:
        running = {pool.submit(work, job): job for job in jobs}
        try:
            for future in as_completed(running):
                yield str(running[future]), future.result()
        except BaseException:
            for process in active_children():
                process.terminate()
            raise


def work(job: Job) -> Figures:
    """Do one job."""
    with tempfile.TemporaryDirectory(prefix="conformance-stress-") as folder, _target(job, folder) as target:
        stress = Stress(target, job.seed, Budget(job.seconds), _Progress(job))
        try:
            part: Part = _compare(job) if job.against else import_module(PARTS[job.part]).run
            return part(stress)
        except (Unprepared, TransportError) as error:  # not even the first steps work, or nobody is there any more
            text, _, evidence = str(error).partition("\n")
            return Figures(job.part, findings=[Finding(text, evidence)])


def _compare(job: Job, program: Program | None = None) -> Part:
    """The part that compares with another target: programs of its own, or the one that is given."""
    from conformance.stress import differential

    def run(stress: Stress) -> Figures:
        with target_of(replace(job.settings, target=job.against)) as other:
            if program:
                return differential.replay(program, stress, other)
            return differential.compare(stress, other)

    return run


def _target(job: Job, folder: str) -> Target:
    target = target_of(job.settings)
    return target.variant(storage=f"directory:{folder}/store") if job.storage == "directory" else target


def _replayed(job: Job, file: str) -> Figures:
    """Play one program again."""
    from conformance.stress.program import Program
    from conformance.stress.search import replay

    try:
        program = Program.from_json(Path(file).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"the program {file} cannot be read: {error}") from None
    with tempfile.TemporaryDirectory(prefix="conformance-stress-") as folder, _target(job, folder) as target:
        stress = Stress(target, job.seed, Budget(job.seconds), _say)
        return _compare(job, program)(stress) if job.against else replay(program, stress)


def _conclude(report: Path, done: dict[str, Figures]) -> int:
    """Print figures and findings, write what belongs to them, and give the exit code."""
    number = 0
    for label, figures in sorted(done.items()):
        shown = ", ".join(f"{count:,} {name}" for name, count in figures.numbers.items() if count)
        sys.stdout.write(f"{label}: {shown or 'nothing done'}; {_counted(len(figures.findings))}\n")
        for finding in figures.findings:
            number += 1
            sys.stdout.write(_written(report, number, label, finding) + "\n")
    facts = {label: {"numbers": figures.numbers, "findings": [asdict(finding) for finding in figures.findings]}
             for label, figures in done.items()}  # fmt: skip
    (report / "figures.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
    sys.stdout.write(f"{_counted(number)}, in {report}\n")
    return FOUND if number else 0


def _counted(findings: int) -> str:
    return "1 finding" if findings == 1 else f"{findings} findings"


def _written(report: Path, number: int, label: str, finding: Finding) -> str:
    """A finding for the terminal; its evidence and its program are files."""
    evidence, program = report / f"finding-{number}.txt", report / f"finding-{number}.json"
    replay = finding.replay
    if finding.program:
        program.write_text(finding.program, encoding="utf-8")
        place, _, against = label.partition(": ")[2].partition(" against ")
        target, _, storage = place.partition(" on ")
        where = (["--storage", storage] if storage else []) + (["--against", against] if against else [])
        replay = shlex.join(["conformance", "stress", target, *where, "--replay", str(program)])
    evidence.write_text(f"{label}\n{finding.text}\n{replay}\n\n{finding.evidence}\n", encoding="utf-8")
    return f"  FINDING {number}: {finding.text}\n    evidence: {evidence}" + (
        f"\n    again: {replay}" if replay else ""
    )


class _Progress:
    """Shows a line of progress, but not every one."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._shown = time.monotonic()

    def __call__(self, text: str) -> None:
        if time.monotonic() - self._shown >= BETWEEN_LINES:
            self._shown = time.monotonic()
            _say(f"{self._job}: {text}")


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
