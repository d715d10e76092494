"""`/v2/<name>/tags/list` (end-8a, end-8b)."""

from __future__ import annotations

from werkzeug.wrappers import Response

from fakereg.api import paging
from fakereg.http.answers import json_response
from fakereg.http.call import Call
from fakereg.spec.errors import Code, RegistryError
from fakereg.spec.names import Name


def get(call: Call, name: Name) -> Response:
    """List the tags in the dialect's order: at most `n`, those after `last`."""
    name, headers = call.source(name)
    tags, plain = call.storage.tags(name), call.dialect.tag_list == "plain"
    if tags is None or (plain and not tags):
        raise RegistryError(Code.NAME_UNKNOWN, "repository name not known to registry", details=[{"name": name}])
    if plain:
        return json_response({"name": name, "tags": tags}, **headers)
    if call.dialect.lexical_tags:
        shown, links = paging.page(call, sorted(tags, key=_lexical), key=_lexical)
    else:
        shown, links = paging.page(call, tags)
    return json_response({"name": name, "tags": shown}, **headers, **links)


def _lexical(tag: str) -> tuple[str, str]:
    return tag.lower(), tag
