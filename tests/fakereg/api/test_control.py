"""The control API: accounts, settings, journal and reset, for whoever has the secret."""

from __future__ import annotations

import itertools
import json
import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from fakereg import Registry, routes
from fakereg.dialect import fields
from fakereg.spec.manifest import DOCKER_IMAGE, parse
from fakereg.spec.names import Digest, Name, Tag
from tests.fakereg.client import RegistryClient, codes, docker_image
from tests.fakereg.conftest import MakeClient

NAME = Name("octocat/octo-app/image")
SECRET = "a secret of the control API"
ENDPOINTS = [
    ("GET", "accounts"),
    ("PATCH", "accounts"),
    ("GET", "settings"),
    ("PATCH", "settings"),
    ("GET", "journal"),
    ("DELETE", "journal"),
    ("POST", "reset"),
    ("POST", "migration"),
    ("PATCH", "packages/container/a/b"),
    ("DELETE", "tokens/some-id"),
    ("HEAD", "accounts"),
]


@pytest.fixture
def client(make_client: MakeClient) -> RegistryClient:
    made = make_client(["github-docker", "github-container"], hostname="ghes.test", control_secret=SECRET)
    made.authorization = f"Bearer {SECRET}"
    return made


def patch(client: RegistryClient, path: str, document: Any) -> TestResponse:
    return client.patch(f"/_fakereg/{path}", data=json.dumps(document))


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        SECRET,
        f"Basic {SECRET}",
        f"Bearer {SECRET}x",
        f"Bearer {SECRET[:-1]}",
        f"Bearer {SECRET.upper()}",
        "Bearer é",
        "Bearer \u20ac",
        "Bearer a",
    ],
)
def test_without_the_secret_nothing_is_told_or_done(
    client: RegistryClient, method: str, path: str, authorization: str
) -> None:
    accounts, dialect = client.registry.accounts.copy(), client.registry.dialect
    client.authorization = ""
    environ: dict[str, Any] = {"HTTP_AUTHORIZATION": authorization} if authorization else {}
    response = client.open(f"/_fakereg/{path}", method=method, data=b'{"push": false}', environ_overrides=environ)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="fakereg control"'
    assert client.registry.accounts.users == accounts.users
    assert client.registry.dialect == dialect


def test_every_endpoint_is_tried() -> None:
    there = {(method, path) for path, resource in routes.CONTROL.items() for method in resource.endpoints}
    named = {("DELETE", "tokens/some-id"), ("HEAD", "accounts")}
    named |= {("PATCH", "packages/container/a/b"), ("POST", "migration")}  # of the policy
    assert there | named == set(ENDPOINTS)


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_without_a_control_secret_there_is_no_control_api(make_client: MakeClient, method: str, path: str) -> None:
    client = make_client()
    for authorization in ("", "Bearer ", "Bearer"):
        client.authorization = authorization
        assert client.open(f"/_fakereg/{path}", method=method).status_code == 404


@pytest.mark.parametrize("secret", ["pässword-pässword", "\udcff" * 16, "x" * 16])
def test_a_secret_may_hold_any_bytes(make_client: MakeClient, secret: str) -> None:
    client = make_client(control_secret=secret)
    sent = secret.encode("utf-8", "surrogateescape").decode("latin-1")
    environ = {"HTTP_AUTHORIZATION": f"bearer  {sent}"}
    assert client.get("/_fakereg/settings", environ_overrides=environ).status_code == 200


def test_it_is_at_every_host_and_in_no_journal(client: RegistryClient) -> None:
    for host in ("ghes.test", "docker.ghes.test", "127.0.0.1:5000", "nobody.test"):
        assert client.get("/_fakereg/accounts", headers={"Host": host}).status_code == 200
    assert len(client.registry.journal) == 0


@pytest.mark.parametrize(
    "path", ["/_fakereg", "/_fakereg/", "/_fakereg/x", "/_fakereg/tokens", "/_fakereg/tokens/", "/_fakereg/tokens/a/b"]
)
def test_other_paths_are_nothing(client: RegistryClient, path: str) -> None:
    assert client.get(path, headers={"Host": "ghes.test"}).status_code == 404


