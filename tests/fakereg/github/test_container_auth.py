"""Authentication of the Container registry, row by row: anonymous tokens, junk, shortcuts, and what is denied."""

from __future__ import annotations

import base64

import pytest

from fakereg.clock import ManualClock
from fakereg.spec.names import Digest
from tests.fakereg.client import RegistryClient, codes, stored_package
from tests.fakereg.conftest import ALL_SCOPES, MakeClient
from tests.fakereg.credentials import CONTAINER, basic, bearer, challenge, publish


@pytest.fixture
def container(make_client: MakeClient) -> RegistryClient:
    client = make_client("github-container")
    client.push_image(CONTAINER, "1.0")
    client.authorization = ""
    return client


@pytest.mark.row("GHC-03")
def test_the_challenge_of_a_login_has_a_placeholder_for_scope(container: RegistryClient) -> None:
    for path in ("/v2/", "/v2/_catalog", f"/v2/{CONTAINER}"):
        response = container.get(path, headers={"Host": "containers.ghes.test"})
        assert (response.status_code, codes(response)) == (401, ["UNAUTHORIZED"])
        assert response.headers["WWW-Authenticate"] == (
            'Bearer realm="http://containers.ghes.test/token",service="containers.ghes.test",'
            'scope="repository:user/image:pull"'
        )


@pytest.mark.row("GHC-03")
def test_a_request_without_credentials_is_asked_for_them_even_for_public_content(container: RegistryClient) -> None:
    publish(container)
    for method, path, actions in [
        ("GET", "manifests/1.0", "pull"),
        ("GET", "tags/list", "pull"),
        ("POST", "blobs/uploads/", "pull,push"),
        ("PUT", "manifests/1.0", "pull,push"),
    ]:
        response = container.open(f"/v2/{CONTAINER}/{path}", method=method)
        assert response.status_code == 401
        assert response.get_json()["errors"] == [{"code": "UNAUTHORIZED", "message": "authentication required"}]
        _, fields = challenge(response)
        assert fields["scope"] == f"repository:{CONTAINER}:{actions}"
        assert "error" not in fields


@pytest.mark.row("GHC-04")
def test_a_public_image_is_pulled_with_an_anonymous_token(container: RegistryClient) -> None:
    publish(container)
    scope = f"repository:{CONTAINER}:pull"
    response = container.get("/token", query_string={"scope": scope})
    assert response.status_code == 200
    headers = {"Authorization": f"Bearer {response.get_json()['token']}"}
    assert container.get(f"/v2/{CONTAINER}/manifests/1.0", headers=headers).status_code == 200
    refused = container.post(f"/v2/{CONTAINER}/blobs/uploads/", headers=headers)
    assert (refused.status_code, codes(refused)) == (401, ["UNAUTHORIZED"])
    publish(container, visibility="private")
    assert container.get(f"/v2/{CONTAINER}/manifests/1.0", headers=headers).status_code == 401
    for name in (CONTAINER, "octocat/missing", "nobody/missing"):
        response = container.get("/token", query_string={"scope": f"repository:{name}:pull"})
        assert response.status_code == 401
        assert response.get_json()["errors"] == [{"code": "UNAUTHORIZED", "message": "authentication required"}]


@pytest.mark.row("GHC-04")
@pytest.mark.parametrize("actions", ["pull,push", "push", "*", "pull,delete"])
@pytest.mark.parametrize("visibility", ["public", "private"])
def test_nobody_gets_a_token_to_push_and_is_told_so_in_other_words(
    container: RegistryClient, actions: str, visibility: str
) -> None:
    publish(container, visibility=visibility)
    query = {"scope": [f"repository:{CONTAINER}:pull", f"repository:octocat/{visibility}:{actions}"]}
    response = container.get("/token", query_string=query)
    message = "unauthenticated: User cannot be authenticated with the token provided."
    assert response.status_code == 401
    assert response.get_json()["errors"] == [{"code": "UNAUTHORIZED", "message": message}]
    container.registry.configure(anonymous_token_refusal=403)
    response = container.get("/token", query_string=query)
    assert response.status_code == 403
    assert response.get_json()["errors"] == [{"code": "DENIED", "message": message}]
    assert "WWW-Authenticate" not in response.headers
    container.registry.configure(anonymous_push_text="")
    response = container.get("/token", query_string=query)
    assert response.get_json()["errors"] == [{"code": "DENIED", "message": "authentication required"}]


