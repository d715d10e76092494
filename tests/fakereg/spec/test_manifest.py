"""Manifest bytes: what is understood, what is refused, and that nothing else happens."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakereg.spec import manifest as manifests
from fakereg.spec.errors import Code, RegistryError
from fakereg.spec.manifest import DOCKER_IMAGE, DOCKER_LIST, OCI_IMAGE, OCI_INDEX, Manifest
from fakereg.spec.names import Digest
from tests.fakereg.client import CONFIG, LAYER, descriptor, image, index

SOME = Digest.of(b"some")
OTHER = Digest.of(b"other")


def parse(document: Any, media_type: str | None = None) -> Manifest:
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    return manifests.parse(content, media_type, Digest.of(content))


def test_an_image_names_config_and_layers() -> None:
    parsed = parse(image(SOME, OTHER, subject=descriptor(OCI_IMAGE, OTHER), annotations={"a": "b"}))
    assert [blob.digest for blob in parsed.blobs] == [SOME, OTHER]
    assert parsed.subject
    assert parsed.subject.digest == OTHER
    assert parsed.annotations == {"a": "b"}


def test_an_index_names_its_children() -> None:
    parsed = parse(index(SOME, OTHER))
    assert [child.digest for child in parsed.manifests] == [SOME, OTHER]
    assert not parsed.blobs


@pytest.mark.parametrize(
    ("fields", "expected"),
    [({"artifactType": "a/b"}, "a/b"), ({}, CONFIG), ({"artifactType": ""}, CONFIG)],
)
def test_the_artifact_type_of_an_image_falls_back_to_its_config(fields: dict[str, str], expected: str) -> None:
    assert parse(image(SOME, **fields)).referrer()["artifactType"] == expected


def test_an_index_without_artifact_type_has_none() -> None:
    assert "artifactType" not in parse(index(SOME)).referrer()
    assert parse(index(SOME, artifactType="a/b")).referrer()["artifactType"] == "a/b"


@pytest.mark.parametrize(
    ("document", "header", "expected"),
    [
        (image(SOME), None, OCI_IMAGE),
        (index(SOME), None, OCI_INDEX),
        ({"schemaVersion": 2, "config": descriptor(CONFIG, SOME), "layers": []}, None, OCI_IMAGE),
        ({"schemaVersion": 2, "manifests": []}, None, OCI_INDEX),
        ({"schemaVersion": 2, "config": descriptor(CONFIG, SOME), "layers": []}, DOCKER_IMAGE, DOCKER_IMAGE),
        ({"schemaVersion": 2, "manifests": []}, DOCKER_LIST, DOCKER_LIST),
        ({"anything": 1}, "application/vnd.example+json", "application/vnd.example+json"),
    ],
)
def test_the_media_type_is_the_header_or_the_field_or_the_shape(
    document: dict[str, Any], header: str | None, expected: str
) -> None:
    assert parse(document, header).media_type == expected


def test_the_case_of_a_media_type_does_not_count() -> None:
    parsed = parse(image(SOME) | {"mediaType": OCI_IMAGE}, OCI_IMAGE.upper())
    assert (parsed.media_type, len(parsed.blobs)) == (OCI_IMAGE.upper(), 1)


def without(field: str) -> dict[str, Any]:
    return {key: value for key, value in image(SOME, OTHER).items() if key != field}


@pytest.mark.parametrize(
    ("document", "header"),
    [
        (b"", None),
        (b"not json", None),
        (b"[]", None),
        (b"\xff\xfe{}", None),
        (b"\xef\xbb\xbf{}", None),
        (b'{"schemaVersion": NaN}', None),
        (b"[" * 100_000, None),
        (b'{"size": ' + b"9" * 5000 + b"}", None),
        (image(SOME), OCI_INDEX),
        (image(SOME, mediaType=7), None),
        (image(SOME), "text/plain; charset"),
        (image(SOME, schemaVersion=1), None),
        ({"schemaVersion": 1}, "application/vnd.docker.distribution.manifest.v1+prettyjws"),
        (without("config"), None),
        (without("layers"), None),
        (without("schemaVersion"), None),
        (image("sha256:abc"), None),
        (image(SOME, layers=[7]), None),
        (image(SOME, layers=[descriptor(LAYER, SOME, size=-1)]), None),
        (image(SOME, layers=[descriptor(LAYER, SOME, size=1 << 63)]), None),
        (image(SOME, layers=[descriptor(LAYER, SOME) | {"size": True}]), None),
        (image(SOME, layers=[descriptor("layer", SOME)]), None),
        (image(SOME, layers=[descriptor(LAYER, SOME, urls="http://x")]), None),
        (image(SOME, subject="sha256:abc"), None),
        (image(SOME, artifactType=1), None),
        (image(SOME, annotations=["a"]), None),
        (image(SOME, annotations={"a": 1}), None),
    ],
)
def test_what_is_no_manifest_is_refused(document: Any, header: str | None) -> None:
    with pytest.raises(RegistryError) as refusal:
        parse(document, header)
    assert refusal.value.code is Code.MANIFEST_INVALID
    assert refusal.value.status == 400


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)))
def test_any_value_in_any_place_gives_a_manifest_or_a_refusal(value: Any) -> None:
    for field in ("schemaVersion", "mediaType", "config", "layers", "subject", "artifactType", "annotations"):
        document = {**image(SOME, OTHER), field: value}
        try:
            parsed = parse(document)
        except RegistryError as refusal:
            answer: object = refusal.code
        else:
            answer = parsed.content
        assert answer in (Code.MANIFEST_INVALID, json.dumps(document).encode())


@pytest.mark.parametrize(
    ("fields", "foreign"),
    [
        ({}, False),
        ({"urls": []}, False),
        ({"urls": ["https://example.com/layer"]}, True),
        ({"mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"}, True),
        ({"mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"}, True),
    ],
)
def test_foreign_layers_are_known_by_type_or_urls(fields: dict[str, Any], foreign: bool) -> None:
    parsed = parse(image(SOME, layers=[descriptor(LAYER, OTHER) | fields]))
    assert parsed.blobs[1].foreign is foreign
