"""Storages of a fake by name: any that is installed runs, always in a new temporary folder."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Any

import pytest

from conformance.config.settings import Settings
from conformance.errors import ConfigurationError
from conformance.stress.crash import part as crash
from conformance.targets import storage
from conformance.targets.base import UnusableTarget
from conformance.targets.fakes import InProcessFake
from conformance.targets.open import target_of
from conformance.targets.storage import names_in, own_names, template
from fakereg.storage.directory import DirectoryStorage
from tests.conformance.stress.conftest import stress_of


class Elsewhere(DirectoryStorage):
    """A third storage, which keeps its content in a place that nobody else knows."""

    def __init__(self, path: str, **options: Any) -> None:
        super().__init__(f"{path}-database/a", **options)


@pytest.fixture
def third(monkeypatch: pytest.MonkeyPatch) -> None:
    """A storage of another package, by the name `third`."""
    point = EntryPoint("third", f"{__name__}:Elsewhere", storage.GROUP)

    def with_third(find: Callable[..., EntryPoints]) -> Callable[..., EntryPoints]:
        def found(**wanted: Any) -> EntryPoints:
            return EntryPoints([*find(group=storage.GROUP), point]).select(**wanted)

        return found

    from fakereg import storage as theirs

    for module in (storage, theirs):
        monkeypatch.setattr(module, "entry_points", with_third(module.entry_points))


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("memory", "memory"),
        ("directory", "directory:{folder}/store"),
        ("directory:{folder}/a", "directory:{folder}/a"),
    ],
)
def test_a_name_gets_a_temporary_path(text: str, made: str) -> None:
    assert template(text) == made


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nowhere", "storage must be one of directory, memory, .*got 'nowhere'"),
        ("directory:/var/lib/registry", "must contain {folder}, .*got 'directory:/var/lib/registry'"),
        ("memory,nowhere", "got 'nowhere'"),
    ],
)
def test_an_unusable_text_is_refused(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said.replace("{", "\\{")):
        names_in(text)


def test_the_storages_of_fakereg_are_known() -> None:
    assert own_names()[:2] == ["memory", "directory"]


@pytest.mark.parametrize("name", own_names())
@pytest.mark.parametrize("target", ["fake:oci", "fake:github-docker", "socket:github-container"])
def test_a_fake_runs_on_every_storage_and_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, target: str
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with target_of(Settings(target=target, storage=name)) as entered:
        assert entered.transport().base_url
        assert bool(list(tmp_path.glob("conformance-store-*/store*"))) is storage.is_durable(name)
    assert list(tmp_path.glob("conformance-store-*")) == []


def test_a_third_storage_runs(third: None) -> None:
    target = InProcessFake("fake:oci", "oci", Settings(storage="third"))
    with target:
        assert isinstance(target.running.storage.storage, Elsewhere)
    assert "third" not in own_names()


def test_a_storage_that_does_not_open_is_said() -> None:
    with pytest.raises(UnusableTarget, match="the fake cannot be started: "):
        target_of(Settings(storage="directory:/dev/null/{folder}")).__enter__()


def test_a_storage_is_that_of_a_fake() -> None:
    with pytest.raises(UnusableTarget, match="storage must be left out unless the target is a fake, got 'memory'"):
        target_of(Settings(target="http://127.0.0.1:9", storage="memory"))


def test_what_is_no_layout_is_checked_by_what_it_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `{folder}/other` the store is not where that of `directory` is, as with any other storage."""
    monkeypatch.setattr(crash, "faults_of", None)
    monkeypatch.setattr(crash, "read_by_skopeo", None)
    with InProcessFake("fake:oci", "oci", Settings()) as target:
        figures = crash.run(stress_of(target), rounds=3, storage="directory:{folder}/other", parent=tmp_path)
    assert figures.findings == []
    assert figures.numbers["rounds"] == 3
    assert figures.numbers["checks"] > figures.numbers["acknowledged"] > 0
