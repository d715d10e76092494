"""The stack of real servers does as GitHub's Docker registry, asked with nothing but raw requests."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3

from conformance.client.identity import Identity
from conformance.config.settings import Settings
from conformance.targets.base import Target
from conformance.targets.open import target_of
from tests.e2e.clients import Docker

REPOSITORY = "conformance-org/shared/image"
PRIVATE_ELSEWHERE = "conformance-org/elsewhere/image"
LIMIT = 1 << 20
PIECE = 64 << 10
DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
OCI = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
FOREIGN = (
    (DOCKER, DOCKER_CONFIG, "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"),
    (OCI, OCI_CONFIG, "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"),
)


@dataclass(frozen=True)
class Stack:
    """A running stack, and how it is asked: by the port of 127.0.0.1, with a name in Host."""

    target: Target

    @property
    def served(self) -> str:
        """The name and port of the registry."""
        return urlsplit(self.target.description.hosts.docker).netloc

    @property
    def address(self) -> str:
        """Where the proxy listens."""
        return f"127.0.0.1:{urlsplit(self.target.description.hosts.docker).port}"

    def ask(
        self, method: str, path: str, *, host: str = "", headers: Mapping[str, str] | None = None, body: Any = None
    ) -> urllib3.BaseHTTPResponse:
        """Send one request to a path, or to where a Location leads."""
        parts = urlsplit(path)
        url = f"http://{self.address}{parts.path}{f'?{parts.query}' if parts.query else ''}"
        sent = {"Host": host or self.served, **(headers or {})}
        return urllib3.request(method, url, headers=sent, body=body, retries=False, timeout=30)

    def as_(self, name: str, repository: str = REPOSITORY) -> dict[str, str]:
        """The Authorization of an identity, with a token for all that it may do in a repository."""
        who = self.target.description.identity(name)
        assert who
        answer = self.token(who, f"repository:{repository}:pull,push,delete")
        assert answer.status == 200, answer.data
        return {"Authorization": f"Bearer {answer.json()['token']}"}

    def token(self, who: Identity, scope: str) -> urllib3.BaseHTTPResponse:
        """Ask for a token where the challenge says."""
        challenge = self.ask("GET", "/v2/").headers["WWW-Authenticate"]
        scheme, _, rest = challenge.partition(" ")
        assert scheme == "Bearer"
        fields = dict(part.replace('"', "").split("=", 1) for part in rest.split(","))
        headers = urllib3.make_headers(basic_auth=f"{who.username}:{who.secret}") if who.secret else {}
        query = {"service": fields["service"], "scope": scope}
        return urllib3.request("GET", fields["realm"], fields=query, headers=headers, timeout=30)

    def session(self) -> str:
        """Where the writer may upload a blob."""
        opened = self.ask("POST", f"/v2/{REPOSITORY}/blobs/uploads/", headers=self.as_("writer"))
        assert opened.status == 202, opened.data
        return opened.headers["Location"]

    def push_blob(self, data: bytes, *, streamed: bool = False) -> urllib3.BaseHTTPResponse:
        """Push a blob as the writer in one PUT, its length told beforehand or not."""
        pieces = (data[start : start + PIECE] for start in range(0, len(data), PIECE))
        body, headers = pieces if streamed else data, self.as_("writer")
        return self.ask("PUT", f"{self.session()}&digest={digest(data)}", headers=headers, body=body)

    def push_manifest(self, tag: str, data: bytes, media_type: str) -> urllib3.BaseHTTPResponse:
        """Push a manifest as the writer."""
        headers = {**self.as_("writer"), "Content-Type": media_type}
        return self.ask("PUT", f"/v2/{REPOSITORY}/manifests/{tag}", headers=headers, body=data)

    def pull(self, kind: str, reference: str, *, name: str = "reader") -> urllib3.BaseHTTPResponse:
        """Pull a blob or a manifest."""
        headers = {**self.as_(name), "Accept": f"{DOCKER}, {OCI}"}
        return self.ask("GET", f"/v2/{REPOSITORY}/{kind}/{reference}", headers=headers)


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def manifest(media_type: str, config_type: str, config: bytes, layer: Mapping[str, Any]) -> bytes:
    """An image with one layer, which is given as its descriptor."""
    described = {"mediaType": config_type, "size": len(config), "digest": digest(config)}
    return json.dumps(
        {"schemaVersion": 2, "mediaType": media_type, "config": described, "layers": [layer]}, sort_keys=True
    ).encode()


@pytest.fixture(scope="module")
def stack(first_engine: Docker, registry_image: str, proxy_image: str) -> Iterator[Stack]:
    """One stack of Debian's servers for all tests here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", first_engine.host)
        with target_of(Settings(target=f"stack:{registry_image},{proxy_image}")) as target:
            yield Stack(target)


def test_the_writer_pushes_and_the_reader_pulls(stack: Stack, seed: int) -> None:
    config, layer = b"{}", f"layer {seed}".encode()
    for blob in (config, layer):
        assert stack.push_blob(blob).status == 201
    descriptor = {"mediaType": DOCKER_LAYER, "size": len(layer), "digest": digest(layer)}
    image = manifest(DOCKER, DOCKER_CONFIG, config, descriptor)
    assert stack.push_manifest("1.0", image, DOCKER).status == 201
    assert stack.pull("manifests", "1.0").data == image
    assert stack.pull("blobs", digest(layer)).data == layer