@pytest.mark.row("GHC-04")
@pytest.mark.parametrize("value", ["QQ==", "junk", "a.b.c", "é", base64.b64encode(b"octocat:ghp_no").decode()])
def test_any_junk_passes_for_a_token_of_nobody(container: RegistryClient, value: str) -> None:
    headers = {"Authorization": f"Bearer {value}"}
    response = container.get(f"/v2/{CONTAINER}/manifests/1.0", headers=headers)
    message = "unauthenticated: User cannot be authenticated with the token provided."
    assert response.status_code == 401
    assert response.get_json()["errors"] == [{"code": "UNAUTHORIZED", "message": message}]
    assert challenge(response)[1]["error"] == "invalid_token"
    assert container.get("/v2/", headers=headers).status_code == 401
    publish(container)
    assert container.get(f"/v2/{CONTAINER}/manifests/1.0", headers=headers).status_code == 200
    assert container.post(f"/v2/{CONTAINER}/blobs/uploads/", headers=headers).status_code == 401


@pytest.mark.row("GHC-03")
@pytest.mark.parametrize("value", ["Bearer", "Bearer ", "Bearer  ", "Token x", "x"])
def test_no_token_at_all_is_not_junk(container: RegistryClient, value: str) -> None:
    publish(container)
    response = container.get(f"/v2/{CONTAINER}/manifests/1.0", headers={"Authorization": value})
    assert response.status_code == 401
    assert response.get_json()["errors"][0]["message"] == "authentication token not provided"


@pytest.mark.row("GHC-03")
def test_basic_is_denied_without_a_challenge(container: RegistryClient) -> None:
    publish(container)
    for path in ("/v2/", f"/v2/{CONTAINER}/manifests/1.0"):
        response = container.get(path, headers=basic("octocat", ALL_SCOPES))
        assert response.status_code == 403
        assert response.get_json() == {"errors": [{"code": "DENIED", "message": "invalid token"}]}
        assert "WWW-Authenticate" not in response.headers


@pytest.mark.row("GHC-03")
@pytest.mark.parametrize("plain", [ALL_SCOPES, f"octocat:{ALL_SCOPES}", f"OctoCat:{ALL_SCOPES}"])
def test_credentials_in_base64_pass_for_a_token(container: RegistryClient, plain: str) -> None:
    headers = {"Authorization": "bearer  " + base64.b64encode(plain.encode()).decode()}
    assert container.get("/v2/", headers=headers).status_code == 200
    assert container.get(f"/v2/{CONTAINER}/manifests/1.0", headers=headers).status_code == 200


@pytest.mark.parametrize("plain", [f"hubot:{ALL_SCOPES}", f":{ALL_SCOPES}", "octocat:octocat-password", "octocat"])
def test_other_credentials_in_base64_do_not(container: RegistryClient, plain: str) -> None:
    headers = {"Authorization": "Bearer " + base64.b64encode(plain.encode()).decode()}
    assert container.get("/v2/", headers=headers).status_code == 401
    container.registry.configure(bearer_credentials=False)
    good = {"Authorization": "Bearer " + base64.b64encode(f"octocat:{ALL_SCOPES}".encode()).decode()}
    assert container.get("/v2/", headers=good).status_code == 401


