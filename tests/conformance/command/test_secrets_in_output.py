"""A server says the secrets of its clients, and what terminals obey, wherever it can: none of it is written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conformance.echoing_server import PASSWORD, REFRESH, TOKEN, USER, all_forms, echoing
from tests.conformance.ending import RAW

PYTEST = ["-m", "pytest", "--pyargs", "conformance.scenarios", "-p", "no:cacheprovider", "-k", "test_error"]
SUITE = ["-m", "conformance"]
STYLES = {
    "run": [*SUITE, "{url}", "--profile", "oci,auth", "--", "-k", "test_error or test_token"],
    "short": [*SUITE, "{url}", "--", "-k", "test_error", "--tb=short", "-v"],
    "workers": [*SUITE, "{url}", "--workers", "2", "--", "-k", "test_error", "-rA", "--tb=long"],
    "logs": [*SUITE, "{url}", "--", "-k", "test_error", "-s", "--tb=native", "-o", "log_cli=true", "--log-level=DEBUG"],
    "pytest": [*PYTEST, "--conformance-target={url}", "--conformance-report=report", "--junitxml=own.xml"],
    "locals": [*PYTEST, "--conformance-target={url}", "-l", "-rA", "-vv", "--tb=long"],
    "probe": [*SUITE, "probe", "{url}"],
    "stress": [*SUITE, "stress", "{url}", "--seconds", "15", "--parts", "machine,concurrency,hostile"],
}


def written(folder: Path, url: str, style: str) -> dict[str, str]:
    """Run a command; return what it has written, by place."""
    environment = {**os.environ, "CONFORMANCE_USERNAME": USER, "CONFORMANCE_PASSWORD": PASSWORD}
    arguments = [word.replace("{url}", url) for word in STYLES[style]]
    done = subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, timeout=300)
    files = {str(path): path.read_text() for path in folder.rglob("*") if path.is_file()}
    return {**files, "terminal": (done.stdout + done.stderr).decode()}


@pytest.mark.parametrize("bearer", [False, True], ids=["basic", "bearer"])
@pytest.mark.parametrize("style", STYLES)
def test_nothing_is_given_away(tmp_path: Path, style: str, bearer: bool) -> None:
    secrets = (PASSWORD, TOKEN, REFRESH) if bearer else (PASSWORD,)
    with echoing(*secrets, bearer=bearer) as url:
        found = written(tmp_path, url, style)
    forms = {name: form for name, form in all_forms().items() if name.startswith(secrets)}
    assert [(place, name) for place, text in found.items() for name, form in forms.items() if form in text] == []
    assert RAW.search(found["terminal"]) is None
    assert "***" in "".join(found.values()) or style == "probe"


def test_list_of_processes_is_named_in_the_help() -> None:
    done = subprocess.run([sys.executable, "-m", "conformance", "--help"], capture_output=True, text=True, timeout=60)
    words = " ".join(done.stdout.split())
    assert "the list of processes shows it, unless it comes from the variable CONFORMANCE_PASSWORD" in words
