"""A registry on a socket: bodies that break, TLS, storages that fail."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from pathlib import Path

import pytest
import trustme
import urllib3

import fakereg
from fakereg.spec.names import Digest
from tests.fakereg.sockets import read_answer, read_some
from tests.guard import GUARD


@pytest.mark.parametrize("size", [0, 10, 3_000_000])
@pytest.mark.parametrize("tls", [False, True])
def test_blobs_travel_over_both_schemes(certificate: tuple[str, ssl.SSLContext], tls: bool, size: int) -> None:
    file, context = certificate
    content = b"x" * size
    digest = Digest.of(content)
    with fakereg.serve(tls_cert=file if tls else None) as registry, urllib3.PoolManager(ssl_context=context) as client:
        assert registry.url.startswith("https://127.0.0.1:" if tls else "http://127.0.0.1:")
        path = f"{registry.url}/v2/a/blobs"
        assert client.request("POST", f"{path}/uploads/?digest={digest}", body=content).status == 201
        assert client.request("GET", f"{path}/{digest}").data == content
        part = client.request("GET", f"{path}/{digest}", headers={"Range": "bytes=-5"})
        assert part.data == content[-5:]


def test_a_client_that_goes_away_leaves_what_it_sent() -> None:
    with fakereg.serve() as registry, urllib3.PoolManager() as http:
        location = http.request("POST", f"{registry.url}/v2/a/blobs/uploads/").headers["Location"]
        host, _, port = registry.host.rpartition(":")
        with socket.create_connection((host, int(port))) as client:
            client.sendall(b"PATCH %b HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n" % location.encode())
            client.sendall(b"x" * 40)
        registry.journal.wait(method="PATCH", status=400, timeout=GUARD)
        assert http.request("GET", registry.url + location).headers["Range"] == "0-39"


@pytest.mark.parametrize("chunk", [b"zz\r\n", b"-1\r\n", b"5\r\nabc", b"5\r\nabcdefghij\r\n", b"f" * 30 + b"\r\n"])
def test_malformed_chunks_are_an_error_of_the_client(chunk: bytes) -> None:
    with fakereg.serve() as registry, urllib3.PoolManager() as http:
        location = http.request("POST", f"{registry.url}/v2/a/blobs/uploads/").headers["Location"]
        host, _, port = registry.host.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=GUARD) as client:
            client.sendall(b"PATCH %b HTTP/1.1\r\nHost: x\r\n" % location.encode())
            client.sendall(b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n" + chunk)
            client.shutdown(socket.SHUT_WR)
            assert read_answer(client).startswith(b"HTTP/1.1 400 ")
        assert registry.journal.filter(method="PATCH", status=400)
        assert http.request("GET", registry.url + location).status == 204


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[str, ssl.SSLContext]:
    """A file with a certificate for 127.0.0.1 and its key, and a context that trusts it."""
    authority = trustme.CA()
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "server.pem"))
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return str(tmp_path / "server.pem"), context


def test_an_early_refusal_can_be_read_over_tls(certificate: tuple[str, ssl.SSLContext]) -> None:
    file, context = certificate
    with fakereg.serve(tls_cert=file) as registry, urllib3.PoolManager(ssl_context=context, retries=False) as http:
        for _ in range(3):
            answer = http.request("PUT", f"{registry.url}/v2/a/manifests/v1", body=b"x" * 6_000_000)
            assert answer.status == 413


def test_half_open_tls_connections_end_with_the_server(certificate: tuple[str, ssl.SSLContext]) -> None:
    with contextlib.ExitStack() as stack:
        with fakereg.serve(tls_cert=certificate[0]) as registry:
            host, _, port = registry.host.rpartition(":")
            clients = [
                stack.enter_context(socket.create_connection((host, int(port)), timeout=GUARD)) for _ in range(5)
            ]
            time.sleep(0.2)
        for client in clients:
            with contextlib.suppress(ConnectionResetError):  # the server had not seen it yet
                assert client.recv(1) == b""


def test_garbage_within_a_tls_body_is_an_error_of_the_client(
    certificate: tuple[str, ssl.SSLContext], caplog: pytest.LogCaptureFixture
) -> None:
    file, context = certificate
    with fakereg.serve(tls_cert=file) as registry:
        host, _, port = registry.host.rpartition(":")
        plain = socket.create_connection((host, int(port)), timeout=GUARD)
        duplicate = plain.dup()
        with duplicate, context.wrap_socket(plain, server_hostname="127.0.0.1") as client:
            client.sendall(b"PUT /v2/a/manifests/v1 HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc")
            time.sleep(0.1)
            duplicate.sendall(b"garbage" * 10)
            registry.journal.wait(method="PUT", status=400, timeout=GUARD)
    assert "failed" not in caplog.text


def test_a_reset_ends_an_upload_under_way(caplog: pytest.LogCaptureFixture) -> None:
    with fakereg.serve() as registry, urllib3.PoolManager() as http:
        location = http.request("POST", f"{registry.url}/v2/a/blobs/uploads/").headers["Location"]
        host, _, port = registry.host.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=GUARD) as client:
            client.sendall(b"PATCH %b HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n" % location.encode())
            client.sendall(b"x" * 40)
            time.sleep(0.1)
            registry.reset()
            client.sendall(b"x" * 60)
            assert read_some(client, b"\r\n\r\n").startswith(b"HTTP/1.1 404")
    assert "failed" not in caplog.text


def test_a_blob_that_shrinks_while_it_is_sent_ends_the_connection(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    content = b"x" * (64 << 20)  # more than the buffers of a connection have room for
    digest = Digest.of(content)
    with fakereg.serve(storage=f"directory:{tmp_path}") as registry, urllib3.PoolManager(retries=False) as http:
        http.request("POST", f"{registry.url}/v2/a/blobs/uploads/?digest={digest}", body=content)
        answer = http.request("GET", f"{registry.url}/v2/a/blobs/{digest}", preload_content=False)
        answer.read(1000)
        with (tmp_path / "repositories" / "a" / "blobs" / "sha256" / digest.encoded).open("r+b") as file:
            file.truncate(10)
        with pytest.raises(urllib3.exceptions.ProtocolError):
            answer.read()
    assert "shorter" in caplog.text


def test_a_damaged_blob_is_404_and_healed_by_a_push(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    content = b"x" * 3_000_000
    digest = Digest.of(content)
    with fakereg.serve(storage=f"directory:{tmp_path}") as registry, urllib3.PoolManager(retries=False) as http:
        http.request("POST", f"{registry.url}/v2/a/blobs/uploads/?digest={digest}", body=content)
        with (tmp_path / "repositories" / "a" / "blobs" / "sha256" / digest.encoded).open("r+b") as file:
            file.truncate(10)
        assert http.request("GET", f"{registry.url}/v2/a/blobs/{digest}").status == 404
        assert http.request("HEAD", f"{registry.url}/v2/a/blobs/{digest}").status == 404
        assert http.request("POST", f"{registry.url}/v2/a/blobs/uploads/?digest={digest}", body=content).status == 201
        assert http.request("GET", f"{registry.url}/v2/a/blobs/{digest}").data == content
    assert "is damaged and is not served" in caplog.text


def test_a_storage_that_fails_is_503_and_keeps_what_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "repositories" / "a").mkdir(parents=True)
    (tmp_path / "repositories" / "a" / "notes.txt").write_text("mine")
    digest = Digest.of(b"content")
    with fakereg.serve(storage=f"directory:{tmp_path}") as registry, urllib3.PoolManager(retries=False) as http:
        answer = http.request("POST", f"{registry.url}/v2/a/blobs/uploads/?digest={digest}", body=b"content")
        assert answer.status == 503
        assert answer.headers["Retry-After"]
        registry.reset()
    assert (tmp_path / "repositories" / "a" / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("host", ["x:99999999", ""])
def test_absolute_locations_survive_a_bad_host(host: str) -> None:
    with fakereg.serve(dialect="oci,absolute_locations=true") as registry:
        address, _, port = registry.host.rpartition(":")
        with socket.create_connection((address, int(port)), timeout=GUARD) as client:
            client.sendall(b"POST /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: %b\r\n" % host.encode())
            client.sendall(b"Content-Length: 0\r\nConnection: close\r\n\r\n")
            answer = read_answer(client)
        assert f"Location: {registry.url}/v2/a/".encode() in answer


def test_a_slash_that_is_encoded_does_not_divide_the_path_of_the_api() -> None:
    with fakereg.serve(dialect="github-container,auth=none") as registry, urllib3.PoolManager() as http:
        manifest = b'{"schemaVersion": 2, "manifests": []}'
        for name in ("octocat/team/versions", "octocat/team"):
            assert http.request("PUT", f"{registry.url}/v2/{name}/manifests/1.0", body=manifest).status == 201
        path = f"{registry.url}/api/v3/users/octocat/packages/container/team"
        assert http.request("GET", f"{path}%2Fversions").json()["name"] == "team/versions"
        assert http.request("GET", f"{path}/versions").json()[0]["metadata"]["container"]["tags"] == ["1.0"]
