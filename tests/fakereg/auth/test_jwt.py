"""JWTs: what they hold, whose signature counts, and what to make of any other."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import traceback
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

from fakereg.auth.scopes import Access
from fakereg.auth.token_errors import TokenError
from fakereg.auth.tokens import Grant, Tokens
from fakereg.clock import ManualClock
from tests.fakereg import keys
from tests.fakereg.keys import key_of

SERVICE = "registry.example"
ALGORITHMS = ("ES256", "RS256")
JOSE_KEYS: dict[str, type[ECKey] | type[RSAKey]] = {"ES256": ECKey, "RS256": RSAKey}
both = pytest.mark.parametrize("algorithm", ALGORITHMS)

NOW = int(ManualClock().now)
CLAIMS = {
    "iss": "fakereg",
    "sub": "me",
    "aud": SERVICE,
    "exp": NOW + 300,
    "nbf": NOW,
    "iat": NOW,
    "jti": "1",
    "access": [{"type": "repository", "name": "team/app", "actions": ["pull", "push"]}],
}
GRANT = Grant("me", (Access("repository", "team/app", frozenset({"pull", "push"})),), external=True)


@pytest.fixture(scope="module")
def issuers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tokens]:
    """An issuer with the key of each algorithm, whose time stands still."""
    folder = tmp_path_factory.mktemp("keys")
    paths = {name: keys.write(folder, name, keys.private_pem(key_of(name))) for name in ALGORITHMS}
    return {name: Tokens(clock=ManualClock(), format=name, key=path) for name, path in paths.items()}


def segment(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def decode(segment: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(segment + "=="))


def sign(header: dict[str, Any], payload: bytes, key: keys.PrivateKey, *, algorithm: str | None = None) -> str:
    """A JWS by that key, with a header that may tell anything else."""
    kind = RSAKey if header["alg"][:2] in {"RS", "PS"} else ECKey
    registry = jws.JWSRegistry(algorithms=[algorithm or header["alg"]], strict_check_header=False)
    registry.max_header_length = registry.max_payload_length = 2**20
    return jws.serialize_compact(header, payload, kind.import_key(keys.private_pem(key)), registry=registry)


def signed_by_us(algorithm: str, claims: object) -> str:
    return sign({"alg": algorithm, "typ": "JWT"}, json.dumps(claims).encode(), key_of(algorithm))


def refuse(tokens: Tokens, token: str, why: str) -> None:
    with pytest.raises(TokenError, match=why):
        tokens.verify(token, service=SERVICE)


# What we write


@both
def test_a_jwt_is_what_the_documentation_says(algorithm: str, issuers: dict[str, Tokens]) -> None:
    tokens = issuers[algorithm]
    issued = tokens.issue(subject="key-1", name="me", service=SERVICE, access=GRANT.access)
    header, claims, _ = issued.token.split(".")
    certificate = x509.load_pem_x509_certificate((tokens.certificate or "").encode())
    assert decode(header) == {
        "alg": algorithm,
        "typ": "JWT",
        "kid": JOSE_KEYS[algorithm].import_key(keys.public_pem(key_of(algorithm))).thumbprint(),
        "x5c": [base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()],
    }
    assert {**decode(claims), "jti": "1"} == CLAIMS
    assert certificate.public_key() == key_of(algorithm).public_key()


@both
def test_whoever_has_the_certificate_can_verify(algorithm: str) -> None:
    tokens = Tokens(clock=ManualClock(), format=algorithm)
    token = tokens.issue(subject="", name="", service=SERVICE, access=[]).token
    certificate = x509.load_pem_x509_certificate((tokens.certificate or "").encode())
    certificate.verify_directly_issued_by(certificate)
    registry = jws.JWSRegistry(algorithms=[algorithm])
    registry.max_header_length = 4096
    key = JOSE_KEYS[algorithm].import_key((tokens.certificate or "").encode())
    claims = json.loads(jws.deserialize_compact(token, key, registry=registry).payload)
    assert (claims["sub"], claims["access"]) == ("", [])


# Whose signature counts


@both
def test_the_key_makes_it_ours(algorithm: str, issuers: dict[str, Tokens]) -> None:
    assert issuers[algorithm].verify(signed_by_us(algorithm, CLAIMS), service=SERVICE) == GRANT
    stranger = sign({"alg": algorithm}, json.dumps(CLAIMS).encode(), key_of(algorithm, "theirs"))
    refuse(issuers[algorithm], stranger, "tampered")


@both
def test_a_key_that_the_token_brings_is_ignored(algorithm: str, issuers: dict[str, Tokens]) -> None:
    theirs = key_of(algorithm, "theirs")
    header, _, _ = issuers[algorithm].issue(subject="", name="", service=SERVICE, access=[]).token.split(".")
    jwk = JOSE_KEYS[algorithm].import_key(keys.public_pem(theirs)).as_dict()
    der = keys.certificate(theirs).public_bytes(Encoding.DER)
    for named in (
        {},
        {"x5c": [base64.b64encode(der).decode()]},
        {"jwk": jwk},
        {"jku": "https://example.com/jwks.json"},
        {"x5u": "https://example.com/cert.pem"},
    ):
        for ours in ({}, {"kid": decode(header)["kid"]}, decode(header)):
            token = sign({**ours, "alg": algorithm, "typ": "JWT", **named}, json.dumps(CLAIMS).encode(), theirs)
            refuse(issuers[algorithm], token, "tampered")


@both
@pytest.mark.parametrize("none", ["none", "None", "NONE", "nOnE", "", None, [], {}, 1])
def test_no_signature_is_none_of_ours(algorithm: str, none: object, issuers: dict[str, Tokens]) -> None:
    genuine = signed_by_us(algorithm, CLAIMS).split(".")
    header = segment(json.dumps({"alg": none, "typ": "JWT"}).encode())
    for signature in ("", genuine[2], "AA"):
        refuse(issuers[algorithm], f"{header}.{genuine[1]}.{signature}", "tampered|malformed")


@both
@pytest.mark.parametrize("hash", ["256", "384", "512"])
def test_what_is_public_is_no_secret(algorithm: str, hash: str, issuers: dict[str, Tokens]) -> None:
    certificate = x509.load_pem_x509_certificate((issuers[algorithm].certificate or "").encode())
    public = [keys.public_pem(key_of(algorithm)), (issuers[algorithm].certificate or "").encode()]
    public += [secret.strip() for secret in public] + [certificate.public_bytes(Encoding.DER), b""]
    claims = json.dumps(CLAIMS).encode()
    for secret in public:
        content = f"{segment(json.dumps({'alg': f'HS{hash}', 'typ': 'JWT'}).encode())}.{segment(claims)}"
        signature = hmac.new(secret, content.encode(), f"sha{hash}").digest()
        refuse(issuers[algorithm], f"{content}.{segment(signature)}", "tampered")


@pytest.mark.parametrize(("algorithm", "other"), [("RS256", "RS384"), ("RS256", "RS512"), ("RS256", "PS256")])
def test_our_key_with_another_algorithm_is_not_ours(algorithm: str, other: str, issuers: dict[str, Tokens]) -> None:
    token = sign({"alg": other, "typ": "JWT"}, json.dumps(CLAIMS).encode(), key_of(algorithm))
    refuse(issuers[algorithm], token, "tampered")


@both
@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"null",
        b"5",
        b'"alg"',
        b"[]",
        b'["alg"]',
        b"{}",
        b"{",
        b"\xff",
        b"[" * 20_000,
        b'{"alg":' * 3_000,
        b'{"alg":"ES256","crit":["exp"],"exp":1}',
        b'{"alg":"ES256","crit":5}',
        b'{"alg":"ES256","b64":false}',
        b'{"alg":"ES256","b64":false,"crit":["b64"]}',
        b'{"alg":"ES256","kid":[]}',
        b'{"alg":"RS256","x5c":5}',
    ],
    ids=lambda header: header[:20].decode("latin-1"),
)
def test_a_header_may_be_anything(algorithm: str, header: bytes, issuers: dict[str, Tokens]) -> None:
    _, claims, signature = signed_by_us(algorithm, CLAIMS).split(".")
    refuse(issuers[algorithm], f"{segment(header)}.{claims}.{signature}", "tampered|malformed")


@both
def test_an_error_quotes_no_header(algorithm: str, issuers: dict[str, Tokens]) -> None:
    header = segment(b'{"alg": "a-strange-one"}')
    with pytest.raises(TokenError) as refusal:
        issuers[algorithm].verify(f"{header}.e30.AAAA", service=SERVICE)
    assert "a-strange-one" not in "".join(traceback.format_exception(refusal.value))


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@both
@given(
    header=_json | st.dictionaries(st.sampled_from(["alg", "kid", "x5c", "jwk", "crit", "b64"]), _json), claims=_json
)
def test_any_json_is_refused_without_our_signature(
    algorithm: str, header: object, claims: object, issuers: dict[str, Tokens]
) -> None:
    parts = (segment(json.dumps(part).encode()) for part in (header, claims))
    refuse(issuers[algorithm], ".".join([*parts, segment(hashlib.sha512().digest())]), "tampered")


# What a token of our own key may hold


@pytest.mark.parametrize(
    ("claim", "value", "why"),
    [
        ("iss", "other", "foreign"),
        ("iss", ["fakereg"], "foreign"),
        ("aud", "other", "audience"),
        ("aud", [], "audience"),
        ("aud", [SERVICE.upper(), None, {}], "audience"),
        ("aud", {SERVICE: SERVICE}, "audience"),
        ("aud", f"x{SERVICE}x", "audience"),
        ("exp", NOW, "expired"),
        ("exp", str(NOW + 300), "exp must be a time"),
        ("exp", True, "exp must be a time"),
        ("exp", float("inf"), "exp must be a time"),
        ("exp", float("nan"), "exp must be a time"),
        ("nbf", NOW + 1, "not yet valid"),
        ("nbf", None, "nbf must be a time"),
        ("nbf", float("nan"), "nbf must be a time"),
        ("sub", 5, "sub must be a text"),
        ("access", {}, "access"),
        ("access", "repository:team/app:pull", "access"),
        ("access", [None], "access"),
        ("access", [[]], "access"),
        ("access", [{}], "access"),
        ("access", [{"type": "repository", "name": "a"}], "access"),
        ("access", [{"type": "repository", "name": 5, "actions": []}], "access"),
        ("access", [{"type": None, "name": "a", "actions": []}], "access"),
        ("access", [{"type": "repository", "name": "a", "actions": "pull"}], "access"),
        ("access", [{"type": "repository", "name": "a", "actions": [["pull"]]}], "access"),
        ("access", [{"type": "repository", "name": "a", "actions": {"pull": 1}}], "access"),
    ],
)
def test_a_claim_that_is_wrong_or_missing(claim: str, value: object, why: str, issuers: dict[str, Tokens]) -> None:
    tokens = issuers["ES256"]
    refuse(tokens, signed_by_us("ES256", {**CLAIMS, claim: value}), why)
    without = {name: each for name, each in CLAIMS.items() if name != claim}
    refuse(tokens, signed_by_us("ES256", without), "malformed|foreign|audience")


@pytest.mark.parametrize(
    ("claim", "value"),
    [("aud", [SERVICE]), ("aud", ["other", SERVICE]), ("exp", NOW + 0.5), ("exp", 10**400), ("nbf", -1), ("iat", None)],
)
def test_claims_may_be_written_in_other_ways(claim: str, value: object, issuers: dict[str, Tokens]) -> None:
    assert issuers["ES256"].verify(signed_by_us("ES256", {**CLAIMS, claim: value}), service=SERVICE) == GRANT


def test_entries_of_one_resource_are_merged(issuers: dict[str, Tokens]) -> None:
    entries = [{"type": "repository", "name": "team/app", "actions": [action]} for action in ("pull", "push")]
    assert issuers["ES256"].verify(signed_by_us("ES256", {**CLAIMS, "access": entries}), service=SERVICE) == GRANT


@pytest.mark.parametrize("payload", [b"", b"null", b"[]", b"5", b'"x"', b"{", b"\xff", b"[" * 20_000, b"9" * 5_000])
def test_a_payload_that_holds_no_claims(payload: bytes, issuers: dict[str, Tokens]) -> None:
    refuse(issuers["ES256"], sign({"alg": "ES256"}, payload, key_of("ES256")), "tampered|malformed")


@given(claim=st.sampled_from(sorted(CLAIMS)), value=_json)
def test_any_claim_of_ours_is_granted_or_refused(claim: str, value: object, issuers: dict[str, Tokens]) -> None:
    token = signed_by_us("ES256", {**CLAIMS, claim: value})
    try:
        grant = issuers["ES256"].verify(token, service=SERVICE)
    except TokenError:
        return
    assert isinstance(grant.subject, str)
    assert all(isinstance(access.actions, frozenset) for access in grant.access)
