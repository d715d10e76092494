"""Checks for every endpoint of the control API: the secret, and a JSON object as the body."""

from __future__ import annotations

import hmac
import json
from typing import Any

from fakereg.http.call import Call
from fakereg.spec.errors import Code, RegistryError

_BODY_BYTES = 1 << 20


def require_secret(call: Call) -> None:
    """Raise 401 unless the request has the control secret, 404 where the server has none."""
    if not call.instance.control_secret:
        raise RegistryError(
            Code.UNSUPPORTED, "the control API is off: start the server with a control_secret", status=404
        )
    scheme, _, given = call.request.headers.get("Authorization", "").partition(" ")
    secret = call.instance.control_secret.encode("utf-8", "surrogateescape")  # from the environment, any bytes
    right = hmac.compare_digest(given.strip().encode("latin-1", "replace"), secret)
    if not (right and scheme.lower() == "bearer"):
        challenge = {"WWW-Authenticate": 'Bearer realm="fakereg control"'}
        raise RegistryError(Code.UNAUTHORIZED, "the control API needs Authorization: Bearer SECRET", headers=challenge)


def json_object(call: Call) -> dict[str, Any]:
    """Check the secret and return the body, a JSON object; raise 400 for any other body."""
    require_secret(call)
    try:
        document = json.loads(call.body(_BODY_BYTES, "a document"))
    except (ValueError, RecursionError):
        raise invalid("the body must be JSON") from None
    if not isinstance(document, dict):
        raise invalid("the body must be a JSON object")
    return document


def invalid(message: str) -> RegistryError:
    """Return the 400 of a document that cannot be used."""
    return RegistryError(Code.UNSUPPORTED, message, status=400)
