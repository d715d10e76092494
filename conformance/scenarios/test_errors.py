"""Error bodies, warnings, and HTTP itself where the specification is silent (RFC 9110)."""

from __future__ import annotations

import pytest

from conformance.checks import Checks
from conformance.client import ACCEPT, Client
from conformance.content import Content
from conformance.requirements import requirement
from conformance.steps import Steps
from conformance.targets import Target


@requirement("OCI-R103", "OCI-R104", "OCI-R105", "OCI-R106")
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "manifests/missing"),
        ("GET", "manifests/{digest}"),
        ("GET", "manifests/sha256:abc"),
        ("GET", "blobs/{digest}"),
        ("GET", "blobs/sha256:abc"),
        ("DELETE", "blobs/sha256:abc"),
        ("DELETE", "manifests/missing"),
        ("PUT", "manifests/v1"),
        ("GET", "referrers/sha256:abc"),
        ("GET", "tags/list?n=-1"),
        ("GET", "tags/list?n=many"),
    ],
)
def test_error_body(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, method: str, path: str
) -> None:
    given.manifest(repository, content.image(), "v1")
    url = f"/v2/{repository}/{path.format(digest=content.missing_digest())}"
    body = b"{not json" if method == "PUT" else b""
    check.error_body(client.follow(client.request(method, url, headers=[("Accept", ACCEPT)], body=body)))


@requirement("OCI-R102")
@pytest.mark.parametrize("path", ["/v2/{}/unknown", "/v2/{}/manifests", "/v2/{}/blobs/a/b/c", "/v2/{}/tags"])
def test_unknown_path(client: Client, check: Checks, repository: str, path: str) -> None:
    check.status("OCI-R102", client.follow(client.request("GET", path.format(repository))), 404)


@requirement("OCI-R102")
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v2/{}/manifests/v1"),
        ("PATCH", "/v2/{}/manifests/v1"),
        ("PUT", "/v2/{}/tags/list"),
        ("PUT", "/v2/{}/blobs/sha256:" + "0" * 64),
        ("DELETE", "/v2/"),
        ("BREW", "/v2/{}/manifests/v1"),
    ],
)
def test_wrong_method(client: Client, check: Checks, repository: str, method: str, path: str) -> None:
    answer = client.request(method, path.format(repository))
    allowed = (405, 501) if method == "BREW" else (405,)
    if check.status("OCI-R102", answer, *allowed) and answer.status == 405:
        check.header("OCI-R102", answer, "Allow")


@requirement("OCI-R102")
@pytest.mark.parametrize("kind", ["manifest", "blob"])
def test_head_is_like_get(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, kind: str
) -> None:
    image = content.image()
    given.manifest(repository, image, "v1")
    if kind == "manifest":
        got, head = client.get_manifest(repository, "v1"), client.head_manifest(repository, "v1")
    else:
        digest = image.blobs[-1].digest
        got, head = client.get_blob(repository, digest), client.head_blob(repository, digest)
    got, head = client.follow(got), client.follow(head)
    check.status("OCI-R102", head, got.status)
    for name in ("Content-Type", "Docker-Content-Digest", "ETag"):
        value = got.header(name)
        if value is not None:
            check.header("OCI-R102", head, name, value)
    check.header("OCI-R102", head, "Content-Length", str(len(got.body)))


@requirement("OCI-R102")
@pytest.mark.parametrize("kind", ["manifest", "blob"])
def test_if_none_match(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, kind: str
) -> None:
    image = content.image()
    given.manifest(repository, image, "v1")
    path = "manifests/v1" if kind == "manifest" else f"blobs/{image.blobs[-1].digest}"
    url, accept = f"/v2/{repository}/{path}", ("Accept", ACCEPT)
    tag = client.follow(client.request("GET", url, headers=[accept])).header("ETag")
    if tag is None:
        pytest.skip("unsupported: the registry sends no ETag")
    check.status("OCI-R102", client.follow(client.request("GET", url, headers=[accept, ("If-None-Match", tag)])), 304)
    check.status(
        "OCI-R102", client.follow(client.request("GET", url, headers=[accept, ("If-None-Match", '"other"')])), 200
    )


@requirement("OCI-R102", wire=True)
def test_manifest_of_unknown_length(
    client: Client, check: Checks, given: Steps, content: Content, repository: str
) -> None:
    image = content.image()
    given.parts(repository, image)
    answer = client.put_manifest(repository, "v1", [image.data[:50], image.data[50:]], media_type=image.media_type)
    check.status("OCI-R102", answer, 201, 411)


@requirement("OCI-R099")
def test_source_host(
    client: Client, check: Checks, given: Steps, content: Content, repository: str, target: Target
) -> None:
    host, image = "registry.example.com", content.image()
    given.manifest(repository, image, "v1")
    scoped = f"{host}/{repository}"  # where a registry may look for what is scoped to the host
    if not target.shared and client.start_upload(scoped).status == 202:
        given.manifest(scoped, image, "v1")
    answer = client.follow(client.get_manifest(repository, "v1", query=f"?ns={host}"))
    if answer.header("OCI-Namespace") is None:
        pytest.skip("unsupported: the registry makes no use of the parameter ns")
    check.header("OCI-R099", answer, "OCI-Namespace", host)
