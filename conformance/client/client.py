"""The client: one method per endpoint of the specification, each of which returns the whole exchange."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote, urlencode

from conformance.client.credentials import Authenticator
from conformance.client.exchange import Body, Exchange, Header, Request, carries_secrets
from conformance.client.transport import Transport, TransportError
from conformance.urls import NOWHERE, joined, origin_of, parsed

IMAGE = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_IMAGE = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
ACCEPT = ", ".join((IMAGE, INDEX, DOCKER_IMAGE, DOCKER_LIST))
BINARY = ("Content-Type", "application/octet-stream")
CASE_HEADER = "X-Conformance-Case"
REDIRECTS = {301, 302, 303, 307, 308}
MAX_REDIRECTS = 5
_OF_ONE_REQUEST = {"connection", "host", "te", "transfer-encoding", "upgrade", CASE_HEADER.lower()}
"""Headers that are made for each request anew."""

_SECRETS = {"authorization", "cookie", "proxy-authorization"}
_ABOUT_A_BODY = {
    f"content-{name}" for name in ("digest", "encoding", "language", "length", "location", "range", "type")
}


@dataclass(slots=True)
class Allowance:
    """What all answers to a scenario may take, so that none makes it endless; far more than any scenario needs."""

    seconds: float = 3600.0
    requests: int = 2000
    bytes: int = 256 << 20

    def check(self) -> None:
        """Raise TransportError if nothing of something is left."""
        for left, said in ((self.requests, "requests"), (self.bytes, "bytes"), (self.seconds, "time")):
            if left <= 0:
                raise TransportError(f"the answers to this scenario have used up all the {said} that it has")

    def take(self, exchange: Exchange) -> None:
        """Count an exchange."""
        self.requests -= 1
        self.bytes -= len(exchange.body)
        self.seconds -= exchange.elapsed


class Client:
    """A client of one registry. `case` is sent in a header of every request, `on_exchange` gets every exchange.

    `base_url` is where paths lead, by default where the transport does. With an `authenticator` a request that is
    answered with 401 is sent again with what the challenge asks for, as any client does; without, 401 is the answer.
    An `allowance` is shared by all clients of a scenario.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        case: str = "",
        base_url: str = "",
        authenticator: Authenticator | None = None,
        on_exchange: Callable[[Exchange], None] | None = None,
        allowance: Allowance | None = None,
    ) -> None:
        self._transport = transport
        self._allowance = allowance
        self._case = case
        self.base_url = base_url or transport.base_url
        self._authenticator = authenticator
        self._on_exchange = on_exchange

    def request(self, method: str, url: str, *, headers: Sequence[Header] = (), body: Body = b"") -> Exchange:
        """Send one request to a path or an absolute URL; raise TransportError without an answer."""
        if not url:
            raise TransportError(f"{method} cannot be sent: no answer had a Location that leads to a server")
        absolute = self.base_url + url if url.startswith("/") else url
        constant = [(CASE_HEADER, self._case)] if self._case else []
        if self._allowance:
            self._allowance.check()
        exchange = self._authenticated(Request(method, absolute, (*headers, *constant), body))
        if self._allowance:
            self._allowance.take(exchange)
        if self._on_exchange is not None:
            self._on_exchange(exchange)
        return exchange

    def _authenticated(self, request: Request) -> Exchange:
        known = self._authenticator if self._is_home(request.url) else None
        exchange = self._send(request, known.first(request, self._send) if known else None)
        if known and exchange.status == 401:
            authorization = known.again(request, exchange, self._send)
            if authorization and not isinstance(request.body, Iterator):  # what has been sent can be sent again
                exchange = self._send(request, authorization)
        return exchange

    def _send(self, request: Request, authorization: str | None = None) -> Exchange:
        if authorization and not any(name.lower() == "authorization" for name, _ in request.headers):
            request = replace(request, headers=(*request.headers, ("Authorization", authorization)))
        if parsed(self.base_url).scheme == "https" != parsed(request.url).scheme and carries_secrets(request):
            raise TransportError(
                f"{request.method} {request.url} was not sent: it would carry a secret over http://, and the registry "
                f"is at https://"
            )
        return self._transport.send(request)

    def _is_home(self, url: str) -> bool:
        return origin_of(url) == origin_of(self.base_url)

    def token(self, *scopes: str) -> str:
        """Get a token of the identity for scopes, from the service that the registry names; empty without one."""
        if not self._authenticator:
            return ""
        challenge = self._transport.send(Request("GET", f"{self.base_url}/v2/"))
        return self._authenticator.token(challenge, scopes, self._transport.send)

    def follow(self, exchange: Exchange) -> Exchange:
        """Follow redirects, at most five, as RFC 9110 section 15.4 says; secrets do not leave the registry's host.

        What the request asked for goes along, with the body unless the answer is 303, which asks for a GET.
        """
        for _ in range(MAX_REDIRECTS):
            location, first = exchange.header("Location"), exchange.request
            if exchange.status not in REDIRECTS or location is None or isinstance(first.body, Iterator):
                break
            url, left = joined(first.url, location), set(_OF_ONE_REQUEST)
            if self._authenticator or not self._is_home(url):  # it adds what is for the registry's host
                left |= _SECRETS
            method, body = first.method, first.body
            if exchange.status == 303 and method != "HEAD":
                method, body, left = "GET", b"", left | _ABOUT_A_BODY
            carried = [pair for pair in first.headers if pair[0].lower() not in left]
            exchange = self.request(method, url, headers=carried, body=body)
        return exchange

    def ping(self) -> Exchange:
        """GET /v2/ (end-1)."""
        return self.request("GET", "/v2/")

    def get_manifest(
        self, name: str, reference: str, *, accept: str = ACCEPT, headers: Sequence[Header] = (), query: str = ""
    ) -> Exchange:
        """GET a manifest (end-3)."""
        return self.request("GET", _path(name, "manifests", reference) + query, headers=[("Accept", accept), *headers])

    def head_manifest(
        self, name: str, reference: str, *, accept: str = ACCEPT, headers: Sequence[Header] = ()
    ) -> Exchange:
        """HEAD of a manifest (end-3)."""
        return self.request("HEAD", _path(name, "manifests", reference), headers=[("Accept", accept), *headers])

    def put_manifest(
        self, name: str, reference: str, body: Body, *, media_type: str = IMAGE, tags: Iterable[str] = ()
    ) -> Exchange:
        """PUT a manifest (end-7a), with tag parameters (end-7b)."""
        query = urlencode([("tag", tag) for tag in tags])
        path = _path(name, "manifests", reference) + (f"?{query}" if query else "")
        return self.request("PUT", path, headers=[("Content-Type", media_type)], body=body)

    def delete_manifest(self, name: str, reference: str) -> Exchange:
        """DELETE a manifest by digest, or a tag (end-9)."""
        return self.request("DELETE", _path(name, "manifests", reference))

    def get_blob(self, name: str, digest: str, *, headers: Sequence[Header] = ()) -> Exchange:
        """GET a blob (end-2)."""
        return self.request("GET", _path(name, "blobs", digest), headers=headers)

    def head_blob(self, name: str, digest: str, *, headers: Sequence[Header] = ()) -> Exchange:
        """HEAD of a blob (end-2)."""
        return self.request("HEAD", _path(name, "blobs", digest), headers=headers)

    def delete_blob(self, name: str, digest: str) -> Exchange:
        """DELETE a blob (end-10)."""
        return self.request("DELETE", _path(name, "blobs", digest))

    def start_upload(self, name: str, *, digest_algorithm: str | None = None) -> Exchange:
        """POST that opens an upload session (end-4a, end-4c)."""
        query = f"?{urlencode({'digest-algorithm': digest_algorithm})}" if digest_algorithm else ""
        return self.request("POST", _path(name, "blobs", "uploads/") + query)

    def post_blob(self, name: str, digest: str, body: Body, *, length: int | None = None) -> Exchange:
        """POST with the whole blob (end-4b); `length` is sent as Content-Length, whatever the body is."""
        path = _path(name, "blobs", "uploads/") + f"?{urlencode({'digest': digest})}"
        return self.request("POST", path, headers=[BINARY, *_content_length(length)], body=body)

    def mount(self, name: str, digest: str, *, source: str | None = None) -> Exchange:
        """POST that mounts a blob from the repository `source`, or from any (end-11)."""
        query = {"mount": digest} | ({"from": source} if source else {})
        return self.request("POST", _path(name, "blobs", "uploads/") + f"?{urlencode(query)}")

    def patch(
        self, location: str, body: Body, *, content_range: str | None = None, length: int | None = None
    ) -> Exchange:
        """PATCH a chunk into an upload session (end-5); `content_range` is `FIRST-LAST`, `length` as with POST."""
        headers = [BINARY, *_content_range(content_range), *_content_length(length)]
        return self.request("PATCH", location, headers=headers, body=body)

    def put_upload(
        self,
        location: str,
        digest: str,
        body: Body = b"",
        *,
        content_range: str | None = None,
        length: int | None = None,
    ) -> Exchange:
        """PUT that closes an upload session, with or without the last bytes (end-6); `length` as with POST."""
        url = f"{location}{'&' if '?' in location else '?'}{urlencode({'digest': digest})}" if location else ""
        headers = [BINARY, *_content_range(content_range), *_content_length(length)]
        return self.request("PUT", url, headers=headers, body=body)

    def upload_status(self, location: str) -> Exchange:
        """GET an upload session (end-13)."""
        return self.request("GET", location)

    def cancel_upload(self, location: str) -> Exchange:
        """DELETE an upload session (end-14)."""
        return self.request("DELETE", location, headers=[("Content-Length", "0")])

    def list_tags(
        self, name: str, *, n: int | str | None = None, last: str | None = None, headers: Sequence[Header] = ()
    ) -> Exchange:
        """GET the tag list (end-8a, end-8b)."""
        return self.request("GET", _path(name, "tags", "list") + _page(n, last), headers=headers)

    def list_referrers(self, name: str, digest: str, *, artifact_type: str | None = None) -> Exchange:
        """GET the referrers list (end-12a, end-12b)."""
        query = f"?{urlencode({'artifactType': artifact_type})}" if artifact_type else ""
        return self.request("GET", _path(name, "referrers", digest) + query, headers=[("Accept", INDEX)])

    def catalog(self, *, n: int | None = None, last: str | None = None) -> Exchange:
        """GET the list of repositories, an extension that many registries have."""
        return self.request("GET", "/v2/_catalog" + _page(n, last))


def location_of(exchange: Exchange) -> str | None:
    """Return the Location of an answer as an absolute URL; None without one that leads to a server."""
    location = exchange.header("Location")
    url = joined(exchange.request.url, location) if location else ""
    return url if parsed(url) != NOWHERE else None


def _path(name: str, kind: str, rest: str) -> str:
    # The texts may come from JSON, which can hold half of a surrogate pair.
    return f"/v2/{quote(name, safe='/%')}/{kind}/{quote(rest, safe='/:%+=', errors='surrogatepass')}"


def _page(n: int | str | None, last: str | None) -> str:
    query = ([("n", str(n))] if n is not None else []) + ([("last", last)] if last is not None else [])
    return f"?{urlencode(query, errors='surrogatepass')}" if query else ""


def _content_range(text: str | None) -> list[Header]:
    return [("Content-Range", text)] if text else []


def _content_length(size: int | None) -> list[Header]:
    return [("Content-Length", str(size))] if size is not None else []
