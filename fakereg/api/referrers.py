"""`/v2/<name>/referrers/<digest>` (end-12a, end-12b).

The storage knows the subject of every manifest, also of those pushed while the API was off. So when it is switched on,
it lists all artifacts that clients have pushed with the referrers tag schema ("Enabling the Referrers API").
"""

from __future__ import annotations

import sys

from werkzeug.wrappers import Response

from fakereg.api import paging
from fakereg.http.answers import json_response
from fakereg.http.call import Call
from fakereg.spec import manifest
from fakereg.spec.errors import Code, RegistryError
from fakereg.spec.manifest import OCI_INDEX
from fakereg.spec.names import Digest, Name


def get(call: Call, name: Name, digest_text: str) -> Response:
    """Answer with an image index of all manifests whose subject is the digest; never 404 while the API is on."""
    if not call.dialect.referrers:
        raise RegistryError(Code(call.dialect.referrers_refusal), "the referrers API is not available", status=404)
    name, headers = call.source(name)
    subject = Digest.parse(digest_text)
    wanted = call.request.args.get("artifactType") if call.dialect.referrers_filter else None
    page, more = call.storage.referrers(
        name,
        subject,
        artifact_type=wanted or None,
        last=call.request.args.get("last", ""),
        limit=call.dialect.referrers_page_size or sys.maxsize,
        size=call.dialect.manifest_size_limit,  # a descriptor is hardly larger than its manifest
    )
    if wanted:
        headers["OCI-Filters-Applied"] = "artifactType"
    if more:
        kept = {"artifactType": wanted} if wanted else {}
        headers["Link"] = paging.link(call, last=page[-1].digest, **kept)
    shown = [manifest.read(*stored).referrer() for stored in page]
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": shown}
    return json_response(index, content_type=OCI_INDEX, **headers)
