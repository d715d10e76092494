"""The fake's dialect `distribution` beside a real docker-registry, with the same generated programs."""

import json
from pathlib import Path

import pytest

from conformance.config.settings import Settings
from conformance.stress.common.base import Budget, Stress
from conformance.stress.machine.differential import compare
from conformance.targets.open import target_of
from tests.e2e.clients import Docker, run
from tests.e2e.distribution import Beside, BesideWithTokens
from tests.e2e.test_registry_container import COMMAND, CONFORMANT, containers_of, environment_for

SECONDS = 20
FEWEST_PROGRAMS = 15


def test_every_difference_is_a_known_one(first_engine: Docker, registry_image: str, tmp_path: Path) -> None:
    against = f"server:registry-2={registry_image}"
    asked = ("fake:distribution", "--against", against, "--seconds", str(SECONDS), "--report", str(tmp_path))
    outcome = run((*COMMAND, "stress", *asked), ok=None, environment=environment_for(first_engine.host))
    assert outcome.code == CONFORMANT, outcome.text
    (done,) = json.loads((tmp_path / "figures.json").read_text()).values()
    assert done["numbers"]["programs"] >= FEWEST_PROGRAMS
    assert any(name.startswith("explained by") for name in done["numbers"])
    assert containers_of(first_engine, registry_image) == []


@pytest.mark.parametrize("beside", [Beside, BesideWithTokens])
def test_every_difference_from_a_process_is_a_known_one(beside: type[Beside]) -> None:
    with target_of(Settings(target=beside.FAKE)) as fake, beside() as real:
        figures = compare(Stress(fake, 1, Budget(SECONDS), lambda text: None), real)
    assert [finding.text for finding in figures.findings] == []
    assert figures.numbers["programs"] > 0
