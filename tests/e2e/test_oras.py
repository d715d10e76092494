"""The oras client for Python pushes and pulls artifacts."""

from pathlib import Path

import oras.client  # type: ignore[import-untyped]
import pytest

from tests.e2e.layout import digest, random_bytes
from tests.e2e.server import Server

REPOSITORY = "e2e/artifact"
CHUNK = 100_000


@pytest.fixture
def files(tmp_path: Path, seed: int) -> list[Path]:
    """Three files: a text, one of several chunks, and an empty one."""
    contents = {"notes.txt": b"hello\n", "data.bin": random_bytes(seed, 3 * CHUNK + 17), "empty": b""}
    folder = tmp_path / "files"
    folder.mkdir()
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in contents]


@pytest.mark.parametrize("chunked", [False, True], ids=["whole", "in-chunks"])
def test_files_come_back_equal(server: Server, files: list[Path], tmp_path: Path, chunked: bool) -> None:
    target = f"{server.host}/{REPOSITORY}:v1"
    client = oras.client.OrasClient(hostname=server.host, insecure=True)
    annotations = {"org.example.note": "from a test"}
    client.push(
        target,
        files=[f"{file}:application/octet-stream" for file in files],
        manifest_annotations=annotations,
        disable_path_validation=True,
        do_chunked=chunked,
        chunk_size=CHUNK,
    )
    pulled = client.pull(target, outdir=str(tmp_path / "pulled"))
    assert {Path(path).name: Path(path).read_bytes() for path in pulled} == {
        file.name: file.read_bytes() for file in files
    }
    manifest = client.get_manifest(target)
    assert manifest["annotations"] == annotations
    assert [layer["digest"] for layer in manifest["layers"]] == [digest(file.read_bytes()) for file in files]
    assert bool(server.log("PATCH", "/blobs/uploads/")) == chunked


def test_tags_are_listed_and_deleted(server: Server, files: list[Path]) -> None:
    client = oras.client.OrasClient(hostname=server.host, insecure=True)
    repository = f"{server.host}/{REPOSITORY}"
    for tag, file in zip(("v1", "v2"), files, strict=False):
        client.push(f"{repository}:{tag}", files=[str(file)], disable_path_validation=True)
    assert client.get_tags(repository) == ["v1", "v2"]
    assert client.delete_tag(repository, "v1")
    assert client.get_tags(repository) == ["v2"]
