"""What holds for every answer: errors, methods, paths, warnings, the journal."""

from __future__ import annotations

import string
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakereg import Registry
from fakereg.dialect import fields
from fakereg.spec.errors import Code
from fakereg.spec.names import Digest
from tests.fakereg.client import RegistryClient, codes
from tests.fakereg.conftest import MakeClient

DIGEST = Digest.of(b"")


def test_ping(client: RegistryClient) -> None:
    response = client.get("/v2/")
    assert response.status_code == 200
    assert response.get_json() == {}
    assert response.headers["Docker-Distribution-API-Version"] == "registry/2.0"


@pytest.mark.parametrize(
    "path", ["/", "/v1/", "/v2/a", "/v2/a/blobs", "/v2/a/manifests", "/v2/a/tags", "/V2/", "/v2/_x"]
)
def test_unknown_paths_are_404(client: RegistryClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert codes(response) == ["UNSUPPORTED"]


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/v2/", "GET, HEAD"),
        ("/v2/_catalog", "GET, HEAD"),
        ("/v2/a/tags/list", "GET, HEAD"),
        (f"/v2/a/referrers/{DIGEST}", "GET, HEAD"),
        (f"/v2/a/blobs/{DIGEST}", "GET, HEAD, DELETE"),
        ("/v2/a/manifests/tag", "GET, HEAD, PUT, DELETE"),
        ("/v2/a/blobs/uploads/", "POST"),
        ("/v2/a/blobs/uploads/some-id", "GET, HEAD, PATCH, PUT, DELETE"),
    ],
)
def test_other_methods_are_405_with_allow(client: RegistryClient, path: str, allow: str) -> None:
    for method in {"OPTIONS", "TRACE", "GET", "PUT", "POST", "PATCH", "DELETE", "BREW"} - set(allow.split(", ")):
        response = client.open(path, method=method)
        assert response.status_code == 405, method
        assert response.headers["Allow"] == allow
        assert codes(response) == ["UNSUPPORTED"]


@pytest.mark.parametrize("method", ["get", "Get", "delete"])
def test_the_case_of_a_method_counts(client: RegistryClient, method: str) -> None:
    assert client.open("/v2/", method="GET", environ_overrides={"REQUEST_METHOD": method}).status_code == 405


@pytest.mark.parametrize("query", ["\xe9", "n=\xff", "last=\xe9&n=1", "mount=\xed\xa0\x80"])
@pytest.mark.parametrize(("method", "path"), [("GET", "/v2/a/tags/list"), ("POST", "/v2/a/blobs/uploads/")])
def test_bytes_in_a_query_that_are_not_escaped_are_no_failure(
    client: RegistryClient, method: str, path: str, query: str
) -> None:
    assert client.open(path, method=method, environ_overrides={"QUERY_STRING": query}).status_code < 500


@pytest.mark.parametrize("name", ["A", "a/B", "a//b", "a/../b", "..", "a/", "a" * 256, "a%2e%2e", "é", "a b", "-a"])
@pytest.mark.parametrize(
    ("method", "suffix"),
    [
        ("GET", "tags/list"),
        ("GET", "manifests/tag"),
        ("PUT", "manifests/tag"),
        ("GET", f"blobs/{DIGEST}"),
        ("POST", "blobs/uploads/"),
        ("PATCH", "blobs/uploads/id"),
        ("GET", f"referrers/{DIGEST}"),
    ],
)
def test_a_bad_name_is_refused_everywhere(client: RegistryClient, method: str, suffix: str, name: str) -> None:
    response = client.open(f"/v2/{name}/{suffix}", method=method)
    assert response.status_code == 400
    assert codes(response) == ["NAME_INVALID"]


@pytest.mark.parametrize(
    "name", ["manifests", "blobs/uploads", "tags/list", "a/blobs", "referrers/tags", "a/manifests/b"]
)
def test_a_name_may_look_like_an_endpoint(client: RegistryClient, name: str) -> None:
    digest = client.push_image(name, "v1")
    assert client.get(f"/v2/{name}/manifests/v1").status_code == 200
    assert client.get(f"/v2/{name}/manifests/{digest}").status_code == 200
    assert client.get(f"/v2/{name}/tags/list").get_json() == {"name": name, "tags": ["v1"]}


