"""The dialect `distribution` with token authentication beside the registry that it is about, with the same tokens."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

import fakereg
from fakereg.auth.scopes import Access
from fakereg.auth.tokens import Tokens
from fakereg.clock import ManualClock
from fakereg.dialect.fields import Dialect, parse
from fakereg.spec.names import Digest
from tests.e2e import distribution
from tests.fakereg import keys
from tests.fakereg.beside import SESSION, Server, Step, differences

DIALECT = "distribution,auth=bearer,token_format=ES256,service=registry.example"
BLOB = Digest.of(b"layer")
PATHS = (
    *("/", "/v2", "/v2/", "/v2/x", "/v2/_catalog", "/v2/a/tags/list", "/v2/a/manifests/one", f"/v2/a/manifests/{BLOB}"),
    *(f"/v2/a/blobs/{BLOB}", "/v2/a/blobs/sha256:abc", "/v2/a/blobs/uploads/", "/v2/a/blobs/uploads/abc"),
    *("/v2/BAD/tags/list", "/v2/a//tags/list", "/v2/a/blobs/foo"),
)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "get")
GRANTS = ("", "pull", "push", "delete", "*", "pull,push", "pull,push,delete", "PULL")
SOURCES = (
    *(f"?mount={BLOB}&from=b", f"?mount={BLOB}", "?from=b", "?mount=foo&from=b", f"?mount={BLOB}&from=a"),
    *(f"?mount={BLOB}&from=", f"?from=b&from=c&mount={BLOB}"),
)


@dataclass(frozen=True)
class Issuer:
    """Issues tokens that both servers trust."""

    clock: ManualClock
    tokens: Tokens

    def __call__(self, *access: tuple[str, str, str], service: str = "registry.example", ago: float = 0.0) -> str:
        self.clock.now = time.time() - ago
        asked = [Access(type, name, frozenset(filter(None, actions.split(",")))) for type, name, actions in access]
        return self.tokens.issue(subject="user:me", name="me", service=service, access=asked).token


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> str:
    return keys.write(tmp_path_factory.mktemp("keys"), "key.pem", keys.private_pem(keys.key_of("ES256")))


@pytest.fixture(scope="module")
def issuer(key: str) -> Issuer:
    clock = ManualClock(time.time())
    return Issuer(clock, Tokens(clock=clock, format="ES256", key=key))


@pytest.fixture(scope="module")
def real(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder, trusted = tmp_path_factory.mktemp("distribution"), issuer.tokens.certificate or ""
    with distribution.demanding_tokens(
        folder, issuer="fakereg", service="registry.example", certificate=trusted
    ) as url:
        yield Server(url)


@pytest.fixture(scope="module")
def fake(key: str) -> Iterator[Server]:
    dialect = f"{DIALECT},token_url={distribution.NOWHERE}"
    with fakereg.serve(dialect=dialect, token_key=key) as registry:
        yield Server(registry.url)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def pushed(name: str, token: str) -> list[Step]:
    headers = bearer(token)
    start = Step("POST", f"/v2/{name}/blobs/uploads/", headers)
    return [start, Step("PUT", f"{SESSION}&digest={BLOB}", headers, b"layer")]


def test_nobody_is_asked_for_a_token_where_there_is_nothing(real: Server, fake: Server) -> None:
    steps = [Step(method, path) for path in PATHS for method in METHODS]
    assert list(differences(real, fake, steps)) == []


@pytest.mark.parametrize("actions", GRANTS)
def test_the_method_says_what_a_token_must_grant(real: Server, fake: Server, issuer: Issuer, actions: str) -> None:
    token = issuer(("repository", "a", actions), ("registry", "catalog", "*" if actions == "*" else "pull"))
    steps = [Step(method, path, bearer(token)) for path in PATHS for method in METHODS]
    assert list(differences(real, fake, steps)) == []


@pytest.mark.parametrize("source", ["", "pull", "push", "*"])
def test_a_mount_needs_a_token_for_its_source_too(real: Server, fake: Server, issuer: Issuer, source: str) -> None:
    before = pushed("b", issuer(("repository", "b", "pull,push")))
    token = issuer(("repository", "a", "pull,push"), ("repository", "b", source))
    steps = [Step("POST", f"/v2/a/blobs/uploads/{query}", bearer(token)) for query in SOURCES]
    others = [Step(method, "/v2/a/tags/list?from=b", bearer(token)) for method in ("GET", "POST")]
    assert list(differences(real, fake, [*before, *steps, *others])) == []


def test_the_challenge_of_a_mount_names_both_repositories(fake: Server, issuer: Issuer) -> None:
    step = Step("POST", f"/v2/a/blobs/uploads/?mount={BLOB}&from=b", bearer(issuer(("repository", "a", "pull,push"))))
    answer = fake.ask(step)
    assert (answer["status"], answer["codes"]) == (401, ["UNAUTHORIZED"])
    assert {"insufficient_scope", "repository", "a", "b", "pull", "push"} <= {*answer["challenge"]}


@pytest.mark.parametrize("ago", [3600.0, 330.0, 0.0, -30.0, -3600.0])
def test_clocks_may_differ_by_a_minute(real: Server, fake: Server, issuer: Issuer, ago: float) -> None:
    token = issuer(("repository", "a", "pull"), ago=ago)
    assert list(differences(real, fake, [Step("GET", "/v2/a/tags/list", bearer(token))])) == []


@pytest.mark.parametrize(
    "form",
    ["bearer T", "BEARER T", "Bearer", "Bearer ", "T", "Token T", "Basic T", 'Bearer "T"', "Bearer T.T", "Bearer junk"],
)
def test_what_is_no_token_is_challenged(real: Server, fake: Server, issuer: Issuer, form: str) -> None:
    token = issuer(("repository", "a", "pull"))
    steps = [Step("GET", path, {"Authorization": form.replace("T", token, 1)}) for path in ("/v2/", "/v2/a/tags/list")]
    assert list(differences(real, fake, steps)) == []


@pytest.mark.parametrize("setting", ["mount_needs_pull", "token_leeway", "checked_first"])
def test_each_setting_is_seen(fake: Server, key: str, issuer: Issuer, setting: str) -> None:
    changed = dataclasses.replace(parse(DIALECT), **{setting: getattr(Dialect(), setting)})
    target, late = issuer(("repository", "a", "pull,push")), issuer(("repository", "a", "pull"), ago=330.0)
    steps = [
        Step("POST", "/v2/a/blobs/uploads/?from=b", bearer(target)),
        Step("GET", "/v2/a/tags/list", bearer(late)),
        Step("OPTIONS", "/v2/a/tags/list"),
    ]
    with fakereg.serve(dialect=changed, token_key=key) as registry:
        assert any(differences(replace(fake), Server(registry.url), steps))
