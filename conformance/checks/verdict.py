"""The findings of a scenario: violations, graded by level, and the requirements that were kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from conformance.catalogue.known_failures import KnownFailure, find
from conformance.catalogue.requirements import ABSENT, Requirement, catalogue
from conformance.checks.finding import Reads
from conformance.client.client import Allowance
from conformance.client.exchange import Exchange
from conformance.client.steps import unprepared
from conformance.output.secrets import redact
from conformance.output.terminal import told

FAIL = "fail"
WARN = "warn"
KNOWN = "known"
LONGEST = 400
LONGEST_REASON = 20_000
TOO_MANY_REQUESTS = 429
ABOUT_RATES = {"OCI-R107", "GHC-13"}
"""The requirements on an answer of that status; all others are on what was asked for."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A violation of one requirement. `severity` is `fail`, `warn` or `known`; `count` is the number of times.

    `request` is the request in one line. `passive` is the name of the passive check that saw it, empty when the
    scenario itself did. `reason` is that of the line of known failures that it is on, empty when it is on none.
    """

    requirement: str
    severity: str
    expected: str
    got: str
    exchange: str
    curl: str
    passive: str = ""
    count: int = 1
    reason: str = ""
    request: str = ""

    def as_fact(self) -> dict[str, Any]:
        """Return the violation as plain data that can travel between processes and be shown to people."""
        return {name: told(value) if isinstance(value, str) else value for name, value in asdict(self).items()}


class Nonconformity(AssertionError):
    """A violation that ends the scenario; the text is a bug report."""

    def __init__(self, violation: Violation, *, version: str, seed: int) -> None:
        super().__init__(report_text(violation, version=version, seed=seed))
        self.violation = violation


def report_text(violation: Violation, *, version: str, seed: int) -> str:
    """Describe a violation as a bug report."""
    row = catalogue()[violation.requirement]
    return "\n".join(
        [
            f"{row.id} ({row.level(version)} in {version}, section {row.section!r}): {row.statement}",
            f"expected: {violation.expected}",
            f"got:      {violation.got}",
            *([f"request:  {violation.request}"] if violation.request else []),
            violation.exchange,
            f"again: {violation.curl}",
            f"seed: {seed}",
        ]
    )


def shortened(text: str, longest: int = LONGEST) -> str:
    """Leave out the middle of a long text: what is wrong may be at its end."""
    left_out = len(text) - longest
    half = longest // 2
    return text if left_out <= 0 else f"{text[:half]} ...{left_out} characters... {text[-half:]}"


@dataclass(slots=True)
class Case:
    """The state of one scenario while it runs. `bound` are the requirements it was written for.

    Only requirements of the categories in `profile` are judged, or all if it is None. `reads` is what the passive
    checks remember.
    """

    id: str
    bound: tuple[str, ...]
    version: str = "dev"
    strict: bool = False
    seed: int = 0
    target: str = ""
    profile: Sequence[str] | None = None
    known: Sequence[KnownFailure] = ()
    kept: set[str] = field(default_factory=set)
    violations: list[Violation] = field(default_factory=list)
    passive: dict[tuple[str, str], Violation] = field(default_factory=dict)
    capabilities: dict[str, str] = field(default_factory=dict)
    reads: Reads = field(default_factory=dict)
    watch: Callable[[Case, Exchange], None] | None = None
    allowance: Allowance = field(default_factory=Allowance)

    def applies(self) -> bool:
        """Whether this version has a requirement of the scenario that the target claims."""
        return any(self._counts(catalogue()[key]) for key in self.bound)

    def _counts(self, row: Requirement) -> bool:
        claimed = self.profile is None or row.category in self.profile
        return claimed and row.level(self.version) != ABSENT

    def judge(
        self, requirement: str, ok: bool, *, expected: str, got: object, exchange: Exchange, grade: str | None = None
    ) -> bool:
        """Note whether a requirement is kept; raise Nonconformity for a violation that is a failure.

        A request over a rate limit says nothing about what it asked for, so Unprepared is raised for it.
        A known failure ends the scenario, too: what would come after it was not written for it.
        `grade` lowers the level for this check where the letter of the specification is stricter than its sense.
        """
        if requirement not in self.bound:
            raise ValueError(f"{requirement} is not among the requirements of {self.id}")
        row = catalogue()[requirement]
        if not self._counts(row):
            return ok
        if ok:
            self.kept.add(requirement)
            return True
        if exchange.status == TOO_MANY_REQUESTS and requirement not in ABOUT_RATES:
            raise unprepared("have a request answered", exchange, "OCI-R107")
        violation = self._violation(row, expected, got, exchange, optional=grade == "SHOULD")
        self.violations.append(violation)
        if not self._is_optional(row, grade == "SHOULD"):
            raise Nonconformity(violation, version=self.version, seed=self.seed)
        return False

    def observe(
        self, check: str, requirement: str, ok: bool, *, expected: str, got: object, exchange: Exchange
    ) -> None:
        """Note the finding of a passive check; keep the first of its kind with a count, and never raise."""
        row = catalogue()[requirement]
        if not self._counts(row):
            return
        if ok:
            self.kept.add(requirement)
            return
        first = self.passive.get((requirement, check))
        if first is None:
            self.passive[requirement, check] = replace(self._violation(row, expected, got, exchange), passive=check)
        else:
            self.passive[requirement, check] = replace(first, count=first.count + 1)

    def miss(self, capability: str, reason: str) -> None:
        """Raise Nonconformity for a required capability that is absent."""
        row = next(catalogue()[key] for key in self.bound if self._counts(catalogue()[key]))
        expected = f"the capability {capability}, which is required of this target"
        known = find(self.known, row.id, self.id)
        severity, why = (KNOWN, known.reason) if known else (FAIL, "")
        violation = Violation(row.id, severity, expected, reason, "", "", reason=why)
        self.violations.append(violation)
        raise Nonconformity(violation, version=self.version, seed=self.seed)

    def excuse(self, reason: str, *requirements: str) -> None:
        """Raise Nonconformity, as known, for a failed preparation that a line of known failures covers.

        The line may be about one of the `requirements` on the step that failed, or about one of the scenario.
        """
        for key in (*requirements, *self.bound):
            if known := find(self.known, key, self.id):
                got, _, shown = reason.partition("\n")
                violation = Violation(key, KNOWN, "the preparation to work", got, shown, "", reason=known.reason)
                self.violations.append(violation)
                raise Nonconformity(violation, version=self.version, seed=self.seed)

    def record(self, exchange: Exchange) -> None:
        """Record an exchange and run the passive checks on it."""
        if self.watch is not None:
            self.watch(self, exchange)

    def _violation(
        self, row: Requirement, expected: str, got: object, exchange: Exchange, *, optional: bool = False
    ) -> Violation:
        known = find(self.known, row.id, self.id)
        severity = KNOWN if known else WARN if self._is_optional(row, optional) else FAIL
        shown = shortened(redact(got if isinstance(got, str) else repr(got)))
        reason = known.reason if known else ""
        return Violation(
            row.id,
            severity,
            shortened(redact(expected)),
            shown,
            exchange.describe(),
            exchange.curl(),
            reason=reason,
            request=exchange.asked(),
        )

    def _is_optional(self, row: Requirement, lowered: bool) -> bool:
        return (lowered or row.is_optional(self.version)) and not self.strict

    def facts(self, outcome: str, reason: str, *, seconds: float = 0.0, silent: bool = False) -> dict[str, Any]:
        """Return all facts for a report as plain data; `silent` means that a request had no answer."""
        return {
            "id": self.id,
            "group": self.id.partition("::")[0].removeprefix("test_").replace("_", " "),
            "seconds": round(seconds, 3),
            "silent": silent,
            "target": self.target,
            "profile": list(self.profile or ()),
            "known": [line.as_fact() for line in self.known],
            "outcome": outcome,
            "reason": told(reason)[:LONGEST_REASON],
            "requirements": list(self.bound),
            "kept": sorted(self.kept),
            "violations": [violation.as_fact() for violation in self._all()],
            "capabilities": {name: told(answer) for name, answer in sorted(self.capabilities.items())},
        }

    def _all(self) -> Iterable[Violation]:
        yield from self.violations
        yield from self.passive.values()
