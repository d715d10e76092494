"""What the stack is made of, as far as it can be told without starting it, and its token service."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
from cryptography import x509

from conformance.client.identity import Identity
from conformance.config.settings import Settings
from conformance.fakes import identities
from conformance.targets.base import UnusableTarget
from conformance.targets.open import target_of
from conformance.targets.stack import BLOB, SERVED, StackTarget, proxy_recipe, registry_recipe
from tests.e2e.clients import require_command

SHARED, ELSEWHERE, PUBLIC = (f"conformance-org/{name}/image" for name in ("shared", "elsewhere", "public"))
EVERYTHING = {"pull", "push", "delete"}


def stack(name: str = "stack", **settings: Any) -> StackTarget:
    target = target_of(Settings(target=name, **settings))
    assert isinstance(target, StackTarget)
    return target


def test_describes_itself_before_it_is_started() -> None:
    description = stack().description
    assert description.profile == ("protocol", "github-docker")
    assert {"writer", "reader", "stranger", "actions", "role-read"} <= description.identities.keys()
    assert description.places["default"] == "conformance-org/shared/{}"
    assert description.limits == {"blob": 1 << 20, "manifest": 4 << 20}
    assert all(line.reason for line in description.known)


def test_has_the_limit_of_github_at_full_size() -> None:
    assert stack(full_size=True).description.limits["blob"] == BLOB == 5 * 1024**3


def test_images() -> None:
    assert (stack()._registry, stack()._proxy) == ("registry:2", "nginx:alpine")
    other = stack("stack:mirror:5000/registry:3,nginx@sha256:0123")
    assert (other._registry, other._proxy) == ("mirror:5000/registry:3", "nginx@sha256:0123")


@pytest.mark.parametrize("name", ["stack:", "stack:registry:2", "stack:registry:2,", "stack:,nginx", "stack:a,b,c"])
def test_images_that_are_missing(name: str) -> None:
    with pytest.raises(UnusableTarget, match="stack:REGISTRY_IMAGE,PROXY_IMAGE"):
        stack(name)


def test_registry_trusts_the_token_service_and_takes_no_foreign_layers() -> None:
    recipe = registry_recipe("image", realm="http://127.0.0.1:1/token", certificate="PEM")
    program, file = recipe.command
    settings = json.loads(recipe.files[file])
    token = settings["auth"]["token"]
    assert program == "serve"
    assert (token["realm"], token["service"]) == ("http://127.0.0.1:1/token", SERVED)
    assert recipe.files[token["rootcertbundle"]] == "PEM"
    assert settings["validation"]["manifests"]["urls"] == {"deny": [".*"]}
    assert list(settings["storage"]) == ["filesystem"]


def test_proxy_takes_its_configuration(tmp_path: Path) -> None:
    nginx = require_command("nginx")
    (text,) = proxy_recipe("image", blob=12345).files.values()
    assert "client_max_body_size 12345;" in text
    assert f"server_name {SERVED};" in text
    # On this machine there is no host called registry, and a test listens on no port.
    text = text.replace("/conformance", str(tmp_path)).replace("http://registry", "http://127.0.0.1")
    (tmp_path / "nginx.conf").write_text(text.replace("listen 80", f"listen unix:{tmp_path}/listener"))
    done = subprocess.run(
        [nginx, "-t", "-c", str(tmp_path / "nginx.conf")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def service() -> Iterator[tuple[str, str]]:
    """The token service alone: its URL, and its certificate."""
    target = stack()
    with target._stack:
        yield target._tokens()


def claims(service: tuple[str, str], who: Identity, repository: str) -> dict[str, Any] | None:
    """The claims of a token that somebody gets who asks for everything there; None for no token."""
    fields = {"service": SERVED, "scope": f"repository:{repository}:pull,push,delete"}
    headers = urllib3.make_headers(basic_auth=f"{who.username}:{who.secret}") if who.secret else {}
    answer = urllib3.request("GET", service[0], fields=fields, headers=headers, timeout=30)
    if answer.status == 401:
        return None
    assert answer.status == 200, answer.data
    found: dict[str, Any] = json.loads(decoded(answer.json()["token"].split(".")[1]))
    return found


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


@pytest.mark.parametrize(
    ("name", "shared", "elsewhere", "public"),
    [
        ("writer", EVERYTHING, EVERYTHING, EVERYTHING),
        ("reader", {"pull"}, {"pull"}, {"pull"}),
        ("write", {"pull", "push"}, {"pull", "push"}, {"pull", "push"}),
        ("delete", {"pull", "delete"}, {"pull", "delete"}, {"pull", "delete"}),
        ("none", set(), set(), set()),
        ("stranger", set(), set(), {"pull"}),
        ("role-read", {"pull"}, set(), {"pull"}),
        ("role-write", {"pull", "push"}, set(), {"pull"}),
        ("actions", EVERYTHING, set(), {"pull"}),
        ("actions-read", {"pull"}, set(), {"pull"}),
    ],
)
def test_tokens_grant_what_scopes_and_roles_allow(
    service: tuple[str, str], name: str, shared: set[str], elsewhere: set[str], public: set[str]
) -> None:
    for repository, granted in ((SHARED, shared), (ELSEWHERE, elsewhere), (PUBLIC, public)):
        found = claims(service, identities()[name], repository)
        assert found
        assert (found["iss"], found["aud"]) == ("fakereg", SERVED)
        actions = {action for entry in found["access"] for action in entry["actions"]} - {"*"}
        assert actions == granted, repository


@pytest.mark.parametrize("name", ["password", "fine-grained", "expired", "wrong", "nobody"])
def test_no_token_for_what_does_not_count(service: tuple[str, str], name: str) -> None:
    assert claims(service, identities().get(name, Identity("nobody")), PUBLIC) is None


def test_certificate_is_one(service: tuple[str, str]) -> None:
    assert x509.load_pem_x509_certificate(service[1].encode()).public_key()
