"""`python -m conformance` from end to end: exit codes, the report folder, and that workers change nothing."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

import fakereg
from conformance.client.client import Client
from conformance.client.content import Content
from conformance.client.steps import Steps
from conformance.client.transport import HttpTransport
from conformance.command import main
from tests.conformance.delaying import delaying
from tests.conformance.servers import adding, served
from tests.guard import GUARD

SEED = "--seed=11"
UNDELETING = "fake:oci,manifest_deletion=false"
VARYING = [
    (r"conformance/[0-9a-f]{6}-[a-z0-9-]+-[0-9a-f]{8}", "REPOSITORY"),
    (r"127\.0\.0\.1:\d+", "ADDRESS"),
    (r"(?i)< date: .*", "< Date"),
    (r"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{32}(?![0-9a-f])", "SESSION"),
]


def conformance(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("CONFORMANCE_", "OCI_", "PYTEST_"))
    }
    return subprocess.run(
        [sys.executable, "-m", "conformance", *arguments],
        cwd=folder,
        env=clean | environment,
        capture_output=True,
        text=True,
        timeout=4 * GUARD,
        check=False,
    )


def results(folder: Path, report: str = "conformance-report") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / report / "results.json").read_text(encoding="utf-8"))
    return found


def comparable(found: dict[str, Any]) -> str:
    """The results without what differs from run to run."""
    found["run"] |= {"started": "", "seconds": 0, "report": ""}
    for scenario in found["scenarios"]:
        scenario["seconds"] = 0
    text = json.dumps(found, indent=1)
    for pattern, word in VARYING:
        text = re.sub(pattern, word, text)
    return text


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """Every scenario against the fake, once."""
    folder = tmp_path_factory.mktemp("whole")
    return folder, conformance(folder)


def test_the_fake_is_conformant(whole_run: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, done = whole_run
    assert done.returncode == 0, done.stdout
    found = results(folder)
    assert found["summary"]["conformant"]
    assert found["summary"]["scenarios"]["pass"] > 200
    assert {row["outcome"] for row in found["requirements"]} <= {"pass", "not applicable", "untested", "unclaimed"}
    assert found["summary"]["claimed"] == found["summary"]["judged"]
    assert found["summary"]["verdict"] == "conformant"
    assert "report: conformance-report/report.html" in done.stdout


def test_every_scenario_looks_at_what_it_is_bound_to(
    whole_run: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    bound: dict[str, set[str]] = {}
    kept: dict[str, set[str]] = {}
    for row in results(whole_run[0])["scenarios"]:
        if row["outcome"] == "pass":
            name = row["id"].partition("[")[0]
            bound.setdefault(name, set()).update(row["requirements"])
            kept.setdefault(name, set()).update(row["kept"])
    assert {name: keys - kept[name] for name, keys in bound.items() if keys - kept[name]} == {}


def test_report_folder(whole_run: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder = whole_run[0] / "conformance-report"
    assert sorted(path.name for path in folder.iterdir()) == [
        "badge.json",
        "badge.svg",
        "junit.xml",
        "report.html",
        "results.json",
        "summary.md",
    ]
    suite = ElementTree.parse(folder / "junit.xml").getroot().find("testsuite")
    assert suite is not None
    assert int(suite.attrib["tests"]) == len(results(whole_run[0])["scenarios"])
    assert (folder / "summary.md").read_text().startswith("# fake: conformant")


@pytest.mark.parametrize("target", ["fake:oci,digest_header=false", "socket:oci,digest_header=false"])
def test_workers_change_nothing(tmp_path: Path, target: str) -> None:
    options = ("-k", "test_pull or test_tags or test_mount")
    alone = conformance(tmp_path, target, SEED, "--report=alone", "--", *options)
    shared = conformance(tmp_path, target, SEED, "--report=shared", "--", *options, "-n", "2")
    assert (alone.returncode, shared.returncode) == (1, 1)
    assert comparable(results(tmp_path, "alone")) == comparable(results(tmp_path, "shared"))
    assert len(results(tmp_path, "alone")["scenarios"]) > 40


def test_pytest_does_the_same(tmp_path: Path) -> None:
    conformance(tmp_path, "fake", SEED, "--", "-k", "test_mount")
    options = ["--conformance-target=fake", "--conformance-seed=11", "--conformance-report=other", "-k", "test_mount"]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--pyargs", "conformance.scenarios", *options]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert comparable(results(tmp_path)) == comparable(results(tmp_path, "other"))
    assert (tmp_path / "other" / "junit.xml").is_file()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["socket:oci,digest_header=false", "--", "-k", "test_manifest_head"], 1, "OCI-R022 MUST FAIL"),
        (["fake:oci,manifest_deletion=false", "--", "-k", "test_every_category"], 0, "OCI-R002 SHOULD WARN"),
        (
            ["fake:oci,manifest_deletion=false", "--level=should", "--", "-k", "test_every_category"],
            1,
            "OCI-R002 SHOULD FAIL",
        ),
        (
            ["fake:oci,mount=false", "--", "-k", "test_mount"],
            0,
            "absent:       anonymous_mount (POST answered 202), mount",
        ),
        (["fake:oci-1.0", "--spec-version=1.0", "--", "-k", "test_referrers"], 0, "20 not applicable"),
        (["--", "-k", "nothing_of_that_name"], 5, "deselected"),
        (["fake:nosuch"], 4, "ERROR: conformance: the dialect of the fake cannot be used"),
        (["fake:nosuch", "--", "-n", "2"], 4, "ERROR: conformance: the dialect of the fake cannot be used"),
        (["--level=may"], 4, "ERROR: conformance: level must be one of must, should, got 'may'"),
        (["--requirement=OCI-R090"], 4, "ERROR: conformance: requirement must be a testable one, got OCI-R090: "),
        (
            ["--requirement=GHD-21"],
            4,
            "ERROR: conformance: requirement must be of the profile, got GHD-21: add github-docker",
        ),
        (
            ["--requirement=GHD-21", "--workers=2"],
            4,
            "ERROR: conformance: requirement must be of the profile, got GHD-21",
        ),
        (
            ["--report=/dev/null/x"],
            4,
            "ERROR: conformance: report must be a folder that can be written, got /dev/null/x",
        ),
        (["--workers=2", "--", "-n", "3"], 4, "ERROR: conformance: give the number of processes once"),
        (["--insecure"], 4, "ERROR: conformance: insecure must be left out unless the target is a URL, got fake"),
        (["--resolve=a:1:127.0.0.1"], 4, "ERROR: conformance: resolve must be left out unless the target is a URL"),
        (["probe", "--strict"], 4, "unrecognized arguments: --strict"),
        (["probe", "--level=should"], 4, "unrecognized arguments: --level"),
        (["--nosuch"], 4, "ERROR: conformance: unrecognized arguments: --nosuch"),
        (["ftp://registry"], 4, "TARGET must be fake, "),
        (["--version"], 0, "conformance "),
        (["--help"], 0, "--conformance-repository"),
    ],
)
def test_exit_codes(tmp_path: Path, arguments: list[str], code: int, said: str) -> None:
    done = conformance(tmp_path, *arguments)
    assert done.returncode == code, done.stdout + done.stderr
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    if code == 4:
        assert done.stdout.strip() == ""
        assert len(done.stderr.strip().splitlines()) == 1


def test_no_docker_engine(tmp_path: Path) -> None:
    pytest.importorskip("testcontainers")
    done = conformance(tmp_path, "container:registry:2", DOCKER_HOST=f"unix://{tmp_path}/nothing.sock")
    assert done.returncode == 4
    assert done.stderr.startswith("ERROR: conformance: no Docker engine answers: start one")


def test_an_interrupted_run_is_no_verdict(tmp_path: Path) -> None:
    with fakereg.serve() as server, delaying(int(server.url.rpartition(":")[2]), round_trip=0.2) as link:
        command = [sys.executable, "-m", "conformance", link.url, "--workers=0", "--report=there"]
        with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as running:
            assert running.stdout is not None
            assert any("test_auth" in line or "test_chunks" in line for line in iter(running.stdout.readline, ""))
            running.send_signal(signal.SIGINT)
            running.communicate(timeout=GUARD)
    assert running.returncode == 2
    found = results(tmp_path, "there")
    assert found["run"]["ended"] == "interrupted"
    assert not found["summary"]["conformant"]


@pytest.mark.parametrize("identity", ["nobody", "reader"])
def test_pushes_that_are_refused_are_said_at_once(tmp_path: Path, identity: str) -> None:
    accounts = fakereg.Accounts()
    accounts.add_user("owner")
    accounts.add_user("reader", password="secret")
    accounts.add_repository("owner/app", visibility="public")
    options = ["--username=reader", "--password=secret"] if identity == "reader" else []
    with fakereg.serve(dialect="oci,auth=basic,rights=repository", accounts=accounts) as server:
        done = conformance(tmp_path, server.url, "--repository=owner/app", *options)
    assert done.returncode == 4
    assert len(done.stderr.strip().splitlines()) == 1
    said = "must accept pushes to owner/app/conformance-check from reader" if options else "needs credentials"
    assert said in done.stderr


def test_a_run_of_some_scenarios_is_a_partial_one(tmp_path: Path) -> None:
    conformance(tmp_path, "fake", "--requirement=OCI-R066")
    assert results(tmp_path)["run"]["partial"]
    assert not results(tmp_path)["run"]["ended"]


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ([], 5, "too little was judged: 7 of "),
        (["--strict"], 5, "too little was judged: 7 of "),
        (["--references=library/app:v1"], 0, "conformant in what was judged, with warnings: "),
        (["--references=library/app:v1", "--strict"], 1, "not judged completely, as --strict asks: "),
    ],
)
def test_a_registry_that_takes_no_pushes(tmp_path: Path, options: list[str], code: int, said: str) -> None:
    with fakereg.serve() as server, HttpTransport(server.url) as http:
        Steps(Client(http)).manifest("library/app", Content(seed=1, label="given").image(), "v1")
        server.configure(push=False)
        done = conformance(tmp_path, server.url, *options)
    assert done.returncode == code, done.stdout
    assert said in done.stdout
    assert "claimed requirements not judged" in done.stdout
    found = results(tmp_path)
    assert found["summary"]["conformant"] is (code == 0)
    rows = [row for row in found["requirements"] if row["outcome"] == "unsupported"]
    assert {row["category"] for row in rows} == {"push"}, "whether it can do the rest is not known"


def test_a_stale_line_is_said_to_be_the_reason(tmp_path: Path) -> None:
    (tmp_path / "known.toml").write_text('[[known]]\nrequirement = "OCI-R012"\nreason = "once upon a time"\n')
    done = conformance(tmp_path, "fake", "--known=known.toml", "--requirement=OCI-R012")
    assert done.returncode == 1
    assert "take off what does not fail any more: OCI-R012" in done.stdout
    assert "OCI-R012 STALE: " in done.stdout
    assert "not conformant" not in done.stdout


def test_the_line_that_does_it_again_does_the_same(tmp_path: Path) -> None:
    """With the options of the run, in a folder of its own, and without the password."""
    with fakereg.serve(dialect="oci,digest_header=false") as server:
        target = server.url.replace("://", "://ann:hush%20hush@")
        options = ["--profile=pull", "--repository=it/here", "--level=should"]
        first = conformance(tmp_path, target, *options, "--", "-k", "test_manifest_head")
        again = next(line for line in first.stdout.splitlines() if line.startswith("again: ")).removeprefix("again: ")
        assert "hush" not in again
        before = (tmp_path / "conformance-report" / "results.json").read_bytes()
        words = shlex.split(again.replace("conformance ", f"{sys.executable} -m conformance ", 1))
        assert words.pop(0) == "CONFORMANCE_PASSWORD=$CONFORMANCE_PASSWORD"
        second = conformance(tmp_path, *words[3:], CONFORMANCE_PASSWORD="hush hush")
    assert (first.returncode, second.returncode) == (1, 1), second.stdout
    assert (tmp_path / "conformance-report" / "results.json").read_bytes() == before
    key = words[words.index("--requirement") + 1]
    one, two = results(tmp_path)["run"], results(tmp_path, f"conformance-report-{key}")["run"]
    same = ("profile", "version", "level", "seed", "repository")
    assert [one[name] for name in same] == [two[name] for name in same]


def test_violation_that_only_a_passive_check_sees(tmp_path: Path) -> None:
    registry = fakereg.Registry(dialect="oci", storage="memory")
    with served(adding(registry, ("Warning", '199 - "old"'))) as url:
        done = conformance(tmp_path, url, "--", "-k", "test_missing_blob and test_pull")
    registry.close()
    assert done.returncode == 1
    assert results(tmp_path)["summary"]["scenarios"]["pass"] == 1
    assert "OCI-R108 MUST FAIL" in done.stdout
    assert "passive check: warnings" in done.stdout


def test_environment(tmp_path: Path) -> None:
    with fakereg.serve(dialect="oci", storage="memory") as server:
        done = conformance(
            tmp_path, "--", "-k", "test_mount", OCI_REGISTRY=server.host, OCI_TLS="disabled", OCI_RESULTS_DIR="there"
        )
    assert done.returncode == 0
    assert results(tmp_path, "there")["run"]["target"] == server.url
    assert not (tmp_path / "conformance-report").exists()


def test_secrets_are_in_no_report(tmp_path: Path) -> None:
    with fakereg.serve(dialect="oci,digest_header=false", storage="memory") as server:
        target = server.url.replace("://", "://ann:hushhush@")
        done = conformance(tmp_path, target, "--", "-k", "test_manifest_head", "--tb=long")
    assert done.returncode == 1
    written = [path.read_text() for path in (tmp_path / "conformance-report").iterdir()]
    for text in (done.stdout, done.stderr, *written):
        assert "hushhush" not in text
        assert "YW5uOmh1c2hodXNo" not in text
    assert any("Authorization: Basic ***" in text for text in written)


def test_surroundings_do_not_matter(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("raise RuntimeError('not to be read')")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --nosuch\nconformance_target = fake:nosuch\n")
    assert conformance(tmp_path, "--", "-k", "test_mount").returncode == 0


def test_the_same_seed_makes_the_same_content(tmp_path: Path) -> None:
    for report in ("one", "two"):
        conformance(
            tmp_path, "fake:oci,digest_header=false", SEED, f"--report={report}", "--", "-k", "test_manifest_head"
        )
    assert comparable(results(tmp_path, "one")) == comparable(results(tmp_path, "two"))
    conformance(
        tmp_path, "fake:oci,digest_header=false", "--seed=12", "--report=three", "--", "-k", "test_manifest_head"
    )
    changed = comparable(results(tmp_path, "three")).replace('"seed": 12', '"seed": 11')
    assert changed != comparable(results(tmp_path, "one"))


@pytest.mark.parametrize("arguments", [[], ["list"], ["stress"]], ids=str)
def test_an_install_without_the_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    monkeypatch.setattr(main, "find_spec", lambda name: None)
    assert main.main(arguments) == 4
    assert capsys.readouterr().err == (
        "ERROR: conformance: pytest must be installed: pip install 'fakereg[conformance]'\n"
    )
