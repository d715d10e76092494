"""`/v2/<name>/referrers/<digest>` (end-12a, end-12b).

Storages know the subject of every manifest, also of those pushed while the API was off; so switching it on takes
over what clients listed under the referrers tag schema ("Enabling the Referrers API").
"""

from __future__ import annotations

import json
from typing import Any

from werkzeug.wrappers import Response

from fakereg.api import paging
from fakereg.errors import Code, RegistryError
from fakereg.manifest import OCI_INDEX
from fakereg.names import Digest, Name
from fakereg.wsgi import Call, json_response


def get(call: Call, name: Name, digest_text: str) -> Response:
    """An image index of all manifests whose subject is the digest; never 404 while the API is on."""
    if not call.dialect.referrers:
        raise RegistryError(Code.UNSUPPORTED, "the referrers API is not available", status=404)
    name, headers = call.source(name)
    subject = Digest.parse(digest_text)
    found = [manifest.referrer() for manifest in call.storage.referrers(name, subject)]
    wanted = call.request.args.get("artifactType")
    if wanted and call.dialect.referrers_filter:
        found = [entry for entry in found if entry.get("artifactType") == wanted]
        headers["OCI-Filters-Applied"] = "artifactType"
    shown, more = _page(call, found)
    if more:
        kept = {"artifactType": wanted} if wanted else {}
        headers["Link"] = paging.link(call, last=shown[-1]["digest"], **kept)
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": shown}
    return json_response(index, content_type=OCI_INDEX, **headers)


def _page(call: Call, found: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], bool]:
    """The descriptors behind `last` that fit one answer (at least one), and whether more follow."""
    last = call.request.args.get("last", "")
    rest = [entry for entry in found if entry["digest"] > last]
    most = call.dialect.referrers_page_size or len(rest)
    shown: list[dict[str, Any]] = []
    size = 0
    for entry in rest[:most]:
        size += len(json.dumps(entry)) + len(", ")
        if shown and size > call.dialect.manifest_size_limit:
            break
        shown.append(entry)
    return shown, len(shown) < len(rest)
