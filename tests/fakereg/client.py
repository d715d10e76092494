"""A small client over WSGI for the tests of the fake."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from werkzeug.datastructures import Headers
from werkzeug.test import Client, TestResponse, run_wsgi_app

from fakereg import Registry
from fakereg.github.model import Package
from fakereg.spec.manifest import DOCKER_IMAGE, OCI_IMAGE, OCI_INDEX, parse
from fakereg.spec.names import Digest, Name

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

CONFIG = "application/vnd.oci.image.config.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
FOREIGN_LAYERS = (
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
)
LAYER = "application/vnd.oci.image.layer.v1.tar"


class RegistryClient(Client):
    """Requests to one registry, and the steps that most tests begin with."""

    def __init__(self, registry: Registry) -> None:
        super().__init__(_exact(registry))
        self.registry = registry
        self.authorization = ""

    def login(self, user: str, secret: str) -> None:
        """Send the credentials with every request from now on, in the way that the registry takes them."""
        encoded = base64.b64encode(f"{user}:{secret}".encode()).decode()
        self.authorization = f"{'Basic' if self.registry.dialect.auth == 'basic' else 'Bearer'} {encoded}"

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        """Send a request."""
        headers = Headers(kwargs.pop("headers", None))
        if self.authorization:
            headers.setdefault("Authorization", self.authorization)
        return super().open(*args, headers=headers, **kwargs)

    def run_wsgi_app(self, environ: WSGIEnvironment, buffered: bool = False) -> Any:
        """Send a request whatever its host is, which older releases of werkzeug parse for the sake of cookies."""
        return run_wsgi_app(self.application, environ, buffered=buffered)

    def push_blob(self, name: str, content: bytes, *, algorithm: str = "sha256") -> Digest:
        """Push a blob by POST and PUT."""
        digest = Digest.of(content, algorithm=algorithm)
        place = self.start(name)
        response = self.put(f"{place}{'&' if '?' in place else '?'}digest={digest}", data=content)
        assert response.status_code == 201, response.text
        return digest

    def start(self, name: str, **parameters: str) -> str:
        """The path of a new upload session."""
        response = self.post(f"/v2/{name}/blobs/uploads/", query_string=parameters)
        assert response.status_code == 202, response.text
        return response.headers["Location"]

    def push_image(self, name: str, reference: str = "", **fields: Any) -> Digest:
        """Push an image with its two blobs, by digest unless `reference` is given; `fields` go into the manifest."""
        document = image(self.push_blob(name, b"{}"), self.push_blob(name, b"layer"), **fields)
        digest = Digest.of(json.dumps(document).encode())
        response = self.put_manifest(name, reference or digest, document)
        assert response.status_code == 201, response.text
        return digest

    def put_manifest(self, name: str, reference: str, document: dict[str, Any]) -> TestResponse:
        """Push a manifest of the media type that it says it has."""
        content = json.dumps(document).encode()
        return self.put(f"/v2/{name}/manifests/{reference}", data=content, content_type=document["mediaType"])


def stored_package(registry: Registry, name: str, **settings: Any) -> Package:
    """The container package, with these settings, of an image that was in the storage before anybody pushed."""
    site, content = registry.sites.all[0], json.dumps(docker_image(Digest.of(b"{}"))).encode()
    manifest = parse(content, DOCKER_IMAGE, Digest.of(content))
    site.storage.put_manifest(Name(name), manifest, tags=[], complete=False)
    return registry.github.change_package(name, **settings)


def _exact(registry: Registry) -> WSGIApplication:
    """The registry with its answers held to PEP 3333: header names and values are `str` and nothing derived from it."""

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], /, *rest: Any) -> Any:
            assert all(type(text) is str for header in headers for text in header), headers
            return start_response(status, headers, *rest)

        return registry(environ, start)

    return application


def descriptor(media_type: str, digest: str, size: int = 5, **fields: Any) -> dict[str, Any]:
    """A descriptor."""
    return {"mediaType": media_type, "digest": digest, "size": size, **fields}


def image(config: str, *layers: str, **fields: Any) -> dict[str, Any]:
    """An OCI image manifest."""
    return {
        "schemaVersion": 2,
        "mediaType": OCI_IMAGE,
        "config": descriptor(CONFIG, config),
        "layers": [descriptor(LAYER, layer) for layer in layers],
        **fields,
    }


def docker_image(config: str, *layers: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """An image manifest of Docker's schema 2."""
    return {
        "schemaVersion": 2,
        "mediaType": DOCKER_IMAGE,
        "config": descriptor("application/vnd.docker.container.image.v1+json", config, 2),
        "layers": list(layers),
        **fields,
    }


def index(*children: str, **fields: Any) -> dict[str, Any]:
    """An OCI image index."""
    entries = [descriptor(OCI_IMAGE, child) for child in children]
    return {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries, **fields}


def codes(response: TestResponse) -> list[str]:
    """The codes in an error body."""
    return [error["code"] for error in response.get_json()["errors"]]
