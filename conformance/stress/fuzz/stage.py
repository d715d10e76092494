"""The stage of the part `fuzz`: a fake in process, WSGI requests, and the invariants after them."""

from __future__ import annotations

import io
import traceback
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from conformance.checks.passive_answers import link, location, refusals_say_more, retry_after
from conformance.checks.passive_content import (
    content_that_was_asked,
    digest_matches_body,
    length_matches_body,
    part_of_blob,
)
from conformance.client.client import location_of
from conformance.client.content import Content, Manifest
from conformance.client.exchange import Exchange, Request
from conformance.client.steps import Steps
from conformance.client.transport import WsgiTransport
from conformance.stress.common.base import Stress
from conformance.stress.common.canaries import Canaries
from conformance.stress.fuzz.inputs import AUTHORIZATION, Case, Input, Words
from conformance.stress.fuzz.words import MANIFESTS, SMALL_BLOBS
from conformance.targets.fakes import InProcessFake
from conformance.urls import joined, parsed

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

CHECKS = (
    length_matches_body,
    digest_matches_body,
    content_that_was_asked,
    part_of_blob,
    refusals_say_more,
    retry_after,
    link,
    location,
)
"""Checks of every answer, independent of the request."""

KEPT = "kept"
CASE = "{case}"
"""The mark in names of repositories that is replaced by the number of the case, so that each has its own."""

_SAFE = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in "?#")


class Fault(Exception):
    """A fault: a sentence, and a `key` that is equal for faults of the same kind."""

    def __init__(self, text: str, key: str = "") -> None:
        super().__init__(text)
        self.key = key or text


class Entry:
    """A WSGI application that is called like by another server, or for a client that disconnects."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application
        self.quirk = ""

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        change = _CHANGES.get(self.quirk)
        if change:
            change(environ)
        return self._application(environ, start_response)


def _without(*names: str) -> Callable[[WSGIEnvironment], None]:
    def change(environ: WSGIEnvironment) -> None:
        for name in names:
            environ.pop(name, None)

    return change


def _broken(error: type[OSError]) -> Callable[[WSGIEnvironment], None]:
    def change(environ: WSGIEnvironment) -> None:
        environ["wsgi.input"] = _Broken(environ["wsgi.input"].read(3), error)

    return change


_CHANGES: dict[str, Callable[[WSGIEnvironment], None]] = {
    "no-uri": _without("REQUEST_URI", "RAW_URI"),
    "no-length": _without("CONTENT_LENGTH"),
    "unterminated": _without("wsgi.input_terminated"),
    "cut": _broken(ConnectionError),
    "stalled": _broken(TimeoutError),
    "old": lambda environ: environ.update(SERVER_PROTOCOL="HTTP/1.0"),
    "no-address": _without("REMOTE_ADDR"),
    "no-host": _without("HTTP_HOST"),
    "https": lambda environ: environ.update({"wsgi.url_scheme": "https", "SERVER_PORT": "443"}),
}


class _Broken(io.RawIOBase):
    """A body that ends with an error after its first bytes."""

    def __init__(self, data: bytes, error: type[OSError]) -> None:
        self._data = data
        self._error = error

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._data:
            raise self._error("the body does not come")
        count = min(len(buffer), len(self._data))
        buffer[:count], self._data = self._data[:count], self._data[count:]
        return count


class Stage:
    """A fake that is entered, with content that must not change. `canaries` are around the folder of its store."""

    def __init__(self, stress: Stress, target: InProcessFake, storage: str, canaries: Canaries | None) -> None:
        self.name = f"{target.name} on {storage}"
        self._target = target
        self._canaries = canaries
        self._entry = Entry(target.application(target.running))
        described, plain = target.description, target.transport()
        web = parsed(described.hosts.web).hostname or ""
        self._web = described.hosts.web
        self._transport = WsgiTransport(self._entry, base_url=plain.base_url, hostname=web)
        self._steps = Steps(stress.client(transport=plain, on_exchange=self._learn))
        self._authorization = self._session = ""
        self._seed = stress.seed
        self._kept_name = stress.repository(KEPT)
        names = tuple(stress.repository(f"fuzz-{CASE}-{letter}") for letter in "ab")
        hosts = tuple(url.partition("://")[2] for url in (plain.base_url, described.hosts.docker, web) if url)
        self.words = Words(names, names[0].partition("/")[0], self._credentials(stress), hosts, bool(web))
        self._case = 0
        self.renew()

    def _credentials(self, stress: Stress) -> tuple[str, ...]:
        """Return values of Authorization, the writer's first; each as Basic and as the bare token."""
        from conformance.client.credentials import basic

        who = stress.target.description.identities.values()
        known = sorted(who, key=lambda identity: identity.name != "writer")
        pairs = [(basic(each.username, each.secret), f"Bearer {each.secret}") for each in known]
        return tuple(value for pair in pairs for value in pair)

    def renew(self) -> None:
        """Delete all content, and push the content that must not change."""
        self._target.reset()
        self._image = self._steps.any_image(self._kept_name, Content(seed=self._seed, label="fuzz kept"), KEPT)
        self._kept = self._read_kept()

    def _prepare(self) -> None:
        """Make new repositories for the next case: the first has an image of small blobs and an upload session."""
        self._case += 1
        small = next(data for data in MANIFESTS if self._image.media_type.encode() in data)
        name = self._named(self.words.names[0])
        self._steps.manifest(name, Manifest(small, self._image.media_type, SMALL_BLOBS), "a")
        self._session = location_of(self._steps.session(name)) or ""

    def _learn(self, exchange: Exchange) -> None:
        """Remember the headers of a push."""
        if exchange.request.method == "POST":
            sent = (value for name, value in exchange.request.headers if name == "Authorization")
            self._authorization = next(sent, "")

    def _named(self, text: str) -> str:
        return text.replace(CASE, str(self._case))

    def play(self, case: Case, exchanges: list[Exchange]) -> None:
        """Send the requests of a case, one after the other; raise Fault for the first fault."""
        self._prepare()
        for each in case:
            exchange = self._send(each)
            exchanges.append(exchange)
            for fault in _faults(exchange):
                raise fault
            if "/uploads/" in (found := location_of(exchange) or ""):
                self._session = found
        self._look_around()

    def _send(self, each: Input) -> Exchange:
        request = self._request(each)
        self._entry.quirk = each.quirk
        try:
            return self._transport.send(request)
        except Exception as error:  # any exception is a fault of the application
            where = traceback.extract_tb(error.__traceback__)[-1]
            key = f"{type(error).__name__} at {where.filename}:{where.lineno}"
            raise Fault(
                f"{request.method} raised {type(error).__name__}: {error}\n{traceback.format_exc()}", key
            ) from error

    def _request(self, each: Input) -> Request:
        base = self._web if each.web else self._transport.base_url
        path, query = each.path, each.query
        if "{session}" in path:
            there = parsed(joined(base, self._session))
            path, query = path.replace("{session}", there.path), "&".join(filter(None, (there.query, query)))
        path = self._named(path if path.startswith("/") else f"/{path}")
        url = base + quote(path, safe=_SAFE) + (f"?{_latin(self._named(query))}" if query else "")
        headers = tuple((name, value.replace(AUTHORIZATION, self._authorization)) for name, value in each.headers)
        return Request(each.method, url, headers, each.body)

    def _read_kept(self) -> list[Exchange]:
        client, name = self._steps.client, self._kept_name
        manifest = client.get_manifest(name, KEPT)
        blob = client.get_blob(name, self._image.blobs[-1].digest)
        return [manifest, blob, client.list_tags(name)]

    def _look_around(self) -> None:
        if self._canaries and (changed := self._canaries.changed()):
            raise Fault(f"files outside the store changed: {', '.join(changed)}", "outside")
        for before, now in zip(self._kept, self._read_kept(), strict=True):
            if (before.status, before.body) != (now.status, now.body):
                raise Fault(
                    f"content changed that no request named:\n{before.describe()}\nis now\n{now.describe()}",
                    "changed",
                )