@pytest.mark.parametrize(
    ("name", "repository", "push", "pull"),
    [
        ("reader", REPOSITORY, 401, 404),
        ("role-read", REPOSITORY, 401, 404),
        ("role-write", REPOSITORY, 202, 404),
        ("role-write", PRIVATE_ELSEWHERE, 401, 401),
        ("actions", REPOSITORY, 202, 404),
        ("actions", PRIVATE_ELSEWHERE, 401, 401),
        ("stranger", REPOSITORY, 401, 401),
        ("none", REPOSITORY, 401, 401),
    ],
)
def test_scopes_and_roles_decide(stack: Stack, name: str, repository: str, push: int, pull: int) -> None:
    allowed = stack.as_(name, repository)
    pushed = stack.ask("POST", f"/v2/{repository}/blobs/uploads/", headers=allowed)
    pulled = stack.ask("GET", f"/v2/{repository}/manifests/none", headers=allowed)
    assert (pushed.status, pulled.status) == (push, pull)
    if push == 401:
        assert 'error="insufficient_scope"' in pushed.headers["WWW-Authenticate"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT"])
def test_nobody_gets_in_without_a_token(stack: Stack, method: str) -> None:
    for path in ("/v2/", f"/v2/{REPOSITORY}/manifests/1.0", "/v2/conformance-org/public/image/manifests/1.0"):
        assert stack.ask(method, path).status == 401


@pytest.mark.parametrize("name", ["nobody", "wrong", "password", "fine-grained", "expired"])
def test_no_token_for_what_does_not_count(stack: Stack, name: str) -> None:
    who = stack.target.description.identity(name)
    assert who
    assert stack.token(who, f"repository:{REPOSITORY}:pull").status == 401


def test_one_name_is_a_registry_and_no_other(stack: Stack) -> None:
    hosts = stack.target.description.hosts
    port = stack.address.rpartition(":")[2]
    assert stack.served == f"docker.ghes.test:{port}"
    assert [urlsplit(url).netloc for url in hosts.unserved] == [f"ghes.test:{port}", f"containers.ghes.test:{port}"]
    assert stack.ask("GET", "/v2/", headers=stack.as_("writer")).status == 200
    for host in (*(urlsplit(url).netloc for url in hosts.unserved), f"docker.other.test:{port}", stack.address):
        answer = stack.ask("GET", "/v2/", host=host)
        assert (answer.status, answer.headers.get("WWW-Authenticate")) == (404, None), host


def test_locations_have_the_name_that_was_asked(stack: Stack) -> None:
    assert stack.session().startswith(f"http://{stack.served}/v2/{REPOSITORY}/blobs/uploads/")


@pytest.mark.parametrize("streamed", [False, True], ids=["length", "chunks"])
def test_blobs_are_limited(stack: Stack, streamed: bool, seed: int) -> None:
    most = seed.to_bytes(4) * (LIMIT // 4)
    assert stack.target.description.limits["blob"] == len(most)
    assert stack.push_blob(most, streamed=streamed).status == 201
    assert stack.push_blob(most + b"+", streamed=streamed).status == 413
    assert stack.pull("blobs", digest(most)).status == 200
    assert stack.pull("blobs", digest(most + b"+")).status == 404


def test_a_length_over_the_limit_is_refused_before_the_body_comes(stack: Stack) -> None:
    headers = {**stack.as_("writer"), "Content-Length": str(LIMIT + 1), "Expect": "100-continue"}
    answer = stack.ask("PATCH", stack.session(), headers=headers)
    assert answer.status == 413


def test_manifests_have_a_limit_of_their_own(stack: Stack) -> None:
    assert stack.push_manifest("large", b" " * (LIMIT + 1), DOCKER).status == 400
    assert stack.push_manifest("large", b" " * (stack.target.description.limits["manifest"] + 1), DOCKER).status == 413


@pytest.mark.parametrize(("media_type", "config_type", "layer_type"), FOREIGN, ids=["docker", "oci"])
def test_foreign_layers_are_refused_and_nothing_is_stored(
    stack: Stack, media_type: str, config_type: str, layer_type: str, seed: int
) -> None:
    config, tag = f'{{"seed": {seed}}}'.encode(), f"foreign-{seed}"
    assert stack.push_blob(config).status == 201
    layer = {"mediaType": layer_type, "size": 3, "digest": digest(b"far"), "urls": ["https://example.com/layer"]}
    image = manifest(media_type, config_type, config, layer)
    assert stack.push_manifest(tag, image, media_type).status == 500
    assert stack.pull("manifests", tag).status == 404
    assert stack.pull("manifests", digest(image)).status == 404


def test_nothing_can_be_deleted(stack: Stack, seed: int) -> None:
    blob = f"kept {seed}".encode()
    assert stack.push_blob(blob).status == 201
    deleted = stack.ask("DELETE", f"/v2/{REPOSITORY}/blobs/{digest(blob)}", headers=stack.as_("writer"))
    assert deleted.status == 405
    assert stack.pull("blobs", digest(blob)).data == blob


def test_only_the_proxy_can_be_reached_and_from_this_machine_alone(
    stack: Stack, first_engine: Docker, registry_image: str, proxy_image: str
) -> None:
    assert ports(first_engine, registry_image) == []
    assert ports(first_engine, proxy_image) == [stack.address]


def ports(docker: Docker, image: str) -> list[str]:
    """Where the ports of the one container of an image are published."""
    (container,) = docker("ps", "--quiet", "--filter", f"ancestor={image}").stdout.split()
    (facts,) = json.loads(docker("inspect", container).stdout)
    found = facts["NetworkSettings"]["Ports"].values()
    return [f"{place['HostIp']}:{place['HostPort']}" for places in found for place in places or []]