def test_other_methods_are_405_with_allow(client: RegistryClient) -> None:
    for path, allow in [("accounts", "GET, HEAD, PATCH"), ("reset", "POST"), ("tokens/x", "DELETE")]:
        response = client.put(f"/_fakereg/{path}")
        assert (response.status_code, response.headers["Allow"]) == (405, allow)


def test_accounts_are_added_and_shown_without_their_secrets(client: RegistryClient) -> None:
    document = {
        "users": {"mona": {"password": "mona-password"}},
        "organizations": {"org": {"owners": ["mona"], "base_role": "write"}},
        "repositories": {"org/app": {"visibility": "internal", "roles": {"hubot": "admin"}}},
        "tokens": [
            {"user": "mona", "scopes": ["repo", "read:packages"], "expires": 5e9},
            {"repository": "org/app", "packages": "read", "secret": "ghs_given"},
        ],
    }
    secrets = patch(client, "accounts", document).get_json()["secrets"]
    assert secrets[0].startswith("ghp_")
    assert secrets[1] == "ghs_given"
    response = client.get("/_fakereg/accounts")
    shown = response.get_json()
    assert shown["users"]["mona"] == {}
    assert shown["organizations"]["org"] == {"owners": ["mona"], "members": [], "base_role": "write"}
    assert shown["repositories"]["org/app"] == {"visibility": "internal", "roles": {"hubot": "admin"}}
    classic, actions = shown["tokens"][-2:]
    assert (classic["kind"], classic["user"]) == ("classic", "mona")
    assert (classic["scopes"], classic["expires"]) == (["read:packages", "repo"], 5e9)
    assert (actions["kind"], actions["repository"], actions["packages"]) == ("actions", "org/app", "read")
    assert not any(text in response.text for text in ("mona-password", *secrets))


def test_a_token_is_revoked_by_its_id(client: RegistryClient) -> None:
    made = patch(client, "accounts", {"tokens": [{"user": "hubot"}]}).get_json()
    (secret,), (id,) = made["secrets"], made["ids"]
    assert id == client.get("/_fakereg/accounts").get_json()["tokens"][-1]["id"]
    assert client.registry.accounts.authenticate("hubot", secret)
    assert client.delete(f"/_fakereg/tokens/{id}").status_code == 204
    assert client.registry.accounts.authenticate("hubot", secret) is None
    response = client.delete(f"/_fakereg/tokens/{id}")
    assert (response.status_code, codes(response)) == (404, ["UNSUPPORTED"])


