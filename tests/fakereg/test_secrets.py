"""Secrets are sent in every way that a client has, and then looked for everywhere that somebody reads."""

from __future__ import annotations

import base64
import json
import logging
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st

import fakereg
from fakereg import Registry
from fakereg.journal import Entry, redact, redact_query
from fakereg.spec.names import Name
from tests.fakereg.client import RegistryClient
from tests.fakereg.sockets import read_some
from tests.guard import GUARD

CONTROL = "control-secret-of-this-test"
SECRETS = {
    "token": "ghp_classicTokenOfThisTest",
    "fine-grained": "github_pat_ofThisTest",
    "actions": "ghs_actionsTokenOfThisTest",
    "password": "password-of-this-test",
    "wrong": "ghp_unknownTokenOfThisTest",
}
PARAMETERS = [
    *("token", "password", "refresh_token", "access_token", "Token", "REFRESH-TOKEN", "secret", "client_secret"),
    *("passwd", "pwd", "auth", "authorization", "api_key", "key", "bearer", "credentials", "code", "%74oken", "+token"),
    *("private_token", "jwt", "sig", "session", "session_id", "PHPSESSID", "X-Amz-Signature", "X-Amz-Credential"),
    *("X-Amz-Security-Token", "X-Goog-Signature", "Signature", "accessToken", "user[password]", "csrf_token", "apiKey"),
    *("secret_key", "client_assertion", "id_token", "job-token", "authtoken", "tokens"),
]
HEADERS = [
    *("Private-Token", "X-Api-Key", "X-Auth-Token", "Job-Token", "Deploy-Token", "X-Amz-Security-Token", "X-Apikey"),
    *("X-Vault-Token", "X-Csrf-Token", "X-Session-Id", "X-Forwarded-Access-Token", "X-Registry-Auth", "Set-Cookie"),
    *("X-Client-Secret", "X-Hub-Signature", "Api-Key", "X-Password"),
]
URLS = [
    *("http://mona:{}@host/", "https://{}@host", "/x?private_token={}", "http://h/?a=b&jwt={}&c", "h:80/;sig={};x=1"),
    *("//h/#access_token={}", "<http://h/v2/?n=1&session={}>; rel=next", "a, http://x:{}@h:1/2?b"),
]
DIALECTS = ["github-docker", "github-container", "oci,auth=bearer,token_format=ES256,subdomain=oci"]
HOSTS = ["docker.ghes.test", "containers.ghes.test", "oci.ghes.test", "ghes.test", "elsewhere.test"]

Request = dict[str, Any]


def _ways(user: str, secret: str) -> Iterator[Request]:
    """Every way in which a client could send a secret, sensible or not."""
    plain = base64.b64encode(f"{user}:{secret}".encode()).decode()
    alone = base64.b64encode(secret.encode()).decode()
    for value in (
        f"Basic {plain}",
        f"Bearer {plain}",
        f"Bearer {alone}",
        f"Bearer {secret}",
        f"Basic {secret}",
        secret,
    ):
        for path in ("/v2/", "/v2/octocat/octo-app/a/tags/list", "/v2/_catalog", "/token", "/_fakereg/journal", "/x"):
            yield {"path": path, "headers": {"Authorization": value}}
        yield {"path": "/v2/", "headers": {"Proxy-Authorization": value, "Cookie": f"token={secret}"}}
    for header in HEADERS:
        yield {"path": "/v2/", "headers": {header: secret}}
    for url in (url.format(secret) for url in URLS):
        for header in ("Referer", "Origin", "X-Original-Url", "Link", "User-Agent"):
            yield {"path": "/v2/", "headers": {header: url}}
        yield {"path": "/v2/", "query_string": urlencode({"next": url})}
        yield {"path": "/v2/" + quote(url)}
    yield {"path": "/v2/", "headers": {"X-Forwarded-Host": f"{user}:{secret}@docker.ghes.test"}}
    yield {"path": "/v2/", "headers": {"Host": f"{user}:{secret}@docker.ghes.test"}}
    fields = {"service": "s", "client_id": "c", "username": user, "scope": "repository:a:pull"}
    for grant in ("password", "refresh_token"):
        data = {**fields, "grant_type": grant, "password": secret, "refresh_token": secret}
        yield {"path": "/token", "method": "POST", "data": data}
    for name in PARAMETERS:
        for path in ("/v2/", "/token", "/_fakereg/accounts", "/nowhere", "/v2/octocat/octo-app/a/manifests/1"):
            yield {"path": path, "query_string": f"n=1&{name}={secret}&{name}={plain};{name}={secret}&last=x"}
    entry = {"user": user, "secret": secret}
    for document in (
        {"tokens": [entry]},
        {"users": {user: {"password": secret, "x": 1}}},
        {"tokens": [entry, entry, 1]},
    ):
        for headers in ({"Authorization": f"Bearer {CONTROL}"}, {"Authorization": f"Bearer {CONTROL}x"}):
            yield {"path": "/_fakereg/accounts", "method": "PATCH", "data": json.dumps(document), "headers": headers}


