"""`/v2/_catalog`: all repositories. It is not in the specification; clients know it from Docker's registry."""

from __future__ import annotations

from werkzeug.wrappers import Response

from fakereg.api import paging
from fakereg.auth.caller import PULL
from fakereg.http.answers import json_response
from fakereg.http.call import Call


def get(call: Call) -> Response:
    """List the repositories that the caller may pull, in ASCII order: at most `n`, those after `last`."""
    names = call.storage.repositories()
    everything = call.caller.external and call.policy.open
    if call.dialect.auth != "none" and not everything:
        names = [name for name in names if PULL in call.own_rights(name)]
    shown, links = paging.page(call, names)
    return json_response({"repositories": shown}, **links)
