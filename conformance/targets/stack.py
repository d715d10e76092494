"""A stack of real servers that behaves like GitHub's Docker registry: distribution behind nginx, with our tokens.

Our token service, in this process, knows accounts, scopes and roles; distribution verifies what it issues with its
certificate, and refuses layers that live elsewhere. nginx serves `docker.HOSTNAME` alone, and limits layers.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from conformance.config.description import PROFILES, Description, Hosts
from conformance.config.settings import Settings
from conformance.fakes import accounts, identities, places
from conformance.targets.base import LOOPBACK, StartedTarget, UnusableTarget
from conformance.targets.containers import data, described
from conformance.targets.engine import Containers, Recipe
from conformance.targets.fakes import HOSTNAME, SCALED_BLOB
from conformance.urls import parsed

SERVED = f"docker.{HOSTNAME}"
UNSERVED = (HOSTNAME, f"containers.{HOSTNAME}")
BLOB = 5 << 30
MANIFEST = 4 << 20
ISSUER = "fakereg"
DIALECT = (
    "oci,auth=bearer,rights=repository,credentials=classic|actions,anonymous_token_check=true,"
    f"token_format=ES256,token_issuer={ISSUER}"
)
REGISTRY, PORT = "registry", 5000
FOLDER = "/conformance"
"""The folder for our files in the containers, where nginx may write."""


class StackTarget(StartedTarget):
    """The target `stack`, or `stack:REGISTRY_IMAGE,PROXY_IMAGE` with other images of distribution and nginx."""

    def __init__(self, name: str, settings: Settings) -> None:
        super().__init__(name, settings)
        self._registry, self._proxy = _images(name)
        self._blob = BLOB if settings.full_size else SCALED_BLOB
        limits = {"blob": self._blob, "manifest": MANIFEST}
        known = described(Description(profile=PROFILES["github-docker"]), data()["stack"])
        self.description = replace(known, identities=identities(), places=places("docker"), limits=limits)

    def launch(self) -> str:
        containers = self._stack.enter_context(Containers())
        network = containers.network()
        realm, certificate = self._tokens()
        registry = containers.start(
            registry_recipe(self._registry, realm=realm, certificate=certificate),
            published=False,
            network=network,
            alias=REGISTRY,
        )
        proxy = containers.start(proxy_recipe(self._proxy, blob=self._blob), network=network)
        port = proxy.wait("/v2/", statuses=(401,), host=SERVED, behind=[registry])
        docker, *unserved = (f"http://{name}:{port}" for name in (SERVED, *UNSERVED))
        self.description = replace(self.description, hosts=Hosts(docker=docker, unserved=tuple(unserved)))
        self.resolve = {parsed(url).netloc: LOOPBACK for url in (docker, *unserved)}
        return docker

    def _tokens(self) -> tuple[str, str]:
        """Start the token service; return its URL and the certificate of its tokens."""
        import fakereg

        try:
            service = self._stack.enter_context(fakereg.serve(dialect=DIALECT, tokens_only=True, accounts=accounts()))
        except ImportError as error:
            raise UnusableTarget(f"the stack needs tokens: {error}") from None
        return f"{service.url}/token", service.sites.all[0].tokens.certificate or ""


def registry_recipe(image: str, *, realm: str, certificate: str) -> Recipe:
    """Describe a distribution server that trusts tokens of the certificate and refuses foreign layers.

    Deletion is off, as it is at GitHub's registries.
    """
    file, trusted = f"{FOLDER}/registry.yml", f"{FOLDER}/trusted.pem"
    token = {"realm": realm, "service": SERVED, "issuer": ISSUER, "rootcertbundle": trusted}
    settings: dict[str, Any] = {
        "version": "0.1",
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": f"{FOLDER}/registry"}},
        "http": {"addr": f":{PORT}"},
        "auth": {"token": token},
        "validation": {"manifests": {"urls": {"deny": [".*"]}}},
    }
    # JSON is YAML, and quotes whatever needs it.
    return Recipe(image, PORT, command=("serve", file), files={file: json.dumps(settings), trusted: certificate})


def proxy_recipe(image: str, *, blob: int) -> Recipe:
    """Describe an nginx that serves the registry at one name and limits the size of bodies (bytes)."""
    file = f"{FOLDER}/nginx.conf"
    text = NGINX.replace("FOLDER", FOLDER).replace("SERVED", SERVED).replace("REGISTRY", f"{REGISTRY}:{PORT}")
    text = text.replace("MANIFEST", str(MANIFEST)).replace("BLOB", str(blob))
    return Recipe(image, 80, command=("nginx", "-c", file), files={file: text})


def _images(name: str) -> tuple[str, str]:
    """Return the images of distribution and nginx in the text of a target."""
    table, (_, colon, rest) = data()["stack"], name.partition(":")
    if not colon:
        return table["registry"], table["proxy"]
    registry, _, proxy = rest.partition(",")
    if not (registry and proxy) or "," in proxy:
        raise UnusableTarget(f"a stack must be stack or stack:REGISTRY_IMAGE,PROXY_IMAGE, got {name!r}")
    return registry, proxy


# The default server answers for every other name. Nothing is buffered, so that a limit is found while a client sends;
# the folders for buffers have to be there all the same. Host and scheme go on, for the registry makes URLs of them.
NGINX = """\
daemon off;
pid FOLDER/nginx.pid;
error_log stderr warn;
events {}
http {
    access_log off;
    client_body_temp_path FOLDER/client_body;
    proxy_temp_path FOLDER/proxy;
    fastcgi_temp_path FOLDER/fastcgi;
    uwsgi_temp_path FOLDER/uwsgi;
    scgi_temp_path FOLDER/scgi;
    large_client_header_buffers 4 32k;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_request_buffering off;
    proxy_buffering off;

    server {
        listen 80 default_server;
        return 404;
    }
    server {
        listen 80;
        server_name SERVED;
        client_max_body_size MANIFEST;
        location / {
            proxy_pass http://REGISTRY;
        }
        location ~ ^/v2/.+/blobs/uploads/ {
            client_max_body_size BLOB;
            proxy_pass http://REGISTRY;
        }
    }
}
"""
