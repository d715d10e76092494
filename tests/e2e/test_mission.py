"""The five groups of scenarios that the suite was made for, unchanged on the fake and on real servers, side by side."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.clients import Docker, run
from tests.e2e.test_registry_container import COMMAND, environment_for

GROUPS = ("auth scopes", "subdomain routing", "tag push pull", "layer limits", "foreign layers")
CHOICE = " or ".join(f"test_{group.replace(' ', '_')}" for group in GROUPS)


@pytest.fixture(scope="module")
def reports(
    first_engine: Docker, registry_image: str, proxy_image: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """The results of the five groups on the fake's Docker registry and on the stack."""
    folder = tmp_path_factory.mktemp("mission")
    targets = {"fake": "fake:github-docker", "stack": f"stack:{registry_image},{proxy_image}"}
    for name, target in targets.items():
        command = (*COMMAND, target, f"--report={folder / name}", "--", "-k", CHOICE)
        outcome = run(command, ok=None, environment=environment_for(first_engine.host))
        assert outcome.code == 0, outcome.text
    return {name: folder / name / "results.json" for name in targets}


@pytest.mark.parametrize("group", GROUPS)
def test_each_group_is_kept_by_both(reports: dict[str, Path], group: str) -> None:
    for name, path in reports.items():
        outcomes = [scenario["outcome"] for scenario in loaded(path)["scenarios"] if scenario["group"] == group]
        assert outcomes.count("pass") > 0, f"{group} on the {name}: {outcomes}"
        assert set(outcomes) <= {"pass", "known", "unsupported", "not applicable", "skipped"}, (
            f"{group} on the {name}: {outcomes}"
        )


def test_both_ran_the_same_scenarios(reports: dict[str, Path]) -> None:
    fake, stack = ({scenario["id"] for scenario in loaded(path)["scenarios"]} for path in reports.values())
    assert fake == stack
    assert len(fake) > 30


def test_side_by_side(reports: dict[str, Path]) -> None:
    outcome = run((*COMMAND, "compare", *map(str, reports.values())))
    sys.stdout.write(outcome.stdout)
    for group in GROUPS:
        assert any(group in line for line in outcome.stdout.splitlines()), outcome.stdout


def loaded(path: Path) -> dict[str, Any]:
    """The results of a run."""
    found: dict[str, Any] = json.loads(path.read_text())
    return found
