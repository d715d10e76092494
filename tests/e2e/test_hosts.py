"""The tests change /etc/hosts only where they were asked to."""

from pathlib import Path

import pytest

from tests.e2e.hosts import EDIT, require_names

NOWHERE = ("fakereg.invalid", "docker.fakereg.invalid")
BEFORE = "127.0.0.1 this-machine"


@pytest.fixture
def hosts(tmp_path: Path) -> Path:
    """A file like /etc/hosts, which nobody looks names up in."""
    file = tmp_path / "hosts"
    file.write_text(BEFORE)
    return file


def end_of_test(hosts: Path) -> str:
    """What the test is told that needs the names."""
    with pytest.raises((pytest.skip.Exception, pytest.fail.Exception)) as end:
        require_names(NOWHERE, hosts)
    return str(end.value)


def test_nothing_is_written_unasked(hosts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(EDIT, raising=False)
    assert f"add `127.0.0.1 {' '.join(NOWHERE)}` to {hosts}" in end_of_test(hosts)
    assert hosts.read_text() == BEFORE


def test_the_line_is_written_once_where_it_may(hosts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(EDIT, "1")
    end_of_test(hosts)
    end_of_test(hosts)
    assert hosts.read_text() == f"{BEFORE}\n127.0.0.1 {' '.join(NOWHERE)}\n"


def test_names_that_lead_here_need_no_line(hosts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(EDIT, "1")
    require_names(("localhost",), hosts)
    assert hosts.read_text() == BEFORE
