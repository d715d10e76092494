"""JWTs: access tokens that any registry with the certificate can verify (the Docker registry's "jwt" documentation).

Only this module needs the packages of the extra `jwt`; `tokens.py` imports it for the formats that are JWTs.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import JWSRegistry

from fakereg.auth.token_errors import TOKEN_LIMIT, TokenError

_COMMON_NAME = "fakereg"
_VALID_FROM = datetime(1970, 1, 1, tzinfo=UTC)
_VALID_UNTIL = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)  # "no well-defined expiration", RFC 5280 4.1.2.5


class Jwt:
    """Signs and reads JWTs with one key and one algorithm, "ES256" or "RS256"; a token with another is refused."""

    external = True

    def __init__(self, algorithm: str, *, key: str | None, cert: str | None) -> None:
        """Read the key and the certificate from these PEM files, or generate them.

        Raise ValueError if they do not fit the algorithm or each other, OSError if they cannot be read.
        """
        if cert and not key:
            raise ValueError("with token_cert, give token_key, too: the key of the certificate")
        self._registry = _Registry(algorithms=[algorithm])
        self._key = _load_key(algorithm, key) if key else _make_key(algorithm)
        chain = _load_chain(cert, self._key) if cert else [_self_signed(self._key)]
        self.certificate: str | None = "".join(each.public_bytes(Encoding.PEM).decode() for each in chain)
        self._header = {
            "alg": algorithm,
            "typ": "JWT",
            "kid": self._key.thumbprint(),
            "x5c": [base64.b64encode(each.public_bytes(Encoding.DER)).decode() for each in chain],
        }

    def sign(self, claims: dict[str, Any]) -> str:
        """Return the JWT with these claims."""
        return jwt.encode(self._header, claims, self._key, registry=self._registry)

    def read(self, text: str) -> dict[str, Any]:
        """Return the claims of a JWT that was signed with this key; raise TokenError for any other text."""
        try:
            claims = jwt.decode(text, self._key, registry=self._registry).claims
            return {**claims}  # this must fail if they are not an object
        except Exception:  # the header is parsed before the signature is verified, and may be any JSON
            raise TokenError("token tampered with, or foreign") from None


class _Registry(JWSRegistry):
    """The library's limits, raised for certificates in the header; the length of the whole token is checked before."""

    max_header_length = TOKEN_LIMIT
    max_payload_length = TOKEN_LIMIT


def _make_key(algorithm: str) -> ECKey | RSAKey:
    return ECKey.generate_key("P-256") if algorithm == "ES256" else RSAKey.generate_key(2048)


def _load_key(algorithm: str, path: str) -> ECKey | RSAKey:
    pem = Path(path).read_bytes()
    try:
        key = ECKey.import_key(pem) if algorithm == "ES256" else RSAKey.import_key(pem)
        jwt.encode({"alg": algorithm}, {}, key, algorithms=[algorithm])  # a public key and another curve fail here
    except Exception:  # of many types, and the message may quote the file
        raise ValueError(f"{path} must hold a private key for {algorithm}") from None
    return key


def _load_chain(path: str, key: ECKey | RSAKey) -> list[x509.Certificate]:
    pem = Path(path).read_bytes()
    try:
        chain = x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise ValueError(f"{path} must hold a certificate") from None
    if chain[0].public_key() != key.public_key:
        raise ValueError(f"{path} must begin with the certificate of the key, but that certificate has another key")
    return chain


def _self_signed(key: ECKey | RSAKey) -> x509.Certificate:
    """Return a certificate that is valid at every time, since tests set clocks by hand."""
    assert key.private_key is not None
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _COMMON_NAME)])
    builder = x509.CertificateBuilder(
        name, name, key.public_key, x509.random_serial_number(), _VALID_FROM, _VALID_UNTIL
    )
    return builder.sign(key.private_key, hashes.SHA256())
