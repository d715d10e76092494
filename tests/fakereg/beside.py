"""Requests to two servers, one beside the other, and what of their answers has to be the same."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tests.guard import GUARD

TIMEOUT = GUARD

SESSION = "{session}"
"""Stands in a path for the Location of the last upload session that the server gave."""

_COMPARED = ("Docker-Content-Digest", "ETag", "Accept-Ranges", "Range", "Location", "Docker-Distribution-API-Version")
_UNIQUE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<=_state=)[^&]+")


@dataclass(frozen=True)
class Step:
    """One request; `{session}` in the path is the last session's Location, and `&` adds to its query."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass
class Server:
    """One of the two, by its URL, and the session that it opened last."""

    url: str
    session: str = ""

    def ask(self, step: Step) -> dict[str, Any]:
        """Send a request; what the answer has that has to be the same."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=TIMEOUT)
        try:
            path = step.path.replace(SESSION, self.session)
            connection.request(step.method, path, body=step.body, headers=dict(step.headers))
            response = connection.getresponse()
            location = response.headers.get("Location", "")
            if "/blobs/uploads/" in location:
                self.session = location.removeprefix(self.url)
            return self._compared(response)
        finally:
            connection.close()

    def _compared(self, response: http.client.HTTPResponse) -> dict[str, Any]:
        """Status, kind, and of an answer the headers and the body, of a refusal the codes, the challenge, methods."""
        headers, status = response.headers, response.status
        kept: dict[str, Any] = {"status": status, "Content-Range": headers.get("Content-Range")}
        if status in (412, 416):  # the real one announces a body here that it does not send
            return kept
        if 300 <= status < 400:  # the real one has a page for people on some of these
            return kept | {"Location": headers.get("Location")}
        kept["kind"] = headers.get_content_type() if "Content-Type" in headers else None
        kept["charset"] = headers.get_content_charset()
        body = response.read()
        if status < 300:
            kept |= {name: self._plain(headers.get(name)) for name in _COMPARED} | {
                "allow": _sorted(headers.get("Allow"))
            }
            kept["body"] = json.loads(body) if kept["kind"] == "application/json" and body else body
        elif kept["kind"] == "application/json" and body:
            kept["codes"] = [error["code"] for error in json.loads(body)["errors"]]
            kept["challenge"] = _sorted(headers.get("WWW-Authenticate"))
        else:
            kept["body"] = body
            kept["allow"] = _sorted(headers.get("Allow"))
        return kept

    def _plain(self, value: str | None) -> str | None:
        """A header without what differs each time: the server's URL, ids and states."""
        return None if value is None else _UNIQUE.sub("*", value.replace(self.url, "URL"))


def _sorted(header: str | None) -> list[str]:
    """The words of a header whose order does not count: what is allowed, or the fields and scopes of a challenge."""
    return sorted(re.findall(r'[^\s,"=:]+', re.sub(r'error_description="[^"]*"', "", header or "")))


def differences(real: Server, fake: Server, steps: Sequence[Step]) -> Iterator[str]:
    """Send the steps to both, one after the other; a line for each that they answer differently."""
    for number, step in enumerate(steps):
        wanted, got = real.ask(step), fake.ask(step)
        if wanted != got:
            unlike = {key: (wanted.get(key), got.get(key)) for key in wanted | got if wanted.get(key) != got.get(key)}
            yield f"{number} {step.method} {step.path} {dict(step.headers)}: real and fake {unlike}"
