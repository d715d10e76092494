"""The token endpoint: Docker's GET, and OAuth's POST."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.http import parse_dict_header
from werkzeug.test import TestResponse

from fakereg import Registry
from fakereg.auth.sample import SAMPLE_TOKENS
from fakereg.auth.scopes import Access
from fakereg.auth.tokens import Grant
from fakereg.clock import ManualClock
from tests.fakereg.client import RegistryClient, codes, stored_package
from tests.fakereg.conftest import ALL_SCOPES, MakeClient

SERVICE, HOST = "registry.test", {"Host": "registry.test"}
READ = next(secret for scopes, secret in SAMPLE_TOKENS.items() if scopes == ("read:packages",))


@pytest.fixture
def client(make_client: MakeClient) -> RegistryClient:
    made = make_client("oci,auth=bearer,anonymous_pull=true")
    made.authorization = ""
    return made


@pytest.fixture
def container(make_client: MakeClient) -> RegistryClient:
    made = make_client("github-container")
    made.authorization = ""
    return made


def basic(user: str, secret: str) -> dict[str, str]:
    return {**HOST, "Authorization": "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()}


def grant(client: RegistryClient, response: TestResponse, *, service: str = SERVICE) -> Grant:
    """What the token in the answer says."""
    return client.registry.sites.all[0].tokens.verify(response.get_json()["access_token"], service=service)


def access(name: str, *actions: str) -> Access:
    return Access("repository", name, frozenset(actions))


def form(client: RegistryClient, **fields: str) -> TestResponse:
    return client.post("/token", data={"service": SERVICE, "client_id": "test", **fields})


def by_password(client: RegistryClient, **fields: str) -> TestResponse:
    return form(client, grant_type="password", username="octocat", password=ALL_SCOPES, **fields)


def test_a_token_has_what_was_asked_for_and_may_be_had(client: RegistryClient) -> None:
    query = {"service": SERVICE, "scope": "repository:a:pull,push repository:b:pull"}
    response = client.get("/token", query_string=query, headers=basic("octocat", READ))
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    document = response.get_json()
    assert document["token"] == document["access_token"]
    assert (document["expires_in"], document["issued_at"]) == (300, "1970-01-12T13:46:40Z")
    assert set(document) == {"token", "access_token", "expires_in", "issued_at"}
    assert grant(client, response).access == (access("a", "pull"), access("b", "pull"))


def test_scopes_come_in_one_parameter_or_in_several(client: RegistryClient) -> None:
    query = "scope=repository:a:pull&scope=repository:b:pull+repository:a:push&scope=registry:catalog:*"
    response = client.get("/token", query_string=query, headers=basic("octocat", ALL_SCOPES))
    catalog = Access("registry", "catalog", frozenset("*"))
    assert grant(client, response).access == (access("a", "pull", "push"), access("b", "pull"), catalog)


@pytest.mark.parametrize(
    ("scope", "granted"),
    [
        ("repository:a:*", access("a", "*")),
        ("repository:a:delete", access("a", "delete")),
        ("repository(plugin):a:pull", access("a", "pull")),
        ("repository:a:zap", access("a")),
        ("repository:a:", access("a")),
        ("plugin:a:pull", Access("plugin", "a", frozenset())),
        ("registry:catalog:pull", Access("registry", "catalog", frozenset())),
        ("registry:other:*", Access("registry", "other", frozenset())),
        ("repository:Host.test:5000/a:pull", Access("repository", "Host.test:5000/a", frozenset())),
        ("repository:" + "a" * 300 + ":pull", Access("repository", "a" * 300, frozenset())),
    ],
)
def test_what_nobody_can_have_is_granted_without_actions(client: RegistryClient, scope: str, granted: Access) -> None:
    response = client.get("/token", query_string={"scope": scope}, headers=basic("octocat", ALL_SCOPES))
    assert grant(client, response).access == (granted,)


def test_nobody_gets_a_token_too(client: RegistryClient) -> None:
    response = client.get("/token", query_string={"scope": "repository:a:pull,push"}, headers=HOST)
    assert grant(client, response).access == (access("a", "pull"),)
    assert grant(client, response).subject == ""


@pytest.mark.row("GHC-04")
def test_the_container_registry_refuses_nobody_what_needs_credentials(container: RegistryClient) -> None:
    stored_package(container.registry, "octocat/open", visibility="public")
    for scope, status in [
        ("repository:octocat/open:pull", 200),
        ("repository:octocat/open:pull,push", 401),
        ("repository:octocat/open:pull repository:octocat/private:pull", 401),
        ("repository:user/image:pull", 401),
        ("", 200),
    ]:
        response = container.get("/token", query_string={"scope": scope}, headers=HOST)
        assert response.status_code == status, scope
        if status == 401:
            assert codes(response) == ["UNAUTHORIZED"]
            fields = parse_dict_header(response.headers["WWW-Authenticate"].partition(" ")[2])
            assert fields == {"realm": f"http://{SERVICE}/token", "service": SERVICE, "scope": scope}


def test_whoever_may_do_less_gets_a_token_for_less(container: RegistryClient) -> None:
    query = {"scope": "repository:octocat/new:pull,push repository:hubot/new:pull,push"}
    response = container.get("/token", query_string=query, headers=basic("octocat", ALL_SCOPES))
    assert grant(container, response).access == (access("octocat/new", "pull", "push"), access("hubot/new"))


@pytest.mark.parametrize(
    "authorization",
    ["Basic", "Basic !", "Basic " + base64.b64encode(b"\xff:x").decode(), "Bearer x", "x", "Basic b2N0b2NhdA=="],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_credentials_that_do_not_count_are_refused_even_for_public_content(
    client: RegistryClient, container: RegistryClient, authorization: str, method: str
) -> None:
    headers = {**HOST, "Authorization": authorization}
    response = client.open("/token", method=method, headers=headers)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Basic realm="fakereg"'
    denied = container.open("/token", method=method, headers=headers)
    assert denied.status_code == 403
    assert "WWW-Authenticate" not in denied.headers
    if method == "GET":
        assert denied.get_json() == {"errors": [{"code": "DENIED", "message": "denied"}]}


def test_the_service_is_the_host_that_was_asked_unless_it_is_named(client: RegistryClient) -> None:
    for query, service in [({}, SERVICE), ({"service": ""}, SERVICE), ({"service": "other"}, "other")]:
        grant(client, client.get("/token", query_string=query, headers=HOST), service=service)
    client.registry.configure(service="fixed")
    grant(client, client.get("/token", headers=HOST), service="fixed")


@pytest.mark.parametrize(
    "query",
    [
        {"scope": "repository"},
        {"scope": "repository:A:pull"},
        {"scope": "repository:a:PULL"},
        {"scope": " ".join(f"repository:a{n}:pull" for n in range(101))},
        {"scope": "repository:" + "a" * 8192 + ":pull"},
        {"service": "x" * 256},
    ],
)
def test_questions_that_cannot_be_understood_are_400(client: RegistryClient, query: dict[str, str]) -> None:
    response = client.get("/token", query_string=query)
    assert (response.status_code, codes(response)) == (400, ["UNSUPPORTED"])
    response = by_password(client, **query)
    assert (response.status_code, codes(response)) == (400, ["UNSUPPORTED"])


def test_other_methods_and_other_dialects_have_no_token_endpoint(client: RegistryClient) -> None:
    response = client.put("/token")
    assert (response.status_code, response.headers["Allow"]) == (405, "GET, HEAD, POST")
    assert client.get("/token/").status_code == 404
    client.registry.configure(auth="basic")
    assert client.get("/token").status_code == 404


# OAuth.


def test_a_password_gets_a_token_by_post(client: RegistryClient) -> None:
    response = by_password(client, scope="repository:a:push,pull repository:b:zap")
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    document = response.get_json()
    assert set(document) == {"access_token", "expires_in", "issued_at", "scope"}
    assert document["scope"] == "repository:a:pull,push repository:b:"
    assert grant(client, response).access == (access("a", "pull", "push"), access("b"))


def test_a_refresh_token_gets_more_tokens_and_stays_the_same(client: RegistryClient, clock: ManualClock) -> None:
    refresh = by_password(client, access_type="offline").get_json()["refresh_token"]
    clock.advance(10_000_000)
    for scope in ("repository:a:pull", "repository:b:push"):
        response = form(client, grant_type="refresh_token", refresh_token=refresh, scope=scope)
        assert response.get_json()["scope"] == scope
        assert "refresh_token" not in response.get_json()
    again = form(client, grant_type="refresh_token", refresh_token=refresh, access_type="offline")
    assert again.get_json()["refresh_token"] == refresh
    query = {"offline_token": "true"}
    other = client.get("/token", query_string=query, headers=basic("octocat", READ)).get_json()["refresh_token"]
    response = form(client, grant_type="refresh_token", refresh_token=other, scope="repository:a:pull,push")
    assert response.get_json()["scope"] == "repository:a:pull"


def test_a_refresh_token_ends_with_what_it_was_made_for(client: RegistryClient, clock: ManualClock) -> None:
    accounts = client.registry.accounts
    revoked = accounts.add_classic_token("octocat")
    expiring = accounts.add_classic_token("octocat", expires=clock() + 60)
    tokens = []
    for secret in (revoked, expiring):
        response = form(client, grant_type="password", username="octocat", password=secret, access_type="offline")
        tokens.append(response.get_json()["refresh_token"])
    accounts.revoke(revoked)
    for status in ([401, 200], [401, 401]):
        answers = [form(client, grant_type="refresh_token", refresh_token=token) for token in tokens]
        assert [answer.status_code for answer in answers] == status
        clock.advance(60)


def test_refresh_and_access_tokens_do_not_pass_for_each_other_or_elsewhere(client: RegistryClient) -> None:
    document = by_password(client, access_type="offline", scope="repository:a:pull").get_json()
    refresh, token = document["refresh_token"], document["access_token"]
    assert form(client, grant_type="refresh_token", refresh_token=token).status_code == 401
    assert form(client, grant_type="refresh_token", refresh_token=refresh, service="other").status_code == 401
    assert form(client, grant_type="refresh_token", refresh_token=refresh + "x").status_code == 401
    path = "/v2/a/tags/list"
    assert client.get(path, headers={**HOST, "Authorization": f"Bearer {refresh}"}).status_code == 401
    assert client.get(path, headers={**HOST, "Authorization": f"Bearer {token}"}).status_code == 404
    another = RegistryClient(Registry(dialect="oci,auth=bearer"))
    assert form(another, grant_type="refresh_token", refresh_token=refresh).status_code == 401


@pytest.mark.parametrize("missing", ["service", "client_id", "grant_type", "username", "password"])
@pytest.mark.parametrize("left_out", [True, False])
def test_every_required_field_is_required(client: RegistryClient, missing: str, left_out: bool) -> None:
    fields = {
        "service": SERVICE,
        "client_id": "test",
        "grant_type": "password",
        "username": "octocat",
        "password": ALL_SCOPES,
    }
    assert client.post("/token", data=fields).status_code == 200
    changed = {key: value for key, value in fields.items() if key != missing} if left_out else {**fields, missing: ""}
    response = client.post("/token", data=changed)
    assert response.status_code == 400
    assert response.get_json()["errors"][0]["message"] == f"the form must have a {missing}"


def test_a_refresh_needs_its_token(client: RegistryClient) -> None:
    response = form(client, grant_type="refresh_token")
    assert response.get_json()["errors"][0]["message"] == "the form must have a refresh_token"


@pytest.mark.parametrize("kind", ["authorization_code", "x" * 10_000, "é", "client_credentials"])
def test_another_grant_is_refused(client: RegistryClient, kind: str) -> None:
    response = form(client, grant_type=kind)
    assert (response.status_code, codes(response)) == (400, ["UNSUPPORTED"])
    assert len(response.data) < 1000


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"\xff\xfe", 400),
        (b"&".join([b"a=b"] * 101), 400),
        (b"{}", 400),
        (b"", 400),
        (b"x" * (64 * 1024), 400),
        (b"x" * (64 * 1024 + 1), 413),
        (b"grant_type=password&service=s&client_id=c&username=%ff%00&password=%ed%a0%80", 401),
    ],
)
def test_what_is_no_form_is_refused(client: RegistryClient, body: bytes, status: int) -> None:
    assert client.post("/token", data=body).status_code == status


def test_basic_credentials_do_not_help_a_form(client: RegistryClient) -> None:
    data = {"service": SERVICE, "client_id": "test", "grant_type": "password", "username": "octocat", "password": "no"}
    assert client.post("/token", data=data, headers=basic("octocat", ALL_SCOPES)).status_code == 401


_texts = st.text(max_size=30) | st.sampled_from(["repository:a:pull", "\ud800", "x" * 300, "9" * 400, "[" * 5000])
_fields = st.dictionaries(
    st.sampled_from(["service", "scope", "client_id", "grant_type", "username", "password", "refresh_token"]), _texts
)
_REGISTRIES = [Registry(dialect=text) for text in ("github-container", "oci,auth=bearer,token_format=RS256")]


@given(fields=_fields, more=_fields, number=st.integers(0, 1), body=st.binary(max_size=50) | st.none())
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_asked_it_is_answered(
    fields: dict[str, str], more: dict[str, str], number: int, body: bytes | None
) -> None:
    client = RegistryClient(_REGISTRIES[number])

    def encodable(texts: dict[str, str]) -> dict[str, Any]:
        return {key: text.encode("utf-8", "surrogatepass") for key, text in texts.items()}

    data = encodable({"grant_type": "password", **fields}) if body is None else body
    for response in (client.get("/token", query_string=encodable(more)), client.post("/token", data=data)):
        assert response.status_code in {200, 400, 401, 403, 413}


@pytest.mark.parametrize(
    ("service", "status"),
    [
        ("open.ghes.test", 200),
        ("elsewhere.test", 200),
        ("strict.ghes.test", 400),
        ("Strict.ghes.test.:8080", 400),
        ("named", 400),
    ],
)
def test_no_registry_issues_tokens_for_another_one_beside_it(service: str, status: int) -> None:
    """They may sign with one key, but what a user may do in one says nothing of the other."""
    dialects = [
        "oci,auth=bearer,rights=open,subdomain=open",
        "oci-1.1,auth=bearer,rights=repository,subdomain=strict",
        "oci-1.0,auth=bearer,rights=repository,subdomain=named,service=named",
    ]
    client = RegistryClient(Registry(dialect=dialects, hostname="ghes.test"))
    query, base_url = {"service": service}, "http://open.ghes.test"
    assert client.get("/token", query_string=query, base_url=base_url).status_code == status
    form = {**query, "client_id": "test", "grant_type": "password", "username": "hubot", "password": "hubot-password"}
    assert client.post("/token", data=form, base_url=base_url).status_code == status
