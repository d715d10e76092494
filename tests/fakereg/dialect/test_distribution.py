"""The dialect `distribution` beside the registry that it is about: the same requests, the same answers.

What differs all the same is in none of these lists: where the real one answers 500 the fake never does.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

import fakereg
from fakereg.dialect import presets
from fakereg.dialect.fields import PRESETS, Dialect
from fakereg.spec.manifest import DOCKER_IMAGE, DOCKER_LIST, OCI_IMAGE, OCI_INDEX
from fakereg.spec.names import Digest
from tests.e2e import distribution
from tests.fakereg import shapes
from tests.fakereg.beside import SESSION, Server, Step, differences
from tests.fakereg.client import DOCKER_LAYER, descriptor, docker_image, image, index
from tests.fakereg.shapes import SHAPES
from tests.guard import GUARD

CONFIG, LAYER, NEVER = b"{}", b"layer", Digest.of(b"never pushed")
CONFIG_DIGEST, LAYER_DIGEST, EMPTY_DIGEST = Digest.of(CONFIG), Digest.of(LAYER), Digest.of(b"")
IMAGE = image(CONFIG_DIGEST, LAYER_DIGEST)
IMAGE_DIGEST = Digest.of(json.dumps(IMAGE).encode())
SHA512 = Digest.of(json.dumps(IMAGE).encode(), algorithm="sha512")
DOCKER = docker_image(CONFIG_DIGEST, descriptor(DOCKER_LAYER, LAYER_DIGEST))
INDEX = index(IMAGE_DIGEST)


def push_blob(name: str, content: bytes) -> list[Step]:
    put = f"{SESSION}&digest={Digest.of(content)}"
    return [Step("POST", f"/v2/{name}/blobs/uploads/"), Step("PUT", put, body=content)]


def push(name: str, reference: str, document: dict[str, Any] | bytes, kind: str = OCI_IMAGE) -> Step:
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    headers = {"Content-Type": kind} if kind else {}
    return Step("PUT", f"/v2/{name}/manifests/{reference}", headers, content)


def push_image(name: str, *tags: str) -> list[Step]:
    blobs = [*push_blob(name, CONFIG), *push_blob(name, LAYER)]
    return [*blobs, *(push(name, tag, IMAGE) for tag in tags or ("one",))]


def pulls(name: str, *references: str, accept: str | None = OCI_IMAGE, **more: str) -> Iterator[Step]:
    headers = ({"Accept": accept} if accept else {}) | {key.replace("_", "-"): value for key, value in more.items()}
    for method in ("GET", "HEAD"):
        yield from (Step(method, f"/v2/{name}/manifests/{reference}", headers) for reference in references)


def without(document: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name != key}


def ranged(name: str, digest: str, *ranges: str, **more: str) -> Iterator[Step]:
    headers = {key.replace("_", "-"): value for key, value in more.items()}
    for text in ranges:
        for method in ("GET", "HEAD"):
            yield Step(method, f"/v2/{name}/blobs/{digest}", headers | {"Range": text})


BAD_NAMES = (
    "x/UPPER",
    "UPPER",
    "a..b",
    "-a",
    "a-",
    "a___b",
    "a.-b",
    "x/_y",
    "a@b",
    "a:b",
    "_catalog",
    "%C3%A9",
    "a%20b",
)
GOOD_NAMES = ("UPPER/x", "Up-1.example/x", "a%2Fb", "a__b", "a---b", "x/tags/list", "x/blobs/y", "a" * 255)
BAD_REFERENCES = (".x", "-x", "x" * 129, "x@y", "x+y", "%C3%A9", "x%20y", "sha256:", "x:", "a" * 300)
RANGES = (
    *("bytes=0-1", "bytes=1-", "bytes=-2", "bytes=-0", "bytes=-99", "bytes=4-4", "bytes=5-", "bytes=9-12", "bytes=3-1"),
    *("bytes=0-99", "items=0-1", "bytes", "bytes=", "bytes=a-b", f"bytes=0-{'9' * 30}", f"bytes=-{'9' * 30}", "0-1"),
    *("bytes= 0-1", "bytes=0 - 1", "Bytes=0-1", "bytes=-", "bytes=1-,", "bytes=,1-2", "bytes=--1", "bytes=+1-2"),
    *("bytes=0-1,9-12", "bytes=9-12,13-14", "bytes=00-01", "bytes=0-1;x", f"bytes=0-{2**63 - 1}", f"bytes={2**63}-"),
)

RESOURCES = ("tags/list", f"blobs/{NEVER}", "manifests/a", f"manifests/{NEVER}", "blobs/uploads/")
FORM = "application/x-www-form-urlencoded"
SLASHES = (
    *(
        "/v2",
        "/v2//",
        "//v2/",
        "/v2/.",
        "/v2/..",
        "/v2/./",
        "/v2/../",
        "/v2/x/../_catalog",
        "//",
        "/./nowhere",
        "/a//b/",
    ),
    *("/v2/_catalog/", "/v2/x/tags/list/", "/v2/x/tags//list", "/v2//x/tags/list", "/v2/x/blobs/uploads"),
    *("/v2/x/manifests/a/", f"/v2/x/blobs/{NEVER}/", "/v2/x/blobs/uploads//", "/v2/x/blobs/uploads/abc/"),
    *("/v2/x/%2e%2e/y/tags/list", "/v2/x%2F/tags/list", "/v2/x/%2E/tags/list"),
)

ODD_ACCEPTS = (
    *(
        f"{OCI_IMAGE}{end}"
        for end in (";q=0", "; q=0.5", ";charset=utf-8", ' ; a="b"', ";", ";x", ",,", ";q=x", ";*=x")
    ),
    *(f"text/html;q=1, {OCI_IMAGE};q=0.1", f"{OCI_INDEX} {OCI_IMAGE}", OCI_IMAGE.upper(), f'"{OCI_IMAGE}"', ""),
)

ACCEPTS = (None, "*/*", "application/*", OCI_IMAGE, OCI_INDEX, DOCKER_IMAGE, f"{DOCKER_LIST}, {OCI_INDEX}, {OCI_IMAGE}")

LISTS: dict[str, list[Step]] = {
    "paths": [
        *(Step(method, "/v2/") for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")),
        *(Step("GET", path) for path in ("/v2/x/y", "/v2/x/y/z", f"/v2/x/referrers/{NEVER}")),
        *(Step(method, "/v2/x/tags/list") for method in ("GET", "HEAD", "POST", "DELETE")),
        *(Step(method, f"/v2/x/blobs/{NEVER}") for method in ("GET", "HEAD", "POST", "DELETE")),
        *(Step(method, f"/v2/x/manifests/{NEVER}") for method in ("GET", "HEAD", "PATCH", "DELETE")),
        *(Step(method, "/v2/_catalog") for method in ("HEAD", "DELETE")),
    ],
    "methods": [
        *(Step(method, path) for method in ("GET", "POST", "OPTIONS", "get") for path in ("/", "/v2/")),
        *(Step(method, f"/v2/x/{path}") for method in ("OPTIONS", "TRACE", "get", "PROPFIND") for path in RESOURCES),
        *(Step(method, "/v2/x/blobs/uploads/") for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE")),
        *(Step(method, "/v2/_catalog") for method in ("OPTIONS", "POST", "get")),
        *(Step(method, f"/v2/x/blobs/{bad}") for method in ("POST", "OPTIONS", "get") for bad in ("sha256:a", "x")),
        *(
            Step(method, f"/v2/x/blobs/uploads/{id}")
            for method in ("GET", "POST", "PUT", "OPTIONS", "get")
            for id in ("11111111-1111-1111-1111-111111111111", "x!y")
        ),
        Step("POST", "/v2/x/blobs/uploads/"),
        *(Step(method, SESSION) for method in ("OPTIONS", "get", "POST", "DELETE")),
    ],
    "redirects": [
        *(Step(method, path) for method in ("GET", "HEAD", "POST", "OPTIONS") for path in SLASHES),
        *(Step("GET", path) for path in ("/v2/x//", "/v2/x/tags/", "/v2/BAD/tags/list/", "/v2/x/nothing/", "/v1/")),
        *(Step("GET", path) for path in ("/v2?a=%20b", "/v2//?n=1", "/v2/x/tags/list/?n=1&last=%2F")),
    ],
    "names": [
        *(Step("GET", f"/v2/{name}/{end}") for name in BAD_NAMES for end in ("tags/list", "manifests/x")),
        *(Step("POST", f"/v2/{name}/blobs/uploads/") for name in (*BAD_NAMES, *GOOD_NAMES)),
        *(Step("GET", f"/v2/{name}/{end}") for name in GOOD_NAMES for end in ("tags/list", f"blobs/{NEVER}")),
        *push_image("Up-1.example/x"),
        *pulls("Up-1.example/x", "one", IMAGE_DIGEST),
        *push_image("a" * 255),
        Step("GET", "/v2/x/manifests/one?ns=Up-1.example", {"Accept": OCI_IMAGE}),
    ],
    "references": [
        *push_image("refs"),
        *(Step(method, f"/v2/refs/manifests/{bad}") for bad in BAD_REFERENCES for method in ("GET", "PUT", "DELETE")),
        *(Step("GET", f"/v2/refs/blobs/{bad}") for bad in (*BAD_REFERENCES, "x", "sha256:abc", f"sha256:{'A' * 64}")),
        *pulls("refs", SHA512, NEVER, "x" * 128, "_x"),
        *(push("refs", reference, IMAGE) for reference in (NEVER, SHA512, "x" * 128, "_x")),
        push("refs", NEVER, IMAGE),
        *(push("refs", reference, b"x") for reference in (NEVER, SHA512)),
        Step("POST", "/v2/refs/blobs/uploads/"),
        *(Step("PUT", f"{SESSION}&digest={bad}", body=b"x") for bad in ("", "foo", "sha256:abc", NEVER)),
        Step("GET", SESSION),
    ],
    "forms": [
        *(
            step
            for kind in (
                FORM,
                f"{FORM.upper()}; charset=utf-8",
                f"{FORM};x",
                "multipart/form-data; boundary=x",
                "text/plain",
            )
            for body, digest in ((b"a=b", b"a=b"), (b"a=b", b""), (b"", b""), (b"digest=foo", b""))
            for step in (
                Step("POST", "/v2/forms/blobs/uploads/"),
                Step("PUT", f"{SESSION}&digest={Digest.of(digest)}", {"Content-Type": kind}, body),
            )
        ),
        Step("POST", "/v2/forms/blobs/uploads/"),
        Step("PUT", SESSION, {"Content-Type": FORM}, f"digest={EMPTY_DIGEST}".encode()),
        Step("POST", "/v2/forms/blobs/uploads/"),
        Step("PUT", f"{SESSION}&digest={EMPTY_DIGEST}", {"Content-Type": FORM}, b"_state=x"),
        Step("GET", f"{SESSION}"),
        Step("PATCH", SESSION, {"Content-Type": ""}, b"abc"),
        *push_blob("forms", LAYER),
        *(
            Step("POST", f"/v2/taken/{number}/blobs/uploads/{query}", {"Content-Type": FORM}, body.encode())
            for number, (query, body) in enumerate(
                (
                    ("", f"mount={LAYER_DIGEST}&from=forms"),
                    (f"?mount={LAYER_DIGEST}", "from=forms"),
                    (f"?mount={LAYER_DIGEST}&from=forms", "from=other"),
                )
            )
        ),
    ],
    "order": [
        *(
            step
            for query in ("", "&digest=foo", f"&digest={NEVER}", f"&digest={LAYER_DIGEST}")
            for state in ("", "x", "x&_state=")
            for step in (
                Step("POST", "/v2/order/blobs/uploads/"),
                Step("PUT", f"{SESSION}{state}{query}", body=LAYER),
                Step("GET", SESSION),
                Step("PUT", f"{SESSION}&digest={EMPTY_DIGEST}"),
                Step("PUT", f"{SESSION}&digest={EMPTY_DIGEST}"),
            )
        ),
        Step("POST", "/v2/order/blobs/uploads/"),
        Step("PATCH", SESSION, body=LAYER),
        Step("PUT", f"{SESSION}&digest={NEVER}"),
        Step("PUT", f"{SESSION}&digest={LAYER_DIGEST}"),
        *(Step("PUT", f"{SESSION}{query}", body=LAYER) for query in ("", f"&digest={NEVER}", f"?digest={NEVER}")),
    ],
    "sessions": [
        Step("POST", "/v2/up/blobs/uploads/", body=b"ignored"),
        *(Step(method, SESSION) for method in ("GET", "HEAD")),
        Step("PATCH", SESSION, body=b"abc"),
        Step("PATCH", SESSION, {"Content-Range": "3-5"}, b"def"),
        Step("PATCH", SESSION, {"Content-Range": "30-32"}, b"ghi"),
        Step("PATCH", SESSION, {"Content-Range": "bytes=1"}, b"jkl"),
        Step("PATCH", SESSION, {"Content-Range": "12-20"}, b"mno"),
        Step("PATCH", SESSION),
        *(Step(method, SESSION) for method in ("PUT", "GET")),
        Step("PUT", f"{SESSION}&digest={Digest.of(b'abcdefghijklmnopqr')}", {"Content-Range": "99-101"}, b"pqr"),
        *(Step(method, SESSION) for method in ("GET", "PATCH", "DELETE")),
        *ranged("up", Digest.of(b"abcdefghijklmnopqr"), ""),
        Step("POST", "/v2/up/blobs/uploads/"),
        Step("DELETE", SESSION),
        *(Step(method, SESSION) for method in ("GET", "PATCH", "DELETE")),
        *(Step("GET", f"/v2/up/blobs/uploads/{id}") for id in ("11111111-1111-1111-1111-111111111111", "x")),
        Step("POST", "/v2/up/blobs/uploads/"),
        *(Step(method, f"{SESSION}0") for method in ("GET", "PATCH", "DELETE")),
        *push_blob("up", b""),
        *(Step("POST", f"/v2/up/blobs/uploads/?{query}") for query in ("digest-algorithm=x", f"digest={NEVER}")),
    ],
    "mounts": [
        *push_blob("here", LAYER),
        *(
            Step("POST", f"/v2/there/blobs/uploads/?mount={digest}{source}")
            for digest in (LAYER_DIGEST, NEVER, "foo", "", "sha256:abc")
            for source in ("&from=here", "&from=there", "", "&from=", "&from=BAD", "&from=nowhere")
        ),
        *ranged("there", LAYER_DIGEST, ""),
        Step("POST", f"/v2/here/blobs/uploads/?mount={LAYER_DIGEST}&from=here"),
        *push_image("UPPER/x"),
        Step("POST", f"/v2/fresh/blobs/uploads/?mount={LAYER_DIGEST}&from=UPPER/x"),
    ],
    "ranges": [
        *push_blob("parts", LAYER),
        *push_blob("parts", b""),
        *ranged("parts", LAYER_DIGEST, *RANGES),
        *ranged("parts", EMPTY_DIGEST, *RANGES),
        *ranged("parts", LAYER_DIGEST, "bytes=0-1", If_Range=f'"{LAYER_DIGEST}"'),
        *ranged("parts", LAYER_DIGEST, "bytes=0-1", If_Range='"x"'),
        *ranged("parts", LAYER_DIGEST, "bytes=9-", If_None_Match=f'"{LAYER_DIGEST}"'),
        *ranged("parts", LAYER_DIGEST, "bytes=0-1", If_Match='"x"'),
    ],
    "conditions": [
        *push_image("if"),
        *pulls("if", "one", IMAGE_DIGEST, If_None_Match=f'"{IMAGE_DIGEST}"'),
        *pulls("if", "one", If_None_Match=str(IMAGE_DIGEST)),
        *pulls("if", "one", If_None_Match=f'W/"{IMAGE_DIGEST}"'),
        *pulls("if", "one", If_None_Match=f'"x", "{IMAGE_DIGEST}"'),
        *pulls("if", "one", If_None_Match="*"),
        *(
            Step(method, f"/v2/if/blobs/{LAYER_DIGEST}", {header: text.replace("D", LAYER_DIGEST)})
            for method in ("GET", "HEAD")
            for header in ("If-None-Match", "If-Match")
            for text in (
                '"D"',
                "D",
                'W/"D"',
                'w/"D"',
                '"x", "D"',
                '"D","x"',
                "*",
                '"*"',
                "'D'",
                '"D',
                '"x" "D"',
                'x, "D"',
            )
        ),
        *ranged("if", LAYER_DIGEST, "bytes=0-1", If_Range=""),
        *pulls("if", "one", If_Match='"x"'),
        *pulls("if", NEVER, If_None_Match=f'"{NEVER}"'),
        *pulls("if", "one", "none", accept=None, If_None_Match=str(IMAGE_DIGEST)),
        Step("PUT", "/v2/if/manifests/one", {"Content-Type": OCI_IMAGE, "If-Match": '"x"'}, json.dumps(IMAGE).encode()),
        Step(
            "PUT", "/v2/if/manifests/one", {"Content-Type": OCI_IMAGE, "If-None-Match": "*"}, json.dumps(IMAGE).encode()
        ),
    ],
    "manifests": [
        *push_image("images", "one"),
        *(step for accept in ACCEPTS for step in pulls("images", "one", IMAGE_DIGEST, accept=accept)),
        *(step for accept in ODD_ACCEPTS for step in pulls("images", "one", accept=accept)),
        push("images", "case", IMAGE, OCI_IMAGE.upper()),
        push("images", IMAGE_DIGEST, IMAGE),
        push("images", f"{IMAGE_DIGEST}?tag=extra", IMAGE),
        *pulls("images", "extra"),
        push("images", "untyped", IMAGE, ""),
        push("images", "typed", IMAGE, f"{OCI_IMAGE}; charset=utf-8"),
        push("images", "untyped", without(IMAGE, "mediaType")),
        push("images", "untyped", without(IMAGE, "mediaType"), ""),
        *(push("images", "other", IMAGE, kind) for kind in ("application/json", "text/plain", OCI_INDEX, DOCKER_IMAGE)),
        push("images", "other", {"schemaVersion": 2, "mediaType": "application/x"}, "application/x"),
        push("images", "docker", DOCKER, DOCKER_IMAGE),
        *pulls("images", "docker", accept=DOCKER_IMAGE),
        *(push("images", "other", DOCKER, kind) for kind in ("", OCI_IMAGE)),
        push("images", "other", without(DOCKER, "mediaType"), DOCKER_IMAGE),
        push("images", "lacks", image(NEVER, LAYER_DIGEST, Digest.of(b"2"), NEVER)),
        push("images", "old", {"schemaVersion": 1}, "application/vnd.docker.distribution.manifest.v1+json"),
        *(push("images", "bad", text) for text in (b"", b"x", b"[]", b'"x"', b"{}x", b"\xef\xbb\xbf{}")),
        push("images", "bad", {**IMAGE, "annotations": {"a": 1}}),
        push("images", "large", {**IMAGE, "annotations": {"a": "x" * (4 << 20)}}),
        push("images", "subject", {**IMAGE, "subject": descriptor(OCI_IMAGE, NEVER)}),
    ],
    "indexes": [
        *push_image("indexes", "one"),
        push("indexes", "all", INDEX, OCI_INDEX),
        *(step for accept in ACCEPTS for step in pulls("indexes", "all", accept=accept)),
        push("indexes", "all", without(INDEX, "mediaType"), OCI_INDEX),
        push("indexes", "none", index(), OCI_INDEX),
        push("indexes", "untyped", INDEX, ""),
        push("indexes", "lacks", index(NEVER, Digest.of(b"2")), OCI_INDEX),
        push("indexes", "other", INDEX),
        push("indexes", "list", {**INDEX, "mediaType": DOCKER_LIST}, DOCKER_LIST),
        *pulls("indexes", "list", accept=DOCKER_LIST),
        push("indexes", "list", {**index(NEVER), "mediaType": DOCKER_LIST}, DOCKER_LIST),
    ],
    "deletion": [
        *push_image("gone", "one", "two"),
        push("gone", "three", INDEX, OCI_INDEX),
        *(Step("DELETE", f"/v2/gone/manifests/{reference}") for reference in ("one", "none", NEVER)),
        Step("DELETE", f"/v2/gone/blobs/{LAYER_DIGEST}"),
        *ranged("gone", LAYER_DIGEST, ""),
        *pulls("gone", "one"),
        push("gone", "again", IMAGE),
        *(Step("DELETE", f"/v2/gone/manifests/{IMAGE_DIGEST}") for _ in range(2)),
        *pulls("gone", "one", "two", IMAGE_DIGEST),
        Step("GET", "/v2/gone/tags/list"),
        *(Step("DELETE", f"/v2/gone/blobs/{digest}") for digest in (LAYER_DIGEST, NEVER)),
    ],
    "catalog": [
        *push_blob("many/000", LAYER),
        *(Step("POST", f"/v2/many/{n:03}/blobs/uploads/?mount={LAYER_DIGEST}&from=many/000") for n in range(1, 101)),
        *(Step("GET", f"/v2/_catalog?last=many{query}") for query in ("", "&n=3", "/098", "/098&n=1", "/zzz", "&n=0")),
        *(Step("GET", f"/v2/_catalog?last=many/098&n={n}") for n in ("", "x", "-1", "1.5", "%201", "9" * 20, "1&n=0")),
    ],
    "tags": [
        *push_blob("tags", CONFIG),
        Step("GET", "/v2/tags/tags/list"),
        *push_blob("tags", LAYER),
        push("tags", IMAGE_DIGEST, IMAGE),
        Step("GET", "/v2/tags/tags/list"),
        push("tags", "only", IMAGE),
        *(Step("GET", f"/v2/tags/tags/list{query}") for query in ("", "?n=0", "?n=1", "?n=x", "?last=only", "?n=-1")),
    ],
}


FOUND_IN = {
    "name_form": "names",
    "plain_errors": "paths",
    "json_charset": "paths",
    "name_unknown": "paths",
    "list_head": "paths",
    "ping_any_method": "paths",
    "options_method": "methods",
    "root_answer": "methods",
    "path_redirects": "redirects",
    "checked_first": "methods",
    "uploads_alike": "methods",
    "form_bodies": "forms",
    "mismatch_ends_session": "order",
    "accept_reading": "manifests",
    "page_size_check": "catalog",
    "digest_deletions": "deletion",
    "single_post": "sessions",
    "anonymous_mount": "mounts",
    "strict_mount": "mounts",
    "digest_algorithm_parameter": "sessions",
    "content_range": "sessions",
    "upload_state": "sessions",
    "manifest_size_refusal": "manifests",
    "manifest_formats": "manifests",
    "manifest_digest_algorithms": "references",
    "manifest_reading": "manifests",
    "oci_needs_accept": "manifests",
    "tag_parameters": "manifests",
    "range_reading": "ranges",
    "manifest_conditions": "conditions",
    "digest_locations": "manifests",
    "absolute_locations": "sessions",
    "referrers": "paths",
    "tag_list": "tags",
    "tags_default_page_size": "catalog",
    "namespaces": "names",
}
"""Which list shows what each setting of the preset is for."""

UNLIKE = (
    "a manifest by the digest of a blob answers 500",
    "the tag list has no order",
    "the tag list with n has no order",
    "the tag list with last has no order",
    "malformed digests of manifests, names that are too long, and a blob's digest for a manifest answer 500",
    "412 and 416 announce the length of the blob and send nothing",
)
"""What the suite knows the real one to get wrong, and the fake does not follow."""

NOT_SEEN = {
    "octet_stream_chunks": "the real one answers 500",
    "mount_needs_pull": "test_distribution_tokens.py",
    "token_leeway": "test_distribution_tokens.py",
}


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with distribution.running(tmp_path_factory.mktemp("distribution")) as url:
        yield Server(url)


@pytest.fixture(scope="module")
def fake() -> Iterator[Server]:
    with fakereg.serve(dialect="distribution") as registry:
        yield Server(registry.url)


@pytest.mark.parametrize("name", LISTS)
def test_the_fake_answers_as_the_real_one(real: Server, fake: Server, name: str) -> None:
    assert list(differences(real, fake, LISTS[name])) == []


def test_the_real_one_reads_manifests_as_the_table_says(real: Server) -> None:
    """That the fake does, too, is in `tests/fakereg/api/test_descriptors.py`."""
    name, wrong = "shapes", []
    for step in (step for content in shapes.BLOBS for step in push_blob(name, content)):
        real.ask(step)
    for document in shapes.MANIFESTS:
        real.ask(push(name, "child", document, document["mediaType"]))
    for title, shape in SHAPES.items():
        answer = real.ask(push(name, "shape", shape.content, shape.media_type))
        refusals = answer.get("codes", [])
        if (shape.distribution not in refusals and answer["status"] != 500) if shape.distribution else refusals:
            wrong.append((title, answer))
    assert wrong == []


@pytest.mark.parametrize("setting", FOUND_IN)
def test_each_setting_is_seen_in_the_answers(setting: str) -> None:
    """A list that could not tell the settings of the preset from the defaults would show nothing above."""
    changed = dataclasses.replace(PRESETS["distribution"], **{setting: getattr(Dialect(), setting)})
    with fakereg.serve(dialect="distribution") as before, fakereg.serve(dialect=changed) as after:
        assert any(differences(Server(before.url), Server(after.url), LISTS[FOUND_IN[setting]]))


def test_all_settings_are_seen() -> None:
    assert {*FOUND_IN, *NOT_SEEN} == presets.DISTRIBUTION.keys()


def test_the_suite_finds_what_it_finds_in_the_real_one(tmp_path: Path) -> None:
    servers = tomllib.loads(files("conformance.targets").joinpath("servers.toml").read_text("utf-8"))["servers"]
    known = [line for line in servers["registry-2"]["known"] if line["reason"] not in UNLIKE]
    assert len(known) == len(servers["registry-2"]["known"]) - len(UNLIKE)
    listed = tmp_path / "known.toml"
    listed.write_text("".join(map(table, known)), "utf-8")
    command = [sys.executable, "-m", "conformance", "fake:distribution", "--known", str(listed)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=2 * GUARD)
    assert done.returncode == 0, done.stdout + done.stderr


def table(line: dict[str, Any]) -> str:
    """A known failure as TOML, whose strings and lists are JSON's here."""
    return "[[known]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in line.items())