@pytest.fixture
def registry() -> Iterator[Registry]:
    made = Registry(dialect=DIALECTS, hostname="ghes.test", control_secret=CONTROL)
    made.accounts.add_user("mona", password=SECRETS["password"])
    made.accounts.add_repository("mona/app")
    made.accounts.add_classic_token("mona", ["read:packages"], secret=SECRETS["token"])
    made.accounts.add_fine_grained_token("mona", secret=SECRETS["fine-grained"])
    made.accounts.add_actions_token("mona/app", secret=SECRETS["actions"])
    yield made
    made.close()


def test_no_secret_is_in_journal_log_errors_or_reprs(registry: Registry, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client, secrets, read = RegistryClient(registry), [*SECRETS.values(), CONTROL], []
    for secret in SECRETS.values():
        for request in _ways("mona", secret):
            for host in HOSTS:
                headers = {"Host": host, **request.get("headers", {})}
                response = client.open(**{**request, "headers": headers})
                if response.status_code >= 400:
                    read.append(f"{response.headers} {response.text}")
                issued = response.get_json(silent=True) or {}
                secrets += [issued[key] for key in ("token", "access_token", "refresh_token") if key in issued]
    assert len(secrets) > 20
    for token in [*secrets]:
        client.get("/v2/octocat/a/tags/list", headers={"Host": HOSTS[1], "Authorization": f"Bearer {token}"})
    read += [repr(entry) for entry in registry.journal]
    read += caplog.text.splitlines()
    read += _reprs(registry)
    assert len(registry.journal) > 1000
    _search(read, secrets)


def _search(read: list[str], secrets: list[str]) -> None:
    """Look for the secrets as they are and in base64."""
    hidden = {*secrets, *(base64.b64encode(text.encode()).decode().rstrip("=") for text in secrets)}
    hidden |= {base64.b64encode(f"mona:{text}".encode()).decode().rstrip("=") for text in secrets}
    pattern = re.compile("|".join(map(re.escape, hidden)))
    assert [text for text in read if pattern.search(text)] == []


def _reprs(thing: object, seen: set[int] | None = None) -> Iterator[str]:
    """What everything in an object shows of itself, down to the registries, accounts, tokens and settings."""
    seen = set() if seen is None else seen
    if id(thing) in seen or isinstance(thing, str | bytes | int | float | None | type):
        return
    seen.add(id(thing))
    if type(thing).__module__.startswith("fakereg"):
        yield repr(thing)
        names = [*getattr(thing, "__dict__", ()), *getattr(type(thing), "__slots__", ())]
        for name in names:
            yield from _reprs(getattr(thing, name, None), seen)
    elif isinstance(thing, dict):
        for value in [*thing.values()]:
            yield from _reprs(value, seen)
    elif isinstance(thing, list | tuple | set | frozenset):
        for value in [*thing]:
            yield from _reprs(value, seen)


def test_the_server_writes_no_secret_to_standard_error(tmp_path: Path) -> None:
    (tmp_path / "fakereg.toml").write_text(
        f"""
        dialect = ["github-docker", "github-container"]
        hostname = "ghes.test"
        control_secret = "{CONTROL}"
        [users.mona]
        password = "{SECRETS["password"]}"
        [[tokens]]
        user = "mona"
        secret = "{SECRETS["token"]}"
        """
    )
    command = [sys.executable, "-m", "fakereg", "serve", "--port", "0", "--config", str(tmp_path / "fakereg.toml")]
    environment = {**os.environ, "FAKEREG_CONTROL_SECRET": CONTROL}
    with (tmp_path / "log").open("w") as log_file:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log_file, text=True, env=environment)
    assert process.stdout
    url = process.stdout.readline().strip()
    requests = 0
    with urllib3.PoolManager(retries=False) as http:
        for kind in ("token", "password", "wrong"):
            for request in _ways("mona", SECRETS[kind]):
                query, data = request.get("query_string"), request.get("data")
                http.request(
                    request.get("method", "GET"),
                    f"{url}{request['path']}{'?' + query if query else ''}",
                    headers={"Host": "containers.ghes.test", **request.get("headers", {})},
                    body=urlencode(data) if isinstance(data, dict) else data,
                )
                requests += "@" not in request.get("headers", {}).get("Host", "")  # which is not HTTP
    process.terminate()
    out, _ = process.communicate(timeout=GUARD)
    log = (tmp_path / "log").read_text()
    assert log.count("\n") == requests
    _search([out, *log.splitlines()], [*SECRETS.values(), CONTROL])