@pytest.mark.row("GHC-05")
def test_a_missing_right_is_denied_with_its_name(container: RegistryClient) -> None:
    publish(container)
    hubot = container.registry.accounts.add_classic_token("hubot", ["read:packages", "write:packages"])
    shortcut = {"Authorization": "Bearer " + base64.b64encode(hubot.encode()).decode()}
    for method, path, verb in [("POST", "blobs/uploads/", "write"), ("PUT", "manifests/2.0", "write")]:
        response = container.open(f"/v2/{CONTAINER}/{path}", method=method, headers=shortcut)
        assert response.status_code == 403
        assert response.get_json()["errors"] == [{"code": "DENIED", "message": f"permission_denied: {verb}_package"}]
        assert "WWW-Authenticate" not in response.headers
    publish(container, visibility="private")
    response = container.get(f"/v2/{CONTAINER}/manifests/1.0", headers=shortcut)
    assert response.get_json()["errors"] == [{"code": "DENIED", "message": "permission_denied: read_package"}]
    head = container.head(f"/v2/{CONTAINER}/blobs/{Digest.of(b'layer')}", headers=shortcut)
    assert (head.status_code, head.data) == (403, b"")


@pytest.mark.row("GHC-14")
def test_a_github_token_without_the_permission_is_told_what_it_may_not_do(container: RegistryClient) -> None:
    accounts = container.registry.accounts
    secret = accounts.add_actions_token("octocat/octo-app", packages="read")
    headers = {"Authorization": "Bearer " + base64.b64encode(secret.encode()).decode()}

    def message(name: str) -> str:
        response = container.post(f"/v2/{name}/blobs/uploads/", headers=headers)
        assert (response.status_code, codes(response)) == (403, ["DENIED"])
        return str(response.get_json()["errors"][0]["message"])

    create, write = (f"installation not allowed to {verb} organization package" for verb in ("Create", "Write"))
    assert message("octocat/new") == create
    publish(container, "octocat/connected", "private", "octocat/octo-app")
    assert message("octocat/connected") == write
    publish(container, "octocat/elsewhere", "private")
    assert message("octocat/elsewhere") == create  # it does not learn that there is such a package
    publish(container, "octocat/open", "public")
    assert message("octocat/open") == write


@pytest.mark.row("GHC-14")
def test_a_github_token_does_not_push_what_is_not_connected_to_its_repository(container: RegistryClient) -> None:
    secret = container.registry.accounts.add_actions_token("octocat/octo-app")
    headers = {"Authorization": "Bearer " + base64.b64encode(secret.encode()).decode()}
    assert container.post("/v2/octocat/new/blobs/uploads/", headers=headers).status_code == 202
    publish(container, "octocat/connected", "private", "octocat/octo-app")
    assert container.post("/v2/octocat/connected/blobs/uploads/", headers=headers).status_code == 202
    publish(container, "octocat/other", "private", "octocat/hello-world")
    response = container.post("/v2/octocat/other/blobs/uploads/", headers=headers)
    assert response.status_code == 403
    assert response.get_json()["errors"][0]["message"] == "permission_denied: write_package"


# Bearer tokens on resources.


def test_a_token_is_good_for_what_it_names_alone(container: RegistryClient) -> None:
    publish(container, visibility="private")
    headers = bearer(container, ALL_SCOPES, f"repository:{CONTAINER}:pull")
    assert container.get(f"/v2/{CONTAINER}/tags/list", headers=headers).status_code == 200
    for method, path, scope in [
        ("POST", f"{CONTAINER}/blobs/uploads/", f"repository:{CONTAINER}:pull,push"),
        ("GET", "octocat/other/tags/list", "repository:octocat/other:pull"),
    ]:
        response = container.open(f"/v2/{path}", method=method, headers=headers)
        assert response.status_code == 401
        _, fields = challenge(response)
        assert (fields["error"], fields["scope"]) == ("insufficient_scope", scope)


