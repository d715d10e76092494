"""The groups of scenarios about GitHub's registries, broken: hosts, images and their names, layers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fakereg.api import manifest_rules, uploads
from fakereg.http.call import Call
from fakereg.spec.manifest import Descriptor
from fakereg.storage.repositories import Upload
from tests.mutants.harness import Answer, Ask, after, instead, patched, settings_break

DOCKER, CONTAINER = "fake:github-docker", "fake:github-container"
IN_HASTE = ("--conformance-timeout=5",)
"""For a server that waits for what does not come; any other answer comes within it on a busy machine, too."""


def host(ask: Ask) -> str:
    """The name that was asked, without a port."""
    return ask.header("Host").partition(":")[0]


def at(ask: Ask, name: str) -> Answer:
    """The answer of another host."""
    _, colon, port = ask.header("Host").partition(":")
    return ask.proceed(HTTP_HOST=name + colon + port)


# Hosts.

for _row, _target, _home in (
    ("GHD-14", DOCKER, "docker.ghes.test"),
    ("GHC-01", CONTAINER, "containers.ghes.test"),
):

    @instead(_row, "the registry is at the hostname as well", target=_target)
    def also_at_hostname(ask: Ask, home: str = _home) -> Answer | None:
        return at(ask, home) if host(ask) == "ghes.test" and ask.path.startswith("/v2") else None

    @instead(_row, "the registry is at every name", target=_target)
    def at_every_name(ask: Ask, home: str = _home) -> Answer | None:
        return at(ask, home) if ask.path.startswith("/v2") else None

    @instead(_row, "the case of a host matters", target=_target)
    def case_of_host(ask: Ask) -> Answer | None:
        return Answer(421) if host(ask) != host(ask).lower() else None

    @after(_row, "what is pushed at the subdomain is not found there", "GET manifests", 200, target=_target)
    def not_found_there(ask: Ask, answer: Answer) -> None:
        answer.status = 404

    @after(_row, "uploads go on at the hostname", "POST uploads", 202, target=_target)
    def uploads_at_hostname(ask: Ask, answer: Answer) -> None:
        answer.set("Location", f"http://ghes.test{answer.header('Location')}")


@after("GHC-01", "tokens come from the hostname", "GET ping", 401, target=CONTAINER)
def realm_at_hostname(ask: Ask, answer: Answer) -> None:
    answer.set("WWW-Authenticate", 'Bearer realm="http://ghes.test/token",service="containers.ghes.test"')


@instead("GHD-15", "the subdomain is served without isolation", target=DOCKER)
def subdomain_without_isolation(ask: Ask) -> Answer | None:
    is_served = not ask.registry.sites.isolation and host(ask) == "docker.ghes.test"
    return at(ask, "ghes.test") if is_served else None


@after("GHD-15", "nothing is found without isolation", "GET manifests", 200, target=DOCKER)
def nothing_without_isolation(ask: Ask, answer: Answer) -> None:
    if not ask.registry.sites.isolation:
        answer.status = 404


@instead("GHC-01", "the Container registry is served without isolation", target=CONTAINER)
def containers_without_isolation(ask: Ask) -> Answer | None:
    is_served = not ask.registry.sites.isolation and host(ask) == "containers.ghes.test"
    return Answer(401, [("WWW-Authenticate", "Bearer realm=x")]) if is_served else None


# Images, tags and names.

for _row, _target in (("GHD-01", DOCKER), ("GHC-07", CONTAINER)):

    @instead(_row, "a blob is not streamed", target=_target)
    def no_stream(ask: Ask) -> Answer | None:
        return Answer(411) if ask.method == "PATCH" and ask.header("Transfer-Encoding") == "chunked" else None

    @after(_row, "a manifest comes as another type", "GET manifests", 200, target=_target)
    def other_type(ask: Ask, answer: Answer) -> None:
        answer.set("Content-Type", "application/json")

    @after(_row, "a layer comes as something else", "GET blobs", 200, target=_target)
    def other_content(ask: Ask, answer: Answer) -> None:
        answer.write(bytes(len(answer.body)))

    @instead(_row, "a tag stays where it is", target=_target)
    def fixed_tag(ask: Ask) -> Answer | None:
        is_tag = ask.method == "PUT" and ask.kind == "manifests" and ":" not in ask.reference
        there = is_tag and ask.proceed(REQUEST_METHOD="GET").status == 200
        return Answer(201, [("Location", ask.path)]) if there else None

    @instead(_row, "an image is not pushed twice", target=_target)
    def not_twice(ask: Ask) -> Answer | None:
        if ask.method != "PUT" or ask.kind != "manifests":
            return None
        body = ask.body()
        return Answer(409) if ask.proceed(REQUEST_METHOD="GET").body == body else None


settings_break("GHD-01", "images in Docker's format are refused", f"{DOCKER},manifest_formats=oci|other")
settings_break("GHD-19", "manifests are named by digest, too", f"{DOCKER},digest_references=true")


@after("GHD-19", "a pull by digest gives the image", "GET manifests", 404, target=DOCKER)
def digest_pulled(ask: Ask, answer: Answer) -> None:
    if ask.reference.startswith("sha256:"):
        answer.status = 200


@after("GHD-19", "a push by digest is taken", "PUT manifests", 400, target=DOCKER)
def digest_pushed(ask: Ask, answer: Answer) -> None:
    if ask.reference.startswith("sha256:"):
        answer.status = 201


@after("GHD-18", "one tag of an image is listed", "GET tags", 200, target=DOCKER)
def one_tag(ask: Ask, answer: Answer) -> None:
    head, _, _ = answer.body.partition(b",")[2].partition(b",")
    answer.write(b'{"name": "x",' + head.rstrip(b"]}") + b"]}")


@instead("GHD-18", "a repository has one image", target=DOCKER)
def one_image(ask: Ask) -> Answer | None:
    together = "/".join([*ask.name.split("/")[:2], "image"])
    return ask.proceed(PATH_INFO=ask.path.replace(ask.name, together, 1)) if ask.name else None


@instead("GHD-16", "upper case is taken for lower case", target=DOCKER)
def lowered(ask: Ask) -> Answer | None:
    return ask.proceed(PATH_INFO=ask.path.replace(ask.name, ask.name.lower(), 1)) if ask.name else None


@instead("GHC-02", "a name has two parts and no more", target=CONTAINER)
def two_parts(ask: Ask) -> Answer | None:
    return Answer(404) if ask.name.count("/") > 1 else None


@instead("GHC-02", "a name without a namespace belongs to somebody", target=CONTAINER)
def no_namespace(ask: Ask) -> Answer | None:
    is_short = ask.name and "/" not in ask.name
    return Answer(202, [("Location", "/v2/x/blobs/uploads/1")]) if is_short and ask.method == "POST" else None


# The size of layers.


def limit_checked(patch: pytest.MonkeyPatch, *, size: int = 0, of_request: bool = False) -> None:
    """Check the limit for so many bytes more, or for each request by itself."""
    original = uploads._check_limit

    def check(call: Call, upload: Upload, more: int) -> None:
        before = -upload.size if of_request else 0
        original(call, upload, more + size + before if more else 0)

    patch.setattr(uploads, "_check_limit", check)


for _row, _target in (("GHD-21", DOCKER), ("GHC-08", CONTAINER)):

    @patched(_row, "a layer of exactly the limit is refused", target=_target)
    def too_strict(patch: pytest.MonkeyPatch) -> None:
        limit_checked(patch, size=1)

    @patched(_row, "a layer of one byte more is taken", target=_target)
    def too_lax(patch: pytest.MonkeyPatch) -> None:
        limit_checked(patch, size=-1)

    @patched(_row, "the limit is one of requests, not of layers", target=_target)
    def of_request(patch: pytest.MonkeyPatch) -> None:
        limit_checked(patch, of_request=True)

    @instead(_row, "a layer that is pushed by one POST has no limit", target=_target)
    def unlimited_post(ask: Ask) -> Answer | None:
        return unlimited(ask) if ask.kind == "uploads" and "digest" in ask.query else None

    @instead(_row, "a stream has no limit", target=_target)
    def unlimited_stream(ask: Ask) -> Answer | None:
        return unlimited(ask) if ask.kind == "session" and not ask.header("Content-Length") else None

    @instead(_row, "a layer over the limit is refused and kept", target=_target)
    def kept(ask: Ask) -> Answer | None:
        if ask.method != "PUT" or ask.kind != "session":
            return None
        refused = int(ask.header("Content-Length") or 0) > ask.registry.dialect.blob_size_limit
        return replace(unlimited(ask), status=413) if refused else None

    @after(_row, "a layer over the limit is said to be no blob", "PUT|PATCH session", 413, target=_target)
    def other_status(ask: Ask, answer: Answer) -> None:
        answer.status = 400

    @instead(
        _row,
        "a length over the limit is found out by reading",
        target=_target,
        arguments=IN_HASTE,
    )
    def read_first(ask: Ask) -> Answer | None:
        if ask.kind == "session":
            ask.body()
        return None


settings_break("GHD-21", "a session goes on after a layer over the limit", f"{DOCKER},oversize_ends_session=false")


def unlimited(ask: Ask) -> Answer:
    """The answer where layers have no limit."""
    limit = ask.registry.dialect.blob_size_limit
    ask.registry.configure(blob_size_limit=0)
    try:
        return ask.proceed()
    finally:
        ask.registry.configure(blob_size_limit=limit)


# Foreign layers.

settings_break("GHD-03", "foreign layers are taken", f"{DOCKER},foreign_layers=true")
settings_break("GHC-06", "foreign layers are refused", f"{CONTAINER},foreign_layers=false")


@patched("GHD-03", "foreign layers of OCI are taken", target=f"{DOCKER},manifest_formats=docker|oci")
def oci_overlooked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Descriptor, "foreign", property(lambda layer: ".foreign." in layer.media_type))


@patched("GHD-03", "a layer with urls is taken if its type is that of any other", target=DOCKER)
def urls_overlooked(patch: pytest.MonkeyPatch) -> None:
    original: Any = Descriptor.foreign
    patch.setattr(Descriptor, "foreign", property(lambda layer: original.fget(replace(layer, urls=()))))


@patched("GHD-03", "a foreign layer without urls is taken", target=DOCKER)
def type_overlooked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Descriptor, "foreign", property(lambda layer: bool(layer.urls)))


@instead("GHD-03", "an image with a foreign layer is refused and kept", target=DOCKER)
def foreign_kept(ask: Ask) -> Answer | None:
    if ask.method != "PUT" or b".foreign." not in ask.body():
        return None
    ask.registry.configure(foreign_layers=True)
    answer = replace(ask.proceed(), status=400)
    ask.registry.configure(foreign_layers=False)
    return answer


@patched("GHD-04", "what got in is given out", target=DOCKER)
def foreign_pulled(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(manifest_rules, "check_pull", lambda call, stored: None)


@instead("GHC-06", "a foreign layer has to be pushed", target=CONTAINER)
def foreign_wanted(ask: Ask) -> Answer | None:
    return Answer(400) if ask.method == "PUT" and b"urls" in ask.body() else None


@after("GHC-06", "a foreign layer is fetched", "HEAD blobs", 404, target=CONTAINER)
def foreign_fetched(ask: Ask, answer: Answer) -> None:
    answer.status = 200