def _latin(text: str) -> str:
    """Return a query with any characters of Latin-1 except those that end it."""
    return "".join(each if " " < each <= "\xff" and each != "#" else quote(each) for each in text)


def _faults(exchange: Exchange) -> Iterator[Fault]:
    """Yield the faults of an answer by itself."""
    if exchange.status >= 500:
        yield Fault(f"{exchange.request.method} was answered {exchange.status}\n{exchange.describe()}")
    for name, value in exchange.headers:
        if not value.isascii():
            yield Fault(f"the header {name} is not ASCII: {value!r}", f"not ASCII: {name}")
    if 400 <= exchange.status < 500 and _wants_errors(exchange) and not _has_errors(exchange):
        yield Fault(f"an answer {exchange.status} has no list of errors\n{exchange.describe()}", "no errors")
    for check in CHECKS:
        for found in check(exchange):
            if not found.ok:
                text = f"{check.__name__.replace('_', ' ')}: expected {found.expected}, got {found.got}"
                yield Fault(f"{text}\n{exchange.describe()}", f"{check.__name__} {exchange.status}")


def _wants_errors(exchange: Exchange) -> bool:
    """Whether the registry answered; a router in front of it answers unknown paths with a plain 404."""
    routed = exchange.status == 404 and exchange.media_type == "text/plain"
    return exchange.request.method != "HEAD" and parsed(exchange.request.url).path.startswith("/v2/") and not routed


def _has_errors(exchange: Exchange) -> bool:
    document = exchange.json()
    errors = document.get("errors") if isinstance(document, dict) else None
    return (
        isinstance(errors, list)
        and bool(errors)
        and all(
            isinstance(error, dict) and isinstance(error.get("code"), str) and isinstance(error.get("message"), str)
            for error in errors
        )
    )
