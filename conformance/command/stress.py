"""The command `conformance stress`: run the parts of a stress run within a budget of time, and report their findings.

Without a target it stresses our fake, in its main dialects on all its storages, each in its own process and as many at
a time as there are cores. Exit codes: 0 no findings, 1 findings, 2 interrupted, 4 the target or the options cannot be
used, 5 no findings, but a part had no time to do anything.
"""

from __future__ import annotations

import json
import os
import time
import traceback
from argparse import ArgumentTypeError, Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib import import_module
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conformance.client.steps import Unprepared
from conformance.client.transport import TransportError
from conformance.config.parser import (
    INTERRUPTED,
    USAGE_ERROR,
    Parser,
    add_options,
    options_given,
    shell_line,
    variables_of,
    words_of,
)
from conformance.config.settings import Settings, settings_from
from conformance.errors import ConfigurationError
from conformance.output.secrets import redact
from conformance.output.terminal import complain, say, told
from conformance.reports.folder import make_folder
from conformance.stress.common.base import Budget, Figures, Finding, Part, Stress
from conformance.targets.open import target_of
from conformance.targets.storage import is_durable, names_in, own_names

if TYPE_CHECKING:
    from conformance.stress.machine.program import Program

FOUND = 1
IDLE = 5
REPORT = "stress-report"
SECONDS = 300.0
BETWEEN_LINES = 10.0
"""Seconds between two lines of progress of one job."""

PARTS = {
    "machine": "conformance.stress.machine.search",
    "concurrency": "conformance.stress.races.part",
    "hostile": "conformance.stress.hostile.part",
    "fuzz": "conformance.stress.fuzz.part",
    "crash": "conformance.stress.crash.part",
    "differential": "conformance.stress.machine.differential",
}
ON_ANY = ("machine", "concurrency")
"""The parts for a target, unless others are chosen."""

OF_THE_FAKE = ("fuzz", "crash")
"""The parts that only work on the fake."""

SERVING = ("crash", "hostile")
"""The parts that serve a fake themselves, in its first dialect."""

IGNORED = {
    "known": {"concurrency", "hostile", "fuzz", "crash", "differential"},
    "username": {"crash"},
    "password": {"crash"},
    "timeout": {"fuzz", "crash"},
}
"""The options that some parts have no use for; one that is for no chosen part is refused."""

UNUSED = ("requirement", "version", "level", "strict", "references", "full-size")
"""The options of a run that no part has a use for."""

WHOLE = "fake"
"""The target that stands for the fake in its main dialects on all its storages."""

DIALECTS = ("oci", "github-docker", "github-container")


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """One part on one target, by its text. `storage` is that of a fake, empty for the default."""

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

    def replay(self, program: Path) -> str:
        """Return the shell line that plays a program on the same target; passwords come from variables."""
        given = {name: value for name, value in self.settings.given.items() if name not in UNUSED}
        chosen = {"target": self.target, "storage": self.storage}
        first, *rest = words_of(given | {name: value for name, value in chosen.items() if value})
        against = ["--against", redact(self.against)] if self.against else []
        return shell_line([first, "stress", *rest, *against, "--replay", str(program)], variables_of(given))


