"""The plugin of the suite leaves other people's runs alone, and costs them next to nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import fakereg
from conformance.config import options
from conformance.config.options import OPTIONS
from fakereg import conformance_plugin

pytest_plugins = ["pytester"]

HEAVY = ("conformance", "urllib3", "werkzeug", "tomllib", "testcontainers", "docker", "hypothesis")
MOUNT = "from conformance.scenarios.test_mount import *"
OTHERS = """
    import pytest

    NAMES = "client settings content check target case given repository hosts place variant".split()


    def _fixture(name):
        @pytest.fixture(name=name)
        def made():
            return f"the project's own {name}"

        return made


    fixtures = {f"_{name}": _fixture(name) for name in NAMES}
    globals().update(fixtures)
"""
"""The conftest of a project that has fixtures with the names that our scenarios use as arguments."""

OWN = """
    import pytest
    from conftest import NAMES

    @pytest.mark.parametrize("name", NAMES)
    def test_own(request, name):
        assert request.getfixturevalue(name) == f"the project's own {name}"

    def test_by_name(client, settings, content, check, target):
        assert {client, settings, content, check, target} == {
            f"the project's own {name}" for name in ("client", "settings", "content", "check", "target")
        }

    @pytest.mark.requirement("REQ-1")
    def test_of_a_requirement(client):
        assert client == "the project's own client"
"""
NUMBER = 13
"""How many tests are in OWN."""

SPREAD = [(), ("-n", "2")]


def others(pytester: pytest.Pytester) -> None:
    """Make a project with fixtures, a marker and a package of the names that the suite uses."""
    pytester.makeconftest(OTHERS)
    pytester.makeini("[pytest]\naddopts = --strict-markers\nmarkers = requirement(id): of the project itself")
    pytester.makepyfile(test_own=OWN)


def foreign(pytester: pytest.Pytester) -> None:
    """Make a project that has a package `conformance` of its own."""
    package = pytester.mkpydir("conformance")
    package.joinpath("plugin.py").write_text("NAME = 'mine'")
    pytester.mkpydir("conformance/scenarios")
    package.joinpath("scenarios", "test_theirs.py").write_text("def test_theirs(): pass")
    pytester.makepyfile(
        test_own="""
        from conformance.plugin import NAME

        def test_own():
            assert NAME == "mine"
    """
    )


def test_the_names_are_those_of_the_suite() -> None:
    assert (conformance_plugin.MARKER, conformance_plugin.FACTS, conformance_plugin.OUTCOME) == (
        options.MARKER,
        options.FACT,
        options.OUTCOME,
    )


def test_nothing_heavy_in_a_run_of_others(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(f"""
        import sys

        def test_modules():
            assert [name for name in {HEAVY!r} if name in sys.modules] == []
    """)
    pytester.runpytest_subprocess("-p", "no:randomly").assert_outcomes(passed=1)


def test_says_nothing_in_a_run_of_others(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import pytest

        def test_pass():
            pass

        def test_skip():
            pytest.skip("unsupported: just a word")
    """)
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(passed=1, skipped=1)
    assert "conformance" not in result.stdout.str().replace("plugins: ", "").lower().partition("collected")[2]


@pytest.mark.parametrize("spread", SPREAD, ids=str)
def test_a_project_with_names_of_ours_keeps_them(pytester: pytest.Pytester, spread: tuple[str, ...]) -> None:
    others(pytester)
    pytester.runpytest_subprocess(*spread).assert_outcomes(passed=NUMBER)


@pytest.mark.parametrize("spread", SPREAD, ids=str)
def test_scenarios_beside_a_project_with_names_of_ours(pytester: pytest.Pytester, spread: tuple[str, ...]) -> None:
    """In the same run, by module."""
    others(pytester)
    scenarios = ("--pyargs", "conformance.scenarios.test_mount")
    result = pytester.runpytest_subprocess("test_own.py", *scenarios, "--conformance-target=fake", *spread)
    result.stdout.fnmatch_lines(["scenarios:    9 passed, 0 failed, 0 warned, 0 unsupported, 1 not applicable"])
    result.assert_outcomes(passed=NUMBER + 9)


