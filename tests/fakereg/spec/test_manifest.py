"""Manifest bytes: what is understood, what is refused, and that nothing else happens."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakereg.spec import manifest as manifests
from fakereg.spec.errors import Code, RegistryError
from fakereg.spec.manifest import DOCKER_IMAGE, DOCKER_LIST, OCI_IMAGE, OCI_INDEX, Descriptor, Manifest, Need
from fakereg.spec.names import Digest
from tests.fakereg.client import CONFIG, FOREIGN_LAYERS, LAYER, descriptor, image, index

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


@pytest.mark.parametrize("parse_or_read", [parse, lambda document: read(document, OCI_IMAGE)])
def test_null_is_an_empty_list_and_a_member_left_out(parse_or_read: Callable[[Any], Manifest]) -> None:
    document = image(SOME, layers=None, subject=None, annotations=None, artifactType=None)
    document["config"] |= dict.fromkeys(("urls", "annotations", "data", "platform", "artifactType"))
    assert parse_or_read(document) == replace(parse(image(SOME)), **named(document))


def named(document: Any) -> dict[str, Any]:
    content = json.dumps(document).encode()
    return {"content": content, "digest": Digest.of(content)}


def read(document: Any, media_type: str) -> Manifest:
    return manifests.read(json.dumps(document).encode(), media_type, Digest.of(json.dumps(document).encode()))


def test_what_is_malformed_in_a_stored_manifest_is_left_out() -> None:
    odd = descriptor("layer", OTHER, size=-1, urls=7, platform={"os": 1, "variant": "v3"})
    document = image(SOME, layers=[7, odd, descriptor(LAYER, "sha256"), None], subject=7, schemaVersion=1)
    found = read(document | {"annotations": {"a": 1}, "artifactType": 7}, OCI_IMAGE)
    config, layer = found.blobs
    assert (config.digest, found.artifact_type) == (SOME, CONFIG)
    assert layer == Descriptor("layer", OTHER, -1, platform={"variant": "v3"})
    assert (found.subject, found.annotations) == (None, None)


@pytest.mark.parametrize("document", [[], "a", image(SOME, mediaType=OCI_INDEX)])
def test_what_is_stored_as_a_manifest_has_to_be_one(document: Any) -> None:
    with pytest.raises(RegistryError):
        read(document, OCI_IMAGE)


def test_what_a_manifest_needs_goes_by_the_media_types() -> None:
    layers = [descriptor(LAYER, OTHER), descriptor(OCI_IMAGE.upper(), OTHER), descriptor(FOREIGN_LAYERS[0], OTHER)]
    assert parse(image(SOME, layers=layers)).needs == (
        Need(SOME, blob=True, manifest=False),
        Need(OTHER, blob=True, manifest=False),
        Need(OTHER, blob=True, manifest=True),
    )
    entries = [descriptor(kind, SOME) for kind in (LAYER, f"{DOCKER_LIST}; charset=utf-8", FOREIGN_LAYERS[0])]
    assert parse(index() | {"manifests": entries}).needs == (
        Need(SOME, blob=True, manifest=True),
        Need(SOME, blob=False, manifest=True),
    )


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
        if field != "mediaType":
            assert read(document, OCI_IMAGE).content == json.dumps(document).encode()


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
