"""Read results for every report: order, the verdict in words, bug reports.

The results are the object that `results.py` makes and results.json holds; reports look at nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from conformance.config.description import PROFILES
from conformance.config.parser import shell_line
from conformance.output.terminal import visible

Document = Mapping[str, Any]
VIOLATED = ("fail", "warn", "known")
FIRST_GROUPS = ("auth scopes", "subdomain routing", "tag push pull", "layer limits", "foreign layers")
"""The groups of scenarios that are about a registry as a whole; they come before the groups by endpoint."""
NOTHING = "-"
"""Stands where a run says nothing of a group or a requirement."""

JUDGED = ("pass", *VIOLATED)
UNASKED = ("unclaimed", "not applicable")
"""The outcomes of requirements that a run did not have to judge."""

VERDICTS = {
    "kept": "conformant",
    "warned": "conformant, with warnings",
    "known": "conformant, except for known failures",
    "stale": "the list of known failures is out of date",
    "undecided": "no verdict, because scenarios could not be judged",
    "incomplete": "not judged completely, as --strict asks",
    "unjudged": "nothing was judged",
    "violated": "not conformant",
}
"""The verdict in words, by its grade, of a run that came to its end."""

CONFORMANT = ("kept", "warned", "known")
"""The grades of a run with exit code 0."""

PARTIAL = "of a part of the scenarios"
INTERRUPTED = "interrupted"
LITTLE = 0.5
"""Without pushes, at most this part of the pull requirements means that little was judged."""

ONLY_WARNED = "warning although a MUST: the letter of the specification is stricter than its sense, or leaves it open"
REMOVED = (
    "The run removed its content, so a curl line may not give the same again, "
    "and 'body' in one stands for the bytes that were sent."
)


def grade(document: Document) -> str:
    """Return the verdict of a run as one word, a key of VERDICTS; unjudged for an empty or unfinished run."""
    counts = document["summary"]["requirements"]
    if counts["fail"] or document["summary"]["scenarios"]["fail"]:
        return "violated"
    judged_little = not is_partial(document) and nothing_pushed(document)
    if ended(document) or not kept(document)[1] or judged_little:
        return "undecided" if unjudged(document) and not ended(document) else "unjudged"
    if unjudged(document):
        return "undecided"
    if stale(document):
        return "stale"
    lacking = open_rows(document["requirements"], strict=True)
    if document["run"]["strict"] and any(row["scenarios"] or not is_partial(document) for row in lacking):
        return "incomplete"
    return next(
        found for outcome, found in (("known", "known"), ("warn", "warned"), ("pass", "kept")) if counts[outcome]
    )


def verdict(document: Document) -> str:
    """Return the verdict in words, with a note about what it does not cover."""
    found, why = grade(document), ended(document)
    words = VERDICTS[found]
    if found in CONFORMANT and not covers_all(document):
        words = words.replace("conformant", "conformant in what was judged", 1)
    if found == "stale":
        lines = ", ".join(line["requirement"] for line in stale(document))
        words += f" (take off what does not fail any more: {lines}), and nothing else is wrong"
    if found == "unjudged" and kept(document)[1]:
        words = "too little was judged"
    if why:
        words = "; ".join([*([words] if found == "violated" else []), _unfinished(document, why)])
    return words + (f" ({PARTIAL})" if is_partial(document) else "")


def open_rows(requirements: Iterable[Mapping[str, Any]], *, strict: bool = False) -> list[Mapping[str, Any]]:
    """Return the claimed requirements that were not judged though they could be; `strict` counts the unsupported."""
    outcomes = ("untested", "unsupported") if strict else ("untested",)
    return [row for row in requirements if row["outcome"] in outcomes and not row["untestable"]]


def covers_all(document: Document) -> bool:
    """Whether the verdict covers all that is claimed: nothing is open, and most of it was judged.

    A partial run says that in other words.
    """
    summary = document["summary"]
    return is_partial(document) or (
        not open_rows(document["requirements"]) and 2 * summary["judged"] >= summary["claimed"]
    )


def why_not(document: Document, *outcomes: str) -> list[tuple[str, list[str]]]:
    """Return the reasons why requirements were not judged, each with their ids; the most frequent first."""
    reasons: dict[str, list[str]] = {}
    for row in document["requirements"]:
        if row["outcome"] in outcomes and not row["untestable"]:
            reasons.setdefault(row["reason"], []).append(row["id"])
    return sorted(reasons.items(), key=lambda pair: -len(pair[1]))


def _unfinished(document: Document, found: str) -> str:
    if found != INTERRUPTED:
        return f"could not be judged to its end: {found}"
    count = len(document["scenarios"])
    return f"interrupted after {count} scenario{'s' if count != 1 else ''}"


def ended(document: Document) -> str:
    """Return the reason why the run was not finished, in one line; empty if it was."""
    found: str = document["run"]["ended"]
    return found.partition("\n")[0]


def is_partial(document: Document) -> bool:
    """Whether only some scenarios were chosen."""
    return bool(document["run"]["partial"])


def nothing_pushed(document: Document) -> str:
    """Return the reason why nothing could be pushed, if little was judged for that; else empty."""
    answer: str = document["capabilities"].get("push", "present")
    claimed = [row for row in document["requirements"] if row["outcome"] not in UNASKED]
    pulled = [row for row in claimed if row["category"] == "pull"] or claimed
    judged = sum(row["outcome"] in JUDGED for row in pulled)
    return answer.removeprefix("absent: ") if answer != "present" and judged <= LITTLE * len(pulled) else ""


def little_judged(document: Document) -> str:
    """Return one line about a registry that accepts no pushes; else empty."""
    reason = nothing_pushed(document)
    said = "so that little was judged: --references NAME:TAG tests what is there already"
    return f"nothing could be pushed ({reason}), {said}" if reason else ""


def kept(document: Document) -> tuple[int, int]:
    """Return the numbers of kept and of judged requirements."""
    counts = document["summary"]["requirements"]
    return counts["pass"], sum(counts[outcome] for outcome in JUDGED)


def kept_text(document: Document) -> str:
    """Return the number of kept requirements in words."""
    good, judged = kept(document)
    return f"{good} of {judged} kept" if judged else "nothing judged"


def violated(document: Document, *outcomes: str) -> list[dict[str, Any]]:
    """Return the requirements with these outcomes: failures first, and each MUST before each SHOULD."""
    found = [row for row in document["requirements"] if row["outcome"] in outcomes]
    return sorted(found, key=lambda row: (VIOLATED.index(row["outcome"]), is_optional(row["level"])))


def only_warned(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return the legend for requirements that are a MUST with a warning; empty without any."""
    return ONLY_WARNED if any(row["outcome"] == "warn" and not is_optional(row["level"]) for row in rows) else ""


