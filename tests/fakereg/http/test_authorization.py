"""Challenges and what is sent in answer to them: Basic, Bearer, and everything that is neither."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakereg import Registry
from fakereg.auth.sample import SAMPLE_TOKENS
from fakereg.spec.names import Digest
from tests.fakereg.client import RegistryClient, codes
from tests.fakereg.conftest import ALL_SCOPES, MakeClient
from tests.fakereg.credentials import basic, challenge

NONE, READ, WRITE, _, _ = SAMPLE_TOKENS.values()
DOCKER = "octocat/octo-app/monalisa"
TEXT = (
    "Your request could not be authenticated by the GitHub Packages service. Please ensure your access token is valid "
    "and has the appropriate scopes configured."
)


@pytest.fixture
def docker(make_client: MakeClient) -> RegistryClient:
    client = make_client("github-docker")
    client.authorization = ""
    return client


@pytest.mark.row("GHD-20")
@pytest.mark.parametrize(
    "path", [f"{DOCKER}/tags/list", f"{DOCKER}/manifests/1.0", "a", "A/b/c/tags/list", "_catalog", "a/tags/list"]
)
def test_the_docker_registry_tells_nothing_to_whom_it_does_not_know(docker: RegistryClient, path: str) -> None:
    for headers in ({}, basic("octocat", "ghp_wrong"), basic("octocat", "octocat-password"), {"Authorization": "?"}):
        response = docker.get(f"/v2/{path}", headers=headers)
        assert response.status_code == 401
        assert response.headers["Content-Type"] == "application/json"
        assert response.get_json() == {"errors": [{"code": "UNAUTHORIZED", "message": TEXT}]}
        assert challenge(response) == ("Basic", {"realm": "GitHub Package Registry"})


@pytest.mark.row("GHD-29")
def test_login_seems_to_succeed_with_any_secret(docker: RegistryClient) -> None:
    assert docker.get("/v2/").status_code == 401
    wrong = basic("octocat", "octocat-password")
    assert docker.get("/v2/", headers=wrong).status_code == 200
    assert docker.get(f"/v2/{DOCKER}/manifests/1.0", headers=wrong).status_code == 401
    docker.registry.configure(login_check=True)
    assert docker.get("/v2/", headers=wrong).status_code == 401
    assert docker.get("/v2/", headers=basic("octocat", READ)).status_code == 200


@pytest.mark.row("GHD-12")
def test_a_github_token_does_not_install_from_another_private_repository_but_a_personal_token_does(
    docker: RegistryClient,
) -> None:
    accounts, name = docker.registry.accounts, "octocat/other/image"
    accounts.add_repository("octocat/other")
    docker.authorization = basic("octocat", ALL_SCOPES)["Authorization"]
    docker.push_blob(name, b"layer")
    path = f"/v2/{name}/blobs/{Digest.of(b'layer')}"
    actions = accounts.add_actions_token("octocat/octo-app")
    assert docker.get(path, headers=basic("octocat", actions)).status_code == 401
    assert docker.get(path, headers=basic("octocat", READ)).status_code == 200


@pytest.mark.parametrize(("status", "code"), [(401, "UNAUTHORIZED"), (403, "DENIED"), (404, "NAME_UNKNOWN")])
def test_who_lacks_a_right_is_told_so_as_the_dialect_has_it(docker: RegistryClient, status: int, code: str) -> None:
    docker.registry.configure(denial_refusal=status)
    docker.authorization = basic("octocat", ALL_SCOPES)["Authorization"]
    docker.push_blob(DOCKER, b"layer")
    stranger = basic("hubot", docker.registry.accounts.add_classic_token("hubot", ["read:packages"]))
    missing = "octocat/no/image"
    answers = {name: docker.get(f"/v2/{name}/tags/list", headers=stranger).text for name in (DOCKER, missing)}
    assert answers[DOCKER].replace(DOCKER, missing) == answers[missing]
    response = docker.get(f"/v2/{DOCKER}/tags/list", headers=stranger)
    assert (response.status_code, codes(response)) == (status, [code])
    if status == 404:  # docker would try again for a minute without the detail
        owner = basic("octocat", ALL_SCOPES)
        assert response.get_json()["errors"][0]["detail"] == {"name": DOCKER}
        assert docker.get(f"/v2/{missing}/tags/list", headers=owner).text == answers[missing]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_refusals_have_no_body_for_head(docker: RegistryClient, method: str) -> None:
    response = docker.open(f"/v2/{DOCKER}/blobs/{Digest.of(b'')}", method=method)
    assert response.status_code == 401
    assert bool(response.data) == (method == "GET")


# What a challenge says, whatever it is made of.


def test_a_challenge_quotes_what_it_is_made_of(make_client: MakeClient) -> None:
    client = make_client('oci,auth=basic,realm=a "quoted\\" realm')
    client.authorization = ""
    response = client.get("/v2/")
    assert response.headers["WWW-Authenticate"] == r'Basic realm="a \"quoted\\\" realm"'
    client.registry.configure(auth="bearer", service='s"x', token_url='https://t/"')
    value = client.get("/v2/").headers["WWW-Authenticate"]
    assert value == r'Bearer realm="https://t/\"",service="s\"x"'


@pytest.mark.parametrize("host", ['a"b', "a b", "a/b", "user:secret@a", "a:b", "[::1", "é", "a:123456", "a,b", "a\\b"])
def test_a_host_that_cannot_be_is_in_no_challenge_and_no_location(make_client: MakeClient, host: str) -> None:
    client = make_client("oci,auth=bearer,absolute_locations=true,bearer_credentials=true")
    refused = client.get("/v2/", headers={"Host": host, "Authorization": "Bearer"})
    assert challenge(refused)[1] == {"realm": "http://localhost:80/token", "service": "localhost:80"}
    created = client.post("/v2/a/blobs/uploads/", headers={"Host": host})
    assert created.headers["Location"].startswith("http://localhost:80/v2/a/")


@pytest.mark.parametrize("name", ["realm", "service", "token_url", "ping_scope"])
@pytest.mark.parametrize("value", ["a\nb", "a\r\nSet-Cookie: x", "é", "\x00"])
def test_what_no_header_can_hold_is_no_setting(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be printable ASCII"):
        Registry(dialect="oci").configure(**{name: value})


# Whatever is sent.

_CREDENTIALS = st.one_of(
    st.text(st.characters(max_codepoint=255, blacklist_characters="\r\n\0"), max_size=60),
    st.binary(max_size=40).map(lambda raw: base64.b64encode(raw).decode()),
    st.text(max_size=20).map(lambda text: base64.b64encode(text.encode("utf-8", "surrogatepass")).decode()),
    st.sampled_from(["a*=UTF-8''%ff", 'username="\\', "a=b, a=c", "." * 100, "e30.e30.e30", "x" * 40_000]),
)
_DIALECTS = ["github-docker", "github-container", "oci,auth=bearer,token_format=ES256", "oci,auth=basic"]
_REGISTRIES = {dialect: Registry(dialect=dialect) for dialect in _DIALECTS}


@given(
    dialect=st.sampled_from(_DIALECTS),
    scheme=st.sampled_from(["Basic", "Bearer", "bearer", "BASIC", "Digest", "Negotiate", "", "é"]),
    credentials=_CREDENTIALS,
    path=st.sampled_from(["/v2/", "/v2/_catalog", "/token", f"/v2/{DOCKER}/tags/list", "/v2/a/b/blobs/uploads/"]),
    method=st.sampled_from(["GET", "HEAD", "POST", "PUT"]),
)
@settings(max_examples=400)
def test_whatever_credentials_are_sent_they_are_an_error_of_the_client(
    dialect: str, scheme: str, credentials: str, path: str, method: str
) -> None:
    environ: dict[str, Any] = {"HTTP_AUTHORIZATION": f"{scheme} {credentials}"}
    response = RegistryClient(_REGISTRIES[dialect]).open(path, method=method, environ_overrides=environ)
    expected = {200} if path == "/v2/" and dialect == "github-docker" else set()
    assert response.status_code in expected | {400, 401, 403, 404, 405}


def test_an_anonymous_token_is_told_that_it_grants_too_little(make_client: MakeClient) -> None:
    client = make_client("oci,auth=bearer,anonymous_pull=true")
    client.authorization = ""
    scope = "repository:team/app:pull,push"
    token = client.get(f"/token?scope={scope}").get_json()["token"]
    uploads = "/v2/team/app/blobs/uploads/"
    _, without = challenge(client.post(uploads))
    _, fields = challenge(client.post(uploads, headers={"Authorization": f"Bearer {token}"}))
    assert "error" not in without
    assert fields == {**without, "error": "insufficient_scope", "scope": scope}