@pytest.mark.parametrize("spread", SPREAD, ids=str)
@pytest.mark.parametrize("options", [(), ("--conformance-target=socket:oci", "--conformance-level=should")], ids=str)
def test_scenarios_among_the_tests_of_a_project_with_names_of_ours(
    pytester: pytest.Pytester, options: tuple[str, ...], spread: tuple[str, ...]
) -> None:
    """In the same run and the same module."""
    others(pytester)
    pytester.makepyfile(test_own=f"{OWN}\n    {MOUNT}")
    result = pytester.runpytest_subprocess(*options, *spread)
    result.stdout.fnmatch_lines(["scenarios:    9 passed, 0 failed, 0 warned, 0 unsupported, 1 not applicable"])
    result.assert_outcomes(passed=NUMBER + 9)


@pytest.mark.parametrize("arguments", [(), ("conformance/scenarios",), ("--pyargs", "conformance.scenarios")], ids=str)
def test_a_package_of_the_same_name_is_left_alone(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    """Be it named, and with a variable set that may be its own."""
    foreign(pytester)
    monkeypatch.setenv("CONFORMANCE_TARGET", "http://127.0.0.1:9")
    result = pytester.run(sys.executable, "-m", "pytest", *arguments)
    assert result.ret == 0
    result.assert_outcomes(passed=1 if arguments else 2)


def test_a_package_of_the_same_name_in_the_way_is_named(pytester: pytest.Pytester) -> None:
    foreign(pytester)
    result = pytester.run(sys.executable, "-m", "pytest", "--conformance-report=x")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: conformance: the suite cannot be imported because another package named *"])
    assert "Traceback" not in result.stderr.str()


def test_a_missing_package_is_named(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(bare="import sys; sys.modules['urllib3'] = None", test_own="def test_own(): pass")
    pytester.runpytest_subprocess("-p", "bare").assert_outcomes(passed=1)
    result = pytester.runpytest_subprocess("-p", "bare", "--conformance-target=fake")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    said = "ERROR: conformance: urllib3 must be installed: pip install 'fakereg[[]conformance[]]'"
    result.stderr.fnmatch_lines([said])


def test_help_shows_one_option_until_a_run_is_asked_for(pytester: pytest.Pytester) -> None:
    shown = pytester.runpytest_subprocess("--help").stdout.str()
    assert shown.count("--conformance-") == 1
    assert "--conformance-target=TARGET" in shown
    assert "conformance_" not in shown
    asked = pytester.runpytest_subprocess("--help", "--conformance-target=fake").stdout.str()
    assert [option.flag for option in OPTIONS if f"  {option.flag}" not in asked] == []


@pytest.mark.parametrize("spread", SPREAD, ids=str)
def test_a_run_takes_every_option(pytester: pytest.Pytester, tmp_path: Path, spread: tuple[str, ...]) -> None:
    values = {
        "report": str(tmp_path / "report"),
        "profile": "oci",
        "requirement": "OCI-R049",
        "version": "1.1",
        "level": "should",
        "repository": "here",
        "known": str(tmp_path / "known.toml"),
        "timeout": "5",
        "seed": "7",
        "username": "ann",
        "password": "hush",
        "resolve": "a.test:80:127.0.0.1",
    }
    (tmp_path / "known.toml").write_text("")
    given = [f"--conformance-{name}={value}" for name, value in values.items()]
    rest = ["--conformance-full-size", "--conformance-insecure"]
    with fakereg.serve() as registry:
        run = ("--pyargs", "conformance.scenarios.test_mount", f"--conformance-target={registry.url}")
        result = pytester.runpytest_subprocess(*run, *given, *rest, *spread)
    assert result.ret == 0, result.stdout.str()
    result.stdout.fnmatch_lines([f"target {registry.url}, profile oci, specification 1.1, level should, seed 7"])
    assert (tmp_path / "report" / "results.json").exists()
    elsewhere = {"target", "storage", "references", "ca"}
    assert {option.name for option in OPTIONS if not option.switch} - set(values) == elsewhere


@pytest.mark.parametrize("where", ["variable", "ini", "override"])
def test_options_in_other_places(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    pytester.makepyfile(MOUNT)
    words = []
    if where == "variable":
        monkeypatch.setenv("PYTEST_ADDOPTS", "--conformance-seed 77")
    elif where == "ini":
        pytester.makeini("[pytest]\naddopts = --conformance-seed 77")
    else:
        words = ["-o", "conformance_seed=77"]
    pytester.runpytest_subprocess(*words).stdout.fnmatch_lines(["*level must, seed 77"])


def test_marker_is_known(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess("--markers")
    result.stdout.fnmatch_lines(["@pytest.mark.conformance_requirement(*"])


def test_settings_from_an_ini_file(pytester: pytest.Pytester) -> None:
    pytester.makeini("""
        [pytest]
        conformance_target = fake:nosuch
    """)
    result = pytester.runpytest_subprocess("--pyargs", "conformance.scenarios")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: conformance: the dialect of the fake cannot be used: *"])


def test_unusable_target_in_scenarios_of_another_project(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("from conformance.scenarios.test_mount import *")
    result = pytester.runpytest_subprocess("--conformance-target=fake:nosuch")
    assert result.ret == pytest.ExitCode.USAGE_ERROR


def test_scenarios_of_another_project_with_a_target_of_its_own(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("""
        import pytest
        import fakereg
        from conformance.config.settings import Settings
        from conformance.targets.base import UrlTarget

        @pytest.fixture(scope="session")
        def conformance_target():
            with fakereg.serve(dialect="oci,mount=false") as server:
                with UrlTarget("mine", server.url, Settings()) as target:
                    yield target
    """)
    pytester.makepyfile("from conformance.scenarios.test_mount import *")
    result = pytester.runpytest_subprocess()
    result.stdout.fnmatch_lines(["scenarios:    7 passed, 0 failed, 0 warned, 3 unsupported"])
    assert result.ret == 0


def test_a_target_of_its_own_is_known_to_the_report_of_workers(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("""
        import pytest
        import fakereg
        from conformance.config.settings import Settings
        from conformance.targets.base import UrlTarget

        @pytest.fixture(scope="session")
        def conformance_target():
            with fakereg.serve() as server, UrlTarget("mine", server.url, Settings()) as target:
                yield target
    """)
    pytester.makepyfile("from conformance.scenarios.test_mount import *")
    result = pytester.runpytest_subprocess("-n", "2")
    result.stdout.fnmatch_lines(["target mine, profile oci, *", "conformant (of a part of the scenarios): *"])


SCENARIO = """
    import pytest
    from conformance.scene.requirement import requirement

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
    pytester.makepyfile(**{f"test_{number}": SCENARIO.format(body=body) for number, body in enumerate(bodies)})
    result = pytester.runpytest_subprocess("-n", "2")
    result.stdout.fnmatch_lines(["scenarios:    1 passed, 1 failed, 1 warned, 1 unsupported, 1 not judged"])
    assert result.ret == 1


def test_failure_is_shown_as_a_bug_report_without_a_traceback(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SCENARIO.format(body='check.status("OCI-R014", answer, 200)'))
    shown = pytester.runpytest_subprocess().stdout.str()
    assert "OCI-R014 (MUST in dev, section 'Pulling manifests')" in shown
    assert "again: curl -i -X GET" in shown
    assert "Traceback" not in shown
    assert "checks.py" not in shown
