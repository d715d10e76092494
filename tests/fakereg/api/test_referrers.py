"""Referrers: content, filter, pages, and taking over the tag schema."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fakereg.spec.manifest import OCI_IMAGE, OCI_INDEX
from fakereg.spec.names import Digest
from tests.fakereg.api.test_tags import next_path
from tests.fakereg.client import CONFIG, RegistryClient, codes, descriptor, index
from tests.fakereg.conftest import MakeClient

SUBJECT = Digest.of(b"subject that need not exist")


def push_referrer(client: RegistryClient, number: int = 0, **fields: Any) -> Digest:
    return client.push_image("a", subject=descriptor(OCI_IMAGE, SUBJECT), annotations={"n": str(number)}, **fields)


def test_a_referrer_is_listed_with_type_and_annotations(client: RegistryClient) -> None:
    typed, untyped = push_referrer(client, 1, artifactType="a/b"), push_referrer(client, 2)
    response = client.get(f"/v2/a/referrers/{SUBJECT}")
    assert response.status_code == 200
    assert response.headers["Content-Type"] == OCI_INDEX
    document = response.get_json(force=True)
    assert document["mediaType"] == OCI_INDEX
    assert document["schemaVersion"] == 2
    found = {entry["digest"]: entry for entry in document["manifests"]}
    assert found[typed]["artifactType"] == "a/b"
    assert found[typed]["annotations"] == {"n": "1"}
    assert found[typed]["mediaType"] == OCI_IMAGE
    assert found[typed]["size"] == len(client.get(f"/v2/a/manifests/{typed}").data)
    assert found[untyped]["artifactType"] == CONFIG


def test_an_index_without_type_has_none(client: RegistryClient) -> None:
    content = json.dumps(index(subject=descriptor(OCI_IMAGE, SUBJECT))).encode()
    response = client.put("/v2/a/manifests/index", data=content, content_type=OCI_INDEX)
    assert response.headers["OCI-Subject"] == SUBJECT
    entries = client.get(f"/v2/a/referrers/{SUBJECT}").get_json(force=True)["manifests"]
    assert entries == [{"mediaType": OCI_INDEX, "digest": Digest.of(content), "size": len(content)}]


def test_no_referrers_is_an_empty_list_also_in_an_unknown_repository(client: RegistryClient) -> None:
    response = client.get(f"/v2/unknown/referrers/{SUBJECT}")
    assert response.status_code == 200
    assert response.get_json(force=True)["manifests"] == []


@pytest.mark.parametrize("digest", ["nothing", "sha256:abc", "sha256:" + "A" * 64])
def test_a_malformed_digest_is_400(client: RegistryClient, digest: str) -> None:
    response = client.get(f"/v2/a/referrers/{digest}")
    assert response.status_code == 400
    assert codes(response) == ["DIGEST_INVALID"]


def test_the_filter_is_applied_and_announced(client: RegistryClient) -> None:
    wanted = push_referrer(client, 1, artifactType="a/b")
    push_referrer(client, 2, artifactType="c/d")
    response = client.get(f"/v2/a/referrers/{SUBJECT}", query_string={"artifactType": "a/b"})
    assert [entry["digest"] for entry in response.get_json(force=True)["manifests"]] == [wanted]
    assert response.headers["OCI-Filters-Applied"] == "artifactType"


def test_the_filter_can_be_switched_off(make_client: MakeClient) -> None:
    client = make_client("oci,referrers_filter=false")
    push_referrer(client, 1, artifactType="a/b")
    response = client.get(f"/v2/a/referrers/{SUBJECT}", query_string={"artifactType": "c/d"})
    assert len(response.get_json(force=True)["manifests"]) == 1
    assert "OCI-Filters-Applied" not in response.headers


@pytest.mark.parametrize("dialect", ["oci,referrers_page_size=2", "oci,manifest_size_limit=700"])
def test_pages_hold_every_referrer_once(make_client: MakeClient, dialect: str) -> None:
    client = make_client(dialect)
    pushed = [push_referrer(client, number, artifactType=["a/b", "c+d/e"][number % 2]) for number in range(10)]
    for query, expected in (("", pushed), ("?artifactType=c%2Bd/e", pushed[1::2])):
        found: list[str] = []
        pages = 0
        path = f"/v2/a/referrers/{SUBJECT}{query}"
        while path:
            response = client.get(path)
            found += [entry["digest"] for entry in response.get_json(force=True)["manifests"]]
            path = next_path(response.headers.get("Link"))
            pages += 1
        assert sorted(found) == sorted(expected)
        assert pages > 1


def test_switched_off_it_is_404_and_pushes_say_nothing(make_client: MakeClient) -> None:
    client = make_client("oci-1.0")
    content = json.dumps(index(subject=descriptor(OCI_IMAGE, SUBJECT))).encode()
    response = client.put("/v2/a/manifests/index", data=content, content_type=OCI_INDEX)
    assert "OCI-Subject" not in response.headers
    assert client.get(f"/v2/a/referrers/{SUBJECT}").status_code == 404


def test_switching_it_on_takes_over_what_was_pushed_before(make_client: MakeClient) -> None:
    client = make_client("oci,referrers=false")
    before = push_referrer(client, 1)
    fallback = json.dumps(index(before)).encode()
    client.put(f"/v2/a/manifests/{SUBJECT.replace(':', '-')}", data=fallback, content_type=OCI_INDEX)
    client.registry.configure(referrers=True)
    after = push_referrer(client, 2)
    entries = client.get(f"/v2/a/referrers/{SUBJECT}").get_json(force=True)["manifests"]
    assert {entry["digest"] for entry in entries} == {before, after}


def test_a_deleted_referrer_is_listed_no_more(client: RegistryClient) -> None:
    digest = push_referrer(client)
    client.delete(f"/v2/a/manifests/{digest}")
    assert client.get(f"/v2/a/referrers/{SUBJECT}").get_json(force=True)["manifests"] == []
