"""The pytest plugin leaves other people's runs alone, and costs them next to nothing."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

HEAVY = (
    "conformance.config.settings",
    "urllib3",
    "werkzeug",
    "tomllib",
    "testcontainers",
    "docker",
    "hypothesis",
    "fakereg",
    "conformance.run.run",
)


def test_nothing_heavy_in_a_run_of_others(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(f"""
        import sys

        def test_modules():
            assert [name for name in {HEAVY!r} if name in sys.modules and not name.startswith("fakereg")] == []
    """)
    pytester.runpytest_subprocess("-p", "no:randomly").assert_outcomes(passed=1)


def test_says_nothing_in_a_run_of_others(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import pytest

        def test_pass():
            pass

        def test_skip():
            pytest.skip("unsupported: just a word")

        @pytest.fixture
        def client():
            return "mine"

        def test_own_fixture(client):
            assert client == "mine"
    """)
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(passed=2, skipped=1)
    assert "conformance" not in result.stdout.str().replace("plugins: ", "").lower().partition("collected")[2]


def test_fixtures_are_not_known_to_others(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_client(client): pass")
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'client' not found*"])


def test_marker_is_known(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess("--markers")
    result.stdout.fnmatch_lines(["@pytest.mark.requirement(*"])


def test_settings_from_an_ini_file(pytester: pytest.Pytester) -> None:
    pytester.makeini("""
        [pytest]
        conformance_target = fake:nosuch
    """)
    result = pytester.runpytest_subprocess("--pyargs", "conformance.scenarios")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: conformance: the fake has no such dialect: *"])


def test_unusable_target_in_scenarios_of_another_project(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("from conformance.run.fixtures import *")
    pytester.makepyfile("from conformance.scenarios.test_mount import *")
    result = pytester.runpytest_subprocess("--conformance-target=fake:nosuch")
    assert result.ret == pytest.ExitCode.USAGE_ERROR


def test_scenarios_of_another_project_with_a_target_of_its_own(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("""
        import pytest
        import fakereg
        from conformance.run.fixtures import *
        from conformance.config.settings import Settings
        from conformance.targets.base import UrlTarget

        @pytest.fixture(scope="session")
        def target():
            with fakereg.serve(dialect="oci,mount=false") as server:
                with UrlTarget("mine", server.url, Settings()) as target:
                    yield target
    """)
    pytester.makepyfile("from conformance.scenarios.test_mount import *")
    result = pytester.runpytest_subprocess()
    result.stdout.fnmatch_lines(["scenarios:    6 passed, 0 failed, 0 warned, 3 unsupported"])
    assert result.ret == 0


def test_a_target_of_its_own_is_known_to_the_report_of_workers(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("""
        import pytest
        import fakereg
        from conformance.run.fixtures import *
        from conformance.config.settings import Settings
        from conformance.targets.base import UrlTarget

        @pytest.fixture(scope="session")
        def target():
            with fakereg.serve() as server, UrlTarget("mine", server.url, Settings()) as target:
                yield target
    """)
    pytester.makepyfile("from conformance.scenarios.test_mount import *")
    result = pytester.runpytest_subprocess("-n", "2")
    result.stdout.fnmatch_lines(["target mine, profile oci, *", "conformant: *"])


SCENARIO = """
    import pytest
    from conformance.catalogue.requirements import requirement

    @requirement("OCI-R014", "OCI-R010", "OCI-R058")
    def test_it(check, client, case):
        answer = client.get_manifest("a", "v1")
        {body}
"""


@pytest.mark.parametrize(
    ("body", "options", "outcome", "code"),
    [
        ('check.status("OCI-R014", answer, 404)', (), "1 passed, 0 failed, 0 warned, 0 unsupported", 0),
        ('check.status("OCI-R014", answer, 200)', (), "0 passed, 1 failed, 0 warned, 0 unsupported", 1),
        ('check.status("OCI-R010", answer, 200)', (), "0 passed, 0 failed, 1 warned, 0 unsupported", 0),
        (
            'check.status("OCI-R010", answer, 200)',
            ("--conformance-level=should",),
            "0 passed, 1 failed, 0 warned, 0 unsupported",
            1,
        ),
        ('pytest.skip("unsupported: x")', (), "0 passed, 0 failed, 0 warned, 1 unsupported", 0),
        ('pytest.skip("no time")', (), "0 passed, 0 failed, 0 warned, 0 unsupported, 1 skipped", 0),
        ("raise RuntimeError", (), "0 passed, 0 failed, 0 warned, 0 unsupported, 1 not judged", 1),
        (
            'client.request("GET", "http://elsewhere/")',
            (),
            "0 passed, 0 failed, 0 warned, 0 unsupported, 1 not judged",
            1,
        ),
    ],
)
def test_outcomes(pytester: pytest.Pytester, body: str, options: tuple[str, ...], outcome: str, code: int) -> None:
    pytester.makeconftest("from conformance.run.fixtures import *")
    pytester.makepyfile(SCENARIO.format(body=body))
    result = pytester.runpytest_subprocess(*options, "-p", "no:xdist")
    result.stdout.fnmatch_lines([f"scenarios:    {outcome}"])
    assert result.ret == code


def test_outcomes_from_workers(pytester: pytest.Pytester) -> None:
    bodies = [
        'check.status("OCI-R014", answer, 404)',
        'check.status("OCI-R014", answer, 200)',
        'check.status("OCI-R010", answer, 200)',
        'pytest.skip("unsupported: x")',
        "raise RuntimeError",
    ]
    pytester.makeconftest("from conformance.run.fixtures import *")
    pytester.makepyfile(**{f"test_{number}": SCENARIO.format(body=body) for number, body in enumerate(bodies)})
    result = pytester.runpytest_subprocess("-n", "2")
    result.stdout.fnmatch_lines(["scenarios:    1 passed, 1 failed, 1 warned, 1 unsupported, 1 not judged"])
    assert result.ret == 1


def test_failure_is_shown_as_a_bug_report_without_a_traceback(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("from conformance.run.fixtures import *")
    pytester.makepyfile(SCENARIO.format(body='check.status("OCI-R014", answer, 200)'))
    shown = pytester.runpytest_subprocess().stdout.str()
    assert "OCI-R014 (MUST in dev, section 'Pulling manifests')" in shown
    assert "again: curl -i -X GET" in shown
    assert "Traceback" not in shown
    assert "checks.py" not in shown
