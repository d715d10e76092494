"""The parts of the requests of `fuzz`, as data."""

from __future__ import annotations

import json

from conformance.client.client import DOCKER_IMAGE, IMAGE, INDEX
from conformance.client.content import DOCKER_CONFIG, DOCKER_LAYER, Blob, digest_of

SMALL_BLOBS = (Blob(b"{}", DOCKER_CONFIG), Blob(b"hello", DOCKER_LAYER))
"""Blobs in the first repository at the start of a case, so that manifests of them can be pushed."""

_CONFIG, _LAYER = (blob.descriptor for blob in SMALL_BLOBS)
_CHILD = {"schemaVersion": 2, "mediaType": IMAGE, "config": _CONFIG, "layers": [_LAYER]}
_SUBJECT = {"mediaType": IMAGE, "digest": digest_of(json.dumps(_CHILD).encode()), "size": len(json.dumps(_CHILD))}
_DOCUMENTS = (
    _CHILD,
    _CHILD | {"mediaType": DOCKER_IMAGE},
    _CHILD | {"subject": _SUBJECT, "artifactType": "application/x", "annotations": {"a": "b"}},
    _CHILD | {"layers": [_LAYER | {"urls": ["https://layers.example/"], "size": -1}]},
    {"schemaVersion": 2, "mediaType": INDEX, "manifests": [_SUBJECT | {"platform": {"os": "linux"}}]},
    {"schemaVersion": 2, "mediaType": INDEX, "manifests": [], "subject": _SUBJECT, "annotations": {"a": "\ud83d"}},
    {"schemaVersion": 2, "mediaType": INDEX, "manifests": [None, {}, {"digest": 1}]},
    {"schemaVersion": 1, "name": "a", "tag": "b", "fsLayers": [], "history": [], "signatures": []},
)
MANIFESTS = tuple(json.dumps(document).encode() for document in _DOCUMENTS)
FORMS = (
    b"grant_type=password&service=registry.test&client_id=a&username=a&password=b&scope=repository:a/b:pull",
    b"grant_type=refresh_token&service=a&client_id=a&refresh_token=a.b.c&access_type=offline",
    b"grant_type=%ff&scope=%00&scope",
    b"&&&=&=&;",
)
BODIES = (b"", *(blob.data for blob in SMALL_BLOBS), bytes(range(256)), b"x" * 70_000)
DIGESTED = (*MANIFESTS, *(blob.data for blob in SMALL_BLOBS), b"")

ROUTES = (
    *(("POST", "/v2/{name}/blobs/uploads/", query) for query in (
        "", "digest={own digest}", "digest={own digest}", "mount={digest}&from={name}", "mount={digest}",
        "digest-algorithm={word}")),
    *(("PATCH", "{session}", ""), ("PATCH", "{session}", ""), ("PUT", "{session}", "digest={own digest}")),
    *(("PUT", "{session}", "digest={own digest}"), ("GET", "{session}", ""), ("DELETE", "{session}", "")),
    *(("PUT", "/v2/{name}/manifests/{reference}", "") for _ in range(3)),
    *(("PUT", "/v2/{name}/manifests/{own digest}", query) for query in ("", "tag={tag}", "tag={tag}&tag={tag}")),
    *((method, "/v2/{name}/manifests/{reference}", query) for method in ("GET", "HEAD", "DELETE")
      for query in ("", "ns={word}")),
    *((method, "/v2/{name}/blobs/{digest}", "") for method in ("GET", "GET", "HEAD", "DELETE")),
    *(("GET", "/v2/{name}/tags/list", query) for query in ("", "n={number}", "last={tag}", "n={number}&last={tag}")),
    *(("GET", "/v2/{name}/referrers/{digest}", query) for query in ("", "artifactType={type}", "n=1&last={digest}")),
    *(("GET", "/v2/_catalog", query) for query in ("", "n={number}&last={name}")),
    *(("GET", "/v2/", ""), ("GET", "/v2", ""), ("GET", "/", ""), ("GET", "/{word}", "")),
    *(("GET", "/token", query) for query in (
        "service=registry.test&scope=repository:{name}:pull,push", "scope={word}&scope={word}&offline_token=true")),
    ("POST", "/token", ""),
    *(("GET", "/_fakereg/settings", ""), ("PATCH", "/_fakereg/{word}", "")),
)  # fmt: skip
_PACKAGE = "/api/v3/{kind}/{owner}/packages/{type of package}/{name as part}"
WEB_ROUTES = (
    ("GET", "/api/v3/{kind}/{owner}/packages", "package_type={type of package}&page={number}&per_page={number}"),
    ("GET", "/api/v3/{kind}/{owner}/packages", "visibility={word}"),
    ("GET", "/api/v3/{kind}/{owner}/docker/conflicts", ""),
    ("GET", "/api/v3/user/packages", "package_type={type of package}"),
    *((method, _PACKAGE, "") for method in ("GET", "DELETE")),
    *((method, f"{_PACKAGE}/versions/{{number}}", "") for method in ("GET", "DELETE")),
    ("GET", f"{_PACKAGE}/versions", "state={word}&page={number}"),
    ("POST", f"{_PACKAGE}/restore", ""),
    ("POST", f"{_PACKAGE}/versions/{{number}}/restore", ""),
    ("GET", "/{kind}/{owner}/packages", "visibility={word}&q={word}&page={number}"),
    ("GET", "/{kind}/{owner}/packages/container/package/{name as part}", "tag={tag}"),
    ("GET", "/{owner}/{word}/packages", ""),
    ("GET", "/{owner}/{word}/packages/{number}", "version={number}"),
)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get", "PROPFIND", "A" * 99)

ODD = (
    *(
        "%00",
        "%0a",
        "%0d%0aX:%20y",
        "%2e%2e%2f",
        "%2F",
        "/",
        "//",
        "/../",
        "..",
        "%252e",
        "%5c",
        "\\",
        "%",
        "%zz",
        "%ff",
    ),
    *(
        "%c0%ae%c0%ae%c0%af",
        "%ed%a0%80",
        "%e2%98%83",
        "\u00e9",
        "+",
        " ",
        "&",
        "=",
        ";",
        "a" * 300,
        "a/" * 130,
        ":",
        "@",
    ),
    *(
        "sha256:",
        "sha512:",
        "{}",
        "[",
        '"',
        "'",
        "<b>",
        "*",
        "$",
        "0",
        "-1",
        "1" * 40,
        "\u00bd",
        "_",
        "~",
        ",",
        "|",
        "\t",
    ),
)
WORDS = ("", "a", "sha256", "sha512", "md5", "latest", "true", "public", "repository:a/b:pull", "packages", "..", "-1")
LENGTHS = ("", "0", "1", "-1", "+1", "5", "1e3", "0x5", " 5", "5, 5", "five", "9" * 30, "1" * 5000, "\u00b2", "5.0")