def main(arguments: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    try:
        parsed = parser().parse_args(arguments)
        given = options_given(parsed)
        settings = settings_from(given)
        if parsed.replay:
            _refuse_beside_replay(parsed, given)
        jobs = list(_jobs(parsed, settings, given["target"] or settings.target))
        if not parsed.replay:
            _refuse_ignored(jobs, given, settings)
        if parsed.replay:
            return _shown_again(_replayed(jobs[0], parsed.replay), settings.report)
        report = settings.report or Path(REPORT)
        make_folder(report)
        complain(f"stress: seed {settings.seed}, {len(jobs)} jobs, about {parsed.seconds:g} s")
        return _run(jobs, report)
    except ConfigurationError as error:
        complain(f"ERROR: conformance: {error}")
        return USAGE_ERROR
    except KeyboardInterrupt:
        return INTERRUPTED


def _run(jobs: Sequence[Job], report: Path) -> int:
    """Run the jobs and write their findings, also those before an interruption."""
    done: dict[Job, Figures] = {}
    try:
        done.update(_done(jobs))
    except KeyboardInterrupt:
        complain("stress: interrupted; jobs that had not ended are left out")
        _conclude(report, done)
        return INTERRUPTED
    if _conclude(report, done):
        return FOUND
    if idle := [str(job) for job, figures in done.items() if not any(figures.numbers.values())]:
        complain(f"nothing was done by {', '.join(idle)}: give more --seconds")
        return IDLE
    return 0


def parser() -> Parser:
    """Make the parser of a stress run."""
    made = Parser(prog="conformance stress", description="Search for faults of a registry with generated traffic.")
    made.add_argument(
        "--seconds", type=_seconds, default=SECONDS, help=f"time for the whole run (default: {SECONDS:g})"
    )
    made.add_argument("--parts", metavar="PARTS", default="", help=f"separated by commas: {', '.join(PARTS)} "
                      f"(default: {', '.join(ON_ANY)}; without a target all except differential)")  # fmt: skip
    made.add_argument("--against", metavar="TARGET", default="", help="second target of the part differential")
    made.add_argument("--replay", metavar="FILE", default="", help="replay the program of a finding")
    add_options(made, without=UNUSED)
    return made


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < float("inf"):
        raise ArgumentTypeError(f"it must be a number of seconds above zero, got {text!r}")
    return seconds


def _refuse_beside_replay(parsed: Namespace, given: Mapping[str, str | None]) -> None:
    """Raise ConfigurationError for an option that the replay of a program has no use for."""
    words = {"parts": parsed.parts, "seed": given["seed"]}
    if ignored := [name for name, value in words.items() if value]:
        raise ConfigurationError(f"--{ignored[0]} must be left out with --replay, which plays one program")
    if "," in (given["storage"] or ""):
        raise ConfigurationError(f"--replay needs one storage, got {given['storage']!r}")


def _refuse_ignored(jobs: Sequence[Job], given: Mapping[str, str | None], settings: Settings) -> None:
    """Raise ConfigurationError for an option that was given and that no job has a use for."""
    parts = {job.part for job in jobs}
    for name, ignoring in IGNORED.items():
        if given[name] and parts <= ignoring:
            raise ConfigurationError(
                f"--{name} must be left out: it is not for {', '.join(sorted(parts))}, but for "
                f"{', '.join(part for part in PARTS if part not in ignoring)}"
            )
    if unused := [name for name in names_in(settings.storage) if name not in {job.storage for job in jobs}]:
        raise ConfigurationError(f"--storage must name storages that a part can use, got {unused[0]!r}")
    for job in jobs:
        if job.part in SERVING and _is_fake(job.settings) and job.target not in {WHOLE, f"fake:{DIALECTS[0]}"}:
            raise ConfigurationError(
                f"the part {job.part} serves the fake in the dialect {DIALECTS[0]}: give fake:{DIALECTS[0]}, got "
                f"{redact(job.target)}"
            )


def _jobs(parsed: Namespace, settings: Settings, target: str) -> Iterator[Job]:
    """Return the jobs, each with its share of the time; `target` is the text of the target, or its file."""
    whole = target == WHOLE
    chosen = _parts(parsed.parts, whole=whole, against=bool(parsed.against))
    for part in chosen:
        if part in OF_THE_FAKE and not _is_fake(settings):
            raise ConfigurationError(f"the target of the part {part} must be the fake, got {redact(settings.target)}")
    storages = names_in(settings.storage)
    found = [(part, *place) for part in chosen for place in _places(part, target, storages, whole=whole)]
    waves = -(-len(found) // _at_a_time(settings))
    for number, (part, named, storage) in enumerate(found):
        yield Job(
            part,
            named,
            replace(settings, target=named if whole else settings.target, storage=storage),
            parsed.seconds / waves,
            settings.seed + 1000 * number,
            storage,
            parsed.against if part == "differential" else "",
        )


def _parts(text: str, *, whole: bool, against: bool) -> list[str]:
    chosen = [part.strip() for part in text.split(",") if part.strip()]
    if unknown := [part for part in chosen if part not in PARTS]:
        raise ConfigurationError(f"--parts must be some of {', '.join(PARTS)}, got {unknown[0]!r}")
    if against and chosen and "differential" not in chosen:
        raise ConfigurationError(f"--against must be left out: it is for the part differential, got {text!r}")
    if "differential" in chosen and not against:
        raise ConfigurationError("the part differential needs a second target: give --against TARGET")
    if chosen:
        return chosen
    if against:
        return ["differential"]
    return [part for part in PARTS if part != "differential"] if whole else list(ON_ANY)


def _places(part: str, target: str, chosen: Sequence[str], *, whole: bool) -> list[tuple[str, str]]:
    """Return the targets of a part with their storages; an empty text stands for the default of the part."""
    storages = list(chosen or (own_names() if whole and part in (*ON_ANY, "crash") else [""]))
    if part == "crash":
        storages = [storage for storage in storages if is_durable(storage)]
        if not storages:
            raise ConfigurationError(
                f"the part crash needs a storage that outlives the process, got {', '.join(chosen)}: give directory"
            )
    targets = [f"fake:{dialect}" for dialect in (DIALECTS if part in ON_ANY else DIALECTS[:1])] if whole else [target]
    return [(named, storage) for named in targets for storage in storages]


def _is_fake(settings: Settings) -> bool:
    return settings.target.partition(":")[0] == "fake"


def _at_a_time(settings: Settings) -> int:
    """Return how many jobs run at a time: one for servers outside of this process."""
    return os.cpu_count() or 1 if _is_fake(settings) else 1


def _done(jobs: Sequence[Job]) -> Iterator[tuple[Job, Figures]]:
    """Run the jobs and yield their figures as they end."""
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
    """Run one job; its findings have no secrets, which only this process may know."""
    with target_of(job.settings) as target:
        part: Part = _compare(job) if job.against else import_module(PARTS[job.part]).run  # takes a while
        stress = Stress(target, job.seed, Budget(job.seconds), _Progress(job))
        figures = _figures(job, partial(part, stress))
    findings = [
        replace(finding, text=told(finding.text), evidence=told(finding.evidence), replay=told(finding.replay))
        for finding in figures.findings
    ]
    return replace(figures, findings=findings)


def _figures(job: Job, part: Callable[[], Figures]) -> Figures:
    """Run a part; what ends it early is a finding."""
    try:
        return part()
    except (Unprepared, TransportError) as error:  # the first steps failed, or the server is gone
        text, _, evidence = str(error).partition("\n")
    except ConfigurationError:
        raise
    except Exception as error:  # an answer that we did not think of must not end the other parts
        text, evidence = f"the part {job.part} broke off: {error!r}", traceback.format_exc()
    return Figures(job.part, findings=[Finding(text, evidence)])


def _compare(job: Job, program: Program | None = None) -> Part:
    """Return the part that compares with another target: with new programs, or with the given one."""
    from conformance.stress.machine import differential

    def run(stress: Stress) -> Figures:
        # What is said about the connection is about the first target, unless both are URLs.
        alone: dict[str, Any] = (
            {} if job.against.startswith(("http://", "https://")) else {"resolve": {}, "ca": None, "insecure": False}
        )
        with target_of(replace(job.settings, target=job.against, storage="", **alone)) as other:
            if program:
                return differential.replay(program, stress, other)
            return differential.compare(stress, other)

    return run


def _replayed(job: Job, file: str) -> Figures:
    """Replay one program."""
    from conformance.stress.machine.program import Program
    from conformance.stress.machine.search import replay

    try:
        program = Program.from_json(Path(file).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"the program {file} cannot be read: {error}") from None
    with target_of(job.settings) as target:
        stress = Stress(target, job.seed, Budget(job.seconds), complain)
        part = partial(_compare(job, program), stress) if job.against else partial(replay, program, stress)
        return _figures(job, part)


def _shown_again(figures: Figures, report: Path | None) -> int:
    """Print the findings of a replayed program, write them to replay.txt of a report, and return the exit code."""
    text = "".join(f"{finding.text}\n\n{finding.evidence}\n\n" for finding in figures.findings)
    if text:
        say(text.removesuffix("\n"))
    if report:
        make_folder(report)
        (report / "replay.txt").write_text(redact(text), encoding="utf-8")
    say(_counted(len(figures.findings)))
    return FOUND if figures.findings else 0


def _conclude(report: Path, done: Mapping[Job, Figures]) -> int:
    """Print figures and findings, write them to the report folder, and remove those of an earlier run."""
    for old in (*report.glob("finding-*.txt"), *report.glob("finding-*.json")):
        old.unlink()
    number = 0
    for job, figures in sorted(done.items(), key=lambda pair: str(pair[0])):
        counts = {name: f"{count:,} {name}" for name, count in figures.numbers.items() if count}
        shown = ", ".join(text for name, text in counts.items() if ": " not in name)
        say(f"{job}: {shown or 'nothing done'}; {_counted(len(figures.findings))}")
        for name, text in counts.items():
            if ": " in name:
                say(f"  {text}")
        for finding in figures.findings:
            number += 1
            say(_written(report, number, job, finding))
    facts = {str(job): {"numbers": figures.numbers, "findings": [asdict(finding) for finding in figures.findings]}
             for job, figures in done.items()}  # fmt: skip
    (report / "figures.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
    say(f"{_counted(number)}, in {report}")
    return number


def _counted(findings: int) -> str:
    return "1 finding" if findings == 1 else f"{findings} findings"


def _written(report: Path, number: int, job: Job, finding: Finding) -> str:
    """Write the evidence and the program of a finding to files, and return the text for the terminal."""
    evidence, program = report / f"finding-{number}.txt", report / f"finding-{number}.json"
    again = finding.replay
    if finding.program:
        program.write_text(finding.program, encoding="utf-8")
        again = job.replay(program)
    evidence.write_text(f"{job}\n{finding.text}\n{again}\n\n{finding.evidence}\n", encoding="utf-8")
    shown = [f"FINDING {number}: {finding.text}", f"  evidence: {evidence}", *([f"  again: {again}"] if again else [])]
    return "\n".join(f"  {line}" for line in shown)


class _Progress:
    """Print some of the lines of progress of a job."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._shown = time.monotonic()

    def __call__(self, text: str) -> None:
        if time.monotonic() - self._shown >= BETWEEN_LINES:
            self._shown = time.monotonic()
            complain(f"{self._job}: {text}")
