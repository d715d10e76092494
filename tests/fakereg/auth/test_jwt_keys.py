"""Keys and certificates for JWTs: taken from files, or refused with the reason."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from fakereg.auth.scopes import Access
from fakereg.auth.token_errors import TokenError
from fakereg.auth.tokens import Tokens
from fakereg.clock import ManualClock
from tests.fakereg import keys
from tests.fakereg.keys import key_of

SERVICE = "registry.example"
PULL = Access("repository", "team/app", frozenset({"pull"}))
both = pytest.mark.parametrize("algorithm", ["ES256", "RS256"])


@both
def test_a_key_and_its_chain_are_used_as_they_are(algorithm: str, tmp_path: Path) -> None:
    key = key_of(algorithm)
    chain = [keys.certificate(key), keys.certificate(key_of("RS256", "authority"), name="authority")]
    pem = [each.public_bytes(Encoding.PEM) for each in chain]
    tokens = Tokens(
        clock=ManualClock(),
        format=algorithm,
        key=keys.write(tmp_path, "key.pem", keys.private_pem(key)),
        cert=keys.write(tmp_path, "cert.pem", *pem),
    )
    token = tokens.issue(subject="", name="", service=SERVICE, access=[PULL]).token
    assert tokens.verify(token, service=SERVICE).access == (PULL,)
    header, _, _ = token.split(".")
    assert json.loads(base64.urlsafe_b64decode(header + "=="))["x5c"] == [
        base64.b64encode(each.public_bytes(Encoding.DER)).decode() for each in chain
    ]
    assert tokens.certificate == b"".join(pem).decode()


def test_issuers_of_one_key_and_one_name_are_one_issuer(tmp_path: Path) -> None:
    path = keys.write(tmp_path, "key.pem", keys.private_pem(key_of("ES256")))
    one, two, other = (
        Tokens(clock=ManualClock(), format="ES256", key=path, issuer=issuer) for issuer in ("a", "a", "b")
    )
    token = one.issue(subject="", name="me", service=SERVICE, access=[PULL]).token
    assert two.verify(token, service=SERVICE).access == (PULL,)
    with pytest.raises(TokenError, match="foreign"):
        other.verify(token, service=SERVICE)


@both
def test_a_key_that_cannot_sign_is_refused(algorithm: str, tmp_path: Path) -> None:
    other = "RS256" if algorithm == "ES256" else "ES256"
    for number, content in enumerate(
        [
            keys.private_pem(key_of(other)),
            keys.private_pem(key_of("ES384")),
            keys.public_pem(key_of(algorithm)),
            keys.certificate(key_of(algorithm)).public_bytes(Encoding.PEM),
            keys.private_pem(key_of(algorithm), password=b"secret"),
            b"",
            b"-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----\n",
        ]
    ):
        path = keys.write(tmp_path, f"{number}.pem", content)
        with pytest.raises(ValueError, match=rf"{number}\.pem must hold a private key for {algorithm}$"):
            Tokens(clock=ManualClock(), format=algorithm, key=path)


def test_a_certificate_belongs_to_its_key(tmp_path: Path) -> None:
    key = keys.write(tmp_path, "key.pem", keys.private_pem(key_of("ES256")))
    own, other = (
        keys.write(tmp_path, f"{whose}.pem", keys.certificate(key_of("ES256", whose)).public_bytes(Encoding.PEM))
        for whose in ("ours", "theirs")
    )
    for its_key, cert, why in (
        (None, own, "with token_cert, give token_key"),
        (key, other, "must begin with the certificate of the key"),
        (key, key, "must hold a certificate"),
    ):
        with pytest.raises(ValueError, match=why):
            Tokens(clock=ManualClock(), format="ES256", key=its_key, cert=cert)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.pem")
    key = keys.write(tmp_path, "key.pem", keys.private_pem(key_of("ES256")))
    for its_key, cert in ((missing, None), (key, missing)):
        with pytest.raises(FileNotFoundError, match=r"missing\.pem"):
            Tokens(clock=ManualClock(), format="ES256", key=its_key, cert=cert)
