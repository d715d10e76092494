"""Each module has a test file of its name in the mirrored folder, or a line here says where it is tested."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("conformance", "fakereg")
SCENARIOS = ROOT / "conformance" / "scenarios"
MOST_MODULES = 14
"""A folder with more modules is a list and no room; the scenarios are a list."""

ELSEWHERE = {
    "conformance/checks/finding.py": "tests/conformance/checks/test_passive.py",
    "conformance/checks/passive_answers.py": "tests/conformance/checks/test_passive.py",
    "conformance/checks/passive_content.py": "tests/conformance/checks/test_passive.py",
    "conformance/checks/read_back.py": "tests/test_mutants.py",
    "conformance/checks/trials.py": "tests/conformance/checks/test_checks.py",
    "conformance/client/content.py": "tests/conformance/command/test_main.py",
    "conformance/client/bounds.py": "tests/conformance/client/test_transport.py",
    "conformance/client/identity.py": "tests/conformance/client/test_authenticator.py",
    "conformance/client/reading.py": "tests/conformance/checks/test_passive.py",
    "conformance/client/steps.py": "tests/conformance/client/test_references.py",
    "conformance/command/commands.py": "tests/conformance/command/test_compare.py",
    "conformance/config/description.py": "tests/conformance/config/test_settings.py",
    "conformance/config/options.py": "tests/conformance/config/test_settings.py",
    "conformance/config/parser.py": "tests/conformance/command/test_main.py",
    "conformance/errors.py": "tests/conformance/config/test_settings.py",
    "conformance/fakes.py": "tests/conformance/targets/test_fakes.py",
    "conformance/reports/comparison.py": "tests/conformance/command/test_compare.py",
    "conformance/reports/html.py": "tests/conformance/reports/test_html_report.py",
    "conformance/run/coverage.py": "tests/conformance/catalogue/test_requirements.py",
    "conformance/run/current.py": "tests/fakereg/test_conformance_plugin.py",
    "conformance/run/plugin.py": "tests/fakereg/test_conformance_plugin.py",
    "conformance/run/run.py": "tests/conformance/command/test_main.py",
    "conformance/run/selection.py": "tests/conformance/command/test_main.py",
    "conformance/scene/actors.py": "tests/conformance/targets/test_fakes.py",
    "conformance/scene/github.py": "tests/conformance/client/test_packages.py",
    "conformance/scene/scene.py": "tests/conformance/client/test_packages.py",
    "conformance/scene/token_service.py": "tests/test_mutants.py",
    "conformance/stress/common/abilities.py": "tests/conformance/stress/machine/test_machine.py",
    "conformance/stress/common/base.py": "tests/conformance/command/test_stress.py",
    "conformance/stress/common/batches.py": "tests/conformance/stress/machine/test_machine.py",
    "conformance/stress/common/canaries.py": "tests/conformance/stress/fuzz/test_part.py",
    "conformance/stress/common/odd_json.py": "tests/conformance/stress/common/test_strategies.py",
    "conformance/stress/common/odd_members.py": "tests/conformance/stress/machine/test_program.py",
    "conformance/stress/common/server_process.py": "tests/conformance/stress/crash/test_check.py",
    "conformance/stress/crash/book.py": "tests/conformance/stress/crash/test_check.py",
    "conformance/stress/crash/writer.py": "tests/conformance/stress/crash/test_check.py",
    "conformance/stress/fuzz/inputs.py": "tests/conformance/stress/fuzz/test_part.py",
    "conformance/stress/fuzz/stage.py": "tests/conformance/stress/fuzz/test_part.py",
    "conformance/stress/fuzz/words.py": "tests/conformance/stress/fuzz/test_part.py",
    "conformance/stress/hostile/judge.py": "tests/conformance/stress/hostile/test_part.py",
    "conformance/stress/hostile/mutation.py": "tests/conformance/stress/hostile/test_part.py",
    "conformance/stress/hostile/shapes.py": "tests/conformance/stress/hostile/test_part.py",
    "conformance/stress/hostile/shapes_lines.py": "tests/conformance/stress/hostile/test_part.py",
    "conformance/stress/hostile/shapes_use.py": "tests/conformance/stress/hostile/test_part.py",
    "conformance/stress/hostile/watched.py": "tests/conformance/stress/hostile/test_part.py",
    "conformance/stress/hostile/wire.py": "tests/conformance/stress/hostile/test_part.py",
    "conformance/stress/load/plan.py": "tests/conformance/stress/load/test_locustfile.py",
    "conformance/stress/load/user.py": "tests/conformance/stress/load/test_locustfile.py",
    "conformance/stress/machine/expectations.py": "tests/conformance/stress/machine/test_model.py",
    "conformance/stress/machine/generate.py": "tests/conformance/stress/machine/test_program.py",
    "conformance/stress/machine/holdings.py": "tests/conformance/stress/machine/test_model.py",
    "conformance/stress/machine/rules.py": "tests/conformance/stress/machine/test_program.py",
    "conformance/stress/machine/search.py": "tests/conformance/stress/machine/test_machine.py",
    "conformance/stress/races/log.py": "tests/conformance/stress/races/test_part.py",
    "conformance/stress/races/sessions.py": "tests/conformance/stress/races/test_part.py",
    "conformance/stress/races/worker.py": "tests/conformance/stress/races/test_part.py",
    "conformance/targets/engine.py": "tests/conformance/targets/test_containers.py",
    "conformance/targets/open.py": "tests/conformance/targets/test_base.py",
    "fakereg/api/catalog.py": "tests/fakereg/api/test_tags.py",
    "fakereg/api/conditional.py": "tests/fakereg/api/test_blobs.py",
    "fakereg/api/paging.py": "tests/fakereg/api/test_tags.py",
    "fakereg/api/ping.py": "tests/fakereg/test_app.py",
    "fakereg/auth/caller.py": "tests/fakereg/github/test_rights.py",
    "fakereg/auth/sample.py": "tests/fakereg/auth/test_accounts.py",
    "fakereg/auth/token_errors.py": "tests/fakereg/auth/test_tokens.py",
    "fakereg/clock.py": "tests/fakereg/auth/test_tokens.py",
    "fakereg/command/foreground.py": "tests/fakereg/command/test_cli.py",
    "fakereg/dialect/presets.py": "tests/fakereg/dialect/test_distribution.py",
    "fakereg/github/image.py": "tests/fakereg/github/test_packages.py",
    "fakereg/github/kept.py": "tests/fakereg/github/test_restore.py",
    "fakereg/github/ledger.py": "tests/fakereg/github/test_migration.py",
    "fakereg/github/model.py": "tests/fakereg/github/test_packages.py",
    "fakereg/github/names.py": "tests/fakereg/github/test_docker.py",
    "fakereg/github/policy.py": "tests/fakereg/github/test_packages.py",
    "fakereg/github/routes.py": "tests/fakereg/github/web/test_api.py",
    "fakereg/github/state.py": "tests/fakereg/github/test_migration.py",
    "fakereg/github/web/documents.py": "tests/fakereg/github/web/test_api.py",
    "fakereg/github/web/lists.py": "tests/fakereg/github/web/test_api.py",
    "fakereg/github/web/views.py": "tests/fakereg/github/web/test_pages.py",
    "fakereg/http/answers.py": "tests/fakereg/test_app.py",
    "fakereg/http/call.py": "tests/fakereg/test_app.py",
    "fakereg/http/origin.py": "tests/fakereg/http/test_hosts.py",
    "fakereg/http/rate_limit.py": "tests/fakereg/github/test_limits.py",
    "fakereg/http/secret.py": "tests/fakereg/api/test_control.py",
    "fakereg/routes.py": "tests/fakereg/test_app.py",
    "fakereg/server/body.py": "tests/fakereg/server/test_connection.py",
    "fakereg/server/listener.py": "tests/fakereg/server/test_connection.py",
    "fakereg/server/request_body.py": "tests/fakereg/server/test_connection.py",
    "fakereg/spec/errors.py": "tests/fakereg/test_app.py",
    "fakereg/spec/go_manifest.py": "tests/fakereg/api/test_descriptors.py",
    "fakereg/storage/base.py": "tests/fakereg/storage/test_contract.py",
    "fakereg/storage/contract/content.py": "tests/fakereg/storage/test_contract.py",
    "fakereg/storage/contract/index.py": "tests/fakereg/storage/test_contract.py",
    "fakereg/storage/contract/reopening.py": "tests/fakereg/storage/test_contract.py",
    "fakereg/storage/contract/spools.py": "tests/fakereg/storage/test_contract.py",
    "fakereg/storage/contract/steps.py": "tests/fakereg/storage/test_contract.py",
    "fakereg/storage/contract/threads.py": "tests/fakereg/storage/test_contract.py",
    "fakereg/storage/contract/uploads.py": "tests/fakereg/storage/test_contract.py",
    "fakereg/storage/database.py": "tests/fakereg/storage/test_processes.py",
    "fakereg/storage/directory.py": "tests/fakereg/storage/test_contract.py",
    "fakereg/storage/index.py": "tests/fakereg/storage/test_contract.py",
    "fakereg/storage/memory.py": "tests/fakereg/storage/test_contract.py",
    "fakereg/storage/repositories.py": "tests/fakereg/storage/test_contract.py",
    "fakereg/storage/sqlite.py": "tests/fakereg/storage/test_processes.py",
    "fakereg/storage/uploads.py": "tests/fakereg/storage/test_contract.py",
}
"""Modules that are tested in the test file of another one."""

FURTHER = {
    "tests/conformance/command/test_endings.py": "conformance/client/transport.py",
    "tests/conformance/command/test_secrets_in_output.py": "conformance/output/secrets.py",
    "tests/conformance/client/test_authenticator.py": "conformance/client/credentials.py",
    "tests/conformance/stress/machine/test_machine_mutants.py": "conformance/stress/machine/machine.py",
    "tests/conformance/targets/test_instance.py": "conformance/config/target_file.py",
    "tests/conformance/targets/test_unusable.py": "conformance/targets/base.py",
    "tests/fakereg/api/test_descriptors.py": "fakereg/spec/manifest.py",
    "tests/fakereg/auth/test_jwt_keys.py": "fakereg/auth/jwt.py",
    "tests/fakereg/dialect/test_distribution.py": "fakereg/dialect/presets.py",
    "tests/fakereg/dialect/test_distribution_settings.py": "fakereg/dialect/fields.py",
    "tests/fakereg/dialect/test_distribution_tokens.py": "fakereg/dialect/presets.py",
    "tests/fakereg/github/test_access.py": "fakereg/github/rights.py",
    "tests/fakereg/github/test_container.py": "fakereg/dialect/presets.py",
    "tests/fakereg/github/test_container_auth.py": "fakereg/dialect/presets.py",
    "tests/fakereg/github/test_docker.py": "fakereg/dialect/presets.py",
    "tests/fakereg/github/test_leaks.py": "fakereg/github/rights.py",
    "tests/fakereg/github/test_limits.py": "fakereg/http/rate_limit.py",
    "tests/fakereg/github/test_rows.py": "fakereg/dialect/presets.py",
    "tests/fakereg/test_way_of_a_request.py": "fakereg/app.py",
    "tests/fakereg/storage/test_contract.py": "fakereg/storage/repositories.py",
    "tests/fakereg/storage/test_log.py": "fakereg/storage/directory.py",
    "tests/fakereg/storage/test_mutants.py": "fakereg/storage/base.py",
    "tests/fakereg/storage/test_processes.py": "fakereg/storage/sqlite.py",
    "tests/fakereg/storage/test_write_a_storage.py": "fakereg/storage/base.py",
    "tests/conformance/stress/races/test_two_servers.py": "conformance/stress/races/part.py",
    "tests/fakereg/test_secrets.py": "fakereg/journal.py",
}
"""Test files that are not named after a module, and the module that they are mostly about."""


def modules(package: str) -> Iterator[Path]:
    """The modules that need tests: no entry points, and no scenarios, which are tests and have mutants."""
    for path in sorted((ROOT / package).rglob("*.py")):
        if path.name not in {"__init__.py", "__main__.py"} and path.parent != SCENARIOS:
            yield path.relative_to(ROOT)


def mirrored(module: Path) -> Path:
    """The test file of a module by its place and name."""
    return Path("tests") / module.parent / f"test_{module.name}"


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_is_tested_in_a_known_place(package: str) -> None:
    missing = [
        module.as_posix()
        for module in modules(package)
        if not (ROOT / ELSEWHERE.get(module.as_posix(), mirrored(module))).exists()
    ]
    assert missing == [], "write the test file, or add a line to ELSEWHERE"


@pytest.mark.parametrize("package", PACKAGES)
def test_every_test_file_is_about_a_known_module(package: str) -> None:
    known = {mirrored(module).as_posix() for module in modules(package)}
    found = {path.relative_to(ROOT).as_posix() for path in (ROOT / "tests" / package).rglob("test_*.py")}
    assert sorted(found - known - set(FURTHER)) == [], "rename the test file, or add a line to FURTHER"


def test_every_line_is_about_files_that_exist_and_is_needed() -> None:
    named = {*ELSEWHERE, *ELSEWHERE.values(), *FURTHER, *FURTHER.values()}
    assert sorted(name for name in named if not (ROOT / name).exists()) == []
    assert [module for module in ELSEWHERE if (ROOT / mirrored(Path(module))).exists()] == []


def test_no_folder_is_a_list() -> None:
    counted = Counter(module.parent.as_posix() for package in PACKAGES for module in modules(package))
    assert {folder: count for folder, count in counted.items() if count > MOST_MODULES} == {}
