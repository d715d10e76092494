"""The settings that the dialect `distribution` needs, one by one: what is so without them, and what with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from fakereg import Registry
from fakereg.api.conditional import go_range
from fakereg.dialect.fields import Dialect
from fakereg.spec.errors import RegistryError
from fakereg.spec.manifest import DOCKER_IMAGE, OCI_IMAGE, OCI_INDEX
from fakereg.spec.names import Digest
from tests.fakereg.client import RegistryClient, codes, docker_image, image, index
from tests.fakereg.conftest import MakeClient

BLOB = Digest.of(b"layer")
FORM = "application/x-www-form-urlencoded"
NEVER = Digest.of(b"never pushed")


def outcome(response: TestResponse) -> tuple[int, str]:
    """The status, and the code of a refusal, or the text of one that is plain."""
    if response.status_code < 400 or not response.data:
        return response.status_code, ""
    return response.status_code, codes(response)[0] if response.is_json else response.text


@pytest.mark.parametrize(
    ("setting", "method", "path", "default", "changed"),
    [
        ("name_form=host/image", "GET", "/v2/UPPER/x/tags/list", (400, "NAME_INVALID"), (404, "NAME_UNKNOWN")),
        ("name_form=host/image", "GET", "/v2/x/UPPER/tags/list", (400, "NAME_INVALID"), (400, "NAME_INVALID")),
        ("plain_errors=true", "GET", "/v2/x/y", (404, "UNSUPPORTED"), (404, "404 page not found\n")),
        ("plain_errors=true", "GET", "/nowhere", (404, "UNSUPPORTED"), (404, "404 page not found\n")),
        ("plain_errors=true", "GET", "/v2/BAD/tags/list", (400, "NAME_INVALID"), (404, "404 page not found\n")),
        ("plain_errors=true", "GET", "/v2/x/manifests/.x", (400, "MANIFEST_INVALID"), (404, "404 page not found\n")),
        ("plain_errors=true", "GET", "/v2/x/blobs/x", (400, "DIGEST_INVALID"), (404, "404 page not found\n")),
        ("plain_errors=true", "GET", "/v2/x/blobs/sha256:a", (400, "DIGEST_INVALID"), (400, "DIGEST_INVALID")),
        ("plain_errors=true", "POST", "/v2/x/tags/list", (405, "UNSUPPORTED"), (405, "Method not allowed\n")),
        ("name_unknown=false", "GET", "/v2/x/manifests/x", (404, "NAME_UNKNOWN"), (404, "MANIFEST_UNKNOWN")),
        ("name_unknown=false", "GET", f"/v2/x/blobs/{NEVER}", (404, "NAME_UNKNOWN"), (404, "BLOB_UNKNOWN")),
        ("list_head=false", "HEAD", "/v2/here/tags/list", (200, ""), (405, "")),
        ("list_head=false", "HEAD", "/v2/_catalog", (200, ""), (405, "")),
        ("ping_any_method=true", "DELETE", "/v2/", (405, "UNSUPPORTED"), (200, "")),
        ("ping_any_method=true", "OPTIONS", "/v2/", (405, "UNSUPPORTED"), (200, "")),
        ("ping_any_method=true", "CONNECT", "/v2/", (405, "UNSUPPORTED"), (405, "UNSUPPORTED")),
        ("options_method=true", "OPTIONS", "/v2/here/tags/list", (405, "UNSUPPORTED"), (200, "")),
        ("root_answer=true", "DELETE", "/", (404, "UNSUPPORTED"), (200, "")),
        ("path_redirects=true", "GET", "/v2", (200, ""), (301, "")),
        ("path_redirects=true", "POST", "/v2/x/blobs/uploads", (202, ""), (301, "")),
        ("path_redirects=true", "GET", "/v2/here/tags/list/", (404, "UNSUPPORTED"), (301, "")),
        ("path_redirects=true", "GET", "/v2/here//tags/list", (400, "NAME_INVALID"), (301, "")),
        ("path_redirects=true", "GET", "/v2/here/nothing/", (404, "UNSUPPORTED"), (404, "UNSUPPORTED")),
        ("uploads_alike=true", "GET", "/v2/x/blobs/uploads/", (405, "UNSUPPORTED"), (404, "BLOB_UPLOAD_UNKNOWN")),
        ("uploads_alike=true", "POST", "/v2/x/blobs/uploads/no", (405, "UNSUPPORTED"), (404, "BLOB_UPLOAD_UNKNOWN")),
        ("checked_first=rights", "PUT", "/v2/x/blobs/sha256:a", (405, "UNSUPPORTED"), (400, "DIGEST_INVALID")),
        ("checked_first=rights", "x", "/v2/x/blobs/uploads/no", (405, "UNSUPPORTED"), (404, "BLOB_UPLOAD_UNKNOWN")),
        ("checked_first=rights", "x", f"/v2/x/blobs/{BLOB}", (405, "UNSUPPORTED"), (405, "UNSUPPORTED")),
        ("page_size_check=false", "GET", "/v2/_catalog?n=x", (400, "UNSUPPORTED"), (200, "")),
        ("digest_deletions=true", "DELETE", "/v2/here/manifests/one", (202, ""), (400, "DIGEST_INVALID")),
        ("strict_mount=false", "POST", "/v2/x/blobs/uploads/?mount=foo", (400, "DIGEST_INVALID"), (202, "")),
        ("strict_mount=false", "POST", f"/v2/x/blobs/uploads/?mount={BLOB}&from=B", (400, "NAME_INVALID"), (202, "")),
        ("strict_mount=false", "POST", f"/v2/x/blobs/uploads/?mount={BLOB}&from=here", (201, ""), (201, "")),
    ],
)
def test_one_request(
    make_client: MakeClient, setting: str, method: str, path: str, default: tuple[int, str], changed: tuple[int, str]
) -> None:
    for dialect, wanted in (("oci", default), (f"oci,{setting}", changed)):
        client = make_client(dialect)
        client.push_image("here", "one")
        assert outcome(client.open(path, method=method)) == wanted


@pytest.mark.parametrize(
    ("setting", "document", "kind", "changed"),
    [
        ("manifest_size_limit=100", image(BLOB), OCI_IMAGE, (413, "SIZE_INVALID")),
        ("manifest_size_limit=100,manifest_size_refusal=400", image(BLOB), OCI_IMAGE, (400, "MANIFEST_INVALID")),
        ("manifest_reading=go", image(BLOB), "", (400, "MANIFEST_INVALID")),
        ("manifest_reading=go", image(BLOB, mediaType=None), OCI_IMAGE, (201, "")),
        ("manifest_reading=go", docker_image(BLOB), DOCKER_IMAGE, (201, "")),
        (
            "manifest_reading=go",
            {"schemaVersion": 2, "config": image(BLOB)["config"], "layers": []},
            OCI_IMAGE,
            (201, ""),
        ),
        (
            "manifest_reading=go",
            {"schemaVersion": 2, "config": image(BLOB)["config"], "layers": []},
            DOCKER_IMAGE,
            (400, "MANIFEST_INVALID"),
        ),
    ],
)
def test_one_push(
    make_client: MakeClient, setting: str, document: dict[str, Any], kind: str, changed: tuple[int, str]
) -> None:
    for dialect, wanted in (("oci", (201, "")), (f"oci,{setting}", changed)):
        client = make_client(dialect)
        client.push_blob("x", b"layer")
        headers = {"Content-Type": kind} if kind else {}
        response = client.put("/v2/x/manifests/one", data=json.dumps(document).encode(), headers=headers)
        assert outcome(response) == wanted


def test_a_host_name_lasts(tmp_path: Path) -> None:
    for _ in range(2):
        registry = Registry(dialect="oci,name_form=host/image", storage=f"directory:{tmp_path}")
        client = RegistryClient(registry)
        if not registry.storage.repositories():
            client.push_image("UPPER/x", "one")
            session = client.start("UPPER/x")
        assert client.get("/v2/UPPER/x/tags/list").get_json() == {"name": "UPPER/x", "tags": ["one"]}
        assert client.get(session).status_code == 204
        assert client.post(f"/v2/y/blobs/uploads/?mount={BLOB}&from=UPPER/x").status_code == 201
        registry.close()


def test_digests_of_manifests_may_have_fewer_algorithms(make_client: MakeClient) -> None:
    for dialect, wanted in (("oci", (201, "")), ("oci,manifest_digest_algorithms=sha256", (400, "DIGEST_INVALID"))):
        client = make_client(dialect)
        document = image(client.push_blob("x", b"layer", algorithm="sha512"))
        digest = Digest.of(json.dumps(document).encode(), algorithm="sha512")
        assert outcome(client.put_manifest("x", digest, document)) == wanted
        assert outcome(client.put_manifest("x", "one", document)) == (201, "")


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_content_range_may_be_ignored(make_client: MakeClient, method: str) -> None:
    for dialect, wanted in (("oci", 416), ("oci,content_range=false", 202 if method == "PATCH" else 201)):
        client = make_client(dialect)
        path = f"{client.start('x')}?digest={BLOB}"
        assert client.open(path, method=method, data=b"layer", headers={"Content-Range": "7-11"}).status_code == wanted


def test_a_session_may_have_a_state(make_client: MakeClient) -> None:
    client = make_client("oci,upload_state=true")
    fresh = client.start("x")
    path = fresh.partition("?")[0]
    for location in (path, f"{path}?_state=7"):
        for method in ("GET", "PATCH", "DELETE"):
            assert outcome(client.open(location, method=method)) == (404, "BLOB_UPLOAD_INVALID")
        put = f"{location}{'&' if '?' in location else '?'}digest={BLOB}"
        assert outcome(client.put(put)) == (404, "BLOB_UPLOAD_INVALID")
    later = client.patch(fresh, data=b"lay").headers["Location"]
    assert outcome(client.patch(fresh, data=b"lay")) == (404, "BLOB_UPLOAD_INVALID")
    assert client.get(later).headers["Location"] == later
    assert client.put(f"{later}&digest={BLOB}", data=b"er").status_code == 201
    assert outcome(client.get(later)) == (404, "BLOB_UPLOAD_UNKNOWN")
    assert "?" not in make_client().start("x")


def test_a_location_of_another_session_has_another_state(make_client: MakeClient) -> None:
    client = make_client("oci,upload_state=true")
    one, other = client.start("x"), client.start("x")
    mixed = f"{one.partition('?')[0]}?{other.partition('?')[2]}"
    elsewhere = one.replace("/v2/x/", "/v2/y/")
    for location in (mixed, elsewhere):
        assert outcome(client.get(location)) == (404, "BLOB_UPLOAD_INVALID")
    assert client.get(one).status_code == 204


def test_a_session_may_have_every_method_that_opens_one(make_client: MakeClient) -> None:
    client = make_client("oci,uploads_alike=true,options_method=true")
    first = client.start("x")
    second = client.post(first)
    assert second.status_code == 202
    assert second.headers["Location"] not in ("", first)
    for path in (first, "/v2/x/blobs/uploads/"):
        allowed = client.open(path, method="OPTIONS").headers["Allow"]
        assert {*allowed.split(", ")} == {"GET", "HEAD", "POST", "PATCH", "PUT", "DELETE"}


@pytest.mark.parametrize("kind", [FORM, f"{FORM.upper()}; charset=utf-8", "multipart/form-data; boundary=x"])
def test_a_form_may_be_read_for_parameters_and_be_no_content(make_client: MakeClient, kind: str) -> None:
    body = b"layer" if FORM in kind.lower() else b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x--'
    for dialect, digest in (("oci", Digest.of(body)), ("oci,form_bodies=true", Digest.of(b""))):
        client = make_client(dialect)
        answers = [
            client.put(f"{client.start('x')}?digest={each}", data=body, content_type=kind)
            for each in (Digest.of(body), Digest.of(b""))
        ]
        assert [answer.status_code for answer in answers if digest in answer.headers.get("Location", "")] == [201]
        assert sorted(answer.status_code for answer in answers) == [201, 400]


def test_a_parameter_may_stand_in_a_form(make_client: MakeClient) -> None:
    client = make_client("oci,form_bodies=true")
    client.push_blob("x", b"layer")
    empty = Digest.of(b"")
    put = client.put(f"{client.start('x')}?digest={BLOB}", data=f"digest={empty}", content_type=FORM)
    assert put.headers["Docker-Content-Digest"] == empty
    mount = client.post("/v2/y/blobs/uploads/", data=f"mount={BLOB}&from=x", content_type=FORM)
    assert mount.status_code == 201
    large = client.put(f"{client.start('x')}?digest={empty}", data=b"a=" + b"b" * (10 << 20), content_type=FORM)
    assert outcome(large) == (413, "SIZE_INVALID")


def test_chunks_may_have_to_be_octet_streams(make_client: MakeClient) -> None:
    for dialect, wanted in (("oci", 202), ("oci,octet_stream_chunks=true", 400)):
        client = make_client(dialect)
        for kind in ("text/plain", FORM, "application/octet-stream; charset=utf-8"):
            assert client.patch(client.start("x"), data=b"a", content_type=kind).status_code == wanted
        for plain in ("application/octet-stream", "", None):
            assert client.patch(client.start("x"), data=b"a", content_type=plain).status_code == 202


def test_another_digest_may_leave_the_session_open(make_client: MakeClient) -> None:
    for dialect, after in (("oci", 404), ("oci,mismatch_ends_session=false", 201)):
        client = make_client(dialect)
        path = client.start("x")
        assert outcome(client.put(f"{path}?digest={NEVER}", data=b"layer")) == (400, "DIGEST_INVALID")
        assert client.put(f"{path}?digest={BLOB}").status_code == after


@pytest.mark.parametrize("path", ["/v2/x/blobs/uploads/none", "{session}"])
def test_a_session_is_looked_for_before_the_digest(make_client: MakeClient, path: str) -> None:
    client = make_client()
    asked = client.start("x") if path == "{session}" else path
    wanted = (400, "DIGEST_INVALID") if path == "{session}" else (404, "BLOB_UPLOAD_UNKNOWN")
    assert [outcome(client.put(f"{asked}{query}")) for query in ("", "?digest=foo")] == [wanted, wanted]
    if path == "{session}":
        assert client.get(asked).status_code == 204


def test_a_manifest_is_read_before_the_digest_that_it_is_pushed_by(make_client: MakeClient) -> None:
    for dialect in ("oci", "oci,manifest_digest_algorithms=sha256"):
        client = make_client(dialect)
        for digest in (NEVER, Digest.of(b"x", algorithm="sha512")):
            pushed = client.put(f"/v2/x/manifests/{digest}", data=b"x", content_type=OCI_IMAGE)
            assert outcome(pushed) == (400, "MANIFEST_INVALID")


def test_the_case_of_the_type_of_a_manifest_counts_for_nothing(make_client: MakeClient) -> None:
    client = make_client()
    document = image(client.push_blob("x", b"{}"))
    assert client.put("/v2/x/manifests/one", json=document, content_type=OCI_IMAGE.title()).status_code == 201
    assert client.get("/v2/x/manifests/one").content_type == OCI_IMAGE


@pytest.mark.parametrize(
    ("accept", "rfc", "plain"),
    [
        (f"{OCI_IMAGE};charset=utf-8", 200, 200),
        (f'text/html, {OCI_IMAGE} ; a="b";q=0.5', 200, 200),
        (f"{OCI_IMAGE};q=0", 404, 200),
        (OCI_IMAGE.upper(), 200, 404),
        ("application/*", 404, 404),
    ],
)
def test_accept_may_be_read_without_qualities(make_client: MakeClient, accept: str, rfc: int, plain: int) -> None:
    for reading, wanted in (("rfc", rfc), ("plain", plain)):
        client = make_client(f"oci,oci_needs_accept=true,accept_reading={reading}")
        client.push_image("x", "image")
        assert client.get("/v2/x/manifests/image", headers={"Accept": accept}).status_code == wanted


def test_an_index_is_accepted_with_a_parameter(make_client: MakeClient) -> None:
    client = make_client("oci,index_needs_accept=true")
    client.put_manifest("x", "index", index(client.push_image("x")))
    accept = f"{OCI_INDEX};charset=utf-8"
    assert client.get("/v2/x/manifests/index", headers={"Accept": accept}).status_code == 200


def test_with_basic_credentials_the_path_may_come_first(make_client: MakeClient) -> None:
    for first, nowhere in (("endpoint", 401), ("rights", 404)):
        client = make_client(f"oci,auth=basic,checked_first={first}")
        client.authorization = ""
        assert client.get("/v2/x/nowhere").status_code == nowhere
        for method, path in (("GET", "/v2/x/tags/list"), ("OPTIONS", "/v2/x/tags/list"), ("POST", "/v2/_catalog")):
            assert outcome(client.open(path, method=method)) == (401, "UNAUTHORIZED")


def test_oci_manifests_may_have_to_be_accepted(make_client: MakeClient) -> None:
    client = make_client("oci,oci_needs_accept=true")
    digest = client.push_image("x", "image")
    client.put_manifest("x", "index", index(digest))
    client.put_manifest("x", "docker", docker_image(Digest.of(b"{}")))
    for tag, kind in (("image", OCI_IMAGE), ("index", OCI_INDEX)):
        assert outcome(client.get(f"/v2/x/manifests/{tag}")) == (404, "MANIFEST_UNKNOWN")
        assert outcome(client.get(f"/v2/x/manifests/{tag}", headers={"Accept": "*/*"})) == (404, "MANIFEST_UNKNOWN")
        assert client.get(f"/v2/x/manifests/{tag}", headers={"Accept": kind}).content_type == kind
        client.registry.configure(oci_needs_accept=False)
        assert client.get(f"/v2/x/manifests/{tag}").status_code == 200
        client.registry.configure(oci_needs_accept=True)
    assert client.get("/v2/x/manifests/docker").status_code == 200


def test_conditions_on_manifests_may_be_one_digest(make_client: MakeClient) -> None:
    for dialect, answers in (("oci", (304, 304, 412, 412)), ("oci,manifest_conditions=digest", (304, 200, 200, 201))):
        client = make_client(dialect)
        digest = client.push_image("x", "one")
        headers = {"If-None-Match": f'"{digest}"'}, {"If-None-Match": f'W/"{digest}"'}, {"If-Match": '"x"'}
        got = [client.get("/v2/x/manifests/one", headers=each) for each in headers]
        document = image(Digest.of(b"{}"))
        push = client.put("/v2/x/manifests/one", json=document, content_type=OCI_IMAGE, headers={"If-None-Match": "*"})
        assert tuple(response.status_code for response in [*got, push]) == answers
        assert ("ETag" in got[0].headers) == (dialect == "oci")


def test_the_list_of_tags_may_be_plain(make_client: MakeClient) -> None:
    for dialect, empty, first in (("oci", (200, ""), ["b"]), ("oci,tag_list=plain", (404, "NAME_UNKNOWN"), ["a", "b"])):
        client = make_client(dialect)
        client.push_image("x")
        assert outcome(client.get("/v2/x/tags/list")) == empty
        for tag in ("b", "a"):
            client.push_image("x", tag)
        assert client.get("/v2/x/tags/list").get_json()["tags"] == ["a", "b"]
        assert client.get("/v2/x/tags/list?last=a&n=7").get_json()["tags"] == first


def test_the_location_of_a_tag_may_have_its_digest(make_client: MakeClient) -> None:
    for dialect in ("oci", "oci,digest_locations=true"):
        client = make_client(dialect)
        document = image(client.push_blob("x", b"{}"))
        response = client.put_manifest("x", "one", document)
        digest = Digest.of(json.dumps(document).encode())
        assert response.headers["Location"] == f"/v2/x/manifests/{digest if 'digest' in dialect else 'one'}"


@pytest.mark.parametrize(
    ("text", "default", "changed"),
    [
        ("bytes=1-2", 206, "bytes 1-2/5"),
        ("bytes=-0", 416, "bytes 5-4/5"),
        ("items=1-2", 200, "unreadable"),
        ("bytes=3-1", 200, "unreadable"),
        (f"bytes=0-{'9' * 30}", 206, "unreadable"),
        ("bytes=7-", 416, "bytes */5"),
        ("bytes=0-1,3-4", 200, "all"),
        ("bytes=0-1,7-9", 200, "bytes 0-1/5"),
    ],
)
def test_ranges_may_be_read_as_go_reads_them(make_client: MakeClient, text: str, default: int, changed: str) -> None:
    for dialect in ("oci", "oci,range_reading=go"):
        client = make_client(dialect)
        path = f"/v2/x/blobs/{client.push_blob('x', b'layer')}"
        got = client.get(path, headers={"Range": text})
        head = client.head(path, headers={"Range": text})
        if dialect == "oci":
            assert (got.status_code, head.status_code) == (default, 200)
        else:
            status = 206 if changed[-2:] == "/5" and "*" not in changed else 200 if changed == "all" else 416
            assert (got.status_code, head.status_code) == (status, status)
            assert got.headers.get("Content-Range") == (changed if changed[-2:] == "/5" else None)


@pytest.mark.parametrize(("text", "part"), [("bytes=-7", (0, 0)), ("bytes=-0", (0, 0)), ("", None)])
def test_a_part_of_nothing(text: str, part: tuple[int, int] | None) -> None:
    assert go_range(text, 0) == part
    with pytest.raises(RegistryError):
        go_range("bytes=0-", 0)


def test_the_status_of_a_large_manifest_is_one_of_two() -> None:
    with pytest.raises(ValueError, match="manifest_size_refusal must be 400 or 413, got 404"):
        Dialect(manifest_size_refusal=404)