def test_settings_are_read_and_changed_one_registry_at_a_time(client: RegistryClient) -> None:
    response = patch(client, "settings?registry=github-container", {"push": False, "tags_page_size": 7, "realm": "x"})
    assert response.status_code == 200
    shown = client.get("/_fakereg/settings").get_json()
    assert shown == response.get_json()
    docker, container = (fields.written(site.dialect) for site in client.registry.sites.all)
    assert shown == {"github-docker": docker, "github-container": container}
    assert (container["push"], container["tags_page_size"], container["realm"]) == ("false", "7", "x")
    assert patch(client, "settings", {"push": "no"}).get_json()["github-docker"]["push"] == "false"
    changed = patch(client, "settings", {"warnings": ["a", "b"], "blob_size_limit": "5M", "push": "ON"}).get_json()
    assert changed["github-docker"].items() >= {"warnings": "a|b", "blob_size_limit": "5MB", "push": "true"}.items()


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"nothing": 1}, "'nothing' is unknown"),
        ({"name": "x"}, "'name' is unknown"),
        ({"self": "x"}, "'self' is unknown"),
        ({"registry": "x"}, "'registry' is unknown"),
        ({"push": None}, "push must be true or false (or yes, on, 1; no, off, 0), got None"),
        ({"warnings": ["a", 1]}, "warnings must be a list of texts, got ['a', 1]"),
        ({"warnings": {}}, "warnings must be a list of texts, got {}"),
        ({"push": 1}, "push must be true or false"),
        ({"realm": 1}, "realm must be a text, got 1"),
        ({"upload_limit": True}, "upload_limit must be a whole number between 0 and 1000000000, got True"),
        ({"upload_limit": 1.0}, "upload_limit must be a whole number"),
        ({"blob_size_limit": "5MO"}, "blob_size_limit must be a size such as"),
        ({"realm": "a\nb"}, "realm must be printable ASCII characters"),
        ({"service": "\u20ac"}, "service must be printable ASCII characters"),
        ({"denial_refusal": 500}, "denial_refusal must be 401, 403 or 404, got 500"),
        ({"rate_limit": 10**400}, "between 0 and 1000000000, got a number with more than 80 digits"),
        ({"large_image_delay": 1e300}, "between 0 and 1000000000 seconds, got 1e+300"),
        ({"upload_expiry": float("nan")}, "between 0 and 1000000000 seconds, got nan"),
        ({"token_lifetime": 1}, "between 60 and 1000000000 seconds"),
        ({"auth": "digest"}, "auth must be none, basic or bearer, got 'digest'"),
    ],
)
def test_settings_that_cannot_be_are_refused_as_a_whole(client: RegistryClient, document: Any, message: str) -> None:
    before = client.registry.dialect
    response = patch(client, "settings", {"mount": False, **document})
    assert response.status_code == 400
    assert message in response.get_json()["errors"][0]["message"]
    assert client.registry.dialect == before


def test_a_registry_that_is_not_there_has_no_settings(client: RegistryClient) -> None:
    response = patch(client, "settings?registry=oci", {"push": False})
    assert response.status_code == 400
    assert (
        "registry must be github-docker or github-container, got 'oci'" in response.get_json()["errors"][0]["message"]
    )


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"1", b"{", b"\xff", b'{"users":' + b"[" * 100_000, b'{"port":' + b"9" * 5000 + b"}", b"null"]
)
@pytest.mark.parametrize("path", ["accounts", "settings"])
def test_what_is_no_object_of_json_is_refused(client: RegistryClient, path: str, body: bytes) -> None:
    response = client.patch(f"/_fakereg/{path}", data=body)
    assert (response.status_code, codes(response)) == (400, ["UNSUPPORTED"])


def test_a_body_has_a_limit(client: RegistryClient) -> None:
    body = b'{"users": {}}'.ljust(1 << 20)
    assert client.patch("/_fakereg/accounts", data=body).status_code == 200
    assert client.patch("/_fakereg/accounts", data=body + b" ").status_code == 413


def test_unknown_accounts_are_refused_with_what_is_known(client: RegistryClient) -> None:
    response = patch(client, "accounts", {"user": {}})
    assert response.status_code == 400
    assert "known are users, organizations, repositories, packages, tokens" in response.text


def test_the_journal_is_read_filtered_and_forgotten(client: RegistryClient) -> None:
    for method, path in [("GET", "/v2/"), ("GET", "/v2/a/b/c/tags/list"), ("PUT", "/v2/")]:
        client.open(path, method=method, headers={"Host": "docker.ghes.test", "Authorization": "Basic x"})
    for query, count in [
        ({}, 3),
        ({"method": "PUT"}, 1),
        ({"path": "/v2/*/tags/list"}, 1),
        ({"status": "401"}, 1),
        ({"status": "200", "method": "GET"}, 1),
        ({"status": "500"}, 0),
    ]:
        found = client.get("/_fakereg/journal", query_string=query).get_json()["requests"]
        assert len(found) == count, query
    entry = client.get("/_fakereg/journal?status=200").get_json()["requests"][0]
    assert (entry["method"], entry["path"], entry["status"]) == ("GET", "/v2/", 200)
    assert entry["headers"]["Authorization"] == "[redacted]"
    for status in ("x", "20", "٢٠٠", "-20", ""):
        assert client.get("/_fakereg/journal", query_string={"status": status}).status_code == 400
    assert client.delete("/_fakereg/journal").status_code == 204
    assert client.get("/_fakereg/journal").get_json() == {"requests": []}


