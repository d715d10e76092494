"""skopeo copies images in and out, lists, inspects and deletes them, and reads the store of a stopped server."""

import json
import urllib.request
from pathlib import Path

import pytest

from tests.e2e.clients import Skopeo
from tests.e2e.layout import MANIFEST, Descriptor, read_blobs, write_blob, write_image, write_index, write_layout
from tests.e2e.server import Server, serving

REPOSITORY = "e2e/some-image"
SECRET = "of-the-control-api"


@pytest.fixture
def source(tmp_path: Path, seed: int) -> tuple[Path, Descriptor]:
    """An OCI image layout with one image, tagged `latest`, and the descriptor of its manifest."""
    folder = tmp_path / "source"
    manifest = write_image(folder, seed=seed)
    write_layout(folder, {"latest": manifest})
    return folder, manifest


def test_image_comes_back_with_the_same_bytes(
    skopeo: Skopeo, server: Server, source: tuple[Path, Descriptor], tmp_path: Path
) -> None:
    folder, manifest = source
    image = f"docker://{server.host}/{REPOSITORY}"
    skopeo.copy(f"oci:{folder}:latest", f"{image}:v1")
    skopeo.copy(f"{image}:v1", f"oci:{tmp_path / 'by-tag'}:latest")
    skopeo.copy(f"{image}@{manifest['digest']}", f"oci:{tmp_path / 'by-digest'}:latest")
    assert read_blobs(tmp_path / "by-tag") == read_blobs(folder)
    assert read_blobs(tmp_path / "by-digest") == read_blobs(folder)


@pytest.mark.parametrize("layers", [None, [("text/plain; charset=utf-8", b"hello\n")]], ids=["null", "a text file"])
def test_image_as_other_clients_write_it_comes_back(
    skopeo: Skopeo, server: Server, tmp_path: Path, layers: list[tuple[str, bytes]] | None
) -> None:
    """Docker Engine writes null for an image without layers, podman artifacts have media types with a parameter."""
    folder = tmp_path / "source"
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": write_blob(folder, "application/vnd.oci.empty.v1+json", b"{}") | {"data": "e30="},
        "layers": None if layers is None else [write_blob(folder, *layer) for layer in layers],
        "annotations": None,
    }
    manifest = write_blob(folder, MANIFEST, json.dumps(document).encode())
    write_layout(folder, {"latest": manifest})
    image = f"docker://{server.host}/{REPOSITORY}:v1"
    skopeo.copy(f"oci:{folder}:latest", image, "--preserve-digests")
    skopeo.copy(image, f"oci:{tmp_path / 'copy'}:latest", "--preserve-digests")
    assert read_blobs(tmp_path / "copy") == read_blobs(folder)


def test_index_comes_back_with_every_image(skopeo: Skopeo, server: Server, tmp_path: Path, seed: int) -> None:
    folder = tmp_path / "source"
    architectures = ("amd64", "arm64", "riscv64")
    images = {
        architecture: write_image(folder, seed=seed + 10 * number, architecture=architecture)
        for number, architecture in enumerate(architectures)
    }
    write_layout(folder, {"latest": write_index(folder, images)})
    image = f"docker://{server.host}/{REPOSITORY}:multi"
    skopeo.copy(f"oci:{folder}:latest", image, "--all")
    skopeo.copy(image, f"oci:{tmp_path / 'copy'}:latest", "--all")
    assert read_blobs(tmp_path / "copy") == read_blobs(folder)
    assert skopeo.inspect(image, "--override-arch", "arm64")["Architecture"] == "arm64"


def test_docker_schema_2_comes_back_with_the_same_bytes(
    skopeo: Skopeo, server: Server, source: tuple[Path, Descriptor], tmp_path: Path
) -> None:
    folder, _ = source
    image = f"docker://{server.host}/{REPOSITORY}:schema-2"
    skopeo.copy(f"oci:{folder}:latest", image, "--format", "v2s2")
    raw = skopeo.inspect(image, "--raw")
    assert raw["mediaType"] == "application/vnd.docker.distribution.manifest.v2+json"
    skopeo.copy(image, f"dir:{tmp_path / 'copy'}")
    assert json.loads((tmp_path / "copy" / "manifest.json").read_bytes()) == raw


def test_inspect_shows_the_manifest_and_its_tags(
    skopeo: Skopeo, server: Server, source: tuple[Path, Descriptor]
) -> None:
    folder, manifest = source
    image = f"docker://{server.host}/{REPOSITORY}"
    for tag in ("v2", "v1", "latest"):
        skopeo.copy(f"oci:{folder}:latest", f"{image}:{tag}")
    facts = skopeo.inspect(f"{image}:v1")
    content = json.loads(read_blobs(folder)[manifest["digest"]])
    assert facts["Digest"] == manifest["digest"]
    assert facts["Layers"] == [layer["digest"] for layer in content["layers"]]
    assert facts["RepoTags"] == ["latest", "v1", "v2"]
    assert skopeo.inspect(f"{image}:v1", "--raw") == content
    assert json.loads(skopeo("list-tags", "--tls-verify=false", image).stdout)["Tags"] == ["latest", "v1", "v2"]