def test_a_percent_encoded_digest_is_the_same_digest(client: RegistryClient) -> None:
    digest = client.push_blob("a", b"content")
    assert client.get(f"/v2/a/blobs/{digest.replace(':', '%3A')}").data == b"content"


def test_warnings_go_out_with_every_answer(make_client: MakeClient) -> None:
    client = make_client('oci,warnings=One "quoted" \\ text|Two')
    for path in ("/v2/", "/nowhere"):
        values = client.get(path).headers.getlist("Warning")
        assert values == ['299 - "One \\"quoted\\" \\\\ text"', '299 - "Two"']


_segments = st.sampled_from(["v2", "a", "b", "tags", "list", "manifests", "blobs", "uploads", "referrers", "..", ""])
_parts = _segments | st.text(string.printable, max_size=10) | st.just(DIGEST)
_headers = st.dictionaries(
    st.sampled_from(["Range", "Content-Range", "Content-Type", "If-None-Match", "If-Range", "Accept"]),
    st.text(string.printable, max_size=30).map(lambda text: text.replace("\n", "").replace("\r", "")),
)
_query = st.dictionaries(
    st.sampled_from(["n", "last", "digest", "mount", "from", "tag", "ns", "artifactType", "digest-algorithm"]),
    st.text(max_size=20) | st.just(DIGEST),
)