def test_a_reset_forgets_content_and_keeps_accounts_and_settings(client: RegistryClient) -> None:
    client.registry.configure(realm="kept")
    client.registry.accounts.add_user("kept")
    storage = client.registry.storage
    storage.start_upload(NAME, algorithm="sha256", expiry=60, limit=9)
    first = client.registry.sites.all[0]
    content = json.dumps(docker_image(Digest.of(b"{}"))).encode()
    manifest = parse(content, DOCKER_IMAGE, Digest.of(content))
    storage.put_manifest(NAME, manifest, tags=[Tag("1.0")], complete=False)
    assert client.registry.github.packages.find(first, NAME)
    client.get("/v2/", headers={"Host": "docker.ghes.test"})
    assert client.post("/_fakereg/reset").status_code == 204
    assert storage.repositories() == []
    assert client.registry.github.packages.find(first, NAME) is None
    assert len(client.registry.journal) == 0
    assert client.registry.dialect.realm == "kept"
    assert "kept" in client.registry.accounts.users


# Threads.


def test_changes_of_settings_at_one_time_are_all_made(client: RegistryClient) -> None:
    """A change that comes in the middle of another waits for it, and undoes nothing."""
    other = threading.Thread(target=patch, args=(client, "settings", {"mount": False}))

    class Settings(dict[str, str]):
        def keys(self) -> Any:
            other.start()
            other.join(0.05)
            return super().keys()

    client.registry.change("", Settings(push="false"))
    other.join()
    assert (client.registry.dialect.push, client.registry.dialect.mount) == (False, False)


def test_requests_run_on_while_accounts_and_settings_change(client: RegistryClient) -> None:
    numbers, statuses = itertools.count(), []

    def change() -> None:
        for _ in range(40):
            number = next(numbers)
            document = {"users": {f"user-{number}": {}}, "tokens": [{"user": "octocat", "secret": "ghp_turning"}]}
            statuses.append(patch(client, "accounts", document).status_code)
            change = {"auth": ["basic", "bearer"][number % 2], "denial_refusal": [401, 403][number % 2]}
            statuses.append(patch(client, "settings", change).status_code)
            statuses.append(client.get("/_fakereg/accounts").status_code)

    def ask() -> None:
        headers = {"Host": "docker.ghes.test", "Authorization": "Basic b2N0b2NhdDpnaHBfdHVybmluZw=="}
        paths = itertools.islice(itertools.cycle(["/v2/octocat/octo-app/a/tags/list", "/token", "/v2/"]), 150)
        statuses.extend(client.get(path, headers=headers).status_code for path in paths)

    def add() -> None:
        for _ in range(100):
            client.registry.accounts.add_user(f"user-{next(numbers)}")

    _together([change, change, ask, ask, add])
    assert set(statuses) <= {200, 401, 403, 404}
    assert {f"user-{number}" for number in range(next(numbers))} <= set(client.registry.accounts.users)


def _together(works: list[Any]) -> None:
    problems: list[BaseException] = []

    def run(work: Any) -> None:
        try:
            work()
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


_names = st.sampled_from(["users", "tokens", "organizations", "user", "kind", "expires", "octocat", "secret", "push"])
_json = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=10) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_names, inner, max_size=4),
    max_leaves=10,
)
_settings = st.dictionaries(st.sampled_from([name for name, _, _ in fields.settings()]), _json, max_size=3)
_REGISTRY = Registry(control_secret=SECRET)


@given(document=_json | _settings, path=st.sampled_from(["accounts", "settings"]))
@settings(max_examples=300)
def test_whatever_is_sent_it_is_taken_or_refused(document: Any, path: str) -> None:
    client = RegistryClient(_REGISTRY)
    client.authorization = f"Bearer {SECRET}"
    assert patch(client, path, document).status_code in {200, 400}
    assert client.get("/_fakereg/accounts").status_code == 200
    assert client.get("/v2/", headers={"Authorization": ""}).status_code in {200, 401, 429}
