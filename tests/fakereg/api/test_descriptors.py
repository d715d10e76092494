"""Manifests with unusual descriptors, in each dialect, and what becomes of the content that they name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fakereg.spec.manifest import OCI_IMAGE, OCI_INDEX
from fakereg.spec.names import Digest
from tests.fakereg import shapes
from tests.fakereg.client import LAYER, RegistryClient, codes, descriptor, docker_image, image, index
from tests.fakereg.conftest import MakeClient
from tests.fakereg.shapes import NEVER, SHAPES, Shape

NAME = "octocat/app"
DIALECTS: dict[str, Callable[[Shape], str]] = {
    "oci": lambda shape: shape.oci,
    "oci-1.0": lambda shape: shape.oci,
    "distribution": lambda shape: shape.distribution,
    "github-container": lambda shape: shape.oci,
}


@pytest.fixture(params=DIALECTS)
def stocked(request: pytest.FixtureRequest, make_client: MakeClient) -> RegistryClient:
    """A client of a registry of each dialect that has what the manifests of the table name."""
    return with_content(make_client(request.param))


def with_content(client: RegistryClient, name: str = NAME) -> RegistryClient:
    for content in shapes.BLOBS:
        client.push_blob(name, content)
    for document in shapes.MANIFESTS:
        assert client.put_manifest(name, "child", document).status_code == 201
    return client


def put(client: RegistryClient, shape: Shape, name: str = NAME) -> str:
    """Push; the code of the refusal, if it is one."""
    response = client.put(f"/v2/{name}/manifests/shape", data=shape.content, content_type=shape.media_type)
    assert response.status_code == (400 if response.data else 201)
    return codes(response)[0] if response.data else ""


def test_each_dialect_takes_and_refuses_what_it_should(stocked: RegistryClient) -> None:
    wanted = DIALECTS[stocked.registry.dialect.name]
    assert {name: put(stocked, shape) for name, shape in SHAPES.items()} == {
        name: wanted(shape) for name, shape in SHAPES.items()
    }


@pytest.mark.parametrize("member", ["layers", "annotations", "subject"])
def test_null_in_an_image_is_taken_by_the_docker_registry_of_github(make_client: MakeClient, member: str) -> None:
    client, name = make_client("github-docker"), "octocat/octo-app/app"
    document = docker_image(client.push_blob(name, b"{}")) | {member: None}
    assert client.put_manifest(name, "one", document).status_code == 201
    assert client.get(f"/v2/{name}/manifests/one").get_json() == document


def test_media_types_with_parameters_may_be_refused(make_client: MakeClient) -> None:
    client = with_content(make_client("oci,media_type_parameters=false"))
    with_parameter = [shape for shape in SHAPES.values() if shape.oci == "" and b"; charset" in shape.content]
    assert len(with_parameter) > 5
    assert {put(client, shape) for shape in with_parameter} == {"MANIFEST_INVALID"}
    subject = Shape(image(shapes.C, subject=descriptor(shapes.TEXT, NEVER)), "", "")
    assert put(client, subject) == "MANIFEST_INVALID"
    assert put(client, SHAPES["BuildKit's cache"]) == ""


def test_a_cache_is_pulled_as_it_was_pushed_and_stays_when_its_blobs_go(client: RegistryClient) -> None:
    with_content(client)
    cache = SHAPES["BuildKit's cache"]
    assert put(client, cache) == ""
    path = f"/v2/{NAME}/manifests/{Digest.of(cache.content)}"
    for digest, content in ((shapes.C, b"{}"), (shapes.L, b"layer")):
        assert client.get(f"/v2/{NAME}/blobs/{digest}").data == content
        assert client.get(f"/v2/{NAME}/manifests/{digest}").status_code == 404
        assert client.delete(f"/v2/{NAME}/blobs/{digest}").status_code == 202
    assert client.get(path).data == cache.content
    assert client.put(path, data=cache.content, content_type=OCI_INDEX).status_code == 400
    assert client.delete(path).status_code == 202


def test_an_index_stays_when_what_it_names_is_deleted_and_is_not_taken_again(client: RegistryClient) -> None:
    with_content(client)
    entries = [descriptor(OCI_IMAGE, shapes.IMAGE), descriptor(shapes.OTHER, shapes.IMAGE)]
    shape = Shape(index() | {"manifests": entries}, "", "")
    assert put(client, shape) == ""
    assert client.delete(f"/v2/{NAME}/manifests/{shapes.IMAGE}").status_code == 202
    assert put(client, shape) == "MANIFEST_BLOB_UNKNOWN"
    assert client.get(f"/v2/{NAME}/manifests/shape").data == shape.content


def test_every_missing_entry_is_named(client: RegistryClient) -> None:
    gone = [Digest.of(text) for text in (b"1", b"2")]
    entries = [descriptor(LAYER, gone[0]), descriptor(OCI_IMAGE, gone[1])]
    response = client.put_manifest(NAME, "one", index() | {"manifests": entries})
    assert [error["detail"]["digest"] for error in response.get_json()["errors"]] == gone


def test_what_docker_registry_takes_is_served_by_any_dialect(make_client: MakeClient, tmp_path: Path) -> None:
    """Its manifests may lie in a storage that another dialect serves next, after a restart and with all its rules."""
    taken = [shape for shape in SHAPES.values() if shape.distribution == ""]
    first = with_content(make_client("distribution", storage=f"directory:{tmp_path}"))
    assert {put(first, shape) for shape in taken} == {""}
    first.registry.close()
    for dialect in ("oci", "oci,image_size_notice=1", "distribution"):
        client = make_client(dialect, storage=f"directory:{tmp_path}")
        for shape in taken:
            path = f"/v2/{NAME}/manifests/{Digest.of(shape.content)}"
            assert client.get(path, headers={"Accept": shape.media_type}).data == shape.content
        client.registry.close()


def test_a_subject_is_known_whoever_took_the_manifest(make_client: MakeClient, tmp_path: Path) -> None:
    """The other members of such a manifest may be odd, and the storage may have been opened again."""
    subject, layer = descriptor(OCI_IMAGE, NEVER), descriptor("", shapes.L, size=-1)
    document = image(shapes.C, subject=subject, layers=[layer], artifactType="a/b", annotations={"a": "b"})
    for dialect in ("distribution", "oci"):
        client = make_client(f"{dialect},referrers=true", storage=f"directory:{tmp_path}")
        if dialect == "distribution":
            assert put(with_content(client), Shape(document, "", "")) == ""
        (entry,) = client.get(f"/v2/{NAME}/referrers/{NEVER}").get_json()["manifests"]
        assert (entry["artifactType"], entry["annotations"]) == ("a/b", {"a": "b"})
        client.registry.close()
