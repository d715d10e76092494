"""What every endpoint of the control API asks: the secret, and a JSON object."""

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
        raise RegistryError(Code.UNSUPPORTED, "the control API is off: the server has no control secret", status=404)
    scheme, _, given = call.request.headers.get("Authorization", "").partition(" ")
    secret = call.instance.control_secret.encode("utf-8", "surrogateescape")  # as the environment may have it
    right = hmac.compare_digest(given.strip().encode("latin-1", "replace"), secret)
    if not (right and scheme.lower() == "bearer"):
        challenge = {"WWW-Authenticate": 'Bearer realm="fakereg control"'}
        raise RegistryError(Code.UNAUTHORIZED, "the control API wants its secret", headers=challenge)


def json_object(call: Call) -> dict[str, Any]:
    """The body, from a caller who has the secret."""
    require_secret(call)
    try:
        document = json.loads(call.body(_BODY_BYTES, "a document"))
    except (ValueError, RecursionError):
        raise invalid("the body is not JSON") from None
    if not isinstance(document, dict):
        raise invalid("the body is not a JSON object")
    return document


def invalid(message: str) -> RegistryError:
    """Return the 400 of a document that cannot be used."""
    return RegistryError(Code.UNSUPPORTED, message, status=400)