def is_optional(level: str) -> bool:
    """Whether a level is only a recommendation."""
    return level.startswith("SHOULD")


def stale(document: Document) -> list[dict[str, Any]]:
    """Return the entries of known failures that did not happen."""
    return [line for line in document["known"] if line["stale"]]


def unjudged(document: Document) -> list[dict[str, Any]]:
    """Return the scenarios that ended in an error."""
    return [scenario for scenario in document["scenarios"] if scenario["outcome"] == "error"]


def with_requirements(scenario: Mapping[str, Any]) -> str:
    """Return the name of a scenario, with the requirements that it was written for."""
    keys = ", ".join(scenario["requirements"])
    return f"{scenario['id']} ({keys})" if keys else str(scenario["id"])


def findings(document: Document) -> list[str]:
    """Return the shortcomings of a run, the worst first, each as a phrase."""
    failed, counts = violated(document, "fail"), document["summary"]["requirements"]
    optional = sum(is_optional(row["level"]) for row in failed)
    levels = f" ({len(failed) - optional} MUST, {optional} SHOULD)" if optional else ""
    # A partial run was not to judge what no scenario of it is about.
    left = [row for row in open_rows(document["requirements"]) if row["scenarios"] or not is_partial(document)]
    found = [
        (len(failed), "requirement violated", "requirements violated", levels),
        (len(unjudged(document)), "scenario could not be judged", "scenarios could not be judged", ""),
        (len(stale(document)), "known failure did not happen", "known failures did not happen", ""),
        (counts["warn"], "warning", "warnings", ""),
        (counts["known"], "known failure", "known failures", ""),
        (len(left), "claimed requirement not judged", "claimed requirements not judged", ""),
        (counts["unsupported"], "unsupported", "unsupported", ""),
    ]
    return [f"{count} {one if count == 1 else many}{more}" for count, one, many, more in found if count]