@pytest.mark.parametrize("arguments", [["--config", "{file}"], ["--hostname", "{secret}"]])
def test_a_start_that_fails_tells_no_secret(tmp_path: Path, arguments: list[str]) -> None:
    path = tmp_path / "fakereg.toml"
    path.write_text(f'control_secret = "{CONTROL}"\n[users.mona]\npassword = "{SECRETS["password"]}"\nx = 1\n')
    environment = {**os.environ, "FAKEREG_CONTROL_SECRET": "short-secret"}
    filled = [argument.format(file=path, secret="-") for argument in arguments]
    command = [sys.executable, "-m", "fakereg", "serve", "--port", "0", *filled]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=GUARD, check=False)
    assert done.returncode == 2
    _search([done.stdout, done.stderr], [*SECRETS.values(), CONTROL, "short-secret"])


# Redaction.


@given(st.sampled_from(PARAMETERS), st.text("abcXYZ019%+.-_~", min_size=9, max_size=12), st.text("a=b%+", max_size=8))
def test_a_parameter_that_holds_a_secret_is_redacted_wherever_it_stands(name: str, secret: str, rest: str) -> None:
    for query in (f"{name}={secret}", f"x={rest}&{name}={secret}&y={rest}", f"x;{name}={secret};y={rest}"):
        kept = redact_query(query)
        assert f"{name}=[redacted]" in kept
        assert kept == query.replace(f"{name}={secret}", f"{name}=[redacted]")


@given(st.text("abcdefmnt=&;%0+._", max_size=40))
def test_everything_else_in_a_query_is_kept(query: str) -> None:
    assert redact_query(query) == query


@pytest.mark.parametrize(
    "query", ["", "n=1&last=v1", "offline_token=true", "tag=v1&tag=v2", "token", "=x", "scope=repository:a:pull"]
)
def test_parameters_of_the_protocol_are_kept(query: str) -> None:
    assert redact_query(query) == query


def test_a_host_with_credentials_in_it_is_redacted() -> None:
    assert redact([("Host", "user:secret@host")]) == {"Host": "[redacted]"}
    assert redact([("Host", "host:80"), ("From", "a@b")]) == {"Host": "host:80", "From": "a@b"}


@pytest.mark.parametrize(
    ("header", "kept"),
    [
        ("http://u:p@h/a?n=1", "http://[redacted]@h/a?n=1"),
        ("http://h/a?n=1&token=x&last=b#c", "http://h/a?n=1&token=[redacted]&last=b#c"),
        ("text/html;q=0.8, */*;q=0.1", "text/html;q=0.8, */*;q=0.1"),
        ("mona@ghes.test http://h/@x", "mona@ghes.test http://h/@x"),
    ],
)
def test_of_a_url_only_the_secrets_are_redacted(header: str, kept: str) -> None:
    assert redact([("Referer", header)]) == {"Referer": kept}


def test_credentials_within_the_target_of_a_request_are_dropped(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with fakereg.serve(dialect="github-docker", hostname="ghes.test") as registry:
        host, _, port = registry.host.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=GUARD) as client:
            client.sendall(b"GET http://mona:secret@docker.ghes.test/v2/ HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b" 401 " in read_some(client, b"\r\n")
        (entry,) = registry.journal.wait(path="/v2/", timeout=GUARD)
    assert entry.headers["Host"] == "docker.ghes.test"
    assert "secret" not in caplog.text


def test_a_long_query_is_cut_after_it_is_redacted(registry: Registry) -> None:
    client = RegistryClient(registry)
    client.get(f"/v2/?a={'x' * 4070}&token={'y' * 4000}")
    (entry,) = registry.journal
    assert isinstance(entry, Entry)
    assert "y" not in entry.query
    assert len(entry.query) <= 4096


@pytest.mark.parametrize("text", ["\x9b31m", "\n200 forged", "\x1b[2J", "é"])
def test_a_log_line_is_one_line_of_printable_characters(text: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    client: Callable[..., Any] = RegistryClient(Registry(trust_proxy=True)).open
    sent = text.encode().decode("latin-1")
    client("/v2/", environ_overrides={"PATH_INFO": f"/v2/{sent}", "QUERY_STRING": sent, "HTTP_X_FORWARDED_FOR": sent})
    (record,) = caplog.records
    message = record.getMessage()
    assert message.isascii()
    assert message.isprintable()


def test_names_of_repositories_and_users_are_no_secrets(registry: Registry) -> None:
    client = RegistryClient(registry)
    client.get("/v2/mona/app/a/tags/list", headers={"Host": HOSTS[0]})
    assert registry.journal.filter(path="/v2/mona/app/a/tags/list", status=401)
    assert registry.github.packages.find(registry.sites.all[0], Name("mona/app/a")) is None
