"""The syntax of names, tags and digests, broken: too lax, too strict, or mended where it is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from conformance.client.transport import TransportError
from fakereg.spec import names
from fakereg.spec.names import Digest, Name, Tag
from tests.mutants.harness import Answer, Ask, instead, patched


def reading(kind: type[Name] | type[Tag] | type[Digest], mend: Callable[[str], str]) -> Any:
    """A patch that lets the text of a name, tag or digest be mended before it is parsed."""

    def patch_it(patch: pytest.MonkeyPatch) -> None:
        parse = kind.parse
        patch.setattr(kind, "parse", lambda text, **options: parse(mend(text), **options))

    return patch_it


def grammar(constant: str, pattern: str) -> Any:
    """A patch that gives names or tags another grammar."""
    return lambda patch: patch.setattr(names, constant, re.compile(pattern))


patched("OCI-R005", "takes a digest in upper case for the digest")(reading(Digest, str.lower))
patched("OCI-R005", "strips blanks and line ends from digests")(reading(Digest, str.strip))
patched("OCI-R005", "strips blanks and line ends from tags", arguments=("--conformance-version=1.0",))(
    reading(Tag, str.strip)
)
patched("OCI-R005", "finds a digest by its beginning")(reading(Digest, lambda text: text[:71]))
patched("OCI-R006", "takes any name")(grammar("_NAME", r"(?s).+"))
patched("OCI-R006", "takes upper case in names")(
    grammar("_NAME", r"(?i)[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*(/[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*)*")
)
patched("OCI-R006", "takes upper case at the start of names, as if it were a host")(
    grammar("_NAME", r"[a-zA-Z0-9]+(([._]|__|-+)[a-z0-9]+)*(/[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*)*")
)
patched("OCI-R006", "makes lower case of names")(reading(Name, str.lower))
patched("OCI-R006", "takes separators at the end of a part of a name")(
    grammar("_NAME", r"[a-z0-9]+(([._]|__|-+)[a-z0-9]*)*(/[a-z0-9]+(([._]|__|-+)[a-z0-9]*)*)*")
)
patched("OCI-R006", "knows no two underscores in names")(
    grammar("_NAME", r"[a-z0-9]+(([._]|-+)[a-z0-9]+)*(/[a-z0-9]+(([._]|-+)[a-z0-9]+)*)*")
)
patched("OCI-R006", "takes no part of a name that is called like an endpoint")(
    grammar("_NAME", r"(?!.*/blobs\b)[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*(/[a-z0-9]+(([._]|__|-+)[a-z0-9]+)*)*")
)
patched("OCI-R007", "takes tags of any length")(grammar("_TAG", r"[a-zA-Z0-9_][a-zA-Z0-9._-]*"))
patched("OCI-R007", "cuts tags to 128 characters")(reading(Tag, lambda text: text[:128]))
patched("OCI-R007", "takes tags of 100 characters at the most")(grammar("_TAG", r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,99}"))
patched("OCI-R008", "takes tags that begin with a dash")(grammar("_TAG", r"[a-zA-Z0-9._-]{1,128}"))
patched("OCI-R008", "strips blanks and line ends from tags")(reading(Tag, str.strip))
patched("OCI-R008", "strips dashes and dots from tags")(reading(Tag, lambda text: text.strip("-.")))
patched("OCI-R008", "takes no upper case in tags")(grammar("_TAG", r"[a-z0-9_][a-z0-9._-]{0,127}"))
patched("OCI-R019", "takes a digest in upper case for the digest of a blob")(reading(Digest, str.lower))
patched("OCI-R024", "finds a blob by the beginning of its digest")(reading(Digest, lambda text: text[:71]))


def silent(requirement: str, text: str, pattern: str) -> None:
    """Register a fake that breaks the connection instead of an answer to odd requests."""

    @instead(requirement, text)
    def tamper(ask: Ask) -> Answer | None:
        asked = f"{ask.method} {ask.path}?{ask.environ['QUERY_STRING']} {ask.header('Range')}"
        if re.search(pattern, asked):
            raise TransportError("the connection was closed")
        return None


silent("OCI-R006", "breaks the connection over upper case in a name", "^POST [^?]*/Upper")
silent("OCI-R008", "breaks the connection over a tag that is none", r"^GET [^?]*/manifests/-dash")
silent("OCI-R005", "breaks the connection over a digest that is none", "^GET [^?]*/manifests/[a-z0-9]*:g")
silent("OCI-R019", "breaks the connection over the digest of a blob that is none", "^GET [^?]*/blobs/[a-z0-9]*:g")
silent("OCI-R020", "breaks the connection over a malformed range", "bytes=a-b")
silent("OCI-R053", "breaks the connection over a push to a malformed digest", r"^PUT [^?]*/manifests/sha256:\?")
silent("OCI-R078", "breaks the connection over referrers of no digest", "^GET [^?]*/referrers/nodigest")
silent("OCI-R051", "breaks the connection over a mount of no digest", "^POST .*mount=nodigest")
silent("OCI-R074", "breaks the connection over a last that is no tag", "^GET .*last=zzzz")


@patched("OCI-R006", "takes names of 100 characters at the most")
def short_names(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(names, "NAME_LENGTH_LIMIT", 100)
