"""Hosts: which registry answers at which name, and what its answers say of themselves."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.http import parse_dict_header

from fakereg import Registry
from fakereg.dialect.fields import Dialect
from fakereg.spec.names import Digest
from fakereg.storage.memory import MemoryStorage
from tests.fakereg.client import RegistryClient, codes
from tests.fakereg.conftest import ALL_SCOPES, MakeClient

GITHUB = ["github-docker", "github-container"]
PLAIN = base64.b64encode(f"octocat:{ALL_SCOPES}".encode()).decode()
BASIC, BEARER = {"Authorization": f"Basic {PLAIN}"}, {"Authorization": f"Bearer {PLAIN}"}


@pytest.fixture
def client(make_client: MakeClient) -> RegistryClient:
    """Both registries of GitHub with subdomain isolation."""
    made = make_client(GITHUB, hostname="GHES.test.")
    made.authorization = ""
    return made


def ping(client: RegistryClient, host: str, **headers: str) -> int:
    return client.get("/v2/", headers={"Host": host, **headers}).status_code


@pytest.mark.row("GHD-14")
@pytest.mark.row("GHC-01")
def test_with_isolation_each_registry_is_at_its_subdomain(client: RegistryClient) -> None:
    assert ping(client, "docker.ghes.test", **BASIC) == 200
    assert ping(client, "containers.ghes.test", **BEARER) == 200
    for host in ("docker.ghes.test", "containers.ghes.test"):
        challenge = client.get("/v2/", headers={"Host": host}).headers["WWW-Authenticate"]
        assert challenge.startswith("Basic" if host.startswith("docker") else f'Bearer realm="http://{host}/token"')
    assert ping(client, "ghes.test", **BASIC) == 404
    assert ping(client, "ghes.test") == 404


@pytest.mark.row("GHD-15")
@pytest.mark.row("GHC-01")
def test_without_isolation_the_docker_registry_is_at_the_hostname_and_the_other_nowhere(
    make_client: MakeClient,
) -> None:
    client = make_client(GITHUB, hostname="ghes.test", subdomain_isolation=False)
    assert ping(client, "ghes.test", **BASIC) == 200
    for host in ("docker.ghes.test", "containers.ghes.test"):
        assert ping(client, host, **BASIC) == 421
        assert client.get("/token", headers={"Host": host}).status_code == 421
    assert client.get("/token", headers={"Host": "ghes.test"}).status_code == 404
    docker = client.registry.sites.all[0]
    assert client.registry.sites.addresses("127.0.0.1:80") == [(docker, "ghes.test:80")]


@pytest.mark.row("GHD-14")
@pytest.mark.parametrize("sent", ["https", "HTTPS", "http, Https"])
def test_a_proxy_may_write_the_scheme_in_capitals(make_client: MakeClient, sent: str) -> None:
    client = make_client("oci,absolute_locations=true", trust_proxy=True)
    response = client.post("/v2/a/blobs/uploads/", headers={"X-Forwarded-Proto": sent})
    assert response.headers["Location"].startswith("https://")


@pytest.mark.parametrize("path", ["a/b/c/tags/list", "A", "_catalog", "a/b/c/blobs/uploads/", ""])
@pytest.mark.parametrize("headers", [{}, BASIC, BEARER, {"Authorization": "Basic ?"}])
def test_the_hostname_alone_serves_no_registry_and_asks_for_nothing(
    client: RegistryClient, path: str, headers: dict[str, str]
) -> None:
    for method in ("GET", "POST"):
        response = client.open(f"/v2/{path}", method=method, headers={"Host": "ghes.test", **headers})
        assert (response.status_code, codes(response)) == (404, ["UNSUPPORTED"])
        assert "WWW-Authenticate" not in response.headers
    assert client.get("/token", headers={"Host": "ghes.test", **BASIC}).status_code == 404


@pytest.mark.parametrize(
    "host",
    [
        "docker.ghes.test:443",
        "docker.ghes.test:99999",
        "DOCKER.Ghes.Test",
        "docker.ghes.test.",
        "Docker.ghes.test.:5000",
    ],
)
def test_case_port_and_a_trailing_dot_do_not_matter(client: RegistryClient, host: str) -> None:
    assert ping(client, host, **BASIC) == 200


@pytest.mark.parametrize(
    "host",
    [
        *("ghes.test.evil", "evil-docker.ghes.test", "docker.ghes", "docker", "x.docker.ghes.test", "127.0.0.1", ""),
        *("[::1]:80", "docker.ghes.test:port", "docker.ghes.test:123456", "docker.ghes.test/", "docker.ghes.test x"),
    ],
)
@pytest.mark.parametrize("status", [404, 421])
def test_other_hosts_are_nobodys(make_client: MakeClient, host: str, status: int) -> None:
    client = make_client(GITHUB, hostname="ghes.test", unknown_host_status=status)
    for path in ("/v2/", "/v2/a/b/c/tags/list", "/token", "/"):
        response = client.get(path, headers={"Host": host, **BASIC})
        assert (response.status_code, codes(response)) == (status, ["UNSUPPORTED"])
        assert "WWW-Authenticate" not in response.headers


@given(host=st.text(st.characters(max_codepoint=255, blacklist_characters="\r\n"), max_size=30))
def test_whatever_the_host_is_it_is_answered(host: str) -> None:
    client = RegistryClient(Registry(dialect=GITHUB, hostname="ghes.test", trust_proxy=True))
    for name in ("HTTP_HOST", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_FOR"):
        environ: dict[str, Any] = {"HTTP_HOST": "docker.ghes.test", name: host}
        assert client.get("/v2/", environ_overrides=environ).status_code in {200, 401, 421}


def test_without_a_hostname_the_one_registry_is_at_every_name(make_client: MakeClient) -> None:
    client = make_client("github-docker")
    for host in ("docker.ghes.test", "ghes.test", "whatever", "[::1]:5000", "127.0.0.1"):
        assert ping(client, host) == 200
    site = client.registry.sites.all[0]
    assert client.registry.sites.addresses("[::1]:5000") == [(site, "[::1]:5000")]


def test_one_registry_may_be_at_a_hostname_too(make_client: MakeClient) -> None:
    client = make_client("oci", hostname="registry.test")
    assert ping(client, "registry.test:5000") == 200
    assert ping(client, "localhost") == 421


@pytest.mark.parametrize("host", ["containers.ghes.test", "CONTAINERS.ghes.test.:8443", "containers.ghes.test:443"])
def test_locations_and_challenges_are_at_the_host_that_was_asked(make_client: MakeClient, host: str) -> None:
    client = make_client("github-container,absolute_locations=true", hostname="ghes.test")
    headers = {"Host": host, **BEARER}
    location = client.post("/v2/octocat/a/blobs/uploads/", headers=headers).headers["Location"]
    assert location.startswith(f"http://{host.lower()}/v2/octocat/a/blobs/uploads/")
    refused = client.get("/v2/octocat/a/tags/list", headers={"Host": host, "Authorization": "Bearer"})
    fields = parse_dict_header(refused.headers["WWW-Authenticate"].partition(" ")[2])
    assert (fields["realm"], fields["service"]) == (f"http://{host}/token", host)


def test_a_proxy_is_obeyed_only_if_it_is_trusted(make_client: MakeClient) -> None:
    forwarded = {"X-Forwarded-Host": "docker.ghes.test", "X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7"}
    for trusted, status in [(False, 421), (True, 200)]:
        client = make_client("github-docker,absolute_locations=true", hostname="ghes.test", trust_proxy=trusted)
        assert ping(client, "inner.test", **forwarded) == status
    response = client.post("/v2/octocat/octo-app/a/blobs/uploads/", headers=forwarded)
    assert response.headers["Location"].startswith("https://docker.ghes.test/v2/")
    assert ping(client, "docker.ghes.test", **{"X-Forwarded-Host": "evil.test, docker.ghes.test"}) == 200
    assert ping(client, "docker.ghes.test", **{"X-Forwarded-Host": "docker.ghes.test, evil.test"}) == 421


@pytest.mark.parametrize("name", ["a b", "a/b", "user@a", "a\\b", "a:b:c"])
def test_a_trusted_proxy_that_says_nonsense_is_in_no_location(make_client: MakeClient, name: str) -> None:
    client = make_client("oci,absolute_locations=true", trust_proxy=True)
    headers = {"X-Forwarded-Host": name, "X-Forwarded-Proto": "javascript"}
    location = client.post("/v2/a/blobs/uploads/", headers=headers).headers["Location"]
    assert location.startswith("http://localhost:80/v2/a/")


def test_each_registry_has_a_storage_of_its_own(client: RegistryClient) -> None:
    name, content = "octocat/octo-app/image", b"content"
    for host, headers in (("docker.ghes.test", BASIC), ("containers.ghes.test", BEARER)):
        path, digest = f"/v2/{name}/blobs", Digest.of(content)
        at = {"Host": host, **headers}
        assert client.get(f"{path}/{digest}", headers=at).status_code == 404
        response = client.post(f"{path}/uploads/", query_string={"digest": digest}, data=content, headers=at)
        assert response.status_code == 201
    docker, container = client.registry.sites.all
    assert docker.storage is not container.storage
    client.registry.reset()
    assert docker.storage.repositories() == container.storage.repositories() == []


def test_each_registry_has_a_folder_of_its_own(tmp_path: Path, make_client: MakeClient) -> None:
    client = make_client(GITHUB, hostname="ghes.test", storage=f"directory:{tmp_path}")
    path = "/v2/octocat/octo-app/image/blobs/uploads/"
    client.post(
        path, query_string={"digest": Digest.of(b"x")}, data=b"x", headers={"Host": "docker.ghes.test", **BASIC}
    )
    assert {folder.name for folder in tmp_path.iterdir()} == set(GITHUB)
    assert list((tmp_path / "github-docker").rglob(Digest.of(b"x").encoded))
    assert not list((tmp_path / "github-container").rglob(Digest.of(b"x").encoded))


def test_registries_share_a_database_and_nothing_in_it(tmp_path: Path, make_client: MakeClient) -> None:
    client = make_client(GITHUB, hostname="ghes.test", storage=f"sqlite:{tmp_path}/x.db")
    path = "/v2/octocat/octo-app/image/blobs/uploads/"
    query = {"digest": Digest.of(b"x")}
    client.post(path, query_string=query, data=b"x", headers={"Host": "docker.ghes.test", **BASIC})
    docker, container = client.registry.sites.all
    assert docker.storage.repositories() == ["octocat/octo-app/image"]
    assert container.storage.repositories() == []
    assert {entry.name for entry in tmp_path.iterdir()} >= {"x.db", "x.db-content"}
    assert not list(tmp_path.rglob("github*"))


def test_the_tokens_of_one_registry_are_no_good_at_another(make_client: MakeClient) -> None:
    client = make_client(
        ["oci,auth=bearer,service=same,subdomain=a", "github-container,service=same"], hostname="x.test"
    )
    for issuer, other in (("a", "containers"), ("containers", "a")):
        at = {"Host": f"{issuer}.x.test", **BASIC}
        token = client.get("/token", headers=at).get_json()["token"]
        bearer = {"Authorization": f"Bearer {token}"}
        assert ping(client, f"{issuer}.x.test", **bearer) == 200
        assert ping(client, f"{other}.x.test", **bearer) == 401


def test_settings_are_those_of_one_registry(client: RegistryClient) -> None:
    client.registry.configure(registry="github-container", push=False)
    client.registry.configure(realm="first")
    docker, container = (site.dialect for site in client.registry.sites.all)
    assert (docker.push, container.push) == (True, False)
    assert (docker.realm, container.realm) == ("first", "fakereg")
    with pytest.raises(ValueError, match="registry must be github-docker or github-container, got 'oci'"):
        client.registry.configure(registry="oci", push=False)


def test_hosts_of_a_site_are_told_with_the_port_that_was_asked(client: RegistryClient) -> None:
    sites = client.registry.sites
    docker, container = sites.all
    request = client.get("/v2/", headers={"Host": "docker.ghes.test:5000"}).request
    assert sites.host(docker, request) == "docker.ghes.test:5000"
    assert sites.host(container, request) == "containers.ghes.test:5000"
    assert sites.host(None, request) == "ghes.test:5000"
    assert client.registry.github.site("container") is container
    assert client.registry.github.site("npm") is None


def test_a_token_server_has_nothing_but_tokens(make_client: MakeClient) -> None:
    client = make_client("oci,auth=bearer", tokens_only=True)
    client.authorization = ""
    assert client.get("/token", headers=BASIC).status_code == 200
    for path in ("/v2/", "/v2/a/tags/list", "/v2/_catalog"):
        response = client.get(path)
        assert response.status_code == 404
        assert "WWW-Authenticate" not in response.headers


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dialect": []}, "give at least one dialect, and no dialect twice"),
        ({"dialect": ["oci", "oci,subdomain=b"], "hostname": "x.test"}, "no dialect twice"),
        ({"dialect": [1]}, "dialect must be a Dialect, its text, or a list of these, got \\[1\\]"),
        ({"dialect": GITHUB}, "need a hostname"),
        ({"dialect": GITHUB, "hostname": "x.test", "storage": MemoryStorage()}, "given as text"),
        ({"dialect": ["oci", "oci-1.1"], "hostname": "x.test"}, "two registries would be at x.test"),
        ({"dialect": ["oci", "github-docker"], "hostname": "x.test", "subdomain_isolation": False}, "two registries"),
        ({"hostname": "x.test:5000"}, "hostname must be the name of a host, without a port, got 'x.test:5000'"),
        ({"hostname": "-x.test"}, "hostname must be the name of a host"),
        ({"hostname": "[::1]"}, "hostname must be the name of a host"),
        (
            {"hostname": "x.test", "dialect": "oci,subdomain=A"},
            "subdomain must be part of a host name, in lower case, got 'A'",
        ),
        ({"hostname": "x.test", "dialect": "oci,subdomain=a b"}, "subdomain must be .*, got 'a b'"),
        ({"unknown_host_status": 200}, "unknown_host_status must be 404 or 421, got 200"),
        ({"dialect": "oci,auth=bearer", "tokens_only": True, "hostname": "x.test"}, "give no hostname"),
        ({"control_secret": "short"}, "control_secret must be a text of at least 16 characters, got 5 characters"),
        ({"dialect": "oci,token_lifetime=5"}, "token_lifetime must be between 60 and 1000000000 seconds, got '5'"),
    ],
)
def test_what_cannot_be_served_is_refused_at_the_start(options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Registry(**options)


def test_storages_that_were_opened_are_closed_when_another_fails(tmp_path: Path) -> None:
    (tmp_path / "second").write_text("no folder")
    dialects = [Dialect(name="first", subdomain="a"), Dialect(name="second", subdomain="b")]
    with pytest.raises(Exception, match="second"):
        Registry(dialect=dialects, hostname="x.test", storage=f"directory:{tmp_path}")
    Registry(storage=f"directory:{tmp_path}/first").close()
