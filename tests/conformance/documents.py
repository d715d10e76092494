"""Results of runs, made by hand: what reports are tested with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from conformance.reports.reading import CONFORMANT, JUDGED, UNASKED, grade, verdict

SCENARIO_OUTCOMES = ("pass", "fail", "warn", "known", "unsupported", "not applicable", "skipped", "error")
REQUIREMENT_OUTCOMES = ("fail", "warn", "known", "pass", "unsupported", "untested", "unclaimed", "not applicable")
OCI = ("protocol", "pull", "push", "discovery", "management", "referrers")
HOSTILE = (
    "</pre><script>document.title='taken'</script>`````<img src=x onerror=\"document.title='taken'\">\x1b[31m|\x00"
)
"""What a server may answer to whoever reads reports."""


def violation(*scenarios: str, severity: str = "fail", **changes: Any) -> dict[str, Any]:
    made = {
        "severity": severity, "passive": "", "count": 1, "scenarios": list(scenarios), "expected": "status 404",
        "got": "status 200", "request": "GET /v2/a/manifests/none",
        "exchange": "> GET http://127.0.0.1:5000/v2/a/manifests/none\n< 200",
        "curl": "curl -i -X GET http://127.0.0.1:5000/v2/a/manifests/none", "reason": "",
    }  # fmt: skip
    return {**made, **changes}


def row(key: str = "OCI-R014", outcome: str = "pass", *violations: dict[str, Any], **changes: Any) -> dict[str, Any]:
    made = {
        "id": key, "category": "pull", "level": "MUST", "section": "Pulling manifests",
        "source": "OCI distribution specification", "statement": "GET of a manifest that is not there answers 404.",
        "outcome": outcome, "reason": "", "untestable": "", "violations": list(violations),
        "scenarios": sorted({name for one in violations for name in one["scenarios"]}),
    }  # fmt: skip
    return {**made, **changes}


def scenario(name: str = "test_pull::test_missing", outcome: str = "pass", **changes: Any) -> dict[str, Any]:
    group = name.partition("::")[0].removeprefix("test_").replace("_", " ")
    made = {
        "id": name, "group": group, "outcome": outcome, "reason": "", "requirements": ["OCI-R014"], "kept": [],
        "seconds": 0.012,
    }  # fmt: skip
    return {**made, **changes}


def known(requirement: str = "OCI-R055", *, stale: bool = False, **changes: Any) -> dict[str, Any]:
    made = {"requirement": requirement, "reason": "Their issue 12.", "link": "", "scenarios": [], "stale": stale}
    return {**made, **changes}


def document(
    *,
    scenarios: Iterable[dict[str, Any]] = (),
    requirements: Iterable[dict[str, Any]] = (),
    lines: Iterable[dict[str, Any]] = (),
    capabilities: dict[str, str] | None = None,
    **run: Any,
) -> dict[str, Any]:
    """Results with the counts, and with the verdict that follow from their parts; `run` changes facts of the run."""
    scenarios, requirements, lines = sorted(scenarios, key=lambda one: one["id"]), list(requirements), list(lines)
    facts = {
        "command": ["conformance", run.get("target", "fake")], "target": "fake",
        "profile": list(OCI), "version": "dev", "level": "must", "seed": 3,
        "repository": "conformance", "started": "2026-01-01T00:00:00+00:00", "seconds": 1.234,
        "ended": "", "partial": False, "strict": False, "variables": [], "report": "conformance-report",
    }  # fmt: skip
    made: dict[str, Any] = {
        "schema": 3,
        "suite": {"name": "fakereg conformance", "version": "0.1.0"},
        "run": {**facts, **run},
        "summary": {
            "scenarios": _counted(scenarios, SCENARIO_OUTCOMES),
            "requirements": _counted(requirements, REQUIREMENT_OUTCOMES),
            "claimed": sum(one["outcome"] not in UNASKED and not one["untestable"] for one in requirements),
            "judged": sum(one["outcome"] in JUDGED for one in requirements),
        },
        "capabilities": capabilities or {},
        "known": lines,
        "scenarios": scenarios,
        "requirements": requirements,
    }
    made["summary"] |= {"verdict": verdict(made), "conformant": grade(made) in CONFORMANT}
    return made


def _counted(entries: Iterable[dict[str, Any]], outcomes: tuple[str, ...]) -> dict[str, int]:
    counts = Counter(entry["outcome"] for entry in entries)
    return {outcome: counts[outcome] for outcome in outcomes}


def eventful() -> dict[str, Any]:
    """A run in which something of every kind happened."""
    passive = violation(
        "test_pull::test_missing", "test_push::test_digest[sha256]", passive="error body", count=3,
        expected="a JSON body", got=HOSTILE, exchange=f"> GET /v2/\n< 404\n< {HOSTILE}",
    )  # fmt: skip
    return document(
        scenarios=[
            scenario(),
            scenario("test_tags::test_n[0]", "fail", reason="OCI-R055 (MUST in dev): it broke"),
            scenario("test_tags::test_n[1]", "warn", kept=["OCI-R055"]),
            scenario("test_tags::test_order", "known"),
            scenario("test_push::test_digest[sha256]"),
            scenario("test_push::test_length", "error", reason=f"TypeError: {HOSTILE}\nfar down"),
            scenario("test_delete::test_tag", "unsupported", reason="DELETE answered 405"),
            scenario("test_referrers::test_filter", "not applicable", reason="none of its requirements is in 1.0"),
            scenario("test_layer_limits::test_full", "skipped", reason="only with --conformance-full-size"),
        ],
        requirements=[
            row("OCI-R010", "warn", violation("test_tags::test_n[1]", severity="warn"), level="SHOULD",
                statement="A manifest comes back with the Content-Type that it was pushed with."),
            row("OCI-R014", "pass", scenarios=["test_pull::test_missing"]),
            row("OCI-R055", "fail", violation("test_tags::test_n[0]"), category="discovery", section="Listing tags",
                statement="n=0 gives an empty list | and no Link."),
            row("OCI-R056", "known", violation("test_tags::test_order", severity="known", reason="Their issue 12."),
                category="discovery"),
            row("OCI-R091", "unsupported", category="management", scenarios=["test_delete::test_tag"]),
            row("OCI-R100", "untested", untestable="Nothing on the wire shows it."),
            row("OCI-R106", "fail", passive, category="protocol", statement="An error has a JSON body."),
            row("OCI-R120", "not applicable", level="-", category="referrers"),
            row("AUTH-01", "unclaimed", category="auth", source="Docker Registry v2 token authentication"),
        ],
        lines=[
            known("OCI-R056", link="https://example.com/issues/12", scenarios=["test_tags::*"]),
            known("OCI-R014", reason="It was so once.", link="javascript:alert(1)", stale=True),
        ],
        capabilities={"mount": "present", "tag_deletion": "absent: DELETE answered 405"},
        target="http://127.0.0.1:5000",
    )  # fmt: skip


def unpushed(*rows: dict[str, Any], **run: Any) -> dict[str, Any]:
    """A run on a registry that takes no pushes; one of two requirements of pulling was judged, and `rows`."""
    rows = (row("OCI-R060"), row("OCI-R014", "unsupported"), *rows)
    return document(requirements=rows, capabilities={"push": "absent: POST answered 405"}, **run)


def large() -> dict[str, Any]:
    """A run with 200 requirements and 500 scenarios, a part of them in trouble."""
    names = [f"test_tags::test_number_{number}[a-rather-long-parameter-{number}]" for number in range(500)]
    rows = []
    for number in range(200):
        mine = names[number::200]
        outcome = {0: "fail", 1: "warn", 2: "unsupported", 3: "untested"}.get(number % 10, "pass")
        seen = [violation(*mine, severity=outcome)] if outcome in ("fail", "warn") else []
        rows.append(row(f"OCI-R{number:03}", outcome, *seen, category=OCI[number % 6], scenarios=mine))
    outcomes = {f"OCI-R{number:03}": rows[number]["outcome"] for number in range(200)}
    return document(
        scenarios=[
            scenario(name, _outcome(outcomes[f"OCI-R{number % 200:03}"]), requirements=[f"OCI-R{number % 200:03}"])
            for number, name in enumerate(names)
        ],
        requirements=rows,
    )


def _outcome(of_requirement: str) -> str:
    return of_requirement if of_requirement in SCENARIO_OUTCOMES else "pass"