@given(
    method=st.sampled_from(["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"]),
    path=st.lists(_parts, max_size=8).map(lambda parts: "/v2/" + "/".join(parts)),
    query=_query,
    headers=_headers,
    body=st.binary(max_size=40) | st.just(b"{}"),
    dialect=st.sampled_from(
        [
            "oci",
            "oci,ecosystem=read-only",
            "github-docker",
            "github-docker,name_form=any,auth=none",
            "github-container",
            "github-container,auth=none",
        ]
    ),
)
@settings(max_examples=500, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_sent_no_answer_is_a_5xx(
    method: str, path: str, query: dict[str, str], headers: dict[str, str], body: bytes, dialect: str
) -> None:
    client = RegistryClient(Registry())
    client.push_image("a", "list")
    client.registry.sites.all[0].dialect = fields.parse(dialect)
    client.registry.change("", {})  # so that the policy follows
    path_info = {"PATH_INFO": path.encode().decode("latin-1")}
    response = client.open(method=method, query_string=query, headers=headers, data=body, environ_overrides=path_info)
    assert response.status_code < 500
    if response.status_code >= 400 and method != "HEAD" and response.text != "404 page not found\n":
        assert set(codes(response)) <= {code.value for code in Code}


@pytest.mark.parametrize("preset", list(fields.PRESETS))
def test_no_answer_is_for_a_browser_to_run(make_client: MakeClient, preset: str) -> None:
    client, name = make_client(preset), "octocat/octo-app/monalisa"
    blob, session = Digest.of(b"<script>"), client.start(name)
    separator = "&" if "?" in session else "?"
    assert client.put(f"{session}{separator}digest={blob}", data=b"<script>").status_code == 201
    client.registry.configure(manifest_formats="docker|oci|other")
    page = client.put(f"/v2/{name}/manifests/v1", data=b'{"a": "<script>"}', content_type="text/html")
    assert page.status_code == 201
    for path, headers, uploaded in [
        (f"/v2/{name}/manifests/v1", {}, True),
        (f"/v2/{name}/blobs/{blob}", {}, True),
        (f"/v2/{name}/blobs/{blob}", {"Range": "bytes=1-2"}, True),
        (f"/v2/{name}/tags/list", {}, False),
        (f"/v2/{name}/referrers/{blob}", {}, False),
        (f"/v2/{name}/manifests/<script>", {}, False),
        (f"/v2/{name}/blobs/sha256:<script>", {}, False),
        ("/v2/", {}, False),
        ("/v2/<script>", {}, False),
        ("/<script>", {}, False),
        ("/token?service=<script>", {}, False),
        ("/api/v3/users/<script>/packages?package_type=<script>", {}, False),
        ("/_fakereg/journal", {}, False),
    ]:
        for method in ("GET", "HEAD"):
            response = client.open(path, method=method, headers=headers)
            assert response.headers.getlist("X-Content-Type-Options") == ["nosniff"], path
            assert response.headers.getlist("Content-Security-Policy") == ["default-src 'none'; sandbox"], path
            served = uploaded and response.status_code < 300
            assert response.headers.get("Content-Disposition") == ("attachment" if served else None), path
            assert served or method == "HEAD" or "html" not in str(response.content_type), path


class Broken:
    """A body that breaks off."""

    def __init__(self, problem: Exception) -> None:
        self.problem = problem

    def read(self, size: int = -1) -> bytes:
        raise self.problem


@pytest.mark.parametrize(("problem", "status"), [(ConnectionResetError(), 400), (TimeoutError(), 408)])
def test_a_body_that_breaks_off_is_an_error_of_the_client(
    client: RegistryClient, problem: Exception, status: int
) -> None:
    path = client.start("a")
    environ: dict[str, Any] = {"wsgi.input": Broken(problem), "wsgi.input_terminated": True}
    environ["HTTP_TRANSFER_ENCODING"] = "chunked"
    assert client.patch(path, environ_overrides=environ).status_code == status
    assert client.patch(path, data=b"more").status_code == 202


def test_the_journal_tells_what_was_asked_without_secrets(client: RegistryClient) -> None:
    client.get("/v2/a/tags/list?n=1", headers={"Authorization": "Bearer secret", "Accept": "a/b"})
    client.head("/v2/a/manifests/tag")
    (entry,) = client.registry.journal.filter(method="GET", path="/v2/*/tags/list", status=404)
    assert entry.query == "n=1"
    assert entry.headers["Accept"] == "a/b"
    assert "secret" not in str(entry)
    client.get("/v2/?" + "x" * 10_000)
    assert len([*client.registry.journal][-1].query) == 4096
    assert len(client.registry.journal) == 3


def test_reset_forgets_content_and_journal(client: RegistryClient) -> None:
    client.push_image("a", "v1")
    client.registry.reset()
    assert len(client.registry.journal) == 0
    assert client.get("/v2/a/tags/list").status_code == 404


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dialect": "nothing"}, "dialect must begin with one of oci, .*, got 'nothing'"),
        ({"dialect": "oci,nothing=1"}, "known are .*, push, "),
        ({"dialect": "oci,push=maybe"}, "push must be true or false .*, got 'maybe'"),
        ({"dialect": "oci,push"}, "NAME=VALUE"),
        ({"dialect": "oci,upload_limit=-1"}, "upload_limit must be between 0 and 1000000000, got '-1'"),
        ({"dialect": "oci,upload_limit=x"}, "must be a whole number between 0"),
        ({"dialect": "oci,upload_expiry=inf"}, "must be a duration such as"),
        ({"dialect": "oci,deletion_refusal=404"}, "deletion_refusal must be 400 or 405, got '404'"),
        ({"dialect": "oci,read_only_refusal=500"}, "between 400 and 499"),
        ({"dialect": "oci,digest_algorithms=md5"}, "some of sha256, sha512, got 'md5'"),
        ({"dialect": "oci,manifest_formats=docker|deb"}, "manifest_formats must be some of docker, oci, other"),
        ({"dialect": "oci,ecosystem=on"}, "must be enabled, read-only or disabled, got 'on'"),
        ({"dialect": "oci,blob_size_limit=5GO"}, "such as 4096, 5MB .* or 5MiB"),
        ({"dialect": "oci,blob_size_limit=-1"}, "between 0 and 10* bytes, got '-1'"),
        ({"dialect": "oci,digest_refusal_type=é"}, "ASCII"),
        ({"dialect": "oci,warnings=" + "x" * 4090}, "4096"),
        ({"dialect": "oci,warnings=é"}, "ASCII"),
        ({"storage": "nothing"}, "directory, memory"),
        ({"storage": "directory"}, "directory:PATH"),
    ],
)
def test_options_that_do_not_exist_are_refused_with_what_does(options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Registry(**options)


@pytest.mark.parametrize("dialect", ["github-docker", "github-container", "oci,auth=basic"])
@pytest.mark.parametrize("path", ["/v2/", "/v2/octocat/octo-app/monalisa/tags/list", "/token?service=x"])
def test_credentials_that_cannot_be_read_do_not_count(make_client: MakeClient, dialect: str, path: str) -> None:
    response = make_client(dialect).get(path, headers={"Authorization": "Basic \xe9"})
    assert response.status_code < 500