@pytest.mark.parametrize("value", ["junk", ""])
@pytest.mark.parametrize("dialect", ["github-container", "oci,auth=bearer"])
def test_a_token_that_does_not_count_is_told_what_the_next_one_needs(
    make_client: MakeClient, dialect: str, value: str
) -> None:
    client = make_client(dialect)
    headers = {"Authorization": f"Bearer {value}"}
    for method, path, scope in (
        ("GET", f"{CONTAINER}/tags/list", f"repository:{CONTAINER}:pull"),
        ("POST", f"{CONTAINER}/blobs/uploads/", f"repository:{CONTAINER}:pull,push"),
    ):
        response = client.open(f"/v2/{path}", method=method, headers=headers)
        assert response.status_code == 401
        assert challenge(response)[1]["scope"] == scope
    client.registry.configure(catalog=True)
    response = client.get("/v2/_catalog", headers=headers)
    assert challenge(response)[1]["scope"] == "registry:catalog:*"


def test_a_token_of_another_host_is_invalid(container: RegistryClient) -> None:
    headers = bearer(container, ALL_SCOPES, f"repository:{CONTAINER}:pull", Host="one.test")
    path = f"/v2/{CONTAINER}/tags/list"
    assert container.get(path, headers={**headers, "Host": "one.test"}).status_code == 200
    response = container.get(path, headers={**headers, "Host": "two.test"})
    assert response.status_code == 401
    _, fields = challenge(response)
    assert fields["error"] == "invalid_token"
    assert fields["error_description"] == "token for another audience"
    assert fields["service"] == "two.test"


def test_a_token_ends_with_its_time(container: RegistryClient, clock: ManualClock) -> None:
    headers = bearer(container, ALL_SCOPES, f"repository:{CONTAINER}:pull")
    clock.advance(299)
    assert container.get(f"/v2/{CONTAINER}/tags/list", headers=headers).status_code == 200
    clock.advance(2)
    response = container.get(f"/v2/{CONTAINER}/tags/list", headers=headers)
    assert response.status_code == 401
    assert challenge(response)[1]["error_description"] == "token expired"


def test_a_token_ends_with_what_it_was_made_for(container: RegistryClient, clock: ManualClock) -> None:
    accounts = container.registry.accounts
    publish(container, visibility="private")
    path = f"/v2/{CONTAINER}/tags/list"
    revoked = accounts.add_classic_token("octocat", ["read:packages"])
    expiring = accounts.add_classic_token("octocat", ["read:packages"], expires=clock() + 60)
    headers = [bearer(container, secret, f"repository:{CONTAINER}:pull") for secret in (revoked, expiring)]
    assert [container.get(path, headers=each).status_code for each in headers] == [200, 200]
    accounts.revoke(revoked)
    assert [container.get(path, headers=each).status_code for each in headers] == [401, 200]
    clock.advance(60)
    assert [container.get(path, headers=each).status_code for each in headers] == [401, 401]
    response = container.get(path, headers=headers[0])
    assert challenge(response)[1]["error_description"] == "the credentials behind the token are not valid any more"


def test_a_token_gives_no_more_than_its_user_has_now(container: RegistryClient) -> None:
    stored_package(container.registry, CONTAINER, roles={"hubot": "write"})
    hubot = container.registry.accounts.add_classic_token("hubot", ["read:packages", "write:packages"])
    scope = {"scope": f"repository:{CONTAINER}:pull,push"}
    token = container.get("/token", query_string=scope, headers=basic("hubot", hubot)).get_json()["token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert container.post(f"/v2/{CONTAINER}/blobs/uploads/", headers=headers).status_code == 202
    container.registry.github.change_package(CONTAINER, roles={"hubot": "read"})
    assert container.post(f"/v2/{CONTAINER}/blobs/uploads/", headers=headers).status_code == 403
    assert container.get(f"/v2/{CONTAINER}/tags/list", headers=headers).status_code == 200
