"""Our JWTs at docker-registry 2.8.2: it lets in whom they name, and nobody else."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import urllib3

from fakereg.auth import scopes
from fakereg.auth.scopes import Access
from fakereg.auth.tokens import Tokens
from fakereg.clock import ManualClock
from tests.e2e.distribution import demanding_tokens

ISSUER, SERVICE = "fakereg test", "registry.example"
OURS, OTHER = "team/app", "team/other"
HOUR = 3600.0
"""More seconds than the minute that the registry allows for clocks that differ."""

REQUESTS = (
    ("GET", "/v2/"),
    ("GET", f"/v2/{OURS}/tags/list"),
    ("POST", f"/v2/{OURS}/blobs/uploads/"),
    ("POST", f"/v2/{OTHER}/blobs/uploads/"),
)
REFUSED = [401, 401, 401, 401]


@dataclass(frozen=True)
class Distribution:
    """A running docker-registry, and the issuer that it trusts, whose clock can be turned."""

    url: str
    tokens: Tokens
    clock: ManualClock

    def ask(self, method: str, path: str, token: str | None) -> urllib3.BaseHTTPResponse:
        """Send a request with a token, or without one."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return urllib3.request(method, self.url + path, headers=headers, retries=False, timeout=30.0)

    def statuses(self, token: str | None) -> list[int]:
        """How each of REQUESTS is answered."""
        return [self.ask(method, path, token).status for method, path in REQUESTS]

    def token(self, *actions: str, service: str = SERVICE, ago: float = 0.0) -> str:
        """A token for OURS, issued that many seconds ago."""
        self.clock.now = time.time() - ago
        access = [Access("repository", OURS, frozenset(actions))] if actions else []
        return self.tokens.issue(subject="key-1", name="me", service=service, access=access).token


@pytest.fixture(scope="module", params=["ES256", "RS256"])
def distribution(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Distribution]:
    """A docker-registry that trusts an issuer of each JWT format."""
    clock = ManualClock(time.time())
    tokens = Tokens(clock=clock, format=request.param, issuer=ISSUER)
    folder = tmp_path_factory.mktemp("distribution")
    with demanding_tokens(folder, issuer=ISSUER, service=SERVICE, certificate=tokens.certificate or "") as url:
        yield Distribution(url, tokens, clock)


@pytest.mark.parametrize(
    ("actions", "statuses"),
    [
        (("pull", "push"), [200, 404, 202, 401]),
        (("pull",), [200, 404, 401, 401]),
        ((), [200, 401, 401, 401]),
    ],
)
def test_a_token_opens_what_it_grants(
    distribution: Distribution, actions: tuple[str, ...], statuses: list[int]
) -> None:
    assert distribution.statuses(distribution.token(*actions)) == statuses


def test_without_a_token_nothing_opens(distribution: Distribution) -> None:
    assert distribution.statuses(None) == REFUSED


def test_a_token_for_another_service_opens_nothing(distribution: Distribution) -> None:
    assert distribution.statuses(distribution.token("pull", "push", service="other.example")) == REFUSED


def test_a_token_opens_nothing_before_and_after_its_time(distribution: Distribution) -> None:
    assert distribution.statuses(distribution.token("pull", "push", ago=HOUR)) == REFUSED
    assert distribution.statuses(distribution.token("pull", "push", ago=-HOUR)) == REFUSED


@pytest.mark.parametrize("format", ["opaque", "ES256", "RS256"])
def test_a_token_of_another_key_opens_nothing(distribution: Distribution, format: str) -> None:
    stranger = Tokens(clock=time.time, format=format, issuer=ISSUER)
    access = [Access("repository", OURS, frozenset({"pull", "push"}))]
    assert distribution.statuses(stranger.issue(subject="", name="me", service=SERVICE, access=access).token) == REFUSED
    assert distribution.statuses(distribution.tokens.refresh_token(subject="", service=SERVICE)) == REFUSED


def test_a_token_that_grants_too_little_is_told_so(distribution: Distribution) -> None:
    answer = distribution.ask(*REQUESTS[2], distribution.token("pull"))
    assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", f"/v2/{OURS}/tags/list", f"repository:{OURS}:pull"),
        ("POST", f"/v2/{OURS}/blobs/uploads/", f"repository:{OURS}:pull,push"),
        ("DELETE", f"/v2/{OURS}/manifests/sha256:{'0' * 64}", f"repository:{OURS}:delete"),
        ("GET", "/v2/_catalog", "registry:catalog:*"),
    ],
)
def test_a_challenge_names_the_scope_that_opens(distribution: Distribution, method: str, path: str, scope: str) -> None:
    challenge = distribution.ask(method, path, None).headers["WWW-Authenticate"]
    found = re.search('scope="([^"]*)"', challenge)
    assert found
    asked = scopes.parse(found[1])  # its order of actions changes from answer to answer
    assert [scopes.text(access) for access in asked] == [scope]
    distribution.clock.now = time.time()
    token = distribution.tokens.issue(subject="", name="me", service=SERVICE, access=asked).token
    assert distribution.ask(method, path, token).status in {200, 202, 404}