def profile(document: Document) -> str:
    """Return the names of the tested profiles, and of the categories in none of them."""
    claimed = document["run"]["profile"]
    names = [name for name, categories in PROFILES.items() if set(categories) <= set(claimed)]
    covered = {category for name in names for category in PROFILES[name]}
    return ", ".join([*names, *(category for category in claimed if category not in covered)]) or "nothing"


def groups(scenarios: Iterable[Mapping[str, Any]]) -> dict[str, Counter[str]]:
    """Return the outcomes of scenarios by group, those of FIRST_GROUPS first and the others by name."""
    counts: dict[str, Counter[str]] = {}
    for scenario in scenarios:
        counts.setdefault(scenario["group"], Counter())[scenario["outcome"]] += 1
    return {group: counts[group] for group in ordered_groups(counts)}


def ordered_groups(names: Iterable[str]) -> list[str]:
    """Sort names of groups, those of FIRST_GROUPS first and the others by name."""
    there = set(names)
    return [*(name for name in FIRST_GROUPS if name in there), *sorted(there - set(FIRST_GROUPS))]


def from_the_start(document: Document, key: str) -> str:
    """Return the shell line that tests a requirement again, with a report in a folder of its own.

    Secrets come from the variables that it names.
    """
    run = document["run"]
    option = "--conformance-" if run["command"][0] == "pytest" else "--"
    more = {"requirement": key, "seed": str(run["seed"]), "report": f"{run['report'] or 'conformance-report'}-{key}"}
    words = [*run["command"], *(word for name, value in more.items() for word in (f"{option}{name}", value))]
    return shell_line(words, run["variables"])


def bug_report(document: Document, row: Mapping[str, Any], violation: Mapping[str, Any]) -> str:
    """Describe a violation: the requirement, the expected and the actual value, and how to reproduce it."""
    run = document["run"]
    lines = [
        f"{row['id']} ({row['level']} in {run['version']}, {row['source']}, section {row['section']!r}): "
        f"{row['statement']}",
        f"expected: {violation['expected']}",
        f"got:      {violation['got']}",
        f"grade:    {mark}" if (mark := mark_of(row, violation)) else "",
        f"request:  {violation['request']}" if violation["request"] else "",
        f"seen in:  {seen_in(violation)}",
        violation["exchange"],
        f"again: {violation['curl']}" if violation["curl"] else "",
        f"known: {violation['reason']}" if violation["reason"] else "",
        f"from the start: {from_the_start(document, row['id'])}",
    ]
    return visible("\n".join(line for line in lines if line))


def mark_of(row: Mapping[str, Any], violation: Mapping[str, Any]) -> str:
    """Return the grade of a warning among the violations of a requirement in words; else empty."""
    return "only a warning" if violation["severity"] == "warn" and row["outcome"] == "fail" else ""


def seen_in(violation: Mapping[str, Any], *, most: int = 3) -> str:
    """Return the scenarios with a violation, and the count of a passive check or of a repeated finding."""
    where = listed(violation["scenarios"], most=most)
    times = "once" if violation["count"] == 1 else f"{violation['count']} times"
    if violation["passive"]:
        return f"{where} ({times}, passive check: {violation['passive']})"
    return where if violation["count"] == 1 else f"{where} ({times})"


def listed(names: Sequence[str], *, most: int) -> str:
    """Return the first of some names, and the number of the others."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
