"""What is not one's to read does not show: not by a mount, a namespace, a catalog, nor by a refusal."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from werkzeug.test import TestResponse
from werkzeug.wrappers import Request

from fakereg import routes
from fakereg.auth.caller import DELETE, PULL, PUSH
from fakereg.auth.scopes import Access
from fakereg.http import authorization
from fakereg.http.call import Call
from fakereg.spec.names import Digest, Name
from tests.fakereg.client import RegistryClient, stored_package
from tests.fakereg.conftest import MakeClient

CONTENT = b"a layer of somebody else"
DIGEST, MISSING = Digest.of(CONTENT), Digest.of(b"in no repository")
PLAIN = {"rights": "repository", "mount": "true", "anonymous_mount": "true", "namespaces": "true", "catalog": "true"}


def shown(response: TestResponse) -> Any:
    """All of an answer but what is new each time."""
    headers = dict(response.headers)
    for name in ("Location", "Docker-Upload-UUID"):
        headers.pop(name, None)
    return response.status_code, headers, response.data


@pytest.fixture(params=["basic", "bearer"])
def client(make_client: MakeClient, request: pytest.FixtureRequest) -> RegistryClient:
    """A registry where mona may push to her own repository, read another and see nothing of a third."""
    settings = ",".join(f"{name}={value}" for name, value in PLAIN.items())
    made = make_client(f"oci,auth={request.param},{settings},bearer_credentials=true")
    accounts = made.registry.accounts
    accounts.add_user("mona", password="mona-password")
    accounts.add_repository("mona/own")
    accounts.add_repository("octocat/readable", roles={"mona": "read"})
    accounts.add_repository("octocat/secret")
    for owner, name in [("octocat", "octocat/readable/a"), ("octocat", "octocat/secret/a"), ("mona", "mona/own/a")]:
        made.login(owner, "octocat-password" if owner == "octocat" else "mona-password")
        made.push_blob(name, name.encode())
    made.login("octocat", "octocat-password")
    made.push_blob("octocat/secret/a", CONTENT)
    made.login("mona", "mona-password")
    return made


def mount(client: RegistryClient, blob: str, **parameters: str) -> TestResponse:
    return client.post("/v2/mona/own/a/blobs/uploads/", query_string={"mount": blob, **parameters})


def test_a_mount_of_what_one_may_not_read_looks_like_one_of_nothing(client: RegistryClient) -> None:
    nothing = mount(client, MISSING, **{"from": "mona/own/a"})
    assert nothing.status_code == 202
    for parameters in ({"from": "octocat/secret/a"}, {"from": "octocat/no/a"}, {}):
        assert shown(mount(client, DIGEST, **parameters)) == shown(nothing)
    assert client.head(f"/v2/mona/own/a/blobs/{DIGEST}").status_code == 404
    readable = Digest.of(b"octocat/readable/a")
    assert mount(client, readable, **{"from": "octocat/readable/a"}).status_code == 201


def test_a_mount_from_anywhere_is_one_from_what_may_be_read(client: RegistryClient) -> None:
    assert mount(client, Digest.of(b"octocat/secret/a")).status_code == 202
    assert mount(client, Digest.of(b"octocat/readable/a")).status_code == 201


def test_a_single_post_behind_a_mount_is_no_way_in(client: RegistryClient) -> None:
    response = mount(client, DIGEST, **{"from": "octocat/secret/a", "digest": DIGEST})
    assert response.status_code == 400  # it has no content, so it is not the blob
    assert client.head(f"/v2/mona/own/a/blobs/{DIGEST}").status_code == 404


def test_a_mount_needs_its_source_in_the_token(make_client: MakeClient) -> None:
    client = make_client("oci,auth=bearer,anonymous_mount=true")
    client.authorization = ""
    basic = {"Authorization": "Basic " + base64.b64encode(b"octocat:octocat-password").decode()}

    def bearer(*names: str) -> dict[str, str]:
        scope = " ".join(f"repository:{name}:pull,push" for name in names)
        token = client.get("/token", query_string={"scope": scope}, headers=basic).get_json()["token"]
        return {"Authorization": f"Bearer {token}"}

    upload = {"digest": DIGEST}
    pushed = client.post("/v2/source/blobs/uploads/", query_string=upload, data=CONTENT, headers=bearer("source"))
    assert pushed.status_code == 201
    for query in ({"mount": DIGEST, "from": "source"}, {"mount": DIGEST}):
        for names, status in [(["target"], 202), (["target", "source"], 201)]:
            response = client.post("/v2/target/blobs/uploads/", query_string=query, headers=bearer(*names))
            assert response.status_code == status, (query, names)
        client.registry.storage.delete_blob(Name("target"), DIGEST)


@pytest.mark.parametrize("path", [f"blobs/{DIGEST}", "tags/list", "manifests/v1", f"referrers/{DIGEST}"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_namespace_is_no_way_in(client: RegistryClient, path: str, method: str) -> None:
    """`?ns=octocat` on secret/a asks for octocat/secret/a."""
    client.registry.accounts.add_organization("secret", owners=["mona"])
    client.registry.accounts.add_repository("secret/a")
    client.registry.accounts.add_organization("readable", owners=["mona"])
    client.registry.accounts.add_repository("readable/a")
    for namespace in ("octocat", "../octocat", "octocat/secret/a?"):
        with_it, without = (
            client.open(f"/v2/secret/a/{path}", method=method, query_string=query) for query in ({"ns": namespace}, {})
        )
        assert shown(with_it) == shown(without)
    blob = f"/v2/readable/a/blobs/{Digest.of(b'octocat/readable/a')}"
    assert client.get(blob, query_string={"ns": "octocat"}).headers["OCI-Namespace"] == "octocat"
    assert (
        client.get(
            f"/v2/octocat/secret/a/{path.replace('referrers', 'blobs')}", query_string={"ns": "mona"}
        ).status_code
        == 401
    )


def test_a_catalog_shows_what_may_be_pulled(client: RegistryClient) -> None:
    assert client.get("/v2/_catalog").get_json() == {"repositories": ["mona/own/a", "octocat/readable/a"]}
    first = client.get("/v2/_catalog?n=1")
    assert first.get_json() == {"repositories": ["mona/own/a"]}
    client.login("octocat", "octocat-password")
    names = ["octocat/readable/a", "octocat/secret/a"]
    assert client.get("/v2/_catalog").get_json() == {"repositories": names}
    client.authorization = ""
    assert client.get("/v2/_catalog").status_code == 401


@pytest.mark.parametrize(
    ("scope", "status"), [("registry:catalog:*", 200), ("registry:catalog:pull", 401), ("repository:a:*", 401)]
)
def test_a_catalog_wants_its_scope(make_client: MakeClient, scope: str, status: int) -> None:
    client = make_client("oci,auth=bearer,bearer_credentials=true")
    client.push_blob("a", b"x")
    basic = client.authorization.replace("Bearer", "Basic")
    client.authorization = ""
    token = client.get("/token", query_string={"scope": scope}, headers={"Authorization": basic}).get_json()["token"]
    response = client.get("/v2/_catalog", headers={"Authorization": f"Bearer {token}"})
    assert response.status_code == status
    if status == 401:
        assert 'scope="registry:catalog:*",error="insufficient_scope"' in response.headers["WWW-Authenticate"]
    assert client.get("/v2/_catalog").status_code == 401


def test_a_catalog_wants_every_action_in_a_token_of_whoever_made_it(make_client: MakeClient) -> None:
    client = make_client("oci,auth=bearer")
    for actions, status in [({"pull"}, 401), ({"*"}, 200)]:
        access = [Access("registry", "catalog", frozenset(actions))]
        issued = client.registry.sites.all[0].tokens.issue(
            subject="user:octocat", name="octocat", service="localhost", access=access
        )
        response = client.get("/v2/_catalog", headers={"Authorization": f"Bearer {issued.token}"})
        assert response.status_code == status


@pytest.mark.parametrize("anonymous", [True, False])
def test_nobody_sees_the_catalog_where_everybody_pulls(make_client: MakeClient, anonymous: bool) -> None:
    client = make_client(f"oci,auth=basic,anonymous_pull={anonymous}")
    client.push_blob("a", b"x")
    client.authorization = ""
    assert client.get("/v2/_catalog").status_code == (200 if anonymous else 401)
    assert client.get("/v2/").status_code == (200 if anonymous else 401)
    assert client.get(f"/v2/a/blobs/{Digest.of(b'x')}").status_code == (200 if anonymous else 401)
    assert client.post("/v2/a/blobs/uploads/").status_code == 401


@pytest.mark.parametrize("dialect", ["github-docker", "github-container"])
def test_a_refusal_is_the_same_for_what_is_there_and_what_is_not(make_client: MakeClient, dialect: str) -> None:
    client = make_client(dialect)
    there, missing = "octocat/octo-app/there", "octocat/octo-app/missing"
    client.push_blob(there, CONTENT)
    upload = client.start(there)
    if dialect == "github-container":
        stored_package(client.registry, there)
    actions = client.registry.accounts.add_actions_token("octocat/hello-world", packages="none")
    hubot = client.registry.accounts.add_classic_token("hubot", ["read:packages", "write:packages", "delete:packages"])
    for user, secret in [("hubot", hubot), ("x", actions)]:
        client.login(user, secret)
        for method, path in [
            ("GET", "tags/list"),
            ("GET", "manifests/v1"),
            ("PUT", "manifests/v1"),
            ("GET", f"blobs/{DIGEST}"),
            ("HEAD", f"blobs/{DIGEST}"),
            ("DELETE", f"blobs/{DIGEST}"),
            ("POST", "blobs/uploads/"),
            ("GET", "/".join(upload.split("/")[-3:])),
            ("PATCH", "/".join(upload.split("/")[-3:])),
        ]:
            answers = [client.open(f"/v2/{name}/{path}", method=method) for name in (there, missing)]
            assert answers[0].status_code in {401, 403, 405}
            assert shown(answers[0]) == shown(answers[1]), (method, path)


def test_every_endpoint_of_the_registry_asks_what_its_caller_may_do() -> None:
    """All but the token endpoint and the control API, which ask for themselves, and what says nothing of a registry."""
    resources = {name: value for name, value in vars(routes).items() if isinstance(value, routes.Resource)}
    wanted = {authorization.LOGIN, authorization.CATALOG, PULL, PUSH, DELETE}
    for name in resources.keys() - {"CONTROL_TOKEN", "TOKEN", "REDIRECT", "ROOT"}:
        endpoints = [*resources[name].endpoints.values(), resources[name].others]
        assert {endpoint.action for endpoint in endpoints if endpoint} <= wanted, name


@pytest.mark.parametrize("action", [PULL, PUSH, DELETE])
def test_an_endpoint_that_names_no_repository_is_no_way_in(make_client: MakeClient, action: str) -> None:
    registry = make_client("oci,auth=basic").registry
    site = registry.sites.all[0]
    with pytest.raises(ValueError, match="needs a repository"):
        authorization.authorize(Call(Request({}), site, site.dialect, site, registry), action, None)