def test_deleted_image_is_gone(skopeo: Skopeo, server: Server, source: tuple[Path, Descriptor], seed: int) -> None:
    folder, manifest = source
    write_layout(folder, {"latest": manifest, "other": write_image(folder, seed=seed + 100)})
    image = f"docker://{server.host}/{REPOSITORY}"
    skopeo.copy(f"oci:{folder}:latest", f"{image}:doomed")
    skopeo.copy(f"oci:{folder}:other", f"{image}:kept")
    skopeo("delete", "--tls-verify=false", f"{image}:doomed")
    refused = skopeo("inspect", "--tls-verify=false", f"{image}:doomed", ok=False)
    assert "manifest unknown" in refused.text
    assert json.loads(skopeo("list-tags", "--tls-verify=false", image).stdout)["Tags"] == ["kept"]


def test_store_of_a_stopped_server_is_an_image_layout(
    skopeo: Skopeo, source: tuple[Path, Descriptor], tmp_path: Path
) -> None:
    folder, manifest = source
    store = tmp_path / "store"
    with serving(f"directory:{store}", tmp_path / "requests.log") as server:
        skopeo.copy(f"oci:{folder}:latest", f"docker://{server.host}/{REPOSITORY}:v1")
    layout = store / "repositories" / REPOSITORY.replace("/", "+")
    assert skopeo.inspect(f"oci:{layout}:v1")["Digest"] == manifest["digest"]
    skopeo.copy(f"oci:{layout}:v1", f"oci:{tmp_path / 'copy'}:latest")
    assert read_blobs(tmp_path / "copy") == read_blobs(folder)


def test_store_survives_a_restart(skopeo: Skopeo, source: tuple[Path, Descriptor], tmp_path: Path) -> None:
    folder, _ = source
    store = f"directory:{tmp_path / 'store'}"
    with serving(store, tmp_path / "requests-1.log") as server:
        skopeo.copy(f"oci:{folder}:latest", f"docker://{server.host}/{REPOSITORY}:v1")
    with serving(store, tmp_path / "requests-2.log") as server:
        skopeo.copy(f"docker://{server.host}/{REPOSITORY}:v1", f"oci:{tmp_path / 'copy'}:latest")
    assert read_blobs(tmp_path / "copy") == read_blobs(folder)


def test_what_skopeo_copies_into_a_served_store_is_kept(
    skopeo: Skopeo, source: tuple[Path, Descriptor], tmp_path: Path, seed: int
) -> None:
    folder, manifest = source
    store, other = tmp_path / "store", write_image(folder, seed=seed + 100)
    write_layout(folder, {"latest": manifest, "other": other})
    layout = store / "repositories" / REPOSITORY.replace("/", "+")
    with serving(f"directory:{store}", tmp_path / "requests-1.log") as server:
        image = f"docker://{server.host}/{REPOSITORY}"
        skopeo.copy(f"oci:{folder}:latest", f"{image}:pushed")
        skopeo.copy(f"oci:{folder}:other", f"oci:{layout}:copied")
        skopeo.copy(f"oci:{folder}:latest", f"{image}:again")
    digests = {"pushed": manifest["digest"], "copied": other["digest"], "again": manifest["digest"]}
    for tag, digest in digests.items():
        assert skopeo.inspect(f"oci:{layout}:{tag}")["Digest"] == digest
    with serving(f"directory:{store}", tmp_path / "requests-2.log") as server:
        image = f"docker://{server.host}/{REPOSITORY}"
        assert skopeo.inspect(f"{image}:pushed")["RepoTags"] == sorted(digests)
        skopeo.copy(f"{image}:copied", f"oci:{tmp_path / 'copy'}:latest")
    assert read_blobs(tmp_path / "copy").items() <= read_blobs(folder).items()


def test_a_layout_of_skopeo_is_served_and_a_reset_brings_it_back(
    skopeo: Skopeo, source: tuple[Path, Descriptor], tmp_path: Path
) -> None:
    folder, manifest = source
    store = tmp_path / "store"
    layout = store / "repositories" / REPOSITORY.replace("/", "+")
    layout.parent.mkdir(parents=True)
    for name in ("found", "docker.io/library/x:1"):
        skopeo.copy(f"oci:{folder}:latest", f"oci:{layout}:{name}")
    before = {path: path.read_bytes() for path in layout.rglob("*") if path.is_file()}
    (tmp_path / "fakereg.toml").write_text(f'control_secret = "{SECRET}"')
    with serving(f"directory:{store}", tmp_path / "requests.log", "--config", str(tmp_path / "fakereg.toml")) as server:
        image = f"docker://{server.host}/{REPOSITORY}"
        skopeo("delete", "--tls-verify=false", f"{image}:found")
        skopeo.copy(f"oci:{folder}:latest", f"{image}:pushed", "--format", "v2s2")
        reset = urllib.request.Request(f"{server.url}/_fakereg/reset", method="POST")
        reset.add_header("Authorization", f"Bearer {SECRET}")
        assert urllib.request.urlopen(reset, timeout=30).status == 204
        assert skopeo.inspect(f"{image}:found")["Digest"] == manifest["digest"]
        assert json.loads(skopeo("list-tags", "--tls-verify=false", image).stdout)["Tags"] == ["found"]
    assert {path: path.read_bytes() for path in layout.rglob("*") if path.is_file()} == before
    assert skopeo.inspect(f"oci:{layout}:docker.io/library/x:1")["Digest"] == manifest["digest"]
