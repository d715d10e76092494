"""A registry that says again, wherever an answer has room for it, whatever secrets its clients have told it.

It also says everything with the characters that terminals obey.
"""

from __future__ import annotations

import base64
import html
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote, quote_plus

PASSWORD = "pa/ss+w&rd=\"of'<ann>é"
USER = "ann"
TOKEN = "tok-ABCDEFGHIJ.klmnopqrst_uvwxyz0123456789"
REFRESH = "refresh-0123456789abcdefABCDEF"
RAW = "\x1b]0;title\x07\x1b[31m\x9b5m\u202egnp\u2066\x08\r"


def forms(secret: str) -> dict[str, str]:
    """Return the forms in which a secret may be said, by name."""
    data = secret.encode()
    both = f"{USER}:{secret}".encode()
    return {
        "plain": secret,
        "percent": quote(secret, safe=""),
        "path": quote(secret),
        "form": quote_plus(secret),
        "small percent": "".join(f"%{byte:02x}" for byte in data),
        "json": json.dumps(secret)[1:-1],
        "json letters": json.dumps(secret, ensure_ascii=False)[1:-1],
        "json units": "".join(f"\\u{ord(letter):04X}" for letter in secret),
        "html": html.escape(secret),
        "html numbers": "".join(f"&#{ord(letter)};" for letter in secret),
        "base64": base64.b64encode(data).decode(),
        "basic": base64.b64encode(both).decode(),
        "basic for URLs": base64.urlsafe_b64encode(both).decode().rstrip("="),
        "in a longer base64": base64.b64encode(b"x" + both + b"yz").decode(),
        "hexadecimal": data.hex(),
        "latin-1": data.decode("latin-1"),
    }


def core_of(name: str, form: str) -> str:
    """Return the part of a form that nothing of what stands around it in base64 can change."""
    return form.rstrip("=")[12:-3] if "bas" in name else form


def all_forms() -> dict[str, str]:
    """Return each form of each secret, as it must be in nothing that is written."""
    found: dict[str, str] = {}
    for secret in (PASSWORD, TOKEN, REFRESH):
        found |= {f"{secret}, {name}": core_of(name, form) for name, form in forms(secret).items()}
    return {name: form for name, form in found.items() if len(form) > 5}


class _Echo(BaseHTTPRequestHandler):
    """Answers; `say` gives the text that everything is full of."""

    protocol_version = "HTTP/1.1"
    say: Callable[[], list[str]]
    bearer = False
    ping = 401

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def answer(self) -> None:
        """Answer any request with everything that is known."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "chunked" in (self.headers.get("Transfer-Encoding") or ""):
            self.close_connection = True
        authorization = self.headers.get("Authorization", "")
        if self.path.startswith("/token"):
            self._send(200, json.dumps({"token": TOKEN, "refresh_token": REFRESH, "expires_in": 300}).encode())
        elif not authorization:
            realm = f"http://{self.headers['Host']}/token"
            challenge = f'Bearer realm="{realm}",service="x"' if self.bearer else 'Basic realm="x"'
            self._send(401, b"{}", ("WWW-Authenticate", challenge))
        elif self.path == "/v2/":
            self._send(200, b"{}")
        else:
            self._echo(authorization)

    def _echo(self, authorization: str) -> None:
        said = self.say()
        number = sum(map(ord, self.path)) % 5
        message = " ".join([*said, authorization])
        # The last is cut where our own limits of what is shown are.
        padded = "y" * (1000 - 17 - len(said[0]) // 2) + said[0]
        body = [
            json.dumps({"errors": [{"code": "DENIED", "message": message, "detail": [authorization, *said]}]}),
            json.dumps({"tags": said, "name": message, "manifests": [{"digest": text} for text in said]}),
            message,
            json.dumps({"errors": [{"code": message}]}),
            json.dumps({"errors": padded}),
        ][number].encode()
        header = " ".join(said).encode("utf-8").decode("latin-1").replace("\n", " ")
        location = f"/v2/{quote(said[0], safe='')}/blobs/uploads/{'?state=' + quote(message)}"
        self._send(
            {"POST": 202, "PUT": 201, "PATCH": 202, "DELETE": 202}.get(self.command, 200) if number != 0 else 500,
            body,
            ("Location", location),
            ("X-Error", header + RAW.encode().decode("latin-1").replace("\r", "")),
            ("Warning", f'299 - "{said[0].encode().decode("latin-1")}"'),
            ("Link", f'<{location}>; rel="{header}"'),
            ("Docker-Content-Digest", header),
            ("OCI-Subject", authorization + header),
            ("Content-Type", "application/json"),
        )

    def _send(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
        reason = f"no {RAW} {authorization}" if (authorization := self.headers.get("Authorization")) else "Fine"
        self.send_response_only(status, reason.encode("utf-8").decode("latin-1").replace("\r", ""))
        for name, value in headers:
            self.send_header(name, value.replace("\r", " "))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@contextmanager
def echoing(*secrets: str, bearer: bool = False) -> Iterator[str]:
    """Serve such a registry on 127.0.0.1, which knows these secrets; give its URL."""
    said = [form for secret in secrets for form in forms(secret).values()] + [RAW]
    kind = type("_Server", (_Echo,), {"say": lambda self: said, "bearer": bearer})
    with ExitStack() as stack:
        server = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), kind))
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        stack.callback(thread.join)
        stack.callback(server.shutdown)
        yield f"http://127.0.0.1:{server.server_port}"
