"""The results of several runs side by side: groups of scenarios, and the requirements that came out differently."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.output.terminal import visible
from conformance.reports.html import page
from conformance.reports.markdown import plain, table
from conformance.reports.reading import (
    NOTHING,
    UNASKED,
    VIOLATED,
    Document,
    grade,
    groups,
    kept_text,
    only_warned,
    ordered_groups,
    profile,
    verdict,
)

LONGEST_NAME = 40
_UNASKED = {NOTHING, *UNASKED}
"""The outcomes of requirements that a run did not judge."""


@dataclass(frozen=True, slots=True)
class Side:
    """The data of one run for a comparison; `rows` are the requirements by id."""

    name: str
    facts: Mapping[str, str]
    grade: str
    groups: Mapping[str, Counter[str]]
    rows: Mapping[str, Mapping[str, str]]

    @classmethod
    def of(cls, document: Document, *, name: str = "") -> Side:
        """Read it from results; raise KeyError and the like if they are invalid."""
        run = document["run"]
        facts = {
            "verdict": verdict(document),
            "requirements": kept_text(document),
            "judged": "{judged} of {claimed} that apply".format(**document["summary"]),
            "profile": profile(document),
            "specification": f"{run['version']}, level {run['level']}",
            "date": run["started"][:10],
        }
        fields = ("level", "statement", "outcome")
        rows = {row["id"]: {key: str(row[key]) for key in fields} for row in document["requirements"]}
        return cls(name or str(run["target"]), facts, grade(document), groups(document["scenarios"]), rows)

    def group(self, name: str) -> str:
        """Return the outcomes of the scenarios of a group, in words."""
        counts = self.groups.get(name, Counter())
        return (
            ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items(), key=_passed_first)) or NOTHING
        )

    def outcome(self, key: str) -> str:
        """Return the outcome of a requirement."""
        return self.rows[key]["outcome"] if key in self.rows else NOTHING


def _passed_first(counted: tuple[str, int]) -> tuple[bool, str]:
    return counted[0] != "pass", counted[0]


@dataclass(frozen=True, slots=True)
class Line:
    """One requirement with its outcome at each side."""

    id: str
    level: str
    statement: str
    outcomes: tuple[str, ...]

    @property
    def differs(self) -> bool:
        """Whether the judging sides have different outcomes, or only some judged it and one violates it."""
        judged = set(self.outcomes) - _UNASKED
        return len(judged) > 1 or (len(set(self.outcomes)) > 1 and not judged.isdisjoint(VIOLATED))

    @property
    def partial(self) -> bool:
        """Whether only some sides judged it."""
        return 0 < sum(outcome in _UNASKED for outcome in self.outcomes) < len(self.outcomes)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Several sides; `everything` includes requirements with equal outcomes."""

    sides: Sequence[Side]
    everything: bool = False

    def facts(self) -> Iterator[tuple[str, list[str]]]:
        """The facts about the runs: a name and the values of the sides."""
        for name in self.sides[0].facts:
            yield name, [side.facts[name] for side in self.sides]

    def groups(self) -> Iterator[tuple[str, list[str]]]:
        """The groups of scenarios with their counts."""
        for name in ordered_groups(name for side in self.sides for name in side.groups):
            yield name, [side.group(name) for side in self.sides]

    def lines(self) -> list[Line]:
        """The requirements, those that a side violates first."""
        return sorted((line for line in self._all() if self.everything or line.differs), key=_worst)

    def _all(self) -> list[Line]:
        return [self._line(key) for key in dict.fromkeys(key for side in self.sides for key in side.rows)]

    def _line(self, key: str) -> Line:
        rows = [side.rows[key] for side in self.sides if key in side.rows]
        levels = dict.fromkeys(row["level"] for row in rows)
        outcomes = tuple(side.outcome(key) for side in self.sides)
        return Line(key, "/".join(levels), rows[0]["statement"], outcomes)

    @property
    def heading(self) -> str:
        """The heading of the table of requirements."""
        count = len(self.lines())
        if self.everything:
            return f"{count} requirements"
        return f"{count} requirement{'s' if count != 1 else ''} that came out differently"

    @property
    def legend(self) -> str:
        """A note about the outcomes in the table; empty without one."""
        keys = [line.id for line in self.lines()]
        return only_warned(side.rows[key] for key in keys for side in self.sides if key in side.rows)

    @property
    def left_out(self) -> str:
        """The number of requirements that are left out because only some sides claim them; empty if there are none."""
        count = 0 if self.everything else sum(line.partial and not line.differs for line in self._all())
        return f"{count} more are claimed by some of them only: see --all" if count else ""


def _worst(line: Line) -> int:
    """Return the rank of the worst outcome of a requirement."""
    return min((VIOLATED.index(outcome) for outcome in line.outcomes if outcome in VIOLATED), default=len(VIOLATED))


def text(comparison: Comparison) -> list[str]:
    """Show the comparison as lines for a terminal."""
    lines = comparison.lines()
    rows = [
        ["", *(_short(side.name) for side in comparison.sides)],
        *([name, *cells] for name, cells in comparison.facts()),
        [],
        ["SCENARIOS"],
        *([name, *cells] for name, cells in comparison.groups()),
        [],
        [comparison.heading.upper()],
        *([f"{line.id} {line.level}", *line.outcomes, line.statement] for line in lines),
    ]
    columns = len(comparison.sides) + 1
    widths = [max(len(row[column]) for row in rows if len(row) > max(column, 1)) for column in range(columns)]
    shown = [visible(_padded(row, widths), keep="") for row in rows]
    return [*shown, *filter(None, [comparison.legend, comparison.left_out])]


def _padded(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [cell.ljust(widths[number]) if number < len(widths) else cell for number, cell in enumerate(row)]
    return "  ".join(cells).rstrip()


def _short(name: str) -> str:
    half = LONGEST_NAME // 2 - 1
    return name if len(name) <= LONGEST_NAME else f"{name[:half]}..{name[-half:]}"


def markdown(comparison: Comparison) -> str:
    """Show the comparison as tables in Markdown."""
    names = [plain(side.name) for side in comparison.sides]
    facts = [[plain(name), *map(plain, cells)] for name, cells in comparison.facts()]
    counted = [[plain(name), *map(plain, cells)] for name, cells in comparison.groups()]
    rows = [
        [plain(line.id), plain(line.level), plain(line.statement), *map(_marked, line.outcomes)]
        for line in comparison.lines()
    ]
    parts = [
        "# Conformance, side by side",
        *table(["", *names], facts),
        *(["", "## Scenarios", *table(["Group", *names], counted)] if counted else []),
        "",
        f"## {comparison.heading}",
        *table(["Requirement", "Level", "What it says", *names], rows),
        *(line for note in (comparison.legend, comparison.left_out) if note for line in ("", f"{note}.")),
    ]
    return "\n".join(parts) + "\n"


def _marked(outcome: str) -> str:
    return f"**{plain(outcome)}**" if outcome == "fail" else plain(outcome)


def html(comparison: Comparison) -> str:
    """Show the comparison as a self-contained page."""
    values: dict[str, Any] = {
        "sides": comparison.sides,
        "facts": list(comparison.facts()),
        "groups": list(comparison.groups()),
        "lines": comparison.lines(),
        "heading": comparison.heading,
        "legend": comparison.legend,
        "left_out": comparison.left_out,
    }
    return page("compare.html", **values)
