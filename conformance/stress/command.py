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
from argparse import ArgumentTypeError, Namespace
from collections.abc import Iterator, Mapping, Sequence
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

OF_THE_FAKE = ("fuzz", "crash")
"""What cannot be done to a server that somebody else runs."""

WHOLE = "fake"
"""The target that is not one, but the fake in its main dialects on both storages."""

DIALECTS = ("oci", "github-docker", "github-container")
STORAGES = ("memory", "directory")
_KEPT = {"directory", "sqlite"}


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """One part against one target, as it was named. `storage` is that of a fake in process: memory, or directory."""

    part: str
    target: str
    settings: Settings
    seconds: float
    seed: int
    storage: str = ""
    against: str = ""

    def __str__(self) -> str:
        place = " on ".join(filter(None, [f"{self.part}: {redact(self.target)}", self.storage]))
        return " against ".join(filter(None, [place, redact(self.against)]))

    @property
    def words(self) -> list[str]:
        """The command line that has the same target; passwords are taken from variables."""
        where = ["--storage", self.storage] if self.storage else []
        against = ["--against", redact(self.against)] if self.against else []
        return ["conformance", "stress", redact(self.target), *where, *against]


def main(arguments: Sequence[str]) -> int:
    """Run the command and give its exit code."""
    try:
        parsed = parser().parse_args(arguments)
        given = options_given(parsed)
        settings = settings_from(given)
        jobs = list(_jobs(parsed, settings, given["target"] or settings.target))
        if parsed.replay:
            return _shown_again(_replayed(jobs[0], parsed.replay))
        report = settings.report or Path(REPORT)
        make_folder(report)
        _say(f"stress: seed {settings.seed}, {len(jobs)} jobs, about {parsed.seconds:g} s")
        return _run(jobs, report)
    except ConfigurationError as error:
        sys.stderr.write(f"ERROR: conformance: {error}\n")
        return USAGE_ERROR
    except KeyboardInterrupt:
        return INTERRUPTED


def _run(jobs: Sequence[Job], report: Path) -> int:
    """Do the jobs and write what they found; what was done before an interruption is not lost."""
    done: dict[Job, Figures] = {}
    try:
        done.update(_done(jobs))
    except KeyboardInterrupt:
        _say("stress: interrupted; what had not ended is left out")
        _conclude(report, done)
        return INTERRUPTED
    return FOUND if _conclude(report, done) else 0


def parser() -> Parser:
    """The command line of a stress run."""
    made = Parser(prog="conformance stress", description="Look with generated traffic for what a registry gets wrong.")
    made.add_argument("--seconds", type=_seconds, default=SECONDS, help=f"for all of it (default: {SECONDS:g})")
    made.add_argument("--parts", metavar="PARTS", default="", help=f"by commas: {', '.join(PARTS)} (default: "
                      f"{', '.join(ON_ANY)}; without a target everything but differential)")  # fmt: skip
    made.add_argument("--storage", choices=(*STORAGES, "sqlite"), default="", help="storage of a fake in process")
    made.add_argument("--against", metavar="TARGET", default="", help="what the part differential compares with")
    made.add_argument("--replay", metavar="FILE", default="", help="play the program of a finding again")
    add_options(made)
    return made


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < float("inf"):
        raise ArgumentTypeError(f"{text} is not a number of seconds above zero")
    return seconds


def _jobs(parsed: Namespace, settings: Settings, target: str) -> Iterator[Job]:
    """What is to be done, each with its share of the time; `target` is as it was named, be it by a file."""
    whole = target == WHOLE
    chosen = _parts(parsed.parts, whole=whole, against=bool(parsed.against))
    for part in chosen:
        if part in OF_THE_FAKE and not _is_fake(settings):
            raise ConfigurationError(f"the part {part} stresses the fake alone, not {redact(settings.target)}")
    found = [(part, *place) for part in chosen for place in _places(part, target, parsed.storage, whole=whole)]
    waves = -(-len(found) // _at_a_time(settings))
    for number, (part, named, storage) in enumerate(found):
        yield Job(
            part,
            named,
            replace(settings, target=named) if whole else settings,
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


def _places(part: str, target: str, storage: str, *, whole: bool) -> list[tuple[str, str]]:
    """The targets of a part with their storages; those parts that have servers of their own get one."""
    if not whole:
        return [(target, storage)]
    if part in ON_ANY:
        return [(f"fake:{dialect}", storage) for dialect in DIALECTS for storage in STORAGES]
    return [("fake:oci", "")]


def _is_fake(settings: Settings) -> bool:
    return settings.target.partition(":")[0] == "fake"


def _at_a_time(settings: Settings) -> int:
    """How many jobs run at a time: servers that are not in this process get one after the other."""
    return os.cpu_count() or 1 if _is_fake(settings) else 1


def _done(jobs: Sequence[Job]) -> Iterator[tuple[Job, Figures]]:
    """Do the jobs and give their figures as they come."""
    if len(jobs) == 1 or _at_a_time(jobs[0].settings) == 1:
        yield from ((job, work(job)) for job in jobs)
        return
    with ProcessPoolExecutor(_at_a_time(jobs[0].settings), mp_context=get_context("spawn")) as pool:
        running = {pool.submit(work, job): job for job in jobs}
        try:
            for future in as_completed(running):
                yield running[future], future.result()
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
    return target.variant(storage=f"{job.storage}:{folder}/store") if job.storage in _KEPT else target


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


def _shown_again(figures: Figures) -> int:
    """Print what a program showed that was played again."""
    for finding in figures.findings:
        sys.stdout.write(f"{finding.text}\n\n{finding.evidence}\n\n")
    sys.stdout.write(f"{_counted(len(figures.findings))}\n")
    return FOUND if figures.findings else 0


def _conclude(report: Path, done: Mapping[Job, Figures]) -> int:
    """Print figures and findings, and write what belongs to them in the place of those of an earlier run."""
    for old in (*report.glob("finding-*.txt"), *report.glob("finding-*.json")):
        old.unlink()
    number = 0
    for job, figures in sorted(done.items(), key=lambda pair: str(pair[0])):
        counts = {name: f"{count:,} {name}" for name, count in figures.numbers.items() if count}
        shown = ", ".join(text for name, text in counts.items() if ": " not in name)
        sys.stdout.write(f"{job}: {shown or 'nothing done'}; {_counted(len(figures.findings))}\n")
        sys.stdout.writelines(f"  {text}\n" for name, text in counts.items() if ": " in name)
        for finding in figures.findings:
            number += 1
            sys.stdout.write(_written(report, number, job, finding) + "\n")
    facts = {str(job): {"numbers": figures.numbers, "findings": [asdict(finding) for finding in figures.findings]}
             for job, figures in done.items()}  # fmt: skip
    (report / "figures.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
    sys.stdout.write(f"{_counted(number)}, in {report}\n")
    return number


def _counted(findings: int) -> str:
    return "1 finding" if findings == 1 else f"{findings} findings"


def _written(report: Path, number: int, job: Job, finding: Finding) -> str:
    """A finding for the terminal; its evidence and its program are files."""
    evidence, program = report / f"finding-{number}.txt", report / f"finding-{number}.json"
    again = finding.replay
    if finding.program:
        program.write_text(finding.program, encoding="utf-8")
        again = shlex.join([*job.words, "--replay", str(program)])
    evidence.write_text(f"{job}\n{finding.text}\n{again}\n\n{finding.evidence}\n", encoding="utf-8")
    shown = [f"FINDING {number}: {finding.text}", f"  evidence: {evidence}", *([f"  again: {again}"] if again else [])]
    return "\n".join(f"  {line}" for line in shown)


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
